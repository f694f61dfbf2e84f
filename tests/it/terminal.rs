//! Logins as a person at a terminal sees them, and the table of accounts (`cli.md` §1–§3). One real
//! service stands for all: what is particular about each has tests of its own.

use crate::support::daemon::Setup;
use crate::support::deadline::eventually;
use crate::support::oauth_sim::{Fault, OAuthSim, OwnPort, Registration, own_port, visit};
use crate::support::terminal::Terminal;
use crate::support::upstream::Reply;
use serde_json::{Value, json};

/// Claude's token endpoint and profile, and a folder whose configuration leads there.
fn claude() -> (OAuthSim, Setup) {
    let sim = OAuthSim::start(Registration {
        authorize: "/oauth/authorize",
        token: "/v1/oauth/token",
        client_id: "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
        json: true,
        ..Registration::default()
    });
    sim.extra(|_| {
        json!({
            "account": {"uuid": "acc", "email_address": "me@b.c"},
            "organization": {"uuid": "org", "name": "Org"},
        })
    });
    sim.server.handle("/api/oauth/profile", |_| {
        Reply::json(
            200,
            &json!({"account": {"email": "me@b.c", "has_claude_max": true}}),
        )
    });
    let setup =
        Setup::new(&sim.rewrites(&["https://platform.claude.com", "https://api.anthropic.com"]));
    (sim, setup)
}

fn saved(setup: &Setup) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join("claude-me@b.c.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn is_empty(setup: &Setup) -> bool {
    std::fs::read_dir(setup.auth_dir())
        .unwrap()
        .next()
        .is_none()
}

/// The one port that the provider knows.
fn port() -> OwnPort {
    own_port(54_545)
}

#[test]
fn a_login_says_terms_address_account_plan_file_and_models() {
    let _port = port();
    let (sim, setup) = claude();
    let terminal = Terminal::run(&setup, &["--claude-login"]);
    let url = terminal.await_url();
    assert!(
        url.starts_with("https://claude.ai/oauth/authorize?"),
        "{url}"
    );
    terminal.stdout.await_line("54545:127.0.0.1:54545");
    let page = visit(&sim.agree(&url)).expect("the listener");
    assert!(page.body.contains("Logged in to Claude"), "{}", page.body);
    terminal.expect_exit(0);
    let text = terminal.stdout.text();
    let place = setup.auth_dir().join("claude-me@b.c.json");
    for line in [
        "terms do not allow",
        "No browser could be opened",
        &format!("Authentication saved to {}", place.display()),
        "Authenticated as me@b.c",
        "Plan: ",
        "Models: ",
        "authentication successful!",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    // Terms come first, and no secret is ever printed.
    assert!(text.find("terms do not allow") < text.find("https://claude.ai"));
    for secret in ["access-1", "refresh-1", "code/1"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(saved(&setup)["access_token"], "access-1");
    sim.assert_content();
}

#[test]
fn the_address_may_be_pasted_and_mistakes_are_explained() {
    let _port = port();
    let (sim, setup) = claude();
    let mut terminal = Terminal::run(&setup, &["-claude-login", "-no-browser"]);
    let url = terminal.await_url();
    terminal.type_line("");
    terminal.type_line("what now?");
    terminal
        .stdout
        .await_line("neither an address with a `code` nor a code");
    terminal.type_line(&url);
    terminal.stdout.await_line("not the one of the login page");
    let back = sim.agree(&url);
    let code = back
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let state = back.split("state=").nth(1).unwrap();
    terminal.type_line(&format!("{code}#{state}"));
    terminal.expect_exit(0);
    assert!(!terminal.stdout.text().contains("browser could be opened"));
    assert_eq!(saved(&setup)["refresh_token"], "refresh-1");
    sim.assert_content();
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let _port = port();
    let (sim, setup) = claude();
    let terminal = Terminal::run(&setup, &["--claude-login"]);
    let url = terminal.await_url();
    terminal.signal("INT");
    terminal.expect_exit(1);
    assert!(terminal.stderr.text().contains("the login was cancelled"));
    assert!(visit(&sim.agree(&url)).is_none());
    assert!(is_empty(&setup));
}

#[test]
fn failures_have_exit_codes_and_texts() {
    let _port = port();
    let (sim, setup) = claude();
    sim.fail([Fault::error(400, "invalid_grant")]);
    let terminal = Terminal::run(&setup, &["--claude-login"]);
    let page = visit(&sim.agree(&terminal.await_url())).unwrap();
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    terminal.expect_exit(1);
    let text = terminal.stderr.text();
    assert!(
        text.contains("authentication failed") && text.contains("invalid_grant"),
        "{text}"
    );

    let busy = std::net::TcpListener::bind(("127.0.0.1", 54_545)).unwrap();
    let terminal = Terminal::run(&setup, &["--claude-login"]);
    terminal.expect_exit(13);
    let text = terminal.stderr.text();
    assert!(
        text.contains("port 54545 is in use by another program"),
        "{text}"
    );
    // Pasting needs no port.
    let mut terminal = Terminal::run(&setup, &["--claude-login", "--no-browser"]);
    let url = terminal.await_url();
    terminal.type_line(&sim.agree(&url));
    terminal.expect_exit(0);
    drop(busy);

    let terminal = Terminal::run(&setup, &["--claude-logon"]);
    terminal.expect_exit(2);
}

#[test]
fn a_running_daemon_takes_the_account_into_use() {
    let _port = port();
    let (sim, setup) = claude();
    let daemon = setup.start();
    let terminal = Terminal::run(daemon.setup(), &["--claude-login"]);
    visit(&sim.agree(&terminal.await_url())).unwrap();
    terminal.expect_exit(0);
    eventually("the account in the daemon", || {
        let snapshot = daemon.handles().snapshot.get();
        let known = snapshot
            .members
            .iter()
            .any(|one| one.id.as_str() == "claude-me@b.c.json");
        known.then_some(())
    });
}

#[test]
fn the_main_port_takes_redirects_too() {
    let _port = port();
    let (sim, setup) = claude();
    let daemon = setup.start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let start = actors::login::StartLogin {
        login: "claude-login".to_owned(),
        options: actors::login::LoginOptions {
            paste_suffices: true,
            ..actors::login::LoginOptions::default()
        },
    };
    let started = runtime.block_on(daemon.handles().logins.send(start));
    let ticket = started.unwrap().unwrap();
    let url = eventually("the address", || match &ticket.progress.borrow().state {
        actors::login::LoginState::Running(actors::login::LoginStep::OpenUrl(open)) => {
            Some(open.url.clone())
        }
        _ => None,
    });
    let back = sim.agree(&url);
    let (_, query) = back.split_once('?').unwrap();
    let page = |path: &str| daemon.client().get(path);
    // Another service's route, no state, a state nobody waits for, no such service.
    for (path, status, text) in [
        (format!("/codex/callback?{query}"), 404, "This did not work"),
        ("/anthropic/callback?code=x".to_owned(), 400, "no `state`"),
        (
            "/anthropic/callback?code=x&state=y".to_owned(),
            404,
            "no login waits for this",
        ),
        (
            format!("/nobody/callback?{query}"),
            404,
            "404 page not found",
        ),
    ] {
        let page = page(&path);
        assert_eq!(page.status, status, "{path}: {}", page.text());
        assert!(
            page.text().to_lowercase().contains(&text.to_lowercase()),
            "{}",
            page.text()
        );
    }
    let page = page(&format!("/anthropic/callback?{query}"));
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.text().contains("Logged in to Claude"),
        "{}",
        page.text()
    );
    assert_eq!(saved(daemon.setup())["access_token"], "access-1");
    sim.assert_content();
}

#[test]
fn accounts_are_shown_as_a_table() {
    let setup = Setup::new("")
        .auth(
            "claude-a@b.c.json",
            &json!({"type": "claude", "email": "a@b.c", "access_token": "secret-a",
                "refresh_token": "secret-r", "expired": "2099-01-01T00:00:00Z"}),
        )
        .auth(
            "claude-old@b.c.json",
            &json!({"type": "claude", "email": "old@b.c", "access_token": "secret-o",
                "expired": "2020-01-01T00:00:00Z", "disabled": false}),
        )
        .auth(
            "off.json",
            &json!({"type": "claude", "email": "off@b.c", "access_token": "x",
                "disabled": true}),
        );
    std::fs::write(setup.auth_dir().join("broken.json"), "{").unwrap();
    let path = setup.config_path().display().to_string();
    let finished = setup.run(&["--config", &path, "--accounts"]);
    assert!(finished.status.success(), "{}", finished.stderr);
    let text = finished.stdout;
    let line = |part: &str| {
        text.lines()
            .find(|line| line.contains(part))
            .unwrap_or_default()
    };
    assert!(line("a@b.c.json").contains("ready"), "{text}");
    assert!(line("a@b.c.json").contains(" d "), "{text}");
    assert!(line("old@b.c.json").contains("log in again"), "{text}");
    assert!(line("off.json").contains("disabled"), "{text}");
    assert!(line("broken.json").contains("not readable"), "{text}");
    assert!(line("ACCOUNT").contains("NEXT REFRESH"), "{text}");
    assert!(!text.contains("secret-"), "{text}");
    assert!(line("No daemon").contains("what the files say"), "{text}");
    let none = Setup::new("");
    let path = none.config_path().display().to_string();
    let finished = none.run(&["--config", &path, "--accounts"]);
    assert!(
        finished.stdout.contains("There is no account"),
        "{}",
        finished.stdout
    );
}

#[test]
fn every_login_can_be_asked_for_by_its_flag() {
    // A release once shipped without one of its logins (kaitranntt/CLIProxyAPIPlus#83).
    use cli_proxy_api_plus::cli::{self, LoginFlag, Mode};
    use cli_proxy_api_plus::providers::login::{LoginKind, all, by_flag};
    let takes_file = |kind| kind == LoginKind::Import;
    let flags: Vec<LoginFlag> = all()
        .map(|spec| LoginFlag {
            name: spec.flag,
            help: spec.help,
            takes_file: takes_file(spec.kind),
        })
        .collect();
    assert!(!flags.is_empty());
    for spec in all() {
        let mut words = vec!["program".into(), format!("--{}", spec.flag).into()];
        if takes_file(spec.kind) {
            words.push("a.json".into());
        }
        let parsed = cli::parse(words, &flags).unwrap();
        assert!(
            matches!(parsed.mode, Mode::Login { flag, .. } if flag == spec.flag),
            "{}: {:?}",
            spec.flag,
            parsed.mode
        );
        assert_eq!(by_flag(spec.flag).map(|found| found.flag), Some(spec.flag));
    }
}
