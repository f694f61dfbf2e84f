//! Results find their calls (`matrix.md` §4.2, steps 1–3).

use super::{MISSING_RESULT, MissingResults, NormalizeRules};
use crate::canonical::{CallKind, Item, ResultKind, Role, Turn};
use std::collections::{HashMap, HashSet};

/// Gives calls without id one made of their place. Results without id are bound later, by place.
pub(super) fn make_ids(turns: &mut [Turn], prefix: &str) {
    let mut taken: HashSet<String> = HashSet::new();
    for item in turns.iter().flat_map(|turn| &turn.items) {
        if let Item::Call { id, .. } = item {
            taken.insert(id.clone());
        }
    }
    for (t, turn) in turns.iter_mut().enumerate() {
        for (i, item) in turn.items.iter_mut().enumerate() {
            if let Item::Call { id, .. } = item
                && id.is_empty()
            {
                let mut made = format!("{prefix}{t}_{i}");
                while !taken.insert(made.clone()) {
                    made.push('_');
                }
                *id = made;
            }
        }
    }
}

/// One call that stays in the history.
struct Call {
    turn: usize,
    id: String,
    name: String,
    kind: CallKind,
    result: Option<Item>,
}

/// A result on its way to a call.
struct Loose {
    /// Index of the turn it stood in: only calls of earlier turns can be meant.
    turn: usize,
    item: Item,
}

/// Takes all results out of their turns and puts them behind the turns of their calls, in call
/// order. Results without a call and calls that cannot be told apart are dropped.
pub(super) fn bind_results(mut turns: Vec<Turn>, rules: NormalizeRules) -> Vec<Turn> {
    let mut calls: Vec<Call> = Vec::new();
    let mut waiting: Vec<Loose> = Vec::new();
    // `None`: the id was used by several calls of one turn, its results have no home (E-28).
    let mut latest: HashMap<String, Option<usize>> = HashMap::new();
    for (t, turn) in turns.iter_mut().enumerate() {
        drop_ambiguous(turn, &mut latest);
        for item in &turn.items {
            if let Item::Call { id, name, kind, .. } = item {
                if !id.is_empty() {
                    latest.insert(id.clone(), Some(calls.len()));
                }
                calls.push(Call {
                    turn: t,
                    id: id.clone(),
                    name: name.clone(),
                    kind: *kind,
                    result: None,
                });
            }
        }
        for item in turn
            .items
            .extract_if(.., |item| matches!(item, Item::Result { .. }))
        {
            let Item::Result { call_id, .. } = &item else {
                continue;
            };
            if call_id.is_empty() {
                waiting.push(Loose { turn: t, item });
            } else if let Some(Some(at)) = latest.get(call_id) {
                answer(&mut calls[*at], item);
            }
        }
    }
    // Results with ids have taken theirs; the others go by name, then by place (E-31, E-33, E-34).
    let nameless = bind_waiting(&mut calls, waiting, |call, name| {
        name.is_some_and(|name| name == call.name)
    });
    bind_waiting(&mut calls, nameless, |_, _| true);
    rebuild(turns, calls, rules)
}

/// Removes calls that share an id inside one turn.
fn drop_ambiguous(turn: &mut Turn, latest: &mut HashMap<String, Option<usize>>) {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut twice: HashSet<String> = HashSet::new();
    for item in &turn.items {
        if let Item::Call { id, .. } = item
            && !id.is_empty()
            && !seen.insert(id)
        {
            twice.insert(id.clone());
        }
    }
    if twice.is_empty() {
        return;
    }
    turn.items
        .retain(|item| !matches!(item, Item::Call { id, .. } if twice.contains(id)));
    latest.extend(twice.into_iter().map(|id| (id, None)));
}

/// Binds each result to the first open call of the group before it that `fits`; returns the rest.
fn bind_waiting(
    calls: &mut [Call],
    waiting: Vec<Loose>,
    fits: fn(&Call, Option<&str>) -> bool,
) -> Vec<Loose> {
    let mut rest = Vec::new();
    for Loose { turn, item } in waiting {
        let end = calls.partition_point(|call| call.turn < turn);
        let group = calls[..end].last().map(|call| call.turn);
        let name = match &item {
            Item::Result { name, .. } => name.as_deref(),
            _ => None,
        };
        let open = calls[..end]
            .iter_mut()
            .find(|call| Some(call.turn) == group && call.result.is_none() && fits(call, name));
        match open {
            Some(call) => answer(call, item),
            None => rest.push(Loose { turn, item }),
        }
    }
    rest
}

/// Records `item` as the answer; of several the last one counts (E-26), a cache mark survives.
fn answer(call: &mut Call, mut item: Item) {
    if let Item::Result {
        call_id,
        name,
        kind,
        cache,
        ..
    } = &mut item
    {
        call_id.clone_from(&call.id);
        *name = Some(call.name.clone());
        *kind = result_kind(call.kind);
        if let Some(Item::Result { cache: earlier, .. }) = &mut call.result {
            *cache = cache.take().or(earlier.take());
        }
    }
    call.result = Some(item);
}

fn result_kind(kind: CallKind) -> ResultKind {
    match kind {
        CallKind::Function => ResultKind::Function,
        CallKind::Custom => ResultKind::Custom,
    }
}

fn rebuild(mut turns: Vec<Turn>, calls: Vec<Call>, rules: NormalizeRules) -> Vec<Turn> {
    let mut answered: HashSet<usize> = HashSet::new();
    let mut results: Vec<Vec<Call>> = Vec::new();
    results.resize_with(turns.len(), Vec::new);
    for call in calls {
        if call.result.is_some() {
            answered.insert(call.turn);
        }
        results[call.turn].push(call);
    }
    cut_end(&mut turns, &answered, rules);
    let last = turns.iter().rposition(|turn| !turn.items.is_empty());
    let mut out = Vec::with_capacity(turns.len() + answered.len());
    for (t, (mut turn, calls)) in turns.into_iter().zip(results).enumerate() {
        if turn.items.is_empty() {
            continue;
        }
        // Results were all a tool turn may hold; what else stood there is the user's.
        if turn.role == Role::Tool {
            turn.role = Role::User;
        }
        out.push(turn);
        let goes_on = answered.contains(&t) || last.is_some_and(|last| t < last);
        let items: Vec<Item> = calls
            .into_iter()
            .filter_map(|call| {
                call.result
                    .or_else(|| missing(call.id, call.name, call.kind, goes_on, rules))
            })
            .collect();
        if !items.is_empty() {
            out.push(Turn::new(Role::Tool, items));
        }
    }
    out
}

/// Takes away what may not stand at the end: prefill and unanswered calls.
fn cut_end(turns: &mut Vec<Turn>, answered: &HashSet<usize>, rules: NormalizeRules) {
    while let Some(at) = turns.len().checked_sub(1) {
        let last = &mut turns[at];
        let calls = last
            .items
            .iter()
            .any(|item| matches!(item, Item::Call { .. }));
        if calls && rules.drop_trailing_call && !answered.contains(&at) {
            last.items.retain(|item| !matches!(item, Item::Call { .. }));
        } else if last.items.is_empty()
            || (rules.drop_prefill
                && last.role == Role::Assistant
                && last.items.iter().all(is_words))
        {
            turns.pop();
        } else {
            return;
        }
    }
}

fn is_words(item: &Item) -> bool {
    matches!(
        item,
        Item::Text { .. } | Item::Refusal(_) | Item::Reasoning { .. }
    )
}

fn missing(
    id: String,
    name: String,
    kind: CallKind,
    goes_on: bool,
    rules: NormalizeRules,
) -> Option<Item> {
    let is_error = match rules.missing_results {
        MissingResults::Leave => return None,
        _ if !goes_on => return None,
        MissingResults::Insert => false,
        MissingResults::InsertAsError => true,
    };
    Some(Item::Result {
        call_id: id,
        name: Some(name),
        content: vec![Item::text(MISSING_RESULT)],
        object: None,
        is_error,
        kind: result_kind(kind),
        cache: None,
    })
}
