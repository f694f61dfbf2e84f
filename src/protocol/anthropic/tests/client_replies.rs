//! Events and whole replies → what clients get.

use super::*;
use crate::canonical::{
    CallKind, Channel, Citation, Delta, Failure, ItemHead, ReasoningShow, ServerTool, Signature,
    SignaturePlace, Start, Stop,
};
use crate::codec::{Declared, Dialect};
use crate::raw::RawJson;
use serde_json::json;

fn start() -> Event {
    Event::Start(Box::default())
}

fn open(index: usize, head: ItemHead) -> Event {
    Event::ItemStart {
        index,
        choice: 0,
        head,
    }
}

fn delta(index: usize, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn stop(index: usize) -> Event {
    Event::ItemStop { index, whole: None }
}

fn text(index: usize, text: &str) -> Event {
    let text = text.to_owned();
    delta(
        index,
        Delta::Text {
            text,
            logprobs: None,
        },
    )
}

fn thought(index: usize, channel: Channel, text: &str) -> Event {
    let text = text.to_owned();
    delta(index, Delta::Reasoning { channel, text })
}

fn arguments(index: usize, piece: &str) -> Event {
    delta(index, Delta::Arguments(piece.to_owned()))
}

fn reasoning() -> ItemHead {
    ItemHead::Reasoning {
        id: None,
        redacted: false,
    }
}

fn call(id: &str) -> ItemHead {
    ItemHead::Call {
        id: id.to_owned(),
        item_id: None,
        name: "f".to_owned(),
        namespace: None,
        kind: CallKind::Function,
        caller: None,
    }
}

fn signature(issuer: SignatureIssuer, value: &str) -> Delta {
    Delta::Signature(Signature {
        issuer,
        value: value.to_owned(),
        place: SignaturePlace::Here,
    })
}

fn finish(stop: Stop) -> Event {
    Event::Finish {
        choice: 0,
        stop,
        native: None,
    }
}

/// The events between head and end, in short form.
fn short(events: Vec<Event>, context: &ReplyContext) -> Vec<String> {
    let mut all = vec![start()];
    all.extend(events);
    all.push(Event::End);
    let data = data_of(&encode_events(all, context));
    assert_eq!(data[0]["type"], "message_start");
    assert_eq!(data[data.len() - 1]["type"], "message_stop");
    let mut short = Vec::new();
    for event in &data[1..data.len() - 1] {
        let at = &event["index"];
        short.push(match event["type"].as_str().unwrap() {
            "content_block_start" => {
                format!("{at} {}", event["content_block"]["type"].as_str().unwrap())
            }
            "content_block_stop" => format!("{at} ."),
            "content_block_delta" => {
                let delta = event["delta"].as_object().unwrap();
                assert_eq!(delta.len(), 2, "{delta:?}");
                let (key, value) = delta.iter().find(|(key, _)| *key != "type").unwrap();
                format!(
                    "{at} {key}={}",
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                )
            }
            "message_delta" => event["delta"]["stop_reason"].as_str().unwrap().to_owned(),
            other => other.to_owned(),
        });
    }
    short
}

#[track_caller]
fn check(events: Vec<Event>, want: &[&str]) {
    assert_eq!(short(events, &context()), want);
}

/// Encodes the folded events as a whole reply.
fn whole(events: Vec<Event>, context: &ReplyContext) -> Value {
    let mut all = vec![start()];
    all.extend(events);
    all.push(Event::End);
    let response = fold(all).unwrap();
    serde_json::from_slice(&Anthropic.encode_response(&response, context)).unwrap()
}

#[test]
fn e50_the_last_signature_counts_once() {
    let openai = |value| signature(SignatureIssuer::OpenAi, value);
    check(
        vec![
            open(0, reasoning()),
            delta(0, openai("X")),
            thought(0, Channel::Summary(0), "a"),
            delta(0, openai("Y")),
            stop(0),
        ],
        &[
            "0 thinking",
            "0 thinking=a",
            "0 signature=openai#Y",
            "0 .",
            "end_turn",
        ],
    );
}

#[test]
fn e51_summary_parts_are_one_block() {
    check(
        vec![
            open(0, reasoning()),
            thought(0, Channel::Summary(0), "one"),
            thought(0, Channel::Summary(1), "two"),
            thought(0, Channel::Summary(2), "three"),
            delta(0, signature(SignatureIssuer::OpenAi, "s")),
            stop(0),
            open(1, reasoning()),
            thought(1, Channel::Summary(0), "next"),
            stop(1),
        ],
        &[
            "0 thinking",
            "0 thinking=one",
            "0 thinking=\n\n",
            "0 thinking=two",
            "0 thinking=\n\n",
            "0 thinking=three",
            "0 signature=openai#s",
            "0 .",
            "1 thinking",
            "1 thinking=next",
            "1 signature=",
            "1 .",
            "end_turn",
        ],
    );
}

#[test]
fn e52_reasoning_without_text_is_a_signature_only() {
    check(
        vec![
            open(0, reasoning()),
            delta(0, signature(SignatureIssuer::OpenAi, "s")),
            stop(0),
            open(1, ItemHead::Text),
            text(1, "hi"),
            stop(1),
        ],
        &[
            "0 thinking",
            "0 signature=openai#s",
            "0 .",
            "1 text",
            "1 text=hi",
            "1 .",
            "end_turn",
        ],
    );
}

#[test]
fn empty_items_make_no_gaps() {
    check(
        vec![
            open(0, reasoning()),
            stop(0),
            open(1, ItemHead::Text),
            text(1, ""),
            stop(1),
            open(2, ItemHead::Text),
            text(2, "hi"),
            stop(2),
        ],
        &["0 text", "0 text=hi", "0 .", "end_turn"],
    );
}

#[test]
fn hidden_thinking_shows_its_signature_only() {
    let events = vec![
        open(0, reasoning()),
        thought(0, Channel::Raw, "secret"),
        delta(0, signature(SignatureIssuer::OpenAi, "s")),
        stop(0),
        open(1, reasoning()),
        thought(1, Channel::Raw, "secret"),
        stop(1),
    ];
    let context = ReplyContext {
        show: ReasoningShow::Hidden,
        ..context()
    };
    assert_eq!(
        short(events.clone(), &context),
        ["0 thinking", "0 signature=openai#s", "0 .", "end_turn"]
    );
    assert_eq!(
        whole(events, &context)["content"],
        json!([{"type": "thinking", "thinking": "", "signature": "openai#s"}])
    );
}

#[test]
fn e155_thinking_closes_before_the_text_opens() {
    check(
        vec![
            open(0, reasoning()),
            thought(0, Channel::Raw, "a"),
            thought(0, Channel::Raw, "b"),
            stop(0),
            open(1, ItemHead::Text),
            text(1, "c"),
            stop(1),
        ],
        &[
            "0 thinking",
            "0 thinking=a",
            "0 thinking=b",
            "0 signature=",
            "0 .",
            "1 text",
            "1 text=c",
            "1 .",
            "end_turn",
        ],
    );
}

#[test]
fn e156_arguments_are_not_lost_at_the_switch() {
    check(
        vec![
            open(0, ItemHead::Text),
            text(0, "a"),
            stop(0),
            open(1, call("t")),
            arguments(1, "{\"x\":1}"),
            stop(1),
            finish(Stop::ToolUse),
        ],
        &[
            "0 text",
            "0 text=a",
            "0 .",
            "1 tool_use",
            "1 partial_json={\"x\":1}",
            "1 .",
            "tool_use",
        ],
    );
}

#[test]
fn e168_interleaved_calls_come_one_after_the_other() {
    check(
        vec![
            open(0, call("a")),
            arguments(0, "{\"a\":"),
            open(1, call("b")),
            arguments(1, "{\"b\":2}"),
            stop(1),
            arguments(0, "1}"),
            stop(0),
            finish(Stop::ToolUse),
        ],
        &[
            "0 tool_use",
            "0 partial_json={\"a\":",
            "0 partial_json=1}",
            "0 .",
            "1 tool_use",
            "1 partial_json={\"b\":2}",
            "1 .",
            "tool_use",
        ],
    );
}

fn search_tool(id: &str, query: &str) -> ServerTool {
    ServerTool {
        dialect: Dialect::OpenAiResponses,
        kind: "web_search_call".to_owned(),
        id: Some(id.to_owned()),
        name: None,
        query: None,
        raw: RawJson::from(json!({
            "type": "web_search_call", "id": id, "status": "completed",
            "action": {"type": "search", "query": query, "sources": [
                {"type": "url", "url": "https://a.example/"},
                {"type": "url", "url": "https://a.example/"},
            ]},
        })),
    }
}

#[test]
fn e174_searches_of_others_are_server_tool_blocks() {
    let begun = ServerTool {
        raw: RawJson::from(json!({"type": "web_search_call", "id": "ws_1-2"})),
        ..search_tool("ws_1-2", "")
    };
    let done = crate::canonical::Item::Server(Box::new(search_tool("ws_1-2", "q")));
    let events = vec![
        open(0, ItemHead::Server(Box::new(begun))),
        Event::ItemStop {
            index: 0,
            whole: Some(Box::new(done)),
        },
        open(1, ItemHead::Text),
        text(1, "a"),
        stop(1),
    ];
    // Not declared: the client could not read it.
    check(events.clone(), &["0 text", "0 text=a", "0 .", "end_turn"]);
    let context = ReplyContext {
        declared: Declared {
            web_search: true,
            ..Declared::default()
        },
        ..context()
    };
    assert_eq!(
        short(events.clone(), &context),
        [
            "0 server_tool_use",
            "0 partial_json={\"query\":\"q\"}",
            "0 .",
            "1 web_search_tool_result",
            "1 .",
            "2 text",
            "2 text=a",
            "2 .",
            "end_turn",
        ]
    );
    let message = whole(events, &context);
    assert_eq!(
        message["content"][0],
        json!({"type": "server_tool_use", "id": "srvtoolu_1_2", "name": "web_search", "input": {"query": "q"}})
    );
    assert_eq!(message["content"][1]["tool_use_id"], "srvtoolu_1_2");
    assert_eq!(
        message["content"][1]["content"],
        json!([{"type": "web_search_result", "url": "https://a.example/", "title": "https://a.example/",
                "encrypted_content": "", "page_age": null}])
    );
    assert_eq!(
        message["usage"]["server_tool_use"],
        json!({"web_search_requests": 1})
    );
}

#[test]
fn e184_message_start_comes_first_in_every_case() {
    for first in [
        open(0, call("t")),
        Event::Usage(Box::default()),
        Event::End,
        open(0, ItemHead::Text),
    ] {
        let data = data_of(&encode_events(vec![first.clone(), Event::End], &context()));
        assert_eq!(data[0]["type"], "message_start", "{first:?}");
        let starts = data.iter().filter(|event| event["type"] == "message_start");
        assert_eq!(starts.count(), 1);
    }
}

#[test]
fn message_start_waits_for_the_counts() {
    let usage = Usage {
        input_total: Some(10),
        cache_read: Some(4),
        ..Usage::default()
    };
    let mut encoder = Anthropic.event_encoder(&context());
    let mut out = Vec::new();
    encoder.encode(start(), &mut out);
    assert!(out.is_empty());
    encoder.encode(Event::Usage(Box::new(usage)), &mut out);
    let data = data_of(&out);
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], 6);
    assert_eq!(data[0]["message"]["usage"]["cache_read_input_tokens"], 4);
    assert_eq!(data[0]["message"]["content"], json!([]));
    assert_eq!(data[0]["message"]["stop_reason"], json!(null));
    out.clear();
    encoder.encode(Event::KeepAlive, &mut out);
    assert_eq!(out, Anthropic.keep_alive(true));
}

#[test]
fn e141_pings_only_behind_the_head() {
    let mut encoder = Anthropic.event_encoder(&context());
    let mut out = Vec::new();
    encoder.encode(Event::KeepAlive, &mut out);
    assert!(out.is_empty());
    encoder.encode(start(), &mut out);
    encoder.encode(Event::KeepAlive, &mut out);
    let data = data_of(&out);
    assert_eq!(data[0]["type"], "message_start");
    assert_eq!(data[1], json!({"type": "ping"}));
    assert_eq!(Anthropic.keep_alive(false), b": keep-alive\n\n");
}

#[test]
fn e159_nothing_follows_the_end() {
    let mut all = vec![start(), Event::End];
    all.extend([open(0, call("late")), stop(0), Event::End, Event::KeepAlive]);
    let data = data_of(&encode_events(all, &context()));
    assert_eq!(data.len(), 3);
    assert_eq!(data[2]["type"], "message_stop");
}

#[test]
fn e192_arguments_are_passed_as_they_are() {
    check(
        vec![
            open(0, call("t")),
            arguments(0, "{\"pages\":\"\"}"),
            stop(0),
            finish(Stop::ToolUse),
        ],
        &[
            "0 tool_use",
            "0 partial_json={\"pages\":\"\"}",
            "0 .",
            "tool_use",
        ],
    );
}

#[test]
fn e199_an_empty_reply_is_a_closed_message() {
    check(vec![finish(Stop::EndTurn)], &["end_turn"]);
    let message = whole(vec![finish(Stop::EndTurn)], &context());
    assert_eq!(message["content"], json!([]));
    assert_eq!(message["stop_reason"], "end_turn");
}

#[test]
fn e217_the_calls_decide_the_stop_reason_for_clients() {
    check(vec![finish(Stop::ToolUse)], &["end_turn"]);
    check(
        vec![open(0, call("t")), stop(0), finish(Stop::EndTurn)],
        &["0 tool_use", "0 .", "tool_use"],
    );
}

#[test]
fn e218_a_cut_call_stops_at_the_limit() {
    let events = vec![
        open(0, call("t")),
        arguments(0, "{\"a\":\"b"),
        finish(Stop::MaxTokens),
    ];
    check(
        events.clone(),
        &[
            "0 tool_use",
            "0 partial_json={\"a\":\"b",
            "0 .",
            "max_tokens",
        ],
    );
    // A whole reply must have an object.
    assert_eq!(
        whole(events, &context())["content"][0]["input"],
        json!({"a": "b"})
    );
}

#[test]
fn e222_stop_sequences_and_filters() {
    for (stop, reason, sequence) in [
        (
            Stop::StopSequence(Some("\nEND".to_owned())),
            "stop_sequence",
            json!("\nEND"),
        ),
        (Stop::ContentFilter(None), "refusal", json!(null)),
        (
            Stop::ContextWindow,
            "model_context_window_exceeded",
            json!(null),
        ),
        (Stop::Pause, "pause_turn", json!(null)),
    ] {
        let data = data_of(&encode_events(
            vec![start(), finish(stop.clone()), Event::End],
            &context(),
        ));
        assert_eq!(data[1]["delta"]["stop_reason"], reason);
        assert_eq!(data[1]["delta"]["stop_sequence"], sequence);
        let message = whole(vec![finish(stop)], &context());
        assert_eq!(message["stop_reason"], reason);
        assert_eq!(message["stop_sequence"], sequence);
    }
}

#[test]
fn e224_refusals_are_text() {
    check(
        vec![
            open(0, ItemHead::Refusal),
            delta(0, Delta::Refusal("no".to_owned())),
            stop(0),
            finish(Stop::EndTurn),
        ],
        &["0 text", "0 text=no", "0 .", "end_turn"],
    );
}

#[test]
fn refusal_details_are_shown_in_their_own_shape() {
    let details = RawJson::from(json!({"type": "refusal", "category": "bio"}));
    let events = vec![finish(Stop::Refusal(Some(details)))];
    assert_eq!(whole(events, &context())["stop_details"]["category"], "bio");
    assert!(
        whole(vec![finish(Stop::Refusal(None))], &context())
            .get("stop_details")
            .is_none()
    );
}

#[test]
fn e228_usage_stands_in_the_last_delta_too() {
    let usage = Usage {
        input_total: Some(1000),
        cache_read: Some(300),
        cache_write: Some(200),
        output_total: Some(7),
        reasoning: Some(3),
        ..Usage::default()
    };
    let data = data_of(&encode_events(
        vec![start(), Event::Usage(Box::new(usage)), Event::End],
        &context(),
    ));
    let want = json!({
        "input_tokens": 500, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 300,
        "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3},
    });
    assert_eq!(data[0]["message"]["usage"], want);
    assert_eq!(data[1]["usage"], want);
}

#[test]
fn e235_counts_are_integers_without_any_report() {
    let data = data_of(&encode_events(vec![start(), Event::End], &context()));
    for usage in [&data[0]["message"]["usage"], &data[1]["usage"]] {
        assert_eq!(usage["input_tokens"], 0);
        assert_eq!(usage["output_tokens"], 0);
    }
}

#[test]
fn e237_an_error_after_output_is_an_error_event_and_the_end() {
    let failure = Failure::new(529, "busy");
    let stream = encode_events(
        vec![
            start(),
            open(0, call("t")),
            arguments(0, "{"),
            Event::Error(Box::new(failure)),
            stop(0),
            Event::End,
        ],
        &context(),
    );
    let data = data_of(&stream);
    let last = &data[data.len() - 1];
    assert_eq!(
        *last,
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    );
    assert!(
        data.iter()
            .all(|event| event["type"] != "content_block_stop")
    );
    assert!(data.iter().all(|event| event["type"] != "message_stop"));
}

#[test]
fn a_native_error_goes_out_as_it_came() {
    let body =
        "{\"type\":\"error\",\n \"error\":{\"type\":\"api_error\",\"message\":\"x\",\"new\":1}}";
    let mut failure = Failure::new(500, "x");
    failure.native = Some((Dialect::Anthropic, Bytes::from(body)));
    assert_eq!(Anthropic.encode_failure(&failure), body);
    let data = data_of(&encode_events(
        vec![Event::Error(Box::new(failure))],
        &context(),
    ));
    assert_eq!(data[0]["error"]["new"], 1);
}

#[test]
fn e242_overload_stays_529() {
    assert_eq!(Anthropic.failure_status(&Failure::new(529, "x")), 529);
    assert_eq!(Anthropic.failure_status(&Failure::new(429, "x")), 429);
}

#[test]
fn e249_ids_of_others_become_messages_of_ours() {
    let head = |id: &str| Start {
        id: Some(id.to_owned()),
        ..Start::default()
    };
    let made = context().id("msg_", 24, 0);
    for (id, want) in [("chatcmpl-1", made.as_str()), ("msg_1", "msg_1")] {
        let data = data_of(&encode_events(
            vec![Event::Start(Box::new(head(id))), Event::End],
            &context(),
        ));
        assert_eq!(data[0]["message"]["id"], want);
    }
}

#[test]
fn e250_the_model_is_the_one_asked_for() {
    let head = Start {
        model: Some("upstream-model".to_owned()),
        ..Start::default()
    };
    let events = vec![
        Event::Start(Box::new(head)),
        open(0, ItemHead::Text),
        text(0, "I am upstream-model"),
        stop(0),
        Event::End,
    ];
    let data = data_of(&encode_events(events.clone(), &context()));
    assert_eq!(data[0]["message"]["model"], "asked-model");
    assert_eq!(data[2]["delta"]["text"], "I am upstream-model");
    let response = fold(events).unwrap();
    let message: Value =
        serde_json::from_slice(&Anthropic.encode_response(&response, &context())).unwrap();
    assert_eq!(message["model"], "asked-model");
}

#[test]
fn gemini_signatures_travel_on_thinking_blocks() {
    let context = ReplyContext {
        issuer: SignatureIssuer::Gemini,
        ..context()
    };
    let gemini = |value| signature(SignatureIssuer::Gemini, value);
    let events = vec![
        open(0, call("t")),
        arguments(0, "{}"),
        delta(0, gemini("c")),
        stop(0),
        open(1, ItemHead::Text),
        text(1, "x"),
        delta(1, gemini("t")),
        stop(1),
        finish(Stop::ToolUse),
    ];
    assert_eq!(
        short(events.clone(), &context),
        [
            "0 thinking",
            "0 signature=gemini.call#c",
            "0 .",
            "1 tool_use",
            "1 partial_json={}",
            "1 .",
            "2 text",
            "2 text=x",
            "2 .",
            "3 thinking",
            "3 signature=gemini.detached#t",
            "3 .",
            "tool_use",
        ]
    );
    let kinds: Vec<_> = whole(events, &context)["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["thinking", "tool_use", "text", "thinking"]);
}

#[test]
fn free_text_calls_are_wrapped() {
    let head = ItemHead::Call {
        id: "t".to_owned(),
        item_id: None,
        name: "patch".to_owned(),
        namespace: Some("ns".to_owned()),
        kind: CallKind::Custom,
        caller: None,
    };
    let events = vec![
        open(0, head),
        arguments(0, "*** Begin"),
        arguments(0, " \"x\""),
        stop(0),
        finish(Stop::ToolUse),
    ];
    check(
        events.clone(),
        &[
            "0 tool_use",
            "0 partial_json={\"input\":\"*** Begin \\\"x\\\"\"}",
            "0 .",
            "tool_use",
        ],
    );
    let block = &whole(events, &context())["content"][0];
    assert_eq!(block["name"], "ns__patch");
    assert_eq!(block["input"], json!({"input": "*** Begin \"x\""}));
}

#[test]
fn absent_fields_stay_absent() {
    let events = vec![
        open(0, ItemHead::Text),
        text(0, "a"),
        stop(0),
        open(1, call("a.b")),
        arguments(1, "{}"),
        stop(1),
        finish(Stop::ToolUse),
    ];
    let message = whole(events, &context());
    assert_eq!(
        message["content"],
        json!([
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "a_b", "name": "f", "input": {}},
        ])
    );
    let keys: Vec<_> = message.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "id",
            "type",
            "role",
            "model",
            "content",
            "stop_reason",
            "stop_sequence",
            "usage"
        ]
    );
}

#[test]
fn citations_of_others_name_their_source() {
    let citation = Citation {
        dialect: Dialect::OpenAiResponses,
        url: Some("https://a.example/".to_owned()),
        title: Some("A".to_owned()),
        cited_text: None,
        span: Some((0, 1)),
        raw: RawJson::from(json!({"type": "url_citation"})),
    };
    let nameless = Citation {
        url: None,
        ..citation.clone()
    };
    let events = vec![
        open(0, ItemHead::Text),
        text(0, "a"),
        delta(0, Delta::Citation(Box::new(citation))),
        delta(0, Delta::Citation(Box::new(nameless))),
        stop(0),
    ];
    let want = json!({"type": "web_search_result_location", "url": "https://a.example/",
                      "title": "A", "cited_text": "", "encrypted_index": ""});
    assert_eq!(
        whole(events.clone(), &context())["content"][0]["citations"],
        json!([want])
    );
    let mut all = vec![start()];
    all.extend(events);
    let data = data_of(&encode_events(all, &context()));
    assert_eq!(data[3]["delta"]["citation"], want);
    assert_eq!(data.len(), 5);
}

#[test]
fn pictures_and_sound_are_named() {
    let picture = Delta::Image {
        mime: "image/png".to_owned(),
        data: "AAAA".to_owned(),
    };
    let sound = Delta::Audio {
        id: None,
        data: "AAAA".to_owned(),
        transcript: "said".to_owned(),
        expires_at: None,
    };
    let events = vec![
        open(0, ItemHead::Image),
        delta(0, picture),
        stop(0),
        open(1, ItemHead::Audio),
        delta(1, sound),
        stop(1),
    ];
    let content = whole(events.clone(), &context())["content"].clone();
    assert!(
        content[0]["text"]
            .as_str()
            .unwrap()
            .starts_with("[image/png")
    );
    assert_eq!(content[1], json!({"type": "text", "text": "said"}));
    let lines = short(events, &context());
    assert!(lines[1].starts_with("0 text=[image/png"), "{lines:?}");
    assert_eq!(lines[4], "1 text=said");
}

#[test]
fn only_the_first_candidate_is_shown() {
    let second = Event::ItemStart {
        index: 1,
        choice: 1,
        head: ItemHead::Text,
    };
    check(
        vec![
            open(0, ItemHead::Text),
            second,
            text(1, "b"),
            text(0, "a"),
            stop(1),
            stop(0),
        ],
        &["0 text", "0 text=a", "0 .", "end_turn"],
    );
}
