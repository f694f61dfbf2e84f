//! §6: JSON schemas for Gemini, structured output.

use crate::pair::*;
use crate::said;
use protocol::Dialect;
use serde_json::{Value, json};

/// A request of `client` with one function that takes `schema`.
fn tool(client: Dialect, schema: &Value) -> Value {
    let tool = match client {
        C | L => json!({"type": "function", "function": {"name": "f", "parameters": schema}}),
        R => json!({"type": "function", "name": "f", "parameters": schema}),
        A => json!({"name": "f", "input_schema": schema}),
        G => json!({"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}),
    };
    hello(client, json!({"tools": [tool]}))
}

/// The schema a backend of Google's strict kind gets, from every client alike.
#[track_caller]
fn strict(schema: &Value) -> Value {
    let sent = [C, R, A].map(|client| {
        let pair = pair(client, G).endpoint(|endpoint| endpoint.strict_schema = true);
        pair.body(&tool(client, schema))["tools"][0]["functionDeclarations"][0]["parameters"]
            .clone()
    });
    assert_eq!(sent[0], sent[1], "C and R");
    assert_eq!(sent[0], sent[2], "C and A");
    sent[0].clone()
}

/// The strict form of the only property `p`.
#[track_caller]
fn property(schema: Value) -> Value {
    strict(&json!({"type": "object", "properties": {"p": schema}}))["properties"]["p"].clone()
}

fn lower(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}

fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.push(value);
            members.values().for_each(|member| objects(member, found));
        }
        Value::Array(list) => list.iter().for_each(|element| objects(element, found)),
        _ => {}
    }
}

#[test]
fn e101_e102_references() {
    let sent = strict(&json!({
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/A", "description": "mine"},
            "b": {"anyOf": [{"type": "array", "items": {"$ref": "#/definitions/B"}}, {"type": "null"}]},
        },
        "$defs": {"A": {"type": "string", "description": "theirs"}},
        "definitions": {"B": {"type": "integer"}},
    }));
    let text = sent.to_string();
    assert!(
        !text.contains("$ref") && !text.contains("efs") && !text.contains("definitions"),
        "{text}"
    );
    assert_eq!(lower(&sent["properties"]["a"]["type"]), "string");
    assert_eq!(sent["properties"]["a"]["description"], "mine");
    assert!(text.to_lowercase().contains("integer"), "{text}");
    let sent = strict(&json!({
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": {"type": "object", "properties": {
            "value": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}}}},
    }));
    let text = sent.to_string();
    assert!(!text.contains("$ref") && text.contains("Node"), "{text}");
}

#[test]
fn e103_e104_constants() {
    let text = property(json!({"const": "a"}));
    assert_eq!(
        (lower(&text["type"]), &text["enum"]),
        ("string".into(), &json!(["a"]))
    );
    let text = property(json!({"enum": ["x"]}));
    assert_eq!(lower(&text["type"]), "string");
    let nullable = property(json!({"anyOf": [{"const": "a"}, {"type": "null"}]}));
    assert_eq!(nullable["enum"], json!(["a"]));
    assert_eq!(nullable["nullable"], true);
    let number = property(json!({"type": "integer", "enum": [1, 2]}));
    assert_eq!(lower(&number["type"]), "integer");
    assert_eq!(number.get("enum"), None);
    assert!(
        number["description"]
            .as_str()
            .unwrap()
            .contains("Allowed: 1, 2"),
        "{number}"
    );
    let flag = property(json!({"const": true}));
    assert_eq!(lower(&flag["type"]), "boolean");
    assert_eq!(flag.get("enum"), None);
}

#[test]
fn e105_e106_type_lists_and_all_of() {
    let one = property(json!({"type": ["string", "null"]}));
    assert_eq!(
        (lower(&one["type"]), &one["nullable"]),
        ("string".into(), &json!(true))
    );
    let two = property(json!({"type": ["string", "integer"]}));
    assert_eq!(two["anyOf"].as_array().unwrap().len(), 2);
    let three = property(json!({"type": ["string", "number", "null"]}));
    assert_eq!(three["anyOf"].as_array().unwrap().len(), 2);
    assert_eq!(three["nullable"], true);
    for schema in [one, two, three] {
        let mut found = Vec::new();
        objects(&schema, &mut found);
        for object in found {
            assert!(
                !object["type"].is_array() && lower(&object["type"]) != "null",
                "{schema}"
            );
        }
    }
    let merged = property(json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}, "x.y": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
    ], "description": "both"}));
    let names: Vec<&String> = merged["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["a", "x.y", "b"]);
    assert_eq!(merged["required"], json!(["a", "b"]));
    assert_eq!(merged["description"], "both");
}

#[test]
fn e107_e110_arrays_and_formats() {
    for schema in [
        json!({"type": "array"}),
        json!({"type": "array", "items": {}}),
    ] {
        assert_eq!(lower(&property(schema)["items"]["type"]), "string");
    }
    for (format, kept) in [
        ("uri", false),
        ("email", false),
        ("int64", false),
        ("date-time", true),
    ] {
        let sent = property(json!({"type": "string", "format": format}));
        assert_eq!(sent.get("format").is_some(), kept, "{format}");
    }
}

#[test]
fn e108_e109_properties_named_like_keywords() {
    let names = [
        "title",
        "type",
        "$comment",
        "propertyNames",
        "encrypted",
        "properties",
    ];
    let inner = json!({"type": "object", "title": "gone", "$comment": "gone",
                       "propertyNames": {"pattern": "gone"},
                       "properties": {"x": {"type": "string"}}});
    let properties: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), inner.clone()))
        .collect();
    let sent = strict(&json!({"type": "object", "properties": properties}));
    for name in names {
        let kept = &sent["properties"][name];
        assert_eq!(lower(&kept["type"]), "object", "{name}: {sent:#}");
        assert!(kept["properties"]["x"].is_object(), "{name}");
        for gone in ["$comment", "propertyNames"] {
            assert_eq!(kept.get(gone), None, "{name}");
        }
    }
    let sent = strict(
        &json!({"type": "object", "required": ["ghost"], "properties": {
            "a": {"type": "string", "required": true},
            "bare": {"x": {"type": "string"}, "y": {"type": "integer"}},
        }}),
    );
    assert_eq!(sent["required"], json!(["a"]));
    assert_eq!(sent["properties"]["a"].get("required"), None);
    assert_eq!(lower(&sent["properties"]["bare"]["type"]), "object");
    assert!(sent["properties"]["bare"]["properties"]["x"].is_object());
}

#[test]
fn e111_numbers_and_texts_of_schemas() {
    let schema = r#"{"type":"object","properties":{"p":{"type":"integer","minimum":9007199254740993,"description":"<a> & \"b\""}}}"#;
    for client in [C, R, A] {
        for strict in [true, false] {
            let body = tool(client, &json!("SCHEMA"))
                .to_string()
                .replace("\"SCHEMA\"", schema);
            let pair = pair(client, G).endpoint(|endpoint| endpoint.strict_schema = strict);
            let sent = pair.try_ask(&body).unwrap();
            let text = std::str::from_utf8(&sent.bytes).unwrap();
            assert!(text.contains("9007199254740993"), "{client:?}: {text}");
            assert!(text.contains(r#"<a> & \"b\""#), "{client:?}: {text}");
        }
    }
}

#[test]
fn e112_structured_output_for_gemini() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    for client in [C, R] {
        let config = |format: Value| {
            let more = match client {
                C => json!({"response_format": format}),
                _ => json!({"text": {"format": format}}),
            };
            pair(client, G).body(&hello(client, more))["generationConfig"].clone()
        };
        let named = |schema: Option<&Value>| {
            let mut format = json!({"name": "n", "strict": true});
            if let Some(schema) = schema {
                format["schema"] = schema.clone();
            }
            match client {
                C => json!({"type": "json_schema", "json_schema": format}),
                _ => {
                    format["type"] = json!("json_schema");
                    format
                }
            }
        };
        let plain = json!({"responseMimeType": "application/json"});
        assert_eq!(config(json!({"type": "json_object"})), plain, "{client:?}");
        assert_eq!(config(named(None)), plain, "{client:?}");
        let sent = config(named(Some(&schema)));
        assert_eq!(sent["responseMimeType"], "application/json", "{client:?}");
        let told = sent
            .get("responseJsonSchema")
            .or(sent.get("responseSchema"))
            .unwrap();
        assert_eq!(
            told["properties"]["a"]["type"]
                .as_str()
                .unwrap()
                .to_lowercase(),
            "string"
        );
        for gone in ["name", "strict"] {
            assert!(!sent.to_string().contains(gone), "{client:?}: {sent}");
        }
    }
}

#[test]
fn e113_structured_output_between_chat_and_responses() {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let flat = json!({"type": "json_schema", "name": "n", "strict": true, "schema": schema});
    let nested = json!({"type": "json_schema",
                        "json_schema": {"name": "n", "strict": true, "schema": schema}});
    let to_chat = |more: Value| pair(R, C).body(&hello(R, more));
    let to_responses = |more: Value| pair(C, R).body(&hello(C, more));
    assert_eq!(
        to_chat(json!({"text": {"format": flat}}))["response_format"],
        nested
    );
    assert_eq!(
        to_responses(json!({"response_format": nested}))["text"]["format"],
        flat
    );
    let any = json!({"type": "json_object"});
    assert_eq!(
        to_chat(json!({"text": {"format": any}}))["response_format"],
        any
    );
    assert_eq!(
        to_responses(json!({"response_format": any}))["text"]["format"],
        any
    );
    assert_eq!(to_chat(json!({})).get("response_format"), None);
    assert_eq!(to_responses(json!({})).pointer("/text/format"), None);
}

fn answer_format() -> Value {
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {
    "type": "object", "required": ["s"], "properties": {
        "s": {"type": "string", "minLength": 2},
        "l": {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 0}, "maxItems": 3},
        "u": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {}}]},
    }}}}})
}

#[test]
fn e114_structured_output_of_anthropic() {
    let pair = pair(C, A).model(|model| model.structured_output = true);
    let sent = pair.body(&hello(C, answer_format()));
    let format = &sent["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    let schema = &format["schema"];
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["u"]["anyOf"][1]["additionalProperties"],
        false
    );
    let text = schema.to_string();
    for keyword in [
        "\"minLength\"",
        "\"maxItems\"",
        "\"exclusiveMinimum\"",
        "\"oneOf\"",
    ] {
        assert!(!text.contains(keyword), "{keyword}: {text}");
    }
    for (property, hint) in [("s", "2"), ("l", "3")] {
        let description = schema["properties"][property]["description"]
            .as_str()
            .unwrap();
        assert!(description.contains(hint), "{property}: {description}");
    }
}

#[test]
fn e115_structured_output_by_a_forced_tool() {
    for client in [C, R, G] {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let more = match client {
            C => json!({"response_format": {"type": "json_schema",
                        "json_schema": {"name": "n", "schema": schema}}}),
            R => {
                json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}})
            }
            _ => json!({"generationConfig": {"responseMimeType": "application/json",
                        "responseJsonSchema": schema}}),
        };
        let asked = pair(client, A).ask(&hello(client, more));
        assert_eq!(asked.body.get("output_config"), None, "{client:?}");
        let tool = &asked.body["tools"][0];
        assert_eq!(
            tool["input_schema"]["properties"]["a"]["type"], "integer",
            "{client:?}"
        );
        let choice = json!({"type": "tool", "name": tool["name"]});
        let mut sent = asked.body["tool_choice"].clone();
        sent.as_object_mut()
            .unwrap()
            .remove("disable_parallel_tool_use");
        assert_eq!(sent, choice, "{client:?}");
        let reply = said::call(A, "toolu_1", tool["name"].as_str().unwrap(), r#"{"a":1}"#);
        let told = pair(client, A).told(&asked.context, &reply);
        assert_eq!(
            said::text_of(client, &told.data),
            r#"{"a":1}"#,
            "{client:?}"
        );
        let text: String = told.data.iter().map(Value::to_string).collect();
        match client {
            C => {
                assert!(!text.contains("tool_calls"), "{text}");
                assert_eq!(
                    told.all("/choices/0/finish_reason").last().unwrap(),
                    &&json!("stop")
                );
            }
            R => assert!(!text.contains("function_call"), "{text}"),
            _ => assert!(!text.contains("functionCall"), "{text}"),
        }
    }
}

#[test]
fn e116_strict_tools() {
    let body = hello(
        A,
        json!({"tools": [
            {"name": "f", "input_schema": {"type": "object", "properties": {}}},
            {"name": "g", "strict": true, "input_schema": {"type": "object", "properties": {}}},
        ]}),
    );
    let sent = pair(A, R).body(&body);
    assert_eq!(sent["tools"][0]["strict"], false);
    assert_eq!(sent["tools"][1]["strict"], true);
}
