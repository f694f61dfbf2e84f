//! Turns and their content.

use super::*;

#[test]
fn e1_leading_instructions_are_text_blocks_of_system() {
    let mut request = hi();
    request.system = vec![
        system("S1", SystemRank::System),
        system("D1", SystemRank::Developer),
        system("D2", SystemRank::Developer),
    ];
    let body = encode(&request);
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "S1"}, {"type": "text", "text": "D1"}, {"type": "text", "text": "D2"}])
    );
    assert_eq!(short(&body), ["u hi"]);
}

#[test]
fn e2_instructions_in_the_middle() {
    let request = request(vec![
        user(vec![marked("first")]),
        Turn::new(Role::System, vec![Item::text("rule")]),
        says("second"),
    ]);
    let body = encode(&request);
    assert_eq!(
        short(&body),
        ["u first|<system-reminder>\nrule\n</system-reminder>|second"]
    );
    let blocks = &body["messages"][0]["content"];
    assert_eq!(blocks[0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(blocks[1].get("cache_control"), None);

    let model = ModelTraits {
        mid_system: true,
        ..ModelTraits::default()
    };
    assert_eq!(
        short(&on(&request, &model)),
        ["u first", "s rule", "u second"]
    );
}

#[test]
fn e5_only_instructions_become_the_users_message() {
    let mut request = request(vec![]);
    request.system = vec![system("S", SystemRank::System)];
    let body = encode(&request);
    assert_eq!(short(&body), ["u S"]);
    assert_eq!(body.get("system"), None);
}

#[test]
fn e6_an_empty_turn_does_not_part_its_neighbours() {
    check(
        vec![says("q"), answers("a"), says(""), answers("b"), says("n")],
        &["u q", "a a|b", "u n"],
    );
}

#[test]
fn e7_blank_texts_are_dropped() {
    check(
        vec![
            user(vec![Item::text("  \n"), Item::text("q"), Item::text("")]),
            answers(" "),
            says("n"),
        ],
        &["u q|n"],
    );
}

#[test]
fn e10_neighbours_of_one_role_are_one_message() {
    let body = encode(&request(vec![user(vec![marked("a")]), says("b")]));
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "b"},
        ]}])
    );
}

#[test]
fn e13_calls_stand_last_and_results_follow() {
    check(
        vec![
            says("q"),
            assistant(vec![call("t")]),
            answers("text"),
            tool(vec![said("t", "ok")]),
        ],
        &["u q", "a text|call:t", "u result:t=ok"],
    );
}

#[test]
fn e14_white_space_at_the_end_of_a_prefill_is_cut() {
    check(
        vec![
            says("q"),
            assistant(vec![Item::text("one "), Item::text("two \n")]),
        ],
        &["u q", "a one |two"],
    );
    check(
        vec![says("q"), answers("a "), says("n")],
        &["u q", "a a ", "u n"],
    );
}

#[test]
fn e16_a_prefill_the_model_refuses_gets_a_user_turn_behind_it() {
    let request = request(vec![says("q"), answers("pre")]);
    assert_eq!(short(&encode(&request)), ["u q", "a pre"]);
    let model = ModelTraits {
        no_prefill: true,
        ..ModelTraits::default()
    };
    assert_eq!(short(&on(&request, &model)), ["u q", "a pre", "u Continue"]);
}

#[test]
fn a_history_that_begins_with_the_assistant_gets_an_opening() {
    let body = encode(&request(vec![answers("a"), says("b")]));
    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(short(&body)[1..], ["a a", "u b"]);
}

#[test]
fn e20_refusals_of_the_history_are_text() {
    check(
        vec![
            says("q"),
            assistant(vec![Item::Refusal("no".to_owned())]),
            says("n"),
        ],
        &["u q", "a no", "u n"],
    );
}

#[test]
fn e22_what_stands_between_call_and_result_moves_behind() {
    check(
        vec![
            says("q"),
            assistant(vec![call("t")]),
            says("between"),
            tool(vec![said("t", "ok")]),
            says("next"),
        ],
        &["u q", "a call:t", "u result:t=ok|between|next"],
    );
}

#[test]
fn e24_results_come_first_in_their_message() {
    check(
        vec![
            says("q"),
            assistant(vec![call("t")]),
            tool(vec![said("t", "ok")]),
            says("continue"),
        ],
        &["u q", "a call:t", "u result:t=ok|continue"],
    );
}

#[test]
fn e25_parallel_results_are_one_message_in_call_order() {
    let mut first = said("a", "1");
    if let Item::Result { cache, .. } = &mut first {
        *cache = Some(CacheMark { ttl: None });
    }
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![call("a"), call("b")]),
        tool(vec![said("b", "2")]),
        tool(vec![first]),
        answers("Done."),
        says("n"),
    ]));
    assert_eq!(
        short(&body),
        [
            "u q",
            "a call:a|call:b",
            "u result:a=1|result:b=2",
            "a Done.",
            "u n"
        ]
    );
    assert!(body["messages"][2]["content"][0]["cache_control"].is_object());
}

#[test]
fn e26_e29_results_answer_one_call_each() {
    check(
        vec![
            says("q"),
            assistant(vec![call("t")]),
            tool(vec![said("t", "first"), said("orphan", "x")]),
            says("more"),
            tool(vec![said("t", "final")]),
        ],
        &["u q", "a call:t", "u result:t=final|more"],
    );
}

#[test]
fn e27_ids_may_be_used_again_in_later_rounds() {
    check(
        vec![
            says("q"),
            assistant(vec![call("t")]),
            tool(vec![said("t", "1")]),
            assistant(vec![call("t")]),
            tool(vec![said("t", "2")]),
        ],
        &[
            "u q",
            "a call:t",
            "u result:t=1",
            "a call:t",
            "u result:t=2",
        ],
    );
}

#[test]
fn e30_missing_results_are_put_in_as_errors() {
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![call("t")]),
        says("n"),
    ]));
    assert_eq!(
        short(&body),
        ["u q", "a call:t", "u result:t=Tool result missing|n"]
    );
    assert_eq!(body["messages"][2]["content"][0]["is_error"], true);
}

#[test]
fn e32_empty_results_have_no_content() {
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![call("t")]),
        tool(vec![result("t", vec![])]),
    ]));
    assert_eq!(
        body["messages"][2]["content"],
        json!([{"type": "tool_result", "tool_use_id": "t"}])
    );
}

#[test]
fn results_may_be_objects() {
    let mut item = result("t", vec![]);
    if let Item::Result { object, .. } = &mut item {
        *object = Some(RawJson::from(json!({"output": 5})));
    }
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![call("t")]),
        tool(vec![item]),
    ]));
    assert_eq!(
        body["messages"][2]["content"][0]["content"],
        json!([{"type": "text", "text": "{\"output\":5}"}])
    );
}

#[test]
fn e40_call_ids_are_made_of_legal_characters() {
    check(
        vec![
            says("q"),
            assistant(vec![call("call.with space:1")]),
            tool(vec![said("call.with space:1", "ok")]),
        ],
        &[
            "u q",
            "a call:call_with_space_1",
            "u result:call_with_space_1=ok",
        ],
    );
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![call("")]),
        tool(vec![said("", "ok")]),
    ]));
    let id = body["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("toolu_") && id.len() > 6);
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], *id);
}

#[test]
fn e45_arguments_are_always_an_object() {
    for (arguments, want) in [
        (
            r#"{"city":"SF",}"#,
            json!({"raw_arguments": r#"{"city":"SF",}"#}),
        ),
        (
            r#"{"a":1}{"b":2}"#,
            json!({"raw_arguments": r#"{"a":1}{"b":2}"#}),
        ),
        (r#"{"a":"b"#, json!({"a": "b"})),
        (r#""abc""#, json!({"input": "abc"})),
        ("", json!({})),
    ] {
        let body = encode(&request(vec![
            says("q"),
            assistant(vec![call_with("t", arguments)]),
            tool(vec![said("t", "ok")]),
        ]));
        assert_eq!(body["messages"][1]["content"][0]["input"], want);
    }
}
