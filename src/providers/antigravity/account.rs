//! Files of Antigravity accounts, their refresh, their projects and models (§1 to §3, §5).

use super::super::control::Control;
use super::super::google::assist::{Assist, BASE, SetupError, Standing, json_of, project_of};
use super::super::google::{ANTIGRAVITY, usage};
use super::super::oauth::{Tokens, refresh};
use super::{BASES, models, user_agent};
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::port::{AccountDriver, DiscoverError, QuotaError, RefreshError};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at an onboarding.
const POLL: Duration = Duration::from_secs(2);
/// How many of them.
const N_POLLS: u32 = 5;

/// The project of an account.
pub(super) fn project(record: &CredentialRecord) -> Option<&str> {
    let id = record.document.get("project_id")?.as_str()?.trim();
    (!id.is_empty()).then_some(id)
}

/// Reads what only this service's files have: the time of the token beside its life.
pub(super) fn complete(mut record: CredentialRecord) -> CredentialRecord {
    let number = |key: &str| record.document.get(key).and_then(Value::as_i64);
    let counted = || {
        let made = DateTime::from_timestamp_millis(number("timestamp")?)?;
        made.checked_add_signed(TimeDelta::try_seconds(number("expires_in")?)?)
    };
    // A token whose end nobody knows counts as over.
    let end = record.expires_at.or_else(counted);
    record.expires_at = Some(end.unwrap_or(DateTime::<Utc>::UNIX_EPOCH));
    if project(&record).is_none() {
        // Without a project no call can be made: the refresh that a missing token demands finds it.
        record.secret = None;
    }
    record
}

/// Writes tokens as the files have them.
pub(super) fn write(document: &mut Map<String, Value>, tokens: &Tokens) {
    tokens.write(document);
    if let Some(life) = tokens.expires_in {
        document.insert("expires_in".into(), life.num_seconds().into());
    }
    let made = tokens.obtained_at.timestamp_millis();
    document.insert("timestamp".into(), made.into());
    document.insert("type".into(), "antigravity".into());
}

/// What an account is set up with.
pub(super) struct SetUp {
    /// Its project.
    pub(super) project: String,
    /// Its tier.
    pub(super) tier: Option<String>,
}

/// Finds the account's project, and has one made where there is none.
pub(super) async fn set_up(assist: &Assist<'_>) -> Result<SetUp, SetupError> {
    let answer = json_of(assist.post(BASE, "loadCodeAssist", &load_body()).await?)?;
    let standing = Standing::read(&answer);
    let tier = standing.tier().map(str::to_owned);
    if let Some(project) = standing.project {
        return Ok(SetUp { project, tier });
    }
    if standing.current_tier.is_none()
        && standing.default_tier.is_none()
        && !standing.refusals.is_empty()
    {
        return Err(SetupError::Unusable(standing.refusals.join(" ")));
    }
    let wanted = standing.default_tier.or(standing.current_tier);
    let wanted = wanted.unwrap_or("free-tier".to_owned());
    let body = json!({
        "tier_id": wanted,
        "metadata": {
            "ide_type": "ANTIGRAVITY",
            "ide_version": super::CLIENT_VERSION,
            "ide_name": "antigravity",
        },
    });
    let base = BASES.first().copied().unwrap_or(BASE);
    for _ in 0..N_POLLS {
        let operation = json_of(assist.post(base, "onboardUser", &body).await?)?;
        if operation.get("done").and_then(Value::as_bool) == Some(true) {
            let project = operation.get("response").and_then(project_of);
            return match project {
                Some(project) => Ok(SetUp {
                    project,
                    tier: tier.or(Some(wanted)),
                }),
                None => Err(SetupError::Unusable(
                    "Google set the account up without a project; open Antigravity once with it, \
                     then log in again"
                        .to_owned(),
                )),
            };
        }
        tokio::time::sleep(POLL).await;
    }
    Err(SetupError::Unusable(
        "Google did not finish setting the account up; log in again later".to_owned(),
    ))
}

/// Refreshes accounts and lists their models.
pub(super) struct Driver(pub(super) Arc<Control>);

impl AccountDriver for Driver {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move { renew(&control, &old).await })
    }

    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        let control = Arc::clone(&self.0);
        Some(Box::pin(async move { list(&control, &with).await }))
    }

    fn tells_quota(&self) -> bool {
        true
    }

    fn quota(
        &self,
        with: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<Vec<QuotaWindow>, QuotaError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move { used(&control, &with).await })
    }
}

/// How much of the account's allowances is used: a window per model, and its bought credits.
async fn used(
    control: &Control,
    record: &CredentialRecord,
) -> Result<Vec<QuotaWindow>, QuotaError> {
    let message = |error: DiscoverError| QuotaError {
        message: error.message,
    };
    let answer = available(control, record).await.map_err(message)?;
    let mut windows = usage::of_models(&answer, models::is_offered, control.now());
    let Some(token) = &record.secret else {
        return Ok(windows);
    };
    let identity = user_agent(record);
    let assist = Assist {
        control,
        proxy: &record.settings.proxy,
        token,
        identity: &[("user-agent", &identity)],
    };
    // Whoever does not tell its credits still told its quotas.
    let standing = assist.post(BASE, "loadCodeAssist", &load_body()).await;
    match standing.and_then(json_of) {
        Ok(answer) => windows.extend(usage::credits(&answer, control.now())),
        Err(error) => {
            let error = QuotaError::from(error);
            tracing::debug!(credential = %record.id, %error, "credits unknown");
        }
    }
    Ok(windows)
}

fn load_body() -> Value {
    json!({"metadata": {"ideType": "ANTIGRAVITY"}})
}

async fn renew(
    control: &Control,
    old: &CredentialRecord,
) -> Result<CredentialRecord, RefreshError> {
    let tokens = refresh::refresh(control, &ANTIGRAVITY, old, &[]).await?;
    let mut new = tokens.renew(old);
    write(&mut new.document, &tokens);
    if project(&new).is_none() {
        let identity = user_agent(&new);
        let assist = Assist {
            control,
            proxy: &old.settings.proxy,
            token: &tokens.access_token,
            identity: &[("user-agent", &identity)],
        };
        let found = set_up(&assist).await?;
        new.document
            .insert("project_id".into(), found.project.into());
    }
    Ok(new)
}

async fn list(
    control: &Control,
    record: &CredentialRecord,
) -> Result<Vec<ModelInfo>, DiscoverError> {
    let answer = available(control, record).await?;
    Ok(models::read(&answer).unwrap_or_default())
}

/// Asks the hosts for the account's models, one after the other; the answer is a list of models.
async fn available(control: &Control, record: &CredentialRecord) -> Result<Value, DiscoverError> {
    let failed = |message: String| DiscoverError { message };
    let Some(token) = &record.secret else {
        return Err(failed("there is no token yet".to_owned()));
    };
    let identity = user_agent(record);
    let assist = Assist {
        control,
        proxy: &record.settings.proxy,
        token,
        identity: &[("user-agent", &identity)],
    };
    let body = match project(record) {
        Some(project) => json!({ "project": project }),
        None => json!({}),
    };
    let own = record.base_url.as_deref();
    let bases = own.map_or_else(|| BASES.to_vec(), |own| vec![own]);
    let mut last = "there is no base URL".to_owned();
    for base in bases {
        match assist.post(base, "fetchAvailableModels", &body).await {
            Ok(reply) => {
                let found = reply.json().filter(|_| reply.is_success());
                if let Some(answer) = found.filter(|answer| models::read(answer).is_some()) {
                    return Ok(answer);
                }
                last = super::super::oauth::envelope::refused(&reply).to_string();
                if !matches!(reply.status, 200 | 404 | 429 | 500..=599) {
                    break;
                }
            }
            Err(SetupError::Call(error)) => last = error.to_string(),
            Err(error) => return Err(failed(actors::login::LoginError::from(error).to_string())),
        }
    }
    Err(failed(last))
}
