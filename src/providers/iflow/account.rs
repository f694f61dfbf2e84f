//! Accounts: their files, their tokens and the API key that calls use (§2, §3).

use super::super::control::{CallError, Control, Outgoing, Reply, encoded};
use super::super::oauth::constants::{IFLOW_CLIENT_ID, IFLOW_CLIENT_SECRET};
use super::super::oauth::{Service, Tokens, refresh};
use super::{CLOSED, cookie};
use actors::config::Proxy;
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::login::{NewLogin, file_name};
use actors::port::{AccountDriver, RefreshError};
use chrono::{DateTime, TimeDelta};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// The OAuth side, which wants the secret in the body and in a header.
pub(super) const SERVICE: Service = Service {
    client_id: IFLOW_CLIENT_ID,
    client_secret: Some(IFLOW_CLIENT_SECRET),
    authorize_url: "https://iflow.cn/oauth",
    token_url: "https://iflow.cn/oauth/token",
    basic: true,
    dead_statuses: &[403],
    ..Service::PUBLIC
};

const USER_INFO: &str = "https://iflow.cn/api/oauth/getUserInfo";

/// Longest call about an account.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Time before the end of a cookie's key at which it is replaced.
const KEY_LEAD: TimeDelta = TimeDelta::hours(48);

/// Whose account it is, and the key of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) key: Secret,
    /// Email address, else phone number.
    pub(super) name: Option<String>,
}

impl User {
    /// Reads `{success, data:{apiKey, email, phone}}`.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let data = body.get("data").filter(|_| body["success"] == true)?;
        let text = |name: &str| {
            let text = data.get(name)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Some(Self {
            key: Secret::from(text("apiKey")?.as_str()),
            name: text("email").or_else(|| text("phone")),
        })
    }
}

/// The question whose account a token is.
pub(super) fn user_info(token: &Secret) -> Outgoing {
    let query = encoded(&[("accessToken", token.expose())]);
    Outgoing::get(format!("{USER_INFO}?{query}")).limit(LIMIT)
}

/// A non-empty text of a file.
pub(super) fn field<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = document.get(name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// Whether an account lives by a cookie instead of tokens.
fn has_cookie(record: &CredentialRecord) -> bool {
    ["cookie", "email"]
        .iter()
        .all(|name| field(&record.document, name).is_some())
}

/// Reads what only this service's files have: calls use the key, and the end of a cookie's key is a
/// time in China. One that cannot be read counts as over.
pub(super) fn complete(mut record: CredentialRecord) -> CredentialRecord {
    record.secret = field(&record.document, "api_key").map(Secret::from);
    if has_cookie(&record) {
        let end = field(&record.document, "expired").and_then(cookie::end_of_key);
        record.expires_at = Some(end.or(record.expires_at).unwrap_or(DateTime::UNIX_EPOCH));
    }
    record
}

/// The account that a browser login brought.
pub(super) fn new_login(tokens: &Tokens, user: &User, name: &str) -> NewLogin {
    let mut document = Map::new();
    document.insert("type".into(), "iflow".into());
    tokens.write(&mut document);
    document.insert("api_key".into(), user.key.expose().into());
    document.insert("email".into(), name.into());
    document.insert("token_type".into(), "bearer".into());
    let scope = tokens.scope.as_deref().unwrap_or_default();
    document.insert("scope".into(), scope.into());
    document.insert("cookie".into(), "".into());
    let made_at = tokens.obtained_at.timestamp().to_string();
    NewLogin {
        names: vec![file_name(&["iflow", name, &made_at])],
        document,
        identity: &["email"],
        plan: None,
    }
}

/// `old` with new tokens, and with the key that belongs to them when it is known.
pub(super) fn renewed(
    tokens: &Tokens,
    user: Option<&User>,
    old: &CredentialRecord,
) -> CredentialRecord {
    let mut new = tokens.renew(old);
    if tokens.expires_in.is_none() {
        // The old end says nothing about the new token.
        new.document.shift_remove("expired");
    }
    if let Some(user) = user {
        let key = user.key.expose();
        new.document.insert("api_key".into(), key.into());
    }
    new.secret = field(&new.document, "api_key").map(Secret::from);
    new
}

/// Says what became of the service where a login has ended.
pub(super) fn explained(error: RefreshError) -> RefreshError {
    match error {
        RefreshError::Revoked { message } => RefreshError::Revoked {
            message: format!("{message}; {CLOSED}"),
        },
        other => other,
    }
}

/// What can be done with an account beside calls.
pub(super) struct Account(pub(super) Arc<Control>);

impl AccountDriver for Account {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move {
            let renewed = if has_cookie(&old) {
                cookie::renew(&control, &old).await
            } else {
                renew(&control, &old).await
            };
            renewed.map_err(explained)
        })
    }

    fn refresh_lead(&self, record: &CredentialRecord) -> Option<TimeDelta> {
        lead(record)
    }
}

/// How long before its end what an account calls with is replaced; `None` = the general rule.
pub(super) fn lead(record: &CredentialRecord) -> Option<TimeDelta> {
    has_cookie(record).then_some(KEY_LEAD)
}

async fn renew(
    control: &Control,
    old: &CredentialRecord,
) -> Result<CredentialRecord, RefreshError> {
    let tokens = refresh::refresh(control, &SERVICE, old, &[]).await?;
    // The refresh token is spent: what came must be kept whatever happens to the question.
    let user = match ask(control, &tokens.access_token, &old.settings.proxy).await {
        Ok(reply) => reply.json().as_ref().and_then(User::read),
        Err(error) => {
            tracing::warn!(credential = %old.id, %error, "the key of the account was not asked for");
            None
        }
    };
    Ok(renewed(&tokens, user.as_ref(), old))
}

async fn ask(control: &Control, token: &Secret, proxy: &Proxy) -> Result<Reply, CallError> {
    control.send(user_info(token), proxy).await
}
