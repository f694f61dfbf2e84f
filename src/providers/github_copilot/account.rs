//! Accounts: their files, their tokens, their list of models, the use of their plan (§2, §3, §5, §6).

use super::super::control::{Control, Outgoing};
use super::super::oauth::Service;
use super::super::oauth::constants::COPILOT_CLIENT_ID;
use super::host::Host;
use super::token::{self, ApiToken};
use super::{models, shape, usage};
use actors::config::HeaderValue;
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::login::{NewLogin, file_name};
use actors::port::{AccountDriver, DiscoverError, QuotaError, RefreshError};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// The OAuth side.
pub(super) const SERVICE: Service = Service {
    client_id: COPILOT_CLIENT_ID,
    token_url: "https://github.com/login/oauth/access_token",
    device_url: "https://github.com/login/device/code",
    scopes: &["read:user", "user:email"],
    ..Service::PUBLIC
};

/// Longest call for the list of models.
const LIST_LIMIT: Duration = Duration::from_secs(15);

/// Longest list of models that is read.
const LIST_MAX: usize = 2 * 1024 * 1024;

/// A text of a file.
fn field<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = document.get(name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// The token in a file is GitHub's, which calls do not take; its end, where a file names one, is
/// nobody's.
pub(super) fn complete(mut record: CredentialRecord) -> CredentialRecord {
    let names = ["label", "email", "username"];
    let label = names.iter().find_map(|name| field(&record.document, name));
    if let Some(label) = label {
        record.label = label.to_owned();
    }
    CredentialRecord {
        secret: None,
        expires_at: None,
        refreshed_at: None,
        ..record
    }
}

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct User {
    pub(super) login: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
}

impl User {
    /// Reads the answer of `GET /user`.
    pub(super) fn read(body: &Value) -> Self {
        let text = |name: &str| {
            let text = body.get(name)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            login: text("login"),
            email: text("email"),
            name: text("name"),
        }
    }
}

/// The account that a login brought.
pub(super) fn new_login(
    github: &Secret,
    scope: Option<&str>,
    user: &User,
    api: Option<&ApiToken>,
    now: DateTime<Utc>,
) -> NewLogin {
    let login = user.login.as_deref().unwrap_or("unknown");
    let mut document = Map::new();
    document.insert("type".into(), "github-copilot".into());
    document.insert("access_token".into(), github.expose().into());
    document.insert("token_type".into(), "bearer".into());
    document.insert("scope".into(), scope.unwrap_or_default().into());
    document.insert("username".into(), login.into());
    for (name, text) in [("email", &user.email), ("name", &user.name)] {
        if let Some(text) = text {
            document.insert(name.into(), text.as_str().into());
        }
    }
    document.insert("timestamp".into(), now.timestamp_millis().into());
    NewLogin {
        names: vec![file_name(&["github-copilot", login])],
        document,
        // Nobody knows whose account it is without a name.
        identity: if user.login.is_some() {
            &["username"]
        } else {
            &[]
        },
        plan: api.and_then(|api| api.sku.clone()),
    }
}

/// What can be done with an account beside calls.
pub(super) struct Account(pub(super) Arc<Control>);

/// GitHub's token of an account.
pub(super) fn github_token(record: &CredentialRecord) -> Result<(Secret, Host), RefreshError> {
    let wrong = |message: &str| RefreshError::Misconfigured {
        message: message.to_owned(),
    };
    let token = field(&record.document, "access_token").ok_or_else(|| {
        wrong("the file has no `access_token`; log in again with `--github-copilot-login`")
    })?;
    let host = Host::of(record).ok_or_else(|| wrong("`enterprise_domain` is no host name"))?;
    Ok((Secret::from(token), host))
}

impl AccountDriver for Account {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move {
            let (github, host) = github_token(&old)?;
            let api = token::exchange(&control, &github, &host, &old.settings.proxy).await?;
            if let Some(base) = &api.distrusted {
                tracing::warn!(
                    credential = %old.id, base, using = api.base,
                    "the address that came with the token is not Copilot's"
                );
            }
            Ok(CredentialRecord {
                secret: Some(api.secret),
                token_base: Some(api.base),
                expires_at: Some(api.expires_at),
                refreshed_at: Some(control.now()),
                ..(*old).clone()
            })
        })
    }

    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        let control = Arc::clone(&self.0);
        Some(Box::pin(async move {
            list(&control, &with).await.map_err(|message| {
                tracing::info!(credential = %with.id, message, "no model list; the last one serves");
                DiscoverError { message }
            })
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
            let (github, host) = github_token(&with).map_err(|error| failed(error.to_string()))?;
            let call = token::ask(host.api("/copilot_internal/user"), &github);
            let sent = control.send(call, &with.settings.proxy).await;
            let reply = sent.map_err(|error| failed(error.to_string()))?;
            let body = reply.json().filter(|_| reply.is_success());
            let body = body.ok_or_else(|| failed(format!("GitHub answered {}", reply.status)))?;
            Ok(usage::of_user(&body, control.now()))
        })
    }
}

/// The models of an account.
async fn list(control: &Control, with: &CredentialRecord) -> Result<Vec<ModelInfo>, String> {
    let Some(secret) = &with.secret else {
        return Err("there is no token yet".to_owned());
    };
    let base = shape::base(with).map_err(|error| error.to_string())?;
    let mut call = Outgoing::get(format!("{base}/models")).bearer(secret);
    for (name, value) in shape::DEMANDED {
        call = call.header(name, value);
    }
    for (name, value) in &with.settings.headers {
        // There is no client whose header could be copied.
        if let HeaderValue::Fixed(value) = value {
            call = call.header(name, Secret::expose(value));
        }
    }
    let sent = control.send(call.limit(LIST_LIMIT), &with.settings.proxy);
    let reply = sent.await.map_err(|error| error.to_string())?;
    if !reply.is_success() {
        return Err(format!("Copilot answered {}", reply.status));
    }
    let body = Some(&reply.body).filter(|body| body.len() <= LIST_MAX);
    body.and_then(|body| models::listed(body, &base))
        .ok_or_else(|| "the answer is no list of models".to_owned())
}
