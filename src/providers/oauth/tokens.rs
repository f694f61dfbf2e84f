//! What a token endpoint grants.

use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::fmt;

/// An answer of a token endpoint.
#[derive(Clone, PartialEq)]
pub struct Tokens {
    /// Access token.
    pub access_token: Secret,
    /// Refresh token; `None` in a refresh = the old one stays.
    pub refresh_token: Option<Secret>,
    /// Life of the access token.
    pub expires_in: Option<TimeDelta>,
    /// Scopes granted, when the answer says so.
    pub scope: Option<String>,
    /// When it was granted.
    pub obtained_at: DateTime<Utc>,
    /// Everything else in the answer: `id_token`, accounts, … Holds secrets.
    pub extra: Map<String, Value>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the JSON of a token endpoint; `None` without a non-empty `access_token`.
    pub fn from_json(body: Map<String, Value>, now: DateTime<Utc>) -> Option<Self> {
        let mut extra = body;
        let mut secret = |name: &str| {
            let value = extra.remove(name)?;
            let text = value.as_str().filter(|text| !text.is_empty())?;
            Some(Secret::from(text))
        };
        let access_token = secret("access_token")?;
        let refresh_token = secret("refresh_token");
        let expires_in = extra.remove("expires_in").and_then(|value| seconds(&value));
        let scope = match extra.remove("scope") {
            Some(Value::String(scope)) if !scope.is_empty() => Some(scope),
            _ => None,
        };
        Some(Self {
            access_token,
            refresh_token,
            expires_in,
            scope,
            obtained_at: now,
            extra,
        })
    }

    /// End of the access token.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.obtained_at.checked_add_signed(self.expires_in?)
    }

    /// A text among the other fields.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.extra
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// Writes the common fields of credential files: `access_token`, `refresh_token` (when there is
    /// one), `expired`, `last_refresh` (`claude.md` §2).
    pub fn write(&self, document: &mut Map<String, Value>) {
        document.insert("access_token".into(), self.access_token.expose().into());
        if let Some(token) = &self.refresh_token {
            document.insert("refresh_token".into(), token.expose().into());
        }
        if let Some(end) = self.expires_at() {
            document.insert("expired".into(), rfc3339(end).into());
        }
        document.insert("last_refresh".into(), rfc3339(self.obtained_at).into());
    }

    /// `old` with these tokens, in the head and in the common fields of the document.
    pub fn renew(&self, old: &CredentialRecord) -> CredentialRecord {
        let mut new = old.clone();
        self.write(&mut new.document);
        new.secret = Some(self.access_token.clone());
        new.expires_at = self.expires_at();
        new.refreshed_at = Some(self.obtained_at);
        new
    }
}

/// A point in time as credential files have it.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Seconds as a number or, from some services, as a text; what is not positive counts as absent.
fn seconds(value: &Value) -> Option<TimeDelta> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Ten years: more is a fault of the service, and no date can be lost to an overflow.
    let whole = (seconds > 0.0).then(|| seconds.min(315_360_000.0) as i64)?;
    TimeDelta::try_seconds(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> Option<Tokens> {
        let Value::Object(body) = body else {
            return None;
        };
        Tokens::from_json(body, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn odd_answers_are_read_kindly() {
        let tokens = read(
            json!({"access_token": "a", "refresh_token": "", "expires_in": "3600",
            "id_token": "x", "scope": ""}),
        )
        .unwrap();
        assert_eq!(tokens.refresh_token, None);
        assert_eq!(tokens.expires_at().unwrap().timestamp(), 3600);
        assert_eq!(tokens.text("id_token"), Some("x"));
        assert_eq!(tokens.scope, None);
        assert!(read(json!({"access_token": ""})).is_none());
        assert!(read(json!({"refresh_token": "r"})).is_none());
        assert_eq!(
            read(json!({"access_token": "a", "expires_in": 0}))
                .unwrap()
                .expires_in,
            None
        );
        assert!(!format!("{tokens:?}").contains("\"x\""));
    }

    #[test]
    fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
        let mut old =
            CredentialRecord::bare("x.json".into(), "x", actors::domain::record::Kind::Login);
        old.document.insert("refresh_token".into(), "old".into());
        let tokens = read(json!({"access_token": "a", "expires_in": 60})).unwrap();
        let new = tokens.renew(&old);
        assert_eq!(new.document["refresh_token"], "old");
        assert_eq!(new.document["expired"], "1970-01-01T00:01:00Z");
        assert_eq!(new.expires_at.unwrap().timestamp(), 60);
    }
}
