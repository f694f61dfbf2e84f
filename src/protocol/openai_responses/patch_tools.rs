//! Tools of a body of the same protocol: names, nesting, what Codex wants.

use super::output::json::Object;
use super::read;
use crate::names::NameMap;
use crate::raw::RawJson;
use crate::splice::{Edits, Node, quote};
use crate::tool_schema;
use std::borrow::Cow;
use std::collections::HashSet;

/// How tools are edited.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) names: &'a NameMap,
    pub(super) codex: bool,
}

/// Names of the direct function and custom tools.
pub(super) fn names<'a>(list: Node<'a>) -> Vec<Cow<'a, str>> {
    list.elements()
        .filter_map(|tool| {
            let [kind, name, function, custom] = tool.pick(["type", "name", "function", "custom"]);
            let kind = kind?.string()?;
            let nested = read::present(function).or(read::present(custom));
            let name = match nested {
                Some(nested) => nested.get("name"),
                None => name,
            };
            matches!(&*kind, "function" | "custom")
                .then(|| name?.string())
                .flatten()
        })
        .collect()
}

impl Tools<'_> {
    /// Edits the tools of `list`; returns how many stay.
    pub(super) fn edit(&self, list: Node<'_>, edits: &mut Edits) -> usize {
        let mut seen: HashSet<String> = HashSet::new();
        let mut n = 0;
        for (index, tool) in list.elements().enumerate() {
            let [kind, name, function, custom, children, parameters] =
                tool.pick(["type", "name", "function", "custom", "tools", "parameters"]);
            let kind = kind.and_then(|kind| kind.string()).unwrap_or_default();
            let nested = match &*kind {
                "function" => read::present(function),
                "custom" => read::present(custom),
                "namespace" => {
                    for child in children.into_iter().flat_map(|list| list.elements()) {
                        self.parameters(child, child.get("parameters"), edits);
                    }
                    n += 1;
                    continue;
                }
                preview if self.codex && preview.starts_with("web_search_preview") => {
                    edits.set(tool, "type", "\"web_search\"");
                    n += 1;
                    continue;
                }
                _ => {
                    n += 1;
                    continue;
                }
            };
            let name = match nested {
                Some(nested) => nested.get("name"),
                None => name,
            };
            if let Some(name) = name.and_then(|name| name.string())
                && !seen.insert(name.into_owned())
            {
                // The first declaration of a name is the one that counts (E-85).
                edits.remove_element(list, index);
                continue;
            }
            n += 1;
            match nested {
                Some(nested) => edits.replace(tool, self.flat(&kind, nested)),
                None => {
                    if let Some(name) = name {
                        rename(name, self.names, edits);
                    }
                    if &*kind == "function" {
                        self.parameters(tool, parameters, edits);
                    }
                }
            }
        }
        n
    }

    /// A tool of chat's form, one level deeper, in the right form (E-95).
    fn flat(&self, kind: &str, nested: Node<'_>) -> String {
        Object::of(|o| {
            o.text("type", kind);
            for (key, value) in nested.members() {
                match &*key {
                    "type" => {}
                    "name" => {
                        let name = value.string().unwrap_or_default();
                        o.text("name", self.names.to_upstream(&name));
                    }
                    "parameters" if self.codex => {
                        o.raw("parameters", cleaned(Some(value)).as_str());
                    }
                    key => {
                        o.raw(key, value.raw());
                    }
                }
            }
        })
    }

    /// Codex refuses objects without `properties`.
    fn parameters(&self, tool: Node<'_>, parameters: Option<Node<'_>>, edits: &mut Edits) {
        if !self.codex {
            return;
        }
        let clean = cleaned(parameters);
        if parameters.is_none_or(|old| old.raw() != clean.as_str()) {
            edits.set(tool, "parameters", clean.as_str());
        }
    }
}

fn cleaned(parameters: Option<Node<'_>>) -> RawJson {
    let schema = read::present(parameters).and_then(|node| RawJson::parse(node.raw()).ok());
    tool_schema::for_responses(schema.as_ref())
}

/// Replaces a name by the one the upstream takes.
pub(super) fn rename(name: Node<'_>, names: &NameMap, edits: &mut Edits) {
    if names.is_empty() {
        return;
    }
    if let Some(old) = name.string() {
        let new = names.to_upstream(&old);
        if new != old {
            edits.replace(name, quote(new));
        }
    }
}

/// Edits `tool_choice`.
pub(super) fn edit_choice(choice: Node<'_>, names: &NameMap, codex: bool, edits: &mut Edits) {
    let [kind, name, function, custom, tools] =
        choice.pick(["type", "name", "function", "custom", "tools"]);
    if let Some(kind) = kind
        && codex
        && kind
            .string()
            .is_some_and(|kind| kind.starts_with("web_search_preview"))
    {
        edits.replace(kind, "\"web_search\"");
    }
    let nested = read::present(function).or(read::present(custom));
    if let (Some(kind), Some(nested)) = (kind.and_then(|kind| kind.string()), nested) {
        let name = nested.get("name").and_then(|name| name.string());
        let flat = Object::of(|o| {
            o.text("type", &kind)
                .opt_text("name", name.as_deref().map(|name| names.to_upstream(name)));
        });
        edits.replace(choice, flat);
    } else if let Some(name) = name {
        rename(name, names, edits);
    }
    for tool in tools.into_iter().flat_map(|list| list.elements()) {
        edit_choice(tool, names, codex, edits);
    }
}
