use super::wanted::cooling_rules;
use super::*;
use crate::config::Env;
use crate::domain::outcome::{Outcome, Scope};
use crate::port::Clock;
use crate::testing::{World, candidate, id, pass};
use chrono::TimeDelta;
use serde_json::json;
use std::sync::atomic::Ordering;

const TWO_KEYS: &str = "openai-compatibility:\n\
    - name: one\n  base-url: https://one.example\n  api-key-entries: [{api-key: a}]\n\
    - name: two\n  base-url: https://two.example\n  api-key-entries: [{api-key: b}]\n  prefix: p\n  \
      models: [{name: up, alias: m}, {name: other, alias: m}]\n";

fn names(handles: &crate::system::Handles) -> Vec<String> {
    handles
        .snapshot
        .get()
        .catalog
        .routes()
        .map(|route| route.model.clone())
        .collect()
}

#[actix_rt::test]
async fn the_first_snapshot_has_keys_and_logins() {
    tokio::time::pause();
    let world = World::new();
    world.store.put(&id(), world.login(60));
    world
        .store
        .put(&"other.json".into(), serde_json::Map::new());
    let handles = world.start(TWO_KEYS).await;
    let snapshot = handles.snapshot.get();
    assert_eq!(snapshot.members.len(), 3, "a file without type is none");
    assert_eq!(names(&handles), ["m", "p/m"]);
    let upstream = |name: &str| {
        let route = snapshot.catalog.get(name).expect("a route");
        let models = route
            .candidates
            .iter()
            .map(|one| one.upstream_model.to_string());
        let mut models: Vec<_> = models.collect();
        models.sort_unstable();
        models
    };
    assert_eq!(upstream("m"), ["m", "m", "other", "up"]);
    assert_eq!(
        upstream("p/m"),
        ["other", "up"],
        "a repeated alias is a pool"
    );
    assert_eq!(snapshot.catalog.near("mm"), ["m"]);
}

#[actix_rt::test]
async fn changed_files_become_a_new_snapshot_that_keeps_cursors() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(60).await;
    let before = handles.snapshot.get();
    let cursor = &before.catalog.get("m").expect("a route").cursor;
    cursor.store(17, Ordering::Relaxed);

    let mut edited = world.login(60);
    edited.insert("prefix".to_owned(), json!("mine"));
    edited.insert("priority".to_owned(), json!(4));
    world.write(&handles, edited).await;
    assert_eq!(names(&handles), ["m", "mine/m"]);
    assert_eq!(candidate(&handles).priority, 4);
    let after = handles.snapshot.get();
    assert_eq!(
        after
            .catalog
            .get("m")
            .expect("a route")
            .cursor
            .load(Ordering::Relaxed),
        17
    );
    assert!(after.epoch > before.epoch);
    assert_eq!(
        before.catalog.routes().count(),
        1,
        "requests keep what they started with"
    );

    world.notice(&handles).await;
    assert_eq!(
        handles.snapshot.get().epoch,
        after.epoch,
        "no change, no snapshot"
    );

    world.store.put(&id(), serde_json::Map::new());
    world.notice(&handles).await;
    assert!(names(&handles).is_empty(), "no `type`, no credential");
}

#[actix_rt::test]
async fn a_changed_file_keeps_its_rests_unless_another_account_is_in_it() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start_with_login(600).await;
    let lease = candidate(&handles)
        .try_lease(world.clock.now())
        .expect("a lease");
    lease.finish(Outcome::RateLimited {
        retry_after: None,
        scope: Scope::Credential,
    });
    pass(0).await;
    let mut edited = world.login(600);
    edited.insert("note".to_owned(), json!("x"));
    world.write(&handles, edited.clone()).await;
    assert!(candidate(&handles).try_lease(world.clock.now()).is_none());
    edited.insert("email".to_owned(), json!("another@example.com"));
    world.write(&handles, edited).await;
    assert!(candidate(&handles).try_lease(world.clock.now()).is_some());
}

#[actix_rt::test]
async fn the_first_list_is_waited_for_later_ones_are_not() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.models.lock() = Some(Ok(vec!["m", "found"]));
    *world.driver.takes.lock() = Duration::from_secs(2);
    let handles = world.start_with_login(6000).await;
    assert_eq!(names(&handles), ["m"]);
    let begin = world.clock.now();
    futures_util::future::join(handles.fresh_models(), handles.fresh_models()).await;
    assert_eq!(names(&handles), ["found", "m"]);
    assert_eq!((world.clock.now() - begin).num_seconds(), 2);
    assert_eq!(*world.driver.n_discoveries.lock(), 1);

    *world.driver.models.lock() = Some(Ok(vec!["newer"]));
    handles.fresh_models().await;
    pass(10).await;
    assert_eq!(names(&handles), ["found", "m"], "ten minutes old at most");
    pass(600).await;
    let begin = world.clock.now();
    handles.fresh_models().await;
    assert_eq!(world.clock.now(), begin, "the old list serves meanwhile");
    assert_eq!(names(&handles), ["found", "m"]);
    pass(3).await;
    assert_eq!(names(&handles), ["newer"]);
}

#[actix_rt::test]
async fn a_new_token_costs_faces_no_list() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.models.lock() = Some(Ok(vec!["found"]));
    let document = |minutes| {
        let mut document = world.login(minutes);
        document.insert("faces".to_owned(), json!("a,b"));
        document
    };
    world.store.put(&id(), document(6000));
    let handles = world.start("").await;
    handles.fresh_models().await;
    assert_eq!(names(&handles), ["found"]);
    let n_looks = *world.driver.n_discoveries.lock();
    world.write(&handles, document(6001)).await;
    assert_eq!(names(&handles), ["found"]);
    handles.fresh_models().await;
    assert_eq!(*world.driver.n_discoveries.lock(), n_looks);
    let mut other = document(6001);
    other.insert("email".to_owned(), json!("other@example.com"));
    world.write(&handles, other).await;
    assert_eq!(names(&handles), ["m"], "another account's list is unknown");
}

#[actix_rt::test]
async fn without_an_answer_the_static_list_serves_after_five_seconds() {
    tokio::time::pause();
    let world = World::new();
    *world.driver.models.lock() = Some(Err("no"));
    *world.driver.takes.lock() = Duration::from_secs(30);
    let handles = world.start_with_login(6000).await;
    let begin = world.clock.now();
    handles.fresh_models().await;
    assert_eq!((world.clock.now() - begin).num_seconds(), 5);
    pass(60).await;
    assert_eq!(names(&handles), ["m"]);
    assert_eq!(*world.driver.n_discoveries.lock(), 1);
    pass(60).await;
    handles.fresh_models().await;
    pass(0).await;
    assert_eq!(
        *world.driver.n_discoveries.lock(),
        2,
        "a minute after the failure"
    );
}

#[actix_rt::test]
async fn a_configuration_without_file_cannot_be_edited() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start("").await;
    let edit = EditConfig(Box::new(|text| Ok(text.to_owned())));
    let edited = handles.registry.send(edit).await.expect("an actor");
    assert!(matches!(edited, Err(SaveError::Config(_))), "{edited:?}");
}

#[test]
fn a_credentials_own_cooling_beats_the_global_one() {
    for (global, own, want) in [
        (false, None, false),
        (true, None, true),
        (true, Some(false), false),
        (false, Some(true), true),
    ] {
        let text = format!("disable-cooling: {global}\ntransient-error-cooldown-seconds: 7\n");
        let (config, _) = Config::parse(&text, &Env::default()).expect("a configuration");
        let kind = crate::domain::record::Kind::Key;
        let mut record = CredentialRecord::bare("a".into(), "x", kind);
        record.settings.disable_cooling = own;
        let rules = cooling_rules(&config, &record);
        assert_eq!(rules.disabled, want, "{global} {own:?}");
        assert_eq!(rules.transient, Some(TimeDelta::seconds(7)));
    }
}
