//! What a refusal of a token endpoint means. Pure.

use super::super::control::Reply;
use super::Service;
use actors::login::LoginError;
use actors::port::RefreshError;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Error codes that end a login (RFC 6749 §5.2; `codex.md` §3).
const REVOKED: &[&str] = &[
    "invalid_grant",
    "refresh_token_expired",
    "refresh_token_reused",
    "refresh_token_invalidated",
    "invalid_refresh_token",
    "token_revoked",
];

/// Error codes that no waiting and no login will change.
const MISCONFIGURED: &[&str] = &[
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// Error codes that pass by themselves; they win over the status.
const PASSING: &[&str] = &[
    "temporarily_unavailable",
    "server_error",
    "slow_down",
    "rate_limit_exceeded",
    "rate_limit_error",
    "overloaded_error",
];

/// Longest text of a service that is passed on.
const TEXT_MAX: usize = 300;

/// What a service said: `error` as text or object, or an envelope with `code` and `message`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// Error code.
    pub code: Option<String>,
    /// Text for people.
    pub message: Option<String>,
}

impl Said {
    /// Reads an error body.
    pub fn read(body: &Value) -> Self {
        let text = |of: &Value, names: &[&str]| {
            let found = names.iter().filter_map(|name| of.get(*name));
            let mut texts = found.filter_map(|value| match value {
                Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            texts.next()
        };
        const MESSAGES: &[&str] = &[
            "error_description",
            "message",
            "msg",
            "detail",
            "error_message",
        ];
        match body.get("error") {
            Some(inner @ Value::Object(_)) => Self {
                code: text(inner, &["code", "type", "status"]).or_else(|| text(body, &["code"])),
                message: text(inner, MESSAGES).or_else(|| text(body, MESSAGES)),
            },
            _ => Self {
                code: text(body, &["error", "code", "error_code"]),
                message: text(body, MESSAGES),
            },
        }
    }

    fn is_one_of(&self, codes: &[&str]) -> bool {
        let code = self.code.as_deref();
        code.is_some_and(|code| codes.iter().any(|known| known.eq_ignore_ascii_case(code)))
    }

    /// One line for people.
    fn line(&self) -> Option<String> {
        match (&self.message, &self.code) {
            (Some(message), Some(code)) if message != code => Some(format!("{message} ({code})")),
            (Some(text), _) | (None, Some(text)) => Some(text.clone()),
            (None, None) => None,
        }
    }
}

/// Sorts a refusal: "try later", "log in again", or "nothing helps", with what is particular about
/// `service`. An answer that cannot be read never ends a login.
pub fn classify(reply: &Reply, service: &Service, now: DateTime<Utc>) -> RefreshError {
    let body = reply.json();
    let said = body.as_ref().map(Said::read).unwrap_or_default();
    let message = told(reply, &said);
    let retry_after = reply.retry_after(now);
    if said.is_one_of(REVOKED) || said.is_one_of(service.revoked) {
        return RefreshError::Revoked { message };
    }
    if said.is_one_of(MISCONFIGURED) {
        return RefreshError::Misconfigured { message };
    }
    // A page of a proxy or a firewall in between says nothing about the login.
    let own_answer = body.is_some_and(|body| body.is_object()) || reply.body.is_empty();
    let dead = reply.status == 401 || service.dead_statuses.contains(&reply.status);
    if dead && own_answer && !said.is_one_of(PASSING) {
        return RefreshError::Revoked { message };
    }
    RefreshError::Transient {
        message,
        retry_after,
    }
}

/// A refusal on the way of a login.
pub fn refused(reply: &Reply) -> LoginError {
    let said = reply.json().as_ref().map(Said::read).unwrap_or_default();
    LoginError::Exchange {
        status: reply.status,
        message: told(reply, &said),
    }
}

fn told(reply: &Reply, said: &Said) -> String {
    let text = said.line().unwrap_or_else(|| page_text(reply));
    let text = if text.is_empty() {
        "no explanation".to_owned()
    } else {
        text
    };
    let kind = if reply.is_success() {
        "an answer without a token: "
    } else {
        ""
    };
    format!("{kind}{}", shortened(&text))
}

/// The readable part of a body that is no JSON: the title of a page, or its first words.
fn page_text(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let from = at + "<title>".len();
        let to = lower.get(from..)?.find("</title>")? + from;
        text.get(from..to)
    });
    match title {
        Some(title) => format!("a web page: {}", title.trim()),
        None if lower.trim_start().starts_with('<') => "a web page".to_owned(),
        None => text.trim().to_owned(),
    }
}

/// At most [`TEXT_MAX`] characters, one line, and no word long enough to be a token.
fn shortened(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let is_link = word.contains("://");
        if word.chars().count() > 60 && !is_link {
            "…"
        } else {
            word
        }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TEXT_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(TEXT_MAX).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use std::time::Duration;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    fn kind(status: u16, body: &str) -> &'static str {
        let service = Service {
            revoked: &["our_own_end"],
            dead_statuses: &[410],
            ..Service::PUBLIC
        };
        match classify(&reply(status, body), &service, DateTime::UNIX_EPOCH) {
            RefreshError::Revoked { .. } => "log in",
            RefreshError::Transient { .. } => "later",
            RefreshError::Misconfigured { .. } => "nothing",
            RefreshError::Unreachable { .. } | RefreshError::Unknown { .. } => "?",
        }
    }

    #[test]
    fn later_and_log_in_again_are_told_apart() {
        for (status, body, want) in [
            (400, r#"{"error":"invalid_grant"}"#, "log in"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"x"}"#,
                "log in",
            ),
            (
                401,
                r#"{"error":{"code":"refresh_token_reused","message":"x"}}"#,
                "log in",
            ),
            (401, r#"{"detail":"x"}"#, "log in"),
            (401, "", "log in"),
            (400, r#"{"code":"our_own_end"}"#, "log in"),
            (410, r#"{"error":"gone"}"#, "log in"),
            (410, "<html>gone</html>", "later"),
            // A business error inside a success (router-for-me/CLIProxyAPI#1514).
            (200, r#"{"error":"invalid_grant"}"#, "log in"),
            (
                200,
                r#"{"success":false,"code":"500","message":"busy"}"#,
                "later",
            ),
            (200, "<html>maintenance</html>", "later"),
            (429, r#"{"error":"slow_down"}"#, "later"),
            (401, r#"{"error":"temporarily_unavailable"}"#, "later"),
            (500, r#"{"error":"server_error"}"#, "later"),
            (502, "<html>Bad Gateway</html>", "later"),
            // Not the token endpoint's words.
            (401, "<html>proxy login</html>", "later"),
            (403, "<html>blocked</html>", "later"),
            (
                403,
                r#"{"error":{"code":"unsupported_country_region_territory"}}"#,
                "later",
            ),
            (400, r#"{"error":"invalid_request"}"#, "later"),
            (401, r#"{"error":"invalid_client"}"#, "nothing"),
            (400, r#"{"error":"unauthorized_client"}"#, "nothing"),
        ] {
            assert_eq!(kind(status, body), want, "{status} {body}");
        }
    }

    #[test]
    fn the_wait_that_is_asked_for_is_kept() {
        let mut asks = reply(429, "{}");
        let pair = (
            HeaderName::from_static("retry-after"),
            HeaderValue::from_static("7"),
        );
        asks.headers.insert(pair.0, pair.1);
        let RefreshError::Transient { retry_after, .. } =
            classify(&asks, &Service::PUBLIC, DateTime::UNIX_EPOCH)
        else {
            panic!("a passing fault");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn texts_are_for_people() {
        let token = "x".repeat(80);
        for (body, want) in [
            (
                r#"{"error":"invalid_grant"}"#.to_owned(),
                "invalid_grant".to_owned(),
            ),
            (
                r#"{"error":{"code":"a","message":"b"}}"#.to_owned(),
                "b (a)".to_owned(),
            ),
            (
                "<html><title> Sorry </title>x".to_owned(),
                "a web page: Sorry".to_owned(),
            ),
            (String::new(), "no explanation".to_owned()),
            (format!("token {token} is bad"), "token … is bad".to_owned()),
        ] {
            let LoginError::Exchange { message, .. } = refused(&reply(400, &body)) else {
                panic!("an exchange error");
            };
            assert_eq!(message, want);
        }
    }
}
