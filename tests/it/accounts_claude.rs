//! Claude accounts from login to recovery (`claude.md`), against a simulated service.

use crate::support::answer::{Answer, Wire, error, error_frame};
use crate::support::claude_sim::{ClaudeSim, Person, REFUSAL};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::oauth_sim::{Fault, pairs, visit};
use crate::support::sensible::signature;
use crate::support::terminal::Terminal;
use crate::support::upstream::{Recorded, Reply};
use actors::login::{LoginOptions, LoginTicket};
use actors::port::{Clock as _, SystemClock};
use serde_json::{Value, json};

const SONNET: &str = "claude-sonnet-4-6";
const FABLE: &str = "claude-fable-5";
const LATER: &str = "2199-01-01T00:00:00Z";

fn saved(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A question in each client protocol.
fn ask(client: Wire, model: &str) -> (String, Value) {
    let messages = json!([{"role": "user", "content": "hello"}]);
    match client {
        Wire::Chat => (
            "/v1/chat/completions".into(),
            json!({"model": model, "stream": true, "messages": messages}),
        ),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": model, "stream": true, "input": "hello"}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": model, "stream": true, "max_tokens": 100, "system": "Be brief.",
                "messages": messages}),
        ),
        Wire::Gemini => (
            format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}),
        ),
    }
}

/// The text that a client gets, or the status it gets instead.
fn answer(daemon: &Daemon, client: Wire, model: &str) -> Result<String, u16> {
    let (target, body) = ask(client, model);
    let reply = daemon.client().post(&target, &body);
    if reply.status != 200 {
        return Err(reply.status);
    }
    let events = reply.events().into_iter();
    let texts = events
        .filter(|event| !event.is_comment() && event.data != "[DONE]")
        .map(|event| {
            let event = event.json();
            let text = match client {
                Wire::Chat => &event["choices"][0]["delta"]["content"],
                Wire::Responses if event["type"] == "response.output_text.delta" => &event["delta"],
                Wire::Responses => &Value::Null,
                Wire::Anthropic => &event["delta"]["text"],
                Wire::Gemini => &event["candidates"][0]["content"]["parts"][0]["text"],
            };
            text.as_str().unwrap_or_default().to_owned()
        });
    let text = texts.collect::<String>();
    // The simulated model repeats the system text as well.
    let (said, _) = text.split_once(" (system: ").unwrap_or((&text, ""));
    Ok(said.to_owned())
}

fn said() -> Result<String, u16> {
    Ok("You said: hello".to_owned())
}

/// Agrees on the page and follows the redirect to the login's own listener.
#[track_caller]
fn agree(sim: &ClaudeSim, person: &Person<'_>, ticket: &LoginTicket) {
    let open = person.open(ticket);
    let back = sim.oauth.agree(&open.url);
    let listening = open.listening.expect("a listener").port().to_string();
    let page = visit(&back.replace("54545", &listening)).expect("somebody listens");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("dev@example.com"), "{}", page.body);
}

/// The registered port belongs to everybody on the machine: tests listen elsewhere.
fn elsewhere() -> LoginOptions {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    LoginOptions {
        callback_port: Some(free.local_addr().unwrap().port()),
        ..LoginOptions::default()
    }
}

/// Waits until an account rests: what an attempt taught reaches its owner a moment after the client.
#[track_caller]
fn await_rest(daemon: &Daemon) {
    eventually("the rest", || {
        let snapshot = daemon.handles().snapshot.get();
        let mut members = snapshot.members.iter();
        members
            .any(|member| member.view.get().health.marks().next().is_some())
            .then_some(())
    });
}

fn bearer(request: &Recorded) -> &str {
    request.header("authorization").unwrap_or_default()
}

#[test]
fn a_login_brings_an_account_that_serves_every_client() {
    let sim = ClaudeSim::start();
    let daemon = sim.setup("").start();
    let person = Person::at(&daemon);
    let ticket = person.start("claude-login", elsewhere());
    let open = person.open(&ticket);
    let (page, query) = open.url.split_once('?').unwrap();
    assert_eq!(page, "https://claude.ai/oauth/authorize");
    let query = pairs(query);
    for (name, want) in [
        ("code", "true"),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost:54545/callback"),
        ("scope", "user:profile user:inference"),
        ("code_challenge_method", "S256"),
        ("state", &*ticket.state),
    ] {
        assert_eq!(query[name], want, "{name}");
    }
    agree(&sim, &person, &ticket);
    let name = person.done(&ticket);
    assert_eq!(name, "claude-dev@example.com.json");
    let exchange = &sim.oauth.token_requests()[0];
    assert_eq!(exchange["state"], *ticket.state);
    let file = saved(daemon.setup(), &name);
    for (field, want) in [
        ("type", "claude"),
        ("id_token", ""),
        ("email", "dev@example.com"),
        ("organization_uuid", "org-1"),
        ("plan", "max"),
    ] {
        assert_eq!(file[field], want, "{field}");
    }

    for client in Wire::ALL {
        assert_eq!(answer(&daemon, client, SONNET), said(), "{client:?}");
    }
    sim.assert_signed();
    // Nobody speaks for the client: its own system text, or none.
    for request in sim.messages() {
        let system = &request.json()["system"];
        let own = json!([{"type": "text", "text": "Be brief.",
            "cache_control": {"type": "ephemeral"}}]);
        assert!(system.is_null() || *system == own, "{system}");
    }
    let native = sim.messages()[2].json();
    assert_eq!(native["system"][0]["text"], "Be brief.");
    let listed = daemon.client().get("/v1/models").expect_json(200);
    let models = listed["data"].as_array().unwrap();
    assert!(models.iter().any(|model| model["id"] == SONNET), "{listed}");
}

#[test]
fn the_terminal_says_what_anthropic_thinks_of_it_before_anything_else() {
    let sim = ClaudeSim::start();
    let setup = sim.setup("");
    let mut terminal = Terminal::run(&setup, &["--claude-login", "--no-browser"]);
    let url = terminal.await_url();
    let shown = terminal.stdout.text();
    let (terms, _) = shown.split_once("https://claude.ai").unwrap();
    let terms = terms.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        terms.contains("terms do not allow other programs"),
        "{terms}"
    );
    assert!(terms.contains("API key"), "{terms}");
    terminal.type_line(&sim.oauth.agree(&url));
    terminal.expect_exit(0);
    saved(&setup, "claude-dev@example.com.json");
    sim.oauth.assert_content();
}

#[test]
fn the_account_is_good_without_its_profile() {
    let sim = ClaudeSim::start();
    sim.oauth
        .server
        .reply_to("/api/oauth/profile", error(Wire::Anthropic, 403, "no"));
    let daemon = sim.setup("").start();
    let person = Person::at(&daemon);
    let ticket = person.start("claude-login", elsewhere());
    agree(&sim, &person, &ticket);
    let file = saved(daemon.setup(), &person.done(&ticket));
    assert_eq!(file["email"], "dev@example.com");
    let notes = ticket.progress.borrow().notes.join("\n");
    assert!(notes.contains("profile could not be read"), "{notes}");
}

/// The old program wrote both into one file; hand-made fields went (b90d8ee9e).
#[test]
fn two_organizations_of_one_email_have_two_files_and_keep_what_is_hand_made() {
    let sim = ClaudeSim::start();
    let mut first = sim.file("dev@example.com", LATER);
    first["organization_uuid"] = "org-1".into();
    first["note"] = "mine".into();
    let setup = sim.setup("").auth("claude-dev@example.com.json", &first);
    let daemon = setup.start();
    let person = Person::at(&daemon);
    let login = || {
        let ticket = person.start("claude-login", elsewhere());
        agree(&sim, &person, &ticket);
        person.done(&ticket)
    };
    assert_eq!(login(), "claude-dev@example.com.json");
    let file = saved(daemon.setup(), "claude-dev@example.com.json");
    assert_eq!(file["note"], "mine");
    assert_ne!(file["access_token"], first["access_token"]);
    sim.account("org-2");
    let second = login();
    assert!(second.starts_with("claude-dev@example.com-"), "{second}");
    assert_eq!(saved(daemon.setup(), &second)["organization_uuid"], "org-2");
    assert_eq!(saved(daemon.setup(), "claude-dev@example.com.json"), file);
}

#[test]
fn an_ended_token_of_an_old_file_is_refreshed_first() {
    let sim = ClaudeSim::start();
    let mut file = sim.file("dev@example.com", "2026-02-20T20:00:00Z");
    file["claude_device_ids"] = json!(["kept"]);
    let daemon = sim.setup("").auth("claude-dev.json", &file).start();
    assert_eq!(answer(&daemon, Wire::Anthropic, SONNET), said());
    sim.assert_signed();
    assert_eq!((sim.oauth.n_refreshes(), sim.oauth.n_reuses()), (1, 0));
    let asked = &sim.oauth.token_requests()[0];
    let names: Vec<&str> = asked.keys().map(String::as_str).collect();
    assert_eq!(names, ["client_id", "grant_type", "refresh_token"]);
    let after = saved(daemon.setup(), "claude-dev.json");
    assert_ne!(after["refresh_token"], file["refresh_token"]);
    assert_eq!(after["claude_device_ids"], file["claude_device_ids"]);
    assert_eq!(after["organization_uuid"], "org-1");
    assert!(after["expired"].as_str() > file["expired"].as_str());
}

#[test]
fn a_refused_token_is_replaced_once_and_the_client_does_not_notice() {
    let sim = ClaudeSim::start();
    let file = sim.file("dev@example.com", LATER);
    let daemon = sim.setup("").auth("claude-dev.json", &file).start();
    let revoked = "OAuth token has been revoked. Please obtain a new token.";
    let refusal = || error(Wire::Anthropic, 401, revoked);
    sim.oauth.server.reply_to("/v1/messages", refusal());
    assert_eq!(answer(&daemon, Wire::Chat, SONNET), said());
    assert_eq!(sim.oauth.n_refreshes(), 1);
    let seen = sim.messages();
    assert_eq!(seen.len(), 2);
    assert_ne!(bearer(&seen[0]), bearer(&seen[1]));
    // The login itself has ended: no storm, and a person is needed.
    sim.oauth.fail([Fault::error(400, "invalid_grant")]);
    sim.oauth.server.reply_to("/v1/messages", refusal());
    assert!(answer(&daemon, Wire::Chat, SONNET).is_err());
    assert_eq!(sim.messages().len(), 3);
    await_rest(&daemon);
    assert!(answer(&daemon, Wire::Chat, SONNET).is_err());
    assert_eq!(sim.messages().len(), 3, "nobody asks with a dead login");
}

#[test]
fn a_setup_token_is_used_without_refreshes_until_it_is_refused() {
    let sim = ClaudeSim::start();
    let (_, access) = sim.oauth.grant();
    let file = json!({"type": "claude", "access_token": access, "is_setup_token": true,
        "skip_account_profile": true, "label": "ci"});
    let more = "request-retry: 0\n";
    let daemon = sim.setup(more).auth("claude-ci.json", &file).start();
    assert_eq!(answer(&daemon, Wire::Responses, SONNET), said());
    let refusal = error(Wire::Anthropic, 401, "OAuth token has expired");
    sim.oauth.server.reply_to("/v1/messages", refusal);
    assert_eq!(answer(&daemon, Wire::Anthropic, SONNET), Err(401));
    assert!(sim.oauth.token_requests().is_empty());
    assert_eq!(saved(daemon.setup(), "claude-ci.json"), file);
}

/// The headers were ignored once (ac82bedfa).
#[test]
fn a_used_up_window_rests_the_whole_account_until_its_reset() {
    let sim = ClaudeSim::start();
    let file = sim.file("dev@example.com", LATER);
    let more = "request-retry: 0\n";
    let daemon = sim.setup(more).auth("claude-dev.json", &file).start();
    let reset = SystemClock.now().timestamp() + 3;
    let limit = error(Wire::Anthropic, 429, "This request would exceed your limit")
        .header("anthropic-ratelimit-unified-status", "rejected")
        .header("anthropic-ratelimit-unified-5h-status", "rejected")
        .header("anthropic-ratelimit-unified-5h-reset", &reset.to_string())
        .header("anthropic-ratelimit-unified-7d-status", "allowed");
    sim.oauth.server.reply_to("/v1/messages", limit);
    let (target, body) = ask(Wire::Anthropic, SONNET);
    let refused = daemon.client().post(&target, &body);
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.json()["error"]["message"],
        "This request would exceed your limit"
    );
    let wait: i64 = refused.headers.get("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    await_rest(&daemon);
    // Other models of the account rest too, and nobody is asked.
    assert_eq!(answer(&daemon, Wire::Chat, "claude-opus-4-6"), Err(429));
    assert_eq!(sim.messages().len(), 1);
    eventually("the reset", || answer(&daemon, Wire::Chat, SONNET).ok());
    assert!(SystemClock.now().timestamp() >= reset);
    sim.assert_signed();
}

#[test]
fn the_window_of_one_family_leaves_the_others_alone() {
    let sim = ClaudeSim::start();
    let file = sim.file("dev@example.com", LATER);
    let more = "request-retry: 0\n";
    let daemon = sim.setup(more).auth("claude-dev.json", &file).start();
    let reset = SystemClock.now().timestamp() + 600;
    let limit = error(Wire::Anthropic, 429, "weekly limit")
        .header("anthropic-ratelimit-unified-status", "rejected")
        .header("anthropic-ratelimit-unified-7d_oi-status", "rejected")
        .header(
            "anthropic-ratelimit-unified-7d_oi-reset",
            &reset.to_string(),
        );
    sim.oauth.server.reply_to("/v1/messages", limit);
    assert_eq!(answer(&daemon, Wire::Anthropic, FABLE), Err(429));
    await_rest(&daemon);
    assert_eq!(answer(&daemon, Wire::Anthropic, FABLE), Err(429));
    assert_eq!(sim.messages().len(), 1);
    assert_eq!(answer(&daemon, Wire::Anthropic, SONNET), said());
}

#[test]
fn extra_usage_goes_to_the_next_account() {
    let sim = ClaudeSim::start();
    let daemon = sim
        .setup("request-retry: 0\n")
        .auth("claude-a.json", &sim.file("a@example.com", LATER))
        .auth("claude-b.json", &sim.file("b@example.com", LATER))
        .start();
    let extra = "Third-party apps now draw from your extra usage, not your plan limits.";
    let refusal = error(Wire::Anthropic, 400, extra);
    sim.oauth.server.reply_to("/v1/messages", refusal);
    assert_eq!(answer(&daemon, Wire::Anthropic, SONNET), said());
    let seen = sim.messages();
    assert_eq!(seen.len(), 2);
    assert_ne!(bearer(&seen[0]), bearer(&seen[1]));
    await_rest(&daemon);
    // The first one rests for every model.
    let serving = bearer(&seen[1]).to_owned();
    for model in [SONNET, FABLE, "claude-opus-4-6"] {
        assert_eq!(answer(&daemon, Wire::Chat, model), said());
        assert_eq!(bearer(sim.messages().last().unwrap()), serving);
    }
}

/// The endpoint refuses the client: nothing is disguised, and people learn what helps.
#[test]
fn a_client_the_endpoint_refuses_learns_what_helps() {
    for client in Wire::ALL {
        let sim = ClaudeSim::start();
        sim.refuse_other_clients();
        let daemon = sim
            .setup("")
            .auth("claude-a.json", &sim.file("a@example.com", LATER))
            .auth("claude-b.json", &sim.file("b@example.com", LATER))
            .start();
        let (target, body) = ask(client, SONNET);
        let reply = daemon.client().post(&target, &body);
        assert_eq!(reply.status, 400, "{client:?}");
        let said = reply.json()["error"]["message"].to_string();
        assert!(said.contains(REFUSAL), "{said}");
        assert!(said.contains("`claude-api-key`"), "{said}");
        let seen = sim.messages();
        assert_eq!(seen.len(), 2, "each account is asked once");
        assert_ne!(bearer(&seen[0]), bearer(&seen[1]));
    }
}

#[test]
fn an_api_key_serves_the_client_that_the_accounts_may_not() {
    let sim = ClaudeSim::start();
    sim.refuse_other_clients();
    let keys = "routing: {strategy: fill-first}\nclaude-api-key:\n  \
        - {api-key: sk-ant-api03-k, priority: -1}\n";
    let file = sim.file("dev@example.com", LATER);
    let daemon = sim.setup(keys).auth("claude-dev.json", &file).start();
    assert_eq!(answer(&daemon, Wire::Chat, SONNET), said());
    let seen = sim.messages();
    assert_eq!(seen.len(), 2);
    assert!(bearer(&seen[0]).starts_with("Bearer "));
    assert_eq!(seen[1].header("x-api-key"), Some("sk-ant-api03-k"));
    // The account does not rest: Claude Code may use it right now.
    assert_eq!(answer(&daemon, Wire::Anthropic, SONNET), said());
    assert_eq!(sim.messages().len(), 4);
}

#[test]
fn claude_code_itself_passes_untouched() {
    let sim = ClaudeSim::start();
    sim.refuse_other_clients();
    let file = sim.file("dev@example.com", LATER);
    let daemon = sim.setup("").auth("claude-dev.json", &file).start();
    let agent = "claude-cli/2.1.330 (external, cli)";
    let body = json!({"model": SONNET, "max_tokens": 100,
        "system": [{"type": "text", "text": "The client's own.",
            "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "hello"}]});
    let client = daemon.client().with_header("user-agent", agent);
    client.post("/v1/messages", &body).expect_json(200);
    let sent = &sim.messages()[0];
    assert_eq!(sent.json(), body);
    assert_eq!(sent.header("user-agent"), Some(agent));
    sim.assert_signed();
}

/// 2228847e6: a count carried the added text.
#[test]
fn counts_are_of_the_clients_own_words() {
    let sim = ClaudeSim::start();
    let file = sim.file("dev@example.com", LATER);
    let daemon = sim.setup("").auth("claude-dev.json", &file).start();
    let body = json!({"model": SONNET, "system": "Be brief.",
        "messages": [{"role": "user", "content": "hello"}]});
    let counted = daemon.client().post("/v1/messages/count_tokens", &body);
    assert_eq!(counted.expect_json(200), json!({"input_tokens": 21}));
    let sent = &sim.messages()[0];
    assert_eq!(sent.json(), body);
    let betas = sent.header("anthropic-beta").unwrap();
    assert!(betas.contains("token-counting-2024-11-01"), "{betas}");
    sim.assert_signed();
}

/// Thinking that another account signed is left out, and the client does not notice.
#[test]
fn thinking_the_service_does_not_know_is_left_out_once() {
    let sim = ClaudeSim::start();
    let file = sim.file("dev@example.com", LATER);
    let daemon = sim.setup("").auth("claude-dev.json", &file).start();
    let said = "messages.1.content.0: Invalid `signature` in `thinking` block";
    let refusal = || error(Wire::Anthropic, 400, said);
    let body = json!({"model": "claude-sonnet-4-5-20250929", "max_tokens": 5000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "x", "signature": signature(Wire::Anthropic)},
                {"type": "text", "text": "b"}]},
            {"role": "user", "content": "hello"}]});
    sim.oauth.server.reply_to("/v1/messages", refusal());
    daemon.client().post("/v1/messages", &body).expect_json(200);
    let seen = sim.messages();
    let blocks = |n: usize| {
        seen[n].json()["messages"][1]["content"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((seen.len(), blocks(0), blocks(1)), (2, 2, 1));
    // Once: what is refused again is the client's to know.
    sim.oauth.server.reply_to("/v1/messages", refusal());
    sim.oauth.server.reply_to("/v1/messages", refusal());
    let reply = daemon.client().post("/v1/messages", &body);
    assert_eq!(reply.status, 400);
    assert_eq!(sim.messages().len(), 4);
}

/// What the service has since this program was made is served at once.
#[test]
fn the_services_own_list_adds_what_is_new() {
    let sim = ClaudeSim::start();
    let yes = json!({"supported": true});
    sim.list_models(json!({"has_more": false, "data": [
        {"id": "claude-opus-9", "type": "model", "display_name": "Claude Opus 9",
         "created_at": "2027-01-01T00:00:00Z", "max_input_tokens": 2_000_000,
         "max_tokens": 256_000, "capabilities": {"image_input": yes, "structured_outputs": yes,
            "effort": {"supported": true, "low": yes, "high": yes},
            "thinking": {"supported": true, "types": {"adaptive": yes, "enabled": {"supported": false}}}}},
        {"id": SONNET, "type": "model", "display_name": "Claude Sonnet 4.6",
         "created_at": "2026-02-17T00:00:00Z"}]}));
    let file = sim.file("dev@example.com", LATER);
    let key =
        "claude-api-key: [{api-key: sk-ant-api03-k, prefix: key}]\nforce-model-prefix: true\n";
    let daemon = sim.setup(key).auth("claude-dev.json", &file).start();
    let body = json!({"model": "claude-opus-9", "temperature": 0.3, "reasoning_effort": "high",
        "messages": [{"role": "user", "content": "hello"}]});
    daemon
        .client()
        .post("/v1/chat/completions", &body)
        .expect_json(200);
    let sent = sim.messages()[0].json();
    assert_eq!(sent["max_tokens"], 256_000);
    assert_eq!(sent["output_config"]["effort"], "high");
    assert_eq!(sent.get("temperature"), None);
    let listed = daemon
        .client()
        .with_header("anthropic-version", "2023-06-01")
        .get("/v1/models")
        .expect_json(200);
    let models = listed["data"].as_array().unwrap();
    let model = |id: &str| models.iter().find(|model| model["id"] == id);
    let newest = model("claude-opus-9").unwrap();
    assert_eq!(newest["max_input_tokens"], 2_000_000);
    assert_eq!(newest["display_name"], "Claude Opus 9");
    // What the list leaves out may still be served.
    assert!(model(FABLE).is_some() && model("key/claude-opus-9").is_some());
    let requests = sim.oauth.server.requests();
    let asked = requests
        .iter()
        .filter(|request| request.path() == "/v1/models");
    let asked: Vec<_> = asked.collect();
    assert_eq!(asked.len(), 2, "each is asked once");
    for request in asked {
        match request.header("x-api-key") {
            Some(key) => {
                assert_eq!(
                    (key, request.header("authorization")),
                    ("sk-ant-api03-k", None)
                );
            }
            None => {
                assert!(
                    sim.oauth
                        .accepts(bearer(request).trim_start_matches("Bearer "))
                );
                assert_eq!(request.header("anthropic-beta"), Some("oauth-2025-04-20"));
            }
        }
        assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    }
}

/// E-67: the newest models take no sampling parameters, whatever protocol asks with them.
#[test]
fn sampling_is_left_out_where_it_is_refused() {
    let sim = ClaudeSim::start();
    let file = sim.file("dev@example.com", LATER);
    let daemon = sim.setup("").auth("claude-dev.json", &file).start();
    for (n, (model, kept)) in [(SONNET, true), ("claude-opus-4-8", false), (FABLE, false)]
        .into_iter()
        .enumerate()
    {
        let messages = json!([{"role": "user", "content": "hello"}]);
        for target in ["/v1/chat/completions", "/v1/messages"] {
            let body = json!({"model": model, "max_tokens": 99, "temperature": 0.3,
                "messages": messages});
            daemon.client().post(target, &body).expect_json(200);
        }
        for sent in &sim.messages()[2 * n..] {
            assert_eq!(sent.json().get("temperature").is_some(), kept, "{model}");
        }
    }
}

/// `claude.md` §6: an overload inside a 200 counts by where it stands.
#[test]
fn an_overload_inside_a_stream_goes_to_the_next_account() {
    let sim = ClaudeSim::start();
    let daemon = sim
        .setup("")
        .auth("claude-a.json", &sim.file("a@example.com", LATER))
        .auth("claude-b.json", &sim.file("b@example.com", LATER))
        .start();
    let overload = error_frame(Wire::Anthropic, "Overloaded");
    let frames = Answer::new(SONNET)
        .text("Hello there")
        .frames(Wire::Anthropic);
    let first = Reply::sse([frames[0].clone(), overload.clone()]);
    sim.oauth.server.reply_to("/v1/messages", first);
    assert_eq!(answer(&daemon, Wire::Anthropic, SONNET), said());
    let seen = sim.messages();
    assert_eq!(seen.len(), 2);
    assert_ne!(bearer(&seen[0]), bearer(&seen[1]));
    let mut late: Vec<String> = frames.into_iter().take(4).collect();
    assert!(late.concat().contains("Hello"), "{late:?}");
    late.push(overload);
    sim.oauth.server.reply_to("/v1/messages", Reply::sse(late));
    let (target, body) = ask(Wire::Anthropic, SONNET);
    let reply = daemon.client().post(&target, &body);
    let last = reply.events().pop().unwrap();
    assert_eq!(
        last.json()["error"]["type"],
        "overloaded_error",
        "{}",
        reply.text()
    );
    assert_eq!(sim.messages().len(), 3);
}
