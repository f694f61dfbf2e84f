//! The envelope around requests and replies of Code Assist (`gemini-cli.md` §4, `antigravity.md` §4).

use super::super::ShapeError;
use bytes::Bytes;
use protocol::splice::{Doc, Edits, Kind, Node, quote_into};
use std::borrow::Cow;

/// Takes the reply out of `{"response":…,"traceId":…}`. Usage that stands beside `response` moves
/// inside. Anything else, such as an error, comes back as it is.
pub fn open(json: &str) -> Cow<'_, str> {
    let Some(doc) = Doc::trust(json.as_bytes()) else {
        return Cow::Borrowed(json);
    };
    let [response, camel, snake] = doc
        .root()
        .pick(["response", "usageMetadata", "usage_metadata"]);
    let Some(response) = response.filter(|node| node.kind() == Kind::Object) else {
        return Cow::Borrowed(json);
    };
    let inner = response.raw();
    let beside = camel.or(snake).filter(|node| node.kind() == Kind::Object);
    let Some(usage) = beside else {
        return Cow::Borrowed(inner);
    };
    let text = Bytes::copy_from_slice(inner.as_bytes());
    let Some(doc) = Doc::trust(&text) else {
        return Cow::Borrowed(inner);
    };
    let mut edits = Edits::new();
    edits.remove(doc.root(), "usage_metadata");
    edits.set(doc.root(), "usageMetadata", usage.raw());
    Cow::Owned(String::from_utf8_lossy(&edits.apply(&text)).into_owned())
}

/// Puts `inner` under `request`, behind text fields in their order.
pub fn wrap(fields: &[(&str, &str)], inner: &[u8]) -> Bytes {
    let length: usize = fields.iter().map(|(k, v)| k.len() + v.len() + 8).sum();
    let mut head = String::with_capacity(length + 16);
    head.push('{');
    for (name, value) in fields {
        quote_into(name, &mut head);
        head.push(':');
        quote_into(value, &mut head);
        head.push(',');
    }
    head.push_str("\"request\":");
    let mut body = Vec::with_capacity(head.len() + inner.len() + 1);
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(inner);
    body.push(b'}');
    body.into()
}

/// A member by its name in JSON (`toolConfig`) or in protobuf (`tool_config`), with its key as written.
pub fn member<'a>(object: Node<'a>, camel: &str, snake: &str) -> Option<(Cow<'a, str>, Node<'a>)> {
    object
        .members()
        .filter(|(key, _)| *key == camel || *key == snake)
        .last()
}

/// Whether a request asks anything: without contents the service would get an empty envelope.
///
/// # Errors
///
/// [`ShapeError::BadRequest`] when it does not.
pub fn asks_something(root: Node<'_>) -> Result<(), ShapeError> {
    let asks = root.get("contents").is_some_and(|contents| {
        contents.kind() == Kind::Object || contents.elements().next().is_some()
    });
    match asks {
        true => Ok(()),
        false => Err(ShapeError::BadRequest(
            "`contents` is missing or empty".to_owned(),
        )),
    }
}

/// Edits that every inner request needs: no model name (it stands at the root), a role for the system
/// text, no content without parts (400), and no word about mixed tools, which only the public API
/// knows.
pub fn edit_inner(root: Node<'_>, edits: &mut Edits) {
    edits.remove(root, "model");
    if let Some((_, system)) = member(root, "systemInstruction", "system_instruction")
        && system.kind() == Kind::Object
        && system.get("role").is_none()
    {
        edits.set(system, "role", "\"user\"");
    }
    if let Some(contents) = root.get("contents") {
        let is_empty = |content: Node<'_>| {
            let parts = content
                .get("parts")
                .filter(|parts| parts.kind() == Kind::Array);
            parts.is_some_and(|parts| parts.elements().next().is_none())
        };
        for (index, content) in contents.elements().enumerate() {
            if is_empty(content) {
                edits.remove_element(contents, index);
            }
        }
    }
    if let Some((_, config)) = member(root, "toolConfig", "tool_config") {
        edits.remove(config, "includeServerSideToolInvocations");
        edits.remove(config, "include_server_side_tool_invocations");
    }
}

/// The body of a count: contents alone, with the system text as one of them, because the service
/// takes nothing else beside the model's name.
///
/// # Errors
///
/// [`ShapeError::Misconfigured`] for a body that is no JSON.
pub fn count_body(body: &Bytes, model: Option<&str>) -> Result<Bytes, ShapeError> {
    let doc = Doc::trust(body)
        .ok_or_else(|| ShapeError::Misconfigured("the body is not UTF-8 text".to_owned()))?;
    let whole = member(
        doc.root(),
        "generateContentRequest",
        "generate_content_request",
    );
    let root = whole.map_or(doc.root(), |(_, inner)| inner);
    let mut contents: Vec<String> = Vec::new();
    if let Some((_, system)) = member(root, "systemInstruction", "system_instruction")
        && let Some(parts) = system.get("parts").filter(|p| p.kind() == Kind::Array)
    {
        contents.push(format!("{{\"role\":\"user\",\"parts\":{}}}", parts.raw()));
    }
    let given = root.get("contents");
    contents.extend(
        given
            .iter()
            .flat_map(Node::elements)
            .map(|content| content.raw().to_owned()),
    );
    let mut inner = String::from("{");
    if let Some(model) = model {
        inner.push_str("\"model\":");
        quote_into(&format!("models/{model}"), &mut inner);
        inner.push(',');
    }
    inner.push_str("\"contents\":[");
    inner.push_str(&contents.join(","));
    inner.push_str("]}");
    Ok(wrap(&[], inner.as_bytes()))
}
