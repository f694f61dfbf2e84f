//! The life of a GitHub Copilot account: login, exchange of tokens, traffic in every protocol, limits
//! (`providers/github-copilot.md`).

use std::sync::Arc;

use crate::support::answer::{Answer, Wire};
use crate::support::clock::MovedClock;
use crate::support::copilot_sim::{CHAT, CopilotSim, EXCHANGE, MESSAGES, MODELS, RESPONSES};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::terminal::Terminal;
use crate::support::upstream::Reply;
use serde_json::{Value, json};

const MODEL: &str = "claude-sonnet-4.6";

fn answer() -> Answer {
    Answer::new(MODEL).thinking("hm", "sig").text("Hello there")
}

fn daemon(sim: &CopilotSim) -> Daemon {
    let setup = sim.setup("");
    setup
        .auth("github-copilot-octocat.json", &sim.account())
        .start()
}

fn files(setup: &Setup) -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(setup.auth_dir()).unwrap().flatten();
    let files = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "json"));
    let read = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, serde_json::from_str(&text).unwrap())
    };
    files.map(read).collect()
}

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "max_tokens": 4000,
        "messages": [{"role": "user", "content": "hi"}]})
}

const TARGET: &str = "/v1/chat/completions";

fn ask(wire: Wire, model: &str, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (TARGET.into(), chat(model, stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": model, "stream": stream, "input": "hi", "service_tier": "auto"}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": model, "stream": stream, "max_tokens": 4000,
                "messages": [{"role": "user", "content": "hi"}]}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{model}:{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            )
        }
    }
}

fn entry(id: &str, endpoints: &[&str]) -> Value {
    json!({"id": id, "name": id, "model_picker_enabled": true, "policy": {"state": "enabled"},
        "supported_endpoints": endpoints,
        "capabilities": {"type": "chat", "supports": {"tool_calls": true, "vision": true},
            "limits": {"max_prompt_tokens": 168_000, "max_output_tokens": 32_000}}})
}

/// Waits for the account's own list.
fn await_model(daemon: &Daemon, id: &str) -> Vec<String> {
    eventually("the account's own list", || {
        let list = daemon.client().get("/v1/models").expect_json(200);
        let models = list["data"].as_array()?;
        let names = models.iter().filter_map(|model| model["id"].as_str());
        let names: Vec<String> = names.map(str::to_owned).collect();
        names.iter().any(|name| name == id).then_some(names)
    })
}

#[test]
fn a_login_becomes_a_file_that_serves() {
    let sim = CopilotSim::start(answer());
    sim.polls(["authorization_pending"]);
    let setup = sim.setup("");
    let terminal = Terminal::run(&setup, &["--github-copilot-login", "--no-browser"]);
    terminal.stdout.await_line("ABCD-1234");
    let shown = terminal.stdout.text();
    let terms = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        terms.contains("nothing in its terms promises"),
        "the terms come first: {shown}"
    );
    assert!(shown.contains("https://github.com/login/device"), "{shown}");
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(
        !shown.contains("ghu_") && !shown.contains("tid="),
        "{shown}"
    );
    let found = files(&setup);
    let (name, saved) = &found[0];
    assert_eq!(
        (found.len(), name.as_str()),
        (1, "github-copilot-octocat.json")
    );
    assert_eq!(saved["access_token"], "ghu_1");
    assert_eq!(saved["username"], "octocat");
    assert!(
        !saved.to_string().contains("tid="),
        "Copilot's token is never on disk"
    );
    let daemon = setup.start();
    let reply = daemon.client().post(TARGET, &chat(MODEL, false));
    let reply = reply.expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
    sim.assert_content();
}

/// F's web login wrote `github-octocat.json`: the same account, so the same file.
#[test]
fn a_file_of_the_old_web_login_is_the_same_account() {
    let sim = CopilotSim::start(answer());
    let mut old = sim.account();
    old["access_token"] = "ghu_0".into();
    let setup = sim.setup("").auth("github-octocat.json", &old);
    let terminal = Terminal::run(&setup, &["--github-copilot-login", "--no-browser"]);
    terminal.expect_exit(0);
    let found = files(&setup);
    assert_eq!(
        (found.len(), found[0].0.as_str()),
        (1, "github-octocat.json")
    );
    assert_eq!(found[0].1["access_token"], "ghu_1");
    assert_eq!(found[0].1["mine"], old["mine"]);
}

/// §1 and §3: no subscription, no login; a "no" of the person neither.
#[test]
fn a_login_without_copilot_leaves_nothing_behind() {
    let sim = CopilotSim::start(answer());
    let setup = sim.setup("");
    let none = json!({"message": "Resource not accessible", "error_details": {
        "message": "No access to GitHub Copilot found.", "notification_id": "no_copilot_access",
        "url": "https://github.com/settings/copilot"}});
    sim.server.reply_to(EXCHANGE, Reply::json(403, &none));
    let terminal = Terminal::run(&setup, &["--github-copilot-login", "--no-browser"]);
    terminal.expect_exit(1);
    let said = terminal.stdout.text() + &terminal.stderr.text();
    assert!(said.contains("no_copilot_access"), "{said}");
    assert!(files(&setup).is_empty());
    sim.polls(["access_denied"]);
    let terminal = Terminal::run(&setup, &["--github-copilot-login", "--no-browser"]);
    terminal.expect_exit(1);
    assert!(files(&setup).is_empty());
}

/// The client's own protocol where the model has it, else the first there is.
#[test]
fn every_client_protocol_is_served() {
    let sim = CopilotSim::start(answer());
    sim.list_models(json!([
        entry(MODEL, &["/chat/completions", "/v1/messages"]),
        entry("gpt-5.9-codex", &["/responses"]),
        entry("gpt-5.9", &["/chat/completions", "/responses"]),
    ]));
    let daemon = daemon(&sim);
    await_model(&daemon, "gpt-5.9");
    for model in [MODEL, "gpt-5.9-codex", "gpt-5.9"] {
        for wire in Wire::ALL {
            for stream in [false, true] {
                let (target, body) = ask(wire, model, stream);
                let reply = daemon.client().post(&target, &body);
                let text = reply.text();
                assert_eq!(reply.status, 200, "{model} {wire:?}: {text}");
                let pieces = if stream {
                    &["Hello ", "there"][..]
                } else {
                    &["Hello there"]
                };
                for piece in pieces.iter().chain(&["\"hm\""]) {
                    assert!(text.contains(piece), "{model} {wire:?} {stream}: {text}");
                }
            }
        }
    }
    let n = |path| sim.calls(path).len();
    // Per client protocol and way two calls: Claude 6 and 2, Codex 8, the other one 6 and 2.
    assert_eq!((n(CHAT), n(MESSAGES), n(RESPONSES)), (12, 2, 10));
    assert_eq!(sim.n_exchanged(), 1, "one token for all of it");
    for call in sim.calls(CHAT) {
        assert_eq!(call.header("x-initiator"), Some("user"));
        assert_eq!(call.header("copilot-vision-request"), None);
        assert_eq!(call.header("vscode-machineid"), None);
        let usage = &call.json()["stream_options"]["include_usage"];
        assert_eq!(*usage == true, call.json()["stream"] == true);
    }
    sim.assert_content();
}

/// §6: whose turn it is and pictures, by what the client sent.
#[test]
fn headers_follow_the_content() {
    let sim = CopilotSim::start(answer());
    let daemon = daemon(&sim);
    let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png",
        "data": "iVBORw0="}});
    let body = json!({"model": MODEL, "max_tokens": 99,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}], "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
                "content": [picture]}]}]});
    daemon.client().post("/v1/messages", &body).expect_json(200);
    let call = sim.calls(CHAT).pop().unwrap();
    assert_eq!(call.header("x-initiator"), Some("agent"));
    assert_eq!(call.header("copilot-vision-request"), Some("true"));
    sim.assert_content();
}

/// The timer does it, before the service wants it; nobody waits for it.
#[test]
fn the_token_is_exchanged_before_it_ends() {
    let clock = Arc::new(MovedClock::default());
    let sim = CopilotSim::start(answer());
    sim.set_clock(Arc::clone(&clock) as _);
    let setup = sim
        .setup("")
        .auth("github-copilot-octocat.json", &sim.account());
    let before = files(&setup);
    let daemon = setup.start_at(Arc::clone(&clock) as _);
    // Without any request.
    eventually("the first token", || (sim.n_exchanged() == 1).then_some(()));
    daemon
        .client()
        .post(TARGET, &chat(MODEL, false))
        .expect_json(200);
    assert_eq!(sim.n_exchanged(), 1);
    clock.pass(1600);
    daemon.client().post(TARGET, &chat(MODEL, true)).events();
    assert_eq!(sim.n_exchanged(), 2, "an ended one is not tried");
    assert_eq!(sim.calls(CHAT).len(), 2);
    assert_eq!(files(daemon.setup()), before, "nothing of it is on disk");
    sim.assert_content();
}

/// F kept a token that the API no longer took.
#[test]
fn a_refused_token_is_exchanged_once_and_the_call_repeated() {
    let sim = CopilotSim::start(answer());
    let daemon = daemon(&sim);
    daemon
        .client()
        .post(TARGET, &chat(MODEL, false))
        .expect_json(200);
    sim.forget_tokens();
    daemon
        .client()
        .post(TARGET, &chat(MODEL, false))
        .expect_json(200);
    assert_eq!((sim.calls(CHAT).len(), sim.n_exchanged()), (3, 2));
    sim.server.reply_to(CHAT, Reply::text(403, "forbidden"));
    daemon
        .client()
        .post(TARGET, &chat(MODEL, false))
        .expect_json(200);
    assert_eq!((sim.calls(CHAT).len(), sim.n_exchanged()), (5, 3));
    sim.assert_content();
}

#[test]
fn a_revoked_login_needs_its_person() {
    let sim = CopilotSim::start(answer());
    let daemon = daemon(&sim);
    daemon
        .client()
        .post(TARGET, &chat(MODEL, false))
        .expect_json(200);
    sim.revoke();
    for _ in 0..2 {
        let refused = daemon.client().post(TARGET, &chat(MODEL, false));
        assert!(refused.status >= 400, "{}", refused.text());
    }
    assert_eq!(
        sim.calls(EXCHANGE).len(),
        2,
        "a dead token is not tried again"
    );
    assert_eq!(files(daemon.setup())[0].1["mine"], json!({"kept": true}));
}

/// §6: a limit of the whole account, of an hour. After half an hour one request looks whether it is
/// over already.
#[test]
fn a_limit_rests_and_the_account_comes_back() {
    let clock = Arc::new(MovedClock::default());
    let sim = CopilotSim::start(answer());
    sim.set_clock(Arc::clone(&clock) as _);
    let setup = sim.setup("");
    let setup = setup.auth("github-copilot-octocat.json", &sim.account());
    let daemon = setup.start_at(Arc::clone(&clock) as _);
    let limit = json!({"error": {"code": "rate_limited", "message": "slow down"}});
    let limit = Reply::text(429, limit.to_string()).header("retry-after", "3600");
    let limit = limit.header("x-ratelimit-exceeded", "global-user:chat-tps-2026-02-25");
    sim.server.reply_to(CHAT, limit);
    let refused = daemon.client().post(TARGET, &chat(MODEL, false));
    assert_eq!(refused.status, 429, "{}", refused.text());
    eventually("the account at rest", || {
        let snapshot = daemon.handles().snapshot.get();
        let view = snapshot.members.first()?.view.get();
        (!view.is_untroubled("gpt-4.1")).then_some(())
    });
    let refused = daemon.client().post(TARGET, &chat("gpt-4.1", false));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(sim.calls(CHAT).len(), 1, "a resting account is left alone");
    clock.pass(1801);
    for model in ["gpt-4.1", MODEL] {
        eventually("the account to come back", || {
            let reply = daemon.client().post(TARGET, &chat(model, false));
            (reply.status == 200).then_some(())
        });
    }
    sim.assert_content();
}

/// §6: other models go on.
#[test]
fn used_up_premium_requests_rest_one_model() {
    let sim = CopilotSim::start(answer());
    let daemon = daemon(&sim);
    let used_up = json!({"error": {"code": "quota_exceeded", "message": "You have no quota"}});
    let reply = Reply::text(402, used_up.to_string()).header("retry-after", "600");
    sim.server.reply_to(CHAT, reply);
    let refused = daemon.client().post(TARGET, &chat(MODEL, false));
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    let reply = daemon.client().post(TARGET, &chat("gpt-4.1", false));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let refused = daemon.client().post(TARGET, &chat(MODEL, false));
    assert!(refused.status >= 400);
    assert_eq!(sim.calls(CHAT).len(), 2, "the resting model is left alone");
}

/// §6: `unsupported_api_for_model` is asked once more, elsewhere.
#[test]
fn a_model_of_another_endpoint_is_found_there() {
    let sim = CopilotSim::start(answer());
    sim.list_models(json!([entry("gpt-moved", &["/chat/completions"])]));
    let daemon = daemon(&sim);
    await_model(&daemon, "gpt-moved");
    for stream in [false, true] {
        let reply = daemon.client().post(TARGET, &chat("gpt-moved", stream));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains("there"), "{}", reply.text());
    }
    assert_eq!((sim.calls(CHAT).len(), sim.calls(RESPONSES).len()), (2, 2));
}

/// §5: the account's own list, with the aliases of `config.md` §3.5 and the owner's exclusions.
#[test]
fn an_accounts_own_list_counts() {
    let sim = CopilotSim::start(answer());
    let mut hidden = entry("secret", &["/chat/completions"]);
    hidden["model_picker_enabled"] = false.into();
    sim.list_models(json!([
        entry("claude-opus-9.5", &["/chat/completions"]),
        entry("gpt-9-excluded", &["/chat/completions"]),
        hidden
    ]));
    let setup = sim.setup("oauth-excluded-models:\n  github-copilot: [\"*-excluded\"]\n");
    let daemon = setup
        .auth("github-copilot-octocat.json", &sim.account())
        .start();
    let names = await_model(&daemon, "claude-opus-9.5");
    assert_eq!(names, ["claude-opus-9-5", "claude-opus-9.5"]);
    let reply = daemon
        .client()
        .post(TARGET, &chat("claude-opus-9-5", false));
    let reply = reply.expect_json(200);
    assert_eq!(reply["model"], "claude-opus-9-5");
    assert_eq!(sim.calls(CHAT)[0].json()["model"], "claude-opus-9.5");
    assert_eq!(sim.calls(MODELS).len(), 1, "asked once in ten minutes");
    let body =
        json!({"model": "claude-opus-9.5", "messages": [{"role": "user", "content": "hi there"}]});
    let counted = daemon
        .client()
        .post("/v1/messages/count_tokens", &body)
        .expect_json(200);
    assert!(counted["input_tokens"].as_u64().unwrap() > 1, "{counted}");
}

/// §5: without a list the built-in one serves.
#[test]
fn without_a_list_the_built_in_one_serves() {
    let sim = CopilotSim::start(answer());
    let daemon = daemon(&sim);
    let names = await_model(&daemon, "claude-opus-4-6");
    assert!(
        names.iter().any(|name| name == "gpt-5.3-codex"),
        "{names:?}"
    );
    assert_eq!(names.len(), 24 + 6, "{names:?}");
}

#[test]
fn used_quota_is_shown() {
    let sim = CopilotSim::start(answer());
    let daemon = daemon(&sim);
    daemon
        .client()
        .post(TARGET, &chat(MODEL, false))
        .expect_json(200);
    eventually("the quota", || {
        let snapshot = daemon.handles().snapshot.get();
        let view = snapshot.members.first()?.view.get();
        let window = view.quota.get("premium requests")?;
        // Of the answer's headers, or of GitHub's own answer.
        let said = window.to_string();
        ["premium requests 42 %"]
            .contains(&said.as_str())
            .then_some(())
    });
}
