//! Requests → upstream bodies.

use super::encode;
use crate::canonical::{
    Arguments, CallKind, Choice, Effort, Item, MediaSource, OutputFormat, ReasoningIntent,
    ReasoningShow, Request, ResultKind, Role, ServerTool, Signature, SignatureIssuer,
    SignaturePlace, SystemBlock, SystemRank, Tool, ToolKind, Turn,
};
use crate::codec::{Dialect, Encoded, EndpointTraits, ModelTraits, Target, ThinkingSupport};
use crate::raw::RawJson;
use serde_json::{Value, json};

#[derive(Default)]
struct Upstream {
    model: ModelTraits,
    endpoint: EndpointTraits,
}

impl Upstream {
    fn gemini3() -> Self {
        Self {
            model: ModelTraits {
                gemini3: true,
                ..ModelTraits::default()
            },
            ..Self::default()
        }
    }

    fn vertex() -> Self {
        Self {
            endpoint: EndpointTraits {
                vertex: true,
                ..EndpointTraits::default()
            },
            ..Self::default()
        }
    }

    fn strict() -> Self {
        Self {
            endpoint: EndpointTraits {
                strict_schema: true,
                ..EndpointTraits::default()
            },
            ..Self::default()
        }
    }

    #[track_caller]
    fn encoded(&self, request: &Request) -> Encoded {
        let target = Target {
            model: "gemini",
            stream: false,
            model_traits: &self.model,
            endpoint: &self.endpoint,
        };
        encode(request, &target).unwrap()
    }

    #[track_caller]
    fn body(&self, request: &Request) -> Value {
        serde_json::from_slice(&self.encoded(request).body).unwrap()
    }
}

fn body(request: &Request) -> Value {
    Upstream::default().body(request)
}

fn turns(turns: Vec<Turn>) -> Request {
    Request {
        turns,
        ..Request::default()
    }
}

fn contents(list: Vec<Turn>) -> Value {
    body(&turns(list))["contents"].clone()
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Item::text(text)])
}

fn assistant(items: Vec<Item>) -> Turn {
    Turn::new(Role::Assistant, items)
}

fn signature(value: &str, place: SignaturePlace) -> Option<Signature> {
    Some(Signature {
        issuer: SignatureIssuer::Gemini,
        value: value.into(),
        place,
    })
}

fn call(id: &str, name: &str, arguments: &str) -> Item {
    Item::Call {
        id: id.into(),
        item_id: None,
        name: name.into(),
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json(arguments.into()),
        signature: None,
        cache: None,
        caller: None,
    }
}

fn signed(mut item: Item, value: &str) -> Item {
    if let Item::Call { signature: at, .. } | Item::Text { signature: at, .. } = &mut item {
        *at = signature(value, SignaturePlace::Here);
    }
    item
}

fn result(id: &str, content: Vec<Item>) -> Item {
    Item::Result {
        call_id: id.into(),
        name: None,
        content,
        object: None,
        is_error: false,
        kind: ResultKind::Function,
        cache: None,
    }
}

fn results(items: Vec<Item>) -> Turn {
    Turn::new(Role::Tool, items)
}

fn answer(id: &str, text: &str) -> Item {
    result(id, vec![Item::text(text)])
}

fn thinking(text: &str, signature: Option<Signature>) -> Item {
    Item::Reasoning {
        text: text.into(),
        summary: Vec::new(),
        signature,
        redacted: false,
        id: None,
    }
}

fn png() -> Item {
    Item::Image {
        source: MediaSource::Base64 {
            mime: "image/png".into(),
            data: "iVBORw0KGgo=".into(),
        },
        detail: None,
        cache: None,
    }
}

fn function(name: &str, schema: Option<Value>) -> Tool {
    Tool {
        name: name.into(),
        namespace: None,
        description: None,
        kind: ToolKind::Function {
            schema: schema.map(RawJson::from),
            strict: None,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn server(kind: ToolKind) -> Tool {
    Tool {
        kind,
        ..function("server", None)
    }
}

fn web_search(offline: bool) -> Tool {
    server(ToolKind::WebSearch {
        dialect: Dialect::Anthropic,
        allowed_domains: Vec::new(),
        blocked_domains: vec!["b.com".into()],
        user_location: None,
        max_uses: None,
        offline,
        raw: json!({}).into(),
    })
}

fn with_tools(tools: Vec<Tool>, choice: Option<Choice>) -> Request {
    Request {
        tools,
        tool_choice: choice,
        ..turns(vec![user("hi")])
    }
}

fn names_of(body: &Value) -> Vec<&str> {
    body["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|group| {
            group["functionDeclarations"]
                .as_array()
                .into_iter()
                .flatten()
        })
        .map(|function| function["name"].as_str().unwrap())
        .collect()
}

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
fn e8_empty_texts_leave_no_hole() {
    let items = vec![Item::text(""), Item::text("hello"), Item::text("")];
    let got = contents(vec![Turn::new(Role::User, items)]);
    assert_eq!(got[0]["parts"], json!([{"text": "hello"}]));
    let audio = Item::Audio {
        source: MediaSource::Base64 {
            mime: "audio/mpeg".into(),
            data: "AAAA".into(),
        },
        transcript: None,
        id: None,
    };
    let got = contents(vec![Turn::new(Role::User, vec![Item::text(""), audio])]);
    assert_eq!(
        got[0]["parts"],
        json!([{"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}])
    );
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
fn e32_empty_results_stay() {
    let got = contents(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}")]),
        results(vec![result("c1", Vec::new())]),
    ]);
    assert_eq!(
        got[2]["parts"][0]["functionResponse"]["response"],
        json!({"output": ""})
    );
}

#[test]
fn results_as_objects_and_errors() {
    let mut object = result("c1", vec![Item::text("x")]);
    let mut failed = answer("c2", "boom");
    if let Item::Result { object, .. } = &mut object {
        *object = Some(json!({"temp": 22}).into());
    }
    if let Item::Result { is_error, .. } = &mut failed {
        *is_error = true;
    }
    let got = contents(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}"), call("c2", "g", "{}")]),
        results(vec![object, failed]),
    ]);
    assert_eq!(
        got[2]["parts"][0]["functionResponse"]["response"],
        json!({"temp": 22})
    );
    assert_eq!(
        got[2]["parts"][1]["functionResponse"]["response"],
        json!({"error": "boom"})
    );
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

#[test]
fn e45_arguments_are_always_an_object() {
    for (arguments, want) in [
        ("", json!({})),
        ("\"abc\"", json!({"input": "abc"})),
        (
            "{\"a\":1}{\"b\":2}",
            json!({"raw_arguments": "{\"a\":1}{\"b\":2}"}),
        ),
    ] {
        let got = contents(vec![
            user("go"),
            assistant(vec![call("c", "f", arguments)]),
            results(vec![answer("c", "x")]),
        ]);
        assert_eq!(
            got[1]["parts"][0]["functionCall"]["args"], want,
            "{arguments}"
        );
    }
}

#[test]
fn e47_unsigned_and_foreign_thinking_is_dropped() {
    let foreign = Some(Signature {
        issuer: SignatureIssuer::Anthropic,
        value: "x".into(),
        place: SignaturePlace::Here,
    });
    for thought in [thinking("hm", None), thinking("hm", foreign)] {
        let got = contents(vec![user("a"), assistant(vec![thought]), user("b")]);
        assert_eq!(
            got,
            json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
        );
    }
}

#[test]
fn signatures_go_back_to_their_places() {
    let got = contents(vec![
        user("a"),
        assistant(vec![
            thinking("hm", signature("s1", SignaturePlace::Here)),
            thinking("", signature("s2", SignaturePlace::NextText)),
            Item::text("x"),
            thinking("summary", signature("s3", SignaturePlace::Detached)),
            thinking("", signature("s4", SignaturePlace::NextCall)),
            call("c1", "f", "{}"),
            signed(call("c2", "f", "{}"), "s5"),
            signed(Item::text("y"), "s6"),
        ]),
        results(vec![answer("c1", "1"), answer("c2", "2")]),
    ]);
    assert_eq!(
        got[1]["parts"],
        json!([
            {"text": "hm", "thought": true, "thoughtSignature": "s1"},
            {"text": "x", "thoughtSignature": "s2"},
            {"text": "", "thoughtSignature": "s3"},
            {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": "s4"},
            {"functionCall": {"name": "f", "args": {}, "id": "c2"}, "thoughtSignature": "s5"},
            {"text": "y", "thoughtSignature": "s6"},
        ])
    );
}

#[test]
fn e56_stand_in_on_the_first_call_of_an_unsigned_group() {
    let history = |first: Item| {
        turns(vec![
            user("go"),
            assistant(vec![Item::text("ok"), first, call("c2", "f", "{}")]),
            results(vec![answer("c1", "1"), answer("c2", "2")]),
        ])
    };
    let signatures = |upstream: Upstream, request: &Request| -> Vec<Value> {
        let body = upstream.body(request);
        let parts = body["contents"][1]["parts"].as_array().unwrap();
        parts[1..]
            .iter()
            .map(|part| part["thoughtSignature"].clone())
            .collect()
    };
    let unsigned = history(call("c1", "f", "{}"));
    let native = history(signed(call("c1", "f", "{}"), "s"));
    let skip = json!("skip_thought_signature_validator");
    assert_eq!(
        signatures(Upstream::gemini3(), &unsigned),
        [skip, Value::Null]
    );
    assert_eq!(
        signatures(Upstream::gemini3(), &native),
        [json!("s"), Value::Null]
    );
    assert_eq!(
        signatures(Upstream::default(), &unsigned),
        [Value::Null, Value::Null]
    );
}

#[test]
fn e61_the_signature_of_a_call_goes_back_on_the_same_call() {
    let request = turns(vec![
        user("go"),
        assistant(vec![signed(call("c1", "f", "{}"), "s")]),
        results(vec![answer("c1", "1")]),
    ]);
    let body = Upstream::gemini3().body(&request);
    assert_eq!(body["contents"][1]["parts"][0]["thoughtSignature"], "s");
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
            none: false,
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
fn e82_long_names_stay_apart_and_come_back() {
    let long = "a".repeat(70);
    let names = [
        format!("{long}_get_build"),
        format!("{long}_get_build_logs"),
    ];
    let mut request = with_tools(
        names.iter().map(|name| function(name, None)).collect(),
        Some(Choice::Tool {
            name: names[1].clone(),
            namespace: None,
        }),
    );
    request.turns.extend([
        assistant(vec![call("c", &names[1], "{}")]),
        results(vec![answer("c", "x")]),
    ]);
    let encoded = Upstream::default().encoded(&request);
    let got: Value = serde_json::from_slice(&encoded.body).unwrap();
    let sent = names_of(&got);
    assert_ne!(sent[0], sent[1]);
    assert!(sent.iter().all(|name| name.len() <= 64));
    assert_eq!(
        got["contents"][1]["parts"][0]["functionCall"]["name"],
        sent[1]
    );
    assert_eq!(
        got["contents"][2]["parts"][0]["functionResponse"]["name"],
        sent[1]
    );
    assert_eq!(
        got["toolConfig"]["functionCallingConfig"],
        json!({"mode": "ANY", "allowedFunctionNames": [sent[1]]})
    );
    assert_eq!(encoded.notes.names.to_client(sent[1]), names[1]);
}

#[test]
fn e83_e84_illegal_names_are_mapped_and_stay_apart() {
    let request = with_tools(
        [
            "name!with@x",
            "123name",
            ".name",
            "read/file",
            "read_file",
            "a.b:c-d",
        ]
        .map(|name| function(name, None))
        .to_vec(),
        None,
    );
    let got = body(&request);
    let sent = names_of(&got);
    assert_eq!(sent[..3], ["name_with_x", "_123name", "_.name"]);
    assert_ne!(sent[3], sent[4]);
    assert_eq!(sent[5], "a.b:c-d");
}

#[test]
fn e85_one_declaration_for_each_name() {
    let mut child = function("read", Some(json!({"type": "object", "title": "child"})));
    child.namespace = Some("fs".into());
    let tools = vec![
        child,
        function("f", None),
        function("f", None),
        function("fs__read", None),
    ];
    let got = body(&with_tools(tools, None));
    assert_eq!(names_of(&got), ["f", "fs__read"]);
}

#[test]
fn e86_no_tools_no_choice() {
    let got = body(&with_tools(Vec::new(), Some(Choice::Auto)));
    assert_eq!(
        (&got["tools"], &got["toolConfig"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn e88_a_choice_of_a_tool_that_is_not_sent_becomes_auto() {
    let choice = Choice::Tool {
        name: "gone".into(),
        namespace: None,
    };
    let got = body(&with_tools(vec![function("f", None)], Some(choice)));
    assert_eq!(
        got["toolConfig"],
        json!({"functionCallingConfig": {"mode": "AUTO"}})
    );
}

#[test]
fn e89_choices() {
    let tool = |name: &str| Choice::Tool {
        name: name.into(),
        namespace: None,
    };
    let allowed = |required| Choice::Allowed {
        names: vec!["json".into(), "gone".into()],
        required,
    };
    let list = json!(["json"]);
    for (choice, want) in [
        (
            tool("json"),
            json!({"mode": "ANY", "allowedFunctionNames": list}),
        ),
        (Choice::None, json!({"mode": "NONE"})),
        (Choice::Required, json!({"mode": "ANY"})),
        (Choice::Auto, json!({"mode": "AUTO"})),
        (
            allowed(true),
            json!({"mode": "ANY", "allowedFunctionNames": list}),
        ),
        (
            allowed(false),
            json!({"mode": "VALIDATED", "allowedFunctionNames": list}),
        ),
    ] {
        let got = body(&with_tools(
            vec![function("json", None), function("x", None)],
            Some(choice),
        ));
        assert_eq!(got["toolConfig"]["functionCallingConfig"], want);
    }
}

#[test]
fn e93_custom_tools_become_functions_with_one_input() {
    let mut tool = function("apply_patch", None);
    tool.kind = ToolKind::Custom { format: None };
    let mut request = with_tools(vec![tool], None);
    let custom = Item::Call {
        id: "c".into(),
        item_id: None,
        name: "apply_patch".into(),
        namespace: None,
        kind: CallKind::Custom,
        arguments: Arguments::Text("*** Begin".into()),
        signature: None,
        cache: None,
        caller: None,
    };
    request
        .turns
        .extend([assistant(vec![custom]), results(vec![answer("c", "ok")])]);
    let got = body(&request);
    let declared = &got["tools"][0]["functionDeclarations"][0];
    assert_eq!(
        declared["parametersJsonSchema"]["required"],
        json!(["input"])
    );
    assert_eq!(
        got["contents"][1]["parts"][0]["functionCall"]["args"],
        json!({"input": "*** Begin"})
    );
}

#[test]
fn e94_namespaces_are_flattened() {
    let mut child = function("read", None);
    child.namespace = Some("fs".into());
    let mut request = with_tools(vec![child], None);
    let mut step = call("c", "read", "{}");
    if let Item::Call { namespace, .. } = &mut step {
        *namespace = Some("fs".into());
    }
    request
        .turns
        .extend([assistant(vec![step]), results(vec![answer("c", "ok")])]);
    let got = body(&request);
    assert_eq!(names_of(&got), ["fs__read"]);
    assert_eq!(
        got["contents"][1]["parts"][0]["functionCall"]["name"],
        "fs__read"
    );
    assert_eq!(
        got["contents"][2]["parts"][0]["functionResponse"]["name"],
        "fs__read"
    );
}

#[test]
fn e99_search_beside_functions_only_where_models_mix() {
    let both = || with_tools(vec![function("f", None), web_search(false)], None);
    let got = body(&both());
    assert_eq!(got["tools"].as_array().unwrap().len(), 1);
    assert_eq!(names_of(&got), ["f"]);
    let got = body(&with_tools(vec![web_search(false)], None));
    assert_eq!(got["tools"], json!([{"googleSearch": {}}]));
    let got = Upstream::gemini3().body(&both());
    assert_eq!(got["tools"][1], json!({"googleSearch": {}}));
    assert_eq!(
        got["toolConfig"],
        json!({"includeServerSideToolInvocations": true})
    );
    let got = Upstream::vertex().body(&with_tools(vec![web_search(false)], None));
    assert_eq!(
        got["tools"],
        json!([{"googleSearch": {"excludeDomains": ["b.com"]}}])
    );
    let got = body(&with_tools(vec![web_search(true)], None));
    assert_eq!(got["tools"], Value::Null);
}

#[test]
fn own_server_tools_are_native_and_others_are_dropped() {
    let own = server(ToolKind::Server {
        dialect: Dialect::Gemini,
        kind: "codeExecution".into(),
        raw: json!({"codeExecution": {}}).into(),
    });
    let other = server(ToolKind::Server {
        dialect: Dialect::OpenAiResponses,
        kind: "code_interpreter".into(),
        raw: json!({}).into(),
    });
    let got = body(&with_tools(vec![own, other], None));
    assert_eq!(got["tools"], json!([{"codeExecution": {}}]));
    let step = |dialect| {
        Item::Server(Box::new(ServerTool {
            dialect,
            kind: "executableCode".into(),
            id: None,
            name: None,
            query: None,
            raw: json!({"executableCode": {"code": "1"}}).into(),
        }))
    };
    let items = vec![
        step(Dialect::Gemini),
        step(Dialect::Anthropic),
        Item::text("x"),
    ];
    let got = contents(vec![user("a"), assistant(items), user("b")]);
    assert_eq!(
        got[1]["parts"],
        json!([{"executableCode": {"code": "1"}}, {"text": "x"}])
    );
}

#[test]
fn e92_schemas_by_the_form_of_the_backend() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let request = with_tools(
        vec![
            function("f", Some(schema.clone())),
            function("g", Some(json!({"type": "object", "properties": {}}))),
        ],
        None,
    );
    let got = body(&request);
    let declared = &got["tools"][0]["functionDeclarations"];
    assert_eq!(declared[0]["parametersJsonSchema"], schema);
    assert_eq!(declared[0]["parameters"], Value::Null);
    let got = Upstream::strict().body(&request);
    let declared = &got["tools"][0]["functionDeclarations"];
    assert!(declared[0]["parameters"].is_object());
    assert_eq!(declared[0]["parametersJsonSchema"], Value::Null);
    assert_eq!(declared[1]["parameters"], Value::Null);
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
fn e121_urls_that_google_reads_and_others() {
    let image = |url: &str, mime: Option<&str>| Item::Image {
        source: MediaSource::Url {
            url: url.into(),
            mime: mime.map(Into::into),
        },
        detail: None,
        cache: None,
    };
    let got = contents(vec![Turn::new(
        Role::User,
        vec![
            image("https://example.com/a.png", None),
            image("gs://b/o.png", None),
            image("gs://b/o", None),
            image("gs://b/o", Some("image/webp")),
            image(
                "https://generativelanguage.googleapis.com/v1beta/files/x",
                None,
            ),
        ],
    )]);
    assert_eq!(
        got[0]["parts"],
        json!([
            {"text": "[image: https://example.com/a.png]"},
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/o.png"}},
            {"text": "[image: gs://b/o]"},
            {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/o"}},
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        ])
    );
}

#[test]
fn e125_pictures_of_results_stay_with_their_result() {
    let request = turns(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}"), call("c2", "g", "{}")]),
        results(vec![
            result("c1", vec![Item::text("one"), png()]),
            result("c2", vec![Item::text("two"), png()]),
        ]),
    ]);
    let blob = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}});
    let got = Upstream::gemini3().body(&request);
    let parts = got["contents"][2]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    for part in parts {
        assert_eq!(part["functionResponse"]["parts"], json!([blob]));
    }
    let got = body(&request);
    let parts = got["contents"][2]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 4);
    assert_eq!(parts[0]["functionResponse"]["name"], "f");
    assert_eq!(parts[1], blob);
    assert_eq!(parts[2]["functionResponse"]["name"], "g");
    assert_eq!(parts[3], blob);
}

#[test]
fn e127_other_media_are_inline_data() {
    let base64 = |mime: &str| MediaSource::Base64 {
        mime: mime.into(),
        data: "AAAA".into(),
    };
    let file = |source| Item::File {
        source,
        name: Some("a.txt".into()),
        context: None,
        citations_enabled: false,
        cache: None,
    };
    let text = MediaSource::Text {
        mime: "text/plain".into(),
        data: "hi".into(),
    };
    let blocks = MediaSource::Content(json!([{"type": "text", "text": "block"}]).into());
    let foreign = MediaSource::FileId {
        dialect: Dialect::Anthropic,
        id: "file_1".into(),
    };
    let got = contents(vec![Turn::new(
        Role::User,
        vec![
            Item::Video {
                source: base64("video/mp4"),
            },
            file(base64("application/pdf")),
            file(text),
            file(blocks),
            file(foreign),
        ],
    )]);
    let blob = |mime: &str, data: &str| json!({"inlineData": {"mimeType": mime, "data": data}});
    assert_eq!(
        got[0]["parts"],
        json!([
            blob("video/mp4", "AAAA"),
            blob("application/pdf", "AAAA"),
            blob("text/plain", "aGk="),
            {"text": "block"},
            {"text": "[file: kept by another provider]"},
        ])
    );
}

#[test]
fn text_only_models_get_notes_for_pictures() {
    let mut upstream = Upstream::default();
    upstream.model.vision = Some(false);
    let got = upstream.body(&turns(vec![Turn::new(Role::User, vec![png()])]));
    assert_eq!(
        got["contents"][0]["parts"],
        json!([{"text": "[image: this model reads text only]"}])
    );
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
