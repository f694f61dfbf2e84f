//! Who knows all pending logins.

use super::conversation::{Conversation, Doorbell, outcome};
use super::session::{Cancel, Hear, LoginSession, Running, Waiting};
use super::step::{
    DeliverError, LoginError, LoginInput, LoginOptions, LoginProgress, LoginStart, LoginState,
    LoginStep,
};
use crate::domain::id::CredentialId;
use crate::port::LoginDriver;
use crate::registry::Registry;
use crate::renewal::Surroundings;
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long the end of a login can be asked for after its start.
const MEMORY: TimeDelta = TimeDelta::minutes(30);

/// How long an account's own model list may take.
const LIST_LIMIT: Duration = Duration::from_secs(10);

/// Starts a login. The answer comes at once; everything else stands in the ticket's progress.
#[derive(Debug, Message)]
#[rtype(result = "Result<LoginTicket, LoginError>")]
pub struct StartLogin {
    /// Which: the name of its command line flag without dashes.
    pub login: String,
    /// What its person set.
    pub options: LoginOptions,
}

/// Hands a login what came from outside. Also from other threads.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), DeliverError>")]
pub struct Deliver {
    /// Whose.
    pub state: String,
    /// What.
    pub input: LoginInput,
}

/// Asks where a login stands; `None` when it is unknown or long over.
#[derive(Debug, Message)]
#[rtype(result = "Option<LoginTicket>")]
pub struct PollLogin {
    /// Which.
    pub state: String,
}

/// Ends a login; an unknown one is no error.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CancelLogin {
    /// Which.
    pub state: String,
}

/// Asks for the models of an account in the store: its own list, else the provider's static one.
#[derive(Debug, Message)]
#[rtype(result = "Vec<String>")]
pub struct ListModels(pub CredentialId);

/// A pending login as its starter sees it.
#[derive(Debug, Clone)]
pub struct LoginTicket {
    /// The session's name.
    pub state: Arc<str>,
    /// Where it stands; the sender is dropped when the session is gone.
    pub progress: watch::Receiver<LoginProgress>,
}

impl LoginTicket {
    /// Waits until the login is over, wants something from its person, or `limit` has passed;
    /// returns where it stands then.
    pub async fn outcome(&self, limit: Duration) -> LoginState {
        outcome(self.progress.clone(), limit).await
    }
}

/// Who knows all pending logins. Lives on the control thread.
pub struct LoginDesk {
    around: Surroundings,
    registry: Option<Addr<Registry>>,
    logins: BTreeMap<Arc<str>, Login>,
    random: SystemRandom,
}

/// What a desk starts from.
pub(crate) struct Opening {
    pub(crate) around: Surroundings,
    pub(crate) registry: Option<Addr<Registry>>,
}

struct Login {
    login: Arc<str>,
    session: Addr<LoginSession>,
    progress: watch::Receiver<LoginProgress>,
    started_at: DateTime<Utc>,
}

impl LoginDesk {
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            around: opening.around,
            registry: opening.registry,
            logins: BTreeMap::new(),
            random: SystemRandom::new(),
        }
    }

    fn ticket(&self, state: &str) -> Option<LoginTicket> {
        let (state, login) = self.logins.get_key_value(state)?;
        Some(LoginTicket {
            state: Arc::clone(state),
            progress: login.progress.clone(),
        })
    }

    fn random_state(&self) -> Result<String, LoginError> {
        let mut bytes = [0; 16];
        self.random
            .fill(&mut bytes)
            .map_err(|_| LoginError::Internal {
                message: "the system has no randomness".to_owned(),
            })?;
        Ok(bytes.iter().fold(String::new(), |mut hex, byte| {
            // Writing into a text cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    fn begin(
        &mut self,
        driver: &Arc<dyn LoginDriver>,
        login: Arc<str>,
        start: LoginStart,
        ctx: &mut Context<Self>,
    ) -> LoginTicket {
        let name: Arc<str> = start.state.as_str().into();
        let (sender, progress) = watch::channel(LoginProgress {
            login: Arc::clone(&login),
            state: LoginState::Running(LoginStep::Working("starting".into())),
            notes: Vec::new(),
        });
        let (held, pages) = mpsc::channel(1);
        let bell = Doorbell {
            state: Arc::clone(&name),
            desk: ctx.address(),
            progress: progress.clone(),
            _held: held,
        };
        let driver = Arc::clone(driver);
        let session = LoginSession {
            progress: sender,
            state: Arc::clone(&name),
            around: self.around.clone(),
            registry: self.registry.clone(),
            flow: Some(Box::new(move |session| {
                driver.run(start, Conversation { session, bell })
            })),
            waiting: Waiting::Nobody,
            deadline: None,
            running: Running::default(),
            pages: Some(pages),
        };
        tracing::info!(%login, "login started");
        let entry = Login {
            login,
            session: session.start(),
            progress: progress.clone(),
            started_at: self.around.clock.now(),
        };
        self.logins.insert(Arc::clone(&name), entry);
        LoginTicket {
            state: name,
            progress,
        }
    }
}

impl Actor for LoginDesk {
    type Context = Context<Self>;
}

impl Handler<StartLogin> for LoginDesk {
    type Result = ResponseActFuture<Self, Result<LoginTicket, LoginError>>;

    fn handle(&mut self, start: StartLogin, _: &mut Context<Self>) -> Self::Result {
        let driver = self.around.providers.login(&start.login);
        let begun = driver
            .ok_or_else(|| LoginError::NoSuchLogin(start.login.clone()))
            .and_then(|driver| Ok((driver, self.random_state()?)));
        let (driver, state) = match begun {
            Ok(begun) => begun,
            Err(error) => return Box::pin(fut::err(error)),
        };
        let now = self.around.clock.now();
        self.logins
            .retain(|_, one| one.session.connected() || one.started_at + MEMORY > now);
        // Whoever starts a login anew has given up the earlier one, which must leave its port.
        let same = self
            .logins
            .values()
            .filter(|one| *one.login == *start.login);
        let left = join_all(same.map(|one| one.session.send(Cancel)).collect::<Vec<_>>());
        let login: Arc<str> = start.login.into();
        let options = start.options;
        Box::pin(left.into_actor(self).map(move |_, desk, ctx| {
            let start = LoginStart { state, options };
            Ok(desk.begin(&driver, login, start, ctx))
        }))
    }
}

impl Handler<Deliver> for LoginDesk {
    type Result = ResponseFuture<Result<(), DeliverError>>;

    fn handle(&mut self, deliver: Deliver, _: &mut Context<Self>) -> Self::Result {
        let Some(login) = self.logins.get(deliver.state.as_str()) else {
            return Box::pin(std::future::ready(Err(DeliverError::Unknown)));
        };
        if login.progress.borrow().state.is_over() {
            return Box::pin(std::future::ready(Err(DeliverError::Unknown)));
        }
        let heard = login.session.send(Hear(deliver.input));
        Box::pin(async move { heard.await.unwrap_or(Err(DeliverError::Unknown)) })
    }
}

impl Handler<PollLogin> for LoginDesk {
    type Result = MessageResult<PollLogin>;

    fn handle(&mut self, poll: PollLogin, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.ticket(&poll.state))
    }
}

impl Handler<CancelLogin> for LoginDesk {
    type Result = ();

    fn handle(&mut self, cancel: CancelLogin, _: &mut Context<Self>) {
        if let Some(login) = self.logins.get(cancel.state.as_str()) {
            login.session.do_send(Cancel);
        }
    }
}

impl Handler<ListModels> for LoginDesk {
    type Result = ResponseFuture<Vec<String>>;

    fn handle(&mut self, ListModels(id): ListModels, _: &mut Context<Self>) -> Self::Result {
        let around = self.around.clone();
        Box::pin(async move { models(&around, &id).await })
    }
}

async fn models(around: &Surroundings, id: &CredentialId) -> Vec<String> {
    let opened = match around.store.load(id).await {
        Ok(Some(stored)) => around.open(stored).ok(),
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(credential = %id, %error, "account not read again");
            None
        }
    };
    let Some(record) = opened.map(|opened| opened.record) else {
        return Vec::new();
    };
    let driver = around.providers.driver(&record.provider);
    let own = driver.and_then(|driver| driver.discover(std::sync::Arc::clone(&record)));
    if let Some(own) = own {
        match tokio::time::timeout(LIST_LIMIT, own).await {
            Ok(Ok(found)) => {
                return found
                    .into_iter()
                    .map(|model| model.id.to_string())
                    .collect();
            }
            Ok(Err(error)) => tracing::warn!(credential = %id, %error, "no model list"),
            Err(_) => tracing::warn!(credential = %id, "no model list in time"),
        }
    }
    let known = around.providers.static_models(&record.provider, &record);
    known.iter().map(|model| model.id.to_string()).collect()
}
