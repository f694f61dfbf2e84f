//! Replies whose client speaks the upstream's protocol.

use super::*;
use crate::canonical::Failure;
use crate::codec::{Relay, ReplyNotes, Seen};
use crate::names::NameMap;
use crate::sse::Frame;
use serde_json::json;

const HEAD: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\", \"model\":\"real\",\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n";
const DELTA: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n";
const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// Feeds the text; returns what was seen and what went out.
fn feed(relay: &mut dyn Relay, text: &str) -> (Vec<Seen>, String) {
    let mut seen = Vec::new();
    let mut out = Vec::new();
    let mut parser = SseParser::new();
    let mut each = |frame: &Frame<'_>| seen.push(relay.frame(frame, &mut out));
    parser.push(text.as_bytes(), &mut each).unwrap();
    parser.finish(&mut each).unwrap();
    (seen, String::from_utf8(out).unwrap())
}

fn renamed() -> ReplyContext {
    let mut names = NameMap::default();
    names.insert("my.tool", "my_tool");
    ReplyContext {
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
        ..context()
    }
}

#[test]
fn everything_passes_as_it_came() {
    let text = [
        ": hello\n\n",
        HEAD,
        "event: ping\r\ndata: {}\r\n\r\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}   \n\n",
        "event: new_event\nid: 7\ndata: {\"x\":1}\ndata: 2\n\n",
        DELTA,
        STOP,
    ]
    .concat();
    let mut relay = Anthropic.relay(&context());
    let (seen, out) = feed(relay.as_mut(), &text);
    assert_eq!(out, text);
    assert_eq!(
        seen,
        [
            Seen::Preamble,
            Seen::Preamble,
            Seen::Preamble,
            Seen::Content,
            Seen::Preamble,
            Seen::Content,
            Seen::End,
        ]
    );
    let usage = relay.usage().unwrap();
    assert_eq!(usage.input_total, Some(7));
    assert_eq!(usage.output_total, Some(9));
    assert_eq!(relay.finish(&mut Vec::new()), None);
}

#[test]
fn e250_the_relay_shows_the_model_that_was_asked_for() {
    let context = ReplyContext {
        echo_model: Some("alias".to_owned()),
        ..context()
    };
    let mut relay = Anthropic.relay(&context);
    let says = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\\"model\\\":\\\"real\\\"\"}}\n\n";
    let (_, out) = feed(relay.as_mut(), &[HEAD, says, DELTA, STOP].concat());
    let want = [
        HEAD.replace("\"real\"", "\"alias\"").as_str(),
        says,
        DELTA,
        STOP,
    ]
    .concat();
    assert_eq!(out, want);
}

#[test]
fn tool_names_are_restored() {
    let call = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"my_tool\",\"input\":{}}}\n\n";
    let text = call.replace("tool_use", "text");
    let mut relay = Anthropic.relay(&renamed());
    let (_, out) = feed(relay.as_mut(), &[HEAD, call, &text].concat());
    assert_eq!(
        out,
        [HEAD, &call.replace("my_tool", "my.tool"), &text].concat()
    );
}

#[test]
fn e183_a_second_head_is_not_passed_on() {
    let mut relay = Anthropic.relay(&context());
    let (_, out) = feed(relay.as_mut(), &[HEAD, HEAD, DELTA, STOP].concat());
    assert_eq!(out, [HEAD, DELTA, STOP].concat());
}

#[test]
fn e134_a_last_frame_without_blank_line_is_completed() {
    let mut relay = Anthropic.relay(&context());
    let (seen, out) = feed(
        relay.as_mut(),
        [HEAD, DELTA, STOP.trim_end()].concat().as_str(),
    );
    assert_eq!(seen.last(), Some(&Seen::End));
    assert!(out.ends_with("{\"type\":\"message_stop\"}\n\n"));
}

#[test]
fn e187_the_missing_last_word_is_added() {
    let mut relay = Anthropic.relay(&context());
    let (_, mut out) = feed(relay.as_mut(), &[HEAD, DELTA].concat());
    let mut rest = Vec::new();
    assert_eq!(relay.finish(&mut rest), None);
    out.push_str(std::str::from_utf8(&rest).unwrap());
    assert_eq!(out, [HEAD, DELTA, STOP].concat());
}

#[test]
fn e188_a_cut_stream_ends_with_an_error_event() {
    let mut relay = Anthropic.relay(&context());
    feed(relay.as_mut(), HEAD);
    let mut rest = Vec::new();
    let failure = relay.finish(&mut rest).unwrap();
    assert_eq!(failure.status, 502);
    let data = data_of(&rest);
    assert_eq!(data[0]["error"]["type"], "api_error");
    // Once is enough.
    assert_eq!(relay.finish(&mut rest), None);
    relay.fail(&failure, &mut rest);
    assert_eq!(data_of(&rest).len(), 1);
}

#[test]
fn e237_an_error_of_the_upstream_passes_and_is_seen() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"},\"request_id\":\"req_1\"}\n\n";
    let mut relay = Anthropic.relay(&context());
    let (seen, out) = feed(relay.as_mut(), &[HEAD, error, STOP].concat());
    assert_eq!(out, [HEAD, error].concat());
    let Seen::Failure(failure) = &seen[1] else {
        panic!("{seen:?}");
    };
    assert_eq!(failure.status, 429);
    assert_eq!(failure.message, "slow");
    assert_eq!(relay.finish(&mut Vec::new()), None);
}

#[test]
fn a_fault_after_the_commit_point_is_an_error_event() {
    let mut relay = Anthropic.relay(&context());
    feed(relay.as_mut(), HEAD);
    let mut out = Vec::new();
    relay.fail(&Failure::new(504, "idle"), &mut out);
    assert_eq!(
        data_of(&out),
        [json!({"type": "error", "error": {"type": "timeout_error", "message": "idle"}})]
    );
}

#[test]
fn frames_without_bytes_are_written() {
    let mut relay = Anthropic.relay(&context());
    let mut out = Vec::new();
    relay.frame(
        &Frame::of_data(Some("ping"), "{\"type\":\"ping\"}"),
        &mut out,
    );
    assert_eq!(out, Anthropic.keep_alive(true));
}

#[test]
fn whole_replies_are_edited_only_where_due() {
    let body = json!({"id": "msg_1", "model": "real", "content": [
        {"type": "text", "text": "real my_tool"},
        {"type": "tool_use", "id": "t", "name": "my_tool", "input": {"name": "my_tool"}},
        {"type": "server_tool_use", "id": "s", "name": "my_tool", "input": {}},
    ], "usage": {"input_tokens": 5, "output_tokens": 2}});
    let raw = bytes(&body);
    let context = ReplyContext {
        echo_model: Some("alias".to_owned()),
        ..renamed()
    };
    let (out, usage) = Anthropic.relay_response(&raw, &context);
    let mut want = body.clone();
    want["model"] = json!("alias");
    want["content"][1]["name"] = json!("my.tool");
    assert_eq!(out, bytes(&want));
    assert_eq!(usage.unwrap().input_total, Some(5));

    let html = Bytes::from_static(b"<html>");
    let (out, usage) = Anthropic.relay_response(&html, &context);
    assert_eq!((out, usage), (html, None));
}
