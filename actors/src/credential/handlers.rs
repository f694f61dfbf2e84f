//! The messages of a credential. Decisions are elsewhere.

use super::CredentialActor;
use super::condition::Condition;
use crate::domain::catalog::ModelInfo;
use crate::domain::health::{CoolingRules, Health};
use crate::domain::id::CredentialId;
use crate::domain::outcome::{Outcome, Refusal};
use crate::domain::record::CredentialRecord;
use crate::lease::{Acquire, Lease, Observed, Report, Terms};
use crate::port::DiscoverError;
use crate::renewal::Surroundings;
use crate::store::{StoreError, Stored, Version};
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::ready;
use serde_json::{Map, Value};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Writers that may get in between before an amendment fails.
const AMEND_ATTEMPTS: u32 = 4;

/// A credential's actor has stopped.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ChildDown {
    pub(crate) id: CredentialId,
    pub(crate) generation: u64,
    pub(crate) panicked: bool,
}

/// The record or the rules have changed in the configuration.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Replace {
    /// `None` for logins: they read their document themselves, being its only writer.
    pub(crate) record: Option<Arc<CredentialRecord>>,
    pub(crate) rules: CoolingRules,
}

/// The document has changed in the store: read it again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Reload;

/// The credential is no longer wanted.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Retire;

/// Asks for the models the account has; `None` when its provider has no such list.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<Vec<ModelInfo>>, DiscoverError>")]
pub struct Discover;

/// Forgets all rests, also those of the account's faces (`reset-quota` of the management API).
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ResetHealth;

/// Changes fields of a login's document; null removes a field. Configured keys are changed in the
/// configuration instead.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Amend(pub Map<String, Value>);

/// Waits until nothing is under way and everything is on disk, as far as the disk allows.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Flush;

/// Panics the actor.
#[cfg(test)]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Crash;

#[cfg(test)]
impl Handler<Crash> for CredentialActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        panic!("crash on demand");
    }
}

impl Handler<Acquire> for CredentialActor {
    type Result = ResponseFuture<Result<Lease, Refusal>>;

    fn handle(&mut self, ask: Acquire, ctx: &mut Context<Self>) -> Self::Result {
        self.lease(ask.credential, ask.model, ask.terms, ctx)
    }
}

impl Handler<Report> for CredentialActor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Context<Self>) {
        let (now, rules, label) = (
            self.around.clock.now(),
            self.rules,
            self.record.label.clone(),
        );
        let is_old = report.version < self.version;
        // Whose face is gone has nothing to remember.
        let condition = self.condition_mut(&report.credential);
        let before = condition
            .as_ref()
            .and_then(|one| one.health.whole().copied());
        if condition.is_some_and(|one| one.report(&report, is_old, &rules, &label, now)) {
            if !is_old || report.outcome == Outcome::Served {
                self.tell_faces(&report, before);
            }
            self.show();
            if let Some(condition) = self.condition_mut(&report.credential) {
                condition.log_new_rests(&report.credential, &label, now);
            }
        }
        if report.outcome == Outcome::Served {
            self.ask_quota(report.credential, ctx);
        }
    }
}

impl Handler<Observed> for CredentialActor {
    type Result = ();

    fn handle(&mut self, observed: Observed, _: &mut Context<Self>) {
        let (now, label) = (self.around.clock.now(), self.record.label.clone());
        let Observed {
            credential,
            windows,
        } = observed;
        let condition = self.condition_mut(&credential);
        if condition.is_some_and(|one| one.observe(&credential, windows, &label, now)) {
            self.show();
        }
    }
}

impl Handler<Replace> for CredentialActor {
    type Result = ();

    fn handle(&mut self, Replace { record, rules }: Replace, ctx: &mut Context<Self>) {
        self.rules = rules;
        if rules.disabled {
            self.conditions_mut()
                .for_each(|condition| condition.health = Health::default());
        }
        if let Some(record) = record {
            if !self.record.same_account(&record) {
                self.condition = Condition::default();
            }
            self.version = self.version.next();
            self.driver = self.around.providers.driver(&record.provider);
            self.saved.record = Arc::clone(&record);
            self.record = record;
        }
        self.settle(ctx);
    }
}

impl Handler<Reload> for CredentialActor {
    type Result = ();

    fn handle(&mut self, _: Reload, ctx: &mut Context<Self>) {
        if self.unsaved.is_some() && !self.renewals.running {
            // Puts the token in use on top of what is there now, or adopts a newer one.
            return self.save_again(ctx);
        }
        self.read(ctx);
    }
}

impl Handler<Retire> for CredentialActor {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<ResetHealth> for CredentialActor {
    type Result = ();

    fn handle(&mut self, _: ResetHealth, _: &mut Context<Self>) {
        self.conditions_mut().for_each(Condition::reset);
        self.show();
    }
}

impl Handler<Discover> for CredentialActor {
    type Result = ResponseFuture<Result<Option<Vec<ModelInfo>>, DiscoverError>>;

    fn handle(&mut self, _: Discover, ctx: &mut Context<Self>) -> Self::Result {
        let Some(driver) = self.driver.clone() else {
            return Box::pin(ready(Ok(None)));
        };
        // No model has this name: only rests of the whole credential are in the way.
        let lease = self.lease(self.record.id.clone(), "".into(), Terms::default(), ctx);
        let asked = async move {
            let lease = lease.await.map_err(|refusal| refusal.to_string())?;
            match driver.discover(Arc::clone(&lease.record)) {
                Some(models) => models.await.map(Some).map_err(|error| error.message),
                None => Ok(None),
            }
        };
        let asked = AssertUnwindSafe(asked).catch_unwind().map(|asked| {
            let panicked = |_| Err("the provider's code panicked".to_owned());
            asked
                .unwrap_or_else(panicked)
                .map_err(|message| DiscoverError { message })
        });
        Box::pin(asked)
    }
}

impl Handler<Amend> for CredentialActor {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, Amend(fields): Amend, _: &mut Context<Self>) -> Self::Result {
        let around = self.around.clone();
        let (id, known) = (self.record.id.clone(), self.saved.version.clone());
        let amended = async move { amend(&around, &id, fields).await }.into_actor(self);
        Box::pin(amended.map(|amended, actor, ctx| {
            actor.found(amended?, known, ctx);
            actor.settle(ctx);
            Ok(())
        }))
    }
}

/// Changes fields of a document, whatever else changes in it meanwhile.
async fn amend(
    around: &Surroundings,
    id: &CredentialId,
    fields: Map<String, Value>,
) -> Result<Stored, StoreError> {
    let mut failed = StoreError::Conflict { id: id.clone() };
    for _ in 0..AMEND_ATTEMPTS {
        let Some(mut stored) = around.store.load(id).await? else {
            return Err(failed);
        };
        for (name, value) in &fields {
            match value {
                Value::Null => drop(stored.document.shift_remove(name)),
                value => drop(stored.document.insert(name.clone(), value.clone())),
            }
        }
        let saved = around
            .store
            .save(id, stored.document.clone(), Some(stored.version))
            .await;
        match saved {
            Ok(version) => {
                return Ok(Stored {
                    id: id.clone(),
                    document: stored.document,
                    version,
                });
            }
            Err(error @ StoreError::Conflict { .. }) => failed = error,
            Err(error) => return Err(error),
        }
    }
    Err(failed)
}

impl CredentialActor {
    /// Reads the document again and takes over what it says.
    pub(super) fn read(&mut self, ctx: &mut Context<Self>) {
        let known = self.saved.version.clone();
        let loaded = self.around.store.load(&self.record.id).into_actor(self);
        ctx.spawn(loaded.map(|loaded, actor, ctx| {
            match loaded {
                Ok(Some(stored)) => actor.found(stored, known, ctx),
                Ok(None) => {} // the supervisor retires this actor
                Err(error) => {
                    let id = &actor.record.id;
                    tracing::warn!(credential = %id, %error, "credential not read again");
                }
            }
            actor.settle(ctx);
        }));
    }

    /// Takes over a document of the store, unless it is the one known already. `known` was known when
    /// the reading began.
    ///
    /// While a refresh runs, the document may hold the token that it is about to report: a login
    /// adopted now would be counted twice. Then only what its owner set counts at once. And what was
    /// read while something was written may be older than that.
    fn found(&mut self, stored: Stored, known: Option<Version>, ctx: &mut Context<Self>) {
        if Some(&stored.version) == self.saved.version.as_ref() {
            return;
        }
        if known != self.saved.version && !self.renewals.running {
            return self.read(ctx);
        }
        match self.around.open(stored) {
            Ok(opened) if self.renewals.running => {
                self.read_again = true;
                self.record = Arc::new(CredentialRecord {
                    settings: opened.record.settings.clone(),
                    label: opened.record.label.clone(),
                    ..(*self.record).clone()
                });
            }
            Ok(opened) => self.adopt(opened),
            Err(error) => {
                tracing::warn!(credential = %self.record.id, %error, "no longer a credential");
            }
        }
    }
}

impl Handler<Flush> for CredentialActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, ctx: &mut Context<Self>) -> Self::Result {
        if self.unsaved.is_some() && !self.renewals.running {
            self.save_again(ctx);
        }
        if !self.renewals.running {
            return Box::pin(ready(()));
        }
        let (reply, ended) = oneshot::channel();
        self.flushers.push(reply);
        // A reply that is never sent means that the actor ended, and with it all that was under way.
        Box::pin(ended.map(|_| ()))
    }
}
