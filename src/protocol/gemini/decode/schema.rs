//! Gemini's OpenAPI schema dialect → JSON schema, which every other protocol reads.

use super::super::read::Place;
use crate::codec::CodecError;
use crate::raw::RawJson;
use crate::splice::Node;
use serde_json::{Map, Value, json};

/// The schema in JSON-schema words: types in lower case, `nullable` as a second type, lengths as
/// numbers. A schema that is already in these words keeps its text.
pub(super) fn to_json_schema(schema: Node<'_>, place: &Place<'_>) -> Result<RawJson, CodecError> {
    let text = RawJson::of(schema);
    let mut value: Value = text
        .read()
        .map_err(|error| place.invalid(error.to_string()))?;
    Ok(if convert(&mut value) {
        value.into()
    } else {
        text
    })
}

/// Converts a schema in place; tells whether anything changed. Depth is bounded by the parser.
fn convert(schema: &mut Value) -> bool {
    let Some(schema) = schema.as_object_mut() else {
        return false;
    };
    let mut changed = lower_type(schema);
    changed |= number_limits(schema);
    changed |= schema.shift_remove("propertyOrdering").is_some();
    changed |= schema.shift_remove("property_ordering").is_some();
    for key in ["items", "additionalProperties", "not"] {
        if let Some(inner) = schema.get_mut(key) {
            changed |= convert(inner);
        }
    }
    for key in ["anyOf", "oneOf", "allOf", "prefixItems", "any_of"] {
        if let Some(Value::Array(branches)) = schema.get_mut(key) {
            for branch in branches {
                changed |= convert(branch);
            }
        }
    }
    if let Some(branches) = schema.shift_remove("any_of") {
        schema.insert("anyOf".into(), branches);
        changed = true;
    }
    for key in ["properties", "$defs", "definitions"] {
        // Keys below are names of properties, not keywords.
        if let Some(Value::Object(named)) = schema.get_mut(key) {
            for inner in named.values_mut() {
                changed |= convert(inner);
            }
        }
    }
    changed | nullable(schema)
}

fn lower_type(schema: &mut Map<String, Value>) -> bool {
    let lowered = match schema.get("type") {
        Some(Value::String(word)) if word == "TYPE_UNSPECIFIED" => {
            schema.shift_remove("type");
            return true;
        }
        Some(Value::String(word)) if word.bytes().any(|b| b.is_ascii_uppercase()) => {
            word.to_ascii_lowercase()
        }
        _ => return false,
    };
    schema.insert("type".into(), lowered.into());
    true
}

/// 64-bit numbers come as strings in Google's JSON.
fn number_limits(schema: &mut Map<String, Value>) -> bool {
    let mut changed = false;
    for key in [
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
    ] {
        let Some(place) = schema.get_mut(key) else {
            continue;
        };
        if let Some(number) = place.as_str().and_then(|text| text.parse::<u64>().ok()) {
            *place = number.into();
            changed = true;
        }
    }
    changed
}

fn nullable(schema: &mut Map<String, Value>) -> bool {
    let Some(nullable) = schema.shift_remove("nullable") else {
        return false;
    };
    if nullable == Value::Bool(true) {
        if let Some(Value::String(word)) = schema.get("type") {
            let both = json!([word, "null"]);
            schema.insert("type".into(), both);
            if let Some(Value::Array(values)) = schema.get_mut("enum") {
                values.push(Value::Null);
            }
        } else if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
            branches.push(json!({"type": "null"}));
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice::Doc;

    #[track_caller]
    fn check(open_api: &str, want: &str) {
        let doc = Doc::parse(open_api.as_bytes()).unwrap();
        let got = to_json_schema(doc.root(), &Place::of("parameters")).unwrap();
        assert_eq!(got.as_str(), want);
    }

    #[test]
    fn types_in_lower_case_at_every_depth() {
        check(
            r#"{"type":"OBJECT","properties":{"type":{"type":"STRING"},"l":{"type":"ARRAY","items":{"type":"INTEGER"}}}}"#,
            r#"{"type":"object","properties":{"type":{"type":"string"},"l":{"type":"array","items":{"type":"integer"}}}}"#,
        );
    }

    #[test]
    fn nullable_becomes_a_second_type() {
        check(
            r#"{"type":"STRING","nullable":true,"enum":["a"]}"#,
            r#"{"type":["string","null"],"enum":["a",null]}"#,
        );
        check(
            r#"{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}],"nullable":true}"#,
            r#"{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}"#,
        );
    }

    #[test]
    fn limits_as_strings_and_ordering_go() {
        check(
            r#"{"type":"ARRAY","minItems":"2","maxItems":3,"propertyOrdering":["a"]}"#,
            r#"{"type":"array","minItems":2,"maxItems":3}"#,
        );
    }

    #[test]
    fn json_schema_keeps_its_text() {
        let text = r#"{ "type": "object", "properties": {"a": {"minimum": 1.0}} }"#;
        check(text, text);
    }
}
