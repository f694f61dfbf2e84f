//! Declared tools of a pass-through request: names Gemini refuses, schemas a strict backend refuses.

use super::super::read::{fields, list, members};
use super::survey::Content;
use crate::codec::Target;
use crate::names::{NameMap, NameRule};
use crate::raw::RawJson;
use crate::splice::{Edits, Node, quote};
use crate::tool_schema::{GeminiForm, for_gemini};
use std::borrow::Cow;

/// Client names ↔ names Gemini takes; empty in the usual case.
pub(super) fn name_map(declared: Option<Node<'_>>, contents: &[Content<'_>]) -> NameMap {
    let declared = declarations(declared).filter_map(|function| {
        let [name] = fields(function, ["name"]);
        name?.string()
    });
    let called = contents
        .iter()
        .flat_map(|content| &content.parts)
        .filter_map(|part| part.call.as_ref()?.name_text());
    let names: Vec<Cow<'_, str>> = declared
        .chain(called)
        .filter(|name| !name.is_empty())
        .collect();
    if names.iter().all(|name| NameRule::GEMINI.accepts(name)) {
        return NameMap::default();
    }
    NameMap::build(names.iter().map(|name| &**name), NameRule::GEMINI)
}

fn declarations<'a>(declared: Option<Node<'a>>) -> impl Iterator<Item = Node<'a>> {
    declared.into_iter().flat_map(list).flat_map(|group| {
        let [functions] = fields(group, ["functionDeclarations"]);
        functions.into_iter().flat_map(list)
    })
}

pub(super) fn edit(
    declared: Option<Node<'_>>,
    config: Option<Node<'_>>,
    target: &Target<'_>,
    names: &NameMap,
    edits: &mut Edits,
) {
    for function in declarations(declared) {
        let [name] = fields(function, ["name"]);
        rename(name, names, edits);
        if target.endpoint.strict_schema {
            strict(function, "parameters", "parametersJsonSchema", edits);
            strict(function, "response", "responseJsonSchema", edits);
        }
    }
    let Some(config) = config.filter(|_| !names.is_empty()) else {
        return;
    };
    let [calling] = fields(config, ["functionCallingConfig"]);
    let Some(calling) = calling else { return };
    let [allowed] = fields(calling, ["allowedFunctionNames"]);
    for name in allowed.into_iter().flat_map(list) {
        rename(Some(name), names, edits);
    }
}

/// Writes the upstream's name in place of the client's where they differ.
pub(super) fn rename(name: Option<Node<'_>>, names: &NameMap, edits: &mut Edits) {
    if names.is_empty() {
        return;
    }
    let Some(node) = name else { return };
    let Some(client) = node.string() else { return };
    let upstream = names.to_upstream(&client);
    if upstream != client {
        edits.replace(node, quote(upstream));
    }
}

/// `responseSchema` for a backend that takes only the strict form.
pub(super) fn edit_output_schema(config: Node<'_>, target: &Target<'_>, edits: &mut Edits) {
    if target.endpoint.strict_schema {
        strict(config, "responseSchema", "responseJsonSchema", edits);
    }
}

/// Moves a schema to the key of the strict form and cleans it.
fn strict(object: Node<'_>, strict_name: &str, json_name: &str, edits: &mut Edits) {
    let old_name = format!("_{json_name}");
    let [strict_member, json_member, old_member] =
        members(object, [strict_name, json_name, &old_name]);
    let json_member = json_member.or(old_member);
    let Some((_, schema)) = json_member.as_ref().or(strict_member.as_ref()) else {
        return;
    };
    // The document was checked: a value in it is JSON.
    let Ok(schema) = RawJson::parse(schema.raw()) else {
        return;
    };
    let key = strict_member
        .as_ref()
        .map_or(Cow::Borrowed(strict_name), |(key, _)| key.clone());
    match for_gemini(Some(&schema), GeminiForm::Strict) {
        Some(cleaned) => edits.set(object, &key, cleaned.as_str()),
        None => edits.remove(object, &key),
    }
    if let Some((key, _)) = &json_member {
        edits.remove(object, key);
    }
}
