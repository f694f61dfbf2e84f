//! §10: Responses, decoding and encoding.

use crate::answer::{Piece, answer};
use crate::digest::{self, Class, Digest};
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said;
use protocol::Dialect;
use serde_json::{Value, json};

const CLIENTS: [Dialect; 3] = [C, A, G];

fn added(at: usize, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": at, "item": item})
}

fn done(at: usize, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": at, "item": item})
}

fn call_item(at: usize, name: Option<&str>, arguments: &str) -> Value {
    let mut item = json!({"type": "function_call", "id": format!("fc_{at}"),
                          "call_id": format!("c{at}"), "arguments": arguments});
    if let Some(name) = name {
        item["name"] = json!(name);
    }
    item
}

fn arguments(at: usize, piece: &str) -> Value {
    json!({"type": "response.function_call_arguments.delta", "item_id": format!("fc_{at}"),
           "output_index": at, "delta": piece})
}

fn arguments_done(at: usize, text: &str) -> Value {
    json!({"type": "response.function_call_arguments.done", "item_id": format!("fc_{at}"),
           "output_index": at, "arguments": text})
}

fn message_item(at: usize, text: &str) -> Value {
    json!({"type": "message", "id": format!("msg_{at}"), "role": "assistant",
           "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn delta(at: usize, text: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": format!("msg_{at}"),
           "output_index": at, "content_index": 0, "delta": text})
}

fn message(at: usize, text: &str) -> Vec<Value> {
    let mut fresh = message_item(at, "");
    fresh["content"] = json!([]);
    vec![
        added(at, fresh),
        delta(at, text),
        done(at, message_item(at, text)),
    ]
}

/// What every client reads; all the same.
#[track_caller]
fn read(items: Vec<Value>, output: Value) -> Digest {
    let payloads = said::response_stream(items, output);
    let digests = CLIENTS.map(|client| {
        let told = pair(client, R).tell(&payloads);
        assert_eq!(
            grammar::check(client, &told),
            Ok(End::Well),
            "{client:?}: {told:#?}"
        );
        let mut digest = digest::of(&digest::read(client, &sse(client, &told.data)).unwrap());
        if client == G {
            // Calls go to Gemini's clients whole, the one that ends first in front.
            digest.calls.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        }
        digest
    });
    assert_eq!(digests[0], digests[1], "{:?}", CLIENTS[1]);
    assert_eq!(digests[0], digests[2], "{:?}", CLIENTS[2]);
    digests[0].clone()
}

fn call(at: usize, arguments: Value) -> (String, String, Value) {
    (format!("c{at}"), "f".to_owned(), arguments)
}

#[test]
fn e164_items_of_the_last_event() {
    let digest = read(message(0, "hi"), json!([]));
    assert_eq!(digest.text, "hi");
    let digest = read(
        message(0, "hi"),
        json!([message_item(0, "hi"), call_item(1, Some("f"), "{\"a\":1}")]),
    );
    assert_eq!(digest.text, "hi");
    assert_eq!(digest.calls, [call(1, json!({"a": 1}))]);
    assert_eq!(digest.stop, Class::Calls);
    let digest = read(vec![], json!([message_item(0, "all at once")]));
    assert_eq!(digest.text, "all at once");
}

#[test]
fn e165_e166_arguments_come_once() {
    let fresh = added(0, call_item(0, Some("f"), ""));
    let whole = r#"{"a":1}"#;
    let end = |arguments: &str| done(0, call_item(0, Some("f"), arguments));
    for (events, output) in [
        (
            vec![fresh.clone(), arguments_done(0, whole), end(whole)],
            json!([]),
        ),
        (vec![fresh.clone(), end(whole)], json!([])),
        (vec![fresh.clone()], json!([call_item(0, Some("f"), whole)])),
        (
            vec![
                fresh.clone(),
                arguments(0, "{\"a\""),
                arguments(0, ":1}"),
                arguments_done(0, whole),
                end(whole),
            ],
            json!([call_item(0, Some("f"), whole)]),
        ),
        (
            vec![
                fresh,
                arguments(0, "{\"a\""),
                arguments_done(0, whole),
                end(whole),
            ],
            json!([]),
        ),
    ] {
        let digest = read(events.clone(), output);
        assert_eq!(digest.calls, [call(0, json!({"a": 1}))], "{events:#?}");
        assert_eq!(digest.stop, Class::Calls);
    }
}

#[test]
fn e167_ids_that_rotate() {
    let mut started = call_item(0, Some("f"), "");
    started["id"] = json!("first");
    let mut piece = arguments(0, "{\"a\":1}");
    piece["item_id"] = json!("second");
    let mut nameless = piece.clone();
    nameless.as_object_mut().unwrap().remove("item_id");
    let mut ended = call_item(0, Some("f"), "{\"a\":1}");
    ended["id"] = json!("third");
    let mut late = started.clone();
    late.as_object_mut().unwrap().remove("id");
    for (started, piece) in [
        (&started, &piece),
        (&started, &nameless),
        (&late, &nameless),
    ] {
        let events = vec![
            added(0, started.clone()),
            piece.clone(),
            done(0, ended.clone()),
        ];
        assert_eq!(read(events, json!([])).calls, [call(0, json!({"a": 1}))]);
    }
}

#[test]
fn e168_e169_e170_one_block_at_a_time_for_anthropic() {
    let mut text = message_item(0, "");
    text["content"] = json!([]);
    let items = vec![
        added(0, text),
        delta(0, "I look."),
        added(1, call_item(1, Some("f"), "")),
        added(2, call_item(2, Some("f"), "")),
        arguments(2, "{\"n\":2}"),
        arguments(1, "{\"n\""),
        json!({"type": "response.content_part.done", "item_id": "msg_0", "output_index": 0,
               "content_index": 0, "part": {"type": "output_text", "text": "I look.", "annotations": []}}),
        done(0, message_item(0, "I look.")),
        done(2, call_item(2, Some("f"), "{\"n\":2}")),
        arguments(1, ":1}"),
        done(1, call_item(1, Some("f"), "{\"n\":1}")),
    ];
    let told = pair(A, R).tell(&said::response_stream(items.clone(), json!([])));
    assert_eq!(told.of("content_block_start").len(), 3);
    assert_eq!(told.of("content_block_stop").len(), 3);
    let digest = read(items, json!([]));
    assert_eq!(digest.text, "I look.");
    assert_eq!(
        digest.calls,
        [call(1, json!({"n": 1})), call(2, json!({"n": 2}))]
    );
    // Text while a named call is open waits for it.
    let waiting = vec![
        added(0, call_item(0, Some("f"), "")),
        arguments(0, "{\"n\""),
        added(
            1,
            json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []}),
        ),
        delta(1, "later"),
        arguments(0, ":0}"),
        done(0, call_item(0, Some("f"), "{\"n\":0}")),
        done(1, message_item(1, "later")),
    ];
    let told = pair(A, R).tell(&said::response_stream(waiting, json!([])));
    assert_eq!(grammar::check(A, &told), Ok(End::Well));
    let kinds: Vec<&str> = told
        .of("content_block_start")
        .iter()
        .map(|data| data["content_block"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["tool_use", "text"]);
    // A call without a name does not hold it up.
    let nameless = vec![
        added(0, call_item(0, None, "")),
        added(
            1,
            json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []}),
        ),
        delta(1, "first"),
        done(1, message_item(1, "first")),
        done(0, call_item(0, Some("f"), "{\"n\":0}")),
    ];
    let told = pair(A, R).tell(&said::response_stream(nameless, json!([])));
    assert_eq!(grammar::check(A, &told), Ok(End::Well));
    let kinds: Vec<&str> = told
        .of("content_block_start")
        .iter()
        .map(|data| data["content_block"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["text", "tool_use"]);
}

#[test]
fn e171_a_name_that_never_comes() {
    let mut items = vec![added(0, call_item(0, None, "")), arguments(0, "{}")];
    items.extend(message(1, "hm"));
    let told = pair(A, R).tell(&said::response_stream(items, json!([])));
    assert_eq!(grammar::check(A, &told), Ok(End::Well), "{told:#?}");
    assert_eq!(told.of("content_block_start").len(), 1);
    assert_eq!(told.one("content_block_start")["index"], 0);
    assert_eq!(
        told.one("message_delta")["delta"]["stop_reason"],
        "end_turn"
    );
}

#[test]
fn e172_e173_texts_without_deltas_and_empty_ones() {
    let digest = read(
        vec![
            added(
                0,
                json!({"type": "message", "id": "msg_0", "role": "assistant", "content": []}),
            ),
            done(0, message_item(0, "only here")),
        ],
        json!([]),
    );
    assert_eq!(digest.text, "only here");
    let thought = |at: usize, text: &str| {
        json!({"type": "reasoning", "id": format!("rs_{at}"),
               "summary": [{"type": "summary_text", "text": text}]})
    };
    let whole = json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
        "model": "up", "output": [thought(0, "one"), message_item(1, "the real answer"),
                                  thought(2, "two"), message_item(3, "")]});
    let told = pair(C, R).whole(&whole);
    let message = &told["choices"][0]["message"];
    assert_eq!(message["content"], "the real answer");
    assert_eq!(message["reasoning_content"], "one\n\ntwo");
}

#[test]
fn e174_searches_for_anthropic_clients() {
    let search = |status: &str| {
        let mut item = json!({"type": "web_search_call", "id": "ws_1", "status": status});
        if status == "completed" {
            item["action"] = json!({"type": "search", "query": "cats"});
        }
        item
    };
    let step = |kind: &str| json!({"type": format!("response.web_search_call.{kind}"), "item_id": "ws_1", "output_index": 0});
    let mut items = vec![
        added(0, search("in_progress")),
        step("in_progress"),
        step("searching"),
        step("completed"),
        done(0, search("completed")),
    ];
    items.extend(message(1, "Cats are."));
    let payloads = said::response_stream(items, json!([]));
    let pair = pair(A, R);
    let declared = hello(
        A,
        json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    );
    let told = pair.told(&pair.ask(&declared).context, &payloads);
    assert_eq!(grammar::check(A, &told), Ok(End::Well), "{told:#?}");
    let blocks: Vec<&Value> = told
        .of("content_block_start")
        .iter()
        .map(|data| &data["content_block"])
        .collect();
    let kinds: Vec<&str> = blocks
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"]);
    assert_eq!(blocks[0]["id"], blocks[1]["tool_use_id"]);
    let query: String = told
        .all("/delta/partial_json")
        .iter()
        .filter_map(|piece| piece.as_str())
        .collect();
    let query = if query.is_empty() {
        blocks[0]["input"].to_string()
    } else {
        query
    };
    assert_eq!(
        serde_json::from_str::<Value>(&query).unwrap(),
        json!({"query": "cats"})
    );
    assert_eq!(
        told.one("message_delta")["delta"]["stop_reason"],
        "end_turn"
    );
    let told = pair.told(&pair.ask(&hello(A, json!({}))).context, &payloads);
    let text: String = told.data.iter().map(Value::to_string).collect();
    assert!(!text.contains("server_tool_use"), "{text}");
    assert_eq!(told.one("content_block_start")["index"], 0);
}

/// The grammar of every translated stream is checked by the matrix; this is the rest of the row.
#[test]
fn e175_heads_of_a_translated_reply() {
    let all = answer(vec![
        Piece::Thinking("hm", "sig"),
        Piece::Text("hi"),
        Piece::Call("c1", "f", json!({})),
    ]);
    for upstream in [C, A, G] {
        let told = pair(R, upstream).tell(&all.stream(upstream));
        assert_eq!(told.data[0]["type"], "response.created", "{upstream:?}");
        let mut added = told.of("response.output_item.added");
        if upstream == G {
            // Its signature stands on the call, and travels in an item in front of it.
            let carrier = added.remove(2);
            assert_eq!(carrier["item"]["type"], "reasoning");
        }
        let kinds: Vec<&str> = added
            .iter()
            .map(|data| data["item"]["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            ["reasoning", "message", "function_call"],
            "{upstream:?}"
        );
        assert_eq!(added[0]["item"]["summary"], json!([]));
        assert_eq!(added[1]["item"]["content"], json!([]));
        assert_eq!(added[2]["item"]["arguments"], "");
        let part = &told.one("response.content_part.added")["part"];
        assert_eq!(part["text"], "");
        assert_eq!(part["annotations"], json!([]));
    }
}

#[test]
fn e176_the_model_is_the_one_asked_for() {
    for upstream in [C, A, G] {
        let mut context = pair(R, upstream).context();
        context.model = "gpt-5.5(high)".to_owned();
        let told = pair(R, upstream).told(&context, &said::text(upstream, "hi"));
        let models = told.all("/response/model");
        assert_eq!(models.len(), 3, "{upstream:?}");
        assert!(
            models.iter().all(|model| **model == "gpt-5.5(high)"),
            "{upstream:?}: {models:?}"
        );
    }
    let mut context = pair(R, R).context();
    context.echo_model = Some("gpt-5.5(high)".to_owned());
    let told = pair(R, R).told(&context, &said::text(R, "hi"));
    assert!(
        told.all("/response/model")
            .iter()
            .all(|model| **model == "gpt-5.5(high)")
    );
}

/// Blocks of an Anthropic stream.
fn block(at: usize, start: Value, deltas: Vec<Value>) -> Vec<Value> {
    let mut all = vec![json!({"type": "content_block_start", "index": at, "content_block": start})];
    all.extend(
        deltas
            .into_iter()
            .map(|delta| json!({"type": "content_block_delta", "index": at, "delta": delta})),
    );
    all.push(json!({"type": "content_block_stop", "index": at}));
    all
}

fn text_block(at: usize, text: &str) -> Vec<Value> {
    block(
        at,
        json!({"type": "text", "text": ""}),
        vec![json!({"type": "text_delta", "text": text})],
    )
}

fn use_block(at: usize) -> Vec<Value> {
    block(
        at,
        json!({"type": "tool_use", "id": format!("t{at}"), "name": "f", "input": {}}),
        vec![json!({"type": "input_json_delta", "partial_json": "{}"})],
    )
}

#[test]
fn e177_hidden_server_tools_leave_no_gap() {
    let citation = json!({"type": "citations_delta", "citation": {"type": "web_search_result_location",
        "url": "https://e.com", "title": "E", "cited_text": "one", "encrypted_index": "x"}});
    let mut blocks = block(
        0,
        json!({"type": "text", "text": ""}),
        vec![json!({"type": "text_delta", "text": "one "}), citation],
    );
    blocks.extend(block(
        1,
        json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}),
        vec![json!({"type": "input_json_delta", "partial_json": "{\"query\":\"x\"}"})],
    ));
    blocks.extend(block(
        2,
        json!({"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}),
        vec![],
    ));
    blocks.extend(text_block(3, "two"));
    blocks.extend(use_block(4));
    let told = pair(R, A).tell(&said::message_stream(blocks, "tool_use"));
    assert_eq!(grammar::check(R, &told), Ok(End::Well), "{told:#?}");
    let output = &told.last()["response"]["output"];
    assert_eq!(output.as_array().unwrap().len(), 2, "{output:#}");
    assert_eq!(output[0]["content"][0]["text"], "one two");
    let note = &output[0]["content"][0]["annotations"][0];
    assert_eq!(
        (&note["type"], &note["url"]),
        (&json!("url_citation"), &json!("https://e.com"))
    );
    assert_eq!(output[1]["type"], "function_call");
    let text: String = told.data.iter().map(Value::to_string).collect();
    assert!(
        !text.contains("server_tool_use") && !text.contains("web_search"),
        "{text}"
    );
}

#[test]
fn e178_a_call_between_texts() {
    let mut blocks = text_block(0, "a");
    blocks.extend(use_block(1));
    blocks.extend(text_block(2, "b"));
    let told = pair(R, A).tell(&said::message_stream(blocks, "tool_use"));
    let kinds: Vec<&str> = told
        .of("response.output_item.added")
        .iter()
        .map(|data| data["item"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["message", "function_call", "message"]);
    let output = &told.last()["response"]["output"];
    assert_eq!(output[0]["content"][0]["text"], "a");
    assert_eq!(output[2]["content"][0]["text"], "b");
    assert_ne!(output[0]["id"], output[2]["id"]);
}

#[test]
fn e179_ids_of_calls_in_all_events() {
    let chunk = |calls: Value| crate::answer::chunk(json!({"tool_calls": calls}), Value::Null);
    let finish = crate::answer::chunk(json!({}), json!("tool_calls"));
    for late in [Some("call_9"), None] {
        let mut payloads = vec![chunk(
            json!([{"index": 0, "function": {"name": "f", "arguments": "{}"}}]),
        )];
        payloads.extend(late.map(|id| chunk(json!([{"index": 0, "id": id}]))));
        payloads.extend([finish.clone(), json!("[DONE]")]);
        let told = pair(R, C).tell(&payloads);
        let item = &told.one("response.output_item.added")["item"];
        let call_id = item["call_id"].as_str().unwrap();
        match late {
            Some(id) => assert_eq!(call_id, id),
            None => assert!(
                call_id.starts_with("call_") && call_id.len() > 5,
                "{call_id}"
            ),
        }
        assert_eq!(item["id"], format!("fc_{call_id}"));
        for id in told.all("/item_id") {
            assert_eq!(id, &item["id"]);
        }
        let last = &told.last()["response"]["output"][0];
        assert_eq!(
            (&last["id"], &last["call_id"]),
            (&item["id"], &item["call_id"])
        );
    }
}

#[test]
fn e142_events_nobody_knows() {
    let mut payloads = said::text(R, "hi");
    payloads.insert(1, json!({"type": "codex.rate_limits", "limit": 1}));
    payloads.insert(1, json!({"type": "keepalive"}));
    payloads.insert(3, json!({"type": "response.something_new", "x": 1}));
    for client in CLIENTS {
        let told = pair(client, R).tell(&payloads);
        assert_eq!(said::text_of(client, &told.data), "hi", "{client:?}");
        assert_eq!(grammar::check(client, &told), Ok(End::Well), "{client:?}");
    }
    let told = pair(R, R).tell(&payloads);
    for kind in ["keepalive", "response.something_new", "codex.rate_limits"] {
        assert_eq!(told.of(kind).len(), 1, "{kind}");
    }
}
