//! Tools, choices and structured output.

use super::*;

#[test]
fn e85_a_tool_is_declared_once() {
    let mut request = hi();
    let mut second = function("f");
    second.description = Some("second".into());
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
            description: Some("".into()),
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
