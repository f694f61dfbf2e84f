//! §3: reasoning, signatures, thinking state.

use crate::answer::{Piece, answer};
use crate::pair::*;
use crate::said;
use protocol::codec::ThinkingSupport;
use serde_json::{Value, json};

/// A signature of Anthropic's form.
const CLAUDE: &str = "EgQKAggF";

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// A Claude model that thinks by budget.
fn budgets(client: protocol::Dialect) -> Pair {
    pair(client, A).model(|model| {
        model.thinking = Some(ThinkingSupport {
            min_budget: 1024,
            max_budget: 128_000,
            can_disable: true,
            ..ThinkingSupport::default()
        });
    })
}

#[test]
fn e46_a_tool_loop_without_signed_thinking() {
    let call = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
        "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let result = json!({"role": "tool", "tool_call_id": "c1", "content": "ok"});
    let body = chat(
        json!([user("go"), call, result]),
        json!({"reasoning_effort": "high", "max_tokens": 32000}),
    );
    let sent = budgets(C).body(&body);
    assert!(
        matches!(sent.get("thinking"), None | Some(Value::Object(_))),
        "{sent:#}"
    );
    assert_ne!(sent["thinking"]["type"], "enabled", "{sent:#}");
    assert_eq!(sent.pointer("/output_config/effort"), None);
    // A turn later the loop is over, and thinking goes on.
    let mut later = body.clone();
    later["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": "done"}),
        user("more"),
    ]);
    assert_eq!(budgets(C).body(&later)["thinking"]["type"], "enabled");
    // With the signed block in front of the call the loop thinks.
    let mut items = input(
        json!([
            user("go"),
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}],
             "encrypted_content": format!("claude#{CLAUDE}")},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        ]),
        json!({"reasoning": {"effort": "high"}, "max_output_tokens": 32000}),
    );
    let sent = budgets(R).body(&items);
    assert_eq!(sent["thinking"]["type"], "enabled");
    assert_eq!(
        sent["messages"][1]["content"][0],
        json!({"type": "thinking", "thinking": "t", "signature": CLAUDE})
    );
    items["input"].as_array_mut().unwrap().remove(1);
    assert_ne!(budgets(R).body(&items)["thinking"]["type"], "enabled");
}

#[test]
fn e47_a_turn_of_unsigned_thinking() {
    let body = messages(
        json!([user("a"), {"role": "assistant", "content": [{"type": "thinking",
            "thinking": "hm", "signature": ""}]}, user("b")]),
        json!({}),
    );
    let sent = pair(A, C).body(&body);
    assert_eq!(sent["messages"], json!([user("a"), user("b")]));
    let sent = pair(A, G).body(&body);
    assert_eq!(
        sent["contents"],
        json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
    );
}

#[test]
fn e48_openai_reasoning_is_nothing_to_anthropic() {
    let body = pair(R, A).body(&input(
        json!([
            user("a"),
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAAABsecret",
             "summary": [{"type": "summary_text", "text": "summary"}]},
            {"role": "assistant", "content": "b"},
            user("c"),
        ]),
        json!({}),
    ));
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "b"}])
    );
    let text = body.to_string();
    assert!(
        !text.contains("summary") && !text.contains("gAAAA"),
        "{text}"
    );
}

#[test]
fn e49_thinking_of_others_is_nothing_to_openai() {
    let body = |signature: &str| {
        messages(
            json!([
                user("a"),
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": signature},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]},
            ]),
            json!({}),
        )
    };
    for foreign in [CLAUDE, "gemini#Z2VtaW5p", "gemini.call#Z2VtaW5p", "?"] {
        let sent = pair(A, R).body(&body(foreign));
        assert!(
            !sent.to_string().contains("reasoning"),
            "{foreign}: {sent:#}"
        );
    }
    for own in ["openai#gAAAAABx", "gAAAAABx"] {
        let sent = pair(A, R).body(&body(own));
        assert_eq!(sent["input"][1]["type"], "reasoning", "{own}");
        assert_eq!(sent["input"][1]["encrypted_content"], "gAAAAABx", "{own}");
        assert_eq!(sent["input"][2]["type"], "function_call", "{own}");
    }
}

fn reasoning_item(at: usize, proof: Option<&str>, parts: &[&str]) -> Value {
    let summary: Vec<Value> = parts
        .iter()
        .map(|text| json!({"type": "summary_text", "text": text}))
        .collect();
    let mut item = json!({"type": "reasoning", "id": format!("rs_{at}"), "summary": summary});
    if let Some(proof) = proof {
        item["encrypted_content"] = json!(proof);
    }
    item
}

/// Events of a reasoning item.
fn thought(at: usize, first: Option<&str>, last: Option<&str>, parts: &[&str]) -> Vec<Value> {
    let mut all = vec![
        json!({"type": "response.output_item.added", "output_index": at,
        "item": reasoning_item(at, first, &[])}),
    ];
    for (n, text) in parts.iter().enumerate() {
        let place = json!({"item_id": format!("rs_{at}"), "output_index": at, "summary_index": n});
        let with = |kind: &str, key: &str, value: Value| {
            let mut event = place.clone();
            event["type"] = json!(format!("response.reasoning_summary_{kind}"));
            event[key] = value;
            event
        };
        all.push(with(
            "part.added",
            "part",
            json!({"type": "summary_text", "text": ""}),
        ));
        all.push(with("text.delta", "delta", json!(text)));
        all.push(with("text.done", "text", json!(text)));
        all.push(with(
            "part.done",
            "part",
            json!({"type": "summary_text", "text": text}),
        ));
    }
    all.push(
        json!({"type": "response.output_item.done", "output_index": at,
        "item": reasoning_item(at, last, parts)}),
    );
    all
}

fn told(items: Vec<Value>) -> Told {
    pair(A, R).tell(&said::response_stream(items, json!([])))
}

/// Blocks of an Anthropic stream: kind, joined text, joined signature.
fn blocks(told: &Told) -> Vec<(String, String, String)> {
    let mut blocks: Vec<(String, String, String)> = Vec::new();
    for data in &told.data {
        match data["type"].as_str().unwrap() {
            "content_block_start" => {
                let kind = data["content_block"]["type"].as_str().unwrap();
                blocks.push((kind.to_owned(), String::new(), String::new()));
            }
            "content_block_delta" => {
                let (_, text, signature) = blocks.last_mut().unwrap();
                let delta = &data["delta"];
                for key in ["text", "thinking", "partial_json"] {
                    text.push_str(delta[key].as_str().unwrap_or_default());
                }
                signature.push_str(delta["signature"].as_str().unwrap_or_default());
            }
            _ => {}
        }
    }
    blocks
}

fn block(kind: &str, text: &str, signature: &str) -> (String, String, String) {
    (kind.to_owned(), text.to_owned(), signature.to_owned())
}

#[test]
fn e50_the_final_signature_counts() {
    for (first, last, want) in [
        (Some("gAAAAX"), Some("gAAAAY"), "openai#gAAAAY"),
        (Some("gAAAAX"), None, "openai#gAAAAX"),
        (None, Some("gAAAAY"), "openai#gAAAAY"),
    ] {
        let told = told(thought(0, first, last, &["t"]));
        assert_eq!(blocks(&told), [block("thinking", "t", want)]);
        assert_eq!(told.all("/delta/signature").len(), 1);
    }
}

#[test]
fn e51_summary_parts_and_items() {
    let parts = thought(0, None, Some("gAAAAY"), &["one", "two", "three"]);
    assert_eq!(
        blocks(&told(parts)),
        [block("thinking", "one\n\ntwo\n\nthree", "openai#gAAAAY")]
    );
    let mut two = thought(0, None, Some("gAAAA1"), &["one"]);
    two.extend(thought(1, None, Some("gAAAA2"), &["two"]));
    assert_eq!(
        blocks(&told(two)),
        [
            block("thinking", "one", "openai#gAAAA1"),
            block("thinking", "two", "openai#gAAAA2")
        ]
    );
}

#[test]
fn e52_a_signature_without_summary() {
    let mut items = thought(0, None, Some("gAAAAY"), &[]);
    let mut text = said::text(R, "hi");
    text.remove(0);
    text.pop();
    for event in &mut text {
        event["output_index"] = json!(1);
    }
    items.extend(text);
    let told = told(items);
    assert_eq!(
        blocks(&told),
        [
            block("thinking", "", "openai#gAAAAY"),
            block("text", "hi", "")
        ]
    );
    assert!(told.all("/delta/thinking").is_empty());
}

#[test]
fn e53_redacted_thinking_there_and_back() {
    let reply = said::message_stream(
        vec![
            json!({"type": "content_block_start", "index": 0,
                   "content_block": {"type": "redacted_thinking", "data": "blob=="}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1,
                   "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1,
                   "delta": {"type": "text_delta", "text": "hi"}}),
            json!({"type": "content_block_stop", "index": 1}),
        ],
        "end_turn",
    );
    let told = pair(R, A).tell(&reply);
    let item = told.of("response.output_item.done")[0]["item"].clone();
    assert_eq!(item["type"], "reasoning");
    assert_eq!(item["encrypted_content"], "claude-redacted#blob==");
    assert_eq!(item["summary"], json!([]));
    let empty =
        json!({"type": "reasoning", "summary": [], "encrypted_content": "claude-redacted#"});
    let sent = pair(R, A).body(&input(
        json!([user("a"), item, {"role": "assistant", "content": "hi"}, user("b"), empty, user("c")]),
        json!({}),
    ));
    assert_eq!(
        sent["messages"][1]["content"][0],
        json!({"type": "redacted_thinking", "data": "blob=="})
    );
    assert_eq!(sent.to_string().matches("redacted_thinking").count(), 1);
}

#[test]
fn e54_redacted_thinking_is_not_shown_in_chat() {
    let told = pair(C, A).tell(&said::message_stream(
        vec![
            json!({"type": "content_block_start", "index": 0,
                   "content_block": {"type": "redacted_thinking", "data": "blob=="}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1,
                   "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1,
                   "delta": {"type": "text_delta", "text": "hi"}}),
            json!({"type": "content_block_stop", "index": 1}),
        ],
        "end_turn",
    ));
    assert_eq!(said::text_of(C, &told.data), "hi");
    assert!(told.all("/choices/0/delta/reasoning_content").is_empty());
    let whole = pair(C, A).whole(&json!({"id": "m", "type": "message", "role": "assistant",
        "model": "up", "content": [{"type": "redacted_thinking", "data": "blob=="},
        {"type": "text", "text": "hi"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1}}));
    assert!(!whole.to_string().contains("blob"), "{whole:#}");
}

#[test]
fn e55_a_signature_alone_stays_in_front() {
    let sent = pair(R, A).body(&input(
        json!([
            user("a"),
            {"type": "reasoning", "summary": [], "encrypted_content": format!("claude#{CLAUDE}")},
            user("b"),
        ]),
        json!({}),
    ));
    assert_eq!(
        sent["messages"][1],
        json!({"role": "assistant",
               "content": [{"type": "thinking", "thinking": "", "signature": CLAUDE}]})
    );
    assert_eq!(sent["messages"][2]["role"], "user");
}

#[test]
fn e56_stand_ins_for_gemini_3() {
    const STAND_IN: &str = "skip_thought_signature_validator";
    let calls = |signature: Option<&str>| {
        let mut block = vec![
            json!({"type": "tool_use", "id": "c1", "name": "f", "input": {}}),
            json!({"type": "tool_use", "id": "c2", "name": "f", "input": {}}),
        ];
        if let Some(signature) = signature {
            let thought = json!({"type": "thinking", "thinking": "", "signature": signature});
            block.insert(0, thought);
        }
        messages(
            json!([
                user("a"),
                {"role": "assistant", "content": block},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "1"},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "2"}]},
            ]),
            json!({}),
        )
    };
    let signatures = |body: &Value, third: bool| -> Vec<Value> {
        let sent = pair(A, G).model(|model| model.gemini3 = third).body(body);
        let parts = sent["contents"][1]["parts"].as_array().unwrap();
        parts
            .iter()
            .map(|part| {
                assert!(part["functionCall"].is_object(), "{sent:#}");
                part["thoughtSignature"].clone()
            })
            .collect()
    };
    let none = Value::Null;
    assert_eq!(
        signatures(&calls(None), true),
        [json!(STAND_IN), none.clone()]
    );
    assert_eq!(
        signatures(&calls(Some(CLAUDE)), true),
        [json!(STAND_IN), none.clone()]
    );
    assert_eq!(
        signatures(&calls(Some("gemini.call#Z2VtaW5p")), true),
        [json!("Z2VtaW5p"), none.clone()]
    );
    assert_eq!(signatures(&calls(None), false), [none.clone(), none]);
}

#[test]
fn e57_a_signed_text_is_text() {
    let part = json!({"text": "408", "thoughtSignature": "c2ln"});
    let reply = said::candidate(json!([part]), json!("STOP"));
    for client in [C, R, A] {
        let told = pair(client, G).tell(std::slice::from_ref(&reply));
        assert_eq!(said::text_of(client, &told.data), "408", "{client:?}");
    }
    let whole = pair(A, G).whole(&reply);
    assert_eq!(whole["content"][0], json!({"type": "text", "text": "408"}));
    assert!(whole.to_string().contains("c2ln"), "{whole:#}");
    let told = pair(C, G).tell(&[said::candidate(
        json!([{"text": "THOUGHT: no"}]),
        json!("STOP"),
    )]);
    assert_eq!(said::text_of(C, &told.data), "THOUGHT: no");
}

#[test]
fn e58_a_signature_behind_the_thinking() {
    let mut last = said::candidate(
        json!([{"text": "", "thoughtSignature": "c2ln"}]),
        json!("STOP"),
    );
    last["usageMetadata"]
        .as_object_mut()
        .unwrap()
        .remove("candidatesTokenCount");
    let told = pair(A, G).tell(&[
        said::candidate(json!([{"text": "hm", "thought": true}]), Value::Null),
        last,
    ]);
    assert_eq!(
        blocks(&told),
        [block("thinking", "hm", "gemini.detached#c2ln")]
    );
    assert_eq!(told.of("content_block_stop").len(), 1);
    assert_eq!(told.of("message_delta").len(), 1);
}

#[test]
fn e59_hidden_thoughts_of_gemini_clients() {
    let body = contents(
        json!([
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "hidden", "thought": true}]},
            {"role": "user", "parts": [{"text": "b"}]},
            {"role": "model", "parts": [{"text": "hidden", "thought": true}, {"text": "shown"}]},
            {"role": "user", "parts": [{"text": "c"}]},
        ]),
        json!({}),
    );
    for upstream in [C, R, A] {
        let text = pair(G, upstream).body(&body).to_string();
        assert!(!text.contains("hidden"), "{upstream:?}: {text}");
        assert!(text.contains("shown"), "{upstream:?}: {text}");
    }
}

#[test]
fn e60_reasoning_for_those_who_want_it_back() {
    let kimi = |client| {
        pair(client, C).endpoint(|endpoint| {
            endpoint.compatible = true;
            endpoint.wants_reasoning_content = true;
        })
    };
    let reasoning = |text: &str| json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]});
    let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c1", "output": "ok"});
    let sent = kimi(R).body(&input(
        json!([
            user("a"),
            reasoning("first"),
            reasoning("second"),
            call,
            output
        ]),
        json!({}),
    ));
    let message = &sent["messages"][1];
    assert_eq!(message["reasoning_content"], "first\n\nsecond");
    assert_eq!(message["tool_calls"][0]["id"], "c1");
    let sent = kimi(R).body(&input(json!([user("a"), call, output]), json!({})));
    assert_eq!(
        sent["messages"][1]["reasoning_content"],
        "[reasoning unavailable]"
    );
    let use_block = json!({"type": "tool_use", "id": "c1", "name": "f", "input": {}});
    let thinking = |text: &str| json!({"type": "thinking", "thinking": text, "signature": ""});
    let result = json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]});
    for (content, want) in [
        (
            json!([thinking("first"), thinking("second"), use_block]),
            "first\n\nsecond",
        ),
        (json!([use_block]), "[reasoning unavailable]"),
    ] {
        let sent = kimi(A).body(&messages(
            json!([user("a"), {"role": "assistant", "content": content}, result]),
            json!({}),
        ));
        assert_eq!(sent["messages"][1]["reasoning_content"], want);
    }
}

/// The signature that a chat client keeps on its call, in Google's own place for it.
#[test]
fn e61_signatures_of_calls_through_chat() {
    let answer = answer(vec![
        Piece::Thinking("hm", "Z2VtaW5p"),
        Piece::Call("c1", "f", json!({"a": 1})),
    ]);
    let told = pair(C, G).whole(&answer.whole(G));
    let message = &told["choices"][0]["message"];
    let kept = &message["tool_calls"][0]["extra_content"]["google"]["thought_signature"];
    assert_eq!(kept, "Z2VtaW5p", "{told:#}");
    let streamed = pair(C, G).tell(&answer.stream(G));
    assert_eq!(
        streamed.all("/choices/0/delta/tool_calls/0/extra_content/google/thought_signature"),
        [kept]
    );
    let sent = pair(C, G).model(|model| model.gemini3 = true).body(&chat(
        json!([user("a"), message, {"role": "tool", "tool_call_id": "c1", "content": "ok"}]),
        json!({}),
    ));
    let part = &sent["contents"][1]["parts"][0];
    assert_eq!(part["thoughtSignature"], "Z2VtaW5p", "{sent:#}");
    assert_eq!(part["functionCall"]["name"], "f");
}
