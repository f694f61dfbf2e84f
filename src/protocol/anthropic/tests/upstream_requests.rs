//! The common model → bodies for an upstream.

use super::*;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Choice, Effort, Item, MediaSource, OutputFormat,
    ReasoningIntent, ReasoningShow, ResultKind, Role, Signature, SignaturePlace, SystemBlock,
    SystemRank, Tool, ToolKind, Turn,
};
use crate::codec::{CodecError, Dialect, ThinkingSupport};
use crate::raw::RawJson;
use serde_json::json;

fn request(turns: Vec<Turn>) -> Request {
    Request {
        model: "m".to_owned(),
        turns,
        ..Request::default()
    }
}

fn hi() -> Request {
    request(vec![user(vec![Item::text("hi")])])
}

fn user(items: Vec<Item>) -> Turn {
    Turn::new(Role::User, items)
}

fn assistant(items: Vec<Item>) -> Turn {
    Turn::new(Role::Assistant, items)
}

fn tool(items: Vec<Item>) -> Turn {
    Turn::new(Role::Tool, items)
}

fn says(text: &str) -> Turn {
    user(vec![Item::text(text)])
}

fn answers(text: &str) -> Turn {
    assistant(vec![Item::text(text)])
}

fn marked(text: &str) -> Item {
    let mut item = Item::text(text);
    if let Item::Text { cache, .. } = &mut item {
        *cache = Some(CacheMark { ttl: None });
    }
    item
}

fn call_with(id: &str, arguments: &str) -> Item {
    Item::Call {
        id: id.to_owned(),
        item_id: None,
        name: "f".to_owned(),
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json(arguments.to_owned()),
        signature: None,
        cache: None,
        caller: None,
    }
}

fn call(id: &str) -> Item {
    call_with(id, "{}")
}

fn result(id: &str, content: Vec<Item>) -> Item {
    Item::Result {
        call_id: id.to_owned(),
        name: None,
        content,
        object: None,
        is_error: false,
        kind: ResultKind::Function,
        cache: None,
    }
}

fn said(id: &str, text: &str) -> Item {
    result(id, vec![Item::text(text)])
}

fn thinking(text: &str, issuer: SignatureIssuer) -> Item {
    Item::Reasoning {
        text: text.to_owned(),
        summary: Vec::new(),
        signature: Some(Signature {
            issuer,
            value: "sig".to_owned(),
            place: SignaturePlace::Here,
        }),
        redacted: false,
        id: None,
    }
}

fn function(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        namespace: None,
        description: None,
        kind: ToolKind::Function {
            schema: Some(RawJson::from(json!({"type": "object", "properties": {}}))),
            strict: Some(true),
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn search(allowed: &[&str], blocked: &[&str], offline: bool) -> Tool {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Tool {
        kind: ToolKind::WebSearch {
            dialect: Dialect::OpenAiResponses,
            allowed_domains: list(allowed),
            blocked_domains: list(blocked),
            user_location: None,
            max_uses: None,
            offline,
            raw: RawJson::from(json!({"type": "web_search"})),
        },
        ..function("web_search")
    }
}

fn system(text: &str, rank: SystemRank) -> SystemBlock {
    SystemBlock {
        text: text.to_owned(),
        rank,
        cache: None,
    }
}

fn budgets() -> ModelTraits {
    ModelTraits {
        thinking: Some(ThinkingSupport {
            min_budget: 1024,
            max_budget: 128_000,
            can_disable: true,
            ..ThinkingSupport::default()
        }),
        ..ModelTraits::default()
    }
}

fn adaptive() -> ModelTraits {
    ModelTraits {
        thinking: Some(ThinkingSupport {
            levels: vec![Effort::Low, Effort::Medium, Effort::High, Effort::Max],
            can_disable: true,
            dynamic: true,
            ..ThinkingSupport::default()
        }),
        ..ModelTraits::default()
    }
}

fn on(request: &Request, model: &ModelTraits) -> Value {
    encode_with(request, model, &EndpointTraits::default())
}

/// Messages in short form: `u`, `a` or `s`, then the blocks.
fn short(body: &Value) -> Vec<String> {
    let block = |block: &Value| match block["type"].as_str().unwrap() {
        "text" => block["text"].as_str().unwrap().to_owned(),
        "tool_use" => format!("call:{}", block["id"].as_str().unwrap()),
        "tool_result" => {
            let text = block["content"][0]["text"].as_str().unwrap_or("-");
            format!("result:{}={text}", block["tool_use_id"].as_str().unwrap())
        }
        "thinking" => format!("thinking:{}", block["thinking"].as_str().unwrap()),
        other => other.to_owned(),
    };
    body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let role = &message["role"].as_str().unwrap()[..1];
            let blocks: Vec<_> = message["content"]
                .as_array()
                .unwrap()
                .iter()
                .map(block)
                .collect();
            format!("{role} {}", blocks.join("|"))
        })
        .collect()
}

#[track_caller]
fn check(turns: Vec<Turn>, want: &[&str]) {
    assert_eq!(short(&encode(&request(turns))), want);
}

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

fn thinking_wish(intent: ReasoningIntent, mut request: Request) -> Request {
    request.reasoning.intent = intent;
    request
}

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

#[test]
fn e62_the_limit_is_always_there() {
    let mut request = hi();
    assert_eq!(encode(&request)["max_tokens"], 32_000);
    let model = ModelTraits {
        max_output: Some(64_000),
        ..ModelTraits::default()
    };
    assert_eq!(on(&request, &model)["max_tokens"], 64_000);
    request.limits.max_output = Some(4096);
    assert_eq!(on(&request, &model)["max_tokens"], 4096);
}

#[test]
fn e63_the_clients_limit_is_not_raised() {
    let mut request = thinking_wish(ReasoningIntent::Budget(32_768), hi());
    for (limit, want) in [
        (
            Some(4096),
            json!({"type": "enabled", "budget_tokens": 4095}),
        ),
        (Some(1000), json!(null)),
        (None, json!({"type": "enabled", "budget_tokens": 31_999})),
    ] {
        request.limits.max_output = limit;
        let body = on(&request, &budgets());
        assert_eq!(body["thinking"], want);
        assert_eq!(body["max_tokens"], limit.unwrap_or(32_000));
    }
}

#[test]
fn adaptive_thinking_says_how_much_and_what_to_show() {
    for (show, display) in [
        (ReasoningShow::Unset, json!(null)),
        (ReasoningShow::SummaryAuto, json!("summarized")),
        (ReasoningShow::Hidden, json!("omitted")),
    ] {
        let mut request = thinking_wish(ReasoningIntent::Level(Effort::Max), hi());
        request.reasoning.show = show;
        let body = on(&request, &adaptive());
        assert_eq!(body["thinking"]["type"], "adaptive");
        assert_eq!(body["thinking"]["display"], display);
        assert_eq!(body["output_config"], json!({"effort": "max"}));
    }
    let body = on(&thinking_wish(ReasoningIntent::Off, hi()), &adaptive());
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert_eq!(body.get("output_config"), None);
    assert_eq!(on(&hi(), &adaptive()).get("thinking"), None);
}

fn sampled(temperature: Option<f64>, top_p: Option<f64>, top_k: Option<u64>) -> Request {
    let mut request = hi();
    request.sampling.temperature = temperature;
    request.sampling.top_p = top_p;
    request.sampling.top_k = top_k;
    request
}

#[track_caller]
fn sampling_of(body: &Value, want: [Value; 3]) {
    let got = [&body["temperature"], &body["top_p"], &body["top_k"]];
    assert_eq!(got.map(Clone::clone), want);
}

#[test]
fn e64_temperature_is_clamped() {
    for (temperature, want) in [(1.7, 1.0), (-0.1, 0.0), (0.2, 0.2)] {
        let body = encode(&sampled(Some(temperature), None, None));
        assert_eq!(body["temperature"], want);
    }
}

#[test]
fn e65_temperature_wins_over_top_p() {
    let body = encode(&sampled(Some(0.2), Some(0.9), Some(5)));
    sampling_of(&body, [json!(0.2), json!(null), json!(5)]);
    let body = encode(&sampled(None, Some(0.9), None));
    sampling_of(&body, [json!(null), json!(0.9), json!(null)]);
}

#[test]
fn e66_thinking_allows_little_sampling() {
    let wish = |request| thinking_wish(ReasoningIntent::Budget(2048), request);
    let body = on(&wish(sampled(Some(0.2), Some(0.5), Some(10))), &budgets());
    sampling_of(&body, [json!(null), json!(null), json!(null)]);
    let body = on(&wish(sampled(Some(1.0), Some(0.97), None)), &budgets());
    sampling_of(&body, [json!(1.0), json!(0.97), json!(null)]);
}

#[test]
fn e67_fixed_sampling_is_left_alone() {
    let model = ModelTraits {
        no_sampling: true,
        ..ModelTraits::default()
    };
    let body = on(&sampled(Some(0.2), Some(0.5), Some(10)), &model);
    sampling_of(&body, [json!(null), json!(null), json!(null)]);
}

#[test]
fn e68_a_forced_call_does_not_think() {
    for (choice, kind) in [
        (Choice::Required, "any"),
        (
            Choice::Tool {
                name: "f".to_owned(),
                namespace: None,
            },
            "tool",
        ),
    ] {
        for model in [budgets(), adaptive()] {
            let mut request = thinking_wish(ReasoningIntent::Level(Effort::High), hi());
            request.tools = vec![function("f")];
            request.tool_choice = Some(choice.clone());
            let body = on(&request, &model);
            assert_eq!(body.get("thinking"), None);
            assert_eq!(body.get("output_config"), None);
            assert_eq!(body["tool_choice"]["type"], kind);
        }
    }
}

#[test]
fn e70_blank_stop_sequences_are_dropped() {
    let mut request = hi();
    request.limits.stop = ["", "  ", "END"].map(str::to_owned).to_vec();
    assert_eq!(encode(&request)["stop_sequences"], json!(["END"]));
    request.limits.stop = vec![" ".to_owned()];
    assert_eq!(encode(&request).get("stop_sequences"), None);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Request), want: &str) {
    let mut request = hi();
    change(&mut request);
    let model = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "m",
        stream: false,
        model_traits: &model,
        endpoint: &endpoint,
    };
    let Err(error) = Anthropic.encode_request(&request, &target) else {
        panic!("{want} was taken");
    };
    assert!(matches!(&error, CodecError::Unsupported { param, .. } if param == want));
    let failure = error.into_failure();
    assert_eq!(failure.status, 400);
    assert_eq!(failure.code.as_deref(), Some("unsupported_parameter"));
    assert_eq!(failure.param.as_deref(), Some(want));
}

#[test]
fn e73_several_answers_are_refused() {
    refused(|request| request.sampling.n = Some(2), "n");
    let mut request = hi();
    request.sampling.n = Some(1);
    assert_eq!(encode(&request).get("n"), None);
}

#[test]
fn state_kept_by_others_is_refused() {
    refused(
        |request| request.state.previous_response_id = Some("r".to_owned()),
        "previous_response_id",
    );
    let raw = || Some(RawJson::from(json!("x")));
    refused(|request| request.state.conversation = raw(), "conversation");
    refused(|request| request.state.prompt = raw(), "prompt");
    refused(
        |request| request.state.background = Some(true),
        "background",
    );
    let mut request = hi();
    request.state.background = Some(false);
    request.store = Some(true);
    encode(&request);
}

#[test]
fn e75_parameters_without_a_place_are_dropped() {
    let mut request = hi();
    request.sampling.logprobs = Some(3);
    request.sampling.seed = Some(1);
    request.sampling.presence_penalty = Some(0.5);
    request.output.verbosity = Some("low".to_owned());
    request.tier = Some("flex".to_owned());
    let keys: Vec<_> = encode(&request)
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys, ["model", "max_tokens", "messages", "stream"]);
}

#[test]
fn e76_one_call_at_a_time() {
    let one = Choice::Tool {
        name: "f".to_owned(),
        namespace: None,
    };
    for (choice, want) in [
        (
            None,
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
        (
            Some(Choice::Required),
            json!({"type": "any", "disable_parallel_tool_use": true}),
        ),
        (
            Some(one),
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}),
        ),
        (Some(Choice::None), json!({"type": "none"})),
    ] {
        let mut request = hi();
        request.tools = vec![function("f")];
        request.parallel_calls = Some(false);
        request.tool_choice = choice;
        assert_eq!(encode(&request)["tool_choice"], want);
    }
}

#[test]
fn the_users_id_is_passed_and_never_made() {
    assert_eq!(encode(&hi()).get("metadata"), None);
    let mut request = hi();
    request.end_user = Some("u".to_owned());
    assert_eq!(encode(&request)["metadata"], json!({"user_id": "u"}));
    request.end_user = Some("x".repeat(300));
    let hashed = encode(&request)["metadata"]["user_id"].clone();
    assert_eq!(hashed, encode(&request)["metadata"]["user_id"]);
    assert!(hashed.as_str().unwrap().len() <= 256);
}

#[test]
fn e85_a_tool_is_declared_once() {
    let mut request = hi();
    let mut second = function("f");
    second.description = Some("second".to_owned());
    let mut child = function("b");
    child.namespace = Some("a".to_owned());
    request.tools = vec![function("f"), second, child, function("a__b")];
    let body = encode(&request);
    let names: Vec<_> = body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| (tool["name"].as_str().unwrap(), tool["description"].clone()))
        .collect();
    assert_eq!(names, [("f", json!(null)), ("a__b", json!(null))]);
}

#[test]
fn e86_choices_without_tools_are_removed() {
    let mut request = hi();
    request.tools = vec![search(&[], &[], true)];
    request.tool_choice = Some(Choice::Auto);
    request.parallel_calls = Some(false);
    let body = encode(&request);
    assert_eq!(body.get("tools"), None);
    assert_eq!(body.get("tool_choice"), None);
}

#[test]
fn e87_no_call_is_said_and_the_tools_stay() {
    let mut request = hi();
    request.tools = vec![function("f")];
    request.tool_choice = Some(Choice::None);
    let body = encode(&request);
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    assert_eq!(
        body["tools"],
        json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}])
    );
}

#[test]
fn e88_forced_tools_follow_their_name_or_become_auto() {
    let mut request = hi();
    request.tools = vec![function("my.tool"), search(&[], &[], true)];
    request.turns.push(assistant(vec![Item::Call {
        id: "t".to_owned(),
        item_id: None,
        name: "my.tool".to_owned(),
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json("{}".to_owned()),
        signature: None,
        cache: None,
        caller: None,
    }]));
    request.turns.push(tool(vec![said("t", "ok")]));
    request.tool_choice = Some(Choice::Tool {
        name: "my.tool".to_owned(),
        namespace: None,
    });
    let body = encode(&request);
    assert_eq!(body["tools"][0]["name"], "my_tool");
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "my_tool"})
    );
    assert_eq!(body["messages"][1]["content"][0]["name"], "my_tool");
    request.tool_choice = Some(Choice::Server("web_search".to_owned()));
    assert_eq!(encode(&request)["tool_choice"], json!({"type": "auto"}));
}

#[test]
fn allowed_tools_are_the_only_ones_sent() {
    let mut request = hi();
    request.tools = vec![function("a"), function("b")];
    for (required, kind) in [(true, "any"), (false, "auto")] {
        request.tool_choice = Some(Choice::Allowed {
            names: vec!["b".to_owned()],
            required,
        });
        let body = encode(&request);
        assert_eq!(body["tools"].as_array().unwrap().len(), 1);
        assert_eq!(body["tools"][0]["name"], "b");
        assert_eq!(body["tool_choice"], json!({ "type": kind }));
    }
}

#[test]
fn e90_schemas_without_use_are_empty_objects() {
    for schema in [None, Some(RawJson::from(json!(true)))] {
        let mut request = hi();
        request.tools = vec![Tool {
            kind: ToolKind::Function {
                schema,
                strict: None,
                output_schema: None,
            },
            description: Some(String::new()),
            ..function("f")
        }];
        assert_eq!(
            encode(&request)["tools"],
            json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}])
        );
    }
}

#[test]
fn e93_free_text_tools_are_functions_with_one_text() {
    let mut request = hi();
    request.tools = vec![Tool {
        kind: ToolKind::Custom {
            format: Some(RawJson::from(json!({"type": "grammar"}))),
        },
        ..function("apply_patch")
    }];
    request.turns.push(assistant(vec![Item::Call {
        id: "t".to_owned(),
        item_id: None,
        name: "apply_patch".to_owned(),
        namespace: None,
        kind: CallKind::Custom,
        arguments: Arguments::Text("*** Begin".to_owned()),
        signature: None,
        cache: None,
        caller: None,
    }]));
    request.turns.push(tool(vec![said("t", "ok")]));
    let body = encode(&request);
    assert_eq!(
        body["tools"][0]["input_schema"]["properties"],
        json!({"input": {"type": "string"}})
    );
    assert_eq!(
        body["messages"][1]["content"][0]["input"],
        json!({"input": "*** Begin"})
    );
}

#[test]
fn e94_namespaces_are_flattened() {
    let mut request = hi();
    request.tools = vec![Tool {
        namespace: Some("fs".to_owned()),
        ..function("read")
    }];
    assert_eq!(encode(&request)["tools"][0]["name"], "fs__read");
}

#[test]
fn e98_empty_domain_lists_are_not_sent() {
    let mut request = hi();
    request.tools = vec![search(&["a.com"], &[], false)];
    assert_eq!(
        encode(&request)["tools"],
        json!([{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.com"]}])
    );
    request.tools = vec![search(&["a.com"], &["b.com"], false)];
    assert_eq!(encode(&request)["tools"][0].get("blocked_domains"), None);
    request.tools = vec![search(&[], &["b.com"], false)];
    assert_eq!(
        encode(&request)["tools"][0]["blocked_domains"],
        json!(["b.com"])
    );
}

#[test]
fn the_place_of_a_search_is_flat() {
    for location in [
        json!({"type": "approximate", "city": "Bern", "region": null}),
        json!({"type": "approximate", "approximate": {"city": "Bern"}}),
    ] {
        let mut tool = search(&[], &[], false);
        if let ToolKind::WebSearch { user_location, .. } = &mut tool.kind {
            *user_location = Some(RawJson::from(location));
        }
        let mut request = hi();
        request.tools = vec![tool];
        assert_eq!(
            encode(&request)["tools"][0]["user_location"],
            json!({"type": "approximate", "city": "Bern"})
        );
    }
}

fn schema_request() -> Request {
    let mut request = hi();
    request.output.format = OutputFormat::JsonSchema {
        name: Some("answer".to_owned()),
        description: None,
        schema: RawJson::from(
            json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}),
        ),
        strict: Some(true),
    };
    request
}

#[test]
fn e114_structured_output_of_the_model_is_used() {
    let model = ModelTraits {
        structured_output: true,
        ..ModelTraits::default()
    };
    let body = on(&schema_request(), &model);
    let format = &body["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["schema"]["additionalProperties"], false);
    assert_eq!(body.get("tools"), None);
}

#[test]
fn e115_else_a_forced_tool_carries_the_answer() {
    let mut request = thinking_wish(ReasoningIntent::Budget(2048), schema_request());
    let body = on(&request, &budgets());
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "json_answer", "disable_parallel_tool_use": true})
    );
    assert_eq!(body["tools"][0]["name"], "json_answer");
    assert_eq!(body.get("thinking"), None);
    // Beside tools of the client the model may call those first.
    request.tools = vec![function("json_answer"), function("f")];
    let model = budgets();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "m",
        stream: false,
        model_traits: &model,
        endpoint: &endpoint,
    };
    let encoded = Anthropic.encode_request(&request, &target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );
    assert_eq!(body["tools"][2]["name"], "json_answer_");
    assert_eq!(
        encoded.notes.structured_tool.as_deref(),
        Some("json_answer_")
    );
}

#[test]
fn any_json_object_is_asked_for_in_words() {
    let mut request = hi();
    request.system = vec![system("S", SystemRank::System)];
    request.output.format = OutputFormat::JsonObject;
    let body = encode(&request);
    assert_eq!(body["system"][0]["text"], "S");
    assert!(body["system"][1]["text"].as_str().unwrap().contains("JSON"));
}

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

fn picture(mime: &str, data: &str) -> Item {
    Item::Image {
        source: MediaSource::Base64 {
            mime: mime.to_owned(),
            data: data.to_owned(),
        },
        detail: None,
        cache: None,
    }
}

fn first_block(item: Item) -> Value {
    encode(&request(vec![user(vec![item])]))["messages"][0]["content"][0].clone()
}

#[test]
fn e118_the_bytes_name_the_type() {
    let block = first_block(picture("image/jpeg", PNG));
    assert_eq!(
        block,
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
    );
}

#[test]
fn e119_pictures_the_api_refuses_are_named() {
    for mime in ["image/svg+xml", "image/bmp"] {
        let block = first_block(picture(mime, "PHN2Zz4="));
        assert_eq!(block["type"], "text");
        assert!(block["text"].as_str().unwrap().contains(mime));
    }
}

#[test]
fn e120_pictures_by_url_are_not_fetched() {
    let block = first_block(Item::Image {
        source: MediaSource::Url {
            url: "https://e.example/a.png".to_owned(),
            mime: None,
        },
        detail: Some("high".to_owned()),
        cache: Some(CacheMark {
            ttl: Some("1h".to_owned()),
        }),
    });
    assert_eq!(
        block,
        json!({"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"},
               "cache_control": {"type": "ephemeral", "ttl": "1h"}})
    );
}

fn file(source: MediaSource) -> Item {
    Item::File {
        source,
        name: Some("a".to_owned()),
        context: None,
        citations_enabled: true,
        cache: None,
    }
}

fn base64(mime: &str, data: &str) -> MediaSource {
    MediaSource::Base64 {
        mime: mime.to_owned(),
        data: data.to_owned(),
    }
}

#[test]
fn files_become_documents() {
    for (source, want) in [
        (
            base64("application/pdf", "JVBERi0="),
            json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}),
        ),
        (
            base64("text/markdown", "aGk="),
            json!({"type": "text", "media_type": "text/plain", "data": "hi"}),
        ),
        (
            MediaSource::Url {
                url: "https://e.example/a.pdf".to_owned(),
                mime: None,
            },
            json!({"type": "url", "url": "https://e.example/a.pdf"}),
        ),
        (
            MediaSource::FileId {
                dialect: Dialect::Anthropic,
                id: "file_1".to_owned(),
            },
            json!({"type": "file", "file_id": "file_1"}),
        ),
    ] {
        assert_eq!(
            first_block(file(source)),
            json!({"type": "document", "source": want, "title": "a", "citations": {"enabled": true}})
        );
    }
}

#[test]
fn files_the_model_does_not_take_are_named() {
    for (source, part) in [
        (base64("application/zip", "UEsDBA=="), "application/zip"),
        (
            MediaSource::FileId {
                dialect: Dialect::OpenAiResponses,
                id: "file-9".to_owned(),
            },
            "file-9",
        ),
    ] {
        let block = first_block(file(source));
        assert_eq!(block["type"], "text");
        assert!(block["text"].as_str().unwrap().contains(part));
    }
    let sound = Item::Audio {
        source: base64("audio/wav", "AAAA"),
        transcript: None,
        id: None,
    };
    assert_eq!(first_block(sound)["type"], "text");
    let film = Item::Video {
        source: MediaSource::Url {
            url: "https://e.example/v.mp4".to_owned(),
            mime: None,
        },
    };
    assert!(
        first_block(film)["text"]
            .as_str()
            .unwrap()
            .contains("https://e.example/v.mp4")
    );
}

#[test]
fn e190_marks_of_translated_requests_are_legal_too() {
    let mut request = request(vec![
        user(vec![marked("a"), marked("b")]),
        assistant(vec![marked("c")]),
        user(vec![marked("d")]),
    ]);
    request.tools = vec![Tool {
        cache: Some(CacheMark {
            ttl: Some("1h".to_owned()),
        }),
        ..function("f")
    }];
    let body = encode(&request);
    assert_eq!(body["tools"][0]["cache_control"]["ttl"], "1h");
    assert_eq!(body["messages"][0]["content"][0].get("cache_control"), None);
    assert!(body["messages"][0]["content"][1]["cache_control"].is_object());
    assert!(body["messages"][2]["content"][0]["cache_control"].is_object());
}

#[test]
fn betas_for_what_the_body_uses() {
    let model = ModelTraits {
        structured_output: true,
        mid_system: true,
        ..adaptive()
    };
    let mut request = thinking_wish(ReasoningIntent::Level(Effort::Low), schema_request());
    request
        .turns
        .push(Turn::new(Role::System, vec![Item::text("rule")]));
    let header = |compatible: bool| {
        let endpoint = EndpointTraits {
            compatible,
            ..EndpointTraits::default()
        };
        let target = Target {
            model: "m",
            stream: true,
            model_traits: &model,
            endpoint: &endpoint,
        };
        Anthropic.encode_request(&request, &target).unwrap().headers
    };
    assert_eq!(
        header(false),
        [(
            "anthropic-beta",
            "effort-2025-11-24,structured-outputs-2025-12-15,mid-conversation-system-2026-04-07"
                .to_owned()
        )]
    );
    assert!(header(true).is_empty());
}

#[test]
fn a_plain_request_is_plain() {
    let mut request = hi();
    request.system = vec![system("S", SystemRank::System)];
    request.limits.max_output = Some(50);
    request.sampling.temperature = Some(0.2);
    let model = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "claude-sonnet-4-5-20250929",
        stream: false,
        model_traits: &model,
        endpoint: &endpoint,
    };
    let encoded = Anthropic.encode_request(&request, &target).unwrap();
    assert_eq!(
        encoded.body,
        r#"{"model":"claude-sonnet-4-5-20250929","max_tokens":50,"system":[{"type":"text","text":"S"}],"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"temperature":0.2,"stream":false}"#
    );
    assert!(encoded.headers.is_empty());
}
