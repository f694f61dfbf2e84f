//! Thinking of the history.

use super::*;

#[test]
fn e46_a_loop_without_signed_thinking_goes_without() {
    let turns = |items: Vec<Item>| {
        let mut items = items;
        items.push(call("t"));
        vec![says("q"), assistant(items), tool(vec![said("t", "ok")])]
    };
    let wish = |items| thinking_wish(ReasoningIntent::Budget(2048), request(turns(items)));
    let body = on(&wish(vec![]), &budgets());
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    // Foreign thinking does not count.
    let body = on(
        &wish(vec![thinking("x", SignatureIssuer::OpenAi)]),
        &budgets(),
    );
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    // The replay store brought the block back.
    let body = on(
        &wish(vec![thinking("x", SignatureIssuer::Anthropic)]),
        &budgets(),
    );
    assert_eq!(body["thinking"]["type"], "enabled");
    assert_eq!(body["messages"][1]["content"][0]["type"], "thinking");
    // Nor does it matter once the user spoke again.
    let mut request = wish(vec![]);
    request.turns.push(answers("done"));
    request.turns.push(says("next"));
    assert_eq!(on(&request, &budgets())["thinking"]["type"], "enabled");
    // Adaptive models do not ask for earlier thinking.
    assert_eq!(
        on(&wish(vec![]), &adaptive())["thinking"]["type"],
        "adaptive"
    );
}

#[test]
fn e46_the_first_message_of_a_loop_keeps_it_thinking() {
    let request = request(vec![
        says("q"),
        assistant(vec![thinking("x", SignatureIssuer::Anthropic), call("a")]),
        tool(vec![said("a", "1")]),
        assistant(vec![call("b")]),
        tool(vec![said("b", "2")]),
    ]);
    let body = on(
        &thinking_wish(ReasoningIntent::Budget(2048), request),
        &budgets(),
    );
    assert_eq!(body["thinking"]["type"], "enabled");
}

#[test]
fn e48_thinking_of_others_is_dropped_with_its_summary() {
    let item = Item::Reasoning {
        text: String::new(),
        summary: vec!["secret".to_owned()],
        signature: Some(Signature {
            issuer: SignatureIssuer::OpenAi,
            value: "gAAAA".to_owned(),
            place: SignaturePlace::Here,
        }),
        redacted: false,
        id: None,
    };
    check(
        vec![says("q"), assistant(vec![item, Item::text("a")]), says("n")],
        &["u q", "a a", "u n"],
    );
}

#[test]
fn e53_redacted_data_returns_as_it_was() {
    let redacted = |value: &str| Item::Reasoning {
        text: String::new(),
        summary: vec!["x".to_owned()],
        signature: Some(Signature {
            issuer: SignatureIssuer::Anthropic,
            value: value.to_owned(),
            place: SignaturePlace::Here,
        }),
        redacted: true,
        id: None,
    };
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![redacted("blob"), redacted(""), Item::text("a")]),
        says("n"),
    ]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "redacted_thinking", "data": "blob"}, {"type": "text", "text": "a"}])
    );
}

#[test]
fn e55_a_bare_signature_stays_in_front_of_the_users_turn() {
    let body = encode(&request(vec![
        says("q"),
        assistant(vec![thinking("", SignatureIssuer::Anthropic)]),
        says("n"),
    ]));
    assert_eq!(short(&body), ["u q", "a thinking:", "u n"]);
    assert_eq!(body["messages"][1]["content"][0]["signature"], "sig");
}

#[test]
fn compatible_servers_get_unsigned_thinking_back() {
    let plain = Item::Reasoning {
        text: "plan".to_owned(),
        summary: Vec::new(),
        signature: None,
        redacted: false,
        id: None,
    };
    let request = request(vec![
        says("q"),
        assistant(vec![plain, Item::text("a")]),
        says("n"),
    ]);
    assert_eq!(short(&encode(&request)), ["u q", "a a", "u n"]);
    let endpoint = EndpointTraits {
        compatible: true,
        ..EndpointTraits::default()
    };
    let body = encode_with(&request, &ModelTraits::default(), &endpoint);
    assert_eq!(short(&body), ["u q", "a thinking:plan|a", "u n"]);
    assert_eq!(body["messages"][1]["content"][0]["signature"], "");
}
