//! Merging of object schemas: `allOf`, references with siblings, unions at the root.

use super::map::{Map, Value};
use crate::splice::Kind;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// How two schemas of one property come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Both {
    /// Both hold (`allOf`).
    Hold,
    /// One of them holds (`anyOf`).
    Either,
}

impl<'a> Map<'a> {
    /// Adds what `other` demands: its properties and required names, and every keyword that is not
    /// there yet.
    pub fn merge(&mut self, other: Map<'a>) {
        for (key, value) in other {
            match key.as_ref() {
                "properties" => self.merge_properties(value, Both::Hold),
                "required" => self.add_required(value.into_strings()),
                "allOf" => {
                    let mut all = self
                        .take("allOf")
                        .and_then(Value::into_list)
                        .unwrap_or_default();
                    all.extend(value.into_list().unwrap_or_default());
                    self.set("allOf", Value::Array(all));
                }
                _ => self.set_absent(key, value),
            }
        }
    }

    /// Adds properties; where both sides describe one, the two schemas are put together.
    pub fn merge_properties(&mut self, more: Value<'a>, both: Both) {
        let Some(more) = more.into_map() else { return };
        let mut all: Vec<(Cow<'a, str>, Value<'a>)> = self
            .get("properties")
            .cloned()
            .and_then(Value::into_map)
            .unwrap_or_default()
            .into_iter()
            .collect();
        let places: HashMap<Cow<'a, str>, usize> = all
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (name.clone(), at))
            .collect();
        for (name, theirs) in more {
            let Some(&at) = places.get(&name) else {
                all.push((name, theirs));
                continue;
            };
            let ours = &mut all[at].1;
            if ours.to_json() != theirs.to_json() {
                *ours = put_together(ours.clone(), theirs, both);
            }
        }
        let mut properties = Map::default();
        for (name, schema) in all {
            properties.push(name, schema);
        }
        self.set("properties", Value::Object(properties));
    }

    /// Adds names to `required`, each once.
    pub fn add_required(&mut self, names: Vec<Cow<'a, str>>) {
        let mut all = self
            .get("required")
            .filter(|list| list.kind() == Kind::Array)
            .cloned()
            .map(Value::into_strings)
            .unwrap_or_default();
        all.extend(names);
        let mut seen = HashSet::new();
        all.retain(|name| seen.insert(name.clone()));
        if !all.is_empty() {
            self.set("required", Value::of_strings(all.iter().map(AsRef::as_ref)));
        }
    }

    /// True when an object may match: its type is `object`, holds `object`, or is not said. (A
    /// `type` that is an object itself is a property without its `properties`.)
    pub fn may_be_object(&self) -> bool {
        match self.get("type") {
            None => true,
            Some(types) if types.kind() == Kind::Object => true,
            Some(types) => types
                .clone()
                .into_strings()
                .iter()
                .any(|name| name.eq_ignore_ascii_case("object")),
        }
    }
}

fn put_together<'a>(ours: Value<'a>, theirs: Value<'a>, both: Both) -> Value<'a> {
    let keyword = match both {
        Both::Hold => "allOf",
        Both::Either => "anyOf",
    };
    let mut map = Map::default();
    // A union that came of an earlier branch takes the next one in.
    if let Value::Object(made) = &ours
        && made.iter().count() == 1
        && let Some(Value::Array(list)) = made.get(keyword)
    {
        let mut list = list.clone();
        if list.iter().all(|known| known.to_json() != theirs.to_json()) {
            list.push(theirs);
        }
        map.set(keyword, Value::Array(list));
    } else {
        map.set(keyword, Value::Array(vec![ours, theirs]));
    }
    Value::Object(map)
}
