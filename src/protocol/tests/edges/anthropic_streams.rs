//! §11: Anthropic, decoding and encoding.

use crate::answer::chunk;
use crate::digest::{self, Class, Digest};
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said;
use protocol::Dialect;
use serde_json::{Value, json};

const CLIENTS: [Dialect; 3] = [C, R, G];

fn start(at: usize, block: Value) -> Value {
    json!({"type": "content_block_start", "index": at, "content_block": block})
}

fn delta(at: usize, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": at, "delta": delta})
}

fn stop(at: usize) -> Value {
    json!({"type": "content_block_stop", "index": at})
}

fn text(at: usize, text: &str) -> Vec<Value> {
    vec![
        start(at, json!({"type": "text", "text": ""})),
        delta(at, json!({"type": "text_delta", "text": text})),
        stop(at),
    ]
}

fn used(at: usize, input: Value, pieces: &[&str]) -> Vec<Value> {
    let block = json!({"type": "tool_use", "id": format!("t{at}"), "name": "f", "input": input});
    let mut all = vec![start(at, block)];
    all.extend(pieces.iter().map(|piece| {
        delta(
            at,
            json!({"type": "input_json_delta", "partial_json": piece}),
        )
    }));
    all.push(stop(at));
    all
}

/// What every client reads from this stream; all the same.
#[track_caller]
fn read_all(payloads: &[Value]) -> Digest {
    let digests = CLIENTS.map(|client| {
        let told = pair(client, A).tell(payloads);
        assert_eq!(
            grammar::check(client, &told),
            Ok(End::Well),
            "{client:?}: {told:#?}"
        );
        digest::of(&digest::read(client, &sse(client, &told.data)).unwrap())
    });
    assert_eq!(digests[0], digests[1], "{:?}", CLIENTS[1]);
    assert_eq!(digests[0], digests[2], "{:?}", CLIENTS[2]);
    digests[0].clone()
}

#[track_caller]
fn read(blocks: Vec<Value>, word: &str) -> Digest {
    read_all(&said::message_stream(blocks, word))
}

fn call(at: usize, arguments: Value) -> (String, String, Value) {
    (format!("t{at}"), "f".to_owned(), arguments)
}

#[test]
fn e180_e181_inputs() {
    for (input, pieces, want) in [
        (json!({}), &[][..], json!({})),
        (json!({}), &[""], json!({})),
        (json!({"a": 1}), &[], json!({"a": 1})),
        (json!({}), &["", "{\"a\"", ":1}"], json!({"a": 1})),
    ] {
        let digest = read(used(0, input.clone(), pieces), "tool_use");
        assert_eq!(digest.calls, [call(0, want.clone())], "{input} {pieces:?}");
        // The text, not only its value: nothing is put in front.
        let told = pair(C, A).tell(&said::message_stream(used(0, input, pieces), "tool_use"));
        let text: String = told
            .all("/choices/0/delta/tool_calls/0/function/arguments")
            .iter()
            .filter_map(|piece| piece.as_str())
            .collect();
        assert_eq!(text, want.to_string());
    }
}

#[test]
fn e182_call_indexes_and_fragments() {
    let mut blocks = text(0, "I look.");
    blocks.extend(used(1, json!({}), &["{\"a\"", ":1", "}"]));
    blocks.extend(used(2, json!({}), &["{}"]));
    let told = pair(C, A).tell(&said::message_stream(blocks, "tool_use"));
    let calls: Vec<(u64, &str)> = told
        .all("/choices/0/delta/tool_calls/0")
        .iter()
        .map(|call| {
            (
                call["index"].as_u64().unwrap(),
                call["function"]["arguments"].as_str().unwrap(),
            )
        })
        .filter(|(_, piece)| !piece.is_empty())
        .collect();
    assert_eq!(calls, [(0, "{\"a\""), (0, ":1"), (0, "}"), (1, "{}")]);
}

#[test]
fn e183_faults_of_servers() {
    let mut payloads = said::message_stream(
        [
            text(0, "a"),
            vec![
                start(0, json!({"type": "text", "text": ""})),
                delta(0, json!({"type": "signature_delta", "signature": "x"})),
                delta(0, json!({"type": "text_delta", "text": "b"})),
                delta(0, json!({"type": "compaction_delta", "content": null})),
                stop(0),
            ],
        ]
        .concat(),
        "end_turn",
    );
    payloads.insert(1, payloads[0].clone());
    payloads.insert(5, payloads[0].clone());
    let digest = read_all(&payloads);
    assert_eq!((&*digest.text, digest.stop), ("ab", Class::End));
}

#[test]
fn e184_message_start_is_the_first_event() {
    let called = chunk(
        json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]}),
        Value::Null,
    );
    let counted = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "up",
        "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}});
    for first in [called, counted] {
        let told = pair(A, C).tell(&[
            first,
            chunk(json!({"content": "x"}), Value::Null),
            chunk(json!({}), json!("stop")),
            json!("[DONE]"),
        ]);
        assert_eq!(told.data[0]["type"], "message_start");
        assert_eq!(grammar::check(A, &told), Ok(End::Well));
    }
}

#[test]
fn e185_no_block_at_all() {
    let mut payloads = said::message_stream(vec![], "stop_sequence");
    payloads[1]["delta"]["stop_sequence"] = json!("END");
    let digest = read_all(&payloads);
    assert_eq!((&*digest.text, digest.stop), ("", Class::End));
    let whole = json!({"id": "m", "type": "message", "role": "assistant", "model": "up",
        "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END",
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let told = pair(C, A).whole(&whole);
    assert_eq!(told["choices"][0]["message"]["content"], "");
    assert_eq!(told["choices"][0]["finish_reason"], "stop");
    let told = pair(R, A).whole(&whole);
    assert_eq!(
        (&told["status"], &told["output"]),
        (&json!("completed"), &json!([]))
    );
    let told = pair(G, A).whole(&whole);
    let candidate = &told["candidates"][0];
    assert_eq!(candidate["finishReason"], "STOP");
    assert!(
        candidate["content"]["parts"]
            .as_array()
            .is_none_or(Vec::is_empty),
        "{candidate}"
    );
}

#[test]
fn e186_pings_everywhere() {
    let ping = json!({"type": "ping"});
    let mut payloads = Vec::new();
    for payload in said::text(A, "hello") {
        payloads.push(ping.clone());
        payloads.push(payload);
    }
    let without = read_all(&said::text(A, "hello"));
    assert_eq!(read_all(&payloads), without);
}

#[test]
fn e187_e188_ends_that_are_missing() {
    let payloads = said::text(A, "hello");
    let whole = read_all(&payloads);
    assert_eq!(read_all(&payloads[..payloads.len() - 1]), whole);
    for n in 0..payloads.len() - 2 {
        for client in CLIENTS {
            let told = pair(client, A).tell(&payloads[..n]);
            assert_eq!(
                grammar::check(client, &told),
                Ok(End::Failed),
                "{client:?} after {n}"
            );
        }
    }
}

#[test]
fn e189_texts_with_citations_join() {
    let cited = |at: usize, words: &str, url: &str| {
        let citation = json!({"type": "web_search_result_location", "url": url, "title": "T",
                              "cited_text": words, "encrypted_index": "e"});
        vec![
            start(at, json!({"type": "text", "text": "", "citations": []})),
            delta(at, json!({"type": "citations_delta", "citation": citation})),
            delta(at, json!({"type": "text_delta", "text": words})),
            stop(at),
        ]
    };
    let blocks = [
        cited(0, "Cats ", "https://a.com"),
        text(1, "and "),
        cited(2, "dogs.", "https://b.com"),
    ];
    let payloads = said::message_stream(blocks.concat(), "end_turn");
    let told = pair(C, A).tell(&payloads);
    assert_eq!(said::text_of(C, &told.data), "Cats and dogs.");
    let notes: Vec<Value> = told
        .all("/choices/0/delta/annotations")
        .iter()
        .flat_map(|list| list.as_array().unwrap().clone())
        .collect();
    let place = |note: &Value| {
        let cite = &note["url_citation"];
        (
            cite["url"].clone(),
            cite["start_index"].clone(),
            cite["end_index"].clone(),
        )
    };
    assert_eq!(
        notes.iter().map(place).collect::<Vec<_>>(),
        [
            (json!("https://a.com"), json!(0), json!(5)),
            (json!("https://b.com"), json!(9), json!(14)),
        ]
    );
    let told = pair(R, A).tell(&payloads);
    let part = &told.last()["response"]["output"][0]["content"][0];
    assert_eq!(part["text"], "Cats and dogs.");
    let urls: Vec<&Value> = part["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| &note["url"])
        .collect();
    assert_eq!(urls, ["https://a.com", "https://b.com"]);
    assert_eq!(part["annotations"][1]["start_index"], 9);
}

fn marked(text: &str, ttl: Option<&str>) -> Value {
    let mut mark = json!({"type": "ephemeral"});
    if let Some(ttl) = ttl {
        mark["ttl"] = json!(ttl);
    }
    json!({"type": "text", "text": text, "cache_control": mark})
}

#[test]
fn e190_cache_marks() {
    let five: Vec<Value> = ["1", "2", "3", "4", "5"]
        .iter()
        .map(|text| marked(text, None))
        .collect();
    let sent = pair(A, A).body(&messages(
        json!([{"role": "user", "content": five}]),
        json!({}),
    ));
    assert_eq!(sent.to_string().matches("cache_control").count(), 4);
    let mixed = json!([marked("a", Some("5m")), marked("b", Some("1h"))]);
    let sent = pair(A, A).body(&messages(
        json!([{"role": "user", "content": mixed}]),
        json!({}),
    ));
    let ttls: Vec<&Value> = sent["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["cache_control"]["ttl"])
        .collect();
    assert_ne!(ttls[1], "1h", "no hour behind five minutes: {sent:#}");
    let legal = json!([marked("a", Some("1h")), marked("b", Some("5m"))]);
    let own = messages(json!([{"role": "user", "content": legal}]), json!({}));
    assert_eq!(
        pair(A, A).body(&own)["messages"],
        own["messages"],
        "nothing is added"
    );
    let sent = pair(C, A).body(&chat(json!([{"role": "user", "content": five}]), json!({})));
    assert_eq!(sent.to_string().matches("cache_control").count(), 4);
}

#[test]
fn e191_marks_of_parts_and_messages() {
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let sent = pair(C, A).body(&chat(
        json!([
            {"role": "user", "cache_control": {"type": "ephemeral"},
             "content": [{"type": "text", "text": "a"},
                         {"type": "text", "text": "b", "cache_control": hour}]},
        ]),
        json!({}),
    ));
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[0].get("cache_control"), None);
    assert_eq!(content[1]["cache_control"]["ttl"], "1h");
    let sent = pair(C, A).body(&chat(
        json!([
            {"role": "developer", "cache_control": {"type": "ephemeral"},
             "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "hi", "cache_control": {"type": "ephemeral"}},
        ]),
        json!({}),
    ));
    assert_eq!(sent["system"][0].get("cache_control"), None);
    assert_eq!(sent["system"][1]["cache_control"]["type"], "ephemeral");
    assert_eq!(
        sent["messages"][0]["content"][0]["cache_control"]["type"],
        "ephemeral"
    );
}

#[test]
fn e192_arguments_are_not_mended() {
    for upstream in [C, R, G] {
        let told = pair(A, upstream).tell(&said::call(upstream, "c1", "read", r#"{"pages":""}"#));
        let text: String = told
            .all("/delta/partial_json")
            .iter()
            .filter_map(|piece| piece.as_str())
            .collect();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"pages": ""}),
            "{upstream:?}"
        );
    }
}
