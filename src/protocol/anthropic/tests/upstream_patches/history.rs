//! Repairs of the messages.

use super::*;

fn loop_with(first: Value, thinking: &str) -> Value {
    let mut body = with(json!({"thinking": {"type": thinking}, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [first, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]},
    ]}));
    if thinking == "enabled" {
        body["thinking"]["budget_tokens"] = json!(1024);
    }
    body
}

#[test]
fn foreign_thinking_is_dropped_from_the_history() {
    let foreign = json!({"type": "thinking", "thinking": "x", "signature": "openai#gAAAAx"});
    let body = with(json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [foreign, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [foreign]},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "y", "signature": "unknown-form"}]},
    ]}));
    let mut want = body.clone();
    want["messages"][1]["content"] = json!([{"type": "text", "text": "b"}]);
    want["messages"].as_array_mut().unwrap().remove(2);
    assert_eq!(pass(&body), want);
}

#[test]
fn e46_a_loop_that_lost_its_thinking_goes_on_without() {
    for signature in ["openai#gAAAAx", "gemini.call#s", ""] {
        let foreign = json!({"type": "thinking", "thinking": "x", "signature": signature});
        let sent = pass(&loop_with(foreign.clone(), "enabled"));
        assert_eq!(sent["thinking"], json!({"type": "disabled"}), "{signature}");
        assert_eq!(sent["messages"][1]["content"].as_array().unwrap().len(), 1);
        // Adaptive thinking does not ask for earlier thinking.
        let sent = pass(&loop_with(foreign, "adaptive"));
        assert_eq!(sent["thinking"], json!({"type": "adaptive"}));
    }
    let own = json!({"type": "thinking", "thinking": "x", "signature": "unknown-form"});
    let body = loop_with(own, "enabled");
    assert_eq!(pass(&body), body);
}

#[test]
fn our_tag_on_anthropics_own_signature_is_removed() {
    let body = loop_with(
        json!({"type": "thinking", "thinking": "x", "signature": "claude#s"}),
        "enabled",
    );
    let mut want = body.clone();
    want["messages"][1]["content"][0]["signature"] = json!("s");
    assert_eq!(pass(&body), want);
    let body = loop_with(
        json!({"type": "thinking", "thinking": "", "signature": "claude-redacted#d"}),
        "enabled",
    );
    let mut want = body.clone();
    want["messages"][1]["content"][0] = json!({"type": "redacted_thinking", "data": "d"});
    assert_eq!(pass(&body), want);
}

#[test]
fn arguments_that_look_like_signatures_stay() {
    let body = with(json!({"messages": [{"role": "assistant", "content": [
        {"type": "tool_use", "id": "t", "name": "f", "input": {"signature": "openai#x", "tool_use_id": "a b"}}]}]}));
    assert_eq!(pass(&body), body);
}

#[test]
fn e40_call_ids_are_made_legal_in_calls_and_results() {
    let body = with(json!({"messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call.with space:1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call.with space:1", "content": "x"}]},
    ]}));
    let mut want = body.clone();
    want["messages"][0]["content"][0]["id"] = json!("call_with_space_1");
    want["messages"][1]["content"][0]["tool_use_id"] = json!("call_with_space_1");
    assert_eq!(pass(&body), want);
}

#[test]
fn e7_blank_texts_of_the_client_are_dropped() {
    let body = with(json!({
        "system": [{"type": "text", "text": " "}, {"type": "text", "text": "S"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "\n \t"}, {"type": "text", "text": "q"}]},
            {"role": "assistant", "content": [{"type": "text", "text": ""}]},
            {"role": "user", "content": "n"},
        ],
    }));
    let mut want = body.clone();
    want["system"] = json!([{"type": "text", "text": "S"}]);
    want["messages"] = json!([
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
        {"role": "user", "content": "n"},
    ]);
    assert_eq!(pass(&body), want);
    let body = with(json!({"system": [{"type": "text", "text": ""}]}));
    assert_eq!(pass(&body), without(body, &["system"]));
    // Texts that are no blocks stay.
    let body = with(json!({"messages": [{"role": "assistant", "content": [
        {"type": "tool_use", "id": "t", "name": "f", "input": {"type": "text", "text": ""}}]}]}));
    assert_eq!(pass(&body), body);
}

#[test]
fn e2_models_without_system_messages_get_reminders() {
    let body = with(json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "system", "content": "rule"},
        {"role": "system", "content": [{"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}]},
    ]}));
    // Of unknown models nothing is known.
    assert_eq!(pass(&body), body);
    let encoded = patch_with(&bytes(&body), &Patch::default(), &budgets());
    let mut want = body.clone();
    for n in [1, 2] {
        want["messages"][n]["role"] = json!("user");
    }
    want["messages"][1]["content"] = json!("<system-reminder>\nrule\n</system-reminder>");
    want["messages"][2]["content"][0]["text"] = json!("<system-reminder>\ntwo\n</system-reminder>");
    assert_eq!(
        serde_json::from_slice::<Value>(&encoded.body).unwrap(),
        want
    );
    let model = ModelTraits {
        mid_system: true,
        ..budgets()
    };
    let encoded = patch_with(&bytes(&body), &Patch::default(), &model);
    assert_eq!(encoded.body, bytes(&body));
}
