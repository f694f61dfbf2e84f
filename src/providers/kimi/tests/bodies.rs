//! Bodies in the service's form.

use super::super::super::verdict::FailedReply;
use super::super::super::{Action, Call, Provider};
use super::super::{Kimi, body};
use super::{february, now, record};
use actix_web::http::header::HeaderMap;
use actors::config::Config;
use bytes::Bytes;
use protocol::Dialect;
use serde_json::{Value, json};

fn shaped_for(client: Dialect, sent: &Value, body: &Value) -> Value {
    let (record, text, client_body) = (
        record(&february()),
        Bytes::from(body.to_string()),
        Bytes::from(sent.to_string()),
    );
    let shaped = body::for_chat(&Call {
        record: &record,
        model: "k2.5",
        action: Action::Generate { stream: false },
        body: &text,
        body_headers: &[],
        client_body: &client_body,
        client_headers: &HeaderMap::new(),
        config: &Config::default(),
        dialect: Dialect::OpenAiChat,
        client,
    });
    serde_json::from_slice(&shaped).unwrap()
}

fn shaped(body: &Value) -> Value {
    shaped_for(Dialect::OpenAiChat, body, body)
}

fn messages(messages: Value) -> Value {
    shaped(&json!({ "messages": messages }))["messages"].clone()
}

fn call(id: &str) -> Value {
    json!([{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}])
}

/// §7: levels and `none` in the service's form; what the client said in that form stays.
#[test]
fn thinking_is_an_object() {
    for (body, want) in [
        (
            json!({"reasoning_effort": "high"}),
            json!({"thinking": {"type": "enabled", "effort": "high"}}),
        ),
        (
            json!({"reasoning_effort": "none", "thinking": {"type": "enabled", "keep": "all"}}),
            json!({"thinking": {"type": "disabled"}}),
        ),
        (
            json!({"reasoning_effort": "low", "thinking": {"type": "enabled", "keep": "all"}}),
            json!({"thinking": {"type": "enabled", "effort": "low", "keep": "all"}}),
        ),
        (
            json!({"thinking": {"type": "enabled", "keep": "all"}}),
            json!({"thinking": {"type": "enabled", "keep": "all"}}),
        ),
        (
            json!({"reasoning_effort": null}),
            json!({"reasoning_effort": null}),
        ),
        (json!({}), json!({})),
    ] {
        assert_eq!(shaped(&body), want, "{body}");
    }
    // The codec replaced the client's object; what it kept there is still the client's wish.
    let sent = json!({"thinking": {"type": "enabled", "keep": "all"}});
    let body = json!({"reasoning_effort": "high"});
    let with = json!({"type": "enabled", "effort": "high", "keep": "all"});
    assert_eq!(
        shaped_for(Dialect::OpenAiChat, &sent, &body)["thinking"],
        with
    );
    let without = json!({"type": "enabled", "effort": "high"});
    assert_eq!(
        shaped_for(Dialect::Gemini, &sent, &body)["thinking"],
        without
    );
}

#[test]
fn the_limit_has_its_newer_name() {
    for (body, want) in [
        (
            json!({"max_tokens": 9}),
            json!({"max_completion_tokens": 9}),
        ),
        (
            json!({"max_tokens": 9, "max_completion_tokens": 8}),
            json!({"max_completion_tokens": 8}),
        ),
        (
            json!({"max_completion_tokens": 8}),
            json!({"max_completion_tokens": 8}),
        ),
    ] {
        assert_eq!(shaped(&body), want);
    }
}

/// Vector 3.
#[test]
fn calls_have_thinking_and_results_have_ids() {
    assert_eq!(
        messages(json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "tool_calls": call("c1")},
            {"role": "tool", "content": "x"}])),
        json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": call("c1"),
             "reasoning_content": "[reasoning unavailable]"},
            {"role": "tool", "content": "x", "tool_call_id": "c1"}])
    );
}

/// §7: the latest thinking, else the visible text; the note that stands for nothing is never "the
/// latest" (M).
#[test]
fn missing_thinking_is_filled_in() {
    let thinking = |messages: Value| -> Vec<Value> {
        let messages = super::bodies::messages(messages);
        let list = messages.as_array().unwrap().iter();
        list.map(|message| message["reasoning_content"].clone())
            .collect()
    };
    let asks = |id: &str| json!({"role": "assistant", "content": null, "tool_calls": call(id)});
    let mut thinks = asks("a");
    thinks["reasoning_content"] = "why".into();
    assert_eq!(thinking(json!([thinks, asks("b")])), ["why", "why"]);
    let mut noted = asks("a");
    noted["reasoning_content"] = "[reasoning unavailable]".into();
    let mut says = asks("b");
    says["content"] =
        json!([{"type": "text", "text": "let me look"}, {"type": "text", "text": " "}]);
    assert_eq!(
        thinking(json!([noted, says])),
        ["[reasoning unavailable]", "let me look"]
    );
    let plain = json!([{"role": "assistant", "content": "x"}]);
    assert_eq!(messages(plain.clone()), plain, "thinking is for calls");
}

/// 672fdd14e: the service refuses messages without anything in them.
#[test]
fn empty_assistant_messages_are_dropped() {
    let kept = json!([
        {"role": "assistant", "content": "", "reasoning_content": "hm"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": ""}},
        {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
        {"role": "user", "content": ""}]);
    assert_eq!(messages(kept.clone()), kept);
    for empty in [
        json!({"role": "assistant", "content": ""}),
        json!({"role": "assistant", "content": null, "tool_calls": []}),
        json!({"role": "assistant", "content": [{"type": "text", "text": " "}]}),
        json!({"role": "assistant"}),
    ] {
        let user = json!({"role": "user", "content": "a"});
        assert_eq!(messages(json!([user, empty])), json!([user]), "{empty}");
    }
}

#[test]
fn results_find_their_calls() {
    let ids = |messages: Value| -> Vec<Value> {
        let messages = super::bodies::messages(messages);
        let results = messages.as_array().unwrap().iter();
        results
            .filter(|message| message["role"] == "tool")
            .map(|message| message["tool_call_id"].clone())
            .collect()
    };
    let asks = |id: &str| json!({"role": "assistant", "tool_calls": call(id)});
    let bare = json!({"role": "tool", "content": "x"});
    let with = |key: &str, id: &str| json!({"role": "tool", "content": "x", key: id});
    // Another spelling; then one call is open.
    assert_eq!(
        ids(json!([asks("a"), asks("b"), with("call_id", "b"), bare])),
        ["b", "a"]
    );
    // Two are open: nobody knows.
    assert_eq!(ids(json!([asks("a"), asks("b"), bare])), [Value::Null]);
    assert_eq!(
        ids(json!([asks("a"), with("tool_call_id", "a"), bare]))[1],
        Value::Null
    );
}

/// §7: every property says what it is, at any depth; the service's own tools go by name only.
#[test]
fn schemas_name_their_types() {
    let tool = |parameters: Value| {
        json!({"type": "function", "function": {"name": "f",
        "parameters": parameters}})
    };
    let body = json!({"tools": [
        tool(json!({"type": "object", "properties": {
            "mode": {"enum": ["smart", "full"]},
            "n": {"enum": [1, 2.5]},
            "on": {"const": true},
            "mixed": {"enum": ["a", 1]},
            "size": {"minimum": 1},
            "free": {"description": "x"},
            "known": {"type": "integer"},
            "choice": {"anyOf": [{"enum": [1]}, {"type": "null"}]},
            "list": {"items": {"properties": {"deep": {"maxLength": 3}}}},
            "ref": {"$ref": "#/$defs/x"}},
            "additionalProperties": {"enum": [null]}})),
        {"type": "function", "function": {"name": "$web_search", "parameters": {"type": "object"}}},
        {"type": "builtin_function", "function": {"name": "$web_search"}},
        {"type": "function", "function": {"name": "bare"}}]});
    assert_eq!(
        shaped(&body)["tools"],
        json!([
            tool(json!({"type": "object", "properties": {
                "mode": {"enum": ["smart", "full"], "type": "string"},
                "n": {"enum": [1, 2.5], "type": "number"},
                "on": {"const": true, "type": "boolean"},
                "mixed": {"enum": ["a", 1], "type": "string"},
                "size": {"minimum": 1, "type": "number"},
                "free": {"description": "x", "type": "string"},
                "known": {"type": "integer"},
                "choice": {"anyOf": [{"enum": [1], "type": "integer"}, {"type": "null"}]},
                "list": {"items": {"properties": {"deep": {"maxLength": 3, "type": "string"}},
                    "type": "object"}, "type": "array"},
                "ref": {"$ref": "#/$defs/x"}},
                "additionalProperties": {"enum": [null], "type": "null"}})),
            {"type": "builtin_function", "function": {"name": "$web_search"}},
            {"type": "builtin_function", "function": {"name": "$web_search"}},
            {"type": "function", "function": {"name": "bare"}}])
    );
}

#[test]
fn deep_schemas_end_no_stack() {
    let open = r#"{"properties":{"a":"#.repeat(5_000);
    let schema = format!("{open}{{}}{}", "}}".repeat(5_000));
    let text = format!(r#"{{"tools":[{{"function":{{"name":"f","parameters":{schema}}}}}]}}"#);
    let record = record(&february());
    let body = Bytes::from(text);
    let shaped = body::for_chat(&Call {
        record: &record,
        model: "k2.5",
        action: Action::Generate { stream: false },
        body: &body,
        body_headers: &[],
        client_body: &body,
        client_headers: &HeaderMap::new(),
        config: &Config::default(),
        dialect: Dialect::OpenAiChat,
        client: Dialect::OpenAiChat,
    });
    assert!(shaped.len() > body.len());
}

#[test]
fn a_body_in_form_is_not_copied() {
    let record = record(&february());
    let body =
        Bytes::from_static(br#"{"model":"k2.5","messages":[{"role":"user","content":"a"}]}"#);
    let shaped = body::for_chat(&Call {
        record: &record,
        model: "k2.5",
        action: Action::Generate { stream: true },
        body: &body,
        body_headers: &[],
        client_body: &body,
        client_headers: &HeaderMap::new(),
        config: &Config::default(),
        dialect: Dialect::OpenAiChat,
        client: Dialect::OpenAiChat,
    });
    assert_eq!(shaped.as_ptr(), body.as_ptr());
}

/// §7: Claude clients that drop the thinking in front of calls.
#[test]
fn refused_conversations_get_their_thinking_back() {
    let refusal = json!({"type": "error", "error": {"type": "invalid_request_error", "message":
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1"}});
    let mended = |dialect: Dialect, status: u16, refusal: &Value, body: &Value| {
        let reply = FailedReply {
            status,
            headers: &HeaderMap::new(),
            body: &refusal.to_string().into(),
            dialect,
            now: now(),
        };
        let mended = Kimi.mend(&reply, &body.to_string().into())?;
        Some(serde_json::from_slice::<Value>(&mended).unwrap())
    };
    let uses = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
    let body = json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [uses]},
        {"role": "assistant", "content": [{"type": "text", "text": "so"}, uses]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, uses]},
        {"role": "assistant", "content": [{"type": "text", "text": "so"}, uses]},
        {"role": "assistant", "content": "done"}]});
    let new = mended(Dialect::Anthropic, 400, &refusal, &body).unwrap();
    let first = |n: usize| new["messages"][n]["content"][0].clone();
    let thinking = |text: &str| json!({"type": "thinking", "thinking": text, "signature": ""});
    assert_eq!(first(1), thinking("[reasoning unavailable]"));
    assert_eq!(first(2), thinking("so"));
    assert_eq!(first(3)["signature"], "s");
    assert_eq!(first(4), thinking("hm"));
    assert_eq!(new["messages"][5], body["messages"][5]);
    // Nothing is missing, or something else is wrong.
    assert_eq!(mended(Dialect::Anthropic, 400, &refusal, &new), None);
    assert_eq!(
        mended(
            Dialect::Anthropic,
            400,
            &json!({"error": {"message": "x"}}),
            &body
        ),
        None
    );
    assert_eq!(mended(Dialect::Anthropic, 422, &refusal, &body), None);
    assert_eq!(mended(Dialect::OpenAiChat, 400, &refusal, &body), None);
}
