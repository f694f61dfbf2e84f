//! `--codex-login`, `--codex-device-login` (§1).

use super::super::control::Outgoing;
use super::super::login::{Callback, LoginCall, LoginKind, LoginSpec};
use super::super::oauth::code::{self, Redirect};
use super::super::oauth::{Tokens, envelope};
use super::account::{Identity, SERVICE, with_end};
use actors::domain::secret::Secret;
use actors::login::{AuthorizationCode, LoginError, NewLogin, ShowCode, file_name};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::time::Duration;

const TERMS: &str = "OpenAI offers this login for its own Codex programs and recommends API keys for \
    everything else. Nothing in its terms promises that other programs may use a ChatGPT plan, and \
    they forbid sharing an account, extracting output automatically, and getting around limits. \
    OpenAI may limit or close an account at any time. Use it for yourself only, or use an API key \
    (`codex-api-key` in the configuration).";

const SERVICE_NAME: &str = "Codex (ChatGPT)";

/// The ways to log in.
pub(super) const LOGINS: &[LoginSpec] = &[
    LoginSpec {
        flag: "codex-login",
        help: "Log in to Codex (ChatGPT) with a browser",
        service: SERVICE_NAME,
        kind: LoginKind::Browser(Callback {
            ports: &[1455, 1457],
            any_port: false,
            path: "/auth/callback",
            route: "codex",
            // The official client calls it when it finds the port taken.
            cancellable: true,
        }),
        terms: TERMS,
        run: |call| Box::pin(browser(call)),
    },
    LoginSpec {
        flag: "codex-device-login",
        help: "Log in to Codex (ChatGPT) with a code typed on a page",
        service: SERVICE_NAME,
        kind: LoginKind::Device,
        terms: TERMS,
        run: |call| Box::pin(device(call)),
    },
];

/// Parameters of the authorization request beyond the standard (§1.1).
const AUTHORIZE_EXTRA: &[(&str, &str)] = &[
    ("prompt", "login"),
    ("id_token_add_organizations", "true"),
    ("codex_cli_simplified_flow", "true"),
];

async fn browser(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let tokens = code::login(&call, &SERVICE, AUTHORIZE_EXTRA).await;
    Ok(vec![new_login(tokens.map_err(explained)?)?])
}

/// Says in words what the provider says in a code.
pub(super) fn explained(error: LoginError) -> LoginError {
    match error {
        LoginError::Denied { message } if message.contains("missing_codex_entitlement") => {
            LoginError::Denied {
                message:
                    "Codex is not enabled for this workspace; ask its administrator, or choose \
                          another workspace"
                        .to_owned(),
            }
        }
        other => other,
    }
}

const DEVICE_CODE: &str = "https://auth.openai.com/api/accounts/deviceauth/usercode";
const DEVICE_POLL: &str = "https://auth.openai.com/api/accounts/deviceauth/token";
const DEVICE_PAGE: &str = "https://auth.openai.com/codex/device";
const DEVICE_REDIRECT: &str = "https://auth.openai.com/deviceauth/callback";

/// Life of a device code (§1.2).
const DEVICE_LIFE: TimeDelta = TimeDelta::minutes(15);

/// Pause between polls when the answer names none.
const DEVICE_PAUSE: Duration = Duration::from_secs(5);

const CALL_LIMIT: Duration = Duration::from_secs(30);

/// A device code, as OpenAI answers it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeviceCode {
    pub(super) id: String,
    pub(super) user_code: String,
    pub(super) pause: Duration,
}

impl DeviceCode {
    /// Reads `{device_auth_id, user_code or usercode, interval}`; the interval is a number or a text.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let text = |name: &str| {
            let text = answer.get(name)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let seconds = answer.get("interval").and_then(|interval| {
            let by_text = || interval.as_str()?.trim().parse().ok();
            interval.as_u64().or_else(by_text)
        });
        Some(Self {
            id: text("device_auth_id")?,
            user_code: text("user_code").or_else(|| text("usercode"))?,
            pause: seconds
                .filter(|seconds| *seconds > 0)
                .map_or(DEVICE_PAUSE, |seconds| Duration::from_secs(seconds.min(60))),
        })
    }
}

async fn device(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let body = json!({"client_id": SERVICE.client_id});
    let asked = Outgoing::json(DEVICE_CODE, &body).limit(CALL_LIMIT);
    let reply = call.send(asked).await?;
    if reply.status == 404 {
        return Err(LoginError::Unusable {
            message:
                "OpenAI has device codes switched off for this account; switch them on in the \
                      ChatGPT security settings, or use `--codex-login`"
                    .to_owned(),
        });
    }
    let code = reply
        .json()
        .filter(|_| reply.is_success())
        .and_then(|answer| DeviceCode::read(&answer))
        .ok_or_else(|| envelope::refused(&reply))?;
    let expires_at = call.now() + DEVICE_LIFE;
    call.talk.show_code(ShowCode {
        url: DEVICE_PAGE.to_owned(),
        url_complete: None,
        user_code: code.user_code.clone(),
        expires_at,
    });
    let body = json!({"device_auth_id": code.id, "user_code": code.user_code});
    let answer = loop {
        tokio::time::sleep(code.pause).await;
        if call.now() >= expires_at {
            return Err(LoginError::Expired);
        }
        let poll = Outgoing::json(DEVICE_POLL, &body).limit(CALL_LIMIT);
        let reply = match call.send(poll).await {
            Ok(reply) => reply,
            // The network comes back; the person is still typing.
            Err(LoginError::Unreachable { message }) => {
                tracing::debug!(message, "poll without an answer");
                continue;
            }
            Err(error) => return Err(error),
        };
        match reply.status {
            // Not yet.
            403 | 404 => {}
            429 | 500.. => tracing::debug!(status = reply.status, "poll refused for now"),
            _ if reply.is_success() => match reply.json() {
                Some(answer) => break answer,
                None => return Err(envelope::refused(&reply)),
            },
            _ => return Err(envelope::refused(&reply)),
        }
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let (Some(code), Some(verifier)) = (text("authorization_code"), text("code_verifier")) else {
        return Err(LoginError::Exchange {
            status: 200,
            message: "an answer without a code".to_owned(),
        });
    };
    call.talk.working("exchanging the code for tokens");
    let redirect = Redirect {
        code: AuthorizationCode {
            code: Secret::from(code),
            state: call.talk.state().to_owned(),
        },
        uri: DEVICE_REDIRECT.to_owned(),
    };
    let verifier = Secret::from(verifier);
    let tokens = code::exchange(&call, &SERVICE, &redirect, Some(&verifier)).await?;
    Ok(vec![new_login(tokens)?])
}

/// The account that a login brought (§2).
///
/// # Errors
///
/// [`LoginError::Unusable`] when nobody says whose it is: the file would have no name.
pub(super) fn new_login(tokens: Tokens) -> Result<NewLogin, LoginError> {
    let tokens = with_end(tokens);
    let id_token = tokens.text("id_token").unwrap_or_default();
    let identity = Identity::of(id_token);
    let Some(email) = identity.email else {
        return Err(LoginError::Unusable {
            message:
                "OpenAI did not say whose account it is (no email in the `id_token`); try again"
                    .to_owned(),
        });
    };
    let mut document = Map::new();
    document.insert("type".into(), "codex".into());
    document.insert("id_token".into(), id_token.into());
    tokens.write(&mut document);
    document.insert("email".into(), email.as_str().into());
    if let Some(account_id) = &identity.account_id {
        document.insert("account_id".into(), account_id.as_str().into());
    }
    Ok(NewLogin {
        names: vec![name(
            &email,
            identity.account_id.as_deref(),
            identity.plan.as_deref(),
        )],
        document,
        // A workspace has many people, a person many workspaces.
        identity: match identity.account_id {
            Some(_) => &["account_id", "email"],
            None => &["email"],
        },
        plan: identity.plan,
    })
}

/// `codex-<hash>-<email>-<plan>.json`, without the parts that are not known (§2).
pub(super) fn name(email: &str, account_id: Option<&str>, plan: Option<&str>) -> String {
    let hash = account_id.map(short_hash).unwrap_or_default();
    let plan = plan.map(plan_word).unwrap_or_default();
    file_name(&["codex", &hash, email, &plan])
}

/// First 8 hex digits of SHA-256.
fn short_hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let first = digest.as_ref().iter().take(4);
    first.fold(String::new(), |mut hex, byte| {
        // Writing into a text cannot fail.
        let _written = write!(hex, "{byte:02x}").is_ok();
        hex
    })
}

/// The plan in lower case, with `-` for everything but letters and digits.
fn plan_word(plan: &str) -> String {
    let plan = plan.to_lowercase();
    let words = plan.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}
