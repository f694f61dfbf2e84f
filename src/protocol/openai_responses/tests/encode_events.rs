use super::*;
use crate::canonical::{Citation, Failure, ServerTool, Usage};
use crate::codec::{Declared, Dialect};
use crate::raw::RawJson;

/// The output of a reply, taken from the terminal event, after checks that hold for every stream.
#[track_caller]
fn output(context: &ReplyContext, events: Vec<Event>) -> Vec<Value> {
    let frames = frames_out(context, events);
    check_grammar(&frames);
    let last = frames.last().unwrap();
    last["response"]["output"].as_array().unwrap().clone()
}

/// What clients demand of every stream (E-175).
#[track_caller]
pub(super) fn check_grammar(frames: &[Value]) {
    assert_eq!(frames[0]["type"], "response.created");
    let mut items: Vec<Value> = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], number, "numbers rise from 0");
        if let Some(response) = frame.get("response") {
            assert!(response.get("output_text").is_none());
        }
        let kind = frame["type"].as_str().unwrap();
        match kind {
            "response.output_item.added" => {
                assert_eq!(frame["output_index"], items.len(), "no gaps");
                let item = &frame["item"];
                match item["type"].as_str().unwrap() {
                    "message" => assert_eq!(item["content"], json!([])),
                    "reasoning" => assert_eq!(item["summary"], json!([])),
                    "function_call" => assert_eq!(item["arguments"], ""),
                    "custom_tool_call" => assert_eq!(item["input"], ""),
                    _ => {}
                }
                items.push(item.clone());
            }
            "response.content_part.added" if frame["part"]["type"] == "output_text" => {
                assert_eq!(frame["part"]["text"], "");
                assert_eq!(frame["part"]["annotations"], json!([]));
            }
            _ => {}
        }
        if kind != "response.output_item.added"
            && let Some(index) = frame.get("output_index")
        {
            let item = &items[usize::try_from(index.as_u64().unwrap()).unwrap()];
            let id = frame.get("item_id").unwrap_or(&frame["item"]["id"]);
            assert_eq!(item["id"], *id, "one id in all events of an item");
        }
    }
    let last = frames.last().unwrap();
    if let Some(output) = last["response"]["output"].as_array() {
        let done: Vec<&Value> = frames
            .iter()
            .filter(|frame| frame["type"] == "response.output_item.done")
            .map(|frame| &frame["item"])
            .collect();
        assert_eq!(output.iter().collect::<Vec<_>>(), done);
    }
}

fn text_item(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

/// Text of the only part of a message.
fn said(item: &Value) -> &str {
    assert_eq!(item["type"], "message", "{item}");
    assert_eq!(item["content"].as_array().unwrap().len(), 1, "{item}");
    item["content"][0]["text"].as_str().unwrap()
}

#[test]
fn a_text_reply_has_every_event() {
    let frames = frames_out(
        &context(),
        reply(
            vec![
                open(0, ItemHead::Text),
                say(0, "Hel"),
                say(0, "lo"),
                stop(0),
            ],
            Stop::EndTurn,
        ),
    );
    check_grammar(&frames);
    assert_eq!(
        kinds(&frames),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(frames[4]["delta"], "Hel");
    assert_eq!(frames[4]["logprobs"], json!([]));
    assert_eq!(frames[6]["text"], "Hello");
    assert_eq!(frames[7]["part"], text_item("Hello"));
    assert_eq!(frames[8]["item"]["status"], "completed");
    assert_eq!(frames[8]["item"]["content"], json!([text_item("Hello")]));
    let response = &frames[9]["response"];
    assert_eq!(response["status"], "completed");
    assert_eq!(response["created_at"], 1_700_000_000);
    assert_eq!(response["usage"], Value::Null);
    assert!(response["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(response["id"].as_str().unwrap().len(), "resp_".len() + 48);
}

#[test]
fn e175_the_grammar_of_a_reply_with_everything() {
    let events = reply(
        vec![
            open(0, thinking_head()),
            think(0, Channel::Summary(0), "a"),
            think(0, Channel::Summary(1), "b"),
            sign(0, SignatureIssuer::OpenAi, "gAAAA1"),
            stop(0),
            open(1, ItemHead::Text),
            say(1, "text"),
            stop(1),
            open(2, ItemHead::Refusal),
            delta(2, Delta::Refusal("no".to_owned())),
            stop(2),
            open(3, call_head("call_1", "f")),
            args(3, "{\"a\""),
            args(3, ":1}"),
            stop(3),
            open(4, ItemHead::Image),
            delta(
                4,
                Delta::Image {
                    mime: "image/png".to_owned(),
                    data: "AAAA".to_owned(),
                },
            ),
            stop(4),
        ],
        Stop::ToolUse,
    );
    let output = output(&context(), events);
    let kinds: Vec<&str> = output
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "reasoning",
            "message",
            "function_call",
            "image_generation_call"
        ]
    );
    assert_eq!(
        output[0]["summary"],
        json!([{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}])
    );
    assert_eq!(output[0]["encrypted_content"], "gAAAA1");
    assert_eq!(
        output[1]["content"],
        json!([text_item("text"), {"type": "refusal", "refusal": "no"}])
    );
    assert_eq!(output[2]["arguments"], "{\"a\":1}");
    assert_eq!(output[3]["result"], "AAAA");
}

#[test]
fn e176_the_reply_names_the_requested_model() {
    let named = ReplyContext {
        model: "gpt-5.5(high)".to_owned(),
        ..context()
    };
    let frames = frames_out(&named, reply(vec![], Stop::EndTurn));
    for frame in &frames {
        assert_eq!(frame["response"]["model"], "gpt-5.5(high)");
    }
    assert_eq!(frames.len(), 3);
}

fn hidden_search(index: usize) -> Vec<Event> {
    let tool = |kind: &str| {
        Box::new(ServerTool {
            dialect: Dialect::Anthropic,
            kind: kind.to_owned(),
            id: Some("srvtoolu_1".to_owned()),
            name: Some("web_search".to_owned()),
            query: None,
            raw: RawJson::from(json!({"type": kind})),
        })
    };
    let mut whole = tool("server_tool_use");
    whole.query = Some("q".to_owned());
    vec![
        open(index, ItemHead::Server(tool("server_tool_use"))),
        delta(index, Delta::Server(RawJson::from(json!({"x": 1})))),
        Event::ItemStop {
            index,
            whole: Some(Box::new(Item::Server(whole))),
        },
        open(index + 1, ItemHead::Server(tool("web_search_tool_result"))),
        stop(index + 1),
    ]
}

#[test]
fn e177_texts_join_over_hidden_items() {
    let mut events = vec![open(0, ItemHead::Text), say(0, "one "), stop(0)];
    events.extend(hidden_search(1));
    events.extend([
        open(3, ItemHead::Text),
        say(3, "two"),
        delta(
            3,
            Delta::Citation(Box::new(Citation {
                dialect: Dialect::Anthropic,
                url: Some("http://u".to_owned()),
                title: Some("T".to_owned()),
                cited_text: None,
                span: None,
                raw: RawJson::from(json!({})),
            })),
        ),
        stop(3),
        open(4, call_head("call_1", "f")),
        args(4, "{}"),
        stop(4),
    ]);
    let output = output(&context(), reply(events, Stop::ToolUse));
    assert_eq!(output.len(), 2);
    assert_eq!(said(&output[0]), "one two");
    assert_eq!(
        output[0]["content"][0]["annotations"],
        json!([{"type": "url_citation", "start_index": 4, "end_index": 7, "title": "T", "url": "http://u"}])
    );
    assert_eq!(output[1]["type"], "function_call");
}

#[test]
fn a_declared_search_is_shown() {
    let declared = ReplyContext {
        declared: Declared {
            web_search: true,
            ..Declared::default()
        },
        ..context()
    };
    let output = output(&declared, reply(hidden_search(0), Stop::EndTurn));
    assert_eq!(output.len(), 1);
    assert_eq!(output[0]["type"], "web_search_call");
    assert_eq!(output[0]["status"], "completed");
    assert_eq!(output[0]["action"], json!({"type": "search", "query": "q"}));
}

#[test]
fn e178_a_call_ends_the_message() {
    let events = vec![
        open(0, ItemHead::Text),
        say(0, "a"),
        stop(0),
        open(1, call_head("call_1", "f")),
        stop(1),
        open(2, ItemHead::Text),
        say(2, "b"),
        stop(2),
    ];
    let output = output(&context(), reply(events, Stop::ToolUse));
    assert_eq!(said(&output[0]), "a");
    assert_eq!(output[1]["call_id"], "call_1");
    assert_eq!(output[1]["arguments"], "{}");
    assert_eq!(said(&output[2]), "b");
    assert_ne!(output[0]["id"], output[2]["id"]);
}

#[test]
fn e179_item_ids_are_made_of_call_ids() {
    let long = "call_".repeat(20);
    for (id, want) in [("call_1", "fc_call_1"), ("toolu_x", "fc_toolu_x")] {
        let frames = frames_out(
            &context(),
            reply(vec![open(0, call_head(id, "f")), stop(0)], Stop::ToolUse),
        );
        check_grammar(&frames);
        let item = &first(&frames, "response.output_item.added")["item"];
        assert_eq!(
            (item["id"].as_str(), item["call_id"].as_str()),
            (Some(want), Some(id))
        );
    }
    // E-41: what is too long for a request later is short from the start.
    let output = output(
        &context(),
        reply(vec![open(0, call_head(&long, "f")), stop(0)], Stop::ToolUse),
    );
    assert_eq!(output[0]["call_id"].as_str().unwrap().len(), 64);
    assert_eq!(output[0]["id"].as_str().unwrap().len(), 64);
}

#[test]
fn e218_a_call_cut_by_the_limit_is_incomplete() {
    let cut = vec![
        open(0, call_head("call_1", "f")),
        args(0, "{}"),
        stop(0),
        open(1, call_head("call_2", "g")),
        args(1, "{\"x\":4"),
        stop(1),
    ];
    let frames = frames_out(&context(), reply(cut, Stop::MaxTokens));
    check_grammar(&frames);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    let response = &last["response"];
    assert_eq!(response["status"], "incomplete");
    assert_eq!(
        response["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );
    let output = &response["output"];
    assert_eq!(output[0]["status"], "completed");
    assert_eq!(output[1]["status"], "incomplete");
    assert_eq!(output[1]["arguments"], "{\"x\":4");

    // Nothing of the arguments came: they are not `{}` either.
    let frames = frames_out(
        &context(),
        reply(vec![open(0, call_head("c", "f")), stop(0)], Stop::MaxTokens),
    );
    let item = &frames.last().unwrap()["response"]["output"][0];
    assert_eq!(
        (&item["status"], &item["arguments"]),
        (&json!("incomplete"), &json!(""))
    );
}

#[test]
fn e221_a_refusal_is_incomplete() {
    for stop_reason in [Stop::Refusal(None), Stop::ContentFilter(None)] {
        let frames = frames_out(
            &context(),
            reply(
                vec![open(0, ItemHead::Text), say(0, "x"), stop(0)],
                stop_reason,
            ),
        );
        let last = frames.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(
            last["response"]["incomplete_details"],
            json!({"reason": "content_filter"})
        );
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    }
}

#[test]
fn e224_a_refusal_is_a_part() {
    let frames = frames_out(
        &context(),
        reply(
            vec![
                open(0, ItemHead::Refusal),
                delta(0, Delta::Refusal("no".to_owned())),
                stop(0),
            ],
            Stop::EndTurn,
        ),
    );
    check_grammar(&frames);
    assert_eq!(
        kinds(&frames)[2..8],
        [
            "response.output_item.added",
            "response.content_part.added",
            "response.refusal.delta",
            "response.refusal.done",
            "response.content_part.done",
            "response.output_item.done",
        ]
    );
    assert_eq!(first(&frames, "response.refusal.done")["refusal"], "no");
}

#[test]
fn stops_become_statuses() {
    for (stop, kind) in [
        (Stop::EndTurn, "response.completed"),
        (Stop::StopSequence(None), "response.completed"),
        (Stop::Pause, "response.completed"),
        (Stop::Compaction, "response.completed"),
        (Stop::Other("x".to_owned()), "response.completed"),
        (Stop::ContextWindow, "response.incomplete"),
        (Stop::Malformed("call".to_owned()), "response.failed"),
    ] {
        let frames = frames_out(&context(), reply(vec![], stop));
        assert_eq!(frames.last().unwrap()["type"], kind);
    }
}

#[test]
fn e53_redacted_thinking_is_carried() {
    let events = vec![
        open(
            0,
            ItemHead::Reasoning {
                id: None,
                redacted: true,
            },
        ),
        sign(0, SignatureIssuer::Anthropic, "blob"),
        stop(0),
        open(
            1,
            ItemHead::Reasoning {
                id: None,
                redacted: true,
            },
        ),
        stop(1),
    ];
    let output = output(&context(), reply(events, Stop::EndTurn));
    assert_eq!(output.len(), 1);
    assert_eq!(output[0]["summary"], json!([]));
    assert_eq!(output[0]["encrypted_content"], "claude-redacted#blob");
}

#[test]
fn thinking_is_shown_as_a_summary_unless_hidden() {
    let events = || {
        reply(
            vec![
                open(0, thinking_head()),
                think(0, Channel::Raw, "deep"),
                sign(0, SignatureIssuer::Anthropic, "s"),
                stop(0),
            ],
            Stop::EndTurn,
        )
    };
    let shown = output(&context(), events());
    assert_eq!(
        shown[0]["summary"],
        json!([{"type": "summary_text", "text": "deep"}])
    );
    assert_eq!(shown[0]["encrypted_content"], "claude#s");
    let hidden = ReplyContext {
        show: crate::canonical::ReasoningShow::Hidden,
        ..context()
    };
    let hidden = output(&hidden, events());
    assert_eq!(hidden[0]["summary"], json!([]));
    assert_eq!(hidden[0]["encrypted_content"], "claude#s");
}

#[test]
fn empty_items_make_no_gap() {
    let events = vec![
        open(0, thinking_head()),
        stop(0),
        open(1, ItemHead::Text),
        say(1, ""),
        stop(1),
        open(2, call_head("call_1", "f")),
        stop(2),
    ];
    let output = output(&context(), reply(events, Stop::ToolUse));
    assert_eq!(output.len(), 1);
}

#[test]
fn gemini_signatures_travel_in_front_of_calls() {
    let gemini = ReplyContext {
        issuer: SignatureIssuer::Gemini,
        ..context()
    };
    let events = vec![
        open(0, ItemHead::Text),
        say(0, "text"),
        sign(0, SignatureIssuer::Gemini, "s1"),
        stop(0),
        open(1, call_head("call_1", "f")),
        args(1, "{}"),
        sign(1, SignatureIssuer::Gemini, "s2"),
        stop(1),
        open(2, call_head("call_2", "g")),
        args(2, "{}"),
        stop(2),
    ];
    let output = output(&gemini, reply(events, Stop::ToolUse));
    let kinds: Vec<&str> = output
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "message",
            "reasoning",
            "reasoning",
            "function_call",
            "function_call"
        ]
    );
    assert_eq!(output[1]["encrypted_content"], "gemini.detached#s1");
    assert_eq!(output[2]["encrypted_content"], "gemini.call#s2");
}

fn declared() -> ReplyContext {
    ReplyContext {
        declared: Declared {
            custom: vec!["apply_patch".to_owned()],
            namespaced: vec![("fs__read".to_owned(), "fs".to_owned(), "read".to_owned())],
            web_search: false,
        },
        ..context()
    }
}

#[test]
fn e93_a_wrapped_custom_call_is_unwrapped() {
    let events = vec![
        open(0, call_head("call_1", "apply_patch")),
        args(0, "{\"input\":\"*** Beg"),
        args(0, "in\\n\"}"),
        stop(0),
    ];
    let frames = frames_out(&declared(), reply(events, Stop::ToolUse));
    check_grammar(&frames);
    assert_eq!(
        kinds(&frames)[2..6],
        [
            "response.output_item.added",
            "response.custom_tool_call_input.delta",
            "response.custom_tool_call_input.done",
            "response.output_item.done",
        ]
    );
    let item = &frames.last().unwrap()["response"]["output"][0];
    assert_eq!(item["type"], "custom_tool_call");
    assert_eq!(item["id"], "ctc_call_1");
    assert_eq!(item["input"], "*** Begin\n");

    // Free text of an upstream that knows custom tools goes out as it comes.
    let custom = ItemHead::Call {
        id: "call_1".to_owned(),
        item_id: None,
        name: "apply_patch".to_owned(),
        namespace: None,
        kind: CallKind::Custom,
        caller: None,
    };
    let events = vec![open(0, custom), args(0, "*** "), args(0, "Begin"), stop(0)];
    let frames = frames_out(&declared(), reply(events, Stop::ToolUse));
    check_grammar(&frames);
    let deltas = frames
        .iter()
        .filter(|f| f["type"] == "response.custom_tool_call_input.delta")
        .count();
    assert_eq!(deltas, 2);
    assert_eq!(
        frames.last().unwrap()["response"]["output"][0]["input"],
        "*** Begin"
    );
}

#[test]
fn e94_a_namespaced_call_is_restored() {
    let events = vec![
        open(0, call_head("call_1", "fs__read")),
        args(0, "{}"),
        stop(0),
    ];
    let output = output(&declared(), reply(events, Stop::ToolUse));
    assert_eq!(
        (&output[0]["name"], &output[0]["namespace"]),
        (&json!("read"), &json!("fs"))
    );
}

#[test]
fn e168_interleaved_calls_come_one_after_the_other() {
    let events = vec![
        open(0, call_head("call_1", "f")),
        open(1, call_head("call_2", "g")),
        args(0, "{\"f\""),
        args(1, "{\"g\":1}"),
        stop(1),
        args(0, ":1}"),
        stop(0),
    ];
    let output = output(&context(), reply(events, Stop::ToolUse));
    assert_eq!(output[0]["arguments"], "{\"f\":1}");
    assert_eq!(output[1]["arguments"], "{\"g\":1}");
}

#[test]
fn echo_fields_repeat_the_request() {
    let body = r#"{"model":"x","instructions":"S","temperature":1.0,"tools":[{"type":"function","name":"f"}],"tool_choice":"required","metadata":null,"service_tier":"flex","store":true,"text":{"verbosity":"low"},"prompt_cache_key":"k","input":"hi"}"#;
    let echoing = ReplyContext {
        client_body: Bytes::from_static(body.as_bytes()),
        ..context()
    };
    let frames = frames_out(&echoing, reply(vec![], Stop::EndTurn));
    for frame in &frames {
        let response = &frame["response"];
        for (field, want) in [
            ("instructions", json!("S")),
            ("temperature", json!(1.0)),
            ("tools", json!([{"type": "function", "name": "f"}])),
            ("tool_choice", json!("required")),
            ("metadata", json!({})),
            ("service_tier", json!("flex")),
            ("store", json!(true)),
            ("text", json!({"verbosity": "low"})),
            ("prompt_cache_key", json!("k")),
            ("parallel_tool_calls", json!(true)),
            ("truncation", json!("disabled")),
            ("max_output_tokens", Value::Null),
            ("previous_response_id", Value::Null),
            ("object", json!("response")),
        ] {
            assert_eq!(response[field], want, "{field}");
        }
        assert!(response.get("input").is_none());
    }
}

#[test]
fn pretty_printed_text_does_not_break_frames() {
    let echoing = ReplyContext {
        client_body: Bytes::from_static(b"{\n  \"tools\": [\r\n    {}\r\n  ]\n}"),
        ..context()
    };
    let frames = frames_out(&echoing, reply(vec![], Stop::EndTurn));
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[2]["response"]["tools"], json!([{}]));
}

#[test]
fn e232_both_detail_objects_are_always_there() {
    let mut events = reply(vec![], Stop::EndTurn);
    events.insert(
        1,
        Event::Usage(Box::new(Usage {
            input_total: Some(5),
            output_total: Some(2),
            ..Usage::default()
        })),
    );
    let frames = frames_out(&context(), events);
    assert_eq!(
        frames.last().unwrap()["response"]["usage"],
        json!({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7})
    );
}

#[test]
fn e237_an_error_is_flat_and_numbered() {
    let mut events = vec![start(), open(0, ItemHead::Text), say(0, "x")];
    events.push(Event::Error(Box::new(Failure::new(503, "busy"))));
    events.push(Event::End);
    let frames = frames_out(&context(), events.clone());
    check_grammar(&frames);
    assert_eq!(
        *frames.last().unwrap(),
        json!({"type": "error", "sequence_number": 5, "code": "internal_server_error", "message": "busy", "param": null})
    );
    let codex = ReplyContext {
        codex_client: true,
        ..context()
    };
    let frames = frames_out(&codex, events);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["status"], "failed");
    assert_eq!(
        last["response"]["error"],
        json!({"code": "internal_server_error", "message": "busy"})
    );
}

#[test]
fn codes_of_errors_in_the_stream() {
    for (status, code, want) in [
        (401, None, "invalid_api_key"),
        (403, None, "insufficient_quota"),
        (404, None, "model_not_found"),
        (408, None, "request_timeout"),
        (429, None, "rate_limit_exceeded"),
        (400, None, "invalid_request_error"),
        (502, None, "internal_server_error"),
        (429, Some("usage_limit_reached"), "usage_limit_reached"),
    ] {
        let mut failure = Failure::new(status, "m");
        failure.code = code.map(str::to_owned);
        let frames = frames_out(&context(), vec![Event::Error(Box::new(failure))]);
        assert_eq!(frames[0]["code"], want);
        assert_eq!(frames[0]["sequence_number"], 0);
    }
}

#[test]
fn e141_keep_alive_is_a_comment() {
    assert_eq!(OpenAiResponses.keep_alive(true), b": keep-alive\n\n");
    let mut encoder = OpenAiResponses.event_encoder(&context());
    let mut out = Vec::new();
    encoder.encode(Event::KeepAlive, &mut out);
    assert_eq!(out, b": keep-alive\n\n");
}

#[test]
fn stream_and_object_say_the_same() {
    let events = reply(
        vec![
            open(0, thinking_head()),
            think(0, Channel::Raw, "t"),
            sign(0, SignatureIssuer::Gemini, "s"),
            stop(0),
            open(1, ItemHead::Text),
            say(1, "é\n\"x\""),
            stop(1),
            open(2, call_head("call_1", "fs__read")),
            args(2, "{\"a\":1}"),
            stop(2),
        ],
        Stop::ToolUse,
    );
    let frames = frames_out(&declared(), events.clone());
    check_grammar(&frames);
    let object = OpenAiResponses.encode_response(&fold(events).unwrap(), &declared());
    let object: Value = serde_json::from_slice(&object).unwrap();
    assert_eq!(object, frames.last().unwrap()["response"]);
}
