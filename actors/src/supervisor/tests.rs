use super::*;
use crate::credential::Crash;
use crate::domain::outcome::{Outcome, Refusal};
use crate::lease::Terms;
use crate::port::Clock;
use crate::testing::{World, candidate, id, pass};
use serde_json::json;

fn record(name: &str, kind: Kind) -> Wanted {
    let record = CredentialRecord::bare(name.into(), "x", kind);
    Wanted {
        record: Arc::new(record),
        stored: None,
        rules: CoolingRules::default(),
    }
}

#[test]
fn steps_lead_from_what_is_to_what_is_wanted() {
    let key = |name| record(name, Kind::Key);
    let mut changed = key("b");
    changed.rules.disabled = true;
    let have = [key("a"), key("b"), key("c")];
    let ids: Vec<_> = have.iter().map(|one| one.record.id.clone()).collect();
    let plan = |want: Vec<Wanted>| steps(ids.iter().zip(&have), want);
    assert_eq!(plan(have.to_vec()), []);
    let want = vec![key("a"), changed.clone(), key("d")];
    let wanted = [
        Step::Retire("c".into()),
        Step::Change(changed),
        Step::Spawn(key("d")),
    ];
    assert_eq!(plan(want), wanted);
    assert_eq!(plan(Vec::new()).len(), 3);
}

#[test]
fn restarts_back_off_and_five_in_a_minute_break() {
    let at = |seconds: i64| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
    let restart = |ms| Verdict::RestartIn(Duration::from_millis(ms));
    for (crashes, want) in [
        (&[0][..], restart(100)),
        (&[0, 1], restart(200)),
        (&[0, 1, 2, 3], restart(800)),
        (&[0, 1, 2, 3, 4], Verdict::Broken),
        (&[0, 20, 40, 59, 60], restart(1600)),
        (&[0, 20, 40, 59, 60, 61], Verdict::Broken),
        (
            &[0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 599],
            restart(60_000),
        ),
    ] {
        let crashes: Vec<_> = crashes.iter().map(|&seconds| at(seconds)).collect();
        assert_eq!(after_crashes(&crashes), want, "{crashes:?}");
    }
}

#[actix_rt::test]
async fn a_crash_costs_one_attempt_and_the_successor_comes_from_the_store() {
    tokio::time::pause();
    let world = World::new();
    world.store.put(&id(), world.login(60));
    world.store.put(&"b.json".into(), world.login(60));
    let handles = world.start("").await;
    let before = handles.snapshot.get();
    let route = before.catalog.get("m").expect("a route");
    let [first, second] = route.candidates.as_slice() else {
        panic!("two candidates: {route:?}")
    };
    // What the predecessor learned goes over to the successor.
    let lease = first.try_lease(world.clock.now()).expect("a lease");
    let version = lease.version;
    lease.finish(Outcome::Transient);
    pass(0).await;
    let mut rotated = world.login(60);
    rotated.insert("access_token".to_owned(), json!("rotated"));
    world.store.put(&id(), rotated);

    before
        .members
        .first()
        .expect("a member")
        .address
        .do_send(Crash);
    assert_eq!(
        first.acquire(Some(version)).await.err(),
        Some(Refusal::Gone)
    );
    assert!(
        second.acquire(None).await.is_ok(),
        "the other candidate serves"
    );
    assert_eq!(handles.snapshot.get().epoch, before.epoch);

    tokio::time::sleep(Duration::from_millis(150)).await;
    let after = handles.snapshot.get();
    assert!(after.epoch > before.epoch);
    let again = candidate(&handles);
    assert_eq!(again.credential, id());
    assert!(
        again.try_lease(world.clock.now()).is_none(),
        "still resting"
    );
    let terms = Terms {
        forgive_transient: true,
        ..Terms::default()
    };
    let lease = again.acquire_with(terms).await.expect("a lease");
    assert_eq!(
        lease.record.secret.as_ref().map(|secret| secret.expose()),
        Some("rotated")
    );
    assert!(lease.version > version, "versions never go down");
}

/// Otherwise a token that was just refused would be handed out once more.
#[actix_rt::test]
async fn a_restart_alone_is_no_newer_token() {
    tokio::time::pause();
    let world = World::new();
    let key = "openai-compatibility:\n- name: r\n  base-url: https://r.example\n  \
               api-key-entries: [{api-key: k}]\n";
    let handles = world.start(key).await;
    let lease = candidate(&handles).try_lease(world.clock.now());
    let version = lease.expect("a lease").version;
    let member = handles.snapshot.get();
    let member = member.members.first().expect("a member");
    member.address.do_send(Crash);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let again = candidate(&handles).acquire(Some(version)).await;
    assert_eq!(again.err(), Some(Refusal::RefreshFailed));
}

#[actix_rt::test]
async fn whoever_crashes_five_times_in_a_minute_is_broken_until_its_record_changes() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    for _ in 0..5 {
        handles
            .snapshot
            .get()
            .members
            .first()
            .expect("a member")
            .address
            .do_send(Crash);
        pass(5).await;
    }
    let broken = handles.snapshot.get();
    let member = broken.members.first().expect("a member");
    assert_eq!(member.view.get().state, CredentialState::Broken);
    assert!(!member.address.connected());
    pass(3600).await;
    assert_eq!(
        candidate(&handles).acquire(None).await.err(),
        Some(Refusal::Gone)
    );
    assert_eq!(broken.catalog.visible(world.clock.now()).count(), 0);

    let mut edited = world.login(60);
    edited.insert("note".to_owned(), json!("try again"));
    world.write(&handles, edited).await;
    pass(1).await;
    let restarted = candidate(&handles).view.get();
    assert_eq!(restarted.state, CredentialState::Ready);
    assert_eq!(restarted.attention, None, "there is nothing left to do");
    assert!(candidate(&handles).acquire(None).await.is_ok());
}

#[actix_rt::test]
async fn a_restart_waits_for_a_store_that_cannot_be_read() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let before = handles.snapshot.get();
    world.store.fail_loads(true);
    before
        .members
        .first()
        .expect("a member")
        .address
        .do_send(Crash);
    pass(59).await;
    assert_eq!(handles.snapshot.get().epoch, before.epoch);
    world.store.fail_loads(false);
    pass(3).await;
    assert!(candidate(&handles).acquire(None).await.is_ok());
}
