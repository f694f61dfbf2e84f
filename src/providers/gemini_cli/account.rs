//! Files of Gemini CLI accounts, and their refresh (§2, §3).

use super::super::control::Control;
use super::super::google::assist::{Assist, BASE, json_of};
use super::super::google::{GEMINI_CLI, usage};
use super::super::oauth::{Tokens, refresh};
use super::setup;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::port::{AccountDriver, QuotaError, RefreshError};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The projects of an account, none twice.
fn projects(record: &CredentialRecord) -> Vec<&str> {
    let list = record.document.get("project_id").and_then(Value::as_str);
    let mut projects: Vec<&str> = Vec::new();
    for id in list.unwrap_or_default().split(',').map(str::trim) {
        if !id.is_empty() && !projects.contains(&id) {
            projects.push(id);
        }
    }
    projects
}

/// The project of an account; of several the first.
pub(super) fn project(record: &CredentialRecord) -> Option<&str> {
    projects(record).into_iter().next()
}

/// An account with several projects takes part with each: their quotas are counted apart (§2).
pub(super) fn faces(record: &CredentialRecord) -> Vec<CredentialRecord> {
    let projects = projects(record);
    if projects.len() < 2 {
        return Vec::new();
    }
    let face = |project: &str| {
        let mut face = record.clone();
        face.id = format!("{}::{project}", record.id).into();
        face.label = format!("{} ({project})", record.label);
        face.document.insert("project_id".into(), project.into());
        face
    };
    projects.into_iter().map(face).collect()
}

/// Tokens as one program wrote them: the one we replace writes a refreshed pair to the top and leaves
/// the `token` object as it was.
struct Pair<'a> {
    access: Option<&'a str>,
    refresh: Option<&'a str>,
    expiry: Option<DateTime<Utc>>,
}

impl<'a> Pair<'a> {
    fn read(from: &'a Map<String, Value>) -> Self {
        let text = |name: &str| {
            let text = from.get(name)?.as_str()?.trim();
            (!text.is_empty()).then_some(text)
        };
        let expiry = text("expiry").and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        // Google's own client has milliseconds.
        let millis = from.get("expiry_date").and_then(Value::as_i64);
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            expiry: expiry
                .map(|at| at.to_utc())
                .or_else(|| DateTime::from_timestamp_millis(millis?)),
        }
    }

    /// The pair that ends later; what it lacks comes from the other one.
    fn newest(document: &'a Map<String, Value>) -> Self {
        let top = Self::read(document);
        let Some(inner) = document.get("token").and_then(Value::as_object) else {
            return top;
        };
        let inner = Self::read(inner);
        let (first, second) = if top.access.is_some() && top.expiry >= inner.expiry {
            (top, inner)
        } else {
            (inner, top)
        };
        Self {
            access: first.access.or(second.access),
            refresh: first.refresh.or(second.refresh),
            expiry: first.expiry,
        }
    }
}

/// Reads what only this service's files have.
pub(super) fn complete(mut record: CredentialRecord) -> CredentialRecord {
    let pair = Pair::newest(&record.document);
    let (secret, expires_at) = (pair.access.map(Secret::from), pair.expiry);
    // Without a project no call can be made: the refresh that a missing token demands finds it.
    record.secret = secret.filter(|_| project(&record).is_some());
    record.expires_at = expires_at;
    record
}

/// Writes tokens where both generations of the program read them.
pub(super) fn write(document: &mut Map<String, Value>, tokens: &Tokens) {
    let mut fields: Vec<(&str, Value)> = vec![
        ("access_token", tokens.access_token.expose().into()),
        ("token_type", "Bearer".into()),
    ];
    if let Some(token) = &tokens.refresh_token {
        fields.push(("refresh_token", token.expose().into()));
    }
    if let Some(end) = tokens.expires_at() {
        let text = end.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        fields.push(("expiry", text.into()));
    }
    let token = document
        .entry("token")
        .or_insert_with(|| Value::Object(Map::new()));
    if !token.is_object() {
        *token = Value::Object(Map::new());
    }
    if let Some(token) = token.as_object_mut() {
        token.extend(fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        let scopes = GEMINI_CLI.scopes.iter().copied();
        for (name, value) in [
            ("token_uri", Value::from(GEMINI_CLI.token_url)),
            ("client_id", GEMINI_CLI.client_id.into()),
            (
                "client_secret",
                GEMINI_CLI.client_secret.unwrap_or_default().into(),
            ),
            ("scopes", scopes.map(Value::from).collect()),
            ("universe_domain", "googleapis.com".into()),
        ] {
            token.entry(name).or_insert(value);
        }
    }
    document.extend(fields.into_iter().map(|(k, v)| (k.to_owned(), v)));
}

/// Refreshes accounts.
pub(super) struct Driver(pub(super) Arc<Control>);

impl AccountDriver for Driver {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move { renew(&control, &old).await })
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
            let (Some(token), Some(project)) = (&with.secret, project(&with)) else {
                return Ok(Vec::new()); // nothing to ask about yet
            };
            let assist = Assist {
                control: &control,
                proxy: &with.settings.proxy,
                token,
                identity: &[],
            };
            let base = with.base_url.as_deref().unwrap_or(BASE);
            let body = json!({ "project": project });
            let asked = assist.post(base, "retrieveUserQuota", &body).await;
            let answer = asked.and_then(json_of)?;
            Ok(usage::buckets(&answer, control.now()))
        })
    }
}

async fn renew(
    control: &Control,
    old: &CredentialRecord,
) -> Result<CredentialRecord, RefreshError> {
    let mut asking = old.clone();
    if let Some(token) = Pair::newest(&old.document).refresh {
        let token = token.to_owned();
        asking.document.insert("refresh_token".into(), token.into());
    }
    let tokens = refresh::refresh(control, &GEMINI_CLI, &asking, &[]).await?;
    let mut new = old.clone();
    write(&mut new.document, &tokens);
    new.secret = Some(tokens.access_token.clone());
    new.expires_at = tokens.expires_at();
    new.refreshed_at = Some(tokens.obtained_at);
    if project(&new).is_none() {
        let assist = Assist {
            control,
            proxy: &old.settings.proxy,
            token: &tokens.access_token,
            identity: &[],
        };
        let found = setup::set_up(&assist, None).await?;
        new.document
            .insert("project_id".into(), found.project.into());
        new.document.insert("auto".into(), true.into());
        if let Some(tier) = found.tier {
            new.document.insert("tier".into(), tier.into());
        }
    }
    Ok(new)
}
