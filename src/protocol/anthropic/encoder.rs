//! Events → the event stream of a client (`anthropic-messages.md` §7, `matrix.md` §5.2).

use super::frames::{self, TextDelta};
use super::reply::{self, Message, Shown, StopOut};
use super::usage::UsageOut;
use super::wire::Block;
use super::wire_in::Kind;
use crate::canonical::{
    CallKind, Channel, Delta, Event, Item, ItemHead, MediaSource, Signature, SignatureIssuer,
    Start, Stop, Usage,
};
use crate::codec::{Dialect, EventEncoder, ReplyContext};
use crate::linear::OneAtATime;
use crate::raw::RawJson;
use serde::Serialize;
use std::borrow::Cow;

/// Encodes one stream.
#[derive(Debug)]
pub(super) struct Encoder {
    context: ReplyContext,
    order: OneAtATime,
    /// Events that may go out now; kept for its memory.
    ready: Vec<Event>,
    phase: Phase,
    usage: Usage,
    stop: Option<Stop>,
    /// Blocks begun so far: the index of the next one.
    n_blocks: usize,
    shown: Shown,
    open: Open,
    /// Items of further candidates, which this protocol does not know.
    hidden: Vec<usize>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing came yet.
    Waiting,
    /// The head came; `message_start` waits for the next event, which often brings the counts.
    Held(Box<Start>),
    Started,
    Ended,
}

/// The item whose block is being written.
#[derive(Debug)]
enum Open {
    Nothing,
    /// Text and refusals. The block begins with the first text: an empty one would be refused when
    /// the client sends it back.
    Text {
        begun: bool,
        signature: Option<Signature>,
    },
    Thinking {
        begun: bool,
        channel: Option<Channel>,
        signature: Option<Signature>,
    },
    Redacted(Option<Signature>),
    Call(Box<OpenCall>),
    /// A block of this protocol, begun.
    Native,
    /// An item that is written at its end.
    AtEnd(Box<Item>),
}

#[derive(Debug)]
struct OpenCall {
    id: String,
    name: String,
    caller: Option<RawJson>,
    begun: bool,
    /// Gemini signatures belong in front of the call and may come behind its arguments; its calls
    /// arrive whole, so waiting for the end costs nothing. Free text must be wrapped as one.
    until_stop: bool,
    kind: CallKind,
    held: String,
    signature: Option<Signature>,
}

#[derive(Serialize)]
struct MessageStart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct MessageDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: StopOut<'a>,
    usage: UsageOut,
}

impl Encoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            order: OneAtATime::default(),
            ready: Vec::new(),
            phase: Phase::Waiting,
            usage: Usage::default(),
            stop: None,
            n_blocks: 0,
            shown: Shown::default(),
            open: Open::Nothing,
            hidden: Vec::new(),
        }
    }

    /// True for events of candidates beyond the first.
    fn is_hidden(&mut self, event: &Event) -> bool {
        match event {
            Event::ItemStart { index, choice, .. } if *choice > 0 => {
                self.hidden.push(*index);
                true
            }
            Event::Delta { index, .. } | Event::ItemStop { index, .. } => {
                self.hidden.contains(index)
            }
            Event::Finish { choice, .. } => *choice > 0,
            _ => false,
        }
    }

    fn write(&mut self, event: Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                if matches!(self.phase, Phase::Waiting) {
                    self.phase = Phase::Held(start);
                }
            }
            Event::Usage(usage) => {
                self.usage.merge(*usage);
                if matches!(self.phase, Phase::Held(_)) {
                    self.begin(out);
                }
            }
            Event::ItemStart { head, .. } => {
                self.begin(out);
                self.open_item(head, out);
            }
            Event::Delta { delta, .. } => self.grow(delta, out),
            Event::ItemStop { whole, .. } => self.close_item(whole, out),
            Event::Finish { stop, .. } => self.stop = Some(stop),
            Event::Native { dialect, raw } => {
                if dialect == Dialect::Anthropic {
                    self.begin(out);
                    native(&raw, out);
                }
            }
            Event::KeepAlive => {
                if matches!(self.phase, Phase::Held(_)) {
                    self.begin(out);
                }
                if matches!(self.phase, Phase::Started) {
                    out.extend_from_slice(frames::PING);
                }
            }
            Event::Error(failure) => {
                frames::error(out, &failure);
                self.phase = Phase::Ended;
            }
            Event::End => self.end(out),
        }
    }

    /// Writes `message_start`, once.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let start = match std::mem::replace(&mut self.phase, Phase::Started) {
            Phase::Waiting => Box::default(),
            Phase::Held(start) => start,
            old @ (Phase::Started | Phase::Ended) => {
                self.phase = old;
                return;
            }
        };
        let kind = "message_start";
        let message = Message::begun(&start, &self.usage, &self.context);
        frames::event(out, kind, &MessageStart { kind, message });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.close_item(None, out);
        let stop = self.shown.settle(self.stop.take());
        self.shown.count_searches(&mut self.usage);
        let kind = "message_delta";
        let end = MessageDelta {
            kind,
            delta: StopOut::new(&stop),
            usage: UsageOut::new(&self.usage, None),
        };
        frames::event(out, kind, &end);
        out.extend_from_slice(frames::MESSAGE_STOP);
        self.phase = Phase::Ended;
    }

    fn open_item(&mut self, head: ItemHead, out: &mut Vec<u8>) {
        self.open = match head {
            ItemHead::Text | ItemHead::Refusal => Open::Text {
                begun: false,
                signature: None,
            },
            ItemHead::Reasoning { redacted: true, .. } => Open::Redacted(None),
            ItemHead::Reasoning {
                redacted: false, ..
            } => Open::Thinking {
                begun: false,
                channel: None,
                signature: None,
            },
            ItemHead::Call {
                id,
                name,
                namespace,
                kind,
                caller,
                ..
            } => {
                let n = self.shown.n_calls;
                self.shown.n_calls += 1;
                Open::Call(Box::new(OpenCall {
                    id: reply::call_id(&id, &self.context, n),
                    name: reply::flat_name(namespace.as_deref(), &name).into_owned(),
                    caller,
                    begun: false,
                    until_stop: kind == CallKind::Custom
                        || self.context.issuer == SignatureIssuer::Gemini,
                    kind,
                    held: String::new(),
                    signature: None,
                }))
            }
            ItemHead::Server(tool) if tool.dialect == Dialect::Anthropic => {
                self.begin_native(&tool.raw, out)
            }
            ItemHead::Opaque {
                dialect: Dialect::Anthropic,
                raw,
            } => self.begin_native(&raw, out),
            ItemHead::Server(tool) => Open::AtEnd(Box::new(Item::Server(tool))),
            ItemHead::Image => Open::AtEnd(Box::new(Item::Image {
                source: nowhere(),
                detail: None,
                cache: None,
            })),
            ItemHead::Audio => Open::AtEnd(Box::new(Item::Audio {
                source: nowhere(),
                transcript: None,
                id: None,
            })),
            ItemHead::Opaque { .. } => Open::Nothing,
        };
    }

    fn begin_native(&mut self, raw: &RawJson, out: &mut Vec<u8>) -> Open {
        self.begin_block(&Block::Verbatim(raw), out);
        Open::Native
    }

    fn begin_block(&mut self, block: &Block<'_>, out: &mut Vec<u8>) {
        frames::block_start(out, self.n_blocks, block);
        self.n_blocks += 1;
    }

    /// Index of the block that is open.
    fn at(&self) -> usize {
        self.n_blocks.saturating_sub(1)
    }

    fn whole(&mut self, block: &Block<'_>, out: &mut Vec<u8>) {
        frames::whole_block(out, self.n_blocks, block);
        self.n_blocks += 1;
    }

    fn grow(&mut self, delta: Delta, out: &mut Vec<u8>) {
        match delta {
            Delta::Text { text, .. } | Delta::Refusal(text) => self.text(&text, out),
            Delta::Citation(citation) => {
                if matches!(self.open, Open::Text { .. })
                    && let Some(citation) = reply::citation(&citation)
                {
                    self.begin_text(out);
                    frames::citation_delta(out, self.at(), &citation);
                }
            }
            Delta::Reasoning { channel, text } => self.thinking(channel, &text, out),
            Delta::Signature(new) => match &mut self.open {
                Open::Text { signature, .. } | Open::Thinking { signature, .. } => {
                    *signature = Some(new);
                }
                Open::Redacted(data) => *data = Some(new),
                Open::Call(call) => call.signature = Some(new),
                Open::Nothing | Open::Native | Open::AtEnd(_) => {}
            },
            Delta::Arguments(piece) => self.arguments(&piece, out),
            Delta::Image { mime, .. } => {
                if let Open::AtEnd(item) = &mut self.open
                    && let Item::Image { source, .. } = item.as_mut()
                {
                    // Only the type is shown: the picture itself has no place.
                    *source = MediaSource::Base64 {
                        mime,
                        data: String::new(),
                    };
                }
            }
            Delta::Audio {
                transcript: piece, ..
            } => {
                if let Open::AtEnd(item) = &mut self.open
                    && let Item::Audio { transcript, .. } = item.as_mut()
                {
                    transcript.get_or_insert_default().push_str(&piece);
                }
            }
            Delta::Server(raw) => {
                if matches!(self.open, Open::Native) {
                    frames::block_delta(out, self.at(), &raw);
                }
            }
        }
    }

    fn begin_text(&mut self, out: &mut Vec<u8>) {
        if let Open::Text { begun, .. } = &mut self.open
            && !std::mem::replace(begun, true)
        {
            self.begin_block(&Block::text(""), out);
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() && matches!(self.open, Open::Text { .. }) {
            self.begin_text(out);
            frames::text_delta(out, self.at(), TextDelta::Text, text);
        }
    }

    fn thinking(&mut self, new: Channel, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() || reply::hides_thinking(&self.context) {
            return;
        }
        let Open::Thinking { begun, channel, .. } = &mut self.open else {
            return;
        };
        let next_part = match (*channel, new) {
            (None, _) | (Some(Channel::Raw), Channel::Raw) => false,
            (Some(Channel::Summary(old)), Channel::Summary(new)) => new != old,
            // One text per block: the channel that spoke first.
            _ => return,
        };
        *channel = Some(new);
        let begins = !std::mem::replace(begun, true);
        if begins {
            self.begin_block(&frames::empty_thinking(), out);
        }
        if next_part {
            frames::text_delta(out, self.at(), TextDelta::Thinking, "\n\n");
        }
        frames::text_delta(out, self.at(), TextDelta::Thinking, text);
    }

    fn arguments(&mut self, piece: &str, out: &mut Vec<u8>) {
        let Open::Call(call) = &mut self.open else {
            return;
        };
        if call.until_stop {
            call.held.push_str(piece);
            return;
        }
        if piece.is_empty() {
            return;
        }
        self.begin_call(out);
        frames::text_delta(out, self.at(), TextDelta::Json, piece);
    }

    /// Writes the start of the open call, once, and the block of its signature in front.
    fn begin_call(&mut self, out: &mut Vec<u8>) {
        let Open::Call(call) = &mut self.open else {
            return;
        };
        if std::mem::replace(&mut call.begun, true) {
            return;
        }
        let signature = call.signature.as_ref().map(reply::call_signature);
        let (id, name) = (std::mem::take(&mut call.id), std::mem::take(&mut call.name));
        let caller = call.caller.take();
        if let Some(block) = signature {
            self.whole(&block, out);
        }
        let start = Block::ToolUse {
            id: Cow::Owned(id),
            name: Cow::Owned(name),
            input: frames::empty_object(),
            caller: caller.as_ref(),
            cache_control: None,
        };
        self.begin_block(&start, out);
    }

    fn close_item(&mut self, whole: Option<Box<Item>>, out: &mut Vec<u8>) {
        if let Open::Call(_) = self.open {
            self.begin_call(out);
        }
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Text { begun, signature } => {
                if begun {
                    frames::block_stop(out, self.at());
                }
                if let Some(signature) = signature {
                    self.whole(&reply::text_signature(&signature), out);
                }
            }
            Open::Thinking {
                begun, signature, ..
            } => {
                // A repeated item carries the final signature (E-50).
                let signature = signature_of(whole).or(signature);
                if begun || signature.is_some() {
                    if !begun {
                        self.begin_block(&frames::empty_thinking(), out);
                    }
                    let value = reply::signature_value(signature.as_ref());
                    frames::text_delta(out, self.at(), TextDelta::Signature, &value);
                    frames::block_stop(out, self.at());
                }
            }
            Open::Redacted(data) => {
                if let Some(data) = signature_of(whole).or(data) {
                    self.whole(&reply::redacted(&data), out);
                }
            }
            Open::Call(call) => {
                let at = self.at();
                if call.kind == CallKind::Custom {
                    let input = reply::wrapped_input(&call.held);
                    frames::text_delta(out, at, TextDelta::Json, input.as_str());
                } else if !call.held.is_empty() {
                    frames::text_delta(out, at, TextDelta::Json, &call.held);
                }
                frames::block_stop(out, at);
            }
            Open::Native => frames::block_stop(out, self.at()),
            Open::AtEnd(item) => {
                let item = whole.unwrap_or(item);
                let mut blocks = Vec::new();
                reply::push_blocks(&item, &self.context, &mut self.shown, &mut blocks);
                for block in &blocks {
                    self.whole(block, out);
                }
            }
        }
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: Event, out: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Ended) || self.is_hidden(&event) {
            return;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.order.push(event, &mut ready);
        for event in ready.drain(..) {
            self.write(event, out);
        }
        self.ready = ready;
    }
}

fn nowhere() -> MediaSource {
    MediaSource::Base64 {
        mime: String::new(),
        data: String::new(),
    }
}

fn signature_of(whole: Option<Box<Item>>) -> Option<Signature> {
    match *whole? {
        Item::Reasoning { signature, .. } => signature,
        _ => None,
    }
}

/// An event of this protocol that means nothing to others.
fn native(raw: &RawJson, out: &mut Vec<u8>) {
    // Without a type no client would dispatch it.
    if let Ok(Kind { kind }) = raw.read::<Kind<'_>>() {
        frames::event(out, &kind, raw);
    }
}
