//! Bodies in the service's form, and its answers in the protocol's.

use super::super::body::{for_chat, for_responses};
use super::super::content::Content;
use super::super::reply::in_form;
use protocol::Dialect;
use serde_json::{Value, json};

fn content(client: Dialect, body: &Value) -> (&'static str, bool) {
    let content = Content::of(client, &body.to_string().into());
    (
        if content.agent { "agent" } else { "user" },
        content.pictures,
    )
}

/// §8, vector 3; F's rules were over-broad, and read `messages` only.
#[test]
fn the_last_thing_tells_whose_turn_it_is() {
    use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiCompletions, OpenAiResponses};
    let user = json!({"role": "user", "content": "hi"});
    let said = json!({"role": "assistant", "content": "hello"});
    let image =
        |part: Value| json!([{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]);
    let image_url = json!({"type": "image_url", "image_url": {"url": "data:,"}});
    let in_result = json!({"type": "tool_result", "content": [{"type": "image", "source": {}}]});
    let calls = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c"}]});
    let use_ = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "t"}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"},
        {"type": "text", "text": "and?"}]});
    let output = json!([{"type": "input_image", "image_url": "data:,"}]);
    for (client, turns, want) in [
        (OpenAiChat, json!([user]), ("user", false)),
        (OpenAiChat, json!([user, said, user]), ("user", false)),
        (
            OpenAiChat,
            json!([user, calls, {"role": "tool", "content": "1"}]),
            ("agent", false),
        ),
        (OpenAiChat, json!([user, said]), ("agent", false)),
        (OpenAiChat, image(image_url), ("user", true)),
        (OpenAiChat, json!([]), ("user", false)),
        (OpenAiChat, json!("x"), ("user", false)),
        (Anthropic, json!([user, use_, result]), ("agent", false)),
        (
            Anthropic,
            json!([user, use_, result, said, user]),
            ("user", false),
        ),
        (
            Anthropic,
            image(json!({"type": "image", "source": {}})),
            ("user", true),
        ),
        (
            Anthropic,
            json!([user, use_, {"role": "user", "content": [in_result]}]),
            ("agent", true),
        ),
        (OpenAiResponses, json!("hi"), ("user", false)),
        (OpenAiResponses, json!([user]), ("user", false)),
        (
            OpenAiResponses,
            json!([user, {"type": "message", "role": "assistant", "content": []}, user]),
            ("user", false),
        ),
        (
            OpenAiResponses,
            json!([user, {"type": "function_call"}, {"type": "function_call_output"}]),
            ("agent", false),
        ),
        (
            OpenAiResponses,
            json!([{"type": "computer_call_output"}]),
            ("agent", false),
        ),
        (
            OpenAiResponses,
            json!([{"type": "function_call_output", "output": output}]),
            ("agent", true),
        ),
        (
            OpenAiResponses,
            image(json!({"type": "input_image"})),
            ("user", true),
        ),
        (
            Gemini,
            json!([{"role": "user", "parts": [{"text": "hi"}]}]),
            ("user", false),
        ),
        (
            Gemini,
            json!([{"role": "model", "parts": [{"text": "hi"}]}]),
            ("agent", false),
        ),
        (
            Gemini,
            json!([{"parts": [{"functionResponse": {"name": "f"}}]}]),
            ("agent", false),
        ),
        (
            Gemini,
            json!([{"role": "user", "parts": [{"functionResponse": {"name": "f"}}]}]),
            ("agent", false),
        ),
        (
            Gemini,
            json!([{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png"}}]}]),
            ("user", true),
        ),
        (
            Gemini,
            json!([{"role": "user", "parts": [{"inline_data": {"mime_type": "audio/wav"}}]}]),
            ("user", false),
        ),
        (OpenAiCompletions, json!("x"), ("user", false)),
    ] {
        let list = match client {
            OpenAiResponses => "input",
            Gemini => "contents",
            _ => "messages",
        };
        let body = json!({"model": "m", list: turns});
        assert_eq!(content(client, &body), want, "{client:?} {body}");
    }
}

fn chat(body: Value, model: &str) -> Value {
    serde_json::from_slice(&for_chat(&body.to_string().into(), model, false)).unwrap()
}

fn responses(body: Value) -> Value {
    serde_json::from_slice(&for_responses(&body.to_string().into())).unwrap()
}

/// §7; `max_tokens` went out to `gpt-5` as it was in every old version.
#[test]
fn chat_bodies_take_the_services_form() {
    for (model, body, want) in [
        (
            "gpt-5.1",
            json!({"max_tokens": 9}),
            json!({"max_completion_tokens": 9}),
        ),
        (
            "gpt-5.1",
            json!({"max_tokens": 9, "max_completion_tokens": 8}),
            json!({"max_completion_tokens": 8}),
        ),
        (
            "gpt-4.1",
            json!({"max_tokens": 9}),
            json!({"max_tokens": 9}),
        ),
        (
            "claude-opus-4.6",
            json!({"max_tokens": 9}),
            json!({"max_tokens": 9}),
        ),
        (
            "gpt-5",
            json!({"reasoning_effort": "low"}),
            json!({"reasoning_effort": "low"}),
        ),
        (
            "claude-opus-4.6",
            json!({"reasoning_effort": "low"}),
            json!({}),
        ),
        (
            "gemini-2.5-pro",
            json!({"reasoning_effort": "low"}),
            json!({}),
        ),
        (
            "m",
            json!({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}],
                "tool_choice": "any"}),
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"}),
        ),
        (
            "m",
            json!({"tools": [{"type": "web_search"}], "tool_choice": "required"}),
            json!({}),
        ),
        (
            "m",
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ),
        (
            "m",
            json!({"tool_choice": {"type": "allowed_tools"}}),
            json!({"tool_choice": "auto"}),
        ),
        (
            "m",
            json!({"tool_choice": "none"}),
            json!({"tool_choice": "none"}),
        ),
        (
            "m",
            json!({"messages": [
                {"role": "assistant", "content": [{"type": "text", "text": "a\n"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal"}]},
                {"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
            json!({"messages": [
                {"role": "assistant", "content": "a\nb"},
                {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal"}]},
                {"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
        ),
    ] {
        assert_eq!(chat(body.clone(), model), want, "{model} {body}");
    }
    let streamed = |body: Value| -> Value {
        let body = for_chat(&body.to_string().into(), "m", true);
        serde_json::from_slice(&body).unwrap()
    };
    let asked = json!({"stream_options": {"include_usage": true}});
    assert_eq!(streamed(json!({})), asked);
    assert_eq!(streamed(json!({"stream_options": {}})), asked);
    assert_eq!(streamed(json!({"stream_options": null})), asked);
    let refused = json!({"stream_options": {"include_usage": false}});
    assert_eq!(streamed(refused.clone()), refused);
    let broken = bytes::Bytes::from_static(b"no json");
    assert_eq!(for_chat(&broken, "m", true), broken);
}

/// §7; F dropped every tool but functions, computers included.
#[test]
fn responses_bodies_take_the_services_form() {
    let defaults = json!({"store": false, "include": ["reasoning.encrypted_content"]});
    let with = |more: Value| {
        let mut all = defaults.as_object().cloned().unwrap();
        all.extend(more.as_object().cloned().unwrap());
        Value::Object(all)
    };
    let own = json!({"store": true, "include": [], "input": "hi"});
    let flat = json!({"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}});
    for (body, want) in [
        (json!({}), defaults.clone()),
        (own.clone(), own),
        (json!({"service_tier": "priority"}), defaults.clone()),
        (
            json!({"reasoning": {"effort": "low"}}),
            with(json!({"reasoning": {"effort": "low", "summary": "auto"}})),
        ),
        (
            json!({"reasoning": {"effort": "low", "summary": "detailed"}}),
            with(json!({"reasoning": {"effort": "low", "summary": "detailed"}})),
        ),
        (json!({"reasoning": {}}), with(json!({"reasoning": {}}))),
        (
            json!({"tools": [flat, {"type": "web_search"}, {"type": "computer_use_preview", "display_width": 1},
                {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
                {"name": "f", "description": "d", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "function", "function": {"name": "f"}}}),
            with(
                json!({"tools": [flat, {"type": "computer_use_preview", "display_width": 1}, flat, flat],
                "tool_choice": {"type": "function", "name": "f"}}),
            ),
        ),
        (
            json!({"tools": [flat], "tool_choice": {"type": "web_search"}}),
            with(json!({"tools": [flat], "tool_choice": "auto"})),
        ),
        (
            json!({"tools": [flat], "tool_choice": "any"}),
            with(json!({"tools": [flat], "tool_choice": "auto"})),
        ),
        (
            json!({"tools": [{"type": "web_search"}], "tool_choice": "auto"}),
            defaults.clone(),
        ),
        (json!({"input": ["x"]}), with(json!({"input": ["x"]}))),
        (
            json!({"input": {"a": 1}}),
            with(json!({"input": "{\"a\":1}"})),
        ),
    ] {
        assert_eq!(responses(body.clone()), want, "{body}");
    }
}

/// §4; F lost the thinking of Claude and Gemini.
#[test]
fn thinking_is_told_in_the_usual_word() {
    for (said, want) in [
        (
            json!({"choices": [{"index": 0, "delta": {"reasoning_text": "hm"}}]}),
            json!({"choices": [{"index": 0, "delta": {"reasoning_text": "hm", "reasoning_content": "hm"}}]}),
        ),
        (
            json!({"choices": [{"message": {"reasoning_text": "hm", "reasoning_content": "", "reasoning_opaque": "o"}}]}),
            json!({"choices": [{"message": {"reasoning_text": "hm", "reasoning_content": "hm", "reasoning_opaque": "o"}}]}),
        ),
        (
            json!({"choices": [{"delta": {"reasoning_text": "hm", "reasoning_content": "yes"}}]}),
            json!({"choices": [{"delta": {"reasoning_text": "hm", "reasoning_content": "yes"}}]}),
        ),
        (
            json!({"choices": [{"delta": {"reasoning_text": null}}]}),
            json!({"choices": [{"delta": {"reasoning_text": null}}]}),
        ),
    ] {
        let said = said.to_string();
        let got: Value = serde_json::from_str(&in_form(&said)).unwrap();
        assert_eq!(got, want);
    }
    for same in [
        "[DONE]",
        "",
        r#"{"choices":[],"prompt_filter_results":[]}"#,
        r#"{"error":{"message":"reasoning_text"}}"#,
    ] {
        assert!(matches!(in_form(same), std::borrow::Cow::Borrowed(text) if text == same));
    }
}

/// §4: text in one choice, calls in the other.
#[test]
fn two_choices_of_one_index_are_one() {
    let said = json!({"id": "x", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Let me look."}},
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "reasoning_text": "hm", "tool_calls": [{"id": "c", "type": "function"}]}}]});
    let got: Value = serde_json::from_str(&in_form(&said.to_string())).unwrap();
    let want = json!([{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant",
        "content": "Let me look.", "reasoning_text": "hm",
        "tool_calls": [{"id": "c", "type": "function"}], "reasoning_content": "hm"}}]);
    assert_eq!(got["choices"], want);
    let two =
        json!({"choices": [{"index": 0, "message": {}}, {"index": 1, "message": {}}]}).to_string();
    assert_eq!(in_form(&two), two);
}
