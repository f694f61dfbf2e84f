//! Whatever comes, a client stream follows the grammar of `anthropic-messages.md` §7.

use super::*;
use crate::anthropic::tests::corpus::{self, comparable};
use proptest::prelude::*;

/// Any event, in any order, with indexes that clash.
fn any_event() -> impl Strategy<Value = Event> {
    let index = 0..4_usize;
    let words = "[a-z\n\"]{0,3}";
    prop_oneof![
        Just(start()),
        Just(Event::KeepAlive),
        Just(Event::Usage(Box::default())),
        Just(finish(Stop::ToolUse)),
        (index.clone(), 0..6_u8, 0..2_u32).prop_map(|(index, kind, choice)| Event::ItemStart {
            index,
            choice,
            head: match kind {
                0 => ItemHead::Text,
                1 => reasoning(),
                2 => ItemHead::Reasoning {
                    id: None,
                    redacted: true,
                },
                3 => ItemHead::Refusal,
                4 => ItemHead::Image,
                _ => call(""),
            },
        }),
        (index.clone(), 0..6_u8, words).prop_map(|(index, kind, text)| match kind {
            0 => super::text(index, &text),
            1 => thought(index, Channel::Summary(text.len()), &text),
            2 => thought(index, Channel::Raw, &text),
            3 => delta(index, signature(SignatureIssuer::OpenAi, &text)),
            4 => delta(index, Delta::Refusal(text)),
            _ => arguments(index, &text),
        }),
        index.prop_map(stop),
    ]
}

/// The first break of the grammar in a stream that reached its end.
fn broken_rule(data: &[Value]) -> Option<String> {
    let (mut open, mut next) = (None, 0);
    let last = data.len().checked_sub(1)?;
    for (n, event) in data.iter().enumerate() {
        let index = event["index"].as_u64();
        let fine = match event["type"].as_str()? {
            "message_start" => n == 0,
            "content_block_start" => {
                let fine = open.is_none() && index == Some(next);
                open = index;
                next += 1;
                fine
            }
            "content_block_delta" => open.is_some() && open == index,
            "content_block_stop" => open.take().is_some_and(|open| Some(open) == index),
            "message_delta" => {
                let calls = data
                    .iter()
                    .any(|e| e["content_block"]["type"] == "tool_use");
                let word = &event["delta"]["stop_reason"];
                let waits = word == "tool_use";
                open.is_none() && n + 1 == last && (!waits || calls)
            }
            "message_stop" => n == last,
            "ping" => n > 0,
            _ => false,
        };
        if !fine {
            return Some(format!("{n}: {event}"));
        }
    }
    let framed = data[0]["type"] == "message_start" && data[last]["type"] == "message_stop";
    (!framed).then(|| "no head or no end".to_owned())
}

proptest! {
    #[test]
    fn streams_follow_the_grammar(events in prop::collection::vec(any_event(), 0..40)) {
        let mut all = events;
        all.push(Event::End);
        let data = data_of(&encode_events(all, &context()));
        prop_assert_eq!(broken_rule(&data), None);
    }
}

/// Recorded streams of the other vendors become sound messages, and the stream says the same as the
/// whole reply.
#[test]
fn e255_recorded_streams_of_others_are_told_alike_in_both_forms() {
    for (folder, dialect) in [
        ("openai-chat", Dialect::OpenAiChat),
        ("openai-responses", Dialect::OpenAiResponses),
        ("gemini", Dialect::Gemini),
    ] {
        let codec = crate::CODECS
            .iter()
            .find(|codec| codec.dialect() == dialect)
            .unwrap();
        let context = ReplyContext {
            issuer: dialect.issuer(),
            declared: Declared {
                web_search: true,
                ..Declared::default()
            },
            ..context()
        };
        for (name, stream) in recorded(folder) {
            let mut decoder = codec.event_decoder(&context);
            let mut events = Vec::new();
            let mut parser = SseParser::new();
            let mut each = |frame: &crate::sse::Frame<'_>| decoder.decode(frame, &mut events);
            parser.push(&stream, &mut each).unwrap();
            parser.finish(&mut each).unwrap();
            decoder.finish(&mut events);
            if events.last() != Some(&Event::End) {
                // Errors and cut streams, which end as such.
                let data = data_of(&encode_events(events, &context));
                assert_eq!(data[data.len() - 1]["type"], "error", "{name}");
                continue;
            }
            let told = encode_events(events.clone(), &context);
            assert_eq!(broken_rule(&data_of(&told)), None, "{name}");
            let response = fold(events).unwrap();
            let whole = Anthropic.encode_response(&response, &context);
            let ours = super::super::context();
            let told = fold(decode_stream(&told, &ours)).unwrap();
            let whole = fold(Anthropic.decode_response(&whole, &ours).unwrap()).unwrap();
            let (told, whole) = (comparable(told), comparable(whole));
            assert_eq!(told.choices, whole.choices, "{name}");
            assert_eq!(told.usage, whole.usage, "{name}");
        }
    }
}

/// Recorded streams of another protocol, with framing.
fn recorded(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = corpus::fixtures(folder, ".response.sse");
    for (name, payloads) in corpus::fixtures(folder, ".response.chunks.txt") {
        let mut framed = Vec::new();
        for line in String::from_utf8(payloads).unwrap().split('\n') {
            let kind = serde_json::from_str::<Value>(line)
                .ok()
                .and_then(|value| value["type"].as_str().map(str::to_owned));
            if let Some(kind) = kind {
                framed.extend(format!("event: {kind}\n").into_bytes());
            }
            framed.extend(format!("data: {line}\n\n").into_bytes());
        }
        if folder == "openai-chat" {
            framed.extend(b"data: [DONE]\n\n");
        }
        all.push((name, framed));
    }
    all
}
