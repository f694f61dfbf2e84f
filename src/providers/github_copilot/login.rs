//! `--github-copilot-login` (§1).

use super::super::control::Outgoing;
use super::super::login::{LoginCall, LoginKind, LoginSpec};
use super::super::oauth::device::{self, DeviceOptions};
use super::super::oauth::{Tokens, envelope};
use super::account::{SERVICE, User, new_login};
use super::host::Host;
use super::token::{self, LIMIT};
use actors::login::{LoginError, NewLogin};
use actors::port::RefreshError;
use std::time::Duration;

const TERMS: &str = "GitHub offers Copilot through its own programs and the editors it supports; \
    nothing in its terms promises that other programs may use this login or the API behind it, and \
    its rules against excessive automated use apply. GitHub may limit Copilot for an account, or \
    close the account, at any time. The login is the one of Copilot's editor plugins, and the API \
    answers only calls that name an integration and an editor version it knows: these two headers \
    (`Copilot-Integration-Id: vscode-chat`, `Editor-Version`) are sent because it demands them. \
    Everything else goes out under the identity of the client that makes the request; no machine or \
    session numbers are made up. Requests of a person's turn are marked as such, which is what \
    premium requests are counted by.";

/// The ways to log in.
pub(super) const LOGINS: &[LoginSpec] = &[LoginSpec {
    flag: "github-copilot-login",
    help: "Log in to GitHub Copilot with a code confirmed on a page",
    service: "GitHub Copilot",
    kind: LoginKind::Device,
    terms: TERMS,
    run: |call| Box::pin(login(call)),
}];

/// Shortest pause between polls, and longest life of a code.
const PAUSE: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_secs(15 * 60);

async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let options = DeviceOptions {
        pause_min: PAUSE,
        life_max: LIFE,
        ..DeviceOptions::default()
    };
    let tokens = device::login(&call, &SERVICE, &options).await?;
    call.talk.working("looking whose account it is");
    let user = user(&call, &tokens).await;
    call.talk.working("looking whether it may use Copilot");
    let proxy = &call.options().proxy;
    let exchanged = token::exchange(&call.control, &tokens.access_token, &Host::Public, proxy);
    let api = match exchanged.await {
        Ok(api) => Some(api),
        Err(RefreshError::Revoked { message } | RefreshError::Misconfigured { message }) => {
            return Err(LoginError::Unusable { message });
        }
        // A fault that passes says nothing about the account.
        Err(error) => {
            call.talk.note(format!(
                "The login worked; whether the account may use Copilot is not known yet: {error}"
            ));
            None
        }
    };
    let scope = tokens.scope.as_deref();
    let made = new_login(&tokens.access_token, scope, &user, api.as_ref(), call.now());
    Ok(vec![made])
}

/// Whose account it is; a login without that is as good.
async fn user(call: &LoginCall, tokens: &Tokens) -> User {
    let asked = Outgoing::get(Host::Public.api("/user")).bearer(&tokens.access_token);
    let refusal = match call.send(asked.limit(LIMIT)).await {
        Ok(reply) => match reply.json().filter(|_| reply.is_success()) {
            Some(body) => return User::read(&body),
            None => envelope::refused(&reply).to_string(),
        },
        Err(error) => error.to_string(),
    };
    call.talk
        .note(format!("GitHub did not say whose account it is: {refusal}"));
    User::default()
}
