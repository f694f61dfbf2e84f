//! Recorded replies and requests: `../shared/fixtures` beside the repository.

use super::encode_events::check_grammar;
use super::*;
use crate::canonical::{Reply, Usage};
use crate::codec::{Dialect, Patch, Seen};
use crate::openai_responses::ResponseFold;
use crate::raw::RawJson;
use std::path::PathBuf;

/// One recorded turn.
struct Recording {
    name: String,
    format: String,
    request: Option<Bytes>,
    response: Bytes,
}

/// The fixture folder; `None` where it is not checked out, which is allowed outside of CI.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let found = folder.join("index.json").exists();
    assert!(
        found || std::env::var("CI").as_deref() != Ok("true"),
        "no fixtures at {}",
        folder.display()
    );
    found.then_some(folder)
}

/// Recorded turns of this protocol that are replies or errors inside one.
fn recordings() -> Vec<Recording> {
    // Error bodies and counts are no replies.
    let all = turns(|name| {
        name.starts_with("openai-responses/")
            && !name.contains("/error-temperature")
            && !name.contains("/codex-error-auth")
            && !name.contains("/count-tokens")
    });
    assert!(all.is_empty() || all.len() > 40, "only {}", all.len());
    all
}

/// Recorded turns of the fixtures that `wanted` names.
fn turns(wanted: impl Fn(&str) -> bool) -> Vec<Recording> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut all = Vec::new();
    for fixture in index["fixtures"].as_array().unwrap() {
        let name = fixture["id"].as_str().unwrap();
        if !wanted(name) {
            continue;
        }
        for turn in fixture["turns"].as_array().unwrap() {
            let read = |key: &str| {
                let path = turn[key].as_str()?;
                Some(Bytes::from(std::fs::read(folder.join(path)).unwrap()))
            };
            all.push(Recording {
                name: turn["response"].as_str().unwrap().to_owned(),
                format: turn["format"].as_str().unwrap().to_owned(),
                request: read("request"),
                response: read("response").unwrap(),
            });
        }
    }
    all
}

impl Recording {
    fn is_stream(&self) -> bool {
        self.format != "json"
    }

    /// The stream with its framing.
    fn frames(&self) -> Vec<u8> {
        if self.format == "sse" {
            return self.response.to_vec();
        }
        let text = std::str::from_utf8(&self.response).unwrap();
        text.split('\n')
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("data: {line}\n\n"))
            .collect::<String>()
            .into_bytes()
    }

    fn each_frame(&self, mut each: impl FnMut(&Frame<'_>)) {
        let mut parser = SseParser::new();
        parser.push(&self.frames(), &mut each).unwrap();
        parser.finish(&mut each).unwrap();
    }

    fn events(&self) -> Vec<Event> {
        if !self.is_stream() {
            return OpenAiResponses
                .decode_response(&self.response, &context())
                .unwrap();
        }
        let mut decoder = OpenAiResponses.event_decoder(&context());
        let mut out = Vec::new();
        self.each_frame(|frame| decoder.decode(frame, &mut out));
        decoder.finish(&mut out);
        out
    }

    fn fails(&self) -> bool {
        self.name.contains("/error-stream")
    }
}

/// What a reply says, without ids, which upstreams may change, and without what only one of stream
/// and object brings.
fn gist(response: Response) -> (Reply, Usage) {
    let mut reply = response.choices.into_iter().next().unwrap();
    for item in &mut reply.items {
        match item {
            Item::Text {
                logprobs,
                citations,
                ..
            } => {
                *logprobs = None;
                for citation in citations {
                    respace(&mut citation.raw);
                }
            }
            Item::Server(tool) => respace(&mut tool.raw),
            Item::Reasoning { id, signature, .. } => {
                *id = None;
                // OpenAI encrypts anew for the terminal event; either value is good.
                if let Some(signature) = signature {
                    "S".clone_into(&mut signature.value);
                }
            }
            Item::Call { item_id, .. } => *item_id = None,
            _ => {}
        }
    }
    (reply, response.usage)
}

/// The helpers of these tests print JSON anew; its white space says nothing.
fn respace(raw: &mut RawJson) {
    *raw = RawJson::from(raw.read::<Value>().unwrap());
}

#[test]
fn every_recording_ends_as_it_should() {
    for recording in recordings() {
        let events = recording.events();
        let name = &recording.name;
        match events.last() {
            Some(Event::Error(failure)) if recording.fails() => {
                assert_eq!(
                    failure.code.as_deref(),
                    Some("insufficient_quota"),
                    "{name}"
                );
            }
            Some(Event::End) if !recording.fails() => {}
            other => panic!("{name}: {other:?}"),
        }
        let ends = events
            .iter()
            .filter(|event| matches!(event, Event::End | Event::Error(_)))
            .count();
        assert_eq!(ends, 1, "{name}");
        if !recording.fails() {
            let (reply, usage) = gist(fold(events).unwrap());
            assert!(!reply.items.is_empty(), "{name}");
            assert!(reply.stop.is_some(), "{name}");
            assert!(
                usage.output_total.is_some()
                    || name.contains("/phase-")
                    || name.contains("/custom-"),
                "{name}"
            );
        }
    }
}

#[test]
fn e255_a_stream_says_what_its_object_says() {
    for recording in recordings() {
        if !recording.is_stream() || recording.fails() {
            continue;
        }
        let name = &recording.name;
        let mut folder = ResponseFold::new();
        let mut object = None;
        recording.each_frame(|frame| {
            if let Some(ended) = folder.frame(frame) {
                object = Some(ended.unwrap());
            }
        });
        let object = object.unwrap_or_else(|| panic!("{name}: no object"));
        let whole = OpenAiResponses
            .decode_response(&object, &context())
            .unwrap();
        assert_eq!(
            gist(fold(recording.events()).unwrap()),
            gist(fold(whole).unwrap()),
            "{name}"
        );
    }
}

#[test]
fn recordings_pass_a_relay_unchanged() {
    for recording in recordings() {
        if !recording.is_stream() {
            let (body, usage) = OpenAiResponses.relay_response(&recording.response, &context());
            assert_eq!(body, recording.response);
            assert!(usage.is_some(), "{}", recording.name);
            continue;
        }
        let mut relay = OpenAiResponses.relay(&context());
        let mut out = Vec::new();
        let mut seen = Vec::new();
        recording.each_frame(|frame| seen.push(relay.frame(frame, &mut out)));
        assert_eq!(relay.finish(&mut out), None, "{}", recording.name);
        let mut sent = recording.frames();
        if let Some(marker) = sent
            .windows(b"data: [DONE]".len())
            .position(|window| window == b"data: [DONE]")
        {
            sent.truncate(marker);
        }
        assert_eq!(
            String::from_utf8(out).unwrap().trim_end(),
            String::from_utf8(sent).unwrap().trim_end(),
            "{}",
            recording.name
        );
        let ended = seen
            .iter()
            .any(|seen| matches!(seen, Seen::End | Seen::Failure(_)));
        assert!(ended, "{}", recording.name);
        assert_eq!(seen[0], Seen::Preamble, "{}", recording.name);
    }
}

#[test]
fn recordings_can_be_told_again() {
    for recording in recordings() {
        let events = recording.events();
        let frames = frames_out(&context(), events.clone());
        check_grammar(&frames);
        if recording.fails() {
            continue;
        }
        // What was told is understood as what was heard.
        let told = events_in(&context(), &frames);
        let (mut heard, _) = gist(fold(events).unwrap());
        let (mut told, _) = gist(fold(told).unwrap());
        for reply in [&mut heard, &mut told] {
            reply.items = joined_texts(std::mem::take(&mut reply.items));
        }
        assert_eq!(heard.stop, told.stop, "{}", recording.name);
        for (heard, told) in heard.items.iter().zip(&told.items) {
            assert_eq!(heard, told, "{}", recording.name);
        }
        assert_eq!(heard.items.len(), told.items.len(), "{}", recording.name);
    }
}

/// Neighbouring texts in one (E-177), raw thinking as summary, empty items gone.
fn joined_texts(items: Vec<Item>) -> Vec<Item> {
    let mut out: Vec<Item> = Vec::new();
    for mut item in items {
        if let Item::Reasoning { text, summary, .. } = &mut item
            && !text.is_empty()
        {
            summary.push(std::mem::take(text));
        }
        match (out.last_mut(), &item) {
            (
                _,
                Item::Reasoning {
                    summary,
                    signature: None,
                    ..
                },
            ) if summary.is_empty() => {}
            (
                Some(Item::Text { text, .. }),
                Item::Text {
                    text: more,
                    citations,
                    ..
                },
            ) if citations.is_empty() => {
                text.push_str(more);
            }
            _ => out.push(item),
        }
    }
    out
}

#[test]
fn recorded_requests_are_read_and_patched() {
    for recording in recordings() {
        let Some(raw) = &recording.request else {
            continue;
        };
        let name = &recording.name;
        let request = OpenAiResponses
            .decode_request(raw, &PathFacts::default())
            .unwrap();
        assert!(!request.turns.is_empty(), "{name}");
        let endpoint = EndpointTraits::default();
        let target = Target {
            model: &request.model,
            stream: request.stream,
            model_traits: &ModelTraits::default(),
            endpoint: &endpoint,
        };
        let patched = OpenAiResponses
            .patch_request(raw, &Patch::default(), &target)
            .unwrap();
        assert_eq!(patched.body, *raw, "{name}");
        let encoded = OpenAiResponses.encode_request(&request, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert!(!body["input"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn recordings_of_other_protocols_make_whole_streams() {
    for (prefix, dialect) in [
        ("openai-chat/", Dialect::OpenAiChat),
        ("anthropic-messages/", Dialect::Anthropic),
        ("gemini/", Dialect::Gemini),
    ] {
        let context = ReplyContext {
            issuer: dialect.issuer(),
            ..context()
        };
        for recording in turns(|name| name.starts_with(prefix)) {
            if !recording.is_stream() {
                continue;
            }
            let mut decoder = crate::codec(dialect).event_decoder(&context);
            let mut events = Vec::new();
            recording.each_frame(|frame| decoder.decode(frame, &mut events));
            decoder.finish(&mut events);
            let frames = frames_out(&context, events.clone());
            if frames.len() == 1 {
                assert_eq!(frames[0]["type"], "error", "{}", recording.name);
                continue;
            }
            check_grammar(&frames);
            if let Ok(response) = fold(events) {
                let object = OpenAiResponses.encode_response(&response, &context);
                let object: Value = serde_json::from_slice(&object).unwrap();
                assert_eq!(
                    object["output"],
                    frames.last().unwrap()["response"]["output"],
                    "{}",
                    recording.name
                );
            }
        }
    }
}

#[test]
fn recorded_requests_of_other_protocols_are_encoded() {
    for (prefix, dialect) in [
        ("openai-chat/", Dialect::OpenAiChat),
        ("anthropic-messages/", Dialect::Anthropic),
        ("gemini/", Dialect::Gemini),
    ] {
        for recording in turns(|name| name.starts_with(prefix) && !name.contains("count-tokens")) {
            let Some(raw) = &recording.request else {
                continue;
            };
            let path = PathFacts {
                model: Some("m"),
                stream: Some(true),
            };
            let Ok(request) = crate::codec(dialect).decode_request(raw, &path) else {
                continue;
            };
            for endpoint in [codex(), EndpointTraits::default()] {
                let target = Target {
                    model: "up",
                    stream: true,
                    model_traits: &ModelTraits::default(),
                    endpoint: &endpoint,
                };
                let encoded = match OpenAiResponses.encode_request(&request, &target) {
                    Ok(encoded) => encoded,
                    Err(CodecError::Unsupported { param, .. }) if param == "n" => continue,
                    Err(error) => panic!("{}: {error}", recording.name),
                };
                // What was written can be read, and needs no edit on the way to the same upstream.
                let again = OpenAiResponses
                    .decode_request(&encoded.body, &path)
                    .unwrap();
                assert!(!again.turns.is_empty(), "{}", recording.name);
                let patched = OpenAiResponses
                    .patch_request(&encoded.body, &Patch::default(), &target)
                    .unwrap();
                assert_eq!(patched.body, encoded.body, "{}", recording.name);
            }
        }
    }
}
