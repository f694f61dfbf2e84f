//! Dotted paths of payload rules.

use super::{Doc, Edits, Kind, Node, quote};
use bytes::Bytes;

/// Sets, or with `None` removes, the value at a dotted path of payload rules (`config.md` §4: index
/// as number, `\.` for a dot inside a name). Text in, text out; `raw` itself when nothing changes.
///
/// Objects are created on the way, also in place of a scalar. In an array the index of the length,
/// or `-1`, appends; beyond that, and for names, there is nothing to set. `raw` must be valid JSON.
pub fn set_path(raw: &Bytes, path: &str, json: Option<&str>) -> Bytes {
    let parts = split(path);
    let (Some(doc), Some((last, way))) = (Doc::trust(raw), parts.split_last()) else {
        return raw.clone();
    };
    let mut edits = Edits::new();
    let mut node = doc.root();
    for (n, part) in way.iter().enumerate() {
        let rest = parts.get(n + 1..).unwrap_or_default();
        match child(node, part) {
            Some(inner) if matches!(inner.kind(), Kind::Object | Kind::Array) => node = inner,
            Some(scalar) => {
                if let Some(json) = json {
                    edits.replace(scalar, nested(rest, json));
                }
                return edits.apply(raw);
            }
            None => {
                if let Some(json) = json {
                    put(&mut edits, node, part, nested(rest, json));
                }
                return edits.apply(raw);
            }
        }
    }
    match (json, node.kind()) {
        (Some(json), _) => put(&mut edits, node, last, json.to_owned()),
        (None, Kind::Array) => {
            if let Ok(index) = last.parse() {
                edits.remove_element(node, index);
            }
        }
        (None, _) => edits.remove(node, last),
    }
    edits.apply(raw)
}

/// True when the dotted path exists in `raw`; `null` counts as existing.
pub fn has_path(raw: &[u8], path: &str) -> bool {
    get_path(raw, path).is_some()
}

/// The JSON text at a dotted path; `None` when it does not exist. `raw` must be valid JSON.
pub fn get_path<'a>(raw: &'a [u8], path: &str) -> Option<&'a str> {
    let parts = split(path);
    if parts.is_empty() {
        return None;
    }
    let node = parts
        .iter()
        .try_fold(Doc::trust(raw)?.root(), |node, part| child(node, part))?;
    Some(node.raw())
}

/// Parts of a path; none for the empty path.
fn split(path: &str) -> Vec<String> {
    if path.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '.' => {
                parts.push(String::new());
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn child<'a>(node: Node<'a>, part: &str) -> Option<Node<'a>> {
    match node.kind() {
        Kind::Object => node.get(part),
        Kind::Array => node.elements().nth(part.parse().ok()?),
        _ => None,
    }
}

fn put(edits: &mut Edits, node: Node<'_>, part: &str, json: String) {
    match node.kind() {
        Kind::Object => edits.set(node, part, json),
        Kind::Array => match child(node, part) {
            Some(element) => edits.replace(element, json),
            None => {
                let n = node.elements().count();
                if part == "-1" || part.parse() == Ok(n) {
                    edits.insert_element(node, n, json);
                }
            }
        },
        _ => {}
    }
}

/// `json` inside one object per part.
fn nested(parts: &[String], json: &str) -> String {
    parts.iter().rev().fold(json.to_owned(), |inner, part| {
        format!("{{{}:{inner}}}", quote(part))
    })
}
