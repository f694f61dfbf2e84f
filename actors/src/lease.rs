//! The right to make one upstream attempt, and the two messages around it.

use crate::credential::CredentialActor;
use crate::domain::health::Attempt;
use crate::domain::id::{CredentialId, TokenVersion};
use crate::domain::outcome::{Outcome, Refusal};
use crate::domain::quota::QuotaWindow;
use crate::domain::record::CredentialRecord;
use crate::domain::snapshot::Member;
use crate::domain::view::CredentialView;
use crate::published::Published;
use actix::prelude::*;
use chrono::{DateTime, Utc};
use std::fmt;
use std::sync::Arc;

/// What an attempt demands beyond a usable credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// The token must be newer than this one, which an upstream refused with 401.
    pub newer_than: Option<TokenVersion>,
    /// Rests after passing faults (5xx, network) do not count: a further retry round.
    pub forgive_transient: bool,
    /// Bought credits pay for the attempt: rests for a quota do not count, and a success says nothing
    /// about the quota.
    pub paid: bool,
}

/// Asks a credential's actor for a lease. The answer waits while a refresh runs that it needs.
#[derive(Debug, Message)]
#[rtype(result = "Result<Lease, Refusal>")]
pub struct Acquire {
    /// Whose: the account, or one of its faces.
    pub credential: CredentialId,
    /// Upstream model, as in the candidate.
    pub model: Arc<str>,
    /// What the attempt demands.
    pub terms: Terms,
}

/// Tells a credential's actor how an attempt ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Report {
    /// Who made it: the account, or one of its faces.
    pub credential: CredentialId,
    /// Upstream model.
    pub model: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the upstream said, for people; shown with the account.
    pub detail: Option<String>,
    /// The token the attempt was made with.
    pub version: TokenVersion,
    /// When the lease was granted.
    pub leased_at: DateTime<Utc>,
    /// The attempt was the one that may probe after a capped rest.
    pub probe: bool,
}

/// Tells a credential's actor what an upstream said about the use of the account.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Observed {
    /// Whose use: of the account, or of one of its faces.
    pub credential: CredentialId,
    /// What it said.
    pub windows: Vec<QuotaWindow>,
}

impl Report {
    pub(crate) fn attempt(&self) -> Attempt<'_> {
        Attempt {
            model: &self.model,
            outcome: self.outcome,
            leased_at: self.leased_at,
            probe: self.probe,
        }
    }
}

/// The right to make one attempt. It ends with [`finish`](Lease::finish); dropping it without a
/// verdict means that the client hung up.
pub struct Lease {
    /// Whose it is.
    pub credential: CredentialId,
    /// Token, base URL, proxy, further headers.
    pub record: Arc<CredentialRecord>,
    /// Which token the record holds; goes into [`Terms::newer_than`] after a 401.
    pub version: TokenVersion,
    model: Arc<str>,
    leased_at: DateTime<Utc>,
    probe: bool,
    paid: bool,
    view: Arc<Published<CredentialView>>,
    /// Taken by the verdict.
    report: Option<Reporter>,
}

/// Where the verdict of a lease goes. Cloning a recipient costs three allocations, a member none.
pub(crate) enum Reporter {
    /// A lease from the view: through the member of the snapshot.
    Member(Arc<Member>),
    /// A lease from the actor itself.
    Actor(Addr<CredentialActor>),
}

impl Reporter {
    fn tell(&self, report: Report) {
        match self {
            Self::Member(member) => member.report.do_send(report),
            Self::Actor(actor) => actor.do_send(report),
        }
    }

    fn observed(&self, observed: Observed) {
        match self {
            Self::Member(member) => member.address.do_send(observed),
            Self::Actor(actor) => actor.do_send(observed),
        }
    }
}

impl Lease {
    pub(crate) fn new(
        view: &Arc<Published<CredentialView>>,
        shown: &CredentialView,
        model: &Arc<str>,
        probe: bool,
        now: DateTime<Utc>,
        report: Reporter,
    ) -> Self {
        Self {
            credential: shown.record.id.clone(),
            record: Arc::clone(&shown.record),
            version: shown.version,
            model: Arc::clone(model),
            leased_at: now,
            probe,
            paid: false,
            view: Arc::clone(view),
            report: Some(report),
        }
    }

    /// Notes what it was granted under.
    pub(crate) fn under(mut self, terms: Terms) -> Self {
        self.paid = terms.paid;
        self
    }

    /// Reports how the attempt ended. A success of a healthy pair is no news and sends nothing.
    pub fn finish(self, outcome: Outcome) {
        self.finish_with(outcome, None);
    }

    /// As [`finish`](Lease::finish), with what the upstream said, for people; for
    /// [`Outcome::NeedsAction`] what there is to do, for example the link under which an account must
    /// be verified.
    pub fn finish_with(mut self, outcome: Outcome, detail: Option<String>) {
        self.end(outcome, detail);
    }

    /// Tells the credential what an answer said about its quota. What its view shows already is no
    /// news and sends nothing: most answers differ from the one before in fractions only.
    pub fn observe(&self, windows: Vec<QuotaWindow>) {
        if windows.is_empty() || !self.view.get().quota.is_news(&windows) {
            return;
        }
        if let Some(reporter) = &self.report {
            reporter.observed(Observed {
                credential: self.credential.clone(),
                windows,
            });
        }
    }

    /// Gives the place of a probe back while it is still open what the attempt means, for example
    /// until a newer token has been tried. The verdict follows as usual.
    pub fn undecided(&mut self) {
        if let Some(reporter) = &self.report {
            reporter.tell(self.report(Outcome::ClientLeft, None));
            self.probe = false;
        }
    }

    fn report(&self, outcome: Outcome, detail: Option<String>) -> Report {
        Report {
            credential: self.credential.clone(),
            model: Arc::clone(&self.model),
            outcome,
            detail,
            version: self.version,
            leased_at: self.leased_at,
            probe: self.probe,
        }
    }

    fn end(&mut self, outcome: Outcome, detail: Option<String>) {
        let Some(reporter) = self.report.take() else {
            return;
        };
        let outcome = match outcome {
            Outcome::Served if self.paid => Outcome::ClientLeft,
            other => other,
        };
        if outcome == Outcome::Served && !self.probe {
            let view = self.view.get();
            if view.is_untroubled(&self.model) && !view.wants_quota(self.leased_at) {
                return;
            }
        }
        reporter.tell(self.report(outcome, detail));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // No verdict means the client hung up: the server dropped the response body.
        self.end(Outcome::ClientLeft, None);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("credential", &self.credential)
            .field("model", &self.model)
            .field("version", &self.version)
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}
