//! Fields of a request body, read from its text; errors name the path of the value at fault.

use crate::codec::CodecError;
use crate::splice::{Kind, Node};
use crate::text::Text;
use std::borrow::Cow;
use std::fmt;

/// Where a value stands. Lives on the stack of the readers and is printed only for errors.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    up: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    pub(super) const ROOT: Path<'static> = Path {
        up: None,
        step: Step::Root,
    };

    pub(super) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path {
            up: Some(self),
            step: Step::Key(key),
        }
    }

    pub(super) fn index(&'p self, index: usize) -> Path<'p> {
        Path {
            up: Some(self),
            step: Step::Index(index),
        }
    }

    /// The refusal of the value at this place.
    pub(super) fn invalid(&self, message: impl Into<String>) -> CodecError {
        CodecError::Invalid {
            path: self.to_string(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let top = match self.up {
            Some(up) => {
                up.fmt(f)?;
                matches!(up.step, Step::Root)
            }
            None => true,
        };
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) if top => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// `node` unless it is `null`.
pub(super) fn present(node: Option<Node<'_>>) -> Option<Node<'_>> {
    node.filter(|node| !node.is_null())
}

/// A string.
pub(super) fn text<'a>(node: Node<'a>, at: &Path<'_>) -> Result<Cow<'a, str>, CodecError> {
    node.string().ok_or_else(|| at.invalid("must be a string"))
}

/// The same, as a piece of the body.
pub(super) fn whole_text(node: Node<'_>, at: &Path<'_>) -> Result<Text, CodecError> {
    node.text().ok_or_else(|| at.invalid("must be a string"))
}

/// The member `key`, a string, of the object at `at`, as a piece of the body.
pub(super) fn opt_whole_text(
    node: Option<Node<'_>>,
    at: &Path<'_>,
    key: &str,
) -> Result<Option<Text>, CodecError> {
    present(node)
        .map(|node| whole_text(node, &at.key(key)))
        .transpose()
}

/// The string member `key` of the object at `at`, from a value already picked.
pub(super) fn opt_text<'a>(
    node: Option<Node<'a>>,
    at: &Path<'_>,
    key: &str,
) -> Result<Option<Cow<'a, str>>, CodecError> {
    present(node)
        .map(|node| text(node, &at.key(key)))
        .transpose()
}

/// As [`opt_text`], but the member must be there.
pub(super) fn need_text<'a>(
    node: Option<Node<'a>>,
    at: &Path<'_>,
    key: &str,
) -> Result<Cow<'a, str>, CodecError> {
    opt_text(node, at, key)?.ok_or_else(|| at.key(key).invalid("is required: a string"))
}

/// `true` or `false`.
pub(super) fn boolean(node: Node<'_>, at: &Path<'_>) -> Result<bool, CodecError> {
    node.boolean()
        .ok_or_else(|| at.invalid("must be true or false"))
}

/// A whole number that is not negative; `5.0` counts.
pub(super) fn whole(node: Node<'_>, at: &Path<'_>) -> Result<u64, CodecError> {
    let wrong = || at.invalid("must be a whole number, 0 or more");
    if node.kind() != Kind::Number {
        return Err(wrong());
    }
    node.raw()
        .strip_suffix(".0")
        .unwrap_or(node.raw())
        .parse()
        .map_err(|_| wrong())
}

/// A number.
pub(super) fn number(node: Node<'_>, at: &Path<'_>) -> Result<f64, CodecError> {
    if node.kind() != Kind::Number {
        return Err(at.invalid("must be a number"));
    }
    node.raw()
        .parse()
        .map_err(|_| at.invalid("must be a number"))
}

/// Demands an object.
pub(super) fn object<'a>(node: Node<'a>, at: &Path<'_>) -> Result<Node<'a>, CodecError> {
    match node.kind() {
        Kind::Object => Ok(node),
        _ => Err(at.invalid("must be an object")),
    }
}

/// Demands an array.
pub(super) fn array<'a>(node: Node<'a>, at: &Path<'_>) -> Result<Node<'a>, CodecError> {
    match node.kind() {
        Kind::Array => Ok(node),
        _ => Err(at.invalid("must be an array")),
    }
}

/// The strings of an array; other elements are left out.
pub(super) fn strings(node: Option<Node<'_>>) -> Vec<String> {
    node.into_iter()
        .flat_map(|list| list.elements())
        .filter_map(|word| word.string().map(Cow::into_owned))
        .collect()
}
