//! §5: tool definitions, names, choice.

use crate::answer::{Piece, answer};
use crate::pair::*;
use crate::said;
use protocol::Dialect;
use serde_json::{Value, json};

/// A request that declares functions of these names.
fn declares(client: Dialect, names: &[&str], more: Value) -> Value {
    let schema = json!({"type": "object", "properties": {"p": {"type": "string"}}});
    let tools: Vec<Value> = names
        .iter()
        .map(|name| match client {
            C | L => json!({"type": "function", "function": {"name": name, "description": name, "parameters": schema}}),
            R => json!({"type": "function", "name": name, "description": name, "parameters": schema}),
            A => json!({"name": name, "description": name, "input_schema": schema}),
            G => json!({"name": name, "description": name, "parameters": schema}),
        })
        .collect();
    let mut body = hello(client, more);
    body["tools"] = match client {
        G => json!([{"functionDeclarations": tools}]),
        _ => json!(tools),
    };
    body
}

/// Names of the functions an upstream is told of.
fn declared(upstream: Dialect, body: &Value) -> Vec<String> {
    let name = |tool: &Value| match upstream {
        C | L => tool["function"]["name"].as_str().map(str::to_owned),
        _ => tool["name"].as_str().map(str::to_owned),
    };
    let tools = match upstream {
        G => &body["tools"][0]["functionDeclarations"],
        _ => &body["tools"],
    };
    tools
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

/// A forced call of `name`.
fn force(client: Dialect, name: &str) -> Value {
    match client {
        C | L => json!({"tool_choice": {"type": "function", "function": {"name": name}}}),
        R => json!({"tool_choice": {"type": "function", "name": name}}),
        A => json!({"tool_choice": {"type": "tool", "name": name}}),
        G => {
            json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}}})
        }
    }
}

/// The tool an upstream must call.
fn forced(upstream: Dialect, body: &Value) -> Value {
    match upstream {
        C | L => body["tool_choice"]["function"]["name"].clone(),
        R | A => body["tool_choice"]["name"].clone(),
        G => body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"][0].clone(),
    }
}

/// A history with one call of `name` behind the declarations of `body`.
fn with_history(client: Dialect, mut body: Value, name: &str) -> Value {
    let (key, turns) = match client {
        C | L => (
            "messages",
            json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                "function": {"name": name, "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "ok"}]),
        ),
        R => (
            "input",
            json!([
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c1", "name": name, "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "ok"}]),
        ),
        A => (
            "messages",
            json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": name, "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]}]),
        ),
        G => (
            "contents",
            json!([
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": name, "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": name, "response": {"output": "ok"}}}]}]),
        ),
    };
    body[key] = turns;
    body
}

/// Names on the calls (and, for Gemini, the results) of the history an upstream gets.
fn called(upstream: Dialect, body: &Value) -> Vec<String> {
    let found: Vec<&Value> = match upstream {
        C | L => vec![&body["messages"][1]["tool_calls"][0]["function"]["name"]],
        R => vec![&body["input"][1]["name"]],
        A => vec![&body["messages"][1]["content"][0]["name"]],
        G => vec![
            &body["contents"][1]["parts"][0]["functionCall"]["name"],
            &body["contents"][2]["parts"][0]["functionResponse"]["name"],
        ],
    };
    found
        .iter()
        .map(|name| name.as_str().unwrap_or("?").to_owned())
        .collect()
}

/// The name of the call a client is told.
fn told_name(client: Dialect, told: &Told) -> String {
    let pointer = match client {
        C | L => "/choices/0/delta/tool_calls/0/function/name",
        R => "/item/name",
        A => "/content_block/name",
        G => "/candidates/0/content/parts/0/functionCall/name",
    };
    told.all(pointer)[0].as_str().unwrap().to_owned()
}

/// Names travel mapped in declarations, history and choice, and come back as the client knows them.
#[track_caller]
fn names_travel(
    clients: &[Dialect],
    upstreams: &[Dialect],
    names: &[&str],
    legal: fn(&str) -> bool,
) {
    for &client in clients {
        for &upstream in upstreams {
            let at = format!("{client:?}→{upstream:?}");
            let body = declares(client, names, force(client, names[0]));
            let asked = pair(client, upstream).ask(&with_history(client, body, names[0]));
            let sent = declared(upstream, &asked.body);
            assert_eq!(sent.len(), names.len(), "{at}");
            for (n, name) in sent.iter().enumerate() {
                assert!(legal(name), "{at}: {name}");
                assert!(!sent[..n].contains(name), "{at}: {sent:?}");
                let reply = said::call(upstream, "c9", name, "{}");
                let told = pair(client, upstream).told(&asked.context, &reply);
                assert_eq!(told_name(client, &told), names[n], "{at}");
            }
            assert_eq!(forced(upstream, &asked.body), sent[0], "{at}");
            for name in called(upstream, &asked.body) {
                assert_eq!(name, sent[0], "{at}");
            }
        }
    }
}

fn openai_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn gemini_name(name: &str) -> bool {
    let first = name.bytes().next().unwrap_or(b'0');
    (1..=64).contains(&name.len())
        && (first.is_ascii_alphabetic() || first == b'_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
}

#[test]
fn e82_long_names_that_begin_alike() {
    let server = "mcp__cloudflare_developer_platform_bindings_and_observability_server";
    let names = [
        &*format!("{server}__workers_builds_get_build"),
        &format!("{server}__workers_builds_get_build_logs"),
        &("x".repeat(64) + "_a"),
        &("x".repeat(64) + "_b"),
        "short",
    ];
    names_travel(&[C, A, G], &[R], &names, openai_name);
    names_travel(&[R], &[R], &names, openai_name);
    names_travel(&[C, R, A], &[G], &names, gemini_name);
    names_travel(&[R, A, G], &[C], &names, openai_name);
}

#[test]
fn e83_e84_names_with_odd_characters() {
    let names = [
        "name!with@x",
        "123name",
        ".name",
        "name with 你好",
        "read/file",
        "read_file",
        "a.b:c-d",
    ];
    names_travel(&[C, R, A], &[G], &names, gemini_name);
    names_travel(&[R, A, G], &[C], &names, openai_name);
    names_travel(&[C, A, G], &[R], &names, openai_name);
    let sent = pair(A, G).body(&declares(A, &names, json!({})));
    assert_eq!(
        declared(G, &sent),
        [
            "name_with_x",
            "_123name",
            "_.name",
            "name_with___",
            "read_file_1",
            "read_file",
            "a.b:c-d"
        ]
    );
}

#[test]
fn e85_names_declared_twice() {
    for client in [C, R, A, G] {
        for upstream in [C, R, A, G] {
            if client == upstream {
                continue;
            }
            let body = declares(client, &["f", "g", "f"], json!({}));
            let sent = pair(client, upstream).body(&body);
            assert_eq!(
                declared(upstream, &sent),
                ["f", "g"],
                "{client:?}→{upstream:?}"
            );
        }
    }
    let function = |name: &str, description: &str| {
        json!({"type": "function", "name": name, "description": description,
               "parameters": {"type": "object", "properties": {}}})
    };
    let body = input(
        json!([
            {"type": "additional_tools", "role": "developer",
             "tools": [function("f", "second"), function("more", "m")]},
            {"role": "user", "content": "hi"},
        ]),
        json!({"tools": [
            function("f", "first"),
            {"type": "namespace", "name": "ns", "description": "n",
             "tools": [function("child", "of the namespace")]},
            function("ns__child", "direct"),
        ]}),
    );
    for upstream in [C, A, G] {
        let sent = pair(R, upstream).body(&body);
        let mut names = declared(upstream, &sent);
        names.sort();
        assert_eq!(names, ["f", "more", "ns__child"], "{upstream:?}");
        let text = sent.to_string();
        assert!(
            text.contains("first") && !text.contains("second"),
            "{upstream:?}"
        );
        assert!(
            text.contains("direct") && !text.contains("of the namespace"),
            "{upstream:?}"
        );
    }
}

#[test]
fn e86_settings_of_no_tools() {
    for tools in [
        json!([]),
        json!([{"type": "code_interpreter", "container": {"type": "auto"}}]),
    ] {
        let more = json!({"tools": tools, "tool_choice": "auto", "parallel_tool_calls": false});
        for upstream in [C, A, G] {
            let sent = pair(R, upstream).body(&hello(R, more.clone()));
            for key in ["tools", "tool_choice", "parallel_tool_calls", "toolConfig"] {
                assert_eq!(sent.get(key), None, "{upstream:?} {key} {tools}");
            }
        }
    }
    for (client, upstream) in [(C, R), (C, A), (C, G)] {
        let more = json!({"tools": [], "tool_choice": "auto", "parallel_tool_calls": false});
        let sent = pair(client, upstream).body(&hello(client, more));
        for key in ["tools", "tool_choice", "parallel_tool_calls", "toolConfig"] {
            assert_eq!(sent.get(key), None, "{client:?}→{upstream:?} {key}");
        }
    }
}

#[test]
fn e87_no_call_wanted() {
    let none = |client| match client {
        A => json!({"tool_choice": {"type": "none"}}),
        G => json!({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}),
        _ => json!({"tool_choice": "none"}),
    };
    for client in [C, R, A, G] {
        for upstream in [C, R, A, G] {
            let sent = pair(client, upstream).body(&declares(client, &["f"], none(client)));
            assert_eq!(declared(upstream, &sent), ["f"], "{client:?}→{upstream:?}");
            for (key, value) in none(upstream).as_object().unwrap() {
                assert_eq!(&sent[key], value, "{client:?}→{upstream:?}");
            }
        }
    }
}

#[test]
fn e88_a_choice_of_a_tool_that_is_not_sent() {
    let search = json!({"type": "web_search_20250305", "name": "web_search"});
    for upstream in [C, G] {
        let mut body = declares(A, &["f"], force(A, "web_search"));
        body["tools"].as_array_mut().unwrap().push(search.clone());
        let sent = pair(A, upstream).body(&body);
        assert_eq!(declared(upstream, &sent), ["f"], "{upstream:?}");
        let choice = match upstream {
            C => sent.get("tool_choice").cloned().unwrap_or(json!("auto")),
            _ => sent
                .pointer("/toolConfig/functionCallingConfig/mode")
                .cloned()
                .unwrap_or(json!("AUTO")),
        };
        assert_eq!(
            choice.as_str().unwrap().to_lowercase(),
            "auto",
            "{upstream:?}"
        );
    }
    // Where the search is a tool of the upstream's own it can be forced.
    let mut body = declares(A, &["f"], force(A, "web_search"));
    body["tools"].as_array_mut().unwrap().push(search);
    let sent = pair(A, R).body(&body);
    assert_eq!(sent["tool_choice"]["type"], "web_search", "{sent:#}");
}

#[test]
fn e89_choices_for_gemini() {
    for client in [C, R, A] {
        let config = |more: Value| {
            let sent = pair(client, G).body(&declares(client, &["json", "f"], more));
            sent["toolConfig"]["functionCallingConfig"].clone()
        };
        let (required, none) = match client {
            A => (json!({"type": "any"}), json!({"type": "none"})),
            _ => (json!("required"), json!("none")),
        };
        assert_eq!(
            config(force(client, "json")),
            json!({"mode": "ANY", "allowedFunctionNames": ["json"]})
        );
        assert_eq!(
            config(json!({"tool_choice": none})),
            json!({"mode": "NONE"})
        );
        assert_eq!(
            config(json!({"tool_choice": required})),
            json!({"mode": "ANY"})
        );
    }
}

/// A request with one function whose schema is this text.
fn with_schema(client: Dialect, schema: &str) -> String {
    let mut body = declares(client, &["f"], json!({})).to_string();
    let old = r#"{"properties":{"p":{"type":"string"}},"type":"object"}"#;
    let other = r#"{"type":"object","properties":{"p":{"type":"string"}}}"#;
    assert!(body.contains(old) || body.contains(other), "{body}");
    body = body.replace(old, schema).replace(other, schema);
    body
}

#[test]
fn e90_schemas_for_anthropic() {
    let empty = json!({"type": "object", "properties": {}});
    let a = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#;
    let b = r#"{"type":"object","properties":{"b":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["b"]}"#;
    for client in [C, R, G] {
        let schema = |text: &str| {
            let sent = pair(client, A)
                .try_ask(&with_schema(client, text))
                .unwrap()
                .body;
            sent["tools"][0]["input_schema"].clone()
        };
        for union in ["anyOf", "oneOf", "allOf"] {
            let sent = schema(&format!(r#"{{"{union}":[{a},{b}]}}"#));
            assert_eq!(sent["type"], "object", "{client:?} {union}");
            assert_eq!(sent.get(union), None, "{client:?} {union}");
            let names: Vec<&String> = sent["properties"].as_object().unwrap().keys().collect();
            assert_eq!(names, ["a", "b"], "{client:?} {union}");
            let required = if union == "allOf" {
                Some(json!(["a", "b"]))
            } else {
                None
            };
            let got = sent.get("required").filter(|list| **list != json!([]));
            assert_eq!(got, required.as_ref(), "{client:?} {union}");
            assert!(
                sent["properties"]["b"]["anyOf"].is_array(),
                "nested unions stay"
            );
        }
        if client != G {
            assert_eq!(schema("true"), empty, "{client:?}");
        }
        assert_eq!(schema("null"), empty, "{client:?}");
    }
}

#[test]
fn e91_objects_get_properties() {
    let schema = r#"{"type":"object","properties":{"o":{"type":"object"},"l":{"type":"array","items":{"type":"object"}}}}"#;
    for upstream in [C, R] {
        let at = |text: &str| {
            let sent = pair(A, upstream)
                .try_ask(&with_schema(A, text))
                .unwrap()
                .body;
            let tool = &sent["tools"][0];
            tool.get("function").unwrap_or(tool)["parameters"].clone()
        };
        assert_eq!(
            at(r#"{"type":"object"}"#)["properties"],
            json!({}),
            "{upstream:?}"
        );
        let sent = at(schema);
        assert_eq!(
            sent["properties"]["o"]["properties"],
            json!({}),
            "{upstream:?}"
        );
        assert_eq!(
            sent["properties"]["l"]["items"]["properties"],
            json!({}),
            "{upstream:?}"
        );
    }
}

#[test]
fn e92_functions_without_parameters_for_gemini() {
    for client in [C, R, A] {
        for empty in [
            r#"{"type":"object","properties":{}}"#,
            r#"{"type":"object"}"#,
        ] {
            let strict = pair(client, G).endpoint(|endpoint| endpoint.strict_schema = true);
            let sent = strict.try_ask(&with_schema(client, empty)).unwrap().body;
            let function = &sent["tools"][0]["functionDeclarations"][0];
            assert_eq!(function.get("parameters"), None, "{client:?}: {function:#}");
        }
        let nested = r#"{"type":"object","properties":{"o":{"type":"object","properties":{}}}}"#;
        let sent = pair(client, G)
            .try_ask(&with_schema(client, nested))
            .unwrap()
            .body;
        let function = &sent["tools"][0]["functionDeclarations"][0];
        let schema = function
            .get("parameters")
            .or(function.get("parametersJsonSchema"));
        assert!(schema.unwrap()["properties"]["o"].is_object(), "{client:?}");
    }
}

const PATCH: &str = "*** Begin Patch\n*** Add File: a\n+é\n*** End Patch";

fn custom(more: Value) -> Value {
    input(
        json!([
            {"role": "user", "content": "hi"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": PATCH},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        ]),
        more,
    )
}

#[test]
fn e93_free_text_tools_in_other_protocols() {
    let tool = json!({"type": "custom", "name": "apply_patch", "description": "Edits files.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}});
    let body = custom(json!({"tools": [tool]}));
    let wrapped = json!({"input": PATCH});
    for upstream in [A, G, C] {
        let pair = pair(R, upstream).endpoint(|endpoint| endpoint.compatible = upstream == C);
        let asked = pair.ask(&body);
        assert_eq!(
            declared(upstream, &asked.body),
            ["apply_patch"],
            "{upstream:?}"
        );
        let function = match upstream {
            C => asked.body["tools"][0]["function"].clone(),
            G => asked.body["tools"][0]["functionDeclarations"][0].clone(),
            _ => asked.body["tools"][0].clone(),
        };
        let schema = ["parameters", "parametersJsonSchema", "input_schema"]
            .iter()
            .find_map(|key| function.get(*key))
            .unwrap();
        assert_eq!(schema["required"], json!(["input"]), "{upstream:?}");
        assert_eq!(
            schema["properties"]["input"]["type"]
                .as_str()
                .unwrap()
                .to_lowercase(),
            "string"
        );
        let call = match upstream {
            C => {
                let text = &asked.body["messages"][1]["tool_calls"][0]["function"]["arguments"];
                serde_json::from_str(text.as_str().unwrap()).unwrap()
            }
            A => asked.body["messages"][1]["content"][0]["input"].clone(),
            _ => asked.body["contents"][1]["parts"][0]["functionCall"]["args"].clone(),
        };
        assert_eq!(call, wrapped, "{upstream:?}");
        let reply = said::call(upstream, "c2", "apply_patch", &wrapped.to_string());
        let told = pair.told(&asked.context, &reply);
        let item = &told.one("response.output_item.done")["item"];
        assert_eq!(item["type"], "custom_tool_call", "{upstream:?}");
        assert_eq!(item["input"], PATCH, "{upstream:?}");
        assert_eq!(item["name"], "apply_patch", "{upstream:?}");
        let whole = answer(vec![Piece::Call("c2", "apply_patch", wrapped.clone())]);
        let whole = pair.whole_in(&asked.context, &whole.whole(upstream));
        assert_eq!(whole["output"][0]["input"], PATCH, "{upstream:?}");
    }
    // OpenAI's own chat API knows them.
    let asked = pair(R, C).ask(&body);
    assert_eq!(asked.body["tools"][0]["type"], "custom");
    assert_eq!(
        asked.body["messages"][1]["tool_calls"][0]["custom"]["input"],
        PATCH
    );
}

#[test]
fn e94_namespaces_are_flattened_and_restored() {
    let body = hello(
        R,
        json!({"tools": [{"type": "namespace", "name": "fs", "description": "Files.",
            "tools": [{"type": "function", "name": "read", "description": "Reads.",
                       "parameters": {"type": "object", "properties": {}}}]}]}),
    );
    for upstream in [C, A, G] {
        let asked = pair(R, upstream).ask(&body);
        assert_eq!(
            declared(upstream, &asked.body),
            ["fs__read"],
            "{upstream:?}"
        );
        let reply = said::call(upstream, "c1", "fs__read", "{}");
        let told = pair(R, upstream).told(&asked.context, &reply);
        for event in ["response.output_item.added", "response.output_item.done"] {
            let item = &told.one(event)["item"];
            assert_eq!(item["name"], "read", "{upstream:?}");
            assert_eq!(item["namespace"], "fs", "{upstream:?}");
        }
        // The call comes back in the history.
        let mut next = body.clone();
        next["input"] = json!([
            {"role": "user", "content": "hi"},
            told.one("response.output_item.done")["item"],
            {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        ]);
        let sent = pair(R, upstream).body(&next);
        assert!(
            called(upstream, &sent)
                .iter()
                .all(|name| name == "fs__read"),
            "{sent:#}"
        );
    }
}

#[test]
fn e95_tools_in_the_neighbours_form() {
    let nested = json!([{"type": "function", "function": {"name": "f", "description": "d",
        "parameters": {"type": "object", "properties": {"p": {"type": "string"}}}}}]);
    let flat = json!([{"type": "custom", "name": "f", "description": "d"}]);
    for upstream in [C, R, A, G] {
        let body = hello(R, json!({"tools": nested}));
        assert_eq!(
            declared(upstream, &pair(R, upstream).body(&body)),
            ["f"],
            "{upstream:?}"
        );
    }
    for upstream in [R, A, G] {
        let body = hello(C, json!({"tools": flat}));
        assert_eq!(
            declared(upstream, &pair(C, upstream).body(&body)),
            ["f"],
            "{upstream:?}"
        );
    }
    let flat_function = json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]);
    let sent = pair(C, A).body(&hello(C, json!({"tools": flat_function})));
    assert_eq!(declared(A, &sent), ["f"]);
}

#[test]
fn e96_server_tools_are_not_for_chat() {
    let mut body = declares(A, &["f"], json!({}));
    body["tools"].as_array_mut().unwrap().insert(
        0,
        json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3}),
    );
    let sent = pair(A, C).body(&body);
    assert_eq!(declared(C, &sent), ["f"]);
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
}

#[test]
fn e98_empty_domain_lists() {
    let search = json!({"type": "web_search_20250305", "name": "web_search",
                        "blocked_domains": [], "allowed_domains": ["a.com"]});
    let sent = pair(A, A).body(&hello(A, json!({"tools": [search]})));
    assert_eq!(sent["tools"][0].get("blocked_domains"), None);
    assert_eq!(sent["tools"][0]["allowed_domains"], json!(["a.com"]));
    let search = json!({"type": "web_search", "filters": {"allowed_domains": ["a.com"], "blocked_domains": []}});
    let sent = pair(R, A).body(&hello(R, json!({"tools": [search]})));
    let tool = &sent["tools"][0];
    assert!(
        tool["type"].as_str().unwrap().starts_with("web_search_"),
        "{tool}"
    );
    assert_eq!(tool.get("blocked_domains"), None);
    assert_eq!(tool["allowed_domains"], json!(["a.com"]));
}

#[test]
fn e99_search_and_functions_for_gemini() {
    let search = json!({"type": "web_search_20250305", "name": "web_search"});
    let mut both = declares(A, &["f"], json!({}));
    both["tools"].as_array_mut().unwrap().push(search.clone());
    let sent = pair(A, G).body(&both);
    assert_eq!(declared(G, &sent), ["f"]);
    assert!(!sent.to_string().contains("googleSearch"), "{sent:#}");
    let alone = pair(A, G).body(&hello(A, json!({"tools": [search]})));
    assert_eq!(alone["tools"], json!([{"googleSearch": {}}]));
    let third = pair(A, G).model(|model| model.gemini3 = true).body(&both);
    assert!(third.to_string().contains("googleSearch"), "{third:#}");
}

/// Tools of a fixed type that an Anthropic client runs: name, declaration, and an input.
fn fixed_tools() -> [(&'static str, Value, Value); 4] {
    let tool =
        |name: &'static str, kind: &str, input| (name, json!({"type": kind, "name": name}), input);
    let mut tools = [
        tool(
            "bash",
            "bash_20250124",
            json!({"command": "ls -l", "restart": false}),
        ),
        tool(
            "str_replace_editor",
            "text_editor_20250124",
            json!({"command": "undo_edit", "path": "/a"}),
        ),
        tool(
            "str_replace_based_edit_tool",
            "text_editor_20250728",
            json!({"command": "view", "path": "/a", "view_range": [1, -1]}),
        ),
        tool(
            "memory",
            "memory_20250818",
            json!({"command": "rename", "old_path": "/memories/a", "new_path": "/memories/b"}),
        ),
    ];
    tools[2].1["max_characters"] = json!(10_000);
    tools
}

/// `matrix.md` §4.7: tools that Anthropic clients run, for models of others.
#[test]
fn fixed_client_tools_are_functions_elsewhere() {
    for (name, tool, input) in fixed_tools() {
        let body = hello(A, merged(json!({"tools": [tool]}), force(A, name)));
        let body = with_history(A, body, name);
        for upstream in [C, R, G] {
            for strict in [false, true] {
                let pair = pair(A, upstream).endpoint(|endpoint| {
                    endpoint.strict_schema = strict;
                    endpoint.compatible = strict;
                });
                let asked = pair.ask(&body);
                assert_eq!(declared(upstream, &asked.body), [name], "{upstream:?}");
                assert_eq!(forced(upstream, &asked.body), name, "{upstream:?}");
                assert!(
                    called(upstream, &asked.body)
                        .iter()
                        .all(|called| called == name)
                );
                let told_of = properties(upstream, &asked.body);
                for key in input.as_object().unwrap().keys() {
                    assert!(
                        told_of.get(key).is_some(),
                        "{upstream:?} {name} {key}: {told_of}"
                    );
                }

                let reply = said::call(upstream, "c2", name, &input.to_string());
                let told = pair.told(&asked.context, &reply);
                let start = &told.one("content_block_start")["content_block"];
                assert_eq!(start["type"], "tool_use", "{upstream:?}");
                assert_eq!(start["name"], name, "{upstream:?}");
                let pieces: String = told
                    .all("/delta/partial_json")
                    .iter()
                    .map(|piece| piece.as_str().unwrap())
                    .collect();
                assert_eq!(serde_json::from_str::<Value>(&pieces).unwrap(), input);
                assert_eq!(
                    told.one("message_delta")["delta"]["stop_reason"],
                    "tool_use"
                );

                let whole = answer(vec![Piece::Call("c2", name, input.clone())]);
                let whole = pair.whole_in(&asked.context, &whole.whole(upstream));
                assert_eq!(whole["content"][0]["type"], "tool_use", "{upstream:?}");
                assert_eq!(whole["content"][0]["name"], name, "{upstream:?}");
                assert_eq!(whole["content"][0]["input"], input, "{upstream:?}");
            }
        }
    }
}

/// The properties of the first declared function's input.
fn properties(upstream: Dialect, body: &Value) -> Value {
    let function = match upstream {
        C | L => &body["tools"][0]["function"],
        G => &body["tools"][0]["functionDeclarations"][0],
        R | A => &body["tools"][0],
    };
    ["parameters", "parametersJsonSchema", "input_schema"]
        .iter()
        .find_map(|key| function.get(*key))
        .map_or(Value::Null, |schema| schema["properties"].clone())
}

#[test]
fn fixed_client_tools_stay_as_they_are_for_their_vendor() {
    let mut tools: Vec<Value> = fixed_tools().into_iter().map(|(_, tool, _)| tool).collect();
    tools.push(json!({"type": "computer_20250124", "name": "computer",
                      "display_width_px": 1024, "display_height_px": 768}));
    let body = hello(A, json!({"tools": tools}));
    assert_eq!(pair(A, A).body(&body)["tools"], body["tools"]);
}

/// A model has to be trained to point at things on screenshots; the vendor's own one is.
#[test]
fn a_computer_is_only_for_models_that_know_it() {
    let computer = json!({"type": "computer_20250124", "name": "computer",
                          "display_width_px": 1024, "display_height_px": 768});
    let mut body = declares(A, &["f"], force(A, "computer"));
    body["tools"].as_array_mut().unwrap().push(computer.clone());
    for upstream in [C, R, G] {
        let sent = pair(A, upstream).body(&body);
        assert_eq!(declared(upstream, &sent), ["f"], "{upstream:?}");
        assert!(
            !sent.to_string().contains("computer"),
            "{upstream:?}: {sent:#}"
        );
    }
    let alone = hello(
        A,
        json!({"tools": [computer], "tool_choice": {"type": "any"}}),
    );
    for upstream in [C, R, G] {
        let sent = pair(A, upstream).body(&alone);
        for key in ["tools", "tool_choice", "toolConfig"] {
            assert_eq!(sent.get(key), None, "{upstream:?} {key}");
        }
    }
}

/// `matrix.md` §4.7, "other built-ins": tools that OpenAI's models know by heart, with their steps
/// in the history.
#[test]
fn built_in_tools_of_responses_are_not_for_others() {
    let steps = json!([
        {"role": "user", "content": "hi"},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "status": "completed",
         "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "local_shell_call_output", "id": "c1", "output": "a"},
        {"type": "apply_patch_call", "id": "ap_1", "call_id": "c2", "status": "completed",
         "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "c2", "status": "completed", "output": ""},
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "done"}]},
        {"role": "user", "content": "more"},
    ]);
    for kind in [
        "local_shell",
        "shell",
        "apply_patch",
        "computer_use_preview",
    ] {
        let mut body = declares(R, &["f"], json!({"tool_choice": {"type": kind}}));
        body["tools"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": kind}));
        body["input"] = steps.clone();
        for upstream in [C, A, G] {
            let sent = pair(R, upstream).body(&body);
            assert_eq!(declared(upstream, &sent), ["f"], "{upstream:?} {kind}");
            let choice = [
                &sent["tool_choice"],
                &sent["tool_choice"]["type"],
                &sent["toolConfig"]["functionCallingConfig"]["mode"],
            ];
            assert!(
                choice
                    .iter()
                    .any(|word| **word == "auto" || **word == "AUTO"),
                "{upstream:?} {kind}: {sent:#}"
            );
            let key = if upstream == G {
                "contents"
            } else {
                "messages"
            };
            let turns = sent[key].as_array().unwrap();
            assert_eq!(turns.len(), 3, "{upstream:?} {kind}: {sent:#}");
        }
        assert_eq!(pair(R, R).body(&body)["input"], steps);
    }
}
