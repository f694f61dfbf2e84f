//! Accounts: their files and their tokens (§2, §3).

use super::super::control::Control;
use super::super::oauth::constants::QWEN_CLIENT_ID;
use super::super::oauth::{Service, Tokens, refresh};
use super::CLOSED;
use actors::domain::record::CredentialRecord;
use actors::login::{NewLogin, file_name};
use actors::port::{AccountDriver, RefreshError};
use chrono::DateTime;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The OAuth side. Any 400 of the token endpoint ends a login.
pub(super) const SERVICE: Service = Service {
    client_id: QWEN_CLIENT_ID,
    token_url: "https://chat.qwen.ai/api/v1/oauth2/token",
    device_url: "https://chat.qwen.ai/api/v1/oauth2/device/code",
    scopes: &["openid", "profile", "email", "model.completion"],
    dead_statuses: &[400],
    ..Service::PUBLIC
};

/// Field with the host of calls.
const HOST: &str = "resource_url";

/// Field of the official program's file: the end of the token in milliseconds.
const OFFICIAL_END: &str = "expiry_date";

/// The host that an account's calls go to, as its file has it.
pub(super) fn host(record: &CredentialRecord) -> Option<&str> {
    record.document.get(HOST).and_then(Value::as_str)
}

/// Whether a document is the file of the official program, which has no `type`.
pub(super) fn is_official(document: &Map<String, Value>) -> bool {
    let has = |name: &str| document.contains_key(name);
    has("access_token") && has(HOST) && has(OFFICIAL_END)
}

/// Reads what only the official program's file has.
pub(super) fn complete(mut record: CredentialRecord) -> CredentialRecord {
    if record.expires_at.is_none() {
        let end = record.document.get(OFFICIAL_END).and_then(Value::as_i64);
        record.expires_at = end.and_then(DateTime::from_timestamp_millis);
    }
    record
}

/// The account that a login brought; `name` is what its owner calls it.
pub(super) fn new_login(tokens: &Tokens, name: &str) -> NewLogin {
    let mut document = Map::new();
    document.insert("type".into(), "qwen".into());
    tokens.write(&mut document);
    if let Some(host) = tokens.text(HOST) {
        document.insert(HOST.into(), host.into());
    }
    document.insert("email".into(), name.into());
    NewLogin {
        names: vec![file_name(&["qwen", name])],
        document,
        identity: &["email"],
        plan: None,
    }
}

/// `old` with new tokens; what the answer leaves out stays.
pub(super) fn renewed(tokens: &Tokens, old: &CredentialRecord) -> CredentialRecord {
    let mut new = tokens.renew(old);
    // The old end says nothing about the new token.
    new.document.shift_remove(OFFICIAL_END);
    if tokens.expires_in.is_none() {
        new.document.shift_remove("expired");
    }
    if let Some(host) = tokens.text(HOST) {
        new.document.insert(HOST.into(), host.into());
    }
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
            let tokens = refresh::refresh(&control, &SERVICE, &old, &[]).await;
            Ok(renewed(&tokens.map_err(explained)?, &old))
        })
    }
}
