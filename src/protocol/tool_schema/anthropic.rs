//! `input_schema` (`matrix.md` §4.4, E-90): the root is an object and has no unions.

use super::map::{Map, Value};
use super::object::Both;
use super::walk::Walk;
use super::{empty_object, made, refs};
use crate::raw::RawJson;
use crate::splice::{Kind, Node};

/// References followed one after the other, and `allOf` inside `allOf`.
const MAX_HOPS: usize = 8;
/// Branches looked at in one schema: references may multiply them.
const MAX_BRANCHES: usize = 1000;
const UNIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

pub(super) fn clean(schema: &RawJson) -> RawJson {
    if !schema.is_object() {
        return empty_object();
    }
    let schema = Walk {
        add_properties: false,
        drop_dialect: false,
    }
    .schema(schema);
    let root = schema.node();
    if is_fine(root) {
        return schema;
    }
    let mut map = Map::of(root);
    let unions = map.split_off(|key, _| UNIONS.contains(&key));
    let mut drawing = Drawing {
        root,
        map,
        left: MAX_BRANCHES,
    };
    drawing.unions_of(unions, true, 0);
    let mut map = drawing.map;
    map.set("type", Value::of_string("object"));
    if map.get("properties").map(Value::kind) != Some(Kind::Object) {
        map.set("properties", Value::Object(Map::default()));
    }
    if map
        .get("required")
        .is_some_and(|list| list.kind() != Kind::Array)
    {
        map.take("required");
    }
    made(map.to_json())
}

fn is_fine(root: Node<'_>) -> bool {
    let [kind, properties, required, any, one, all] =
        root.pick(["type", "properties", "required", "anyOf", "oneOf", "allOf"]);
    kind.and_then(|t| t.string()).is_some_and(|t| t == "object")
        && properties.is_some_and(|p| p.kind() == Kind::Object)
        && required.is_none_or(|r| r.kind() == Kind::Array)
        && [any, one, all].iter().all(Option::is_none)
}

/// Draws the properties of union branches into the root.
struct Drawing<'a> {
    root: Node<'a>,
    map: Map<'a>,
    /// Branches that may still be looked at.
    left: usize,
}

impl<'a> Drawing<'a> {
    /// What an `allOf` branch requires is required.
    fn branch(&mut self, branch: Value<'a>, all_hold: bool, hops: usize) {
        let Some(mut branch) = branch.into_map().filter(|_| self.left > 0) else {
            return;
        };
        self.left -= 1;
        let mut hops = hops;
        while let Some(pointer) = branch.take("$ref").and_then(|r| r.string()) {
            let Some(target) = refs::target(self.root, &pointer).filter(|_| hops < MAX_HOPS) else {
                break;
            };
            hops += 1;
            branch.merge(Map::of(target));
        }
        if !branch.may_be_object() {
            return;
        }
        let both = if all_hold { Both::Hold } else { Both::Either };
        if let Some(properties) = branch.take("properties") {
            self.map.merge_properties(properties, both);
        }
        if let Some(required) = branch.take("required").filter(|_| all_hold) {
            self.map.add_required(required.into_strings());
        }
        if hops < MAX_HOPS {
            self.unions_of(branch, all_hold, hops + 1);
        }
    }

    fn unions_of(&mut self, mut schema: Map<'a>, all_hold: bool, hops: usize) {
        for keyword in UNIONS {
            let branches = schema.take(keyword).and_then(Value::into_list);
            for branch in branches.unwrap_or_default() {
                self.branch(branch, all_hold && keyword == "allOf", hops);
            }
        }
    }
}
