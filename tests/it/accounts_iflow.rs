//! The life of an iFlow account, as long as there was one (`providers/iflow.md`).

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::Setup;
use crate::support::deadline::eventually;
use crate::support::iflow_sim::{CHAT, COOKIE, IFlowSim};
use crate::support::oauth_sim::{own_port, pairs, visit};
use crate::support::terminal::Terminal;
use crate::support::upstream::Reply;
use serde_json::{Value, json};

const MODEL: &str = "glm-4.7";

fn answer() -> Answer {
    Answer::new(MODEL).thinking("hm", "").text("Hello there")
}

fn only_file(setup: &Setup) -> (String, Value) {
    let entries = std::fs::read_dir(setup.auth_dir()).unwrap().flatten();
    let mut files = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "json"));
    let entry = files.next().unwrap();
    assert!(files.next().is_none(), "one file");
    let text = std::fs::read_to_string(entry.path()).unwrap();
    let name = entry.file_name().to_string_lossy().into_owned();
    (name, serde_json::from_str(&text).unwrap())
}

fn chat(stream: bool) -> Value {
    json!({"model": format!("{MODEL}(high)"), "stream": stream, "tools": [],
        "messages": [{"role": "user", "content": "hi"}]})
}

const TARGET: &str = "/v1/chat/completions";

fn ask(wire: Wire, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (TARGET.into(), chat(stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": MODEL, "stream": stream, "input": "hi", "reasoning": {"effort": "high"}}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": MODEL, "stream": stream, "max_tokens": 9999,
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "messages": [{"role": "user", "content": "hi"}]}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{MODEL}(high):{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            )
        }
    }
}

#[test]
fn a_browser_login_becomes_a_file_that_serves() {
    let sim = IFlowSim::start(answer());
    let setup = sim.setup();
    let _port = own_port(11451);
    let terminal = Terminal::run(&setup, &["--iflow-login", "--no-browser"]);
    let url = terminal.await_url();
    let shown = terminal.stdout.text();
    assert!(
        shown.contains("17 April 2026"),
        "the terms come first: {shown}"
    );
    let query = pairs(url.strip_prefix("https://iflow.cn/oauth?").unwrap());
    assert_eq!(
        (query["loginMethod"].as_str(), query["type"].as_str()),
        ("phone", "phone")
    );
    assert_eq!(query.get("code_challenge"), None);
    let back = |code: &str, state: &str| format!("{}?code={code}&state={state}", query["redirect"]);
    let foreign = visit(&back("code-1", "0123456789abcdef0123456789abcdef")).unwrap();
    assert_eq!(foreign.status, 404, "somebody else's state");
    assert_eq!(visit(&back("code-1", &query["state"])).unwrap().status, 200);
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(!shown.contains("sk-"), "no key is printed: {shown}");
    let (name, saved) = only_file(&setup);
    assert!(name.starts_with("iflow-dev@example.com-"), "{name}");
    assert_eq!(saved["email"], "dev@example.com");
    assert_ne!(saved["api_key"], saved["access_token"]);
    let daemon = setup.start();
    let reply = daemon.client().post(TARGET, &chat(false)).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
    sim.assert_content();
}

#[test]
fn a_cookie_login_keeps_one_cookie_and_one_file() {
    let sim = IFlowSim::start(answer());
    let setup = sim.setup();
    let log_in = |cookie: &str| {
        let mut terminal = Terminal::run(&setup, &["--iflow-cookie"]);
        terminal.stdout.await_line("paste the `Cookie` header");
        terminal.type_line(cookie);
        terminal
    };
    let terminal = log_in("foo=1");
    terminal.expect_exit(1);
    let said = terminal.stdout.text() + &terminal.stderr.text();
    assert!(said.contains("BXAuth"), "{said}");
    let terminal = log_in("BXAuth=other;");
    terminal.expect_exit(1);
    for _ in 0..2 {
        let terminal = log_in(&format!(" foo=1;  {COOKIE} x=2"));
        terminal.expect_exit(0);
        assert!(!terminal.stdout.text().contains("sk-"), "no key is printed");
    }
    let (name, saved) = only_file(&setup);
    assert!(name.starts_with("iflow-138xxxx0000-"), "{name}");
    assert_eq!(saved["cookie"], COOKIE);
    assert_eq!(saved["email"], "138****0000");
    let daemon = setup.start();
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    sim.assert_content();
}

#[test]
fn every_client_protocol_is_served() {
    let sim = IFlowSim::start(answer());
    let setup = sim.setup().auth("iflow-a.json", &sim.account(6000));
    let daemon = setup.start();
    for wire in Wire::ALL {
        for stream in [false, true] {
            let (target, body) = ask(wire, stream);
            let reply = daemon.client().post(&target, &body);
            let text = reply.text();
            assert_eq!(reply.status, 200, "{wire:?}: {text}");
            let pieces = if stream {
                &["Hello ", "there"][..]
            } else {
                &["Hello there"]
            };
            for piece in pieces.iter().chain(&["\"hm\""]) {
                assert!(text.contains(piece), "{wire:?} {stream}: {text}");
            }
        }
    }
    let calls = sim.calls();
    assert_eq!(calls.len(), 8);
    let on = json!({"enable_thinking": true, "clear_thinking": false});
    for call in calls {
        assert_eq!(call.json()["chat_template_kwargs"], on, "{}", call.json());
    }
    sim.assert_content();
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi there"}]});
    let counted = daemon
        .client()
        .post("/v1/messages/count_tokens", &body)
        .expect_json(200);
    assert!(counted["input_tokens"].as_u64().unwrap() > 1, "{counted}");
}

#[test]
fn an_expired_token_brings_a_new_key_too() {
    let sim = IFlowSim::start(answer());
    let before = sim.account(-5);
    let daemon = sim.setup().auth("iflow-a.json", &before).start();
    daemon.client().post(TARGET, &chat(true)).events();
    assert_eq!(sim.calls().len(), 1, "the old key was not tried");
    let (_, after) = only_file(daemon.setup());
    for changed in ["access_token", "refresh_token", "api_key"] {
        assert_ne!(after[changed], before[changed], "{changed}");
    }
    assert_eq!(
        (&after["mine"], &after["email"]),
        (&before["mine"], &before["email"])
    );
    assert_eq!(sim.n_refreshes(), 1);
    sim.assert_content();
}

/// F read the time as UTC, eight hours too late.
#[test]
fn an_ended_key_of_a_cookie_is_replaced() {
    for end in ["2026-01-01 08:00", "soon"] {
        let sim = IFlowSim::start(answer());
        let before = sim.by_cookie(end);
        let daemon = sim.setup().auth("iflow-a.json", &before).start();
        daemon.client().post(TARGET, &chat(false)).expect_json(200);
        let (_, after) = only_file(daemon.setup());
        assert_ne!(after["api_key"], before["api_key"]);
        assert_eq!(after["expired"], "2999-03-01 20:00");
        assert_eq!(
            (&after["mine"], &after["cookie"]),
            (&before["mine"], &before["cookie"])
        );
        sim.assert_content();
    }
}

#[test]
fn a_refused_key_is_replaced_once_and_the_call_repeated() {
    let sim = IFlowSim::start(answer());
    let setup = sim.setup().auth("iflow-a.json", &sim.account(6000));
    let daemon = setup.start();
    sim.forget_keys();
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    assert_eq!((sim.calls().len(), sim.n_refreshes()), (2, 1));
    sim.assert_content();
}

/// The state of the platform since April 2026.
#[test]
fn a_closed_platform_says_so() {
    let sim = IFlowSim::start(answer());
    let setup = sim.setup().auth("iflow-a.json", &sim.account(6000));
    let daemon = setup.start();
    sim.forget_keys();
    let dead = json!({"error": "invalid_grant", "error_description": "closed"});
    sim.server.reply_to("/oauth/token", Reply::json(400, &dead));
    let refused = daemon.client().post(TARGET, &chat(false));
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert!(
        refused.text().contains("17 April 2026"),
        "{}",
        refused.text()
    );
}

/// §6: a limit with a hint, and an error inside a 200.
#[test]
fn limits_pass_and_hidden_errors_are_errors() {
    let sim = IFlowSim::start(answer());
    let setup = sim.setup().auth("iflow-a.json", &sim.account(6000));
    let daemon = setup.start();
    let hidden = json!({"status": "422", "msg": "model not open", "body": null});
    sim.server.reply_to(CHAT, Reply::json(200, &hidden));
    let refused = daemon.client().post(TARGET, &chat(false));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(
        refused.text().contains("model not open"),
        "{}",
        refused.text()
    );
    let limit = json!({"error": {"message": "one request at a time"}});
    sim.server
        .reply_to(CHAT, Reply::json(429, &limit).header("retry-after", "1"));
    eventually("the account to come back", || {
        let reply = daemon.client().post(TARGET, &chat(false));
        (reply.status == 200).then_some(())
    });
}
