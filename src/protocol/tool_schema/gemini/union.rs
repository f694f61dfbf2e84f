//! Types, enumerations and unions.

use super::keywords::belongs_to;
use super::{Cleaner, Notes};
use crate::splice::Kind;
use crate::tool_schema::hint;
use crate::tool_schema::map::{Map, Value};
use crate::tool_schema::object::Both;
use std::collections::HashSet;

impl<'a> Cleaner<'a> {
    /// Strict form: `oneOf` becomes `anyOf`, a `null` branch becomes `nullable`, and a branch that
    /// is left alone joins the schema. True when it did.
    pub(super) fn lone_branch(&mut self, map: &mut Map<'a>, notes: &mut Notes) -> bool {
        let one = map.take("oneOf");
        let Some(mut branches) = map.take("anyOf").or(one).and_then(Value::into_list) else {
            return false;
        };
        let n = branches.len();
        branches.retain(|branch| !is_null(branch));
        if branches.len() < n {
            notes.nullable = true;
            if branches.is_empty() {
                map.set_absent("type", Value::of_string("null"));
            }
        }
        if branches.len() > 1 {
            map.set("anyOf", Value::Array(branches));
            return false;
        }
        let branch = branches.pop().and_then(Value::into_map);
        branch.is_some_and(|branch| {
            map.merge(branch);
            true
        })
    }

    /// `const` and `enum`: strings stay (and numbers in the JSON-schema form), other values are told
    /// in the description, and the type stays what it was (E-103, E-104).
    pub(super) fn enums(&mut self, map: &mut Map<'a>, notes: &mut Notes) {
        let list = map.take("enum").and_then(Value::into_list);
        let Some(mut values) = map.take("const").map(|value| vec![value]).or(list) else {
            return;
        };
        let n = values.len();
        values.retain(|value| value.kind() != Kind::Null);
        let nullable = values.len() < n;
        let mut types = map
            .get("type")
            .cloned()
            .map(Value::into_strings)
            .unwrap_or_default();
        types.retain(|name| name != "null");
        if values.is_empty() {
            if nullable {
                map.set_absent("type", Value::of_string("null"));
            }
            return;
        }
        let all_strings = values.iter().all(|v| v.kind() == Kind::String);
        if types.len() != 1
            && let Some(name) = type_of(&values)
        {
            types = vec![name.into()];
            map.set("type", Value::of_string(name));
        }
        let takes_strings = types.iter().all(|name| name == "string");
        if nullable {
            let names = types.iter().map(AsRef::as_ref).chain(["null"]);
            map.set("type", Value::of_strings(names));
        }
        if self.strict() && all_strings && takes_strings {
            // Gemini refuses the empty text as a value.
            values.retain(|value| value.string().is_some_and(|text| !text.is_empty()));
            if !values.is_empty() {
                map.set("enum", Value::Array(values));
            }
        } else if !self.strict()
            && values
                .iter()
                .all(|v| matches!(v.kind(), Kind::String | Kind::Number))
        {
            map.set("enum", Value::Array(values));
        } else {
            notes.hints.push(hint::allowed(&values));
        }
    }

    /// Type lists: `null` becomes `nullable` (strict form), several types become `anyOf` (E-105).
    pub(super) fn types(&mut self, map: &mut Map<'a>, notes: &mut Notes) {
        let Some(kind) = map.get("type") else { return };
        if kind.string().is_some_and(|name| name != "null") {
            return;
        }
        let mut seen = HashSet::new();
        let mut names = kind.clone().into_strings();
        names.retain(|name| seen.insert(name.clone()));
        let n = names.len();
        names.retain(|name| name != "null");
        let nullable = names.len() < n;
        notes.nullable |= nullable;
        match names.as_slice() {
            [] if !nullable => {
                map.take("type");
            }
            [] if self.strict() => map.set("type", Value::of_string("string")),
            [] => map.set("type", Value::of_string("null")),
            [name] if self.strict() || !nullable => map.set("type", Value::of_string(name)),
            [_] => {}
            _ if map.has("anyOf") || map.has("oneOf") || map.has("enum") => {
                map.take("type");
            }
            _ => {
                map.take("type");
                let mut branches = Vec::new();
                for name in &names {
                    let mut branch = Map::of_type(name);
                    for (key, value) in map.iter().filter(|(key, _)| belongs_to(key, name)) {
                        branch.set(key.to_owned(), value.clone());
                    }
                    branches.push(Value::Object(branch));
                }
                map.retain(|key, _| !names.iter().any(|name| belongs_to(key, name)));
                if nullable && !self.strict() {
                    branches.push(Value::Object(Map::of_type("null")));
                }
                map.set("anyOf", Value::Array(branches));
            }
        }
    }

    /// Cleans the branches of unions. A union of objects at the root of parameters, or (strict form)
    /// beside properties, is drawn into the schema: there Gemini takes no union.
    pub(super) fn unions(&mut self, map: &mut Map<'a>, notes: &mut Notes, depth: usize) {
        for keyword in ["anyOf", "oneOf"] {
            let Some(branches) = map.take(keyword).and_then(Value::into_list) else {
                continue;
            };
            if self.strict() && map.has("enum") {
                // Fixed values say more than any union of types.
                continue;
            }
            let at_root = depth == 0 && self.parameters;
            if map.may_be_object() && (at_root || (self.strict() && map.has("properties"))) {
                for branch in branches {
                    self.draw_in(map, branch, notes);
                }
                map.set_absent("type", Value::of_string("object"));
                continue;
            }
            // Every branch stands for itself: what the schema says of the type, each must say.
            let common = if self.strict() {
                map.take("type")
            } else {
                None
            };
            let mut cleaned = Vec::new();
            for branch in branches {
                let mut branch = branch.into_map().unwrap_or_default();
                if let Some(kind) = &common
                    && !branch.has("$ref")
                    && !branch.has("anyOf")
                {
                    branch.set_absent("type", kind.clone());
                }
                cleaned.push(self.schema(Value::Object(branch), depth + 1));
            }
            if cleaned.iter().any(Map::is_empty) {
                // One branch takes any value, so the union says nothing.
                continue;
            }
            if self.strict() {
                if let Some(union) = any_of(cleaned) {
                    map.merge(union);
                }
            } else if !cleaned.is_empty() {
                let list = cleaned.into_iter().map(Value::Object).collect();
                map.set(keyword, Value::Array(list));
            }
        }
    }

    /// Adds the properties of a branch to the schema; what it requires is required no more.
    fn draw_in(&mut self, map: &mut Map<'a>, branch: Value<'a>, notes: &mut Notes) {
        let Some(mut branch) = branch.into_map().filter(|_| self.left > 0) else {
            return;
        };
        self.left -= 1;
        if self.expand(&mut branch, notes, true) || !branch.may_be_object() {
            return;
        }
        super::bare::wrap(&mut branch);
        if let Some(properties) = branch.take("properties") {
            map.merge_properties(properties, Both::Either);
        }
        for keyword in ["anyOf", "oneOf"] {
            let inner = branch.take(keyword).and_then(Value::into_list);
            for inner in inner.unwrap_or_default() {
                self.draw_in(map, inner, notes);
            }
        }
    }
}

/// A schema for a value of any of `branches`, which are clean. Equal ones count once, and a choice
/// of fixed texts is one enumeration.
pub(super) fn any_of(branches: Vec<Map<'_>>) -> Option<Map<'_>> {
    let mut seen = HashSet::new();
    let mut branches: Vec<Map<'_>> = branches
        .into_iter()
        .filter(|branch| seen.insert(branch.to_json()))
        .collect();
    if branches.len() < 2 {
        return branches.pop();
    }
    let mut union = Map::default();
    if branches.iter().all(is_plain_enum) {
        let mut seen = HashSet::new();
        let values = branches
            .into_iter()
            .filter_map(|mut branch| branch.take("enum")?.into_list())
            .flatten()
            .filter(|value| seen.insert(value.to_json()))
            .collect();
        union.set("type", Value::of_string("string"));
        union.set("enum", Value::Array(values));
    } else {
        let list = branches.into_iter().map(Value::Object).collect();
        union.set("anyOf", Value::Array(list));
    }
    Some(union)
}

fn is_plain_enum(map: &Map<'_>) -> bool {
    map.has("enum")
        && map.iter().all(|(key, value)| match key {
            "type" => value.string().is_some_and(|t| t == "string"),
            "enum" => true,
            _ => false,
        })
}

fn is_null(branch: &Value<'_>) -> bool {
    let Some(map) = branch.clone().into_map() else {
        return false;
    };
    let names = map.get("type").cloned().map(Value::into_strings);
    let only_null = |v: &Value<'_>| {
        let list = v.clone().into_list().unwrap_or_default();
        !list.is_empty() && list.iter().all(|v| v.kind() == Kind::Null)
    };
    names.is_some_and(|names| names == ["null"])
        || map.get("const").is_some_and(|v| v.kind() == Kind::Null)
        || map.get("enum").is_some_and(only_null)
}

/// The type that all values have.
fn type_of(values: &[Value<'_>]) -> Option<&'static str> {
    let all = |kind| values.iter().all(|value| value.kind() == kind);
    if all(Kind::String) {
        Some("string")
    } else if all(Kind::Bool) {
        Some("boolean")
    } else if all(Kind::Number) {
        let whole = |v: &Value<'_>| !v.to_json().contains(['.', 'e', 'E']);
        Some(if values.iter().all(whole) {
            "integer"
        } else {
            "number"
        })
    } else if all(Kind::Object) {
        Some("object")
    } else if all(Kind::Array) {
        Some("array")
    } else {
        None
    }
}
