//! Recorded traffic: every stream and reply decodes to a clean end or to the failure it shows, in
//! every framing; every recorded request survives the way through the model.

use super::super::Gemini;
use super::super::read::compact;
use crate::canonical::{Event, Item, NormalizeRules, Response, Turn, Usage, fold, normalize};
use crate::codec::{
    Codec, EndpointTraits, Framing, ModelTraits, PathFacts, ReplyContext, Seen, Target,
};
use crate::sse::{Frame, SseParser};
use bytes::Bytes;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Fixtures that show a failure.
const FAILING: [&str; 6] = [
    "gemini/error-mid-stream",
    "gemini/invalid-json-stream",
    "gemini/error-429",
    "gemini/error-model",
    "gemini/error-auth",
    "gemini/error-context-length",
];

fn root() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if root.is_dir() {
        return Some(root);
    }
    let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!must, "the fixtures are missing: {}", root.display());
    None
}

struct Recorded {
    fixture: String,
    /// `sse`, `chunks` or `json`.
    format: String,
    body: String,
}

impl Recorded {
    fn fails(&self) -> bool {
        FAILING.contains(&self.fixture.as_str())
    }

    /// The reply as an event stream.
    fn stream(&self) -> Option<String> {
        match self.format.as_str() {
            "sse" => Some(self.body.clone()),
            "chunks" => Some(
                self.body
                    .split('\n')
                    .filter(|line| !line.is_empty())
                    .map(|line| format!("data: {line}\n\n"))
                    .collect(),
            ),
            _ => None,
        }
    }
}

fn turns() -> Vec<Value> {
    let Some(root) = root() else {
        return Vec::new();
    };
    let index = std::fs::read_to_string(root.join("index.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let fixtures = index["fixtures"].as_array().unwrap();
    let turns: Vec<Value> = fixtures
        .iter()
        .filter(|fixture| fixture["protocol"] == "gemini")
        .flat_map(|fixture| {
            let turns = fixture["turns"].as_array().unwrap();
            turns.iter().map(|turn| {
                let mut turn = turn.clone();
                turn["fixture"] = fixture["id"].clone();
                turn
            })
        })
        .collect();
    assert!(turns.len() > 40, "{}", turns.len());
    turns
}

fn read(file: &Value) -> String {
    let path = root().unwrap().join(file.as_str().unwrap());
    std::fs::read_to_string(path).unwrap()
}

/// All recorded replies but those of `countTokens`.
fn recorded() -> Vec<Recorded> {
    turns()
        .iter()
        .filter(|turn| turn["response"].is_string() && turn["fixture"] != "gemini/count-tokens")
        .map(|turn| Recorded {
            fixture: turn["fixture"].as_str().unwrap().to_owned(),
            format: turn["format"].as_str().unwrap_or("json").to_owned(),
            body: read(&turn["response"]),
        })
        .collect()
}

fn context() -> ReplyContext {
    ReplyContext {
        model: "shown".into(),
        id_seed: "0123456789abcdef".repeat(3),
        ..ReplyContext::default()
    }
}

/// Frames of a stream in pieces of `size` bytes. Bare JSON at the end of a stream has no blank line
/// behind it; one is added for the parser.
fn frames(stream: &str, size: usize, mut each: impl FnMut(&Frame<'_>)) {
    let mut parser = SseParser::new();
    for piece in stream.as_bytes().chunks(size) {
        parser.push(piece, &mut each).unwrap();
    }
    if parser.held() > 0 {
        parser.push(b"\n\n", &mut each).unwrap();
    }
    parser.finish(&mut each).unwrap();
}

fn decode_stream(stream: &str, size: usize) -> Vec<Event> {
    let mut decoder = Gemini.event_decoder(&context());
    let mut events = Vec::new();
    frames(stream, size, |frame| decoder.decode(frame, &mut events));
    decoder.finish(&mut events);
    events
}

/// Replies without what only tells how they came: whole or in pieces.
fn bare(mut response: Response) -> Response {
    response.usage.native = None;
    response
}

#[test]
fn every_stream_ends_as_recorded() {
    for recorded in recorded() {
        let Some(stream) = recorded.stream() else {
            continue;
        };
        let events = decode_stream(&stream, usize::MAX);
        match events.last() {
            Some(Event::End) => assert!(!recorded.fails(), "{}", recorded.fixture),
            Some(Event::Error(failure)) => {
                assert!(
                    recorded.fails(),
                    "{}: {}",
                    recorded.fixture,
                    failure.message
                );
            }
            other => panic!("{}: {other:?}", recorded.fixture),
        }
        assert_eq!(decode_stream(&stream, 7), events, "{}", recorded.fixture);
    }
}

#[test]
fn every_whole_reply_decodes() {
    for recorded in recorded()
        .iter()
        .filter(|recorded| recorded.format == "json")
    {
        let raw = Bytes::from(recorded.body.clone());
        let events = Gemini.decode_response(&raw, &context()).unwrap();
        let clean = events.last() == Some(&Event::End);
        assert_eq!(clean, !recorded.fails(), "{}", recorded.fixture);
    }
}

/// The reply Google gives without streaming: one object with the parts of all, neighbouring texts of
/// one kind joined where no signature stands between.
fn joined(objects: &[Value]) -> Value {
    let mut reply = json!({});
    for object in objects {
        for (key, value) in object.as_object().unwrap() {
            if key != "candidates" {
                reply[key] = value.clone();
            }
        }
        for candidate in object["candidates"].as_array().into_iter().flatten() {
            if reply.get("candidates").is_none() {
                reply["candidates"] = json!([{}]);
            }
            let into = &mut reply["candidates"][0];
            for (key, value) in candidate.as_object().unwrap() {
                if key != "content" {
                    into[key] = value.clone();
                }
            }
            let into = into
                .as_object_mut()
                .unwrap()
                .entry("content")
                .or_insert(json!({"parts": []}));
            let into = into["parts"].as_array_mut().unwrap();
            for part in candidate["content"]["parts"]
                .as_array()
                .into_iter()
                .flatten()
            {
                match into.last_mut() {
                    Some(last)
                        if last["text"].is_string()
                            && part["text"].is_string()
                            && last.get("thoughtSignature").is_none()
                            && last.get("thought") == part.get("thought") =>
                    {
                        let text = format!(
                            "{}{}",
                            last["text"].as_str().unwrap(),
                            part["text"].as_str().unwrap()
                        );
                        *last = part.clone();
                        last["text"] = text.into();
                    }
                    _ => into.push(part.clone()),
                }
            }
        }
    }
    reply
}

#[test]
fn e255_streams_fold_to_the_reply_without_streaming() {
    for recorded in recorded().iter().filter(|recorded| !recorded.fails()) {
        let Some(stream) = recorded.stream() else {
            continue;
        };
        let mut objects: Vec<Value> = Vec::new();
        frames(&stream, usize::MAX, |frame| {
            let data = frame.data.as_deref();
            objects.extend(data.map(|data| serde_json::from_str::<Value>(data).unwrap()));
        });
        // Written anew, so that what is kept verbatim has the same white space on both sides.
        let stream: String = objects
            .iter()
            .map(|object| format!("data: {object}\n\n"))
            .collect();
        let folded = bare(fold(decode_stream(&stream, usize::MAX)).unwrap());
        let decode = |body: Value| {
            let raw = Bytes::from(body.to_string());
            bare(fold(Gemini.decode_response(&raw, &context()).unwrap()).unwrap())
        };
        let name = &recorded.fixture;
        assert_eq!(decode(Value::Array(objects.clone())), folded, "{name}");
        // A signature on an empty part stands alone in a stream only, and arguments in pieces exist
        // in streams only.
        let is_special =
            stream.contains("\"text\":\"\",\"thoughtSignature\"") || stream.contains("partialArgs");
        if !is_special {
            assert_eq!(decode(joined(&objects)), folded, "{name}");
        }
    }
}

#[test]
fn every_reply_survives_the_way_to_a_gemini_client() {
    for recorded in recorded().iter().filter(|recorded| !recorded.fails()) {
        let events = match recorded.stream() {
            Some(stream) => decode_stream(&stream, usize::MAX),
            None => Gemini
                .decode_response(&Bytes::from(recorded.body.clone()), &context())
                .unwrap(),
        };
        let name = &recorded.fixture;
        let folded = bare(fold(events.clone()).unwrap());
        let again = |events: Vec<Event>| bare(fold(events).unwrap());
        let whole = Gemini.encode_response(&folded, &context());
        let whole = again(Gemini.decode_response(&whole, &context()).unwrap());
        assert_eq!(essence(&whole), essence(&folded), "{name}");
        for framing in [Framing::Sse, Framing::JsonArray] {
            let context = ReplyContext {
                framing,
                ..context()
            };
            let mut encoder = Gemini.event_encoder(&context);
            let mut out = Vec::new();
            for event in events.clone() {
                encoder.encode(event, &mut out);
            }
            let out = String::from_utf8(out).unwrap();
            let streamed = match framing {
                Framing::Sse => decode_stream(&out, 7),
                Framing::JsonArray => Gemini.decode_response(&Bytes::from(out), &context).unwrap(),
            };
            assert_eq!(essence(&again(streamed)), essence(&folded), "{name}");
        }
    }
}

/// What a client sees of a reply: all texts, calls, steps and signatures, why it ended and what it
/// cost.
fn essence(response: &Response) -> Vec<(Vec<String>, String)> {
    response
        .choices
        .iter()
        .map(|reply| {
            let mut seen: Vec<String> = Vec::new();
            for item in &reply.items {
                match item {
                    Item::Text { text, .. } if text.is_empty() => {}
                    Item::Text { text, .. } => seen.push(format!("text {text}")),
                    Item::Reasoning { summary, .. } if summary.concat().is_empty() => {}
                    Item::Reasoning { summary, .. } => {
                        seen.push(format!("thought {}", summary.concat()))
                    }
                    Item::Call {
                        id,
                        name,
                        arguments,
                        ..
                    } => {
                        seen.push(format!("call {id} {name} {}", arguments.as_str()));
                    }
                    Item::Server(tool) => seen.push(format!("step {}", compact(tool.raw.as_str()))),
                    Item::Image { .. } => seen.push("image".into()),
                    other => panic!("{other:?}"),
                }
            }
            let signatures = reply.items.iter().filter(|item| {
                matches!(
                    item,
                    Item::Text {
                        signature: Some(_),
                        ..
                    } | Item::Reasoning {
                        signature: Some(_),
                        ..
                    } | Item::Call {
                        signature: Some(_),
                        ..
                    }
                )
            });
            seen.push(format!("{} signatures", signatures.count()));
            let usage = Usage {
                // The split by medium has no place in the formula of `matrix.md` §10.
                audio_input: None,
                audio_output: None,
                image_output: None,
                ..response.usage.clone()
            };
            (seen, format!("{:?} {usage:?}", reply.stop))
        })
        .collect()
}

#[test]
fn every_stream_passes_the_relay_unchanged() {
    for recorded in recorded() {
        let Some(stream) = recorded.stream() else {
            continue;
        };
        let name = &recorded.fixture;
        let mut relay = Gemini.relay(&context());
        let mut out = Vec::new();
        let mut failed = false;
        frames(&stream, usize::MAX, |frame| {
            failed |= matches!(relay.frame(frame, &mut out), Seen::Failure(_));
        });
        failed |= relay.finish(&mut out).is_some();
        assert_eq!(failed, recorded.fails(), "{name}");
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with("\n\n") || out.ends_with("\r\n\r\n"), "{name}");
        if !failed {
            assert_eq!(out.trim_end(), stream.trim_end(), "{name}");
        }
        let array = ReplyContext {
            framing: Framing::JsonArray,
            ..context()
        };
        let mut relay = Gemini.relay(&array);
        let mut out = Vec::new();
        frames(&stream, usize::MAX, |frame| {
            relay.frame(frame, &mut out);
        });
        relay.finish(&mut out);
        serde_json::from_slice::<Vec<Value>>(&out).unwrap();
    }
}

/// Ids that did not come from Google do not go there (E-39).
fn without_foreign_ids(mut turns: Vec<Turn>) -> Vec<Turn> {
    for item in turns.iter_mut().flat_map(|turn| &mut turn.items) {
        if let Item::Call { id, .. } | Item::Result { call_id: id, .. } = item
            && super::super::encode::is_foreign(id)
        {
            id.clear();
        }
    }
    turns
}

#[test]
fn every_request_survives_the_way_through_the_model() {
    let path = PathFacts {
        model: Some("gemini-2.5-flash"),
        stream: None,
    };
    let target = Target {
        model: "gemini-2.5-flash",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    for turn in turns() {
        if !turn["request"].is_string() {
            continue;
        }
        let name = &turn["fixture"];
        let raw = Bytes::from(read(&turn["request"]));
        if name == "gemini/count-tokens" {
            super::super::decode_count_tokens(&raw.clone().into(), &path).unwrap();
            continue;
        }
        let request = Gemini.decode_request(&raw, &path).unwrap();
        let encoded = Gemini.encode_request(&request, &target).unwrap();
        let again = Gemini.decode_request(&encoded.body, &path).unwrap();
        let rules = NormalizeRules {
            drop_prefill: true,
            ..NormalizeRules::default()
        };
        let (before, after) = (normalize(&request, rules), normalize(&again, rules));
        assert_eq!(
            without_foreign_ids(after.turns),
            without_foreign_ids(before.turns),
            "{name}"
        );
        assert_eq!(after.system, before.system, "{name}");
        assert_eq!(after.sampling, before.sampling, "{name}");
        assert_eq!(after.limits, before.limits, "{name}");
        assert_eq!(after.tool_choice, before.tool_choice, "{name}");
        let names = |tools: &[crate::canonical::Tool]| -> Vec<String> {
            tools.iter().map(|tool| tool.name.clone()).collect()
        };
        // Functions exclude tools that Google runs before Gemini 3.
        if name != "gemini/server-tools" {
            assert_eq!(names(&after.tools), names(&before.tools), "{name}");
        }
        let patched = Gemini
            .patch_request(&raw, &crate::codec::Patch::default(), &target)
            .unwrap();
        let by_patch = Gemini.decode_request(&patched.body, &path).unwrap();
        assert_eq!(by_patch.turns, request.turns, "{name}");
    }
}
