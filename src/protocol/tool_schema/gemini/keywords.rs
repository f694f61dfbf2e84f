//! What the two Gemini forms know (`gemini-generate-content.md` §3).

use crate::splice::Kind;
use crate::tool_schema::GeminiForm;
use crate::tool_schema::map::{Map, Value};

/// True when `form` takes this keyword with this value.
pub(super) fn stays(key: &str, value: &Value<'_>, form: GeminiForm) -> bool {
    let strict = form == GeminiForm::Strict;
    match (key, value.kind()) {
        ("format", Kind::String) => {
            let format = value.string().unwrap_or_default();
            match format.as_ref() {
                "date-time" | "enum" => true,
                "date" | "time" => !strict,
                _ => false,
            }
        }
        ("type", Kind::Array) => !strict,
        ("type" | "title" | "description" | "pattern", Kind::String)
        | ("nullable", Kind::Bool)
        | ("enum" | "required" | "propertyOrdering" | "anyOf", Kind::Array)
        | ("items" | "properties", Kind::Object)
        | (
            "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minLength" | "maxLength"
            | "minimum" | "maximum",
            Kind::Number,
        )
        | ("example" | "default", _) => true,
        ("$defs", Kind::Object)
        | ("$anchor", Kind::String)
        | ("prefixItems" | "oneOf", Kind::Array)
        | ("additionalProperties", _) => !strict,
        _ => false,
    }
}

/// True for a keyword that the strict form lacks and whose value a model can follow.
pub(super) fn is_limit(key: &str, value: &Value<'_>) -> bool {
    matches!(
        key,
        "exclusiveMinimum"
            | "exclusiveMaximum"
            | "multipleOf"
            | "uniqueItems"
            | "not"
            | "if"
            | "then"
            | "else"
            | "dependencies"
            | "dependentRequired"
            | "dependentSchemas"
    ) && value.boolean() != Some(false)
}

/// The type of a schema that names none: the strict form wants one everywhere.
pub(super) fn guessed_type(map: &Map<'_>) -> &'static str {
    let has = |keys: &[&str]| keys.iter().any(|key| map.has(key));
    if has(&["properties", "minProperties", "maxProperties"]) {
        "object"
    } else if has(&["items", "minItems", "maxItems"]) {
        "array"
    } else if has(&["minimum", "maximum"]) {
        "number"
    } else {
        "string"
    }
}

/// True for a keyword that only means something for values of type `name`.
pub(super) fn belongs_to(key: &str, name: &str) -> bool {
    match key {
        "items" | "prefixItems" | "additionalItems" | "minItems" | "maxItems" | "uniqueItems" => {
            name == "array"
        }
        "properties"
        | "required"
        | "additionalProperties"
        | "minProperties"
        | "maxProperties"
        | "propertyOrdering" => name == "object",
        "pattern" | "minLength" | "maxLength" => name == "string",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            matches!(name, "number" | "integer")
        }
        _ => false,
    }
}

/// Removes keywords that mean nothing for values of the one type the schema has, but something for
/// others: Gemini refuses them.
pub(super) fn drop_contradictions(map: &mut Map<'_>) {
    let Some(name) = map.get("type").and_then(Value::string) else {
        return;
    };
    let others = ["array", "object", "string", "number"];
    map.retain(|key, _| {
        belongs_to(key, &name) || !others.iter().any(|other| belongs_to(key, other))
    });
}

/// True for a schema of one type, without references, unions and odd values: most are, and need no
/// rewriting beyond their children.
pub(super) fn is_plain(map: &Map<'_>) -> bool {
    let Some(name) = map.get("type").and_then(Value::string) else {
        return false;
    };
    map.iter().all(|(key, value)| match key {
        "type" => name != "null",
        "description" | "title" | "format" | "nullable" | "default" | "$schema" => {
            value.kind() != Kind::Object
        }
        "enum" => name == "string" && is_list_of_texts(value),
        _ => belongs_to(key, &name),
    })
}

fn is_list_of_texts(value: &Value<'_>) -> bool {
    value.clone().into_list().is_some_and(|list| {
        let is_text = |v: &Value<'_>| v.string().is_some_and(|text| !text.is_empty());
        !list.is_empty() && list.iter().all(is_text)
    })
}
