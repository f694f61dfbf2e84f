use super::*;
use GeminiForm::{JsonSchema, Strict};

/// Cleans `property` as the one property of some parameters.
fn property(property: &str, form: GeminiForm) -> String {
    let schema = format!(r#"{{"type":"object","properties":{{"p":{property}}}}}"#);
    let cleaned = for_gemini(Some(&raw(&schema)), form).unwrap();
    let doc = Doc::parse(cleaned.as_str().as_bytes()).unwrap();
    let root = doc.root();
    root.get("properties")
        .unwrap()
        .get("p")
        .unwrap()
        .raw()
        .to_owned()
}

#[track_caller]
fn check_strict(schema: &str, want: &str) {
    assert_eq!(property(schema, Strict), want);
}

#[track_caller]
fn check_json(schema: &str, want: &str) {
    assert_eq!(property(schema, JsonSchema), want);
}

#[track_caller]
fn check_root(form: GeminiForm, schema: &str, want: &str) {
    same(&for_gemini(Some(&raw(schema)), form).unwrap(), want);
}

#[test]
fn e92_empty_object_at_the_root() {
    let empty = r#"{"type":"object","properties":{}}"#;
    for schema in [
        empty,
        "{}",
        r#"{"type":"object"}"#,
        r#"{"type":"OBJECT","required":["x"]}"#,
        "true",
        "null",
    ] {
        let schema = raw(schema);
        assert_eq!(for_gemini(Some(&schema), Strict), None, "{schema:?}");
        same(&for_gemini(Some(&schema), JsonSchema).unwrap(), empty);
    }
    assert_eq!(for_gemini(None, Strict), None);
    same(&for_gemini(None, JsonSchema).unwrap(), empty);
    check_strict(empty, empty);
    check_json(empty, empty);
}

#[test]
fn e101_references_are_written_out() {
    check_root(
        Strict,
        r##"{"type":"object","$defs":{"A":{"type":"string","description":"theirs"}},
            "properties":{"a":{"$ref":"#/$defs/A","description":"ours"},
                "b":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/A"}},{"type":"number"}]}}}"##,
        r#"{"type":"object","properties":{"a":{"description":"ours","type":"string"},"b":{"anyOf":[{"type":"array","items":{"type":"string","description":"theirs"}},{"type":"number"}]}}}"#,
    );
    check_root(
        Strict,
        r##"{"$ref":"#/definitions/Root","definitions":{"Root":{"type":"object","properties":{"x":{"$ref":"#/definitions/a~1b%20c"}}},"a/b c":{"type":"boolean"}}}"##,
        r#"{"type":"object","properties":{"x":{"type":"boolean"}}}"#,
    );
    check_strict(
        r##"{"$ref":"https://example.com/s.json","description":"far"}"##,
        r#"{"description":"far (See: s.json)","type":"object"}"#,
    );
}

#[test]
fn e102_recursive_schema_ends() {
    let schema = r##"{"type":"object","properties":{"tree":{"$ref":"#/$defs/Node"}},
        "$defs":{"Node":{"type":"object","properties":{"v":{"type":"string"},"next":{"anyOf":[{"$ref":"#/$defs/Node"},{"type":"null"}]},"all":{"type":"array","items":{"$ref":"#/$defs/Node"}}}}}}"##;
    check_root(
        Strict,
        schema,
        r#"{"type":"object","properties":{"tree":{"type":"object","properties":{"v":{"type":"string"},"next":{"type":"object","nullable":true,"description":"See: Node"},"all":{"type":"array","items":{"type":"object","description":"See: Node"}}}}}}"#,
    );
    for schema in [
        r##"{"type":"object","properties":{"p":{"$ref":"#"}}}"##,
        r##"{"$ref":"#"}"##,
        r##"{"$ref":"#/$defs/A","$defs":{"A":{"$ref":"#/$defs/B"},"B":{"$ref":"#/$defs/A"}}}"##,
        r##"{"$ref":"#/$defs/A","$defs":{"A":{"allOf":[{"$ref":"#/$defs/A"}],"anyOf":[{"$ref":"#/$defs/A"}]}}}"##,
    ] {
        for form in [Strict, JsonSchema] {
            let _ = for_gemini(Some(&raw(schema)), form);
            let _ = for_gemini_output(&raw(schema), form);
        }
    }
}

#[test]
fn e102_references_that_multiply_stay_small() {
    // Each definition uses the one before ten times: written out, 10^12 schemas.
    let mut defs = vec![r#""d0":{"type":"string"}"#.to_owned()];
    for n in 1..13 {
        let uses: Vec<String> = (0..10)
            .map(|i| format!(r##""p{i}":{{"$ref":"#/$defs/d{}"}}"##, n - 1))
            .collect();
        defs.push(format!(
            r#""d{n}":{{"type":"object","properties":{{{}}}}}"#,
            uses.join(",")
        ));
    }
    for union in ["properties", "anyOf", "allOf"] {
        let defs = match union {
            "properties" => defs.join(","),
            _ => (1..13)
                .map(|n| {
                    let uses = vec![format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n - 1); 10].join(",");
                    format!(r#""d{n}":{{"{union}":[{uses}]}}"#)
                })
                .collect::<Vec<_>>()
                .join(","),
        };
        let schema = raw(&format!(
            r##"{{"type":"object","properties":{{"p":{{"$ref":"#/$defs/d12"}}}},"anyOf":[{{"$ref":"#/$defs/d12"}}],"$defs":{{{defs}}}}}"##
        ));
        for form in [Strict, JsonSchema] {
            let cleaned = for_gemini(Some(&schema), form).unwrap();
            assert!(cleaned.as_str().len() < 4_000_000);
        }
        for_anthropic(Some(&schema));
        for_anthropic_output(&schema);
    }
}

#[test]
fn deep_schemas_end() {
    for unit in [
        r#"{"type":"object","properties":{"p":"#,
        r#"{"type":"array","items":"#,
        r#"{"not":"#,
    ] {
        let closing = if unit.contains("\"p\"") { "}}" } else { "}" };
        let n = 3_000;
        let schema = raw(&format!(
            r#"{{"type":"object","properties":{{"deep":{}true{}}}}}"#,
            unit.repeat(n),
            closing.repeat(n)
        ));
        for form in [Strict, JsonSchema] {
            for_gemini(Some(&schema), form).unwrap();
        }
        for_anthropic(Some(&schema));
        for_anthropic_output(&schema);
        for_chat(Some(&schema)).unwrap();
        for_responses(Some(&schema));
    }
}

#[test]
fn e103_const_and_untyped_enum() {
    let want = r#"{"type":"string","enum":["a"]}"#;
    check_strict(r#"{"const":"a"}"#, want);
    check_strict(r#"{"enum":["a"]}"#, want);
    check_strict(
        r#"{"anyOf":[{"const":"a"},{"type":"null"}]}"#,
        r#"{"type":"string","enum":["a"],"nullable":true}"#,
    );
    check_strict(
        r#"{"enum":["a",null,""]}"#,
        r#"{"type":"string","enum":["a"],"nullable":true}"#,
    );
    check_strict(
        r#"{"oneOf":[{"const":"a"},{"enum":["b","a"]}]}"#,
        r#"{"type":"string","enum":["a","b"]}"#,
    );
    check_json(r#"{"const":"a"}"#, want);
}

#[test]
fn e104_other_values_keep_their_type() {
    check_strict(
        r#"{"type":"integer","enum":[1,2]}"#,
        r#"{"type":"integer","description":"Allowed: 1, 2"}"#,
    );
    check_strict(
        r#"{"const":true,"description":"yes"}"#,
        r#"{"description":"yes (Allowed: true)","type":"boolean"}"#,
    );
    check_strict(
        r#"{"enum":[1.0,1e3]}"#,
        r#"{"type":"number","description":"Allowed: 1.0, 1e3"}"#,
    );
    check_strict(
        r#"{"enum":["a",1]}"#,
        r#"{"type":"string","description":"Allowed: a, 1"}"#,
    );
    check_strict(
        r#"{"type":"integer","enum":["1","2"]}"#,
        r#"{"type":"integer","description":"Allowed: 1, 2"}"#,
    );
    check_json(
        r#"{"type":"integer","enum":[1,2]}"#,
        r#"{"type":"integer","enum":[1,2]}"#,
    );
    check_json(
        r#"{"const":true}"#,
        r#"{"type":"boolean","description":"Allowed: true"}"#,
    );
}

#[test]
fn e105_type_lists() {
    check_strict(
        r#"{"type":["string","null"]}"#,
        r#"{"type":"string","nullable":true}"#,
    );
    check_strict(
        r#"{"type":["string","integer"]}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#,
    );
    check_strict(
        r#"{"type":["string","number","null"],"description":"d","minimum":1.0}"#,
        r#"{"description":"d","anyOf":[{"type":"string"},{"type":"number","minimum":1.0}],"nullable":true}"#,
    );
    check_strict(r#"{"type":"null"}"#, r#"{"type":"string","nullable":true}"#);
    check_strict(
        r#"{"type":["null"]}"#,
        r#"{"type":"string","nullable":true}"#,
    );
    check_strict(
        r#"{"type":["string","array"],"items":{"const":"x"}}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string","enum":["x"]}}]}"#,
    );
    check_json(
        r#"{"type":["string","null"]}"#,
        r#"{"type":["string","null"]}"#,
    );
    check_json(
        r#"{"type":["array","null"]}"#,
        r#"{"type":["array","null"],"items":{"type":"string"}}"#,
    );
    check_json(
        r#"{"type":["string","number","null"]}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}"#,
    );
}

#[test]
fn e106_all_of_is_merged() {
    let schema = r#"{"allOf":[{"type":"object","properties":{"a.b":{"type":"string"}},"required":["a.b"]},{"properties":{"c":{"type":"number"}},"required":["c","a.b"]}]}"#;
    let want = r#"{"type":"object","properties":{"a.b":{"type":"string"},"c":{"type":"number"}},"required":["a.b","c"]}"#;
    for form in [Strict, JsonSchema] {
        assert_eq!(property(schema, form), want);
        check_root(form, schema, want);
        check_root(
            form,
            r##"{"type":"object","properties":{"p":{"description":"ours","allOf":[{"$ref":"#/definitions/A"}]}},"$defs":{},"definitions":{"A":{"type":"string","description":"theirs"}}}"##,
            match form {
                Strict => {
                    r#"{"type":"object","properties":{"p":{"description":"ours","type":"string"}}}"#
                }
                JsonSchema => {
                    r#"{"type":"object","properties":{"p":{"description":"ours","type":"string"}},"$defs":{"A":{"type":"string","description":"theirs"}}}"#
                }
            },
        );
    }
    check_strict(
        r#"{"allOf":[{"properties":{"x":{"minLength":1}}},{"properties":{"x":{"maxLength":9}}}]}"#,
        r#"{"properties":{"x":{"minLength":1,"maxLength":9,"type":"string"}},"type":"object"}"#,
    );
}

#[test]
fn e107_arrays_have_items() {
    for form in [Strict, JsonSchema] {
        for schema in [
            r#"{"type":"array"}"#,
            r#"{"type":"array","items":{}}"#,
            r#"{"type":"array","items":true}"#,
        ] {
            assert_eq!(
                property(schema, form),
                r#"{"type":"array","items":{"type":"string"}}"#
            );
        }
    }
    let tuple = r#"{"type":"array","items":[{"type":"string"},{"type":"integer"}]}"#;
    check_strict(
        tuple,
        r#"{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"integer"}]}}"#,
    );
    check_json(
        tuple,
        r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}]}"#,
    );
}

#[test]
fn e108_properties_named_like_keywords() {
    let schema = r#"{"type":"object","title":"T","properties":{
        "title":{"type":"string","title":"kept below"},
        "type":{"type":"string","$comment":"gone"},
        "$comment":{"type":"string"},
        "propertyNames":{"type":"string"},
        "encrypted":{"type":"boolean","encrypted":true},
        "required":{"type":"boolean"},
        "properties":{"type":"object","propertyNames":{"type":"string"},"properties":{"const":{"const":"x"}},"x-a":{"type":"string"}}},
        "required":["title","type","required"]}"#;
    let want = r#"{"type":"object","properties":{"title":{"type":"string","title":"kept below"},"type":{"type":"string"},"$comment":{"type":"string"},"propertyNames":{"type":"string"},"encrypted":{"type":"boolean"},"required":{"type":"boolean"},"properties":{"type":"object","properties":{"const":{"type":"string","enum":["x"]}}}},"required":["title","type","required"]}"#;
    for form in [Strict, JsonSchema] {
        check_root(form, schema, want);
    }
}

#[test]
fn e109_required_and_bare_properties() {
    for form in [Strict, JsonSchema] {
        check_root(
            form,
            r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","required":true},"c":{"type":"integer","required":false}},"required":["a","zzz"]}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"integer"}},"required":["a","b"]}"#,
        );
        assert_eq!(
            property(
                r#"{"description":"Task","parent":{"type":"string","required":true},"task":{"name":{"type":"string","required":true},"notes":{"type":"string"}}}"#,
                form
            ),
            r#"{"description":"Task","properties":{"parent":{"type":"string"},"task":{"properties":{"name":{"type":"string"},"notes":{"type":"string"}},"type":"object","required":["name"]}},"type":"object","required":["parent"]}"#
        );
        assert_eq!(
            property(
                r#"{"title":{"type":"string","required":true},"description":{"type":"string"},"type":{"type":"string"}}"#,
                form
            ),
            r#"{"properties":{"title":{"type":"string"},"description":{"type":"string"},"type":{"type":"string"}},"type":"object","required":["title"]}"#
        );
        for untouched in [
            r#"{"type":"object","properties":{"a":{"type":"string"}},"default":{"theme":{"type":"dark"}}}"#,
            r#"{"type":"string","enum":["FOO"]}"#,
        ] {
            assert_eq!(property(untouched, form), untouched);
        }
        assert_eq!(
            property(
                r#"{"type":"string","x-google-enum-descriptions":{"FOO":{"type":"x"}}}"#,
                form
            ),
            r#"{"type":"string"}"#
        );
    }
}

#[test]
fn e110_formats() {
    for form in [Strict, JsonSchema] {
        for format in ["uri", "email", "int64"] {
            let schema = format!(r#"{{"type":"string","format":"{format}"}}"#);
            assert_eq!(property(&schema, form), r#"{"type":"string"}"#);
        }
        let kept = r#"{"type":"string","format":"date-time"}"#;
        assert_eq!(property(kept, form), kept);
    }
}

#[test]
fn e111_numbers_and_texts_keep_their_bytes() {
    let schema = r#"{"type":"number","minimum":9007199254740993,"maximum":1.0e3,"description":"<a> & \"b\""}"#;
    for form in [Strict, JsonSchema] {
        assert_eq!(property(schema, form), schema);
    }
}

#[test]
fn limits_go_into_the_description() {
    check_strict(
        r#"{"type":"integer","exclusiveMinimum":0,"multipleOf":5,"uniqueItems":false,"examples":[5],"description":"n"}"#,
        r#"{"type":"integer","description":"n (exclusiveMinimum: 0; multipleOf: 5)"}"#,
    );
    check_strict(
        r#"{"type":"string","not":{"const":"x"},"readOnly":true}"#,
        r#"{"type":"string","description":"not: {\"const\":\"x\"}"}"#,
    );
    check_json(
        r#"{"type":"integer","exclusiveMinimum":0,"deprecated":true,"$id":"i"}"#,
        r#"{"type":"integer"}"#,
    );
}

#[test]
fn additional_properties_by_form() {
    let schema = r#"{"type":"object","additionalProperties":{"type":"string","x-y":1}}"#;
    check_strict(schema, r#"{"type":"object"}"#);
    check_json(
        schema,
        r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
    );
    let closed =
        r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;
    check_json(closed, closed);
}

#[test]
fn references_stay_in_the_json_schema_form() {
    check_root(
        JsonSchema,
        r##"{"type":"object","properties":{"a":{"$ref":"#/definitions/A"},"b":{"$ref":"#/definitions/A","description":"d"},"c":{"$ref":"#/properties/b"}},
            "definitions":{"A":{"type":"object","properties":{"n":{"$ref":"#/definitions/A"}},"$comment":"x"}}}"##,
        r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"description":"d","type":"object","properties":{"n":{"$ref":"#/$defs/A"}}},"c":{"description":"d","type":"object","properties":{"n":{"$ref":"#/$defs/A"}}}},"$defs":{"A":{"type":"object","properties":{"n":{"$ref":"#/$defs/A"}}}}}"##,
    );
}

#[test]
fn unions_beside_properties() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}"#;
    let want = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#;
    for form in [Strict, JsonSchema] {
        check_root(form, schema, want);
        assert_eq!(property(schema, form), want);
        check_root(
            form,
            r#"{"oneOf":[{"type":"object","properties":{"k":{"const":"x"},"x":{"type":"string"}}},{"properties":{"k":{"const":"y"}}},{"properties":{"k":{"const":"z"}}}]}"#,
            match form {
                Strict => {
                    r#"{"type":"object","properties":{"k":{"type":"string","enum":["x","y","z"]},"x":{"type":"string"}}}"#
                }
                JsonSchema => {
                    r#"{"type":"object","properties":{"k":{"anyOf":[{"type":"string","enum":["x"]},{"type":"string","enum":["y"]},{"type":"string","enum":["z"]}]},"x":{"type":"string"}}}"#
                }
            },
        );
    }
    check_strict(
        r#"{"type":"string","anyOf":[{"enum":["a"]},{"pattern":"^x"}]}"#,
        r#"{"anyOf":[{"enum":["a"],"type":"string"},{"pattern":"^x","type":"string"}]}"#,
    );
}

#[test]
fn output_schemas_keep_their_root() {
    let list = r#"{"type":"array","items":{"type":"string"}}"#;
    let union = r#"{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"type":"object","properties":{"b":{"type":"string"}}}]}"#;
    for form in [Strict, JsonSchema] {
        for schema in [list, union] {
            same(&for_gemini_output(&raw(schema), form).unwrap(), schema);
        }
        same(&for_gemini(Some(&raw(list)), form).unwrap(), list);
    }
}

#[test]
fn duplicate_keys_count_as_parsers_read_them() {
    check_strict(
        r#"{"type":"string","type":"number","x":1}"#,
        r#"{"type":"number"}"#,
    );
}

proptest::proptest! {
    /// Whatever comes in, what goes out is a schema the form knows, and cleaning it again changes
    /// nothing.
    #[test]
    fn cleaning_is_idempotent(schema in schema_like()) {
        for form in [Strict, JsonSchema] {
            let schema = serde_json::json!({"properties": {"p": &schema, "q": {"items": &schema}}});
            let Some(once) = for_gemini(Some(&raw(&schema.to_string())), form) else { continue };
            let Some(twice) = for_gemini(Some(&once), form) else {
                return Err(proptest::test_runner::TestCaseError::fail(format!("{form:?} {once:?}")));
            };
            // Compared as values: the order of keys may change.
            let value = |json: &RawJson| json.read::<serde_json::Value>().unwrap();
            proptest::prop_assert_eq!(value(&twice), value(&once));
            let mut unknown = Vec::new();
            visit(&once.read().unwrap(), form, &mut unknown);
            proptest::prop_assert!(unknown.is_empty(), "{unknown:?} in {once:?}");
        }
    }
}

/// Collects keywords that `form` does not know.
fn visit(schema: &serde_json::Value, form: GeminiForm, unknown: &mut Vec<String>) {
    let Some(map) = schema.as_object() else {
        return;
    };
    for (key, value) in map {
        match key.as_str() {
            "properties" | "$defs" => {
                for child in value.as_object().unwrap().values() {
                    visit(child, form, unknown);
                }
            }
            "items" => visit(value, form, unknown),
            "anyOf" => value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|child| visit(child, form, unknown)),
            "type" if form == Strict => {
                if !value.is_string() {
                    unknown.push(format!("type {value}"));
                }
            }
            "type" | "enum" | "title" | "description" | "required" | "default" | "minimum" => {}
            "nullable" => {}
            "oneOf" | "additionalProperties" | "prefixItems" | "$ref" if form == JsonSchema => {}
            other => unknown.push(other.to_owned()),
        }
    }
}

fn schema_like() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    let types = prop_oneof![
        Just(json!("string")),
        Just(json!("object")),
        Just(json!("array")),
        Just(json!("null")),
        Just(json!(["string", "null"])),
        Just(json!(["object", "array", "integer"])),
    ];
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!({"const": "a"})),
        Just(json!({"enum": ["a", 1, null]})),
        Just(json!({"$ref": "#/properties/a"})),
        Just(json!({"$ref": "#/$defs/a", "description": "d"})),
        types
            .clone()
            .prop_map(|t| json!({"type": t, "format": "uri", "minimum": 1})),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let children = prop::collection::vec(inner.clone(), 0..3);
        let named = prop::collection::btree_map("[a-c]|type|items", inner.clone(), 0..3);
        (types.clone(), children, named, 0..9).prop_map(|(kind, list, map, form)| match form {
            0 => json!({"type": kind, "properties": map, "required": ["a", "b"]}),
            1 => json!({"anyOf": list}),
            2 => json!({"type": kind, "oneOf": list, "properties": map}),
            3 => json!({"allOf": list, "title": "t"}),
            4 => json!({"type": "array", "items": list}),
            5 => json!({"type": kind, "items": list.first(), "additionalProperties": list.last()}),
            6 => json!({"properties": map, "anyOf": list, "$defs": {"a": {"type": "string"}}}),
            7 => Value::Object(map.into_iter().collect()),
            _ => json!({"not": list, "if": {}, "type": kind, "nullable": true}),
        })
    })
}
