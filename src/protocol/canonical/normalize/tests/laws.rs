//! What holds for any history, however broken.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn item() -> impl Strategy<Value = Item> {
    let id = || prop::sample::select(vec!["", "a", "b", "c"]);
    let name = || prop::sample::select(vec!["f", "g"]);
    prop_oneof![
        prop::sample::select(vec!["", " ", "x", "y "]).prop_map(Item::text),
        (id(), name()).prop_map(|(id, name)| call(id, name)),
        (id(), prop::option::of(name())).prop_map(|(id, name)| named_result(id, name, "r")),
        prop::sample::select(vec![
            None,
            Some(SignatureIssuer::Anthropic),
            Some(SignatureIssuer::Gemini)
        ])
        .prop_map(thinking),
    ]
}

fn history() -> impl Strategy<Value = Request> {
    let role = prop::sample::select(vec![User, Assistant, Assistant, Tool, Tool, System]);
    let turn = (role, vec(item(), 0..4)).prop_map(|(role, mut items)| {
        // Decoders give calls to assistants and results to tool turns, and nothing else there.
        items.retain(|item| match item {
            Item::Call { .. } | Item::Reasoning { .. } => role == Assistant,
            Item::Result { .. } => role == Tool,
            _ => role != Tool,
        });
        Turn::new(role, items)
    });
    vec(turn, 0..9).prop_map(|turns| Request {
        turns,
        ..Request::default()
    })
}

fn calls(turn: &Turn) -> Vec<&str> {
    turn.items
        .iter()
        .filter_map(|item| match item {
            Item::Call { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect()
}

fn results(turn: &Turn) -> Vec<&str> {
    turn.items
        .iter()
        .filter_map(|item| match item {
            Item::Result { call_id, .. } => Some(call_id.as_str()),
            _ => None,
        })
        .collect()
}

proptest! {
    #[test]
    fn any_history_becomes_legal(history in history()) {
        for rules in [ANTHROPIC, GEMINI, CHAT] {
            let out = normalize(&history, rules);
            let turns = &out.turns;
            let shown = super::shown(&out);
            for (i, turn) in turns.iter().enumerate() {
                prop_assert!(!turn.items.is_empty(), "{shown:?}");
                let answers = results(turn);
                let first = turn.items.iter().take(answers.len());
                prop_assert!(
                    first.into_iter().all(|item| matches!(item, Item::Result { .. })),
                    "results stand first: {shown:?}"
                );
                let asked = match i.checked_sub(1) {
                    Some(before) => calls(&turns[before]),
                    None => Vec::new(),
                };
                // A call without result stands at the very end only.
                prop_assert_eq!(&answers, &asked, "{:?}", shown);
                if rules.merge_turns && i > 0 {
                    prop_assert!(turns[i - 1].role != turn.role, "{shown:?}");
                }
            }
            if let Some(last) = turns.last() {
                let no_end = rules.drop_trailing_call && !calls(last).is_empty();
                prop_assert!(!no_end, "{shown:?}");
            }
            let twice = normalize(&out, rules);
            prop_assert!(twice == out, "{shown:?} became {:?}", super::shown(&twice));
        }
    }
}
