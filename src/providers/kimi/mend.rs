//! A conversation whose client dropped the thinking in front of its calls (§7). Pure.

use super::super::verdict::FailedReply;
use super::history::UNKNOWN;
use bytes::Bytes;
use protocol::Dialect;
use protocol::splice::{Doc, Edits, Node, quote};
use std::borrow::Cow;

/// "thinking is enabled but reasoning_content is missing in assistant tool call message at index 6"
const MISSING: &str = "reasoning_content is missing";

/// The refused body with a thinking block in front of the calls that have none: the latest thinking,
/// else the visible text, else a note. The service does not read signatures. (Chat bodies get theirs
/// before they go out.)
pub(super) fn mend(reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
    let refused = reply.status == 400 && reply.dialect == Dialect::Anthropic;
    if !refused || !String::from_utf8_lossy(reply.body).contains(MISSING) {
        return None;
    }
    let messages = Doc::trust(body)?.root().get("messages")?;
    let mut edits = Edits::new();
    let mut latest: Option<Cow<'_, str>> = None;
    for message in messages.elements() {
        let [role, content] = message.pick(["role", "content"]);
        let Some(content) = content.filter(|_| role.is_some_and(|r| r.raw() == "\"assistant\""))
        else {
            continue;
        };
        let texts = |kind: &'static str, key: &'static str| {
            let blocks = content.elements().filter(move |block| is(*block, kind));
            blocks.filter_map(move |block| block.get(key)?.string())
        };
        if content.elements().any(|block| is(block, "thinking")) {
            let text = texts("thinking", "thinking").last();
            latest = text.filter(|text| !text.trim().is_empty()).or(latest);
        } else if content.elements().any(|block| is(block, "tool_use")) {
            let text = latest.clone().or_else(|| texts("text", "text").next());
            let text = quote(text.as_deref().unwrap_or(UNKNOWN));
            let block = format!(r#"{{"type":"thinking","thinking":{text},"signature":""}}"#);
            edits.insert_element(content, 0, block);
        }
    }
    (!edits.is_empty()).then(|| edits.apply(body))
}

fn is(block: Node<'_>, kind: &str) -> bool {
    let found = block.get("type").and_then(|found| found.string());
    found.is_some_and(|found| found == kind)
}
