//! The life of a ChatGPT account: login, traffic in every protocol, refresh, limits
//! (`providers/codex.md`).

use std::time::Duration;

use crate::support::answer::{Answer, Wire};
use crate::support::codex_sim::{CodexSim, RESPONSES, USER_CODE, id_token};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::oauth_sim::{Fault, visit};
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
    // Somebody else's login may have both ports; then the address is pasted.
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
    assert_eq!(
        call.json(),
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

/// Vector 3: the account rests for all its models, the other one serves.
#[test]
fn a_used_up_plan_hands_over_to_the_next_account() {
    let sim = CodexSim::start(answer());
    let daemon = daemon(&sim, &["acct-1", "acct-2"]);
    sim.backend.reply_to(RESPONSES, used_up(5000));
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
    let called = sim.called();
    assert_ne!(called[0], called[1]);
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
    assert_eq!(names, [MODEL, "gpt-9-new"]);
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
