//! The messages of a chat body as the service takes them (§7). Pure.

use protocol::splice::{Edits, Kind, Node, quote};
use std::borrow::Cow;

/// Stands for thinking that nobody remembers: absence and `""` are refused.
pub(super) const UNKNOWN: &str = "[reasoning unavailable]";

/// What earlier messages left behind.
#[derive(Default)]
struct Seen<'a> {
    /// The latest thinking.
    thinking: Option<Cow<'a, str>>,
    /// Calls without a result.
    open: Vec<Cow<'a, str>>,
}

/// Notes the edits: thinking beside calls, no empty messages and texts, ids of results.
pub(super) fn fix<'a>(messages: Node<'a>, edits: &mut Edits) {
    let mut seen = Seen::default();
    for (n, message) in messages.elements().enumerate() {
        let role = message.get("role").and_then(|role| role.string());
        match role.as_deref() {
            Some("assistant") if is_empty(message) => edits.remove_element(messages, n),
            Some("assistant") => assistant(message, &mut seen, edits),
            Some("tool") => result(message, &mut seen, edits),
            _ => {}
        }
    }
}

fn assistant<'a>(message: Node<'a>, seen: &mut Seen<'a>, edits: &mut Edits) {
    let [content, thinking, calls] = message.pick(["content", "reasoning_content", "tool_calls"]);
    let own = thinking
        .and_then(|thinking| thinking.string())
        .filter(|text| is_usable(text));
    let known = own.is_some();
    if known {
        seen.thinking = own;
    }
    let Some(calls) = calls.filter(|calls| calls.elements().next().is_some()) else {
        return;
    };
    if !known {
        let stand_in = seen.thinking.clone();
        let stand_in = stand_in.or_else(|| content.and_then(visible));
        let text = stand_in.as_deref().unwrap_or(UNKNOWN);
        edits.set(message, "reasoning_content", quote(text));
    }
    if content.is_some_and(is_blank) {
        // "text content is empty"
        edits.remove(message, "content");
    }
    let ids = calls.elements().filter_map(|call| id(call.get("id")));
    seen.open.extend(ids);
}

/// A result says which call it answers; where it does not, the only open one is meant.
fn result<'a>(message: Node<'a>, seen: &mut Seen<'a>, edits: &mut Edits) {
    let [own, other] = message.pick(["tool_call_id", "call_id"]).map(id);
    let answered = match (own, other) {
        (Some(own), _) => own,
        (None, other) => {
            let only = || match seen.open.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            };
            let Some(id) = other.or_else(only) else {
                return;
            };
            edits.set(message, "tool_call_id", quote(&id));
            id
        }
    };
    if let Some(at) = seen.open.iter().position(|open| *open == answered) {
        seen.open.remove(at);
    }
}

fn id(node: Option<Node<'_>>) -> Option<Cow<'_, str>> {
    let id = node?.string()?;
    (!id.trim().is_empty()).then_some(id)
}

fn is_usable(thinking: &str) -> bool {
    let text = thinking.trim();
    !text.is_empty() && text != UNKNOWN
}

/// Whether an assistant says nothing, calls nothing and thinks nothing.
fn is_empty(message: Node<'_>) -> bool {
    let [content, thinking, calls, call, audio, refusal] = message.pick([
        "content",
        "reasoning_content",
        "tool_calls",
        "function_call",
        "audio",
        "refusal",
    ]);
    let thinks = thinking
        .and_then(|thinking| thinking.string())
        .is_some_and(|text| !text.trim().is_empty());
    let calls = calls.is_some_and(|calls| calls.elements().next().is_some());
    let mut others = [call, audio, refusal].into_iter().flatten();
    let says = thinks || calls || others.any(|other| !other.is_null());
    content.is_none_or(is_blank) && !says
}

/// Whether content has no word and no picture.
fn is_blank(content: Node<'_>) -> bool {
    match content.kind() {
        Kind::Null => true,
        Kind::String => content.string().is_some_and(|text| text.trim().is_empty()),
        Kind::Array => content.elements().all(|part| {
            let text = part.get("text").and_then(|text| text.string());
            text.is_some_and(|text| text.trim().is_empty())
        }),
        _ => false,
    }
}

/// The text of content that people see.
fn visible(content: Node<'_>) -> Option<Cow<'_, str>> {
    let text = match content.string() {
        Some(text) => text,
        None => {
            let texts = content
                .elements()
                .filter_map(|part| part.get("text")?.string());
            let texts: Vec<_> = texts.filter(|text| !text.trim().is_empty()).collect();
            Cow::Owned(texts.join("\n"))
        }
    };
    (!text.trim().is_empty()).then_some(text)
}
