//! What a schema language cannot say goes into the description, where the model reads it.

use super::map::{Map, Value};

/// Longest value worth showing, in bytes.
const MAX_VALUE: usize = 200;

/// `key: value`; empty for values too long to help.
pub(super) fn of(key: &str, value: &Value<'_>) -> String {
    let text = match value.string() {
        Some(text) => text.into_owned(),
        None => value.to_json(),
    };
    if text.len() > MAX_VALUE {
        return String::new();
    }
    format!("{key}: {text}")
}

/// `Allowed: 1, 2`.
pub(super) fn allowed(values: &[Value<'_>]) -> String {
    let shown: Vec<String> = values
        .iter()
        .map(|value| match value.string() {
            Some(text) => text.into_owned(),
            None => value.to_json(),
        })
        .collect();
    format!("Allowed: {}", shown.join(", "))
}

/// Puts hints behind the description, in brackets; they are the description when there is none.
pub(super) fn add(map: &mut Map<'_>, hints: Vec<String>) {
    let hints: Vec<String> = hints.into_iter().filter(|hint| !hint.is_empty()).collect();
    if hints.is_empty() {
        return;
    }
    let hints = hints.join("; ");
    let text = map
        .get("description")
        .and_then(Value::string)
        .filter(|text| !text.is_empty())
        .map_or_else(|| hints.clone(), |text| format!("{text} ({hints})"));
    map.set("description", Value::of_string(&text));
}
