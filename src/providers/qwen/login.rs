//! `--qwen-login` (§1).

use super::super::login::{LoginCall, LoginKind, LoginSpec};
use super::super::oauth::device::{self, DeviceOptions};
use super::super::uuid;
use super::account::{SERVICE, new_login};
use actors::login::{LoginError, NewLogin, Question};
use std::time::Duration;

const TERMS: &str = "Alibaba ended the free Qwen login on 15 April 2026 and refuses calls with such \
    tokens since then. The login is kept for files of earlier versions and in case the service \
    opens again: expect it to fail. It was meant for Qwen Code itself; nothing in Alibaba's terms \
    promised its use by other programs. The way that is meant for them is an API key of Alibaba \
    Cloud Model Studio (`openai-compatibility` in the configuration).";

/// The ways to log in.
pub(super) const LOGINS: &[LoginSpec] = &[LoginSpec {
    flag: "qwen-login",
    help: "Log in to Qwen with a code confirmed on a page (the service ended in April 2026)",
    service: "Qwen",
    kind: LoginKind::Device,
    terms: TERMS,
    run: |call| Box::pin(login(call)),
}];

/// Shortest pause between polls, and longest life of a code.
const PAUSE: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_secs(15 * 60);

/// The pause after `slow_down`: half as long again, at most ten seconds.
pub(super) fn slower(pause: Duration) -> Duration {
    (pause * 3 / 2).min(Duration::from_secs(10))
}

async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let options = DeviceOptions {
        headers: &[("x-request-id", uuid::random())],
        pause_min: PAUSE,
        slower,
        life_max: LIFE,
        pkce: true,
        ..DeviceOptions::default()
    };
    let tokens = device::login(&call, &SERVICE, &options).await?;
    // The service does not say whose account it is.
    let question = Question {
        text: "A name for this account (email address or alias)".to_owned(),
        default: Some(call.now().timestamp_millis().to_string()),
        free_text: true,
        ..Question::default()
    };
    let name = call.talk.ask(question).await?;
    Ok(vec![new_login(&tokens, name.trim())])
}
