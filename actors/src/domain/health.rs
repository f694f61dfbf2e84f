//! Rests after failures, per (credential, model) and for a whole credential (`routing.md` §8).
//!
//! Pure: [`Health::after`] takes what happened and the time, and gives the next state.

use super::outcome::{Outcome, Scope};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest rest a hint of the upstream may cause; after it one request probes
/// (router-for-me/CLIProxyAPI#4724: hints of days park accounts whose quota is back).
pub const HINT_CAP: TimeDelta = TimeDelta::minutes(30);
/// Shortest rest a hint may cause (router-for-me/CLIProxyAPI#5265: sub-second hints cause storms).
pub const HINT_FLOOR: TimeDelta = TimeDelta::seconds(2);
/// Rest after 401, 402 and 403 without a hint.
pub const REFUSED_REST: TimeDelta = TimeDelta::minutes(30);
/// Rest of a pair whose model the upstream does not have.
pub const MISSING_REST: TimeDelta = TimeDelta::hours(12);
/// Rest after 408 and 5xx unless the configuration says otherwise.
pub const TRANSIENT_REST: TimeDelta = TimeDelta::seconds(60);
/// How long a probe may take before another request may probe.
pub const PROBE_TIME: TimeDelta = TimeDelta::minutes(2);
/// How long strikes outlive their rest without any success.
const STRIKE_MEMORY: TimeDelta = TimeDelta::minutes(30);

/// Why something rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Rate limit or quota.
    Quota,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 402.
    PaymentRequired,
    /// No such model there.
    ModelMissing,
    /// 408, 5xx, network.
    Transient,
}

impl Reason {
    /// Whether the model disappears from the lists when every credential rests for such a reason.
    /// Quota and passing faults keep it (`routing.md` §4).
    pub fn hides(self) -> bool {
        match self {
            Self::Quota | Self::Transient => false,
            Self::Unauthorized | Self::Forbidden | Self::PaymentRequired | Self::ModelMissing => {
                true
            }
        }
    }

    /// The word in logs and the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::PaymentRequired => "payment_required",
            Self::ModelMissing => "not_found",
            Self::Transient => "transient",
        }
    }
}

/// One rest, and what is remembered after it until the next success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Why.
    pub reason: Reason,
    /// Begin of the rest; attempts leased before it teach nothing new.
    pub since: DateTime<Utc>,
    /// End of the rest.
    pub until: DateTime<Utc>,
    /// Rate limits without a hint in a row; the rest doubles with each.
    pub strikes: u32,
    /// One request probes after `until`: the upstream asked for more than [`HINT_CAP`], or a person
    /// has to do something of which only a request can tell whether it was done.
    pub capped: bool,
    /// A probe is on its way; nobody else until then.
    pub probe_until: Option<DateTime<Utc>>,
}

/// The settings that shape rests: global ones with those of the credential on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoolingRules {
    /// No rests at all, whatever the status (`disable-cooling`).
    pub disabled: bool,
    /// Rest after 408, 5xx and network faults; `None` = none.
    pub transient: Option<TimeDelta>,
}

impl Default for CoolingRules {
    fn default() -> Self {
        Self {
            disabled: false,
            transient: Some(TRANSIENT_REST),
        }
    }
}

/// One finished attempt, as far as health is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Upstream model.
    pub model: &'a Arc<str>,
    /// What happened.
    pub outcome: Outcome,
    /// When the lease was granted.
    pub leased_at: DateTime<Utc>,
    /// The lease was a probe.
    pub probe: bool,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    /// Yes.
    Fit,
    /// Yes, one at a time: the credential's actor hands out the probe.
    Probe,
    /// Not before `until`.
    Resting {
        /// End of the rest.
        until: DateTime<Utc>,
        /// Why.
        reason: Reason,
    },
}

/// All rests of one credential.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    models: BTreeMap<Arc<str>, Mark>,
    whole: Option<Mark>,
}

impl Health {
    /// Whether `model` may be tried at `now`. A rest of the whole credential counts for each model.
    pub fn fitness(&self, model: &str, now: DateTime<Utc>) -> Fitness {
        let of = |mark: Option<&Mark>| mark.map_or(Fitness::Fit, |mark| mark.fitness(now));
        let (whole, pair) = (of(self.whole.as_ref()), of(self.models.get(model)));
        match (whole, pair) {
            (
                Fitness::Resting {
                    until: a,
                    reason: one,
                },
                Fitness::Resting {
                    until: b,
                    reason: two,
                },
            ) => {
                let (until, reason) = if a >= b { (a, one) } else { (b, two) };
                Fitness::Resting { until, reason }
            }
            (rest @ Fitness::Resting { .. }, _) | (_, rest @ Fitness::Resting { .. }) => rest,
            (Fitness::Probe, _) | (_, Fitness::Probe) => Fitness::Probe,
            (Fitness::Fit, Fitness::Fit) => Fitness::Fit,
        }
    }

    /// Whether nothing at all is remembered about `model`: a success would be no news.
    pub fn is_clear(&self, model: &str) -> bool {
        self.whole.is_none() && !self.models.contains_key(model)
    }

    /// Every mark with its model; `None` stands for the whole credential.
    pub fn marks(&self) -> impl Iterator<Item = (Option<&str>, &Mark)> {
        let whole = self.whole.iter().map(|mark| (None, mark));
        whole.chain(
            self.models
                .iter()
                .map(|(model, mark)| (Some(&**model), mark)),
        )
    }

    /// Puts a mark back that was kept over a restart.
    pub fn restore(&mut self, model: Option<&str>, mark: Mark) {
        match model {
            Some(model) => {
                self.models.insert(model.into(), mark);
            }
            None => self.whole = Some(mark),
        }
    }

    /// The state after `attempt`.
    #[must_use]
    pub fn after(&self, attempt: Attempt<'_>, rules: &CoolingRules, now: DateTime<Utc>) -> Self {
        let mut next = self.clone();
        let probe_ends = |mark: &mut Mark| {
            if attempt.probe {
                mark.probe_until = None;
            }
        };
        next.whole.iter_mut().for_each(probe_ends);
        next.models.get_mut(attempt.model).map(probe_ends);

        if attempt.outcome == Outcome::Served {
            // An attempt that began before the rest proves nothing about the time after it.
            let still = |mark: &Mark| mark.since > attempt.leased_at;
            next.whole = next.whole.filter(still);
            if next
                .models
                .get(attempt.model)
                .is_some_and(|mark| !still(mark))
            {
                next.models.remove(attempt.model);
            }
        } else if let Some(rest) = Rest::due(attempt.outcome, rules) {
            let slot = match rest.scope {
                Scope::Model => next.models.get(attempt.model).copied(),
                Scope::Credential => next.whole,
            };
            let mark = rest.mark(slot, attempt.leased_at, now);
            match rest.scope {
                Scope::Model => {
                    next.models.insert(Arc::clone(attempt.model), mark);
                }
                Scope::Credential => next.whole = Some(mark),
            }
        }
        next.forget(now);
        next
    }

    /// The state while a probe of `model` is on its way.
    #[must_use]
    pub fn probing(&self, model: &str, now: DateTime<Utc>) -> Self {
        let mut next = self.clone();
        let marks = next.whole.iter_mut().chain(next.models.get_mut(model));
        for mark in marks.filter(|mark| mark.capped && mark.until <= now) {
            mark.probe_until = Some(now + PROBE_TIME);
        }
        next
    }

    /// The state after the token was replaced: what the old token was refused for is forgotten;
    /// quotas, missing models and what the account as a whole is refused for are not.
    #[must_use]
    pub fn with_new_token(&self) -> Self {
        let stays = |mark: &Mark| !matches!(mark.reason, Reason::Unauthorized | Reason::Forbidden);
        let mut next = self.clone();
        next.whole = next
            .whole
            .filter(|mark| mark.reason != Reason::Unauthorized);
        next.models.retain(|_, mark| stays(mark));
        next
    }

    /// The state after somebody logged in again: as with a new token, and what the account as a whole
    /// was refused for gets another chance, too.
    #[must_use]
    pub fn with_new_login(&self) -> Self {
        let mut next = self.with_new_token();
        next.whole = next.whole.filter(|mark| !mark.reason.hides());
        next
    }

    /// The state after the rest of the whole credential turned out to be over.
    #[must_use]
    pub fn without_whole(&self) -> Self {
        Self {
            whole: None,
            ..self.clone()
        }
    }

    /// The rest of the whole credential that is running or remembered.
    pub fn whole(&self) -> Option<&Mark> {
        self.whole.as_ref()
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        let fresh = |mark: &Mark| mark.capped || mark.until + STRIKE_MEMORY > now;
        self.whole = self.whole.filter(fresh);
        self.models.retain(|_, mark| fresh(mark));
    }
}

impl Mark {
    fn fitness(&self, now: DateTime<Utc>) -> Fitness {
        let until = self
            .probe_until
            .map_or(self.until, |probe| probe.max(self.until));
        if until > now {
            Fitness::Resting {
                until,
                reason: self.reason,
            }
        } else if self.capped {
            Fitness::Probe
        } else {
            Fitness::Fit
        }
    }
}

/// The rest an outcome asks for.
#[derive(Clone, Copy)]
struct Rest {
    reason: Reason,
    scope: Scope,
    /// `None`: doubling.
    wait: Option<TimeDelta>,
    capped: bool,
}

impl Rest {
    fn due(outcome: Outcome, rules: &CoolingRules) -> Option<Self> {
        if rules.disabled {
            return None;
        }
        let hinted = |reason, scope, hint: Option<Duration>, default: Option<TimeDelta>| {
            let hint = hint.map(|hint| TimeDelta::from_std(hint).unwrap_or(TimeDelta::MAX));
            let capped = hint.is_some_and(|hint| hint > HINT_CAP);
            let wait = hint
                .map(|hint| hint.clamp(HINT_FLOOR, HINT_CAP))
                .or(default);
            Some(Self {
                reason,
                scope,
                wait,
                capped,
            })
        };
        match outcome {
            // Hanging up and wrong requests say nothing about the account.
            Outcome::Served | Outcome::ClientLeft | Outcome::RequestFault => None,
            Outcome::RateLimited { retry_after, scope } => {
                hinted(Reason::Quota, scope, retry_after, None)
            }
            Outcome::Unauthorized => {
                hinted(Reason::Unauthorized, Scope::Model, None, Some(REFUSED_REST))
            }
            Outcome::Forbidden { retry_after } => hinted(
                Reason::Forbidden,
                Scope::Model,
                retry_after,
                Some(REFUSED_REST),
            ),
            Outcome::PaymentRequired { retry_after } => hinted(
                Reason::PaymentRequired,
                Scope::Model,
                retry_after,
                Some(REFUSED_REST),
            ),
            Outcome::NeedsAction { reason, rest, .. } => Some(Self {
                reason,
                scope: Scope::Credential,
                wait: Some(rest.map_or(REFUSED_REST, |rest| {
                    TimeDelta::from_std(rest).unwrap_or(HINT_CAP)
                })),
                capped: true,
            }),
            Outcome::ModelMissing => {
                hinted(Reason::ModelMissing, Scope::Model, None, Some(MISSING_REST))
            }
            Outcome::Transient => {
                let wait = rules.transient?;
                hinted(Reason::Transient, Scope::Model, None, Some(wait))
            }
        }
    }

    /// The mark that follows `before`. Failures of attempts that ran side by side share one window
    /// instead of escalating it.
    fn mark(self, before: Option<Mark>, leased_at: DateTime<Utc>, now: DateTime<Utc>) -> Mark {
        let strikes = before.map_or(0, |mark| mark.strikes);
        let shared = before.filter(|mark| {
            mark.reason == self.reason && (mark.until > now || leased_at < mark.since)
        });
        let (wait, strikes) = match (self.wait, shared) {
            (Some(wait), _) => (wait, strikes),
            (None, Some(window)) => (window.until - now, strikes),
            (None, None) => {
                let doubled = TimeDelta::seconds(1 << strikes.min(11)).min(HINT_CAP);
                (doubled, strikes.saturating_add(1))
            }
        };
        let until = now + wait;
        match before {
            // A longer rest that is running stays; only its memory grows.
            Some(mark) if mark.until > until || shared.is_some() && mark.until == until => Mark {
                strikes,
                capped: mark.capped || self.capped,
                ..mark
            },
            _ => Mark {
                reason: self.reason,
                since: shared.map_or(now, |window| window.since),
                until,
                strikes,
                capped: self.capped
                    || self.reason != Reason::Quota && before.is_some_and(|mark| mark.capped),
                probe_until: None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
