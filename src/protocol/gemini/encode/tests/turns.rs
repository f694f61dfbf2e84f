//! Order and roles of the conversation.

use super::*;

#[test]
fn e4_system_in_the_middle_is_wrapped() {
    let got = contents(vec![
        user("a"),
        Turn::new(Role::System, vec![Item::text("rule")]),
        assistant(vec![Item::text("b")]),
        user("c"),
    ]);
    assert_eq!(got[0]["role"], "user");
    assert_eq!(
        got[0]["parts"],
        json!([{"text": "a"}, {"text": "<system-reminder>\nrule\n</system-reminder>"}])
    );
    let roles: Vec<_> = got
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["role"].clone())
        .collect();
    assert_eq!(roles, ["user", "model", "user"]);
}

#[test]
fn e10_neighbouring_user_turns_merge() {
    let got = contents(vec![user("a"), user("b")]);
    assert_eq!(
        got,
        json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
    );
}

#[test]
fn e15_trailing_assistant_text_is_dropped() {
    let got = contents(vec![user("a"), assistant(vec![Item::text("Sure, ")])]);
    assert_eq!(got, json!([{"role": "user", "parts": [{"text": "a"}]}]));
}

#[test]
fn e17_a_history_that_starts_with_the_model_gets_an_empty_user_turn() {
    let got = contents(vec![assistant(vec![Item::text("Hello!")]), user("hi")]);
    assert_eq!(
        got,
        json!([
            {"role": "user", "parts": [{"text": ""}]},
            {"role": "model", "parts": [{"text": "Hello!"}]},
            {"role": "user", "parts": [{"text": "hi"}]},
        ])
    );
}

#[test]
fn e20_refusals_become_text() {
    let got = contents(vec![
        user("a"),
        assistant(vec![Item::Refusal("no".into())]),
        user("b"),
    ]);
    assert_eq!(got[1]["parts"], json!([{"text": "no"}]));
}

#[test]
fn e22_what_stands_between_call_and_result_moves_behind() {
    let got = contents(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}")]),
        user("are you there?"),
        results(vec![answer("c1", "x")]),
        user("next"),
    ]);
    assert_eq!(got[1]["parts"][0]["functionCall"]["name"], "f");
    assert_eq!(got[2]["parts"].as_array().unwrap().len(), 1);
    assert_eq!(got[2]["parts"][0]["functionResponse"]["name"], "f");
    assert_eq!(
        got[3]["parts"],
        json!([{"text": "are you there?"}, {"text": "next"}])
    );
}

#[test]
fn e30_interrupted_calls_get_a_result() {
    let got = contents(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}")]),
        user("stop, do this"),
    ]);
    assert_eq!(
        got[2]["parts"][0]["functionResponse"]["response"],
        json!({"output": "Tool result missing"})
    );
    // At the very end the call is left out.
    let got = contents(vec![user("go"), assistant(vec![call("c1", "f", "{}")])]);
    assert_eq!(got.as_array().unwrap().len(), 1);
}

#[test]
fn e37_e38_results_stand_in_call_order_in_one_content() {
    let got = contents(vec![
        user("go"),
        assistant(vec![
            call("c1", "f", "{}"),
            call("c2", "f", "{}"),
            call("c3", "g", "{}"),
        ]),
        results(vec![answer("c3", "3")]),
        assistant(vec![Item::text("between")]),
        results(vec![answer("c2", "2"), answer("c1", "1")]),
        user("next"),
    ]);
    let outputs: Vec<_> = got[2]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            part["functionResponse"]["response"]["output"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(outputs, ["1", "2", "3"]);
    assert_eq!(
        got[3],
        json!({"role": "model", "parts": [{"text": "between"}]})
    );
}

#[test]
fn e39_only_ids_of_google_go_back_and_none_to_vertex() {
    let list = |id: &str| {
        turns(vec![
            user("go"),
            assistant(vec![call(id, "f", "{}")]),
            results(vec![answer(id, "x")]),
        ])
    };
    for (upstream, id, want) in [
        (Upstream::default(), "8hd01vsf", Some("8hd01vsf")),
        (Upstream::default(), "call_0123456789abcdef01234567", None),
        (Upstream::default(), "toolu_01", None),
        (Upstream::vertex(), "8hd01vsf", None),
    ] {
        let body = upstream.body(&list(id));
        let ids = [
            &body["contents"][1]["parts"][0]["functionCall"]["id"],
            &body["contents"][2]["parts"][0]["functionResponse"]["id"],
        ];
        assert_eq!(ids.map(Value::as_str), [want, want], "{id}");
    }
}
