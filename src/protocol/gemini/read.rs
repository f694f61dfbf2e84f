//! Reading of client bodies: both spellings of a field, lenient numbers, errors that name the place.

use crate::codec::CodecError;
use crate::splice::{Kind, Node};
use crate::text::Text;
use std::borrow::Cow;
use std::fmt::Write;

/// Where in the body a value stands. Lives on the stack: a path text is only made for an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    /// A member of the body.
    pub(super) fn of(key: &'p str) -> Self {
        Self {
            parent: None,
            step: Step::Key(key),
        }
    }

    /// A member of the value at this place.
    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    /// An element of the array at this place.
    pub(super) fn at(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// The error for a value here that cannot be used.
    pub(super) fn invalid(&self, message: impl Into<String>) -> CodecError {
        let mut path = String::new();
        self.write(&mut path);
        CodecError::Invalid {
            path,
            message: message.into(),
        }
    }

    fn write(&self, path: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(path);
        }
        match self.step {
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => {
                path.push('.');
                path.push_str(key);
            }
            Step::Index(index) => {
                // Writing to a `String` cannot fail.
                let _ = write!(path, "[{index}]");
            }
        }
    }
}

/// Values of the named members in one pass. A name is given in lowerCamelCase and found in
/// snake_case too; `null` counts as absent; of duplicates the last one counts.
pub(super) fn fields<'a, const N: usize>(
    node: Node<'a>,
    names: [&str; N],
) -> [Option<Node<'a>>; N] {
    let mut found = [None; N];
    for (key, value) in node.members() {
        for (name, place) in names.iter().zip(&mut found) {
            if is_field(&key, name) {
                *place = (!value.is_null()).then_some(value);
            }
        }
    }
    found
}

/// A member with the key as the client spelt it.
pub(super) type Member<'a> = (Cow<'a, str>, Node<'a>);

/// The named members with their keys, `null` included, in one pass; found as by [`fields`].
pub(super) fn members<'a, const N: usize>(
    node: Node<'a>,
    names: [&str; N],
) -> [Option<Member<'a>>; N] {
    let mut found = [const { None }; N];
    for (key, value) in node.members() {
        for (name, place) in names.iter().zip(&mut found) {
            if is_field(&key, name) {
                *place = Some((key.clone(), value));
            }
        }
    }
    found
}

/// True when `key` is `name` (lowerCamelCase) in one of its two spellings.
pub(super) fn is_field(key: &str, name: &str) -> bool {
    if key == name {
        return true;
    }
    let mut key = key.bytes();
    for want in name.bytes() {
        let matches = if want.is_ascii_uppercase() {
            key.next() == Some(b'_') && key.next() == Some(want.to_ascii_lowercase())
        } else {
            key.next() == Some(want)
        };
        if !matches {
            return false;
        }
    }
    key.next().is_none()
}

/// Elements of an array; anything else counts as an array of one, as Google reads it (its own
/// examples write `"parts": {"text": …}`).
pub(super) fn list<'a>(node: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    let single = (node.kind() != Kind::Array).then_some(node);
    node.elements().chain(single)
}

/// Refuses everything but objects.
pub(super) fn object<'a>(node: Node<'a>, place: &Place<'_>) -> Result<Node<'a>, CodecError> {
    match node.kind() {
        Kind::Object => Ok(node),
        _ => Err(place.invalid("must be an object")),
    }
}

/// Text of a string.
pub(super) fn text<'a>(node: Node<'a>, place: &Place<'_>) -> Result<Cow<'a, str>, CodecError> {
    node.string()
        .ok_or_else(|| place.invalid("must be a string"))
}

/// The same, as a piece of the body.
pub(super) fn whole_text(node: Node<'_>, place: &Place<'_>) -> Result<Text, CodecError> {
    node.text().ok_or_else(|| place.invalid("must be a string"))
}

/// Text of an optional string, as a piece of the body.
pub(super) fn opt_whole_text(
    node: Option<Node<'_>>,
    place: &Place<'_>,
) -> Result<Option<Text>, CodecError> {
    node.map(|node| whole_text(node, place)).transpose()
}

/// Text of an optional string.
pub(super) fn opt_text<'a>(
    node: Option<Node<'a>>,
    place: &Place<'_>,
) -> Result<Option<String>, CodecError> {
    node.map(|node| text(node, place).map(Cow::into_owned))
        .transpose()
}

/// A number, also one written as a string (JSON form of 64-bit integers at Google).
pub(super) fn number(node: Option<Node<'_>>, place: &Place<'_>) -> Result<Option<f64>, CodecError> {
    let Some(node) = node else { return Ok(None) };
    match number_text(node).and_then(|text| text.trim().parse::<f64>().ok()) {
        Some(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(place.invalid("must be a number")),
    }
}

/// A whole number that fits `T`; `5.0` and `"5"` count as 5.
pub(super) fn whole<T: TryFrom<i64>>(
    node: Option<Node<'_>>,
    place: &Place<'_>,
) -> Result<Option<T>, CodecError> {
    let Some(node) = node else { return Ok(None) };
    number_text(node)
        .and_then(|text| whole_of(text.trim()))
        .and_then(|number| T::try_from(number).ok())
        .map(Some)
        .ok_or_else(|| place.invalid("must be a whole number in range"))
}

fn whole_of(text: &str) -> Option<i64> {
    // Above 2^53 the float form has no exact whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
    })
}

fn number_text<'a>(node: Node<'a>) -> Option<Cow<'a, str>> {
    match node.kind() {
        Kind::Number => Some(Cow::Borrowed(node.raw())),
        _ => node.string(),
    }
}

/// A truth value.
pub(super) fn truth(node: Option<Node<'_>>, place: &Place<'_>) -> Result<Option<bool>, CodecError> {
    let Some(node) = node else { return Ok(None) };
    node.boolean()
        .map(Some)
        .ok_or_else(|| place.invalid("must be true or false"))
}

/// The JSON text without white space between tokens; numbers and strings stay as written.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    // Outside strings everything is ASCII, inside them only `"` and `\` matter: cuts are safe.
    while let Some(at) = rest.find(['"', ' ', '\n', '\r', '\t']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let end = string_end(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else {
            rest = rest.trim_start_matches([' ', '\n', '\r', '\t']);
        }
    }
    out.push_str(rest);
    out
}

/// Length of the string literal at the start of `json`.
fn string_end(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice::Doc;

    #[test]
    fn both_spellings_and_no_others() {
        for (key, want) in [
            ("systemInstruction", true),
            ("system_instruction", true),
            ("systeminstruction", false),
            ("system_Instruction", false),
            ("systemInstructions", false),
            ("system", false),
        ] {
            assert_eq!(is_field(key, "systemInstruction"), want, "{key}");
        }
    }

    #[test]
    fn numbers_come_in_many_forms() {
        for (json, want) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("\"5\"", Some(5)),
            ("1e3", Some(1000)),
            ("5.5", None),
            ("-1", None),
            ("\"x\"", None),
            ("true", None),
        ] {
            let doc = Doc::parse(json.as_bytes()).unwrap();
            let got = whole::<u32>(Some(doc.root()), &Place::of("topK"));
            assert_eq!(got.ok().flatten(), want, "{json}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let contents = Place::of("contents");
        let content = contents.at(3);
        let parts = content.key("parts");
        assert_eq!(
            parts.at(0).key("text").invalid("must be a string"),
            CodecError::Invalid {
                path: "contents[3].parts[0].text".into(),
                message: "must be a string".into()
            }
        );
    }

    #[test]
    fn compact_keeps_numbers_and_strings() {
        assert_eq!(
            compact("{\n  \"a b\" : 1.0,\t\"c\\\" }\": [ 1e3 , \"é  \" ] }"),
            "{\"a b\":1.0,\"c\\\" }\":[1e3,\"é  \"]}"
        );
    }
}
