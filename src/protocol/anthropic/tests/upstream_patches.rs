//! Bodies that pass to an upstream of the same protocol.

mod history;

use super::*;
use crate::canonical::{Effort, ReasoningIntent};
use crate::codec::{CodecError, Encoded, Patch, ThinkingSupport};
use crate::testing::budgets;
use serde_json::json;

fn patch_with(body: &Bytes, patch: &Patch<'_>, model: &ModelTraits) -> Encoded {
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "upstream-model",
        stream: true,
        model_traits: model,
        endpoint: &endpoint,
    };
    Anthropic.patch_request(body, patch, &target).unwrap()
}

fn patched(body: &Value, patch: &Patch<'_>) -> Value {
    let encoded = patch_with(&bytes(body), patch, &ModelTraits::default());
    serde_json::from_slice(&encoded.body).unwrap()
}

fn pass(body: &Value) -> Value {
    patched(body, &Patch::default())
}

/// A body with the fields every request has.
fn with(extra: Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// What is left of `body` for comparisons of one field.
fn without(mut body: Value, keys: &[&str]) -> Value {
    for key in keys {
        body.as_object_mut().unwrap().shift_remove(*key);
    }
    body
}

fn adaptive() -> ModelTraits {
    ModelTraits {
        thinking: Some(ThinkingSupport {
            levels: vec![Effort::Low, Effort::Medium, Effort::High],
            can_disable: true,
            dynamic: true,
            ..ThinkingSupport::default()
        }),
        ..ModelTraits::default()
    }
}

#[test]
fn e80_what_no_edit_names_goes_out_byte_for_byte() {
    let text = "{ \"a\":1, \"model\" : \"m\",\"max_tokens\":1.0e3,\n\"n\":12345678901234567890,\"a\":2,\"temperature\":1.0,\"x\":\"\\u00e9 \\u003c é\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"foo\":[1 ,2]}";
    let raw = Bytes::from(text);
    let same = patch_with(&raw, &Patch::default(), &ModelTraits::default());
    assert_eq!(same.body.as_ptr(), raw.as_ptr());
    let patch = Patch {
        model: Some("other\"name"),
        stream: Some(true),
        thinking: None,
    };
    let edited = patch_with(&raw, &patch, &ModelTraits::default());
    let mut want = text.replace("\"m\"", "\"other\\\"name\"");
    want.truncate(want.len() - 1);
    assert_eq!(edited.body, want + ",\"stream\":true}");
}

#[test]
fn e79_unknown_fields_pass() {
    let body = with(
        json!({"foo": {"bar": [1]}, "diagnostics": null, "thread": {"type": "continue", "previous_message_id": "x"}}),
    );
    assert_eq!(pass(&body), body);
}

#[test]
fn betas_become_a_header() {
    for (betas, want) in [
        (json!(["a", "b"]), Some("a,b")),
        (json!("a"), Some("a")),
        (json!([]), None),
    ] {
        let body = with(json!({ "betas": betas }));
        let encoded = patch_with(&bytes(&body), &Patch::default(), &ModelTraits::default());
        let left: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(left, without(body, &["betas"]));
        let headers: Vec<_> = encoded.headers.iter().map(|(_, v)| v.as_str()).collect();
        assert_eq!(headers, want.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_missing_limit_is_filled_in() {
    let body = without(with(json!({})), &["max_tokens"]);
    assert_eq!(pass(&body)["max_tokens"], 32_000);
    let model = ModelTraits {
        max_output: Some(8192),
        ..ModelTraits::default()
    };
    let encoded = patch_with(&bytes(&body), &Patch::default(), &model);
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(value["max_tokens"], 8192);
}

#[track_caller]
fn thinking(body: &Value, intent: ReasoningIntent, model: &ModelTraits) -> (Value, Value) {
    let patch = Patch {
        thinking: Some(intent),
        ..Patch::default()
    };
    let encoded = patch_with(&bytes(body), &patch, model);
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    (value["thinking"].clone(), value["output_config"].clone())
}

#[test]
fn e63_a_suffix_budget_stays_below_the_limit() {
    let body = with(
        json!({"max_tokens": 2000, "thinking": {"type": "adaptive", "display": "omitted"},
                           "output_config": {"effort": "high"}}),
    );
    assert_eq!(
        thinking(&body, ReasoningIntent::Budget(4096), &budgets()),
        (
            json!({"type": "enabled", "budget_tokens": 1999}),
            json!(null)
        )
    );
    let body = with(json!({"max_tokens": 1000}));
    assert_eq!(
        thinking(&body, ReasoningIntent::Budget(4096), &budgets()),
        (json!(null), json!(null))
    );
}

#[test]
fn thinking_is_written_as_the_patch_wants_it() {
    let body = with(
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
                           "output_config": {"effort": "low", "format": {"type": "json_schema"}}}),
    );
    let format = json!({"type": "json_schema"});
    for (intent, model, field, config) in [
        (
            ReasoningIntent::Level(Effort::High),
            adaptive(),
            json!({"type": "adaptive", "display": "omitted"}),
            json!({"effort": "high", "format": format}),
        ),
        (
            ReasoningIntent::Off,
            budgets(),
            json!({"type": "disabled"}),
            json!({"format": format}),
        ),
        (
            ReasoningIntent::Unset,
            budgets(),
            json!(null),
            json!({"format": format}),
        ),
    ] {
        assert_eq!(thinking(&body, intent, &model), (field, config));
    }
    // No thinking fields yet.
    let bare = with(json!({}));
    assert_eq!(
        thinking(&bare, ReasoningIntent::Level(Effort::Low), &adaptive()),
        (json!({"type": "adaptive"}), json!({"effort": "low"}))
    );
}

#[test]
fn e68_a_forced_choice_switches_thinking_off() {
    let body = with(
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"effort": "low"}, "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"}}),
    );
    assert_eq!(pass(&body), without(body, &["thinking", "output_config"]));
}

#[test]
fn e65_e66_sampling_the_api_refuses_is_left_out() {
    let both = with(json!({"temperature": 0.2, "top_p": 0.9}));
    assert_eq!(pass(&both), without(both, &["top_p"]));
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    let low = with(json!({"thinking": thinking, "temperature": 0.2, "top_p": 0.5, "top_k": 10}));
    assert_eq!(pass(&low), without(low, &["temperature", "top_p", "top_k"]));
    let fine = with(json!({"thinking": thinking, "temperature": 1, "top_p": 0.97}));
    assert_eq!(pass(&fine), fine);
}

#[test]
fn e67_models_with_fixed_sampling() {
    let body = with(json!({"temperature": 0.2, "top_p": 0.5, "top_k": 10}));
    let model = ModelTraits {
        no_sampling: true,
        ..ModelTraits::default()
    };
    let encoded = patch_with(&bytes(&body), &Patch::default(), &model);
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(value, without(body, &["temperature", "top_p", "top_k"]));
}

#[test]
fn compatible_servers_keep_their_own_rules() {
    let body = with(
        json!({"temperature": 0.2, "top_p": 0.9, "tools": [{"name": "a.b", "input_schema": {}}],
        "messages": [{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "x", "signature": ""},
            {"type": "tool_use", "id": "f:0", "name": "a.b", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "f:0", "content": "x"}]}]}),
    );
    let raw = bytes(&body);
    let model = ModelTraits::default();
    let endpoint = EndpointTraits {
        compatible: true,
        ..EndpointTraits::default()
    };
    let target = Target {
        model: "m",
        stream: true,
        model_traits: &model,
        endpoint: &endpoint,
    };
    let encoded = Anthropic
        .patch_request(&raw, &Patch::default(), &target)
        .unwrap();
    assert_eq!(encoded.body.as_ptr(), raw.as_ptr());
}

#[test]
fn e98_empty_domain_lists_are_removed() {
    let tool = json!({"type": "web_search_20250305", "name": "web_search", "blocked_domains": [], "allowed_domains": ["a.com"]});
    let body =
        with(json!({"tools": [tool, {"name": "f", "input_schema": {}, "allowed_domains": []}]}));
    let mut want = body.clone();
    want["tools"][0] = without(tool, &["blocked_domains"]);
    assert_eq!(pass(&body), want);
}

#[test]
fn e190_cache_marks_are_made_legal() {
    let mark = json!({"type": "ephemeral"});
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let text = |mark: &Value| json!({"type": "text", "text": "x", "cache_control": mark});
    let body = with(json!({
        "tools": [{"name": "a", "input_schema": {}, "cache_control": mark}, {"name": "b", "input_schema": {}, "cache_control": mark}],
        "system": [text(&mark)],
        "messages": [{"role": "user", "content": [text(&mark)]}, {"role": "assistant", "content": [text(&mark)]}],
    }));
    let mut want = body.clone();
    want["tools"][0] = json!({"name": "a", "input_schema": {}});
    assert_eq!(pass(&body), want);

    let body = with(json!({
        "system": [text(&mark)],
        "messages": [{"role": "user", "content": [text(&hour)]}],
    }));
    let mut want = body.clone();
    want["messages"][0]["content"][0]["cache_control"] = mark.clone();
    assert_eq!(pass(&body), want);

    // Legal as it is: nothing is added or moved.
    let body = with(
        json!({"system": [text(&hour)], "messages": [{"role": "user", "content": [text(&mark)]}]}),
    );
    assert_eq!(pass(&body), body);
    assert_eq!(pass(&with(json!({}))), with(json!({})));
}

#[test]
fn marks_inside_results_count_too() {
    let text = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
    let body = with(json!({"messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": [text, text, text]}, text, text]}]}));
    let mut want = body.clone();
    want["messages"][0]["content"][0]["content"][0] = json!({"type": "text", "text": "x"});
    assert_eq!(pass(&body), want);
}

#[test]
fn tool_names_outside_the_charset_are_mapped() {
    let body = with(json!({
        "tools": [{"name": "a.b", "input_schema": {}}, {"name": "a_b", "input_schema": {}}],
        "tool_choice": {"type": "tool", "name": "a.b"},
        "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "a.b", "input": {"name": "a.b"}}]},
                     {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}],
    }));
    let encoded = patch_with(&bytes(&body), &Patch::default(), &ModelTraits::default());
    let mut want = body.clone();
    want["tools"][0]["name"] = json!("a_b_1");
    want["tool_choice"]["name"] = json!("a_b_1");
    want["messages"][0]["content"][0]["name"] = json!("a_b_1");
    assert_eq!(
        serde_json::from_slice::<Value>(&encoded.body).unwrap(),
        want
    );
    assert_eq!(encoded.notes.names.to_client("a_b_1"), "a.b");
}

#[test]
fn counting_takes_fewer_fields() {
    let body = with(
        json!({"stream": true, "metadata": {"user_id": "u"}, "temperature": 1, "betas": ["b"],
        "system": "s", "tools": [], "thinking": {"type": "adaptive"}, "context_management": {}}),
    );
    let encoded = Anthropic::patch_count(&bytes(&body).into(), Some("other")).unwrap();
    let mut want = without(
        body,
        &[
            "max_tokens",
            "stream",
            "metadata",
            "temperature",
            "betas",
            "context_management",
        ],
    );
    want["model"] = json!("other");
    assert_eq!(
        serde_json::from_slice::<Value>(&encoded.body).unwrap(),
        want
    );
    assert_eq!(encoded.headers, [("anthropic-beta", "b".to_owned())]);
}

#[test]
fn bodies_that_are_no_object_are_refused() {
    let model = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "m",
        stream: true,
        model_traits: &model,
        endpoint: &endpoint,
    };
    for text in ["", "[]", "{\"a\":", "nonsense"] {
        let refused = Anthropic.patch_request(&Bytes::from(text), &Patch::default(), &target);
        let whole = matches!(
            refused,
            Err(CodecError::NotJson(_) | CodecError::NotAnObject)
        );
        assert!(whole, "{text}");
    }
}

#[test]
fn edits_of_thinking_go_with_the_thinking() {
    let clear = json!({"type": "clear_thinking_20251015", "keep": "all"});
    let tools = json!({"type": "clear_tool_uses_20250919"});
    let body = with(json!({"context_management": {"edits": [clear, tools]}}));
    let mut want = body.clone();
    want["context_management"] = json!({"edits": [tools]});
    assert_eq!(pass(&body), want);
    let body = with(json!({"context_management": {"edits": [clear]}}));
    assert_eq!(pass(&body), without(body, &["context_management"]));
    let body =
        with(json!({"context_management": {"edits": [clear]}, "thinking": {"type": "adaptive"}}));
    assert_eq!(pass(&body), body);
    let body = with(json!({"context_management": {"edits": []}}));
    assert_eq!(pass(&body), body);
}
