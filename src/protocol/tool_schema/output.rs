//! Anthropic `output_config.format` (`matrix.md` §4.6, E-114): objects are closed, unions are
//! `anyOf`, limits stand in descriptions. The API refuses every keyword that it does not know.

use super::map::{Map, Value};
use super::{hint, made};
use crate::raw::RawJson;
use crate::splice::Kind;

/// Deepest schema that is cleaned; below stands any object.
const MAX_DEPTH: usize = 64;

/// Keywords that stay as they are.
const KEPT: &[&str] = &[
    "$ref",
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "$defs",
    "definitions",
    "anyOf",
    "allOf",
    "title",
    "description",
    "default",
    "enum",
    "const",
    "format",
    "nullable",
];

/// Keywords whose values a model can follow when it reads them.
const LIMITS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

const FORMATS: &[&str] = &[
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

pub(super) fn clean(schema: &RawJson) -> RawJson {
    match Value::Node(schema.node()).into_map() {
        Some(map) => made(clean_map(map, 0).to_json()),
        None => schema.clone(),
    }
}

fn clean_map<'a>(mut map: Map<'a>, depth: usize) -> Map<'a> {
    if depth > MAX_DEPTH {
        let mut any = Map::of_type("object");
        any.set("additionalProperties", Value::Text("false".to_owned()));
        return any;
    }
    if let Some(union) = map.take("oneOf") {
        map.set_absent("anyOf", union);
    }
    let mut hints = Vec::new();
    map.retain(|key, value| {
        let known_format = key != "format"
            || value
                .string()
                .is_some_and(|f| FORMATS.contains(&f.as_ref()));
        if LIMITS.contains(&key) || !known_format {
            hints.push(hint::of(key, value));
        }
        let stays = KEPT.contains(&key) && known_format;
        if stays {
            clean_children(key, value, depth);
        }
        stays
    });
    hint::add(&mut map, hints);
    let said = map.get("type").is_some_and(|_| map.may_be_object());
    if said || map.get("properties").map(Value::kind) == Some(Kind::Object) {
        map.set("additionalProperties", Value::Text("false".to_owned()));
    } else {
        map.take("additionalProperties");
    }
    map
}

fn clean_children(keyword: &str, value: &mut Value<'_>, depth: usize) {
    match (keyword, value.kind()) {
        ("properties" | "$defs" | "definitions", Kind::Object) => {
            let mut cleaned = Map::default();
            for (name, schema) in value.clone().into_map().unwrap_or_default() {
                cleaned.push(name, clean_value(schema, depth));
            }
            *value = Value::Object(cleaned);
        }
        ("anyOf" | "allOf", Kind::Array) => {
            let list = value.clone().into_list().unwrap_or_default();
            *value = Value::Array(list.into_iter().map(|s| clean_value(s, depth)).collect());
        }
        ("items", Kind::Array) => {
            // One schema per position is not known; each may stand anywhere.
            let list = value.clone().into_list().unwrap_or_default();
            let mut any = Map::default();
            any.set(
                "anyOf",
                Value::Array(list.into_iter().map(|s| clean_value(s, depth)).collect()),
            );
            *value = Value::Object(any);
        }
        ("items", _) => *value = clean_value(value.clone(), depth),
        _ => {}
    }
}

fn clean_value(value: Value<'_>, depth: usize) -> Value<'_> {
    match value.kind() {
        Kind::Object => Value::Object(clean_map(value.into_map().unwrap_or_default(), depth + 1)),
        _ => value,
    }
}
