//! What the service demands of a chat body beyond the protocol (§7). Pure.

use super::super::Call;
use super::{history, schema};
use bytes::Bytes;
use protocol::Dialect;
use protocol::splice::{Doc, Edits, Node};

/// The body of a chat call in the service's form; the same bytes when it has it already.
pub(super) fn for_chat(call: &Call<'_>) -> Bytes {
    let Some(doc) = Doc::trust(call.body) else {
        return call.body.clone();
    };
    let root = doc.root();
    let mut edits = Edits::new();
    let [effort, thinking, limit, new_limit, tools, messages] = root
        .pick([
            "reasoning_effort",
            "thinking",
            "max_tokens",
            "max_completion_tokens",
            "tools",
            "messages",
        ])
        .map(|node| node.filter(|node| !node.is_null()));
    if let Some(effort) = effort.and_then(|effort| effort.string()) {
        let keep = keep(thinking).or_else(|| {
            let chat = call.client == Dialect::OpenAiChat;
            let doc = Doc::trust(call.client_body).filter(|_| chat)?;
            keep(doc.root().get("thinking"))
        });
        edits.remove(root, "reasoning_effort");
        edits.set(root, "thinking", thought(&effort, keep));
    }
    if let Some(limit) = limit {
        edits.remove(root, "max_tokens");
        if new_limit.is_none() {
            edits.set(root, "max_completion_tokens", limit.raw());
        }
    }
    if let Some(tools) = tools {
        schema::fix(tools, &mut edits);
    }
    if let Some(messages) = messages {
        history::fix(messages, &mut edits);
    }
    edits.apply(call.body)
}

/// What of earlier thinking the client wants kept: the service's own field.
fn keep(thinking: Option<Node<'_>>) -> Option<&str> {
    let keep = thinking?.get("keep")?;
    (!keep.is_null()).then(|| keep.raw())
}

/// `thinking` for an effort, which is a word of this program's codecs or the client's own.
fn thought(effort: &str, keep: Option<&str>) -> String {
    if effort == "none" {
        return r#"{"type":"disabled"}"#.to_owned();
    }
    let effort = protocol::splice::quote(effort);
    match keep {
        Some(keep) => format!(r#"{{"type":"enabled","effort":{effort},"keep":{keep}}}"#),
        None => format!(r#"{{"type":"enabled","effort":{effort}}}"#),
    }
}
