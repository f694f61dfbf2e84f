//! How calls go out, and what failures mean.

use super::super::super::headers::PRODUCT;
use super::super::super::verdict::{self, FailedReply, Judgement, Verdict};
use super::super::super::{Action, Call, Provider};
use super::super::Kimi;
use super::{DEVICE, february, now, record};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::Config;
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach, Scope};
use actors::domain::record::CredentialRecord;
use bytes::Bytes;
use protocol::Dialect;
use serde_json::{Value, json};
use std::time::Duration;

const STREAM: Action = Action::Generate { stream: true };

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
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
    let body = Bytes::from_static(br#"{"model":"k2.5"}"#);
    Kimi.shape(&Call {
        record,
        model: "k2.5",
        action,
        body: &body,
        body_headers: &[("anthropic-beta", "from-body".to_owned())],
        client_body: &body,
        client_headers: sent,
        config: &Config::default(),
        dialect: super::super::spoken(client),
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

#[test]
fn claude_clients_are_served_in_their_own_protocol() {
    let record = record(&february());
    for (client, action, dialect, path) in [
        (
            Dialect::OpenAiChat,
            STREAM,
            Dialect::OpenAiChat,
            "/v1/chat/completions",
        ),
        (
            Dialect::OpenAiResponses,
            STREAM,
            Dialect::OpenAiChat,
            "/v1/chat/completions",
        ),
        (
            Dialect::Gemini,
            STREAM,
            Dialect::OpenAiChat,
            "/v1/chat/completions",
        ),
        (
            Dialect::Anthropic,
            STREAM,
            Dialect::Anthropic,
            "/v1/messages",
        ),
        (
            Dialect::Anthropic,
            Action::CountTokens,
            Dialect::Anthropic,
            "/v1/messages/count_tokens",
        ),
    ] {
        let spoken = Kimi.speaks(&record, "k2.5", client);
        assert_eq!(spoken.dialect, dialect);
        assert_eq!(spoken.can_count(), dialect == Dialect::Anthropic);
        let request = shaped(&record, action, client, &HeaderMap::new());
        assert_eq!(request.url, format!("https://api.kimi.com/coding{path}"));
    }
    let compact = Kimi.shape(&Call {
        record: &record,
        model: "m",
        action: Action::Compact,
        body: &Bytes::new(),
        body_headers: &[],
        client_body: &Bytes::new(),
        client_headers: &HeaderMap::new(),
        config: &Config::default(),
        dialect: Dialect::OpenAiChat,
        client: Dialect::OpenAiResponses,
    });
    assert!(compact.is_err());
}

#[test]
fn a_base_of_the_accounts_own_may_have_a_version() {
    for base in [
        "https://mirror.example/coding",
        "https://mirror.example/coding/v1/",
    ] {
        let mut file = february();
        file["base_url"] = base.into();
        let request = shaped(
            &record(&file),
            STREAM,
            Dialect::OpenAiChat,
            &HeaderMap::new(),
        );
        assert_eq!(
            request.url,
            "https://mirror.example/coding/v1/chat/completions"
        );
    }
}

/// 106270bea: the February version claimed to be the official client.
#[test]
fn calls_say_who_calls() {
    let account = record(&february());
    let plain = shaped(&account, STREAM, Dialect::OpenAiChat, &HeaderMap::new());
    for (name, want) in [
        ("authorization", "Bearer fake-at"),
        ("accept", "text/event-stream"),
        ("user-agent", PRODUCT),
        ("x-msh-platform", "cli-proxy-api-plus"),
        ("x-msh-device-name", "cli-proxy-api-plus"),
        ("x-msh-device-id", DEVICE),
    ] {
        assert_eq!(header(&plain, name), Some(want), "{name}");
    }
    assert_eq!(header(&plain, "anthropic-version"), None);
    let official = headers(&[
        ("user-agent", "KimiCLI/1.40.0"),
        ("x-msh-platform", "kimi_cli"),
        ("x-msh-version", "1.40.0"),
        ("x-msh-device-id", "another"),
        ("x-msh-device-name", "laptop"),
    ]);
    let own = shaped(&account, STREAM, Dialect::OpenAiChat, &official);
    assert_eq!(header(&own, "user-agent"), Some("KimiCLI/1.40.0"));
    assert_eq!(header(&own, "x-msh-platform"), Some("kimi_cli"));
    assert_eq!(header(&own, "x-msh-device-id"), Some(DEVICE));
    assert_eq!(
        header(&own, "x-msh-device-name"),
        Some("cli-proxy-api-plus")
    );
    // Whatever protocol a program speaks, it is that program.
    let codex = headers(&[
        ("user-agent", "codex_cli_rs/0.144.0"),
        ("x-msh-platform", "x"),
    ]);
    let other = shaped(&account, STREAM, Dialect::OpenAiResponses, &codex);
    assert_eq!(header(&other, "user-agent"), Some("codex_cli_rs/0.144.0"));
    assert_eq!(header(&other, "x-msh-platform"), Some("cli-proxy-api-plus"));
    let mut file = february();
    file.as_object_mut().unwrap().shift_remove("device_id");
    let nameless = shaped(
        &record(&file),
        STREAM,
        Dialect::OpenAiChat,
        &HeaderMap::new(),
    );
    assert_eq!(
        header(&nameless, "x-msh-device-id"),
        None,
        "nothing is invented per call"
    );
}

/// §7: no identity texts, no list of betas of another program.
#[test]
fn claude_calls_carry_the_clients_betas_only() {
    let account = record(&february());
    let sent = headers(&[
        ("user-agent", "claude-cli/2.1.0 (external, cli)"),
        ("x-app", "cli"),
        ("anthropic-beta", "one, two"),
        ("anthropic-version", "2024-01-01"),
    ]);
    let request = shaped(&account, STREAM, Dialect::Anthropic, &sent);
    assert_eq!(
        header(&request, "anthropic-beta"),
        Some("one,two,from-body")
    );
    assert_eq!(header(&request, "anthropic-version"), Some("2024-01-01"));
    assert_eq!(header(&request, "x-app"), Some("cli"));
    assert_eq!(
        header(&request, "user-agent"),
        Some("claude-cli/2.1.0 (external, cli)")
    );
    assert_eq!(
        request.body, r#"{"model":"k2.5"}"#,
        "the body passes as it came"
    );
    let bare = shaped(&account, STREAM, Dialect::Anthropic, &HeaderMap::new());
    assert_eq!(header(&bare, "anthropic-version"), Some("2023-06-01"));
}

fn judged(status: u16, pairs: &[(&'static str, &'static str)], body: &Value) -> Judgement {
    let reply = FailedReply {
        status,
        headers: &headers(pairs),
        body: &body.to_string().into(),
        dialect: Dialect::OpenAiChat,
        now: now(),
    };
    let mut judgement = verdict::judge(&reply);
    Kimi.refine(&reply, &mut judgement);
    judgement
}

fn error(kind: &str, message: &str) -> Value {
    json!({"error": {"type": kind, "message": message}})
}

/// §6, and what issues say about it.
#[test]
fn errors_mean_what_the_service_means() {
    let action = |reason| {
        Verdict::Next(Outcome::NeedsAction {
            reason,
            reach: Reach::Account,
            rest: None,
        })
    };
    let half_an_hour = Some(Duration::from_secs(1800));
    let limited = |retry_after, scope| Verdict::Next(Outcome::RateLimited { retry_after, scope });
    let agents = "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, \
        Claude Code, Roo Code, Kilo Code, etc.";
    let used_up = "You've reached your usage limit for this billing cycle. Your quota will be \
        refreshed in the next cycle.";
    let weekly = "You've reached your weekly (7-day) usage limit. Your quota will reset when the \
        current 7-day window ends.";
    const NO_ACCESS: &str = "access_terminated_error";
    for (status, pairs, body, want) in [
        (
            400,
            &[][..],
            error("invalid_request_error", "text content is empty"),
            Verdict::Stop,
        ),
        (
            401,
            &[],
            error("authentication_error", "expired"),
            Verdict::FreshToken(Outcome::Unauthorized),
        ),
        (403, &[], error(NO_ACCESS, agents), Verdict::Stop),
        (
            403,
            &[],
            error(NO_ACCESS, used_up),
            limited(half_an_hour, Scope::Credential),
        ),
        (
            403,
            &[("retry-after", "60")],
            error(NO_ACCESS, weekly),
            limited(Some(Duration::from_secs(60)), Scope::Credential),
        ),
        (
            403,
            &[],
            error(NO_ACCESS, "membership ended"),
            action(Reason::Forbidden),
        ),
        (402, &[], error("x", "pay"), action(Reason::PaymentRequired)),
        (
            429,
            &[("retry-after", "7")],
            error("rate_limit_reached_error", "slow down"),
            limited(Some(Duration::from_secs(7)), Scope::Model),
        ),
        (
            503,
            &[],
            error("engine_overloaded_error", "busy"),
            Verdict::Next(Outcome::Transient),
        ),
    ] {
        assert_eq!(
            judged(status, pairs, &body).verdict,
            want,
            "{status} {body}"
        );
    }
    let closed = judged(403, &[], &error(NO_ACCESS, agents)).failure;
    assert!(closed.message.contains("User-Agent"), "{}", closed.message);
    assert!(closed.message.contains(agents));
    let quota = judged(403, &[], &error(NO_ACCESS, used_up)).failure;
    assert_eq!((quota.status, quota.retry_after), (429, half_an_hour));
}
