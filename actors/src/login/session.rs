//! One pending login.

use super::adopt::{self, Adopted};
use super::redirect::Redirected;
use super::step::{
    AuthorizationCode, DeliverError, LoginError, LoginInput, LoginProgress, LoginState, LoginStep,
    NewLogin, OpenUrl, Question, ShowCode,
};
use crate::registry::{Adoption, Registry};
use crate::renewal::Surroundings;
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long a login waits for its person, and its flow for a provider (`http-api.md` §8.1).
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long the end of a login waits until its accounts are in use; they are on disk by then.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(10);

/// How long the end of a session waits for pages that still tell how it went.
const PAGES_LIMIT: Duration = Duration::from_secs(3);

/// One pending login. Lives on the control thread, beside the flow it runs.
pub struct LoginSession {
    pub(super) progress: watch::Sender<LoginProgress>,
    pub(super) state: Arc<str>,
    pub(super) around: Surroundings,
    /// Who takes new accounts into use; `None` where no daemon runs.
    pub(super) registry: Option<Addr<Registry>>,
    pub(super) flow: Option<Flow>,
    pub(super) waiting: Waiting,
    pub(super) deadline: Option<SpawnHandle>,
    /// The running flow; empty when it has ended.
    pub(super) running: Running,
    /// Yields `None` when no page holds a doorbell any more.
    pub(super) pages: Option<mpsc::Receiver<Infallible>>,
}

/// A flow that can be dropped at once, with its listener and everything else it holds: an actor drops
/// cancelled futures later.
pub(super) type Running = Rc<RefCell<Option<FlowFuture>>>;

type FlowFuture = LocalBoxFuture<'static, std::thread::Result<Result<Vec<NewLogin>, LoginError>>>;

/// Makes the flow of a session, which needs the session's address.
pub(super) type Flow = Box<
    dyn FnOnce(Addr<LoginSession>) -> LocalBoxFuture<'static, Result<Vec<NewLogin>, LoginError>>,
>;

/// Whom the next input is for.
#[derive(Default)]
pub(super) enum Waiting {
    #[default]
    Nobody,
    Code(oneshot::Sender<Result<AuthorizationCode, LoginError>>),
    Answer(Question, oneshot::Sender<String>),
}

/// What a flow says.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) enum Say {
    Note(Arc<str>),
    Step(LoginStep),
    OpenUrl(
        OpenUrl,
        oneshot::Sender<Result<AuthorizationCode, LoginError>>,
    ),
    Ask(Question, oneshot::Sender<String>),
}

/// Something from outside for this session.
#[derive(Message)]
#[rtype(result = "Result<(), DeliverError>")]
pub(super) struct Hear(pub(super) LoginInput);

/// Ends a session.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Cancel;

impl LoginSession {
    fn show(&self, step: LoginStep) {
        self.progress
            .send_modify(|progress| progress.state = LoginState::Running(step));
    }

    /// Gives everybody `patience` from now on.
    fn wait(&mut self, patience: Duration, ctx: &mut Context<Self>) {
        if let Some(before) = self.deadline.take() {
            ctx.cancel_future(before);
        }
        self.deadline = Some(ctx.run_later(patience, |session, ctx| {
            session.end(Err(LoginError::Expired), ctx);
        }));
    }

    fn flow_ended(&mut self, ended: Result<Vec<NewLogin>, LoginError>, ctx: &mut Context<Self>) {
        let new = match ended {
            Ok(new) => new,
            Err(error) => return self.end(Err(error), ctx),
        };
        self.show(LoginStep::Working("saving".into()));
        // From here on it is too late to expire or to cancel.
        if let Some(deadline) = self.deadline.take() {
            ctx.cancel_future(deadline);
        }
        let (around, registry) = (self.around.clone(), self.registry.clone());
        let saved = async move {
            let mut adopted = Vec::with_capacity(new.len());
            for new in new {
                adopted.push(adopt::save(&around, new).await?);
            }
            if let Some(registry) = registry {
                let ids = adopted.iter().map(|one: &Adopted| one.id.clone()).collect();
                let taken = registry.send(Adoption(ids));
                if tokio::time::timeout(TAKE_OVER_LIMIT, taken).await.is_err() {
                    tracing::warn!("new account is on disk, but not in use yet");
                }
            }
            Ok(adopted)
        };
        ctx.spawn(
            saved
                .into_actor(self)
                .map(|saved, session, ctx| session.end(saved, ctx)),
        );
    }

    /// Tells how it ended, then stops, which drops the flow and everything it holds.
    fn end(&mut self, ended: Result<Vec<Adopted>, LoginError>, ctx: &mut Context<Self>) {
        if self.progress.borrow().state.is_over() {
            return;
        }
        if let Some(deadline) = self.deadline.take() {
            ctx.cancel_future(deadline);
        }
        // Before anybody hears of the end: with the flow its port becomes free.
        drop(self.running.take());
        self.waiting = Waiting::Nobody;
        let login = Arc::clone(&self.progress.borrow().login);
        let state = match ended {
            Ok(adopted) => {
                for one in &adopted {
                    tracing::info!(%login, credential = %one.id, label = one.label, "logged in");
                }
                LoginState::Done(adopted.into())
            }
            Err(error) => {
                tracing::warn!(%login, %error, "login failed");
                LoginState::Failed(error)
            }
        };
        self.progress.send_modify(|progress| progress.state = state);
        let pages = self.pages.take();
        let shown = async move {
            if let Some(mut pages) = pages {
                // Nothing is ever sent: the end of the channel is the message.
                let _ = tokio::time::timeout(PAGES_LIMIT, pages.recv()).await;
            }
        };
        ctx.spawn(shown.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Actor for LoginSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wait(PATIENCE, ctx);
        let Some(flow) = self.flow.take() else { return };
        // A panic in a provider's code must not take the desk's thread along.
        let flow = AssertUnwindSafe(flow(ctx.address())).catch_unwind();
        *self.running.borrow_mut() = Some(Box::pin(flow));
        let running = Rc::clone(&self.running);
        let ended = poll_fn(move |cx| match running.borrow_mut().as_mut() {
            Some(flow) => flow.as_mut().poll(cx).map(Some),
            None => Poll::Ready(None),
        });
        ctx.spawn(ended.into_actor(self).map(|ended, session, ctx| {
            drop(session.running.take());
            let Some(ended) = ended else { return };
            let ended = ended.unwrap_or_else(|_| {
                let message = "the provider's code panicked".to_owned();
                Err(LoginError::Internal { message })
            });
            session.flow_ended(ended, ctx);
        }));
    }
}

impl Handler<Say> for LoginSession {
    type Result = ();

    fn handle(&mut self, say: Say, ctx: &mut Context<Self>) {
        if self.progress.borrow().state.is_over() {
            return;
        }
        match say {
            Say::Note(text) => {
                self.progress
                    .send_modify(|progress| progress.notes.push(text));
            }
            Say::Step(step) => {
                let patience = match &step {
                    LoginStep::ShowCode(ShowCode { expires_at, .. }) => (*expires_at
                        - self.around.clock.now())
                    .to_std()
                    .unwrap_or_default(),
                    _ => PATIENCE,
                };
                self.wait(patience, ctx);
                self.show(step);
            }
            Say::OpenUrl(open, reply) => {
                self.waiting = Waiting::Code(reply);
                self.wait(PATIENCE, ctx);
                self.show(LoginStep::OpenUrl(open));
            }
            Say::Ask(question, reply) => {
                self.waiting = Waiting::Answer(question.clone(), reply);
                self.wait(PATIENCE, ctx);
                self.show(LoginStep::Ask(question));
            }
        }
    }
}

impl Handler<Hear> for LoginSession {
    type Result = Result<(), DeliverError>;

    fn handle(&mut self, Hear(input): Hear, ctx: &mut Context<Self>) -> Self::Result {
        match (std::mem::take(&mut self.waiting), input) {
            (Waiting::Code(reply), input @ (LoginInput::Redirected(_) | LoginInput::Pasted(_))) => {
                let read = match input {
                    LoginInput::Redirected(redirected) => redirected.check(&self.state, true),
                    LoginInput::Pasted(text) => Redirected::from_pasted(&text)
                        .and_then(|redirected| redirected.check(&self.state, false)),
                    LoginInput::Answer(_) => Err(DeliverError::NotWaiting),
                };
                let code = match read {
                    Ok(code) => code,
                    Err(error) => {
                        self.waiting = Waiting::Code(reply);
                        return Err(error);
                    }
                };
                self.show(LoginStep::Working("exchanging the code".into()));
                self.wait(PATIENCE, ctx);
                // A flow that stopped waiting ends by itself.
                let _ = reply.send(code);
                Ok(())
            }
            (Waiting::Answer(question, reply), LoginInput::Answer(text)) => {
                let Some(answer) = question.read(&text) else {
                    let error = DeliverError::Unreadable(format!(
                        "`{}` is not one of the answers",
                        text.trim()
                    ));
                    self.waiting = Waiting::Answer(question, reply);
                    return Err(error);
                };
                self.show(LoginStep::Working("going on".into()));
                self.wait(PATIENCE, ctx);
                // A flow that stopped waiting ends by itself.
                let _ = reply.send(answer);
                Ok(())
            }
            (waiting, _) => {
                self.waiting = waiting;
                Err(DeliverError::NotWaiting)
            }
        }
    }
}

impl Handler<Cancel> for LoginSession {
    type Result = ();

    fn handle(&mut self, _: Cancel, ctx: &mut Context<Self>) {
        if self.running.borrow().is_none() {
            return; // over, or being saved
        }
        self.end(Err(LoginError::Cancelled), ctx);
    }
}

impl Question {
    /// What the typed `text` answers; `None` when it is no answer.
    fn read(&self, text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            return self.default.clone();
        }
        let numbered = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let named = |choice: &&super::step::Choice| choice.value.eq_ignore_ascii_case(text);
        let chosen = self
            .choices
            .iter()
            .find(named)
            .or_else(|| self.choices.get(numbered?));
        match chosen {
            Some(choice) => Some(choice.value.clone()),
            None => (self.free_text || self.choices.is_empty()).then(|| text.to_owned()),
        }
    }
}
