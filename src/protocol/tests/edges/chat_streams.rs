//! §9: chat upstream, stream decoding.

use crate::answer::chunk;
use crate::digest::{self, Class, Digest};
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said;
use protocol::Dialect;
use protocol::canonical::fold;
use serde_json::{Value, json};

const CLIENTS: [Dialect; 3] = [R, A, G];

/// A chunk that tells something of calls.
fn calls(calls: Value) -> Value {
    chunk(json!({"tool_calls": calls}), Value::Null)
}

fn finish(word: &str) -> Value {
    chunk(json!({}), json!(word))
}

fn text(text: &str) -> Value {
    chunk(json!({"content": text}), Value::Null)
}

/// What every client reads from these chunks, `[DONE]` put behind; all the same but for ids.
#[track_caller]
fn read(payloads: &[Value]) -> Digest {
    let mut payloads = payloads.to_vec();
    payloads.push(json!("[DONE]"));
    let digests = CLIENTS.map(|client| {
        let told = pair(client, C).tell(&payloads);
        assert_eq!(
            grammar::check(client, &told),
            Ok(End::Well),
            "{client:?}: {told:#?}"
        );
        let stream = sse(client, &told.data);
        let mut digest = digest::of(&digest::read(client, &stream).unwrap());
        for (id, ..) in &mut digest.calls {
            assert!(!id.is_empty(), "{client:?}");
        }
        let ids: Vec<String> = digest.calls.iter().map(|(id, ..)| id.clone()).collect();
        for (n, id) in ids.iter().enumerate() {
            assert!(!ids[..n].contains(id), "{client:?}: {ids:?}");
        }
        digest
    });
    for (client, digest) in CLIENTS.iter().zip(&digests) {
        let without_ids = |digest: &Digest| {
            let mut digest = digest.clone();
            digest.calls.iter_mut().for_each(|(id, ..)| id.clear());
            digest
        };
        assert_eq!(without_ids(digest), without_ids(&digests[0]), "{client:?}");
    }
    let [of_responses, ..] = digests;
    of_responses
}

/// Ids, names and arguments of the calls.
#[track_caller]
fn read_calls(payloads: &[Value]) -> Vec<(String, String, Value)> {
    let digest = read(payloads);
    assert_eq!(digest.stop, Class::Calls);
    digest.calls
}

fn call(id: &str, name: &str, arguments: Value) -> (String, String, Value) {
    (id.to_owned(), name.to_owned(), arguments)
}

#[test]
fn e143_arguments_that_look_complete_too_early() {
    let got = read_calls(&[
        calls(json!([{"index": 0, "id": "c1", "type": "function",
            "function": {"name": "f", "arguments": "{\"a\":1}"}}])),
        calls(json!([{"index": 0, "function": {"arguments": " "}}])),
        calls(json!([{"index": 0, "function": {"arguments": "\n"}}])),
        finish("tool_calls"),
    ]);
    assert_eq!(got, [call("c1", "f", json!({"a": 1}))]);
    let told = pair(R, C).tell(&[
        calls(json!([{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "12"}}])),
        calls(json!([{"index": 0, "function": {"arguments": "3"}}])),
        finish("tool_calls"),
        json!("[DONE]"),
    ]);
    assert_eq!(
        told.one("response.function_call_arguments.done")["arguments"],
        "123"
    );
}

#[test]
fn e144_a_whole_call_in_one_chunk() {
    let payload = chunk(
        json!({"role": "assistant", "tool_calls": [{"index": 0, "id": "c1", "type": "function",
            "function": {"name": "f", "arguments": "{\"a\":1}"}}]}),
        json!("tool_calls"),
    );
    assert_eq!(
        read_calls(std::slice::from_ref(&payload)),
        [call("c1", "f", json!({"a": 1}))]
    );
    let told = pair(A, C).tell(&[payload, json!("[DONE]")]);
    assert_eq!(
        told.kinds(),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
}

#[test]
fn e145_names_and_ids_repeated() {
    for again in [
        json!({"name": null}),
        json!({"name": ""}),
        json!({"name": "f"}),
    ] {
        let mut more = again;
        more["arguments"] = json!("1}");
        for id in [Value::Null, json!("c1"), json!("")] {
            let mut later = json!({"index": 0, "function": more});
            if !id.is_null() {
                later["id"] = id.clone();
            }
            let got = read_calls(&[
                calls(json!([{"index": 0, "id": "c1", "type": "function",
                    "function": {"name": "f", "arguments": "{\"a\":"}}])),
                calls(json!([later])),
                finish("tool_calls"),
            ]);
            assert_eq!(got, [call("c1", "f", json!({"a": 1}))], "{later}");
        }
    }
}

#[test]
fn e146_names_and_ids_that_come_late() {
    let first = json!({"index": 0, "function": {"arguments": "{\"a\""}});
    for later in [
        vec![json!({"index": 0, "id": "c1", "function": {"name": "f", "arguments": ":1}"}})],
        vec![
            json!({"index": 0, "id": "c1"}),
            json!({"index": 0, "function": {"name": "f", "arguments": ":1}"}}),
        ],
        vec![
            json!({"index": 0, "function": {"name": "f", "arguments": ":1}"}}),
            json!({"index": 0, "id": "c1"}),
        ],
    ] {
        let mut payloads = vec![calls(json!([first]))];
        payloads.extend(later.iter().map(|delta| calls(json!([delta]))));
        payloads.push(finish("tool_calls"));
        assert_eq!(
            read_calls(&payloads),
            [call("c1", "f", json!({"a": 1}))],
            "{later:?}"
        );
    }
}

#[test]
fn e147_what_never_comes() {
    let got = read_calls(&[
        calls(json!([{"index": 0, "function": {"name": "f", "arguments": "{}"}}])),
        finish("tool_calls"),
    ]);
    assert_eq!((got[0].1.as_str(), &got[0].2), ("f", &json!({})));
    let got = read_calls(&[
        calls(json!([{"index": 0, "id": "c0", "function": {"name": "f", "arguments": "{}"}}])),
        calls(json!([{"index": 1, "id": "c1", "function": {"arguments": "{\"a\":1}"}}])),
        finish("tool_calls"),
    ]);
    assert_eq!(got[1], call("c1", "tool_1", json!({"a": 1})));
    let digest = read(&[
        calls(json!([{"index": 0}])),
        text("hm"),
        finish("tool_calls"),
    ]);
    assert_eq!((digest.calls.len(), digest.stop), (0, Class::End));
}

#[test]
fn e148_empty_ids_of_a_whole_reply() {
    let made = |path: &str| {
        json!({"id": "", "type": "function",
               "function": {"name": "f", "arguments": json!({"p": path}).to_string()}})
    };
    let body = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant",
            "content": null, "tool_calls": [made("a"), made("b")]}}]});
    let ids = |client| -> Vec<Value> {
        let told = pair(client, C).whole(&body);
        let at = |n: usize| match client {
            R => told["output"][n]["call_id"].clone(),
            A => told["content"][n]["id"].clone(),
            _ => told["candidates"][0]["content"]["parts"][n]["functionCall"]["id"].clone(),
        };
        vec![at(0), at(1)]
    };
    for client in CLIENTS {
        let ids = ids(client);
        assert!(
            ids.iter()
                .all(|id| id.as_str().is_some_and(|id| !id.is_empty())),
            "{ids:?}"
        );
        assert_ne!(ids[0], ids[1], "{client:?}");
    }
}

#[test]
fn e149_indexes_that_lie() {
    let whole = |index: Value, id: &str, n: u32| {
        let mut delta = json!({"id": id, "type": "function",
            "function": {"name": "f", "arguments": json!({"n": n}).to_string()}});
        if !index.is_null() {
            delta["index"] = index;
        }
        delta
    };
    let want = [
        call("a", "f", json!({"n": 0})),
        call("b", "f", json!({"n": 1})),
        call("c", "f", json!({"n": 2})),
    ];
    for indexes in [
        [json!(0), json!(0), json!(0)],
        [Value::Null, Value::Null, Value::Null],
        [json!(1), json!(2), json!(3)],
    ] {
        let deltas: Vec<Value> = indexes
            .iter()
            .zip(["a", "b", "c"])
            .zip(0..)
            .map(|((index, id), n)| whole(index.clone(), id, n))
            .collect();
        let apart: Vec<Value> = deltas
            .iter()
            .map(|delta| calls(json!([delta])))
            .chain([finish("tool_calls")])
            .collect();
        assert_eq!(read_calls(&apart), want, "{indexes:?}");
        let together = [calls(json!(deltas)), finish("tool_calls")];
        assert_eq!(read_calls(&together), want, "{indexes:?}");
    }
    // No index: fragments belong to the call of that id, else to the last one.
    let got = read_calls(&[
        calls(json!([{"id": "a", "function": {"name": "f", "arguments": "{\"n\""}}])),
        calls(json!([{"function": {"arguments": ":0}"}}])),
        calls(json!([{"id": "b", "function": {"name": "f", "arguments": "{\"n\""}}])),
        calls(json!([{"function": {"arguments": ":1}"}}])),
        finish("tool_calls"),
    ]);
    assert_eq!(got, want[..2]);
    // Held back by missing ids: they come out by their index.
    let got = read_calls(&[
        calls(json!([{"index": 2, "function": {"name": "f", "arguments": "{\"n\":2}"}}])),
        calls(json!([{"index": 0, "function": {"name": "f", "arguments": "{\"n\":0}"}}])),
        calls(json!([{"index": 1, "function": {"name": "f", "arguments": "{\"n\":1}"}}])),
        finish("tool_calls"),
    ]);
    let order: Vec<&Value> = got.iter().map(|(.., args)| &args["n"]).collect();
    assert_eq!(order, [&json!(0), &json!(1), &json!(2)]);
}

#[test]
fn e150_e151_e152_empty_things_between_fragments() {
    let empty = chunk(
        json!({"content": "", "tool_calls": null, "role": ""}),
        Value::Null,
    );
    let null = chunk(json!({"content": null, "tool_calls": null}), Value::Null);
    let got = [
        calls(json!([{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{\"a\""}}])),
        empty.clone(),
        calls(json!([{"index": 0, "function": {"arguments": ":1}"}}])),
        null,
        empty,
        calls(json!([{"index": 0, "function": {"arguments": ""}}])),
        calls(json!([{"index": 0, "function": {"arguments": null}}])),
        finish("tool_calls"),
    ];
    assert_eq!(read_calls(&got), [call("c1", "f", json!({"a": 1}))]);
    let mut payloads = got.to_vec();
    payloads.push(json!("[DONE]"));
    let told = pair(A, C).tell(&payloads);
    assert_eq!(told.of("content_block_start").len(), 1);
    assert_eq!(
        told.one("content_block_start")["content_block"]["type"],
        "tool_use"
    );
}

#[test]
fn e153_chunks_in_front_of_the_first_choice() {
    let filter = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [],
                        "prompt_filter_results": [{"prompt_index": 0}]});
    let payloads = [filter, text("hi"), finish("stop"), json!("[DONE]")];
    let told = pair(R, C).tell(&payloads);
    assert_eq!(said::text_of(R, &told.data), "hi");
    assert_eq!(told.one("response.created")["response"]["model"], "asked");
    let told = pair(A, C).tell(&payloads);
    assert_eq!(said::text_of(A, &told.data), "hi");
    assert!(
        told.one("message_start")["message"]["id"]
            .as_str()
            .unwrap()
            .len()
            > 4
    );
}

#[test]
fn e154_reasoning_counts_once() {
    let both = chunk(
        json!({"reasoning_content": "hm", "reasoning": "hm"}),
        Value::Null,
    );
    let digest = read(&[both, text("yes"), finish("stop")]);
    assert_eq!((&*digest.thinking, &*digest.text), ("hm", "yes"));
}

#[test]
fn e155_reasoning_then_text_for_anthropic() {
    let told = pair(A, C).tell(&[
        chunk(
            json!({"role": "assistant", "reasoning_content": "a"}),
            Value::Null,
        ),
        chunk(json!({"reasoning_content": "b"}), Value::Null),
        text("c"),
        finish("stop"),
        json!("[DONE]"),
    ]);
    let steps: Vec<String> = told
        .data
        .iter()
        .map(|data| {
            let kind = data["type"].as_str().unwrap();
            let inner = data["delta"]["type"]
                .as_str()
                .or(data["content_block"]["type"].as_str());
            format!("{kind} {} {}", data["index"], inner.unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        steps,
        [
            "message_start null -",
            "content_block_start 0 thinking",
            "content_block_delta 0 thinking_delta",
            "content_block_delta 0 thinking_delta",
            "content_block_delta 0 signature_delta",
            "content_block_stop 0 -",
            "content_block_start 1 text",
            "content_block_delta 1 text_delta",
            "content_block_stop 1 -",
            "message_delta null -",
            "message_stop null -",
        ]
    );
}

#[test]
fn e156_nothing_is_lost_at_the_switch_to_a_call() {
    let chat = [
        text("I look."),
        calls(json!([{"index": 0, "id": "c1", "type": "function",
            "function": {"name": "f", "arguments": "{\"a\":1}"}}])),
        finish("tool_calls"),
        json!("[DONE]"),
    ];
    let gemini = [
        said::candidate(json!([{"text": "I look."}]), Value::Null),
        said::candidate(
            json!([{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}]),
            json!("STOP"),
        ),
    ];
    for (upstream, payloads) in [(C, &chat[..]), (G, &gemini[..])] {
        let told = pair(A, upstream).tell(payloads);
        assert_eq!(grammar::check(A, &told), Ok(End::Well), "{upstream:?}");
        let stream = sse(A, &told.data);
        let digest = digest::of(&digest::read(A, &stream).unwrap());
        assert_eq!(digest.text, "I look.");
        assert_eq!(digest.calls, [call("c1", "f", json!({"a": 1}))]);
    }
}

#[test]
fn e157_an_empty_finish_reason() {
    let payloads = [
        chunk(json!({"content": "a"}), json!("")),
        chunk(json!({"content": "b"}), json!("")),
        chunk(json!({}), json!("stop")),
    ];
    let digest = read(&payloads);
    assert_eq!((&*digest.text, digest.stop), ("ab", Class::End));
    for client in CLIENTS {
        let told = pair(client, C).tell(&payloads[..2]);
        assert!(said::is_failure(client, told.last()), "{client:?}");
    }
}

#[test]
fn e158_usage_wherever_it_stands() {
    let usage = |n: u32| json!({"prompt_tokens": n, "completion_tokens": n, "total_tokens": 2 * n});
    let with = |mut payload: Value, n: u32| {
        payload["usage"] = usage(n);
        payload
    };
    let alone = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                       "model": "up", "choices": [], "usage": usage(9)});
    for payloads in [
        vec![
            with(text("a"), 1),
            with(text("b"), 5),
            with(finish("stop"), 9),
        ],
        vec![text("ab"), with(finish("stop"), 9)],
        vec![text("ab"), finish("stop"), alone.clone()],
        vec![with(text("ab"), 3), with(finish("stop"), 4), alone],
    ] {
        for done in [true, false] {
            let mut payloads = payloads.clone();
            if done {
                payloads.push(json!("[DONE]"));
            }
            for client in CLIENTS {
                let told = pair(client, C).tell(&payloads);
                assert_eq!(grammar::check(client, &told), Ok(End::Well), "{client:?}");
                let stream = sse(client, &told.data);
                let read = digest::read(client, &stream).unwrap();
                assert_eq!(read.usage.input_total, Some(9), "{client:?} {payloads:?}");
                assert_eq!(read.usage.output_total, Some(9), "{client:?} {payloads:?}");
            }
            let told = pair(A, C).tell(&payloads);
            assert_eq!(told.of("message_delta").len(), 1);
            let told = pair(R, C).tell(&payloads);
            assert_eq!(told.of("response.completed").len(), 1);
        }
    }
}

#[test]
fn e159_nothing_behind_message_stop() {
    let told = pair(A, C).tell(&[
        calls(json!([{"index": 0, "function": {"name": "f", "arguments": "{}"}}])),
        finish("tool_calls"),
        json!("[DONE]"),
        calls(json!([{"index": 0, "id": "late"}])),
    ]);
    assert_eq!(told.last()["type"], "message_stop");
    assert_eq!(told.of("message_stop").len(), 1);
    let told = pair(A, C).tell(&[
        calls(json!([{"index": 0, "function": {"name": "f", "arguments": "{}"}}])),
        finish("tool_calls"),
        calls(json!([{"index": 0, "id": "late"}])),
        json!("[DONE]"),
    ]);
    assert_eq!(grammar::check(A, &told), Ok(End::Well));
}

#[test]
fn e160_streams_that_end_without_a_finish() {
    let reasoning = chunk(json!({"reasoning_content": "hm"}), Value::Null);
    let open = calls(json!([{"index": 0, "id": "c1",
        "function": {"name": "f", "arguments": "{\"a\":"}}]));
    for (payload, done) in [
        (&reasoning, true),
        (&reasoning, false),
        (&open, true),
        (&open, false),
    ] {
        let mut payloads = vec![payload.clone()];
        if done {
            payloads.push(json!("[DONE]"));
        }
        for client in CLIENTS {
            let told = pair(client, C).tell(&payloads);
            assert_eq!(
                grammar::check(client, &told),
                Ok(End::Failed),
                "{client:?} {payloads:?}"
            );
            if client == R {
                let kinds = told.kinds();
                let closed = kinds
                    .iter()
                    .any(|kind| kind.ends_with(".done") || kind.ends_with("completed"));
                assert!(!closed, "{kinds:?}");
            }
        }
    }
    // The text of a server that never sends a reason is whole when it says so.
    let digest = read(&[text("hi")]);
    assert_eq!((&*digest.text, digest.stop), ("hi", Class::End));
}

#[test]
fn e161_a_message_closes_from_the_inside_out() {
    let told = pair(R, C).tell(&said::text(C, "hello"));
    assert_eq!(
        told.kinds(),
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
    assert_eq!(told.one("response.output_text.done")["text"], "hello");
    let item = &told.one("response.output_item.done")["item"];
    assert_eq!(item["status"], "completed");
    assert_eq!(item["content"][0]["text"], "hello");
    assert_eq!(&told.last()["response"]["output"][0], item);
}

#[test]
fn e162_several_choices_at_once() {
    let both = |a: Value, b: Value, word: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up",
               "choices": [{"index": 0, "delta": a, "finish_reason": word},
                           {"index": 1, "delta": b, "finish_reason": word}]})
    };
    let made = |id: &str| {
        json!({"tool_calls": [{"index": 0, "id": id, "type": "function",
        "function": {"name": "f", "arguments": "{}"}}]})
    };
    let payloads = [
        both(
            json!({"content": "a"}),
            json!({"content": "b"}),
            Value::Null,
        ),
        both(
            json!({"content": "A"}),
            json!({"content": "B"}),
            Value::Null,
        ),
        both(made("c1"), made("c2"), Value::Null),
        both(json!({}), json!({}), json!("tool_calls")),
        json!("[DONE]"),
    ];
    let told = pair(R, C).tell(&payloads);
    assert_eq!(grammar::check(R, &told), Ok(End::Well), "{told:#?}");
    let stream = sse(C, &payloads);
    let reply = fold(digest::events(C, &pair(G, C).context(), &stream)).unwrap();
    assert_eq!(reply.choices.len(), 2);
    let told = pair(G, C).tell(&payloads);
    let finishes: Vec<(u64, bool)> = told
        .data
        .iter()
        .flat_map(|data| data["candidates"].as_array().unwrap())
        .filter(|candidate| candidate["finishReason"].is_string())
        .map(|candidate| (candidate["index"].as_u64().unwrap_or(0), true))
        .collect();
    assert_eq!(finishes, [(0, true), (1, true)]);
    for (index, want) in [(0, "aA"), (1, "bB")] {
        let text: String = told
            .data
            .iter()
            .flat_map(|data| data["candidates"].as_array().unwrap())
            .filter(|candidate| candidate["index"].as_u64().unwrap_or(0) == index)
            .filter_map(|candidate| candidate["content"]["parts"][0]["text"].as_str())
            .collect();
        assert_eq!(text, want);
    }
}

#[test]
fn e163_think_tags_cut_over_chunks() {
    let pieces = [
        "<thi",
        "nk>plan a < b",
        "</thin",
        "k>a ",
        "<",
        " b ",
        "</thin",
        "king>",
    ];
    let mut payloads: Vec<Value> = pieces.iter().map(|piece| text(piece)).collect();
    payloads.push(finish("stop"));
    payloads.push(json!("[DONE]"));
    for client in CLIENTS {
        let read = |flagged: bool| {
            let pair = pair(client, C).endpoint(|endpoint| endpoint.think_tags = flagged);
            let told = pair.tell(&payloads);
            assert_eq!(grammar::check(client, &told), Ok(End::Well), "{client:?}");
            digest::of(&digest::read(client, &sse(client, &told.data)).unwrap())
        };
        let flagged = read(true);
        assert_eq!(flagged.thinking, "plan a < b", "{client:?}");
        assert_eq!(flagged.text.trim_end(), "a < b </thinking>", "{client:?}");
        let plain = read(false);
        assert_eq!(
            (&*plain.thinking, plain.text),
            ("", pieces.concat()),
            "{client:?}"
        );
    }
}
