//! Scalars, output, thinking, and what stands beside the conversation.

use super::*;

#[test]
fn the_whole_shape() {
    let request = Request {
        system: vec![SystemBlock {
            text: "S".into(),
            rank: SystemRank::System,
            cache: None,
        }],
        turns: vec![
            user("weather?"),
            assistant(vec![call("toolu_1", "get_weather", r#"{"city":"Rome"}"#)]),
            results(vec![answer("toolu_1", "22C")]),
        ],
        limits: crate::canonical::Limits {
            max_output: Some(100),
            max_tool_calls: None,
            stop: vec!["END".into()],
        },
        ..Request::default()
    };
    assert_eq!(
        Upstream::default().encoded(&request).body,
        r#"{"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"weather?"}]},{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Rome"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"output":"22C"}}}]}],"generationConfig":{"maxOutputTokens":100,"stopSequences":["END"]}}"#
    );
}

#[test]
fn e67_models_with_fixed_sampling_get_none() {
    let mut request = turns(vec![user("hi")]);
    request.sampling.temperature = Some(0.2);
    request.sampling.top_p = Some(0.9);
    request.sampling.top_k = Some(5);
    let mut upstream = Upstream::default();
    assert_eq!(
        upstream.body(&request)["generationConfig"],
        json!({"temperature": 0.2, "topP": 0.9, "topK": 5})
    );
    upstream.model.no_sampling = true;
    assert_eq!(upstream.body(&request)["generationConfig"], Value::Null);
}

#[test]
fn e70_stop_sequences_without_blanks_and_at_most_five() {
    let mut request = turns(vec![user("hi")]);
    request.limits.stop = ["", "  ", "a", "b", "c", "d", "e", "f", "g"]
        .map(String::from)
        .to_vec();
    assert_eq!(
        body(&request)["generationConfig"]["stopSequences"],
        json!(["a", "b", "c", "d", "e"])
    );
}

#[test]
fn e73_several_candidates_are_asked_for() {
    let mut request = turns(vec![user("hi")]);
    request.sampling.n = Some(2);
    assert_eq!(body(&request)["generationConfig"]["candidateCount"], 2);
}

#[test]
fn scalars_with_limits() {
    let mut request = turns(vec![user("hi")]);
    request.limits.max_output = Some(99_999);
    request.sampling.seed = Some(1 << 40);
    request.sampling.logprobs = Some(2);
    request.output.modalities = vec!["text".into(), "image".into()];
    request.tier = Some("flex".into());
    request.metadata = Some(json!({"team": "a"}).into());
    let mut upstream = Upstream::default();
    upstream.model.max_output = Some(65_536);
    let got = upstream.body(&request);
    assert_eq!(
        got["generationConfig"],
        json!({
            "maxOutputTokens": 65_536, "responseLogprobs": true, "logprobs": 2,
            "responseModalities": ["TEXT", "IMAGE"],
        })
    );
    assert_eq!(
        (&got["serviceTier"], &got["labels"]),
        (&json!("flex"), &Value::Null)
    );
    let got = Upstream::vertex().body(&request);
    assert_eq!(got["labels"], json!({"team": "a"}));
}

#[test]
fn e81_a_budget_or_a_level_never_both() {
    let support = |levels: &[Effort]| {
        Some(ThinkingSupport {
            min_budget: 128,
            max_budget: 24_576,
            can_disable: true,
            dynamic: true,
            levels: levels.to_vec(),
            ..ThinkingSupport::default()
        })
    };
    let known25 = ModelTraits {
        thinking: support(&[]),
        ..ModelTraits::default()
    };
    let known3 = ModelTraits {
        gemini3: true,
        thinking: support(&[Effort::Low, Effort::High]),
        ..ModelTraits::default()
    };
    let unknown3 = Upstream::gemini3().model;
    for (model, intent, want) in [
        (
            &known25,
            ReasoningIntent::Off,
            json!({"includeThoughts": false, "thinkingBudget": 0}),
        ),
        (
            &known25,
            ReasoningIntent::Auto,
            json!({"includeThoughts": true, "thinkingBudget": -1}),
        ),
        (
            &known25,
            ReasoningIntent::Level(Effort::Minimal),
            json!({"includeThoughts": true, "thinkingBudget": 512}),
        ),
        (
            &known25,
            ReasoningIntent::Level(Effort::XHigh),
            json!({"includeThoughts": true, "thinkingBudget": 24_576}),
        ),
        (
            &known25,
            ReasoningIntent::Budget(5),
            json!({"includeThoughts": true, "thinkingBudget": 128}),
        ),
        (
            &known3,
            ReasoningIntent::Off,
            json!({"includeThoughts": false, "thinkingLevel": "LOW"}),
        ),
        (
            &known3,
            ReasoningIntent::Level(Effort::Minimal),
            json!({"includeThoughts": true, "thinkingLevel": "LOW"}),
        ),
        (
            &known3,
            ReasoningIntent::Level(Effort::XHigh),
            json!({"includeThoughts": true, "thinkingLevel": "HIGH"}),
        ),
        (
            &known3,
            ReasoningIntent::Auto,
            json!({"includeThoughts": true}),
        ),
        (
            &unknown3,
            ReasoningIntent::Level(Effort::Minimal),
            json!({"includeThoughts": true, "thinkingLevel": "MINIMAL"}),
        ),
        (
            &unknown3,
            ReasoningIntent::Budget(20_000),
            json!({"includeThoughts": true, "thinkingLevel": "HIGH"}),
        ),
    ] {
        let mut request = turns(vec![user("hi")]);
        request.reasoning.intent = intent;
        let upstream = Upstream {
            model: model.clone(),
            ..Upstream::default()
        };
        let got = upstream.body(&request);
        assert_eq!(
            got["generationConfig"]["thinkingConfig"], want,
            "{intent:?}"
        );
    }
}

#[test]
fn thinking_that_is_only_shown_or_hidden() {
    let config = |intent, show| {
        let mut request = turns(vec![user("hi")]);
        request.reasoning.intent = intent;
        request.reasoning.show = show;
        body(&request)["generationConfig"]["thinkingConfig"].clone()
    };
    let unset = ReasoningIntent::Unset;
    assert_eq!(config(unset, ReasoningShow::Unset), Value::Null);
    assert_eq!(
        config(unset, ReasoningShow::Full),
        json!({"includeThoughts": true})
    );
    assert_eq!(
        config(ReasoningIntent::Budget(9), ReasoningShow::Hidden),
        json!({"includeThoughts": false, "thinkingBudget": 9})
    );
}

#[test]
fn e112_structured_output() {
    let config = |format, upstream: Upstream| {
        let mut request = turns(vec![user("hi")]);
        request.output.format = format;
        upstream.body(&request)["generationConfig"].clone()
    };
    assert_eq!(
        config(OutputFormat::JsonObject, Upstream::default()),
        json!({"responseMimeType": "application/json"})
    );
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let by_schema = || OutputFormat::JsonSchema {
        name: Some("n".into()),
        description: None,
        schema: schema.clone().into(),
        strict: Some(true),
    };
    assert_eq!(
        config(by_schema(), Upstream::default()),
        json!({"responseMimeType": "application/json", "responseJsonSchema": schema})
    );
    let got = config(by_schema(), Upstream::strict());
    assert!(got["responseSchema"].is_object());
    assert_eq!(got["responseJsonSchema"], Value::Null);
}

#[test]
fn e207_a_cache_excludes_system_tools_and_choice() {
    let mut request = with_tools(vec![function("f", None)], Some(Choice::Required));
    request.system = vec![SystemBlock {
        text: "S".into(),
        rank: SystemRank::System,
        cache: None,
    }];
    request.state.cached_content = Some("cachedContents/1".into());
    let got = body(&request);
    let keys: Vec<_> = got.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["contents", "cachedContent"]);
}

#[test]
fn state_of_other_vendors_is_refused() {
    let mut request = turns(vec![user("hi")]);
    request.state.previous_response_id = Some("resp_1".into());
    let target = Target {
        model: "gemini",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let failure = encode(&request, &target).unwrap_err().into_failure();
    assert_eq!(failure.param.as_deref(), Some("previous_response_id"));
}
