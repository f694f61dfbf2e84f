//! What a client's request is about, for the headers that depend on it (§6). Pure.

use bytes::Bytes;
use protocol::Dialect;
use protocol::splice::{Doc, Kind, Node};

/// What the service wants to know about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Content {
    /// The model's own turn goes on: the last thing in it is a tool's result, or the model's.
    pub(super) agent: bool,
    /// There are pictures in it.
    pub(super) pictures: bool,
}

impl Content {
    /// Of a request as the client sent it: translations merge and split turns.
    pub(super) fn of(client: Dialect, body: &Bytes) -> Self {
        let list = match client {
            Dialect::OpenAiChat | Dialect::Anthropic => "messages",
            Dialect::OpenAiResponses => "input",
            Dialect::Gemini => "contents",
            // A text; it has no turns.
            Dialect::OpenAiCompletions => return Self::default(),
        };
        let list = Doc::trust(body).and_then(|doc| doc.root().get(list));
        let Some(list) = list.filter(|list| list.kind() == Kind::Array) else {
            return Self::default();
        };
        Self {
            agent: list.elements().last().is_some_and(is_agents),
            pictures: list.elements().any(has_picture),
        }
    }
}

/// Whether a turn or item comes from the model or a tool.
fn is_agents(item: Node<'_>) -> bool {
    let [role, kind] = item.pick(["role", "type"]).map(|node| node?.string());
    match (role.as_deref(), kind.as_deref()) {
        (Some("assistant" | "model" | "tool" | "function"), _) => true,
        // Items of Responses that are no messages.
        (None, Some(kind)) => {
            kind.ends_with("_call") || kind.ends_with("_call_output") || kind == "reasoning"
        }
        _ => ["content", "parts"]
            .into_iter()
            .filter_map(|list| item.get(list))
            .flat_map(|list| list.elements())
            .any(is_result),
    }
}

/// Whether a part holds the result of a tool.
fn is_result(part: Node<'_>) -> bool {
    let kind = part.get("type").and_then(|kind| kind.string());
    kind.is_some_and(|kind| kind == "tool_result")
        || part.get("functionResponse").is_some()
        || part.get("function_response").is_some()
}

/// Whether there is a picture in a turn, an item or a part, results of tools included.
fn has_picture(item: Node<'_>) -> bool {
    if item.kind() != Kind::Object {
        return false;
    }
    let kind = item.get("type").and_then(|kind| kind.string());
    if matches!(kind.as_deref(), Some("image_url" | "image" | "input_image")) {
        return true;
    }
    let mimes = [
        ("inlineData", "mimeType"),
        ("inline_data", "mime_type"),
        ("fileData", "mimeType"),
        ("file_data", "mime_type"),
    ];
    let of_mime = mimes.into_iter().any(|(data, mime)| {
        let mime = item.get(data).and_then(|data| data.get(mime)?.string());
        mime.is_some_and(|mime| mime.starts_with("image/"))
    });
    of_mime
        || ["content", "parts", "output"]
            .into_iter()
            .filter_map(|list| item.get(list))
            .flat_map(|list| list.elements())
            .any(has_picture)
}
