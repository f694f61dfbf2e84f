//! Keeping the token fresh: when, and what follows.

use super::condition::Condition;
use super::decide::{Chance, Decision};
use super::{CredentialActor, ready_until};
use crate::domain::record::{CredentialRecord, Kind};
use crate::domain::refresh::{DEMAND_GAP, due_at, due_within, next_nap, retry_wait};
use crate::port::{AccountDriver, RefreshError};
use crate::renewal::{Opened, Renewal, Renewed, Saved};
use crate::store::StoreError;
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What the actor remembers about refreshes.
#[derive(Debug, Clone, Default)]
pub(super) struct Renewals {
    pub(super) running: bool,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Begin of the last attempt, after a failure its end: whoever waited for it has waited enough.
    pub(super) tried_at: Option<DateTime<Utc>>,
    /// Not by the timer before this.
    pub(super) retry_at: Option<DateTime<Utc>>,
    pub(super) last_at: Option<DateTime<Utc>>,
    pub(super) last_error: Option<Arc<str>>,
    /// The login is used up until the document changes.
    pub(super) given_up: bool,
}

impl CredentialActor {
    /// When the timer refreshes next; `None` when nothing expires, or only a login would help.
    pub(super) fn next_refresh_at(&self) -> Option<DateTime<Utc>> {
        let driver = self.driver.as_ref()?;
        if self.renewals.given_up {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        (&self.record.id, self.version).hash(&mut hasher);
        let (end, lead) = (ready_until(&self.record), driver.refresh_lead(&self.record));
        let made_at = self.record.refreshed_at.or(self.renewals.last_at);
        let due = end.map(|end| due_at(end, made_at, lead, hasher.finish()));
        let due = match self.record.settings.refresh_interval {
            Some(interval) if self.can_renew() => due_within(due, end, made_at, interval),
            _ => due?,
        };
        // Also tokens that hardly live at all are not fetched all the time.
        let rested = self.renewals.tried_at.map(|tried| tried + DEMAND_GAP);
        [self.renewals.retry_at, rested]
            .into_iter()
            .flatten()
            .chain([due])
            .max()
    }

    pub(super) fn chance(&self, now: DateTime<Utc>) -> Chance {
        let rested = self.renewals.tried_at.is_none_or(|tried| {
            // An attempt that succeeded is no reason to wait.
            self.renewals.failures == 0 || tried + DEMAND_GAP <= now
        });
        let possible = self.can_renew() && !self.renewals.given_up && rested;
        if self.renewals.running || possible {
            Chance::Some
        } else {
            Chance::None
        }
    }

    /// Whether there is anything to refresh: a plain key has nothing but itself.
    fn can_renew(&self) -> bool {
        let expires = self.record.kind == Kind::Login || self.record.expires_at.is_some();
        expires && self.driver.is_some()
    }

    fn start_renewal(&mut self, ctx: &mut Context<Self>) {
        let Some(driver) = self.driver.clone().filter(|_| !self.renewals.running) else {
            return;
        };
        self.renewals.running = true;
        self.hurry = Arc::default();
        self.renewals.tried_at = Some(self.around.clock.now());
        self.show();
        let renewal = self.renewal(driver);
        let done = renewal.run().into_actor(self);
        ctx.spawn(done.map(|renewed, actor, ctx| actor.renewed(renewed, ctx)));
    }

    /// Starts a refresh, or hurries the one that queues.
    pub(super) fn renew_for_waiters(&mut self, ctx: &mut Context<Self>) {
        self.start_renewal(ctx);
        self.hurry.notify_one();
    }

    fn renewal(&self, driver: Arc<dyn AccountDriver>) -> Renewal {
        Renewal {
            around: self.around.clone(),
            driver,
            record: Arc::clone(&self.record),
            saved: self.saved.clone(),
            hurry: Arc::clone(&self.hurry),
        }
    }

    /// Takes over what a refresh brought, then answers everybody who waits for it.
    fn renewed(&mut self, renewed: Renewed, ctx: &mut Context<Self>) {
        let now = self.around.clock.now();
        self.renewals.running = false;
        match renewed {
            Renewed::Fresh {
                record,
                saved,
                save_error,
            } => {
                self.use_fresh(record, saved, save_error, now);
            }
            Renewed::Changed(opened) => {
                tracing::info!(
                    credential = %self.record.id, label = %self.record.label,
                    "newer token found in the store"
                );
                self.adopt(opened);
            }
            Renewed::Removed => {
                // The supervisor retires this actor as soon as it hears of it; unless the file is
                // back by then.
                self.failed("removed from the store".into(), now);
                self.renewals.retry_at = Some(now + retry_wait(self.renewals.failures));
            }
            Renewed::Failed(error) => self.renewal_failed(&error, now),
        }
        self.ended(ctx);
    }

    /// A refresh or a saving has ended: also what changed meanwhile counts now.
    fn ended(&mut self, ctx: &mut Context<Self>) {
        if std::mem::take(&mut self.read_again) {
            // Whoever waits hears of it afterwards: the token may be there.
            self.show();
            self.read(ctx);
        } else {
            self.settle(ctx);
        }
    }

    /// Shows the state after something has ended, answers who waited for it, sets the next alarm.
    pub(super) fn settle(&mut self, ctx: &mut Context<Self>) {
        self.show();
        self.answer_waiters(ctx);
        if !self.renewals.running {
            for waiting in self.flushers.drain(..) {
                // Whoever stopped waiting does not mind.
                let _ = waiting.send(());
            }
        }
        self.schedule(ctx);
    }

    fn use_fresh(
        &mut self,
        record: Arc<CredentialRecord>,
        saved: Saved,
        save_error: Option<StoreError>,
        now: DateTime<Utc>,
    ) {
        let failures = self.renewals.failures;
        self.record = record;
        self.saved = saved;
        self.unsaved = None;
        self.version = self.version.next();
        self.conditions_mut().for_each(Condition::with_new_token);
        self.renewals = Renewals {
            tried_at: self.renewals.tried_at,
            last_at: Some(now),
            ..Renewals::default()
        };
        if let Some(error) = save_error {
            self.cannot_save(&error);
        }
        if ready_until(&self.record).is_some_and(|until| until <= now) {
            self.renewals.failures = failures;
            let message = "the new token has ended already".to_owned();
            return self.renewal_failed(
                &RefreshError::Transient {
                    message,
                    retry_after: None,
                },
                now,
            );
        }
        tracing::info!(
            credential = %self.record.id, label = %self.record.label,
            expires_at = ?self.record.expires_at, "token refreshed"
        );
    }

    fn cannot_save(&mut self, error: &StoreError) {
        tracing::error!(
            credential = %self.record.id, label = %self.record.label,
            error = error as &dyn std::error::Error,
            "new token is not on disk; it is lost when this process ends"
        );
        self.unsaved = Some(format!("new token is not on disk: {error}").into());
    }

    fn failed(&mut self, error: Arc<str>, now: DateTime<Utc>) {
        self.renewals.failures += 1;
        self.renewals.tried_at = Some(now);
        self.renewals.last_error = Some(error);
    }

    fn renewal_failed(&mut self, error: &RefreshError, now: DateTime<Utc>) {
        self.failed(error.to_string().into(), now);
        let failures = self.renewals.failures;
        let (id, label) = (&self.record.id, &self.record.label);
        match error {
            RefreshError::Revoked { .. } | RefreshError::Misconfigured { .. } => {
                self.renewals.given_up = true;
                tracing::error!(credential = %id, %label, failures, %error, "login needed");
            }
            RefreshError::Unreachable { .. }
            | RefreshError::Unknown { .. }
            | RefreshError::Transient { .. } => {
                let hint = match error {
                    RefreshError::Transient { retry_after, .. } => *retry_after,
                    _ => None,
                };
                let hint = hint.and_then(|hint| TimeDelta::from_std(hint).ok());
                let wait = hint.map_or_else(
                    || retry_wait(failures),
                    |hint| hint.clamp(DEMAND_GAP, retry_wait(u32::MAX)),
                );
                self.renewals.retry_at = Some(now + wait);
                tracing::warn!(
                    credential = %id, %label, failures, retry_at = %(now + wait), %error,
                    "token refresh failed"
                );
            }
        }
    }

    /// Takes over what stands in the store now.
    pub(super) fn adopt(&mut self, opened: Opened) {
        let record = opened.record;
        let new_login = !self.record.same_login(&record);
        if !self.record.same_account(&record) {
            self.condition = Condition::default();
        }
        if new_login {
            // Also a login that was used up gets another chance.
            self.version = self.version.next();
            self.conditions_mut().for_each(Condition::with_new_login);
            self.renewals = Renewals {
                running: self.renewals.running,
                last_at: self.renewals.last_at,
                ..Renewals::default()
            };
        }
        self.unsaved = None;
        self.driver = self.around.providers.driver(&record.provider);
        self.saved = Saved {
            record: Arc::clone(&record),
            version: Some(opened.version),
        };
        self.record = record;
    }

    fn answer_waiters(&mut self, ctx: &mut Context<Self>) {
        let now = self.around.clock.now();
        for waiter in std::mem::take(&mut self.waiters) {
            match self.decide(&waiter.credential, &waiter.model, waiter.terms, now) {
                Decision::Lease { probe } => {
                    let lease = self.grant(&waiter.credential, &waiter.model, probe, now, ctx);
                    // Whoever left meanwhile drops the lease, which reports that.
                    drop(waiter.reply.send(lease));
                }
                Decision::Refuse(refusal) => drop(waiter.reply.send(Err(refusal))),
                Decision::Wait => self.waiters.push(waiter),
            }
        }
        if !self.waiters.is_empty() {
            self.renew_for_waiters(ctx);
        }
    }

    /// Sets the alarm for the next thing to do; there is at most one.
    pub(super) fn schedule(&mut self, ctx: &mut Context<Self>) {
        if let Some(nap) = self.nap.take() {
            ctx.cancel_future(nap);
        }
        let now = self.around.clock.now();
        let next = match (self.next_refresh_at(), self.unsaved.is_some()) {
            (Some(at), false) => at,
            (Some(at), true) => at.min(now + TimeDelta::minutes(1)),
            (None, true) => now + TimeDelta::minutes(1),
            (None, false) => return,
        };
        self.nap = Some(ctx.run_later(next_nap(next, now), Self::wake));
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        self.nap = None;
        let now = self.around.clock.now();
        if !self.renewals.running {
            if self.next_refresh_at().is_some_and(|at| at <= now) {
                // The end of the refresh sets the next alarm.
                return self.start_renewal(ctx);
            }
            if self.unsaved.is_some() {
                return self.save_again(ctx);
            }
        }
        if !self.renewals.running {
            self.schedule(ctx);
        }
    }

    /// Tries once more to get the token in use on disk.
    pub(super) fn save_again(&mut self, ctx: &mut Context<Self>) {
        let Some(driver) = self.driver.clone() else {
            return;
        };
        self.renewals.running = true;
        let renewal = self.renewal(driver);
        let record = Arc::clone(&self.record);
        let kept = async move { renewal.keep(record).await }.into_actor(self);
        ctx.spawn(kept.map(|kept, actor, ctx| {
            actor.renewals.running = false;
            actor.kept(kept);
            actor.ended(ctx);
        }));
    }

    fn kept(&mut self, kept: Renewed) {
        match kept {
            Renewed::Fresh {
                record,
                saved,
                save_error,
            } => {
                (self.record, self.saved) = (record, saved);
                self.unsaved = None;
                if let Some(error) = save_error {
                    self.cannot_save(&error);
                }
            }
            Renewed::Changed(opened) => self.adopt(opened),
            Renewed::Removed => {}   // as after a refresh
            Renewed::Failed(_) => {} // keeping asks no provider
        }
    }
}
