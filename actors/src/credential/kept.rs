//! What a credential still knows after a restart of the process. Pure.

use crate::domain::health::Health;
use crate::domain::quota::Quota;
use crate::domain::record::CredentialRecord;
use crate::domain::status::AccountStatus;
use crate::domain::view::LastError;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What was known about a credential before the process ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// The account it was about; `None` = nobody wrote that down.
    pub(crate) account: Option<(Arc<str>, String)>,
    pub(crate) health: Health,
    pub(crate) quota: Quota,
    pub(crate) attention: Option<Arc<str>>,
    pub(crate) last_error: Option<Arc<LastError>>,
}

impl Kept {
    /// What of a status counts again. What the owner has to do belongs to the rest that came with it.
    pub(crate) fn of(status: AccountStatus, with_rests: bool, now: DateTime<Utc>) -> Self {
        let health = match with_rests {
            true => status.health(now),
            false => Health::default(),
        };
        Self {
            attention: status.attention.filter(|_| health.whole().is_some()),
            health,
            account: Some((status.provider, status.label)),
            quota: status.quota,
            last_error: status.last_error,
        }
    }

    /// The same, unless another account has come into its place meanwhile.
    pub(crate) fn if_about(self, record: &CredentialRecord) -> Self {
        let other = self.account.as_ref().is_some_and(|(provider, label)| {
            *provider != record.provider || *label != record.label
        });
        match other {
            true => Self::default(),
            false => self,
        }
    }
}
