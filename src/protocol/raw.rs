//! JSON text that is carried, not read.

use crate::splice::{Doc, Edits, Node, Piece};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// One valid JSON value, kept as the text it arrived in: key order, number text and duplicate keys
/// survive. A value out of a request body stays a piece of that body.
#[derive(Clone)]
pub struct RawJson(Source);

#[derive(Clone)]
enum Source {
    /// Checked by serde_json.
    Checked(Box<RawValue>),
    /// Put together from valid parts.
    Made(String),
    Piece(Piece),
}

impl RawJson {
    /// Takes over `text` when it is exactly one JSON value; the error is serde_json's.
    pub fn parse(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.into()).map(Self::from)
    }

    /// Serialises `value`. Fails only where serde_json fails (maps with keys that are no strings).
    pub fn from_value<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self::from)
    }

    /// A value of a checked text.
    pub fn of(node: Node<'_>) -> Self {
        match node.piece() {
            Some(piece) => Self(Source::Piece(piece)),
            // `null` stands in for the values of a text that was never checked.
            None => Self::parse(node.raw()).unwrap_or_else(|_| null()),
        }
    }

    /// Takes over a value that was put together from valid parts.
    pub(crate) fn made(text: String) -> Self {
        debug_assert!(Doc::parse(text.as_bytes()).is_ok(), "{text}");
        Self(Source::Made(text))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Source::Checked(raw) => raw.get(),
            Source::Made(text) => text,
            Source::Piece(piece) => piece.node().raw(),
        }
    }

    /// The value, for looking into it.
    pub fn node(&self) -> Node<'_> {
        match &self.0 {
            Source::Piece(piece) => piece.node(),
            _ => Doc::of_valid(self.as_str()).root(),
        }
    }

    /// The value with `edits`, which were made on its nodes; the same one when they change nothing.
    pub(crate) fn edited(&self, edits: Edits) -> Self {
        match edits.apply_within(self.node()) {
            Some(text) => Self::made(text),
            None => self.clone(),
        }
    }

    /// Parses the text into `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// True when the value is a JSON object.
    pub fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }
}

fn null() -> RawJson {
    RawJson::from(RawValue::NULL.to_owned())
}

impl From<Box<RawValue>> for RawJson {
    fn from(raw: Box<RawValue>) -> Self {
        Self(Source::Checked(raw))
    }
}

impl From<serde_json::Value> for RawJson {
    fn from(value: serde_json::Value) -> Self {
        // A `Value` always prints as valid JSON.
        Self(Source::Made(value.to_string()))
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Source::Checked(raw) => raw.serialize(serializer),
            _ => self
                .read::<&RawValue>()
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}
