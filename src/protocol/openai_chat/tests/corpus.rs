//! Recorded replies of real services.

use super::*;
use crate::canonical::{Item, Reply, unfold};
use crate::codec::{Relay, Seen};
use serde_json::json;
use std::{env, fs, path::PathBuf};

/// Recordings that are errors, or no chat replies at all (`reasoning-content-tool` was recorded from
/// a Responses endpoint).
const FAILING: [&str; 4] = [
    "openai-chat/error-auth",
    "openai-chat/error-max-tokens",
    "openai-chat/error-model-stream",
    "openai-chat/reasoning-content-tool",
];

struct Recording {
    id: String,
    format: String,
    text: String,
}

/// The recorded replies of one protocol; none where the fixtures are not there, which only a
/// developer's machine may say.
fn recordings(protocol: &str) -> Vec<Recording> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let Ok(index) = fs::read_to_string(folder.join("index.json")) else {
        assert!(env::var_os("CI").is_none(), "no fixtures in {folder:?}");
        return Vec::new();
    };
    let index: Value = serde_json::from_str(&index).unwrap();
    let mut found = Vec::new();
    for fixture in index["fixtures"].as_array().unwrap() {
        if fixture["protocol"] != protocol {
            continue;
        }
        for turn in fixture["turns"].as_array().unwrap() {
            let path = folder.join(turn["response"].as_str().unwrap());
            found.push(Recording {
                id: fixture["id"].as_str().unwrap().to_owned(),
                format: turn["format"].as_str().unwrap().to_owned(),
                text: fs::read_to_string(path).unwrap(),
            });
        }
    }
    assert!(!found.is_empty(), "no recording of {protocol}");
    found
}

impl Recording {
    /// The recording as a stream of events; `None` for whole replies.
    fn stream(&self) -> Option<String> {
        match self.format.as_str() {
            "sse" => Some(self.text.clone()),
            "chunks" => {
                let lines = self.text.lines().filter(|line| !line.is_empty());
                let frames: String = lines.map(|line| format!("data: {line}\n\n")).collect();
                Some(frames + "data: [DONE]\n\n")
            }
            _ => None,
        }
    }
}

fn streams() -> Vec<(String, String)> {
    recordings("openai-chat")
        .into_iter()
        .filter_map(|recording| Some((recording.id.clone(), recording.stream()?)))
        .collect()
}

fn events_of(stream: &str) -> Vec<Event> {
    let mut decoder = OpenAiChat.event_decoder(&context());
    let mut parser = SseParser::new();
    let mut events = Vec::new();
    parser
        .push(stream.as_bytes(), |frame| {
            decoder.decode(frame, &mut events)
        })
        .unwrap();
    parser
        .finish(|frame| decoder.decode(frame, &mut events))
        .unwrap();
    decoder.finish(&mut events);
    events
}

/// The whole reply that a client library puts together from the chunks of a stream.
fn assembled(stream: &str) -> Value {
    let (chunks, _) = chunks_of(stream);
    let first = chunks.iter().find(|chunk| {
        chunk["choices"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    });
    let mut whole = first.unwrap().clone();
    let mut choices: Vec<Value> = Vec::new();
    for chunk in &chunks {
        if chunk["usage"].is_object() {
            whole["usage"] = chunk["usage"].clone();
        }
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let at = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
            while choices.len() <= at {
                choices.push(json!({"index": choices.len(), "message": {"role": "assistant"}}));
            }
            let target = &mut choices[at];
            if choice["finish_reason"].is_string() {
                target["finish_reason"] = choice["finish_reason"].clone();
            }
            if let Some(more) = choice["logprobs"]["content"].as_array() {
                let entry = &mut target["logprobs"]["content"];
                let mut all = entry.as_array().cloned().unwrap_or_default();
                all.extend(more.iter().cloned());
                *entry = json!(all);
            }
            for (key, value) in choice["delta"].as_object().into_iter().flatten() {
                match (key.as_str(), value) {
                    ("tool_calls", Value::Array(calls)) => {
                        calls
                            .iter()
                            .for_each(|call| add_call(&mut target["message"], call));
                    }
                    ("role", _) => {}
                    (_, Value::String(piece)) => append(&mut target["message"][key], piece),
                    _ => {}
                }
            }
        }
    }
    whole["choices"] = json!(choices);
    whole
}

fn append(place: &mut Value, piece: &str) {
    let text = place.as_str().unwrap_or_default().to_owned() + piece;
    *place = json!(text);
}

fn add_call(message: &mut Value, call: &Value) {
    let mut calls = message["tool_calls"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    match calls
        .iter_mut()
        .find(|known| known["index"] == call["index"])
    {
        Some(known) => {
            let piece = call["function"]["arguments"].as_str().unwrap_or_default();
            append(&mut known["function"]["arguments"], piece);
        }
        None => calls.push(call.clone()),
    }
    message["tool_calls"] = json!(calls);
}

/// Texts of one choice joined, whatever stood between them: a whole message has one text.
fn joined(reply: &Reply) -> (String, String, String, Vec<Item>) {
    let mut joined = (String::new(), String::new(), String::new(), Vec::new());
    for item in &reply.items {
        match item {
            Item::Text { text, .. } => joined.0.push_str(text),
            Item::Reasoning { text, .. } => joined.1.push_str(text),
            Item::Refusal(text) => joined.2.push_str(text),
            other => joined.3.push(other.clone()),
        }
    }
    joined
}

#[track_caller]
fn assert_same(left: &Response, right: &Response, id: &str) {
    assert_eq!(left.choices.len(), right.choices.len(), "{id}");
    for (left, right) in left.choices.iter().zip(&right.choices) {
        assert_eq!(joined(left), joined(right), "{id}");
        assert_eq!(left.stop, right.stop, "{id}");
        assert_eq!(left.native_stop, right.native_stop, "{id}");
    }
}

#[test]
fn recordings_end_as_they_should() {
    for recording in recordings("openai-chat") {
        let events = match recording.stream() {
            Some(stream) => events_of(&stream),
            None => OpenAiChat
                .decode_response(&Bytes::from(recording.text.clone()), &context())
                .unwrap(),
        };
        let id = &recording.id;
        if FAILING.contains(&id.as_str()) {
            assert!(matches!(events.last(), Some(Event::Error(_))), "{id}");
            continue;
        }
        assert_eq!(events.last(), Some(&Event::End), "{id}: {events:?}");
        assert!(matches!(events.first(), Some(Event::Start(_))), "{id}");
        let response = folded(events);
        for choice in &response.choices {
            assert!(choice.stop.is_some(), "{id}");
            // `length-empty-stream` is the one reply of nothing.
            assert_eq!(
                choice.items.is_empty(),
                id.ends_with("length-empty-stream"),
                "{id}"
            );
        }
        assert!(
            response.usage.output_total.is_some() || id.contains("gateway"),
            "{id}"
        );
    }
}

#[test]
fn e255_streams_and_whole_replies_say_the_same() {
    for (id, stream) in streams() {
        let streamed = folded(events_of(&stream));
        let from_whole = folded(whole(&assembled(&stream)));
        assert_same(&streamed, &from_whole, &id);
        assert_eq!(streamed.start, from_whole.start, "{id}");
        let mut usages = [streamed.usage, from_whole.usage];
        usages.iter_mut().for_each(|usage| usage.native = None);
        assert_eq!(usages[0], usages[1], "{id}");
    }
}

#[test]
fn what_is_encoded_reads_the_same() {
    for (id, stream) in streams() {
        let first = folded(events_of(&stream));
        let text = sent_with(&context(), events_of(&stream));
        assert_same(&folded(events_of(&text)), &first, &id);
        let body = OpenAiChat.encode_response(&first, &context());
        let again = folded(OpenAiChat.decode_response(&body, &context()).unwrap());
        assert_same(&again, &first, &id);
        let replayed = sent_with(&context(), unfold(first.clone()));
        assert_same(&folded(events_of(&replayed)), &first, &id);
    }
}

#[test]
fn relays_change_nothing() {
    let mut context = context();
    context.include_usage = true;
    for (id, stream) in streams() {
        let mut relay = OpenAiChat.relay(&context);
        let mut parser = SseParser::new();
        let mut out = Vec::new();
        let mut last = Seen::Preamble;
        let mut feed = |relay: &mut dyn Relay, frame: &Frame<'_>| {
            last = relay.frame(frame, &mut out);
        };
        parser
            .push(stream.as_bytes(), |frame| feed(relay.as_mut(), frame))
            .unwrap();
        parser.finish(|frame| feed(relay.as_mut(), frame)).unwrap();
        assert_eq!(last, Seen::End, "{id}");
        let mut end = Vec::new();
        assert_eq!(relay.finish(&mut end), None, "{id}");
        assert!(end.is_empty());
        // One recording lacks its last blank line.
        let want = format!("{}\n\n", stream.trim_end());
        assert_eq!(
            String::from_utf8(out).unwrap().trim_end(),
            want.trim_end(),
            "{id}"
        );
        let counted = folded(events_of(&stream)).usage.output_total;
        assert_eq!(
            relay.usage().and_then(|usage| usage.output_total),
            counted,
            "{id}"
        );
    }
}
