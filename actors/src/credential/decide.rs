//! What an asker gets. Pure.

use crate::domain::health::Fitness;
use crate::domain::outcome::Refusal;
use crate::domain::select::Standing;
use crate::domain::view::{CredentialState, CredentialView};
use crate::lease::Terms;
use chrono::{DateTime, Utc};

/// What to answer to an `Acquire`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Lease { probe: bool },
    Wait,
    Refuse(Refusal),
}

/// Whether a newer token can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chance {
    /// A refresh runs, or may start.
    Some,
    /// Not now.
    None,
}

/// Decides about an attempt with `model` under `terms`. The view is the actor's own, so it is true.
pub(super) fn decide(
    view: &CredentialView,
    model: &str,
    terms: Terms,
    chance: Chance,
    now: DateTime<Utc>,
) -> Decision {
    match view.standing(model, terms, now) {
        Standing::Ready => Decision::Lease { probe: false },
        Standing::Cooling { until, .. } => Decision::Refuse(Refusal::Cooling { until }),
        Standing::Disabled => Decision::Refuse(Refusal::Disabled),
        Standing::NeedsLogin => Decision::Refuse(Refusal::NeedsLogin),
        Standing::Broken => Decision::Refuse(Refusal::Gone),
        Standing::Ask => {
            let expired = view.ready_until.is_some_and(|until| until <= now);
            let refused = terms
                .newer_than
                .is_some_and(|refused| view.version <= refused);
            match (expired || refused, chance) {
                (true, Chance::Some) => Decision::Wait,
                (true, Chance::None) if view.state == CredentialState::NeedsLogin => {
                    Decision::Refuse(Refusal::NeedsLogin)
                }
                (true, Chance::None) => Decision::Refuse(Refusal::RefreshFailed),
                (false, _) => Decision::Lease {
                    probe: view.health.fitness(model, now) == Fitness::Probe,
                },
            }
        }
    }
}
