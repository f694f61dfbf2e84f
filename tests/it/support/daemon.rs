//! The daemon under test: in this process, or as the built program.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use actors::config::Env;
use actors::port::{Clock, SystemClock};
use actors::system::Handles;
use cli_proxy_api_plus::run;
use parking_lot::{Condvar, Mutex};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::client::Client;
use super::deadline::{eventually, wait_for};

/// The client key of every daemon under test.
pub const KEY: &str = "test-client-key";

/// A folder with a configuration, from which daemons start.
pub struct Setup {
    dir: TempDir,
    env: Vec<(String, String)>,
}

impl Setup {
    /// Writes `config.yaml`: `yaml`, and what it leaves out of loopback address, free port,
    /// [`KEY`] and a credential folder `auths` beside it.
    pub fn new(yaml: &str) -> Self {
        let setup = Self {
            dir: TempDir::new().unwrap(),
            env: Vec::new(),
        };
        std::fs::create_dir(setup.auth_dir()).unwrap();
        setup.write_config(yaml);
        setup
    }

    /// Adds a variable to the environment the daemon sees, which is empty otherwise.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a credential file.
    pub fn auth(self, name: &str, json: &serde_json::Value) -> Self {
        std::fs::write(self.auth_dir().join(name), json.to_string()).unwrap();
        self
    }

    /// The folder of everything.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The credential folder.
    pub fn auth_dir(&self) -> PathBuf {
        self.dir().join("auths")
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.dir().join("config.yaml")
    }

    /// Replaces the configuration as an editor does: a new file moved over the old one.
    pub fn write_config(&self, yaml: &str) {
        let auths = self.auth_dir();
        let given = |key: &str| {
            yaml.lines()
                .any(|line| line.starts_with(&format!("{key}:")))
        };
        let mut text = String::new();
        for (key, value) in [
            ("host", "127.0.0.1"),
            ("port", "0"),
            ("api-keys", &format!("[{KEY}]")),
            ("auth-dir", &format!("{:?}", auths.display().to_string())),
        ] {
            if !given(key) {
                text += &format!("{key}: {value}\n");
            }
        }
        let beside = self.dir().join("config.yaml.new");
        std::fs::write(&beside, text + yaml).unwrap();
        std::fs::rename(beside, self.config_path()).unwrap();
    }

    /// The built program in the folder, with only the environment it shall see. It is the one that
    /// cargo built for the tests, or the one that `PROGRAM_UNDER_TEST` names.
    pub fn command(&self) -> Command {
        let named = std::env::var_os("PROGRAM_UNDER_TEST");
        let built = || env!("CARGO_BIN_EXE_cli-proxy-api-plus").into();
        let mut command = Command::new(named.unwrap_or_else(built));
        command.current_dir(self.dir()).env_clear();
        command
            .env("HOME", self.dir())
            .envs(self.env.iter().cloned());
        command
    }

    /// Starts the daemon in this process.
    #[track_caller]
    pub fn start(self) -> Daemon {
        Daemon::start(self, Arc::new(SystemClock))
    }

    /// The same with another clock.
    #[track_caller]
    pub fn start_at(self, clock: Arc<dyn Clock>) -> Daemon {
        Daemon::start(self, clock)
    }

    /// Starts the built program.
    #[track_caller]
    pub fn spawn(self) -> Process {
        Process::start(self)
    }

    /// Runs the built program to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Finished {
        let running = Running::spawn(self, args);
        let status = running.await_exit();
        Finished {
            status,
            stdout: running.stdout.text(),
            stderr: running.stderr.text(),
        }
    }
}

/// A daemon in this process; it stops when dropped.
///
/// Its log goes wherever the test process logs: logs are read from [`Process`].
pub struct Daemon {
    setup: Setup,
    addr: SocketAddr,
    handles: Handles,
    stop: Option<oneshot::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    #[track_caller]
    fn start(setup: Setup, clock: Arc<dyn Clock>) -> Self {
        let (started, starting) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let home = ("HOME".to_owned(), setup.dir().display().to_string());
        let options = run::StartOptions {
            config_path: setup.config_path(),
            env: Env::from_pairs(setup.env.iter().cloned().chain([home])),
            clock,
            workers: Some(2),
        };
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let daemon = match run::Daemon::start(options).await {
                    Ok(daemon) => daemon,
                    Err(error) => return started.send(Err(error.to_string())).unwrap(),
                };
                started
                    .send(Ok((daemon.addresses()[0], daemon.handles().clone())))
                    .unwrap();
                let graceful = stopped.await.unwrap_or(false);
                daemon.stop(graceful).await;
            });
        });
        let (addr, handles) = match starting.recv().unwrap() {
            Ok(started) => started,
            Err(error) => panic!("the daemon did not start: {error}"),
        };
        Self {
            setup,
            addr,
            handles,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A client that sends [`KEY`].
    pub fn client(&self) -> Client {
        Client::new(self.addr).with_key(KEY)
    }

    /// The folder it runs on.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its actors.
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Stops it, with grace for open streams, and returns when everything is on disk.
    pub fn stop(mut self) -> Setup {
        self.end(true);
        // Drop has nothing left to do; the folder outlives the daemon.
        let empty = Setup {
            dir: TempDir::new().unwrap(),
            env: Vec::new(),
        };
        std::mem::replace(&mut self.setup, empty)
    }

    fn end(&mut self, graceful: bool) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(graceful);
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the daemon's control thread panicked, see above");
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// Lines of an output, as they come.
#[derive(Default)]
pub struct Lines {
    output: Mutex<Output>,
    changed: Condvar,
}

#[derive(Default)]
struct Output {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Reads `source` on a thread of its own.
    pub fn follow(source: impl std::io::Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let into = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).into_owned();
                into.output.lock().lines.push(line);
                into.changed.notify_all();
            }
            into.output.lock().ended = true;
            into.changed.notify_all();
        });
        lines
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        let output = self.output.lock();
        output
            .lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// Waits for a line with `part` in it.
    #[track_caller]
    pub fn await_line(&self, part: &str) -> String {
        wait_for(
            &self.output,
            &self.changed,
            |output| {
                let found = output.lines.iter().find(|line| line.contains(part));
                assert!(
                    found.is_some() || !output.ended,
                    "the output ended without `{part}`:\n{}",
                    output.lines.join("\n")
                );
                found.cloned()
            },
            |output| format!("a line with `{part}` in:\n{}", output.lines.join("\n")),
        )
    }

    /// Waits until nobody can write to it any more: a program's last lines arrive after its end.
    #[track_caller]
    pub fn await_end(&self) {
        wait_for(
            &self.output,
            &self.changed,
            |output| output.ended.then_some(()),
            |output| format!("the end of the output:\n{}", output.lines.join("\n")),
        );
    }
}

/// What a program left behind.
pub struct Finished {
    /// Its exit code.
    pub status: ExitStatus,
    /// What it wrote for its user.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

struct Running {
    child: Mutex<Child>,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
}

impl Running {
    fn spawn(setup: &Setup, args: &[&str]) -> Self {
        let mut command = setup.command();
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Lines::follow(child.stdout.take().unwrap());
        let stderr = Lines::follow(child.stderr.take().unwrap());
        Self {
            child: Mutex::new(child),
            stdout,
            stderr,
        }
    }

    #[track_caller]
    fn await_exit(&self) -> ExitStatus {
        let status = eventually("the end of the program", || {
            self.child.lock().try_wait().unwrap()
        });
        self.stdout.await_end();
        self.stderr.await_end();
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The built program as a child process; it is killed when dropped.
pub struct Process {
    setup: Setup,
    running: Running,
    addr: SocketAddr,
}

impl Process {
    #[track_caller]
    fn start(setup: Setup) -> Self {
        let config = setup.config_path();
        let running = Running::spawn(&setup, &["--config", &config.display().to_string()]);
        let line = eventually("the daemon to listen", || {
            if let Some(status) = running.child.lock().try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", running.stderr.text());
            }
            let output = running.stdout.output.lock();
            output
                .lines
                .iter()
                .find(|line| line.contains("started successfully on: "))
                .cloned()
        });
        let addr = line.rsplit(' ').next().unwrap_or_default().parse().unwrap();
        Self {
            setup,
            running,
            addr,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A client that sends [`KEY`].
    pub fn client(&self) -> Client {
        Client::new(self.addr).with_key(KEY)
    }

    /// The folder it runs on.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What it wrote for its user.
    pub fn stdout(&self) -> &Lines {
        &self.running.stdout
    }

    /// Its log and its complaints.
    pub fn stderr(&self) -> &Lines {
        &self.running.stderr
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.child.lock().id()
    }

    /// Sends it a signal (`TERM`, `INT`, `KILL`, …).
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success(), "cannot send {name} to {pid}");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn await_exit(&self) -> ExitStatus {
        self.running.await_exit()
    }

    /// The folder, for the next start.
    pub fn into_setup(self) -> Setup {
        self.setup
    }
}
