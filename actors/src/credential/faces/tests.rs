use crate::credential::{Crash, ResetHealth};
use crate::domain::health::Reason;
use crate::domain::outcome::{Outcome, Reach, Refusal, Scope};
use crate::domain::secret::Secret;
use crate::domain::snapshot::Candidate;
use crate::domain::view::CredentialState;
use crate::lease::{Lease, Terms};
use crate::port::Clock;
use crate::system::Handles;
use crate::testing::{World, id, pass};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use std::time::Duration;

fn document(world: &World, minutes: i64, faces: &str) -> Map<String, Value> {
    let mut document = world.login(minutes);
    document.insert("faces".to_owned(), json!(faces));
    document
}

async fn start(world: &World, minutes: i64) -> Handles {
    world.store.put(&id(), document(world, minutes, "b,a"));
    world.start("").await
}

fn candidates(handles: &Handles) -> Vec<Candidate> {
    let snapshot = handles.snapshot.get();
    let route = snapshot.catalog.get("m");
    route.map_or_else(Vec::new, |route| route.candidates.clone())
}

fn names(handles: &Handles) -> Vec<String> {
    let candidates = candidates(handles).into_iter();
    candidates.map(|one| one.credential.to_string()).collect()
}

fn token(lease: &Lease) -> &str {
    lease.record.secret.as_ref().map_or("", Secret::expose)
}

fn limited() -> Outcome {
    Outcome::RateLimited {
        retry_after: Some(Duration::from_secs(600)),
        scope: Scope::Credential,
    }
}

#[actix_rt::test]
async fn faces_are_candidates_and_the_account_is_not() {
    tokio::time::pause();
    let world = World::new();
    let handles = start(&world, 60).await;
    assert_eq!(names(&handles), ["a.json::a", "a.json::b"]);
    let snapshot = handles.snapshot.get();
    assert_eq!(snapshot.catalog.routes().count(), 1);
    let members: Vec<_> = snapshot.members.iter().collect();
    assert_eq!(members.len(), 3);
    assert!(members.iter().all(|member| member.account == id()));
    let routed: Vec<_> = members.iter().map(|member| member.routed).collect();
    assert_eq!(routed, [false, true, true]);
    let lease = candidates(&handles)[1].try_lease(world.clock.now());
    let lease = lease.expect("a lease");
    assert_eq!(lease.credential, "a.json::b".into());
    assert_eq!(lease.record.document.get("face"), Some(&json!("b")));
}

#[actix_rt::test]
async fn one_token_serves_all_faces_and_is_refreshed_once() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.takes.lock() = Duration::from_secs(3);
    let handles = start(&world, -5).await;
    let faces = candidates(&handles);
    let asked = (0..10).map(|n| faces[n % 2].acquire(None));
    let leases: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    assert_eq!(leases.len(), 10);
    assert!(leases.iter().all(|lease| token(lease) == "access-1"));
    assert_eq!(world.driver.n_refreshes(), 1);

    // Refused together, with the same token: again one refresh.
    let asked = (0..10).map(|n| faces[n % 2].acquire(Some(leases[0].version)));
    let leases: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    assert_eq!(leases.len(), 10);
    assert!(leases.iter().all(|lease| token(lease) == "access-2"));
    assert_eq!(*world.driver.calls.lock(), ["refresh-0", "refresh-1"]);
    assert_eq!(world.stored("face").await, None, "the document stays one");

    // Also by the timer.
    pass(55 * 60).await;
    assert_eq!(world.driver.n_refreshes(), 3);
    for face in &faces {
        let lease = face.try_lease(world.clock.now()).expect("a lease");
        assert_eq!(token(&lease), "access-3");
    }
}

#[actix_rt::test]
async fn every_face_rests_for_itself() {
    tokio::time::pause();
    let world = World::new();
    let handles = start(&world, 600).await;
    let [a, b] = &candidates(&handles)[..] else {
        panic!("two candidates")
    };
    let lease = a.try_lease(world.clock.now()).expect("a lease");
    lease.finish_with(limited(), Some("used up".to_owned()));
    pass(0).await;
    assert!(a.try_lease(world.clock.now()).is_none());
    let refused = a.acquire(None).await.err();
    assert!(matches!(refused, Some(Refusal::Cooling { .. })));
    let said = a.view.get().last_error.clone().expect("an error");
    assert_eq!(said.message, "used up");
    assert!(b.try_lease(world.clock.now()).is_some());
    assert_eq!(b.view.get().last_error, None);

    // A new token, and a new face beside it, change nothing about that.
    world.write(&handles, document(&world, 601, "a,b,c")).await;
    assert_eq!(
        names(&handles),
        ["a.json::a", "a.json::b", "a.json::c"],
        "edited by hand"
    );
    assert!(a.try_lease(world.clock.now()).is_none());
    let c = &candidates(&handles)[2];
    assert!(c.acquire(None).await.is_ok());

    c.member.address.do_send(ResetHealth);
    pass(0).await;
    assert!(a.try_lease(world.clock.now()).is_some());
}

fn needs(reach: Reach) -> Outcome {
    Outcome::NeedsAction {
        reason: Reason::Forbidden,
        reach,
        rest: None,
    }
}

#[actix_rt::test]
async fn a_refused_account_rests_with_all_its_faces() {
    tokio::time::pause();
    let world = World::new();
    let handles = start(&world, 600).await;
    let [a, b] = &candidates(&handles)[..] else {
        panic!("two candidates")
    };
    let lease = |of: &Candidate| of.try_lease(world.clock.now());
    let (one, late) = (lease(a).expect("a lease"), lease(b).expect("a lease"));
    pass(1).await;
    one.finish_with(needs(Reach::Account), Some("verify".to_owned()));
    pass(0).await;
    for member in &handles.snapshot.get().members {
        let view = member.view.get();
        assert_eq!(view.attention.as_deref(), Some("verify"));
        assert!(view.health.whole().is_some());
    }
    assert!(lease(a).is_none() && lease(b).is_none());
    assert_eq!(b.view.get().last_error, None, "nothing happened to it");
    // Refused side by side: it stays one rest.
    late.finish_with(needs(Reach::Account), Some("verify".to_owned()));
    pass(0).await;
    let since = |of: &Candidate| of.view.get().health.whole().map(|mark| mark.since);
    assert_eq!(since(a), since(b));
    // The probe of one face speaks for all of them, both ways.
    pass(30 * 60).await;
    let probe = a.acquire(None).await.expect("the probe");
    probe.finish_with(needs(Reach::Account), Some("verify again".to_owned()));
    pass(0).await;
    assert!(lease(b).is_none());
    assert_eq!(b.view.get().attention.as_deref(), Some("verify again"));
    pass(30 * 60).await;
    let probe = b.acquire(None).await.expect("the probe");
    probe.finish(Outcome::Served);
    pass(0).await;
    for member in &handles.snapshot.get().members {
        assert_eq!(member.view.get().attention, None);
    }
    assert!(lease(a).is_some() && lease(b).is_some());
}

#[actix_rt::test]
async fn a_refused_face_says_nothing_about_the_others() {
    tokio::time::pause();
    let world = World::new();
    let handles = start(&world, 600).await;
    let [a, b] = &candidates(&handles)[..] else {
        panic!("two candidates")
    };
    let lease = |of: &Candidate| of.try_lease(world.clock.now());
    let one = lease(a).expect("a lease");
    one.finish_with(needs(Reach::Face), Some("switch the API on".to_owned()));
    pass(0).await;
    assert!(lease(a).is_none());
    assert_eq!(b.view.get().attention, None);
    lease(b).expect("a lease").finish(Outcome::Served);
    pass(0).await;
    assert!(lease(a).is_none(), "another project's success is no news");
    let said = a.view.get().attention.clone();
    assert_eq!(said.as_deref(), Some("switch the API on"));
}

#[actix_rt::test]
async fn the_document_switches_all_faces() {
    tokio::time::pause();
    let world = World::new();
    let handles = start(&world, 60).await;
    let before = candidates(&handles);
    let mut edited = document(&world, 60, "a,b");
    edited.insert("priority".to_owned(), json!(3));
    edited.insert("prefix".to_owned(), json!("mine"));
    world.write(&handles, edited.clone()).await;
    assert!(candidates(&handles).iter().all(|one| one.priority == 3));
    assert!(handles.snapshot.get().catalog.get("mine/m").is_some());

    // One face less: whoever still has the old snapshot gets no lease.
    edited.insert("faces".to_owned(), json!("b"));
    world.write(&handles, edited.clone()).await;
    assert_eq!(names(&handles), ["a.json::b"]);
    assert_eq!(before[0].acquire(None).await.err(), Some(Refusal::Gone));
    assert!(before[1].acquire(None).await.is_ok());

    // None: the account serves itself.
    edited.remove("faces");
    world.write(&handles, edited.clone()).await;
    assert_eq!(names(&handles), ["a.json"]);
    assert!(candidates(&handles)[0].acquire(None).await.is_ok());

    edited.insert("faces".to_owned(), json!("a,b"));
    edited.insert("disabled".to_owned(), json!(true));
    world.write(&handles, edited).await;
    assert!(names(&handles).is_empty());
    let members = handles.snapshot.get().members.clone();
    assert_eq!(members.len(), 3);
    for member in &members {
        assert_eq!(member.view.get().state, CredentialState::Disabled);
    }
    assert_eq!(before[1].acquire(None).await.err(), Some(Refusal::Disabled));
}

#[actix_rt::test]
async fn a_crash_forgets_nothing_about_faces() {
    tokio::time::pause();
    let world = World::new();
    let handles = start(&world, 60).await;
    let before = candidates(&handles);
    let lease = before[0].try_lease(world.clock.now()).expect("a lease");
    lease.finish(limited());
    pass(0).await;
    before[0].member.address.do_send(Crash);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let after = candidates(&handles);
    assert!(after[0].try_lease(world.clock.now()).is_none());
    let terms = Terms::default();
    let refused = after[0].acquire_with(terms).await.err();
    assert!(matches!(refused, Some(Refusal::Cooling { .. })));
    let lease = after[1].acquire_with(terms).await.expect("a lease");
    assert_eq!(lease.credential, "a.json::b".into());

    for _ in 0..5 {
        after[0].member.address.do_send(Crash);
        let members = handles.snapshot.get().members.clone();
        members[0].address.do_send(Crash);
        pass(5).await;
    }
    for member in &handles.snapshot.get().members {
        assert_eq!(member.view.get().state, CredentialState::Broken);
    }
}
