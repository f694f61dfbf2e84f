//! Recorded replies: decoding, the laws between the directions, and the relay.

use super::*;
use crate::canonical::{Item, Stop};
use crate::raw::RawJson;
use serde_json::json;
use std::path::PathBuf;

/// Folder of this protocol.
const OWN: &str = "anthropic-messages";

/// The recorded files with this ending, or none when the fixtures are not there (never in CI).
pub(super) fn fixtures(folder: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures")
        .join(folder);
    let Ok(entries) = std::fs::read_dir(&dir) else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "no fixtures in {}",
            dir.display()
        );
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} in {}", dir.display());
    files
}

/// All recorded streams, as bytes with framing.
fn streams() -> Vec<(String, Vec<u8>)> {
    let mut all = fixtures(OWN, ".response.sse");
    for (name, payloads) in fixtures(OWN, ".response.chunks.txt") {
        let payloads = String::from_utf8(payloads).unwrap();
        let mut framed = Vec::new();
        for line in payloads.split('\n').filter(|line| !line.is_empty()) {
            let value: Value = serde_json::from_str(line).unwrap();
            let event = value["type"].as_str().unwrap();
            framed.extend(format!("event: {event}\ndata: {line}\n\n").into_bytes());
            // One recording holds two replies.
            if event == "message_stop" {
                all.push((name.clone(), std::mem::take(&mut framed)));
            }
        }
        assert!(framed.is_empty(), "{name} is cut");
    }
    all
}

/// Recorded whole replies; token counts and errors are other things.
fn replies() -> Vec<(String, Bytes)> {
    fixtures(OWN, ".response.json")
        .into_iter()
        .filter(|(name, _)| !name.starts_with("error-") && !name.starts_with("count-tokens"))
        .map(|(name, body)| (name, Bytes::from(body)))
        .collect()
}

#[test]
fn every_stream_ends() {
    for (name, stream) in streams() {
        let events = decode_stream(&stream, &context());
        assert!(
            matches!(events.first(), Some(Event::Start(_))),
            "{name}: {:?}",
            events.first()
        );
        assert_eq!(events.last(), Some(&Event::End), "{name}");
        let ends = |event: &&Event| matches!(event, Event::End | Event::Error(_));
        assert_eq!(events.iter().filter(ends).count(), 1, "{name}");
    }
}

#[test]
fn what_single_recordings_show() {
    for (name, stream) in streams() {
        let reply = fold(decode_stream(&stream, &context())).unwrap();
        let stop = reply.choices[0].stop.clone();
        let items = &reply.choices[0].items;
        match name.split('.').next().unwrap() {
            "refusal-stream" => assert!(matches!(stop, Some(Stop::Refusal(Some(_))))),
            "fallback-tool-refusal-stream" => {
                assert!(matches!(stop, Some(Stop::Refusal(Some(_)))));
                assert_eq!(reply.usage.input_total, Some(28));
                assert_eq!(reply.usage.reasoning, Some(67));
            }
            "empty-content-stream" => {
                assert_eq!(stop, Some(Stop::StopSequence(Some("alpha".to_owned()))));
                assert!(items.is_empty());
            }
            "partial-json-stream" => {
                assert_eq!(stop, Some(Stop::MaxTokens));
                let Some(Item::Call { arguments, .. }) = items.last() else {
                    panic!("{items:?}");
                };
                assert!(arguments.as_str().ends_with("\"Filing taxes"));
            }
            "tool-no-args-stream" => {
                let Some(Item::Call { arguments, .. }) = items.last() else {
                    panic!("{items:?}");
                };
                assert_eq!(arguments.as_str(), "{}");
            }
            "duplicate-message-start-stream" => assert_eq!(items.len(), 1),
            "usage-message-delta-stream" => assert_eq!(reply.usage.input_total, Some(61)),
            "web-search-stream" => {
                assert!(matches!(&items[0], Item::Server(tool)
                    if tool.query.as_deref() == Some("why is the sky blue")));
                assert_eq!(reply.usage.web_searches, Some(1));
            }
            "compaction-stream" => {
                let Item::Server(tool) = &items[0] else {
                    panic!("{items:?}");
                };
                assert_eq!(tool.kind, "compaction");
                let block: Value = tool.raw.read().unwrap();
                assert_eq!(block["content"], "Earlier conversation summarized.");
                assert!(block["encrypted_content"].is_string());
            }
            _ => {}
        }
    }
}

/// The message an SDK builds from a stream, by plain accumulation.
fn snapshot(stream: &[u8]) -> Value {
    let mut message = Value::Null;
    let mut partial = std::collections::BTreeMap::<u64, String>::new();
    for event in data_of(stream) {
        let index = event["index"].as_u64();
        let at = index.unwrap_or(0) as usize;
        match event["type"].as_str().unwrap() {
            "message_start" if message.is_null() => message = event["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let block = &mut message["content"][at];
                let delta = &event["delta"];
                let append = |block: &mut Value, key: &str| {
                    let text = block[key].as_str().unwrap_or_default().to_owned();
                    block[key] = Value::from(text + delta[key].as_str().unwrap());
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => append(block, "text"),
                    "thinking_delta" => append(block, "thinking"),
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "input_json_delta" => {
                        let all = partial.entry(index.unwrap()).or_default();
                        all.push_str(delta["partial_json"].as_str().unwrap());
                    }
                    "citations_delta" => {
                        if !block["citations"].is_array() {
                            block["citations"] = json!([]);
                        }
                        let citations = block["citations"].as_array_mut().unwrap();
                        citations.push(delta["citation"].clone());
                    }
                    "compaction_delta" => {
                        block["content"] = delta["content"].clone();
                        if !delta["encrypted_content"].is_null() {
                            block["encrypted_content"] = delta["encrypted_content"].clone();
                        }
                    }
                    other => panic!("{other}"),
                }
            }
            "message_delta" => {
                for (key, value) in event["delta"].as_object().unwrap() {
                    message[key] = value.clone();
                }
                for (key, value) in event["usage"].as_object().unwrap() {
                    message["usage"][key] = value.clone();
                }
            }
            _ => {}
        }
    }
    for (index, text) in partial {
        if !text.is_empty() {
            message["content"][index as usize]["input"] = serde_json::from_str(&text).unwrap();
        }
    }
    message
}

/// Equal but for white space and key order in carried JSON, and for the upstream's own stop word
/// where it does not say how the reply ended.
pub(super) fn comparable(mut response: Response) -> Response {
    response.usage.native = None;
    for reply in &mut response.choices {
        reply.native_stop = None;
    }
    for item in response
        .choices
        .iter_mut()
        .flat_map(|reply| &mut reply.items)
    {
        match item {
            Item::Server(tool) => tool.raw = sorted(&tool.raw),
            Item::Opaque { raw, .. } => *raw = sorted(raw),
            Item::Call {
                arguments, caller, ..
            } => {
                // A whole reply repairs the arguments of a call that was cut.
                let json = crate::args::to_object(arguments.as_str());
                *arguments = crate::canonical::Arguments::Json(sorted(&json).as_str().to_owned());
                *caller = caller.as_ref().map(sorted);
            }
            Item::Text { citations, .. } => {
                for citation in citations {
                    citation.raw = sorted(&citation.raw);
                }
            }
            _ => {}
        }
    }
    response
}

fn sorted(raw: &RawJson) -> RawJson {
    fn sort(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.sort_keys();
                map.values_mut().for_each(sort);
            }
            Value::Array(list) => list.iter_mut().for_each(sort),
            _ => {}
        }
    }
    let mut value: Value = raw.read().unwrap();
    sort(&mut value);
    RawJson::from(value)
}

#[test]
fn e255_a_folded_stream_equals_the_whole_reply() {
    for (name, stream) in streams() {
        // Its last call is cut: no whole reply has such input.
        if name.starts_with("partial-json-stream") {
            continue;
        }
        let streamed = fold(decode_stream(&stream, &context())).unwrap();
        let whole = decode_response(&snapshot(&stream), &context());
        assert_eq!(comparable(streamed), comparable(whole), "{name}");
    }
}

#[test]
fn streams_survive_encoding_and_decoding() {
    // Counts and pings move; the head shows the model that was asked for.
    let lasting = |event: &Event| {
        !matches!(
            event,
            Event::Usage(_) | Event::KeepAlive | Event::Start(_) | Event::Finish { .. }
        )
    };
    for (name, stream) in streams() {
        let events = decode_stream(&stream, &context());
        let again = decode_stream(&encode_events(events.clone(), &context()), &context());
        let kept = |events: &[Event]| -> Vec<Event> {
            events.iter().filter(|e| lasting(e)).cloned().collect()
        };
        assert_eq!(kept(&again), kept(&events), "{name}");
        let (before, after) = (fold(events).unwrap(), fold(again).unwrap());
        assert_eq!(after.choices, before.choices, "{name}");
        assert_eq!(
            without_native(&after.usage).output_total,
            before.usage.output_total,
            "{name}"
        );
        assert_eq!(after.usage.input_total, before.usage.input_total, "{name}");
        assert_eq!(after.start.id, before.start.id, "{name}");
    }
}

#[test]
fn replies_survive_encoding_and_decoding() {
    for (name, body) in replies() {
        let response = fold(Anthropic.decode_response(&body, &context()).unwrap()).unwrap();
        let encoded = Anthropic.encode_response(&response, &context());
        let again = fold(Anthropic.decode_response(&encoded, &context()).unwrap()).unwrap();
        assert_eq!(again.start.id, response.start.id, "{name}");
        assert_eq!(
            again.usage.input_total, response.usage.input_total,
            "{name}"
        );
        assert_eq!(
            comparable(again).choices,
            comparable(response).choices,
            "{name}"
        );
    }
}

#[test]
fn a_reply_replayed_as_a_stream_stays_the_same() {
    for (name, body) in replies() {
        let response = fold(Anthropic.decode_response(&body, &context()).unwrap()).unwrap();
        let stream = encode_events(crate::canonical::unfold(response.clone()), &context());
        let again = fold(decode_stream(&stream, &context())).unwrap();
        let mut want = comparable(response);
        // An empty text has no block.
        for reply in &mut want.choices {
            let empty = |item: &Item| matches!(item, Item::Text { text, .. } if text.is_empty());
            reply.items.retain(|item| !empty(item));
        }
        assert_eq!(comparable(again).choices, want.choices, "{name}");
    }
}

#[test]
fn the_relay_changes_no_byte() {
    for (name, stream) in streams() {
        let mut relay = Anthropic.relay(&context());
        let mut out = Vec::new();
        let mut parser = SseParser::new();
        let mut push = |frame: &crate::sse::Frame<'_>| {
            relay.frame(frame, &mut out);
        };
        for piece in stream.chunks(17) {
            parser.push(piece, &mut push).unwrap();
        }
        parser.finish(&mut push).unwrap();
        assert_eq!(relay.finish(&mut out), None, "{name}");
        let want = if name.starts_with("duplicate-message-start") {
            // Clients throw at a second head.
            let text = String::from_utf8(stream.clone()).unwrap();
            let frames: Vec<_> = text.split_inclusive("\n\n").collect();
            [&frames[..1], &frames[2..]].concat().concat()
        } else {
            String::from_utf8(stream.clone()).unwrap()
        };
        let mut want = want.into_bytes();
        while !want.ends_with(b"\n\n") {
            want.push(b'\n');
        }
        let read = String::from_utf8(out).unwrap();
        assert_eq!(
            read.trim_end(),
            String::from_utf8(want).unwrap().trim_end(),
            "{name}"
        );
        let folded = fold(decode_stream(&stream, &context())).unwrap();
        assert_eq!(
            relay.usage().map(without_native),
            Some(without_native(&folded.usage)),
            "{name}"
        );
    }
}

#[test]
fn whole_replies_pass_unchanged() {
    for (name, body) in replies() {
        let (out, usage) = Anthropic.relay_response(&body, &context());
        assert_eq!(out.as_ptr(), body.as_ptr(), "{name}: copied");
        let decoded = fold(Anthropic.decode_response(&body, &context()).unwrap()).unwrap();
        assert_eq!(usage, Some(decoded.usage), "{name}");
    }
}

#[test]
fn recorded_requests_decode_and_pass_unchanged() {
    let model = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "m",
        stream: true,
        model_traits: &model,
        endpoint: &endpoint,
    };
    for (name, body) in fixtures(OWN, ".request.json") {
        let body = Bytes::from(body);
        let counts = name.starts_with("count-tokens");
        let request = Anthropic.decode_request(&body, &PathFacts::default());
        let request = request.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!request.turns.is_empty(), "{name}");
        if !counts {
            let patch = crate::codec::Patch::default();
            let passed = Anthropic.patch_request(&body, &patch, &target).unwrap();
            // The temperature out of range is the upstream's to refuse.
            assert_eq!(passed.body, body, "{name}");
            assert_eq!(passed.body.as_ptr(), body.as_ptr(), "{name}: copied");
        }
    }
}

#[test]
fn recorded_requests_survive_decoding_and_encoding() {
    let model = ModelTraits {
        mid_system: true,
        structured_output: true,
        ..ModelTraits::default()
    };
    for (name, body) in fixtures(OWN, ".request.json") {
        let raw: Value = serde_json::from_slice(&body).unwrap();
        let request = decode_request(&raw);
        let encoded = encode_with(&request, &model, &EndpointTraits::default());
        let again = decode_request(&encoded);
        assert_eq!(again.tools.len(), request.tools.len(), "{name}");
        assert_eq!(again.tool_choice, request.tool_choice, "{name}");
        assert_eq!(again.system, request.system, "{name}");
        assert_eq!(again.limits.stop, request.limits.stop, "{name}");
        let roles =
            |request: &Request| -> Vec<_> { request.turns.iter().map(|turn| turn.role).collect() };
        assert_eq!(roles(&again), roles(&request), "{name}");
    }
}

#[test]
fn every_beginning_of_a_stream_ends_once() {
    for (name, stream) in streams() {
        let text = String::from_utf8(stream).unwrap();
        let mut frames: Vec<&str> = text.split_inclusive("\n\n").collect();
        let end = frames
            .iter()
            .rposition(|frame| frame.contains("message_stop"));
        frames.truncate(end.unwrap());
        for n in 0..frames.len() {
            let cut = frames[..n].concat();
            let events = decode_stream(cut.as_bytes(), &context());
            let complete = frames[..n]
                .iter()
                .any(|frame| frame.starts_with("event: message_delta"));
            let ends: Vec<_> = events
                .iter()
                .filter(|event| matches!(event, Event::End | Event::Error(_)))
                .collect();
            assert_eq!(ends.len(), 1, "{name} {n}");
            assert_eq!(ends[0] == &Event::End, complete, "{name} {n}");
            let data = data_of(&encode_events(events, &context()));
            let last = data[data.len() - 1]["type"].as_str().unwrap();
            assert_eq!(last == "message_stop", complete, "{name} {n}");
            assert_eq!(last == "error", !complete, "{name} {n}");
        }
    }
}

#[test]
fn e239_e245_error_bodies_of_the_protocol_pass_unchanged() {
    for (name, body) in fixtures(OWN, ".response.json") {
        let status = match name.split('.').next().unwrap() {
            "error-not-found" => 404,
            "error-invalid-request" | "error-context-length" => 400,
            _ => continue,
        };
        let body = Bytes::from(body);
        let failure = crate::failure::decode(status, &body, crate::codec::Dialect::Anthropic);
        assert_eq!(failure.status, status, "{name}");
        assert!(!failure.message.is_empty(), "{name}");
        assert_eq!(Anthropic.encode_failure(&failure), body, "{name}");
        assert_eq!(Anthropic.failure_status(&failure), status, "{name}");
    }
}
