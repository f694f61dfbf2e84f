//! §14, §15: stop reasons and usage.

use crate::answer::chunk;
use crate::digest::{self, Class};
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said::{self, candidate};
use protocol::Dialect;
use serde_json::{Value, json};

/// The word with which a client's stream says why it ended.
fn word(client: Dialect, told: &Told) -> String {
    let found = match client {
        C | L => told
            .all("/choices/0/finish_reason")
            .into_iter()
            .rev()
            .find(|word| word.is_string()),
        R => match told.last()["response"]["incomplete_details"].get("reason") {
            Some(reason) => Some(reason),
            None => told.last()["response"].get("status"),
        },
        A => told.all("/delta/stop_reason").pop(),
        G => told.all("/candidates/0/finishReason").pop(),
    };
    found.and_then(Value::as_str).unwrap_or("?").to_owned()
}

fn call_chunk(arguments: &str) -> Value {
    chunk(
        json!({"role": "assistant", "tool_calls": [{"index": 0, "id": "c1", "type": "function",
            "function": {"name": "f", "arguments": arguments}}]}),
        Value::Null,
    )
}

fn finish(word: &str) -> Value {
    chunk(json!({}), json!(word))
}

const DONE: &str = "[DONE]";

#[test]
fn e217_the_calls_decide() {
    for (payloads, want) in [
        (
            [
                chunk(json!({"content": "x"}), Value::Null),
                finish("tool_calls"),
                json!(DONE),
            ],
            "end_turn",
        ),
        ([call_chunk("{}"), finish("stop"), json!(DONE)], "tool_use"),
    ] {
        let told = pair(A, C).tell(&payloads);
        assert_eq!(word(A, &told), want);
        assert_eq!(grammar::check(A, &told), Ok(End::Well));
    }
}

#[test]
fn e218_a_call_that_the_limit_cut() {
    let payloads = [call_chunk("{\"a\":\"x"), finish("length"), json!(DONE)];
    for (client, want) in [
        (A, "max_tokens"),
        (R, "max_output_tokens"),
        (G, "MAX_TOKENS"),
    ] {
        let told = pair(client, C).tell(&payloads);
        assert_eq!(word(client, &told), want);
        assert_eq!(grammar::check(client, &told), Ok(End::Well), "{client:?}");
    }
    let told = pair(R, C).tell(&payloads);
    assert_eq!(told.last()["type"], "response.incomplete");
    let item = &told.last()["response"]["output"][0];
    assert_eq!(item["status"], "incomplete");
    assert_eq!(item["arguments"], "{\"a\":\"x");
    // Other upstreams, and the chat client.
    let blocks = vec![
        json!({"type": "content_block_start", "index": 0,
               "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0,
               "delta": {"type": "input_json_delta", "partial_json": "{\"a\":\"x"}}),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    let told = pair(C, A).tell(&said::message_stream(blocks.clone(), "max_tokens"));
    assert_eq!(word(C, &told), "length");
    let told = pair(R, A).tell(&said::message_stream(blocks, "max_tokens"));
    assert_eq!(told.last()["response"]["output"][0]["status"], "incomplete");
    assert_eq!(
        told.last()["response"]["output"][0]["arguments"],
        "{\"a\":\"x"
    );
}

#[test]
fn e219_incomplete_replies_for_chat() {
    for (reason, with_call, want) in [
        ("max_output_tokens", false, "length"),
        ("max_output_tokens", true, "length"),
        ("content_filter", false, "content_filter"),
    ] {
        let mut payloads = if with_call {
            said::call(R, "c1", "f", "{}")
        } else {
            said::text(R, "hi")
        };
        let last = payloads.last_mut().unwrap();
        last["type"] = json!("response.incomplete");
        last["response"]["status"] = json!("incomplete");
        last["response"]["incomplete_details"] = json!({"reason": reason});
        let told = pair(C, R).tell(&payloads);
        assert_eq!(word(C, &told), want);
        let native = told.all("/choices/0/native_finish_reason");
        assert_eq!(**native.last().unwrap(), reason);
    }
}

#[test]
fn e220_whole_calls_of_gemini_at_the_limit() {
    let call = json!([{"functionCall": {"id": "c", "name": "f", "args": {}}}]);
    for (parts, want) in [(call, "tool_calls"), (json!([{"text": "hi"}]), "length")] {
        let told = pair(C, G).tell(&[candidate(parts, json!("MAX_TOKENS"))]);
        assert_eq!(word(C, &told), want);
    }
}

#[test]
fn e221_refusals_of_anthropic() {
    for stop in ["refusal", "sensitive"] {
        let mut payloads = said::text(A, "I must");
        let at = payloads.len() - 2;
        payloads[at]["delta"]["stop_reason"] = json!(stop);
        let told = pair(C, A).tell(&payloads);
        assert_eq!(word(C, &told), "content_filter", "{stop}");
        let told = pair(R, A).tell(&payloads);
        assert_eq!(told.last()["type"], "response.incomplete", "{stop}");
        assert_eq!(word(R, &told), "content_filter", "{stop}");
        let told = pair(G, A).tell(&payloads);
        assert_eq!(word(G, &told), "SAFETY", "{stop}");
    }
}

#[test]
fn e222_stop_sequences_for_anthropic_clients() {
    let mut payloads = said::text(R, "hi");
    payloads.last_mut().unwrap()["response"]["stop_sequence"] = json!("\nEND");
    let told = pair(A, R).tell(&payloads);
    assert_eq!(
        told.one("message_delta")["delta"],
        json!({"stop_reason": "stop_sequence", "stop_sequence": "\nEND"})
    );
    let mut payloads = said::text(R, "hi");
    let last = payloads.last_mut().unwrap();
    last["type"] = json!("response.incomplete");
    last["response"]["status"] = json!("incomplete");
    last["response"]["incomplete_details"] = json!({"reason": "content_filter"});
    assert_eq!(word(A, &pair(A, R).tell(&payloads)), "refusal");
}

#[test]
fn e223_words_of_anthropic_for_chat() {
    for (stop, want) in [
        ("pause_turn", "stop"),
        ("model_context_window_exceeded", "length"),
        ("compaction", "stop"),
        ("stop_sequence", "stop"),
    ] {
        let mut payloads = said::text(A, "hi");
        let at = payloads.len() - 2;
        payloads[at]["delta"]["stop_reason"] = json!(stop);
        let told = pair(C, A).tell(&payloads);
        assert_eq!(word(C, &told), want, "{stop}");
        let native = told.all("/choices/0/native_finish_reason");
        assert_eq!(**native.last().unwrap(), stop);
    }
}

#[test]
fn e224_refusals_of_chat() {
    let payloads = [
        chunk(json!({"role": "assistant", "refusal": "I "}), Value::Null),
        chunk(json!({"refusal": "won't"}), Value::Null),
        finish("stop"),
        json!(DONE),
    ];
    let told = pair(C, C).tell(&payloads);
    let text: String = told
        .all("/choices/0/delta/refusal")
        .iter()
        .filter_map(|t| t.as_str())
        .collect();
    assert_eq!(text, "I won't");
    let told = pair(A, C).tell(&payloads);
    assert_eq!(said::text_of(A, &told.data), "I won't");
    assert_eq!(word(A, &told), "end_turn");
    let told = pair(R, C).tell(&payloads);
    let output = &told.last()["response"]["output"];
    assert_eq!(
        output[0]["content"][0],
        json!({"type": "refusal", "refusal": "I won't"})
    );
    let told = pair(G, C).tell(&payloads);
    assert_eq!(said::text_of(G, &told.data), "I won't");
}

#[test]
fn e225_words_of_other_vendors() {
    let said_something = |word: &str| {
        vec![
            chunk(json!({"role": "assistant", "content": "hi"}), Value::Null),
            finish(word),
            json!(DONE),
        ]
    };
    let said_nothing = |word: &str| {
        vec![
            chunk(json!({"role": "assistant", "content": ""}), Value::Null),
            finish(word),
            json!(DONE),
        ]
    };
    for client in [R, A, G] {
        let end = |payloads: &[Value]| {
            let told = pair(client, C).tell(payloads);
            let end = grammar::check(client, &told).unwrap();
            if end == End::Well {
                let stream = sse(client, &told.data);
                let digest = digest::of(&digest::read(client, &stream).unwrap());
                assert_eq!(digest.stop, Class::End, "{client:?}");
            }
            end
        };
        assert_eq!(end(&said_something("eos")), End::Well, "{client:?}");
        assert_eq!(end(&said_something("error")), End::Failed, "{client:?}");
        assert_eq!(
            end(&said_something("insufficient_system_resource")),
            End::Well,
            "{client:?}"
        );
        assert_eq!(end(&said_something("whatever")), End::Well, "{client:?}");
        assert_eq!(
            end(&said_nothing("insufficient_system_resource")),
            End::Failed,
            "{client:?}"
        );
        assert_eq!(end(&said_nothing("whatever")), End::Failed, "{client:?}");
        assert_eq!(end(&said_nothing("eos")), End::Well, "{client:?}");
    }
}

/// Usage of a client's stream.
fn usage(client: Dialect, upstream: Dialect, payloads: &[Value]) -> Value {
    let pair = pair(client, upstream);
    let mut context = pair.context();
    context.include_usage = true;
    let told = pair.told(&context, payloads);
    let at = match client {
        C | L => "/usage",
        R => "/response/usage",
        A => "/usage",
        G => "/usageMetadata",
    };
    told.all(at)
        .into_iter()
        .rev()
        .find(|usage| usage.is_object())
        .cloned()
        .unwrap_or_default()
}

fn anthropic_with(start: Value, end: Value) -> Vec<Value> {
    let mut payloads = said::text(A, "hi");
    payloads[0]["message"]["usage"] = start;
    let at = payloads.len() - 2;
    payloads[at]["usage"] = end;
    payloads
}

#[test]
fn e226_counts_of_anthropic_for_chat() {
    let payloads = anthropic_with(
        json!({"input_tokens": 13, "cache_read_input_tokens": 22_000,
               "cache_creation_input_tokens": 31, "output_tokens": 1}),
        json!({"output_tokens": 4}),
    );
    let usage = usage(C, A, &payloads);
    assert_eq!(usage["prompt_tokens"], 22_044);
    assert_eq!(usage["completion_tokens"], 4);
    assert_eq!(usage["total_tokens"], 22_048);
    let details = &usage["prompt_tokens_details"];
    assert_eq!(details["cached_tokens"], 22_000);
    assert_eq!(details["cache_write_tokens"], 31);
}

#[test]
fn e227_later_counts_replace() {
    let payloads = anthropic_with(
        json!({"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}),
        json!({"input_tokens": 12, "cache_read_input_tokens": 0, "output_tokens": 9}),
    );
    for (client, input, output) in [
        (C, "prompt_tokens", "completion_tokens"),
        (R, "input_tokens", "output_tokens"),
        (G, "promptTokenCount", "candidatesTokenCount"),
    ] {
        let usage = usage(client, A, &payloads);
        assert_eq!(usage[input], 17, "{client:?}: {usage}");
        assert_eq!(usage[output], 9, "{client:?}: {usage}");
    }
}

#[test]
fn e228_cache_counts_for_anthropic_clients() {
    let mut chat = said::text(C, "hi");
    let at = chat.len() - 2;
    chat[at]["usage"] = json!({"prompt_tokens": 1000, "completion_tokens": 7, "total_tokens": 1007,
        "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200}});
    let mut responses = said::text(R, "hi");
    responses.last_mut().unwrap()["response"]["usage"] = json!({"input_tokens": 1000,
        "output_tokens": 7, "total_tokens": 1007,
        "input_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200}});
    for (upstream, payloads) in [(C, chat), (R, responses)] {
        let told = pair(A, upstream).tell(&payloads);
        let usage = &told.one("message_delta")["usage"];
        assert_eq!(usage["input_tokens"], 500, "{upstream:?}");
        assert_eq!(usage["cache_read_input_tokens"], 300, "{upstream:?}");
        assert_eq!(usage["cache_creation_input_tokens"], 200, "{upstream:?}");
        assert_eq!(usage["output_tokens"], 7, "{upstream:?}");
    }
}

fn gemini_with(usage: Value) -> [Value; 2] {
    let mut first = candidate(json!([{"text": "a"}]), Value::Null);
    first["usageMetadata"] = json!({"promptTokenCount": 5, "candidatesTokenCount": 1});
    let mut last = candidate(json!([{"text": "b"}]), json!("STOP"));
    last["usageMetadata"] = usage;
    [first, last]
}

#[test]
fn e229_e230_e231_counts_of_gemini() {
    let full = json!({"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 1,
                      "cachedContentTokenCount": 3, "totalTokenCount": 8});
    let counts = usage(C, G, &gemini_with(full.clone()));
    assert_eq!(counts["prompt_tokens"], 5);
    assert_eq!(counts["completion_tokens"], 3);
    assert_eq!(counts["total_tokens"], 8);
    assert_eq!(counts["prompt_tokens_details"]["cached_tokens"], 3);
    assert_eq!(counts["completion_tokens_details"]["reasoning_tokens"], 1);
    let mut context = pair(C, G).context();
    context.include_usage = true;
    let told = pair(C, G).told(&context, &gemini_with(full.clone()));
    let shown = told
        .all("/usage")
        .iter()
        .filter(|usage| usage.is_object())
        .count();
    assert_eq!(shown, 1);
    let with_usage = told
        .data
        .iter()
        .find(|data| data["usage"].is_object())
        .unwrap();
    assert_eq!(with_usage["choices"], json!([]));
    for (thoughts, want) in [(Some(4), 4), (None, 0)] {
        let mut missing = json!({"promptTokenCount": 5, "totalTokenCount": 5});
        if let Some(thoughts) = thoughts {
            missing["thoughtsTokenCount"] = json!(thoughts);
        }
        let mut payload = candidate(json!([{"text": "b"}]), json!("STOP"));
        payload["usageMetadata"] = missing;
        assert_eq!(
            usage(C, G, std::slice::from_ref(&payload))["completion_tokens"],
            want
        );
        assert_eq!(
            pair(C, G).whole(&payload)["usage"]["completion_tokens"],
            want
        );
    }
    let zero = json!({"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0});
    let [_, mut last] = gemini_with(full);
    let mut early = candidate(json!([{"text": "a"}]), Value::Null);
    early["usageMetadata"] = zero.clone();
    let order = [early.clone(), last.clone()];
    assert_eq!(usage(R, G, &order)["input_tokens"], 5);
    // Also behind the real counts.
    std::mem::swap(&mut early, &mut last);
    last["candidates"][0]["finishReason"] = json!("STOP");
    assert_eq!(usage(R, G, &[early, last])["input_tokens"], 5);
}

#[test]
fn e232_both_details_for_responses_clients() {
    for upstream in [C, A, G] {
        let counts = usage(R, upstream, &said::text(upstream, "hi"));
        assert_eq!(
            counts["input_tokens_details"]["cached_tokens"], 0,
            "{upstream:?}"
        );
        assert_eq!(
            counts["output_tokens_details"]["reasoning_tokens"], 0,
            "{upstream:?}"
        );
        assert_eq!(counts["input_tokens"], 12, "{upstream:?}");
        let whole = pair(R, upstream).whole(&said::whole(upstream, "hi"));
        let details = &whole["usage"]["output_tokens_details"];
        assert_eq!(details["reasoning_tokens"], 0, "{upstream:?}");
    }
}

#[test]
fn e233_cache_writes_for_chat() {
    for written in [None, Some(0), Some(5)] {
        let mut body = said::whole(R, "hi");
        let mut details = json!({"cached_tokens": 1});
        if let Some(written) = written {
            details["cache_write_tokens"] = json!(written);
        }
        body["usage"]["input_tokens_details"] = details;
        let told = pair(C, R).whole(&body);
        let shown = &told["usage"]["prompt_tokens_details"];
        let want = written.map(|n| json!(n));
        assert_eq!(shown.get("cache_write_tokens"), want.as_ref());
        assert_eq!(shown.get("cached_creation_tokens"), want.as_ref());
    }
}

#[test]
fn e234_the_usage_chunk() {
    for upstream in [C, R, A, G] {
        for asked in [false, true] {
            let pair = pair(C, upstream);
            let mut context = pair.context();
            context.include_usage = asked;
            let told = pair.told(&context, &said::text(upstream, "hi"));
            let name = format!("C⇐{upstream:?}, asked: {asked}");
            let (done, chunks) = told.data.split_last().unwrap();
            assert_eq!(*done, "[DONE]", "{name}");
            let counted: Vec<&Value> = chunks
                .iter()
                .filter(|chunk| chunk["usage"].is_object())
                .collect();
            assert_eq!(counted.len(), usize::from(asked), "{name}");
            if asked {
                assert_eq!(chunks.last().unwrap()["choices"], json!([]), "{name}");
                if upstream != C {
                    let rest = &chunks[..chunks.len() - 1];
                    assert!(
                        rest.iter()
                            .all(|chunk| chunk.get("usage") == Some(&Value::Null)),
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn e235_no_counts_at_all() {
    let mut chat = said::text(C, "hi");
    chat.retain(|payload| !payload["usage"].is_object());
    let mut responses = said::text(R, "hi");
    responses.last_mut().unwrap()["response"]["usage"] = Value::Null;
    let mut gemini = said::text(G, "hi");
    gemini.iter_mut().for_each(|payload| {
        payload.as_object_mut().unwrap().remove("usageMetadata");
    });
    for (upstream, payloads) in [(C, chat), (R, responses), (G, gemini)] {
        let told = pair(A, upstream).tell(&payloads);
        for usage in [
            &told.one("message_start")["message"]["usage"],
            &told.one("message_delta")["usage"],
        ] {
            assert_eq!(usage["output_tokens"], 0, "{upstream:?}");
        }
        assert_eq!(
            told.one("message_start")["message"]["usage"]["input_tokens"],
            0
        );
    }
}
