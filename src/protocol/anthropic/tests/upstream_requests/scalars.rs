//! Limits, sampling and thinking fields.

use super::*;

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
