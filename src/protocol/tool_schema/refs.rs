//! Local references (`$ref`), by JSON pointer.

use crate::splice::{Kind, Node};
use std::borrow::Cow;

/// The schema that `pointer` (`#`, `#/$defs/Name`) means; `None` for anchors, other documents and
/// what does not exist.
pub(super) fn target<'a>(root: Node<'a>, pointer: &str) -> Option<Node<'a>> {
    let path = pointer.strip_prefix('#')?;
    if path.is_empty() {
        return Some(root);
    }
    path.strip_prefix('/')?
        .split('/')
        .try_fold(root, |node, token| match node.kind() {
            Kind::Object => node.get(&unescape(token)),
            Kind::Array => node.elements().nth(token.parse().ok()?),
            _ => None,
        })
}

/// What a person calls the schema behind `pointer`: its last part.
pub(super) fn name(pointer: &str) -> Cow<'_, str> {
    let last = pointer.rsplit(['/', '#']).next().unwrap_or_default();
    if last.is_empty() {
        Cow::Borrowed("root")
    } else {
        unescape(last)
    }
}

/// Undoes the two escapes around a pointer token: `%` of the URL, then `~` of the pointer.
fn unescape(token: &str) -> Cow<'_, str> {
    if !token.contains(['%', '~']) {
        return Cow::Borrowed(token);
    }
    let plain = percent_decoded(token).unwrap_or_else(|| token.to_owned());
    Cow::Owned(plain.replace("~1", "/").replace("~0", "~"))
}

fn percent_decoded(token: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (hex, after) = after.split_at_checked(2)?;
            let hex = std::str::from_utf8(hex).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}
