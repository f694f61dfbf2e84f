//! Worked vectors of `gemini-cli.md` §8, files of older programs.

use super::super::google::assist::Standing;
use super::super::google::tests::refused;
use super::login::{Wish, new_login, wish};
use super::setup::{Next, SetUp, next};
use super::*;
use crate::providers::oauth::Tokens;
use crate::providers::verdict::Verdict;
use actix_web::http::header::HeaderMap;
use actors::config::Config;
use actors::domain::outcome::{Outcome, Scope};
use chrono::{DateTime, Utc};
use protocol::codec;
use protocol::codec::{ReplyContext, Target};
use serde_json::{Value, json};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn record(document: Value) -> CredentialRecord {
    let Value::Object(document) = document else {
        panic!("a document is an object");
    };
    let record = CredentialRecord::from_document("x.json".into(), document).unwrap();
    GeminiCli.complete(record)
}

fn document() -> Value {
    json!({"token": {"access_token": "ya29.fake", "token_type": "Bearer",
        "refresh_token": "1//fake", "expiry": "2026-02-20T13:00:00.123456789Z",
        "token_uri": "https://oauth2.googleapis.com/token", "client_id": "c", "client_secret": "s",
        "scopes": ["a"], "universe_domain": "googleapis.com"},
        "project_id": "fake-project-123", "email": "dev@example.com", "auto": false,
        "checked": true, "type": "gemini"})
}

fn shaped(record: &CredentialRecord, action: Action, body: &str) -> (String, Value) {
    let request = GeminiCli
        .shape(&Call {
            record,
            model: "gemini-2.5-flash",
            action,
            body: &Bytes::copy_from_slice(body.as_bytes()),
            body_headers: &[],
            client_headers: &HeaderMap::new(),
            client: Dialect::OpenAiChat,
            config: &Config::default(),
            dialect: Dialect::Gemini,
            client_body: &Bytes::new(),
        })
        .unwrap();
    let token = request.headers.iter().find(|(n, _)| n == "authorization");
    assert_eq!(token.unwrap().1, "Bearer ya29.fake");
    (request.url, serde_json::from_slice(&request.body).unwrap())
}

#[test]
fn vector_1_a_chat_request_in_its_envelope() {
    let chat = json!({"model": "gemini-2.5-flash", "stream": true, "max_tokens": 64,
        "reasoning_effort": "low",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]});
    let request = codec(Dialect::OpenAiChat)
        .decode_request(&chat.to_string().into(), &Default::default())
        .unwrap();
    let record = record(document());
    let spoken = GeminiCli.speaks(&record, "gemini-2.5-flash", Dialect::OpenAiChat);
    let models = GeminiCli.models(&record);
    let traits = &models
        .iter()
        .find(|m| &*m.id == "gemini-2.5-flash")
        .unwrap()
        .traits;
    let target = Target {
        model: "gemini-2.5-flash",
        stream: true,
        model_traits: traits,
        endpoint: &spoken.endpoint,
    };
    let encoded = codec(Dialect::Gemini)
        .encode_request(&request, &target)
        .unwrap();
    let body = std::str::from_utf8(&encoded.body).unwrap();
    let (url, body) = shaped(&record, Action::Generate { stream: true }, body);
    assert_eq!(
        url,
        "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse"
    );
    let off = |category: &str| json!({"category": category, "threshold": "OFF"});
    let want = json!({"project": "fake-project-123", "model": "gemini-2.5-flash", "request": {
        "systemInstruction": {"role": "user", "parts": [{"text": "Be short."}]},
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"maxOutputTokens": 64,
            "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": true}},
        "safetySettings": [off("HARM_CATEGORY_HARASSMENT"), off("HARM_CATEGORY_HATE_SPEECH"),
            off("HARM_CATEGORY_SEXUALLY_EXPLICIT"), off("HARM_CATEGORY_DANGEROUS_CONTENT"),
            {"category": "HARM_CATEGORY_CIVIC_INTEGRITY", "threshold": "BLOCK_NONE"}]}});
    assert_eq!(body, want);
}

#[test]
fn vector_2_a_stream_out_of_its_envelope() {
    let lines = [
        r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]}}],"usageMetadata":{"promptTokenCount":4}},"traceId":"t1"}"#,
        r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":10,"totalTokenCount":16},"modelVersion":"gemini-2.5-flash"},"traceId":"t1"}"#,
    ];
    let reply = decoded(&lines);
    assert_eq!(reply.0, "Hello");
    assert_eq!(reply.1, vec![(Some(4), Some(12), Some(10))]);
}

type Counts = (Option<u64>, Option<u64>, Option<u64>);

/// Text, and every usage report: input, output, reasoning.
fn decoded(lines: &[&str]) -> (String, Vec<Counts>) {
    use protocol::canonical::{Delta, Event};
    let mut decoder = codec(Dialect::Gemini).event_decoder(&ReplyContext::default());
    let mut events = Vec::new();
    for line in lines {
        let frame = protocol::sse::Frame {
            raw: line.as_bytes(),
            event: None,
            data: Some(GeminiCli.open_envelope(line)),
        };
        decoder.decode(&frame, &mut events);
    }
    decoder.finish(&mut events);
    assert!(matches!(events.last(), Some(Event::End)), "{events:?}");
    let mut text = String::new();
    let mut reports = Vec::new();
    for event in &events {
        match event {
            Event::Delta {
                delta: Delta::Text { text: part, .. },
                ..
            } => text.push_str(part),
            Event::Usage(usage) => {
                reports.push((usage.input_total, usage.output_total, usage.reasoning));
            }
            _ => {}
        }
    }
    (text, reports)
}

#[test]
fn vector_3_names_of_results_are_filled_by_place() {
    let body = json!({"contents": [
        {"role": "model", "parts": [{"functionCall": {"name": "a", "args": {}}},
            {"functionCall": {"name": "b", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "", "response": {}}},
            {"functionResponse": {"name": "", "response": {}}}]}]});
    let record = record(document());
    let traits = &GeminiCli
        .models(&record)
        .iter()
        .find(|m| m.traits.gemini3)
        .unwrap()
        .traits
        .clone();
    let spoken = GeminiCli.speaks(&record, "gemini-3-pro-preview", Dialect::OpenAiChat);
    let target = Target {
        model: "gemini-3-pro-preview",
        stream: false,
        model_traits: traits,
        endpoint: &spoken.endpoint,
    };
    let patched = codec(Dialect::Gemini)
        .patch_request(&body.to_string().into(), &Default::default(), &target)
        .unwrap();
    let sent: Value = serde_json::from_slice(&patched.body).unwrap();
    let contents = sent["contents"].as_array().unwrap();
    let [.., calls, results] = contents.as_slice() else {
        panic!("{sent}")
    };
    let names: Vec<_> = results["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["functionResponse"]["name"])
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        calls["parts"][0]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
    assert_eq!(calls["parts"][1].get("thoughtSignature"), None);
}

#[test]
fn vector_4_limits_are_told_apart() {
    let body = |reason: &str, delay: &str, more: Value| {
        json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
                "domain": "cloudcode-pa.googleapis.com", "metadata": {"quotaResetDelay": "373.8ms"}},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}, more]}})
        .to_string()
    };
    let limited = |wait: f64| {
        Verdict::Next(Outcome::RateLimited {
            retry_after: Some(Duration::from_secs_f64(wait)),
            scope: Scope::Model,
        })
    };
    let daily = json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]});
    // 2026-02-25T06:13:20Z: 1 h 46 min 40 s before midnight in California.
    for (body, want) in [
        (
            body("RATE_LIMIT_EXCEEDED", "0.3738s", json!({})),
            limited(0.3738),
        ),
        (body("QUOTA_EXHAUSTED", "7200s", json!({})), limited(7200.0)),
        (body("RATE_LIMIT_EXCEEDED", "0.1s", daily), limited(6400.0)),
        (
            json!({"error": {"code": 429, "message": "x", "details": [
                {"violations": [{"quotaId": "RequestsPerMinute"}]}]}})
            .to_string(),
            limited(60.0),
        ),
        (
            json!({"error": {"code": 429, "message": "Please retry in 7s."}}).to_string(),
            limited(7.0),
        ),
        (
            json!({"error": {"code": 429, "message": "x"}}).to_string(),
            limited(5.0),
        ),
        (
            json!({"error": {"code": 429, "message": "x", "details": [
                {"reason": "RATE_LIMIT_EXCEEDED"}]}})
            .to_string(),
            limited(10.0),
        ),
        (
            body("RATE_LIMIT_EXCEEDED", "301s", json!({})),
            limited(301.0),
        ),
        (
            json!({"error": {"code": 429, "message": "x", "details": [
                {"reason": "INSUFFICIENT_G1_CREDITS_BALANCE"}]}})
            .to_string(),
            Verdict::Next(Outcome::PaymentRequired { retry_after: None }),
        ),
    ] {
        let judgement = refused(429, &body, |reply, judgement| {
            GeminiCli.refine(reply, judgement)
        });
        assert_eq!(judgement.verdict, want, "{body}");
        // What is used up, and not only limited for a while.
        let terminal = ["PerDay", "QUOTA_EXHAUSTED", "301s", "INSUFFICIENT"];
        let exhausted = terminal.iter().any(|word| body.contains(word));
        assert_eq!(judgement.exhausted, exhausted, "{body}");
    }
}

#[test]
fn vector_5_a_free_account_gets_a_project_of_googles() {
    let standing =
        Standing::read(&json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]}));
    let want = Next::Onboard {
        tier: "free-tier".to_owned(),
        project: None,
    };
    assert_eq!(next(&standing, None), want);
    // The free tier must not carry a project.
    assert_eq!(next(&standing, Some("mine")), want);
    let tokens = Tokens::from_json(
        json!({"access_token": "a", "refresh_token": "r", "expires_in": 3599})
            .as_object()
            .unwrap()
            .clone(),
        at("2026-02-20T12:00:01Z"),
    )
    .unwrap();
    let set_up = SetUp {
        project: "fake-managed-1".to_owned(),
        tier: Some("free-tier".to_owned()),
        managed: true,
    };
    let new = new_login(&tokens, "dev@example.com", &[set_up], true);
    assert_eq!(new.names, ["gemini-dev@example.com-fake-managed-1.json"]);
    assert_eq!(new.document["auto"], true);
    assert_eq!(new.document["type"], "gemini");
    let token = new.document["token"].as_object().unwrap();
    for field in [
        "access_token",
        "token_type",
        "refresh_token",
        "expiry",
        "token_uri",
        "client_id",
        "client_secret",
        "scopes",
        "universe_domain",
    ] {
        assert!(token.contains_key(field), "{field}");
    }
    assert_eq!(token["expiry"], "2026-02-20T13:00:00Z");
}

#[test]
fn an_onboarded_account_stays_where_it_is() {
    let standing = |answer: Value| Standing::read(&answer);
    for (answer, wanted, want) in [
        (
            json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": "theirs"}),
            Some("mine"),
            Next::Done("theirs".to_owned()),
        ),
        (
            json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": {"id": "theirs"}}),
            None,
            Next::Done("theirs".to_owned()),
        ),
        (
            json!({"currentTier": {"id": "standard-tier"}}),
            Some("mine"),
            Next::Done("mine".to_owned()),
        ),
        (
            json!({}),
            Some("mine"),
            Next::Onboard {
                tier: "legacy-tier".to_owned(),
                project: Some("mine".to_owned()),
            },
        ),
    ] {
        assert_eq!(next(&standing(answer), wanted), want);
    }
    let refusal = |answer: Value| match next(&standing(answer), None) {
        Next::Refused(text) => text,
        other => panic!("{other:?}"),
    };
    let closed = refusal(
        json!({"ineligibleTiers": [{"reasonCode": "UNKNOWN", "tierId": "free-tier",
        "reasonMessage": "This client is no longer supported for individuals."}]}),
    );
    assert!(
        closed.contains("no longer supported for individuals"),
        "{closed}"
    );
    assert!(closed.contains("--antigravity-login"), "{closed}");
    let verify = refusal(
        json!({"ineligibleTiers": [{"reasonCode": "VALIDATION_REQUIRED",
        "reasonMessage": "Verify.", "validationUrl": "https://v"}]}),
    );
    assert_eq!(verify, "Verify. Open https://v, then log in again.");
    assert!(refusal(json!({"currentTier": {"id": "standard-tier"}})).contains("--project_id"));
}

#[test]
fn files_of_older_programs_are_read() {
    let plain = record(document());
    assert_eq!(plain.provider.as_ref(), "gemini");
    assert_eq!(plain.secret.as_ref().unwrap().expose(), "ya29.fake");
    assert_eq!(plain.expires_at, Some(at("2026-02-20T13:00:00.123456789Z")));
    assert_eq!(account::project(&plain), Some("fake-project-123"));

    // Refreshed at run time: the pair at the top is newer.
    let mut refreshed = document();
    refreshed["access_token"] = "top".into();
    refreshed["refresh_token"] = "top-r".into();
    refreshed["expiry"] = "2026-02-20T14:00:00Z".into();
    assert_eq!(record(refreshed.clone()).secret.unwrap().expose(), "top");
    // Logged in again by the old program: the inner one is.
    refreshed["token"]["expiry"] = "2026-02-20T15:00:00Z".into();
    let again = record(refreshed);
    assert_eq!(again.secret.unwrap().expose(), "ya29.fake");
    assert_eq!(again.expires_at, Some(at("2026-02-20T15:00:00Z")));

    // None: a refresh is to find one.
    let mut none = document();
    none["project_id"] = "".into();
    assert_eq!(record(none).secret, None);
    // Broken ones load, and ask for a token.
    for broken in [
        json!({"type": "gemini"}),
        json!({"type": "gemini", "token": "x", "project_id": 7}),
        json!({"type": "gemini", "token": {"expiry": "soon"}, "project_id": "p"}),
    ] {
        assert_eq!(record(broken).secret, None);
    }
}

#[test]
fn a_file_with_several_projects_has_a_face_for_each() {
    assert!(GeminiCli.faces(&record(document())).is_empty());
    let mut several = document();
    several["project_id"] = "a, b,,a".into();
    several["prefix"] = "mine".into();
    several["excluded_models"] = json!(["gemini-3*"]);
    let several = record(several);
    let faces = GeminiCli.faces(&several);
    let names: Vec<_> = faces.iter().map(|face| face.id.as_str()).collect();
    assert_eq!(names, ["x.json::a", "x.json::b"]);
    for (face, project) in faces.iter().zip(["a", "b"]) {
        assert_eq!(account::project(face), Some(project));
        assert_eq!(face.label, format!("dev@example.com ({project})"));
        assert_eq!(face.secret, several.secret);
        assert_eq!(face.expires_at, several.expires_at);
        assert_eq!(face.settings, several.settings);
        assert!(GeminiCli.faces(face).is_empty());
        let (_, body) = shaped(
            face,
            Action::Generate { stream: false },
            r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#,
        );
        assert_eq!(body["project"], project);
    }
    // The same id twice is one project.
    let mut twice = document();
    twice["project_id"] = "a,a".into();
    assert!(GeminiCli.faces(&record(twice)).is_empty());
}

#[test]
fn a_login_with_several_projects_is_one_file() {
    let tokens = Tokens::from_json(
        json!({"access_token": "a", "refresh_token": "r", "expires_in": 3599})
            .as_object()
            .unwrap()
            .clone(),
        at("2026-02-20T12:00:01Z"),
    )
    .unwrap();
    let found: Vec<SetUp> = ["p-1", "p-2"]
        .into_iter()
        .map(|project| SetUp {
            project: project.to_owned(),
            tier: Some("standard-tier".to_owned()),
            managed: false,
        })
        .collect();
    let new = new_login(&tokens, "dev@example.com", &found, false);
    assert_eq!(new.names, ["gemini-dev@example.com-all.json"]);
    assert_eq!(new.document["project_id"], "p-1,p-2");
    assert_eq!(new.plan.as_deref(), Some("standard-tier"));
}

#[test]
fn a_project_wish_is_read() {
    assert_eq!(wish(None), Ok(Wish::Unsaid));
    assert_eq!(wish(Some("all")), Ok(Wish::All));
    assert_eq!(wish(Some("GOOGLE_ONE")), Ok(Wish::Server));
    let named = Wish::Named(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(wish(Some("a, b,,a")), Ok(named));
    assert!(wish(Some("1234567890")).is_err(), "a number is no id");
}

#[test]
fn a_count_and_a_missing_project() {
    let (url, body) = shaped(
        &record(document()),
        Action::CountTokens,
        r#"{"generateContentRequest":{"contents":[]}}"#,
    );
    assert!(url.ends_with("/v1internal:countTokens"), "{url}");
    assert_eq!(
        body,
        json!({"request": {"model": "models/gemini-2.5-flash", "contents": []}})
    );
}

/// Contents without parts are refused (b76b79068). Searches beside functions are taken here, and need
/// no word about it.
#[test]
fn contents_without_parts_go_and_mixed_tools_stay() {
    let tools = json!([{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]);
    let body = json!({"contents": [{"role": "user", "parts": []},
        {"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": []}],
        "tools": tools, "toolConfig": {"includeServerSideToolInvocations": true}});
    let action = Action::Generate { stream: false };
    let (_, sent) = shaped(&record(document()), action, &body.to_string());
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    assert_eq!(sent["request"]["contents"], contents);
    assert_eq!(sent["request"]["tools"], tools);
    assert_eq!(sent["request"]["toolConfig"], json!({}));
}
