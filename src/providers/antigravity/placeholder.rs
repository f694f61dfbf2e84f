//! Calls that are checked against their schema (`VALIDATED`) need schemas that demand something
//! (§7.1, 12a): where one demands nothing, a property of ours is demanded, and taken out of the calls
//! again before clients see them.

use bytes::Bytes;
use protocol::splice::{Doc, Edits, Kind, Node};
use std::borrow::Cow;

/// A name that no tool uses, so that it can be told from the tool's own properties without looking at
/// the request. (The program before used `reason` and `_`.)
const NAME: &str = "_placeholder";
/// What stands in quotes in a reply that has it.
const QUOTED: &str = "\"_placeholder\"";
const PROPERTY: &str = r#"{"type":"boolean","description":"Always true."}"#;
const REQUIRED: &str = r#"["_placeholder"]"#;
/// The schema of a function that takes nothing.
pub(super) const NOTHING: &str = r#"{"type":"object","properties":{"_placeholder":{"type":"boolean","description":"Always true."}},"required":["_placeholder"]}"#;

/// Whether the schemas of a model's functions need it.
pub(super) fn is_wanted(model: &str) -> bool {
    ["claude", "gemini-3-pro", "gemini-3.1-pro"]
        .iter()
        .any(|family| model.contains(family))
}

/// Demands our property of every object in `schema` that demands nothing. The service's code looks at
/// the outermost object, too, whatever its own tools are told.
pub(super) fn demand(schema: Node<'_>, edits: &mut Edits) {
    let [kind, properties, required, items, branches] =
        schema.pick(["type", "properties", "required", "items", "anyOf"]);
    let properties = properties.filter(|node| node.kind() == Kind::Object);
    let has_some = properties.is_some_and(|node| node.members().next().is_some());
    let is_object = match kind.and_then(|kind| kind.string()) {
        Some(kind) => kind.eq_ignore_ascii_case("object"),
        None => has_some,
    };
    let demands = required.is_some_and(|list| list.elements().next().is_some());
    if is_object && !demands {
        match properties.filter(|_| has_some) {
            Some(properties) => edits.set(properties, NAME, PROPERTY),
            None => edits.set(schema, "properties", format!("{{{QUOTED}:{PROPERTY}}}")),
        }
        edits.set(schema, "required", REQUIRED);
    }
    let inside = properties.into_iter().flat_map(|node| node.members());
    inside.for_each(|(_, property)| demand(property, edits));
    if let Some(items) = items {
        demand(items, edits);
    }
    let branches = branches.into_iter().flat_map(|list| list.elements());
    branches.for_each(|branch| demand(branch, edits));
}

/// The reply without our property in its calls.
pub(super) fn take_out(json: Cow<'_, str>) -> Cow<'_, str> {
    if !json.contains(QUOTED) {
        return json;
    }
    let text = Bytes::copy_from_slice(json.as_bytes());
    let Some(doc) = Doc::trust(&text) else {
        return json;
    };
    let mut edits = Edits::new();
    let candidates = doc.root().get("candidates");
    for candidate in candidates.iter().flat_map(Node::elements) {
        let parts = candidate
            .get("content")
            .and_then(|content| content.get("parts"));
        for part in parts.iter().flat_map(Node::elements) {
            let call = part.get("functionCall");
            if let Some(args) = call.and_then(|call| call.get("args")) {
                clear(args, &mut edits, 0);
            }
        }
    }
    match edits.is_empty() {
        true => json,
        false => Cow::Owned(String::from_utf8_lossy(&edits.apply(&text)).into_owned()),
    }
}

/// Deeper than schemas go: [`demand`] cannot have asked for anything there.
const DEPTH_MAX: usize = 64;

fn clear(args: Node<'_>, edits: &mut Edits, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for (key, value) in args.members() {
        match key == NAME {
            true => edits.remove(args, NAME),
            false => clear(value, edits, depth + 1),
        }
    }
    let elements = args.elements();
    elements.for_each(|element| clear(element, edits, depth + 1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn demanded(schema: &Value) -> Value {
        let text = Bytes::from(schema.to_string());
        let mut edits = Edits::new();
        demand(Doc::parse(&text).unwrap().root(), &mut edits);
        serde_json::from_slice(&edits.apply(&text)).unwrap()
    }

    #[test]
    fn every_object_demands_something() {
        let ours = json!({"type": "boolean", "description": "Always true."});
        let nothing: Value = serde_json::from_str(NOTHING).unwrap();
        for empty in [
            json!({"type": "object", "properties": {}}),
            json!({"type": "OBJECT"}),
            json!({"type": "object", "properties": {}, "required": []}),
        ] {
            let got = demanded(&empty);
            assert_eq!(got["properties"], nothing["properties"], "{empty}");
            assert_eq!(got["required"], nothing["required"], "{empty}");
        }
        let optional = json!({"type": "object", "properties": {"a": {"type": "string"},
            "list": {"type": "array", "items": {"type": "object",
                "properties": {"b": {"type": "string"}}}}}});
        let got = demanded(&optional);
        assert_eq!(got["properties"][NAME], ours);
        assert_eq!(got["required"], json!([NAME]));
        let inner = &got["properties"]["list"]["items"];
        assert_eq!(inner["properties"][NAME], ours);
        assert_eq!(inner["required"], json!([NAME]));
        // Properties called like keywords are properties.
        let fine = json!({"type": "object", "required": ["type"],
            "properties": {"type": {"type": "string"}, "properties": {"type": "integer"}}});
        assert_eq!(demanded(&fine), fine);
    }

    #[test]
    fn calls_come_back_without_it() {
        let reply = |args: &str| {
            let call = format!(r#"{{"functionCall":{{"name":"f","args":{args}}}}}"#);
            format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}},{call}]}}}}]}}"#)
        };
        for (args, want) in [
            (r#"{"_placeholder":true}"#, "{}"),
            (
                r#"{"a":1,"_placeholder":true,"b":[{"_placeholder":false,"c":2}]}"#,
                r#"{"a":1,"b":[{"c":2}]}"#,
            ),
            (r#"{"reason":"mine","_":1}"#, r#"{"reason":"mine","_":1}"#),
        ] {
            assert_eq!(take_out(reply(args).into()), reply(want));
        }
        let text = r#"{"candidates":[{"content":{"parts":[{"text":"say \"_placeholder\""}]}}]}"#;
        assert_eq!(take_out(text.into()), text);
    }
}
