use crate::domain::health::Reason;
use crate::domain::id::TokenVersion;
use crate::domain::outcome::{Outcome, Reach, Refusal, Scope};
use crate::domain::quota::{Quota, QuotaStatus, QuotaWindow};
use crate::domain::secret::Secret;
use crate::domain::select::Standing;
use crate::domain::snapshot::Candidate;
use crate::domain::view::{CredentialState, CredentialView};
use crate::lease::{Lease, Terms};
use crate::port::{Clock, RefreshError};
use crate::store::{StoreError, TokenStore};
use crate::testing::{Act, World, candidate, id, pass};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn token(lease: &Lease) -> &str {
    lease.record.secret.as_ref().map_or("", Secret::expose)
}

fn view(candidate: &Candidate) -> Arc<CredentialView> {
    candidate.view.get()
}

fn revoked() -> Act {
    Act::Fail(RefreshError::Revoked {
        message: "invalid_grant".to_owned(),
    })
}

fn unknown() -> Act {
    Act::Fail(RefreshError::Unknown {
        message: "connection reset".to_owned(),
    })
}

fn later() -> Act {
    Act::Fail(RefreshError::Transient {
        message: "503".to_owned(),
        retry_after: None,
    })
}

fn limited(seconds: u64, scope: Scope) -> Outcome {
    Outcome::RateLimited {
        retry_after: Some(Duration::from_secs(seconds)),
        scope,
    }
}

#[actix_rt::test]
async fn twenty_askers_for_an_expired_token_cause_one_refresh() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(3);
    let handles = world.start_with_login(-5).await;
    let candidate = candidate(&handles);
    assert!(
        candidate.try_lease(world.clock.now()).is_none(),
        "not plainly ready"
    );
    let leases = join_all((0..20).map(|_| candidate.acquire(None))).await;
    for lease in leases {
        assert_eq!(token(&lease.expect("a lease")), "access-1");
    }
    assert_eq!(world.driver.n_refreshes(), 1);
    assert!(candidate.try_lease(world.clock.now()).is_some());
}

#[actix_rt::test]
async fn the_timer_refreshes_ten_minutes_before_the_end() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    pass(49 * 60 - 1).await;
    assert_eq!(world.driver.n_refreshes(), 0);
    pass(62).await;
    assert_eq!(world.driver.n_refreshes(), 1);
    let view = view(&candidate(&handles));
    assert_eq!(view.refresh.last_error, None);
    assert!(view.refresh.last_at.is_some() && view.refresh.next_at > Some(world.clock.now()));
    pass(50 * 60).await;
    assert_eq!(world.driver.n_refreshes(), 2);
}

#[actix_rt::test]
async fn after_a_suspend_the_wall_clock_counts() {
    tokio::time::pause();
    let world = World::new();
    let _handles = world.start_with_login(300).await;
    pass(90).await;
    world.clock.jump(TimeDelta::minutes(290));
    assert_eq!(world.driver.n_refreshes(), 0);
    pass(61).await;
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn a_new_token_is_on_disk_before_anybody_has_it() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(-1).await;
    let lease = candidate(&handles).acquire(None).await.expect("a lease");
    assert_eq!(token(&lease), "access-1");
    assert_eq!(world.stored("access_token").await, Some(json!("access-1")));
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-1"))
    );
    assert_eq!(world.stored("email").await, Some(json!("me@example.com")));
    // Its own write, seen by the watcher, changes nothing.
    let version = lease.version;
    world.notice(&handles).await;
    assert_eq!(view(&candidate(&handles)).version, version);
}

#[actix_rt::test]
async fn an_own_save_seen_before_the_refresh_has_ended_is_one_token() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let candidate = candidate(&handles);
    let refused = view(&candidate).version;
    world
        .store
        .answer_late(Duration::ZERO, Duration::from_secs(5));
    let asked = candidate.acquire(Some(refused));
    let watcher = async {
        pass(1).await;
        assert_eq!(world.stored("access_token").await, Some(json!("access-1")));
        world.notice(&handles).await;
        pass(1).await;
        assert_eq!(view(&candidate).version, refused, "not before its end");
    };
    let (lease, ()) = futures_util::future::join(asked, watcher).await;
    let lease = lease.expect("a lease");
    assert_eq!(token(&lease), "access-1");
    assert_eq!(lease.version, refused.next());
    pass(10).await;
    assert_eq!(view(&candidate).version, refused.next());
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn what_was_read_before_a_refresh_is_not_adopted_after_it() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let candidate = candidate(&handles);
    let refused = view(&candidate).version;
    // The refresh looks, asks, looks again, loses against the edit, looks once more, writes.
    world
        .store
        .answer_late(Duration::from_secs(5), Duration::ZERO);
    let asked = candidate.acquire(Some(refused));
    let watcher = async {
        pass(6).await;
        let mut edited = world.login(60);
        for field in ["expired", "last_refresh"] {
            let stored = view(&candidate).record.document.get(field).cloned();
            edited.insert(field.to_owned(), stored.expect("a field"));
        }
        edited.insert("note".to_owned(), json!("edited"));
        world.store.put(&id(), edited);
        pass(6).await;
        // Reads the edit and the old token, and hears of it when the refresh has ended.
        let member = handles.snapshot.get().members.first().cloned();
        member.expect("a member").address.do_send(super::Reload);
    };
    let (lease, ()) = futures_util::future::join(asked, watcher).await;
    assert_eq!(token(&lease.expect("a lease")), "access-1");
    pass(30).await;
    let shown = view(&candidate);
    assert_eq!(shown.version, refused.next());
    let secret = shown.record.secret.as_ref().map(Secret::expose);
    assert_eq!(secret, Some("access-1"));
    assert_eq!(shown.record.settings.note.as_deref(), Some("edited"));
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn settings_count_at_once_also_during_a_refresh() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(60);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let candidate = candidate(&handles);
    let mut edited = view(&candidate).record.document.clone();
    edited.insert("disabled".to_owned(), json!(true));
    world.write(&handles, edited).await;
    assert_eq!(view(&candidate).state, CredentialState::Disabled);
    pass(60).await;
    let shown = view(&candidate);
    assert_eq!(shown.state, CredentialState::Disabled);
    let secret = shown.record.secret.as_ref().map(Secret::expose);
    assert_eq!(secret, Some("access-1"));
    assert_eq!(world.stored("disabled").await, Some(json!(true)));
}

#[actix_rt::test]
async fn a_new_login_during_a_refresh_that_fails_serves_who_waits() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(5);
    world.driver.play([later()]);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let candidate = candidate(&handles);
    let asked = candidate.acquire(None);
    let person = async {
        let mut newer = world.login(60);
        newer.insert("access_token".to_owned(), json!("fresh"));
        world.write(&handles, newer).await;
    };
    let (lease, ()) = futures_util::future::join(asked, person).await;
    assert_eq!(token(&lease.expect("a lease")), "fresh");
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn a_token_that_cannot_be_saved_still_serves_and_is_saved_later() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(-1).await;
    world.store.fail_saves(true);
    let candidate = candidate(&handles);
    assert_eq!(
        token(&candidate.acquire(None).await.expect("a lease")),
        "access-1"
    );
    let attention = view(&candidate).attention.clone().expect("attention");
    assert!(attention.contains("not on disk"), "{attention}");
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-0"))
    );
    world.store.fail_saves(false);
    pass(61).await;
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-1"))
    );
    assert_eq!(view(&candidate).attention, None);
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn flush_waits_for_the_refresh_under_way() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(8);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-0"))
    );
    handles.flush().await;
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-1"))
    );
}

#[actix_rt::test]
async fn a_failed_refresh_leaves_the_old_token_in_use_until_it_ends() {
    tokio::time::pause();
    let world = World::new();
    world
        .driver
        .play([later(), later(), later(), later(), later()]);
    let handles = world.start_with_login(60).await;
    let candidate = candidate(&handles);
    pass(51 * 60).await;
    let shown = view(&candidate);
    assert!(
        shown
            .refresh
            .last_error
            .as_deref()
            .is_some_and(|error| error.contains("503"))
    );
    assert_eq!(shown.state, CredentialState::Ready);
    assert!(candidate.try_lease(world.clock.now()).is_some());
    let tried = world.driver.n_refreshes();
    assert!((1..=2).contains(&tried), "retries are spaced out: {tried}");
    pass(9 * 60 + 30).await;
    // One request may ask again out of turn, the next within five seconds not.
    let tried = world.driver.n_refreshes();
    assert_eq!(
        candidate.acquire(None).await.err(),
        Some(Refusal::RefreshFailed)
    );
    assert_eq!(
        candidate.acquire(None).await.err(),
        Some(Refusal::RefreshFailed)
    );
    assert_eq!(world.driver.n_refreshes(), tried + 1);
    pass(6).await;
    assert!(
        candidate.acquire(None).await.is_ok(),
        "the script is at its end"
    );
}

#[actix_rt::test]
async fn no_answer_is_tried_again_at_once() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play([unknown()]);
    let handles = world.start_with_login(-1).await;
    assert!(candidate(&handles).acquire(None).await.is_ok());
    assert_eq!(*world.driver.calls.lock(), ["refresh-0", "refresh-0"]);
}

#[actix_rt::test]
async fn without_answer_a_newer_token_in_the_store_counts() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play([unknown()]);
    *world.driver.takes.lock() = Duration::from_secs(5);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let mut newer = world.login(60);
    newer.insert("access_token".to_owned(), json!("by-another"));
    world.store.put(&id(), newer);
    let lease = candidate(&handles).acquire(None).await.expect("a lease");
    assert_eq!(token(&lease), "by-another");
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn a_revoked_login_serves_its_last_token_then_asks_for_a_person() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play([revoked()]);
    let handles = world.start_with_login(20).await;
    let candidate = candidate(&handles);
    pass(11 * 60).await;
    assert_eq!(view(&candidate).state, CredentialState::NeedsLogin);
    assert!(candidate.try_lease(world.clock.now()).is_some());
    pass(10 * 60).await;
    assert_eq!(
        candidate.acquire(None).await.err(),
        Some(Refusal::NeedsLogin)
    );
    let listed = handles
        .snapshot
        .get()
        .catalog
        .visible(world.clock.now())
        .count();
    assert_eq!(listed, 0);
    assert_eq!(world.driver.n_refreshes(), 1, "nobody insists");
    // A new login in the same file.
    let mut renewed = world.login(60);
    renewed.insert("access_token".to_owned(), json!("fresh"));
    world.write(&handles, renewed).await;
    assert_eq!(
        token(&candidate.acquire(None).await.expect("a lease")),
        "fresh"
    );
    assert_eq!(view(&candidate).state, CredentialState::Ready);
}

#[actix_rt::test]
async fn a_revoked_token_that_another_process_replaced_is_no_failure() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play([revoked()]);
    *world.driver.takes.lock() = Duration::from_secs(5);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let mut newer = world.login(60);
    newer.insert("access_token".to_owned(), json!("by-another"));
    world.store.put(&id(), newer);
    let candidate = candidate(&handles);
    assert_eq!(
        token(&candidate.acquire(None).await.expect("a lease")),
        "by-another"
    );
    assert_eq!(view(&candidate).state, CredentialState::Ready);
}

#[actix_rt::test]
async fn before_a_refresh_the_store_is_asked_for_a_newer_token() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let mut newer = world.login(120);
    newer.insert("access_token".to_owned(), json!("by-another"));
    world.store.put(&id(), newer); // without any event
    pass(50 * 60).await;
    let lease = candidate(&handles).acquire(None).await.expect("a lease");
    assert_eq!(
        (token(&lease), world.driver.n_refreshes()),
        ("by-another", 0)
    );
}

#[actix_rt::test]
async fn requests_that_are_refused_together_refresh_once() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let candidate = candidate(&handles);
    let refused = candidate
        .try_lease(world.clock.now())
        .expect("a lease")
        .version;
    let leases = join_all((0..10).map(|_| candidate.acquire(Some(refused)))).await;
    for lease in leases {
        let lease = lease.expect("a lease");
        assert!(lease.version > refused && token(&lease) == "access-1");
    }
    assert!(
        candidate.acquire(Some(refused)).await.is_ok(),
        "there is a newer one already"
    );
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn a_refresh_clears_a_401_and_late_news_about_the_old_token_are_ignored() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let candidate = candidate(&handles);
    let now = world.clock.now();
    let (one, two) = (candidate.try_lease(now), candidate.try_lease(now));
    one.expect("a lease").finish(Outcome::Unauthorized);
    pass(0).await;
    let Standing::Cooling {
        until,
        reason: Reason::Unauthorized,
    } = candidate.standing(Terms::default(), world.clock.now())
    else {
        panic!("{:?}", view(&candidate));
    };
    assert!(until - now >= TimeDelta::minutes(30));
    pass(50 * 60).await; // the timer refreshes
    let now = world.clock.now();
    assert!(candidate.try_lease(now).is_some());
    two.expect("a lease").finish(Outcome::Unauthorized);
    pass(0).await;
    assert!(candidate.try_lease(now).is_some());
}

#[actix_rt::test]
async fn an_edit_made_during_a_refresh_survives() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(5);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let mut edited = world.login(-1);
    // Same login as before the refresh, as an editor that had it open would save it.
    for field in ["expired", "last_refresh"] {
        let value = world.stored(field).await.expect("a field");
        edited.insert(field.to_owned(), value);
    }
    edited.insert("priority".to_owned(), json!(5));
    world.write(&handles, edited).await;
    let lease = candidate(&handles).acquire(None).await.expect("a lease");
    assert_eq!(token(&lease), "access-1");
    assert_eq!(lease.record.settings.priority, 5);
    assert_eq!(world.stored("priority").await, Some(json!(5)));
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-1"))
    );
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn a_file_removed_during_a_refresh_stays_removed() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(5);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let candidate = candidate(&handles);
    world.store.remove(&id()).await.expect("a store");
    pass(10).await;
    assert!(world.stored("type").await.is_none());
    world.notice(&handles).await;
    assert_eq!(candidate.acquire(None).await.err(), Some(Refusal::Gone));
    assert!(handles.snapshot.get().catalog.get("m").is_none());
}

#[actix_rt::test]
async fn disabled_and_resting_logins_are_refreshed_too() {
    tokio::time::pause();
    let world = World::new();
    let mut login = world.login(60);
    login.insert("disabled".to_owned(), json!(true));
    world.store.put(&id(), login);
    let handles = world.start("").await;
    assert!(handles.snapshot.get().catalog.get("m").is_none());
    pass(51 * 60).await;
    assert_eq!(world.driver.n_refreshes(), 1);

    world.write(&handles, world.login(60)).await;
    let candidate = candidate(&handles);
    let lease = candidate.try_lease(world.clock.now()).expect("a lease");
    lease.finish(Outcome::ModelMissing);
    pass(51 * 60).await;
    assert_eq!(world.driver.n_refreshes(), 2);
    let standing = candidate.standing(Terms::default(), world.clock.now());
    assert!(matches!(standing, Standing::Cooling { .. }), "{standing:?}");
}

#[actix_rt::test]
async fn a_panic_in_the_driver_is_an_unknown_answer() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play([Act::Panic]);
    let handles = world.start_with_login(-1).await;
    assert!(candidate(&handles).acquire(None).await.is_ok());
    assert_eq!(handles.snapshot.get().epoch, 1, "nobody died");
}

#[actix_rt::test]
async fn while_another_process_refreshes_its_token_is_awaited() {
    tokio::time::pause();
    let world = World::new();
    world.store.put(&id(), world.login(-1));
    let theirs = world
        .store
        .claim_refresh(&id())
        .await
        .expect("a store")
        .expect("a claim");
    let handles = world.start("").await;
    let candidate = candidate(&handles);
    let asked = candidate.acquire(None);
    let other = async {
        pass(3).await;
        let mut newer = world.login(60);
        newer.insert("access_token".to_owned(), json!("by-another"));
        world.store.put(&id(), newer);
    };
    let (lease, ()) = futures_util::future::join(asked, other).await;
    assert_eq!(token(&lease.expect("a lease")), "by-another");
    assert_eq!(world.driver.n_refreshes(), 0);
    theirs.release().await;
}

#[actix_rt::test]
async fn outcomes_shape_the_view_and_no_news_send_nothing() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(600).await;
    let candidate = candidate(&handles);
    let lease = || candidate.try_lease(world.clock.now()).expect("a lease");
    pass(1).await;
    let before = view(&candidate);
    lease().finish(Outcome::Served);
    drop(lease());
    pass(0).await;
    assert!(
        Arc::ptr_eq(&before, &view(&candidate)),
        "nothing new was shown"
    );

    lease().finish_with(
        limited(5, Scope::Model),
        Some("quota of the day".to_owned()),
    );
    pass(0).await;
    let shown = view(&candidate);
    let error = shown.last_error.clone().expect("an error");
    assert_eq!((&*error.model, &*error.message), ("m", "quota of the day"));
    assert_eq!(shown.attention, None, "that passes by itself");
    assert!(candidate.try_lease(world.clock.now()).is_none());
    let refused = candidate.acquire(None).await.err();
    assert!(
        matches!(refused, Some(Refusal::Cooling { .. })),
        "{refused:?}"
    );
    pass(5).await;
    lease().finish(Outcome::Served);
    pass(0).await;
    let shown = view(&candidate);
    assert!(shown.health.is_clear("m") && shown.attention.is_none());

    lease().finish(Outcome::Transient);
    pass(0).await;
    let now = world.clock.now();
    let forgiving = Terms {
        forgive_transient: true,
        ..Terms::default()
    };
    assert!(candidate.try_lease(now).is_none());
    assert!(candidate.try_lease_with(forgiving, now).is_some());
    assert!(candidate.acquire_with(forgiving).await.is_ok());
}

#[actix_rt::test]
async fn what_the_owner_has_to_do_is_shown_until_it_is_done() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(6000).await;
    pass(1).await;
    let candidate = candidate(&handles);
    let verify = || Outcome::NeedsAction {
        reason: Reason::Forbidden,
        reach: Reach::Account,
        rest: None,
    };
    let lease = || candidate.try_lease(world.clock.now()).expect("a lease");
    let (one, late) = (lease(), lease());
    pass(1).await;
    let text = "verify at\n  https://accounts.example/verify";
    one.finish_with(verify(), Some(text.to_owned()));
    pass(0).await;
    let shown = view(&candidate);
    let said = Some("verify at https://accounts.example/verify");
    assert_eq!(shown.attention.as_deref(), said);
    assert!(candidate.try_lease(world.clock.now()).is_none());
    // What began before proves nothing, and a refused request of the client is no trouble.
    late.finish(Outcome::Served);
    pass(0).await;
    assert_eq!(view(&candidate).attention.as_deref(), said);
    // A new token alone is no reason to hope.
    let renewed = candidate.acquire(Some(shown.version)).await.err();
    assert!(
        matches!(renewed, Some(Refusal::Cooling { .. })),
        "{renewed:?}"
    );
    pass(30 * 60).await;
    let probe = candidate.acquire(None).await.expect("the probe");
    assert!(candidate.acquire(None).await.is_err(), "one at a time");
    probe.finish(Outcome::Served);
    pass(0).await;
    let shown = view(&candidate);
    assert!(shown.attention.is_none() && shown.is_untroubled("m"));
    assert!(shown.last_error.is_some(), "it did happen");
    // A new login is a new chance.
    lease().finish_with(verify(), None);
    pass(0).await;
    assert_eq!(view(&candidate).attention.as_deref(), Some("forbidden"));
    let mut renewed = world.login(6000);
    renewed.insert("access_token".to_owned(), json!("fresh"));
    world.write(&handles, renewed).await;
    assert_eq!(view(&candidate).attention, None);
    assert_eq!(token(&lease()), "fresh");
}

#[actix_rt::test]
async fn a_used_quota_rests_until_it_begins_anew() {
    tokio::time::pause();
    for (hint, resets, minutes) in [
        // Midnight was a guess, the service knows better.
        (5 * 3600, 12, 12),
        // Nothing better is known, or the quota told has begun anew already.
        (5 * 3600, 600, 30),
        (5 * 3600, -5, 30),
        // A limit of the minute is another one.
        (60, 12, 1),
    ] {
        let world = World::new();
        let handles = world.start_with_login(6000).await;
        pass(1).await;
        let candidate = candidate(&handles);
        let now = world.clock.now();
        let lease = candidate.try_lease(now).expect("a lease");
        lease.observe(vec![QuotaWindow {
            name: "m".into(),
            minutes: None,
            used_percent: Some(90),
            resets_at: Some(now + TimeDelta::minutes(resets)),
            status: QuotaStatus::Allowed,
            observed_at: now,
        }]);
        pass(0).await;
        lease.finish(Outcome::RateLimited {
            retry_after: Some(Duration::from_secs(hint)),
            scope: Scope::Model,
        });
        pass(0).await;
        let shown = view(&candidate);
        let until = shown.health.marks().next().map(|(_, mark)| mark.until);
        let rest = until.map(|until| (until - now).num_minutes());
        assert_eq!(rest, Some(minutes), "{hint} {resets}");
    }
}

#[actix_rt::test]
async fn quota_is_shown_and_only_news_are_told() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(6000).await;
    pass(1).await;
    let candidate = candidate(&handles);
    let seen = |used, at| QuotaWindow {
        name: "5 h".into(),
        minutes: Some(300),
        used_percent: Some(used),
        resets_at: Some(world.clock.minutes(60)),
        status: QuotaStatus::of(Some(used)),
        observed_at: at,
    };
    let lease = candidate.try_lease(world.clock.now()).expect("a lease");
    lease.observe(vec![seen(37, world.clock.now())]);
    pass(0).await;
    let shown = view(&candidate);
    assert_eq!(
        shown.quota.get("5 h").and_then(|one| one.used_percent),
        Some(37)
    );
    lease.observe(vec![seen(37, world.clock.now())]);
    lease.observe(Vec::new());
    pass(0).await;
    assert!(Arc::ptr_eq(&shown, &view(&candidate)), "no news");
    // A lease of the actor itself tells it, too.
    let lease = candidate.acquire(None).await.expect("a lease");
    lease.observe(vec![seen(38, world.clock.now())]);
    pass(0).await;
    let now = world.clock.now();
    let text = |quota: &Quota| {
        quota
            .windows(now)
            .map(QuotaWindow::to_string)
            .collect::<String>()
    };
    assert_eq!(text(&view(&candidate).quota), "5 h 38 %");
    // Another account in the same file has used nothing.
    let mut other = world.login(60);
    other.insert("email".to_owned(), json!("other@example.com"));
    world.write(&handles, other).await;
    assert!(view(&candidate).quota.is_empty());
}

#[actix_rt::test]
async fn what_is_paid_for_needs_no_quota_and_says_nothing_about_it() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(6000).await;
    let candidate = candidate(&handles);
    let now = world.clock.now();
    let lease = candidate.try_lease(now).expect("a lease");
    lease.finish(limited(1200, Scope::Model));
    pass(1).await;
    let now = world.clock.now();
    assert!(candidate.try_lease(now).is_none());
    let paid = Terms {
        paid: true,
        ..Terms::default()
    };
    for lease in [
        candidate.try_lease_with(paid, now).expect("a lease"),
        candidate.acquire_with(paid).await.expect("a lease"),
    ] {
        lease.finish(Outcome::Served);
        pass(1).await;
        assert!(candidate.try_lease(world.clock.now()).is_none());
    }
    // Whoever cannot pay rests for that, too.
    let lease = candidate.acquire_with(paid).await.expect("a lease");
    lease.finish(Outcome::PaymentRequired { retry_after: None });
    pass(1).await;
    let refused = candidate.acquire_with(paid).await.err();
    assert!(matches!(refused, Some(Refusal::Cooling { .. })));
}

#[actix_rt::test]
async fn after_a_capped_hint_one_request_probes() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(6000).await;
    let candidate = candidate(&handles);
    let lease = candidate.try_lease(world.clock.now()).expect("a lease");
    lease.finish(limited(1_000_000, Scope::Credential));
    pass(30 * 60).await;
    assert!(
        candidate.try_lease(world.clock.now()).is_none(),
        "the actor hands out the probe"
    );
    let probe = candidate.acquire(None).await.expect("the probe");
    let second = candidate.acquire(None).await.err();
    assert!(
        matches!(second, Some(Refusal::Cooling { .. })),
        "{second:?}"
    );
    drop(probe); // the client hung up: the next one may probe
    pass(0).await;
    candidate
        .acquire(None)
        .await
        .expect("the next probe")
        .finish(Outcome::Served);
    pass(0).await;
    assert!(candidate.try_lease(world.clock.now()).is_some());
}

#[actix_rt::test]
async fn rests_can_be_forgotten_and_fields_amended() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(600).await;
    let candidate = candidate(&handles);
    let member = handles
        .snapshot
        .get()
        .members
        .first()
        .expect("a member")
        .clone();
    let lease = candidate.try_lease(world.clock.now()).expect("a lease");
    lease.finish(Outcome::ModelMissing);
    member
        .address
        .send(super::ResetHealth)
        .await
        .expect("an actor");
    let lease = candidate.try_lease(world.clock.now()).expect("a lease");

    let fields = json!({"priority": 3, "email": null})
        .as_object()
        .cloned()
        .expect("an object");
    let amended = member
        .address
        .send(super::Amend(fields))
        .await
        .expect("an actor");
    assert!(amended.is_ok(), "{amended:?}");
    assert_eq!(world.stored("priority").await, Some(json!(3)));
    assert_eq!(world.stored("email").await, None);
    assert_eq!(view(&candidate).record.settings.priority, 3);
    world.store.remove(&id()).await.expect("a store");
    let amended = member
        .address
        .send(super::Amend(serde_json::Map::new()))
        .await;
    assert!(
        matches!(amended, Ok(Err(StoreError::Conflict { .. }))),
        "{amended:?}"
    );
    drop(lease);
}

#[actix_rt::test]
async fn a_plain_key_has_nothing_to_refresh() {
    tokio::time::pause();
    let world = World::new();
    let key = "openai-compatibility:\n- name: r\n  base-url: https://r.example\n  \
               api-key-entries: [{api-key: k}]\n";
    let handles = world.start(key).await;
    let candidate = candidate(&handles);
    let lease = candidate.try_lease(world.clock.now()).expect("a lease");
    assert_eq!(lease.version, TokenVersion(1));
    let refused = candidate.acquire(Some(lease.version)).await.err();
    assert_eq!(refused, Some(Refusal::RefreshFailed));
    assert_eq!(view(&candidate).state, CredentialState::Ready);
}

#[actix_rt::test]
async fn a_token_that_is_over_at_once_is_a_failure_not_a_loop() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play([Act::Seconds(-60), Act::Seconds(0)]);
    let handles = world.start_with_login(-1).await;
    let candidate = candidate(&handles);
    assert_eq!(
        candidate.acquire(None).await.err(),
        Some(Refusal::RefreshFailed)
    );
    assert_eq!(world.driver.n_refreshes(), 1);
    assert_eq!(
        world.stored("refresh_token").await,
        Some(json!("refresh-1")),
        "kept all the same"
    );
    pass(59).await;
    assert_eq!(world.driver.n_refreshes(), 1);
    pass(2).await;
    assert_eq!(world.driver.n_refreshes(), 2);
    assert!(view(&candidate).refresh.last_error.is_some());
    pass(121).await;
    assert!(candidate.try_lease(world.clock.now()).is_some());
}

#[actix_rt::test]
async fn a_file_that_was_away_for_a_moment_is_refreshed_later() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(5);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    let stored = world
        .store
        .load(&id())
        .await
        .expect("a store")
        .expect("a document");
    world.store.remove(&id()).await.expect("a store");
    pass(5).await;
    world.write(&handles, stored.document).await;
    pass(70).await;
    assert!(candidate(&handles).try_lease(world.clock.now()).is_some());
}

#[actix_rt::test]
async fn tokens_that_hardly_live_are_not_fetched_all_the_time() {
    tokio::time::pause();
    let world = World::new();
    world.driver.play(vec![Act::Seconds(1); 60]);
    let _handles = world.start_with_login(-1).await;
    pass(60).await;
    let n = world.driver.n_refreshes();
    assert!((10..=13).contains(&n), "{n}");
}

#[actix_rt::test]
async fn refreshes_queue_but_not_those_somebody_waits_for() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(10);
    for n in 0..50 {
        world
            .store
            .put(&format!("{n:02}.json").as_str().into(), world.login(-1));
    }
    let handles = world.start("").await;
    pass(1).await;
    assert_eq!(world.driver.n_refreshes(), 16);
    let snapshot = handles.snapshot.get();
    let last = snapshot
        .catalog
        .get("m")
        .and_then(|route| route.candidates.last());
    let last = last.expect("a candidate");
    assert_eq!(last.credential.as_str(), "49.json");
    let begin = world.clock.now();
    last.acquire(None).await.expect("a lease");
    assert_eq!((world.clock.now() - begin).num_seconds(), 10);
    pass(60).await;
    assert_eq!(world.driver.n_refreshes(), 50);
}

#[actix_rt::test]
async fn whoever_waits_for_a_slow_refresh_waits_for_one_only() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(20);
    world.driver.play([later(), later(), later()]);
    let handles = world.start_with_login(-1).await;
    let begin = world.clock.now();
    let refused = candidate(&handles).acquire(None).await.err();
    assert_eq!(refused, Some(Refusal::RefreshFailed));
    assert_eq!((world.clock.now() - begin).num_seconds(), 20);
    assert_eq!(world.driver.n_refreshes(), 1);
}

#[actix_rt::test]
async fn whoever_waits_for_a_removed_login_is_refused() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(20);
    let handles = world.start_with_login(-1).await;
    pass(1).await;
    world.store.remove(&id()).await.expect("a store");
    let refused = candidate(&handles).acquire(None).await.err();
    assert_eq!(refused, Some(Refusal::RefreshFailed));
}
