//! What a person sees of the accounts while the daemon runs, after it, and after a restart: quota,
//! rests, what there is to do (`deltas.md` 1, 10, 11, 12, 15).

use crate::support::answer::{Answer, Wire};
use crate::support::client::Client;
use crate::support::codex_sim::{CodexSim, RESPONSES};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::upstream::Reply;
use serde_json::{Value, json};

const MODEL: &str = "gpt-5.4";
const CHAT: &str = "/v1/chat/completions";

/// The file the daemon writes.
const STATUS: &str = ".account-status";

fn chat() -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]})
}

/// An answer that tells how much is used.
fn served(primary: &str, secondary: &str) -> Reply {
    let answer = Answer::new(MODEL).text("Hello there");
    answer
        .reply(Wire::Responses, true)
        .header("x-codex-primary-used-percent", primary)
        .header("x-codex-primary-window-minutes", "300")
        .header("x-codex-primary-reset-after-seconds", "7500")
        .header("x-codex-secondary-used-percent", secondary)
        .header("x-codex-secondary-window-minutes", "10080")
        .header("x-codex-secondary-reset-after-seconds", "90000")
}

fn closed() -> Reply {
    Reply::json(402, &json!({"detail": {"code": "deactivated_workspace"}}))
}

fn sim() -> CodexSim {
    CodexSim::start(Answer::new(MODEL).text("Hello there"))
}

/// Two accounts: `good` comes first, `bad` after it.
fn setup(sim: &CodexSim, more: &str) -> Setup {
    let more = format!("request-retry: 0\nrouting: {{strategy: fill-first}}\n{more}");
    let mut good = sim.account("good", 600);
    good["priority"] = json!(5);
    sim.setup(&more)
        .auth("codex-good.json", &good)
        .auth("codex-bad.json", &sim.account("bad", 600))
}

/// The printed table.
#[track_caller]
fn accounts(setup: &Setup) -> String {
    let path = setup.config_path().display().to_string();
    let finished = setup.run(&["--config", &path, "--accounts"]);
    assert!(finished.status.success(), "{}", finished.stderr);
    let table = finished.stdout.lines();
    for line in table.take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 120, "too wide: {line}");
    }
    finished.stdout
}

/// The lines about one account: its row and its notes.
fn about(text: &str, name: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(name));
    let row = lines.next().unwrap_or_default().to_owned();
    let notes = lines.take_while(|line| line.starts_with("  "));
    notes.fold(row, |all, line| format!("{all}\n{line}"))
}

/// Waits until the table says something.
#[track_caller]
fn shown(setup: &Setup, says: impl Fn(&str) -> bool) -> String {
    eventually("the table", || {
        Some(accounts(setup)).filter(|text| says(text))
    })
}

fn ask(client: &Client) -> u16 {
    client.post(CHAT, &chat()).status
}

/// Lets `good` refuse and serve: what was learned goes through all states.
fn use_both(sim: &CodexSim, daemon: &Daemon) {
    sim.backend.reply_to(RESPONSES, served("37.9", "80"));
    assert_eq!(ask(&daemon.client()), 200);
    // Nothing from the first account, so the second is asked, and refuses as a whole.
    sim.backend.reply_to(RESPONSES, Reply::text(500, "broken"));
    sim.backend.reply_to(RESPONSES, closed());
    assert_ne!(ask(&daemon.client()), 200);
}

#[test]
fn the_table_says_what_the_daemon_knows() {
    let sim = sim();
    let daemon = setup(&sim, "").start();
    use_both(&sim, &daemon);
    let text = shown(daemon.setup(), |text| text.contains("action:"));
    let (good, bad) = (about(&text, "good@b.c"), about(&text, "bad@b.c"));
    for part in ["ready", "plus", "in 9 h", "quota:      5 h 37 %, 7 d 80 %"] {
        assert!(good.contains(part), "no `{part}` in\n{good}");
    }
    assert!(good.contains("gpt-5.4 (transient) ends in"), "{good}");
    assert!(good.contains("gpt-5.4: broken"), "{good}");
    for part in [
        "needs action",
        "every model (payment_required) ends in 2",
        "action:     deactivated_workspace; the workspace of this ChatGPT account is closed",
        "last error: less than 1 min ago, gpt-5.4",
    ] {
        assert!(bad.contains(part), "no `{part}` in\n{bad}");
    }
    assert!(text.contains("The daemon runs (process "), "{text}");
    let json = std::fs::read_to_string(daemon.setup().auth_dir().join(STATUS)).unwrap();
    for secret in ["access-", "refresh-", "eyJ"] {
        assert!(!json.contains(secret) && !text.contains(secret), "{json}");
    }

    // After its end the same is shown, with a word about it.
    let setup = daemon.stop();
    let text = accounts(&setup);
    assert!(
        text.contains("No daemon runs; the last one wrote"),
        "{text}"
    );
    assert!(about(&text, "bad@b.c").contains("needs action"), "{text}");

    // Something else in its place is one warning, and the files still say what they say.
    std::fs::write(setup.auth_dir().join(STATUS), "{\"format\": 9}").unwrap();
    let text = accounts(&setup);
    assert_eq!(text.matches("warning:").count(), 1, "{text}");
    assert!(about(&text, "bad@b.c").contains("ready"), "{text}");
}

#[test]
fn a_restart_remembers_quota_and_rests_only_when_asked() {
    for (more, rests) in [("save-cooldown-status: true\n", true), ("", false)] {
        let sim = sim();
        let daemon = setup(&sim, more).start();
        use_both(&sim, &daemon);
        eventually("both outcomes", || {
            let snapshot = daemon.handles().snapshot.get();
            let known = |member: &std::sync::Arc<actors::domain::snapshot::Member>| {
                member.view.get().health.marks().next().is_some()
            };
            snapshot.members.iter().all(known).then_some(())
        });
        let daemon = daemon.stop().start();
        let snapshot = daemon.handles().snapshot.get();
        let view = |id: &str| {
            let mut members = snapshot.members.iter();
            let member = members.find(|member| member.id.as_str() == id);
            member.expect("an account").view.get()
        };
        let (good, bad) = (view("codex-good.json"), view("codex-bad.json"));
        let week = good.quota.get("7 d").expect("a window");
        assert_eq!(week.used_percent, Some(80));
        assert_eq!(bad.health.whole().is_some(), rests, "{more}");
        assert_eq!(bad.attention.is_some(), rests, "{more}");
        assert!(bad.last_error.is_some());
    }
}

#[test]
fn a_killed_daemon_is_not_said_to_run() {
    let sim = sim();
    let process = setup(&sim, "").spawn();
    shown(process.setup(), |text| {
        text.contains("The daemon runs (process ")
    });
    process.signal("KILL");
    process.await_exit();
    let text = accounts(process.setup());
    assert!(
        text.contains("No daemon runs; the last one wrote"),
        "{text}"
    );
}

#[test]
fn the_log_names_the_account_that_needs_its_owner_once() {
    let sim = sim();
    let setup = sim.setup("request-retry: 0\n");
    let process = setup
        .auth("codex-bad.json", &sim.account("bad", 600))
        .spawn();
    sim.backend.handle(RESPONSES, |_| closed());
    assert_ne!(ask(&process.client()), 200);
    let line = process.stdout().await_line("account needs action");
    assert_ne!(ask(&process.client()), 200);
    for part in ["ERROR", "codex-bad.json", "bad@b.c", "ask its owner"] {
        assert!(line.contains(part), "no `{part}` in {line}");
    }
    process.signal("TERM");
    assert!(process.await_exit().success());
    let log = process.stdout().text();
    assert_eq!(log.matches("account needs action").count(), 1, "{log}");
    assert_eq!(sim.calls().len(), 1, "it rests");
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let sim = sim();
    let daemon = setup(&sim, "").start();
    let path = daemon.setup().auth_dir().join(STATUS);
    eventually("the first status", || path.exists().then_some(()));
    let written = |path: &std::path::Path| std::fs::metadata(path).unwrap().modified().unwrap();
    sim.backend.reply_to(RESPONSES, served("37.9", "80"));
    assert_eq!(ask(&daemon.client()), 200);
    eventually("the quota", || {
        let text = std::fs::read_to_string(&path).unwrap();
        text.contains("\"used_percent\": 37").then_some(())
    });
    let before = written(&path);
    // The same whole percent: no message, no other view, nothing to write.
    sim.backend.reply_to(RESPONSES, served("37.2", "80.3"));
    assert_eq!(ask(&daemon.client()), 200);
    let setup = daemon.stop();
    assert_eq!(written(&setup.auth_dir().join(STATUS)), before);
}
