//! Instructions as the service takes them: one message, in front, marked for its cache (§7). Pure.

use bytes::Bytes;
use protocol::splice::{Doc, Edits, Node};

const MARK: &str = r#"{"type":"ephemeral"}"#;

/// The body with all instructions in one message of parts; the same bytes without instructions, and
/// when they are in that form already.
pub(super) fn with_one_system(body: &Bytes) -> Bytes {
    let root = Doc::trust(body).map(|doc| doc.root());
    let Some(messages) = root.and_then(|root| root.get("messages")) else {
        return body.clone();
    };
    let mut edits = Edits::new();
    let mut parts: Vec<String> = Vec::new();
    let (mut places, mut in_form) = (Vec::new(), true);
    for (n, message) in messages.elements().enumerate() {
        let [role, content] = message.pick(["role", "content"]);
        if !role.is_some_and(|role| matches!(role.raw(), "\"system\"" | "\"developer\"")) {
            continue;
        }
        places.push(n);
        match content {
            Some(content) if content.string().is_some() => {
                in_form = false;
                if content.string().is_some_and(|text| !text.trim().is_empty()) {
                    let text = content.raw();
                    parts.push(format!(r#"{{"type":"text","text":{text}}}"#));
                }
            }
            Some(content) => parts.extend(content.elements().map(|part| part.raw().to_owned())),
            None => {}
        }
    }
    let Some(first) = parts.first_mut() else {
        return body.clone();
    };
    let marked = marked(first);
    in_form &= places == [0] && marked == *first;
    if in_form {
        return body.clone();
    }
    *first = marked;
    for place in places {
        edits.remove_element(messages, place);
    }
    let content = parts.join(",");
    edits.insert_element(
        messages,
        0,
        format!(r#"{{"role":"system","content":[{content}]}}"#),
    );
    edits.apply(body)
}

/// A part with the mark of the cache, unless it has one.
fn marked(part: &str) -> String {
    let raw = Bytes::copy_from_slice(part.as_bytes());
    let root = Doc::trust(&raw).map(|doc| doc.root());
    let has_mark = |root: &Node<'_>| root.get("cache_control").is_some();
    let Some(root) = root.filter(|root| !has_mark(root)) else {
        return part.to_owned();
    };
    let mut edits = Edits::new();
    edits.set(root, "cache_control", MARK);
    String::from_utf8_lossy(&edits.apply(&raw)).into_owned()
}
