//! A conversation whose thinking the service does not recognize (§6).

use super::super::verdict::FailedReply;
use bytes::Bytes;
use protocol::splice::{Doc, Edits, Node};

/// The refused body without the thinking of its history; for signatures that look right and are
/// not: of another account, or of a model behind another service.
pub(super) fn mend(reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
    if reply.status != 400 || !is_about_signatures(reply.body) {
        return None;
    }
    let root = Doc::trust(body)?.root();
    let [messages, thinking, management] =
        root.pick(["messages", "thinking", "context_management"]);
    let messages = messages?;
    let mut edits = Edits::new();
    let mut waits_for_results = false;
    for (n, message) in messages.elements().enumerate() {
        let [role, content] = message.pick(["role", "content"]);
        let Some(content) = content else { continue };
        if !role.is_some_and(|role| is_text(role, &["assistant"])) {
            waits_for_results = content
                .elements()
                .any(|block| is_of_type(block, &["tool_result"]));
            continue;
        }
        waits_for_results = false;
        let n_blocks = content.elements().count();
        let thoughts: Vec<usize> = content
            .elements()
            .enumerate()
            .filter(|(_, block)| is_of_type(*block, &["thinking", "redacted_thinking"]))
            .map(|(at, _)| at)
            .collect();
        if thoughts.len() == n_blocks && n_blocks > 0 {
            edits.remove_element(messages, n);
            continue;
        }
        for at in thoughts {
            edits.remove_element(content, at);
        }
    }
    if edits.is_empty() {
        return None;
    }
    // Inside a tool loop thinking by budget has to go on from the thinking that is gone now.
    let by_budget = thinking.is_some_and(|thinking| is_of_type(thinking, &["enabled"]));
    if by_budget && waits_for_results {
        edits.set(root, "thinking", r#"{"type":"disabled"}"#);
        // Edits of thinking are refused where there is none.
        if management.is_some_and(|management| management.raw().contains("\"clear_thinking")) {
            edits.remove(root, "context_management");
        }
    }
    Some(edits.apply(body))
}

/// "messages.1.content.0: Invalid `signature` in `thinking` block"
fn is_about_signatures(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.contains("signature") && text.contains("thinking")
}

fn is_of_type(block: Node<'_>, kinds: &[&str]) -> bool {
    block.get("type").is_some_and(|kind| is_text(kind, kinds))
}

fn is_text(node: Node<'_>, wanted: &[&str]) -> bool {
    node.string().is_some_and(|text| wanted.contains(&&*text))
}
