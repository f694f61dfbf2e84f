//! How calls go out, and what failures mean.

use super::super::super::headers::PRODUCT;
use super::super::super::verdict::{self, FailedReply, Judgement, Verdict};
use super::super::super::{Action, Call, Provider, ShapeError};
use super::super::GithubCopilot;
use super::{february, now, ready, record};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::Config;
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::record::CredentialRecord;
use bytes::Bytes;
use protocol::Dialect;
use serde_json::json;
use std::time::Duration;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    pairs.iter().map(pair).collect()
}

fn try_shape(
    record: &CredentialRecord,
    action: Action,
    dialect: Dialect,
    client_body: &str,
    sent: &HeaderMap,
) -> Result<UpstreamRequest, ShapeError> {
    let body = Bytes::from_static(br#"{"model":"gpt-5.1"}"#);
    GithubCopilot.shape(&Call {
        record,
        model: "gpt-5.1",
        action,
        body: &body,
        body_headers: &[(
            "anthropic-beta",
            "context-1m-2025-08-07,from-body".to_owned(),
        )],
        client_body: &Bytes::copy_from_slice(client_body.as_bytes()),
        client_headers: sent,
        client: dialect,
        dialect,
        config: &Config::default(),
    })
}

const STREAM: Action = Action::Generate { stream: true };

fn header<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(known, _)| known == name);
    let value = found.next()?.1.to_str().unwrap();
    assert!(found.next().is_none(), "{name} twice");
    Some(value)
}

#[test]
fn each_protocol_has_its_endpoint() {
    let account = ready(&february());
    for (dialect, path) in [
        (Dialect::OpenAiChat, "/chat/completions"),
        (Dialect::OpenAiResponses, "/responses"),
        (Dialect::Anthropic, "/v1/messages"),
    ] {
        let request = try_shape(&account, STREAM, dialect, "{}", &HeaderMap::new()).unwrap();
        let base = "https://api.individual.githubcopilot.com";
        assert_eq!(request.url, format!("{base}{path}"));
        assert_eq!(header(&request, "authorization"), Some("Bearer tid=fake"));
    }
    for action in [Action::CountTokens, Action::Compact, Action::Embeddings] {
        let none = try_shape(
            &account,
            action,
            Dialect::OpenAiChat,
            "{}",
            &HeaderMap::new(),
        );
        assert!(matches!(none, Err(ShapeError::NoSuchCall { .. })));
    }
    assert!(
        !GithubCopilot.counts_tokens(&account),
        "counted here; F said 501"
    );
    let bare = record(&february());
    let none = try_shape(&bare, STREAM, Dialect::OpenAiChat, "{}", &HeaderMap::new());
    assert!(matches!(none, Err(ShapeError::Misconfigured(_))));
    let mut own = february();
    own["base_url"] = "https://gateway.example/copilot/".into();
    let request = try_shape(
        &ready(&own),
        STREAM,
        Dialect::OpenAiChat,
        "{}",
        &HeaderMap::new(),
    );
    assert!(
        request
            .unwrap()
            .url
            .starts_with("https://gateway.example/copilot/chat")
    );
}

/// What the service demands, and nothing about machines and sessions.
#[test]
fn only_what_is_demanded_is_said() {
    let account = ready(&february());
    let shaped = |body: &str, sent: &HeaderMap| {
        try_shape(&account, STREAM, Dialect::OpenAiChat, body, sent).unwrap()
    };
    let request = shaped("{}", &HeaderMap::new());
    let mut names: Vec<_> = request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "content-type",
            "copilot-integration-id",
            "editor-version",
            "user-agent",
            "x-github-api-version",
            "x-initiator",
        ]
    );
    assert_eq!(header(&request, "user-agent"), Some(PRODUCT));
    assert_eq!(header(&request, "x-initiator"), Some("user"));
    assert_eq!(
        header(&request, "copilot-integration-id"),
        Some("vscode-chat")
    );
    let picture = r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#;
    let request = shaped(picture, &HeaderMap::new());
    assert_eq!(header(&request, "copilot-vision-request"), Some("true"));
    let answered = r#"{"messages":[{"role":"tool","content":"1"}]}"#;
    let editor = headers(&[
        ("editor-version", "vscode/1.200.0"),
        ("editor-plugin-version", "copilot-chat/0.99"),
        ("user-agent", "Editor/1"),
        ("x-initiator", "user"),
        ("vscode-machineid", "secret"),
    ]);
    let request = shaped(answered, &editor);
    assert_eq!(header(&request, "editor-version"), Some("vscode/1.200.0"));
    assert_eq!(
        header(&request, "editor-plugin-version"),
        Some("copilot-chat/0.99")
    );
    assert_eq!(header(&request, "user-agent"), Some("Editor/1"));
    assert_eq!(header(&request, "x-initiator"), Some("agent"), "by content");
    assert_eq!(header(&request, "vscode-machineid"), None);
}

/// §7
#[test]
fn the_refused_beta_stays_here() {
    let account = ready(&february());
    let sent = headers(&[(
        "anthropic-beta",
        "interleaved-thinking-2025-05-14, context-1m-2025-08-07",
    )]);
    let request = try_shape(&account, STREAM, Dialect::Anthropic, "{}", &sent).unwrap();
    assert_eq!(
        header(&request, "anthropic-beta"),
        Some("interleaved-thinking-2025-05-14,from-body")
    );
    assert_eq!(header(&request, "anthropic-version"), Some("2023-06-01"));
}

fn judged(status: u16, sent: &[(&'static str, &'static str)], body: &str) -> Judgement {
    let reply = FailedReply {
        status,
        headers: &headers(sent),
        body: &Bytes::copy_from_slice(body.as_bytes()),
        dialect: Dialect::OpenAiChat,
        now: now(),
    };
    let mut judgement = verdict::judge(&reply);
    GithubCopilot.refine(&reply, &mut judgement);
    judgement
}

/// §6; `Retry-After` of 402 and 429 was not read by any old version.
#[test]
fn failures_mean_what_the_service_means() {
    let none = None;
    let limited = |seconds: Option<u64>, scope| {
        Verdict::Next(Outcome::RateLimited {
            retry_after: seconds.map(Duration::from_secs),
            scope,
        })
    };
    let unpaid = |seconds: Option<u64>| {
        Verdict::Next(Outcome::PaymentRequired {
            retry_after: seconds.map(Duration::from_secs),
        })
    };
    let coded = |code: &str| json!({"error": {"code": code, "message": "m"}}).to_string();
    let missing = Verdict::Next(Outcome::ModelMissing);
    let forbidden = Verdict::FreshToken(Outcome::Forbidden { retry_after: none });
    let unknown = Verdict::FreshToken(Outcome::Unauthorized);
    let wait = ("retry-after", "7200");
    let whole = ("x-ratelimit-exceeded", "x, global-user:chat-tps-2026-02-25");
    let one = ("x-ratelimit-exceeded", "model-claude-tps");
    type Sent<'a> = &'a [(&'static str, &'static str)];
    let cases: [(u16, Sent<'_>, String, Verdict); 22] = [
        (400, &[], coded("invalid_request_body"), Verdict::Stop),
        (
            400,
            &[],
            coded("previous_response_not_found"),
            Verdict::Stop,
        ),
        (
            400,
            &[],
            "bad request: missing Editor-Version header for IDE auth".into(),
            Verdict::Stop,
        ),
        (400, &[], coded("model_not_supported"), missing),
        (
            400,
            &[],
            json!({"code": "model_not_supported", "message": "m"}).to_string(),
            missing,
        ),
        (401, &[], "unauthorized: token expired".into(), unknown),
        (
            401,
            &[],
            json!({"authorize_url": "https://github.com/x"}).to_string(),
            Verdict::Stop,
        ),
        (403, &[], "forbidden".into(), forbidden),
        (402, &[], coded("quota_exceeded"), unpaid(None)),
        (
            402,
            &[wait],
            coded("free_quota_exceeded"),
            unpaid(Some(7200)),
        ),
        (
            402,
            &[("retry-after", "Wed, 25 Feb 2026 06:14:20 GMT")],
            coded("overage_limit_reached"),
            unpaid(Some(60)),
        ),
        (404, &[], coded("not_found"), missing),
        (408, &[], String::new(), Verdict::Next(Outcome::Transient)),
        (499, &[], String::new(), Verdict::Next(Outcome::Transient)),
        (500, &[], String::new(), Verdict::Next(Outcome::Transient)),
        (422, &[], coded("content_filter"), Verdict::Stop),
        (424, &[], "failed dependency".into(), Verdict::Stop),
        (429, &[], coded("rate_limited"), limited(None, Scope::Model)),
        (
            429,
            &[wait, one],
            coded("rate_limited"),
            limited(Some(7200), Scope::Model),
        ),
        (
            429,
            &[wait, whole],
            coded("user_weekly_rate_limited"),
            limited(Some(7200), Scope::Credential),
        ),
        (503, &[], "upstream".into(), limited(None, Scope::Model)),
        (
            466,
            &[],
            "version".into(),
            Verdict::Next(Outcome::NeedsAction {
                reason: Reason::Forbidden,
                reach: Default::default(),
                rest: none,
            }),
        ),
    ];
    for (status, sent, body, want) in cases {
        let judgement = judged(status, sent, &body);
        assert_eq!(judgement.verdict, want, "{status} {body}");
        assert_eq!(judgement.exhausted, status == 402, "{status}");
    }
    let text = judged(466, &[], "client version not supported")
        .failure
        .message;
    assert!(text.contains("update it"), "{text}");
}

/// §6: asked once more, in Responses.
#[test]
fn a_model_of_another_endpoint_is_asked_there() {
    let body = json!({"error": {"code": "unsupported_api_for_model", "message": "m"}}).to_string();
    let body = Bytes::from(body);
    let account = ready(&february());
    let no_headers = HeaderMap::new();
    let reply = |status, body| FailedReply {
        status,
        headers: &no_headers,
        body,
        dialect: Dialect::OpenAiChat,
        now: now(),
    };
    let chat = GithubCopilot.speaks(&account, "m", Dialect::OpenAiChat);
    let other = GithubCopilot
        .speaks_else(&reply(400, &body), &chat)
        .unwrap();
    assert_eq!(
        (other.dialect, other.enveloped),
        (Dialect::OpenAiResponses, false)
    );
    assert_eq!(GithubCopilot.speaks_else(&reply(400, &body), &other), None);
    assert_eq!(
        GithubCopilot.speaks_else(&reply(400, &Bytes::new()), &chat),
        None
    );
}
