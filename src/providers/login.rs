//! What a provider says about its logins, and what a login's flow works with.

use super::PROVIDERS;
use super::control::{CallError, Control, Outgoing, Reply};
use actors::domain::secret::Secret;
use actors::login::{Conversation, LoginError, LoginOptions, LoginStart, NewLogin};
use actors::port::LoginDriver;
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use std::sync::Arc;

/// One way to log in; a row of [`Provider::logins`](super::Provider::logins). Command line flag,
/// callback route, terms and exit code follow from it.
#[derive(Debug, Clone, Copy)]
pub struct LoginSpec {
    /// Command line flag without dashes, and the name the desk knows the login by.
    pub flag: &'static str,
    /// What `--help` says.
    pub help: &'static str,
    /// The service as people know it: `Claude (Anthropic)`.
    pub service: &'static str,
    /// How it goes.
    pub kind: LoginKind,
    /// The provider's position on the use of its accounts by other programs, shown before anything
    /// else.
    pub terms: &'static str,
    /// The flow: from the first step to the accounts. Dropped when the login ends from outside.
    pub run: fn(LoginCall) -> LocalBoxFuture<'static, Result<Vec<NewLogin>, LoginError>>,
}

/// How a login goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginKind {
    /// A page in a browser that comes back to this program.
    Browser(Callback),
    /// A code that is typed on a page (RFC 8628 and its relatives).
    Device,
    /// The flag takes a file, whose content is in [`LoginOptions::file`].
    Import,
    /// Questions only.
    Prompt,
}

/// Where a browser is sent at the end of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Callback {
    /// Ports registered with the provider, in the order they are tried.
    pub ports: &'static [u16],
    /// The provider accepts every port of `localhost`.
    pub any_port: bool,
    /// Path of the redirect.
    pub path: &'static str,
    /// The word of the route on the main port: `/<word>/callback` (`http-api.md` §8.1).
    pub route: &'static str,
    /// `GET /cancel` at the listener ends the login, as the provider's own program asks others to.
    pub cancellable: bool,
}

/// What a flow works with: one login under way.
pub struct LoginCall {
    /// What was asked for.
    pub start: LoginStart,
    /// The person.
    pub talk: Conversation,
    /// For calls to the provider.
    pub control: Arc<Control>,
    /// The row this runs for.
    pub spec: &'static LoginSpec,
}

impl LoginCall {
    /// What the person set.
    pub fn options(&self) -> &LoginOptions {
        &self.start.options
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        self.control.now()
    }

    /// Makes a call over the login's way out; every status is an answer.
    ///
    /// # Errors
    ///
    /// [`LoginError::Unreachable`] when no whole answer came.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Reply, LoginError> {
        let sent = self.control.send(outgoing, &self.options().proxy).await;
        sent.map_err(LoginError::from)
    }

    /// As [`send`](Self::send), for an answer that must be a success with JSON in it.
    ///
    /// # Errors
    ///
    /// Also [`LoginError::Exchange`] for every other answer.
    pub async fn send_for_json(&self, outgoing: Outgoing) -> Result<Value, LoginError> {
        let reply = self.send(outgoing).await?;
        match reply.json() {
            Some(value) if reply.is_success() => Ok(value),
            _ => Err(super::oauth::envelope::refused(&reply)),
        }
    }

    /// `GET url` with a bearer token, for JSON.
    ///
    /// # Errors
    ///
    /// As [`send_for_json`](Self::send_for_json).
    pub async fn get_json(&self, url: &str, token: &Secret) -> Result<Value, LoginError> {
        self.send_for_json(Outgoing::get(url).bearer(token)).await
    }
}

impl From<CallError> for LoginError {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Misconfigured(_) => Self::Unusable { message },
            CallError::Unreachable(_) | CallError::NoAnswer(_) => Self::Unreachable { message },
        }
    }
}

/// Every login of every provider.
pub fn all() -> impl Iterator<Item = &'static LoginSpec> {
    PROVIDERS.iter().flat_map(|provider| provider.logins())
}

/// The login with this flag.
pub fn by_flag(flag: &str) -> Option<&'static LoginSpec> {
    all().find(|spec| spec.flag == flag)
}

impl LoginSpec {
    /// The login as the desk runs it.
    pub fn ready(&'static self, control: Arc<Control>) -> Arc<dyn LoginDriver> {
        Arc::new(Ready {
            spec: self,
            control,
        })
    }
}

/// A row, ready to run.
struct Ready {
    spec: &'static LoginSpec,
    control: Arc<Control>,
}

impl LoginDriver for Ready {
    fn run(
        &self,
        start: LoginStart,
        talk: Conversation,
    ) -> LocalBoxFuture<'static, Result<Vec<NewLogin>, LoginError>> {
        (self.spec.run)(LoginCall {
            start,
            talk,
            control: Arc::clone(&self.control),
            spec: self.spec,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn flags_are_unique_and_every_login_says_its_terms() {
        let mut seen = BTreeSet::new();
        for spec in all() {
            assert!(seen.insert(spec.flag), "{} twice", spec.flag);
            assert!(!spec.terms.is_empty(), "{}", spec.flag);
            if let LoginKind::Browser(callback) = spec.kind {
                assert!(callback.path.starts_with('/'), "{}", spec.flag);
                assert!(!callback.ports.is_empty(), "{}", spec.flag);
            }
        }
    }
}
