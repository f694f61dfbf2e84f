//! Objects whose properties stand without `properties` (E-109), as some MCP servers send them.

use crate::splice::Kind;
use crate::tool_schema::map::{Map, Value};
use crate::tool_schema::object::Both;

/// How deep a map of maps is followed before it counts as data.
const MAX_DEPTH: usize = 8;

/// Moves members that can only be properties below `properties`.
pub(super) fn wrap(map: &mut Map<'_>) {
    if !map.may_be_object() || map.get("enum").is_some_and(|v| v.kind() == Kind::Array) {
        return;
    }
    let bare = map.split_off(|key, value| !may_hold_object(key) && is_schema(value, 0));
    if !bare.is_empty() {
        map.merge_properties(Value::Object(bare), Both::Hold);
        map.set_absent("type", Value::of_string("object"));
    }
}

/// Keywords of JSON schema and OpenAPI whose value may be an object.
fn may_hold_object(key: &str) -> bool {
    key.starts_with(['$', '_'])
        || key.starts_with("x-")
        || matches!(
            key,
            "properties"
                | "patternProperties"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "propertyNames"
                | "items"
                | "additionalItems"
                | "unevaluatedItems"
                | "prefixItems"
                | "contains"
                | "not"
                | "if"
                | "then"
                | "else"
                | "dependencies"
                | "dependentRequired"
                | "dependentSchemas"
                | "definitions"
                | "const"
                | "enum"
                | "default"
                | "example"
                | "examples"
                | "contentSchema"
                | "discriminator"
                | "externalDocs"
                | "xml"
        )
}

/// True for an object that reads like a schema, or like a map of schemas.
fn is_schema(value: &Value<'_>, depth: usize) -> bool {
    if depth > MAX_DEPTH || value.kind() != Kind::Object || value.is_empty_object() {
        return false;
    }
    let map = value.clone().into_map().unwrap_or_default();
    let says_schema = map.iter().any(|(key, value)| {
        matches!(
            (key, value.kind()),
            ("type", Kind::String | Kind::Array)
                | ("$ref" | "description", Kind::String)
                | ("anyOf" | "oneOf" | "allOf" | "enum", Kind::Array)
                | ("properties" | "items", Kind::Object)
        )
    });
    says_schema || map.iter().all(|(_, value)| is_schema(value, depth + 1))
}
