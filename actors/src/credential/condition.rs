//! What was learned about an account, or about one of its faces. Pure but for its log lines.

use crate::domain::health::{CoolingRules, HINT_CAP, Health, Mark};
use crate::domain::id::CredentialId;
use crate::domain::outcome::{Outcome, Scope};
use crate::domain::quota::{ASKED_EVERY, Quota, QuotaStatus, QuotaWindow};
use crate::domain::view::{CredentialState, CredentialView, LastError, in_one_line};
use crate::lease::Report;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// What was learned about an account, or about one of its faces.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    /// Rests after failures.
    pub(super) health: Health,
    /// How much of its allowance is used.
    pub(super) quota: Quota,
    /// When the service was asked for that.
    pub(super) quota_asked_at: Option<DateTime<Utc>>,
    /// What its owner has to do.
    pub(super) action: Option<Arc<str>>,
    /// The last trouble with a request.
    pub(super) last_error: Option<Arc<LastError>>,
}

impl Condition {
    /// What was shown last. What the owner has to do belongs to the rest that came with it: anything
    /// else that called for attention ended with the actor that showed it.
    pub(super) fn shown(view: &CredentialView) -> Self {
        let asks = view.health.whole().is_some() && view.state != CredentialState::Broken;
        Self {
            health: view.health.clone(),
            quota: view.quota.clone(),
            quota_asked_at: view.quota_due_at.map(|due| due - ASKED_EVERY),
            action: view.attention.clone().filter(|_| asks),
            last_error: view.last_error.clone(),
        }
    }

    /// The token was replaced. What the owner has to do stays to be done.
    pub(super) fn with_new_token(&mut self) {
        self.health = self.health.with_new_token();
    }

    /// Somebody logged in again.
    pub(super) fn with_new_login(&mut self) {
        self.health = self.health.with_new_login();
        self.action = None;
    }

    /// Takes over what another face learned about the account as a whole.
    pub(super) fn with_refused_account(&mut self, mark: Option<Mark>, action: Option<&Arc<str>>) {
        let longer = |own: &Mark| mark.is_some_and(|mark| own.until > mark.until);
        if self.health.whole().is_some_and(longer) {
            return;
        }
        if let Some(mark) = mark {
            self.health.restore(None, mark);
        }
        self.action = action.cloned();
    }

    /// Another face showed that the account as a whole is served again, which was refused at `since`.
    /// A rest that began otherwise stays.
    pub(super) fn with_served_account(&mut self, since: DateTime<Utc>) {
        if self.health.whole().is_some_and(|mark| mark.since == since) {
            self.health = self.health.without_whole();
            self.action = None;
        }
    }

    /// All rests end; the rest is only history.
    pub(super) fn reset(&mut self) {
        (self.health, self.action) = (Health::default(), None);
    }

    /// Takes in how an attempt ended; false when that is no news. `is_old`: it was made with a token
    /// that has been replaced since.
    pub(super) fn report(
        &mut self,
        report: &Report,
        is_old: bool,
        rules: &CoolingRules,
        label: &str,
        now: DateTime<Utc>,
    ) -> bool {
        let mut attempt = report.attempt();
        let about_token = matches!(
            report.outcome,
            Outcome::Unauthorized | Outcome::Forbidden { .. } | Outcome::NeedsAction { .. }
        );
        if about_token && is_old {
            // This says nothing about the new one.
            attempt.outcome = Outcome::ClientLeft;
        }
        attempt.outcome = self.until_reset(attempt.outcome, &report.model, now);
        let health = self.health.after(attempt, rules, now);
        let troubled = attempt.outcome.is_trouble();
        // A success that began before the account was refused proves nothing.
        let works = attempt.outcome == Outcome::Served && health.whole().is_none();
        if health == self.health && !troubled && !(works && self.action.is_some()) {
            return false;
        }
        self.health = health;
        if works {
            self.action = None;
        }
        if troubled {
            self.troubled(report, label, now);
        }
        true
    }

    /// A quota's rest is over when the quota begins anew: when the service told that time for the
    /// model, it beats a later one that the refusal let guess (`gemini-cli.md` §6).
    fn until_reset(&self, outcome: Outcome, model: &str, now: DateTime<Utc>) -> Outcome {
        let Outcome::RateLimited {
            retry_after: Some(hint),
            scope: scope @ Scope::Model,
        } = outcome
        else {
            return outcome;
        };
        // A short limit is another one than the quota that is told.
        if TimeDelta::from_std(hint).is_ok_and(|hint| hint <= HINT_CAP) {
            return outcome;
        }
        let told = self.quota.get(model).and_then(|window| window.resets_at);
        let left = told.and_then(|at| (at - now).to_std().ok());
        Outcome::RateLimited {
            retry_after: Some(
                left.filter(|left| !left.is_zero())
                    .map_or(hint, |left| left.min(hint)),
            ),
            scope,
        }
    }

    /// Logs the rests that begin `now`. Called when everybody can see them: what comes later in the
    /// log happened later.
    pub(super) fn log_new_rests(&self, id: &CredentialId, label: &str, now: DateTime<Utc>) {
        for (model, mark) in self.health.marks().filter(|(_, mark)| mark.since == now) {
            tracing::info!(
                credential = %id, label, model,
                reason = mark.reason.as_str(), until = %mark.until, "resting"
            );
        }
    }

    /// Remembers what went wrong, and what there is to do about it.
    fn troubled(&mut self, report: &Report, label: &str, now: DateTime<Utc>) {
        let message = in_one_line(report.detail.as_deref().unwrap_or_default());
        if let Outcome::NeedsAction { reason, .. } = report.outcome {
            let action = match message.is_empty() {
                true => reason.as_str(),
                false => &message,
            };
            if self.action.as_deref() != Some(action) {
                let credential = &report.credential;
                tracing::error!(%credential, label, action, "account needs action");
                self.action = Some(action.into());
            }
        }
        self.last_error = Some(Arc::new(LastError {
            at: now,
            model: Arc::clone(&report.model),
            message,
        }));
    }

    /// Takes in what an upstream said about the quota; false when that is no news.
    pub(super) fn observe(
        &mut self,
        credential: &CredentialId,
        windows: Vec<QuotaWindow>,
        label: &str,
        now: DateTime<Utc>,
    ) -> bool {
        // Requests side by side see the same; the first one brought the news.
        if !self.quota.is_news(&windows) {
            return false;
        }
        let low = windows
            .iter()
            .filter(|new| new.status != QuotaStatus::Allowed);
        for window in low {
            let before = self.quota.get(&window.name).map(|old| old.status);
            if before != Some(window.status) {
                let resets_at = window.resets_at;
                tracing::info!(%credential, label, %window, ?resets_at, "quota");
            }
        }
        self.quota = self.quota.with(windows, now);
        true
    }
}
