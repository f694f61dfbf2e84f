//! Accounts: what their tokens say, refreshing, the list of models (§1.1, §2, §3).

use super::super::control::Control;
use super::super::oauth::constants::CODEX_CLIENT_ID;
use super::super::oauth::{Service, Tokens, claims, refresh};
use super::{models, shape};
use actors::config::HeaderValue;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::{CredentialRecord, Kind};
use actors::domain::secret::Secret;
use actors::port::{AccountDriver, DiscoverError, RefreshError};
use chrono::TimeDelta;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The OAuth side. The scopes are those of the February version; the connectors' scopes of newer
/// official clients are for things this program does not do.
pub(super) const SERVICE: Service = Service {
    client_id: CODEX_CLIENT_ID,
    authorize_url: "https://auth.openai.com/oauth/authorize",
    token_url: "https://auth.openai.com/oauth/token",
    scopes: &["openid", "email", "profile", "offline_access"],
    ..Service::PUBLIC
};

/// Scope of a refresh (§3).
const REFRESH_SCOPE: &str = "openid profile email";

/// Group of claims about the account (§1.1).
const AUTH_CLAIMS: &str = "https://api.openai.com/auth";
const PROFILE_CLAIMS: &str = "https://api.openai.com/profile";

/// A token is replaced at least this often, as the official client does it.
const LONGEST_USE: TimeDelta = TimeDelta::days(8);

/// Shortest time before the end of a token at which it is replaced.
const LEAD: TimeDelta = TimeDelta::minutes(10);

/// What the claims of a token say about its account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identity {
    pub(super) email: Option<String>,
    pub(super) account_id: Option<String>,
    /// `free`, `plus`, `team`, …
    pub(super) plan: Option<String>,
    /// The account is one of the US government cloud, whose calls are marked.
    pub(super) fedramp: bool,
}

impl Identity {
    /// Reads a token; nothing when it is no JWT.
    pub(super) fn of(jwt: &str) -> Self {
        let Some(claims) = claims::claims(jwt) else {
            return Self::default();
        };
        let auth = claims.get(AUTH_CLAIMS);
        let in_auth = |name: &str| text(auth?.get(name)?);
        let profile = || text(claims.get(PROFILE_CLAIMS)?.get("email")?);
        Self {
            email: claims.get("email").and_then(text).or_else(profile),
            account_id: in_auth("chatgpt_account_id"),
            plan: in_auth("chatgpt_plan_type"),
            fedramp: auth
                .and_then(|auth| auth.get("chatgpt_account_is_fedramp")?.as_bool())
                .unwrap_or_default(),
        }
    }

    /// What a file's tokens say: the `id_token`, else the access token, which has the same groups.
    pub(super) fn of_file(document: &Map<String, Value>) -> Self {
        let read = |name: &str| {
            let token = document.get(name).and_then(Value::as_str);
            token.map(Self::of).unwrap_or_default()
        };
        let id = read("id_token");
        if id.account_id.is_some() && id.plan.is_some() {
            return id;
        }
        let access = read("access_token");
        Self {
            email: id.email.or(access.email),
            account_id: id.account_id.or(access.account_id),
            plan: id.plan.or(access.plan),
            fedramp: id.fedramp || access.fedramp,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Why the file of the official client is no account here.
pub(super) const OFFICIAL_FILE_HELP: &str = "this is the file of the Codex CLI itself; two programs \
    cannot share its refresh token, so log in with `--codex-login`, or put its `OPENAI_API_KEY` under \
    `codex-api-key` in the configuration";

/// `{auth_mode?, OPENAI_API_KEY?, tokens: {…}?, last_refresh?}` (§2)
pub(super) fn is_official_file(document: &Map<String, Value>) -> bool {
    let tokens = document
        .get("tokens")
        .and_then(|tokens| tokens.get("access_token"));
    tokens.is_some_and(Value::is_string) || document.contains_key("OPENAI_API_KEY")
}

/// The plan in the account's tokens.
pub(super) fn plan(record: &CredentialRecord) -> Option<String> {
    if record.kind != Kind::Login {
        return None;
    }
    Identity::of_file(&record.document).plan
}

/// Completes a record: the end that the access token itself names counts too, whichever is earlier.
/// Files of other programs have it nowhere else.
pub(super) fn complete(mut record: CredentialRecord) -> CredentialRecord {
    let Some(token) = record
        .secret
        .as_ref()
        .filter(|_| record.kind == Kind::Login)
    else {
        return record;
    };
    let own_end = claims::expires_at(token.expose());
    record.expires_at = match (record.expires_at, own_end) {
        (Some(file), Some(own)) => Some(file.min(own)),
        (file, own) => file.or(own),
    };
    record
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
            let scope = [("scope", REFRESH_SCOPE)];
            let tokens = refresh::refresh(&control, &SERVICE, &old, &scope).await?;
            Ok(renewed(with_end(tokens), &old))
        })
    }

    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        // The public API's list names everything OpenAI has, of any kind.
        if with.kind != Kind::Login || !with.settings.models.is_empty() {
            return None;
        }
        let control = Arc::clone(&self.0);
        Some(Box::pin(async move {
            let failed = |message: String| {
                tracing::info!(credential = %with.id, message, "no model list; the built-in one serves");
                DiscoverError { message }
            };
            let url = models::list_url(shape::base(&with));
            let body = control
                .get(&signed(&with), url)
                .await
                .map_err(|error| failed(error.to_string()))?;
            let listed = models::listed(&body);
            listed.ok_or_else(|| failed("the answer is no list of models".to_owned()))
        }))
    }

    fn refresh_lead(&self, record: &CredentialRecord) -> Option<TimeDelta> {
        lead(record)
    }
}

/// How long before its end a token is replaced; `None` = the general rule.
pub(super) fn lead(record: &CredentialRecord) -> Option<TimeDelta> {
    let (end, made) = (record.expires_at?, record.refreshed_at?);
    Some((end - made - LONGEST_USE).max(LEAD))
}

/// The record with the account's header among its own, for calls that no client stands behind.
fn signed(record: &CredentialRecord) -> CredentialRecord {
    let mut signed = record.clone();
    if let Some(id) = shape::account_id(record) {
        let header = HeaderValue::Fixed(Secret::from(id.as_ref()));
        let pair = (shape::ACCOUNT_HEADER.to_owned(), header);
        signed.settings.headers.insert(0, pair);
    }
    signed
}

/// Tokens whose end is known when either the answer or the token itself names it (§3).
pub(super) fn with_end(mut tokens: Tokens) -> Tokens {
    if tokens.expires_in.is_none() {
        tokens.expires_in = claims::expires_at(tokens.access_token.expose())
            .map(|end| end - tokens.obtained_at)
            .filter(|life| *life > TimeDelta::zero());
    }
    tokens
}

/// `old` with new tokens. Fields that the answer leaves out stay (the February version emptied
/// them), and so does the workspace the person chose.
pub(super) fn renewed(tokens: Tokens, old: &CredentialRecord) -> CredentialRecord {
    let mut new = tokens.renew(old);
    if tokens.expires_in.is_none() {
        // The old end says nothing about the new token.
        new.document.shift_remove("expired");
    }
    let Some(id_token) = tokens.text("id_token") else {
        return new;
    };
    new.document.insert("id_token".into(), id_token.into());
    let identity = Identity::of(id_token);
    for (field, value) in [
        ("email", identity.email),
        ("account_id", identity.account_id),
    ] {
        let known = new.document.get(field).and_then(text).is_some();
        if let Some(value) = value.filter(|_| !known) {
            new.document.insert(field.into(), value.into());
        }
    }
    new
}
