//! Heads, ends, counts and errors.

use super::*;

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
fn e238_errors_of_others_get_a_type_of_this_protocol() {
    let mut policy = Failure::new(400, "not allowed").with_code("cyber_policy");
    policy.error_type = Some("invalid_prompt".to_owned());
    let mut busy = Failure::new(503, "busy");
    busy.error_type = Some("overloaded_error".to_owned());
    for (failure, want) in [
        (policy, "invalid_request_error"),
        (busy, "overloaded_error"),
    ] {
        let message = failure.message.clone();
        let data = data_of(&encode_events(
            vec![start(), Event::Error(Box::new(failure))],
            &context(),
        ));
        assert_eq!(data[0]["error"], json!({"type": want, "message": message}));
    }
}
