//! How a provider's flow talks to the person who logs in.

use super::desk::{CancelLogin, Deliver, LoginDesk};
use super::session::{LoginSession, Say};
use super::step::{
    AuthorizationCode, DeliverError, LoginError, LoginInput, LoginProgress, LoginState, LoginStep,
    OpenUrl, Question, ShowCode,
};
use actix::Addr;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// A flow's end of a login. Its steps are shown by terminal and panel alike; when the login ends
/// from outside (cancelled, expired) the flow is dropped at its `.await`.
pub struct Conversation {
    pub(super) session: Addr<LoginSession>,
    pub(super) bell: Doorbell,
}

impl Conversation {
    /// The session's state: the `state` parameter of an authorization request.
    pub fn state(&self) -> &str {
        &self.bell.state
    }

    /// Tells the person something that needs no answer.
    pub fn note(&self, text: impl Into<Arc<str>>) {
        self.session.do_send(Say::Note(text.into()));
    }

    /// Says what the program is busy with now.
    pub fn working(&self, on: impl Into<Arc<str>>) {
        let step = LoginStep::Working(on.into());
        self.session.do_send(Say::Step(step));
    }

    /// Has an address opened in a browser and waits for the redirect, or for what is pasted. The
    /// state has been compared already. Most flows call `providers::oauth::code` instead, which
    /// also listens.
    ///
    /// # Errors
    /// [`LoginError::Denied`] when the redirect says so.
    pub async fn open_url(&self, open: OpenUrl) -> Result<AuthorizationCode, LoginError> {
        let (reply, code) = oneshot::channel();
        self.session.do_send(Say::OpenUrl(open, reply));
        code.await.unwrap_or(Err(LoginError::Cancelled))
    }

    /// Shows a code to be typed on a page; returns at once. The session lives as long as the code.
    pub fn show_code(&self, code: ShowCode) {
        let step = LoginStep::ShowCode(code);
        self.session.do_send(Say::Step(step));
    }

    /// Asks and waits for the answer: a choice's value, the default, or free text where allowed.
    ///
    /// # Errors
    /// [`LoginError::Cancelled`] when the login ended meanwhile.
    pub async fn ask(&self, question: Question) -> Result<String, LoginError> {
        let (reply, answer) = oneshot::channel();
        self.session.do_send(Say::Ask(question, reply));
        answer.await.map_err(|_| LoginError::Cancelled)
    }

    /// The way in for a listener of this flow.
    pub fn doorbell(&self) -> Doorbell {
        self.bell.clone()
    }
}

/// What a listener for redirects needs: it delivers them and hears how the login ended, so that the
/// page it shows can tell the truth. The session's end waits a moment for those who hold one.
#[derive(Clone)]
pub struct Doorbell {
    pub(super) state: Arc<str>,
    pub(super) desk: Addr<LoginDesk>,
    pub(super) progress: watch::Receiver<LoginProgress>,
    /// Closed when every clone is gone.
    pub(super) _held: mpsc::Sender<Infallible>,
}

impl Doorbell {
    /// Delivers something to the login with `state`, which may be another one than this.
    ///
    /// # Errors
    /// [`DeliverError`] when it was not taken.
    pub async fn deliver(&self, state: String, input: LoginInput) -> Result<(), DeliverError> {
        let delivered = self.desk.send(Deliver { state, input }).await;
        delivered.unwrap_or(Err(DeliverError::Unknown))
    }

    /// Ends the login this belongs to.
    pub fn cancel(&self) {
        self.desk.do_send(CancelLogin {
            state: self.state.to_string(),
        });
    }

    /// Waits until the login is over, wants something else from its person, or `limit` has passed;
    /// returns where it stands then.
    pub async fn outcome(&self, limit: Duration) -> LoginState {
        outcome(self.progress.clone(), limit).await
    }
}

/// As [`Doorbell::outcome`], for whoever holds a ticket.
pub(super) async fn outcome(
    mut progress: watch::Receiver<LoginProgress>,
    limit: Duration,
) -> LoginState {
    let settled = progress
        .wait_for(|progress| !matches!(progress.state, LoginState::Running(LoginStep::Working(_))));
    // Ended by time or because the session is gone: what stands there counts.
    let _ = tokio::time::timeout(limit, settled).await.is_ok();
    progress.borrow().state.clone()
}
