use super::super::login::LoginKind;
use super::super::oauth::Tokens;
use super::super::verdict::{self, FailedReply, Judgement, Verdict};
use super::super::{Action, Call, Provider};
use super::account::{self, Identity, renewed, with_end};
use super::login::{DeviceCode, explained, name, new_login};
use super::models::{self, Tier};
use super::{Codex, judge, login, mend};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::record::{CredentialRecord, Kind};
use actors::login::LoginError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::Dialect;
use protocol::canonical::Effort;
use serde_json::{Value, json};
use std::time::Duration;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_771_596_528, 0).unwrap()
}

fn jwt(claims: &Value) -> String {
    format!("eyJ.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn id_token(email: &str, account: &str, plan: &str) -> String {
    jwt(
        &json!({"email": email, "exp": 1, "https://api.openai.com/auth":
        {"chatgpt_account_id": account, "chatgpt_plan_type": plan}}),
    )
}

fn record(document: &Value) -> CredentialRecord {
    let document = document.as_object().unwrap().clone();
    let record = CredentialRecord::from_document("codex-a.json".into(), document).unwrap();
    Codex.complete(record)
}

/// The example of the February version's files (§2).
fn february() -> Value {
    json!({"id_token": "eyJ.fake.sig", "access_token": "eyJ.fake.sig", "refresh_token": "rt_fake",
        "account_id": "00000000-0000-4000-8000-000000000001", "last_refresh": "2026-02-20T12:00:00Z",
        "email": "dev@example.com", "type": "codex", "expired": "2026-03-02T12:00:00Z"})
}

fn tokens(answer: Value) -> Tokens {
    Tokens::from_json(answer.as_object().unwrap().clone(), now()).unwrap()
}

#[test]
fn claims_tell_whose_account_it_is() {
    for (claims, want) in [
        (
            json!({"email": "a@b.c", "https://api.openai.com/auth":
                {"chatgpt_account_id": "acct-1", "chatgpt_plan_type": "team",
                 "chatgpt_account_is_fedramp": true}}),
            Identity {
                email: Some("a@b.c".into()),
                account_id: Some("acct-1".into()),
                plan: Some("team".into()),
                fedramp: true,
            },
        ),
        (
            json!({"https://api.openai.com/profile": {"email": "p@b.c"}}),
            Identity {
                email: Some("p@b.c".into()),
                ..Identity::default()
            },
        ),
        (json!({"email": 7}), Identity::default()),
    ] {
        assert_eq!(Identity::of(&jwt(&claims)), want, "{claims}");
    }
    assert_eq!(Identity::of("eyJ.fake.sig"), Identity::default());
}

/// §2: files of the old program, older ones, and broken ones.
#[test]
fn files_of_the_old_program_load() {
    let old = record(&february());
    assert_eq!(old.label, "dev@example.com");
    assert_eq!(old.expires_at.unwrap().timestamp(), 1_772_452_800);
    assert_eq!(Codex.plan(&old), None);
    let team = record(
        &json!({"type": "codex", "access_token": "x", "email": "a@b.c",
        "id_token": id_token("a@b.c", "acct-1", "team"), "websockets": true, "priority": "3",
        "unknown": {"kept": 1}}),
    );
    assert_eq!(Codex.plan(&team).as_deref(), Some("team"));
    assert_eq!(super::shape::account_id(&team).as_deref(), Some("acct-1"));
    assert!(team.settings.websockets);
    assert_eq!(team.settings.priority, 3);
    assert_eq!(team.document["unknown"]["kept"], 1);
    // The access token has the claims too, and an end of its own.
    let bare = record(
        &json!({"type": "codex", "access_token": jwt(&json!({"exp": 1_771_600_000,
        "https://api.openai.com/auth": {"chatgpt_account_id": "a", "chatgpt_plan_type": "plus"}}))}),
    );
    assert_eq!(bare.expires_at.unwrap().timestamp(), 1_771_600_000);
    assert_eq!(Codex.plan(&bare).as_deref(), Some("plus"));
    for broken in [
        json!({"type": "codex"}),
        json!({"type": "codex", "access_token": 1, "expired": [], "account_id": 7, "id_token": "x"}),
        json!({"type": "codex", "access_token": "", "account_id": " "}),
    ] {
        let record = record(&broken);
        assert_eq!((record.secret.is_none(), record.expires_at), (true, None));
        assert_eq!(super::shape::account_id(&record), None, "{broken}");
    }
}

#[test]
fn the_earlier_of_two_ends_counts() {
    let mut file = february();
    for (own, want) in [
        (1_772_000_000, 1_772_000_000),
        (1_779_000_000, 1_772_452_800),
    ] {
        file["access_token"] = jwt(&json!({"exp": own})).into();
        assert_eq!(record(&file).expires_at.unwrap().timestamp(), want);
    }
}

/// Vector 5, and the other forms of §2.
#[test]
fn names_of_new_files() {
    for (email, account, plan, want) in [
        (
            "a@b.c",
            Some("acct-1"),
            Some("Team"),
            "codex-ba36a4ed-a@b.c-team.json",
        ),
        ("a@b.c", Some("acct-1"), None, "codex-ba36a4ed-a@b.c.json"),
        (
            "a@b.c",
            Some("acct-1"),
            Some("Pro  Lite!"),
            "codex-ba36a4ed-a@b.c-pro-lite.json",
        ),
        ("a@b.c", None, Some("plus"), "codex-a@b.c-plus.json"),
        ("a@b.c", None, None, "codex-a@b.c.json"),
    ] {
        assert_eq!(name(email, account, plan), want);
    }
}

#[test]
fn a_login_becomes_a_file_that_the_old_program_reads() {
    let new = new_login(tokens(json!({
        "access_token": "at", "refresh_token": "rt", "id_token": id_token("a@b.c", "acct-1", "Team"),
        "token_type": "Bearer", "expires_in": 864_000, "scope": "openid"})))
    .unwrap();
    assert_eq!(new.names, ["codex-ba36a4ed-a@b.c-team.json"]);
    assert_eq!(new.identity, ["account_id", "email"]);
    assert_eq!(new.plan.as_deref(), Some("Team"));
    assert_eq!(
        Value::Object(new.document),
        json!({"type": "codex", "id_token": id_token("a@b.c", "acct-1", "Team"),
            "access_token": "at", "refresh_token": "rt", "expired": "2026-03-02T14:08:48Z",
            "last_refresh": "2026-02-20T14:08:48Z", "email": "a@b.c", "account_id": "acct-1"})
    );
    let nobody = new_login(tokens(
        json!({"access_token": "at", "id_token": "eyJ.fake.sig"}),
    ));
    assert!(matches!(nobody, Err(LoginError::Unusable { .. })));
}

#[test]
fn logins_are_declared() {
    let [browser, device] = login::LOGINS else {
        panic!("two logins");
    };
    assert_eq!(
        (browser.flag, device.flag),
        ("codex-login", "codex-device-login")
    );
    let LoginKind::Browser(callback) = browser.kind else {
        panic!("no browser login");
    };
    assert_eq!(callback.ports, [1455, 1457]);
    assert_eq!((callback.path, callback.route), ("/auth/callback", "codex"));
    let denied = LoginError::Denied {
        message: "missing_codex_entitlement (access_denied)".into(),
    };
    assert!(
        explained(denied)
            .to_string()
            .contains("not enabled for this workspace")
    );
}

/// §1.2: both spellings of the code, the interval as number or text.
#[test]
fn device_codes_are_read_in_every_spelling() {
    for (answer, want) in [
        (
            json!({"device_auth_id": "d", "user_code": "AB-12", "interval": "7"}),
            Some(("AB-12", 7)),
        ),
        (
            json!({"device_auth_id": "d", "usercode": "AB-12", "interval": 3}),
            Some(("AB-12", 3)),
        ),
        (
            json!({"device_auth_id": "d", "usercode": "AB-12", "interval": 0}),
            Some(("AB-12", 5)),
        ),
        (
            json!({"device_auth_id": "d", "usercode": "AB-12"}),
            Some(("AB-12", 5)),
        ),
        (json!({"device_auth_id": "d"}), None),
        (json!({"user_code": "AB-12"}), None),
    ] {
        let read = DeviceCode::read(&answer);
        let read = read
            .as_ref()
            .map(|code| (code.user_code.as_str(), code.pause.as_secs()));
        assert_eq!(read, want, "{answer}");
    }
}

/// §3: what the answer leaves out stays (the February version emptied it).
#[test]
fn a_refresh_writes_only_what_came() {
    let mut old = february();
    old["note"] = "mine".into();
    let old = record(&old);
    let new = renewed(
        with_end(tokens(json!({"access_token": "n", "expires_in": 60}))),
        &old,
    );
    for (field, want) in [
        ("access_token", "n"),
        ("refresh_token", "rt_fake"),
        ("id_token", "eyJ.fake.sig"),
        ("account_id", "00000000-0000-4000-8000-000000000001"),
        ("email", "dev@example.com"),
        ("expired", "2026-02-20T14:09:48Z"),
        ("last_refresh", "2026-02-20T14:08:48Z"),
        ("note", "mine"),
    ] {
        assert_eq!(new.document[field], want, "{field}");
    }
    // The plan follows, the workspace stays.
    let answer = json!({"access_token": "n", "refresh_token": "r2",
        "id_token": id_token("new@b.c", "other", "pro")});
    let new = renewed(with_end(tokens(answer)), &old);
    assert_eq!(account::plan(&new).as_deref(), Some("pro"));
    assert_eq!(new.document["refresh_token"], "r2");
    assert_eq!(new.document["account_id"], old.document["account_id"]);
    assert_eq!(new.document["email"], "dev@example.com");
    // Nobody names an end: the old one is not the new token's.
    assert_eq!((new.expires_at, new.document.get("expired")), (None, None));
    // The token names it.
    let token = jwt(&json!({"exp": now().timestamp() + 100}));
    let new = renewed(with_end(tokens(json!({"access_token": token}))), &old);
    assert_eq!(new.document["expired"], "2026-02-20T14:10:28Z");
}

/// §3: ten minutes before the end, and at least once in 8 days.
#[test]
fn tokens_are_replaced_in_time() {
    for (days, want) in [
        (10, Some(TimeDelta::days(2))),
        (8, Some(TimeDelta::minutes(10))),
        (1, Some(TimeDelta::minutes(10))),
    ] {
        let mut record = record(&february());
        record.expires_at = record.refreshed_at.map(|made| made + TimeDelta::days(days));
        assert_eq!(account::lead(&record), want, "{days} days");
        record.refreshed_at = None;
        assert_eq!(account::lead(&record), None);
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

#[track_caller]
fn shaped(
    record: &CredentialRecord,
    action: Action,
    client: Dialect,
    sent: &HeaderMap,
) -> UpstreamRequest {
    let body = Bytes::from_static(br#"{"model":"m","prompt_cache_key":"cache-1"}"#);
    Codex
        .shape(&Call {
            record,
            model: "m",
            action,
            body: &body,
            body_headers: &[],
            client_body: &body,
            client_headers: sent,
            client,
        })
        .unwrap()
}

fn header<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(known, _)| known == name);
    let value = found.next()?.1.to_str().unwrap();
    assert!(found.next().is_none(), "{name} twice");
    Some(value)
}

const STREAM: Action = Action::Generate { stream: true };

#[test]
fn accounts_call_the_backend_with_their_workspace() {
    let account = record(&february());
    let call = shaped(&account, STREAM, Dialect::Anthropic, &headers(&[]));
    assert_eq!(call.url, "https://chatgpt.com/backend-api/codex/responses");
    for (name, want) in [
        ("authorization", Some("Bearer eyJ.fake.sig")),
        (
            "chatgpt-account-id",
            Some("00000000-0000-4000-8000-000000000001"),
        ),
        ("accept", Some("text/event-stream")),
        ("content-type", Some("application/json")),
        ("originator", Some("cli-proxy-api-plus")),
        ("user-agent", Some(super::super::headers::PRODUCT)),
        ("session_id", Some("cache-1")),
        ("x-openai-fedramp", None),
        ("version", None),
    ] {
        assert_eq!(header(&call, name), want, "{name}");
    }
    let call = shaped(
        &account,
        Action::Compact,
        Dialect::OpenAiResponses,
        &headers(&[]),
    );
    assert_eq!(
        call.url,
        "https://chatgpt.com/backend-api/codex/responses/compact"
    );
    assert_eq!(header(&call, "accept"), Some("application/json"));
    let spoken = Codex.speaks(&account, "m");
    assert!(spoken.streams_only && spoken.endpoint.codex && !spoken.endpoint.compatible);
}

/// 528b1a230, f43aad763: the client's own identity and session, as it sent them.
#[test]
fn the_clients_own_identity_travels_on() {
    let sent = headers(&[
        ("user-agent", "codex_cli_rs/0.150.0"),
        ("originator", "codex_cli_rs"),
        ("version", "0.150.0"),
        ("session-id", "s-1"),
        ("x-codex-turn-state", "t"),
        ("x-openai-internal-codex-responses-lite", "1"),
        ("cookie", "secret"),
        ("chatgpt-account-id", "somebody-else"),
    ]);
    let account = record(&february());
    let call = shaped(&account, STREAM, Dialect::OpenAiResponses, &sent);
    for (name, want) in [
        ("user-agent", Some("codex_cli_rs/0.150.0")),
        ("originator", Some("codex_cli_rs")),
        ("version", Some("0.150.0")),
        ("session-id", Some("s-1")),
        ("session_id", None),
        ("x-codex-turn-state", Some("t")),
        ("x-openai-internal-codex-responses-lite", Some("1")),
        ("cookie", None),
        (
            "chatgpt-account-id",
            Some("00000000-0000-4000-8000-000000000001"),
        ),
    ] {
        assert_eq!(header(&call, name), want, "{name}");
    }
}

#[test]
fn government_accounts_are_marked() {
    let mut file = february();
    file["id_token"] = jwt(&json!({"https://api.openai.com/auth":
        {"chatgpt_account_is_fedramp": true}}))
    .into();
    let call = shaped(&record(&file), STREAM, Dialect::OpenAiChat, &headers(&[]));
    assert_eq!(header(&call, "x-openai-fedramp"), Some("true"));
}

#[test]
fn keys_call_the_public_api() {
    let mut key = CredentialRecord::bare("codex:apikey:1".into(), "codex", Kind::Key);
    key.secret = Some("sk-1".into());
    let call = shaped(&key, STREAM, Dialect::OpenAiChat, &headers(&[]));
    assert_eq!(call.url, "https://api.openai.com/v1/responses");
    for name in ["chatgpt-account-id", "originator", "session_id"] {
        assert_eq!(header(&call, name), None, "{name}");
    }
    let spoken = Codex.speaks(&key, "m");
    assert!(!spoken.streams_only && !spoken.endpoint.codex && !spoken.endpoint.compatible);
    key.base_url = Some("https://gateway.example/v1".into());
    assert!(Codex.speaks(&key, "m").endpoint.compatible);
}

#[track_caller]
fn judged(status: u16, headers: &HeaderMap, body: &Value) -> Judgement {
    let reply = FailedReply {
        status,
        headers,
        body: &body.to_string().into(),
        dialect: Dialect::OpenAiResponses,
        now: now(),
    };
    let mut judgement = verdict::judge(&reply);
    judge::refine(&reply, &mut judgement);
    judgement
}

fn limited(seconds: Option<u64>, scope: Scope) -> Verdict {
    Verdict::Next(Outcome::RateLimited {
        retry_after: seconds.map(Duration::from_secs),
        scope,
    })
}

/// Vector 3 (f5d46b9ca): the whole account rests until the window begins anew.
#[test]
fn a_used_up_plan_rests_until_its_window_ends() {
    let body = json!({"error": {"type": "usage_limit_reached",
        "message": "The usage limit has been reached", "plan_type": "plus",
        "resets_at": 1_771_610_400, "resets_in_seconds": 13_872}});
    let judgement = judged(429, &headers(&[]), &body);
    assert_eq!(judgement.verdict, limited(Some(13_872), Scope::Credential));
    assert_eq!(judgement.failure.status, 429);
    assert_eq!(
        judgement.failure.retry_after,
        Some(Duration::from_secs(13_872))
    );
    // The point in time is the more exact one.
    for (limit, windows, want) in [
        (
            json!({"resets_at": now().timestamp() + 50, "resets_in_seconds": 60}),
            vec![],
            Some(50),
        ),
        (json!({"resets_in_seconds": 60}), vec![], Some(60)),
        (
            json!({"resets_at": 1, "resets_in_seconds": 60}),
            vec![],
            Some(60),
        ),
        (
            json!({}),
            vec![
                ("x-codex-primary-used-percent", "100"),
                ("x-codex-primary-reset-after-seconds", "70"),
                ("x-codex-secondary-used-percent", "12.5"),
                ("x-codex-secondary-reset-after-seconds", "9000"),
            ],
            Some(70),
        ),
        (
            json!({}),
            vec![
                ("x-codex-secondary-used-percent", "100.0"),
                ("x-codex-secondary-reset-at", "1771596628"),
            ],
            Some(100),
        ),
        (json!({}), vec![], None),
    ] {
        let mut error = limit.clone();
        error["type"] = "usage_limit_reached".into();
        error["message"] = "The usage limit has been reached".into();
        let judgement = judged(429, &headers(&windows), &json!({"error": error}));
        assert_eq!(
            judgement.verdict,
            limited(want, Scope::Credential),
            "{limit}"
        );
    }
    // The same inside a stream, or in a frame of a WebSocket.
    let frame = json!({"type": "error", "status_code": 429, "error": body["error"]});
    let failure = protocol::failure::decode_event(&frame.to_string(), Dialect::OpenAiResponses);
    assert_eq!(
        verdict::judge_event(failure).verdict,
        limited(Some(13_872), Scope::Credential)
    );
}

/// The table of §6.
#[test]
fn errors_mean_what_the_sheet_says() {
    let broke = Verdict::Next(Outcome::PaymentRequired { retry_after: None });
    let error =
        |kind: &str, text: &str| json!({"error": {"type": kind, "code": kind, "message": text}});
    for (status, body, want) in [
        (
            400,
            json!({"detail": "Unsupported parameter: x"}),
            Verdict::Stop,
        ),
        (
            400,
            error("context_length_exceeded", "too long"),
            Verdict::Stop,
        ),
        (
            400,
            error("previous_response_not_found", "gone"),
            Verdict::Stop,
        ),
        (400, error("cyber_policy", "no"), Verdict::Stop),
        (
            400,
            json!({"detail":
                "The 'gpt-9' model is not supported when using Codex with a ChatGPT account."}),
            Verdict::Next(Outcome::ModelMissing),
        ),
        (
            401,
            error("token_expired", "old"),
            Verdict::FreshToken(Outcome::Unauthorized),
        ),
        (
            401,
            error("token_invalidated", "x"),
            Verdict::FreshToken(Outcome::Unauthorized),
        ),
        (
            402,
            json!({"detail": {"code": "deactivated_workspace"}}),
            broke,
        ),
        (
            403,
            error("unsupported_country_region_territory", "no"),
            Verdict::Next(Outcome::Forbidden { retry_after: None }),
        ),
        (
            404,
            error("not_found", "x"),
            Verdict::Next(Outcome::ModelMissing),
        ),
        (429, error("usage_not_included", "upgrade"), broke),
        (429, error("insufficient_quota", "pay"), broke),
        (
            429,
            error("rate_limit_exceeded", "try again in 28ms."),
            limited(Some(1), Scope::Model),
        ),
        (
            429,
            error("rate_limit_exceeded", "try again in 1.3s."),
            limited(Some(2), Scope::Model),
        ),
        (
            429,
            error("rate_limit_exceeded", "Please try again in 5 seconds."),
            limited(Some(5), Scope::Model),
        ),
        (
            503,
            error("server_is_overloaded", "x"),
            Verdict::Next(Outcome::Transient),
        ),
        (
            503,
            error("slow_down", "x"),
            Verdict::Next(Outcome::Transient),
        ),
    ] {
        assert_eq!(
            judged(status, &headers(&[]), &body).verdict,
            want,
            "{status} {body}"
        );
    }
    let full = error(
        "server_error",
        "Selected model is at capacity. Please try a different model.",
    );
    for status in [400, 429, 500, 503] {
        let judgement = judged(status, &headers(&[]), &full);
        assert_eq!(judgement.verdict, limited(None, Scope::Model), "{status}");
        assert_eq!(judgement.failure.status, 429);
    }
}

#[test]
fn plans_have_their_models() {
    let names = |plan: &str| -> Vec<String> {
        let mut file = february();
        file["id_token"] = id_token("a@b.c", "x", plan).into();
        let models = models::known(&record(&file));
        models.iter().map(|model| model.id.to_string()).collect()
    };
    for (plan, has, lacks) in [
        (
            "free",
            vec!["gpt-5.5", "gpt-5.4-mini", "codex-auto-review"],
            vec!["gpt-5.4", "gpt-5.6-sol"],
        ),
        (
            "team",
            vec!["gpt-5.4", "gpt-5.6-sol"],
            vec!["gpt-5.3-codex-spark"],
        ),
        ("Go", vec!["gpt-5.4"], vec!["gpt-5.3-codex-spark"]),
        ("plus", vec!["gpt-5.3-codex-spark", "gpt-5.2"], vec![]),
        (
            "enterprise",
            vec!["gpt-5.3-codex-spark", "gpt-5-codex"],
            vec![],
        ),
    ] {
        let names = names(plan);
        for model in has {
            assert!(
                names.iter().any(|name| name == model),
                "{plan} lacks {model}"
            );
        }
        for model in lacks {
            assert!(
                !names.iter().any(|name| name == model),
                "{plan} has {model}"
            );
        }
    }
    assert_eq!(Tier::of(None), Tier::Pro);
    let window = |plan: &str| {
        let mut file = february();
        file["id_token"] = id_token("a@b.c", "x", plan).into();
        let models = models::known(&record(&file));
        let found = models.iter().find(|model| &*model.id == "gpt-5.6-terra");
        found.unwrap().traits.context_window
    };
    assert_eq!(
        (window("plus"), window("pro")),
        (Some(372_000), Some(921_000))
    );
}

/// The official client's list (§4).
#[test]
fn the_services_own_list_is_read() {
    let level = |word: &str| json!({"effort": word, "description": ""});
    let list = json!({"models": [
        {"slug": "gpt-5.4", "display_name": "gpt-5.4", "description": "Strong", "visibility": "list",
         "default_reasoning_level": "medium", "context_window": 272_000,
         "supported_reasoning_levels": [level("low"), level("high"), level("medium"), level("ultra")]},
        {"slug": "gpt-9-new", "visibility": "hide", "supported_reasoning_levels": [level("none"), level("low")]},
        {"slug": "internal", "visibility": "none"},
        {"display_name": "no slug"},
    ]});
    let models = models::listed(list.to_string().as_bytes()).unwrap();
    let names: Vec<&str> = models.iter().map(|model| &*model.id).collect();
    assert_eq!(names, ["gpt-5.4", "gpt-9-new"]);
    let known = &models[0];
    assert_eq!(known.created, 1_772_668_800);
    assert_eq!(known.description.as_deref(), Some("Strong"));
    assert_eq!(known.traits.context_window, Some(272_000));
    assert_eq!(
        known.traits.thinking.as_ref().unwrap().levels,
        [Effort::Low, Effort::Medium, Effort::High]
    );
    let new = &models[1];
    assert!(new.traits.openai_reasoning && new.traits.thinking.as_ref().unwrap().can_disable);
    for none in [
        "{}",
        "[]",
        r#"{"models":[]}"#,
        "<html>",
        r#"{"data":[{"id":"x"}]}"#,
    ] {
        assert_eq!(models::listed(none.as_bytes()), None, "{none}");
    }
    assert_eq!(
        models::list_url("https://x/codex"),
        "https://x/codex/models?client_version=0.144.0"
    );
}

/// §6: thinking of another account is taken out; ids that would name it go too.
#[test]
fn refused_thinking_is_taken_out() {
    let body = Bytes::from_static(
        br#"{"model":"m","input":[{"type":"message","id":"msg_0","role":"user","content":"x"},{"type":"reasoning","id":"rs_1","encrypted_content":"gAAAAother"},{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],"stream":true}"#,
    );
    let want = json!({"model": "m", "stream": true, "input": [
        {"type": "message", "role": "user", "content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"}]});
    let said = |status: u16, error: Value, body: &Bytes| {
        let reply = FailedReply {
            status,
            headers: &headers(&[]),
            body: &json!({"error": error}).to_string().into(),
            dialect: Dialect::OpenAiResponses,
            now: now(),
        };
        mend::mend(&reply, body)
    };
    for error in [
        json!({"code": "invalid_encrypted_content", "message": "x"}),
        json!({"message": "The encrypted content gAAA… could not be verified."}),
        json!({"message": "Encrypted content could not be decrypted or parsed."}),
    ] {
        let mended = said(400, error.clone(), &body).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&mended).unwrap(), want);
        assert_eq!(
            said(400, error.clone(), &mended),
            None,
            "nothing is left to take out"
        );
        assert_eq!(said(500, error, &body), None);
    }
    assert_eq!(
        said(400, json!({"message": "bad temperature"}), &body),
        None
    );
}
