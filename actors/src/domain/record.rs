//! What is known about one upstream account.

use super::expiry;
use super::id::CredentialId;
use super::wildcard;
use crate::config::{ErrorRule, HeaderValue, KeyAccount, KeyPath, ModelEntry, Proxy};
use crate::digest;
use crate::domain::secret::Secret;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// One upstream account: a typed head, and the file it came from, untouched.
#[derive(Clone, PartialEq)]
pub struct CredentialRecord {
    /// Its name.
    pub id: CredentialId,
    /// Provider word: the kind of the configured key, or `type` of the file.
    pub provider: Arc<str>,
    /// Name for people and logs; never a secret.
    pub label: String,
    /// Where it lives.
    pub kind: Kind,
    /// API key or access token. `None`: the upstream wants none, or the token is still to be fetched.
    pub secret: Option<Secret>,
    /// Base URL, without a slash at the end; `None` = the provider's.
    pub base_url: Option<String>,
    /// Base URL that came with the token in use, from services that say it there: without a slash at
    /// the end, not part of the document, and of no meaning for whose account it is.
    pub token_base: Option<String>,
    /// What its owner set.
    pub settings: Settings,
    /// End of the access token; `None` = it does not expire.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the access token was fetched.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// The JSON of the file with unknown fields; empty for configured keys. Holds secrets.
    pub document: Map<String, Value>,
    /// Where the entry stands in the configuration file.
    pub at: Option<KeyPath>,
}

/// Fields of a document that its owner sets; the others belong to the login.
const SETTINGS: [&str; 14] = [
    "disabled",
    "priority",
    "weight",
    "prefix",
    "proxy_url",
    "excluded_models",
    "disable_cooling",
    "request_retry",
    "websockets",
    "headers",
    "note",
    "label",
    "refresh_interval_seconds",
    "refresh_interval",
];

/// Where a credential lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// In the configuration, or built in: fixed until the configuration changes.
    Key,
    /// In the credential store: a login whose token is refreshed.
    Login,
}

/// What the owner of a credential set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Higher goes first; default 0.
    pub priority: i32,
    /// Share under weighted round-robin; default 1.
    pub weight: u32,
    /// Name before the slash that addresses this credential's models.
    pub prefix: Option<String>,
    /// Way out.
    pub proxy: Proxy,
    /// Additional request headers.
    pub headers: Vec<(String, HeaderValue)>,
    /// Models offered; empty = the provider's own list.
    pub models: Vec<ModelEntry>,
    /// Hidden models, `*` patterns.
    pub excluded_models: Vec<String>,
    /// Not used.
    pub disabled: bool,
    /// Overrides the global `disable-cooling`.
    pub disable_cooling: Option<bool>,
    /// Overrides the global `request-retry`.
    pub request_retry: Option<u32>,
    /// How odd upstream errors are read.
    pub request_scoped_errors: Vec<ErrorRule>,
    /// The upstream takes WebSockets.
    pub websockets: bool,
    /// The upstream understands `prompt_cache_key`.
    pub support_prompt_cache_key: bool,
    /// The key may serve the alpha search.
    pub alpha_search: bool,
    /// The owner's note.
    pub note: Option<String>,
    /// The token is refreshed at least this often, whatever its life (`routing.md` §9).
    pub refresh_interval: Option<TimeDelta>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            priority: 0,
            weight: 1,
            prefix: None,
            proxy: Proxy::Inherit,
            headers: Vec::new(),
            models: Vec::new(),
            excluded_models: Vec::new(),
            disabled: false,
            disable_cooling: None,
            request_retry: None,
            request_scoped_errors: Vec::new(),
            websockets: false,
            support_prompt_cache_key: false,
            alpha_search: false,
            note: None,
            refresh_interval: None,
        }
    }
}

/// Why a document of the store is no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no `type`: some other JSON file.
    #[error("no `type`")]
    NoType,
    /// The login of another program, and what helps.
    #[error("{0}")]
    Foreign(&'static str),
}

impl CredentialRecord {
    /// A record with nothing but a name and a provider; for built-in credentials and tests.
    pub fn bare(id: CredentialId, provider: impl Into<Arc<str>>, kind: Kind) -> Self {
        Self {
            label: id.to_string(),
            id,
            provider: provider.into(),
            kind,
            secret: None,
            base_url: None,
            token_base: None,
            settings: Settings::default(),
            expires_at: None,
            refreshed_at: None,
            document: Map::new(),
            at: None,
        }
    }

    /// The record of a configured key.
    pub fn from_key(account: &KeyAccount) -> Self {
        Self {
            id: CredentialId::from(account.id.as_str()),
            provider: account.kind.as_str().into(),
            label: account.provider.clone(),
            kind: Kind::Key,
            secret: account.api_key.clone(),
            base_url: Some(account.base_url.clone()),
            token_base: None,
            settings: Settings {
                priority: account.priority,
                weight: account.weight,
                prefix: account.prefix.clone(),
                proxy: account.proxy.clone(),
                headers: account.headers.clone(),
                models: account.models.clone(),
                excluded_models: account.excluded_models.clone(),
                disabled: account.disabled,
                disable_cooling: account.disable_cooling,
                request_retry: account.request_retry,
                request_scoped_errors: account.request_scoped_errors.clone(),
                websockets: account.websockets,
                support_prompt_cache_key: account.support_prompt_cache_key,
                alpha_search: account.alpha_search,
                note: None,
                refresh_interval: None,
            },
            expires_at: None,
            refreshed_at: None,
            document: Map::new(),
            at: Some(account.at.clone()),
        }
    }

    /// The record of a credential file (`config.md` §3.4). The provider may complete it afterwards.
    ///
    /// # Errors
    /// [`RecordError::NoType`] when the document has no `type`: it is no credential.
    pub fn from_document(
        id: CredentialId,
        document: Map<String, Value>,
    ) -> Result<Self, RecordError> {
        let fields = Fields(&document);
        let provider = fields
            .text(&["type"])
            .ok_or(RecordError::NoType)?
            .to_ascii_lowercase();
        let label = fields
            .text(&["email", "label", "name"])
            .unwrap_or(id.as_str())
            .to_owned();
        let token = fields.token_text(&["access_token", "accessToken", "api_key"]);
        Ok(Self {
            label,
            provider: provider.into(),
            kind: Kind::Login,
            secret: token.map(Secret::from),
            base_url: fields
                .text(&["base_url", "base-url"])
                .map(|url| url.trim_end_matches('/').to_owned()),
            token_base: None,
            settings: fields.settings(),
            expires_at: expiry::expires_at(&document),
            refreshed_at: expiry::refreshed_at(&document),
            id,
            document,
            at: None,
        })
    }

    /// The short name that management clients use (`routing.md` §11): 16 hex characters, the same as
    /// long as the file name or the key stays.
    pub fn auth_index(&self) -> String {
        let source = match (self.kind, &self.secret) {
            (Kind::Login, _) => format!("file:{}", self.id),
            (Kind::Key, Some(key)) => format!("api_key:{}", key.expose()),
            (Kind::Key, None) => format!("id:{}", self.id),
        };
        let mut index = digest::hex(source.as_bytes());
        index.truncate(16);
        index
    }

    /// Whether both records speak for the same upstream account, so that what was learned about one
    /// holds for the other.
    pub fn same_account(&self, other: &Self) -> bool {
        let identity = |record: &Self| -> Vec<Option<String>> {
            let fields = Fields(&record.document);
            ["email", "account_id", "project_id", "sub", "profile_arn"]
                .iter()
                .map(|key| fields.text(&[key]).map(str::to_owned))
                .collect()
        };
        self.provider == other.provider
            && self.base_url == other.base_url
            && (self.kind == Kind::Login || self.secret == other.secret)
            && identity(self) == identity(other)
    }

    /// Whether both hold the same login, token included; what their owner set does not count.
    pub fn same_login(&self, other: &Self) -> bool {
        let rest = |record: &Self| -> Vec<(String, Value)> {
            let fields = record.document.iter();
            let mut rest: Vec<_> = fields
                .filter(|(name, _)| !SETTINGS.contains(&name.replace('-', "_").as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            rest.sort_by(|a, b| a.0.cmp(&b.0));
            rest
        };
        self.secret == other.secret
            && self.expires_at == other.expires_at
            && rest(self) == rest(other)
    }

    /// Whether its owner hid `model`.
    pub fn excludes(&self, model: &str) -> bool {
        self.settings
            .excluded_models
            .iter()
            .any(|pattern| wildcard::matches(pattern, model))
    }
}

impl fmt::Debug for CredentialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document holds tokens and stays out.
        f.debug_struct("CredentialRecord")
            .field("id", &self.id)
            .field("provider", &self.provider)
            .field("label", &self.label)
            .field("kind", &self.kind)
            .field("secret", &self.secret)
            .field("base_url", &self.base_url)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Reads fields of a credential file in all their spellings, kindly: a field of the wrong type
/// counts as absent.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get(&self, names: &[&str]) -> Option<&'a Value> {
        names
            .iter()
            .find_map(|name| self.0.get(*name))
            .filter(|value| !value.is_null())
    }

    fn text(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| {
            let text = self.0.get(*name)?.as_str()?.trim();
            (!text.is_empty()).then_some(text)
        })
    }

    /// As `text`, also inside the `token` object of Google files.
    fn token_text(&self, names: &[&str]) -> Option<&'a str> {
        let inner = self.0.get("token").and_then(Value::as_object);
        self.text(names).or_else(|| Fields(inner?).text(names))
    }

    fn number(&self, names: &[&str]) -> Option<i64> {
        let value = self.get(names)?;
        value
            .as_i64()
            .or_else(|| value.as_str()?.trim().parse().ok())
    }

    fn flag(&self, names: &[&str]) -> Option<bool> {
        let value = self.get(names)?;
        value
            .as_bool()
            .or_else(|| value.as_str()?.trim().to_ascii_lowercase().parse().ok())
    }

    fn list(&self, names: &[&str]) -> Vec<String> {
        let items: Vec<&str> = match self.get(names) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text.split(',').collect(),
            _ => Vec::new(),
        };
        let trimmed = items
            .into_iter()
            .map(|item| item.trim().to_ascii_lowercase());
        trimmed.filter(|item| !item.is_empty()).collect()
    }

    fn settings(&self) -> Settings {
        let default = Settings::default();
        let prefix = self
            .text(&["prefix"])
            .map(|prefix| prefix.trim_matches('/'));
        let headers = self.get(&["headers"]).and_then(Value::as_object);
        Settings {
            priority: self
                .number(&["priority"])
                .and_then(|n| i32::try_from(n).ok())
                .unwrap_or(default.priority),
            weight: self.number(&["weight"]).map_or(default.weight, |n| {
                u32::try_from(n.clamp(0, 1_000_000)).unwrap_or(0)
            }),
            // A prefix with a slash inside could never be addressed (`config.md` §2.1).
            prefix: prefix
                .filter(|p| !p.is_empty() && !p.contains('/'))
                .map(str::to_owned),
            proxy: self
                .text(&["proxy_url", "proxy-url"])
                .map_or(Proxy::Inherit, proxy),
            headers: headers
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| {
                    Some((name.trim().to_owned(), header(value.as_str()?)?))
                })
                .filter(|(name, _)| !name.is_empty())
                .collect(),
            excluded_models: self.list(&["excluded_models", "excluded-models"]),
            disabled: self.flag(&["disabled"]).unwrap_or(default.disabled),
            disable_cooling: self.flag(&["disable_cooling", "disable-cooling"]),
            request_retry: self
                .number(&["request_retry", "request-retry"])
                .and_then(|n| u32::try_from(n.max(0)).ok()),
            websockets: self.flag(&["websockets"]).unwrap_or(default.websockets),
            note: self.text(&["note"]).map(str::to_owned),
            refresh_interval: self
                .number(&[
                    "refresh_interval_seconds",
                    "refreshIntervalSeconds",
                    "refresh_interval",
                    "refreshInterval",
                ])
                .filter(|seconds| *seconds > 0)
                .and_then(TimeDelta::try_seconds),
            ..default
        }
    }
}

fn proxy(text: &str) -> Proxy {
    match text.to_ascii_lowercase().as_str() {
        "direct" | "none" => Proxy::Direct,
        _ => Proxy::Via(Secret::from(text)),
    }
}

fn header(text: &str) -> Option<HeaderValue> {
    let text = text.trim();
    match text.strip_prefix('$') {
        _ if text.is_empty() => None,
        Some(name) if !name.is_empty() => Some(HeaderValue::FromClient(name.to_owned())),
        _ => Some(HeaderValue::Fixed(Secret::from(text))),
    }
}

#[cfg(test)]
mod tests;
