//! Files, logins, calls, bodies, failures.

use super::super::Provider;
use super::super::headers::PRODUCT;
use super::super::login::LoginKind;
use super::super::oauth::Tokens;
use super::super::verdict::{self, FailedReply, Judgement, Verdict};
use super::super::{Action, Call};
use super::account::{self, explained, new_login, renewed};
use super::body::with_one_system;
use super::judge::until_tomorrow;
use super::{Qwen, login, models, shape};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::Config;
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::record::CredentialRecord;
use actors::port::RefreshError;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use protocol::Dialect;
use serde_json::{Value, json};
use std::time::Duration;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_771_596_528, 0).unwrap()
}

fn record(document: &Value) -> CredentialRecord {
    let document = document.as_object().unwrap().clone();
    let record = CredentialRecord::from_document("qwen-a.json".into(), document).unwrap();
    Qwen.complete(record)
}

/// The example of the February version's files (§2).
fn february() -> Value {
    json!({"access_token": "fake-at", "refresh_token": "fake-rt",
        "last_refresh": "2026-02-20T12:00:00Z", "resource_url": "portal.qwen.ai",
        "email": "dev@example.com", "type": "qwen", "expired": "2026-02-20T18:00:00Z"})
}

fn tokens(answer: Value) -> Tokens {
    Tokens::from_json(answer.as_object().unwrap().clone(), now()).unwrap()
}

/// Vector 1.
#[test]
fn the_challenge_is_the_standards() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
    let verifier = PkceCodeVerifier::new(verifier);
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    assert_eq!(
        challenge.as_str(),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
}

#[test]
fn files_of_both_programs_load() {
    let old = record(&february());
    assert_eq!(old.label, "dev@example.com");
    assert_eq!(old.expires_at.unwrap().timestamp(), 1_771_610_400);
    let mut official = json!({"access_token": "a", "refresh_token": "r", "token_type": "Bearer",
        "resource_url": "portal.qwen.ai", "expiry_date": 1_771_610_400_123_i64});
    assert!(Qwen.foreign(official.as_object().unwrap()).is_some());
    assert_eq!(Qwen.foreign(february().as_object().unwrap()), None);
    official["type"] = "qwen".into();
    official["unknown"] = json!({"kept": 1});
    let official = record(&official);
    assert_eq!(official.expires_at.unwrap().timestamp(), 1_771_610_400);
    assert_eq!(official.document["unknown"]["kept"], 1);
    for broken in [
        json!({"type": "qwen"}),
        json!({"type": "qwen", "access_token": 1, "expired": [], "resource_url": 7,
            "expiry_date": "soon"}),
    ] {
        let record = record(&broken);
        assert_eq!((record.secret.is_none(), record.expires_at), (true, None));
        assert_eq!(shape::base(&record), "https://portal.qwen.ai/v1");
    }
}

#[test]
fn a_login_becomes_a_file_that_the_old_program_reads() {
    let new = new_login(
        &tokens(
            json!({"access_token": "fake-at", "refresh_token": "fake-rt",
            "token_type": "Bearer", "resource_url": "portal.qwen.ai", "expires_in": 21_600}),
        ),
        "dev@example.com",
    );
    assert_eq!(new.names, ["qwen-dev@example.com.json"]);
    assert_eq!(new.identity, ["email"]);
    assert_eq!(
        Value::Object(new.document),
        json!({"type": "qwen", "access_token": "fake-at", "refresh_token": "fake-rt",
            "expired": "2026-02-20T20:08:48Z", "last_refresh": "2026-02-20T14:08:48Z",
            "resource_url": "portal.qwen.ai", "email": "dev@example.com"})
    );
    let [login] = login::LOGINS else {
        panic!("one login");
    };
    assert_eq!((login.flag, login.kind), ("qwen-login", LoginKind::Device));
    let pauses = [5000, 7500, 10_000].map(Duration::from_millis);
    assert_eq!(
        pauses[..2]
            .iter()
            .map(|p| login::slower(*p))
            .collect::<Vec<_>>(),
        pauses[1..]
    );
}

/// §3: what the answer leaves out stays; a new host is followed.
#[test]
fn a_refresh_writes_only_what_came() {
    let mut file = february();
    file["note"] = "mine".into();
    file["expiry_date"] = 1.into();
    let old = record(&file);
    let new = renewed(
        &tokens(json!({"access_token": "n", "expires_in": 60})),
        &old,
    );
    for (field, want) in [
        ("access_token", "n"),
        ("refresh_token", "fake-rt"),
        ("resource_url", "portal.qwen.ai"),
        ("email", "dev@example.com"),
        ("expired", "2026-02-20T14:09:48Z"),
        ("note", "mine"),
        ("type", "qwen"),
    ] {
        assert_eq!(new.document[field], want, "{field}");
    }
    assert_eq!(new.document.get("expiry_date"), None);
    let answer =
        json!({"access_token": "n", "refresh_token": "r2", "resource_url": "other.qwen.ai"});
    let new = renewed(&tokens(answer), &old);
    assert_eq!(account::host(&new), Some("other.qwen.ai"));
    assert_eq!(new.document["refresh_token"], "r2");
    assert_eq!((new.expires_at, new.document.get("expired")), (None, None));
    let ended = explained(RefreshError::Revoked {
        message: "x".into(),
    })
    .to_string();
    assert!(ended.contains("15 April 2026"), "{ended}");
}

/// Vector 2; the February version wrote `https://` in front of anything.
#[test]
fn hosts_become_bases() {
    for (host, want) in [
        ("portal.qwen.ai", "https://portal.qwen.ai/v1"),
        ("https://portal.qwen.ai/v1/", "https://portal.qwen.ai/v1"),
        (
            "dashscope.example/compatible-mode/v1",
            "https://dashscope.example/compatible-mode/v1",
        ),
        ("http://localhost:1/", "http://localhost:1/v1"),
        ("", "https://portal.qwen.ai/v1"),
        (" ", "https://portal.qwen.ai/v1"),
    ] {
        let mut file = february();
        file["resource_url"] = host.into();
        assert_eq!(shape::base(&record(&file)), want, "{host}");
        file["base_url"] = "https://mine.example/x/".into();
        assert_eq!(shape::base(&record(&file)), "https://mine.example/x");
    }
}

#[test]
fn calls_say_what_the_protocol_demands() {
    let account = record(&february());
    let body = Bytes::from_static(br#"{"model":"coder-model"}"#);
    let shaped = |action, client, sent: &HeaderMap| {
        Qwen.shape(&Call {
            record: &account,
            model: "coder-model",
            action,
            body: &body,
            body_headers: &[],
            client_body: &body,
            client_headers: sent,
            config: &Config::default(),
            dialect: Dialect::OpenAiChat,
            client,
        })
    };
    let stream = Action::Generate { stream: true };
    let request = shaped(stream, Dialect::Anthropic, &HeaderMap::new()).unwrap();
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.to_str().unwrap())
    };
    assert_eq!(request.url, "https://portal.qwen.ai/v1/chat/completions");
    for (name, want) in [
        ("authorization", "Bearer fake-at"),
        ("x-dashscope-authtype", "qwen-oauth"),
        ("x-dashscope-cachecontrol", "enable"),
        ("x-dashscope-useragent", PRODUCT),
        ("user-agent", PRODUCT),
        ("accept", "text/event-stream"),
    ] {
        assert_eq!(header(name), Some(want), "{name}");
    }
    let is_mimicry = |name: &HeaderName| name.as_str().starts_with("x-stainless");
    assert!(!request.headers.iter().any(|(name, _)| is_mimicry(name)));
    let mut sent = HeaderMap::new();
    let own = HeaderValue::from_static("QwenCode/1.0");
    sent.insert(HeaderName::from_static("user-agent"), own.clone());
    let request = shaped(stream, Dialect::OpenAiChat, &sent).unwrap();
    assert!(request.headers.iter().any(|(_, value)| *value == own));
    assert!(shaped(Action::Compact, Dialect::OpenAiResponses, &sent).is_err());
}

fn systems(messages: Value) -> Value {
    let body = Bytes::from(json!({ "messages": messages }).to_string());
    let new: Value = serde_json::from_slice(&with_one_system(&body)).unwrap();
    new["messages"].clone()
}

/// §7: exactly one, first, in parts, the first one marked.
#[test]
fn instructions_are_one_message_in_front() {
    let user = json!({"role": "user", "content": "a"});
    let marked =
        |text: &str| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}});
    let system = |parts: Value| json!({"role": "system", "content": parts});
    assert_eq!(
        systems(json!([system("S".into()), user])),
        json!([system(json!([marked("S")])), user])
    );
    let late = json!({"role": "developer", "content": [{"type": "text", "text": "D"}]});
    assert_eq!(
        systems(json!([
            user,
            system("S".into()),
            user,
            late,
            system("".into())
        ])),
        json!([
            system(json!([marked("S"), {"type": "text", "text": "D"}])),
            user,
            user
        ])
    );
    for same in [
        json!([user]),
        json!([]),
        json!([
            system(json!([marked("S"), {"type": "text", "text": "D"}])),
            user
        ]),
    ] {
        let body = Bytes::from(json!({ "messages": same }).to_string());
        assert_eq!(with_one_system(&body).as_ptr(), body.as_ptr(), "{same}");
    }
    let odd = Bytes::from_static(b"{\"messages\":7}");
    assert_eq!(with_one_system(&odd), odd);
}

#[test]
fn the_known_models() {
    let models: Vec<_> = models::known().collect();
    let names: Vec<&str> = models.iter().map(|model| &*model.id).collect();
    assert_eq!(
        names,
        [
            "qwen3-coder-plus",
            "qwen3-coder-flash",
            "coder-model",
            "vision-model"
        ]
    );
    let coder = &models[2];
    assert_eq!(coder.version.as_deref(), Some("3.5"));
    assert_eq!(coder.traits.context_window, Some(1_048_576));
    assert_eq!(coder.traits.max_output, Some(65_536));
    assert_eq!(
        (coder.created, coder.owned_by.as_str()),
        (1_771_171_200, "qwen")
    );
    assert!(
        models
            .iter()
            .all(|model| model.traits.thinking.as_ref().unwrap().none)
    );
}

fn judged(status: u16, retry_after: Option<&'static str>, body: &Value) -> Judgement {
    let mut headers = HeaderMap::new();
    if let Some(wait) = retry_after {
        let name = HeaderName::from_static("retry-after");
        headers.insert(name, HeaderValue::from_static(wait));
    }
    let reply = FailedReply {
        status,
        headers: &headers,
        body: &body.to_string().into(),
        dialect: Dialect::OpenAiChat,
        now: now(),
    };
    let mut judgement = verdict::judge(&reply);
    Qwen.refine(&reply, &mut judgement);
    judgement
}

/// Vector 4, and §6.
#[test]
fn errors_mean_what_the_service_means() {
    // 14:08:48 UTC is 22:08:48 in China.
    let tomorrow = Duration::from_secs(3600 + 51 * 60 + 12);
    assert_eq!(until_tomorrow(now()), tomorrow);
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    let limited = |wait| {
        Verdict::Next(Outcome::RateLimited {
            retry_after: Some(wait),
            scope: Scope::Credential,
        })
    };
    let free = "Free allocated quota exceeded.";
    for (status, wait, body, want) in [
        (
            403,
            None,
            error("insufficient_quota", free),
            limited(tomorrow),
        ),
        (403, None, error("x", free), limited(tomorrow)),
        (
            429,
            Some("30"),
            error("quota_exceeded", "x"),
            limited(Duration::from_secs(30)),
        ),
        (
            429,
            Some("7"),
            error("rate_limit_exceeded", "x"),
            Verdict::Next(Outcome::RateLimited {
                retry_after: Some(Duration::from_secs(7)),
                scope: Scope::Model,
            }),
        ),
        (
            401,
            None,
            error("x", "invalid access token or token expired"),
            Verdict::FreshToken(Outcome::Unauthorized),
        ),
        (
            403,
            None,
            error("x", "no"),
            Verdict::FreshToken(Outcome::Forbidden { retry_after: None }),
        ),
        (400, None, error("x", "schema"), Verdict::Stop),
        (
            500,
            None,
            error("x", "busy"),
            Verdict::Next(Outcome::Transient),
        ),
    ] {
        assert_eq!(judged(status, wait, &body).verdict, want, "{status} {body}");
    }
    let quota = judged(403, None, &error("insufficient_quota", free)).failure;
    assert_eq!((quota.status, quota.retry_after), (429, Some(tomorrow)));
    let closed = judged(
        401,
        None,
        &error("x", "invalid access token or token expired"),
    );
    assert!(closed.failure.message.contains("15 April 2026"));
}
