//! Schemas for Gemini (`matrix.md` §8).

mod bare;
mod keywords;
mod union;

use super::map::{Map, Value};
use super::walk::Walk;
use super::{GeminiForm, empty_object, hint, made, refs};
use crate::raw::RawJson;
use crate::splice::{Kind, Node};
use std::collections::HashSet;

/// Deepest schema that is cleaned; below stands any object.
const MAX_DEPTH: usize = 64;
/// References inside references that are followed.
const MAX_REFS: usize = 8;
/// Schemas cleaned in one run: references may multiply them.
const MAX_SCHEMAS: usize = 20_000;

pub(super) fn clean(
    schema: Option<&RawJson>,
    form: GeminiForm,
    parameters: bool,
) -> Option<RawJson> {
    let nothing = || (form == GeminiForm::JsonSchema && parameters).then(empty_object);
    let Some(schema) = schema.filter(|s| s.is_object() && !is_empty(s)) else {
        return nothing();
    };
    let schema = Walk {
        add_properties: false,
        drop_dialect: false,
    }
    .schema(schema);
    let mut cleaner = Cleaner {
        root: schema.node(),
        form,
        parameters,
        open_refs: Vec::new(),
        here: 0,
        n_inside: 0,
        left: MAX_SCHEMAS,
    };
    let mut map = cleaner.schema(Value::Node(schema.node()), 0);
    let empty = map.get("type").is_some_and(|_| map.may_be_object())
        && map.get("properties").is_none_or(Value::is_empty_object)
        && !map.has("anyOf")
        && !map.has("additionalProperties");
    match form {
        GeminiForm::Strict if empty => None,
        GeminiForm::JsonSchema if empty && parameters => {
            map.set_absent("properties", Value::Object(Map::default()));
            Some(made(map.to_json()))
        }
        _ => Some(made(map.to_json())),
    }
}

fn is_empty(schema: &RawJson) -> bool {
    let inner = schema
        .as_str()
        .trim_start_matches('{')
        .trim_end_matches('}');
    inner.trim().is_empty()
}

struct Cleaner<'a> {
    root: Node<'a>,
    form: GeminiForm,
    /// The root stands for the parameters of a function: it is an object.
    parameters: bool,
    /// Pointers whose schemas are being written out right now, outermost first.
    open_refs: Vec<String>,
    /// Where those of the current schema start.
    here: usize,
    /// How many schemas around the current one were references.
    n_inside: usize,
    /// Schemas that may still be cleaned.
    left: usize,
}

/// What is known about one schema beside its keywords.
#[derive(Default)]
struct Notes {
    hints: Vec<String>,
    nullable: bool,
}

impl<'a> Cleaner<'a> {
    fn strict(&self) -> bool {
        self.form == GeminiForm::Strict
    }

    /// Cleans the schema `value`; what is no object means any value.
    fn schema(&mut self, value: Value<'a>, depth: usize) -> Map<'a> {
        if depth > MAX_DEPTH || self.left == 0 {
            return Map::of_type("object");
        }
        self.left -= 1;
        let outer = std::mem::replace(&mut self.here, self.open_refs.len());
        let mut map = value.into_map().unwrap_or_default();
        let mut notes = Notes::default();
        if keywords::is_plain(&map) || !self.expand(&mut map, &mut notes, depth == 0) {
            let inside = usize::from(self.open_refs.len() > self.here);
            self.n_inside += inside;
            if !keywords::is_plain(&map) {
                self.settle(&mut map, &mut notes, depth);
            }
            self.items(&mut map, depth);
            self.properties(&mut map, depth);
            self.keywords(&mut map, &mut notes, depth);
            self.n_inside -= inside;
        }
        self.open_refs.truncate(self.here);
        self.here = outer;
        map
    }

    /// Brings type, fixed values and unions into the form.
    fn settle(&mut self, map: &mut Map<'a>, notes: &mut Notes, depth: usize) {
        bare::wrap(map);
        if depth == 0 && self.parameters && map.may_be_object() {
            // Arguments are one object, whatever else the schema says.
            map.retain(|key, _| !matches!(key, "enum" | "const"));
            map.set("type", Value::of_string("object"));
        }
        self.enums(map, notes);
        self.types(map, notes);
        keywords::drop_contradictions(map);
        self.unions(map, notes, depth);
        if self.strict() && !map.has("type") && !map.has("anyOf") {
            // The strict form wants a type everywhere.
            map.set("type", Value::of_string(keywords::guessed_type(map)));
        }
        keywords::drop_contradictions(map);
    }

    /// Writes out references and `allOf`, and (strict form) unions of one branch. True when the
    /// schema is a reference that stays.
    fn expand(&mut self, map: &mut Map<'a>, notes: &mut Notes, at_root: bool) -> bool {
        loop {
            if let Some(pointer) = map.take("$ref").and_then(|r| r.string()) {
                if !at_root && self.keeps(map, &pointer) {
                    self.stay(map, &pointer);
                    return true;
                }
                match self.open(&pointer) {
                    Some(target) => map.merge(Map::of(target)),
                    None if !self.strict() && self.definition(&pointer).is_some() => {
                        self.stay(map, &pointer);
                        return true;
                    }
                    None => {
                        map.set_absent("type", Value::of_string("object"));
                        notes.hints.push(format!("See: {}", refs::name(&pointer)));
                    }
                }
                continue;
            }
            if let Some(branches) = map.take("allOf").and_then(Value::into_list) {
                for branch in branches {
                    self.merge_branch(map, branch, notes);
                }
                continue;
            }
            if self.strict() && self.lone_branch(map, notes) {
                continue;
            }
            return false;
        }
    }

    /// Merges a schema that holds together with `map`.
    fn merge_branch(&mut self, map: &mut Map<'a>, branch: Value<'a>, notes: &mut Notes) {
        let Some(mut branch) = branch.into_map().filter(|_| self.left > 0) else {
            return;
        };
        self.left -= 1;
        while let Some(pointer) = branch.take("$ref").and_then(|r| r.string()) {
            match self.open(&pointer) {
                Some(target) => branch.merge(Map::of(target)),
                None if self.open_refs[self.here..].contains(&pointer.to_string()) => {
                    // Merged into this schema before.
                }
                None => notes.hints.push(format!("See: {}", refs::name(&pointer))),
            }
        }
        map.merge(branch);
    }

    /// The schema behind a pointer, unless it is being written out already.
    fn open(&mut self, pointer: &str) -> Option<Node<'a>> {
        if self.n_inside >= MAX_REFS || self.open_refs.iter().any(|open| open == pointer) {
            return None;
        }
        let target = refs::target(self.root, pointer)?;
        self.open_refs.push(pointer.to_owned());
        Some(target)
    }

    /// True for a reference that Gemini can follow itself: to a definition, and nothing beside it.
    fn keeps(&self, siblings: &Map<'a>, pointer: &str) -> bool {
        !self.strict()
            && self.definition(pointer).is_some()
            && siblings.iter().all(|(key, _)| key.starts_with('$'))
    }

    /// `$ref` in the words of the result, for `#` and definitions.
    fn definition(&self, pointer: &str) -> Option<String> {
        if pointer == "#" {
            return Some("#".to_owned());
        }
        let name = pointer
            .strip_prefix("#/$defs/")
            .or_else(|| pointer.strip_prefix("#/definitions/"))
            .filter(|name| !name.contains('/'))?;
        refs::target(self.root, pointer)?;
        Some(format!("#/$defs/{name}"))
    }

    fn stay(&self, map: &mut Map<'a>, pointer: &str) {
        *map = Map::default();
        if let Some(pointer) = self.definition(pointer) {
            map.set("$ref", Value::of_string(&pointer));
        }
    }

    fn items(&mut self, map: &mut Map<'a>, depth: usize) {
        let is_array = map.get("type").is_some_and(|kind| match kind.string() {
            Some(name) => name == "array",
            None => kind.clone().into_strings().iter().any(|n| n == "array"),
        });
        let mut items = map.take("items");
        let mut places = map.take("prefixItems").and_then(Value::into_list);
        if let Some(list) = items.take_if(|i| i.kind() == Kind::Array) {
            places = list.into_list();
            items = map.take("additionalItems");
        }
        let places: Vec<Map<'a>> = places
            .unwrap_or_default()
            .into_iter()
            .map(|place| self.schema(place, depth + 1))
            .collect();
        let item = items
            .filter(|i| i.kind() == Kind::Object && !i.is_empty_object())
            .map(|item| self.schema(item, depth + 1))
            .filter(|item| !item.is_empty());
        if !is_array && item.is_none() && places.is_empty() {
            return;
        }
        if !self.strict() && !places.is_empty() {
            let places = places.into_iter().map(Value::Object).collect();
            map.set("prefixItems", Value::Array(places));
            if let Some(item) = item {
                map.set("items", Value::Object(item));
            }
            return;
        }
        let item = union::any_of(places.into_iter().chain(item).collect())
            .unwrap_or_else(|| Map::of_type("string"));
        map.set("items", Value::Object(item));
    }

    fn properties(&mut self, map: &mut Map<'a>, depth: usize) {
        let promoted = match map.get_mut("properties") {
            None => Vec::new(),
            Some(properties) => {
                let mut cleaned = Map::default();
                let mut promoted = Vec::new();
                let taken = std::mem::replace(properties, Value::Array(Vec::new()));
                for (name, schema) in taken.into_map().unwrap_or_default() {
                    let mut schema = schema.into_map().unwrap_or_default();
                    if schema.get("required").and_then(Value::boolean) == Some(true) {
                        promoted.push(name.clone());
                    }
                    schema.retain(|key, value| key != "required" || value.kind() != Kind::Bool);
                    let schema = self.schema(Value::Object(schema), depth + 1);
                    cleaned.push(name, Value::Object(schema));
                }
                *properties = Value::Object(cleaned);
                promoted
            }
        };
        if map.get("required").is_some_and(|r| r.kind() != Kind::Array) {
            map.take("required");
        }
        if !promoted.is_empty() {
            map.add_required(promoted);
        }
        for keyword in ["required", "propertyOrdering"] {
            let Some(list) = map.take(keyword) else {
                continue;
            };
            let known: HashSet<&str> = match map.get("properties") {
                Some(Value::Object(properties)) => {
                    properties.iter().map(|(name, _)| name).collect()
                }
                _ => HashSet::new(),
            };
            let names = list.into_strings();
            let names: Vec<&str> = names
                .iter()
                .map(AsRef::as_ref)
                .filter(|name| known.contains(*name))
                .collect();
            if !names.is_empty() {
                map.set(keyword, Value::of_strings(names));
            }
        }
    }

    /// Keeps what the form knows and tells the rest in the description.
    fn keywords(&mut self, map: &mut Map<'a>, notes: &mut Notes, depth: usize) {
        if !self.strict() {
            self.definitions(map, depth);
            if let Some(extra) = map.take("additionalProperties") {
                let extra = match extra.kind() {
                    Kind::Object => Some(Value::Object(self.schema(extra, depth + 1))),
                    Kind::Bool => Some(extra),
                    _ => None,
                };
                if let Some(extra) = extra {
                    map.set("additionalProperties", extra);
                }
            }
        }
        let form = self.form;
        map.retain(|key, value| {
            let stays = keywords::stays(key, value, form);
            if !stays && form == GeminiForm::Strict && keywords::is_limit(key, value) {
                notes.hints.push(hint::of(key, value));
            }
            stays && !(key == "title" && depth == 0)
        });
        if self.strict() && notes.nullable {
            map.set("nullable", Value::Text("true".to_owned()));
        }
        hint::add(map, std::mem::take(&mut notes.hints));
    }

    /// `$defs` of the root, `definitions` among them. Others cannot be referred to any more.
    fn definitions(&mut self, map: &mut Map<'a>, depth: usize) {
        let mut all = Map::default();
        for keyword in ["$defs", "definitions"] {
            let definitions = map.take(keyword).and_then(Value::into_map);
            for (name, schema) in definitions.unwrap_or_default() {
                let pointer = format!("#/{keyword}/{name}");
                self.open_refs.push(pointer);
                let schema = self.schema(schema, depth + 1);
                self.open_refs.pop();
                all.set_absent(name, Value::Object(schema));
            }
        }
        if depth == 0 && !all.is_empty() {
            map.set("$defs", Value::Object(all));
        }
    }
}
