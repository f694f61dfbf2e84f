//! Gemini to Gemini.

use super::super::Gemini;
use crate::canonical::{Failure, FailureKind};
use crate::codec::{Codec, Framing, ReplyContext, Seen};
use crate::sse::{Frame, SseParser};
use bytes::Bytes;

struct Relayed {
    out: String,
    seen: Vec<Seen>,
    failure: Option<Box<Failure>>,
    input_total: Option<u64>,
}

fn relay(context: &ReplyContext, stream: &str) -> Relayed {
    let mut relay = Gemini.relay(context);
    let mut parser = SseParser::new();
    let mut out = Vec::new();
    let mut seen = Vec::new();
    let mut each = |frame: &Frame<'_>| seen.push(relay.frame(frame, &mut out));
    parser.push(stream.as_bytes(), &mut each).unwrap();
    parser.finish(&mut each).unwrap();
    let failure = relay.finish(&mut out);
    Relayed {
        out: String::from_utf8(out).unwrap(),
        seen,
        failure,
        input_total: relay.usage().and_then(|usage| usage.input_total),
    }
}

fn array() -> ReplyContext {
    ReplyContext {
        framing: Framing::JsonArray,
        ..ReplyContext::default()
    }
}

const HEAD: &str =
    "data: {\"modelVersion\": \"gemini-x\",  \"usageMetadata\":{\"promptTokenCount\":0}}\r\n\r\n";
const TEXT: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"h\\u00e9\"}]}}],\"n\":1.0}\r\n\r\n";
const LAST: &str = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":7}}\r\n\r\n";
const ERROR: &str =
    "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n";

#[test]
fn e80_the_bytes_go_through() {
    let stream = [HEAD, TEXT, LAST].concat();
    let got = relay(&ReplyContext::default(), &stream);
    assert_eq!(got.out, stream);
    assert_eq!(got.seen, [Seen::Preamble, Seen::Content, Seen::Content]);
    assert_eq!((got.failure, got.input_total), (None, Some(7)));
}

#[test]
fn e204_the_array_holds_the_same_json() {
    let got = relay(&array(), &[HEAD, TEXT, LAST].concat());
    let json = |frame: &str| frame.trim().strip_prefix("data: ").unwrap().to_owned();
    assert_eq!(
        got.out,
        format!("[{}\n,\n{}\n,\n{}\n]", json(HEAD), json(TEXT), json(LAST))
    );
}

#[test]
fn e136_what_clients_choke_on_stays_away_and_the_last_event_is_closed() {
    let stream = format!(
        ": ping\n\n{TEXT}data: [DONE]\n\ndata:\n\n{}",
        LAST.trim_end()
    );
    for context in [ReplyContext::default(), array()] {
        let got = relay(&context, &stream);
        assert!(
            !got.out.contains("ping") && !got.out.contains("DONE"),
            "{}",
            got.out
        );
        assert_eq!(got.failure, None);
    }
    let got = relay(&ReplyContext::default(), &stream);
    assert!(got.out.ends_with("}\n\n"), "{}", got.out);
}

#[test]
fn the_model_and_renamed_tools_are_shown_as_the_client_knows_them() {
    let mut context = ReplyContext {
        echo_model: Some("my \"alias\"".into()),
        ..ReplyContext::default()
    };
    context.notes.names.insert("read/file", "read_file");
    let stream = "data: {\"candidates\": [{\"content\": {\"parts\": [{\"functionCall\": {\"name\": \"read_file\", \"args\": {\"name\": \"read_file\"}}}]}, \"finishReason\": \"STOP\"}], \"modelVersion\": \"gemini-x\"}\n\n";
    let want = "data: {\"candidates\": [{\"content\": {\"parts\": [{\"functionCall\": {\"name\": \"read/file\", \"args\": {\"name\": \"read_file\"}}}]}, \"finishReason\": \"STOP\"}], \"modelVersion\": \"my \\\"alias\\\"\"}\n\n";
    assert_eq!(relay(&context, stream).out, want);

    let body = |frame: &str| Bytes::from(frame.trim().strip_prefix("data: ").unwrap().to_owned());
    let (edited, _) = Gemini.relay_response(&body(stream), &context);
    assert_eq!(edited, body(want));
    let array = Bytes::from([b"[", &body(stream)[..], b"]"].concat());
    let (edited, _) = Gemini.relay_response(&array, &context);
    assert_eq!(edited, Bytes::from([b"[", &body(want)[..], b"]"].concat()));
}

#[test]
fn whole_replies_are_not_touched_without_need() {
    let raw = Bytes::from_static(
        b"{\n  \"candidates\": [],\n  \"usageMetadata\": {\"promptTokenCount\": 3, \"totalTokenCount\": 3}\n}\n",
    );
    let (same, usage) = Gemini.relay_response(&raw, &ReplyContext::default());
    assert_eq!(same.as_ptr(), raw.as_ptr());
    assert_eq!(usage.unwrap().input_total, Some(3));
}

#[test]
fn e205_errors_pass_and_end_the_stream() {
    let got = relay(&ReplyContext::default(), &[TEXT, ERROR, TEXT].concat());
    assert_eq!(got.out, [TEXT, ERROR].concat());
    let Seen::Failure(failure) = &got.seen[1] else {
        panic!("a failure: {:?}", got.seen);
    };
    assert_eq!(
        (failure.status, failure.kind),
        (503, FailureKind::Overloaded)
    );
    // It was reported once.
    assert_eq!(got.failure, None);

    let bare = format!("{TEXT}{{\n \"error\": {{\"code\": 499}}\n}}\n\n");
    let got = relay(&ReplyContext::default(), &bare);
    assert_eq!(
        got.out,
        format!("{TEXT}data: {{\"error\":{{\"code\":499}}}}\n\n")
    );
    let got = relay(&array(), &bare);
    assert!(got.out.ends_with("}\n]"), "{}", got.out);
    serde_json::from_str::<Vec<serde_json::Value>>(&got.out).unwrap();
}

#[test]
fn cut_streams_end_with_an_error() {
    for (stream, is_cut) in [
        ("", true),
        (HEAD, true),
        (TEXT, false),
        (
            "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n",
            false,
        ),
        (
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"h\",\"thought\":true}]}}]}\n\n",
            true,
        ),
    ] {
        let got = relay(&ReplyContext::default(), stream);
        assert_eq!(got.failure.is_some(), is_cut, "{stream}");
        assert_eq!(got.out.contains("\"error\""), is_cut, "{stream}");
        let got = relay(&array(), stream);
        serde_json::from_str::<Vec<serde_json::Value>>(&got.out).unwrap();
    }
}

#[test]
fn e243_unreadable_events_are_left_out_and_forgiven_unless_last() {
    let bad = "data: {broken\n\n";
    let got = relay(&ReplyContext::default(), &[bad, TEXT, LAST].concat());
    assert_eq!((got.out, got.failure), ([TEXT, LAST].concat(), None));
    let got = relay(&ReplyContext::default(), &[TEXT, LAST, bad].concat());
    assert_eq!(got.failure.map(|failure| failure.status), Some(502));
}

#[test]
fn failures_after_the_commit_are_written_in_the_clients_framing() {
    for (context, want) in [
        (
            ReplyContext::default(),
            "data: {\"error\":{\"code\":502,\"message\":\"gone\",\"status\":\"INTERNAL\"}}\n\n",
        ),
        (
            array(),
            "[{\"error\":{\"code\":502,\"message\":\"gone\",\"status\":\"INTERNAL\"}}\n]",
        ),
    ] {
        let mut relay = Gemini.relay(&context);
        let mut out = Vec::new();
        relay.fail(&Failure::new(502, "gone"), &mut out);
        assert_eq!(relay.finish(&mut out), None);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
