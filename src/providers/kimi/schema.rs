//! Tools as the service takes them: every property has a `type`, names with `$` are its own tools
//! (§7). Pure.

use protocol::splice::{Edits, Kind, Node, quote};

/// Deeper schemas stay as they are: every level is read once more.
const DEPTH_MAX: usize = 32;

/// Keywords that say what a value is without `type`.
const OTHER_WAYS: [&str; 8] = [
    "anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref",
];

/// Keywords that only one type has.
const TELLING: &[(&str, &[&str])] = &[
    (
        "object",
        &[
            "properties",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "required",
            "minProperties",
            "maxProperties",
        ],
    ),
    (
        "array",
        &[
            "items",
            "prefixItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
        ],
    ),
    ("string", &["minLength", "maxLength", "pattern", "format"]),
    (
        "number",
        &[
            "minimum",
            "maximum",
            "multipleOf",
            "exclusiveMinimum",
            "exclusiveMaximum",
        ],
    ),
];

/// Notes the edits for the list of tools.
pub(super) fn fix(tools: Node<'_>, edits: &mut Edits) {
    for tool in tools.elements() {
        let [kind, function] = tool.pick(["type", "function"]);
        let Some([name, parameters]) = function.map(|f| f.pick(["name", "parameters"])) else {
            continue;
        };
        let is_function = kind.is_none_or(|kind| kind.raw() == "\"function\"");
        let own = name.filter(|name| name.raw().starts_with("\"$"));
        if let Some(name) = own.filter(|_| is_function) {
            let name = name.raw();
            let json = format!(r#"{{"type":"builtin_function","function":{{"name":{name}}}}}"#);
            edits.replace(tool, json);
        } else if let Some(parameters) = parameters {
            complete(parameters, edits);
        }
    }
}

/// Gives a `type` to everything inside `schema` that stands for a value.
fn complete(schema: Node<'_>, edits: &mut Edits) {
    let mut waiting = vec![(schema, 0)];
    while let Some((node, depth)) = waiting.pop() {
        if node.kind() != Kind::Object || depth > DEPTH_MAX {
            continue;
        }
        if depth > 0
            && let Some(word) = missing_type(node)
        {
            edits.set(node, "type", quote(word));
        }
        let [properties, items, additional, any, one, all] = node.pick([
            "properties",
            "items",
            "additionalProperties",
            "anyOf",
            "oneOf",
            "allOf",
        ]);
        let members = properties.iter().flat_map(Node::members);
        let lists = [items, any, one, all].into_iter().flatten();
        let inner = members
            .map(|(_, property)| property)
            .chain([items, additional].into_iter().flatten())
            .chain(lists.flat_map(|list| list.elements()));
        waiting.extend(inner.map(|node| (node, depth + 1)));
    }
}

/// The type that a schema does not name; `None` where it does, or says it in another way.
fn missing_type(schema: Node<'_>) -> Option<&'static str> {
    let [kind, words, constant] = schema.pick(["type", "enum", "const"]);
    let said = kind.is_some() || schema.pick(OTHER_WAYS).iter().any(Option::is_some);
    if said {
        return None;
    }
    if let Some(word) = words.and_then(|words| common(words.elements())) {
        return Some(word);
    }
    if let Some(word) = constant.and_then(|constant| common([constant].into_iter())) {
        return Some(word);
    }
    let has = |keywords: &&[&str]| schema.members().any(|(key, _)| keywords.contains(&&*key));
    let telling = TELLING.iter().find(|(_, keywords)| has(keywords));
    Some(telling.map_or("string", |(word, _)| word))
}

/// The type of all values; `string` for a mixture, which the service does not look at closely.
/// `None` without a value.
fn common<'a>(values: impl Iterator<Item = Node<'a>>) -> Option<&'static str> {
    let mut values = values.map(|value| match value.kind() {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Number if value.raw().contains(['.', 'e', 'E']) => "number",
        Kind::Number => "integer",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    });
    let first = values.next()?;
    Some(values.fold(first, |common, word| match (common, word) {
        (common, word) if common == word => common,
        ("integer" | "number", "integer" | "number") => "number",
        _ => "string",
    }))
}
