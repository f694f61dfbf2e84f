use super::*;
use crate::canonical::{
    CacheMark, Choice, Effort, MediaSource, OutputFormat, ReasoningIntent, ReasoningShow, Role,
    SystemBlock, SystemRank, Tool, ToolKind, Turn,
};
use crate::codec::{Dialect, ThinkingSupport};
use crate::raw::RawJson;
use crate::testing::{assistant, call, result, user};

fn thinking(issuer: SignatureIssuer, value: &str, text: &str) -> Item {
    Item::Reasoning {
        text: text.to_owned(),
        summary: Vec::new(),
        signature: Some(Signature {
            issuer,
            value: value.to_owned(),
            place: SignaturePlace::Here,
        }),
        redacted: false,
        id: None,
    }
}

fn request(turns: Vec<Turn>) -> Request {
    Request {
        model: "m".to_owned(),
        turns,
        ..Request::default()
    }
}

fn function(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        namespace: None,
        description: None,
        kind: ToolKind::Function {
            schema: None,
            strict: None,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn system(text: &str) -> SystemBlock {
    SystemBlock {
        text: text.into(),
        rank: SystemRank::System,
        cache: None,
    }
}

/// The `input` for OpenAI's own endpoint.
#[track_caller]
fn input(turns: Vec<Turn>) -> Vec<Value> {
    encoded(&request(turns), &EndpointTraits::default())["input"]
        .as_array()
        .unwrap()
        .clone()
}

fn kinds_of(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect()
}

#[test]
fn the_test_vector_of_codex() {
    let mut request = request(vec![user("Hi")]);
    request.system = vec![system("S")];
    request.sampling.temperature = Some(0.3);
    request.limits.max_output = Some(99);
    request.reasoning.intent = ReasoningIntent::Level(Effort::High);
    assert_eq!(
        encoded(&request, &codex()),
        json!({
            "model": "up",
            "instructions": "",
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "S"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            ],
            "reasoning": {"effort": "high", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "store": false,
            "stream": true,
        })
    );
}

#[test]
fn the_public_api_keeps_the_parameters() {
    let mut request = request(vec![user("Hi")]);
    request.system = vec![system("S"), system("T")];
    request.sampling.temperature = Some(0.3);
    request.sampling.top_p = Some(0.5);
    request.limits.max_output = Some(99);
    request.tier = Some("fast".to_owned());
    request.metadata = Some(RawJson::from(json!({"a": "b"})));
    request.end_user = Some("x".repeat(150));
    request.cache.key = Some("k".to_owned());
    let body = encoded(&request, &EndpointTraits::default());
    assert_eq!(body["instructions"], "S");
    assert_eq!(body["input"][0]["role"], "developer");
    assert_eq!(body["temperature"], 0.3);
    assert_eq!(body["top_p"], 0.5);
    assert_eq!(body["max_output_tokens"], 99);
    assert_eq!(body["service_tier"], "priority");
    assert_eq!(body["metadata"], json!({"a": "b"}));
    assert_eq!(body["prompt_cache_key"], "k");
    assert_eq!(body["stream"], false);
    assert_eq!(body["store"], false);
    assert!(body.get("reasoning").is_none());
    assert!(body.get("include").is_none());
    // E-78: the same long name is the same short one.
    let name = body["user"].as_str().unwrap().to_owned();
    assert!(name.len() <= 64);
    assert_eq!(encoded(&request, &EndpointTraits::default())["user"], *name);
}

#[test]
fn e3_instructions_in_the_middle_stay_in_place() {
    let items = input(vec![
        user("a"),
        Turn::new(Role::System, vec![Item::text("rule")]),
        user("b"),
    ]);
    let roles: Vec<&str> = items
        .iter()
        .map(|item| item["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "developer", "user"]);
}

#[test]
fn e9_no_empty_message_in_front_of_a_call() {
    for content in [vec![], vec![Item::text("")]] {
        let mut items = content;
        items.push(call("c", "f", "{}"));
        let items = input(vec![
            user("x"),
            assistant(items),
            Turn::new(Role::Tool, vec![result("c", vec![Item::text("r")])]),
        ]);
        assert_eq!(
            kinds_of(&items),
            ["message", "function_call", "function_call_output"]
        );
        assert_eq!(items[2]["output"], "r");
    }
}

#[test]
fn e10_neighbours_are_not_merged() {
    assert_eq!(input(vec![user("a"), user("b")]).len(), 2);
}

#[test]
fn e12_items_keep_their_order() {
    let items = input(vec![
        user("x"),
        assistant(vec![
            thinking(SignatureIssuer::OpenAi, "gAAAA1", "t1"),
            Item::text("text"),
            call("c", "f", "{}"),
            thinking(SignatureIssuer::OpenAi, "gAAAA2", ""),
            Item::text("more"),
        ]),
        Turn::new(Role::Tool, vec![result("c", vec![])]),
    ]);
    assert_eq!(
        kinds_of(&items),
        [
            "message",
            "reasoning",
            "message",
            "function_call",
            "reasoning",
            "message",
            "function_call_output",
        ]
    );
    assert_eq!(
        items[1],
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "t1"}], "encrypted_content": "gAAAA1"})
    );
    assert_eq!(
        items[2],
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "text"}]})
    );
    // E-32: an answer without content is an answer.
    assert_eq!(items[6]["output"], "");
}

#[test]
fn e20_a_refusal_stays_a_refusal() {
    let items = input(vec![
        user("x"),
        assistant(vec![Item::Refusal("no".to_owned())]),
    ]);
    assert_eq!(
        items[1]["content"],
        json!([{"type": "refusal", "refusal": "no"}])
    );
}

#[test]
fn e41_long_call_ids_are_short_and_stable() {
    let long = format!("toolu_{}", "x".repeat(80));
    let turns = || {
        vec![
            user("x"),
            assistant(vec![call(&long, "f", "{}")]),
            Turn::new(Role::Tool, vec![result(&long, vec![])]),
        ]
    };
    let items = input(turns());
    let id = items[1]["call_id"].as_str().unwrap();
    assert_eq!(id.len(), 64);
    assert_eq!(items[2]["call_id"], id);
    assert_eq!(input(turns()), items);
}

#[test]
fn e43_reasoning_without_follower_is_dropped() {
    let items = input(vec![
        user("x"),
        assistant(vec![
            Item::text("a"),
            thinking(SignatureIssuer::OpenAi, "gAAAA1", ""),
        ]),
        user("y"),
    ]);
    assert_eq!(kinds_of(&items), ["message", "message", "message"]);
}

#[test]
fn e49_thinking_of_others_is_dropped() {
    let items = input(vec![
        user("x"),
        assistant(vec![
            thinking(SignatureIssuer::Anthropic, "sig", "t"),
            thinking(SignatureIssuer::Gemini, "sig", "t"),
            thinking(SignatureIssuer::OpenAi, "gAAAA1", ""),
            call("c", "f", "{}"),
        ]),
        Turn::new(Role::Tool, vec![result("c", vec![Item::text("r")])]),
    ]);
    assert_eq!(
        kinds_of(&items),
        [
            "message",
            "reasoning",
            "function_call",
            "function_call_output"
        ]
    );
    assert_eq!(items[1]["encrypted_content"], "gAAAA1");
    assert_eq!(items[1]["summary"], json!([]));
}

#[test]
fn e71_parameters_without_a_place_are_left_out() {
    let mut request = request(vec![user("x")]);
    request.limits.stop = vec!["END".to_owned()];
    request.sampling.seed = Some(1);
    request.sampling.presence_penalty = Some(0.5);
    request.sampling.logit_bias = Some(RawJson::from(json!({"1": 2})));
    for endpoint in [codex(), EndpointTraits::default()] {
        let body = encoded(&request, &endpoint);
        for field in ["stop", "seed", "presence_penalty", "logit_bias"] {
            assert!(body.get(field).is_none(), "{field}");
        }
    }
}

#[test]
fn e73_several_choices_are_refused() {
    let mut request = request(vec![user("x")]);
    request.sampling.n = Some(2);
    let traits = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &traits,
        endpoint: &endpoint,
    };
    match OpenAiResponses.encode_request(&request, &target) {
        Err(CodecError::Unsupported { param, .. }) => assert_eq!(param, "n"),
        other => panic!("{other:?}"),
    }
    request.sampling.n = Some(1);
    assert!(OpenAiResponses.encode_request(&request, &target).is_ok());
}

#[test]
fn e82_long_names_stay_apart() {
    let one = format!("mcp__{}__workers_builds_get_build", "s".repeat(60));
    let two = format!("{one}_logs");
    let mut request = request(vec![
        user("x"),
        assistant(vec![call("c", &two, "{}")]),
        Turn::new(Role::Tool, vec![result("c", vec![])]),
    ]);
    request.tools = vec![function(&one), function(&two)];
    request.tool_choice = Some(Choice::Tool {
        name: two.clone(),
        namespace: None,
    });
    let body = encoded(&request, &EndpointTraits::default());
    let names: Vec<&str> = body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| name.len() <= 64));
    assert_eq!(body["input"][1]["name"], names[1]);
    // E-88: the choice names the tool by its new name.
    assert_eq!(
        body["tool_choice"],
        json!({"type": "function", "name": names[1]})
    );
    let traits = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &traits,
        endpoint: &endpoint,
    };
    let notes = OpenAiResponses
        .encode_request(&request, &target)
        .unwrap()
        .notes;
    assert_eq!(notes.names.to_client(names[1]), two);
}

#[test]
fn e86_without_tools_nothing_speaks_of_them() {
    let mut request = request(vec![user("x")]);
    request.tool_choice = Some(Choice::Auto);
    request.parallel_calls = Some(false);
    request.tools = vec![Tool {
        kind: ToolKind::Server {
            dialect: Dialect::Anthropic,
            kind: "computer_20250124".to_owned(),
            raw: RawJson::from(json!({})),
        },
        ..function("computer")
    }];
    for endpoint in [codex(), EndpointTraits::default()] {
        let body = encoded(&request, &endpoint);
        for field in ["tools", "tool_choice", "parallel_tool_calls"] {
            assert!(body.get(field).is_none(), "{field}");
        }
    }
}

#[test]
fn e88_a_choice_of_a_dropped_tool_is_auto() {
    let mut request = request(vec![user("x")]);
    request.tools = vec![function("f")];
    for choice in [
        Choice::Tool {
            name: "gone".to_owned(),
            namespace: None,
        },
        Choice::Server("code_interpreter".to_owned()),
        Choice::Allowed {
            names: vec!["gone".to_owned()],
            required: true,
        },
    ] {
        request.tool_choice = Some(choice);
        let body = encoded(&request, &EndpointTraits::default());
        assert_eq!(body["tool_choice"], "auto");
    }
}

#[test]
fn e116_functions_get_properties_and_are_not_strict() {
    let mut request = request(vec![user("x")]);
    let with = |name: &str, schema: Option<Value>, strict: Option<bool>| Tool {
        kind: ToolKind::Function {
            schema: schema.map(RawJson::from),
            strict,
            output_schema: None,
        },
        ..function(name)
    };
    request.tools = vec![
        with(
            "f",
            Some(json!({"type": "object", "properties": {"a": {"type": "object"}}})),
            None,
        ),
        with("g", None, Some(true)),
    ];
    let body = encoded(&request, &EndpointTraits::default());
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "name": "f", "strict": false,
             "parameters": {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}},
            {"type": "function", "name": "g", "strict": true, "parameters": {"type": "object", "properties": {}}},
        ])
    );
}

#[test]
fn tools_of_the_upstream() {
    let mut request = request(vec![user("x")]);
    request.tools = vec![
        Tool {
            kind: ToolKind::WebSearch {
                dialect: Dialect::Anthropic,
                allowed_domains: vec!["a.com".to_owned()],
                blocked_domains: vec!["b.com".to_owned()],
                user_location: Some(RawJson::from(json!({"type": "approximate", "city": "Ulm"}))),
                max_uses: Some(3),
                offline: false,
                raw: RawJson::from(json!({"type": "web_search_20250305"})),
            },
            ..function("web_search")
        },
        Tool {
            kind: ToolKind::WebSearch {
                dialect: Dialect::OpenAiChat,
                allowed_domains: vec![],
                blocked_domains: vec![],
                user_location: Some(RawJson::from(
                    json!({"type": "approximate", "approximate": {"city": "Ulm"}}),
                )),
                max_uses: None,
                offline: false,
                raw: RawJson::from(json!({"search_context_size": "low"})),
            },
            ..function("web_search")
        },
        Tool {
            kind: ToolKind::Custom {
                format: Some(RawJson::from(json!({"type": "text"}))),
            },
            description: Some("".into()),
            ..function("patch")
        },
        Tool {
            namespace: Some("fs".to_owned()),
            ..function("read")
        },
        Tool {
            namespace: Some("fs".to_owned()),
            ..function("write")
        },
    ];
    request.tool_choice = Some(Choice::Server("web_search".to_owned()));
    let body = encoded(&request, &EndpointTraits::default());
    let parameters = json!({"type": "object", "properties": {}});
    assert_eq!(
        body["tools"],
        json!([
            {"type": "web_search", "filters": {"allowed_domains": ["a.com"]}, "user_location": {"type": "approximate", "city": "Ulm"}},
            {"type": "web_search", "search_context_size": "low", "user_location": {"type": "approximate", "city": "Ulm"}},
            {"type": "custom", "name": "patch", "description": "", "format": {"type": "text"}},
            {"type": "namespace", "name": "fs", "description": "", "tools": [
                {"type": "function", "name": "read", "strict": false, "parameters": parameters},
                {"type": "function", "name": "write", "strict": false, "parameters": parameters},
            ]},
        ])
    );
    assert_eq!(body["tool_choice"], json!({"type": "web_search"}));
}

#[test]
fn e113_structured_output_is_flat() {
    let mut request = request(vec![user("x")]);
    request.output.format = OutputFormat::JsonSchema {
        name: Some("n".to_owned()),
        description: None,
        schema: RawJson::from(json!({"type": "object"})),
        strict: Some(true),
    };
    let body = encoded(&request, &EndpointTraits::default());
    assert_eq!(
        body["text"],
        json!({"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}})
    );
    request.output.format = OutputFormat::JsonObject;
    request.output.verbosity = Some("low".to_owned());
    let body = encoded(&request, &EndpointTraits::default());
    assert_eq!(
        body["text"],
        json!({"format": {"type": "json_object"}, "verbosity": "low"})
    );
}

#[test]
fn e126_documents_are_files_with_a_name() {
    let pdf = || Item::File {
        source: MediaSource::Base64 {
            mime: "application/pdf".to_owned(),
            data: "JVBERi0=".to_owned(),
        },
        name: None,
        context: None,
        citations_enabled: false,
        cache: None,
    };
    let part = json!({"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="});
    let items = input(vec![
        Turn::new(Role::User, vec![pdf()]),
        assistant(vec![call("c", "f", "{}")]),
        Turn::new(Role::Tool, vec![result("c", vec![Item::text("t"), pdf()])]),
    ]);
    assert_eq!(items[0]["content"], json!([part]));
    assert_eq!(
        items[2]["output"],
        json!([{"type": "input_text", "text": "t"}, part])
    );
}

#[test]
fn e124_an_output_in_text_form_is_taken_apart() {
    let text = r#"[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]"#;
    let items = input(vec![
        user("x"),
        assistant(vec![call("c", "f", "{}")]),
        Turn::new(Role::Tool, vec![result("c", vec![Item::text(text)])]),
    ]);
    assert_eq!(
        items[2]["output"],
        json!([{"type": "input_text", "text": "t"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}])
    );
}

#[test]
fn failed_results_say_so() {
    for (text, want) in [
        ("not found", "Error: not found"),
        ("Error: x", "Error: x"),
        ("error 5", "error 5"),
    ] {
        let mut failed = result("c", vec![Item::text(text)]);
        if let Item::Result { is_error, .. } = &mut failed {
            *is_error = true;
        }
        let items = input(vec![
            user("x"),
            assistant(vec![call("c", "f", "{}")]),
            Turn::new(Role::Tool, vec![failed]),
        ]);
        assert_eq!(items[2]["output"], want);
    }
}

#[test]
fn e31_calls_without_id_get_one() {
    let items = input(vec![
        user("x"),
        assistant(vec![call("", "f", "{}")]),
        Turn::new(Role::Tool, vec![result("", vec![Item::text("r")])]),
    ]);
    let id = items[1]["call_id"].as_str().unwrap();
    assert!(id.starts_with("call_missing_"), "{id}");
    assert_eq!(items[2]["call_id"], id);
}

#[test]
fn pictures_and_sound() {
    let items = input(vec![Turn::new(
        Role::User,
        vec![
            Item::Image {
                source: MediaSource::Url {
                    url: "http://u".to_owned(),
                    mime: None,
                },
                detail: Some("high".to_owned()),
                cache: None,
            },
            Item::Image {
                source: MediaSource::FileId {
                    dialect: Dialect::OpenAiChat,
                    id: "file-1".to_owned(),
                },
                detail: None,
                cache: None,
            },
            Item::Image {
                source: MediaSource::FileId {
                    dialect: Dialect::Anthropic,
                    id: "file_2".to_owned(),
                },
                detail: None,
                cache: None,
            },
            Item::Audio {
                source: MediaSource::Base64 {
                    mime: "audio/mpeg".to_owned(),
                    data: "AAAA".to_owned(),
                },
                transcript: None,
                id: None,
            },
        ],
    )]);
    assert_eq!(
        items[0]["content"],
        json!([
            {"type": "input_image", "image_url": "http://u", "detail": "high"},
            {"type": "input_image", "file_id": "file-1"},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ])
    );
}

#[test]
fn cache_marks_become_breakpoints_only_when_meant() {
    let mut marked = Item::text("a");
    if let Item::Text { cache, .. } = &mut marked {
        *cache = Some(CacheMark { ttl: None });
    }
    let mut request = request(vec![Turn::new(Role::User, vec![marked])]);
    let part = |request: &Request, endpoint: &EndpointTraits| {
        encoded(request, endpoint)["input"][0]["content"][0]
            .get("prompt_cache_breakpoint")
            .cloned()
    };
    assert_eq!(part(&request, &EndpointTraits::default()), None);
    let body = Bytes::from_static(br#"{"x":{"prompt_cache_breakpoint":{"mode":"explicit"}}}"#);
    request.native = Some((Dialect::OpenAiChat, body));
    assert_eq!(
        part(&request, &EndpointTraits::default()),
        Some(json!({"mode": "explicit"}))
    );
    assert_eq!(part(&request, &codex()), None);
}

#[test]
fn thinking_wishes() {
    let mut request = request(vec![user("x")]);
    for (intent, show, want) in [
        (ReasoningIntent::Unset, ReasoningShow::Unset, Value::Null),
        (
            ReasoningIntent::Unset,
            ReasoningShow::SummaryAuto,
            Value::Null,
        ),
        (
            ReasoningIntent::Off,
            ReasoningShow::SummaryAuto,
            json!({"effort": "none"}),
        ),
        (
            ReasoningIntent::Auto,
            ReasoningShow::SummaryAuto,
            json!({"summary": "auto"}),
        ),
        (
            ReasoningIntent::Budget(2000),
            ReasoningShow::SummaryDetailed,
            json!({"effort": "medium", "summary": "detailed"}),
        ),
        (
            ReasoningIntent::Level(Effort::Low),
            ReasoningShow::Hidden,
            json!({"effort": "low"}),
        ),
    ] {
        request.reasoning.intent = intent;
        request.reasoning.show = show;
        let body = encoded(&request, &EndpointTraits::default());
        assert_eq!(body["reasoning"], want);
    }
    request.reasoning = crate::canonical::Reasoning::default();
    assert_eq!(
        encoded(&request, &codex())["reasoning"],
        json!({"effort": "medium", "summary": "auto"})
    );
}

#[test]
fn encrypted_reasoning_is_asked_of_models_that_think() {
    let request = request(vec![user("x")]);
    let endpoint = EndpointTraits::default();
    let include = |traits: &ModelTraits| {
        let target = Target {
            model: "up",
            stream: false,
            model_traits: traits,
            endpoint: &endpoint,
        };
        let encoded = OpenAiResponses.encode_request(&request, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        body.get("include").cloned()
    };
    let thinks = ModelTraits {
        thinking: Some(ThinkingSupport::default()),
        ..ModelTraits::default()
    };
    assert_eq!(include(&ModelTraits::default()), None);
    assert_eq!(
        include(&thinks),
        Some(json!(["reasoning.encrypted_content"]))
    );
}
