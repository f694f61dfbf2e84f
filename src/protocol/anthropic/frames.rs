//! Writing server-sent events. Each has an `event:` line equal to `data.type`: the SDKs dispatch on
//! it (`anthropic-messages.md` §7).

use super::wire::Block;
use crate::canonical::Failure;
use crate::failure::anthropic_body;
use crate::raw::RawJson;
use serde::Serialize;
use std::borrow::Cow;

/// The event that keeps a stream alive behind `message_start`.
pub(super) const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// The end of a message.
pub(super) const MESSAGE_STOP: &[u8] =
    b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[derive(Serialize)]
struct BlockStart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
    content_block: &'a Block<'a>,
}

#[derive(Serialize)]
struct BlockDelta<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
    delta: &'a T,
}

#[derive(Serialize)]
struct CitationDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    citation: &'a RawJson,
}

/// One whole event.
pub(super) fn event<T: Serialize>(out: &mut Vec<u8>, name: &str, data: &T) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let start = out.len();
    json(out, data);
    end_of_data(out, start);
}

/// The `error` event; an error of this protocol goes out as it came.
pub(super) fn error(out: &mut Vec<u8>, failure: &Failure) {
    out.extend_from_slice(b"event: error\ndata: ");
    let start = out.len();
    out.extend_from_slice(&anthropic_body(failure));
    end_of_data(out, start);
}

/// Closes a frame whose data begins at `start`. Carried JSON may be printed over several lines, a
/// frame's data is one: inside strings line ends are escaped, so only white space between tokens
/// changes.
fn end_of_data(out: &mut Vec<u8>, start: usize) {
    for byte in out.iter_mut().skip(start) {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// `content_block_start`.
pub(super) fn block_start(out: &mut Vec<u8>, index: usize, block: &Block<'_>) {
    let kind = "content_block_start";
    let content_block = block;
    event(
        out,
        kind,
        &BlockStart {
            kind,
            index,
            content_block,
        },
    );
}

/// `content_block_delta` with one text field: the hot path of a stream.
pub(super) fn text_delta(out: &mut Vec<u8>, index: usize, kind: TextDelta, text: &str) {
    let (name, field) = match kind {
        TextDelta::Text => ("text_delta", "text"),
        TextDelta::Thinking => ("thinking_delta", "thinking"),
        TextDelta::Signature => ("signature_delta", "signature"),
        TextDelta::Json => ("input_json_delta", "partial_json"),
    };
    out.extend_from_slice(
        b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
    );
    json(out, &index);
    out.extend_from_slice(b",\"delta\":{\"type\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(field.as_bytes());
    out.extend_from_slice(b"\":");
    json(out, text);
    out.extend_from_slice(b"}}\n\n");
}

/// Deltas that consist of one text.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextDelta {
    Text,
    Thinking,
    Signature,
    Json,
}

/// `content_block_delta` with a citation.
pub(super) fn citation_delta(out: &mut Vec<u8>, index: usize, citation: &RawJson) {
    let delta = CitationDelta {
        kind: "citations_delta",
        citation,
    };
    block_delta(out, index, &delta);
}

/// `content_block_delta` with any delta.
pub(super) fn block_delta<T: Serialize>(out: &mut Vec<u8>, index: usize, delta: &T) {
    let kind = "content_block_delta";
    event(out, kind, &BlockDelta { kind, index, delta });
}

/// `content_block_stop`.
pub(super) fn block_stop(out: &mut Vec<u8>, index: usize) {
    out.extend_from_slice(
        b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
    );
    json(out, &index);
    out.extend_from_slice(b"}\n\n");
}

/// A block that is known whole, as a stream shows it: what clients read from deltas comes in deltas.
pub(super) fn whole_block(out: &mut Vec<u8>, index: usize, block: &Block<'_>) {
    match block {
        Block::Text {
            text, citations, ..
        } => {
            block_start(out, index, &Block::text(""));
            text_delta(out, index, TextDelta::Text, text);
            for citation in citations {
                citation_delta(out, index, citation);
            }
        }
        Block::Thinking {
            thinking,
            signature,
        } => {
            block_start(out, index, &empty_thinking());
            if !thinking.is_empty() {
                text_delta(out, index, TextDelta::Thinking, thinking);
            }
            text_delta(out, index, TextDelta::Signature, signature);
        }
        Block::ToolUse {
            id,
            name,
            input,
            caller,
            ..
        } => {
            let start = Block::ToolUse {
                id: Cow::Borrowed(id),
                name: Cow::Borrowed(name),
                input: empty_object(),
                caller: *caller,
                cache_control: None,
            };
            block_start(out, index, &start);
            text_delta(out, index, TextDelta::Json, input.as_str());
        }
        Block::ServerToolUse { id, name, input } => {
            let start = Block::ServerToolUse {
                id: Cow::Borrowed(id),
                name: Cow::Borrowed(name),
                input: empty_object(),
            };
            block_start(out, index, &start);
            text_delta(out, index, TextDelta::Json, input.as_str());
        }
        whole => block_start(out, index, whole),
    }
    block_stop(out, index);
}

/// The start of a thinking block.
pub(super) fn empty_thinking() -> Block<'static> {
    Block::Thinking {
        thinking: Cow::Borrowed(""),
        signature: Cow::Borrowed(""),
    }
}

/// `{}`
pub(super) fn empty_object() -> RawJson {
    RawJson::from(serde_json::Value::Object(serde_json::Map::new()))
}

/// Appends `value` as JSON. The shapes of this protocol have string keys only and a `Vec` takes every
/// byte, so this cannot fail.
pub(super) fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "a shape that is no JSON: {written:?}");
}
