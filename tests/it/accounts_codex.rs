//! The life of a ChatGPT account: login, traffic in every protocol, refresh, limits
//! (`providers/codex.md`).

use std::time::Duration;

use crate::support::answer::{Answer, Wire};
use crate::support::client::Client;
use crate::support::codex_sim::{CodexSim, RESPONSES, USER_CODE, id_token};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::oauth_sim::{Fault, own_port, visit};
use crate::support::terminal::Terminal;
use crate::support::upstream::{Part, Reply};
use actors::port::{Clock as _, SystemClock};
use serde_json::{Value, json};

const MODEL: &str = "gpt-5.4";

fn answer() -> Answer {
    Answer::new(MODEL)
        .thinking("hm", "gAAAAAfake")
        .text("Hello there")
}

/// A daemon with accounts of these ids.
fn daemon(sim: &CodexSim, ids: &[&str]) -> Daemon {
    let mut setup = sim.setup("");
    for id in ids {
        setup = setup.auth(&format!("codex-{id}.json"), &sim.account(id, 600));
    }
    setup.start()
}

fn file(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn chat(stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

const CHAT: &str = "/v1/chat/completions";

fn ask(wire: Wire, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (CHAT.into(), chat(stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": MODEL, "stream": stream, "input": "hi", "max_output_tokens": 9,
                "temperature": 0.5, "store": true}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": MODEL, "stream": stream, "max_tokens": 9, "system": "S",
                "messages": [{"role": "user", "content": "hi"}],
                "metadata": {"user_id": "user_x_account__session_s-1"}}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{MODEL}:{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            )
        }
    }
}

#[test]
fn a_browser_login_becomes_a_file_that_serves() {
    let sim = CodexSim::start(answer());
    let setup = sim.setup("");
    // An older name of the same account stays, and what its owner set in it.
    let mut older = sim.account("acct-1", 600);
    older["email"] = "a@b.c".into();
    older["priority"] = json!(7);
    let setup = setup.auth("codex-a@b.c.json", &older);
    let _port = own_port(1455);
    let mut terminal = Terminal::run(&setup, &["--codex-login", "--no-browser"]);
    let url = terminal.await_url();
    assert!(
        terminal.stdout.text().contains("OpenAI"),
        "the terms come first"
    );
    for part in [
        "https://auth.openai.com/oauth/authorize?",
        "prompt=login",
        "id_token_add_organizations=true",
        "codex_cli_simplified_flow=true",
        "scope=openid+email+profile+offline_access",
        "code_challenge_method=S256",
    ] {
        assert!(url.contains(part), "{part} in {url}");
    }
    let back = sim.auth.agree(&url);
    assert!(
        back.starts_with("http://localhost:1455/auth/callback?")
            || back.starts_with("http://localhost:1457/auth/callback?"),
        "{back}"
    );
    // Another program may have both ports; then the address is pasted.
    if terminal.stdout.text().contains("in use") {
        terminal.type_line(&back);
    } else {
        assert_eq!(visit(&back).expect("somebody listens").status, 200);
    }
    terminal.expect_exit(0);
    sim.auth.assert_content();
    let asked = &sim.auth.token_requests()[0];
    assert_eq!(asked["code_verifier"].len(), 128);
    let saved = file(&setup, "codex-a@b.c.json");
    assert_eq!(saved["type"], "codex");
    assert_eq!(saved["account_id"], "acct-1");
    assert_eq!(saved["id_token"], id_token("a@b.c", "acct-1", "Team"));
    assert_ne!(saved["access_token"], older["access_token"]);
    assert_eq!(
        (&saved["priority"], &saved["mine"]),
        (&json!(7), &json!({"kept": true}))
    );

    let daemon = setup.start();
    let reply = daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
}

#[test]
fn a_device_login_makes_a_file_of_its_own() {
    let sim = CodexSim::start(answer());
    sim.pend(1);
    let setup = sim.setup("");
    let terminal = Terminal::run(&setup, &["--codex-device-login"]);
    terminal.stdout.await_line(USER_CODE);
    let shown = terminal.stdout.text();
    assert!(
        shown.contains("https://auth.openai.com/codex/device"),
        "{shown}"
    );
    terminal.expect_exit(0);
    sim.auth.assert_content();
    let saved = file(&setup, "codex-ba36a4ed-a@b.c-team.json");
    assert!(sim.auth.accepts(saved["access_token"].as_str().unwrap()));
    let asked = &sim.auth.token_requests()[0];
    assert_eq!(
        asked["redirect_uri"],
        "https://auth.openai.com/deviceauth/callback"
    );
}

/// §1: what OpenAI says in codes reaches the person in words.
#[test]
fn refused_logins_say_what_to_do() {
    let sim = CodexSim::start(answer());
    let setup = sim.setup("");
    let switched_off = Reply::json(404, &json!({"detail": "Not Found"}));
    let path = "/api/accounts/deviceauth/usercode";
    sim.auth.server.reply_to(path, switched_off);
    let terminal = Terminal::run(&setup, &["--codex-device-login"]);
    terminal.expect_exit(1);
    let said = terminal.stdout.text() + &terminal.stderr.text();
    assert!(said.contains("switched off"), "{said}");

    sim.auth.deny("missing_codex_entitlement");
    let _port = own_port(1455);
    let mut terminal = Terminal::run(&setup, &["--codex-login", "--no-browser"]);
    let back = sim.auth.agree(&terminal.await_url());
    if visit(&back).is_none() {
        terminal.type_line(&back);
    }
    terminal.expect_exit(1);
    let said = terminal.stdout.text() + &terminal.stderr.text();
    assert!(said.contains("not enabled for this workspace"), "{said}");
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 0);
}

/// The backend only streams and refuses much; clients of every protocol get both forms.
#[test]
fn every_client_protocol_is_served() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
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
            for piece in pieces {
                assert!(text.contains(piece), "{wire:?} {stream}: {text}");
            }
        }
    }
    let calls = sim.calls();
    assert_eq!(calls.len(), 8);
    assert!(sim.called().iter().all(|id| id == "acct-1"));
    // The session of Claude Code is the cache's (§4.1).
    let claude = &calls[4];
    assert_eq!(claude.json()["prompt_cache_key"], "s-1");
    assert_eq!(claude.header("session_id"), Some("s-1"));
    let call = &calls[0];
    assert_eq!(call.header("originator"), Some("cli-proxy-api-plus"));
    assert_eq!(call.header("accept"), Some("text/event-stream"));
}

/// Vector 1 of the sheet.
#[test]
fn a_chat_request_in_the_backends_form() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["00000000-0000-4000-8000-000000000001"]);
    let body = json!({"model": "gpt-5.2(high)", "messages": [
        {"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}],
        "temperature": 0.3, "max_tokens": 99, "stream": false});
    daemon.client().post(CHAT, &body).expect_json(200);
    let call = &sim.calls()[0];
    assert_eq!(call.path(), RESPONSES);
    let text = |kind: &str, text: &str| json!([{"type": kind, "text": text}]);
    let mut sent = call.json();
    // §4.1 has a key for the cache too.
    sent.as_object_mut().unwrap().remove("prompt_cache_key");
    assert_eq!(
        sent,
        json!({"model": "gpt-5.2", "instructions": "", "input": [
            {"type": "message", "role": "developer", "content": text("input_text", "S")},
            {"type": "message", "role": "user", "content": text("input_text", "Hi")}],
            "reasoning": {"effort": "high", "summary": "auto"},
            "include": ["reasoning.encrypted_content"], "store": false, "stream": true})
    );
    assert_eq!(sim.called(), ["00000000-0000-4000-8000-000000000001"]);
}

/// Vector 2 of the sheet: items in the order of `output_index`, usage kept.
#[test]
fn an_empty_output_is_rebuilt_from_its_items() {
    let sim = CodexSim::start(answer());
    let frame = |value: Value| {
        format!(
            "event: {}\ndata: {value}\n\n",
            value["type"].as_str().unwrap()
        )
    };
    let frames = [
        frame(
            json!({"type": "response.output_item.done", "output_index": 1, "item":
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}}),
        ),
        frame(
            json!({"type": "response.output_item.done", "output_index": 0, "item":
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAfake"}}),
        ),
        frame(
            json!({"type": "response.completed", "response": {"id": "resp_1",
            "status": "completed", "output": [], "usage": {"input_tokens": 12,
            "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 19}}}),
        ),
    ];
    let daemon = daemon(&sim, &["acct-1"]);
    sim.backend.reply_to(RESPONSES, Reply::sse(frames.clone()));
    sim.backend.reply_to(RESPONSES, Reply::sse(frames));
    let body = json!({"model": MODEL, "input": "hi"});
    let reply = daemon
        .client()
        .post("/v1/responses", &body)
        .expect_json(200);
    let kinds: Vec<&str> = reply["output"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(kinds, ["reasoning", "message"]);
    let reply = daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello");
    let usage = &reply["usage"];
    assert_eq!(usage["prompt_tokens"], 12);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(usage["completion_tokens"], 7);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 3);
}

#[test]
fn an_expired_token_is_refreshed_before_the_call() {
    let sim = CodexSim::start(answer());
    let before = sim.account("acct-1", -5);
    let daemon = sim.setup("").auth("codex-x.json", &before).start();
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(sim.calls().len(), 1, "the old token was not tried");
    let asked = &sim.auth.token_requests()[0];
    assert_eq!(asked["grant_type"], "refresh_token");
    assert_eq!(asked["scope"], "openid profile email");
    let after = file(daemon.setup(), "codex-x.json");
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["mine"], before["mine"]);
    assert_eq!(after["account_id"], "acct-1");
    assert_eq!(after["email"], before["email"]);
    assert_eq!((sim.auth.n_refreshes(), sim.auth.n_reuses()), (1, 0));
    sim.auth.assert_content();
}

#[test]
fn a_refused_token_is_refreshed_once_and_the_call_repeated() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    sim.auth.forget_access_tokens();
    let reply = daemon.client().post(CHAT, &chat(true));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(sim.calls().len(), 2);
    assert_eq!(sim.auth.n_refreshes(), 1);
}

/// Vector 7: a spent refresh token is not tried again; the account needs its person.
#[test]
fn a_reused_refresh_token_needs_a_login() {
    let sim = CodexSim::start(answer());
    let body = json!({"error": {"code": "refresh_token_reused", "message": "used"}}).to_string();
    sim.auth
        .fail([Fault::Answer(401, "application/json", body)]);
    let account = sim.account("acct-1", -5);
    let daemon = sim.setup("").auth("codex-x.json", &account).start();
    for _ in 0..2 {
        let refused = daemon.client().post(CHAT, &chat(false));
        assert!(refused.status >= 400, "{}", refused.text());
    }
    assert_eq!(sim.auth.token_requests().len(), 1);
    assert_eq!(sim.calls().len(), 0);
    assert_eq!(
        file(daemon.setup(), "codex-x.json"),
        account,
        "the file stays"
    );
}

fn used_up(seconds: i64) -> Reply {
    let at = SystemClock.now().timestamp() + seconds;
    Reply::json(
        429,
        &json!({"error": {"type": "usage_limit_reached", "plan_type": "plus",
            "message": "The usage limit has been reached", "resets_at": at,
            "resets_in_seconds": seconds}}),
    )
}

/// Waits until an account rests for every model: its actor hears of an outcome after the client.
#[track_caller]
fn await_rest(daemon: &Daemon) {
    eventually("an account at rest", || {
        let snapshot = daemon.handles().snapshot.get();
        let mut members = snapshot.members.iter();
        members
            .any(|member| !member.view.get().is_untroubled("any model"))
            .then_some(())
    });
}

/// Vector 3: the account rests for all its models, the other one serves.
#[test]
fn a_used_up_plan_hands_over_to_the_next_account() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1", "acct-2"]);
    sim.backend.reply_to(RESPONSES, used_up(5000));
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
    let called = sim.called();
    assert_ne!(called[0], called[1]);
    await_rest(&daemon);
    let mut other = chat(false);
    other["model"] = "gpt-5.5".into();
    for _ in 0..3 {
        daemon.client().post(CHAT, &other).expect_json(200);
    }
    assert!(
        sim.called()[1..].iter().all(|id| *id == called[1]),
        "{:?}",
        sim.called()
    );
}

#[test]
fn a_used_up_plan_tells_the_client_when_to_come_back() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    sim.backend.reply_to(RESPONSES, used_up(5000));
    for _ in 0..2 {
        let refused = daemon.client().post(CHAT, &chat(false));
        assert_eq!(refused.status, 429, "{}", refused.text());
        let wait: i64 = refused.headers.get("retry-after").unwrap().parse().unwrap();
        // Longer hints are tried again after half an hour (`routing.md` §8).
        assert!((1700..=5000).contains(&wait), "{wait}");
        await_rest(&daemon);
    }
    assert_eq!(sim.calls().len(), 1, "a resting account is left alone");
}

#[test]
fn an_account_serves_again_when_its_window_begins_anew() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    sim.backend.reply_to(RESPONSES, used_up(2));
    eventually("the end of the rest", || {
        let reply = daemon.client().post(CHAT, &chat(false));
        if reply.status != 200 {
            std::thread::sleep(Duration::from_millis(100));
        }
        (reply.status == 200).then_some(())
    });
}

fn event(value: &Value) -> String {
    format!(
        "event: {}\ndata: {value}\n\n",
        value["type"].as_str().unwrap()
    )
}

/// Vector 4: an error before any content is a failed attempt, after it an error of the stream.
#[test]
fn errors_inside_a_stream_count_by_where_they_stand() {
    let sim = CodexSim::start(answer());
    let overloaded = event(&json!({"type": "error", "code": "server_is_overloaded",
        "message": "Our servers are currently overloaded."}));
    let daemon = daemon(&sim, &["acct-1", "acct-2"]);
    let created = answer().frames(Wire::Responses)[0].clone();
    sim.backend
        .reply_to(RESPONSES, Reply::sse([created, overloaded.clone()]));
    let reply = daemon.client().post(CHAT, &chat(true));
    assert_eq!(reply.status, 200);
    assert!(
        reply.text().contains("Hello") && !reply.text().contains("overloaded"),
        "{}",
        reply.text()
    );
    let called = sim.called();
    assert_eq!(called.len(), 2);
    assert_ne!(called[0], called[1]);

    let mut frames = answer().frames(Wire::Responses);
    let at = frames
        .iter()
        .position(|frame| frame.contains("output_text.delta"))
        .unwrap();
    frames.truncate(at + 1);
    frames.push(overloaded);
    sim.backend.reply_to(RESPONSES, Reply::sse(frames));
    let reply = daemon.client().post(CHAT, &chat(true));
    assert_eq!(sim.called().len(), 3);
    let text = reply.text();
    assert!(
        text.contains("Hello") && text.contains("overloaded"),
        "{text}"
    );
}

/// §6: the limit may also come inside a 200.
#[test]
fn a_limit_inside_a_stream_rests_the_whole_account() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1", "acct-2"]);
    let limit = event(
        &json!({"type": "response.failed", "response": {"id": "r", "status": "failed",
        "error": {"code": "usage_limit_reached", "message": "The usage limit has been reached",
        "resets_in_seconds": 5000}}}),
    );
    sim.backend.reply_to(RESPONSES, Reply::sse([limit]));
    let reply = daemon.client().post(CHAT, &chat(true));
    assert_eq!(reply.status, 200, "{}", reply.text());
    await_rest(&daemon);
    let mut other = chat(false);
    other["model"] = "gpt-5.5".into();
    for _ in 0..2 {
        daemon.client().post(CHAT, &other).expect_json(200);
    }
    let called = sim.called();
    assert!(
        called[1..]
            .iter()
            .all(|id| *id == called[1] && *id != called[0]),
        "{called:?}"
    );
}

/// A stream that simply ends is no answer (§4.2).
#[test]
fn a_stream_without_an_end_is_a_failed_attempt() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1", "acct-2"]);
    let frames = answer().frames(Wire::Responses);
    let cut = Reply::sse(frames.into_iter().take(1)).part(Part::CloseEarly);
    sim.backend.reply_to(RESPONSES, cut);
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(sim.calls().len(), 2);
    // Chance, not the account: neither of them rests (§6).
    for _ in 0..4 {
        daemon.client().post(CHAT, &chat(false)).expect_json(200);
    }
    let called = sim.called();
    assert!(called[2..].contains(&called[0]), "{called:?}");
}

/// The official client sends it back within its turn; nobody else gets headers of the account.
#[test]
fn the_turn_state_reaches_clients_of_the_same_protocol() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    for (wire, want) in [(Wire::Responses, Some("turn-1")), (Wire::Chat, None)] {
        let reply = answer().reply(Wire::Responses, true);
        let reply = reply
            .header("x-codex-turn-state", "turn-1")
            .header("x-codex-primary-used-percent", "12");
        sim.backend.reply_to(RESPONSES, reply);
        let (target, body) = ask(wire, true);
        let reply = daemon.client().post(&target, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.headers.get("x-codex-turn-state"), want);
        assert_eq!(reply.headers.get("x-codex-primary-used-percent"), None);
    }
}

/// §6: a conversation that went through several accounts goes on.
#[test]
fn refused_thinking_is_left_out_once() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    let refusal = Reply::json(
        400,
        &json!({"error": {"code": "invalid_encrypted_content", "type": "invalid_request_error",
            "message": "The encrypted content gAAA... could not be verified."}}),
    );
    let body = json!({"model": MODEL, "input": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAother"},
        {"type": "message", "id": "msg_1", "role": "assistant",
         "content": [{"type": "output_text", "text": "x"}]},
        {"type": "message", "role": "user", "content": "go on"}]});
    sim.backend.reply_to(RESPONSES, refusal.clone());
    daemon
        .client()
        .post("/v1/responses", &body)
        .expect_json(200);
    let calls = sim.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[0].json().to_string().contains("gAAAAother"));
    let second = calls[1].json();
    assert_eq!(second["input"].as_array().unwrap().len(), 2);
    assert_eq!(second["input"][0]["role"], "assistant");
    // A second refusal is the client's.
    sim.backend.reply_to(RESPONSES, refusal.clone());
    sim.backend.reply_to(RESPONSES, refusal);
    let refused = daemon.client().post("/v1/responses", &body);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(sim.calls().len(), 4);
}

/// §4.1: turns of one conversation share a cache although chat clients do not name it; clients do not
/// share one with each other.
#[test]
fn a_conversation_of_a_chat_client_keeps_its_cache() {
    let sim = CodexSim::start(answer());
    let account = sim.account("acct-1", 600);
    let setup = sim.setup("api-keys: [a, b]\n");
    let daemon = setup.auth("codex-1.json", &account).start();
    let ask = |key: &str, header: Option<(&str, &str)>, words: &[&str]| {
        let said = words.iter().enumerate().map(|(n, word)| {
            json!({"role": if n % 2 == 0 { "user" } else { "assistant" }, "content": word})
        });
        let body = json!({"model": MODEL, "messages": said.collect::<Vec<_>>()});
        let mut client = Client::new(daemon.addr()).with_key(key);
        if let Some((name, value)) = header {
            client = client.with_header(name, value);
        }
        client.post(CHAT, &body).expect_json(200);
        let call = sim.calls().pop().unwrap();
        let key = call.json()["prompt_cache_key"].as_str().map(str::to_owned);
        assert_eq!(call.header("session_id"), key.as_deref());
        key
    };
    let first = ask("a", None, &["hi"]);
    assert!(first.is_some());
    assert_eq!(ask("a", None, &["hi", "hello", "go on"]), first);
    assert_ne!(ask("a", None, &["another"]), first);
    assert_ne!(ask("b", None, &["hi"]), first);
    assert_eq!(
        ask("a", Some(("session-id", "mine")), &["hi"]).as_deref(),
        Some("mine")
    );
    // A name that changes with each turn would spread the turns.
    assert_eq!(
        ask("a", Some(("x-client-request-id", "r-1")), &["hi"]),
        None
    );
}

/// A setting that the service refuses is left out, one after the other; what matters is not.
#[test]
fn settings_that_are_refused_are_left_out() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    let refusals = [
        json!({"detail": "Unsupported parameter: top_logprobs"}),
        json!({"error": {"type": "invalid_request_error", "param": "text.verbosity", "message":
            "Unsupported parameter: 'text.verbosity' is not supported with this model."}}),
        json!({"detail": "Unsupported parameter: tools"}),
    ];
    for refusal in &refusals {
        sim.backend.reply_to(RESPONSES, Reply::json(400, refusal));
    }
    let body = json!({"model": MODEL, "input": "hi", "top_logprobs": 3,
        "text": {"verbosity": "low", "format": {"type": "text"}},
        "tools": [{"type": "function", "name": "f"}]});
    let refused = daemon.client().post("/v1/responses", &body);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("tools"), "{}", refused.text());
    let calls = sim.calls();
    assert_eq!(calls.len(), 3);
    let last = calls[2].json();
    assert_eq!(last.get("top_logprobs"), None);
    assert_eq!(last["text"], json!({"format": {"type": "text"}}));
    assert_eq!(last["tools"][0]["name"], "f");
}

#[test]
fn compaction_keeps_to_the_backends_form() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    let body = json!({"model": MODEL, "input": "hi", "stream": false, "store": true,
        "include": ["x"], "temperature": 1});
    let reply = daemon
        .client()
        .post("/v1/responses/compact", &body)
        .expect_json(200);
    assert_eq!(reply["object"], "response.compaction");
    let call = &sim.calls()[0];
    assert_eq!(call.path(), "/backend-api/codex/responses/compact");
    assert_eq!(call.json()["instructions"], "");
    assert_eq!(call.header("accept"), Some("application/json"));
}

#[test]
fn an_accounts_own_list_decides_about_its_models() {
    let sim = CodexSim::start(answer());
    sim.list_models(json!({"models": [
        {"slug": MODEL, "display_name": "GPT-5.4", "visibility": "list", "context_window": 272_000,
         "supported_reasoning_levels": [{"effort": "low"}, {"effort": "high"}]},
        {"slug": "gpt-9-new", "visibility": "list"}, {"slug": "hidden", "visibility": "none"}]}));
    let daemon = daemon(&sim, &["acct-1"]);
    let names = eventually("the account's own list", || {
        let list = daemon.client().get("/v1/models").expect_json(200);
        let models = list["data"].as_array()?;
        let mut names: Vec<String> = models
            .iter()
            .filter_map(|model| Some(model["id"].as_str()?.to_owned()))
            .collect();
        names.sort();
        names
            .iter()
            .any(|name| name == "gpt-9-new")
            .then_some(names)
    });
    assert_eq!(names, [MODEL, "gpt-9-new", "gpt-image-1.5", "gpt-image-2"]);
    let requests = sim.backend.requests();
    let asked = requests
        .iter()
        .find(|asked| asked.path().ends_with("/models"))
        .unwrap();
    assert_eq!(asked.header("chatgpt-account-id"), Some("acct-1"));
    assert_eq!(
        asked.target,
        "/backend-api/codex/models?client_version=0.144.0"
    );
}

/// b85120873, c52310143: Claude clients carry the thinking back to where it came from.
#[test]
fn thinking_goes_on_in_the_next_turn_of_a_claude_client() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    let mut body = json!({"model": MODEL, "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}],
        "messages": [{"role": "user", "content": "hi"}]});
    let reply = daemon.client().post("/v1/messages", &body).expect_json(200);
    assert_eq!(reply["content"][0]["type"], "thinking", "{reply}");
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": reply["content"]}));
    messages.push(json!({"role": "user", "content": "go on"}));
    daemon.client().post("/v1/messages", &body).expect_json(200);
    let second = sim.calls()[1].json();
    let kinds: Vec<&str> = second["input"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(kinds, ["message", "reasoning", "message", "message"]);
    assert_eq!(second["input"][1]["encrypted_content"], "gAAAAAfake");
    assert_eq!(second["tools"][0]["type"], "web_search");
    assert_eq!(second["parallel_tool_calls"], true);
}

/// §4: the backend counts nothing; the tokenizer is here.
#[test]
fn tokens_are_counted_without_the_backend() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi there"}]});
    let target = "/v1/messages/count_tokens";
    let reply = daemon.client().post(target, &body).expect_json(200);
    assert!(reply["input_tokens"].as_u64().unwrap() > 1, "{reply}");
    assert_eq!(sim.calls().len(), 0);
}

/// §2: the official client's own file cannot be shared; whoever puts it here learns what helps.
#[test]
fn files_of_the_official_programs_are_explained() {
    let sim = CodexSim::start(answer());
    let codex = json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": null, "tokens":
        {"id_token": "x", "access_token": "x", "refresh_token": "rt-secret", "account_id": "a"}});
    let claude = json!({"claudeAiOauth": {"accessToken": "x", "refreshToken": "rt-secret"}});
    let setup = sim
        .setup("")
        .auth("auth.json", &codex)
        .auth("credentials.json", &claude)
        .auth("other.json", &json!({"anything": 1}))
        .auth("codex-1.json", &sim.account("acct-1", 600));
    let terminal = Terminal::run(&setup, &["--accounts"]);
    terminal.expect_exit(0);
    let said = terminal.stdout.text();
    let line = |name: &str| said.lines().find(|line| line.starts_with(name));
    assert!(
        line("auth.json").unwrap().contains("`--codex-login`"),
        "{said}"
    );
    assert!(
        line("credentials.json")
            .unwrap()
            .contains("`--claude-login`"),
        "{said}"
    );
    assert_eq!(line("other.json"), None);
    assert!(
        said.contains("acct-1@b.c") && !said.contains("rt-secret"),
        "{said}"
    );
}

/// The Codex client compresses what it sends to a ChatGPT backend.
#[test]
fn bodies_in_zstd_are_read() {
    use base64::Engine as _;
    // {"model":"gpt-5.4","input":"hi","stream":false}
    let body = base64::engine::general_purpose::STANDARD
        .decode("KLUv/QRYeQEAeyJtb2RlbCI6ImdwdC01LjQiLCJpbnB1dCI6ImhpIiwic3RyZWFtIjpmYWxzZX0sD/KS")
        .unwrap();
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1"]);
    let request = daemon
        .client()
        .request("POST", "/backend-api/codex/responses");
    let request = request
        .header("content-type", "application/json")
        .header("content-encoding", "zstd");
    request.body(body).send().read().expect_json(200);
    let sent = &sim.calls()[0];
    assert_eq!(sent.header("content-encoding"), None);
    assert_eq!(sent.json()["model"], MODEL);
}
