//! What a credential's actor shows to everybody.

use super::health::{Fitness, Health, Reason};
use super::id::TokenVersion;
use super::quota::Quota;
use super::record::CredentialRecord;
use super::select::Standing;
use crate::lease::Terms;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Time before the end of a token in which workers ask the actor instead of reading the view.
pub const ASK_MARGIN: TimeDelta = TimeDelta::seconds(30);

/// State of one credential, small, replaced as a whole with every change.
#[derive(Debug, Clone)]
pub struct CredentialView {
    /// The record with the current token.
    pub record: Arc<CredentialRecord>,
    /// Which token it holds.
    pub version: TokenVersion,
    /// End of the token; `None` = it does not expire.
    pub ready_until: Option<DateTime<Utc>>,
    /// What the actor is doing about it.
    pub state: CredentialState,
    /// Rests after failures.
    pub health: Health,
    /// How much of its allowance is used, as far as the upstream tells.
    pub quota: Quota,
    /// When the service may be asked for that; `None` = it tells by itself, or not at all.
    pub quota_due_at: Option<DateTime<Utc>>,
    /// The token's history, for people.
    pub refresh: RefreshView,
    /// What a person has to do, in the words of the upstream or of the refresh.
    pub attention: Option<Arc<str>>,
    /// The last trouble with a request; also after it has passed.
    pub last_error: Option<Arc<LastError>>,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: DateTime<Utc>,
    /// Upstream model it was about.
    pub model: Arc<str>,
    /// What the upstream said, or what stood in the way; in one line and at most
    /// [`TEXT_MAX`] characters.
    pub message: String,
}

/// Longest text of an upstream that is kept with an account.
pub const TEXT_MAX: usize = 300;

/// `text` in one line, cut after [`TEXT_MAX`] characters: upstreams send whole pages.
pub fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    // Whoever prints it must not be steered by it.
    line.retain(|c| !c.is_control());
    match line.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Overall state of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// Serves.
    Ready,
    /// Fetches a new token; serves with the old one while it lasts.
    Refreshing,
    /// The login is used up; serves with the old token while it lasts.
    NeedsLogin,
    /// Switched off by its owner.
    Disabled,
    /// Crashed too often; rests until its record changes.
    Broken,
}

impl CredentialState {
    /// The word in logs and the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Refreshing => "refreshing",
            Self::NeedsLogin => "needs_login",
            Self::Disabled => "disabled",
            Self::Broken => "broken",
        }
    }
}

/// When a token was and will be refreshed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefreshView {
    /// Last success.
    pub last_at: Option<DateTime<Utc>>,
    /// Next attempt; `None` = none planned.
    pub next_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed; `None` after a success.
    pub last_error: Option<Arc<str>>,
}

impl CredentialView {
    /// Whether an attempt with `model` may be made under `terms`, as far as this view knows.
    pub fn standing(&self, model: &str, terms: Terms, now: DateTime<Utc>) -> Standing {
        let expired = self.ready_until.is_some_and(|until| until <= now);
        match self.state {
            CredentialState::Disabled => return Standing::Disabled,
            CredentialState::Broken => return Standing::Broken,
            CredentialState::NeedsLogin if expired => return Standing::NeedsLogin,
            _ => {}
        }
        let probe = match self.health.fitness(model, now) {
            Fitness::Resting {
                reason: Reason::Transient,
                ..
            } if terms.forgive_transient => false,
            Fitness::Resting {
                reason: Reason::Quota,
                ..
            } if terms.paid => false,
            Fitness::Resting { until, reason } => return Standing::Cooling { until, reason },
            Fitness::Probe => true,
            Fitness::Fit => false,
        };
        let expiring = self
            .ready_until
            .is_some_and(|until| until - ASK_MARGIN <= now);
        let stale = terms
            .newer_than
            .is_some_and(|refused| self.version <= refused);
        if probe || expiring || stale {
            Standing::Ask
        } else {
            Standing::Ready
        }
    }

    /// Whether an answer at `now` is the occasion to ask how much of the allowance is used.
    pub fn wants_quota(&self, now: DateTime<Utc>) -> bool {
        self.quota_due_at.is_some_and(|due| due <= now)
    }

    /// Whether a success with `model` would be no news.
    pub fn is_untroubled(&self, model: &str) -> bool {
        self.health.is_clear(model) && self.attention.is_none()
    }

    /// Whether the credential counts for the model lists: quota and passing faults do, refusals and
    /// missing models do not (`routing.md` §4).
    pub fn lists(&self, model: &str, now: DateTime<Utc>) -> bool {
        match self.standing(model, Terms::default(), now) {
            Standing::Ready | Standing::Ask => true,
            Standing::Cooling { reason, .. } => !reason.hides(),
            Standing::NeedsLogin | Standing::Disabled | Standing::Broken => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_upstreams_are_cut() {
        for (text, want) in [
            ("", "".to_owned()),
            (" a\n\tb  c ", "a b c".to_owned()),
            ("\u{1b}[31mred\u{7}", "[31mred".to_owned()),
            (&"é".repeat(TEXT_MAX), "é".repeat(TEXT_MAX)),
            (
                &"é".repeat(TEXT_MAX + 1),
                format!("{}…", "é".repeat(TEXT_MAX)),
            ),
        ] {
            assert_eq!(in_one_line(text), want);
        }
    }
}
