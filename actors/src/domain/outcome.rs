//! What an attempt taught about a credential, and why a credential refuses an attempt.

use super::health::Reason;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// What one upstream attempt says about the credential that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered as it should.
    Served,
    /// The client hung up before anything was known; says nothing about the credential.
    ClientLeft,
    /// 429, or a quota answer of any status.
    RateLimited {
        /// The upstream's hint, whatever header or field it came in.
        retry_after: Option<Duration>,
        /// Whether the limit covers the model or the whole account.
        scope: Scope,
    },
    /// 401 with the leased token.
    Unauthorized,
    /// 403; a challenge page carries a short hint.
    Forbidden {
        /// Rest that fits better than the default of 30 minutes.
        retry_after: Option<Duration>,
    },
    /// 402, or an answer that means "no money left".
    PaymentRequired {
        /// Rest that fits better than the default of 30 minutes.
        retry_after: Option<Duration>,
    },
    /// The account as a whole is refused until its owner does something: a verification, a plan
    /// without the product, an empty purse, a place it may not be used from. What there is to do stands
    /// in the text of the report, which is shown with the account.
    NeedsAction {
        /// What kind of refusal it is.
        reason: Reason,
        /// Who is refused.
        reach: Reach,
        /// Rest that fits better than the default of 30 minutes. It is our own judgement, no hint of
        /// the upstream, and so not capped.
        rest: Option<Duration>,
    },
    /// The upstream does not offer the model to this account (404, "model not supported").
    ModelMissing,
    /// 408, 5xx, overload, broken connection: nobody's fault, likely to pass.
    Transient,
    /// The request is wrong; any account would refuse it.
    RequestFault,
}

impl Outcome {
    /// Whether something went wrong that the account, or the way to it, has to do with.
    pub fn is_trouble(self) -> bool {
        !matches!(self, Self::Served | Self::ClientLeft | Self::RequestFault)
    }
}

/// Whom a refusal concerns that asks for the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// The account; where it takes part with several faces, each of them.
    #[default]
    Account,
    /// The face that was used, for example one project of several; nothing is known about the others.
    Face,
}

/// How far a limit reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The (credential, model) pair.
    #[default]
    Model,
    /// Every model of the credential.
    Credential,
}

/// Why a credential grants no lease now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It rests after a failure.
    #[error("cooling until {until}")]
    Cooling {
        /// End of the rest.
        until: DateTime<Utc>,
    },
    /// Its login is used up; a person has to log in again.
    #[error("needs a new login")]
    NeedsLogin,
    /// Switched off by its owner.
    #[error("disabled")]
    Disabled,
    /// Its token has expired, or was refused, and no newer one could be had.
    #[error("token refresh failed")]
    RefreshFailed,
    /// Its actor is dead; it comes back by itself in a new snapshot.
    #[error("restarting")]
    Gone,
}
