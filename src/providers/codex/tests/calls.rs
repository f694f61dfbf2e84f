//! How calls go out, and what failures mean.

use super::super::super::headers::PRODUCT;
use super::super::super::verdict::{self, FailedReply, Judgement, Verdict};
use super::super::super::{Action, Call, Extra, Provider};
use super::super::{Codex, judge, mend};
use super::{february, jwt, now, record};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::Config;
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach, Scope};
use actors::domain::record::{CredentialRecord, Kind};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::Dialect;
use serde_json::{Value, json};
use std::time::Duration;

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
    shaped_under(&Config::default(), record, action, client, sent)
}

#[track_caller]
fn shaped_under(
    config: &Config,
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
            config,
            dialect: Dialect::OpenAiResponses,
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
        ("user-agent", Some(PRODUCT)),
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
    let spoken = Codex.speaks(&account, "m", Dialect::OpenAiChat);
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

/// The public API takes forms as they are; only the backend wants JSON.
#[test]
fn forms_of_keys_go_on_as_they_came() {
    let mut key = CredentialRecord::bare("codex:apikey:1".into(), "codex", Kind::Key);
    key.secret = Some("sk-1".into());
    let body = Bytes::from_static(
        b"--X\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-image-2\r\n--X--",
    );
    let form = "multipart/form-data; boundary=X";
    for (record, url, content_type) in [
        (&key, "https://api.openai.com/v1/images/edits", form),
        (
            &record(&february()),
            "https://chatgpt.com/backend-api/codex/images/edits",
            "application/json",
        ),
    ] {
        let call = Codex
            .extra(
                &Call {
                    record,
                    model: "gpt-image-2",
                    action: Action::Generate { stream: false },
                    body: &body,
                    body_headers: &[],
                    client_body: &body,
                    client_headers: &headers(&[("content-type", form)]),
                    client: Dialect::OpenAiChat,
                    config: &Config::default(),
                    dialect: Dialect::OpenAiResponses,
                },
                Extra::ImageEdit,
            )
            .unwrap();
        assert_eq!(call.url, url);
        assert_eq!(header(&call, "content-type"), Some(content_type));
        assert_eq!(call.body == body, content_type == form);
    }
}

/// `codex-header-defaults`: for accounts, and only what the client does not say itself.
#[test]
fn configured_headers_stand_in_for_the_clients_own() {
    let mut config = Config::default();
    config.codex_headers.user_agent = Some("mine/1".to_owned());
    config.codex_headers.beta_features = Some("multi_agent".to_owned());
    let account = record(&february());
    let mut key = CredentialRecord::bare("codex:apikey:1".into(), "codex", Kind::Key);
    key.secret = Some("sk-1".into());
    let said = headers(&[("user-agent", "codex_exec/0.169.0")]);
    let beta = Some("multi_agent");
    for (record, client, sent, agent, beta) in [
        (&account, Dialect::OpenAiChat, &headers(&[]), "mine/1", beta),
        // Another program's name is nothing for this service.
        (&account, Dialect::OpenAiChat, &said, "mine/1", beta),
        (
            &account,
            Dialect::OpenAiResponses,
            &said,
            "codex_exec/0.169.0",
            beta,
        ),
        (&key, Dialect::OpenAiChat, &headers(&[]), PRODUCT, None),
    ] {
        let call = shaped_under(&config, record, STREAM, client, sent);
        assert_eq!(header(&call, "user-agent"), Some(agent));
        assert_eq!(header(&call, "x-codex-beta-features"), beta);
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
    let spoken = Codex.speaks(&key, "m", Dialect::OpenAiChat);
    assert!(!spoken.streams_only && !spoken.endpoint.codex && !spoken.endpoint.compatible);
    key.base_url = Some("https://gateway.example/v1".into());
    assert!(
        Codex
            .speaks(&key, "m", Dialect::OpenAiChat)
            .endpoint
            .compatible
    );
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
        // Both windows are used up: the body names the shorter one.
        (
            json!({"resets_in_seconds": 60}),
            vec![
                ("x-codex-primary-used-percent", "100"),
                ("x-codex-primary-reset-after-seconds", "60"),
                ("x-codex-secondary-used-percent", "100"),
                ("x-codex-secondary-reset-after-seconds", "9000"),
            ],
            Some(9000),
        ),
        (
            json!({"resets_in_seconds": 90}),
            vec![
                ("x-codex-primary-used-percent", "100"),
                ("x-codex-primary-reset-after-seconds", "60"),
                ("x-codex-secondary-used-percent", "99.5"),
                ("x-codex-secondary-reset-after-seconds", "9000"),
            ],
            Some(90),
        ),
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
    let action = |reason| {
        Verdict::Next(Outcome::NeedsAction {
            reason,
            reach: Reach::Account,
            rest: None,
        })
    };
    let broke = action(Reason::PaymentRequired);
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
            action(Reason::Forbidden),
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
    let body = Bytes::from_static(br#"{"model":"m","reasoning":{"effort":"low"},"temperature":1}"#);
    for (text, want) in [
        (
            "Unsupported parameter: 'temperature' is not supported with this model.",
            Some(r#"{"model":"m","reasoning":{"effort":"low"}}"#),
        ),
        (
            "Unsupported parameter: reasoning.effort.",
            Some(r#"{"model":"m","reasoning":{},"temperature":1}"#),
        ),
        ("Unsupported parameter: top_p", None),
        ("Unsupported parameter: model", None),
    ] {
        let mended = said(400, json!({"message": text}), &body);
        assert_eq!(mended.as_deref(), want.map(str::as_bytes), "{text}");
    }
}

#[test]
fn windows_are_read_from_every_answer() {
    let said = |pairs: &[(&'static str, &'static str)]| -> Vec<(String, Option<i64>)> {
        let windows = Codex.quota(&headers(pairs), now());
        let wait = |at: DateTime<Utc>| (at - now()).num_seconds();
        let windows = windows.iter();
        windows
            .map(|one| (one.to_string(), one.resets_at.map(wait)))
            .collect()
    };
    let plain = |text: &str, wait| (text.to_owned(), wait);
    for (pairs, want) in [
        (
            &[
                ("x-codex-primary-used-percent", "37.9"),
                ("x-codex-primary-window-minutes", "300"),
                ("x-codex-primary-reset-after-seconds", "60"),
                ("x-codex-secondary-used-percent", "100"),
                ("x-codex-secondary-window-minutes", "10080"),
                ("x-codex-secondary-reset-at", "1771596628"),
                ("x-codex-secondary-reset-after-seconds", "7"),
            ][..],
            vec![plain("5 h 37 %", Some(60)), plain("7 d 100 %", Some(100))],
        ),
        // A plan with one window only; without its length; with a reset that has passed.
        (
            &[
                ("x-codex-primary-used-percent", "0"),
                ("x-codex-primary-reset-at", "1"),
            ],
            vec![plain("primary 0 %", None)],
        ),
        (&[("x-codex-primary-used-percent", "much")], vec![]),
        (&[("x-codex-secondary-reset-at", "1771596628")], vec![]),
        (&[], vec![]),
    ] {
        assert_eq!(said(pairs), want, "{pairs:?}");
    }
}

#[test]
fn what_the_owner_has_to_do_is_said() {
    for (status, body, said, help) in [
        (
            402,
            json!({"detail": {"code": "deactivated_workspace"}}),
            "deactivated_workspace",
            "ask its owner",
        ),
        (
            429,
            json!({"error": {"type": "usage_not_included", "message": "Upgrade to Plus."}}),
            "Upgrade to Plus",
            "does not include Codex",
        ),
        (
            403,
            json!({"error": {"code": "unsupported_country_region_territory",
                "message": "Country, region, or territory not supported"}}),
            "Country, region, or territory not supported",
            "proxy",
        ),
        (
            429,
            json!({"error": {"code": "insufficient_quota",
                "message": "You exceeded your current quota, check your plan and billing."}}),
            "check your plan and billing",
            "",
        ),
    ] {
        let judgement = judged(status, &headers(&[]), &body);
        let message = &judgement.failure.message;
        assert!(
            message.contains(said) && message.contains(help),
            "{message}"
        );
        let about_account = matches!(
            judgement.verdict,
            Verdict::Next(Outcome::NeedsAction { rest: None, .. })
        );
        assert!(about_account, "{judgement:?}");
    }
}
