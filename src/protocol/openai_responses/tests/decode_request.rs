use super::*;
use crate::canonical::{
    Arguments, CacheMark, Choice, Effort, MediaSource, OutputFormat, ReasoningIntent,
    ReasoningShow, ResultKind, Role, SystemRank, ToolKind,
};
use crate::codec::Dialect;

fn with_input(input: Value) -> Value {
    json!({"model": "m", "input": input})
}

/// The items of all turns, in order.
fn items(request: &Request) -> Vec<&Item> {
    request.turns.iter().flat_map(|turn| &turn.items).collect()
}

#[test]
fn text_input_is_one_user_turn() {
    let request = decoded(&with_input(json!("hi")));
    assert_eq!(request.turns.len(), 1);
    assert_eq!(request.turns[0].role, Role::User);
    assert_eq!(text_of(&request.turns[0].items[0]), "hi");
    assert_eq!(
        request.native.as_ref().map(|(dialect, _)| *dialect),
        Some(Dialect::OpenAiResponses)
    );
}

#[test]
fn scalars_are_read() {
    let request = decoded(&json!({
        "model": "m(high)", "input": [], "stream": true, "max_output_tokens": 9.0,
        "max_tool_calls": 3, "temperature": 0.5, "top_p": 0.9, "parallel_tool_calls": false,
        "store": false, "metadata": {"a": "b"}, "user": "u", "safety_identifier": "s",
        "service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
        "previous_response_id": "resp_1", "truncation": "auto", "background": false,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "top_logprobs": 4, "reasoning": {"effort": "xhigh", "summary": "concise"},
        "text": {"verbosity": "low"}, "unknown": {"x": 1}, "instructions": null,
    }));
    assert_eq!(request.model, "m(high)");
    assert!(request.stream);
    assert_eq!(request.limits.max_output, Some(9));
    assert_eq!(request.limits.max_tool_calls, Some(3));
    assert_eq!(request.sampling.temperature, Some(0.5));
    assert_eq!(request.sampling.top_p, Some(0.9));
    assert_eq!(request.sampling.logprobs, Some(4));
    assert_eq!(request.parallel_calls, Some(false));
    assert_eq!(request.store, Some(false));
    assert_eq!(request.metadata.as_ref().unwrap().as_str(), r#"{"a":"b"}"#);
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert_eq!(request.safety_identifier.as_deref(), Some("s"));
    assert_eq!(request.tier.as_deref(), Some("flex"));
    assert_eq!(request.cache.key.as_deref(), Some("k"));
    assert_eq!(request.cache.retention.as_deref(), Some("24h"));
    assert_eq!(
        request.state.previous_response_id.as_deref(),
        Some("resp_1")
    );
    assert_eq!(request.state.truncation.as_deref(), Some("auto"));
    assert_eq!(request.state.background, Some(false));
    assert!(request.reasoning.carry_encrypted);
    assert_eq!(
        request.reasoning.intent,
        ReasoningIntent::Level(Effort::XHigh)
    );
    assert_eq!(request.reasoning.show, ReasoningShow::SummaryConcise);
    assert_eq!(request.output.verbosity.as_deref(), Some("low"));
    assert!(request.system.is_empty());
}

#[test]
fn effort_words() {
    for (word, want) in [
        ("none", ReasoningIntent::Off),
        ("auto", ReasoningIntent::Auto),
        ("minimal", ReasoningIntent::Level(Effort::Minimal)),
        ("MAX", ReasoningIntent::Level(Effort::Max)),
        ("ultra", ReasoningIntent::Level(Effort::Max)),
    ] {
        let request = decoded(&json!({"model": "m", "reasoning": {"effort": word}}));
        assert_eq!(request.reasoning.intent, want, "{word}");
    }
}

#[test]
fn wrong_types_are_refused_with_their_path() {
    for (body, path) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": 5}), "model"),
        (json!({"model": "m", "stream": "yes"}), "stream"),
        (
            json!({"model": "m", "max_output_tokens": -1}),
            "max_output_tokens",
        ),
        (
            json!({"model": "m", "reasoning": {"effort": "huge"}}),
            "reasoning.effort",
        ),
        (
            json!({"model": "m", "tools": [{"type": "function"}]}),
            "tools[0].name",
        ),
        (json!({"model": "m", "tool_choice": "some"}), "tool_choice"),
        (with_input(json!(5)), "input"),
        (with_input(json!([{"id": "x"}])), "input[0].type"),
        (
            with_input(json!([{"role": "tool", "content": "x"}])),
            "input[0].role",
        ),
        (
            with_input(json!([{"role": "user", "content": [{"type": "input_text"}]}])),
            "input[0].content[0].text",
        ),
        (
            with_input(
                json!([{"role": "user", "content": "a"}, {"type": "function_call", "call_id": "c"}]),
            ),
            "input[1].name",
        ),
    ] {
        assert_eq!(refused(&body), path, "{body}");
    }
}

#[test]
fn e5_only_instructions_leave_no_turn() {
    for body in [
        json!({"model": "m", "instructions": "S", "input": []}),
        with_input(json!([{"role": "system", "content": "S"}])),
    ] {
        let request = decoded(&body);
        assert_eq!(request.system.len(), 1);
        assert_eq!(request.system[0].text, "S");
        assert!(request.turns.is_empty());
    }
}

#[test]
fn instructions_in_the_middle_stay_there() {
    let request = decoded(&json!({
        "model": "m",
        "instructions": "S",
        "input": [
            {"role": "developer", "content": [{"type": "input_text", "text": "D1"}, {"type": "input_text", "text": "D2"}]},
            {"role": "user", "content": "hi"},
            {"type": "message", "role": "system", "content": "rule"},
        ],
    }));
    let system: Vec<(&str, SystemRank)> = request
        .system
        .iter()
        .map(|block| (block.text.as_str(), block.rank))
        .collect();
    assert_eq!(
        system,
        [
            ("S", SystemRank::System),
            ("D1", SystemRank::Developer),
            ("D2", SystemRank::Developer),
        ]
    );
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System]);
}

#[test]
fn e6_an_empty_user_message_is_read() {
    let request = decoded(&with_input(json!([
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "b"},
    ])));
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::User, Role::Assistant]);
}

#[test]
fn e10_cache_marks_of_parts_are_kept() {
    let request = decoded(&with_input(json!([
        {"role": "user", "content": [
            {"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "input_text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_text", "text": "c"},
        ]},
    ])));
    let marks: Vec<Option<CacheMark>> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Text { cache, .. } => cache.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let mark = |ttl: Option<&str>| {
        Some(CacheMark {
            ttl: ttl.map(str::to_owned),
        })
    };
    assert_eq!(marks, [mark(Some("1h")), mark(None), None]);
}

#[test]
fn e20_a_refusal_in_the_history() {
    let request = decoded(&with_input(json!([
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ])));
    assert_eq!(request.turns[0].items, [Item::Refusal("no".to_owned())]);
}

#[test]
fn ids_and_phase_are_kept() {
    let request = decoded(&with_input(json!([
        {"type": "message", "id": "msg_1", "role": "assistant", "phase": "commentary", "status": "completed",
         "content": [{"type": "output_text", "text": "x", "annotations": [
            {"type": "url_citation", "start_index": 0, "end_index": 1, "title": "T", "url": "http://u"}]}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read", "namespace": "fs",
         "arguments": "{\"a\":1}", "caller": {"type": "direct"}},
        {"type": "function_call_output", "call_id": "call_1", "output": "out"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "done"},
    ])));
    assert_eq!(request.turns[0].id.as_deref(), Some("msg_1"));
    assert_eq!(request.turns[0].phase.as_deref(), Some("commentary"));
    let items = items(&request);
    match items[0] {
        Item::Text { citations, .. } => {
            assert_eq!(citations[0].url.as_deref(), Some("http://u"));
            assert_eq!(citations[0].span, Some((0, 1)));
        }
        other => panic!("{other:?}"),
    }
    match items[1] {
        Item::Call {
            id,
            item_id,
            name,
            namespace,
            kind,
            arguments,
            caller,
            ..
        } => {
            assert_eq!((id.as_str(), item_id.as_deref()), ("call_1", Some("fc_1")));
            assert_eq!((name.as_str(), namespace.as_deref()), ("read", Some("fs")));
            assert_eq!(*kind, CallKind::Function);
            assert_eq!(*arguments, Arguments::Json("{\"a\":1}".to_owned()));
            assert_eq!(caller.as_ref().unwrap().as_str(), r#"{"type":"direct"}"#);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        items[3],
        Item::Call { kind: CallKind::Custom, arguments: Arguments::Text(text), .. } if text == "*** Begin"
    ));
    assert!(matches!(
        items[4],
        Item::Result { kind: ResultKind::Custom, call_id, .. } if call_id == "call_2"
    ));
}

#[test]
fn e32_results_without_content_are_results() {
    for output in [json!(""), json!([]), Value::Null] {
        let request = decoded(&with_input(json!([
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
            {"type": "function_call_output", "call_id": "c", "output": output},
        ])));
        assert!(matches!(
            &request.turns[1].items[0],
            Item::Result { content, .. } if content.is_empty()
        ));
    }
}

#[test]
fn e45_arguments_stay_what_they_are() {
    for (arguments, want) in [
        (json!("{\"city\":\"SF\",}"), "{\"city\":\"SF\",}"),
        (json!(""), ""),
        (json!({"a": 1}), "{\"a\":1}"),
    ] {
        let request = decoded(&with_input(json!([
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments},
        ])));
        assert!(matches!(
            &request.turns[0].items[0],
            Item::Call { arguments, .. } if arguments.as_str() == want
        ));
    }
}

fn reasoning_of(request: &Request) -> Vec<(SignatureIssuer, String, bool)> {
    items(request)
        .into_iter()
        .filter_map(|item| match item {
            Item::Reasoning {
                signature: Some(signature),
                redacted,
                ..
            } => Some((signature.issuer, signature.value.clone(), *redacted)),
            _ => None,
        })
        .collect()
}

#[test]
fn e48_an_openai_signature_is_known_as_such() {
    let request = decoded(&with_input(json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}],
         "encrypted_content": "gAAAAABexample"},
        {"role": "user", "content": "x"},
    ])));
    assert_eq!(
        reasoning_of(&request),
        [(SignatureIssuer::OpenAi, "gAAAAABexample".to_owned(), false)]
    );
}

#[test]
fn e53_redacted_thinking_comes_back() {
    let request = decoded(&with_input(json!([
        {"type": "reasoning", "summary": [], "encrypted_content": "claude-redacted#blob"},
        {"type": "reasoning", "summary": [], "encrypted_content": "claude-redacted#"},
        {"role": "assistant", "content": "x"},
    ])));
    assert_eq!(
        reasoning_of(&request),
        [(SignatureIssuer::Anthropic, "blob".to_owned(), true)]
    );
    assert_eq!(request.turns.len(), 2);
}

#[test]
fn e55_a_signature_alone_is_a_turn() {
    let request = decoded(&with_input(json!([
        {"type": "reasoning", "summary": [], "encrypted_content": "claude#sig"},
        {"role": "user", "content": "x"},
    ])));
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::User]);
    assert_eq!(
        reasoning_of(&request),
        [(SignatureIssuer::Anthropic, "sig".to_owned(), false)]
    );
}

#[test]
fn e60_summaries_stay_apart() {
    let request = decoded(&with_input(json!([
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "first"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "second"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ])));
    let summaries: Vec<String> = items(&request)
        .into_iter()
        .filter_map(|item| match item {
            Item::Reasoning { summary, .. } => Some(summary.concat()),
            _ => None,
        })
        .collect();
    assert_eq!(summaries, ["first", "second"]);
}

#[test]
fn gemini_signatures_find_their_call_and_text() {
    let request = decoded(&with_input(json!([
        {"type": "reasoning", "summary": [], "encrypted_content": "gemini.call#s1"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gemini.text#s2"},
        {"role": "assistant", "content": "t"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gemini.call#s3"},
        {"role": "user", "content": "u"},
    ])));
    let items = items(&request);
    let signed = |item: &Item| match item {
        Item::Call { signature, .. }
        | Item::Text { signature, .. }
        | Item::Reasoning { signature, .. } => {
            signature.as_ref().map(|s| (s.value.clone(), s.place))
        }
        _ => None,
    };
    let here = |value: &str| Some((value.to_owned(), SignaturePlace::Here));
    assert_eq!(signed(items[0]), here("s1"));
    assert_eq!(signed(items[2]), here("s2"));
    assert_eq!(
        signed(items[3]),
        Some(("s3".to_owned(), SignaturePlace::NextCall))
    );
    assert_eq!(items.len(), 5);
}

#[test]
fn e79_unknown_fields_and_items_are_no_fault() {
    let request = decoded(&json!({
        "model": "m", "foo": [1], "input": [
            {"type": "something_new", "x": 1},
            {"type": "item_reference", "id": "msg_9"},
            {"role": "user", "content": [{"type": "input_hologram"}, {"type": "input_text", "text": "t", "x": 1}]},
        ],
    }));
    assert_eq!(items(&request).len(), 3);
}

#[test]
fn e80_duplicate_keys_and_lone_surrogates_are_read() {
    let raw = Bytes::from_static(
        br#"{"model":"a","model":"b","input":[{"role":"user","content":"x\ud800y"}]}"#,
    );
    let request = OpenAiResponses
        .decode_request(&raw, &PathFacts::default())
        .unwrap();
    assert_eq!(request.model, "b");
    assert_eq!(text_of(&request.turns[0].items[0]), "x\u{fffd}y");
}

#[test]
fn e85_a_tool_name_counts_once() {
    let request = decoded(&json!({
        "model": "m",
        "tools": [
            {"type": "function", "name": "f", "description": "first"},
            {"type": "function", "name": "f", "description": "second"},
            {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "x"}, {"type": "function", "name": "y"}]},
            {"type": "function", "name": "ns__x"},
        ],
        "input": [
            {"type": "additional_tools", "role": "developer", "tools": [
                {"type": "function", "name": "f", "description": "third"}, {"type": "function", "name": "g"}]},
            {"role": "user", "content": "x"},
        ],
    }));
    let names: Vec<(Option<&str>, &str)> = request
        .tools
        .iter()
        .map(|tool| (tool.namespace.as_deref(), tool.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [(None, "f"), (Some("ns"), "y"), (None, "ns__x"), (None, "g")]
    );
    assert_eq!(request.tools[0].description.as_deref(), Some("first"));
}

#[test]
fn e94_namespaces_are_read() {
    let request = decoded(&json!({
        "model": "m",
        "tools": [{"type": "namespace", "name": "fs", "description": "d", "tools": [
            {"type": "function", "name": "read", "parameters": {"type": "object"}, "strict": true},
            {"type": "custom", "name": "patch", "format": {"type": "text"}},
        ]}],
        "tool_choice": {"type": "function", "name": "read", "namespace": "fs"},
    }));
    assert_eq!(request.tools.len(), 2);
    assert_eq!(request.tools[0].namespace.as_deref(), Some("fs"));
    assert!(matches!(
        request.tools[1].kind,
        ToolKind::Custom { format: Some(_) }
    ));
    assert_eq!(
        request.tool_choice,
        Some(Choice::Tool {
            name: "read".to_owned(),
            namespace: Some("fs".to_owned()),
        })
    );
}

#[test]
fn e95_tools_in_the_form_of_chat() {
    let request = decoded(&json!({
        "model": "m",
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }));
    assert_eq!(request.tools[0].name, "f");
    assert_eq!(request.tools[0].description.as_deref(), Some("d"));
    assert!(matches!(
        request.tools[0].kind,
        ToolKind::Function {
            schema: Some(_),
            ..
        }
    ));
    assert_eq!(
        request.tool_choice,
        Some(Choice::Tool {
            name: "f".to_owned(),
            namespace: None,
        })
    );
}

#[test]
fn e98_domain_lists_are_read() {
    let request = decoded(&json!({
        "model": "m",
        "tools": [{"type": "web_search", "external_web_access": false,
            "filters": {"allowed_domains": ["a.com"], "blocked_domains": []},
            "user_location": {"type": "approximate", "city": "Ulm"}}],
    }));
    match &request.tools[0].kind {
        ToolKind::WebSearch {
            allowed_domains,
            blocked_domains,
            offline,
            user_location,
            ..
        } => {
            assert_eq!(allowed_domains, &["a.com"]);
            assert!(blocked_domains.is_empty());
            assert!(offline);
            assert!(user_location.is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn choices() {
    let choice = |value: Value| {
        decoded(&json!({"model": "m", "tool_choice": value}))
            .tool_choice
            .unwrap()
    };
    assert_eq!(choice(json!("none")), Choice::None);
    assert_eq!(choice(json!("required")), Choice::Required);
    assert_eq!(
        choice(
            json!({"type": "allowed_tools", "mode": "required", "tools": [
            {"type": "function", "name": "f"}, {"type": "web_search_preview"}]})
        ),
        Choice::Allowed {
            names: vec!["f".to_owned(), "web_search".to_owned()],
            required: true,
        }
    );
    assert_eq!(
        choice(json!({"type": "web_search_preview"})),
        Choice::Server("web_search".to_owned())
    );
    assert_eq!(
        choice(json!({"type": "mcp", "server_label": "x"})),
        Choice::Server("mcp".to_owned())
    );
}

#[test]
fn e112_json_schema_without_schema_is_any_object() {
    let format = |format: Value| {
        decoded(&json!({"model": "m", "text": {"format": format}}))
            .output
            .format
    };
    assert_eq!(
        format(json!({"type": "json_object"})),
        OutputFormat::JsonObject
    );
    assert_eq!(
        format(json!({"type": "json_schema", "name": "x"})),
        OutputFormat::JsonObject
    );
}

#[test]
fn e113_text_format_is_read() {
    let request = decoded(&json!({"model": "m", "text": {"format": {
        "type": "json_schema", "name": "n", "strict": true, "schema": {"type": "object"}}}}));
    match request.output.format {
        OutputFormat::JsonSchema {
            name,
            schema,
            strict,
            ..
        } => {
            assert_eq!(name.as_deref(), Some("n"));
            assert_eq!(schema.as_str(), r#"{"type":"object"}"#);
            assert_eq!(strict, Some(true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        decoded(&json!({"model": "m"})).output.format,
        OutputFormat::Text
    );
}

#[test]
fn e117_data_urls_of_pictures() {
    for (url, mime) in [
        ("data:image/png;name=x;base64,iVBORw0KGgo=", "image/png"),
        ("data:image/jpg;base64,/9j/4AAQ", "image/jpeg"),
        ("data:;base64,iVBORw0KGgo=", "image/png"),
    ] {
        let request = decoded(&with_input(json!([
            {"role": "user", "content": [{"type": "input_image", "image_url": url}]},
        ])));
        match &request.turns[0].items[0] {
            Item::Image {
                source: MediaSource::Base64 { mime: got, .. },
                ..
            } => assert_eq!(got, mime),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn e122_detail_of_no_meaning_is_left_out() {
    for (detail, want) in [
        (json!("high"), Some("high")),
        (json!("original"), Some("original")),
        (json!("medium"), None),
        (json!(123), None),
    ] {
        let request = decoded(&with_input(json!([
            {"role": "user", "content": [{"type": "input_image", "image_url": "http://u", "detail": detail}]},
        ])));
        match &request.turns[0].items[0] {
            Item::Image { detail, .. } => assert_eq!(detail.as_deref(), want),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn e124_a_tool_output_in_text_form_is_taken_apart() {
    let result = |output: &str| {
        let request = decoded(&with_input(json!([
            {"type": "function_call_output", "call_id": "c", "output": output},
        ])));
        match request.turns.into_iter().next().unwrap().items.remove(0) {
            Item::Result { content, .. } => content,
            other => panic!("{other:?}"),
        }
    };
    let parts = result(
        r#"[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]"#,
    );
    assert_eq!(text_of(&parts[0]), "t");
    assert!(matches!(parts[1], Item::Image { .. }));
    for plain in [
        r#"{"ok":true,"image_url":"https://x"}"#,
        r#"[{"id":1}]"#,
        r#"[{"type":"row","image_url":"x"}]"#,
        "[1, 2",
    ] {
        let content = result(plain);
        assert_eq!(content.len(), 1);
        assert_eq!(text_of(&content[0]), plain);
    }
}

#[test]
fn files_and_audio() {
    let request = decoded(&with_input(json!([{"role": "user", "content": [
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ]}])));
    let items = &request.turns[0].items;
    assert!(matches!(
        &items[0],
        Item::File { source: MediaSource::Base64 { mime, .. }, name: Some(name), .. }
            if mime == "application/pdf" && name == "a.pdf"
    ));
    assert!(matches!(
        &items[1],
        Item::File {
            source: MediaSource::Url { .. },
            ..
        }
    ));
    assert!(matches!(
        &items[2],
        Item::File { source: MediaSource::FileId { dialect: Dialect::OpenAiResponses, id }, .. } if id == "file-1"
    ));
    assert!(matches!(
        &items[3],
        Item::Audio { source: MediaSource::Base64 { mime, .. }, .. } if mime == "audio/mpeg"
    ));
}

#[test]
fn steps_of_built_in_tools_are_kept() {
    let request = decoded(&with_input(json!([
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "local_shell_call_output", "id": "x", "output": "y"},
        {"type": "compaction", "encrypted_content": "gAAAA"},
    ])));
    match items(&request)[0] {
        Item::Server(tool) => {
            assert_eq!(tool.name.as_deref(), Some("web_search"));
            assert_eq!(tool.query.as_deref(), Some("q"));
            assert_eq!(tool.id.as_deref(), Some("ws_1"));
        }
        other => panic!("{other:?}"),
    }
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::User, Role::Assistant]);
}
