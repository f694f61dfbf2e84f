//! Edits of pass-through bodies.

use super::patch;
use crate::canonical::{Effort, ReasoningIntent, Signature, SignatureIssuer, SignaturePlace};
use crate::codec::{Dialect, Encoded, EndpointTraits, ModelTraits, Patch, Target};
use crate::signature::to_client;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

#[derive(Default)]
struct Upstream {
    model: ModelTraits,
    endpoint: EndpointTraits,
}

impl Upstream {
    #[track_caller]
    fn patched(&self, body: &str, wishes: &Patch<'_>) -> Encoded {
        let target = Target {
            model: "gemini",
            stream: false,
            model_traits: &self.model,
            endpoint: &self.endpoint,
        };
        patch(&Bytes::from(body.to_owned()).into(), wishes, &target).unwrap()
    }

    #[track_caller]
    fn check(&self, body: &str, want: &str) {
        let got = self.patched(body, &Patch::default());
        assert_eq!(got.body, want);
        // The edited body needs no further edit.
        assert_eq!(self.patched(want, &Patch::default()).body, want);
    }
}

fn gemini3() -> Upstream {
    let mut upstream = Upstream::default();
    upstream.model.gemini3 = true;
    upstream
}

fn vertex() -> Upstream {
    let mut upstream = Upstream::default();
    upstream.endpoint.vertex = true;
    upstream
}

#[test]
fn e80_nothing_to_change_is_the_same_bytes() {
    let body = Bytes::from_static(
        br#"{ "contents":[{"role":"user","parts":[{"text":"caf\u00e9 <b>"}]}], "generationConfig":{"temperature":1.0,"seed":12345678901234567890}, "a":1,"a":2, "foo":null }"#,
    );
    let target = Target {
        model: "gemini",
        stream: true,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let got = patch(&body.clone().into(), &Patch::default(), &target).unwrap();
    assert_eq!(got.body.as_ptr(), body.as_ptr());
    assert!(got.notes.names.is_empty());
    for body in ["[]", "{"] {
        assert!(patch(&Bytes::from(body).into(), &Patch::default(), &target).is_err());
    }
}

#[test]
fn the_model_is_only_changed_where_it_stands() {
    let wishes = Patch {
        model: Some("gemini-2.5-pro"),
        ..Patch::default()
    };
    let upstream = Upstream::default();
    for (body, want) in [
        (r#"{"contents":[]}"#, r#"{"contents":[]}"#),
        (
            r#"{"model":"x","a":1}"#,
            r#"{"model":"gemini-2.5-pro","a":1}"#,
        ),
        (
            r#"{"model":"models/x"}"#,
            r#"{"model":"models/gemini-2.5-pro"}"#,
        ),
    ] {
        assert_eq!(upstream.patched(body, &wishes).body, want);
    }
}

#[test]
fn thinking_replaces_what_the_client_wrote() {
    let budget = Some(ReasoningIntent::Budget(512));
    let level = Some(ReasoningIntent::Level(Effort::High));
    for (upstream, body, thinking, want) in [
        (
            Upstream::default(),
            r#"{"contents":[]}"#,
            budget,
            r#"{"contents":[],"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":512}}}"#,
        ),
        (
            Upstream::default(),
            r#"{"generation_config":{"topK":1,"thinking_config":{"thinking_level":"LOW","include_thoughts":false}}}"#,
            budget,
            r#"{"generation_config":{"topK":1,"thinking_config":{"includeThoughts":false,"thinkingBudget":512}}}"#,
        ),
        (
            gemini3(),
            r#"{"generationConfig":{"topK":1}}"#,
            level,
            r#"{"generationConfig":{"topK":1,"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"HIGH"}}}"#,
        ),
        (
            Upstream::default(),
            r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1},"topK":1}}"#,
            Some(ReasoningIntent::Unset),
            r#"{"generationConfig":{"topK":1}}"#,
        ),
        (
            Upstream::default(),
            r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1}}}"#,
            None,
            r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1}}}"#,
        ),
    ] {
        let wishes = Patch {
            thinking,
            ..Patch::default()
        };
        assert_eq!(upstream.patched(body, &wishes).body, want);
    }
}

#[test]
fn known_refusals_are_removed() {
    let mut upstream = Upstream::default();
    upstream.model.max_output = Some(100);
    upstream.check(
        r#"{"labels":{"a":"b"},"session_id":"s","generationConfig":{"maxOutputTokens":200,"topK":1}}"#,
        r#"{"generationConfig":{"maxOutputTokens":100,"topK":1}}"#,
    );
    vertex().check(r#"{"labels":{"a":"b"}}"#, r#"{"labels":{"a":"b"}}"#);
}

#[test]
fn e207_a_cache_excludes_system_tools_and_choice_in_pass_through() {
    Upstream::default().check(
        r#"{"system_instruction":"S","contents":[],"tools":[{}],"toolConfig":{},"cachedContent":"c/1"}"#,
        r#"{"contents":[],"cachedContent":"c/1"}"#,
    );
}

#[test]
fn e17_the_conversation_begins_with_the_user() {
    Upstream::default().check(
        r#"{"contents":[{"role":"model","parts":[{"text":"Hello!"}]}]}"#,
        r#"{"contents":[{"role":"user","parts":[{"text":""}]},{"role":"model","parts":[{"text":"Hello!"}]}]}"#,
    );
}

#[test]
fn roles_are_filled_in() {
    Upstream::default().check(
        r#"{"contents":[{"parts":{"text":"a"}},{"role":"assistant","parts":[{"text":"b"}]},{"parts":[{"functionCall":{"name":"f"}}]},{"role":"function","parts":[{"functionResponse":{"name":"f","response":{}}}]}]}"#,
        r#"{"contents":[{"parts":{"text":"a"},"role":"user"},{"role":"model","parts":[{"text":"b"}]},{"parts":[{"functionCall":{"name":"f"}}],"role":"model"},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}]}"#,
    );
}

#[test]
fn e36_empty_result_names_are_filled_and_surplus_ones_go() {
    let body = |results: Value| {
        json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "Read"}}, {"functionCall": {"name": "Grep"}}]},
            {"role": "user", "parts": results},
        ]})
        .to_string()
    };
    let result = |name: &str| json!({"functionResponse": {"name": name, "response": {}}});
    Upstream::default().check(
        &body(json!([result(""), result(""), result("")])),
        &body(json!([result("Read"), result("Grep")])),
    );
}

#[test]
fn e39_vertex_gets_no_ids_and_results_in_call_order() {
    let call = |id: &str, name: &str| json!({"functionCall": {"id": id, "name": name}});
    let result = |id: &str, name: &str| json!({"functionResponse": {"id": id, "name": name, "response": {"output": id}}});
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [call("1", "f"), call("2", "f")]},
        {"role": "user", "parts": [result("2", "f"), result("1", "")]},
    ]})
    .to_string();
    let got = vertex().patched(&body, &Patch::default());
    let got: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        got["contents"][1]["parts"],
        json!([{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}])
    );
    assert_eq!(
        got["contents"][2]["parts"],
        json!([
            {"functionResponse": {"name": "f", "response": {"output": "1"}}},
            {"functionResponse": {"name": "f", "response": {"output": "2"}}},
        ])
    );
    // The public API gets its own ids back, not ours.
    let body = |id: Option<&str>| {
        let mut call = json!({"functionCall": {"id": "x", "name": "f"}});
        let mut result = json!({"functionResponse": {"id": "x", "name": "f", "response": {}}});
        for (object, key) in [
            (&mut call, "functionCall"),
            (&mut result, "functionResponse"),
        ] {
            match id {
                Some(id) => object[key]["id"] = id.into(),
                None => {
                    object[key].as_object_mut().unwrap().shift_remove("id");
                }
            }
        }
        json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [call]},
            {"role": "user", "parts": [result]},
        ]})
        .to_string()
    };
    Upstream::default().check(&body(Some("8hd01vsf")), &body(Some("8hd01vsf")));
    Upstream::default().check(&body(Some("call_0123456789abcdef01234567")), &body(None));
}

#[test]
fn e56_stand_in_and_foreign_signatures() {
    let foreign = to_client(
        &Signature {
            issuer: SignatureIssuer::Anthropic,
            value: "c2ln".into(),
            place: SignaturePlace::Here,
        },
        false,
        Dialect::Gemini,
    );
    let native = "EpEBCo4BAb4+9vueD6qXh+z6U+4AqU940Oj5Cdxb85BS4kZ2qdo/Y9VJGyog8DcshmXFSqqX";
    let body = |parts: Value| {
        json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": parts},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
        ]})
        .to_string()
    };
    let call = json!({"functionCall": {"name": "f"}});
    let with = |signature: &str| {
        let mut call = call.clone();
        call["thoughtSignature"] = signature.into();
        call
    };
    let skip = with("skip_thought_signature_validator");
    let upstream = gemini3();
    upstream.check(&body(json!([call, call])), &body(json!([skip, call])));
    upstream.check(
        &body(json!([with(native), call])),
        &body(json!([with(native), call])),
    );
    upstream.check(&body(json!([with(&foreign)])), &body(json!([skip])));
    upstream.check(
        &body(json!([
            {"text": "why", "thought": true},
            {"text": "", "thought": true, "thoughtSignature": foreign},
            {"text": "x", "thoughtSignature": native},
            call,
        ])),
        &body(json!([
            {"text": "why", "thought": true},
            {"text": "x", "thoughtSignature": native},
            skip,
        ])),
    );
    // Models before Gemini 3 do not check.
    Upstream::default().check(&body(json!([call, call])), &body(json!([call, call])));
    Upstream::default().check(&body(json!([with(&foreign)])), &body(json!([call])));
}

#[test]
fn contents_without_anything_left_go() {
    let foreign = to_client(
        &Signature {
            issuer: SignatureIssuer::OpenAi,
            value: "gAAAAx".into(),
            place: SignaturePlace::Here,
        },
        false,
        Dialect::Gemini,
    );
    Upstream::default().check(
        &json!({"contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": foreign}]},
            {"role": "user", "parts": [{"text": "b"}]},
        ]})
        .to_string(),
        r#"{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"b"}]}]}"#,
    );
}

#[test]
fn e84_illegal_names_are_mapped_everywhere() {
    let body = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "read/file"}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "read/file", "response": {"name": "read/file"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "read/file"}, {"name": "read_file"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read/file"]}},
    });
    let encoded = Upstream::default().patched(&body.to_string(), &Patch::default());
    let got: Value = serde_json::from_slice(&encoded.body).unwrap();
    let sent = got["tools"][0]["function_declarations"][0]["name"]
        .as_str()
        .unwrap();
    assert_ne!(sent, "read_file");
    assert_eq!(got["contents"][1]["parts"][0]["functionCall"]["name"], sent);
    let result = &got["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(
        (&result["name"], &result["response"]["name"]),
        (&json!(sent), &json!("read/file"))
    );
    assert_eq!(
        got["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"],
        json!([sent])
    );
    assert_eq!(encoded.notes.names.to_client(sent), "read/file");
}

#[test]
fn strict_backends_get_strict_schemas() {
    let mut upstream = Upstream::default();
    upstream.endpoint.strict_schema = true;
    let body = json!({
        "tools": [{"functionDeclarations": [
            {"name": "f", "parametersJsonSchema": {"type": "object", "properties": {"a": {"const": "x"}}, "$schema": "s"}},
            {"name": "g", "parametersJsonSchema": {"type": "object", "properties": {}}},
        ]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object", "properties": {"a": {"type": "string"}}}},
    });
    let got = upstream.patched(&body.to_string(), &Patch::default());
    let got: Value = serde_json::from_slice(&got.body).unwrap();
    let declared = &got["tools"][0]["functionDeclarations"];
    assert_eq!(
        declared[0]["parameters"]["properties"]["a"]["enum"],
        json!(["x"])
    );
    assert_eq!(declared[0]["parametersJsonSchema"], Value::Null);
    assert_eq!(declared[1], json!({"name": "g"}));
    assert!(got["generationConfig"]["responseSchema"].is_object());
    assert_eq!(got["generationConfig"]["responseJsonSchema"], Value::Null);
}

/// Contents in many shapes: roles, calls, results, signatures and ids of all kinds.
fn any_part() -> impl Strategy<Value = Value> {
    let id = prop::sample::select(vec![
        Value::Null,
        json!(""),
        json!("8hd01vsf"),
        json!("call_0123456789abcdef01234567"),
    ]);
    let name = prop::sample::select(vec![json!("f"), json!("read/file"), json!("")]);
    let signature = prop::sample::select(vec![
        Value::Null,
        json!(""),
        json!("skip_thought_signature_validator"),
        json!("Y2xhdWRlI2Myb24="),
        json!("EpEBCo4BAb4+9vueD6qXh+z6U+4AqU940Oj5Cdxb85BS4kZ2qdo/Y9VJGyog8DcshmXFSqqX"),
    ]);
    (0..4u8, id, name, signature, any::<bool>()).prop_map(|(kind, id, name, signature, thought)| {
        let mut part = match kind {
            0 => json!({"text": "x"}),
            1 => json!({"text": "", "thought": thought}),
            2 => json!({"functionCall": {"id": id, "name": name}}),
            _ => json!({"functionResponse": {"name": name, "id": id, "response": {}}}),
        };
        if thought || !signature.is_null() {
            part["thoughtSignature"] = signature;
        }
        part
    })
}

proptest! {
    #[test]
    fn the_quick_look_never_misses_an_edit(
        contents in prop::collection::vec(
            (
                prop::sample::select(vec!["user", "model", "user", "model", "assistant"]),
                prop::collection::vec(any_part(), 0..3),
            ),
            0..5,
        ),
        is_vertex: bool,
        is_gemini3: bool,
    ) {
        let contents: Vec<Value> = contents
            .into_iter()
            .map(|(role, parts)| json!({"role": role, "parts": parts}))
            .collect();
        let mut upstream = if is_vertex { vertex() } else { Upstream::default() };
        upstream.model.gemini3 = is_gemini3;
        // `patched` compares the quick look with the full one.
        upstream.patched(&json!({"contents": contents}).to_string(), &Patch::default());
    }
}

/// Claude behind the Gemini protocol: its own signatures and everybody's ids stay, Gemini's go.
#[test]
fn another_vendors_model_keeps_its_signatures_and_ids() {
    const CLAUDE: &str = "EgYKBAgHGAI=";
    let body = |signature: &str, id: &str| {
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": true,
                "thoughtSignature": signature},
                {"functionCall": {"id": id, "name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": id, "name": "f",
                "response": {}}}]}]})
        .to_string()
    };
    let ours = "call_0123456789abcdef01234567";
    let claude = Upstream {
        endpoint: EndpointTraits {
            issuer: SignatureIssuer::Anthropic,
            call_ids: true,
            ..EndpointTraits::default()
        },
        ..Upstream::default()
    };
    claude.check(&body(CLAUDE, ours), &body(CLAUDE, ours));
    for foreign in ["AVSoXO4=", super::super::words::STAND_IN] {
        let got = claude.patched(&body(foreign, ours), &Patch::default());
        let got: Value = serde_json::from_slice(&got.body).unwrap();
        let parts = got["contents"][1]["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 1, "{foreign}: {got}");
    }
    let got = Upstream::default().patched(&body(CLAUDE, ours), &Patch::default());
    let got = String::from_utf8_lossy(&got.body).into_owned();
    assert!(!got.contains(CLAUDE) && !got.contains(ours), "{got}");
}
