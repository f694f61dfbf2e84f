//! Span edits at every place of a schema where a schema stands: what needs no change keeps its
//! bytes.

use crate::raw::RawJson;
use crate::splice::{Edits, Kind, Node, quote};

/// Deepest schema that is looked at; real ones stay far below.
const MAX_DEPTH: usize = 64;

/// What to do at each schema. Gemini's upper-case type names and number texts in quotes are put
/// right in any case: other protocols do not know them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    /// Objects without `properties` get empty ones.
    pub add_properties: bool,
    /// `$schema` goes.
    pub drop_dialect: bool,
}

impl Walk {
    /// Parameters of a function: the same, and a root without any type is an object.
    pub fn function(self, schema: &RawJson) -> RawJson {
        self.edited(schema, |root, edits| {
            if self.add_properties && is_untyped(root) {
                edits.set(root, "type", "\"object\"");
                if root.get("properties").is_none() {
                    edits.set(root, "properties", "{}");
                }
            }
        })
    }

    /// The schema with its edits; the same bytes when there are none.
    pub fn schema(self, schema: &RawJson) -> RawJson {
        self.edited(schema, |_, _| {})
    }

    fn edited(self, schema: &RawJson, also: impl FnOnce(Node<'_>, &mut Edits)) -> RawJson {
        let root = schema.node();
        let mut edits = Edits::new();
        self.visit(root, 0, &mut edits);
        also(root, &mut edits);
        schema.edited(edits)
    }

    fn visit(self, schema: Node<'_>, depth: usize, edits: &mut Edits) {
        if depth > MAX_DEPTH {
            return;
        }
        let mut is_object = false;
        let mut has_properties = false;
        for (key, value) in schema.members() {
            match (key.as_ref(), value.kind()) {
                ("type", Kind::String) => is_object |= visit_type(value, edits),
                ("type", Kind::Array) => {
                    for name in value.elements() {
                        is_object |= visit_type(name, edits);
                    }
                }
                ("$schema", _) if self.drop_dialect => edits.remove(schema, "$schema"),
                (
                    "properties" | "patternProperties" | "$defs" | "definitions"
                    | "dependentSchemas",
                    Kind::Object,
                ) => {
                    has_properties |= key == "properties";
                    for (_, child) in value.members() {
                        self.visit(child, depth + 1, edits);
                    }
                }
                ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Kind::Array) => {
                    for child in value.elements() {
                        self.visit(child, depth + 1, edits);
                    }
                }
                (
                    "items"
                    | "additionalProperties"
                    | "additionalItems"
                    | "not"
                    | "if"
                    | "then"
                    | "else"
                    | "contains"
                    | "propertyNames"
                    | "unevaluatedItems"
                    | "unevaluatedProperties",
                    Kind::Object,
                ) => self.visit(value, depth + 1, edits),
                (
                    "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                    | "maxProperties",
                    Kind::String,
                ) => {
                    let text = value.string().unwrap_or_default();
                    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
                        edits.replace(value, without_zeros(&text));
                    }
                }
                _ => {}
            }
        }
        if self.add_properties && is_object && !has_properties {
            edits.set(schema, "properties", "{}");
        }
    }
}

/// Puts a type name right; true when it is `object`.
fn visit_type(name: Node<'_>, edits: &mut Edits) -> bool {
    let text = name.string().unwrap_or_default();
    if matches!(
        text.as_ref(),
        "OBJECT" | "ARRAY" | "STRING" | "NUMBER" | "INTEGER" | "BOOLEAN" | "NULL"
    ) {
        edits.replace(name, quote(&text.to_ascii_lowercase()));
    }
    text.eq_ignore_ascii_case("object")
}

/// True for a schema that says nothing about its type.
fn is_untyped(schema: Node<'_>) -> bool {
    schema
        .pick(["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"])
        .iter()
        .all(Option::is_none)
}

fn without_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        number => number,
    }
}
