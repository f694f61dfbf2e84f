//! `--kimi-login` (§1).

use super::super::control::Outgoing;
use super::super::login::{LoginCall, LoginKind, LoginSpec};
use super::super::oauth::device::{self as flow, DeviceOptions};
use super::super::oauth::{Tokens, envelope};
use super::super::uuid;
use super::account::{SERVICE, new_login};
use super::{BASE, device, usage};
use actors::login::{LoginError, NewLogin};
use std::time::Duration;

const TERMS: &str = "Moonshot documents this login for its own Kimi Code programs, and API keys of \
    the Kimi Code console for other coding tools. Its service looks at which program calls, refuses \
    those it does not know as coding agents, and may limit or close an account at any time. Requests \
    go out under the identity of the client that makes them, and nothing is made to look like \
    another program. The service tells devices apart: a random number made for this login is kept \
    in the account's file and sent with every call. The way meant for other tools is such a key \
    (`openai-compatibility` with the address `https://api.kimi.com/coding/v1`).";

/// The ways to log in.
pub(super) const LOGINS: &[LoginSpec] = &[LoginSpec {
    flag: "kimi-login",
    help: "Log in to Kimi Code (Moonshot AI) with a code confirmed on a page",
    service: "Kimi Code",
    kind: LoginKind::Device,
    terms: TERMS,
    run: |call| Box::pin(login(call)),
}];

/// Shortest pause between polls, and longest life of a code.
const PAUSE: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_secs(15 * 60);

/// Longest of the calls that only tell something.
const LOOK_LIMIT: Duration = Duration::from_secs(15);

async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let device_id = uuid::random();
    let headers = device::headers(Some(&device_id));
    let options = DeviceOptions {
        headers: &headers,
        pause_min: PAUSE,
        life_max: LIFE,
        ..DeviceOptions::default()
    };
    let tokens = flow::login(&call, &SERVICE, &options).await?;
    call.talk.working("looking whether the account may be used");
    tell_access(&call, &tokens, &headers).await;
    Ok(vec![new_login(&tokens, &device_id)])
}

/// Tells the person whether the service takes this program, and how much of the plan is left. The
/// account is good either way: a fault may pass, and other clients may be taken.
async fn tell_access(call: &LoginCall, tokens: &Tokens, headers: &[(&str, String)]) {
    let get = |path: &str| {
        let mut outgoing = Outgoing::get(format!("{BASE}{path}")).bearer(&tokens.access_token);
        for (name, value) in headers {
            outgoing = outgoing.header(name, value);
        }
        outgoing.limit(LOOK_LIMIT)
    };
    let refusal = match call.send(get("/v1/models")).await {
        Ok(reply) if reply.is_success() => None,
        Ok(reply) => Some(envelope::refused(&reply).to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(refusal) = refusal {
        call.talk.note(format!(
            "The login worked, but a first call did not: {refusal}"
        ));
        return;
    }
    // Not every plan has it.
    if let Ok(reply) = call.send(get("/v1/usages")).await
        && let Some(body) = reply.json().filter(|_| reply.is_success())
    {
        for window in usage::read(&body, call.now()) {
            call.talk.note(window.to_string());
        }
    }
}
