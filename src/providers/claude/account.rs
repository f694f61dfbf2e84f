//! Accounts: their files and their tokens (§2, §3).

use super::super::control::Control;
use super::super::oauth::constants::CLAUDE_CLIENT_ID;
use super::super::oauth::{Service, Tokens, refresh};
use super::models;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use actors::login::{LoginError, NewLogin, file_name};
use actors::port::{AccountDriver, DiscoverError, RefreshError};
use chrono::TimeDelta;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// The OAuth side. The endpoints are those of August 2026; the older token endpoint at
/// `api.anthropic.com` takes the same bodies. Of the scopes only the needed ones are asked for:
/// inference for calls, the profile for the account's name.
pub(super) const SERVICE: Service = Service {
    client_id: CLAUDE_CLIENT_ID,
    authorize_url: "https://claude.ai/oauth/authorize",
    token_url: "https://platform.claude.com/v1/oauth/token",
    scopes: &["user:profile", "user:inference"],
    json: true,
    ..Service::PUBLIC
};

/// Bounds of a wait that the token endpoint asks for (§3).
const WAIT_MIN: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// What can be done with an account beside calls.
pub(super) struct Account {
    control: Arc<Control>,
}

impl Account {
    pub(super) fn new(control: &Arc<Control>) -> Self {
        Self {
            control: Arc::clone(control),
        }
    }
}

impl AccountDriver for Account {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.control);
        Box::pin(async move {
            if is_setup_token(&old) {
                return Err(RefreshError::Misconfigured {
                    message: "setup tokens are not refreshed; make a new one with \
                              `claude setup-token`, or log in"
                        .to_owned(),
                });
            }
            // No `scope`: what was granted stays, also for files with other scopes (RFC 6749 §6).
            let tokens = refresh::refresh(&control, &SERVICE, &old, &[]).await;
            Ok(renewed(&tokens.map_err(within_bounds)?, &old))
        })
    }

    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        if !with.settings.models.is_empty() {
            return None;
        }
        let control = Arc::clone(&self.control);
        Some(Box::pin(async move {
            let failed = |message: String| DiscoverError { message };
            let call = models::list_call(&with);
            let reply = control.send(call, &with.settings.proxy).await;
            let reply = reply.map_err(|error| failed(error.to_string()))?;
            match reply.status {
                200 => {
                    Ok(models::listed(&reply.body, &with).unwrap_or_else(|| models::known(&with)))
                }
                // Later, maybe.
                401 | 408 | 429 | 500.. => Err(failed(format!("status {}", reply.status))),
                // Other services often have no list, and setup tokens may not see it.
                status => {
                    tracing::debug!(credential = %with.id, status, "no model list");
                    Ok(models::known(&with))
                }
            }
        }))
    }

    fn refresh_lead(&self, record: &CredentialRecord) -> Option<TimeDelta> {
        // What cannot be refreshed serves until its end.
        refresh::refresh_token(record)
            .is_none()
            .then(TimeDelta::zero)
    }
}

/// A long-lived token of `claude setup-token`: inference only, without a refresh token (§1).
fn is_setup_token(record: &CredentialRecord) -> bool {
    let flags = ["is_setup_token", "setup_token", "skip_account_profile"];
    let flagged = |flag: &&str| record.document.get(*flag) == Some(&Value::Bool(true));
    refresh::refresh_token(record).is_none() && flags.iter().any(flagged)
}

/// Keeps the wait the endpoint asks for between five seconds and five minutes.
pub(super) fn within_bounds(error: RefreshError) -> RefreshError {
    match error {
        RefreshError::Transient {
            message,
            retry_after: Some(wait),
        } => RefreshError::Transient {
            message,
            retry_after: Some(wait.clamp(WAIT_MIN, WAIT_MAX)),
        },
        other => other,
    }
}

/// `old` with new tokens and what else the answer said about the account.
pub(super) fn renewed(tokens: &Tokens, old: &CredentialRecord) -> CredentialRecord {
    let mut new = tokens.renew(old);
    Owner::of(tokens, None).write(&mut new.document);
    new
}

/// Whose account it is, as far as the answers say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Owner {
    email: Option<String>,
    account_uuid: Option<String>,
    organization_uuid: Option<String>,
    organization_name: Option<String>,
    plan: Option<String>,
}

impl Owner {
    /// Reads the answer of the token endpoint and, behind it, the profile.
    fn of(tokens: &Tokens, profile: Option<&Value>) -> Self {
        let granted = |group: &str, key: &str| text(tokens.extra.get(group)?, key);
        let profiled = |group: &str, key: &str| text(profile?.get(group)?, key);
        Self {
            email: granted("account", "email_address").or_else(|| profiled("account", "email")),
            account_uuid: granted("account", "uuid").or_else(|| profiled("account", "uuid")),
            organization_uuid: granted("organization", "uuid")
                .or_else(|| profiled("organization", "uuid")),
            organization_name: granted("organization", "name")
                .or_else(|| profiled("organization", "name")),
            plan: profile.and_then(plan_of),
        }
    }

    /// Writes what is known; what is not stays as it was.
    fn write(&self, document: &mut Map<String, Value>) {
        for (key, value) in [
            ("email", &self.email),
            ("account_uuid", &self.account_uuid),
            ("organization_uuid", &self.organization_uuid),
            ("organization_name", &self.organization_name),
            ("plan", &self.plan),
        ] {
            if let Some(value) = value {
                document.insert(key.into(), value.as_str().into());
            }
        }
    }
}

/// The account that a login brought.
///
/// # Errors
///
/// [`LoginError::Unusable`] when nobody says whose it is: the file would have no name.
pub(super) fn new_login(tokens: &Tokens, profile: Option<&Value>) -> Result<NewLogin, LoginError> {
    let owner = Owner::of(tokens, profile);
    let Some(email) = owner.email.clone() else {
        return Err(LoginError::Unusable {
            message: "the provider did not say whose account it is (no email); try again"
                .to_owned(),
        });
    };
    let mut names = vec![file_name(&["claude", &email])];
    if let Some(organization) = &owner.organization_uuid {
        // One email may have accounts in several organizations (§2.2).
        names.push(file_name(&["claude", &email, &short_hash(organization)]));
    }
    let mut document = Map::new();
    document.insert("type".into(), "claude".into());
    document.insert("id_token".into(), "".into());
    tokens.write(&mut document);
    owner.write(&mut document);
    if let Some(scopes) = &tokens.scope {
        document.insert("scopes".into(), scopes.as_str().into());
    }
    Ok(NewLogin {
        names,
        document,
        identity: &["email", "organization_uuid"],
        plan: owner.plan,
    })
}

/// The plan that a login wrote down.
pub(super) fn plan(record: &CredentialRecord) -> Option<String> {
    let plan = record.document.get("plan")?.as_str()?;
    (!plan.is_empty()).then(|| plan.to_owned())
}

/// `max`, `pro`, `team`, … of a profile.
fn plan_of(profile: &Value) -> Option<String> {
    let kind = profile
        .get("organization")
        .and_then(|organization| text(organization, "organization_type"))
        .and_then(|kind| kind.strip_prefix("claude_").map(str::to_owned));
    let has = |flag: &str| {
        let flag = profile.get("account").and_then(|account| account.get(flag));
        flag.and_then(Value::as_bool) == Some(true)
    };
    kind.or_else(|| has("has_claude_max").then(|| "max".to_owned()))
        .or_else(|| has("has_claude_pro").then(|| "pro".to_owned()))
}

fn text(of: &Value, key: &str) -> Option<String> {
    let text = of.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first 8 hex digits of the SHA-256 of `text`.
fn short_hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let first = digest.as_ref().iter().take(4);
    first.map(|byte| format!("{byte:02x}")).collect()
}
