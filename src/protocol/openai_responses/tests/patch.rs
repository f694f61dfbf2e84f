use super::*;
use crate::canonical::{Effort, ReasoningIntent};
use crate::codec::Patch;
use crate::openai_responses::compact_request;

#[track_caller]
fn patched(raw: &Bytes, patch: &Patch<'_>, endpoint: &EndpointTraits) -> Bytes {
    let target = Target {
        model: "up",
        stream: true,
        model_traits: &ModelTraits::default(),
        endpoint,
    };
    OpenAiResponses
        .patch_request(raw, patch, &target)
        .unwrap()
        .body
}

/// The body as it reaches OpenAI.
#[track_caller]
fn open_patch(raw: &str, patch: &Patch<'_>) -> String {
    let raw = Bytes::copy_from_slice(raw.as_bytes());
    let body = patched(&raw, patch, &EndpointTraits::default());
    String::from_utf8(body.to_vec()).unwrap()
}

/// The body as it reaches Codex.
#[track_caller]
fn codex_patch(body: &Value) -> Value {
    let body = patched(&bytes(body), &Patch::default(), &codex());
    serde_json::from_slice(&body).unwrap()
}

#[track_caller]
fn codex_input(input: Value) -> Value {
    codex_patch(&json!({"model": "m", "input": input}))["input"].clone()
}

#[test]
fn e80_what_is_not_named_goes_out_byte_for_byte() {
    let raw = Bytes::from_static(
        br#" {"temperature":1.0, "n":12345678901234567890,"a":1,"a":2,"x":"\u003c\u00e9", "model" : "m","input":[ ]}"#,
    );
    let body = patched(&raw, &Patch::default(), &EndpointTraits::default());
    assert_eq!(body, raw);
    assert_eq!(body.as_ptr(), raw.as_ptr(), "no copy");
    let patch = Patch {
        model: Some("up"),
        ..Patch::default()
    };
    let body = patched(&raw, &patch, &EndpointTraits::default());
    let want = std::str::from_utf8(&raw)
        .unwrap()
        .replace("\"m\"", "\"up\"");
    assert_eq!(body, want.as_bytes());
}

#[test]
fn the_patch_is_carried_out() {
    let raw = r#"{"model":"a","stream":true,"stream_options":{"include_obfuscation":false},"reasoning":{"effort":"low","summary":"auto"},"input":"x"}"#;
    for (patch, want) in [
        (
            Patch {
                stream: Some(false),
                ..Patch::default()
            },
            r#"{"model":"a","stream":false,"reasoning":{"effort":"low","summary":"auto"},"input":"x"}"#,
        ),
        (
            Patch {
                thinking: Some(ReasoningIntent::Level(Effort::High)),
                ..Patch::default()
            },
            r#"{"model":"a","stream":true,"stream_options":{"include_obfuscation":false},"reasoning":{"effort":"high","summary":"auto"},"input":"x"}"#,
        ),
        (
            Patch {
                model: Some("b"),
                thinking: Some(ReasoningIntent::Unset),
                ..Patch::default()
            },
            r#"{"model":"b","stream":true,"stream_options":{"include_obfuscation":false},"input":"x"}"#,
        ),
        (
            Patch {
                thinking: Some(ReasoningIntent::Auto),
                ..Patch::default()
            },
            r#"{"model":"a","stream":true,"stream_options":{"include_obfuscation":false},"reasoning":{"summary":"auto"},"input":"x"}"#,
        ),
    ] {
        assert_eq!(open_patch(raw, &patch), want);
    }
    let patch = Patch {
        thinking: Some(ReasoningIntent::Budget(600)),
        ..Patch::default()
    };
    assert_eq!(
        open_patch(r#"{"model":"a"}"#, &patch),
        r#"{"model":"a","reasoning":{"effort":"low"}}"#
    );
}

#[test]
fn e79_unknown_fields_pass() {
    let raw = r#"{"model":"m","foo":{"bar":[1,2]},"input":[{"type":"new","x":1}]}"#;
    assert_eq!(open_patch(raw, &Patch::default()), raw);
}

#[test]
fn signatures_of_others_do_not_reach_openai() {
    let raw = json!({"model": "m", "input": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "claude#x"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "openai#gAAAA"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": "x"},
        {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "vendor-made"},
        {"type": "function_call", "id": "fc_2", "call_id": "d", "name": "f", "arguments": "{}"},
    ]});
    let body: Value =
        serde_json::from_str(&open_patch(&raw.to_string(), &Patch::default())).unwrap();
    let input = body["input"].as_array().unwrap();
    assert_eq!(input.len(), 6);
    assert!(input[0].get("id").is_none(), "it names what was dropped");
    assert_eq!(input[2]["encrypted_content"], "gAAAA");
    assert_eq!(input[3]["id"], "msg_1");
    assert_eq!(input[4]["encrypted_content"], "vendor-made");
    assert_eq!(input[5]["id"], "fc_2");
}

#[test]
fn e43_reasoning_without_follower_does_not_go_out() {
    for follower in [
        json!({"role": "user", "content": "x"}),
        json!({"type": "function_call_output", "call_id": "c", "output": "o"}),
    ] {
        let raw = json!({"model": "m", "input": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}, follower]});
        let body: Value =
            serde_json::from_str(&open_patch(&raw.to_string(), &Patch::default())).unwrap();
        assert_eq!(body["input"], json!([follower]));
    }
}

#[test]
fn e42_codex_gets_ids_it_takes() {
    let long = "x".repeat(90);
    let input = codex_input(json!([
        {"type": "message", "id": "abc", "role": "assistant", "content": "a"},
        {"type": "message", "id": "abd", "role": "assistant", "content": "a"},
        {"type": "message", "id": "msg_fine", "role": "assistant", "content": "a"},
        {"type": "reasoning", "id": "item_9", "summary": [], "encrypted_content": "gAAAA1"},
        {"type": "function_call", "id": format!("fc_{long}"), "call_id": format!("call_{long}"), "name": "f", "arguments": ""},
        {"type": "function_call_output", "call_id": format!("call_{long}"), "output": "o"},
        {"type": "custom_tool_call", "id": "fc_7", "call_id": "c", "name": "g", "input": ""},
        {"type": "custom_tool_call_output", "id": "x.y", "call_id": "c", "output": "o"},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "reasoning", "id": format!("rs_{long}"), "summary": [], "encrypted_content": "gAAAA2"},
        {"type": "message", "id": "msg_2", "role": "assistant", "content": "a"},
    ]));
    let input = input.as_array().unwrap();
    assert_eq!(input.len(), 9);
    let ids: Vec<&str> = input
        .iter()
        .filter_map(|item| item.get("id")?.as_str())
        .collect();
    for (id, prefix) in ids.iter().zip([
        "msg_",
        "msg_",
        "msg_fine",
        "rs_item_9",
        "fc_x",
        "ctc_",
        "ctco_x_y",
    ]) {
        assert!(id.starts_with(prefix) && id.len() <= 64, "{id} {prefix}");
    }
    assert_eq!(ids.len(), 7, "the last message lost its reasoning: {ids:?}");
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
    assert_eq!(input[4]["call_id"], input[5]["call_id"]);
    assert_eq!(input[4]["call_id"].as_str().unwrap().len(), 64);
    let output = codex_input(
        json!([{"type": "function_call_output", "id": long, "call_id": "c", "output": "o"}]),
    );
    assert_eq!(output[0]["id"].as_str().unwrap().len(), 64);
    // The same on every turn.
    let again =
        codex_input(json!([{"type": "message", "id": "abc", "role": "assistant", "content": "a"}]));
    assert_eq!(again[0]["id"], ids[0]);
}

#[test]
fn codex_demands_its_fields() {
    assert_eq!(
        codex_patch(&json!({"model": "m", "input": "hi"})),
        json!({
            "model": "m",
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
            "instructions": "", "store": false, "stream": true, "include": ["reasoning.encrypted_content"],
        })
    );
    // What Codex itself sends needs no edit.
    let own = Bytes::from_static(
        br#"{"model":"m","instructions":"","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"x"}]}],"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}],"tool_choice":"auto","parallel_tool_calls":false,"store":false,"stream":true,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k","client_metadata":{"a":"b"}}"#,
    );
    assert_eq!(patched(&own, &Patch::default(), &codex()), own);
}

#[test]
fn codex_refuses_many_fields() {
    let body = codex_patch(&json!({
        "model": "m", "instructions": null,
        "input": [
            {"role": "system", "content": [{"type": "input_text", "text": "s", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "reasoning", "summary": [], "encrypted_content": "vendor-made"},
            {"role": "assistant", "content": "x"},
        ],
        "max_output_tokens": 1, "max_completion_tokens": 1, "temperature": 1, "top_p": 1, "user": "u",
        "previous_response_id": null, "prompt_cache_retention": "24h", "prompt_cache_options": {},
        "safety_identifier": "s", "metadata": {"a": "b"}, "truncation": "auto", "context_management": [], "generate": true,
        "service_tier": "flex", "stream_options": {"include_obfuscation": true}, "store": true, "stream": false,
        "include": ["web_search_call.results"], "tools": [], "tool_choice": "auto", "parallel_tool_calls": true,
        "text": {"verbosity": "low"},
    }));
    assert_eq!(
        body,
        json!({
            "model": "m", "instructions": "",
            "input": [
                {"role": "developer", "content": [{"type": "input_text", "text": "s"}]},
                {"role": "assistant", "content": "x"},
            ],
            "store": false, "stream": true,
            "include": ["web_search_call.results", "reasoning.encrypted_content"],
            "tools": [],
            "text": {"verbosity": "low"},
        })
    );
}

#[test]
fn codex_does_not_lose_a_history_it_does_not_have() {
    let refused = |id: Value| {
        let body = json!({"model": "m", "input": "x", "previous_response_id": id});
        let target = Target {
            model: "up",
            stream: true,
            model_traits: &ModelTraits::default(),
            endpoint: &codex(),
        };
        OpenAiResponses
            .patch_request(&bytes(&body), &Patch::default(), &target)
            .err()
    };
    let failure = refused(json!("resp_1")).expect("a refusal").into_failure();
    assert_eq!(failure.status, 400);
    assert_eq!(failure.param.as_deref(), Some("previous_response_id"));
    assert!(failure.message.contains("whole history"));
    for nothing in [json!(null), json!("")] {
        assert!(refused(nothing).is_none());
    }
}

#[test]
fn codex_tiers_and_stream_options() {
    for (tier, want) in [
        ("priority", json!("priority")),
        ("fast", json!("priority")),
        ("flex", Value::Null),
    ] {
        let body = codex_patch(&json!({"model": "m", "service_tier": tier}));
        assert_eq!(body["service_tier"], want);
    }
    let body = codex_patch(
        &json!({"model": "m", "stream_options": {"a": 1, "reasoning_summary_delivery": "x"}}),
    );
    assert_eq!(
        body["stream_options"],
        json!({"reasoning_summary_delivery": "x"})
    );
}

#[test]
fn codex_tools() {
    let body = codex_patch(&json!({
        "model": "m",
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
            {"type": "function", "name": "f"},
            {"type": "function", "name": "g"},
            {"type": "web_search_preview"},
            {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "h", "parameters": {"type": "object"}}]},
        ],
        "tool_choice": {"type": "web_search_preview"},
    }));
    let parameters = json!({"type": "object", "properties": {}});
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "name": "f", "description": "d", "parameters": parameters},
            {"type": "function", "name": "g", "parameters": parameters},
            {"type": "web_search"},
            {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "h", "parameters": parameters}]},
        ])
    );
    assert_eq!(body["tool_choice"], json!({"type": "web_search"}));
    assert_eq!(body["parallel_tool_calls"], true);
}

#[test]
fn e82_names_are_shortened_and_remembered() {
    let long = format!("mcp__{}__search_issues", "s".repeat(60));
    let raw = bytes(&json!({
        "model": "m",
        "tools": [{"type": "function", "name": long}],
        "tool_choice": {"type": "function", "name": long},
        "input": [
            {"type": "function_call", "call_id": "c", "name": long, "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"},
        ],
    }));
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "up",
        stream: true,
        model_traits: &ModelTraits::default(),
        endpoint: &endpoint,
    };
    let encoded = OpenAiResponses
        .patch_request(&raw, &Patch::default(), &target)
        .unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["tools"][0]["name"], "mcp__search_issues");
    assert_eq!(body["tool_choice"]["name"], "mcp__search_issues");
    assert_eq!(body["input"][0]["name"], "mcp__search_issues");
    assert_eq!(encoded.notes.names.to_client("mcp__search_issues"), long);
}

#[test]
fn e95_nested_tools_are_made_flat() {
    let raw = r#"{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","x":1.0}}}],"tool_choice":{"type":"function","function":{"name":"f"}}}"#;
    assert_eq!(
        open_patch(raw, &Patch::default()),
        r#"{"model":"m","tools":[{"type":"function","name":"f","parameters":{"type":"object","x":1.0}}],"tool_choice":{"type":"function","name":"f"}}"#
    );
}

#[test]
fn compacting_says_nothing_of_streams() {
    let raw = bytes(
        &json!({"model": "m", "stream": false, "store": true, "include": [], "input": [], "temperature": 1}),
    );
    let compact = |endpoint: &EndpointTraits| -> Value {
        let target = Target {
            model: "up",
            stream: false,
            model_traits: &ModelTraits::default(),
            endpoint,
        };
        let encoded = compact_request(&raw.clone().into(), &Patch::default(), &target).unwrap();
        serde_json::from_slice(&encoded.body).unwrap()
    };
    assert_eq!(
        compact(&codex()),
        json!({"model": "m", "input": [], "instructions": ""})
    );
    assert_eq!(
        compact(&EndpointTraits::default()),
        json!({"model": "m", "input": [], "temperature": 1})
    );
}

#[test]
fn bodies_that_are_none() {
    let target = Target {
        model: "up",
        stream: true,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    for raw in ["[]", "{", ""] {
        let raw = Bytes::from_static(raw.as_bytes());
        assert!(
            OpenAiResponses
                .patch_request(&raw, &Patch::default(), &target)
                .is_err()
        );
    }
}
