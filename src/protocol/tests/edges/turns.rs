//! §1: messages and content.

use crate::pair::*;
use serde_json::{Value, json};

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn assistant(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

/// `text` blocks.
fn texts(texts: &[&str]) -> Value {
    texts
        .iter()
        .map(|text| json!({"type": "text", "text": text}))
        .collect()
}

fn reminder(text: &str) -> String {
    format!("<system-reminder>\n{text}\n</system-reminder>")
}

#[test]
fn e1_instructions_of_both_ranks_lead() {
    let body = pair(C, A).body(&chat(
        json!([
            {"role": "system", "content": "S1"},
            {"role": "developer", "content": texts(&["D1", "D2"])},
            user("hi"),
        ]),
        json!({}),
    ));
    assert_eq!(body["system"], texts(&["S1", "D1", "D2"]));
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": texts(&["hi"])}])
    );
}

#[test]
fn e2_instructions_in_the_middle() {
    let body = chat(
        json!([
            {"role": "user", "content": [{"type": "text", "text": "first",
                                          "cache_control": {"type": "ephemeral"}}]},
            {"role": "system", "content": "rule"},
            user("second"),
        ]),
        json!({}),
    );
    let marked = json!({"type": "text", "text": "first", "cache_control": {"type": "ephemeral"}});
    let newer = pair(C, A)
        .model(|model| model.mid_system = true)
        .body(&body);
    assert_eq!(
        newer["messages"],
        json!([
            {"role": "user", "content": [marked]},
            {"role": "system", "content": texts(&["rule"])},
            {"role": "user", "content": texts(&["second"])},
        ])
    );
    let older = pair(C, A).body(&body);
    let mut blocks = vec![marked];
    blocks.extend(
        texts(&[&reminder("rule"), "second"])
            .as_array()
            .unwrap()
            .clone(),
    );
    assert_eq!(
        older["messages"],
        json!([{"role": "user", "content": blocks}])
    );
    assert_eq!(older.get("system"), None);
}

#[test]
fn e3_system_messages_of_anthropic_clients_stay_in_place() {
    for content in [json!("rule"), texts(&["rule"])] {
        let body = messages(
            json!([user("a"), assistant("b"), {"role": "system", "content": content}, user("c")]),
            json!({}),
        );
        let chat = pair(A, C).body(&body);
        assert_eq!(
            chat["messages"],
            json!([user("a"), assistant("b"), {"role": "system", "content": "rule"}, user("c")])
        );
        let items = pair(A, R).body(&body);
        let third = &items["input"][2];
        assert_eq!(third["role"], "developer", "{items:#}");
        assert_eq!(
            third["content"],
            json!([{"type": "input_text", "text": "rule"}])
        );
        assert_eq!(items["input"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn e4_gemini_has_no_system_turns() {
    for content in [json!("rule"), texts(&["rule"])] {
        let body = pair(A, G).body(&messages(
            json!([user("a"), assistant("b"), {"role": "system", "content": content}, user("c")]),
            json!({}),
        ));
        assert_eq!(
            body["contents"],
            json!([
                {"role": "user", "parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"text": "b"}]},
                {"role": "user", "parts": [{"text": reminder("rule")}, {"text": "c"}]},
            ])
        );
    }
}

#[test]
fn e5_only_instructions() {
    let want = json!([{"role": "user", "content": texts(&["rule"])}]);
    let chat = pair(C, A).body(&chat(
        json!([{"role": "system", "content": "rule"}]),
        json!({}),
    ));
    let responses = [
        input(json!([{"role": "system", "content": "rule"}]), json!({})),
        input(json!([]), json!({"instructions": "rule"})),
    ]
    .map(|body| pair(R, A).body(&body));
    for body in [&chat, &responses[0], &responses[1]] {
        assert_eq!(body["messages"], want);
        assert_eq!(body.get("system"), None);
    }
}

#[test]
fn e6_an_empty_user_turn_vanishes() {
    let body = pair(R, A).body(&input(
        json!([
            user("hi"),
            assistant("a"),
            user(""),
            assistant("b"),
            user("go")
        ]),
        json!({}),
    ));
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": texts(&["a", "b"])})
    );
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn e7_blank_texts_go_where_anthropic_would_refuse_them() {
    let blank = " \n";
    for (client, body) in [
        (
            C,
            chat(
                json!([user(blank), user("a"), {"role": "user", "content": texts(&["", "b", blank])}]),
                json!({}),
            ),
        ),
        (
            R,
            input(
                json!([user(blank), user("a"), {"role": "user", "content": [
                    {"type": "input_text", "text": ""}, {"type": "input_text", "text": "b"},
                    {"type": "input_text", "text": blank}]}]),
                json!({}),
            ),
        ),
        (
            G,
            contents(
                json!([
                    {"role": "user", "parts": [{"text": blank}]},
                    {"role": "user", "parts": [{"text": "a"}, {"text": ""}, {"text": "b"}]},
                ]),
                json!({}),
            ),
        ),
    ] {
        let body = pair(client, A).body(&body);
        assert_eq!(
            body["messages"],
            json!([{"role": "user", "content": texts(&["a", "b"])}]),
            "{client:?}"
        );
    }
    // The same protocol on both sides, with the blank blocks the API refuses.
    let own = pair(A, A).body(&messages(
        json!([{"role": "user", "content": texts(&["", "b", blank])}]),
        json!({}),
    ));
    assert_eq!(
        own["messages"],
        json!([{"role": "user", "content": texts(&["b"])}])
    );
}

#[test]
fn e8_empty_parts_leave_no_hole() {
    let body = messages(
        json!([{"role": "user", "content": texts(&["", "hello", ""])}]),
        json!({}),
    );
    assert_eq!(
        pair(A, G).body(&body)["contents"][0]["parts"],
        json!([{"text": "hello"}])
    );
    let body = chat(
        json!([{"role": "user", "content": [
            {"type": "text", "text": ""},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ]}]),
        json!({}),
    );
    assert_eq!(
        pair(C, G).body(&body)["contents"][0]["parts"],
        json!([{"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}])
    );
}

#[test]
fn e9_a_call_has_no_empty_message_in_front() {
    for content in [Value::Null, json!("")] {
        let body = pair(C, R).body(&chat(
            json!([
                user("hi"),
                {"role": "assistant", "content": content, "tool_calls": [{"id": "c1",
                    "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "ok"},
            ]),
            json!({}),
        ));
        let kinds: Vec<&str> = body["input"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["type"].as_str().unwrap_or("message"))
            .collect();
        assert_eq!(kinds, ["message", "function_call", "function_call_output"]);
    }
}

#[test]
fn e10_neighbours_of_one_role() {
    let marked = json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}});
    let body = chat(
        json!([{"role": "user", "content": [marked]}, user("b")]),
        json!({}),
    );
    let blocks = json!([marked, {"type": "text", "text": "b"}]);
    assert_eq!(
        pair(C, A).body(&body)["messages"],
        json!([{"role": "user", "content": blocks}])
    );
    assert_eq!(
        pair(C, G).body(&body)["contents"],
        json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
    );
    let two = input(json!([user("a"), user("b")]), json!({}));
    for (client, body) in [(C, &body), (R, &two)] {
        for upstream in [C, R] {
            if client == upstream {
                continue;
            }
            let body = pair(client, upstream).body(body);
            let turns = body.get("messages").or(body.get("input")).unwrap();
            assert_eq!(
                turns.as_array().unwrap().len(),
                2,
                "{client:?}→{upstream:?}"
            );
        }
    }
    for (client, body) in [
        (R, two),
        (
            G,
            contents(
                json!([{"role": "user", "parts": [{"text": "a"}]}, {"role": "user", "parts": [{"text": "b"}]}]),
                json!({}),
            ),
        ),
    ] {
        assert_eq!(
            pair(client, A).body(&body)["messages"],
            json!([{"role": "user", "content": texts(&["a", "b"])}]),
            "{client:?}"
        );
    }
}

#[test]
fn e11_texts_around_a_call() {
    let body = pair(A, C).body(&messages(
        json!([
            user("hi"),
            {"role": "assistant", "content": [
                {"type": "text", "text": "pre"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                {"type": "text", "text": "post"},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
        ]),
        json!({}),
    ));
    let message = &body["messages"][1];
    assert_eq!(message["content"], texts(&["pre", "post"]));
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        r#"{"a":1}"#
    );
    assert_eq!(body["messages"][2]["role"], "tool");
}

#[test]
fn e12_items_of_a_turn_keep_their_order() {
    let thought = |n: u32| {
        json!({"type": "thinking", "thinking": format!("t{n}"),
               "signature": format!("openai#gAAAA{n}")})
    };
    let body = pair(A, R).body(&messages(
        json!([
            user("hi"),
            {"role": "assistant", "content": [
                thought(1),
                {"type": "text", "text": "a"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
                thought(2),
                {"type": "text", "text": "b"},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
        ]),
        json!({}),
    ));
    let items = body["input"].as_array().unwrap();
    let kinds: Vec<&str> = items[1..6]
        .iter()
        .map(|item| item["type"].as_str().unwrap_or("message"))
        .collect();
    assert_eq!(
        kinds,
        [
            "reasoning",
            "message",
            "function_call",
            "reasoning",
            "message"
        ]
    );
    assert_eq!(items[1]["encrypted_content"], "gAAAA1");
    assert_eq!(items[4]["encrypted_content"], "gAAAA2");
}

#[test]
fn e13_a_call_and_its_result_are_neighbours() {
    let body = pair(R, A).body(&input(
        json!([
            user("hi"),
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            assistant("while it runs"),
            {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        ]),
        json!({}),
    ));
    let content = &body["messages"][1]["content"];
    assert_eq!(content[0]["text"], "while it runs");
    assert_eq!(content[1]["type"], "tool_use");
    assert_eq!(body["messages"][2]["content"][0]["type"], "tool_result");
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn e14_white_space_behind_a_prefill() {
    let clients = |last: &str| {
        [
            (C, chat(json!([user("hi"), assistant(last)]), json!({}))),
            (R, input(json!([user("hi"), assistant(last)]), json!({}))),
            (
                G,
                contents(
                    json!([{"role": "user", "parts": [{"text": "hi"}]},
                           {"role": "model", "parts": [{"text": last}]}]),
                    json!({}),
                ),
            ),
        ]
    };
    for (client, body) in clients("so \n ") {
        let body = pair(client, A).body(&body);
        assert_eq!(body["messages"][1]["content"], texts(&["so"]), "{client:?}");
    }
    let blocks = chat(
        json!([user("hi"), {"role": "assistant", "content": texts(&["a ", "b "])}]),
        json!({}),
    );
    assert_eq!(
        pair(C, A).body(&blocks)["messages"][1]["content"],
        texts(&["a ", "b"])
    );
    let followed = chat(json!([user("hi"), assistant("so "), user("go")]), json!({}));
    assert_eq!(
        pair(C, A).body(&followed)["messages"][1]["content"],
        texts(&["so "])
    );
}

#[test]
fn e15_gemini_takes_no_prefill() {
    for (client, body) in [
        (C, chat(json!([user("hi"), assistant("so")]), json!({}))),
        (R, input(json!([user("hi"), assistant("so")]), json!({}))),
        (A, messages(json!([user("hi"), assistant("so")]), json!({}))),
    ] {
        assert_eq!(
            pair(client, G).body(&body)["contents"],
            json!([{"role": "user", "parts": [{"text": "hi"}]}]),
            "{client:?}"
        );
    }
}

#[test]
fn e16_a_prefill_the_model_refuses() {
    let refuses = |client| pair(client, A).model(|model| model.no_prefill = true);
    let body = refuses(C).body(&chat(json!([user("hi"), assistant("so")]), json!({})));
    assert_eq!(body["messages"][1]["content"], texts(&["so"]));
    assert_eq!(body["messages"][2]["role"], "user");
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    let own = messages(json!([user("hi"), assistant("so")]), json!({}));
    assert_eq!(refuses(A).body(&own)["messages"], own["messages"]);
}

#[test]
fn e17_a_history_that_begins_with_the_model() {
    let first = json!({"role": "user", "parts": [{"text": ""}]});
    let items = input(json!([assistant("a"), user("b")]), json!({}));
    let own = contents(
        json!([{"role": "model", "parts": [{"text": "a"}]}, {"role": "user", "parts": [{"text": "b"}]}]),
        json!({}),
    );
    for (client, body) in [(R, items), (G, own)] {
        let body = pair(client, G).body(&body);
        assert_eq!(body["contents"][0], first, "{client:?}");
        assert_eq!(body["contents"][1]["role"], "model", "{client:?}");
    }
}

#[test]
fn e18_spellings_of_gemini() {
    let usual = json!({
        "systemInstruction": {"parts": [{"text": "rule"}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 5},
    });
    let other = json!({
        "system_instruction": "rule",
        "contents": [
            {"parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {}}}]},
            {"role": "function", "parts": [{"function_response": {"name": "f", "response": {"a": 1}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": 5},
    });
    for upstream in [C, R, A] {
        let pair = pair(G, upstream);
        assert_eq!(pair.body(&other), pair.body(&usual), "{upstream:?}");
    }
}

#[test]
fn e19_the_billing_line_spoils_caches() {
    let body = messages(
        json!([user("hi")]),
        json!({"system": texts(&["x-anthropic-billing-header: cc_version=1; cch=abc;", "rule", "more"])}),
    );
    for upstream in [C, R, G] {
        let text = pair(A, upstream).body(&body).to_string();
        assert!(!text.contains("billing"), "{upstream:?}: {text}");
        assert!(
            text.contains("rule") && text.contains("more"),
            "{upstream:?}: {text}"
        );
    }
}

#[test]
fn e20_refusals_of_the_history() {
    for message in [
        json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}),
        json!({"role": "assistant", "content": null, "refusal": "no"}),
    ] {
        let body = chat(json!([user("hi"), message, user("why")]), json!({}));
        assert_eq!(
            pair(C, R).body(&body)["input"][1]["content"],
            json!([{"type": "refusal", "refusal": "no"}])
        );
        assert_eq!(
            pair(C, A).body(&body)["messages"][1]["content"],
            texts(&["no"])
        );
        assert_eq!(
            pair(C, G).body(&body)["contents"][1]["parts"],
            json!([{"text": "no"}])
        );
    }
}

#[test]
fn e21_calls_in_the_old_form() {
    let body = chat(
        json!([
            user("hi"),
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}},
            {"role": "function", "name": "f", "content": "ok"},
        ]),
        json!({}),
    );
    let anthropic = pair(C, A).body(&body);
    let call = &anthropic["messages"][1]["content"][0];
    let result = &anthropic["messages"][2]["content"][0];
    assert_eq!(call["input"], json!({"a": 1}));
    assert_eq!(result["tool_use_id"], call["id"]);
    assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()));
    let responses = pair(C, R).body(&body);
    assert_eq!(
        responses["input"][2]["call_id"],
        responses["input"][1]["call_id"]
    );
    assert_eq!(responses["input"][2]["output"], "ok");
    let gemini = pair(C, G).body(&body);
    assert_eq!(
        gemini["contents"][1]["parts"][0]["functionCall"]["name"],
        "f"
    );
    assert_eq!(
        gemini["contents"][2]["parts"][0]["functionResponse"]["name"],
        "f"
    );
}
