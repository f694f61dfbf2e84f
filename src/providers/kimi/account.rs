//! Accounts: their files, their tokens, their list of models (§2, §3, §5).

use super::super::control::Control;
use super::super::oauth::constants::KIMI_CLIENT_ID;
use super::super::oauth::{Service, Tokens, refresh};
use super::super::uuid;
use super::{base, device, models, usage};
use actors::config::HeaderValue;
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::login::{NewLogin, file_name};
use actors::port::{AccountDriver, DiscoverError, QuotaError, RefreshError};
use futures_util::future::LocalBoxFuture;
use serde_json::Map;
use std::sync::Arc;

/// The OAuth side.
pub(super) const SERVICE: Service = Service {
    client_id: KIMI_CLIENT_ID,
    token_url: "https://auth.kimi.com/api/oauth/token",
    device_url: "https://auth.kimi.com/api/oauth/device_authorization",
    dead_statuses: &[403],
    ..Service::PUBLIC
};

/// The account that a login brought. The service does not say whose it is, so every login has a file
/// of its own, named by its time.
pub(super) fn new_login(tokens: &Tokens, device_id: &str) -> NewLogin {
    let made_at = tokens.obtained_at.timestamp_millis().to_string();
    let mut document = Map::new();
    document.insert("type".into(), "kimi".into());
    tokens.write(&mut document);
    document.insert("token_type".into(), "Bearer".into());
    if let Some(scope) = &tokens.scope {
        document.insert("scope".into(), scope.as_str().into());
    }
    document.insert(device::FIELD.into(), device_id.into());
    NewLogin {
        names: vec![file_name(&["kimi", &made_at])],
        document,
        identity: &[],
        plan: None,
    }
}

/// `old` with new tokens.
pub(super) fn renewed(
    tokens: &Tokens,
    old: &CredentialRecord,
    device_id: &str,
) -> CredentialRecord {
    let mut new = tokens.renew(old);
    if tokens.expires_in.is_none() {
        // The old end says nothing about the new token.
        new.document.shift_remove("expired");
    }
    if device::id(old).is_none() {
        new.document.insert(device::FIELD.into(), device_id.into());
    }
    new
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
            let id = device::id(&old).map_or_else(uuid::random, str::to_owned);
            let headers = device::headers(Some(&id));
            let tokens = refresh::refresh_with(&control, &SERVICE, &old, &[], &headers).await?;
            Ok(renewed(&tokens, &old, &id))
        })
    }

    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        let control = Arc::clone(&self.0);
        Some(Box::pin(async move {
            let failed = |message: String| {
                tracing::info!(credential = %with.id, message, "no model list; the built-in one serves");
                DiscoverError { message }
            };
            let body = control
                .get(&signed(&with), format!("{}/v1/models", base(&with)))
                .await
                .map_err(|error| failed(error.to_string()))?;
            let listed = models::listed(&body);
            listed.ok_or_else(|| failed("the answer is no list of models".to_owned()))
        }))
    }

    fn tells_quota(&self) -> bool {
        true
    }

    fn quota(
        &self,
        with: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<Vec<QuotaWindow>, QuotaError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move {
            let failed = |message: String| QuotaError { message };
            let body = control
                .get(&signed(&with), format!("{}/v1/usages", base(&with)))
                .await
                .map_err(|error| failed(error.to_string()))?;
            let body = serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))?;
            let windows = usage::read(&body, control.now()).into_iter();
            Ok(windows.map(|window| window.quota(control.now())).collect())
        })
    }
}

/// The record with the headers of the device among its own, for calls that no client stands behind.
fn signed(record: &CredentialRecord) -> CredentialRecord {
    let mut signed = record.clone();
    let headers = device::headers(device::id(record)).into_iter();
    let headers = headers.map(|(name, value)| {
        let value = HeaderValue::Fixed(Secret::from(value.as_str()));
        (name.to_owned(), value)
    });
    // What the owner set comes later and wins.
    signed.settings.headers.splice(0..0, headers);
    signed
}
