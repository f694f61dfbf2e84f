//! Worked vectors of `antigravity.md` §8, files, models.

use super::super::google::tests::refused;
use super::shape::Session;
use super::*;
use crate::providers::verdict::Verdict;
use actors::domain::outcome::{Outcome, Scope};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::splice::Doc;
use protocol::tool_schema::{GeminiForm, for_gemini};
use serde_json::{Value, json};

fn record(document: Value) -> CredentialRecord {
    let Value::Object(document) = document else {
        panic!("a document is an object");
    };
    let record = CredentialRecord::from_document("x.json".into(), document).unwrap();
    Antigravity.complete(record)
}

fn inner(body: Value, model: &str) -> Value {
    let text = Bytes::from(body.to_string());
    serde_json::from_slice(&shape::inner(&text, model, true, Session::Derived).unwrap()).unwrap()
}

#[test]
fn vector_1_the_session_follows_from_the_first_words() {
    let body = json!({"contents": [{"role": "model", "parts": [{"text": "x"}]},
        {"role": "user", "parts": [{"text": "hello"}]}]})
    .to_string();
    let root = Doc::parse(body.as_bytes()).unwrap().root();
    let session = shape::session_id(root);
    assert_eq!(session.as_deref(), Some("-3238736544897475342"));
    let none = Doc::parse(br#"{"contents":[]}"#).unwrap().root();
    assert_eq!(shape::session_id(none), None);
}

#[test]
fn vector_2_limits_are_told_apart() {
    let ms = Duration::from_millis;
    let details = |reason: &str| Details {
        reason: Some(reason.to_owned()),
        ..Details::default()
    };
    for (reason, delay, want) in [
        (
            "RATE_LIMIT_EXCEEDED",
            Some(ms(3957)),
            Decision::Short(ms(3957)),
        ),
        (
            "RATE_LIMIT_EXCEEDED",
            Some(ms(500)),
            Decision::Wait(ms(500)),
        ),
        ("RATE_LIMIT_EXCEEDED", None, Decision::Soft),
        (
            "RATE_LIMIT_EXCEEDED",
            Some(ms(300_000)),
            Decision::Exhausted(Some(ms(300_000))),
        ),
        (
            "QUOTA_EXHAUSTED",
            Some(ms(500)),
            Decision::Exhausted(Some(ms(500))),
        ),
        ("QUOTA_EXHAUSTED", None, Decision::Exhausted(None)),
        ("INSUFFICIENT_G1_CREDITS_BALANCE", None, Decision::NoCredits),
        ("", None, Decision::Soft),
    ] {
        assert_eq!(decide(&details(reason), delay), want, "{reason} {delay:?}");
    }
    let body = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
        "message": "Quota will reset after 3s."}})
    .to_string();
    let judgement = refused(429, &body, |reply, judgement| {
        Antigravity.refine(reply, judgement)
    });
    let want = Outcome::RateLimited {
        retry_after: Some(Duration::from_secs(3)),
        scope: Scope::Model,
    };
    assert_eq!(judgement.verdict, Verdict::Next(want));
}

#[test]
fn vector_3_schemas_say_in_words_what_the_service_refuses() {
    let schema = json!({"type": "object", "properties": {
        "mode": {"const": "fast"},
        "n": {"type": ["integer", "null"], "minimum": 1, "exclusiveMaximum": 9},
        "x": {"anyOf": [{"type": "string"},
            {"type": "object", "properties": {"a": {"type": "string"}}}]}},
        "required": ["mode", "n"], "additionalProperties": false});
    let spoken = Antigravity.speaks(
        &record(json!({"type": "antigravity"})),
        "claude-sonnet-4-6",
        Dialect::OpenAiChat,
    );
    assert!(spoken.endpoint.strict_schema);
    let cleaned = for_gemini(Some(&schema.into()), GeminiForm::Strict).unwrap();
    let cleaned: Value = serde_json::from_str(cleaned.as_str()).unwrap();
    let properties = &cleaned["properties"];
    assert_eq!(
        properties["mode"],
        json!({"type": "string", "enum": ["fast"]})
    );
    assert_eq!(properties["n"]["type"], "integer");
    assert_eq!(properties["n"]["minimum"], 1);
    let hint = properties["n"]["description"].as_str().unwrap();
    assert!(hint.contains("exclusiveMaximum: 9"), "{hint}");
    let text = cleaned.to_string();
    for refused in [
        "$ref",
        "$defs",
        "const",
        "additionalProperties",
        "exclusiveMaximum\"",
    ] {
        assert!(!text.contains(refused), "{refused} in {text}");
    }
}

#[test]
fn vector_4_partial_usage_is_reported_once() {
    use protocol::canonical::{Delta, Event};
    use protocol::codec::ReplyContext;
    let lines = [
        r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]}}],"usageMetadata":{"totalTokenCount":5}},"traceId":"t"}"#,
        r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"totalTokenCount":6}}}"#,
    ];
    let mut decoder = protocol::codec(Dialect::Gemini).event_decoder(&ReplyContext::default());
    let mut events = Vec::new();
    for line in lines {
        let frame = protocol::sse::Frame {
            raw: line.as_bytes(),
            event: None,
            data: Some(Antigravity.open_envelope(line)),
        };
        decoder.decode(&frame, &mut events);
    }
    decoder.finish(&mut events);
    let mut text = String::new();
    let mut usages = Vec::new();
    for event in &events {
        match event {
            Event::Delta {
                delta: Delta::Text { text: part, .. },
                ..
            } => text.push_str(part),
            Event::Usage(usage) => usages.push((usage.input_total, usage.output_total)),
            _ => {}
        }
    }
    assert_eq!(text, "Hello");
    assert_eq!(usages, [(Some(4), Some(2))]);
}

#[test]
fn files_of_the_old_program_are_read() {
    let document = json!({"type": "antigravity", "access_token": "ya29.fake",
        "refresh_token": "1//fake", "expires_in": 3599, "timestamp": 1_771_588_800_000_i64,
        "expired": "2026-02-20T13:00:00Z", "email": "dev@example.com",
        "project_id": "fake-project-123"});
    let end = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
    let whole = record(document.clone());
    assert_eq!(whole.expires_at, end("2026-02-20T13:00:00Z"));
    assert_eq!(whole.secret.unwrap().expose(), "ya29.fake");
    // Without `expired` the time of the answer counts.
    let mut counted = document.clone();
    counted.as_object_mut().unwrap().remove("expired");
    assert_eq!(
        record(counted.clone()).expires_at,
        end("2026-02-20T12:59:59Z")
    );
    // Without both it is over.
    counted.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(record(counted).expires_at, Some(DateTime::UNIX_EPOCH));
    // Without a project a refresh has to find one: none is ever invented.
    let mut homeless = document;
    homeless.as_object_mut().unwrap().remove("project_id");
    assert_eq!(record(homeless).secret, None);
}

#[test]
fn the_request_is_what_the_service_takes() {
    let got = inner(
        json!({"model": "m", "safetySettings": [], "systemInstruction": {"parts": [{"text": "S"}]},
            "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
            "toolConfig": {"includeServerSideToolInvocations": true},
            "generationConfig": {"maxOutputTokens": 5, "temperature": 1}}),
        "gemini-3-flash",
    );
    let want = json!({"systemInstruction": {"parts": [{"text": "S"}], "role": "user"},
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {}, "generationConfig": {"temperature": 1},
        "sessionId": "-3238736544897475342"});
    assert_eq!(got, want);
}

#[test]
fn claude_has_rules_of_its_own() {
    let thinking = |budget: i64, limit: Option<u64>| {
        let mut config = json!({"thinkingConfig": {"thinkingBudget": budget}});
        if let Some(limit) = limit {
            config["maxOutputTokens"] = limit.into();
        }
        let body = json!({"contents": [], "generationConfig": config});
        inner(body, "claude-opus-4-6-thinking")["generationConfig"].clone()
    };
    let kept = |budget: i64, limit: u64| json!({"thinkingConfig": {"thinkingBudget": budget}, "maxOutputTokens": limit});
    assert_eq!(thinking(8000, Some(9000)), kept(8000, 9000));
    assert_eq!(
        thinking(8000, Some(8000)),
        kept(7999, 8000),
        "below the limit"
    );
    assert_eq!(
        thinking(8000, Some(1000)),
        json!({"maxOutputTokens": 1000}),
        "no room"
    );
    assert_eq!(thinking(8000, None), kept(8000, 64_000));
    assert_eq!(
        thinking(8000, Some(100_000)),
        kept(8000, 64_000),
        "the model's limit"
    );
    assert_eq!(thinking(-1, Some(9000)), kept(-1, 9000));

    let mode = |config: Value| {
        let body = json!({"contents": [], "toolConfig": config,
            "tools": [{"functionDeclarations": [{"name": "f"}]}]});
        inner(body, "claude-sonnet-4-6")["toolConfig"]["functionCallingConfig"]["mode"].clone()
    };
    assert_eq!(mode(json!({})), "VALIDATED");
    assert_eq!(
        mode(json!({"functionCallingConfig": {"mode": "ANY"}})),
        "VALIDATED"
    );
    assert_eq!(
        mode(json!({"functionCallingConfig": {"mode": "NONE"}})),
        "NONE"
    );

    // Every function has a schema, every text a word.
    let body = json!({"contents": [{"role": "user", "parts": [{"text": ""}]},
        {"role": "model", "parts": [{"text": ""}, {"text": "hi"},
            {"text": "", "thoughtSignature": "s"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}]});
    let got = inner(body, "claude-sonnet-4-6");
    assert_eq!(got["contents"][0]["parts"], json!([{"text": "."}]));
    assert_eq!(
        got["contents"][1]["parts"],
        json!([{"text": "hi"}, {"text": "", "thoughtSignature": "s"}])
    );
    let schema = &got["tools"][0]["functionDeclarations"][0]["parameters"];
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["required"], json!(["_placeholder"]));

    // A thought always has a text (500 otherwise).
    let body = json!({"contents": [{"role": "model", "parts": [{"thought": true}]}]});
    let got = inner(body, "claude-sonnet-4-6");
    assert_eq!(
        got["contents"][0]["parts"][0],
        json!({"thought": true, "text": ""})
    );
}

#[test]
fn an_accounts_own_models_are_read() {
    let answer = json!({"models": {
        "gemini-3-flash": {"displayName": "Flash!", "quotaInfo": {"remainingFraction": 0.8}},
        "chat_20706": {"displayName": "x"},
        "gemini-2.5-pro": {},
        "brand-new": {"displayName": "New", "maxOutputTokens": 7, "maxTokens": 9}}});
    let list = models::read(&answer).unwrap();
    let ids: Vec<&str> = list.iter().map(|model| &*model.id).collect();
    assert_eq!(ids, ["brand-new", "gemini-3-flash"]);
    assert_eq!(list[0].traits.max_output, Some(7));
    assert_eq!(list[1].display_name.as_deref(), Some("Flash!"));
    assert!(list[1].traits.gemini3);
    assert_eq!(models::read(&json!({"error": {}})), None);
    assert!(
        models::fallback()
            .iter()
            .any(|model| &*model.id == "claude-sonnet-4-6")
    );
}

#[test]
fn default_aliases_name_models_that_are_there() {
    let models = [Arc::new(ModelInfo::named("gemini-3-flash", "x"))];
    let aliases = Antigravity.default_aliases(&models);
    assert_eq!(aliases.len(), 1);
    assert_eq!(aliases[0].alias, "gemini-3-flash-preview");
}

#[test]
fn the_accounts_own_base_and_name_win() {
    let own = record(
        json!({"type": "antigravity", "base_url": "https://b/", "user_agent": "me",
        "project_id": "p"}),
    );
    assert_eq!(own.base_url.as_deref(), Some("https://b"));
    assert!(Antigravity.bases(&own).is_empty());
    assert_eq!(user_agent(&own), "me");
    let plain = record(json!({"type": "antigravity"}));
    assert!(user_agent(&plain).starts_with("antigravity/hub/2.9.1 "));
    assert_eq!(Antigravity.bases(&plain).len(), 2);
}

fn account() -> CredentialRecord {
    record(
        json!({"type": "antigravity", "project_id": "p", "access_token": "t",
        "expired": "2999-01-01T00:00:00Z"}),
    )
}

/// The call that a client of the protocol causes; the session is taken out on the way, as the codec
/// does.
fn shaped(model: &str, client: Value) -> (UpstreamRequest, Value) {
    let client_body = Bytes::from(client.to_string());
    let mut body = client;
    body.as_object_mut().unwrap().remove("sessionId");
    let request = Antigravity.shape(&Call {
        record: &account(),
        model,
        action: Action::Generate { stream: true },
        body: &Bytes::from(body.to_string()),
        body_headers: &[],
        client_headers: &actix_web::http::header::HeaderMap::new(),
        client: Dialect::Gemini,
        client_body: &client_body,
        config: &actors::config::Config::default(),
        dialect: Dialect::Gemini,
    });
    let request = request.unwrap();
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

fn hello() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
}

#[test]
fn the_envelope_says_what_kind_of_call_it_is() {
    for (model, kind) in [
        ("gemini-3-flash", "agent"),
        ("gemini-3-pro-image", "image_gen"),
        ("claude-sonnet-4-6", "agent"),
    ] {
        let (request, body) = shaped(model, hello());
        let first =
            "https://daily-cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse";
        assert_eq!(request.url, first);
        assert_eq!(body["requestType"], kind, "{model}");
        assert_eq!(
            (&body["project"], &body["model"], &body["userAgent"]),
            (&json!("p"), &json!(model), &json!("antigravity"))
        );
        let id = body["requestId"].as_str().unwrap();
        assert!(id.starts_with("agent-") && id.len() == 42, "{id}");
    }
}

#[test]
fn a_search_and_nothing_else_is_a_web_search() {
    let search = json!({"googleSearch": {}});
    let function = json!({"functionDeclarations": [{"name": "f"}]});
    for (model, tools, kind) in [
        ("gemini-3.1-flash-lite", json!([search]), "web_search"),
        (
            "gemini-2.5-flash",
            json!([{"google_search": {}}]),
            "web_search",
        ),
        ("gemini-2.5-flash", json!([search, function]), "agent"),
        ("gemini-2.5-flash", json!([]), "agent"),
        // Nobody has seen others search on their own.
        ("gemini-3-flash", json!([search]), "agent"),
    ] {
        let mut client = hello();
        client["tools"] = tools;
        let (_, body) = shaped(model, client);
        assert_eq!(body["requestType"], kind, "{body}");
        let marked = kind != "web_search";
        assert_eq!(body.get("requestId").is_some(), marked);
        assert_eq!(body["request"].get("sessionId").is_some(), marked);
    }
}

#[test]
fn the_clients_own_session_is_kept() {
    for (session, want) in [
        (json!("mine"), "mine"),
        (json!(" "), "-3238736544897475342"),
        (json!(7), "-3238736544897475342"),
    ] {
        let mut client = hello();
        client["sessionId"] = session;
        let (_, body) = shaped("gemini-3-flash", client);
        assert_eq!(body["request"]["sessionId"], want);
    }
}

#[test]
fn claude_thinks_between_calls_where_it_thinks() {
    for (model, want) in [
        (
            "claude-opus-4-6-thinking",
            Some("interleaved-thinking-2025-05-14"),
        ),
        ("claude-sonnet-4-6", None),
        ("gemini-3-flash", None),
    ] {
        let (request, _) = shaped(model, hello());
        let sent = request
            .headers
            .iter()
            .find(|(name, _)| name == "anthropic-beta");
        assert_eq!(
            sent.map(|(_, value)| value.to_str().unwrap()),
            want,
            "{model}"
        );
    }
}

#[test]
fn contents_without_parts_and_temperatures_off_the_scale_are_mended() {
    let body = |temperature: f64| {
        json!({"contents": [{"role": "user", "parts": []},
            {"role": "user", "parts": [{"text": "hello"}]}, {"role": "model", "parts": []}],
            "generationConfig": {"temperature": temperature}})
    };
    for (model, asked, sent) in [
        ("claude-sonnet-4-6", 1.5, json!(1)),
        ("claude-sonnet-4-6", 0.5, json!(0.5)),
        ("gemini-3-flash", 1.5, json!(1.5)),
    ] {
        let got = inner(body(asked), model);
        assert_eq!(got["generationConfig"]["temperature"], sent, "{model}");
        let contents = json!([{"role": "user", "parts": [{"text": "hello"}]}]);
        assert_eq!(got["contents"], contents);
    }
}
