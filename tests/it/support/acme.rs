//! A service that does not exist, with every kind of login the blocks know: what the life of an
//! account is tested with, apart from any real provider.

use std::sync::Arc;
use std::thread::JoinHandle;

use actix::Addr;
use actors::config::Env;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use actors::login::{
    CancelLogin, Choice, Deliver, DeliverError, LoginDesk, LoginError, LoginInput, LoginOptions,
    LoginState, LoginStep, LoginTicket, NewLogin, Question, StartLogin, file_name,
};
use actors::port::{AccountDriver, Clock, LoginDriver, Providers, RefreshError, SystemClock};
use actors::system::{self, Handles, Source};
use cli_proxy_api_plus::providers::control::Control;
use cli_proxy_api_plus::providers::login::{Callback, LoginCall, LoginKind, LoginSpec};
use cli_proxy_api_plus::providers::oauth::device::{self, DeviceOptions};
use cli_proxy_api_plus::providers::oauth::{Service, Tokens, code, refresh};
use cli_proxy_api_plus::upstream::client::tls_config;
use cli_proxy_api_plus::upstream::route::EnvironmentProxies;
use futures_util::future::LocalBoxFuture;
use serde_json::Map;
use tokio::sync::oneshot;

use super::daemon::Setup;
use super::deadline::DEADLINE;
use super::oauth_sim::{OAuthSim, Registration};

/// What leads the service's host to a simulator.
pub const HOST: &str = "https://acme.example";

const FORM: Service = Service {
    client_id: "client",
    authorize_url: "https://acme.example/authorize",
    token_url: "https://acme.example/token",
    device_url: "https://acme.example/device",
    scopes: &["read", "write"],
    ..Service::PUBLIC
};

const JSON: Service = Service { json: true, ..FORM };

const TERMS: &str = "Acme allows this.";

/// Any port will do, so that tests can run beside each other.
const ANY: Callback = Callback {
    ports: &[21_901],
    any_port: true,
    path: "/callback",
    route: "acme",
    cancellable: true,
};

static LOGINS: [LoginSpec; 4] = [
    LoginSpec {
        flag: "acme-login",
        help: "Log in",
        service: "Acme",
        kind: LoginKind::Browser(ANY),
        terms: TERMS,
        run: |call| Box::pin(browser(call, &FORM)),
    },
    LoginSpec {
        flag: "acme-json-login",
        help: "Log in with a JSON token body",
        service: "Acme",
        kind: LoginKind::Browser(ANY),
        terms: TERMS,
        run: |call| Box::pin(browser(call, &JSON)),
    },
    LoginSpec {
        flag: "acme-fixed-login",
        help: "Log in at a service that knows one port",
        service: "Acme",
        kind: LoginKind::Browser(Callback {
            ports: &[21_902],
            any_port: false,
            ..ANY
        }),
        terms: TERMS,
        run: |call| Box::pin(browser(call, &FORM)),
    },
    LoginSpec {
        flag: "acme-device-login",
        help: "Log in with a code",
        service: "Acme",
        kind: LoginKind::Device,
        terms: TERMS,
        run: |call| Box::pin(by_device(call)),
    },
];

async fn browser(call: LoginCall, service: &'static Service) -> Result<Vec<NewLogin>, LoginError> {
    let tokens = code::login(&call, service, &[("prompt", "login")]).await?;
    let organization = match call.options().project.as_deref() {
        Some("ask") => {
            let question = Question {
                text: "Which organization?".to_owned(),
                choices: ["one", "two"]
                    .map(|name| Choice {
                        value: name.to_owned(),
                        label: format!("Organization {name}"),
                    })
                    .into(),
                default: Some("one".to_owned()),
                ..Question::default()
            };
            call.talk.ask(question).await?
        }
        other => other.unwrap_or_default().to_owned(),
    };
    Ok(vec![account(&tokens, &organization)])
}

async fn by_device(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let options = DeviceOptions {
        pkce: true,
        ..DeviceOptions::default()
    };
    let tokens = device::login(&call, &FORM, &options).await?;
    Ok(vec![account(&tokens, "")])
}

fn account(tokens: &Tokens, organization: &str) -> NewLogin {
    let email = tokens.text("email").unwrap_or("a@b.c");
    let mut document = Map::new();
    document.insert("type".into(), "acme".into());
    document.insert("email".into(), email.into());
    document.insert("organization".into(), organization.into());
    tokens.write(&mut document);
    NewLogin {
        names: vec![
            file_name(&["acme", email]),
            file_name(&["acme", email, organization]),
        ],
        document,
        identity: &["email", "organization"],
        plan: Some("pro".to_owned()),
    }
}

struct Acme(Arc<Control>);

impl AccountDriver for Acme {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move {
            let tokens = refresh::refresh(&control, &FORM, &old, &[]).await?;
            Ok(tokens.renew(&old))
        })
    }
}

impl Providers for Acme {
    fn driver(&self, provider: &str) -> Option<Arc<dyn AccountDriver>> {
        (provider == "acme").then(|| Arc::new(Self(Arc::clone(&self.0))) as Arc<dyn AccountDriver>)
    }

    fn login(&self, name: &str) -> Option<Arc<dyn LoginDriver>> {
        let spec = LOGINS.iter().find(|spec| spec.flag == name)?;
        Some(spec.ready(Arc::clone(&self.0)))
    }

    fn static_models(&self, _: &str, _: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        vec![Arc::new(ModelInfo {
            id: "acme-1".into(),
            ..ModelInfo::default()
        })]
    }
}

/// The actors of a daemon whose only service is Acme, on a thread of their own.
pub struct AcmeActors {
    handles: Handles,
    runtime: tokio::runtime::Runtime,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A simulator and a folder whose configuration leads to it.
pub fn acme(registration: Registration) -> (OAuthSim, Setup) {
    let sim = OAuthSim::start(registration);
    let setup = Setup::new(&sim.rewrites(&[HOST]));
    (sim, setup)
}

impl AcmeActors {
    /// Starts them on a folder, beside others on the same one.
    #[track_caller]
    pub fn start(setup: &Setup) -> Self {
        let (started, starting) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let path = setup.config_path();
        let home = ("HOME".to_owned(), setup.dir().display().to_string());
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let (tls, _) = tls_config().unwrap();
                let (proxies, _) = EnvironmentProxies::read(|_| None);
                let control = Arc::new(Control::new(tls, proxies, Arc::new(SystemClock)));
                let handles = system::start(system::StartOptions {
                    source: Source::File(path),
                    env: Env::from_pairs([home]),
                    providers: Arc::new(Acme(Arc::clone(&control))),
                    clock: Arc::new(SystemClock),
                    store: None,
                })
                .await
                .unwrap();
                control.follow(Arc::clone(&handles.snapshot));
                started.send(handles.clone()).unwrap();
                let _ = stopped.await;
                handles.flush().await;
            });
        });
        Self {
            handles: starting.recv().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Runs something to its end.
    #[track_caller]
    pub fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(DEADLINE, what).await };
        self.runtime.block_on(limited).expect("an answer in time")
    }

    /// The actors.
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    fn desk(&self) -> &Addr<LoginDesk> {
        &self.handles.logins
    }

    /// Starts a login.
    #[track_caller]
    pub fn login(&self, login: &str, options: LoginOptions) -> LoginTicket {
        let login = login.to_owned();
        let started = self.wait(self.desk().send(StartLogin { login, options }));
        started.unwrap().unwrap()
    }

    /// Waits until a login stands where `there` says.
    #[track_caller]
    pub fn until(&self, ticket: &LoginTicket, there: impl Fn(&LoginState) -> bool) -> LoginState {
        let mut progress = ticket.progress.clone();
        self.wait(async move {
            let reached = progress.wait_for(|now| there(&now.state)).await;
            reached
                .map(|now| now.state.clone())
                .expect("the state before the end")
        })
    }

    /// Waits for the address to be opened, and gives it.
    #[track_caller]
    pub fn url(&self, ticket: &LoginTicket) -> String {
        let state = self.until(ticket, |state| {
            state.is_over() || matches!(state, LoginState::Running(LoginStep::OpenUrl(_)))
        });
        match state {
            LoginState::Running(LoginStep::OpenUrl(open)) => open.url,
            other => panic!("no address: {other:?}"),
        }
    }

    /// Waits for the end.
    #[track_caller]
    pub fn end(&self, ticket: &LoginTicket) -> LoginState {
        self.until(ticket, LoginState::is_over)
    }

    /// Hands a login something.
    #[track_caller]
    pub fn deliver(&self, ticket: &LoginTicket, input: LoginInput) -> Result<(), DeliverError> {
        let state = ticket.state.to_string();
        self.wait(self.desk().send(Deliver { state, input }))
            .unwrap()
    }

    /// Cancels a login.
    #[track_caller]
    pub fn cancel(&self, ticket: &LoginTicket) {
        let state = ticket.state.to_string();
        self.wait(self.desk().send(CancelLogin { state })).unwrap();
    }

    /// What was said on the way.
    pub fn notes(ticket: &LoginTicket) -> String {
        ticket.progress.borrow().notes.join("\n")
    }

    /// Time in tests.
    pub fn now() -> chrono::DateTime<chrono::Utc> {
        SystemClock.now()
    }
}

impl Drop for AcmeActors {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the control thread panicked, see above");
        }
    }
}
