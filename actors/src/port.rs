//! What the daemon brings to this crate: accounts' drivers, the table of providers, the clock.

use crate::config::{Config, ModelAlias};
use crate::domain::catalog::ModelInfo;
use crate::domain::quota::QuotaWindow;
use crate::domain::record::CredentialRecord;
use crate::login::{Conversation, LoginError, LoginStart, NewLogin};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{LocalBoxFuture, ready};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// What can be done with an account of one provider. The futures are local: HTTP clients are bound
/// to their thread; they run on the control thread.
pub trait AccountDriver: Send + Sync {
    /// Fetches a new token. The result is `old` with new token fields, in the head and in the
    /// document; fields of the document that the refresh does not concern stay as they are, because
    /// only the differences are written to the store.
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>>;

    /// Fetches the list of models the account has; `None` = the provider has no such list.
    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        let _ = with;
        None
    }

    /// Whether the service can be asked for the use of an account, see [`quota`](Self::quota).
    fn tells_quota(&self) -> bool {
        false
    }

    /// Asks how much of the account's allowance is used. Called beside requests that the account
    /// serves, at most every ten minutes.
    fn quota(
        &self,
        with: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<Vec<QuotaWindow>, QuotaError>> {
        let _ = with;
        Box::pin(ready(Ok(Vec::new())))
    }

    /// How long before its end a token is refreshed, where the service demands something other than
    /// the rule (ten minutes, at most half of the token's life).
    fn refresh_lead(&self, record: &CredentialRecord) -> Option<TimeDelta> {
        let _ = record;
        None
    }
}

/// One way to log in at a provider.
pub trait LoginDriver: Send + Sync {
    /// Runs one login from its first step to the accounts it brought. Dropped when the login ends
    /// from outside, so everything it opens must close on `Drop`. Writes no file: the session does.
    fn run(
        &self,
        start: LoginStart,
        talk: Conversation,
    ) -> LocalBoxFuture<'static, Result<Vec<NewLogin>, LoginError>>;
}

/// Why a refresh gave no token. The texts are for people and hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// Nothing was sent: no connection. Tried again at once on a fresh one.
    #[error("cannot reach the token endpoint: {message}")]
    Unreachable {
        /// What went wrong.
        message: String,
    },
    /// Sent, but no answer came: the token may have been rotated. The store is read again first.
    #[error("no answer from the token endpoint: {message}")]
    Unknown {
        /// What went wrong.
        message: String,
    },
    /// The endpoint says "later".
    #[error("token endpoint asks to wait: {message}")]
    Transient {
        /// What it said.
        message: String,
        /// When to try again, if it said so.
        retry_after: Option<Duration>,
    },
    /// The refresh token is no longer valid; only a new login helps.
    #[error("login is no longer valid: {message}")]
    Revoked {
        /// What it said.
        message: String,
    },
    /// The record lacks what a refresh needs.
    #[error("credential cannot be refreshed: {message}")]
    Misconfigured {
        /// What is missing.
        message: String,
    },
}

/// Why no model list came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no model list: {message}")]
pub struct DiscoverError {
    /// What went wrong.
    pub message: String,
}

/// Why a service did not tell how much of an allowance is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no quota: {message}")]
pub struct QuotaError {
    /// What went wrong.
    pub message: String,
}

/// The daemon's table of providers. Provider words are opaque to this crate.
pub trait Providers: Send + Sync {
    /// The driver of a provider; `None` for an unknown provider, and for one whose accounts are
    /// plain keys.
    fn driver(&self, provider: &str) -> Option<Arc<dyn AccountDriver>>;

    /// The login with this name: its command line flag without dashes. `None` = there is none.
    fn login(&self, name: &str) -> Option<Arc<dyn LoginDriver>> {
        let _ = name;
        None
    }

    /// The models the provider offers to `record` as far as this program knows by itself.
    fn static_models(&self, provider: &str, record: &CredentialRecord) -> Vec<Arc<ModelInfo>>;

    /// The provider word for the `type` of a credential file, when it differs.
    fn provider_of(&self, type_word: &str) -> Option<Arc<str>> {
        let _ = type_word;
        None
    }

    /// What to do with a document without `type` that is the login of another program; `None` when
    /// nobody knows it.
    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        let _ = document;
        None
    }

    /// Completes a record read from the store with what only its provider knows how to read.
    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        record
    }

    /// The faces of an account that takes part in routing several times, each with an id of its own and
    /// otherwise the account's record as it uses it; none = it takes part once, as it is. The account
    /// itself makes no calls when it has faces.
    fn faces(&self, record: &CredentialRecord) -> Vec<CredentialRecord> {
        let _ = record;
        Vec::new()
    }

    /// Aliases of a channel that the configuration does not name (`config.md` §3.5).
    fn default_aliases(&self, channel: &str, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        let _ = (channel, models);
        Vec::new()
    }

    /// Credentials of providers that are built in.
    fn builtin(&self, config: &Config) -> Vec<CredentialRecord> {
        let _ = config;
        Vec::new()
    }
}

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the time comes from"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
