use super::*;

#[test]
fn e90_unions_at_the_root_for_anthropic() {
    let cases = [
        (
            r#"{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"anyOf":[{"type":"string"},{"type":"null"}]}}},{"type":"string"}]}"#,
            r#"{"properties":{"a":{"type":"string"},"b":{"anyOf":[{"type":"string"},{"type":"null"}]}},"type":"object"}"#,
        ),
        (
            r#"{"description":"d","type":"object","properties":{"a":{"minimum":1.0}},"required":["a"],"allOf":[{"properties":{"b":{}},"required":["b","a"]}]}"#,
            r#"{"description":"d","type":"object","properties":{"a":{"minimum":1.0},"b":{}},"required":["a","b"]}"#,
        ),
        (
            r##"{"oneOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/B"}],"$defs":{"A":{"properties":{"k":{"const":"a"}}},"B":{"properties":{"k":{"const":"b"}}}}}"##,
            r##"{"$defs":{"A":{"properties":{"k":{"const":"a"}}},"B":{"properties":{"k":{"const":"b"}}}},"properties":{"k":{"anyOf":[{"const":"a"},{"const":"b"}]}},"type":"object"}"##,
        ),
        ("true", r#"{"type":"object","properties":{}}"#),
        (r#""broken""#, r#"{"type":"object","properties":{}}"#),
        ("{}", r#"{"type":"object","properties":{}}"#),
        (
            r#"{"type":["object","null"],"properties":null,"required":true}"#,
            r#"{"type":"object","properties":{}}"#,
        ),
    ];
    for (schema, want) in cases {
        same(&for_anthropic(Some(&raw(schema))), want);
    }
    same(&for_anthropic(None), r#"{"type":"object","properties":{}}"#);
    let fine = r#"{ "type":"object", "properties":{"a" : {"oneOf":[{}]} }, "x":1.0 }"#;
    same(&for_anthropic(Some(&raw(fine))), fine);
}

#[test]
fn e91_objects_get_properties() {
    let schema = r#"{"$schema":"s","type":"object","properties":{"a":{"type":"object"},"b":{"type":"array","items":{ "type":["object","null"] }},"type":{"type":"string","maximum":1.0}},"anyOf":[{"type":"object"}]}"#;
    let chat = r#"{"$schema":"s","type":"object","properties":{"a":{"type":"object","properties":{}},"b":{"type":"array","items":{ "type":["object","null"],"properties":{} }},"type":{"type":"string","maximum":1.0}},"anyOf":[{"type":"object","properties":{}}]}"#;
    same(&for_chat(Some(&raw(schema))).unwrap(), chat);
    same(
        &for_responses(Some(&raw(schema))),
        &chat.replace(r#""$schema":"s","#, ""),
    );
    let fine = r#"{ "type":"object", "properties":{ } }"#;
    same(&for_chat(Some(&raw(fine))).unwrap(), fine);
    same(&for_responses(Some(&raw(fine))), fine);
}

#[test]
fn missing_parameters() {
    let empty = r#"{"type":"object","properties":{}}"#;
    assert_eq!(for_chat(None), None);
    same(&for_responses(None), empty);
    for no_schema in ["null", "true", "[]"] {
        assert_eq!(for_chat(Some(&raw(no_schema))), None);
        same(&for_responses(Some(&raw(no_schema))), empty);
    }
    same(&for_chat(Some(&raw("{}"))).unwrap(), empty);
    same(
        &for_chat(Some(&raw(r#"{"properties":{"a":{}}}"#))).unwrap(),
        r#"{"properties":{"a":{}},"type":"object"}"#,
    );
}

#[test]
fn gemini_spelling_is_put_right() {
    let schema = r#"{"type":"OBJECT","properties":{"STRING":{"type":"STRING","maxLength":"010","description":"OBJECT"}}}"#;
    let want = r#"{"type":"object","properties":{"STRING":{"type":"string","maxLength":10,"description":"OBJECT"}}}"#;
    same(&for_chat(Some(&raw(schema))).unwrap(), want);
    same(&for_responses(Some(&raw(schema))), want);
    same(&for_anthropic(Some(&raw(schema))), want);
}

#[test]
fn e114_structured_output_for_anthropic() {
    let schema = r#"{"$schema":"s","type":"object","properties":{
        "name":{"type":"string","minLength":2,"description":"who"},
        "format":{"type":"string","format":"email"},
        "n":{"type":"number","exclusiveMinimum":0.50,"format":"int64"},
        "list":{"type":"array","maxItems":3,"items":{"oneOf":[{"type":"string"},{"type":"object","properties":{}}]}}},
        "required":["name"],"additionalProperties":true}"#;
    let want = r#"{"type":"object","properties":{"name":{"type":"string","description":"who (minLength: 2)"},"format":{"type":"string","format":"email"},"n":{"type":"number","description":"exclusiveMinimum: 0.50; format: int64"},"list":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"object","properties":{},"additionalProperties":false}]},"description":"maxItems: 3"}},"required":["name"],"additionalProperties":false}"#;
    same(&for_anthropic_output(&raw(schema)), want);
}

#[test]
fn e93_free_text_wrapped_and_unwrapped() {
    for text in ["*** Begin Patch\n\"é\"\n", "", "{\"a\":1}"] {
        let wrapped = wrap_custom_input(text);
        assert_eq!(unwrap_custom_input(wrapped.as_str()), text);
    }
    for (arguments, want) in [
        (r#"{"input":"a"#, "a"),
        (r#"{"input":{"a":1.0}}"#, r#"{"a":1.0}"#),
        (r#""text""#, "text"),
        ("", ""),
        ("{}", ""),
        ("*** Begin Patch", "*** Begin Patch"),
        (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#),
        (r#"{"input":"x","why":"y"}"#, "x"),
    ] {
        assert_eq!(unwrap_custom_input(arguments), want, "{arguments}");
    }
}
