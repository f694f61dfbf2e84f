//! Start order, signals, exit codes.

mod accounts;
mod bind;
mod browser;
mod error;
mod login;
mod signals;

pub use error::RunError;

use crate::cli::{self, Arguments, LoginFlag, Mode};
use crate::exchange::replay::ReplayStore;
use crate::exchange::{Shared, Worker};
use crate::http;
use crate::http::access::ClientKeys;
use crate::providers::Table;
use crate::providers::control::Control;
use crate::providers::login::{LoginKind, all as logins, by_flag};
use crate::telemetry::log;
use crate::upstream::Clients;
use crate::upstream::client::tls_config;
use crate::upstream::route::EnvironmentProxies;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, middleware};
use actors::config::{Config, ConfigError, Env, file, first_config, unbuilt};
use actors::port::{Clock, SystemClock};
use actors::system::{self, Handles, LoginHandles, Source};
use bind::{bind, server_tls};
use ring::rand::{SecureRandom, SystemRandom};
use signals::Signals;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long open streams may go on after a signal; then they are cut.
const DRAIN_SECONDS: u64 = 30;

/// How long a keep-alive connection of a client may be idle.
const CLIENT_KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to send a request head.
const CLIENT_HEAD_LIMIT: Duration = Duration::from_secs(30);

/// Runs the program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags: Vec<LoginFlag> = logins()
        .map(|spec| LoginFlag {
            name: spec.flag,
            help: spec.help,
            takes_file: spec.kind == LoginKind::Import,
        })
        .collect();
    let arguments = match cli::parse(args, &flags) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to standard output, faults to standard error; a closed pipe is nobody's.
            let _printed = error.print().is_ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut stderr = std::io::stderr().lock();
            let _written = writeln!(stderr, "{error}").is_ok();
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), RunError> {
    let env = environment();
    let path = arguments
        .config
        .clone()
        .unwrap_or_else(|| PathBuf::from("config.yaml"));
    let named = arguments.config.is_some();
    match &arguments.mode {
        Mode::CheckConfig => check(&path, &env),
        Mode::Serve => serve(&path, env, named),
        Mode::Accounts | Mode::Login { .. } => manage_accounts(&path, env, named, arguments),
        Mode::NotYet(flag) => Err(RunError::NotYet(flag)),
    }
}

/// Shows or adds accounts, beside a running daemon or without one.
fn manage_accounts(
    path: &Path,
    env: Env,
    named: bool,
    arguments: &Arguments,
) -> Result<(), RunError> {
    // Looking at accounts is no reason to write a configuration.
    let only_looks = arguments.mode == Mode::Accounts;
    let (config, first_run) = open_config(path, &env, named || only_looks)?;
    if first_run.is_some() {
        login::say(&format!(
            "There was no configuration, so {} was written.\n",
            path.display()
        ));
    }
    // Lines of the log between the lines of a dialogue only disturb, unless they are asked for.
    let directives = env.get("RUST_LOG").map(str::to_owned);
    let _log = match config.logging.debug || directives.is_some() {
        true => Some(log::start(config.logging.debug, directives.as_deref())?),
        false => None,
    };
    actix_rt::System::new().block_on(async {
        let (control, _) = control(&env, Arc::new(SystemClock))?;
        let table = Table(Arc::clone(&control));
        let handles: LoginHandles = system::start_logins(system::StartOptions {
            source: Source::Fixed(Box::new(config)),
            env,
            providers: Arc::new(Table(Arc::clone(&control))),
            clock: Arc::new(SystemClock),
            store: None,
        })
        .await?;
        control.follow(Arc::clone(&handles.snapshot));
        let Mode::Login { flag, file } = &arguments.mode else {
            accounts::run(&handles, &table, control.now());
            return Ok(());
        };
        let spec = by_flag(flag).ok_or(RunError::NotYet(flag))?;
        login::run(spec, &arguments.login, file.as_deref(), &handles).await
    })
}

/// What drivers and logins call with, and the parts workers share with it.
fn control(env: &Env, clock: Arc<dyn Clock>) -> Result<(Arc<Control>, Transport), RunError> {
    let get = |name: &str| env.get(name).map(str::to_owned);
    let (proxies, faults) = EnvironmentProxies::read(get);
    for fault in faults {
        tracing::warn!(fault, "proxy of the environment is not used");
    }
    let (tls, faults) = tls_config().map_err(|error| RunError::Tls(error.to_string()))?;
    for fault in faults {
        tracing::warn!(fault, "system certificates");
    }
    let control = Control::new(Arc::clone(&tls), proxies.clone(), clock);
    Ok((Arc::new(control), Transport { tls, proxies }))
}

/// What every HTTP client of the program is made of.
struct Transport {
    tls: Arc<rustls::ClientConfig>,
    proxies: EnvironmentProxies,
}

/// The process environment, with `.env` of the working directory behind it (`config.md` §1.1).
fn environment() -> Env {
    let env = Env::of_process();
    match std::fs::read_to_string(".env") {
        Ok(text) => env.with_dotenv(&text),
        Err(_) => env, // A missing file is fine.
    }
}

fn check(path: &Path, env: &Env) -> Result<(), RunError> {
    let read = file::load(path, env)?;
    let mut stdout = std::io::stdout().lock();
    for notice in read.notices.iter().chain(&unbuilt(&read.config)) {
        let _written = writeln!(stdout, "{notice}").is_ok();
    }
    let _written = writeln!(stdout, "{}: ok", path.display()).is_ok();
    Ok(())
}

fn serve(path: &Path, env: Env, named: bool) -> Result<(), RunError> {
    match open_config(path, &env, named) {
        Ok((config, first_run)) => run_daemon(path, env, &config, first_run),
        Err(RunError::Config(error)) if is_cloud(&env) => stand_by(path, env, &error),
        Err(error) => Err(error),
    }
}

/// Reads the configuration; writes a first one where there is none.
fn open_config(
    path: &Path,
    env: &Env,
    named: bool,
) -> Result<(Config, Option<FirstRun>), RunError> {
    match file::load(path, env) {
        Ok(read) => Ok((read.config, None)),
        // A path given by hand that does not exist is a mistake, not a first start.
        Err(ConfigError::NotFound { .. }) if !named && !is_cloud(env) => {
            let key = random_key()?;
            file::create(path, &first_config(&key, env.host()))?;
            let first_run = FirstRun {
                path: path.to_owned(),
                key,
            };
            Ok((file::load(path, env)?.config, Some(first_run)))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_cloud(env: &Env) -> bool {
    env.get("DEPLOY") == Some("cloud")
}

/// `DEPLOY=cloud` without a usable configuration: waits for one instead of ending.
fn stand_by(path: &Path, env: Env, error: &ConfigError) -> Result<(), RunError> {
    const POLL: Duration = Duration::from_secs(2);
    let _log = log::start(false, env.get("RUST_LOG"))?;
    tracing::warn!(%error, "standing by for a configuration");
    loop {
        std::thread::sleep(POLL);
        if let Ok(read) = file::load(path, &env) {
            return run_system(path, env, &read.config, None, None);
        }
    }
}

fn run_daemon(
    path: &Path,
    env: Env,
    config: &Config,
    first_run: Option<FirstRun>,
) -> Result<(), RunError> {
    let log = log::start(config.logging.debug, env.get("RUST_LOG"))?;
    run_system(path, env, config, first_run, Some(log))
}

fn run_system(
    path: &Path,
    env: Env,
    config: &Config,
    first_run: Option<FirstRun>,
    log: Option<log::Log>,
) -> Result<(), RunError> {
    let path = path.to_owned();
    let shown = config.clone();
    actix_rt::System::new().block_on(async move {
        let daemon = Daemon::start(StartOptions {
            config_path: path,
            env,
            clock: Arc::new(SystemClock),
            workers: None,
        })
        .await?;
        for notice in unbuilt(&shown) {
            tracing::warn!(%notice, "configuration");
        }
        daemon.greet(&shown, first_run.as_ref());
        daemon.until_signal(log).await;
        Ok(())
    })
}

/// What was written because there was no configuration.
struct FirstRun {
    path: PathBuf,
    key: String,
}

fn random_key() -> Result<String, RunError> {
    let mut bytes = [0; 24];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| RunError::Io {
            what: "cannot make a client key",
            cause: std::io::Error::other("the system has no randomness"),
        })?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(format!("sk-{}", digits.collect::<String>()))
}

/// What a daemon starts from.
pub struct StartOptions {
    /// Configuration file; must exist.
    pub config_path: PathBuf,
    /// Environment the configuration is read with.
    pub env: Env,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Worker threads; `None` = one per core.
    pub workers: Option<usize>,
}

/// A running daemon.
pub struct Daemon {
    addresses: Vec<SocketAddr>,
    secure: bool,
    server: ServerHandle,
    handles: Handles,
    served: actix_rt::task::JoinHandle<std::io::Result<()>>,
}

impl Daemon {
    /// Starts actors and server; must run inside an actix system, whose thread becomes the control
    /// thread. Returns when the address is bound and every credential is known.
    ///
    /// # Errors
    ///
    /// [`RunError`] for a configuration or an address that cannot be used.
    pub async fn start(options: StartOptions) -> Result<Self, RunError> {
        let (control, Transport { tls, proxies }) =
            control(&options.env, Arc::clone(&options.clock))?;
        // Before the actors: where another daemon runs already, this one must not touch its accounts.
        let config = file::load(&options.config_path, &options.env)?.config;
        let listener = bind(&config)?;
        let server_tls = match &config.server.tls {
            None => None,
            Some(tls) => Some(server_tls(&tls.cert, &tls.key)?),
        };
        let handles = system::start(system::StartOptions {
            source: Source::File(options.config_path),
            env: options.env,
            providers: Arc::new(Table(Arc::clone(&control))),
            clock: Arc::clone(&options.clock),
            store: None,
        })
        .await?;
        control.follow(Arc::clone(&handles.snapshot));
        let shared = Shared {
            handles: handles.clone(),
            replay: Arc::new(ReplayStore::default()),
            clock: options.clock,
            random: Arc::new(SystemRandom::new()),
        };
        let keys = Arc::new(ClientKeys::default());
        let app = move || {
            let worker = Worker {
                shared: shared.clone(),
                clients: Clients::new(Arc::clone(&tls), proxies.clone()),
            };
            App::new()
                .app_data(http::Desk {
                    worker: Rc::new(worker),
                    keys: Arc::clone(&keys),
                })
                .wrap(middleware::from_fn(http::observe))
                .wrap(middleware::NormalizePath::trim())
                .configure(http::routes)
        };
        let mut server = HttpServer::new(app)
            .disable_signals()
            .shutdown_timeout(DRAIN_SECONDS)
            .keep_alive(CLIENT_KEEP_ALIVE)
            .client_request_timeout(CLIENT_HEAD_LIMIT)
            // Events leave at once, and a client that hangs up is noticed at once.
            .tcp_nodelay(true)
            .h1_allow_half_closed(false);
        if let Some(workers) = options.workers {
            server = server.workers(workers);
        }
        let secure = server_tls.is_some();
        let addresses = listener.local_addr().map(|address| vec![address]);
        let addresses = addresses.map_err(|cause| RunError::Io {
            what: "cannot read the bound address",
            cause,
        })?;
        let listened = match server_tls {
            None => server.listen(listener),
            Some(tls) => server.listen_rustls_0_23(listener, tls),
        };
        let server = listened
            .map_err(|cause| RunError::Io {
                what: "cannot listen",
                cause,
            })?
            .run();
        Ok(Self {
            addresses,
            secure,
            server: server.handle(),
            handles,
            served: actix_rt::spawn(server),
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The actors.
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Refuses new connections, lets open streams end (at most 30 s when `graceful`), then waits
    /// until everything is on disk.
    pub async fn stop(self, graceful: bool) {
        self.server.stop(graceful).await;
        self.handles.flush().await;
        if let Ok(Err(error)) = self.served.await {
            tracing::error!(%error, "server ended");
        }
    }

    /// Says where it listens and what to do next.
    fn greet(&self, config: &Config, first_run: Option<&FirstRun>) {
        let scheme = if self.secure { "https" } else { "http" };
        let address = self.addresses.first();
        let port = address.map_or(config.server.port, SocketAddr::port);
        let host = match address.map(SocketAddr::ip) {
            Some(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            Some(ip) if ip.is_ipv6() => format!("[{ip}]"),
            Some(ip) => ip.to_string(),
            None => config.server.host.clone(),
        };
        let url = format!("{scheme}://{host}:{port}");
        let mut text = format!(
            "API server started successfully on: {}:{port}\n",
            config.server.host
        );
        if let Some(written) = first_run {
            let key = &written.key;
            let program = std::env::args()
                .next()
                .unwrap_or_else(|| "cli-proxy-api-plus".to_owned());
            text.push_str(&format!(
                "\nThere was no configuration, so {} was written, with a client key for you:\n\n  \
                 {key}\n\nTry it with the built-in demo model:\n\n  curl -s {url}/v1/chat/completions \
                 -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d \
                 '{{\"model\":\"demo-echo\",\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'\n\n\
                 Next: bring an account of yours. Log in, in another terminal in this folder:\n\n  \
                 {program} --claude-login\n  {program} --codex-login\n  {program} --help      (all \
                 logins)\n\nor write an API key into {}:\n\n  gemini-api-key:\n    - api-key: \
                 \"AIza...\"\n\nThe daemon takes both over while it runs. README.md shows how to \
                 point Claude Code, Codex, Gemini CLI and others at {url}.\n\n",
                written.path.display(),
                written.path.display(),
            ));
        }
        let mut stdout = std::io::stdout().lock();
        // Nobody reading it is no reason to stop.
        let _written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .is_ok();
    }

    /// Serves until SIGINT or SIGTERM, then stops; a second signal stops at once. Follows the log
    /// level of the configuration meanwhile.
    async fn until_signal(self, log: Option<log::Log>) {
        const LOOK: Duration = Duration::from_secs(1);
        let mut signals = Signals::listen();
        let mut debug = self.handles.snapshot.get().config.logging.debug;
        while tokio::time::timeout(LOOK, signals.next()).await.is_err() {
            let now = self.handles.snapshot.get().config.logging.debug;
            if now != debug {
                debug = now;
                if let Some(log) = &log {
                    log.set_debug(debug);
                }
            }
        }
        tracing::info!("stopping; open streams have {DRAIN_SECONDS} s");
        let handles = self.handles.clone();
        tokio::select! {
            () = self.stop(true) => {}
            () = signals.next() => {
                tracing::warn!("second signal: open streams are cut");
                handles.flush().await;
            }
        }
    }
}
