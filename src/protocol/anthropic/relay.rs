//! A reply whose client speaks the upstream's protocol: bytes go through as they came
//! (`matrix.md` §2). Only the head, the counts and errors are read.

use super::decoder::cut;
use super::frames;
use super::usage::Meter;
use super::wire_in::Kind;
use crate::canonical::{Failure, Usage};
use crate::codec::{Dialect, Relay, ReplyContext, Seen};
use crate::failure::decode_event;
use crate::names::NameMap;
use crate::splice::{Doc, Edits, Node, quote};
use crate::sse::{Frame, append_event};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Carries one stream.
#[derive(Debug)]
pub(super) struct AnthropicRelay {
    echo_model: Option<String>,
    names: NameMap,
    meter: Meter,
    counted: bool,
    started: bool,
    /// The upstream told why it stopped.
    stopped: bool,
    ended: bool,
}

/// `message_start` keeps its counts one level deeper than `message_delta`.
#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    message: Option<Counts<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<StopReason<'a>>,
}

#[derive(Deserialize)]
struct Counts<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StopReason<'a> {
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
}

impl AnthropicRelay {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            echo_model: context.echo_model.clone(),
            names: context.notes.names.clone(),
            meter: Meter::default(),
            counted: false,
            started: false,
            stopped: false,
            ended: false,
        }
    }

    /// Reads counts and stop reason. An event of another shape is the client's to judge.
    fn read(&mut self, data: &str) {
        let Ok(report) = serde_json::from_str::<Report<'_>>(data) else {
            return;
        };
        let usage = report.message.and_then(|message| message.usage);
        if let Some(usage) = usage.or(report.usage) {
            self.meter.add(usage);
            self.counted = true;
        }
        let word = report.delta.and_then(|delta| delta.stop_reason);
        self.stopped |= word.is_some_and(|word| !word.is_empty());
    }
}

impl Relay for AnthropicRelay {
    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen {
        if self.ended {
            return Seen::Preamble;
        }
        let Some(data) = frame.object() else {
            // Clients read the data of events they know, and stop where they cannot; without that
            // event the reply may still be whole (E-243).
            let known = frame.data.is_some() && frame.event.is_none_or(is_known);
            if !known {
                frame.append_to(out);
            }
            return Seen::Preamble;
        };
        let kind = match frame.event {
            Some(kind) => Cow::Borrowed(kind),
            None => serde_json::from_str::<Kind<'_>>(data)
                .map(|event| event.kind)
                .unwrap_or_default(),
        };
        let mut edited = None;
        let seen = match kind.as_ref() {
            "content_block_delta" | "content_block_stop" => Seen::Content,
            "content_block_start" => {
                if !self.names.is_empty() {
                    edited = edit(data, |root, edits| {
                        rename_block(root.get("content_block"), &self.names, edits);
                    });
                }
                Seen::Content
            }
            "message_start" => {
                if std::mem::replace(&mut self.started, true) {
                    // A second one makes the TypeScript SDK throw (E-183).
                    return Seen::Preamble;
                }
                self.read(data);
                if let Some(model) = &self.echo_model {
                    edited = edit(data, |root, edits| {
                        echo(root.get("message"), model, edits);
                    });
                }
                Seen::Preamble
            }
            "message_delta" => {
                self.read(data);
                Seen::Content
            }
            "message_stop" => {
                self.ended = true;
                Seen::End
            }
            "error" => {
                self.ended = true;
                Seen::Failure(Box::new(decode_event(data, Dialect::Anthropic)))
            }
            _ => Seen::Preamble,
        };
        match edited {
            Some(edited) => append_event(frame.event, &edited, out),
            None if frame.raw.is_empty() => append_event(frame.event, data.as_bytes(), out),
            None => frame.append_to(out),
        }
        seen
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Box<Failure>> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        if self.stopped {
            // The reply is complete; only its last word is missing (E-187).
            out.extend_from_slice(frames::MESSAGE_STOP);
            return None;
        }
        let failure = cut();
        frames::error(out, &failure);
        Some(Box::new(failure))
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.ended, true) {
            frames::error(out, failure);
        }
    }

    fn usage(&self) -> Option<&Usage> {
        self.counted.then(|| self.meter.usage())
    }
}

/// True for the events that the official clients read.
fn is_known(event: &str) -> bool {
    matches!(
        event,
        "message_start"
            | "message_delta"
            | "message_stop"
            | "content_block_start"
            | "content_block_delta"
            | "content_block_stop"
            | "error"
    )
}

/// A whole reply: the same bytes unless the model or tool names are due, and what it used.
pub(super) fn relay_response(raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
    let usage = serde_json::from_slice::<Counts<'_>>(raw)
        .ok()
        .and_then(|counts| counts.usage)
        .map(|usage| {
            let mut meter = Meter::default();
            meter.add(usage);
            meter.usage().clone()
        });
    let names = &context.notes.names;
    if context.echo_model.is_none() && names.is_empty() {
        return (raw.clone(), usage);
    }
    // A body that is no JSON has nothing to edit.
    let Ok(doc) = Doc::parse(raw) else {
        return (raw.clone(), usage);
    };
    let mut edits = Edits::new();
    if let Some(model) = &context.echo_model {
        echo(Some(doc.root()), model, &mut edits);
    }
    if !names.is_empty() {
        let content = doc.root().get("content");
        for block in content.iter().flat_map(Node::elements) {
            rename_block(Some(block), names, &mut edits);
        }
    }
    (edits.apply(raw), usage)
}

/// The data with the edits that `plan` notes; `None` when there are none.
fn edit(data: &str, plan: impl FnOnce(Node<'_>, &mut Edits)) -> Option<Bytes> {
    let doc = Doc::parse(data.as_bytes()).ok()?;
    let mut edits = Edits::new();
    plan(doc.root(), &mut edits);
    (!edits.is_empty()).then(|| edits.apply(&Bytes::copy_from_slice(data.as_bytes())))
}

/// Names the model of `message` as the client did.
fn echo(message: Option<Node<'_>>, model: &str, edits: &mut Edits) {
    if let Some(node) = message.and_then(|message| message.get("model"))
        && node.string().is_none_or(|upstream| upstream != model)
    {
        edits.replace(node, quote(model));
    }
}

/// Names the tool of a call as the client did.
fn rename_block(block: Option<Node<'_>>, names: &NameMap, edits: &mut Edits) {
    let Some([kind, name]) = block.map(|block| block.pick(["type", "name"])) else {
        return;
    };
    if kind.and_then(|kind| kind.string()).as_deref() != Some("tool_use") {
        return;
    }
    if let Some(node) = name
        && let Some(upstream) = node.string()
    {
        let client = names.to_client(&upstream);
        if client != upstream {
            edits.replace(node, quote(client));
        }
    }
}
