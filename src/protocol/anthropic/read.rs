//! Reading JSON with errors that name the place (`messages[2].content[0].text`).

use crate::codec::CodecError;
use crate::splice::{Doc, Kind, Node};
use crate::text::Text;
use serde::Deserialize;
use std::fmt;

/// Where a value stands in the body. Built on the way down, printed only for an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// The body itself.
    pub(super) const ROOT: Path<'static> = Path {
        parent: None,
        step: Step::Root,
    };

    /// A member of the value here.
    pub(super) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    /// An element of the value here.
    pub(super) fn index(&'p self, index: usize) -> Path<'p> {
        Path {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// The refusal of the value here.
    pub(super) fn invalid(&self, message: impl Into<String>) -> CodecError {
        CodecError::Invalid {
            path: self.to_string(),
            message: message.into(),
        }
    }

    /// Reads the value here from its JSON text.
    pub(super) fn read<'a, T: Deserialize<'a>>(&self, json: &'a str) -> Result<T, CodecError> {
        serde_json::from_str(json).map_err(|error| {
            if !error.is_data() {
                return CodecError::NotJson(error.to_string());
            }
            let below = path_below(json, &error);
            let mut path = self.to_string();
            if path.is_empty() {
                path.push_str(below.trim_start_matches('.'));
            } else {
                path.push_str(&below);
            }
            CodecError::Invalid {
                path,
                message: reason(&error),
            }
        })
    }
}

/// Demands an object.
pub(super) fn object<'a>(node: Node<'a>, path: &Path<'_>) -> Result<Node<'a>, CodecError> {
    demand(node, Kind::Object, path)
}

/// Demands an array.
pub(super) fn array<'a>(node: Node<'a>, path: &Path<'_>) -> Result<Node<'a>, CodecError> {
    demand(node, Kind::Array, path)
}

fn demand<'a>(node: Node<'a>, kind: Kind, path: &Path<'_>) -> Result<Node<'a>, CodecError> {
    if node.kind() == kind {
        return Ok(node);
    }
    // serde_json finds the words, as for all that is read in one go.
    match kind {
        Kind::Object => path
            .read::<serde_json::Map<String, serde_json::Value>>(node.raw())
            .map(drop),
        _ => path
            .read::<Vec<serde::de::IgnoredAny>>(node.raw())
            .map(drop),
    }?;
    Ok(node)
}

/// Values of members of the object at `path`; each may stand there once.
pub(super) fn pick<'a, const N: usize>(
    object: Node<'a>,
    keys: [&str; N],
    path: &Path<'_>,
) -> Result<[Option<Node<'a>>; N], CodecError> {
    object
        .pick_once(keys)
        .map_err(|key| path.invalid(format!("duplicate field `{key}`")))
}

/// A string, as a piece of the body.
pub(super) fn text(node: Node<'_>, path: &Path<'_>) -> Result<Text, CodecError> {
    match node.text() {
        Some(text) => Ok(text),
        // For the words of the refusal.
        None => path.read::<String>(node.raw()).map(Text::from),
    }
}

/// Reads a member that must be there.
pub(super) fn need<'a, T: Deserialize<'a>>(
    node: Option<Node<'a>>,
    key: &str,
    path: &Path<'_>,
) -> Result<T, CodecError> {
    let node = node.ok_or_else(|| path.invalid(format!("missing field `{key}`")))?;
    path.key(key).read(node.raw())
}

/// Reads a member that may be there.
pub(super) fn member<'a, T: Deserialize<'a>>(
    node: Option<Node<'a>>,
    path: &Path<'_>,
) -> Result<Option<T>, CodecError> {
    node.map_or(Ok(None), |node| path.read(node.raw()))
}

/// Reads the elements of a list; none when it is absent or `null`.
pub(super) fn list<'a, T>(
    node: Option<Node<'a>>,
    path: &Path<'_>,
    read: impl Fn(Node<'a>, &Path<'_>) -> Result<T, CodecError>,
) -> Result<Vec<T>, CodecError> {
    let Some(node) = node.filter(|node| !node.is_null()) else {
        return Ok(Vec::new());
    };
    array(node, path)?
        .elements()
        .enumerate()
        .map(|(n, element)| read(element, &path.index(n)))
        .collect()
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) if self.parent.is_some_and(|p| p.parent.is_none()) => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// serde_json's words without the line and column.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The path below the root of `json` to the value at which `error` arose; empty for the root.
fn path_below(json: &str, error: &serde_json::Error) -> String {
    let mut path = String::new();
    let (true, Ok(doc)) = (error.is_data(), Doc::parse(json.as_bytes())) else {
        return path;
    };
    let line_start: usize = json
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let at = json.as_ptr() as usize + line_start + error.column();
    let holds = |node: &Node<'_>| {
        let start = node.raw().as_ptr() as usize;
        (start..=start + node.raw().len()).contains(&at)
    };
    let mut node = doc.root();
    loop {
        if let Some((key, child)) = node.members().find(|(_, child)| holds(child)) {
            path.push('.');
            path.push_str(&key);
            node = child;
        } else if let Some((index, child)) =
            node.elements().enumerate().find(|(_, child)| holds(child))
        {
            path.push_str(&format!("[{index}]"));
            node = child;
        } else {
            return path;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the errors of reading it matter")]
    struct Probe {
        text: Option<String>,
        list: Option<Vec<u64>>,
    }

    #[test]
    fn errors_name_the_place() {
        let root = Path::ROOT;
        let messages = root.key("messages");
        let message = messages.index(2);
        for (json, want) in [
            (r#"{"text":5}"#, "messages[2].text"),
            (r#"{"text":[1]}"#, "messages[2].text"),
            (r#"{"list":[1,"x",3]}"#, "messages[2].list[1]"),
            ("{\n \"list\": [1,\n  true]}", "messages[2].list[1]"),
            (r#""x""#, "messages[2]"),
        ] {
            let Err(CodecError::Invalid { path, message }) = message.read::<Probe>(json) else {
                panic!("{json} was read");
            };
            assert_eq!(path, want, "{json}");
            assert!(!message.contains("line"), "{message}");
        }
        let Err(CodecError::Invalid { path, .. }) = root.read::<Probe>(r#"{"text":{}}"#) else {
            panic!("read");
        };
        assert_eq!(path, "text");
    }
}
