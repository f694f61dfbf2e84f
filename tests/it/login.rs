//! Logins from the first step to the file, with a service that does not exist; the real ones have
//! files of their own (`cli.md` §3, `deltas.md` "login").

use crate::support::acme::{AcmeActors, acme};
use crate::support::daemon::Setup;
use crate::support::oauth_sim::{Fault, OAuthSim, Poll, Registration, own_port, visit};
use actors::login::{
    DeliverError, LoginError, LoginInput, LoginOptions, LoginState, LoginStep, LoginTicket, OpenUrl,
};
use serde_json::{Value, json};

fn files(setup: &Setup) -> Vec<String> {
    let entries = std::fs::read_dir(setup.auth_dir()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn file(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn open(state: LoginState) -> OpenUrl {
    match state {
        LoginState::Running(LoginStep::OpenUrl(open)) => open,
        other => panic!("no address to open: {other:?}"),
    }
}

/// Goes through the browser to the redirect and gives its page.
#[track_caller]
fn in_browser(sim: &OAuthSim, actors: &AcmeActors, ticket: &LoginTicket) -> (u16, String) {
    let url = actors.url(ticket);
    let page = visit(&sim.agree(&url)).expect("somebody listens");
    (page.status, page.body)
}

#[track_caller]
fn done(state: LoginState) -> String {
    match state {
        LoginState::Done(adopted) => adopted[0].id.to_string(),
        other => panic!("not logged in: {other:?}"),
    }
}

#[test]
fn a_browser_login_ends_with_a_private_file_in_use_and_a_true_page() {
    let (sim, setup) = acme(Registration::default());
    sim.extra(|_| json!({"email": "me@b.c", "id_token": "not written"}));
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-login", LoginOptions::default());
    let (status, page) = in_browser(&sim, &actors, &ticket);
    assert_eq!(status, 200, "{page}");
    assert!(
        page.contains("Logged in to Acme") && page.contains("Saved: me@b.c"),
        "{page}"
    );
    assert_eq!(done(actors.end(&ticket)), "acme-me@b.c.json");
    let saved = file(&setup, "acme-me@b.c.json");
    assert_eq!(saved["type"], "acme");
    assert_eq!(saved["access_token"], "access-1");
    assert_eq!(saved["refresh_token"], "refresh-1");
    assert!(saved["expired"].is_string() && saved["last_refresh"].is_string());
    use std::os::unix::fs::PermissionsExt as _;
    let path = setup.auth_dir().join("acme-me@b.c.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Done means: in use.
    let snapshot = actors.handles().snapshot.get();
    assert!(
        snapshot
            .members
            .iter()
            .any(|member| member.id.as_str() == "acme-me@b.c.json")
    );
    let asked = &sim.token_requests()[0];
    assert_eq!(asked["code"], "code/1");
    assert_eq!(asked["code_verifier"].len(), 128);
    sim.assert_content();
}

#[test]
fn a_json_token_endpoint_gets_the_state_too() {
    let (sim, setup) = acme(Registration {
        json: true,
        ..Registration::default()
    });
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-json-login", LoginOptions::default());
    in_browser(&sim, &actors, &ticket);
    done(actors.end(&ticket));
    assert_eq!(sim.token_requests()[0]["state"], *ticket.state);
    sim.assert_content();
}

#[test]
fn pasting_works_next_to_the_listener() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-login", LoginOptions::default());
    let url = actors.url(&ticket);
    let paste = |text: &str| actors.deliver(&ticket, LoginInput::Pasted(text.to_owned()));
    // What is wrong does not end the login.
    assert!(matches!(paste(&url), Err(DeliverError::Unreadable(_))));
    assert_eq!(paste("?code=x&state=other"), Err(DeliverError::State));
    assert!(matches!(
        actors.deliver(&ticket, LoginInput::Answer("1".into())),
        Err(DeliverError::NotWaiting)
    ));
    assert_eq!(paste(&sim.agree(&url)), Ok(()));
    done(actors.end(&ticket));
    assert_eq!(paste("late"), Err(DeliverError::Unknown));
    sim.assert_content();
}

#[test]
fn a_foreign_state_is_refused_and_the_login_goes_on() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-login", LoginOptions::default());
    let url = actors.url(&ticket);
    let back = sim.agree(&url);
    let (before, state) = back.rsplit_once("state=").unwrap();
    for (address, want) in [
        (
            // Of the same form, and never the same.
            format!(
                "{before}state={}",
                state.chars().rev().collect::<String>() + "0"
            ),
            404,
        ),
        (before.trim_end_matches('&').to_owned(), 400),
        (back.replace("/callback", "/elsewhere"), 404),
    ] {
        let page = visit(&address).unwrap();
        assert_eq!(page.status, want, "{address}: {}", page.body);
        assert!(!page.body.contains("Logged in"), "{}", page.body);
    }
    assert_eq!(visit(&back).unwrap().status, 200);
    done(actors.end(&ticket));
}

#[test]
fn a_refusal_says_so_everywhere_and_writes_nothing() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    sim.deny("access_denied");
    let ticket = actors.login("acme-login", LoginOptions::default());
    let (status, page) = in_browser(&sim, &actors, &ticket);
    assert_eq!(status, 400);
    assert!(
        page.contains("Not logged in") && page.contains("the person said no"),
        "{page}"
    );
    let LoginState::Failed(LoginError::Denied { message }) = actors.end(&ticket) else {
        panic!("denied");
    };
    assert_eq!(message, "the person said no (access_denied)");
    assert!(files(&setup).is_empty());
}

#[test]
fn what_the_token_endpoint_says_reaches_the_person() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    for (fault, want_status, want) in [
        (
            Fault::error(400, "invalid_grant"),
            400,
            "simulated invalid_grant",
        ),
        (Fault::page(403), 403, "a web page: Just a moment"),
        (
            Fault::Answer(200, "application/json", "{}".into()),
            200,
            "without a token",
        ),
    ] {
        sim.fail([fault]);
        let ticket = actors.login("acme-login", LoginOptions::default());
        let (page_status, page) = in_browser(&sim, &actors, &ticket);
        assert_eq!(page_status, 400, "{page}");
        let LoginState::Failed(LoginError::Exchange { status, message }) = actors.end(&ticket)
        else {
            panic!("an exchange error");
        };
        assert_eq!(status, want_status);
        assert!(message.contains(want), "{message}");
    }
    assert!(files(&setup).is_empty());
}

#[test]
fn a_busy_port_ends_the_login_unless_pasting_suffices() {
    let (sim, setup) = acme(Registration::default());
    let _port = own_port(21_902);
    let busy = std::net::TcpListener::bind(("127.0.0.1", 21_902)).unwrap();
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-fixed-login", LoginOptions::default());
    let ended = actors.end(&ticket);
    assert_eq!(
        ended,
        LoginState::Failed(LoginError::PortBusy { port: 21_902 })
    );

    let paste_suffices = LoginOptions {
        paste_suffices: true,
        ..LoginOptions::default()
    };
    let ticket = actors.login("acme-fixed-login", paste_suffices);
    let url = actors.url(&ticket);
    assert!(AcmeActors::notes(&ticket).contains("21902 is in use"));
    let back = sim.agree(&url);
    assert!(
        back.starts_with("http://localhost:21902/callback?"),
        "{back}"
    );
    actors.deliver(&ticket, LoginInput::Pasted(back)).unwrap();
    done(actors.end(&ticket));

    // Another listener only: the browser still goes where the provider sends it.
    let other = LoginOptions {
        callback_port: Some(21_903),
        ..LoginOptions::default()
    };
    let ticket = actors.login("acme-fixed-login", other);
    let there = |state: &LoginState| matches!(state, LoginState::Running(LoginStep::OpenUrl(_)));
    let shown = open(actors.until(&ticket, there));
    assert_eq!(shown.redirect_uri, "http://localhost:21902/callback");
    assert_eq!(shown.listening.unwrap().port(), 21_903);
    assert!(AcmeActors::notes(&ticket).contains("must be forwarded to port 21903"));
    drop(busy);
}

#[test]
fn any_port_will_do_where_the_provider_allows_it() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let busy = std::net::TcpListener::bind(("127.0.0.1", 21_901));
    let ticket = actors.login("acme-login", LoginOptions::default());
    let there = |state: &LoginState| matches!(state, LoginState::Running(LoginStep::OpenUrl(_)));
    let shown = open(actors.until(&ticket, there));
    let port = shown.listening.unwrap().port();
    assert_ne!(port, 21_901);
    assert_eq!(
        shown.redirect_uri,
        format!("http://localhost:{port}/callback")
    );
    assert_eq!(visit(&sim.agree(&shown.url)).unwrap().status, 200);
    done(actors.end(&ticket));
    sim.assert_content();
    drop(busy);
}

#[test]
fn the_listener_is_private_unless_the_configuration_opens_it() {
    // automazeio/vibeproxy#75
    let (sim, setup) = acme(Registration::default());
    let there = |state: &LoginState| matches!(state, LoginState::Running(LoginStep::OpenUrl(_)));
    for (host, want_loopback) in [("", true), ("oauth-callback-host: 0.0.0.0\n", false)] {
        setup.write_config(&format!(
            "{host}{}",
            sim.rewrites(&["https://acme.example"])
        ));
        let actors = AcmeActors::start(&setup);
        let ticket = actors.login("acme-login", LoginOptions::default());
        let shown = open(actors.until(&ticket, there));
        let ip = shown.listening.unwrap().ip();
        assert_eq!(ip.is_loopback(), want_loopback, "{ip}");
        assert_eq!(visit(&sim.agree(&shown.url)).unwrap().status, 200);
        done(actors.end(&ticket));
    }
}

#[test]
fn a_cancelled_login_leaves_nothing_behind() {
    let (_sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-login", LoginOptions::default());
    actors.url(&ticket);
    let there = |state: &LoginState| matches!(state, LoginState::Running(LoginStep::OpenUrl(_)));
    let port = open(actors.until(&ticket, there)).listening.unwrap().port();
    let base = format!("http://localhost:{port}");
    assert!(visit(&format!("{base}/nothing")).is_some());
    actors.cancel(&ticket);
    assert_eq!(
        actors.end(&ticket),
        LoginState::Failed(LoginError::Cancelled)
    );
    assert!(visit(&format!("{base}/callback?code=x&state={}", ticket.state)).is_none());
    assert!(files(&setup).is_empty());
}

#[test]
fn the_providers_own_program_may_end_the_login() {
    let (_sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-login", LoginOptions::default());
    actors.url(&ticket);
    let there = |state: &LoginState| matches!(state, LoginState::Running(LoginStep::OpenUrl(_)));
    let port = open(actors.until(&ticket, there)).listening.unwrap().port();
    let page = visit(&format!("http://localhost:{port}/cancel")).unwrap();
    assert!(page.body.contains("Login cancelled"), "{}", page.body);
    assert_eq!(
        actors.end(&ticket),
        LoginState::Failed(LoginError::Cancelled)
    );
}

#[test]
fn starting_anew_ends_the_earlier_login_and_frees_its_port() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let first = actors.login("acme-json-login", LoginOptions::default());
    let there = |state: &LoginState| matches!(state, LoginState::Running(LoginStep::OpenUrl(_)));
    let port = open(actors.until(&first, there)).listening.unwrap().port();
    let same_port = LoginOptions {
        callback_port: Some(port),
        ..LoginOptions::default()
    };
    let second = actors.login("acme-json-login", same_port);
    assert_eq!(
        actors.end(&first),
        LoginState::Failed(LoginError::Cancelled)
    );
    let url = actors.url(&second);
    assert_ne!(first.state, second.state);
    assert!(
        sim.agree(&url)
            .starts_with(&format!("http://localhost:{port}/"))
    );
}

#[test]
fn a_question_is_answered_by_number_name_or_enter() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    for (answer, want) in [("2", "two"), ("ONE", "one"), ("", "one")] {
        let asks = LoginOptions {
            project: Some("ask".to_owned()),
            ..LoginOptions::default()
        };
        let ticket = actors.login("acme-login", asks);
        let (status, page) = in_browser(&sim, &actors, &ticket);
        assert_eq!(status, 202, "{page}");
        assert!(page.contains("One question is left"), "{page}");
        let answers = |text: &str| actors.deliver(&ticket, LoginInput::Answer(text.to_owned()));
        assert!(matches!(answers("3"), Err(DeliverError::Unreadable(_))));
        assert_eq!(answers(answer), Ok(()));
        let name = done(actors.end(&ticket));
        assert_eq!(file(&setup, &name)["organization"], want);
    }
}

#[test]
fn accounts_that_differ_get_files_that_differ_and_a_new_login_keeps_the_rest() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let log_in = |organization: &str| {
        let options = LoginOptions {
            project: Some(organization.to_owned()),
            ..LoginOptions::default()
        };
        let ticket = actors.login("acme-login", options);
        in_browser(&sim, &actors, &ticket);
        match actors.end(&ticket) {
            LoginState::Done(adopted) => (adopted[0].id.to_string(), adopted[0].renewed),
            other => panic!("not logged in: {other:?}"),
        }
    };
    assert_eq!(log_in("x"), ("acme-a@b.c.json".to_owned(), false));
    assert_eq!(log_in("y"), ("acme-a@b.c-y.json".to_owned(), false));
    // By hand: settings, an unknown field, another name.
    let mut edited = file(&setup, "acme-a@b.c.json");
    edited["prefix"] = "team".into();
    edited["proxy_url"] = "direct".into();
    edited["mine"] = json!({"kept": [1, 2]});
    std::fs::remove_file(setup.auth_dir().join("acme-a@b.c.json")).unwrap();
    let renamed = setup.auth_dir().join("my-own-name.json");
    std::fs::write(&renamed, edited.to_string()).unwrap();
    assert_eq!(log_in("x"), ("my-own-name.json".to_owned(), true));
    let after = file(&setup, "my-own-name.json");
    assert_eq!(after["prefix"], "team");
    assert_eq!(after["proxy_url"], "direct");
    assert_eq!(after["mine"], json!({"kept": [1, 2]}));
    assert_ne!(after["access_token"], edited["access_token"]);
    assert_eq!(log_in("z"), ("acme-a@b.c.json".to_owned(), false));
    assert_eq!(log_in("w"), ("acme-a@b.c-w.json".to_owned(), false));
    assert_eq!(files(&setup).len(), 4);
}

#[test]
fn a_device_login_shows_the_code_and_waits_through_slow_down() {
    let (sim, setup) = acme(Registration::default());
    sim.polls([Poll::Pending, Poll::SlowDown]);
    let actors = AcmeActors::start(&setup);
    let ticket = actors.login("acme-device-login", LoginOptions::default());
    let state = actors.until(&ticket, |state| {
        matches!(state, LoginState::Running(LoginStep::ShowCode(_)))
    });
    let LoginState::Running(LoginStep::ShowCode(code)) = state else {
        panic!("a code");
    };
    assert_eq!(code.user_code, "ABCD-1234");
    assert_eq!(code.url, "https://device.example/activate");
    done(actors.end(&ticket));
    let polls = sim.token_requests();
    assert_eq!(polls.len(), 3);
    assert!(polls.iter().all(|poll| poll["code_verifier"].len() == 128));
    sim.assert_content();
}

#[test]
fn a_device_login_ends_with_the_persons_no_and_with_the_codes_life() {
    let (sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    for (poll, want) in [
        (
            Poll::Denied,
            LoginError::Denied {
                message: "the person said no".to_owned(),
            },
        ),
        (Poll::Expired, LoginError::Expired),
    ] {
        sim.polls([poll]);
        let ticket = actors.login("acme-device-login", LoginOptions::default());
        assert_eq!(actors.end(&ticket), LoginState::Failed(want));
    }
    assert!(files(&setup).is_empty());
}

#[test]
fn an_unknown_login_is_refused() {
    let (_sim, setup) = acme(Registration::default());
    let actors = AcmeActors::start(&setup);
    let start = actors::login::StartLogin {
        login: "nobody-login".to_owned(),
        options: LoginOptions::default(),
    };
    let refused = actors.wait(actors.handles().logins.send(start)).unwrap();
    assert_eq!(
        refused.unwrap_err(),
        LoginError::NoSuchLogin("nobody-login".to_owned())
    );
}
