//! The life of a Gemini CLI account: login, traffic in every protocol, refresh, limits
//! (`providers/gemini-cli.md`).

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::google_sim::{
    COUNT, GENERATE, GoogleSim, LOAD, ONBOARD, Product, QUOTA, STREAM, calls, error, limited,
};
use crate::support::oauth_sim::{Fault, visit};
use crate::support::terminal::Terminal;
use crate::support::upstream::Reply;
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "gemini-2.5-flash";
const CHAT: &str = "/v1/chat/completions";

fn sim() -> GoogleSim {
    let answer = Answer::new(MODEL).text("Hello there");
    GoogleSim::start(Product::GeminiCli, answer)
}

fn daemon(sim: &GoogleSim) -> Daemon {
    let account = sim.gemini_account("project-1", 600);
    sim.setup("").auth("gemini-x.json", &account).start()
}

fn file(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn chat(stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

fn ask(wire: Wire, stream: bool) -> (String, Value) {
    match wire {
        Wire::Chat => (CHAT.into(), chat(stream)),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": MODEL, "stream": stream, "input": "hi"}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": MODEL, "stream": stream, "max_tokens": 9,
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
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            )
        }
    }
}

/// Follows the browser's part of a login; pastes the address when another login has the port.
fn agree(sim: &GoogleSim, terminal: &mut Terminal) -> String {
    let url = terminal.await_url();
    let back = sim.auth.agree(&url);
    if visit(&back).is_none_or(|page| page.status >= 500) {
        terminal.type_line(&back);
    }
    url
}

#[test]
fn a_login_with_a_project_becomes_a_file_that_serves() {
    let sim = sim();
    sim.standing(json!({"currentTier": {"id": "standard-tier"}}));
    let setup = sim.setup("");
    let args = ["--login", "--project_id", "my-project", "--no-browser"];
    let mut terminal = Terminal::run(&setup, &args);
    let url = agree(&sim, &mut terminal);
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(shown.contains("violates the terms"), "{shown}");
    for part in [
        "https://accounts.google.com/o/oauth2/v2/auth?",
        "access_type=offline",
        "prompt=consent",
        "code_challenge_method=S256",
        "cloud-platform",
    ] {
        assert!(url.contains(part), "{part} in {url}");
    }
    sim.assert_content();
    let saved = file(&setup, "gemini-dev@example.com-my-project.json");
    assert_eq!(saved["type"], "gemini");
    assert_eq!(saved["project_id"], "my-project");
    assert_eq!(
        (&saved["auto"], &saved["checked"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(saved["token"]["refresh_token"], saved["refresh_token"]);
    let asked = calls(&sim.production, LOAD)[0].json();
    assert_eq!(asked["cloudaicompanionProject"], "my-project");
    assert_eq!(
        calls(&sim.production, ONBOARD).len(),
        0,
        "onboarded already"
    );

    let daemon = setup.start();
    let reply = daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello there");
    assert_eq!(
        calls(&sim.production, GENERATE)[0].json()["project"],
        "my-project"
    );
}

/// Vector 5 of the sheet: the server chooses.
#[test]
fn a_login_without_a_project_is_onboarded() {
    let sim = sim();
    sim.standing(json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]}));
    let done = json!({"done": true,
        "response": {"cloudaicompanionProject": {"id": "fake-managed-1"}}});
    sim.production.reply_to(ONBOARD, Reply::json(200, &done));
    let setup = sim.setup("");
    let args = ["--login", "--project_id", "GOOGLE_ONE", "--no-browser"];
    let mut terminal = Terminal::run(&setup, &args);
    agree(&sim, &mut terminal);
    terminal.expect_exit(0);
    let asked = calls(&sim.production, ONBOARD)[0].json();
    assert_eq!(asked["tierId"], "free-tier");
    assert_eq!(asked.get("cloudaicompanionProject"), None);
    let saved = file(&setup, "gemini-dev@example.com-fake-managed-1.json");
    assert_eq!(saved["auto"], true);
}

/// All pages of the list, active projects only, one file with one refresh token.
#[test]
fn all_projects_go_into_one_file() {
    let sim = sim();
    sim.standing(json!({"currentTier": {"id": "standard-tier"}}));
    let server = &sim.auth.server;
    let first = json!({"projects": [{"projectId": "p-1", "lifecycleState": "ACTIVE"},
        {"projectId": "gone", "lifecycleState": "DELETE_REQUESTED"}], "nextPageToken": "n"});
    server.reply_to("/v1/projects", Reply::json(200, &first));
    let second = json!({"projects": [{"projectId": "p-2", "name": "Two"}]});
    server.reply_to("/v1/projects", Reply::json(200, &second));
    let setup = sim.setup("");
    let mut terminal = Terminal::run(&setup, &["--login", "--project_id", "ALL", "--no-browser"]);
    agree(&sim, &mut terminal);
    terminal.expect_exit(0);
    const NAME: &str = "gemini-dev@example.com-all.json";
    assert_eq!(file(&setup, NAME)["project_id"], "p-1,p-2");

    // Another choice goes into the same file, and what its owner set stays.
    let mut owned = file(&setup, NAME);
    owned["prefix"] = "mine".into();
    std::fs::write(setup.auth_dir().join(NAME), owned.to_string()).unwrap();
    let args = ["--login", "--project_id", "p-2,p-3", "--no-browser"];
    let mut terminal = Terminal::run(&setup, &args);
    agree(&sim, &mut terminal);
    terminal.expect_exit(0);
    let saved = file(&setup, NAME);
    assert_eq!(saved["project_id"], "p-2,p-3");
    assert_eq!(saved["prefix"], "mine");
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 1);

    let terminal = Terminal::run(&setup, &["--accounts"]);
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    for row in [
        "dev@example.com (p-2)",
        "dev@example.com (p-3)",
        "gemini-dev@example.com-all.json::p-3",
    ] {
        assert!(shown.contains(row), "{shown}");
    }
}

/// One unusable project among all does not cost the login; one that was named does.
#[test]
fn a_project_that_cannot_be_used_is_left_out_of_all() {
    let sim = sim();
    sim.standing(json!({"currentTier": {"id": "standard-tier"}}));
    let list = json!({"projects": [{"projectId": "p-1"}, {"projectId": "p-2"}]});
    let server = &sim.auth.server;
    server.reply_to("/v1/projects", Reply::json(200, &list));
    server.handle("/v1/projects/", move |request| {
        match request.path().contains("/p-1/") {
            true => error(403, "PERMISSION_DENIED", "no", json!([])),
            false => Reply::json(200, &json!({"state": "ENABLED"})),
        }
    });
    let setup = sim.setup("");
    let mut terminal = Terminal::run(&setup, &["--login", "--project_id", "ALL", "--no-browser"]);
    agree(&sim, &mut terminal);
    terminal.expect_exit(0);
    let shown = terminal.stdout.text();
    assert!(shown.contains("project p-1 is left out"), "{shown}");
    let saved = file(&setup, "gemini-dev@example.com-p-2.json");
    assert_eq!(saved["project_id"], "p-2");

    let args = ["--login", "--project_id", "p-1,p-2", "--no-browser"];
    let mut terminal = Terminal::run(&setup, &args);
    agree(&sim, &mut terminal);
    assert!(!terminal.await_exit().success());
    let said = format!("{}{}", terminal.stdout.text(), terminal.stderr.text());
    assert!(said.contains("console.cloud.google.com"), "{said}");
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 1);
}

/// Without `--project_id` the person is asked.
#[test]
fn the_project_is_asked_for() {
    let sim = sim();
    sim.standing(json!({"currentTier": {"id": "standard-tier"}}));
    let list = json!({"projects": [{"projectId": "p-1"}, {"projectId": "p-2", "name": "Two"}]});
    sim.auth
        .server
        .reply_to("/v1/projects", Reply::json(200, &list));
    let setup = sim.setup("");
    let mut terminal = Terminal::run(&setup, &["--login", "--no-browser"]);
    agree(&sim, &mut terminal);
    terminal.stdout.await_line("How is this account used");
    terminal.type_line("");
    terminal.stdout.await_line("Which project?");
    terminal.type_line("2");
    terminal.expect_exit(0);
    let saved = file(&setup, "gemini-dev@example.com-p-2.json");
    assert_eq!(
        (&saved["project_id"], &saved["auto"]),
        (&json!("p-2"), &json!(false))
    );
}

/// Google closed the service to individuals: the server's own words, and what to do.
#[test]
fn a_closed_account_hears_why() {
    let sim = sim();
    sim.standing(
        json!({"ineligibleTiers": [{"reasonCode": "UNSUPPORTED_CLIENT",
        "reasonMessage": "This client is no longer supported for individuals.",
        "tierId": "free-tier"}]}),
    );
    let setup = sim.setup("");
    let args = ["--login", "--project_id", "GOOGLE_ONE", "--no-browser"];
    let mut terminal = Terminal::run(&setup, &args);
    agree(&sim, &mut terminal);
    let status = terminal.await_exit();
    assert!(!status.success());
    let said = format!("{}{}", terminal.stdout.text(), terminal.stderr.text());
    assert!(
        said.contains("no longer supported for individuals"),
        "{said}"
    );
    assert!(said.contains("--antigravity-login"), "{said}");
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 0);
}

#[test]
fn every_client_protocol_is_served() {
    let sim = sim();
    let daemon = daemon(&sim);
    for wire in Wire::ALL {
        for stream in [false, true] {
            let (target, body) = ask(wire, stream);
            let reply = daemon.client().post(&target, &body);
            let text = reply.text();
            assert_eq!(reply.status, 200, "{wire:?}: {text}");
            assert!(text.contains("Hello"), "{wire:?} {stream}: {text}");
            assert!(!text.contains("traceId"), "{wire:?} {stream}: {text}");
        }
    }
    assert_eq!(calls(&sim.production, GENERATE).len(), 4);
    assert_eq!(calls(&sim.production, STREAM).len(), 4);
    let call = &calls(&sim.production, STREAM)[0];
    let agent = call.header("user-agent").unwrap();
    assert!(agent.starts_with("cli-proxy-api-plus/"), "{agent}");
    sim.assert_content();
}

/// Vector 1 of the sheet, suffix included.
#[test]
fn a_suffix_becomes_a_budget() {
    let sim = sim();
    let daemon = daemon(&sim);
    let body = json!({"model": "gemini-2.5-flash(low)", "stream": true, "max_tokens": 64,
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]});
    let reply = daemon.client().post(CHAT, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let call = &calls(&sim.production, STREAM)[0];
    assert_eq!(call.target, format!("{STREAM}?alt=sse"));
    let sent = call.json();
    assert_eq!(sent["model"], MODEL);
    assert_eq!(
        sent["request"]["generationConfig"],
        json!({"maxOutputTokens": 64,
            "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": true}})
    );
}

#[test]
fn tokens_are_counted_by_the_service() {
    let sim = sim();
    let daemon = daemon(&sim);
    let body =
        json!({"model": MODEL, "system": "S", "messages": [{"role": "user", "content": "hi"}]});
    let reply = daemon.client().post("/v1/messages/count_tokens", &body);
    assert_eq!(reply.expect_json(200)["input_tokens"], 31);
    let sent = calls(&sim.production, COUNT)[0].json();
    assert_eq!(sent["request"]["model"], "models/gemini-2.5-flash");
    assert_eq!(sent["request"]["contents"].as_array().unwrap().len(), 2);
}

/// The old program refreshed on every request after the first hour and saved nothing.
#[test]
fn an_expired_token_is_refreshed_once_and_saved() {
    let sim = sim();
    let before = sim.gemini_account("project-1", -5);
    let daemon = sim.setup("").auth("gemini-x.json", &before).start();
    for _ in 0..3 {
        daemon.client().post(CHAT, &chat(false)).expect_json(200);
    }
    assert_eq!(sim.auth.n_refreshes(), 1);
    assert_eq!(
        calls(&sim.production, GENERATE).len(),
        3,
        "the old token was not tried"
    );
    let after = file(daemon.setup(), "gemini-x.json");
    assert_eq!(after["access_token"], after["token"]["access_token"]);
    assert_eq!(after["expiry"], after["token"]["expiry"]);
    assert_ne!(
        after["token"]["access_token"],
        before["token"]["access_token"]
    );
    assert_eq!(
        after["token"]["refresh_token"],
        before["token"]["refresh_token"]
    );
    assert_eq!(after["token"]["client_id"], "c", "what stands there stays");
    assert_eq!(after["mine"], before["mine"]);
    sim.assert_content();
}

#[test]
fn a_refused_token_is_refreshed_once_and_the_call_repeated() {
    let sim = sim();
    let daemon = daemon(&sim);
    sim.auth.forget_access_tokens();
    let reply = daemon.client().post(CHAT, &chat(true));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(calls(&sim.production, STREAM).len(), 2);
    assert_eq!(sim.auth.n_refreshes(), 1);
}

#[test]
fn a_revoked_login_needs_its_person_and_its_file_stays() {
    let sim = sim();
    sim.auth.fail([Fault::error(400, "invalid_grant")]);
    let account = sim.gemini_account("project-1", -5);
    let daemon = sim.setup("").auth("gemini-x.json", &account).start();
    for _ in 0..2 {
        let refused = daemon.client().post(CHAT, &chat(false));
        assert!(refused.status >= 400, "{}", refused.text());
    }
    assert_eq!(sim.auth.token_requests().len(), 1);
    assert_eq!(file(daemon.setup(), "gemini-x.json"), account);
}

/// A file without a project finds it at its first use, over the account's own way out.
#[test]
fn a_missing_project_is_found_at_first_use() {
    let sim = sim();
    sim.standing(
        json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": "found"}),
    );
    let account = sim.gemini_account("", 600);
    let daemon = sim.setup("").auth("gemini-x.json", &account).start();
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(
        calls(&sim.production, GENERATE)[0].json()["project"],
        "found"
    );
    let saved = file(daemon.setup(), "gemini-x.json");
    assert_eq!(
        (&saved["project_id"], &saved["auto"]),
        (&json!("found"), &json!(true))
    );
}

#[test]
fn a_used_up_quota_tells_when_to_come_back() {
    let sim = sim();
    let daemon = daemon(&sim);
    sim.production
        .reply_to(GENERATE, limited("QUOTA_EXHAUSTED", "1000s"));
    let refused = daemon.client().post(CHAT, &chat(false));
    assert_eq!(refused.status, 429, "{}", refused.text());
    let wait: u64 = refused.headers.get("retry-after").unwrap().parse().unwrap();
    assert!((900..=1000).contains(&wait), "{wait}");
    // The quota is the model's: another one serves.
    let mut other = chat(false);
    other["model"] = "gemini-2.5-pro".into();
    daemon.client().post(CHAT, &other).expect_json(200);
}

#[test]
fn an_account_serves_again_after_a_rate_limit() {
    let sim = sim();
    let daemon = daemon(&sim);
    sim.production
        .reply_to(GENERATE, limited("RATE_LIMIT_EXCEEDED", "2s"));
    eventually("the end of the rest", || {
        let reply = daemon.client().post(CHAT, &chat(false));
        if reply.status != 200 {
            std::thread::sleep(Duration::from_millis(100));
        }
        (reply.status == 200).then_some(())
    });
}

/// A file of the old program with several projects: each takes part in routing for itself.
#[test]
fn projects_of_one_file_take_turns_with_one_token() {
    let sim = sim();
    let before = sim.gemini_account("p-1,p-2, p-3", -5);
    let daemon = sim.setup("").auth("gemini-x-all.json", &before).start();
    for _ in 0..6 {
        daemon.client().post(CHAT, &chat(false)).expect_json(200);
    }
    assert_eq!(sim.auth.n_refreshes(), 1);
    let used = projects(&sim, GENERATE);
    assert_eq!(used, ["p-1", "p-2", "p-3", "p-1", "p-2", "p-3"]);
    let after = file(daemon.setup(), "gemini-x-all.json");
    assert_eq!(after["project_id"], "p-1,p-2, p-3", "the file stays one");
    assert_ne!(after["access_token"], before["access_token"]);

    let listed = daemon.client().get("/v1/models").expect_json(200);
    let listed = listed["data"].as_array().unwrap();
    let named = listed.iter().filter(|model| model["id"] == MODEL);
    assert_eq!(named.count(), 1);

    // Both refused with the same token: one more refresh.
    sim.auth.forget_access_tokens();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let reply = daemon.client().post(CHAT, &chat(true));
                assert_eq!(reply.status, 200, "{}", reply.text());
            });
        }
    });
    assert_eq!(sim.auth.n_refreshes(), 2);
    sim.assert_content();
}

fn projects(sim: &GoogleSim, path: &str) -> Vec<String> {
    let calls = calls(&sim.production, path).into_iter();
    calls
        .map(|call| call.json()["project"].as_str().unwrap().to_owned())
        .collect()
}

/// A named session stays on the project whose cache it has.
#[test]
fn a_session_stays_on_its_project() {
    let sim = sim();
    let account = sim.gemini_account("p-1,p-2", 600);
    let daemon = sim.setup("").auth("gemini-x-all.json", &account).start();
    let mut body = chat(false);
    body["prompt_cache_key"] = "mine".into();
    for _ in 0..3 {
        daemon.client().post(CHAT, &body).expect_json(200);
        daemon.client().post(CHAT, &chat(false)).expect_json(200);
    }
    let used = projects(&sim, GENERATE);
    assert!(used[2] == used[0] && used[4] == used[0], "{used:?}");
    assert!(used.iter().any(|project| *project != used[0]), "{used:?}");
}

/// A project whose quota is used up rests alone; the file's own settings hold for all.
#[test]
fn projects_rest_and_fail_for_themselves() {
    let sim = sim();
    let account = sim.gemini_account("p-1,p-2", 600);
    let daemon = sim.setup("").auth("gemini-x-all.json", &account).start();
    sim.production
        .reply_to(GENERATE, limited("QUOTA_EXHAUSTED", "1000s"));
    for _ in 0..4 {
        daemon.client().post(CHAT, &chat(false));
    }
    let used = projects(&sim, GENERATE);
    assert_eq!(
        used.iter().filter(|project| **project == used[0]).count(),
        1
    );
    assert!(used.len() >= 4, "{used:?}");

    let mut off = account.clone();
    off["disabled"] = true.into();
    let path = daemon.setup().auth_dir().join("gemini-x-all.json");
    std::fs::write(path, off.to_string()).unwrap();
    eventually("the end of all projects", || {
        let refused = daemon.client().post(CHAT, &chat(false));
        (refused.status != 200).then_some(())
    });
}

/// The use of an account is asked for beside its requests, for each project.
#[test]
fn quotas_are_shown_for_every_project_that_serves() {
    let sim = sim();
    sim.production.handle(QUOTA, |request| {
        let left = match request.json()["project"].as_str() {
            Some("p-1") => 0.25,
            _ => 1.0,
        };
        let bucket = json!({"modelId": MODEL, "tokenType": "REQUESTS", "remainingFraction": left,
            "resetTime": "2999-01-01T00:00:00Z"});
        Reply::json(200, &json!({"buckets": [bucket]}))
    });
    let account = sim.gemini_account("p-1,p-2", 600);
    let daemon = sim.setup("").auth("gemini-x-all.json", &account).start();
    let shown = || -> Vec<String> {
        let members = daemon.handles().snapshot.get().members.clone();
        let now = daemon.handles().clock.now();
        let quota = members.iter().map(|member| {
            let view = member.view.get();
            view.quota.windows(now).map(ToString::to_string).collect()
        });
        quota.collect()
    };
    assert_eq!(calls(&sim.production, QUOTA).len(), 0, "nobody used it yet");
    for _ in 0..6 {
        daemon.client().post(CHAT, &chat(false)).expect_json(200);
    }
    let want = ["", "gemini-2.5-flash 75 %", "gemini-2.5-flash 0 %"];
    eventually("the quotas", || (shown() == want).then_some(()));
    assert_eq!(calls(&sim.production, QUOTA).len(), 2, "once per project");
    sim.assert_content();
}

/// Runs a login with a project to its end: whether it brought an account, and what was shown.
fn logged_in(sim: &GoogleSim, setup: &Setup) -> (bool, String) {
    let args = ["--login", "--project_id", "mine", "--no-browser"];
    let mut terminal = Terminal::run(setup, &args);
    agree(sim, &mut terminal);
    let status = terminal.await_exit();
    let shown = format!("{}{}", terminal.stdout.text(), terminal.stderr.text());
    (status.success(), shown)
}

/// The project the backend uses counts, not the one that was asked for (fccfb162b).
#[test]
fn the_servers_project_wins_and_is_named() {
    let sim = sim();
    sim.standing(
        json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": "theirs"}),
    );
    let setup = sim.setup("");
    let (ok, shown) = logged_in(&sim, &setup);
    assert!(ok && shown.contains("theirs instead of mine"), "{shown}");
    let saved = file(&setup, "gemini-dev@example.com-theirs.json");
    assert_eq!(saved["project_id"], "theirs");
    assert_eq!(saved["tier"], "standard-tier");
}

/// Inside a VPC-SC perimeter the question is forbidden, the account is a bought one.
#[test]
fn a_perimeter_is_a_standard_account() {
    let sim = sim();
    let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SECURITY_POLICY_VIOLATED"}]);
    let refusal = error(403, "PERMISSION_DENIED", "Request is prohibited", details);
    sim.production.reply_to(LOAD, refusal);
    let setup = sim.setup("");
    let (ok, shown) = logged_in(&sim, &setup);
    assert!(ok, "{shown}");
    assert_eq!(calls(&sim.production, ONBOARD).len(), 0);
    let saved = file(&setup, "gemini-dev@example.com-mine.json");
    assert_eq!(saved["project_id"], "mine");
}

/// The API is switched on where it is off; "already" is as good as a success.
#[test]
fn the_api_is_switched_on() {
    for already in [false, true] {
        let sim = sim();
        sim.standing(json!({"currentTier": {"id": "standard-tier"}}));
        sim.auth
            .server
            .handle("/v1/projects/mine/", move |request| {
                match (request.path().ends_with(":enable"), already) {
                    (false, _) => Reply::json(200, &json!({"state": "DISABLED"})),
                    (true, false) => Reply::json(200, &json!({})),
                    (true, true) => error(400, "FAILED", "Service is already enabled", json!([])),
                }
            });
        let (ok, shown) = logged_in(&sim, &sim.setup(""));
        assert!(ok, "{shown}");
        let paths = sim.auth.server.requests();
        let enabled = paths.iter().filter(|one| one.path().ends_with(":enable"));
        assert_eq!(enabled.count(), 1);
    }
}

#[test]
fn a_login_without_an_address_is_none() {
    let sim = sim();
    sim.standing(json!({"currentTier": {"id": "standard-tier"}}));
    let nobody = Reply::json(200, &json!({"id": "1", "email": ""}));
    sim.auth.server.reply_to("/oauth2/v1/userinfo", nobody);
    let setup = sim.setup("");
    let (ok, shown) = logged_in(&sim, &setup);
    assert!(!ok && shown.contains("email"), "{shown}");
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 0);
}

/// The old program sent an empty body.
#[test]
fn a_request_without_contents_is_the_clients_fault() {
    let sim = sim();
    let daemon = daemon(&sim);
    for body in [json!({}), json!({"contents": []})] {
        let target = format!("/v1beta/models/{MODEL}:generateContent");
        let refused = daemon.client().post(&target, &body);
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
    assert_eq!(calls(&sim.production, GENERATE).len(), 0);
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
}

/// What is known about a project is shown with it, and survives a restart.
#[test]
fn a_project_is_shown_apart_and_rests_over_a_restart() {
    let sim = sim();
    let account = sim.gemini_account("p-1,p-2", 600);
    let more = "save-cooldown-status: true\nrouting: {strategy: fill-first}\n";
    let setup = sim.setup(more).auth("gemini-x-all.json", &account);
    let daemon = setup.start();
    sim.production
        .reply_to(GENERATE, limited("QUOTA_EXHAUSTED", "1000s"));
    let refused = daemon.client().post(CHAT, &chat(false));
    assert_eq!(refused.status, 429, "{}", refused.text());
    eventually("the rest in the table", || {
        let terminal = Terminal::run(daemon.setup(), &["--accounts"]);
        terminal.expect_exit(0);
        let shown = terminal.stdout.text();
        let of = |from: &str, to: &str| {
            let rest = shown.split_once(from).map_or("", |(_, rest)| rest);
            rest.split(to).next().unwrap_or_default().to_owned()
        };
        let first = of("dev@example.com (p-1)", "dev@example.com (p-2)");
        let second = of("dev@example.com (p-2)", "\n\n");
        (first.contains("cooldown") && !second.contains("cooldown")).then_some(())
    });
    let daemon = daemon.stop().start();
    daemon.client().post(CHAT, &chat(false)).expect_json(200);
    assert_eq!(projects(&sim, GENERATE), ["p-1", "p-2"]);
}

/// What concerns the account concerns all its projects, what concerns a project only that one.
#[test]
fn a_refused_account_rests_with_all_its_projects() {
    for (reason, others_rest) in [("VALIDATION_REQUIRED", true), ("CONSUMER_INVALID", false)] {
        let sim = sim();
        let account = sim.gemini_account("p-1,p-2,p-3", 600);
        let setup = sim.setup("").auth("gemini-x-all.json", &account);
        let daemon = setup.start();
        let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason, "domain": "cloudcode-pa.googleapis.com"}]);
        sim.production
            .reply_to(GENERATE, error(403, "PERMISSION_DENIED", "No.", details));
        let first = daemon.client().post(CHAT, &chat(false));
        let status = if others_rest { 403 } else { 200 };
        assert_eq!(first.status, status, "{reason}: {}", first.text());
        let n_told = || {
            let members = daemon.handles().snapshot.get().members.clone();
            let told = members
                .iter()
                .filter(|member| member.view.get().attention.is_some());
            told.count()
        };
        let want = if others_rest { 4 } else { 1 };
        eventually("what there is to do", || (n_told() == want).then_some(()));
        let next = daemon.client().post(CHAT, &chat(false));
        assert_eq!(
            next.status == 200,
            !others_rest,
            "{reason}: {}",
            next.text()
        );
        let n_calls = if others_rest { 1 } else { 3 };
        assert_eq!(calls(&sim.production, GENERATE).len(), n_calls, "{reason}");
    }
}
