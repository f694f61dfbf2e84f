//! Clients' bodies.

use super::*;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Choice, Effort, Item, MediaSource, OutputFormat,
    ReasoningIntent, ReasoningShow, Role, Signature, SignatureIssuer, SignaturePlace, SystemRank,
    ToolKind,
};
use crate::codec::Dialect;
use crate::openai_chat::is_responses_body;
use serde_json::json;

fn with(fields: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let Value::Object(fields) = fields else {
        panic!()
    };
    body.as_object_mut().unwrap().extend(fields);
    body
}

fn messages(list: Value) -> Request {
    decode(json!({"model": "m", "messages": list}))
}

#[test]
fn scalars_find_their_places() {
    let request = decode(with(json!({
        "stream": true,
        "stream_options": {"include_usage": true},
        "temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1,
        "presence_penalty": 1, "frequency_penalty": -1.5,
        "n": 2, "seed": 7, "logit_bias": {"50256": -100},
        "parallel_tool_calls": false, "verbosity": "low",
        "modalities": ["TEXT", "audio"], "audio": {"voice": "alloy", "format": "wav"},
        "store": true, "metadata": {"a": "b"}, "user": "u", "safety_identifier": "s",
        "prompt_cache_key": "k", "prompt_cache_retention": "24h", "service_tier": "flex",
        "image_config": {"aspect_ratio": "16:9"},
        "foo": {"unknown": [1, 2]},
    })));
    assert!(request.stream && request.include_usage);
    assert_eq!(request.sampling.temperature, Some(0.5));
    assert_eq!(request.sampling.top_k, Some(3));
    assert_eq!(request.sampling.presence_penalty, Some(1.0));
    assert_eq!(request.sampling.n, Some(2));
    assert_eq!(
        request.sampling.logit_bias.as_ref().unwrap().as_str(),
        r#"{"50256":-100}"#
    );
    assert_eq!(request.parallel_calls, Some(false));
    assert_eq!(request.output.modalities, ["text", "audio"]);
    assert_eq!(
        request.output.image_config.as_ref().unwrap().as_str(),
        r#"{"aspectRatio":"16:9"}"#
    );
    assert_eq!(request.cache.key.as_deref(), Some("k"));
    assert_eq!(request.tier.as_deref(), Some("flex"));
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert!(matches!(
        request.native,
        Some((Dialect::OpenAiChat, ref raw)) if raw.starts_with(b"{\"model\"")
    ));
}

#[test]
fn wrong_types_are_refused_with_their_path() {
    for (body, path) in [
        (json!({"messages": [{"role": "user"}]}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": []}), "messages"),
        (json!({"model": "m", "messages": "hi"}), "messages"),
        (with(json!({"temperature": "hot"})), "temperature"),
        (with(json!({"max_tokens": -1})), "max_tokens"),
        (with(json!({"max_tokens": 1.5})), "max_tokens"),
        (with(json!({"n": 1e12})), "n"),
        (with(json!({"stop": 7})), "stop"),
        (
            json!({"model": "m", "messages": [{"role": "robot", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            json!({"model": "m", "messages": [{"content": "x"}]}),
            "messages[0]",
        ),
        (
            json!({"model": "m", "messages": [
                {"role": "user", "content": "x"},
                {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "hologram"}]},
            ]}),
            "messages[1].content[1].type",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}),
            "messages[0].content[0].text",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "messages[0].content[0].image_url",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [
                {"type": "input_audio", "input_audio": {"data": "?!", "format": "mp3"}}]}]}),
            "messages[0].content[0].input_audio.data",
        ),
        (
            json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}]}),
            "messages[0].tool_calls[0].function.name",
        ),
        (
            with(json!({"tools": [{"type": "function", "function": {"name": 3}}]})),
            "tools[0].function.name",
        ),
        (
            with(json!({"tools": [{"type": "function"}]})),
            "tools[0].function",
        ),
        (with(json!({"tool_choice": "sometimes"})), "tool_choice"),
        (
            with(json!({"response_format": {"type": "xml"}})),
            "response_format.type",
        ),
        (
            with(json!({"reasoning_effort": "huge"})),
            "reasoning_effort",
        ),
    ] {
        assert_eq!(refused(body.clone()).0, path, "{body}");
    }
    let error = OpenAiChat
        .decode_request(&Bytes::from_static(b"{\"model\":"), &PathFacts::default())
        .unwrap_err();
    let failure = error.into_failure();
    assert_eq!((failure.status, failure.param.as_deref()), (400, None));
    assert!(
        failure
            .message
            .starts_with("Invalid request: the body is not JSON: "),
        "{}",
        failure.message
    );
}

#[test]
fn e1_leading_instructions_keep_their_ranks_and_blocks() {
    let request = messages(json!([
        {"role": "system", "content": "S1"},
        {"role": "developer", "content": [{"type": "text", "text": "D1"}, {"type": "text", "text": "D2"}]},
        {"role": "user", "content": "hi"},
    ]));
    let system: Vec<_> = request
        .system
        .iter()
        .map(|block| (block.text.as_str(), block.rank))
        .collect();
    assert_eq!(
        system,
        [
            ("S1", SystemRank::System),
            ("D1", SystemRank::Developer),
            ("D2", SystemRank::Developer)
        ]
    );
    assert_eq!(request.turns.len(), 1);
}

#[test]
fn e2_instructions_in_the_middle_stay_in_place() {
    let request = messages(json!([
        {"role": "user", "content": [{"type": "text", "text": "first", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "rule"},
        {"role": "user", "content": "second"},
    ]));
    assert!(request.system.is_empty());
    let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::User]);
    assert!(matches!(
        &request.turns[0].items[0],
        Item::Text {
            cache: Some(CacheMark { ttl: None }),
            ..
        }
    ));
}

#[test]
fn e9_null_and_empty_content_beside_calls_are_no_text() {
    for content in [json!(null), json!("")] {
        let request = messages(json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": content, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "ok"},
        ]));
        assert_eq!(request.turns[1].items.len(), 1);
        assert!(matches!(request.turns[1].items[0], Item::Call { .. }));
    }
}

#[test]
fn e20_refusals_of_the_history() {
    for message in [
        json!({"role": "assistant", "refusal": "no"}),
        json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}),
    ] {
        let request = messages(json!([{"role": "user", "content": "hi"}, message]));
        assert_eq!(request.turns[1].items, [Item::Refusal("no".to_owned())]);
    }
}

#[test]
fn e21_old_function_messages_become_a_call_and_its_result() {
    let request = messages(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}},
        {"role": "function", "name": "f", "content": "42"},
    ]));
    let body = encode(&request);
    let call = &body["messages"][1]["tool_calls"][0];
    let id = call["id"].as_str().unwrap();
    assert!(!id.is_empty());
    assert_eq!(
        call["function"],
        json!({"name": "f", "arguments": "{\"a\":1}"})
    );
    assert_eq!(
        body["messages"][2],
        json!({"role": "tool", "tool_call_id": id, "content": "42"})
    );
}

#[test]
fn e32_empty_results_are_kept() {
    for content in [json!([]), json!(""), json!(null)] {
        let request = messages(json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c", "content": content},
        ]));
        let [
            Item::Result {
                call_id, content, ..
            },
        ] = &request.turns[2].items[..]
        else {
            panic!("{request:?}");
        };
        assert_eq!((call_id.as_str(), content.len()), ("c", 0));
        assert_eq!(encode(&request)["messages"][2]["content"], "");
    }
}

#[test]
fn results_of_one_group_share_a_turn() {
    let request = messages(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "content": "Done."},
    ]));
    let shape: Vec<_> = request
        .turns
        .iter()
        .map(|t| (t.role, t.items.len()))
        .collect();
    assert_eq!(
        shape,
        [
            (Role::User, 1),
            (Role::Assistant, 2),
            (Role::Tool, 2),
            (Role::Assistant, 1)
        ]
    );
}

#[test]
fn e45_arguments_stay_what_the_model_wrote() {
    for (arguments, want) in [
        (json!("{\"city\":\"SF\",}"), "{\"city\":\"SF\",}"),
        (json!("{\"a\":1}{\"b\":2}"), "{\"a\":1}{\"b\":2}"),
        (json!("\"abc\""), "\"abc\""),
        (json!(""), ""),
        (json!({"a": 1}), "{\"a\":1}"),
        (json!(null), ""),
    ] {
        let request = messages(json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": arguments}}]},
        ]));
        let Item::Call { arguments, .. } = &request.turns[1].items[0] else {
            panic!()
        };
        assert_eq!(arguments, &Arguments::Json(want.to_owned()));
    }
}

#[test]
fn e61_signatures_come_back_on_their_calls() {
    let signed = json!({"google": {"thought_signature": "sig"}});
    let want = Some(Signature {
        issuer: SignatureIssuer::Gemini,
        value: "sig".to_owned(),
        place: SignaturePlace::Here,
    });
    let call = json!({"id": "c", "function": {"name": "f", "arguments": "{}"}});
    let mut on_call = call.clone();
    on_call["extra_content"] = signed.clone();
    for message in [
        json!({"role": "assistant", "tool_calls": [on_call]}),
        json!({"role": "assistant", "content": "x", "extra_content": signed, "tool_calls": [call]}),
    ] {
        let request = messages(json!([{"role": "user", "content": "hi"}, message]));
        let last = request.turns[1].items.last().unwrap();
        let Item::Call { signature, .. } = last else {
            panic!()
        };
        assert_eq!(signature, &want);
    }
}

#[test]
fn e62_the_older_limit_wins() {
    for (fields, want) in [
        (
            json!({"max_tokens": 4096, "max_completion_tokens": 128000}),
            Some(4096),
        ),
        (json!({"max_completion_tokens": 128000}), Some(128_000)),
        (
            json!({"max_tokens": null, "max_completion_tokens": 5}),
            Some(5),
        ),
        // Some languages know no other numbers.
        (json!({"max_tokens": 5.0}), Some(5)),
        (json!({}), None),
    ] {
        assert_eq!(decode(with(fields)).limits.max_output, want);
    }
}

#[test]
fn e70_stop_is_a_string_or_a_list() {
    assert_eq!(decode(with(json!({"stop": "END"}))).limits.stop, ["END"]);
    assert_eq!(
        decode(with(json!({"stop": ["", "  ", "END"]}))).limits.stop,
        ["", "  ", "END"]
    );
    assert!(decode(with(json!({"stop": null}))).limits.stop.is_empty());
}

#[test]
fn e75_logprobs_are_a_number_of_alternatives() {
    for (fields, want) in [
        (json!({"logprobs": true, "top_logprobs": 3}), Some(3)),
        (json!({"logprobs": true}), Some(0)),
        (json!({"logprobs": false, "top_logprobs": 3}), None),
        (json!({}), None),
    ] {
        assert_eq!(decode(with(fields)).sampling.logprobs, want);
    }
}

#[test]
fn e79_unknown_fields_are_dropped() {
    let request = decode(with(json!({"foo": 1, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi", "bar": [1]}], "baz": {}}]})));
    assert_eq!(request.turns[0].items, [Item::text("hi")]);
    assert!(encode(&request).get("foo").is_none());
}

#[test]
fn e87_choices_in_every_form() {
    let tool = |name: &str| Choice::Tool {
        name: name.to_owned(),
        namespace: None,
    };
    let allowed = Choice::Allowed {
        names: vec!["f".to_owned(), "g".to_owned()],
        required: true,
    };
    for (fields, want) in [
        (json!({"tool_choice": "none"}), Choice::None),
        (json!({"tool_choice": "auto"}), Choice::Auto),
        (json!({"tool_choice": "required"}), Choice::Required),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            tool("f"),
        ),
        (
            json!({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}),
            tool("f"),
        ),
        (
            json!({"tool_choice": {"type": "function", "name": "f"}}),
            tool("f"),
        ),
        (
            json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required",
                "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}]}}}),
            allowed,
        ),
        (
            json!({"tool_choice": {"type": "web_search"}}),
            Choice::Server("web_search".to_owned()),
        ),
        (json!({"function_call": "none"}), Choice::None),
        (json!({"function_call": {"name": "f"}}), tool("f")),
    ] {
        assert_eq!(decode(with(fields)).tool_choice, Some(want));
    }
    assert_eq!(decode(with(json!({}))).tool_choice, None);
}

#[test]
fn e95_flat_tools_are_taken() {
    let request = decode(with(json!({"tools": [
        {"type": "custom", "name": "patch", "description": "d", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}},
        {"type": "custom", "custom": {"name": "nested", "format": {"type": "text"}}},
        {"type": "function", "name": "flat", "parameters": {"type": "object"}, "strict": true},
        {"type": "function", "function": {"name": "f", "description": "", "parameters": {"b": 1.0, "a": 1e3}}},
    ], "functions": [{"name": "old"}]})));
    let names: Vec<_> = request
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(names, ["patch", "nested", "flat", "f", "old"]);
    let ToolKind::Custom {
        format: Some(format),
    } = &request.tools[0].kind
    else {
        panic!()
    };
    assert_eq!(
        format.read::<Value>().unwrap(),
        json!({"type": "grammar", "syntax": "lark", "definition": "start: x"})
    );
    assert!(matches!(
        request.tools[2].kind,
        ToolKind::Function {
            strict: Some(true),
            schema: Some(_),
            ..
        }
    ));
    let ToolKind::Function {
        schema: Some(schema),
        ..
    } = &request.tools[3].kind
    else {
        panic!()
    };
    // A `Value` of the test printed 1e3 as 1000.0; key order and text are what was sent.
    assert_eq!(schema.as_str(), r#"{"b":1.0,"a":1000.0}"#);
    assert_eq!(request.tools[3].description.as_deref(), Some(""));
    assert!(matches!(
        request.tools[4].kind,
        ToolKind::Function {
            schema: None,
            strict: None,
            ..
        }
    ));
}

#[test]
fn searches_are_declared_in_many_ways() {
    let request = decode(with(json!({
        "tools": [
            {"google_search": {}},
            {"code_execution": {}},
            {"type": "web_search", "filters": {"allowed_domains": ["a.com"]}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
            {"type": "file_search"},
        ],
        "web_search_options": {"search_context_size": "low", "user_location":
            {"type": "approximate", "approximate": {"city": "Bonn"}}},
    })));
    let dialects: Vec<_> = request
        .tools
        .iter()
        .map(|tool| match &tool.kind {
            ToolKind::WebSearch { dialect, .. } => (true, *dialect),
            ToolKind::Server { dialect, .. } => (false, *dialect),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        dialects,
        [
            (true, Dialect::Gemini),
            (false, Dialect::Gemini),
            (true, Dialect::OpenAiResponses),
            (true, Dialect::Anthropic),
            (false, Dialect::OpenAiChat),
            (true, Dialect::OpenAiChat),
        ]
    );
    let ToolKind::WebSearch {
        user_location: Some(place),
        ..
    } = &request.tools[5].kind
    else {
        panic!()
    };
    assert_eq!(
        place.read::<Value>().unwrap(),
        json!({"type": "approximate", "city": "Bonn"})
    );
    assert!(matches!(
        &request.tools[2].kind,
        ToolKind::WebSearch { allowed_domains, .. } if allowed_domains == &["a.com"]
    ));
}

#[test]
fn reasoning_wishes_in_every_vendors_form() {
    use ReasoningIntent::{Auto, Budget, Level, Off, Unset};
    use ReasoningShow::{Hidden, SummaryAuto};
    let unset = ReasoningShow::Unset;
    for (fields, intent, show) in [
        (json!({}), Unset, unset),
        (json!({"reasoning_effort": null}), Unset, unset),
        (json!({"reasoning_effort": "none"}), Off, unset),
        (
            json!({"reasoning_effort": "high"}),
            Level(Effort::High),
            SummaryAuto,
        ),
        (json!({"reasoning_effort": "Auto"}), Auto, SummaryAuto),
        (
            json!({"reasoning": {"effort": "low"}}),
            Level(Effort::Low),
            SummaryAuto,
        ),
        (
            json!({"reasoning": {"max_tokens": 2000, "exclude": true}}),
            Budget(2000),
            Hidden,
        ),
        (json!({"reasoning": {"enabled": true}}), Auto, SummaryAuto),
        (json!({"reasoning": {"enabled": false}}), Off, unset),
        (json!({"reasoning": "odd"}), Unset, unset),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 4000}}),
            Budget(4000),
            SummaryAuto,
        ),
        (json!({"thinking": {"type": "disabled"}}), Off, unset),
        (json!({"enable_thinking": true}), Auto, SummaryAuto),
        (
            json!({"enable_thinking": false, "thinking_budget": 5}),
            Off,
            unset,
        ),
        (json!({"thinking_budget": 512}), Budget(512), SummaryAuto),
        (
            json!({"chat_template_kwargs": {"enable_thinking": false}}),
            Off,
            unset,
        ),
        (
            json!({"extra_body": {"google": {"thinking_config": {"thinking_budget": -1, "include_thoughts": true}}}}),
            Auto,
            SummaryAuto,
        ),
        // The protocol's own field wins.
        (
            json!({"reasoning_effort": "low", "thinking": {"type": "enabled"}}),
            Level(Effort::Low),
            SummaryAuto,
        ),
    ] {
        let request = decode(with(fields.clone()));
        assert_eq!(
            (request.reasoning.intent, request.reasoning.show),
            (intent, show),
            "{fields}"
        );
    }
}

#[test]
fn e112_a_schema_wish_without_schema_asks_for_json_only() {
    let format = |format: Value| {
        decode(with(json!({"response_format": format})))
            .output
            .format
    };
    assert_eq!(format(json!({"type": "text"})), OutputFormat::Text);
    assert_eq!(
        format(json!({"type": "json_object"})),
        OutputFormat::JsonObject
    );
    assert_eq!(
        format(json!({"type": "json_schema", "json_schema": {"name": "n"}})),
        OutputFormat::JsonObject
    );
    let OutputFormat::JsonSchema {
        name,
        schema,
        strict,
        ..
    } = format(
        json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "object"}}}),
    )
    else {
        panic!()
    };
    assert_eq!(
        (name.as_deref(), schema.as_str(), strict),
        (Some("n"), r#"{"type":"object"}"#, Some(true))
    );
}

fn items(parts: Value) -> Vec<Item> {
    messages(json!([{"role": "user", "content": parts}])).turns[0]
        .items
        .clone()
}

#[test]
fn e117_pictures_by_data_url_and_by_link() {
    let got = items(json!([
        {"type": "image_url", "image_url": {"url": "data:image/jpg;x=y;base64,AAAA", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": 7}},
        {"type": "image_url", "image_url": "https://e.org/b.png"},
        {"type": "image_url", "image_url": {"url": "gs://b/o", "format": "image/png"}},
    ]));
    let url = |url: &str, mime: Option<&str>| MediaSource::Url {
        url: url.to_owned(),
        mime: mime.map(str::to_owned),
    };
    let sources: Vec<_> = got
        .iter()
        .map(|item| match item {
            Item::Image { source, detail, .. } => (source.clone(), detail.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    let jpeg = MediaSource::Base64 {
        mime: "image/jpeg".to_owned(),
        data: "AAAA".to_owned(),
    };
    assert_eq!(
        sources,
        [
            (jpeg, Some("high")),
            (url("https://e.org/a.png", None), None),
            (url("https://e.org/b.png", None), None),
            (url("gs://b/o", Some("image/png")), None),
        ]
    );
}

#[test]
fn e127_sound_films_and_files() {
    let got = items(json!([
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]));
    let mime = |source: &MediaSource| match source {
        MediaSource::Base64 { mime, .. } => mime.clone(),
        MediaSource::FileId { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    };
    let mimes: Vec<_> = got
        .iter()
        .map(|item| match item {
            Item::Audio { source, .. } | Item::Video { source } | Item::File { source, .. } => {
                mime(source)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        mimes,
        ["audio/mpeg", "video/mp4", "application/pdf", "file-1"]
    );
    assert!(matches!(&got[2], Item::File { name: Some(name), .. } if name == "a.pdf"));
}

#[test]
fn e124_parts_sent_as_their_text_are_taken_apart() {
    let result = |content: &str| {
        let request = messages(json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": content},
        ]));
        let Item::Result { content, .. } = &request.turns[2].items[0] else {
            panic!()
        };
        content.clone()
    };
    let got = result(
        r#"[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]"#,
    );
    assert_eq!(got[0], Item::text("see"));
    assert!(matches!(got[1], Item::Image { .. }));
    for same in [
        r#"{"ok":true,"image_url":"https://e.org"}"#,
        r#"[{"id":1}]"#,
        r#"[{"id":1,"image_url":"https://e.org"}]"#,
        r#"[{"type":"text","text":"image_url"}]"#,
    ] {
        assert_eq!(result(same), [Item::text(same)]);
    }
}

#[test]
fn e191_the_marks_of_parts_win_over_the_message() {
    let request = messages(json!([
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
         "cache_control": {"type": "ephemeral"}},
        {"role": "user", "cache_control": {"type": "ephemeral", "ttl": "1h"}, "content": [
            {"type": "text", "text": "c"},
            {"type": "text", "text": "d", "cache_control": {"type": "ephemeral", "ttl": "5m"}}]},
        {"role": "user", "content": [{"type": "text", "text": "e", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
    ]));
    assert_eq!(request.system[0].cache, None);
    assert_eq!(request.system[1].cache, Some(CacheMark { ttl: None }));
    let marks: Vec<_> = request
        .turns
        .iter()
        .flat_map(|turn| &turn.items)
        .map(|item| match item {
            Item::Text { cache, .. } => cache.as_ref().map(|mark| mark.ttl.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(marks, [None, Some(Some("5m")), Some(None)]);
}

#[test]
fn thinking_of_the_history_is_read_in_every_form() {
    let assistant = |fields: Value| {
        let mut message = json!({"role": "assistant", "content": "a"});
        let Value::Object(fields) = fields else {
            panic!()
        };
        message.as_object_mut().unwrap().extend(fields);
        let request = messages(json!([{"role": "user", "content": "hi"}, message]));
        request.turns[1].items.clone()
    };
    for fields in [
        json!({"reasoning_content": "why"}),
        json!({"reasoning": "why"}),
        json!({"reasoning_text": "why"}),
        json!({"reasoning_details": [{"type": "reasoning.text", "text": "w", "index": 0},
            {"type": "reasoning.text", "text": "hy", "index": 0}]}),
        json!({"content": [{"type": "thinking", "thinking": "why"}, {"type": "text", "text": "a"}]}),
    ] {
        let items = assistant(fields.clone());
        assert!(
            matches!(&items[0], Item::Reasoning { text, signature: None, .. } if text == "why"),
            "{fields}"
        );
        assert_eq!(items[1], Item::text("a"));
    }
    let signed = assistant(json!({"reasoning": "why", "reasoning_details": [
        {"type": "reasoning.text", "text": "why", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "blob", "format": "anthropic-claude-v1", "index": 1}]}));
    let Item::Reasoning {
        text,
        signature: Some(signature),
        redacted: false,
        ..
    } = &signed[0]
    else {
        panic!("{signed:?}");
    };
    assert_eq!(
        (text.as_str(), signature.issuer, signature.value.as_str()),
        ("why", SignatureIssuer::Anthropic, "s")
    );
    assert!(matches!(&signed[1], Item::Reasoning { redacted: true, .. }));
    let opaque = assistant(json!({"reasoning_opaque": "o"}));
    assert!(matches!(
        &opaque[0],
        Item::Reasoning {
            signature: Some(Signature {
                issuer: SignatureIssuer::Copilot,
                ..
            }),
            ..
        }
    ));
}

#[test]
fn custom_calls_of_the_history_are_free_text() {
    let request = messages(json!([
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "p", "input": "raw"}}]},
    ]));
    assert_eq!(request.turns[0].name.as_deref(), Some("ann"));
    assert!(matches!(
        &request.turns[1].items[0],
        Item::Call { kind: CallKind::Custom, arguments: Arguments::Text(text), .. } if text == "raw"
    ));
}

#[test]
fn e251_a_responses_body_on_the_chat_route() {
    for (body, want) in [
        (json!({"model": "m", "input": "hi"}), true),
        (json!({"model": "m", "instructions": "do"}), true),
        (json!({"model": "m", "input": "hi", "messages": []}), false),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": "input"}]}),
            false,
        ),
        (json!({"model": "m"}), false),
        (json!([]), false),
    ] {
        assert_eq!(
            is_responses_body(&Bytes::from(body.to_string()).into()),
            want,
            "{body}"
        );
    }
    assert!(!is_responses_body(&Bytes::from_static(b"no json").into()));
}
