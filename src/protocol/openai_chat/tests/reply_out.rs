//! Streams and whole replies for clients.

use super::*;
use crate::canonical::{
    CallKind, Channel, Citation, Failure, Item, ItemHead, MediaSource, ReasoningShow, Reply,
    Signature, SignatureIssuer, SignaturePlace, Start, Stop, Usage, unfold,
};
use crate::codec::Dialect;
use crate::testing::{
    arguments as args, call as call_item, open, stop, text, think, thinking_head as reasoning,
};
use serde_json::json;

fn start() -> Event {
    Event::Start(Box::new(Start {
        id: Some("msg_other".to_owned()),
        ..Start::default()
    }))
}

fn finish(stop: Stop) -> Event {
    Event::Finish {
        choice: 0,
        stop,
        native: Some("native".to_owned()),
    }
}

fn call_head(id: &str, name: &str, kind: CallKind) -> ItemHead {
    ItemHead::Call {
        id: id.to_owned(),
        item_id: None,
        name: name.to_owned(),
        namespace: None,
        kind,
        caller: None,
    }
}

fn reason_item(text: &str, summary: &[&str], signature: Option<Signature>) -> Item {
    Item::Reasoning {
        text: text.to_owned(),
        summary: summary.iter().map(|part| (*part).to_owned()).collect(),
        signature,
        redacted: false,
        id: None,
    }
}

fn sign(issuer: SignatureIssuer) -> Signature {
    Signature {
        issuer,
        value: "sig".to_owned(),
        place: SignaturePlace::Here,
    }
}

fn response(items: Vec<Item>, stop: Stop) -> Response {
    Response {
        start: Start::default(),
        choices: vec![Reply {
            items,
            stop: Some(stop),
            native_stop: None,
        }],
        usage: Usage::default(),
    }
}

/// The deltas of all chunks with a choice.
fn deltas(chunks: &[Value]) -> Vec<Value> {
    chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0].get("delta").cloned())
        .collect()
}

#[test]
fn a_stream_has_the_order_of_openai() {
    let (chunks, done) = sent(vec![
        start(),
        open(0, ItemHead::Text),
        text(0, "He"),
        text(0, "llo"),
        stop(0),
        finish(Stop::EndTurn),
        Event::End,
    ]);
    assert!(done);
    assert_eq!(
        deltas(&chunks),
        [
            json!({"role": "assistant", "content": ""}),
            json!({"content": "He"}),
            json!({"content": "llo"}),
            json!({}),
        ]
    );
    assert_eq!(
        chunks[3]["choices"][0],
        json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop", "native_finish_reason": "native"})
    );
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], Value::Null);
}

#[test]
fn e249_one_id_time_and_model_on_every_chunk() {
    for (upstream, kept) in [
        (Some("chatcmpl-abc"), true),
        (Some("msg_1"), false),
        (None, false),
    ] {
        let head = Start {
            id: upstream.map(str::to_owned),
            model: Some("upstream-model".to_owned()),
            created: Some(0),
            ..Start::default()
        };
        let mut context = context();
        context.include_usage = true;
        let events = vec![
            Event::Start(Box::new(head)),
            open(0, ItemHead::Text),
            text(0, "x"),
            finish(Stop::EndTurn),
            Event::End,
        ];
        let (chunks, _) = chunks_of(&sent_with(&context, events));
        assert_eq!(chunks.len(), 4);
        for chunk in &chunks {
            assert_eq!(chunk["id"], chunks[0]["id"]);
            assert_eq!(chunk["created"], 1_700_000_000);
            assert_eq!(chunk["model"], "shown");
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert!(chunk["choices"].is_array());
        }
        let id = chunks[0]["id"].as_str().unwrap();
        assert_eq!(id == "chatcmpl-abc", kept);
        assert!(id.starts_with("chatcmpl-") && id.len() > 9);
    }
}

#[test]
fn e234_the_usage_chunk_is_for_those_who_ask() {
    let events = || {
        vec![
            start(),
            Event::Usage(Box::new(Usage {
                input_total: Some(3),
                ..Usage::default()
            })),
            open(0, ItemHead::Text),
            text(0, "x"),
            Event::Usage(Box::new(Usage {
                output_total: Some(4),
                ..Usage::default()
            })),
            finish(Stop::EndTurn),
            Event::End,
        ]
    };
    let (chunks, done) = sent(events());
    assert!(done && chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    let mut context = context();
    context.include_usage = true;
    let (chunks, done) = chunks_of(&sent_with(&context, events()));
    assert!(done);
    let (last, others) = chunks.split_last().unwrap();
    assert!(
        others
            .iter()
            .all(|chunk| chunk["usage"] == Value::Null && chunk.get("usage").is_some())
    );
    assert_eq!(last["choices"], json!([]));
    assert_eq!(
        last["usage"],
        json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
    );
}

#[test]
fn e182_call_indexes_count_calls_only() {
    let (chunks, _) = sent(vec![
        start(),
        open(0, ItemHead::Text),
        text(0, "t"),
        stop(0),
        open(1, call_head("a", "f", CallKind::Function)),
        args(1, "{\"x\""),
        open(2, call_head("b", "g", CallKind::Function)),
        args(2, ""),
        args(1, ":1}"),
        stop(1),
        stop(2),
        finish(Stop::ToolUse),
        Event::End,
    ]);
    assert_eq!(
        deltas(&chunks)[2..],
        [
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\""}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
            // No fragment came: no arguments.
            json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            json!({}),
        ]
    );
    assert_eq!(
        chunks.last().unwrap()["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[test]
fn e165_a_whole_item_fills_in_arguments_nobody_streamed() {
    let (chunks, _) = sent(vec![
        start(),
        open(0, call_head("a", "f", CallKind::Function)),
        Event::ItemStop {
            index: 0,
            whole: Some(Box::new(call_item("a", "f", "{\"x\":1}"))),
        },
        finish(Stop::ToolUse),
        Event::End,
    ]);
    assert_eq!(
        deltas(&chunks)[2],
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\":1}"}}]})
    );
}

#[test]
fn e180_calls_without_arguments_get_an_empty_object() {
    let body = answer(&response(vec![call_item("a", "f", "")], Stop::ToolUse));
    assert_eq!(
        body["choices"][0]["message"]["tool_calls"],
        json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
    );
}

#[test]
fn e218_a_cut_call_keeps_its_raw_arguments() {
    let cut = response(vec![call_item("a", "f", "{\"x\":\"b")], Stop::MaxTokens);
    let body = answer(&cut);
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(
        body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"],
        "{\"x\":\"b"
    );
    let (chunks, _) = sent(unfold(cut));
    assert_eq!(
        chunks.last().unwrap()["choices"][0]["finish_reason"],
        "length"
    );
}

#[test]
fn finish_reasons_of_the_matrix() {
    for (stop, want) in [
        (Stop::EndTurn, "stop"),
        (Stop::MaxTokens, "length"),
        (Stop::StopSequence(Some("END".to_owned())), "stop"),
        (Stop::ToolUse, "tool_calls"),
        (Stop::ContentFilter(None), "content_filter"),
        (Stop::Refusal(None), "content_filter"),
        (Stop::ContextWindow, "length"),
        (Stop::Pause, "stop"),
        (Stop::Compaction, "stop"),
        (Stop::Malformed("X".to_owned()), "stop"),
        (Stop::Other("X".to_owned()), "stop"),
    ] {
        assert_eq!(
            answer(&response(vec![Item::text("x")], stop.clone()))["choices"][0]["finish_reason"],
            want
        );
        let (chunks, _) = sent(vec![start(), finish(stop), Event::End]);
        assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], want);
    }
}

#[test]
fn e194_only_the_last_chunk_has_a_finish_reason() {
    let whole_call = |index: usize, id: &str| {
        [
            open(index, call_head(id, "f", CallKind::Function)),
            args(index, "{}"),
            stop(index),
        ]
    };
    let mut events = vec![start()];
    events.extend(whole_call(0, "a"));
    events.extend(whole_call(1, "b"));
    events.extend([finish(Stop::ToolUse), Event::End]);
    let (chunks, _) = sent(events);
    let (last, others) = chunks.split_last().unwrap();
    assert!(
        others
            .iter()
            .all(|c| c["choices"][0]["finish_reason"].is_null())
    );
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    let indexes: Vec<_> = deltas(&chunks)
        .iter()
        .filter_map(|delta| delta["tool_calls"][0]["index"].as_u64())
        .collect();
    assert_eq!(indexes, [0, 0, 1, 1]);
}

#[test]
fn e219_incomplete_replies_keep_the_upstreams_word() {
    for (stop, native, want) in [
        (Stop::MaxTokens, "max_output_tokens", "length"),
        (
            Stop::ContentFilter(None),
            "content_filter",
            "content_filter",
        ),
    ] {
        let mut whole = response(vec![Item::text("x"), call_item("a", "f", "{")], stop);
        whole.choices[0].native_stop = Some(native.to_owned());
        let choice = &answer(&whole)["choices"][0];
        assert_eq!(choice["finish_reason"], want);
        assert_eq!(choice["native_finish_reason"], native);
        let (chunks, _) = sent(unfold(whole));
        let choice = &chunks.last().unwrap()["choices"][0];
        assert_eq!(choice["finish_reason"], want);
        assert_eq!(choice["native_finish_reason"], native);
    }
}

#[test]
fn e221_a_refusal_is_a_content_filter() {
    let body = answer(&response(vec![Item::text("I cannot")], Stop::Refusal(None)));
    assert_eq!(body["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(body["choices"][0]["message"]["content"], "I cannot");
}

#[test]
fn e223_the_upstreams_own_word_is_shown() {
    let mut whole = response(vec![Item::text("x")], Stop::Pause);
    whole.choices[0].native_stop = Some("pause_turn".to_owned());
    assert_eq!(
        answer(&whole)["choices"][0]["native_finish_reason"],
        "pause_turn"
    );
}

#[test]
fn e185_an_empty_reply_has_empty_content() {
    let body = answer(&response(Vec::new(), Stop::StopSequence(None)));
    assert_eq!(
        body["choices"][0]["message"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
    assert_eq!(body["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn e203_empty_text_is_empty_content() {
    let body = answer(&response(vec![Item::text("")], Stop::EndTurn));
    assert_eq!(body["choices"][0]["message"]["content"], "");
}

#[test]
fn e189_texts_join_without_separator_and_cite() {
    let cite = |url: Option<&str>, span| Citation {
        dialect: Dialect::Anthropic,
        url: url.map(str::to_owned),
        title: Some("T".to_owned()),
        cited_text: None,
        span,
        raw: json!({}).into(),
    };
    let cited = |text: &str, citation| Item::Text {
        text: text.into(),
        citations: vec![citation],
        signature: None,
        cache: None,
        logprobs: None,
    };
    let whole = response(
        vec![
            cited("für ", cite(Some("https://a"), None)),
            cited("alle", cite(Some("https://b"), Some((1, 3)))),
            cited("!", cite(None, None)),
        ],
        Stop::EndTurn,
    );
    let want = json!([
        {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 4, "title": "T", "url": "https://a"}},
        {"type": "url_citation", "url_citation": {"start_index": 5, "end_index": 7, "title": "T", "url": "https://b"}},
    ]);
    let body = answer(&whole);
    let message = &body["choices"][0]["message"];
    assert_eq!(message["content"], "für alle!");
    assert_eq!(message["annotations"], want);
    let (chunks, _) = sent(unfold(whole));
    let all = deltas(&chunks);
    // Collected, before the finish.
    assert_eq!(all[all.len() - 2], json!({"annotations": want}));
}

#[test]
fn annotations_are_left_out_when_there_are_none() {
    let body = answer(&response(vec![Item::text("x")], Stop::EndTurn));
    assert!(body["choices"][0]["message"].get("annotations").is_none());
}

#[test]
fn e173_reasoning_items_join_with_blank_lines() {
    let whole = response(
        vec![
            reason_item("", &["first", "second"], None),
            Item::text("the real answer"),
            reason_item("third", &[], None),
            Item::text(""),
        ],
        Stop::EndTurn,
    );
    let body = answer(&whole);
    let message = &body["choices"][0]["message"];
    assert_eq!(message["content"], "the real answer");
    assert_eq!(message["reasoning_content"], "first\n\nsecond\n\nthird");
    let (chunks, _) = sent(unfold(whole));
    let streamed: String = deltas(&chunks)
        .iter()
        .filter_map(|delta| delta["reasoning_content"].as_str())
        .collect();
    assert_eq!(streamed, "first\n\nsecond\n\nthird");
}

#[test]
fn summary_parts_and_items_stand_apart_in_a_stream() {
    let (chunks, _) = sent(vec![
        start(),
        open(0, reasoning()),
        think(0, Channel::Summary(0), "a"),
        think(0, Channel::Summary(0), "b"),
        think(0, Channel::Summary(1), "c"),
        stop(0),
        open(1, reasoning()),
        think(1, Channel::Raw, "d"),
        think(1, Channel::Raw, "e"),
        stop(1),
        finish(Stop::EndTurn),
        Event::End,
    ]);
    let pieces: Vec<_> = deltas(&chunks)
        .iter()
        .filter_map(|delta| delta["reasoning_content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(pieces, ["a", "b", "\n\nc", "\n\nd", "e"]);
}

#[test]
fn hidden_thinking_is_not_sent() {
    let mut context = context();
    context.show = ReasoningShow::Hidden;
    let whole = response(
        vec![reason_item("r", &[], None), Item::text("t")],
        Stop::EndTurn,
    );
    let body = OpenAiChat.encode_response(&whole, &context);
    assert!(!String::from_utf8_lossy(&body).contains("reasoning"));
    assert!(!sent_with(&context, unfold(whole)).contains("reasoning"));
}

#[test]
fn e54_redacted_thinking_is_not_shown() {
    let blob = Item::Reasoning {
        text: String::new(),
        summary: Vec::new(),
        signature: Some(sign(SignatureIssuer::Anthropic)),
        redacted: true,
        id: None,
    };
    let whole = response(vec![blob, Item::text("t")], Stop::EndTurn);
    let body = answer(&whole).to_string();
    assert!(
        !body.contains("sig") && !body.contains("reasoning"),
        "{body}"
    );
    let text = sent_with(&context(), unfold(whole));
    assert!(
        !text.contains("sig") && !text.contains("reasoning"),
        "{text}"
    );
}

#[test]
fn reasoning_details_go_to_clients_that_know_them_and_come_back() {
    let mut context = context();
    context.client_body = Bytes::from_static(br#"{"model":"m","reasoning":{"effort":"high"}}"#);
    context.issuer = SignatureIssuer::Anthropic;
    let whole = response(
        vec![
            reason_item("why", &[], Some(sign(SignatureIssuer::Anthropic))),
            Item::text("t"),
        ],
        Stop::EndTurn,
    );
    let body: Value =
        serde_json::from_slice(&OpenAiChat.encode_response(&whole, &context)).unwrap();
    let message = &body["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "why");
    assert_eq!(
        message["reasoning_details"],
        json!([{"type": "reasoning.text", "text": "why", "signature": "sig", "format": "anthropic-claude-v1", "index": 0}])
    );
    let back =
        decode(json!({"model": "m", "messages": [{"role": "user", "content": "x"}, message]}));
    assert_eq!(back.turns[1].items, whole.choices[0].items);
    // Streamed: pieces of one index.
    let (chunks, _) = chunks_of(&sent_with(&context, unfold(whole)));
    let entries: Vec<Value> = deltas(&chunks)
        .iter()
        .flat_map(|delta| {
            delta["reasoning_details"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["text"], "why");
    assert_eq!(entries[1]["signature"], "sig");
    assert_eq!(entries[0]["index"], entries[1]["index"]);
}

#[test]
fn e61_gemini_signatures_ride_on_calls() {
    let mut item = call_item("a", "f", "{}");
    let Item::Call { signature, .. } = &mut item else {
        panic!()
    };
    *signature = Some(sign(SignatureIssuer::Gemini));
    let whole = response(vec![item], Stop::ToolUse);
    let want = json!({"google": {"thought_signature": "sig"}});
    let body = answer(&whole);
    assert_eq!(
        body["choices"][0]["message"]["tool_calls"][0]["extra_content"],
        want
    );
    let (chunks, _) = sent(unfold(whole));
    assert!(
        deltas(&chunks)
            .iter()
            .any(|delta| delta["tool_calls"][0]["extra_content"] == want
                && delta["tool_calls"][0]["index"] == 0)
    );
}

#[test]
fn e93_wrapped_custom_tools_come_back_as_free_text() {
    let mut context = context();
    context.declared.custom = vec!["patch".to_owned()];
    let whole = response(
        vec![call_item("a", "patch", "{\"input\":\"raw \\\"text\"}")],
        Stop::ToolUse,
    );
    let body: Value =
        serde_json::from_slice(&OpenAiChat.encode_response(&whole, &context)).unwrap();
    assert_eq!(
        body["choices"][0]["message"]["tool_calls"][0],
        json!({"id": "a", "type": "custom", "custom": {"name": "patch", "input": "raw \"text"}})
    );
    let (chunks, _) = chunks_of(&sent_with(&context, unfold(whole)));
    assert_eq!(
        deltas(&chunks)[1..3],
        [
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}]}),
            json!({"tool_calls": [{"index": 0, "custom": {"input": "raw \"text"}}]}),
        ]
    );
}

#[test]
fn e129_pictures_are_shown() {
    let picture = Item::Image {
        source: MediaSource::Base64 {
            mime: "image/png".to_owned(),
            data: "AAAA".to_owned(),
        },
        detail: None,
        cache: None,
    };
    let whole = response(vec![picture], Stop::EndTurn);
    let want = json!([{"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,AAAA"}}]);
    let body = answer(&whole);
    assert_eq!(body["choices"][0]["message"]["images"], want);
    let (chunks, _) = sent(unfold(whole));
    assert_eq!(deltas(&chunks)[1], json!({"images": want}));
}

#[test]
fn e130_a_reply_of_pictures_has_no_content() {
    let picture = Item::Image {
        source: MediaSource::Base64 {
            mime: "image/png".to_owned(),
            data: "AAAA".to_owned(),
        },
        detail: None,
        cache: None,
    };
    let body = answer(&response(vec![picture], Stop::EndTurn));
    assert_eq!(body["choices"][0]["message"]["content"], Value::Null);
}

#[test]
fn e224_refusals_have_their_own_field() {
    let whole = response(vec![Item::Refusal("no".to_owned())], Stop::EndTurn);
    let body = answer(&whole);
    assert_eq!(
        body["choices"][0]["message"],
        json!({"role": "assistant", "content": null, "refusal": "no"})
    );
    let (chunks, _) = sent(unfold(whole));
    assert_eq!(deltas(&chunks)[1], json!({"refusal": "no"}));
}

#[test]
fn e162_every_choice_has_its_role_and_finish() {
    let (chunks, _) = sent(vec![
        start(),
        open(0, ItemHead::Text),
        Event::ItemStart {
            index: 1,
            choice: 1,
            head: ItemHead::Text,
        },
        text(1, "b"),
        text(0, "a"),
        stop(0),
        stop(1),
        Event::Finish {
            choice: 1,
            stop: Stop::EndTurn,
            native: None,
        },
        finish(Stop::MaxTokens),
        Event::End,
    ]);
    let line: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            let choice = &chunk["choices"][0];
            (
                choice["index"].as_u64().unwrap(),
                choice["delta"]["content"]
                    .as_str()
                    .unwrap_or("-")
                    .to_owned(),
            )
        })
        .collect();
    let want = [(0, ""), (1, ""), (1, "b"), (0, "a"), (1, "-"), (0, "-")];
    assert_eq!(line, want.map(|(n, text)| (n, text.to_owned())));
}

#[test]
fn e226_usage_is_the_sum_with_its_parts() {
    let mut whole = response(vec![Item::text("x")], Stop::EndTurn);
    whole.usage = Usage {
        input_total: Some(22_044),
        cache_read: Some(22_000),
        cache_write: Some(31),
        output_total: Some(4),
        ..Usage::default()
    };
    assert_eq!(
        answer(&whole)["usage"],
        json!({"prompt_tokens": 22044, "completion_tokens": 4, "total_tokens": 22048,
            "prompt_tokens_details": {"cached_tokens": 22000, "cache_write_tokens": 31, "cached_creation_tokens": 31}})
    );
}

#[test]
fn e229_thinking_counts_as_completion() {
    let mut whole = response(vec![Item::text("x")], Stop::EndTurn);
    whole.usage = Usage {
        input_total: Some(5),
        cache_read: Some(3),
        output_total: Some(3),
        reasoning: Some(1),
        ..Usage::default()
    };
    let usage = &answer(&whole)["usage"];
    assert_eq!(usage["completion_tokens"], 3);
    assert_eq!(
        usage["completion_tokens_details"],
        json!({"reasoning_tokens": 1})
    );
    assert_eq!(usage["total_tokens"], 8);
}

#[test]
fn e230_the_three_counts_are_always_there() {
    let body = answer(&response(Vec::new(), Stop::EndTurn));
    assert_eq!(
        body["usage"],
        json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    );
}

#[test]
fn e233_cache_writes_missing_zero_and_counted() {
    for (written, want) in [(None, None), (Some(0), Some(0)), (Some(5), Some(5))] {
        let mut whole = response(vec![Item::text("x")], Stop::EndTurn);
        whole.usage.cache_read = Some(1);
        whole.usage.cache_write = written;
        let body = answer(&whole);
        let details = &body["usage"]["prompt_tokens_details"];
        for key in ["cache_write_tokens", "cached_creation_tokens"] {
            assert_eq!(details.get(key).and_then(Value::as_u64), want);
        }
    }
}

#[test]
fn e237_an_error_after_output_and_no_done() {
    let failure = Failure::new(429, "slow down\nplease");
    let text = sent_with(
        &context(),
        vec![
            start(),
            open(0, ItemHead::Text),
            text(0, "x"),
            Event::Error(Box::new(failure)),
            Event::End,
        ],
    );
    let (chunks, done) = chunks_of(&text);
    assert!(!done);
    assert_eq!(
        chunks.last().unwrap()["error"]["message"],
        "slow down\nplease"
    );
    assert_eq!(chunks.last().unwrap()["error"]["type"], "rate_limit_error");
    assert!(text.ends_with("\n\n") && !text.contains("finish_reason\":\"stop"));
}

#[test]
fn native_error_bodies_stay_on_one_line() {
    let mut failure = Failure::new(400, "m");
    failure.native = Some((
        Dialect::OpenAiChat,
        Bytes::from_static(b"{\n  \"error\": {\n    \"message\": \"m\"\n  }\n}"),
    ));
    let text = sent_with(&context(), vec![Event::Error(Box::new(failure))]);
    assert_eq!(text, "data: {\"error\":{\"message\":\"m\"}}\n\n");
}

#[test]
fn e141_quiet_streams_get_comments() {
    let text = sent_with(&context(), vec![Event::KeepAlive]);
    assert_eq!(text, ": keep-alive\n\n");
    assert_eq!(OpenAiChat.keep_alive(true), b": keep-alive\n\n");
    assert_eq!(OpenAiChat.keep_alive(false), b": keep-alive\n\n");
}

#[test]
fn e242_overload_is_503_for_openai_clients() {
    assert_eq!(OpenAiChat.failure_status(&Failure::new(529, "busy")), 503);
}

#[test]
fn logprobs_ride_beside_their_text() {
    let raw = json!([{"token": "x", "logprob": -0.5}]);
    let whole = response(
        vec![Item::Text {
            text: "x".into(),
            citations: Vec::new(),
            signature: None,
            cache: None,
            logprobs: Some(raw.clone().into()),
        }],
        Stop::EndTurn,
    );
    let want = json!({"content": raw, "refusal": null});
    assert_eq!(answer(&whole)["choices"][0]["logprobs"], want);
    let (chunks, _) = sent(unfold(whole));
    assert_eq!(chunks[1]["choices"][0]["logprobs"], want);
    assert_eq!(chunks[0]["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn e255_what_is_sent_whole_and_streamed_is_the_same() {
    let whole = response(
        vec![
            reason_item("why", &[], None),
            Item::text("a \"quoted\" \u{1}ü"),
            call_item("c1", "f", "{\"x\":1}"),
            call_item("c2", "g", ""),
        ],
        Stop::ToolUse,
    );
    let body = OpenAiChat.encode_response(&whole, &context());
    let from_whole = folded(OpenAiChat.decode_response(&body, &context()).unwrap());
    let text = sent_with(&context(), unfold(whole));
    let mut decoder = OpenAiChat.event_decoder(&context());
    let mut events = Vec::new();
    let mut parser = SseParser::new();
    parser
        .push(text.as_bytes(), |frame| decoder.decode(frame, &mut events))
        .unwrap();
    decoder.finish(&mut events);
    let from_stream = folded(events);
    assert_eq!(from_stream.choices, from_whole.choices);
    assert_eq!(from_stream.start, from_whole.start);
}
