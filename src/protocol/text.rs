//! Text that goes through.

use crate::splice;
use bytestring::ByteString;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// Text of a request or a reply, a `str` to everybody who reads it.
///
/// Text out of a request body stays a piece of that body: most of it is carried from one JSON text
/// into another, where it stands as it came, without being decoded, copied and escaped again. It is
/// decoded when somebody looks at it, once. Clones share the piece.
#[derive(Clone)]
pub struct Text(Source);

#[derive(Clone)]
enum Source {
    Owned(String),
    /// A piece of a body in which nothing has to be escaped.
    Plain(ByteString),
    Escaped(Box<Escaped>),
}

/// What stands between the quotes of a literal, spelt as [`splice::quote`] spells it.
#[derive(Clone)]
struct Escaped {
    literal: ByteString,
    decoded: OnceLock<String>,
}

impl Text {
    /// A piece of a body that needs no escapes.
    pub(crate) fn plain(text: ByteString) -> Self {
        Self(Source::Plain(text))
    }

    /// What stands between the quotes of a literal that is spelt as [`splice::quote`] spells it.
    pub(crate) fn escaped(literal: ByteString) -> Self {
        Self(Source::Escaped(Box::new(Escaped {
            literal,
            decoded: OnceLock::new(),
        })))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Source::Owned(text) => text,
            Source::Plain(text) => text,
            Source::Escaped(text) => text
                .decoded
                .get_or_init(|| splice::unquote(&text.literal).into_owned()),
        }
    }

    /// True without a character. Decodes nothing.
    pub fn is_empty(&self) -> bool {
        self.as_written().is_empty()
    }

    /// True without a character that is no white space. Decodes no more than it must.
    pub fn is_blank(&self) -> bool {
        let written = self.as_written();
        match written.chars().next() {
            Some(first) if first == '\\' || first.is_whitespace() => self.trim().is_empty(),
            first => first.is_none(),
        }
    }

    /// Whether the first character that is no white space is `first`, one that is never escaped.
    /// Decodes nothing.
    pub fn begins_with(&self, first: char) -> bool {
        let mut written = self.as_written().trim_start();
        if let Source::Escaped(_) = self.0 {
            while let Some(rest) = written.strip_prefix(['\\']) {
                // White space by its escape; another escape is no white space.
                let Some(rest) = rest.strip_prefix(['n', 'r', 't']) else {
                    return false;
                };
                written = rest.trim_start();
            }
        }
        written.starts_with(first)
    }

    /// Appends the JSON string literal for the text.
    pub fn quote_into(&self, out: &mut String) {
        match &self.0 {
            Source::Owned(text) => splice::quote_into(text, out),
            Source::Plain(_) | Source::Escaped(_) => {
                out.push('"');
                out.push_str(self.as_written());
                out.push('"');
            }
        }
    }

    /// Appends to the text.
    pub fn push_str(&mut self, more: &str) {
        if let Source::Owned(text) = &mut self.0 {
            text.push_str(more);
        } else {
            *self = Self::from(format!("{self}{more}"));
        }
    }

    /// The text, or the literal that spells it; the one is empty when the other is.
    fn as_written(&self) -> &str {
        match &self.0 {
            Source::Owned(text) => text,
            Source::Plain(text) => text,
            Source::Escaped(text) => &text.literal,
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self(Source::Owned(String::new()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Source::Owned(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.clone())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text.0 {
            Source::Owned(text) => text,
            _ => text.as_str().to_owned(),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Words on their way out: the text of a request, or what is said in its place.
#[derive(Debug, Clone)]
pub(crate) enum Words<'a> {
    /// Text that came.
    Came(&'a Text),
    /// Anything else.
    Made(Cow<'a, str>),
}

impl Words<'_> {
    /// Appends the JSON string literal.
    pub(crate) fn quote_into(&self, out: &mut String) {
        match self {
            Self::Came(text) => text.quote_into(out),
            Self::Made(text) => splice::quote_into(text, out),
        }
    }
}

impl Deref for Words<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Came(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'a> From<&'a Text> for Words<'a> {
    fn from(text: &'a Text) -> Self {
        Self::Came(text)
    }
}

impl<'a> From<&'a str> for Words<'a> {
    fn from(text: &'a str) -> Self {
        Self::Made(Cow::Borrowed(text))
    }
}

impl From<String> for Words<'_> {
    fn from(text: String) -> Self {
        Self::Made(Cow::Owned(text))
    }
}

impl<'a> From<&'a String> for Words<'a> {
    fn from(text: &'a String) -> Self {
        Self::Made(Cow::Borrowed(text))
    }
}

impl<'a> From<Cow<'a, str>> for Words<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Made(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice::JsonBody;
    use bytes::Bytes;
    use proptest::prelude::*;

    /// The text of the only element of a body.
    fn only(json: &str) -> Text {
        let body = JsonBody::new(Bytes::from(format!("[{json}]")));
        let node = body.doc().unwrap().root().elements().next().unwrap();
        node.text().unwrap()
    }

    fn quoted(text: &Text) -> String {
        let mut out = String::new();
        text.quote_into(&mut out);
        out
    }

    #[test]
    fn a_literal_goes_out_as_serde_json_would_spell_it() {
        let long = "x".repeat(40);
        for inside in [
            "",
            " ",
            r" \n\t ",
            "é✓",
            r#"\"\\\n\r\t\b\f"#,
            r"\n",
            r"\/",
            r"\u00e9",
            r"\u0001",
            r"\ud83d\ude00",
            r"\ud800",
            r"a\u000Ab",
        ] {
            for json in [
                format!("\"{inside}\""),
                format!("\"{inside}{long}\""),
                format!("\"{long}{inside}\""),
            ] {
                let text = only(&json);
                let read = crate::splice::Doc::of_valid(&json).root().string().unwrap();
                assert_eq!(quoted(&text), crate::splice::quote(&read), "{json}");
                assert_eq!(text.is_empty(), read.is_empty(), "{json}");
                assert_eq!(text.is_blank(), read.trim().is_empty(), "{json}");
                let begins = read.trim_start().starts_with('x');
                assert_eq!(text.begins_with('x'), begins, "{json}");
                assert_eq!(text, *read, "{json}");
            }
        }
    }

    #[test]
    fn grows_whatever_it_was() {
        for json in [
            "\"a\"",
            "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
            "\"\\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
        ] {
            let mut text = only(json);
            let before = text.to_string();
            text.push_str("\"b");
            assert_eq!(text, before + "\"b");
        }
    }

    proptest! {
        #[test]
        fn reads_and_prints_what_it_was_made_of(any in any::<String>()) {
            let text = only(&serde_json::to_string(&any).unwrap());
            prop_assert_eq!(text.as_str(), &any);
            prop_assert_eq!(quoted(&text), serde_json::to_string(&any).unwrap());
            prop_assert_eq!(text.is_empty(), any.is_empty());
            prop_assert_eq!(text.is_blank(), any.trim().is_empty());
        }
    }
}
