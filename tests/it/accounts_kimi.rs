//! The life of a Kimi Code account: login, traffic in every protocol, refresh, limits
//! (`providers/kimi.md`).

use std::time::Duration;

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::kimi_sim::{CHAT, DEVICE, KimiSim, MESSAGES};
use crate::support::oauth_sim::{Fault, Poll};
use crate::support::terminal::Terminal;
use crate::support::upstream::Reply;
use serde_json::{Value, json};

const MODEL: &str = "kimi-k2.5";

fn answer() -> Answer {
    Answer::new("k2.5")
        .thinking("hm", "sig")
        .text("Hello there")
}

/// A daemon with so many accounts.
fn daemon(sim: &KimiSim, n: usize) -> Daemon {
    let mut setup = sim.setup("");
    for n in 0..n {
        setup = setup.auth(&format!("kimi-{n}.json"), &sim.account(600));
    }
    setup.start()
}

fn only_file(setup: &Setup) -> (String, Value) {
    let mut entries = std::fs::read_dir(setup.auth_dir()).unwrap().flatten();
    let entry = entries
        .find(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "json")
        })
        .unwrap();
    let name = entry.file_name().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(entry.path()).unwrap();
    (name, serde_json::from_str(&text).unwrap())
}

fn chat(stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

const TARGET: &str = "/v1/chat/completions";

fn ask(wire: Wire, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (TARGET.into(), chat(stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": MODEL, "stream": stream, "input": "hi", "max_output_tokens": 9,
                "prompt_cache_key": "s-1"}),
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
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                    "generationConfig": {"maxOutputTokens": 9}}),
            )
        }
    }
}

#[test]
fn a_login_becomes_a_file_that_serves() {
    let sim = KimiSim::start(answer());
    sim.list_models(json!({"data": [{"id": "kimi-for-coding"}]}));
    let setup = sim.setup("");
    let terminal = Terminal::run(&setup, &["--kimi-login", "--no-browser"]);
    terminal.stdout.await_line("ABCD-1234");
    let shown = terminal.stdout.text();
    assert!(shown.contains("Moonshot"), "the terms come first: {shown}");
    assert!(shown.contains("https://device.example/activate"), "{shown}");
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(shown.contains("weekly limit: 26 of 100 used"), "{shown}");
    let number = sim.assert_content();
    let (name, saved) = only_file(&setup);
    let digits = name
        .strip_prefix("kimi-")
        .and_then(|rest| rest.strip_suffix(".json"));
    assert!(
        digits.unwrap().parse::<i64>().unwrap() > 1_700_000_000_000,
        "{name}"
    );
    assert_eq!(saved["type"], "kimi");
    assert_eq!(saved["scope"], "kimi-code");
    assert_eq!(saved["device_id"], number.as_str());
    assert!(sim.auth.accepts(saved["access_token"].as_str().unwrap()));

    let daemon = setup.start();
    let reply = daemon.client().post(TARGET, &chat(false)).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
    let call = &sim.calls(CHAT)[0];
    assert_eq!(call.header("x-msh-device-id"), Some(number.as_str()));
}

#[test]
fn a_login_that_is_refused_leaves_nothing_behind() {
    let sim = KimiSim::start(answer());
    let setup = sim.setup("");
    sim.auth.polls([Poll::Denied]);
    let terminal = Terminal::run(&setup, &["--kimi-login"]);
    terminal.expect_exit(1);
    let said = terminal.stdout.text() + &terminal.stderr.text();
    assert!(said.contains("the person said no"), "{said}");
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 0);
}

/// A program that the service does not take is told so at once; the account is kept.
#[test]
fn a_login_says_when_the_service_takes_no_calls() {
    let sim = KimiSim::start(answer());
    let closed = json!({"error": {"type": "access_terminated_error", "message":
        "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI."}});
    sim.api
        .reply_to("/coding/v1/models", Reply::json(403, &closed));
    let setup = sim.setup("");
    let terminal = Terminal::run(&setup, &["--kimi-login"]);
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(shown.contains("a first call did not"), "{shown}");
    assert!(
        shown.contains("only available for Coding Agents"),
        "{shown}"
    );
    only_file(&setup);
}

#[test]
fn every_client_protocol_is_served() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
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
            assert!(
                text.contains("\"hm\""),
                "thinking, {wire:?} {stream}: {text}"
            );
            assert!(
                text.contains(MODEL),
                "named as asked for, {wire:?} {stream}: {text}"
            );
            assert!(!text.contains("\"k2.5\""), "{wire:?} {stream}: {text}");
        }
    }
    let (chats, messages) = (sim.calls(CHAT), sim.calls(MESSAGES));
    assert_eq!((chats.len(), messages.len()), (6, 2));
    for call in chats.iter().chain(&messages) {
        assert_eq!(call.json()["model"], "k2.5");
        assert_eq!(call.header("x-msh-device-id"), Some(DEVICE));
    }
    // A session keeps its cache (§7).
    assert_eq!(chats[2].json()["prompt_cache_key"], "s-1");
    assert_eq!(chats[2].json()["max_completion_tokens"], 9);
    let anthropic = messages[0].json();
    assert_eq!(anthropic["system"], "S", "no texts of another program");
    assert_eq!(messages[0].header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(messages[0].header("anthropic-beta"), None);
}

/// 255df2db3, and §7: suffixes and efforts become the service's own field.
#[test]
fn thinking_is_asked_for_in_the_services_way() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
    let with = |model: &str, more: Value| {
        let mut body = chat(false);
        body["model"] = model.into();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        daemon.client().post(TARGET, &body).expect_json(200);
        sim.calls(CHAT).last().unwrap().json()
    };
    for (model, more, want) in [
        (
            "kimi-k2.5(high)",
            json!({}),
            json!({"type": "enabled", "effort": "high"}),
        ),
        ("kimi-k2.5(none)", json!({}), json!({"type": "disabled"})),
        // Cannot be switched off.
        (
            "kimi-k3(none)",
            json!({}),
            json!({"type": "enabled", "effort": "low"}),
        ),
        (
            MODEL,
            json!({"reasoning_effort": "low"}),
            json!({"type": "enabled", "effort": "low"}),
        ),
        (
            MODEL,
            json!({"thinking": {"type": "enabled", "keep": "all"}}),
            json!({"type": "enabled", "keep": "all"}),
        ),
        (
            "kimi-k2.5(high)",
            json!({"thinking": {"type": "enabled", "keep": "all"}}),
            json!({"type": "enabled", "effort": "high", "keep": "all"}),
        ),
        (MODEL, json!({}), Value::Null),
    ] {
        assert_eq!(with(model, more)["thinking"], want, "{model}");
    }
    // Claude Code's highest effort on a model with two levels.
    let body = json!({"model": MODEL, "max_tokens": 4096, "thinking": {"type": "adaptive"},
        "output_config": {"effort": "max"}, "messages": [{"role": "user", "content": "hi"}]});
    daemon.client().post("/v1/messages", &body).expect_json(200);
    let sent = sim.calls(MESSAGES)[0].json();
    assert_eq!(sent["output_config"]["effort"], "high");
}

/// §7 over whole conversations: what clients send back, and what each protocol has no place for.
#[test]
fn tool_loops_go_on() {
    let sim = KimiSim::start(Answer::new("k2.5").thinking("why", "sig").call(
        "c1",
        "look",
        &json!({"at": "x"}),
    ));
    let daemon = daemon(&sim, 1);
    let tool = json!({"name": "look", "description": "",
        "parameters": {"type": "object", "properties": {"mode": {"enum": ["a", "b"]}}}});
    // Chat: the client has no place for thinking.
    let mut body = chat(false);
    body["tools"] = json!([{"type": "function", "function": tool},
        {"type": "builtin_function", "function": {"name": "$web_search"}}]);
    let reply = daemon.client().post(TARGET, &body).expect_json(200);
    assert_eq!(
        reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "look"
    );
    let sent = sim.calls(CHAT)[0].json();
    assert_eq!(
        sent["tools"][1], body["tools"][1],
        "its own tools keep their names"
    );
    let mut message = reply["choices"][0]["message"].clone();
    message
        .as_object_mut()
        .unwrap()
        .shift_remove("reasoning_content");
    message["content"] = "".into();
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(message);
    messages.push(json!({"role": "tool", "content": "seen"}));
    daemon.client().post(TARGET, &body).expect_json(200);
    let second = sim.calls(CHAT)[1].json();
    assert_eq!(
        second["messages"][1]["reasoning_content"],
        "[reasoning unavailable]"
    );
    assert_eq!(second["messages"][2]["tool_call_id"], "c1");
    // Responses: the thinking comes back.
    let body = json!({"model": MODEL, "input": [
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "why"}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "seen"}]});
    daemon
        .client()
        .post("/v1/responses", &body)
        .expect_json(200);
    let sent = sim.calls(CHAT)[2].json();
    assert_eq!(sent["messages"][1]["reasoning_content"], "why");
    // Anthropic: as it came, signature and all.
    let body = json!({"model": MODEL, "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "why", "signature": "bm90IHJlYWQ="},
            {"type": "tool_use", "id": "c1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]}]});
    daemon.client().post("/v1/messages", &body).expect_json(200);
    assert_eq!(sim.calls(MESSAGES)[0].json()["messages"], body["messages"]);
}

/// §7: a Claude client dropped its thinking, and the service minds.
#[test]
fn dropped_thinking_is_filled_in_once() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
    let refusal = Reply::json(
        400,
        &json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1"}}),
    );
    let body = json!({"model": MODEL, "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]}]});
    sim.api.reply_to(MESSAGES, refusal);
    daemon.client().post("/v1/messages", &body).expect_json(200);
    let calls = sim.calls(MESSAGES);
    assert_eq!(calls.len(), 2);
    assert_eq!(
        calls[1].json()["messages"][1]["content"][0]["type"],
        "thinking"
    );
}

#[test]
fn tokens_are_counted_where_the_service_counts() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]});
    let target = "/v1/messages/count_tokens";
    let counted = daemon.client().post(target, &body).expect_json(200);
    assert_eq!(counted["input_tokens"], 77);
    // Not every plan has it, and not every protocol.
    sim.api
        .reply_to("/coding/v1/messages/count_tokens", Reply::text(404, "no"));
    let counted = daemon.client().post(target, &body).expect_json(200);
    assert_ne!(counted["input_tokens"], 77);
    let (target, body) = (
        format!("/v1beta/models/{MODEL}:countTokens"),
        json!({"contents": [{"role": "user", "parts": [{"text": "hi there"}]}]}),
    );
    let counted = daemon.client().post(&target, &body).expect_json(200);
    assert!(counted["totalTokens"].as_u64().unwrap() > 1, "{counted}");
}

/// 8e52c403f: one refresh for all that wait, with the login's own device.
#[test]
fn an_expired_token_is_refreshed_once_for_all() {
    let sim = KimiSim::start(answer());
    let before = sim.account(-5);
    let daemon = sim.setup("").auth("kimi-1.json", &before).start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| daemon.client().post(TARGET, &chat(false)).expect_json(200));
        }
    });
    assert_eq!((sim.auth.n_refreshes(), sim.auth.n_reuses()), (1, 0));
    assert_eq!(sim.calls(CHAT).len(), 8, "the old token was not tried");
    assert_eq!(sim.assert_content(), DEVICE);
    let asked = &sim.auth.token_requests()[0];
    assert_eq!(asked["grant_type"], "refresh_token");
    assert_eq!(asked.get("scope"), None);
    let (_, after) = only_file(daemon.setup());
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    for field in ["mine", "device_id", "scope", "type"] {
        assert_eq!(after[field], before[field], "{field}");
    }
}

/// A file without a device (of the official client, with a `type`) gets one that stays.
#[test]
fn a_file_without_a_device_gets_one() {
    let sim = KimiSim::start(answer());
    let mut file = sim.account(-5);
    file.as_object_mut().unwrap().shift_remove("device_id");
    let daemon = sim.setup("").auth("kimi-1.json", &file).start();
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    let number = sim.assert_content();
    let (_, after) = only_file(daemon.setup());
    assert_eq!(after["device_id"], number.as_str());
    let call = &sim.calls(CHAT)[0];
    assert_eq!(call.header("x-msh-device-id"), Some(number.as_str()));
}

#[test]
fn a_refused_token_is_refreshed_once_and_the_call_repeated() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
    for wire in [Wire::Chat, Wire::Anthropic] {
        sim.auth.forget_access_tokens();
        let (target, body) = ask(wire, true);
        let reply = daemon.client().post(&target, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!((sim.calls(CHAT).len(), sim.calls(MESSAGES).len()), (2, 2));
    assert_eq!(sim.auth.n_refreshes(), 2);
}

/// §3: 401 and 403 of the token endpoint end a login, everything else passes.
#[test]
fn a_dead_login_needs_its_person() {
    let sim = KimiSim::start(answer());
    sim.auth.fail([Fault::error(403, "access_denied")]);
    let account = sim.account(-5);
    let daemon = sim.setup("").auth("kimi-1.json", &account).start();
    for _ in 0..2 {
        let refused = daemon.client().post(TARGET, &chat(false));
        assert!(refused.status >= 400, "{}", refused.text());
    }
    assert_eq!(
        sim.auth.token_requests().len(),
        1,
        "a dead token is not tried again"
    );
    assert_eq!(only_file(daemon.setup()).1, account, "the file stays");
}

/// Waits until an account rests for every model: its actor hears of an outcome after the client.
#[track_caller]
fn await_rest(daemon: &Daemon) {
    eventually("an account at rest", || {
        let snapshot = daemon.handles().snapshot.get();
        let mut members = snapshot.members.iter();
        members
            .any(|member| !member.view.get().is_untroubled("k2.5"))
            .then_some(())
    });
}

#[test]
fn a_limit_hands_over_and_the_account_comes_back() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 2);
    let limit = Reply::json(
        429,
        &json!({"error": {"type": "rate_limit_reached_error", "message": "slow down"}}),
    );
    sim.api.reply_to(CHAT, limit.header("retry-after", "2"));
    assert_eq!(daemon.client().post(TARGET, &chat(true)).status, 200);
    let tokens = || -> Vec<String> {
        let calls = sim.calls(CHAT);
        let tokens = calls.iter().map(|call| call.header("authorization"));
        tokens.map(|token| token.unwrap().to_owned()).collect()
    };
    let first = tokens();
    assert_ne!(first[0], first[1], "the other account was asked");
    await_rest(&daemon);
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    assert_eq!(tokens()[2], first[1]);
    eventually("the account to come back", || {
        daemon.client().post(TARGET, &chat(false)).expect_json(200);
        std::thread::sleep(Duration::from_millis(100));
        (tokens().last() == first.first()).then_some(())
    });
}

/// §6 (MoonshotAI/kimi-code issue 2121): a used-up plan comes as 403.
#[test]
fn a_used_up_plan_rests_and_says_so() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
    let used_up = json!({"error": {"type": "access_terminated_error", "message":
        "You've reached your usage limit for this billing cycle."}});
    sim.api.reply_to(CHAT, Reply::json(403, &used_up));
    for _ in 0..2 {
        let refused = daemon.client().post(TARGET, &chat(false));
        assert_eq!(refused.status, 429, "{}", refused.text());
        let wait: i64 = refused.headers.get("retry-after").unwrap().parse().unwrap();
        assert!((1700..=1800).contains(&wait), "{wait}");
        await_rest(&daemon);
    }
    assert_eq!(sim.calls(CHAT).len(), 1, "a resting account is left alone");
}

/// §6: every account would answer the same, and none is at fault.
#[test]
fn a_program_that_is_not_taken_is_told_why() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 2);
    let closed = json!({"error": {"type": "access_terminated_error", "message":
        "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI."}});
    sim.api.reply_to(CHAT, Reply::json(403, &closed));
    let refused = daemon.client().post(TARGET, &chat(false));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("User-Agent"), "{}", refused.text());
    assert_eq!(sim.calls(CHAT).len(), 1, "no other account is asked");
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
}

#[test]
fn an_accounts_own_list_adds_models() {
    let sim = KimiSim::start(answer());
    sim.list_models(json!({"data": [{"id": "k9", "display_name": "Kimi K9",
        "context_length": 500_000, "supports_reasoning": true}]}));
    let setup = sim.setup(
        "oauth-excluded-models:\n  kimi: [\"*-thinking\"]\n\
        oauth-model-alias:\n  kimi:\n    - {name: kimi-k3, alias: best, fork: true}\n",
    );
    let daemon = setup.auth("kimi-1.json", &sim.account(600)).start();
    let names = eventually("the account's own list", || {
        let list = daemon.client().get("/v1/models").expect_json(200);
        let models = list["data"].as_array()?;
        let names = models.iter().filter_map(|model| model["id"].as_str());
        let names: Vec<String> = names.map(str::to_owned).collect();
        names.iter().any(|name| name == "kimi-k9").then_some(names)
    });
    let has = |name: &str| names.iter().any(|known| known == name);
    assert!(
        has("kimi-k2.5") && has("kimi-k3") && has("best"),
        "{names:?}"
    );
    assert!(!has("kimi-k2-thinking"), "{names:?}");
    for (model, want) in [
        ("kimi-k9", "k9"),
        ("best", "k3"),
        ("kimi-k2.7-code", "kimi-for-coding"),
    ] {
        let mut body = chat(false);
        body["model"] = model.into();
        let reply = daemon.client().post(TARGET, &body).expect_json(200);
        assert_eq!(reply["model"], model);
        assert_eq!(sim.calls(CHAT).last().unwrap().json()["model"], want);
    }
    let asked = sim.calls("/coding/v1/models");
    assert_eq!(asked[0].header("x-msh-device-id"), Some(DEVICE));
}

#[test]
fn used_quota_is_shown() {
    let sim = KimiSim::start(answer());
    let daemon = daemon(&sim, 1);
    daemon.client().post(TARGET, &chat(false)).expect_json(200);
    let shown = eventually("the quota", || {
        let snapshot = daemon.handles().snapshot.get();
        let view = snapshot.members.first()?.view.get();
        let window = view.quota.get("7 d")?;
        Some(window.to_string())
    });
    assert_eq!(shown, "7 d 26 %");
    let asked = sim.calls("/coding/v1/usages");
    assert_eq!(asked[0].header("x-msh-device-id"), Some(DEVICE));
}
