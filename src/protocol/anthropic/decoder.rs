//! An upstream's stream or whole reply → events (`anthropic-messages.md` §6, §7; `matrix.md` §5.1).

use super::decode_content::{is_server_kind, server_tool};
use super::pieces::{completed, push_citation, push_text, push_thinking};
use super::usage::Meter;
use super::wire_in::{
    Block, BlockDelta, BlockStart, BlockStop, Head, Kind, MessageDelta, MessageStart, RawDelta,
    StopIn,
};
use super::words;
use crate::canonical::{
    CallKind, Delta, Event, Failure, Item, ItemHead, ServerTool, Signature, SignaturePlace, Start,
    Stop,
};
use crate::codec::{Dialect, EventDecoder, ReplyContext};
use crate::failure::decode_event;
use crate::raw::RawJson;
use crate::sse::Frame;
use crate::stop::{Calls, settle};
use serde_json::value::RawValue;

/// Decodes one stream.
#[derive(Debug)]
pub(super) struct Decoder {
    context: ReplyContext,
    started: bool,
    ended: bool,
    /// Blocks that began and did not stop. One in a sound stream.
    open: Vec<Open>,
    /// Items begun so far. The indexes of the stream are not trusted (E-183).
    n_items: usize,
    meter: Meter,
    /// The stop reason and the upstream's word for it.
    stop: Option<(Stop, String)>,
    calls: Calls,
    /// The last frame could not be read. Forgiven when a good one follows (E-243).
    unreadable: Option<String>,
}

#[derive(Debug)]
struct Open {
    /// Index in the stream.
    wire: u64,
    /// Index of the item.
    index: usize,
    kind: OpenKind,
}

#[derive(Debug)]
enum OpenKind {
    Text,
    Thinking,
    Redacted,
    Call {
        /// The `input` of the start: counts when no delta comes (E-181).
        input: Option<String>,
    },
    /// The forced tool whose input is the answer text (E-115).
    Structured {
        input: Option<String>,
    },
    Server {
        tool: Box<ServerTool>,
        input: String,
        compacted: Vec<(&'static str, RawJson)>,
    },
    Opaque,
}

impl Decoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            started: false,
            ended: false,
            open: Vec::new(),
            n_items: 0,
            meter: Meter::default(),
            stop: None,
            calls: Calls::default(),
            unreadable: None,
        }
    }

    fn event(
        &mut self,
        kind: &str,
        data: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), serde_json::Error> {
        match kind {
            "content_block_delta" => self.delta(data, out)?,
            "content_block_start" => {
                let start: BlockStart<'_> = serde_json::from_str(data)?;
                self.begin(Start::default, out);
                if let Some(at) = self.open.iter().position(|open| open.wire == start.index) {
                    let old = self.open.remove(at);
                    self.close(old, out);
                }
                self.block(start.index, start.content_block, out)?;
            }
            "content_block_stop" => {
                let stop: BlockStop = serde_json::from_str(data)?;
                if let Some(at) = self.open.iter().position(|open| open.wire == stop.index) {
                    let open = self.open.remove(at);
                    self.close(open, out);
                }
            }
            "message_start" => {
                let start: MessageStart<'_> = serde_json::from_str(data)?;
                // A second one is a fault of the upstream (E-183).
                if !self.started {
                    self.head(start.message, out);
                }
            }
            "message_delta" => {
                let delta: MessageDelta<'_> = serde_json::from_str(data)?;
                self.begin(Start::default, out);
                if let Some(usage) = delta.usage {
                    self.count(usage, out);
                }
                if let Some(stop) = delta.delta {
                    self.remember_stop(stop);
                }
            }
            "message_stop" => self.end(out),
            "ping" => out.push(Event::KeepAlive),
            "error" => self.fail(decode_event(data, Dialect::Anthropic), out),
            _ => {
                let raw = RawJson::parse(data)?;
                out.push(Event::Native {
                    dialect: Dialect::Anthropic,
                    raw,
                });
            }
        }
        Ok(())
    }

    /// Sends the head, once.
    fn begin(&mut self, start: impl FnOnce() -> Start, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start(Box::new(start())));
        }
    }

    pub(super) fn head(&mut self, head: Head<'_>, out: &mut Vec<Event>) {
        if let Some(usage) = head.usage {
            self.meter.add(usage);
        }
        let service_tier = self.meter.service_tier().map(str::to_owned);
        let start = Start {
            id: head.id,
            model: head.model,
            service_tier,
            ..Start::default()
        };
        self.begin(|| start, out);
        if head.usage.is_some() {
            out.push(Event::Usage(Box::new(self.meter.usage().clone())));
        }
    }

    fn count(&mut self, usage: &RawValue, out: &mut Vec<Event>) {
        self.meter.add(usage);
        out.push(Event::Usage(Box::new(self.meter.usage().clone())));
    }

    pub(super) fn remember_stop(&mut self, stop: StopIn<'_>) {
        if let Some(word) = stop.stop_reason.filter(|word| !word.is_empty()) {
            let reason = words::stop_of(&word, stop.stop_sequence, stop.stop_details);
            self.stop = Some((reason, word.into_owned()));
        }
    }

    fn item(&mut self, wire: u64, kind: OpenKind, head: ItemHead, out: &mut Vec<Event>) -> usize {
        let index = self.n_items;
        self.n_items += 1;
        self.open.push(Open { wire, index, kind });
        out.push(Event::ItemStart {
            index,
            choice: 0,
            head,
        });
        index
    }

    /// A block of a whole reply.
    pub(super) fn whole_block(
        &mut self,
        raw: &RawValue,
        out: &mut Vec<Event>,
    ) -> Result<(), serde_json::Error> {
        self.block(0, raw, out)?;
        if let Some(open) = self.open.pop() {
            self.close(open, out);
        }
        Ok(())
    }

    /// Opens a block, with everything that stands in its start.
    fn block(
        &mut self,
        wire: u64,
        raw: &RawValue,
        out: &mut Vec<Event>,
    ) -> Result<(), serde_json::Error> {
        let Kind { kind } = serde_json::from_str(raw.get())?;
        if is_server_kind(&kind) {
            let tool = Box::new(server_tool(RawJson::from(raw.to_owned()), &kind));
            let head = ItemHead::Server(tool.clone());
            let open = OpenKind::Server {
                tool,
                input: String::new(),
                compacted: Vec::new(),
            };
            self.item(wire, open, head, out);
            return Ok(());
        }
        match kind.as_ref() {
            "text" => {
                let block: Block = serde_json::from_str(raw.get())?;
                let index = self.item(wire, OpenKind::Text, ItemHead::Text, out);
                push_text(index, block.text, out);
                for citation in block.citations.into_iter().flatten() {
                    push_citation(index, citation, out);
                }
            }
            "thinking" => {
                let block: Block = serde_json::from_str(raw.get())?;
                let head = ItemHead::Reasoning {
                    id: None,
                    redacted: false,
                };
                let index = self.item(wire, OpenKind::Thinking, head, out);
                push_thinking(index, block.thinking, out);
                self.push_signature(index, block.signature, out);
            }
            "redacted_thinking" => {
                let block: Block = serde_json::from_str(raw.get())?;
                let head = ItemHead::Reasoning {
                    id: None,
                    redacted: true,
                };
                let index = self.item(wire, OpenKind::Redacted, head, out);
                self.push_signature(index, block.data, out);
            }
            "tool_use" => {
                let block: Block = serde_json::from_str(raw.get())?;
                self.call(wire, block, out);
            }
            _ => {
                let head = ItemHead::Opaque {
                    dialect: Dialect::Anthropic,
                    raw: RawJson::from(raw.to_owned()),
                };
                self.item(wire, OpenKind::Opaque, head, out);
            }
        }
        Ok(())
    }

    fn call(&mut self, wire: u64, block: Block, out: &mut Vec<Event>) {
        let name = block.name.unwrap_or_default();
        let input = block.input.map(|input| input.as_str().to_owned());
        let input = Some(
            input
                .filter(|text| text != "null")
                .unwrap_or_else(|| "{}".to_owned()),
        );
        if self.context.notes.structured_tool.as_ref() == Some(&name) {
            self.item(wire, OpenKind::Structured { input }, ItemHead::Text, out);
            return;
        }
        let id = block.id.filter(|id| !id.is_empty());
        let head = ItemHead::Call {
            id: id.unwrap_or_else(|| self.context.id("toolu_", 24, self.n_items)),
            item_id: None,
            name: self.context.notes.names.to_client(&name).to_owned(),
            namespace: None,
            kind: CallKind::Function,
            caller: block.caller,
        };
        self.item(wire, OpenKind::Call { input }, head, out);
    }

    fn delta(&mut self, data: &str, out: &mut Vec<Event>) -> Result<(), serde_json::Error> {
        let BlockDelta { index: wire, delta } = serde_json::from_str(data)?;
        // A delta without a start cannot be placed.
        let Some(open) = self.open.iter_mut().rfind(|open| open.wire == wire) else {
            return Ok(());
        };
        let index = open.index;
        match &mut open.kind {
            OpenKind::Text => {
                push_text(index, delta.text, out);
                if let Some(citation) = delta.citation {
                    push_citation(index, citation, out);
                }
            }
            OpenKind::Thinking => {
                push_thinking(index, delta.thinking, out);
                self.push_signature(index, delta.signature, out);
            }
            OpenKind::Call { input } => {
                if let Some(piece) = delta.partial_json.filter(|piece| !piece.is_empty()) {
                    *input = None;
                    out.push(Event::Delta {
                        index,
                        delta: Delta::Arguments(piece),
                    });
                }
            }
            OpenKind::Structured { input } => {
                if let Some(piece) = delta.partial_json.filter(|piece| !piece.is_empty()) {
                    *input = None;
                    push_text(index, Some(piece), out);
                }
            }
            OpenKind::Server {
                input, compacted, ..
            } => {
                let mut news = false;
                if let Some(piece) = &delta.partial_json {
                    input.push_str(piece);
                    news = true;
                }
                let parts = [
                    ("content", delta.content),
                    ("encrypted_content", delta.encrypted_content),
                ];
                for (key, value) in parts {
                    if let Some(value) = value {
                        compacted.push((key, RawJson::from(value.to_owned())));
                        news = true;
                    }
                }
                if news {
                    let RawDelta { delta } = serde_json::from_str(data)?;
                    out.push(Event::Delta {
                        index,
                        delta: Delta::Server(RawJson::from(delta.to_owned())),
                    });
                }
            }
            OpenKind::Redacted | OpenKind::Opaque => {}
        }
        Ok(())
    }

    fn push_signature(&self, index: usize, value: Option<String>, out: &mut Vec<Event>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let signature = Signature {
                issuer: self.context.issuer,
                value,
                place: SignaturePlace::Here,
            };
            out.push(Event::Delta {
                index,
                delta: Delta::Signature(signature),
            });
        }
    }

    /// Closes a block that is complete.
    fn close(&mut self, open: Open, out: &mut Vec<Event>) {
        let index = open.index;
        let mut whole = None;
        match open.kind {
            OpenKind::Call { input } => {
                self.calls.complete = true;
                if let Some(input) = input {
                    out.push(Event::Delta {
                        index,
                        delta: Delta::Arguments(input),
                    });
                }
            }
            OpenKind::Structured { input } => push_text(index, input, out),
            OpenKind::Server {
                tool,
                input,
                compacted,
            } => {
                whole = completed(*tool, input, compacted)
                    .map(|tool| Box::new(Item::Server(Box::new(tool))));
            }
            OpenKind::Text | OpenKind::Thinking | OpenKind::Redacted | OpenKind::Opaque => {}
        }
        out.push(Event::ItemStop { index, whole });
    }

    /// The reply is complete.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) {
        self.begin(Start::default, out);
        for open in std::mem::take(&mut self.open) {
            if let OpenKind::Call { .. } = open.kind {
                // The limit cut it: the arguments stay as far as they came.
                self.calls.cut = true;
                let (index, whole) = (open.index, None);
                out.push(Event::ItemStop { index, whole });
            } else {
                self.close(open, out);
            }
        }
        let (stop, native) = match self.stop.take() {
            Some((stop, word)) => (stop, Some(word)),
            None => (Stop::EndTurn, None),
        };
        out.push(Event::Finish {
            choice: 0,
            stop: settle(stop, self.calls),
            native,
        });
        out.push(Event::End);
        self.ended = true;
    }

    pub(super) fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        out.push(Event::Error(Box::new(failure)));
        self.ended = true;
    }
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let Some(data) = frame.data.as_deref() else {
            // A comment: the upstream is alive.
            out.push(Event::KeepAlive);
            return;
        };
        let read = match frame.event {
            Some(kind) => self.event(kind, data, out),
            // Gateways that forget the event line.
            None => {
                serde_json::from_str(data).and_then(|Kind { kind }| self.event(&kind, data, out))
            }
        };
        self.unreadable = read.err().map(|error| error.to_string());
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if let Some(error) = self.unreadable.take() {
            let text = format!("the upstream's last event cannot be read: {error}");
            self.fail(Failure::new(502, text), out);
        } else if self.stop.is_some() {
            // Some servers end without `message_stop` (E-187).
            self.end(out);
        } else {
            self.fail(cut(), out);
        }
    }
}

/// The upstream closed the connection in the middle of a reply.
pub(super) fn cut() -> Failure {
    Failure::new(502, "the upstream ended the reply before it was complete")
}
