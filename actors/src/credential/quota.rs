//! Asking a service how much of an allowance is used, where it does not tell with its answers.
//!
//! The occasion is a request that was served: accounts nobody uses are left alone, and no request
//! waits for it.

use super::CredentialActor;
use super::condition::Condition;
use crate::domain::id::CredentialId;
use crate::domain::quota::ASKED_EVERY;
use actix::prelude::*;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

impl CredentialActor {
    /// When the service may be asked again.
    pub(super) fn quota_due_at(&self, condition: &Condition) -> Option<DateTime<Utc>> {
        let asked_at = condition.quota_asked_at;
        let due = asked_at.map_or(DateTime::UNIX_EPOCH, |at| at + ASKED_EVERY);
        let tells = self.driver.as_ref().is_some_and(|one| one.tells_quota());
        tells.then_some(due)
    }

    /// Asks the service for the use of the account, or of one of its faces, when it is time.
    pub(super) fn ask_quota(&mut self, id: CredentialId, ctx: &mut Context<Self>) {
        let now = self.around.clock.now();
        let Some(driver) = self.driver.clone() else {
            return;
        };
        let Some((picture, _)) = self.picture_of(&id).filter(|(it, _)| it.wants_quota(now)) else {
            return;
        };
        if let Some(condition) = self.condition_mut(&id) {
            condition.quota_asked_at = Some(now);
        }
        self.show();
        let asked = async move { driver.quota(picture.record).await };
        let asked = AssertUnwindSafe(asked).catch_unwind().into_actor(self);
        ctx.spawn(asked.map(move |asked, actor, _| {
            let windows = match asked {
                Ok(Ok(windows)) => windows,
                Ok(Err(error)) => return tracing::debug!(credential = %id, %error, "quota unknown"),
                Err(_) => {
                    let error = "the provider's code panicked";
                    return tracing::error!(credential = %id, error, "quota unknown");
                }
            };
            let (now, label) = (actor.around.clock.now(), actor.record.label.clone());
            let condition = actor.condition_mut(&id);
            if condition.is_some_and(|one| one.observe(&id, windows, &label, now)) {
                actor.show();
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::outcome::Outcome;
    use crate::domain::quota::{QuotaStatus, QuotaWindow};
    use crate::lease::Terms;
    use crate::port::Clock;
    use crate::testing::{World, candidate, pass};

    #[actix_rt::test]
    async fn accounts_that_serve_are_asked_every_ten_minutes() {
        tokio::time::pause();
        let world = World::new();
        *world.driver.quota.lock() = Some(vec![QuotaWindow {
            name: "m".into(),
            minutes: None,
            used_percent: Some(40),
            resets_at: Some(world.clock.minutes(600)),
            status: QuotaStatus::Allowed,
            observed_at: world.clock.now(),
        }]);
        let handles = world.start_with_login(6000).await;
        pass(3600).await;
        let n_asked = || *world.driver.n_quotas.lock();
        assert_eq!(n_asked(), 0, "nobody used the account");
        let candidate = candidate(&handles);
        let serve = async |outcome| {
            let lease = candidate.lease(Terms::default(), world.clock.now()).await;
            lease.expect("a lease").finish(outcome);
            pass(1).await;
        };
        serve(Outcome::ClientLeft).await;
        assert_eq!(n_asked(), 0);
        for _ in 0..3 {
            serve(Outcome::Served).await;
        }
        assert_eq!(n_asked(), 1);
        let shown = candidate.view.get();
        let used = shown.quota.get("m").and_then(|window| window.used_percent);
        assert_eq!(used, Some(40));
        pass(590).await;
        serve(Outcome::Served).await;
        assert_eq!(n_asked(), 1);
        pass(10).await;
        serve(Outcome::Served).await;
        assert_eq!(n_asked(), 2);
    }

    #[actix_rt::test]
    async fn a_service_that_cannot_be_asked_costs_no_message() {
        tokio::time::pause();
        let world = World::new();
        let handles = world.start_with_login(6000).await;
        pass(1).await;
        let candidate = candidate(&handles);
        let before = candidate.view.get();
        assert_eq!(before.quota_due_at, None);
        let lease = candidate.try_lease(world.clock.now()).expect("a lease");
        lease.finish(Outcome::Served);
        pass(1).await;
        assert!(std::sync::Arc::ptr_eq(&before, &candidate.view.get()));
    }
}
