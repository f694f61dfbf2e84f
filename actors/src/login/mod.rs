//! Logins: one session per pending login, the same for terminal, callback routes and panel.
//!
//! ```text
//!  terminal / panel          LoginDesk               LoginSession               provider's flow
//!    StartLogin ───────────────▶ random state ──────────▶ spawn ───────────────────▶ run(start)
//!    ◀── LoginTicket { state, progress }                   ◀── open_url / show_code / ask / note
//!    callback, pasted URL, answer ─ Deliver ─▶ by state ─▶ checks, wakes the flow ─▶
//!                                                          ◀── Ok(Vec<NewLogin>)
//!                                     store.save ─▶ registry ─▶ actor, snapshot ─▶ Done
//! ```
//!
//! A flow is plain asynchronous code behind [`LoginDriver`](crate::port::LoginDriver) that talks
//! through a [`Conversation`]. Nothing of a login is on disk before it succeeded; dropping the
//! session drops the flow with everything it holds (listener, verifier, polling).

mod adopt;
mod conversation;
mod desk;
mod redirect;
mod session;
mod step;

pub use adopt::{Adopted, file_name};
pub use conversation::{Conversation, Doorbell};
pub use desk::{CancelLogin, Deliver, ListModels, LoginDesk, LoginTicket, PollLogin, StartLogin};
pub use redirect::Redirected;
pub use step::{
    AuthorizationCode, Choice, DeliverError, LoginError, LoginInput, LoginOptions, LoginProgress,
    LoginStart, LoginState, LoginStep, NewLogin, OpenUrl, Question, ShowCode,
};

pub(crate) use desk::Opening;

#[cfg(test)]
pub(crate) mod tests;
