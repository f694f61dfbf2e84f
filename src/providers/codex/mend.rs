//! A refused body in a form that may be taken (§6).

use super::super::verdict::FailedReply;
use bytes::Bytes;
use protocol::splice::{Doc, Edits, Node};

/// Texts of a proof of thinking that another account or vendor made.
const NOT_OURS: &[&str] = &[
    "invalid_encrypted_content",
    "could not be verified",
    "could not be decrypted",
];

/// `body` without the thinking in it, when that was refused: its proof opens only for the account
/// that made it, and a conversation may have gone through several.
pub(super) fn mend(reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
    if reply.status != 400 {
        return None;
    }
    let said = String::from_utf8_lossy(reply.body);
    if !NOT_OURS.iter().any(|text| said.contains(text)) {
        return None;
    }
    without_thinking(body)
}

/// `None` when there is none in it.
pub(super) fn without_thinking(body: &Bytes) -> Option<Bytes> {
    let doc = Doc::trust(body)?;
    let input = doc.root().get("input")?;
    let is = |item: Node<'_>, kind: &str| {
        let found = item.get("type").and_then(|found| found.string());
        found.is_some_and(|found| found == kind)
    };
    let mut edits = Edits::new();
    for (index, item) in input.elements().enumerate() {
        if is(item, "reasoning") {
            edits.remove_element(input, index);
        }
    }
    if edits.is_empty() {
        return None;
    }
    for item in input.elements() {
        // These ids would name the thinking they came from.
        if !is(item, "reasoning") && item.get("id").is_some() {
            edits.remove(item, "id");
        }
    }
    Some(edits.apply(body))
}
