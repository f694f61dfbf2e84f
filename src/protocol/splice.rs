//! Span edits on JSON text: everything not named by an edit goes out as it came in.
//!
//! A [`Doc`] is a checked JSON text, a [`Node`] one value inside it, [`Edits`] a list of changes
//! that [`Edits::apply`] carries out in one pass. Key order, number text, escapes and duplicate keys
//! outside the edited spans survive. Nothing here recurses, so the depth of a text does not matter.
//!
//! A [`JsonBody`] is a text that many ask about: it is looked through once.

mod body;
mod edits;
mod index;
mod path;
mod scan;
mod text;

#[cfg(test)]
mod tests;

pub use body::{JsonBody, Piece};
pub use edits::Edits;
pub use path::{get_path, has_path, set_path};
pub(crate) use text::decode as unquote;
pub use text::{quote, quote_into};

use crate::text::Text;
use body::Valid;
use index::{Escapes, Mark};
use scan::Children;
use std::borrow::Cow;
use std::sync::Arc;

/// A checked JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Doc<'a> {
    text: Marked<'a>,
}

/// One value of a [`Doc`].
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    text: Marked<'a>,
    start: usize,
    end: usize,
    /// Number of the first mark from `start` on.
    mark: usize,
}

/// A text, with what is known about it when it is that of a [`JsonBody`].
#[derive(Debug, Clone, Copy, Default)]
struct Marked<'a> {
    text: &'a str,
    body: Option<&'a Arc<Valid>>,
}

impl<'a> Marked<'a> {
    fn without(text: &'a str) -> Self {
        Self { text, body: None }
    }

    /// The long value with this number.
    fn mark(&self, number: usize) -> Option<&'a Mark> {
        self.body?.marks.get(number)
    }
}

/// Kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Doc<'a> {
    /// Checks that `raw` is exactly one JSON value in UTF-8; the error is serde_json's. Lone
    /// surrogate escapes (`"\ud800"`) are let through: some clients write them, and what is not
    /// edited is the upstream's to judge.
    pub fn parse(raw: &'a [u8]) -> Result<Self, serde_json::Error> {
        let text = std::str::from_utf8(raw).map_err(serde::de::Error::custom)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        Ok(Self::of_valid(text))
    }

    /// Takes `raw` for valid JSON without a check. On other text the nodes make no sense, but
    /// nothing panics.
    pub fn trust(raw: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(raw).ok().map(Self::of_valid)
    }

    /// The same for text that was checked before.
    pub fn of_valid(text: &'a str) -> Self {
        Self {
            text: Marked::without(text),
        }
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'a> {
        let start = scan::skip_space(self.text.text.as_bytes(), 0);
        let end = self.text.text.trim_ascii_end().len();
        Node {
            text: self.text,
            start,
            // No value at all, which only an unchecked text can be.
            end: end.max(start),
            mark: 0,
        }
    }
}

impl<'a> Node<'a> {
    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self.text.text.as_bytes().get(self.start) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The JSON text of the value.
    pub fn raw(&self) -> &'a str {
        self.text.text.get(self.start..self.end).unwrap_or_default()
    }

    /// Value of a member; with duplicate keys the last one, as parsers read it. `None` for other
    /// kinds. Reads the whole object: use [`Node::pick`] or [`Node::members`] for several keys.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let [found] = self.pick([key]);
        found
    }

    /// Values of several members in one pass, each as [`Node::get`] gives it.
    pub fn pick<const N: usize>(&self, keys: [&str; N]) -> [Option<Node<'a>>; N] {
        let mut found = [None; N];
        for child in self.children(Kind::Object) {
            for (key, place) in keys.iter().zip(&mut found) {
                if child.key_is(self.text.text, key) {
                    *place = Some(child.node(self.text));
                }
            }
        }
        found
    }

    /// As [`Node::pick`]; `Err` names a key that stands there twice.
    pub fn pick_once<'k, const N: usize>(
        &self,
        keys: [&'k str; N],
    ) -> Result<[Option<Node<'a>>; N], &'k str> {
        let mut found = [None; N];
        for child in self.children(Kind::Object) {
            for (key, place) in keys.iter().zip(&mut found) {
                if child.key_is(self.text.text, key)
                    && place.replace(child.node(self.text)).is_some()
                {
                    return Err(key);
                }
            }
        }
        Ok(found)
    }

    /// The text of the object without the members of these names: for a reader of what is left, where
    /// those are long and read apart. `{}` for other kinds.
    pub fn without(&self, keys: &[&str]) -> String {
        let mut rest = String::from("{");
        for child in self.children(Kind::Object) {
            if keys.iter().any(|key| child.key_is(self.text.text, key)) {
                continue;
            }
            if rest.len() > 1 {
                rest.push(',');
            }
            rest.push_str(
                self.text
                    .text
                    .get(child.start..child.end)
                    .unwrap_or_default(),
            );
        }
        rest.push('}');
        rest
    }

    /// Value of the first member of this name, without a look at the rest: for a member that stands
    /// in front of long ones, as `type` does. `None` for other kinds.
    pub fn first(&self, key: &str) -> Option<Node<'a>> {
        self.children(Kind::Object)
            .find(|child| child.key_is(self.text.text, key))
            .map(|child| child.node(self.text))
    }

    /// Members in order, duplicates included; empty for other kinds.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> + use<'a> {
        let text = self.text;
        self.children(Kind::Object)
            .map(move |child| (child.key(text.text), child.node(text)))
    }

    /// Elements in order; empty for other kinds.
    pub fn elements(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let text = self.text;
        self.children(Kind::Array)
            .map(move |child| child.node(text))
    }

    /// The decoded text of a string; lone surrogates become U+FFFD. `None` for other kinds.
    pub fn string(&self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String).then(|| {
            let literal = text::inner(self.raw());
            match self.known() {
                Some((_, Escapes::None)) => Cow::Borrowed(literal),
                _ => text::decode(literal),
            }
        })
    }

    /// As [`Node::string`], as a piece of the body where it can be one.
    pub fn text(&self) -> Option<Text> {
        (self.kind() == Kind::String).then(|| {
            let literal = text::inner(self.raw());
            match self.known() {
                Some((body, Escapes::None)) => Text::plain(body.text.slice_ref(literal)),
                Some((body, Escapes::Needed)) => Text::escaped(body.text.slice_ref(literal)),
                _ => Text::from(text::decode(literal)),
            }
        })
    }

    /// The value as a piece of its body; `None` when it stands in no body.
    pub(crate) fn piece(&self) -> Option<Piece> {
        Piece::new(self)
    }

    /// The body, and what it knows about the escapes of this string.
    fn known(&self) -> Option<(&'a Valid, Escapes)> {
        let body: &Valid = self.text.body?;
        let mark = body.marks.get(self.mark)?;
        (mark.start as usize == self.start).then_some((body, mark.escapes))
    }

    /// The value of `true` or `false`; `None` for other kinds.
    pub fn boolean(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Members or elements, none unless the value is of `kind`.
    fn children(&self, kind: Kind) -> Children<'a> {
        if self.kind() == kind {
            Children::of(self.text, self.start, self.mark)
        } else {
            Children::none()
        }
    }
}
