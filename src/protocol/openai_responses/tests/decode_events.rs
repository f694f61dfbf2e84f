use super::*;
use crate::canonical::{Citation, FailureKind};
use crate::names::NameMap;
use crate::testing::calls;
use std::time::Duration;

fn added(number: usize, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": number, "item": item})
}

fn done(number: usize, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": number, "item": item})
}

fn call_item(id: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": arguments})
}

fn args_delta(number: usize, item_id: &str, text: &str) -> Value {
    json!({"type": "response.function_call_arguments.delta", "output_index": number, "item_id": item_id, "delta": text})
}

fn message_item(texts: &[&str]) -> Value {
    let parts: Vec<Value> = texts
        .iter()
        .map(|text| json!({"type": "output_text", "text": text, "annotations": []}))
        .collect();
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": parts})
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": output,
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 17}}})
}

fn texts(response: &Response) -> Vec<&str> {
    response.choices[0]
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

/// The failure a stream ends with.
#[track_caller]
fn failed(payloads: &[Value]) -> crate::canonical::Failure {
    match events_in(&context(), payloads).pop() {
        Some(Event::Error(failure)) => *failure,
        other => panic!("no failure: {other:?}"),
    }
}

#[test]
fn a_text_reply() {
    let events = events_in(
        &context(),
        &[
            json!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 5.0, "service_tier": "default"}}),
            json!({"type": "response.in_progress", "response": {"id": "resp_2"}}),
            added(0, message_item(&[])),
            json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": ""}}),
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hel", "logprobs": [{"token": "Hel"}]}),
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "lo", "logprobs": []}),
            json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"}),
            done(0, message_item(&["Hello"])),
            completed(json!([message_item(&["Hello"])])),
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "late"}),
        ],
    );
    let starts = events
        .iter()
        .filter(|e| matches!(e, Event::Start(_)))
        .count();
    assert_eq!(starts, 1);
    assert_eq!(events.last(), Some(&Event::End));
    let response = fold(events).unwrap();
    assert_eq!(response.start.id.as_deref(), Some("resp_1"));
    assert_eq!(response.start.created, Some(5));
    assert_eq!(response.start.service_tier.as_deref(), Some("default"));
    assert_eq!(texts(&response), ["Hello"]);
    assert_eq!(response.choices[0].stop, Some(Stop::EndTurn));
    assert_eq!(
        response.choices[0].native_stop.as_deref(),
        Some("completed")
    );
    let usage = &response.usage;
    assert_eq!(
        (usage.input_total, usage.cache_read, usage.cache_write),
        (Some(10), Some(4), Some(2))
    );
    assert_eq!((usage.output_total, usage.reasoning), (Some(7), Some(3)));
    match &response.choices[0].items[0] {
        Item::Text { logprobs, .. } => {
            assert_eq!(logprobs.as_ref().unwrap().as_str(), r#"[{"token":"Hel"}]"#);
        }
        other => panic!("{other:?}"),
    }
}

fn signatures(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Delta {
                delta: Delta::Signature(signature),
                ..
            } => Some(signature.value.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn e50_only_the_last_signature_counts() {
    let reasoning = |encrypted: Value| json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted});
    for (last, want) in [(json!("Y"), "Y"), (Value::Null, "X")] {
        let events = events_in(
            &context(),
            &stream(&[added(0, reasoning(json!("X"))), done(0, reasoning(last))]),
        );
        assert_eq!(signatures(&events), [want]);
        let at = events
            .iter()
            .position(|e| matches!(e, Event::Delta { .. }))
            .unwrap();
        assert!(matches!(events[at + 1], Event::ItemStop { .. }));
    }
}

#[test]
fn e51_summary_parts_are_numbered() {
    let part = |n: usize, text: &str| json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": n, "delta": text});
    let response = folded(&stream(&[
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        part(0, "a"),
        part(1, "b"),
        part(2, "c"),
        json!({"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 2, "text": "cd"}),
    ]));
    match &response.choices[0].items[0] {
        Item::Reasoning { summary, id, .. } => {
            assert_eq!(summary, &["a", "b", "cd"]);
            assert_eq!(id.as_deref(), Some("rs_1"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn e52_a_signature_without_summary_is_an_item() {
    let events = events_in(
        &context(),
        &stream(&[
            added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
            done(
                0,
                json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S"}),
            ),
            done(1, message_item(&["x"])),
        ]),
    );
    assert_eq!(signatures(&events), ["S"]);
    let response = fold(events).unwrap();
    assert!(matches!(
        response.choices[0].items[0],
        Item::Reasoning { .. }
    ));
    assert_eq!(texts(&response), ["x"]);
}

#[test]
fn e129_the_final_picture_comes_once() {
    let item = |result: Value| json!({"type": "image_generation_call", "id": "ig_1", "output_format": "webp", "result": result});
    let partial = json!({"type": "response.image_generation_call.partial_image", "output_index": 0, "item_id": "ig_1", "partial_image_index": 0, "partial_image_b64": "cGFydA=="});
    let pictures = |payloads: &[Value]| -> Vec<(String, String)> {
        events_in(&context(), payloads)
            .into_iter()
            .filter_map(|event| match event {
                Event::Delta {
                    delta: Delta::Image { mime, data },
                    ..
                } => Some((mime, data)),
                _ => None,
            })
            .collect()
    };
    let whole = item(json!("ZmluYWw="));
    let mut payloads = stream(&[
        added(0, item(Value::Null)),
        partial.clone(),
        done(0, whole.clone()),
    ]);
    payloads.pop();
    payloads.push(completed(json!([whole])));
    assert_eq!(
        pictures(&payloads),
        [("image/webp".to_owned(), "ZmluYWw=".to_owned())]
    );
    // The last partial one stands in for a final one that never came.
    assert_eq!(
        pictures(&stream(&[added(0, item(Value::Null)), partial])),
        [("image/png".to_owned(), "cGFydA==".to_owned())]
    );
}

#[test]
fn e142_unknown_events_are_ignored() {
    let events = events_in(
        &context(),
        &stream(&[
            json!({"type": "keepalive", "sequence_number": 3}),
            json!({"type": "codex.rate_limits", "rate_limits": {}}),
            json!({"type": "response.something_new", "delta": {"x": 1}}),
        ]),
    );
    assert!(matches!(events[0], Event::Start(_)));
    assert_eq!(events[1], Event::KeepAlive);
    assert!(matches!(events[2], Event::Finish { .. }));
}

#[test]
fn e164_items_of_the_terminal_event() {
    // Left out there although they were streamed.
    let response = folded(&stream(&[
        added(0, call_item("fc_1", "call_1", "f", "")),
        args_delta(0, "fc_1", "{}"),
        done(0, call_item("fc_1", "call_1", "f", "{}")),
    ]));
    assert_eq!(calls(&response), [call("call_1", "f", "{}")]);
    assert_eq!(response.choices[0].stop, Some(Stop::ToolUse));

    // There although they were never streamed.
    let mut payloads = stream(&[done(0, call_item("fc_1", "call_1", "f", "{}"))]);
    payloads.pop();
    payloads.push(completed(json!([
        call_item("fc_1", "call_1", "f", "{}"),
        call_item("fc_2", "call_2", "g", "{\"a\":1}"),
        message_item(&["text"]),
    ])));
    let response = folded(&payloads);
    assert_eq!(
        calls(&response),
        [call("call_1", "f", "{}"), call("call_2", "g", "{\"a\":1}")]
    );
    assert_eq!(texts(&response), ["text"]);
}

#[test]
fn e165_arguments_that_come_late_come_once() {
    let begin = added(0, call_item("fc_1", "call_1", "f", ""));
    let only_done = json!({"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc_1", "arguments": "{\"a\":1}"});
    let item_done = done(0, call_item("fc_1", "call_1", "f", "{\"a\":1}"));
    let mut in_completed = stream(std::slice::from_ref(&begin));
    in_completed.pop();
    in_completed.push(completed(json!([call_item(
        "fc_1",
        "call_1",
        "f",
        "{\"a\":1}"
    )])));
    for payloads in [
        stream(&[begin.clone(), only_done]),
        stream(&[begin, item_done]),
        in_completed,
    ] {
        let events = events_in(&context(), &payloads);
        let fragments = events
            .iter()
            .filter(|e| {
                matches!(
                    e,
                    Event::Delta {
                        delta: Delta::Arguments(_),
                        ..
                    }
                )
            })
            .count();
        assert_eq!(fragments, 1);
        assert_eq!(
            calls(&fold(events).unwrap()),
            [call("call_1", "f", "{\"a\":1}")]
        );
    }
}

#[test]
fn e166_repeated_arguments_are_not_doubled() {
    let response = folded(&stream(&[
        added(0, call_item("fc_1", "call_1", "f", "")),
        args_delta(0, "fc_1", "{\"a\""),
        args_delta(0, "fc_1", ":1}"),
        json!({"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc_1", "arguments": "{\"a\":1}"}),
        done(0, call_item("fc_1", "call_1", "f", "{\"a\":1}")),
    ]));
    assert_eq!(calls(&response), [call("call_1", "f", "{\"a\":1}")]);
}

#[test]
fn e167_ids_may_change_or_be_missing() {
    // Another id in every event.
    let response = folded(&stream(&[
        added(0, call_item("a", "call_1", "f", "")),
        added(1, call_item("b", "call_2", "g", "")),
        args_delta(1, "c", "{\"g\":1}"),
        args_delta(0, "d", "{\"f\":1}"),
        done(0, call_item("e", "call_1", "f", "{\"f\":1}")),
        done(1, call_item("f", "call_2", "g", "{\"g\":1}")),
    ]));
    let want = [
        call("call_1", "f", "{\"f\":1}"),
        call("call_2", "g", "{\"g\":1}"),
    ];
    assert_eq!(calls(&response), want);

    // No number: joined by item id, then by call id.
    let mut first = added(0, call_item("a", "call_1", "f", ""));
    let mut second = added(0, call_item("b", "call_2", "g", ""));
    let mut last = done(0, call_item("z", "call_2", "g", "{\"g\":1}"));
    let mut piece = args_delta(0, "a", "{\"f\":1}");
    for payload in [&mut first, &mut second, &mut last, &mut piece] {
        payload.as_object_mut().unwrap().remove("output_index");
    }
    let response = folded(&stream(&[first, second, piece, last]));
    assert_eq!(calls(&response), want);

    // The item id comes with the last event only.
    let response = folded(&stream(&[
        added(
            0,
            json!({"type": "function_call", "call_id": "call_1", "name": "f"}),
        ),
        json!({"type": "response.function_call_arguments.delta", "delta": "{}"}),
        done(0, call_item("fc_1", "call_1", "f", "{}")),
    ]));
    assert_eq!(calls(&response), [call("call_1", "f", "{}")]);
}

#[test]
fn e168_interleaved_calls_keep_their_arguments() {
    let response = folded(&stream(&[
        added(0, call_item("a", "call_1", "f", "")),
        added(1, call_item("b", "call_2", "g", "")),
        args_delta(0, "a", "{\"f\""),
        args_delta(1, "b", "{\"g\""),
        args_delta(0, "a", ":1}"),
        args_delta(1, "b", ":1}"),
        done(1, call_item("b", "call_2", "g", "{\"g\":1}")),
        done(0, call_item("a", "call_1", "f", "{\"f\":1}")),
    ]));
    assert_eq!(
        calls(&response),
        [
            call("call_1", "f", "{\"f\":1}"),
            call("call_2", "g", "{\"g\":1}")
        ]
    );
}

#[test]
fn e169_text_does_not_wait_for_a_call_without_name() {
    let response = folded(&stream(&[
        added(
            0,
            json!({"type": "function_call", "id": "a", "call_id": "call_1"}),
        ),
        args_delta(0, "a", "{}"),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "text"}),
        done(0, call_item("a", "call_1", "f", "{}")),
    ]));
    assert_eq!(text_of(&response.choices[0].items[0]), "text");
    assert_eq!(calls(&response), [call("call_1", "f", "{}")]);
}

#[test]
fn e171_a_call_waits_for_its_name() {
    let begin = added(
        0,
        json!({"type": "function_call", "id": "a", "call_id": "call_1"}),
    );
    let piece = args_delta(0, "a", "{\"x\":1}");
    let named = json!({"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "a", "name": "f", "arguments": "{\"x\":1}"});
    let events = events_in(&context(), &stream(&[begin.clone(), piece.clone(), named]));
    assert!(
        matches!(&events[1], Event::ItemStart { index: 0, head: ItemHead::Call { name, .. }, .. } if name == "f")
    );
    assert_eq!(
        calls(&fold(events).unwrap()),
        [call("call_1", "f", "{\"x\":1}")]
    );

    // Never resolved: no item, no number, no tool use.
    let response = folded(&stream(&[begin, piece, done(1, message_item(&["x"]))]));
    assert_eq!(response.choices[0].items.len(), 1);
    assert_eq!(response.choices[0].stop, Some(Stop::EndTurn));
}

#[test]
fn e172_text_without_deltas_is_sent() {
    for payloads in [
        stream(&[done(0, message_item(&["one", "two"]))]),
        stream(&[
            added(0, message_item(&[])),
            done(0, message_item(&["one", "two"])),
        ]),
    ] {
        assert_eq!(texts(&folded(&payloads)), ["one", "two"]);
    }
}

#[test]
fn e173_an_empty_last_message_hides_nothing() {
    let reasoning = |text: &str| json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]});
    let body = json!({"id": "resp_1", "status": "completed", "output": [
        reasoning("a"), message_item(&["the real answer"]), reasoning("b"), message_item(&[""])]});
    let events = OpenAiResponses
        .decode_response(&bytes(&body), &context())
        .unwrap();
    let response = fold(events).unwrap();
    assert_eq!(texts(&response), ["the real answer"]);
    assert_eq!(response.choices[0].items.len(), 3);
}

#[test]
fn e174_a_search_brings_its_query_at_the_end() {
    let item = |status: &str, action: Value| json!({"type": "web_search_call", "id": "ws_1", "status": status, "action": action});
    let whole = item("completed", json!({"type": "search", "query": "q"}));
    let mut payloads = stream(&[
        added(0, item("in_progress", Value::Null)),
        json!({"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"}),
        json!({"type": "response.web_search_call.completed", "output_index": 0, "item_id": "ws_1"}),
        done(0, whole.clone()),
    ]);
    payloads.pop();
    payloads.push(completed(json!([whole])));
    let response = folded(&payloads);
    assert_eq!(response.choices[0].items.len(), 1);
    match &response.choices[0].items[0] {
        Item::Server(tool) => {
            assert_eq!(tool.id.as_deref(), Some("ws_1"));
            assert_eq!(tool.name.as_deref(), Some("web_search"));
            assert_eq!(tool.query.as_deref(), Some("q"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(response.choices[0].stop, Some(Stop::EndTurn));
}

#[test]
fn citations_come_once() {
    let note = json!({"type": "url_citation", "start_index": 0, "end_index": 4, "title": "T", "url": "http://u"});
    let item = json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "text", "annotations": [note, note]}]});
    let response = folded(&stream(&[
        added(0, message_item(&[])),
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "text"}),
        json!({"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation_index": 0, "annotation": note}),
        done(0, item),
    ]));
    match &response.choices[0].items[0] {
        Item::Text { citations, .. } => {
            assert_eq!(citations.len(), 2);
            let Citation { url, span, .. } = &citations[0];
            assert_eq!(url.as_deref(), Some("http://u"));
            assert_eq!(*span, Some((0, 4)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn refusals_and_raw_thinking() {
    let response = folded(&stream(&[
        added(0, json!({"type": "reasoning", "id": "rs"})),
        json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "reasoning_text", "text": ""}}),
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "thin"}),
        json!({"type": "response.refusal.delta", "output_index": 1, "content_index": 0, "delta": "n"}),
        json!({"type": "response.refusal.done", "output_index": 1, "content_index": 0, "refusal": "no"}),
        done(
            0,
            json!({"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "think"}]}),
        ),
    ]));
    assert!(
        matches!(&response.choices[0].items[0], Item::Reasoning { text, .. } if text == "think")
    );
    assert_eq!(response.choices[0].items[1], Item::Refusal("no".to_owned()));
}

#[test]
fn names_are_the_clients() {
    let mut names = NameMap::default();
    names.insert("a very long name", "a_very_long_name");
    let mut context = context();
    context.notes.names = names;
    let events = events_in(
        &context,
        &stream(&[done(
            0,
            call_item("fc_1", "call_1", "a_very_long_name", "{}"),
        )]),
    );
    assert_eq!(
        calls(&fold(events).unwrap()),
        [call("call_1", "a very long name", "{}")]
    );
}

fn incomplete(reason: &str, output: Value) -> Value {
    json!({"type": "response.incomplete", "response": {"id": "resp_1", "status": "incomplete",
        "incomplete_details": {"reason": reason}, "output": output}})
}

#[test]
fn e218_a_cut_call_keeps_its_raw_arguments() {
    let cut = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"x\":4", "status": "incomplete"});
    let mut payloads = stream(&[
        added(0, call_item("fc_1", "call_1", "f", "")),
        args_delta(0, "fc_1", "{\"x\":4"),
        done(0, cut.clone()),
    ]);
    payloads.pop();
    payloads.push(incomplete("max_output_tokens", json!([cut])));
    let response = folded(&payloads);
    assert_eq!(calls(&response), [call("call_1", "f", "{\"x\":4")]);
    assert_eq!(response.choices[0].stop, Some(Stop::MaxTokens));
}

#[test]
fn e219_incomplete_keeps_its_word() {
    for (reason, stop) in [
        ("max_output_tokens", Stop::MaxTokens),
        ("content_filter", Stop::ContentFilter(None)),
    ] {
        for item in [message_item(&["x"]), call_item("fc", "call_1", "f", "{}")] {
            let mut payloads = stream(&[done(0, item)]);
            payloads.pop();
            payloads.push(incomplete(reason, json!([])));
            let response = folded(&payloads);
            assert_eq!(response.choices[0].stop, Some(stop.clone()));
            assert_eq!(response.choices[0].native_stop.as_deref(), Some(reason));
        }
    }
}

#[test]
fn e222_a_stop_sequence_is_named() {
    let mut payloads = stream(&[done(0, message_item(&["x"]))]);
    payloads.last_mut().unwrap()["response"]["stop_sequence"] = json!("\nEND");
    assert_eq!(
        folded(&payloads).choices[0].stop,
        Some(Stop::StopSequence(Some("\nEND".to_owned())))
    );
}

#[test]
fn e238_errors_inside_the_stream() {
    let failure =
        failed(&[json!({"type": "error", "code": "cyber_policy", "message": "no", "param": null})]);
    assert_eq!(failure.status, 400);
    assert_eq!(failure.error_type.as_deref(), Some("invalid_request_error"));
    assert_eq!(failure.message, "no");

    let failure =
        failed(&[json!({"type": "error", "error": {}, "error_type": "overloaded_error"})]);
    assert_eq!(failure.error_type.as_deref(), Some("overloaded_error"));
    assert_eq!(failure.message, "overloaded_error");
    assert_eq!(failure.kind, FailureKind::Overloaded);

    let failure = failed(&[
        json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "Please try again in 1.3s."}}}),
    ]);
    assert_eq!(failure.status, 429);
    assert_eq!(failure.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(2)));

    let failure = failed(&[
        json!({"type": "error", "message": "Selected model is at capacity. Please try a different model."}),
    ]);
    assert_eq!(
        (failure.status, failure.kind),
        (429, FailureKind::RateLimit)
    );

    let failure =
        failed(&[json!({"type": "error", "code": "server_is_overloaded", "message": "m"})]);
    assert_eq!(
        (failure.status, failure.kind),
        (503, FailureKind::Overloaded)
    );
}

#[test]
fn e243_one_unreadable_event_is_skipped() {
    let mut decoder = OpenAiResponses.event_decoder(&context());
    let mut out = Vec::new();
    let good: Vec<String> = stream(&[done(0, message_item(&["x"]))])
        .iter()
        .map(Value::to_string)
        .collect();
    decoder.decode(&Frame::of_data(None, &good[0]), &mut out);
    decoder.decode(&Frame::of_data(None, "{\"type\":\"resp"), &mut out);
    for data in &good[1..] {
        decoder.decode(&Frame::of_data(None, data), &mut out);
    }
    decoder.finish(&mut out);
    assert_eq!(texts(&fold(out).unwrap()), ["x"]);

    // As the last one it is a fault.
    let mut decoder = OpenAiResponses.event_decoder(&context());
    let mut out = Vec::new();
    decoder.decode(&Frame::of_data(None, &good[0]), &mut out);
    decoder.decode(&Frame::of_data(None, "{\"type\":\"resp"), &mut out);
    decoder.finish(&mut out);
    assert!(
        matches!(out.last(), Some(Event::Error(failure)) if failure.message.contains("no JSON"))
    );
}

#[test]
fn a_stream_that_closes_early_is_an_error() {
    let mut payloads = stream(&[done(0, message_item(&["x"]))]);
    payloads.pop();
    let failure = failed(&payloads);
    assert_eq!(failure.status, 502);
    assert_eq!(failure.message, "stream closed before response.completed");
    assert_eq!(failed(&[]).status, 502);
}

#[test]
fn e252_chat_chunks_are_named_as_such() {
    let chunk = json!({"id": "x", "object": "chat.completion.chunk", "choices": [{"delta": {"content": "hi"}}]});
    let failure = failed(&[chunk]);
    assert!(failure.message.contains("chat"), "{}", failure.message);
    let body = json!({"id": "x", "object": "chat.completion", "choices": []});
    let events = OpenAiResponses
        .decode_response(&bytes(&body), &context())
        .unwrap();
    assert!(matches!(&events[..], [Event::Error(_)]));
}

#[test]
fn e254_wrapped_calls_are_taken_apart() {
    let arguments = json!({"tool_uses": [
        {"recipient_name": "functions.weather", "parameters": {"location": "SF"}},
        {"recipient_name": "functions.attractions", "parameters": {"city": "Rome"}},
    ]})
    .to_string();
    let payloads = stream(&[
        added(
            0,
            call_item("fc_1", "call_1", "multi_tool_use.parallel", ""),
        ),
        args_delta(0, "fc_1", &arguments),
        done(
            0,
            call_item("fc_1", "call_1", "multi_tool_use.parallel", &arguments),
        ),
    ]);
    let mut context = context();
    context.client_body = bytes(&json!({"tools": [
        {"type": "function", "function": {"name": "weather"}},
        {"name": "attractions", "input_schema": {}},
    ]}));
    let response = fold(events_in(&context, &payloads)).unwrap();
    assert_eq!(
        calls(&response),
        [
            call("call_1_0", "weather", "{\"location\":\"SF\"}"),
            call("call_1_1", "attractions", "{\"city\":\"Rome\"}"),
        ]
    );
    assert_eq!(response.choices[0].stop, Some(Stop::ToolUse));

    // Not every inner tool is declared: the call stays one.
    context.client_body = bytes(&json!({"tools": [{"name": "weather"}]}));
    let response = fold(events_in(&context, &payloads)).unwrap();
    assert_eq!(
        calls(&response),
        [call("call_1", "multi_tool_use.parallel", &arguments)]
    );
}

#[test]
fn whole_replies_that_are_none() {
    for (body, status) in [
        (
            json!({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}, "output": []}),
            429,
        ),
        (
            json!({"error": {"message": "m", "type": "invalid_request_error"}}),
            400,
        ),
        (json!({"status": "in_progress", "output": []}), 502),
        (json!({"x": 1}), 502),
    ] {
        let events = OpenAiResponses
            .decode_response(&bytes(&body), &context())
            .unwrap();
        match &events[..] {
            [Event::Error(failure)] => assert_eq!(failure.status, status, "{body}"),
            other => panic!("{other:?}"),
        }
    }
    let none = Bytes::from_static(b"<html>");
    assert!(OpenAiResponses.decode_response(&none, &context()).is_err());
}

#[test]
fn e233_cache_writes_are_counted_when_said() {
    for (details, want) in [
        (json!({"cached_tokens": 1}), None),
        (
            json!({"cached_tokens": 1, "cache_write_tokens": 0}),
            Some(0),
        ),
        (
            json!({"cached_tokens": 1, "cache_write_tokens": 5}),
            Some(5),
        ),
    ] {
        let body = json!({"status": "completed", "output": [message_item(&["x"])], "usage": {
            "input_tokens": 9, "input_tokens_details": details, "output_tokens": 1}});
        let events = OpenAiResponses
            .decode_response(&bytes(&body), &context())
            .unwrap();
        assert_eq!(fold(events).unwrap().usage.cache_write, want);
    }
}

#[test]
fn e170_a_late_end_of_a_part_opens_nothing() {
    let events = events_in(
        &context(),
        &stream(&[
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "text"}),
            added(1, call_item("a", "call_1", "f", "")),
            added(2, call_item("b", "call_2", "g", "")),
            json!({"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "text"}}),
            done(0, message_item(&["text"])),
            done(1, call_item("a", "call_1", "f", "{}")),
            done(2, call_item("b", "call_2", "g", "{}")),
        ]),
    );
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::ItemStart { .. })), 3);
    assert_eq!(count(|event| matches!(event, Event::ItemStop { .. })), 3);
}
