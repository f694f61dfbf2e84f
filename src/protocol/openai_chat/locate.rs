//! Where in a body an error is: serde_json gives line and column, people want a path.

use crate::codec::CodecError;
use crate::splice::{Kind, Node};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

/// The refusal for a body, or a part of one at `prefix`, that serde_json could not read.
pub(crate) fn refuse(text: &[u8], prefix: &str, error: &serde_json::Error) -> CodecError {
    let full = error.to_string();
    let message = full
        .rsplit_once(" at line ")
        .map_or(full.as_str(), |(message, _)| message);
    if error.classify() != Category::Data {
        return CodecError::NotJson(full);
    }
    let inner = path_at(text, offset(text, error.line(), error.column()));
    let path = match (prefix, inner.as_str()) {
        ("", "") => "body".to_owned(),
        ("", inner) => inner.to_owned(),
        (prefix, inner) if inner.is_empty() || inner.starts_with('[') => format!("{prefix}{inner}"),
        (prefix, inner) => format!("{prefix}.{inner}"),
    };
    CodecError::Invalid {
        path,
        message: message.to_owned(),
    }
}

/// Reads the JSON text of the value at `at`.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    json: &'a str,
    at: impl FnOnce() -> String,
) -> Result<T, CodecError> {
    serde_json::from_str(json).map_err(|error| refuse(json.as_bytes(), &at(), &error))
}

/// Values of members of the object at `at`; each may stand there once.
pub(crate) fn pick<'a, const N: usize>(
    object: Node<'a>,
    keys: [&str; N],
    at: impl FnOnce() -> String,
) -> Result<[Option<Node<'a>>; N], CodecError> {
    object
        .pick_once(keys)
        .map_err(|key| invalid(at(), format!("duplicate field `{key}`")))
}

/// The elements of the array at `at`; none when it is absent or `null`.
pub(crate) fn array<'a>(
    node: Option<Node<'a>>,
    at: &str,
) -> Result<impl Iterator<Item = Node<'a>> + use<'a>, CodecError> {
    let node = node.filter(|node| !node.is_null());
    if let Some(node) = node.filter(|node| node.kind() != Kind::Array) {
        // serde_json finds the words, as for all that is read in one go.
        read::<Vec<IgnoredAny>>(node.raw(), || at.to_owned())?;
    }
    Ok(node.into_iter().flat_map(|node| node.elements()))
}

/// The refusal of one value.
pub(crate) fn invalid(path: impl Into<String>, message: impl Into<String>) -> CodecError {
    CodecError::Invalid {
        path: path.into(),
        message: message.into(),
    }
}

/// Number of bytes before a position that serde_json reports (both from 1, columns in bytes).
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive(|&b| b == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + column).min(text.len())
}

enum Level<'a> {
    Object { key: Option<&'a [u8]> },
    Array { index: usize },
}

/// Path of the value that ends at `end` bytes, or that would begin there.
fn path_at(text: &[u8], end: usize) -> String {
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut at = 0;
    while at < end {
        match text[at] {
            b'{' => levels.push(Level::Object { key: None }),
            b'[' => levels.push(Level::Array { index: 0 }),
            b'}' | b']' => {
                levels.pop();
            }
            b',' => match levels.last_mut() {
                Some(Level::Object { key }) => *key = None,
                Some(Level::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let close = string_end(text, at);
                if let Some(Level::Object { key: key @ None }) = levels.last_mut() {
                    *key = Some(&text[at + 1..close]);
                }
                at = close;
            }
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object { key: Some(key) } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&String::from_utf8_lossy(key));
            }
            Level::Object { key: None } => {}
            Level::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// Position of the quote that closes the string opened at `open`; the end of a cut text.
fn string_end(text: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its errors only")]
    struct Inner {
        word: String,
        number: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its errors only")]
    struct Outer {
        list: Vec<Inner>,
    }

    #[test]
    fn names_the_value_at_fault() {
        for (text, want) in [
            (r#"{"list":[{"word":"a"},{"word":7}]}"#, "list[1].word"),
            (r#"{"list":[{"word":[1]}]}"#, "list[0].word"),
            (r#"{"list":[{"word":{"a":1}}]}"#, "list[0].word"),
            ("{\n \"list\": [\n  {\"number\": 3}]}", "list[0]"),
            (r#"{"list":[{"word":"a","number":-3}]}"#, "list[0].number"),
            (
                r#"{"list":[{"word":"a,\"[{","number":"3"}]}"#,
                "list[0].number",
            ),
            (r#"{"list":7}"#, "list"),
            (r"{}", "body"),
            (r"[]", "body"),
        ] {
            let error = serde_json::from_str::<Outer>(text).unwrap_err();
            let CodecError::Invalid { path, .. } = refuse(text.as_bytes(), "", &error) else {
                panic!("{text}");
            };
            assert_eq!(path, want, "{text}: {error}");
        }
        let cut = r#"{"list":"#;
        let error = serde_json::from_str::<Outer>(cut).unwrap_err();
        let refused = refuse(cut.as_bytes(), "", &error);
        assert!(matches!(refused, CodecError::NotJson(_)), "{refused:?}");
    }

    #[test]
    fn joins_the_path_of_a_part() {
        let text = r#"{"word":1}"#;
        let error = serde_json::from_str::<Inner>(text).unwrap_err();
        let CodecError::Invalid { path, message } = refuse(text.as_bytes(), "tools[2]", &error)
        else {
            panic!();
        };
        assert_eq!(path, "tools[2].word");
        assert_eq!(message, "invalid type: integer `1`, expected a string");
    }
}
