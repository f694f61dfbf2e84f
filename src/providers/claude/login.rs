//! `--claude-login` (§1).

use super::super::control::Outgoing;
use super::super::login::{Callback, LoginCall, LoginKind, LoginSpec};
use super::super::oauth::code;
use super::account::{SERVICE, new_login};
use actors::login::{LoginError, NewLogin};
use std::time::Duration;

/// Whose account it is and what it has.
const PROFILE: &str = "https://api.anthropic.com/api/oauth/profile";

const PROFILE_LIMIT: Duration = Duration::from_secs(10);

/// Anthropic's position, as plainly as it stands (§"Terms").
const TERMS: &str = "Anthropic's terms do not allow other programs to offer a Claude login, nor to \
    send requests with the credentials of Free, Pro and Max plans. Since April 2026 its service may \
    refuse such requests or charge them to your extra usage, and it may restrict the account. The \
    allowed way is an API key (`claude-api-key` in the configuration). With this login, requests go \
    out under the identity of the client that makes them: those of other clients than Claude Code \
    may be refused, and nothing is made to look like it.";

/// The ways to log in.
pub(super) const LOGINS: &[LoginSpec] = &[LoginSpec {
    flag: "claude-login",
    help: "Log in to Claude (Anthropic) with a browser",
    service: "Claude (Anthropic)",
    kind: LoginKind::Browser(Callback {
        // Fixed in the client's registration.
        ports: &[54545],
        any_port: false,
        path: "/callback",
        route: "anthropic",
        cancellable: false,
    }),
    terms: TERMS,
    run: |call| Box::pin(login(call)),
}];

async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let tokens = code::login(&call, &SERVICE, &[("code", "true")]).await?;
    call.talk.working("reading the account's profile");
    let profile = Outgoing::get(PROFILE)
        .bearer(&tokens.access_token)
        .limit(PROFILE_LIMIT);
    // Advisory: the tokens are good without it (router-for-me/CLIProxyAPI 8aa6868d0).
    let profile = match call.send_for_json(profile).await {
        Ok(profile) => Some(profile),
        Err(error) => {
            tracing::warn!(%error, "no profile of the new account");
            call.talk
                .note(format!("the account's profile could not be read: {error}"));
            None
        }
    };
    Ok(vec![new_login(&tokens, profile.as_ref())?])
}
