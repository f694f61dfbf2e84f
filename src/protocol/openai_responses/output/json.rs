//! JSON text written by hand, for what goes out once per token.

use crate::splice::quote_into;
use std::fmt::Write as _;

/// Writes one JSON object, member by member.
pub(crate) struct Object<'s> {
    json: &'s mut String,
    empty: bool,
}

impl<'s> Object<'s> {
    /// Appends the object that `fill` writes to `json`.
    pub(crate) fn write(json: &'s mut String, fill: impl FnOnce(&mut Object<'_>)) {
        json.push('{');
        let mut object = Object { json, empty: true };
        fill(&mut object);
        object.json.push('}');
    }

    /// The object that `fill` writes.
    pub(crate) fn of(fill: impl FnOnce(&mut Object<'_>)) -> String {
        let mut json = String::new();
        Object::write(&mut json, fill);
        json
    }

    /// A member whose value is JSON text.
    pub(crate) fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).push_str(value);
        self
    }

    /// A string member.
    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        quote_into(value, self.key(key));
        self
    }

    /// A string member, left out when there is none.
    pub(crate) fn opt_text(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(key, value);
        }
        self
    }

    /// A number member.
    pub(crate) fn number(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.key(key), "{value}");
        self
    }

    /// Members already written, without a comma at either end.
    pub(crate) fn members(&mut self, members: &str) -> &mut Self {
        if !members.is_empty() {
            self.comma();
            self.json.push_str(members);
        }
        self
    }

    /// An array member; `elements` is its inside.
    pub(crate) fn array(&mut self, key: &str, elements: &str) -> &mut Self {
        let json = self.key(key);
        json.push('[');
        json.push_str(elements);
        json.push(']');
        self
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.json.push(',');
        }
    }

    /// Keys are names of the protocol: nothing in them to escape.
    fn key(&mut self, key: &str) -> &mut String {
        self.comma();
        self.json.push('"');
        self.json.push_str(key);
        self.json.push_str("\":");
        self.json
    }
}

/// Appends an element to the inside of an array.
pub(crate) fn push_element(elements: &mut String, element: &str) {
    if !elements.is_empty() {
        elements.push(',');
    }
    elements.push_str(element);
}
