mod laws;

use super::*;
use crate::canonical::{CacheMark, CallKind, ResultKind, Signature, SignaturePlace, SystemRank};
use crate::testing::marked;
use Role::{Assistant, Developer, System, Tool, User};

const ANTHROPIC: NormalizeRules = NormalizeRules {
    merge_turns: true,
    drop_prefill: false,
    drop_trailing_call: false,
    missing_results: MissingResults::InsertAsError,
    calls_last: true,
    results_as_user: true,
    wrap_system: true,
    drop_blank_text: true,
    trim_prefill: true,
    continue_prefill: false,
    reasoning: KeepReasoning::SignedBy(SignatureIssuer::Anthropic),
    only_native_of: Some(Dialect::Anthropic),
    make_ids: Some("toolu_"),
};

const GEMINI: NormalizeRules = NormalizeRules {
    merge_turns: true,
    drop_prefill: true,
    drop_trailing_call: true,
    missing_results: MissingResults::Insert,
    calls_last: false,
    results_as_user: false,
    wrap_system: true,
    drop_blank_text: false,
    trim_prefill: false,
    continue_prefill: false,
    reasoning: KeepReasoning::SignedBy(SignatureIssuer::Gemini),
    only_native_of: Some(Dialect::Gemini),
    make_ids: None,
};

const CHAT: NormalizeRules = NormalizeRules {
    merge_turns: false,
    drop_prefill: false,
    drop_trailing_call: false,
    missing_results: MissingResults::Insert,
    calls_last: false,
    results_as_user: false,
    wrap_system: false,
    drop_blank_text: false,
    trim_prefill: false,
    continue_prefill: false,
    reasoning: KeepReasoning::None,
    only_native_of: Some(Dialect::OpenAiChat),
    make_ids: Some("call_"),
};

fn t(text: &str) -> Item {
    Item::text(text)
}

fn call(id: &str, name: &str) -> Item {
    crate::testing::call(id, name, "{}")
}

fn result(id: &str, text: &str) -> Item {
    named_result(id, None, text)
}

fn named_result(id: &str, name: Option<&str>, text: &str) -> Item {
    Item::Result {
        call_id: id.into(),
        name: name.map(str::to_owned),
        content: vec![t(text)],
        object: None,
        is_error: false,
        kind: ResultKind::Function,
        cache: None,
    }
}

fn thinking(issuer: Option<SignatureIssuer>) -> Item {
    Item::Reasoning {
        text: "hm".into(),
        summary: Vec::new(),
        signature: issuer.map(|issuer| Signature {
            issuer,
            value: "sig".into(),
            place: SignaturePlace::Here,
        }),
        redacted: false,
        id: None,
    }
}

fn turn<const N: usize>(role: Role, items: [Item; N]) -> Turn {
    Turn::new(role, items.into())
}

fn request<const N: usize>(turns: [Turn; N]) -> Request {
    Request {
        turns: turns.into(),
        ..Request::default()
    }
}

/// One line per turn: role letter, then items: `text`, `text!` marked, `name#id` a call,
/// `=id:text` a result (`=!` failed), `~` thinking.
fn shown(request: &Request) -> Vec<String> {
    request.turns.iter().map(show_turn).collect()
}

fn show_turn(turn: &Turn) -> String {
    let role = match turn.role {
        User => "U",
        Assistant => "A",
        Tool => "T",
        System => "S",
        Developer => "D",
    };
    let items: Vec<String> = turn.items.iter().map(show_item).collect();
    format!("{role} {}", items.join(" | "))
}

fn show_item(item: &Item) -> String {
    match item {
        Item::Text { text, cache, .. } => {
            format!("{text}{}", if cache.is_some() { "!" } else { "" })
        }
        Item::Call { id, name, .. } => format!("{name}#{id}"),
        Item::Result {
            call_id,
            content,
            is_error,
            cache,
            ..
        } => {
            let content: Vec<String> = content.iter().map(show_item).collect();
            format!(
                "={}{call_id}:{}{}",
                if *is_error { "!" } else { "" },
                content.join("+"),
                if cache.is_some() { "!" } else { "" }
            )
        }
        Item::Reasoning { .. } => "~".into(),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn check<const N: usize>(rules: NormalizeRules, turns: [Turn; N], want: &[&str]) {
    let once = normalize(&request(turns), rules);
    assert_eq!(shown(&once), want);
    let twice = normalize(&once, rules);
    assert_eq!(shown(&twice), want, "a second pass changes nothing");
}

#[test]
fn e2_system_in_the_middle_is_wrapped_in_place() {
    check(
        ANTHROPIC,
        [
            turn(User, [marked("first")]),
            turn(System, [t("rule")]),
            turn(User, [t("second")]),
        ],
        &["U first! | <system-reminder>\nrule\n</system-reminder> | second"],
    );
    let in_place = NormalizeRules {
        wrap_system: false,
        ..ANTHROPIC
    };
    check(
        in_place,
        [
            turn(User, [t("first")]),
            turn(System, [t("rule")]),
            turn(User, [t("second")]),
        ],
        &["U first", "S rule", "U second"],
    );
}

#[test]
fn e5_only_system_text_becomes_the_user_turn() {
    let mut only_system = request([turn(User, [t("")])]);
    for text in ["a", "b", ""] {
        only_system.system.push(SystemBlock {
            text: text.into(),
            rank: SystemRank::System,
            cache: None,
        });
    }
    let out = normalize(&only_system, ANTHROPIC);
    assert_eq!(shown(&out), ["U b"]);
    assert_eq!(out.system.len(), 1);
    assert_eq!(out.system[0].text, "a");
}

#[test]
fn e6_empty_user_turn_lets_assistant_turns_meet() {
    check(
        ANTHROPIC,
        [
            turn(Assistant, [t("a")]),
            turn(User, [t("")]),
            turn(Assistant, [t("b")]),
            turn(User, [t("c")]),
        ],
        &["A a | b", "U c"],
    );
}

#[test]
fn e7_blank_texts_go_where_they_are_refused() {
    let turns = || {
        [
            turn(User, [t("x"), t(" \n"), t("")]),
            turn(Assistant, [t("\t")]),
            turn(User, [t("y")]),
        ]
    };
    check(ANTHROPIC, turns(), &["U x | y"]);
    check(CHAT, turns(), &["U x |  \n", "A \t", "U y"]);
}

#[test]
fn e8_empty_parts_leave_no_hole() {
    check(
        GEMINI,
        [turn(User, [t(""), t("hello"), t("")])],
        &["U hello"],
    );
}

#[test]
fn e9_assistant_turn_of_a_call_has_no_empty_text() {
    check(
        CHAT,
        [
            turn(User, [t("q")]),
            turn(Assistant, [t(""), call("c", "f")]),
            turn(Tool, [result("c", "r")]),
        ],
        &["U q", "A f#c", "T =c:r"],
    );
}

#[test]
fn e10_merging_by_upstream() {
    let turns = || [turn(User, [marked("a")]), turn(User, [t("b")])];
    check(ANTHROPIC, turns(), &["U a! | b"]);
    check(GEMINI, turns(), &["U a! | b"]);
    check(CHAT, turns(), &["U a!", "U b"]);
}

#[test]
fn e13_text_between_call_and_result() {
    let turns = || {
        [
            turn(User, [t("q")]),
            turn(Assistant, [call("c", "f")]),
            turn(Assistant, [t("note")]),
            turn(Tool, [result("c", "r")]),
            turn(User, [t("go on")]),
        ]
    };
    check(
        ANTHROPIC,
        turns(),
        &["U q", "A note | f#c", "U =c:r | go on"],
    );
    check(
        CHAT,
        turns(),
        &["U q", "A f#c", "T =c:r", "A note", "U go on"],
    );
}

#[test]
fn e14_trailing_white_space_of_a_prefill() {
    check(
        ANTHROPIC,
        [
            turn(User, [t("q")]),
            turn(Assistant, [t("one "), t("two \n")]),
        ],
        &["U q", "A one  | two"],
    );
    check(
        ANTHROPIC,
        [turn(Assistant, [t("two ")]), turn(User, [t("q ")])],
        &["A two ", "U q "],
    );
}

#[test]
fn e15_prefill_dropped() {
    check(
        GEMINI,
        [
            turn(User, [t("q")]),
            turn(Assistant, [t("a")]),
            turn(Assistant, [t("b")]),
        ],
        &["U q"],
    );
}

#[test]
fn e16_refused_prefill_gets_a_user_turn() {
    let rules = NormalizeRules {
        continue_prefill: true,
        ..ANTHROPIC
    };
    check(
        rules,
        [turn(User, [t("q")]), turn(Assistant, [t("a")])],
        &["U q", "A a", "U Continue"],
    );
    check(
        rules,
        [
            turn(User, [t("q")]),
            turn(Assistant, [t("a"), call("c", "f")]),
        ],
        &["U q", "A a | f#c"],
    );
}

#[test]
fn e22_turn_between_call_and_result_moves_behind() {
    let turns = || {
        [
            turn(Assistant, [call("a", "f"), call("b", "g")]),
            turn(Tool, [result("a", "1")]),
            turn(User, [t("wait")]),
            turn(Tool, [result("b", "2")]),
            turn(User, [t("next")]),
        ]
    };
    check(
        CHAT,
        turns(),
        &["A f#a | g#b", "T =a:1 | =b:2", "U wait", "U next"],
    );
    check(
        ANTHROPIC,
        turns(),
        &["A f#a | g#b", "U =a:1 | =b:2 | wait | next"],
    );
    check(
        GEMINI,
        turns(),
        &["A f#a | g#b", "T =a:1 | =b:2", "U wait | next"],
    );
}

#[test]
fn e24_results_stand_first_in_the_user_turn() {
    check(
        ANTHROPIC,
        [
            turn(Assistant, [call("c", "f")]),
            turn(User, [t("before"), result("c", "r"), t("after")]),
        ],
        &["A f#c", "U =c:r | before | after"],
    );
}

#[test]
fn e25_parallel_results_in_one_turn_in_call_order() {
    let mut first = result("a", "1");
    if let Item::Result { cache, .. } = &mut first {
        *cache = Some(CacheMark { ttl: None });
    }
    check(
        ANTHROPIC,
        [
            turn(Assistant, [call("a", "f"), call("b", "g")]),
            turn(Tool, [result("b", "2")]),
            turn(Tool, [first]),
            turn(Assistant, [t("Done.")]),
        ],
        &["A f#a | g#b", "U =a:1! | =b:2", "A Done."],
    );
}

#[test]
fn e26_last_of_several_results_at_the_first_place() {
    check(
        CHAT,
        [
            turn(Assistant, [call("dup", "f")]),
            turn(Tool, [result("dup", "first")]),
            turn(User, [t("x")]),
            turn(Tool, [result("dup", "final")]),
        ],
        &["A f#dup", "T =dup:final", "U x"],
    );
}

#[test]
fn e27_id_used_again_in_a_later_round() {
    check(
        CHAT,
        [
            turn(Assistant, [call("r", "f")]),
            turn(Tool, [result("r", "1")]),
            turn(Assistant, [call("r", "g")]),
            turn(Tool, [result("r", "2")]),
        ],
        &["A f#r", "T =r:1", "A g#r", "T =r:2"],
    );
}

#[test]
fn e28_calls_that_share_an_id_go_with_their_results() {
    check(
        CHAT,
        [
            turn(User, [t("q")]),
            turn(Assistant, [call("d", "f"), call("d", "g"), call("e", "h")]),
            turn(Tool, [result("d", "1"), result("d", "2"), result("e", "3")]),
        ],
        &["U q", "A h#e", "T =e:3"],
    );
}

#[test]
fn e29_result_without_call_is_dropped() {
    check(
        CHAT,
        [
            turn(Tool, [result("gone", "1")]),
            turn(User, [t("q")]),
            turn(Tool, [result("late", "2")]),
            turn(Assistant, [call("late", "f")]),
        ],
        &["U q", "A f#late"],
    );
}

#[test]
fn e30_missing_result_is_inserted_when_turns_follow() {
    let turns = || {
        [
            turn(User, [t("q")]),
            turn(Assistant, [call("a", "f"), call("b", "g")]),
            turn(Tool, [result("b", "2")]),
            turn(Assistant, [call("c", "h")]),
            turn(User, [t("stop")]),
        ]
    };
    let missing = "=a:Tool result missing";
    check(
        CHAT,
        turns(),
        &[
            "U q",
            "A f#a | g#b",
            &format!("T {missing} | =b:2"),
            "A h#c",
            "T =c:Tool result missing",
            "U stop",
        ],
    );
    check(
        ANTHROPIC,
        turns(),
        &[
            "U q",
            "A f#a | g#b",
            "U =!a:Tool result missing | =b:2",
            "A h#c",
            "U =!c:Tool result missing | stop",
        ],
    );
    let leave = NormalizeRules {
        missing_results: MissingResults::Leave,
        ..CHAT
    };
    check(
        leave,
        turns(),
        &["U q", "A f#a | g#b", "T =b:2", "A h#c", "U stop"],
    );
}

#[test]
fn call_at_the_very_end_stays_or_goes() {
    let turns = || {
        [
            turn(User, [t("q")]),
            turn(Assistant, [t("so"), call("c", "f")]),
            turn(Tool, [result("other", "x")]),
        ]
    };
    check(CHAT, turns(), &["U q", "A so | f#c"]);
    check(ANTHROPIC, turns(), &["U q", "A so | f#c"]);
    check(GEMINI, turns(), &["U q"]);
}

#[test]
fn e31_result_without_id_goes_to_the_next_open_call() {
    check(
        CHAT,
        [
            turn(Assistant, [call("a", "f"), call("b", "g")]),
            turn(Tool, [result("", "1")]),
            turn(Tool, [result("", "2")]),
            turn(Tool, [result("", "3")]),
        ],
        &["A f#a | g#b", "T =a:1 | =b:2"],
    );
}

#[test]
fn e32_empty_result_stays_a_result() {
    check(
        CHAT,
        [
            turn(Assistant, [call("a", "f")]),
            turn(Tool, [result("a", "")]),
        ],
        &["A f#a", "T =a:"],
    );
}

#[test]
fn e33_results_without_ids_are_bound_by_name_in_order() {
    let results = [("b", "b1"), ("a", "a1"), ("b", "b2"), ("a", "a2")]
        .map(|(name, text)| named_result("", Some(name), text));
    check(
        CHAT,
        [
            turn(
                Assistant,
                [call("", "a"), call("", "b"), call("", "a"), call("", "b")],
            ),
            turn(Tool, results),
        ],
        &[
            "A a#call_0_0 | b#call_0_1 | a#call_0_2 | b#call_0_3",
            "T =call_0_0:a1 | =call_0_1:b1 | =call_0_2:a2 | =call_0_3:b2",
        ],
    );
}

#[test]
fn e34_results_with_ids_take_theirs_first() {
    check(
        CHAT,
        [
            turn(
                Assistant,
                [call("c1", "foo"), call("c2", "foo"), call("c3", "foo")],
            ),
            turn(
                Tool,
                [
                    named_result("", Some("foo"), "x"),
                    named_result("c1", Some("foo"), "y"),
                    named_result("", Some("foo"), "z"),
                ],
            ),
        ],
        &["A foo#c1 | foo#c2 | foo#c3", "T =c1:y | =c2:x | =c3:z"],
    );
}

#[test]
fn e35_made_ids_are_stable_and_distinct() {
    let history = request([
        turn(User, [t("q")]),
        turn(
            Assistant,
            [call("", "f"), call("", "f"), call("call_1_0", "f")],
        ),
    ]);
    let first = normalize(&history, CHAT);
    assert_eq!(
        shown(&first),
        ["U q", "A f#call_1_0_ | f#call_1_1 | f#call_1_0"]
    );
    assert_eq!(normalize(&history, CHAT), first);
}

#[test]
fn e36_empty_names_are_filled_by_place() {
    let out = normalize(
        &request([
            turn(Assistant, [call("", "Read"), call("", "Grep")]),
            turn(
                Tool,
                [
                    named_result("", Some(""), "1"),
                    named_result("", Some(""), "2"),
                    named_result("", Some(""), "surplus"),
                ],
            ),
        ]),
        GEMINI,
    );
    let names: Vec<_> = out.turns[1]
        .items
        .iter()
        .map(|item| match item {
            Item::Result { name, .. } => name.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(names, [Some("Read"), Some("Grep")]);
}

#[test]
fn e37_reversed_results_of_one_function() {
    check(
        GEMINI,
        [
            turn(Assistant, [call("a", "f"), call("b", "f")]),
            turn(Tool, [result("b", "2"), result("a", "1")]),
        ],
        &["A f#a | f#b", "T =a:1 | =b:2"],
    );
}

#[test]
fn e38_results_separated_by_other_items_are_grouped() {
    check(
        GEMINI,
        [
            turn(Assistant, [call("a", "f")]),
            turn(Assistant, [call("b", "g")]),
            turn(Tool, [result("b", "2")]),
            turn(Assistant, [t("thinking aloud")]),
            turn(Tool, [result("a", "1")]),
            turn(User, [t("next")]),
        ],
        &["A f#a | g#b", "T =a:1 | =b:2", "A thinking aloud", "U next"],
    );
}

#[test]
fn e47_unsigned_thinking_alone_vanishes() {
    for rules in [CHAT, GEMINI] {
        check(
            rules,
            [
                turn(User, [t("q")]),
                turn(Assistant, [thinking(None)]),
                turn(User, [t("r")]),
            ],
            if rules.merge_turns {
                &["U q | r"]
            } else {
                &["U q", "U r"]
            },
        );
    }
}

#[test]
fn e48_thinking_of_another_issuer_is_dropped() {
    use SignatureIssuer::{Anthropic, OpenAi, Unknown};
    for (issuer, rules, want) in [
        (OpenAi, ANTHROPIC, "A a"),
        (Anthropic, ANTHROPIC, "A ~ | a"),
        (Unknown, ANTHROPIC, "A a"),
        (Unknown, GEMINI, "A ~ | a"),
        (Anthropic, CHAT, "A a"),
    ] {
        check(
            rules,
            [
                turn(Assistant, [thinking(Some(issuer)), t("a")]),
                turn(User, [t("q")]),
            ],
            &[want, "U q"],
        );
    }
}

#[test]
fn foreign_signatures_leave_calls_in_place() {
    let mut signed = call("c", "f");
    if let Item::Call { signature, .. } = &mut signed {
        *signature = Some(Signature {
            issuer: SignatureIssuer::Gemini,
            value: "s".into(),
            place: SignaturePlace::Here,
        });
    }
    let history = request([turn(Assistant, [signed.clone()])]);
    assert_eq!(
        normalize(&history, ANTHROPIC).turns[0].items[0],
        call("c", "f")
    );
    let gemini = NormalizeRules {
        drop_trailing_call: false,
        ..GEMINI
    };
    assert_eq!(normalize(&history, gemini).turns[0].items[0], signed);
}

#[test]
fn result_takes_kind_of_its_call() {
    let mut custom = call("c", "apply_patch");
    if let Item::Call { kind, .. } = &mut custom {
        *kind = CallKind::Custom;
    }
    let out = normalize(
        &request([turn(Assistant, [custom]), turn(Tool, [result("c", "ok")])]),
        CHAT,
    );
    assert!(matches!(
        &out.turns[1].items[0],
        Item::Result { kind: ResultKind::Custom, name: Some(name), .. } if name == "apply_patch"
    ));
}

#[test]
fn reasoning_and_calls_of_separate_items_form_one_turn() {
    let rules = NormalizeRules {
        reasoning: KeepReasoning::All,
        ..CHAT
    };
    check(
        rules,
        [
            turn(User, [t("q")]),
            turn(Assistant, [thinking(None)]),
            turn(Assistant, [t("I look")]),
            turn(Assistant, [call("a", "f")]),
            turn(Assistant, [call("b", "g")]),
            turn(Tool, [result("a", "1")]),
            turn(Tool, [result("b", "2")]),
        ],
        &["U q", "A ~ | I look | f#a | g#b", "T =a:1 | =b:2"],
    );
}

#[test]
fn gemini_signatures_return_to_their_parts() {
    let carrier = |value: &str, place| Item::Reasoning {
        text: String::new(),
        summary: Vec::new(),
        signature: Some(Signature {
            issuer: SignatureIssuer::Gemini,
            value: value.into(),
            place,
        }),
        redacted: false,
        id: None,
    };
    let history = request([
        turn(
            Assistant,
            [
                carrier("s1", SignaturePlace::NextText),
                t("text"),
                carrier("s2", SignaturePlace::NextCall),
            ],
        ),
        turn(Assistant, [call("a", "f"), call("b", "f")]),
        turn(Assistant, [carrier("s3", SignaturePlace::NextCall)]),
        turn(Tool, [result("a", "1"), result("b", "2")]),
    ]);
    let out = normalize(&history, GEMINI);
    assert_eq!(shown(&out), ["A text | f#a | f#b | ~", "T =a:1 | =b:2"]);
    let signatures: Vec<_> = out.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Text { signature, .. }
            | Item::Call { signature, .. }
            | Item::Reasoning { signature, .. } => {
                signature.as_ref().map(|s| (s.value.as_str(), s.place))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        signatures,
        [
            Some(("s1", SignaturePlace::Here)),
            Some(("s2", SignaturePlace::Here)),
            None,
            Some(("s3", SignaturePlace::Detached)),
        ]
    );
}
