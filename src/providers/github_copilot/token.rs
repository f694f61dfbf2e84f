//! The short-lived token of Copilot that a GitHub token is exchanged for (§3). It lives in memory
//! only; the file keeps what it had.

use super::super::control::{Control, Outgoing, Reply};
use super::super::oauth::refresh;
use super::host::Host;
use super::shape::{EDITOR_VERSION, TOKEN_API_VERSION};
use actors::config::Proxy;
use actors::domain::secret::Secret;
use actors::port::RefreshError;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Longest call about an account.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Life of a token that does not say it.
const UNTOLD_LIFE: TimeDelta = TimeDelta::minutes(25);

/// Time that a token lives longer than the service wants it used.
const SPARE: TimeDelta = TimeDelta::seconds(60);

/// What to do about a GitHub token that is no longer taken.
const LOG_IN: &str = "log in again with `--github-copilot-login`";

/// A token of Copilot.
#[derive(Clone, PartialEq)]
pub(super) struct ApiToken {
    pub(super) secret: Secret,
    /// Where it is good for.
    pub(super) base: String,
    pub(super) expires_at: DateTime<Utc>,
    /// What was refused about the answer's own base.
    pub(super) distrusted: Option<String>,
    /// The kind of subscription.
    pub(super) sku: Option<String>,
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken")
            .field("base", &self.base)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl ApiToken {
    /// Reads an answer; `None` without a token.
    pub(super) fn read(body: &Value, host: &Host, now: DateTime<Utc>) -> Option<Self> {
        let token = text(body, "token")?;
        let told = body.get("endpoints").and_then(|all| text(all, "api"));
        let base = told.and_then(|told| host.checked(told));
        let distrusted = told.filter(|_| base.is_none()).map(str::to_owned);
        let base = base
            .or_else(|| host.checked(&by_proxy(token).filter(|_| told.is_none())?))
            .unwrap_or_else(|| host.copilot());
        Some(Self {
            secret: Secret::from(token),
            base,
            expires_at: end(body, now),
            distrusted,
            sku: text(body, "sku").map(str::to_owned),
        })
    }
}

/// The end of a token. The span counts where it is told, because clocks differ; so the general lead
/// of ten minutes comes well before the time the service wants the next exchange at.
fn end(body: &Value, now: DateTime<Utc>) -> DateTime<Utc> {
    let number = |name: &str| body.get(name).and_then(Value::as_i64).filter(|n| *n > 0);
    let span = number("refresh_in")
        .and_then(TimeDelta::try_seconds)
        .map(|span| span + SPARE);
    span.and_then(|span| now.checked_add_signed(span))
        .or_else(|| DateTime::from_timestamp(number("expires_at")?, 0))
        .unwrap_or(now + UNTOLD_LIFE)
}

/// The base by the token's `proxy-ep=proxy.X`.
fn by_proxy(token: &str) -> Option<String> {
    let pairs = token.split([';', ':']);
    let proxy = pairs
        .filter_map(|pair| pair.strip_prefix("proxy-ep="))
        .next()?;
    Some(format!("https://api.{}", proxy.strip_prefix("proxy.")?))
}

fn text<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    let text = of.get(name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// A call to GitHub about an account, signed with its GitHub token.
pub(super) fn ask(url: String, github: &Secret) -> Outgoing {
    Outgoing::get(url)
        .header("authorization", &format!("token {}", github.expose()))
        .header("editor-version", EDITOR_VERSION)
        .header("x-github-api-version", TOKEN_API_VERSION)
        .limit(LIMIT)
}

/// Exchanges a GitHub token.
///
/// # Errors
///
/// [`RefreshError`], see [`refusal`].
pub(super) async fn exchange(
    control: &Control,
    github: &Secret,
    host: &Host,
    proxy: &Proxy,
) -> Result<ApiToken, RefreshError> {
    let call = ask(host.api("/copilot_internal/v2/token"), github);
    let reply = control.send(call, proxy).await.map_err(refresh::unsent)?;
    let body = reply.json().filter(|_| reply.is_success());
    let token = body.and_then(|body| ApiToken::read(&body, host, control.now()));
    token.ok_or_else(|| refusal(&reply, control.now()))
}

/// What an answer without a token means. Only GitHub's own words end a login: a limit, a fault and
/// the page of a proxy pass.
pub(super) fn refusal(reply: &Reply, now: DateTime<Utc>) -> RefreshError {
    let body = reply.json().filter(Value::is_object);
    let own_answer = body.is_some() || reply.body.is_empty();
    let body = body.unwrap_or_default();
    let details = body.get("error_details").cloned().unwrap_or_default();
    let said = text(&details, "message").or_else(|| text(&body, "message"));
    let said = said.unwrap_or("no explanation").to_owned();
    let limited = said.to_ascii_lowercase().contains("rate limit");
    match reply.status {
        401 if own_answer => RefreshError::Revoked {
            message: format!("GitHub no longer takes its token ({said}); {LOG_IN}"),
        },
        200 if !details.is_null() => no_access(&said, &details),
        403 if own_answer && !limited => no_access(&said, &details),
        status => RefreshError::Transient {
            message: format!("GitHub answered {status} without a token: {said}"),
            retry_after: reply.retry_after(now),
        },
    }
}

/// An account that may not use Copilot, with what GitHub says about it.
fn no_access(said: &str, details: &Value) -> RefreshError {
    let id = text(details, "notification_id").map(|id| format!(" ({id})"));
    let url = text(details, "url").map(|url| format!("; see {url}"));
    let (id, url) = (id.unwrap_or_default(), url.unwrap_or_default());
    let said = said.trim_end_matches('.');
    RefreshError::Misconfigured {
        message: format!(
            "this GitHub account may not use Copilot: {said}{id}{url}; when that has changed, {LOG_IN}"
        ),
    }
}
