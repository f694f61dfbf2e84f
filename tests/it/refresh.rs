//! Refreshes against a token endpoint that spends refresh tokens and breaks in every way
//! (`deltas.md` "lost or unusable tokens").

use crate::support::acme::{AcmeActors, acme};
use crate::support::daemon::Setup;
use crate::support::deadline::eventually;
use crate::support::oauth_sim::{Fault, OAuthSim, Registration};
use crate::support::proxy::{Kind, Proxy};
use actors::domain::outcome::Refusal;
use actors::domain::view::CredentialState;
use actors::lease::{Acquire, Lease, Terms};
use chrono::TimeDelta;
use serde_json::{Value, json};

const NAME: &str = "acme-a@b.c.json";

/// Writes an account whose token ends in so many minutes.
fn account(sim: &OAuthSim, setup: &Setup, minutes: i64) -> Value {
    let (refresh, access) = sim.grant();
    let document = json!({
        "type": "acme", "email": "a@b.c", "access_token": access, "refresh_token": refresh,
        "expired": AcmeActors::now() + TimeDelta::minutes(minutes),
        "last_refresh": AcmeActors::now() + TimeDelta::minutes(minutes) - TimeDelta::hours(1),
        "proxy_url": "direct", "mine": {"kept": true},
    });
    write(setup, &document);
    document
}

fn write(setup: &Setup, document: &Value) {
    let path = setup.auth_dir().join(NAME);
    let beside = setup.dir().join("new.json");
    std::fs::write(&beside, document.to_string()).unwrap();
    std::fs::rename(beside, path).unwrap();
}

fn saved(setup: &Setup) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(NAME)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn acquire(actors: &AcmeActors) -> actix::Recipient<Acquire> {
    let snapshot = actors.handles().snapshot.get();
    let mut members = snapshot.members.iter();
    let member = members.find(|member| member.id.as_str() == NAME);
    member.expect("the account").acquire.clone()
}

#[track_caller]
fn lease(actors: &AcmeActors) -> Result<Lease, Refusal> {
    let asked = acquire(actors).send(Acquire {
        credential: NAME.into(),
        model: "acme-1".into(),
        terms: Terms::default(),
    });
    actors.wait(asked).unwrap()
}

fn token(lease: &Lease) -> String {
    let secret = lease.record.secret.as_ref().expect("a token");
    secret.expose().to_owned()
}

#[test]
fn an_expired_token_is_refreshed_before_use_and_is_on_disk_before_that() {
    let (sim, setup) = acme(Registration::default());
    let before = account(&sim, &setup, -5);
    let actors = AcmeActors::start(&setup);
    let lease = lease(&actors).unwrap();
    let after = saved(&setup);
    assert_eq!(after["access_token"], token(&lease));
    assert!(sim.accepts(&token(&lease)));
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["proxy_url"], "direct");
    assert_eq!(after["mine"], json!({"kept": true}));
    assert_eq!((sim.n_refreshes(), sim.n_reuses()), (1, 0));
    drop(lease);
    sim.assert_content();
}

#[test]
fn a_broken_connection_is_retried_at_once_on_a_fresh_one() {
    let (sim, setup) = acme(Registration::default());
    account(&sim, &setup, -5);
    sim.fail([Fault::DropBefore]);
    let actors = AcmeActors::start(&setup);
    assert!(sim.accepts(&token(&lease(&actors).unwrap())));
    assert_eq!((sim.n_refreshes(), sim.n_reuses()), (1, 0));
    assert!(sim.server.n_connections() >= 2);
}

#[test]
fn a_passing_fault_keeps_the_old_token_in_use() {
    let (sim, setup) = acme(Registration::default());
    let before = account(&sim, &setup, 4);
    sim.fail([Fault::error(503, "server_error"), Fault::page(502)]);
    let actors = AcmeActors::start(&setup);
    eventually("the failed refresh", || {
        (!sim.token_requests().is_empty()).then_some(())
    });
    let lease = lease(&actors).unwrap();
    assert_eq!(before["access_token"], token(&lease));
    assert_eq!(saved(&setup)["refresh_token"], before["refresh_token"]);
}

#[test]
fn a_spent_refresh_token_means_that_the_file_is_read_again() {
    let (sim, setup) = acme(Registration::default());
    let before = account(&sim, &setup, 60);
    let actors = AcmeActors::start(&setup);
    drop(lease(&actors).unwrap());
    // Another program refreshes, and writes as soon as the daemon has noticed that its own is spent.
    let spent = before["refresh_token"].as_str().unwrap();
    let (refresh, access) = sim.refresh_elsewhere(spent);
    let mut other = before.clone();
    other["refresh_token"] = refresh.into();
    other["access_token"] = access.as_str().into();
    other["expired"] = json!(AcmeActors::now() + TimeDelta::hours(2));
    write(&setup, &other);
    eventually("the newer token", || {
        let lease = lease(&actors).ok()?;
        (token(&lease) == access).then_some(())
    });
    assert_eq!((sim.n_refreshes(), sim.n_reuses()), (0, 0));
}

#[test]
fn an_ended_login_asks_for_a_new_one_and_is_never_deleted() {
    let (sim, setup) = acme(Registration::default());
    let before = account(&sim, &setup, -5);
    sim.revoke_everything();
    let actors = AcmeActors::start(&setup);
    let refused = lease(&actors).unwrap_err();
    assert!(matches!(refused, Refusal::NeedsLogin), "{refused:?}");
    assert_eq!(saved(&setup), before);
    let snapshot = actors.handles().snapshot.get();
    let view = snapshot.members[0].view.get();
    assert_eq!(view.state, CredentialState::NeedsLogin);
    let n_asked = sim.token_requests().len();
    assert!(lease(&actors).is_err());
    assert_eq!(
        sim.token_requests().len(),
        n_asked,
        "no more attempts with a dead token"
    );
    // A new login brings it back.
    let (refresh, access) = sim.grant();
    let mut again = before;
    again["refresh_token"] = refresh.into();
    again["access_token"] = access.as_str().into();
    again["expired"] = json!(AcmeActors::now() + TimeDelta::hours(1));
    write(&setup, &again);
    eventually("the new login", || {
        lease(&actors).ok().map(|lease| token(&lease))
    });
}

#[test]
fn a_lost_answer_after_the_rotation_never_costs_the_file() {
    let (sim, setup) = acme(Registration::default());
    let before = account(&sim, &setup, -5);
    sim.fail([Fault::DropAfter]);
    let actors = AcmeActors::start(&setup);
    // The service has spent the token and nobody has its successor: only a new login helps.
    let refused = lease(&actors).unwrap_err();
    assert!(matches!(refused, Refusal::NeedsLogin), "{refused:?}");
    assert_eq!(saved(&setup), before);
}

#[test]
fn the_accounts_own_proxy_is_the_way_to_the_token_endpoint() {
    // router-for-me/CLIProxyAPI#2784
    let (sim, setup) = acme(Registration::default());
    let proxy = Proxy::start(Kind::Http, sim.server.addr());
    let mut document = account(&sim, &setup, -5);
    document["proxy_url"] = format!("http://{}", proxy.addr()).into();
    write(&setup, &document);
    let actors = AcmeActors::start(&setup);
    assert!(sim.accepts(&token(&lease(&actors).unwrap())));
    let asked = proxy.asked();
    assert!(
        asked.len() == 1 && asked[0].what.ends_with("/token"),
        "{asked:?}"
    );
}

#[test]
fn a_proxy_that_is_written_wrongly_is_mended_without_a_new_login() {
    let (sim, setup) = acme(Registration::default());
    let mut document = account(&sim, &setup, -5);
    document["proxy_url"] = "ftp://nowhere".into();
    write(&setup, &document);
    let actors = AcmeActors::start(&setup);
    assert!(!matches!(lease(&actors).unwrap_err(), Refusal::NeedsLogin));
    document["proxy_url"] = "direct".into();
    write(&setup, &document);
    eventually("the mended account", || {
        lease(&actors).ok().map(|lease| token(&lease))
    });
    assert_eq!((sim.n_refreshes(), sim.n_reuses()), (1, 0));
}

#[test]
fn the_owner_may_want_refreshes_more_often() {
    let (sim, setup) = acme(Registration::default());
    let mut document = account(&sim, &setup, 50);
    document["refresh_interval_seconds"] = 300.into();
    write(&setup, &document);
    let actors = AcmeActors::start(&setup);
    eventually("the refresh", || (sim.n_refreshes() == 1).then_some(()));
    drop(actors);
    assert_eq!(saved(&setup)["refresh_interval_seconds"], 300);
}

#[test]
fn requests_refused_together_refresh_once() {
    let (sim, setup) = acme(Registration::default());
    account(&sim, &setup, 60);
    let actors = AcmeActors::start(&setup);
    let refused = lease(&actors).unwrap();
    sim.forget_access_tokens();
    let acquire = acquire(&actors);
    let asked = (0..10).map(|_| {
        acquire.send(Acquire {
            credential: NAME.into(),
            model: "acme-1".into(),
            terms: Terms {
                newer_than: Some(refused.version),
                ..Terms::default()
            },
        })
    });
    for lease in actors.wait(futures_util::future::join_all(asked)) {
        assert!(sim.accepts(&token(&lease.unwrap().unwrap())));
    }
    assert_eq!((sim.n_refreshes(), sim.n_reuses()), (1, 0));
}

#[test]
fn two_daemons_on_one_folder_never_spend_one_token_twice() {
    let (sim, setup) = acme(Registration::default());
    account(&sim, &setup, -5);
    let daemons: Vec<AcmeActors> = (0..3).map(|_| AcmeActors::start(&setup)).collect();
    for daemon in &daemons {
        let lease = lease(daemon).unwrap();
        assert!(sim.accepts(&token(&lease)));
    }
    assert_eq!((sim.n_refreshes(), sim.n_reuses()), (1, 0));
    sim.assert_content();
}
