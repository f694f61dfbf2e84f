//! Declared tools, names and choices.

use super::*;

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
