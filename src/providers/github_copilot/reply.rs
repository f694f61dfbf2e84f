//! What answers in chat have beyond the protocol (§4). Pure.

use protocol::splice::{Doc, Edits, Node};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// An event or a whole body of an answer in the protocol's own words; the same text when there is
/// nothing to say otherwise.
pub(super) fn in_form(json: &str) -> Cow<'_, str> {
    let thinks = json.contains("\"reasoning_text\"");
    // Only whole answers have messages.
    let whole = json.contains("\"message\"");
    if !thinks && !whole {
        return Cow::Borrowed(json);
    }
    let Some(doc) = Doc::trust(json.as_bytes()) else {
        return Cow::Borrowed(json);
    };
    let Some(choices) = doc.root().get("choices") else {
        return Cow::Borrowed(json);
    };
    if whole
        && choices.elements().nth(1).is_some()
        && let Some(merged) = merged(json)
    {
        let merged = merged.to_string();
        return Cow::Owned(in_form(&merged).into_owned());
    }
    let mut edits = Edits::new();
    for choice in choices.elements() {
        for said in ["delta", "message"]
            .into_iter()
            .filter_map(|name| choice.get(name))
        {
            let [text, content] = said.pick(["reasoning_text", "reasoning_content"]);
            if let Some(text) = text.filter(|text| !is_empty(*text))
                && content.is_none_or(is_empty)
            {
                edits.set(said, "reasoning_content", text.raw());
            }
        }
    }
    if edits.is_empty() {
        return Cow::Borrowed(json);
    }
    let edited = edits.apply(&bytes::Bytes::copy_from_slice(json.as_bytes()));
    Cow::Owned(String::from_utf8_lossy(&edited).into_owned())
}

fn is_empty(node: Node<'_>) -> bool {
    node.is_null() || node.raw() == "\"\""
}

/// An answer of Claude may come in two choices of the same index, the text in one and the calls in
/// the other: one choice. `None` when it did not.
fn merged(json: &str) -> Option<Value> {
    let mut body: Value = serde_json::from_str(json).ok()?;
    let choices = body.get_mut("choices")?.as_array_mut()?;
    let n_before = choices.len();
    let mut kept: Vec<Value> = Vec::new();
    for choice in std::mem::take(choices) {
        match kept
            .iter_mut()
            .find(|kept| kept["index"] == choice["index"])
        {
            Some(first) => add(first, choice)?,
            None => kept.push(choice),
        }
    }
    let fewer = kept.len() < n_before;
    *choices = kept;
    fewer.then_some(body)
}

/// Adds to `first` what `other` says beyond it.
fn add(first: &mut Value, other: Value) -> Option<()> {
    let Value::Object(mut other) = other else {
        return None;
    };
    let said: Map<String, Value> = match other.remove("message")? {
        Value::Object(said) => said,
        _ => return None,
    };
    let calls = said.get("tool_calls").is_some_and(Value::is_array);
    let into = first.get_mut("message")?.as_object_mut()?;
    for (name, value) in said {
        match (into.get_mut(&name), value) {
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (Some(there), value) if there.is_null() || *there == "" => *there = value,
            (Some(_), _) => {}
            (None, value) => drop(into.insert(name, value)),
        }
    }
    if calls && let Some(reason) = other.remove("finish_reason") {
        first
            .as_object_mut()?
            .insert("finish_reason".into(), reason);
    }
    Some(())
}
