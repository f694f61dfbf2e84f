//! What is tried when a quota is used up: `quota-exceeded` (`gemini-cli.md` §6, `antigravity.md` §6).

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::google_sim::{
    GENERATE, GoogleSim, Product, STREAM, calls, enveloped, error, limited,
};
use crate::support::upstream::{Reply, Upstream};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const CLAUDE: &str = "claude-sonnet-4-6";

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

/// Waits until what an attempt taught has reached the accounts.
fn await_rests(daemon: &Daemon, model: &str, n: usize) {
    eventually("accounts at rest", || {
        let snapshot = daemon.handles().snapshot.get();
        let members = snapshot.members.iter();
        let resting = members.filter(|member| !member.view.get().is_untroubled(model));
        (resting.count() >= n).then_some(())
    });
}

#[test]
fn another_project_is_asked_when_the_owner_wants_it() {
    let sim = GoogleSim::start(Product::GeminiCli, Answer::new("m").text("Hello"));
    let account = sim.gemini_account("p-1,p-2,p-3", 600);
    let daemon = sim.setup("").auth("gemini-x-all.json", &account).start();
    let ask_with = |model: &str| {
        let used_up = limited("QUOTA_EXHAUSTED", "1000s");
        sim.production.reply_to(GENERATE, used_up);
        let before = calls(&sim.production, GENERATE).len();
        let reply = daemon.client().post(CHAT, &ask(model));
        let n_calls = calls(&sim.production, GENERATE).len() - before;
        (reply.status, n_calls)
    };
    assert_eq!(ask_with("gemini-2.5-flash"), (429, 1));
    // The next request goes to a project with a quota all the same.
    await_rests(&daemon, "gemini-2.5-flash", 1);
    let served = daemon.client().post(CHAT, &ask("gemini-2.5-flash"));
    assert_eq!(served.status, 200, "{}", served.text());

    let on = sim.yaml("quota-exceeded: {switch-project: true}\n");
    daemon.setup().write_config(&on);
    eventually("the new configuration", || {
        let config = &daemon.handles().snapshot.get().config;
        config.quota_exceeded.switch_project.then_some(())
    });
    assert_eq!(ask_with("gemini-2.5-pro"), (200, 2));
}

/// Only a quota: what is wrong with one project says nothing about the others.
#[test]
fn another_project_is_asked_after_other_refusals() {
    let sim = GoogleSim::start(Product::GeminiCli, Answer::new("m").text("Hello"));
    let account = sim.gemini_account("p-1,p-2", 600);
    let daemon = sim.setup("").auth("gemini-x-all.json", &account).start();
    let off = json!([{"reason": "SERVICE_DISABLED", "metadata":
        {"service": "cloudaicompanion.googleapis.com"}}]);
    sim.production
        .reply_to(GENERATE, error(403, "PERMISSION_DENIED", "off", off));
    daemon
        .client()
        .post(CHAT, &ask("gemini-2.5-flash"))
        .expect_json(200);
    assert_eq!(calls(&sim.production, GENERATE).len(), 2);
}

/// A service with a model and its preview; the model's quota of the day is used up.
fn previews(more: &str) -> (Upstream, Daemon) {
    let upstream = Upstream::start();
    let used_up = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m",
        "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}]}});
    upstream.handle("/v1beta/models/x:", move |_| Reply::json(429, &used_up));
    let good = Answer::new("x-preview").text("Hello").json(Wire::Gemini);
    upstream.handle("/v1beta/models/x-preview:", move |_| {
        Reply::json(200, &good)
    });
    let daemon = Setup::new(&format!(
        "{more}gemini-api-key:\n  - api-key: k\n    base-url: {}\n    \
         models: [{{name: x}}, {{name: x-preview}}]\n",
        upstream.url()
    ))
    .start();
    (upstream, daemon)
}

fn paths(upstream: &Upstream) -> Vec<String> {
    let requests = upstream.requests().into_iter();
    let paths = requests.map(|request| request.path().to_owned());
    paths
        .map(|path| path.trim_start_matches("/v1beta/models/").to_owned())
        .collect()
}

#[test]
fn the_preview_stands_in_for_its_model() {
    let (upstream, daemon) = previews("quota-exceeded: {switch-preview-model: true}\n");
    let reply = daemon.client().post(CHAT, &ask("x")).expect_json(200);
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello");
    assert_eq!(reply["model"], "x", "named as it was asked for");
    await_rests(&daemon, "x", 1);
    // While the model rests, the preview serves at once.
    daemon.client().post(CHAT, &ask("x")).expect_json(200);
    let asked = ["x", "x-preview", "x-preview"].map(|model| format!("{model}:generateContent"));
    assert_eq!(paths(&upstream), asked);
}

#[test]
fn the_answer_is_the_models_when_its_preview_has_none_either() {
    let (upstream, daemon) = previews("quota-exceeded: {switch-preview-model: true}\n");
    let gone = json!({"error": {"code": 404, "status": "NOT_FOUND", "message": "no such"}});
    upstream.reply_to("/v1beta/models/x-preview:", Reply::json(404, &gone));
    let refused = daemon.client().post(CHAT, &ask("x"));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(paths(&upstream).len(), 2);
}

#[test]
fn without_the_key_no_preview_stands_in() {
    let (upstream, daemon) = previews("");
    for _ in 0..2 {
        let refused = daemon.client().post(CHAT, &ask("x"));
        assert_eq!(refused.status, 429, "{}", refused.text());
    }
    assert_eq!(paths(&upstream), ["x:generateContent"]);
}

/// Two Antigravity accounts whose free quotas are used up; `balance` of them can pay.
fn spent(more: &str, balance: usize) -> (GoogleSim, Daemon) {
    spent_by(more, &["a@x", "b@x"], balance)
}

fn spent_by(more: &str, emails: &[&str], balance: usize) -> (GoogleSim, Daemon) {
    let answer = Answer::new(CLAUDE).text("Hello");
    let sim = GoogleSim::start(Product::Antigravity, answer.clone());
    let mut setup = sim.setup(more);
    for email in emails {
        let account = sim.antigravity_account(email, 600);
        setup = setup.auth(&format!("antigravity-{email}.json"), &account);
    }
    for path in [STREAM, GENERATE] {
        let answer = answer.clone();
        let paying = emails.iter().rev().take(balance);
        let paying: Vec<_> = paying.map(|email| format!("project-of-{email}")).collect();
        sim.daily.handle(path, move |request| {
            let body = request.json();
            let project = body["project"].as_str().unwrap();
            match body.get("enabledCreditTypes") {
                None => limited("QUOTA_EXHAUSTED", "7200s"),
                Some(types) if *types != json!(["GOOGLE_ONE_AI"]) => {
                    error(400, "INVALID_ARGUMENT", "credit type", json!([]))
                }
                Some(_) if paying.iter().any(|one| one == project) => {
                    enveloped(&answer, path == STREAM)
                }
                Some(_) => limited("INSUFFICIENT_G1_CREDITS_BALANCE", "0s"),
            }
        });
    }
    (sim, setup.start())
}

/// How many calls were free and how many paid.
fn free_and_paid(sim: &GoogleSim) -> (usize, usize) {
    let all = sim.daily.requests();
    let calls = all
        .iter()
        .filter(|call| [STREAM, GENERATE].contains(&call.path()));
    let paid = calls
        .clone()
        .filter(|call| call.json().get("enabledCreditTypes").is_some());
    (calls.clone().count() - paid.clone().count(), paid.count())
}

const CREDITS: &str = "quota-exceeded: {antigravity-credits: true}\n";

#[test]
fn credits_pay_when_no_quota_is_left() {
    let (sim, daemon) = spent(CREDITS, 1);
    daemon.client().post(CHAT, &ask(CLAUDE)).expect_json(200);
    let (free, paid) = free_and_paid(&sim);
    assert_eq!(free, 2, "every free quota was tried first");
    assert!((1..=2).contains(&paid), "one account cannot pay");
    // The free quotas stay known to be used up, and so does the account that cannot pay.
    await_rests(&daemon, CLAUDE, 2);
    for n in 1..=2 {
        let mut body = ask(CLAUDE);
        body["stream"] = true.into();
        let reply = daemon.client().post(CHAT, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(free_and_paid(&sim).0, 2, "{n}");
    }
    assert!(free_and_paid(&sim).1 <= 4, "{:?}", free_and_paid(&sim));
}

#[test]
fn credits_are_never_spent_unasked() {
    let (sim, daemon) = spent("", 2);
    for _ in 0..2 {
        let refused = daemon.client().post(CHAT, &ask(CLAUDE));
        assert_eq!(refused.status, 429, "{}", refused.text());
    }
    assert_eq!(free_and_paid(&sim), (2, 0));
}

/// Neither for other models nor for counts.
#[test]
fn credits_are_for_claude_models_only() {
    let (sim, daemon) = spent(CREDITS, 2);
    let refused = daemon.client().post(CHAT, &ask("gemini-3-flash"));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(free_and_paid(&sim), (2, 0));
}

#[test]
fn accounts_without_credits_are_not_asked_again() {
    let (sim, daemon) = spent(CREDITS, 0);
    let refused = daemon.client().post(CHAT, &ask(CLAUDE));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(free_and_paid(&sim), (2, 2));
    await_rests(&daemon, CLAUDE, 2);
    let refused = daemon.client().post(CHAT, &ask(CLAUDE));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(free_and_paid(&sim), (2, 2));
}

/// The bound of all attempts holds for those that cost something, too.
#[test]
fn credits_of_many_accounts_are_not_all_asked_for() {
    let emails = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let (sim, daemon) = spent_by(CREDITS, &emails, 0);
    let refused = daemon.client().post(CHAT, &ask(CLAUDE));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(free_and_paid(&sim), (10, 6));
}
