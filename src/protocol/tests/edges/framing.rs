//! §8: stream framing.

use crate::corpus;
use crate::pair::*;
use crate::said;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::sse::{Frame, SseParser};
use serde_json::{Value, json};

/// Event name and data of the frames that have data.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Option<String>, String)> {
    let mut parser = SseParser::new();
    let mut got = Vec::new();
    let mut keep = |frame: &Frame<'_>| {
        if let Some(data) = frame.data.as_deref() {
            got.push((frame.event.map(str::to_owned), data.to_owned()));
        }
    };
    for chunk in chunks {
        parser.push(chunk, &mut keep).unwrap();
    }
    parser.finish(&mut keep).unwrap();
    got
}

fn datas(text: &str) -> Vec<String> {
    frames([text.as_bytes()])
        .into_iter()
        .map(|(_, data)| data)
        .collect()
}

#[test]
fn e131_characters_cut_by_chunks_stay_whole() {
    let stream = "event: é\ndata: {\"t\":\"é你😀\u{2028}\"}\n\ndata: ь\n\n".as_bytes();
    let whole = frames([stream]);
    assert_eq!(whole[0].1, "{\"t\":\"é你😀\u{2028}\"}");
    for cut in 0..=stream.len() {
        let (before, after) = stream.split_at(cut);
        assert_eq!(frames([before, after]), whole, "cut at {cut}");
    }
    assert_eq!(frames(stream.chunks(1)), whole);
}

#[test]
fn e132_line_ends_of_every_kind() {
    let text = "data: a\u{2028}b\ndata: c";
    for end in ["\n", "\r\n", "\r"] {
        let stream = format!(
            "\u{feff}{}{end}{end}data: d{end}{end}",
            text.replace('\n', end)
        );
        let want = [(None, "a\u{2028}b\nc".to_owned()), (None, "d".to_owned())];
        for size in 1..=stream.len() {
            assert_eq!(
                frames(stream.as_bytes().chunks(size)),
                want,
                "{end:?} by {size}"
            );
        }
    }
    let mixed = b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\rdata: 4\r\n\r\n";
    for size in 1..=mixed.len() {
        let got = frames(mixed.chunks(size));
        let got: Vec<&str> = got.iter().map(|(_, data)| data.as_str()).collect();
        assert_eq!(got, ["1", "2", "3", "4"], "by {size}");
    }
}

#[test]
fn e133_fields_of_an_event() {
    assert_eq!(datas("data: {\ndata: }\n\n"), ["{\n}"]);
    assert_eq!(datas("data:{}\n\n"), ["{}"]);
    assert_eq!(datas("data:  two\n\n"), [" two"]);
    assert_eq!(
        datas(": ping\n\n:\n\nid: 7\nretry: 10\nodd\ndata: 1\n\n"),
        ["1"]
    );
    assert_eq!(datas("event: ping\n\ndata: 1\n\n"), ["1"]);
    assert_eq!(
        frames([&b"event: ping\n\ndata: 1\n\n"[..]]),
        [(None, "1".to_owned())],
        "the name of an event without data does not stick"
    );
}

#[test]
fn e131_e132_e133_e134_recorded_cases() {
    let Some(cases) = corpus::json("sse-framing/cases.json") else {
        return;
    };
    for case in cases["cases"].as_array().unwrap() {
        let chunks: Vec<Vec<u8>> = case["chunks_base64"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chunk| STANDARD.decode(chunk.as_str().unwrap()).unwrap())
            .collect();
        let want: Vec<_> = case["expected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                let text = |key: &str| event[key].as_str().map(str::to_owned);
                (text("event"), text("data").unwrap())
            })
            .collect();
        assert_eq!(
            frames(chunks.iter().map(Vec::as_slice)),
            want,
            "{}",
            case["name"]
        );
    }
}

/// What is left without a blank line counts when it is whole; cut JSON is an error, not a silence.
#[test]
fn e134_a_last_event_without_blank_line() {
    for upstream in [C, R, A, G] {
        let mut payloads = said::text(upstream, "hello");
        let whole = String::from_utf8(sse(upstream, &payloads)).unwrap();
        payloads.truncate(payloads.len() - 1 - usize::from(upstream == C) * 2);
        let partly = String::from_utf8(sse(upstream, &payloads)).unwrap();
        for client in [C, R, A, G] {
            let pair = pair(client, upstream);
            let tell = |stream: &str| {
                let out = pair.stream_in(&pair.context(), stream.as_bytes(), usize::MAX);
                Told::read(&out)
            };
            assert_eq!(
                tell(whole.trim_end()).data,
                tell(&whole).data,
                "{client:?}⇐{upstream:?}"
            );
            let told = tell(&partly[..partly.len() - 4]);
            assert!(
                said::is_failure(client, told.last()),
                "{client:?}⇐{upstream:?}: {:#?}",
                told.data
            );
        }
    }
}

#[test]
fn e135_no_limit_for_a_line() {
    let picture = "x".repeat(60 << 20);
    let stream = format!("data: {{\"b\":\"{picture}\"}}\n\ndata: 2\n\n");
    let mut parser = SseParser::new();
    let mut lengths = Vec::new();
    let mut held_most = 0;
    for chunk in stream.as_bytes().chunks(64 << 10) {
        parser
            .push(chunk, |frame| {
                lengths.push(frame.data.as_ref().unwrap().len())
            })
            .unwrap();
        held_most = held_most.max(parser.held());
    }
    assert_eq!(lengths, [picture.len() + 8, 1]);
    assert!(held_most <= stream.len(), "more held than came");
    assert_eq!(parser.held(), 0);
}

#[test]
fn e137_event_lines_name_the_type() {
    for upstream in [C, R, A, G] {
        for payloads in [
            said::text(upstream, "hello"),
            said::call(upstream, "call_1", "read", "{\"p\":1}"),
            vec![said::error(upstream)],
        ] {
            let told = pair(A, upstream).tell(&payloads);
            let names: Vec<&str> = told
                .names
                .iter()
                .map(|name| name.as_deref().unwrap())
                .collect();
            assert_eq!(names, told.kinds(), "{upstream:?}");
            assert_eq!(told.names.len(), told.data.len());
        }
    }
}

/// Every Gemini event ends with a blank line, and nothing follows the last.
#[test]
fn e136_gemini_events_are_closed() {
    for upstream in [C, R, A, G] {
        let pair = pair(G, upstream);
        let stream = sse(upstream, &said::text(upstream, "hello"));
        let out = String::from_utf8(pair.stream_in(&pair.context(), &stream, usize::MAX)).unwrap();
        assert!(out.ends_with("\n\n"), "{upstream:?}: {out:?}");
        for event in out.split_inclusive("\n\n") {
            let data = event
                .trim_end()
                .strip_prefix("data: ")
                .expect("a data line alone");
            serde_json::from_str::<Value>(data).unwrap();
        }
    }
}

#[test]
fn e138_what_stands_behind_done() {
    let mut payloads = said::text(C, "hello");
    payloads.push(json!({"choices": [{"index": 0, "delta": {"content": "late"}}]}));
    for client in [C, R, A, G] {
        let told = pair(client, C).tell(&payloads);
        let plain = pair(client, C).tell(&said::text(C, "hello"));
        assert_eq!(told.data, plain.data, "{client:?}");
        // A missing marker behind a finish is a normal end, with a marker of our own.
        let mut open = said::text(C, "hello");
        open.retain(|payload| payload != "[DONE]");
        assert_eq!(pair(client, C).tell(&open).data, plain.data, "{client:?}");
        let mut blanks = open;
        blanks.push(json!("[DONE]  "));
        let raw = sse(C, &blanks);
        let out = pair(client, C).stream_in(&pair(client, C).context(), &raw, 1);
        let out = String::from_utf8(out)
            .unwrap()
            .replace("[DONE]  ", "[DONE]");
        assert_eq!(Told::read(out.as_bytes()).data, plain.data, "{client:?}");
    }
}

#[test]
fn e139_a_whole_reply_told_as_a_stream() {
    for upstream in [C, R, A, G] {
        for client in [C, R, A, G] {
            if client == upstream {
                continue;
            }
            let told = pair(client, upstream).replayed(&said::whole(upstream, "hello"));
            assert_eq!(
                said::text_of(client, &told.data),
                "hello",
                "{client:?}⇐{upstream:?}"
            );
            assert!(said::is_end(client, told.last()), "{client:?}⇐{upstream:?}");
        }
    }
}
