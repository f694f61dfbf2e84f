//! Which credential makes the next attempt (`routing.md` §5, §10). Pure.

use super::health::Reason;
use super::id::CredentialId;
use crate::config::Strategy;
use chrono::{DateTime, Utc};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Whether a candidate may make an attempt now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes, without asking.
    Ready,
    /// Its actor must be asked: the token is due, or the attempt is a probe.
    Ask,
    /// Not before `until`.
    Cooling {
        /// End of the rest.
        until: DateTime<Utc>,
        /// Why it rests.
        reason: Reason,
    },
    /// A person must log in again.
    NeedsLogin,
    /// Switched off.
    Disabled,
    /// Crashed too often.
    Broken,
}

impl Standing {
    /// Whether the candidate can be chosen.
    pub fn usable(self) -> bool {
        matches!(self, Self::Ready | Self::Ask)
    }
}

/// The fixed part of a candidate. A list of them is sorted: highest priority first, then by id.
pub trait Contend {
    /// Whose.
    fn credential(&self) -> &CredentialId;
    /// Higher goes first.
    fn priority(&self) -> i32;
    /// Share under weighted round-robin; 0 takes it out of that strategy.
    fn weight(&self) -> u32;
}

/// The wishes and history of one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// How to choose among equals.
    pub strategy: Strategy,
    /// Candidates that were tried before, by index.
    pub tried: &'a [usize],
    /// Session affinity: taken when usable, whatever its priority.
    pub preferred: Option<&'a CredentialId>,
    /// Only this credential will do.
    pub pinned: Option<&'a CredentialId>,
}

/// A chosen candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Index in the list.
    pub index: usize,
    /// What the route's cursor becomes; `None` = unchanged.
    pub next_cursor: Option<usize>,
}

/// Why nothing can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    /// Every candidate that was not tried rests.
    #[error("all candidates are cooling until {until}")]
    AllCooling {
        /// The soonest end of a rest.
        until: DateTime<Utc>,
        /// Why that one rests.
        reason: Reason,
    },
    /// Nobody is left: tried, disabled, or in need of a login.
    #[error("no usable candidate is left")]
    Exhausted {
        /// At least one candidate was left out because a person must log in again.
        needs_login: bool,
    },
}

/// Chooses among `contenders`; `standing` is asked for as few as possible.
///
/// The highest priority with a usable member wins; lower ones take over when all higher ones rest or
/// were tried. `cursor` is where round-robin stands for this route.
pub fn choose<C: Contend>(
    contenders: &[C],
    standing: impl Fn(usize) -> Standing,
    wish: Wish<'_>,
    cursor: usize,
) -> Result<Choice, NoChoice> {
    let open = |index: &usize| {
        !wish.tried.contains(index)
            && contenders.get(*index).is_some_and(|contender| {
                wish.pinned
                    .is_none_or(|pinned| pinned == contender.credential())
                    && (wish.strategy != Strategy::WeightedRoundRobin || contender.weight() > 0)
            })
    };
    if let Some(preferred) = wish.preferred {
        let bound = (0..contenders.len()).filter(|&i| {
            contenders
                .get(i)
                .is_some_and(|one| one.credential() == preferred)
        });
        if let Some(index) = bound.filter(open).find(|&index| standing(index).usable()) {
            return Ok(Choice {
                index,
                next_cursor: None,
            });
        }
    }
    let mut start = 0;
    for group in contenders.chunk_by(|a, b| a.priority() == b.priority()) {
        let members = start..start + group.len();
        start = members.end;
        let usable = |index: &usize| open(index) && standing(*index).usable();
        let chosen = match wish.strategy {
            Strategy::FillFirst => members.clone().find(usable).map(|index| Choice {
                index,
                next_cursor: None,
            }),
            Strategy::RoundRobin => {
                let offset = cursor % group.len();
                let mut turn = (members.start + offset..members.end)
                    .chain(members.start..members.start + offset);
                // The cursor moves past the one chosen, so that the neighbour of a resting
                // candidate does not get its share on top.
                turn.find(usable).map(|index| Choice {
                    index,
                    next_cursor: Some(index - members.start + 1),
                })
            }
            Strategy::WeightedRoundRobin => {
                let ready: Vec<(usize, u32)> = members
                    .clone()
                    .filter(usable)
                    .filter_map(|index| Some((index, contenders.get(index)?.weight())))
                    .collect();
                weighted(&ready, cursor).map(|index| Choice {
                    index,
                    next_cursor: Some(cursor.wrapping_add(1)),
                })
            }
        };
        if let Some(choice) = chosen {
            return Ok(choice);
        }
    }
    Err(why_none(contenders.len(), open, standing))
}

fn why_none(
    n: usize,
    open: impl Fn(&usize) -> bool,
    standing: impl Fn(usize) -> Standing,
) -> NoChoice {
    let mut soonest: Option<(DateTime<Utc>, Reason)> = None;
    let mut needs_login = false;
    for index in (0..n).filter(open) {
        match standing(index) {
            Standing::Cooling { until, reason } => {
                let sooner = soonest.filter(|&(best, _)| best <= until);
                soonest = sooner.or(Some((until, reason)));
            }
            Standing::NeedsLogin => needs_login = true,
            _ => {}
        }
    }
    match soonest {
        Some((until, reason)) => NoChoice::AllCooling { until, reason },
        None => NoChoice::Exhausted { needs_login },
    }
}

/// The owner of turn `cursor` when turns are dealt out smoothly by weight.
///
/// Dealing follows Sainte-Laguë (each turn goes to the largest `weight / (2·turns + 1)`), which
/// spreads the turns of heavy members evenly and gives each exactly its weight per period. It needs
/// no memory beside the cursor: where the dealing stands is computed from it.
fn weighted(ready: &[(usize, u32)], cursor: usize) -> Option<usize> {
    let period: u64 = ready.iter().map(|&(_, weight)| u64::from(weight)).sum();
    if period == 0 {
        return None;
    }
    let turn = cursor as u64 % period;
    // One below the exact share is never too many, so that dealing on from there is exact.
    let dealt: Vec<u64> = ready
        .iter()
        .map(|&(_, weight)| {
            let share = u128::from(weight) * u128::from(turn) / u128::from(period);
            u64::try_from(share).unwrap_or(u64::MAX).saturating_sub(1)
        })
        .collect();
    let missing = turn - dealt.iter().sum::<u64>();
    let mut queue: BinaryHeap<Claim> = ready
        .iter()
        .zip(dealt)
        .map(|(&(index, weight), turns)| Claim {
            weight,
            turns,
            index: Reverse(index),
        })
        .collect();
    for _ in 0..missing {
        if let Some(mut next) = queue.peek_mut() {
            next.turns += 1;
        }
    }
    queue.peek().map(|claim| claim.index.0)
}

/// A member's claim to the next turn; the greatest gets it.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    weight: u32,
    turns: u64,
    index: Reverse<usize>,
}

impl Ord for Claim {
    fn cmp(&self, other: &Self) -> Ordering {
        let quotient = |mine: &Self, theirs: &Self| {
            u128::from(mine.weight) * (2 * u128::from(theirs.turns) + 1)
        };
        quotient(self, other)
            .cmp(&quotient(other, self))
            .then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
