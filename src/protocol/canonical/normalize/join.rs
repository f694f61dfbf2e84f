//! Neighbouring turns that belong together.

use super::NormalizeRules;
use crate::canonical::{Item, Role, Turn};

/// Joins neighbouring assistant turns that are pieces of one answer: calls (with their thinking)
/// behind the text they belong to, and thinking in front of what it led to. Protocols with one item
/// per entry (Responses) deliver them apart. With `calls_last` every neighbour joins.
///
/// Turns that use one call id twice stay apart: they are different rounds.
pub(super) fn join_assistants(turns: Vec<Turn>, rules: NormalizeRules) -> Vec<Turn> {
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns {
        let Some(last) = out.last_mut().filter(|last| {
            last.role == Role::Assistant
                && turn.role == Role::Assistant
                && (all(&turn, is_call_or_reasoning) || all(last, is_reasoning) || rules.calls_last)
                && !shares_call_id(last, &turn)
        }) else {
            out.push(turn);
            continue;
        };
        absorb(last, turn);
    }
    out
}

/// Merges neighbouring turns of one role.
pub(super) fn merge_roles(turns: Vec<Turn>) -> Vec<Turn> {
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns {
        match out.last_mut().filter(|last| last.role == turn.role) {
            Some(last) => absorb(last, turn),
            None => out.push(turn),
        }
    }
    out
}

/// Moves the calls of an assistant turn behind its other items, both in order.
pub(super) fn calls_to_end(turn: &mut Turn) {
    if turn.role == Role::Assistant {
        turn.items
            .sort_by_key(|item| matches!(item, Item::Call { .. }));
    }
}

fn absorb(last: &mut Turn, turn: Turn) {
    last.items.extend(turn.items);
    last.id = last.id.take().or(turn.id);
    last.name = last.name.take().or(turn.name);
    last.phase = last.phase.take().or(turn.phase);
}

fn all(turn: &Turn, is: fn(&Item) -> bool) -> bool {
    turn.items.iter().all(is)
}

fn is_reasoning(item: &Item) -> bool {
    matches!(item, Item::Reasoning { .. })
}

fn is_call_or_reasoning(item: &Item) -> bool {
    matches!(item, Item::Call { .. } | Item::Reasoning { .. })
}

fn shares_call_id(a: &Turn, b: &Turn) -> bool {
    call_ids(b).any(|id| call_ids(a).any(|other| other == id))
}

fn call_ids(turn: &Turn) -> impl Iterator<Item = &str> {
    turn.items.iter().filter_map(|item| match item {
        Item::Call { id, .. } if !id.is_empty() => Some(id.as_str()),
        _ => None,
    })
}
