//! A JSON object taken apart one level at a time: what is not looked into stays text.

use crate::splice::{Kind, Node, quote, quote_into};
use std::borrow::Cow;
use std::collections::HashMap;

/// Up to here a search through all keys is faster than a hash map.
const FEW: usize = 16;

/// An object in the making. Keys are unique.
#[derive(Debug, Clone, Default)]
pub(super) struct Map<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// A member of a [`Map`].
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// Part of the text that came in.
    Node(Node<'a>),
    /// JSON text made here.
    Text(String),
    /// An object taken apart.
    Object(Map<'a>),
    /// An array taken apart.
    Array(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Node(node) => node.kind(),
            Self::Object(_) => Kind::Object,
            Self::Array(_) => Kind::Array,
            Self::Text(text) => match text.as_bytes().first() {
                Some(b'"') => Kind::String,
                Some(b'{') => Kind::Object,
                Some(b'[') => Kind::Array,
                Some(b't' | b'f') => Kind::Bool,
                Some(b'n') | None => Kind::Null,
                Some(_) => Kind::Number,
            },
        }
    }

    /// The text of a string.
    pub fn string(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Node(node) => node.string(),
            Self::Text(text) => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
            Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// The value of a boolean.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Self::Node(node) => node.boolean(),
            Self::Text(text) => text.parse().ok(),
            Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// The members of an object.
    pub fn into_map(self) -> Option<Map<'a>> {
        match self {
            Self::Object(map) => Some(map),
            Self::Node(node) if node.kind() == Kind::Object => Some(Map::of(node)),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn into_list(self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::Array(list) => Some(list),
            Self::Node(node) if node.kind() == Kind::Array => {
                Some(node.elements().map(Value::Node).collect())
            }
            _ => None,
        }
    }

    /// The strings of an array of strings, others left out; a single string counts as one.
    pub fn into_strings(self) -> Vec<Cow<'a, str>> {
        match self.string() {
            Some(one) => vec![one],
            None => self
                .into_list()
                .into_iter()
                .flatten()
                .filter_map(|v| v.string())
                .collect(),
        }
    }

    /// True for the empty object.
    pub fn is_empty_object(&self) -> bool {
        match self {
            Self::Object(map) => map.is_empty(),
            Self::Node(node) => node.kind() == Kind::Object && node.members().next().is_none(),
            Self::Text(_) | Self::Array(_) => false,
        }
    }

    /// The JSON text.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    pub fn write(&self, out: &mut String) {
        match self {
            Self::Node(node) => out.push_str(node.raw()),
            Self::Text(text) => out.push_str(text),
            Self::Object(map) => map.write(out),
            Self::Array(list) => {
                out.push('[');
                for (n, value) in list.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
        }
    }

    /// A list of strings.
    pub fn of_strings<'s>(texts: impl IntoIterator<Item = &'s str>) -> Self {
        Self::Array(texts.into_iter().map(Self::of_string).collect())
    }

    pub fn of_string(text: &str) -> Self {
        Self::Text(quote(text))
    }
}

impl<'a> Map<'a> {
    /// The members of `object`; of duplicate keys the last value, as parsers read it.
    pub fn of(object: Node<'a>) -> Self {
        let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(8);
        // Schemas are small, maps of properties may be large.
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        for (key, node) in object.members() {
            let known = if entries.len() < FEW {
                entries.iter().position(|(k, _)| *k == key)
            } else {
                if places.is_empty() {
                    let all = entries.iter().enumerate();
                    places.extend(all.map(|(at, (k, _))| (k.clone(), at)));
                }
                places.get(&key).copied()
            };
            match known {
                Some(at) => entries[at].1 = Value::Node(node),
                None => {
                    if !places.is_empty() {
                        places.insert(key.clone(), entries.len());
                    }
                    entries.push((key, Value::Node(node)));
                }
            }
        }
        Self(entries)
    }

    /// A schema of one type.
    pub fn of_type(name: &str) -> Self {
        Self(vec![("type".into(), Value::of_string(name))])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value<'a>> {
        self.0.iter_mut().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Removes a member.
    pub fn take(&mut self, key: &str) -> Option<Value<'a>> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// Replaces a member in its place, or adds it at the end.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let key = key.into();
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, place)) => *place = value,
            None => self.0.push((key, value)),
        }
    }

    /// Adds a member unless there is one.
    pub fn set_absent(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let key = key.into();
        if !self.has(&key) {
            self.0.push((key, value));
        }
    }

    /// Adds a member whose key is known to be new.
    pub fn push(&mut self, key: Cow<'a, str>, value: Value<'a>) {
        self.0.push((key, value));
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value<'a>) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    /// Splits off the members that `wanted` picks.
    pub fn split_off(&mut self, mut wanted: impl FnMut(&str, &Value<'a>) -> bool) -> Map<'a> {
        Map(self
            .0
            .extract_if(.., |(key, value)| wanted(key, value))
            .collect())
    }

    pub fn write(&self, out: &mut String) {
        out.push('{');
        for (n, (key, value)) in self.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            quote_into(key, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }

    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

impl<'a> IntoIterator for Map<'a> {
    type Item = (Cow<'a, str>, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
