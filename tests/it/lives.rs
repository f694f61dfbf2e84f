//! The lives of accounts, told step by step: for each service two accounts from login to the restart
//! after a kill, all through the built program and the official SDKs.
//!
//! `tests/accounts` runs these tests with the release program and shows what they tell. What takes
//! hours stands in `hours`, what is particular about a service in `accounts_*.rs`.

mod antigravity;
mod claude;
mod codex;
mod gemini_cli;
mod hours;
mod vertex;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::port::{Clock as _, SystemClock};
use chrono::{DateTime, Utc};
use cli_proxy_api_plus::providers::login::by_flag;
use serde_json::{Value, json};

use antigravity::Antigravity;
use gemini_cli::GeminiCli;

use crate::support::answer::{Answer, Wire};
use crate::support::asker::{Asker, Heard, name};
use crate::support::claude_sim::ClaudeSim;
use crate::support::clock::MovedClock;
use crate::support::codex_sim::CodexSim;
use crate::support::daemon::{Process, Setup};
use crate::support::deadline::eventually;
use crate::support::google_sim::{GoogleSim, Product};
use crate::support::oauth_sim::{OAuthSim, visit};
use crate::support::terminal::Terminal;
use crate::support::upstream::{Recorded, Reply, Upstream};
use crate::support::vertex_sim::VertexSim;

fn codex_sim() -> CodexSim {
    let answer = Answer::new(CodexSim::MODEL).thinking("hm", "gAAAAAfake");
    CodexSim::start(answer.text(CodexSim::SAYS))
}

fn gemini_cli_sim() -> GeminiCli {
    let answer = Answer::new(GeminiCli::MODEL).text(GeminiCli::SAYS);
    GeminiCli(GoogleSim::start(Product::GeminiCli, answer))
}

fn antigravity_sim() -> Antigravity {
    let answer = Answer::new(Antigravity::MODEL).text(Antigravity::SAYS);
    Antigravity(GoogleSim::start(Product::Antigravity, answer))
}

#[test]
fn claude() {
    live(&ClaudeSim::start());
}

#[test]
fn codex() {
    live(&codex_sim());
}

#[test]
fn gemini_cli() {
    live(&gemini_cli_sim());
}

#[test]
fn antigravity() {
    live(&antigravity_sim());
}

#[test]
fn vertex() {
    let sim = VertexSim::start();
    // Made with the key and kept in memory: what is in use ends by itself soon.
    sim.life(1);
    live(&sim);
}

#[test]
fn hours_of_claude_accounts() {
    hours::pass(&ClaudeSim::start());
}

#[test]
fn hours_of_codex_accounts() {
    hours::pass(&codex_sim());
}

#[test]
fn hours_of_gemini_cli_accounts() {
    hours::pass(&gemini_cli_sim());
}

#[test]
fn hours_of_antigravity_accounts() {
    hours::pass(&antigravity_sim());
}

#[test]
fn hours_of_vertex_accounts() {
    hours::pass(&VertexSim::start());
}

/// Limits reach the client instead of being waited for.
const CONFIG: &str = "request-retry: 0\n";

/// Rest of the first account that meets its limit: longer than its life here.
const LONG_REST: i64 = 1000;
/// Rest of the second one.
const SHORT_REST: i64 = 3;

/// A simulated service.
trait Service {
    /// Name for people.
    const NAME: &'static str;
    /// The model that is asked.
    const MODEL: &'static str;
    /// What it answers to a hello.
    const SAYS: &'static str;
    /// Paths of calls for whole answers (first) and for streams.
    const CALLS: &'static [&'static str];
    /// How long tokens live, in seconds.
    const LIFE: i64;
    /// Whether tokens are kept in the file.
    const SAVES_TOKENS: bool = true;

    /// A folder whose configuration is [`CONFIG`] and leads the service's hosts here.
    fn setup(&self) -> Setup;
    /// Logs two accounts in and returns the names of their files.
    fn log_in(&self, setup: &Setup, story: &Story) -> [String; 2];
    /// Where models are called.
    fn host(&self) -> &Upstream;
    /// Whose call it is.
    fn account(call: &Recorded) -> String;
    /// How many tokens were renewed so far.
    fn n_renewals(&self) -> usize;
    /// Lets the tokens in use end without a word to the daemon. Returns the number of renewals before
    /// that, and in words what was done.
    fn end_tokens(&self, setup: &Setup, files: &[String; 2]) -> (usize, &'static str);
    /// Refuses the tokens in use, whatever their end.
    fn refuse_tokens(&self);
    /// What a renewal does to a file, in words.
    fn check_renewed(&self, before: &Value, after: &Value) -> &'static str;
    /// The service's own refusal of a used-up account that may come back so many seconds after `now`.
    fn limit(now: DateTime<Utc>, seconds: i64) -> Reply;
    /// No call was refused for its form, no refresh token was sent twice.
    fn check(&self);
    /// Takes this clock for the time, where it looks at it.
    fn keep_time(&self, _: Arc<MovedClock>) {}

    /// The calls of models so far.
    fn calls(&self) -> Vec<Arc<Recorded>> {
        let all = self.host().requests().into_iter();
        let is_call = |path: &str| Self::CALLS.iter().any(|prefix| path.starts_with(prefix));
        all.filter(|call| is_call(call.path())).collect()
    }
}

/// Tells what was done and what was seen, a line per step.
struct Story(Instant);

impl Story {
    fn begin(title: &str) -> Self {
        println!("\n{title}");
        Self(Instant::now())
    }

    fn tell(&self, done: &str, seen: &str) {
        println!("{:6.1} s  {done}: {seen}", self.0.elapsed().as_secs_f64());
    }

    /// Logs in with the program as a person does: by following the redirect, or by pasting the
    /// address it leads to. `more` happens between that and the end. Returns the name of the file.
    #[track_caller]
    fn log_in(
        &self,
        setup: &Setup,
        oauth: &OAuthSim,
        args: &[&str],
        how: Back,
        more: impl FnOnce(&mut Terminal),
    ) -> String {
        let mut terminal = Terminal::run(setup, &[args, &["--no-browser"]].concat());
        let back = oauth.agree(&terminal.await_url());
        let how = match how {
            Back::Redirect => {
                let page = visit(&back).expect("the login's listener");
                assert!(page.status < 300, "{}", page.body);
                "redirect followed"
            }
            Back::Paste => {
                terminal.type_line(&back);
                "address pasted"
            }
        };
        more(&mut terminal);
        self.logged_in(setup, &terminal, args, how)
    }

    /// The end of a login: what the program said, and what it wrote.
    #[track_caller]
    fn logged_in(&self, setup: &Setup, terminal: &Terminal, args: &[&str], how: &str) -> String {
        terminal.expect_exit(0);
        let said = terminal.stdout.text();
        let saved = "Authentication saved to ";
        let path = said.lines().find_map(|line| line.strip_prefix(saved));
        let path = Path::new(path.expect("the place of the file"));
        assert_eq!(path.parent(), Some(&*setup.auth_dir()));
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let spec = by_flag(args[0].trim_start_matches('-')).expect("a login");
        let terms = words(&said).find(&words(spec.terms)).expect("the terms");
        let first_step = words(&said).find("http").unwrap_or(usize::MAX);
        assert!(terms < first_step, "{said}");
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_hides(&said, &document(setup, &file));
        let done = format!("{}, {how}", args.join(" "));
        self.tell(&done, &format!("terms first, then {file} (0600)"));
        file
    }
}

/// How the browser's last address reaches the program.
enum Back {
    Redirect,
    Paste,
}

/// Two accounts of a service and those who use them.
struct Life<'a, S> {
    service: &'a S,
    story: Story,
    files: [String; 2],
    daemon: Process,
    askers: Vec<Asker>,
}

fn live<S: Service>(service: &S) {
    let story = Story::begin(S::NAME);
    let askers = Asker::all();
    let daemon = service.setup().spawn();
    story.tell("the daemon starts", "there is no account yet");
    let files = service.log_in(daemon.setup(), &story);
    let life = Life {
        service,
        story,
        files,
        daemon,
        askers,
    };
    life.begins();
    life.serves_every_client();
    life.outlives_its_tokens();
    life.outlives_a_refusal();
    let rests = life.hands_over_at_a_limit();
    life.tells_clients_of_limits_and_recovers(&rests);
    life.survives_a_kill();
}

impl<S: Service> Life<'_, S> {
    #[track_caller]
    fn ask(&self, asker: usize, wire: Wire, stream: bool) -> Heard {
        let addr = self.daemon.addr();
        self.askers[asker].ask(addr, wire, S::MODEL, stream)
    }

    /// The plain client asks for a whole answer in the chat protocol.
    #[track_caller]
    fn hello(&self) -> Heard {
        self.ask(self.askers.len() - 1, Wire::Chat, false)
    }

    /// Somebody asks in every protocol, for a whole answer and a stream, and is served. Returns the
    /// accounts that served.
    #[track_caller]
    fn is_served(&self, asker: usize) -> BTreeSet<String> {
        let n_before = self.service.calls().len();
        for (wire, stream) in Wire::ALL
            .into_iter()
            .flat_map(|wire| [(wire, false), (wire, true)])
        {
            let heard = self.ask(asker, wire, stream);
            let who = self.askers[asker].name;
            assert_eq!(
                (heard.status, &*heard.text, heard.pieces > 1),
                (200, S::SAYS, stream),
                "{who} {wire:?}: {heard:?}"
            );
        }
        let calls = self.service.calls();
        let accounts = calls[n_before..].iter().map(|call| S::account(call));
        accounts.collect()
    }

    #[track_caller]
    fn everybody_is_served(&self) -> BTreeSet<String> {
        let askers = 0..self.askers.len();
        askers.flat_map(|asker| self.is_served(asker)).collect()
    }

    fn documents(&self) -> [Value; 2] {
        [0, 1].map(|n| document(self.daemon.setup(), &self.files[n]))
    }

    fn begins(&self) {
        let since = Instant::now();
        eventually("both accounts in use", || {
            self.hello();
            let calls = self.service.calls();
            let accounts: BTreeSet<_> = calls.iter().map(|call| S::account(call)).collect();
            (accounts.len() == 2).then_some(())
        });
        let seen = format!("in turns, within {:.1} s", since.elapsed().as_secs_f64());
        self.story.tell("the daemon takes both up", &seen);
    }

    fn serves_every_client(&self) {
        let wires = Wire::ALL.map(name).join(", ");
        for asker in 0..self.askers.len() {
            let accounts = self.is_served(asker);
            assert_eq!(accounts.len(), 2, "{accounts:?}");
            let done = format!("{} asks: {wires}", self.askers[asker].name);
            self.story
                .tell(&done, "each answered whole and in a stream");
        }
    }

    fn outlives_its_tokens(&self) {
        let before = self.documents();
        let (n, done) = self.service.end_tokens(self.daemon.setup(), &self.files);
        let since = Instant::now();
        eventually("both tokens to be renewed", || {
            let heard = self.hello();
            assert_eq!(heard.status, 200, "{heard:?}");
            (self.service.n_renewals() >= n + 2).then_some(())
        });
        let after = since.elapsed().as_secs_f64();
        self.everybody_is_served();
        assert_eq!(self.service.n_renewals(), n + 2, "one renewal per account");
        let now = self.documents();
        let [kept, _] = [0, 1].map(|n| self.service.check_renewed(&before[n], &now[n]));
        self.service.check();
        let seen = format!("each renewed once within {after:.1} s, {kept}");
        self.story.tell(done, &seen);
    }

    fn outlives_a_refusal(&self) {
        let (n, n_calls) = (self.service.n_renewals(), self.service.calls().len());
        self.service.refuse_tokens();
        for wire in Wire::ALL {
            let heard = self.ask(0, wire, true);
            assert_eq!((heard.status, &*heard.text), (200, S::SAYS), "{wire:?}");
        }
        assert_eq!(self.service.n_renewals(), n + 2, "one renewal per account");
        assert_eq!(
            self.service.calls().len(),
            n_calls + 4 + 2,
            "one retry per account"
        );
        self.service.check();
        self.story.tell(
            "the service refuses both tokens (401)",
            "each renewed once, each call repeated once, no client noticed",
        );
    }

    /// Returns the account that rests.
    fn hands_over_at_a_limit(&self) -> String {
        let n = self.service.calls().len();
        let host = self.service.host();
        host.reply_to(S::CALLS[0], S::limit(SystemClock.now(), LONG_REST));
        let heard = self.hello();
        assert_eq!((heard.status, &*heard.text), (200, S::SAYS), "{heard:?}");
        let calls = self.service.calls();
        let accounts: Vec<_> = calls[n..].iter().map(|call| S::account(call)).collect();
        let [rests, serves] = accounts.try_into().expect("a refused call and another");
        assert_ne!(rests, serves);
        // What an attempt taught reaches the account's owner beside the answer.
        self.daemon.stdout().await_line("resting");
        assert_eq!(self.everybody_is_served(), BTreeSet::from([serves]));
        self.story.tell(
            &format!("one account has reached its limit (429, back in {LONG_REST} s)"),
            "the other one served that call and all others",
        );
        rests
    }

    fn tells_clients_of_limits_and_recovers(&self, rests: &str) {
        let n = self.service.calls().len();
        for path in S::CALLS {
            let host = self.service.host();
            host.insist(path, |_| S::limit(SystemClock.now(), SHORT_REST));
        }
        for asker in 0..self.askers.len() {
            for wire in Wire::ALL {
                for stream in [false, true] {
                    let heard = self.ask(asker, wire, stream);
                    let asker = &self.askers[asker];
                    let who = format!("{} {wire:?}: {heard:?}", asker.name);
                    assert!(asker.is_rate_limit(wire, &heard), "{who}");
                    let wait = heard.retry_after.and_then(|wait| wait.parse::<i64>().ok());
                    let fits = wait.is_some_and(|wait| (1..=SHORT_REST).contains(&wait));
                    assert!(fits || !asker.sees_headers(wire), "{who}");
                }
            }
        }
        let refused = self.service.calls();
        self.service.host().relent();
        self.story.tell(
            &format!("and so has the other one (back in {SHORT_REST} s)"),
            "every client gets a 429 of its protocol, with Retry-After",
        );
        let since = Instant::now();
        eventually("the recovery", || {
            (self.hello().status == 200).then_some(())
        });
        let waited = since.elapsed().as_secs_f64();
        let calls = self.service.calls();
        let gap = calls[refused.len()].at - refused[refused.len() - 1].at;
        // The hint may be a point in time in whole seconds.
        let least = Duration::from_secs(SHORT_REST.unsigned_abs() - 1);
        assert!(gap >= least, "left alone for {gap:?} only");
        assert!(calls[n..].iter().all(|call| S::account(call) != rests));
        self.everybody_is_served();
        self.story.tell(
            "asked again and again",
            &format!("served after {waited:.1} s, at the end of the rest and not before"),
        );
    }

    fn survives_a_kill(mut self) {
        let (before, n) = (self.documents(), self.service.n_renewals());
        self.daemon.signal("KILL");
        assert!(!self.daemon.await_exit().success());
        let mut log = said(&self.daemon);
        self.daemon = self.daemon.into_setup().spawn();
        let accounts = self.everybody_is_served();
        assert_eq!(accounts.len(), 2, "{accounts:?}");
        if S::SAVES_TOKENS {
            assert_eq!(self.service.n_renewals(), n, "the tokens on disk are good");
        }
        assert_eq!(self.documents(), before);
        self.service.check();
        self.story.tell(
            "kill -9, and a new start",
            "both files are as they were, both accounts serve",
        );
        log += &said(&self.daemon);
        for document in &before {
            assert_hides(&log, document);
        }
        self.are_shown();
    }

    /// The table of accounts, beside the daemon that has just started.
    fn are_shown(&self) {
        let setup = self.daemon.setup();
        let written = setup.auth_dir().join(".account-status");
        let pid = self.daemon.pid();
        eventually("the new daemon's own view on disk", || {
            let text = std::fs::read_to_string(&written).unwrap_or_default();
            text.contains(&format!("\"pid\": {pid},")).then_some(())
        });
        let config = setup.config_path().display().to_string();
        let finished = setup.run(&["--config", &config, "--accounts"]);
        assert!(finished.status.success(), "{}", finished.stderr);
        let shown = finished.stdout;
        let lines: Vec<&str> = shown.lines().filter(|line| !line.is_empty()).collect();
        for file in &self.files {
            let end = lines.iter().position(|line| line.ends_with(file.as_str()));
            let lines = &lines[..=end.expect("a line of the account")];
            // A long name stands in a line of its own below the row.
            let row = lines.iter().rfind(|line| !line.starts_with(' '));
            let row = row.expect("a row of the account");
            assert!(row.contains("  ready  "), "{shown}");
        }
        assert!(shown.contains(&format!("runs (process {pid},")), "{shown}");
        self.story.tell("--accounts", "both are ready");
        for line in lines {
            println!("            {line}");
        }
    }
}

/// A file of an account.
#[track_caller]
fn document(setup: &Setup, file: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Everything a daemon said so far.
fn said(daemon: &Process) -> String {
    daemon.stdout().text() + &daemon.stderr().text()
}

/// No secret of the account stands in the text.
#[track_caller]
fn assert_hides(text: &str, document: &Value) {
    let names = ["access_token", "refresh_token", "id_token", "private_key"];
    for place in [document, &document["token"], &document["service_account"]] {
        let secrets = names.iter().filter_map(|name| place[*name].as_str());
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            assert!(!text.contains(secret), "{secret} in:\n{text}");
        }
    }
}

/// Moves the end of both tokens into the past, by hand and beside a note of the owner.
fn end_in_files(oauth: &OAuthSim, setup: &Setup, files: &[String; 2]) -> (usize, &'static str) {
    let n_before = oauth.n_refreshes();
    for file in files {
        let mut document = document(setup, file);
        document["note"] = "by hand".into();
        for name in ["expired", "expiry"] {
            for place in ["", "/token"] {
                let place = document.pointer_mut(place);
                if let Some(end) = place.and_then(|place| place.get_mut(name)) {
                    *end = json!("2026-02-20T20:00:00Z");
                }
            }
        }
        let beside = setup.dir().join("edited.json");
        std::fs::write(&beside, document.to_string()).unwrap();
        std::fs::rename(beside, setup.auth_dir().join(file)).unwrap();
    }
    (n_before, "both tokens end (the files are edited)")
}

/// The renewed token is on disk, beside everything else.
#[track_caller]
fn check_renewed(oauth: &OAuthSim, rotates: bool, before: &Value, after: &Value) -> &'static str {
    let get = |document: &Value, name: &str| {
        let place = document.get(name).unwrap_or(&document["token"][name]);
        place.as_str().expect("a token").to_owned()
    };
    assert_ne!(get(before, "access_token"), get(after, "access_token"));
    assert!(oauth.accepts(&get(after, "access_token")));
    let (old, new) = (get(before, "refresh_token"), get(after, "refresh_token"));
    assert_eq!(old != new, rotates);
    assert!(oauth.is_live(&new));
    assert_eq!(after["note"], "by hand");
    let renewed = ["access_token", "refresh_token", "id_token", "token", "note"];
    let times = [
        "expired",
        "expiry",
        "timestamp",
        "expires_in",
        "last_refresh",
    ];
    for (name, value) in before.as_object().unwrap() {
        let changes = renewed.contains(&&**name) || times.contains(&&**name);
        assert!(changes || after[name] == *value, "`{name}` in {after}");
    }
    match rotates {
        true => "the rotated refresh token is on disk, the owner's edit kept",
        false => "the new token is on disk, the owner's edit kept",
    }
}
