//! What a daemon writes down about its accounts: for `--accounts`, and for its next start. Pure.
//!
//! It holds no secret, and nothing that cannot be learned again.

use super::health::{Health, Mark};
use super::id::CredentialId;
use super::quota::Quota;
use super::view::{CredentialState, CredentialView, LastError};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The form of the file; another one is not read.
pub const FORMAT: u32 = 1;

/// Everything a daemon writes down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// [`FORMAT`].
    pub format: u32,
    /// Who wrote it.
    pub daemon: Process,
    /// When. Nothing is written while nothing changes, so an old file may still be true.
    pub written_at: DateTime<Utc>,
    /// The accounts and keys it had.
    pub accounts: BTreeMap<CredentialId, AccountStatus>,
}

/// A process of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number, as it sees it itself: inside a container another one than outside.
    pub pid: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
}

/// One account, as its actor showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Provider word.
    pub provider: Arc<str>,
    /// Name for people.
    pub label: String,
    /// What the daemon did about it.
    pub state: CredentialState,
    /// End of the token it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_ends_at: Option<DateTime<Utc>>,
    /// When that token was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refresh_at: Option<DateTime<Utc>>,
    /// When it was to be refreshed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// Why the last refresh failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_error: Option<Arc<str>>,
    /// What its owner has to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<Arc<str>>,
    /// The last trouble with a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Arc<LastError>>,
    /// How much of its allowance was used.
    #[serde(default, skip_serializing_if = "Quota::is_empty")]
    pub quota: Quota,
    /// Its rests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rests: Vec<Rest>,
}

/// One rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Upstream model; absent = every model of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Why, and how long.
    #[serde(flatten)]
    pub mark: Mark,
}

impl Rest {
    /// Whether it still matters at `now`.
    pub fn is_of_interest(&self, now: DateTime<Utc>) -> bool {
        self.mark.capped || self.mark.until > now
    }
}

impl AccountStatus {
    /// What is worth writing down of a view. Rests that ended before `now` are left out.
    pub fn of(view: &CredentialView, now: DateTime<Utc>) -> Self {
        let rests = view.health.marks().map(|(model, mark)| Rest {
            model: model.map(str::to_owned),
            // Whoever probes does not survive a restart.
            mark: Mark {
                probe_until: None,
                ..*mark
            },
        });
        Self {
            provider: Arc::clone(&view.record.provider),
            label: view.record.label.clone(),
            state: view.state,
            token_ends_at: view.record.expires_at,
            last_refresh_at: view.refresh.last_at.or(view.record.refreshed_at),
            next_refresh_at: view.refresh.next_at,
            refresh_error: view.refresh.last_error.clone(),
            attention: view.attention.clone(),
            last_error: view.last_error.clone(),
            quota: view.quota.clone(),
            rests: rests.filter(|rest| rest.is_of_interest(now)).collect(),
        }
    }

    /// The health its account starts with again.
    pub fn health(&self, now: DateTime<Utc>) -> Health {
        health(&self.rests, now)
    }
}

/// The health that rests amount to.
pub fn health(rests: &[Rest], now: DateTime<Utc>) -> Health {
    let mut health = Health::default();
    for rest in rests.iter().filter(|rest| rest.is_of_interest(now)) {
        health.restore(rest.model.as_deref(), rest.mark);
    }
    health
}
