//! Calls that set an account up for Code Assist (`gemini-cli.md` §1.3, `antigravity.md` §1).

use super::super::control::{CallError, Control, Outgoing, Reply};
use super::super::oauth::{envelope, refresh};
use actors::config::Proxy;
use actors::domain::secret::Secret;
use actors::login::LoginError;
use actors::port::{QuotaError, RefreshError};
use serde_json::Value;

/// The production host.
pub const BASE: &str = "https://cloudcode-pa.googleapis.com";

/// What to do where Google closed Gemini CLI to individual accounts (18 June 2026).
pub const CLOSED: &str = "Google serves Gemini CLI only to Code Assist Standard and Enterprise \
    licences since June 2026; as an individual use `--antigravity-login`, or an API key under \
    `gemini-api-key`";

/// One account's way to the set-up calls.
pub struct Assist<'a> {
    /// For calls.
    pub control: &'a Control,
    /// The account's way out.
    pub proxy: &'a Proxy,
    /// Its token.
    pub token: &'a Secret,
    /// Headers that tell the client.
    pub identity: &'a [(&'static str, &'a str)],
}

/// Why an account could not be set up.
#[derive(Debug)]
pub enum SetupError {
    /// No answer.
    Call(CallError),
    /// An answer that is no success.
    Refused(Box<Reply>),
    /// The account cannot be used as it is; the text says why and what to do.
    Unusable(String),
}

impl From<CallError> for SetupError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<SetupError> for LoginError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Call(error) => error.into(),
            SetupError::Refused(reply) => envelope::refused(&reply),
            SetupError::Unusable(message) => Self::Unusable { message },
        }
    }
}

impl From<SetupError> for RefreshError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Call(error) => refresh::unsent(error),
            SetupError::Refused(reply) => Self::Transient {
                message: envelope::refused(&reply).to_string(),
                retry_after: None,
            },
            SetupError::Unusable(message) => Self::Misconfigured { message },
        }
    }
}

impl From<SetupError> for QuotaError {
    fn from(error: SetupError) -> Self {
        let message = LoginError::from(error).to_string();
        Self { message }
    }
}

impl Assist<'_> {
    /// `POST <base>/v1internal:<method>`; every status is an answer.
    ///
    /// # Errors
    ///
    /// [`SetupError::Call`].
    pub async fn post(&self, base: &str, method: &str, body: &Value) -> Result<Reply, SetupError> {
        let url = format!("{base}/v1internal:{method}");
        self.send(Outgoing::json(url, body)).await
    }

    /// Sends a call as the account; every status is an answer.
    ///
    /// # Errors
    ///
    /// [`SetupError::Call`].
    pub async fn send(&self, outgoing: Outgoing) -> Result<Reply, SetupError> {
        let signed = outgoing.bearer(self.token);
        let told = self
            .identity
            .iter()
            .fold(signed, |call, (name, value)| call.header(name, value));
        Ok(self.control.send(told, self.proxy).await?)
    }
}

/// The JSON of a success.
///
/// # Errors
///
/// [`SetupError::Refused`] for everything else.
pub fn json_of(reply: Reply) -> Result<Value, SetupError> {
    match reply.json() {
        Some(value) if reply.is_success() => Ok(value),
        _ => Err(SetupError::Refused(Box::new(reply))),
    }
}

/// What `loadCodeAssist` says about an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The tier it is in.
    pub current_tier: Option<String>,
    /// The tier it would be put in.
    pub default_tier: Option<String>,
    /// The subscription behind it.
    pub paid_tier: Option<String>,
    /// The project it works with.
    pub project: Option<String>,
    /// Why tiers are closed to it, for people.
    pub refusals: Vec<String>,
}

impl Standing {
    /// Reads an answer of `loadCodeAssist`.
    pub fn read(answer: &Value) -> Self {
        let id = |key: &str| text(answer.get(key)?, "id");
        let list = |key: &str| {
            let list = answer.get(key).and_then(Value::as_array);
            list.map(Vec::as_slice).unwrap_or_default()
        };
        let allowed = list("allowedTiers").iter();
        let default = allowed
            .filter(|tier| tier.get("isDefault").and_then(Value::as_bool) == Some(true))
            .find_map(|tier| text(tier, "id"));
        Self {
            current_tier: id("currentTier"),
            default_tier: default,
            paid_tier: id("paidTier"),
            project: project_of(answer),
            refusals: list("ineligibleTiers").iter().map(refusal).collect(),
        }
    }

    /// The tier for people: what is paid for, else what it is in.
    pub fn tier(&self) -> Option<&str> {
        self.paid_tier.as_deref().or(self.current_tier.as_deref())
    }
}

/// `cloudaicompanionProject`: an id, or an object with one.
pub fn project_of(answer: &Value) -> Option<String> {
    let project = answer.get("cloudaicompanionProject")?;
    let id = match project {
        Value::String(id) => Some(id.trim().to_owned()),
        other => text(other, "id"),
    };
    id.filter(|id| !id.is_empty())
}

fn text(of: &Value, key: &str) -> Option<String> {
    let text = of.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn refusal(tier: &Value) -> String {
    let said = text(tier, "reasonMessage")
        .or_else(|| text(tier, "reasonCode"))
        .unwrap_or_else(|| "no reason given".to_owned());
    match text(tier, "validationUrl") {
        Some(url) => format!("{said} Open {url}, then log in again."),
        None => said,
    }
}
