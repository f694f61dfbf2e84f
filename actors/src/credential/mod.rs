//! The owner of one credential: its token, its timer, its health.
//!
//! `decide` says what an asker gets, `renewals` keeps the token fresh, `condition` is what was learned
//! from calls, `handlers` holds the messages, `faces` lets one account take part in routing several times.

mod condition;
mod decide;
mod faces;
mod handlers;
mod kept;
mod quota;
mod renewals;

pub(crate) use faces::{Faces, Seat};
#[cfg(test)]
pub(crate) use handlers::Crash;
pub use handlers::{Amend, Discover, Flush, ResetHealth};
pub(crate) use handlers::{ChildDown, Reload, Replace, Retire};
pub(crate) use kept::Kept;

use crate::domain::health::CoolingRules;
use crate::domain::id::{CredentialId, TokenVersion};
use crate::domain::outcome::Refusal;
use crate::domain::record::{CredentialRecord, Kind};
use crate::domain::view::{CredentialState, CredentialView, RefreshView};
use crate::lease::{Lease, Reporter, Terms};
use crate::port::AccountDriver;
use crate::published::Published;
use crate::renewal::{Saved, Surroundings};
use crate::store::Version;
use actix::prelude::*;
use chrono::{DateTime, Utc};
use condition::Condition;
use decide::{Decision, decide};
use faces::Face;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use renewals::Renewals;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// What a new actor starts from.
pub(crate) struct Seed {
    pub(crate) record: Arc<CredentialRecord>,
    /// State of its document in the store; `None` for configured keys.
    pub(crate) stored: Option<Version>,
    pub(crate) rules: CoolingRules,
    /// Where it shows itself. After a crash it holds what the predecessor showed last: health and
    /// version go on from there.
    pub(crate) view: Arc<Published<CredentialView>>,
    /// The same for its faces.
    pub(crate) faces: Vec<Seat>,
    /// Tells the actor from its predecessors.
    pub(crate) generation: u64,
    pub(crate) around: Surroundings,
    pub(crate) supervisor: Recipient<ChildDown>,
}

/// Somebody who waits for the end of a refresh.
struct Waiter {
    credential: CredentialId,
    model: Arc<str>,
    terms: Terms,
    reply: oneshot::Sender<Result<Lease, Refusal>>,
}

/// The owner of one credential. Lives on the control thread.
pub struct CredentialActor {
    record: Arc<CredentialRecord>,
    saved: Saved,
    /// Why the token in use is not on disk: try again with the timer.
    unsaved: Option<Arc<str>>,
    /// The document may have changed since it was read: read it again when nothing is under way.
    read_again: bool,
    version: TokenVersion,
    condition: Condition,
    faces: Vec<Face>,
    /// The record the faces were made of; `None` = they have to catch up.
    faced: Option<Arc<CredentialRecord>>,
    rules: CoolingRules,
    renewals: Renewals,
    waiters: Vec<Waiter>,
    flushers: Vec<oneshot::Sender<()>>,
    /// Tells the refresh under way that somebody waits for it.
    hurry: Arc<Notify>,
    driver: Option<Arc<dyn AccountDriver>>,
    nap: Option<SpawnHandle>,
    view: Arc<Published<CredentialView>>,
    generation: u64,
    around: Surroundings,
    supervisor: Recipient<ChildDown>,
}

impl CredentialActor {
    pub(crate) fn new(seed: Seed) -> Self {
        let before = seed.view.get();
        // Only another token is a newer one: whoever was refused with this one before the actor
        // ran must not get it again.
        let version = if before.record.secret == seed.record.secret {
            before.version
        } else {
            before.version.next()
        };
        Self {
            saved: Saved {
                record: Arc::clone(&seed.record),
                version: seed.stored,
            },
            unsaved: None,
            read_again: false,
            version,
            condition: Condition::shown(&before),
            faced: None,
            faces: seed.faces.into_iter().map(Face::new).collect(),
            rules: seed.rules,
            renewals: Renewals {
                last_at: before.refresh.last_at,
                last_error: before.refresh.last_error.clone(),
                ..Renewals::default()
            },
            waiters: Vec::new(),
            flushers: Vec::new(),
            hurry: Arc::default(),
            driver: seed.around.providers.driver(&seed.record.provider),
            nap: None,
            view: seed.view,
            generation: seed.generation,
            around: seed.around,
            supervisor: seed.supervisor,
            record: seed.record,
        }
    }

    /// What a credential shows before its first actor runs.
    pub(crate) fn first_view(record: Arc<CredentialRecord>, kept: Kept) -> CredentialView {
        let kept = kept.if_about(&record);
        CredentialView {
            ready_until: ready_until(&record),
            state: state_of(&record, &Renewals::default()),
            record,
            version: TokenVersion::default().next(),
            health: kept.health,
            quota: kept.quota,
            quota_due_at: None,
            refresh: RefreshView::default(),
            attention: kept.attention,
            last_error: kept.last_error,
        }
    }

    fn show(&mut self) {
        self.view.set(self.picture());
        self.show_faces();
    }

    fn picture(&self) -> CredentialView {
        CredentialView {
            record: Arc::clone(&self.record),
            version: self.version,
            ready_until: ready_until(&self.record),
            state: state_of(&self.record, &self.renewals),
            health: self.condition.health.clone(),
            quota: self.condition.quota.clone(),
            quota_due_at: self.quota_due_at(&self.condition),
            refresh: RefreshView {
                last_at: self.renewals.last_at,
                next_at: self.next_refresh_at(),
                last_error: self.renewals.last_error.clone(),
            },
            attention: self
                .unsaved
                .clone()
                .or_else(|| self.condition.action.clone()),
            last_error: self.condition.last_error.clone(),
        }
    }

    /// Grants, refuses, or makes the asker wait for a refresh that it starts.
    fn lease(
        &mut self,
        credential: CredentialId,
        model: Arc<str>,
        terms: Terms,
        ctx: &mut Context<Self>,
    ) -> LocalBoxFuture<'static, Result<Lease, Refusal>> {
        let now = self.around.clock.now();
        match self.decide(&credential, &model, terms, now) {
            Decision::Lease { probe } => {
                Box::pin(ready(self.grant(&credential, &model, probe, now, ctx)))
            }
            Decision::Refuse(refusal) => Box::pin(ready(Err(refusal))),
            Decision::Wait => {
                let (reply, answer) = oneshot::channel();
                self.waiters.push(Waiter {
                    credential,
                    model,
                    terms,
                    reply,
                });
                self.renew_for_waiters(ctx);
                answer
                    .map(|answer| answer.unwrap_or(Err(Refusal::Gone)))
                    .boxed_local()
            }
        }
    }

    fn decide(
        &mut self,
        credential: &CredentialId,
        model: &str,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Decision {
        match self.picture_of(credential) {
            Some((picture, _)) => decide(&picture, model, terms, self.chance(now), now),
            None => Decision::Refuse(Refusal::Gone),
        }
    }

    fn grant(
        &mut self,
        credential: &CredentialId,
        model: &Arc<str>,
        probe: bool,
        now: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) -> Result<Lease, Refusal> {
        if probe && let Some(condition) = self.condition_mut(credential) {
            condition.health = condition.health.probing(model, now);
            self.show();
        }
        let (picture, view) = self.picture_of(credential).ok_or(Refusal::Gone)?;
        let report = Reporter::Actor(ctx.address());
        Ok(Lease::new(&view, &picture, model, probe, now, report))
    }
}

/// End of the token in use. A login without a token has to fetch one before its first use.
fn ready_until(record: &CredentialRecord) -> Option<DateTime<Utc>> {
    match (record.kind, &record.secret) {
        (Kind::Login, None) => Some(DateTime::UNIX_EPOCH),
        _ => record.expires_at,
    }
}

fn state_of(record: &CredentialRecord, renewals: &Renewals) -> CredentialState {
    if record.settings.disabled {
        CredentialState::Disabled
    } else if renewals.given_up {
        CredentialState::NeedsLogin
    } else if renewals.running {
        CredentialState::Refreshing
    } else {
        CredentialState::Ready
    }
}

impl Actor for CredentialActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.show();
        self.schedule(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.supervisor.do_send(ChildDown {
            id: self.record.id.clone(),
            generation: self.generation,
            panicked: std::thread::panicking(),
        });
    }
}

#[cfg(test)]
mod tests;
