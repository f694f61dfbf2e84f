//! The life of an Antigravity account: login, traffic in every protocol, hosts, refresh, limits
//! (`providers/antigravity.md`).

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::google_sim::{
    COUNT, GENERATE, GoogleSim, LOAD, MODELS, ONBOARD, Product, STREAM, calls, error, limited,
};
use crate::support::oauth_sim::visit;
use crate::support::terminal::Terminal;
use crate::support::upstream::{Part, Reply};
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "gemini-3-flash";
const CLAUDE: &str = "claude-sonnet-4-6";
const CHAT: &str = "/v1/chat/completions";

fn sim() -> GoogleSim {
    let answer = Answer::new(MODEL).text("Hello there");
    GoogleSim::start(Product::Antigravity, answer)
}

/// A daemon with accounts of these addresses.
fn daemon(sim: &GoogleSim, emails: &[&str]) -> Daemon {
    let mut setup = sim.setup("");
    for email in emails {
        let account = sim.antigravity_account(email, 600);
        setup = setup.auth(&format!("antigravity-{email}.json"), &account);
    }
    setup.start()
}

fn file(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

fn ask(wire: Wire, model: &str, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (CHAT.into(), chat(model, stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": model, "stream": stream, "input": "hi"}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": model, "stream": stream, "max_tokens": 9,
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
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                    "safetySettings": [], "generationConfig": {"maxOutputTokens": 9}}),
            )
        }
    }
}

#[test]
fn a_login_becomes_a_file_that_serves() {
    let sim = sim();
    sim.standing(json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]}));
    let done = json!({"done": true, "response": {"cloudaicompanionProject": "made-1"}});
    sim.daily
        .reply_to(ONBOARD, Reply::json(200, &json!({"done": false})));
    sim.daily.reply_to(ONBOARD, Reply::json(200, &done));
    let setup = sim.setup("");
    let mut terminal = Terminal::run(&setup, &["--antigravity-login", "--no-browser"]);
    let url = terminal.await_url();
    let back = sim.auth.agree(&url);
    if visit(&back).is_none_or(|page| page.status >= 500) {
        terminal.type_line(&back);
    }
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(shown.contains("third-party"), "{shown}");
    for part in [
        "code_challenge_method=S256",
        "cclog",
        "experimentsandconfigs",
        "oauth-callback",
    ] {
        assert!(url.contains(part), "{part} in {url}");
    }
    let asked = calls(&sim.production, LOAD)[0].json();
    assert_eq!(asked, json!({"metadata": {"ideType": "ANTIGRAVITY"}}));
    assert_eq!(calls(&sim.daily, ONBOARD)[0].json()["tier_id"], "free-tier");
    let saved = file(&setup, "antigravity-dev@example.com.json");
    assert_eq!(saved["type"], "antigravity");
    assert_eq!(saved["project_id"], "made-1");
    assert_eq!(saved["expires_in"], 3599);
    assert!(saved["timestamp"].is_i64() && saved["expired"].is_string());

    let daemon = setup.start();
    let reply = daemon
        .client()
        .post(CHAT, &chat(MODEL, false))
        .expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
    assert_eq!(calls(&sim.daily, GENERATE)[0].json()["project"], "made-1");
    sim.assert_content();
}

#[test]
fn every_client_protocol_is_served() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    for model in [MODEL, CLAUDE] {
        for wire in Wire::ALL {
            for stream in [false, true] {
                let (target, body) = ask(wire, model, stream);
                let reply = daemon.client().post(&target, &body);
                let text = reply.text();
                assert_eq!(reply.status, 200, "{wire:?}: {text}");
                assert!(text.contains("Hello"), "{wire:?} {stream}: {text}");
                assert!(!text.contains("traceId"), "{wire:?} {stream}: {text}");
            }
        }
    }
    sim.assert_content();
    // Claude is only asked for streams.
    assert_eq!(calls(&sim.daily, GENERATE).len(), 4);
    assert_eq!(calls(&sim.daily, STREAM).len(), 12);
    let call = &calls(&sim.daily, GENERATE)[0];
    let agent = call.header("user-agent").unwrap();
    assert!(agent.starts_with("antigravity/hub/2.9.1 "), "{agent}");
    let sent = call.json();
    assert_eq!(sent["requestType"], "agent");
    assert!(sent["requestId"].as_str().unwrap().starts_with("agent-"));
    assert_eq!(sent["project"], "project-of-a@b.c");
}

/// Claude's signatures go back to Claude, and to nobody else.
#[test]
fn thinking_of_claude_returns_with_its_signature() {
    const SIGNATURE: &str = "EgYKBAgHGAI=";
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    let chunk = |parts: Value, end: Value| {
        let reply = json!({"response": {"candidates": [{"content": {"role": "model",
            "parts": parts}, "finishReason": end}], "usageMetadata": {"promptTokenCount": 1,
            "candidatesTokenCount": 1, "totalTokenCount": 2}}});
        format!("data: {reply}\n\n")
    };
    let frames = [
        chunk(
            json!([{"thought": true, "text": "hm", "thoughtSignature": SIGNATURE}]),
            Value::Null,
        ),
        chunk(
            json!([{"functionCall": {"id": "toolu_vrtx_1", "name": "f", "args": {}}}]),
            "STOP".into(),
        ),
    ];
    sim.daily.reply_to(STREAM, Reply::sse(frames));
    let tools = json!([{"name": "f", "input_schema": {"type": "object",
        "properties": {"a": {"type": "string"}}}}]);
    let first = json!({"model": CLAUDE, "max_tokens": 2000, "tools": tools,
        "messages": [{"role": "user", "content": "hi"}]});
    let reply = daemon
        .client()
        .post("/v1/messages", &first)
        .expect_json(200);
    assert_eq!(reply["stop_reason"], "tool_use");
    assert_eq!(
        reply["content"][0],
        json!({"type": "thinking", "thinking": "hm", "signature": SIGNATURE})
    );
    let id = reply["content"][1]["id"].as_str().unwrap();
    assert_eq!(id, "toolu_vrtx_1");
    let history = |model: &str| {
        json!({"model": model, "max_tokens": 2000, "tools": tools, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": reply["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id,
                "content": "done"}]}]})
    };
    daemon
        .client()
        .post("/v1/messages", &history(CLAUDE))
        .expect_json(200);
    let sent = calls(&sim.daily, STREAM)[1].json()["request"].clone();
    let parts = &sent["contents"][1]["parts"];
    assert_eq!(
        parts[0],
        json!({"thought": true, "text": "hm", "thoughtSignature": SIGNATURE})
    );
    assert_eq!(parts[1]["functionCall"]["id"], id);
    assert_eq!(
        sent["contents"][2]["parts"][0]["functionResponse"]["id"],
        id
    );
    assert_eq!(
        sent["toolConfig"]["functionCallingConfig"]["mode"],
        "VALIDATED"
    );
    assert_eq!(
        sent["tools"][0]["functionDeclarations"][0]["parameters"]["type"],
        "object"
    );

    daemon
        .client()
        .post("/v1/messages", &history(MODEL))
        .expect_json(200);
    let sent = calls(&sim.daily, GENERATE)[0].json()["request"].to_string();
    assert!(!sent.contains(SIGNATURE), "{sent}");
    assert!(sent.contains("skip_thought_signature_validator"), "{sent}");
    sim.assert_content();
}

#[test]
fn the_other_host_serves_when_the_first_cannot() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    let busy = || error(503, "UNAVAILABLE", "no capacity available", json!([]));
    let missing = || error(404, "NOT_FOUND", "unknown model", json!([]));
    let broken = || Reply::new(200).before_head(Part::CloseEarly);
    for fault in [busy(), missing(), broken(), broken()] {
        sim.daily.reply_to(GENERATE, fault);
    }
    for n in 1..=3 {
        daemon
            .client()
            .post(CHAT, &chat(MODEL, false))
            .expect_json(200);
        assert_eq!(calls(&sim.production, GENERATE).len(), n);
    }
    daemon
        .client()
        .post(CHAT, &chat(MODEL, false))
        .expect_json(200);
    assert_eq!(
        calls(&sim.production, GENERATE).len(),
        3,
        "the first host is asked first"
    );
    sim.assert_content();
}

#[test]
fn a_base_url_of_the_file_is_the_only_one() {
    let sim = sim();
    let mut account = sim.antigravity_account("a@b.c", 600);
    account["base_url"] = sim.production.url().into();
    account["user_agent"] = "mine/1".into();
    let daemon = sim.setup("").auth("antigravity-a.json", &account).start();
    daemon
        .client()
        .post(CHAT, &chat(MODEL, false))
        .expect_json(200);
    let call = &calls(&sim.production, GENERATE)[0];
    assert_eq!(call.header("user-agent"), Some("mine/1"));
    assert_eq!(calls(&sim.daily, GENERATE).len(), 0);
}

#[test]
fn an_expired_token_is_refreshed_before_the_call() {
    let sim = sim();
    let before = sim.antigravity_account("a@b.c", -5);
    let daemon = sim.setup("").auth("antigravity-a.json", &before).start();
    for _ in 0..2 {
        daemon
            .client()
            .post(CHAT, &chat(MODEL, false))
            .expect_json(200);
    }
    assert_eq!(
        (sim.auth.n_refreshes(), calls(&sim.daily, GENERATE).len()),
        (1, 2)
    );
    let after = file(daemon.setup(), "antigravity-a.json");
    assert_ne!(after["access_token"], before["access_token"]);
    assert_eq!(after["refresh_token"], before["refresh_token"]);
    assert!(after["timestamp"].as_i64() > before["timestamp"].as_i64());
    assert_eq!(after["mine"], before["mine"]);
    sim.assert_content();
}

#[test]
fn a_refused_token_is_refreshed_once_and_the_call_repeated() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    sim.auth.forget_access_tokens();
    let reply = daemon.client().post(CHAT, &chat(CLAUDE, true));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(sim.auth.n_refreshes(), 1);
}

/// The old program invents a project where there is none.
#[test]
fn a_missing_project_is_found_or_the_account_is_not_used() {
    let served = json!({"cloudaicompanionProject": {"id": "found"}, "currentTier": {"id": "t"}});
    let refused = json!({"ineligibleTiers": [{"reasonMessage": "Too young."}]});
    for (standing, found) in [(served, true), (refused, false)] {
        let sim = sim();
        sim.standing(standing);
        let mut account = sim.antigravity_account("a@b.c", 600);
        account.as_object_mut().unwrap().remove("project_id");
        let daemon = sim.setup("").auth("antigravity-a.json", &account).start();
        let reply = daemon.client().post(CHAT, &chat(MODEL, false));
        assert_eq!(reply.status == 200, found, "{}", reply.text());
        let sent = calls(&sim.daily, GENERATE);
        assert_eq!(sent.len(), usize::from(found));
        assert!(sent.iter().all(|call| call.json()["project"] == "found"));
        let saved = file(daemon.setup(), "antigravity-a.json");
        assert_eq!(saved.get("project_id").is_some(), found);
    }
}

#[test]
fn a_used_up_quota_hands_over_to_the_next_account() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c", "d@e.f"]);
    sim.daily
        .reply_to(GENERATE, limited("QUOTA_EXHAUSTED", "2h"));
    daemon
        .client()
        .post(CHAT, &chat(MODEL, false))
        .expect_json(200);
    let who = |n: usize| calls(&sim.daily, GENERATE)[n].json()["project"].clone();
    assert_ne!(who(0), who(1));
    assert_eq!(
        calls(&sim.production, GENERATE).len(),
        0,
        "both hosts have one quota"
    );
    // Only this model rests.
    let mut seen = Vec::new();
    for _ in 0..2 {
        daemon
            .client()
            .post(CHAT, &chat("gemini-3.6-flash-high", false))
            .expect_json(200);
        seen.push(calls(&sim.daily, GENERATE).last().unwrap().json()["project"].clone());
    }
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn a_limit_that_ends_soon_is_waited_for() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    sim.daily
        .reply_to(GENERATE, limited("RATE_LIMIT_EXCEEDED", "0.5s"));
    eventually("the end of the rest", || {
        let reply = daemon.client().post(CHAT, &chat(MODEL, false));
        if reply.status != 200 {
            std::thread::sleep(Duration::from_millis(100));
        }
        (reply.status == 200).then_some(())
    });
}

#[test]
fn a_blocked_account_says_so() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    let text = "This service has been disabled in this account for violation of Terms of Service.";
    sim.daily
        .reply_to(GENERATE, error(403, "PERMISSION_DENIED", text, json!([])));
    let refused = daemon.client().post(CHAT, &chat(MODEL, false));
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.text().contains("only its owner can appeal"),
        "{}",
        refused.text()
    );
    assert_eq!(calls(&sim.daily, GENERATE).len(), 1);
}

#[test]
fn an_accounts_own_models_are_listed_and_served() {
    let sim = sim();
    let list = json!({"models": {"brand-new": {"displayName": "Brand New"},
        "gemini-3-flash": {"displayName": "Flash"}, "chat_20706": {}}});
    for _ in 0..2 {
        sim.daily.reply_to(MODELS, Reply::json(503, &json!({})));
        sim.production.reply_to(MODELS, Reply::json(200, &list));
    }
    let daemon = daemon(&sim, &["a@b.c"]);
    let models = daemon.client().get("/v1/models").expect_json(200);
    let ids: Vec<&str> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert_eq!(
        ids,
        ["brand-new", "gemini-3-flash", "gemini-3-flash-preview"]
    );
    daemon
        .client()
        .post(CHAT, &chat("brand-new", false))
        .expect_json(200);
    daemon
        .client()
        .post(CHAT, &chat("gemini-3-flash-preview", false))
        .expect_json(200);
    let last = calls(&sim.daily, GENERATE).pop().unwrap();
    assert_eq!(last.json()["model"], "gemini-3-flash");
}

/// The old program lists nothing when discovery fails.
#[test]
fn known_models_stand_in_for_a_missing_list() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    let models = daemon.client().get("/v1/models").expect_json(200);
    assert!(models.to_string().contains(CLAUDE), "{models}");
}

#[test]
fn tokens_are_counted_by_the_service() {
    let sim = sim();
    let daemon = daemon(&sim, &["a@b.c"]);
    let body = json!({"model": CLAUDE, "messages": [{"role": "user", "content": "hi"}]});
    let reply = daemon.client().post("/v1/messages/count_tokens", &body);
    assert_eq!(reply.expect_json(200)["input_tokens"], 31);
    let sent = calls(&sim.daily, COUNT)[0].json();
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    assert_eq!(sent, json!({"request": {"contents": contents}}));
}

/// Quotas per model and bought credits, asked for beside the requests that were served.
#[test]
fn quotas_and_credits_are_shown() {
    let sim = sim();
    let models = json!({"models": {
        MODEL: {"displayName": "Flash", "quotaInfo": {"remainingFraction": 0.8}},
        CLAUDE: {"quotaInfo": {"resetTime": "2999-01-01T00:00:00Z"}},
        "chat_20706": {"quotaInfo": {"remainingFraction": 0.5}}}});
    sim.daily.handle(MODELS, move |_| Reply::json(200, &models));
    sim.standing(json!({"paidTier": {"id": "g1-pro-tier", "availableCredits": [
        {"creditType": "GOOGLE_ONE_AI", "creditAmount": "10", "minimumCreditAmountForUsage": "50"}]}}));
    let daemon = daemon(&sim, &["a@x"]);
    daemon
        .client()
        .post(CHAT, &chat(MODEL, false))
        .expect_json(200);
    let want = "claude-sonnet-4-6 100 %, credits exhausted, gemini-3-flash 20 %";
    eventually("the quotas", || {
        let snapshot = daemon.handles().snapshot.get();
        let view = snapshot.members.first()?.view.get();
        let windows = view.quota.windows(daemon.handles().clock.now());
        let mut shown: Vec<String> = windows.map(ToString::to_string).collect();
        shown.sort();
        (shown.join(", ") == want).then_some(())
    });
    assert_eq!(calls(&sim.production, LOAD).len(), 1);
}

/// Claude's calls are checked against schemas that must demand something; clients see nothing of it.
#[test]
fn tools_that_demand_nothing_work_with_claude() {
    let answer = Answer::new(CLAUDE).call(
        "toolu_vrtx_1",
        "look",
        &json!({"_placeholder": true, "at": "x"}),
    );
    let sim = GoogleSim::start(Product::Antigravity, answer);
    let daemon = daemon(&sim, &["a@x"]);
    let tool = |parameters: Value| {
        json!({"type": "function",
        "function": {"name": "look", "parameters": parameters}})
    };
    for stream in [false, true] {
        for parameters in [
            json!({"type": "object", "properties": {"at": {"type": "string"}}}),
            json!({"type": "object", "properties": {}}),
        ] {
            let mut body = chat(CLAUDE, stream);
            body["tools"] = json!([tool(parameters)]);
            let reply = daemon.client().post(CHAT, &body);
            let text = reply.text();
            assert_eq!(reply.status, 200, "{text}");
            assert!(text.contains("look") && text.contains("at"), "{text}");
            assert!(!text.contains("_placeholder"), "{text}");
        }
    }
    sim.assert_content();
}
