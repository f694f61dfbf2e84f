//! The life of a Qwen account, as long as there was one (`providers/qwen.md`).

use crate::support::answer::{Answer, Wire};
use crate::support::deadline::eventually;
use crate::support::oauth_sim::Fault;
use crate::support::qwen_sim::QwenSim;
use crate::support::terminal::Terminal;
use crate::support::upstream::Reply;
use serde_json::{Value, json};

const MODEL: &str = "coder-model";

fn answer() -> Answer {
    Answer::new(MODEL).thinking("hm", "").text("Hello there")
}

fn file(setup: &crate::support::daemon::Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn chat(stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "reasoning_effort": "high", "messages": [
        {"role": "user", "content": "hi"}, {"role": "system", "content": "S"},
        {"role": "user", "content": "hi"}]})
}

const TARGET: &str = "/v1/chat/completions";

fn ask(wire: Wire, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (TARGET.into(), chat(stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": MODEL, "stream": stream, "input": "hi", "instructions": "S"}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": MODEL, "stream": stream, "max_tokens": 9, "system": "S",
                "messages": [{"role": "user", "content": "hi"}]}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{MODEL}:{method}"),
                json!({"systemInstruction": {"parts": [{"text": "S"}]},
                    "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            )
        }
    }
}

#[test]
fn a_login_becomes_a_file_that_serves() {
    let sim = QwenSim::start(answer());
    let setup = sim.setup();
    let mut terminal = Terminal::run(&setup, &["--qwen-login", "--no-browser"]);
    terminal.stdout.await_line("ABCD-1234");
    let shown = terminal.stdout.text();
    assert!(
        shown.contains("15 April 2026"),
        "the terms come first: {shown}"
    );
    terminal.stdout.await_line("A name for this account");
    terminal.type_line("dev@example.com");
    terminal.expect_exit(0);
    sim.auth.assert_content();
    let poll = &sim.auth.token_requests()[0];
    assert_eq!(poll["code_verifier"].len(), 128);
    let saved = file(&setup, "qwen-dev@example.com.json");
    assert_eq!(saved["type"], "qwen");
    assert_eq!(saved["email"], "dev@example.com");
    assert_eq!(saved["resource_url"], "portal.qwen.ai");
    let daemon = setup.start();
    let reply = daemon.client().post(TARGET, &chat(false)).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
}

/// The state of the service since April 2026.
#[test]
fn a_closed_service_says_so() {
    let sim = QwenSim::start(answer());
    let closed = || Fault::error(400, "invalid_request");
    sim.auth.fail([closed(), closed()]);
    let setup = sim.setup().auth("qwen-a.json", &sim.account("a", 600));
    let daemon = setup.start();
    sim.auth.forget_access_tokens();
    let refused = daemon.client().post(TARGET, &chat(false));
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert!(
        refused.text().contains("15 April 2026"),
        "{}",
        refused.text()
    );
    assert!(
        refused.text().contains("Model Studio"),
        "{}",
        refused.text()
    );
    eventually("the account's note", || {
        let snapshot = daemon.handles().snapshot.get();
        let view = snapshot.members.first()?.view.get();
        format!("{view:?}").contains("15 April 2026").then_some(())
    });
    assert_eq!(
        sim.auth.token_requests().len(),
        1,
        "a dead token is not tried again"
    );
}

#[test]
fn every_client_protocol_is_served() {
    let sim = QwenSim::start(answer());
    let setup = sim.setup().auth("qwen-a.json", &sim.account("a", 600));
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
    for call in calls {
        let body = call.json();
        let system = json!([{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]);
        assert_eq!(body["messages"][0]["role"], "system", "{body}");
        assert_eq!(body["messages"][0]["content"], system, "{body}");
        assert_eq!(body.get("tools"), None, "no tool that nobody asked for");
    }
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi there"}]});
    let counted = daemon
        .client()
        .post("/v1/messages/count_tokens", &body)
        .expect_json(200);
    assert!(counted["input_tokens"].as_u64().unwrap() > 1, "{counted}");
}

#[test]
fn an_expired_token_is_refreshed_before_the_call() {
    let sim = QwenSim::start(answer());
    sim.auth
        .extra(|_| json!({"resource_url": "https://portal.qwen.ai/v1/"}));
    let before = sim.account("a", -5);
    let daemon = sim.setup().auth("qwen-a.json", &before).start();
    daemon.client().post(TARGET, &chat(true)).events();
    assert_eq!(sim.calls().len(), 1, "the old token was not tried");
    let asked = &sim.auth.token_requests()[0];
    assert_eq!(asked["grant_type"], "refresh_token");
    let after = file(daemon.setup(), "qwen-a.json");
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["resource_url"], "https://portal.qwen.ai/v1/");
    assert_eq!(
        (&after["mine"], &after["email"]),
        (&before["mine"], &before["email"])
    );
    assert_eq!((sim.auth.n_refreshes(), sim.auth.n_reuses()), (1, 0));
}

/// §3: also where the service says 403.
#[test]
fn a_refused_token_is_refreshed_once_and_the_call_repeated() {
    let sim = QwenSim::start(answer());
    let setup = sim.setup().auth("qwen-a.json", &sim.account("a", 600));
    let daemon = setup.start();
    sim.auth.forget_access_tokens();
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    let refusal = json!({"error": {"code": "forbidden", "message": "no"}});
    sim.api.reply_to(TARGET, Reply::json(403, &refusal));
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    assert_eq!((sim.calls().len(), sim.auth.n_refreshes()), (4, 2));
}

/// Vector 4, and the end of a rest.
#[test]
fn a_used_up_day_hands_over_and_limits_pass() {
    let sim = QwenSim::start(answer());
    let setup = sim.setup().auth("qwen-a.json", &sim.account("a", 600));
    let daemon = setup.auth("qwen-b.json", &sim.account("b", 600)).start();
    let quota = json!({"error": {"code": "insufficient_quota",
        "message": "Free allocated quota exceeded."}});
    sim.api.reply_to(TARGET, Reply::json(403, &quota));
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    let token = |n: usize| sim.calls()[n].header("authorization").unwrap().to_owned();
    assert_ne!(token(0), token(1));
    // The other account meets a limit of seconds: the client hears of it, then it serves again.
    let limit = json!({"error": {"code": "rate_limit_exceeded", "message": "slow down"}});
    let limit = || Reply::json(429, &limit).header("retry-after", "1");
    sim.api.reply_to(TARGET, limit());
    eventually("the account to come back", || {
        let reply = daemon.client().post(TARGET, &chat(false));
        (reply.status == 200).then_some(())
    });
    let last = sim.calls().len() - 1;
    assert_eq!(token(last), token(1));
}
