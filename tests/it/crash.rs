//! `kill -9` at every moment of a life full of refreshes, with refresh tokens that are used once
//! (`deltas.md` "lost or unusable tokens").
//!
//! No service promises a grace for a refresh token that was used already (`codex.md` §3), so one loss
//! cannot be helped by anybody: the service has spent the token, and the process dies with the answer
//! in its hands. What can be had is held here: the file is whole after every kill and has everything
//! its owner put there; the token in it is the living one, or the one whose exchange was cut; nothing
//! new was used before it was on disk; and no refresh token is ever sent twice.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::answer::{Answer, Wire};
use crate::support::codex_sim::{CodexSim, RESPONSES};
use crate::support::daemon::{KEY, Setup};
use crate::support::deadline::DEADLINE;
use crate::support::upstream::Reply;

const FILE: &str = "codex-a.json";
const MODEL: &str = "gpt-5.4";

/// Fields that a refresh changes.
const CHANGES: &[&str] = &[
    "access_token",
    "refresh_token",
    "id_token",
    "expired",
    "last_refresh",
];

/// Rounds, unless `CRASH_ROUNDS` says otherwise; the long form has 1,000.
const ROUNDS: usize = 50;

/// Almost all of a token's ten days: only refused tokens are replaced.
const TOKEN_LIFE_MINUTES: i64 = 10 * 24 * 60 - 10;

/// Latest kill after the first answer: some refreshes long.
const LONGEST_LIFE: Duration = Duration::from_millis(60);

/// Numbers that look random and are the same in every run (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The service, and what it saw.
struct Service {
    sim: CodexSim,
    file: PathBuf,
    /// Tokens that came before they were on disk.
    early: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start() -> (Self, Setup) {
        let answer = Answer::new(MODEL).text("hello");
        let sim = CodexSim::start(answer.clone());
        let setup = sim.setup("");
        let setup = setup.auth(FILE, &sim.account("a", TOKEN_LIFE_MINUTES));
        let file = setup.auth_dir().join(FILE);
        let early = Arc::<Mutex<Vec<String>>>::default();
        let (auth, path, seen) = (Arc::clone(&sim.auth), file.clone(), Arc::clone(&early));
        sim.backend.handle(RESPONSES, move |request| {
            let bearer = request.header("authorization").unwrap_or_default();
            let token = bearer.trim_start_matches("Bearer ");
            if !auth.accepts(token) {
                return Reply::json(401, &json!({"error": {"code": "token_expired"}}));
            }
            if number(token) > number(&access_token(&path)) {
                seen.lock().push(token.to_owned());
            }
            answer.reply(Wire::Responses, true)
        });
        (Self { sim, file, early }, setup)
    }

    /// The file, which must be whole.
    #[track_caller]
    fn saved(&self) -> Value {
        let text = std::fs::read_to_string(&self.file).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in `{text}`"))
    }

    fn is_alive(&self) -> bool {
        let saved = self.saved();
        self.sim
            .auth
            .is_live(saved["refresh_token"].as_str().unwrap_or_default())
    }

    /// A new login, as its person would make one.
    fn log_in(&self, setup: &Setup) {
        let mut document = self.saved();
        let (refresh, access) = self.sim.auth.grant();
        document["refresh_token"] = refresh.into();
        document["access_token"] = access.into();
        let beside = setup.dir().join("new.json");
        std::fs::write(&beside, document.to_string()).unwrap();
        std::fs::rename(beside, &self.file).unwrap();
    }
}

/// The access token on disk; nothing while there is no whole file, which must not be.
fn access_token(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    document["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The simulated service counts its tokens: `access-7`.
fn number(token: &str) -> Option<u32> {
    token.strip_prefix("access-")?.parse().ok()
}

/// Asks once; `false` when the daemon is gone, `Err` when it answers anything but a reply.
fn ask(daemon: SocketAddr) -> Result<bool, String> {
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {daemon}\r\nauthorization: Bearer \
         {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let asked = TcpStream::connect(daemon).and_then(|mut socket| {
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.write_all(request.as_bytes())?;
        socket.read_to_end(&mut answer)
    });
    let whole = asked.is_ok() && answer.ends_with(b"}");
    let answer = String::from_utf8_lossy(&answer);
    if whole && !answer.starts_with("HTTP/1.1 200") {
        return Err(answer.into_owned());
    }
    Ok(whole)
}

/// One life: the daemon starts, every request needs a new token, the daemon is killed.
fn live_and_die(service: &Service, setup: Setup, life: Duration) -> Setup {
    let daemon = setup.spawn();
    let (addr, auth) = (daemon.addr(), Arc::clone(&service.sim.auth));
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let (served, first) = std::sync::mpsc::channel();
    let client = std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) && ask(addr)? {
            // Every token serves once: the next request is refused and has to refresh.
            auth.forget_access_tokens();
            let _nobody_waits = served.send(());
        }
        Ok::<_, String>(())
    });
    let begun = first.recv_timeout(DEADLINE).is_ok();
    if begun {
        std::thread::sleep(life);
    }
    daemon.signal("KILL");
    assert!(!daemon.await_exit().success());
    over.store(true, Ordering::Relaxed);
    let asked = client.join().unwrap();
    let log = daemon.stderr().text();
    assert!(
        begun && asked.is_ok(),
        "an account that lives serves: {asked:?}\n{log}"
    );
    // What the dead have sent is still answered.
    service.sim.auth.server.await_idle();
    service.sim.backend.await_idle();
    daemon.into_setup()
}

#[test]
fn a_killed_daemon_loses_no_login() {
    let rounds = std::env::var("CRASH_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let (service, mut setup) = Service::start();
    let before = service.saved();
    let mut dice = Dice(20_260_201);
    let mut n_cut = 0;
    for round in 0..rounds {
        let life = dice.roll(LONGEST_LIFE.as_micros() as u64);
        setup = live_and_die(&service, setup, Duration::from_micros(life));
        let saved = service.saved();
        for (name, value) in before.as_object().unwrap() {
            let kept = CHANGES.contains(&name.as_str()) || saved[name] == *value;
            assert!(kept, "round {round}: `{name}` in {saved}");
        }
        assert_eq!(*service.early.lock(), Vec::<String>::new(), "round {round}");
        if !service.is_alive() {
            // The exchange of this very token was under way; its successor was never used.
            let requests = service.sim.auth.token_requests();
            let last = &requests.last().unwrap()["refresh_token"];
            assert_eq!(saved["refresh_token"], *last, "round {round}");
            n_cut += 1;
            service.log_in(&setup);
        }
    }
    assert_eq!(service.sim.auth.n_reuses(), 0, "a token was sent twice");
    service.sim.auth.assert_content();
    let n_refreshes = service.sim.auth.n_refreshes();
    assert!(n_refreshes >= rounds, "{n_refreshes} refreshes");
    assert!(n_cut < rounds, "no kill found the daemon anywhere else");
    // It goes on living: the token on disk is good for another refresh.
    let daemon = setup.spawn();
    service.sim.auth.forget_access_tokens();
    assert_eq!(ask(daemon.addr()), Ok(true));
    assert!(service.is_alive());
    assert_eq!(service.sim.auth.n_refreshes(), n_refreshes + 1);
    assert_eq!(service.sim.auth.n_reuses(), 0);
    println!("{rounds} kills, {n_refreshes} refreshes, {n_cut} cut exchanges");
}
