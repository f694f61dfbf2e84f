//! Reads typed values out of a YAML tree and collects everything that is wrong or odd on the way.

use std::ops::Deref;
use std::time::Duration;

use serde_yaml::{Mapping, Value};

use super::account::parse_duration;
use super::error::{Level, Notice, Position, Problem};
use super::layout::{Kind, Layout, Style, position};
use super::near::nearest;
use super::path::KeyPath;

/// What a key of the file does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Known and kept, but the feature does not exist yet.
    NotYet,
    /// Known and kept, and will never do anything, for this reason.
    Nothing(&'static str),
    /// Known, and nobody misses an effect.
    Silent,
}

/// A value that may stand in the file.
pub(super) trait Field: Sized {
    /// Reads the value at a place; `None` after a problem was recorded.
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self>;

    /// Appends the dotted names of all keys below `prefix`; lists add `[]`, free names `*`.
    fn keys(_prefix: &str, _out: &mut Vec<String>) {}
}

/// Problems and notices of one reading.
#[derive(Default)]
pub(super) struct Reader {
    text: String,
    layout: Option<Layout>,
    pub problems: Vec<Problem>,
    pub notices: Vec<Notice>,
}

impl Reader {
    /// A reader for a text, which is asked for line numbers and for numbers as they were written.
    pub fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            layout: Layout::of(text),
            ..Self::default()
        }
    }

    /// Where a value stands, or the nearest thing around it.
    fn position(&self, at: &KeyPath) -> Option<Position> {
        let offset = self.layout.as_ref()?.offset(at)?;
        Some(position(&self.text, offset))
    }

    /// A scalar without quotes as it was written: `007` and `1e5` are no numbers when a key is
    /// asked for.
    fn as_written(&self, at: &KeyPath) -> Option<&str> {
        let node = self.layout.as_ref()?.node(at)?;
        let plain = matches!(node.kind, Kind::Scalar(Style::Plain));
        let written = self.text.get(node.span.clone())?;
        (plain && !written.starts_with('*')).then_some(written)
    }

    /// Reads a value unless it is null, which counts as absent.
    pub fn field<T: Field>(&mut self, value: &Value, at: &KeyPath) -> Option<T> {
        match untagged(value) {
            Value::Null => None,
            value => T::read(value, at, self),
        }
    }

    /// Records what was found in place of what is right.
    pub fn fail(&mut self, at: &KeyPath, value: &Value, expected: &str) {
        self.problem(
            at,
            format!("found {}, expected {expected}", described(value)),
        );
    }

    /// [`fail`](Self::fail) where the text may be a key: it is not repeated.
    fn fail_kind(&mut self, at: &KeyPath, value: &Value, expected: &str) {
        let found = if value.is_string() {
            "a text".to_owned()
        } else {
            described(value)
        };
        self.problem(at, format!("found {found}, expected {expected}"));
    }

    /// Records a fault in other words.
    pub fn problem(&mut self, at: &KeyPath, why: impl Into<String>) {
        self.problems.push(Problem {
            position: self.position(at),
            key: at.clone(),
            why: why.into(),
            fix: String::new(),
        });
    }

    /// Records something its author may not know.
    pub fn warn(&mut self, at: &KeyPath, text: impl Into<String>) {
        self.notice(Level::Warning, at, text);
    }

    /// Records a remark.
    pub fn notice(&mut self, level: Level, at: &KeyPath, text: impl Into<String>) {
        self.notices.push(Notice {
            level,
            position: self.position(at),
            key: at.clone(),
            text: text.into(),
        });
    }

    /// The mapping at a place, or a problem.
    pub fn mapping<'v>(&mut self, value: &'v Value, at: &KeyPath) -> Option<&'v Mapping> {
        let mapping = untagged(value).as_mapping();
        if mapping.is_none() {
            self.fail_kind(at, value, "a mapping (lines of `key: value`)");
        }
        mapping
    }

    /// The key of a mapping entry as text, or a problem.
    pub fn key(&mut self, key: &Value, at: &KeyPath) -> Option<String> {
        let text = scalar_text(key);
        if text.is_none() {
            self.problem(
                at,
                format!("found {} as a key, expected a text", described(key)),
            );
        }
        text
    }

    /// Remarks on a key that is not in the schema.
    pub fn unknown(&mut self, section: &KeyPath, key: &str, known: &[&str]) {
        // `x-…` is the custom for blocks that exist to be merged in elsewhere.
        if section.steps().is_empty() && key.starts_with("x-") {
            return;
        }
        let hint = match nearest(key, known) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => super::schema::elsewhere(key)
                .map(|place| format!("; it belongs into `{place}`"))
                .unwrap_or_default(),
        };
        self.warn(&section.key(key), format!("unknown key, ignored{hint}"));
    }

    /// Remarks on a known key without effect, unless its value switches nothing on.
    pub fn inert(&mut self, at: &KeyPath, value: &Value, effect: Effect) {
        if switches_nothing_on(value) {
            return;
        }
        match effect {
            Effect::Silent => {}
            Effect::NotYet => self.notice(Level::Info, at, "accepted, has no effect yet"),
            Effect::Nothing(why) => {
                self.notice(
                    Level::Warning,
                    at,
                    format!("accepted, deliberately does nothing: {why}"),
                );
            }
        }
    }
}

fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => untagged(&tagged.value),
        value => value,
    }
}

fn switches_nothing_on(value: &Value) -> bool {
    match untagged(value) {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().is_empty(),
        Value::Sequence(items) => items.iter().all(switches_nothing_on),
        Value::Mapping(map) => {
            let off = |key: &str| map.get(key).and_then(Value::as_bool) == Some(false);
            off("enabled") || off("enable") || map.values().all(switches_nothing_on)
        }
        Value::Tagged(_) => false,
    }
}

/// What was found, for a message; long texts are cut.
pub(super) fn described(value: &Value) -> String {
    match untagged(value) {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) if text.chars().count() > 40 => {
            format!("the text `{}…`", text.chars().take(40).collect::<String>())
        }
        Value::String(text) => format!("the text `{text}`"),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) | Value::Tagged(_) => "a mapping".to_owned(),
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match untagged(value) {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

impl Field for bool {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let word = value.as_str().map(|text| text.trim().to_ascii_lowercase());
        match (value, word.as_deref()) {
            (Value::Bool(flag), _) => Some(*flag),
            (_, Some("true" | "yes" | "on" | "y")) => Some(true),
            (_, Some("false" | "no" | "off" | "n")) => Some(false),
            _ => {
                reader.fail(at, value, "`true` or `false`");
                None
            }
        }
    }
}

impl Field for i64 {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            reader.fail(at, value, "a whole number");
        }
        number
    }
}

impl Field for String {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let text = match value {
            Value::Number(_) | Value::Bool(_) => reader.as_written(at).map(str::to_owned),
            _ => None,
        };
        let text = text.or_else(|| scalar_text(value));
        if text.is_none() {
            reader.fail(at, value, "a text");
        }
        text
    }
}

/// A duration: `1h`, `90s`, or a number of seconds.
pub(super) struct Span(pub Duration);

impl Field for Span {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let span = scalar_text(value).and_then(|text| parse_duration(&text));
        if span.is_none() {
            reader.fail(at, value, "a duration such as `1h`, `90s` or `250ms`");
        }
        span.map(Self)
    }
}

/// Any value, kept as it is.
pub(super) struct Raw(pub Value);

impl Field for Raw {
    fn read(value: &Value, _at: &KeyPath, _reader: &mut Reader) -> Option<Self> {
        Some(Self(value.clone()))
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let Value::Sequence(items) = value else {
            reader.fail_kind(at, value, "a list (lines of `- value`)");
            return None;
        };
        let mut out = Self::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            let at = at.index(n);
            if untagged(item).is_null() {
                reader.warn(&at, "empty list item, ignored");
            }
            out.extend(reader.field(item, &at));
        }
        Some(out)
    }

    fn keys(prefix: &str, out: &mut Vec<String>) {
        T::keys(&format!("{prefix}[]"), out);
    }
}

/// A value and the place it was read from.
pub(super) struct At<T> {
    pub at: KeyPath,
    pub value: T,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Field> Field for At<T> {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        Some(Self {
            value: T::read(value, at, reader)?,
            at: at.clone(),
        })
    }

    fn keys(prefix: &str, out: &mut Vec<String>) {
        T::keys(prefix, out);
    }
}

/// A mapping with free names, in the order of the file.
pub(super) struct Pairs<T>(pub Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Field> Field for Pairs<T> {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let mut out = Vec::new();
        for (key, value) in reader.mapping(value, at)? {
            let Some(key) = reader.key(key, at) else {
                continue;
            };
            if let Some(value) = reader.field(value, &at.key(&key)) {
                out.push((key, value));
            }
        }
        Some(Self(out))
    }

    fn keys(prefix: &str, out: &mut Vec<String>) {
        T::keys(&format!("{prefix}.*"), out);
    }
}

/// Conditions on body paths: a list of one-entry mappings, or one mapping.
pub(super) struct Conditions(pub Vec<(String, Raw)>);

impl Field for Conditions {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        if value.is_mapping() {
            return Pairs::read(value, at, reader).map(|Pairs(pairs)| Self(pairs));
        }
        let lists = Vec::<Pairs<Raw>>::read(value, at, reader)?;
        Some(Self(
            lists.into_iter().flat_map(|Pairs(pairs)| pairs).collect(),
        ))
    }
}
