//! Anthropic's service for accounts: logins at `claude.ai`, tokens at `platform.claude.com`, profile
//! and messages at `api.anthropic.com`; one simulator for the three hosts (`claude.md` §1, §4).

use std::sync::Arc;

use actors::login::{LoginOptions, LoginState, LoginStep, LoginTicket, OpenUrl, StartLogin};
use serde_json::{Value, json};

use super::answer::{Wire, error};
use super::daemon::{Daemon, Setup};
use super::deadline::DEADLINE;
use super::oauth_sim::{OAuthSim, Registration};
use super::sensible;
use super::upstream::{Recorded, Reply};

/// What the endpoint says to other clients than Claude Code when it refuses them.
pub const REFUSAL: &str = "This credential is only authorized for use with Claude Code and cannot be \
    used for other API requests.";

/// The simulated service.
pub struct ClaudeSim {
    /// Its authorization server, which serves everything else as well.
    pub oauth: OAuthSim,
}

impl ClaudeSim {
    /// Starts it: an account `dev@example.com` in the organization `org-1`, plan Max.
    pub fn start() -> Self {
        let oauth = OAuthSim::start(Registration {
            authorize: "/oauth/authorize",
            token: "/v1/oauth/token",
            client_id: "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
            json: true,
            life: 28_800,
            ..Registration::default()
        });
        sensible::serve(&oauth.server, Wire::Anthropic);
        let admits = oauth.admits();
        oauth.server.handle("/v1/messages", move |request| {
            if admits(request) {
                sensible::reply(Wire::Anthropic, request)
            } else {
                error(Wire::Anthropic, 401, "OAuth token has expired")
            }
        });
        let not_found = || error(Wire::Anthropic, 404, "Not found");
        oauth.server.handle("/v1/models", move |_| not_found());
        let sim = Self { oauth };
        sim.account("org-1");
        sim
    }

    /// Gives accounts and keys a list of models.
    pub fn list_models(&self, list: Value) {
        let reply = move |_: &Recorded| Reply::json(200, &list);
        self.oauth.server.handle("/v1/models", reply);
    }

    /// Refuses tokens of accounts to other clients than Claude Code from now on.
    pub fn refuse_other_clients(&self) {
        // The later of two handlers of one path wins.
        self.oauth.server.handle("/v1/messages", |request| {
            let agent = request.header("user-agent").unwrap_or_default();
            let is_account = request.header("authorization").is_some();
            if is_account && !agent.starts_with("claude-cli/") {
                error(Wire::Anthropic, 400, REFUSAL)
            } else {
                sensible::reply(Wire::Anthropic, request)
            }
        });
    }

    /// The organization that logins and refreshes are for from now on.
    pub fn account(&self, organization: &'static str) {
        self.oauth.extra(move |_| {
            json!({"scope": "user:profile user:inference",
                "organization": {"uuid": organization, "name": "Dev"},
                "account": {"uuid": "acc-1", "email_address": "dev@example.com"}})
        });
        let profile = json!({"account": {"uuid": "acc-1", "email": "dev@example.com"},
            "organization": {"uuid": organization, "organization_type": "claude_max"}});
        self.oauth
            .server
            .handle("/api/oauth/profile", move |_| Reply::json(200, &profile));
    }

    /// A folder whose configuration leads the service's hosts here.
    pub fn setup(&self, more: &str) -> Setup {
        let hosts = [
            "https://claude.ai",
            "https://platform.claude.com",
            "https://api.anthropic.com",
        ];
        Setup::new(&format!("{more}{}", self.oauth.rewrites(&hosts)))
    }

    /// A file as the old program writes it, whose token ends at `expired`.
    pub fn file(&self, email: &str, expired: &str) -> Value {
        let (refresh, access) = self.oauth.grant();
        json!({"id_token": "", "access_token": access, "refresh_token": refresh,
            "last_refresh": "2026-02-20T12:00:00Z", "email": email, "type": "claude",
            "expired": expired})
    }

    /// The messages calls so far.
    pub fn messages(&self) -> Vec<Arc<Recorded>> {
        let requests = self.oauth.server.requests();
        let messages = requests.into_iter();
        messages
            .filter(|request| request.path().starts_with("/v1/messages"))
            .collect()
    }

    /// The messages calls are signed as the endpoint wants it, with tokens it knows.
    #[track_caller]
    pub fn assert_signed(&self) {
        for request in self.messages() {
            let bearer = request.header("authorization").expect("a bearer token");
            let token = bearer.strip_prefix("Bearer ").expect("a bearer token");
            assert!(self.oauth.accepts(token), "{token}");
            assert_eq!(request.header("x-api-key"), None);
            let betas = request.header("anthropic-beta").expect("betas");
            assert!(betas.contains("oauth-2025-04-20"), "{betas}");
            assert!(request.target.ends_with("?beta=true"), "{}", request.target);
        }
        self.oauth.assert_content();
    }
}

/// A person at the daemon's logins.
pub struct Person<'a> {
    daemon: &'a Daemon,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Person<'a> {
    /// Somebody who can log in at this daemon.
    pub fn at(daemon: &'a Daemon) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            daemon,
            runtime: { runtime }.enable_time().build().unwrap(),
        }
    }

    #[track_caller]
    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(DEADLINE, what).await };
        self.runtime.block_on(limited).expect("an answer in time")
    }

    /// Starts a login.
    #[track_caller]
    pub fn start(&self, login: &str, options: LoginOptions) -> LoginTicket {
        let login = login.to_owned();
        let desk = &self.daemon.handles().logins;
        let started = self.wait(desk.send(StartLogin { login, options }));
        started.unwrap().unwrap()
    }

    #[track_caller]
    fn until(&self, ticket: &LoginTicket, there: impl Fn(&LoginState) -> bool) -> LoginState {
        let mut progress = ticket.progress.clone();
        self.wait(async move {
            let reached = progress.wait_for(|now| there(&now.state)).await;
            reached.unwrap().state.clone()
        })
    }

    /// Waits for the address to be opened.
    #[track_caller]
    pub fn open(&self, ticket: &LoginTicket) -> OpenUrl {
        let state = self.until(ticket, |state| {
            state.is_over() || matches!(state, LoginState::Running(LoginStep::OpenUrl(_)))
        });
        match state {
            LoginState::Running(LoginStep::OpenUrl(open)) => open,
            other => panic!("no address: {other:?}"),
        }
    }

    /// Waits for the end and gives the file's name.
    #[track_caller]
    pub fn done(&self, ticket: &LoginTicket) -> String {
        match self.until(ticket, LoginState::is_over) {
            LoginState::Done(adopted) => adopted[0].id.to_string(),
            other => panic!("not logged in: {other:?}"),
        }
    }
}
