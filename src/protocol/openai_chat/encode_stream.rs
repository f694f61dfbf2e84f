//! Events → chunks for a client (`matrix.md` §5.2, column chat).

use super::chunks::Chunks;
use super::errors::push_error_frame;
use super::finish::finish_word;
use super::message::{
    Annotations, ThinkingOut, call_name, declared_custom, write_annotations, write_detail,
    write_google_signature,
};
use crate::canonical::{
    CallKind, Channel, Citation, Delta, Event, Item, ItemHead, SignatureIssuer, Start, Usage,
};
use crate::codec::{EventEncoder, ReplyContext};
use crate::tool_schema::unwrap_custom_input;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Writes the chunks of one reply.
pub(super) struct ChunkEncoder {
    context: ReplyContext,
    chunks: Chunks,
    thinking: ThinkingOut,
    choices: BTreeMap<u32, ChoiceOut>,
    /// Open items by index.
    open: BTreeMap<usize, OpenItem>,
    usage: Usage,
    /// Nothing may follow `[DONE]` or an error.
    ended: bool,
}

#[derive(Default)]
struct ChoiceOut {
    n_calls: usize,
    n_images: usize,
    /// Characters of content sent so far: citations count from the start of the content.
    n_chars: usize,
    thought: bool,
    annotations: Annotations,
}

struct OpenItem {
    choice: u32,
    kind: OpenKind,
}

enum OpenKind {
    Text {
        from: usize,
        citations: Vec<Citation>,
    },
    Reasoning(OpenThinking),
    Call(OpenCall),
    Image,
    Plain,
    Hidden,
}

struct OpenThinking {
    started: bool,
    part: usize,
    redacted: bool,
    index: usize,
}

struct OpenCall {
    /// Counts the calls of the choice.
    index: usize,
    custom: bool,
    /// Declared as custom, called as a function: the arguments wait until they can be unwrapped.
    wrapped: Option<String>,
    sent: bool,
}

impl ChunkEncoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            thinking: ThinkingOut::of(context),
            context: context.clone(),
            chunks: Chunks::default(),
            choices: BTreeMap::new(),
            open: BTreeMap::new(),
            usage: Usage::default(),
            ended: false,
        }
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        if !self.chunks.has_started() {
            self.chunks.start(start, &self.context);
            self.choice(0, out);
        }
    }

    /// The state of a choice; its first chunk tells the role.
    fn choice(&mut self, choice: u32, out: &mut Vec<u8>) -> &mut ChoiceOut {
        match self.choices.entry(choice) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.chunks.delta(choice, out, |o| {
                    o.str("role", "assistant");
                    o.str("content", "");
                });
                place.insert(ChoiceOut::default())
            }
        }
    }

    fn open_item(&mut self, index: usize, choice: u32, head: ItemHead, out: &mut Vec<u8>) {
        let state = self.choice(choice, out);
        let kind = match head {
            ItemHead::Text => OpenKind::Text {
                from: state.n_chars,
                citations: Vec::new(),
            },
            ItemHead::Reasoning { redacted, .. } => OpenKind::Reasoning(OpenThinking {
                started: false,
                part: 0,
                redacted,
                index,
            }),
            ItemHead::Refusal | ItemHead::Audio => OpenKind::Plain,
            ItemHead::Image => OpenKind::Image,
            ItemHead::Call {
                id,
                name,
                namespace,
                kind,
                ..
            } => {
                let name = call_name(namespace.as_deref(), &name);
                let at = state.n_calls;
                state.n_calls += 1;
                let wrapped = kind == CallKind::Function && declared_custom(&self.context, &name);
                let custom = wrapped || kind == CallKind::Custom;
                self.chunks.call(choice, at, (&id, &name, custom), out);
                OpenKind::Call(OpenCall {
                    index: at,
                    custom,
                    wrapped: wrapped.then(String::new),
                    sent: false,
                })
            }
            ItemHead::Server(_) | ItemHead::Opaque { .. } => OpenKind::Hidden,
        };
        self.open.insert(index, OpenItem { choice, kind });
    }

    fn delta(&mut self, index: usize, delta: Delta, out: &mut Vec<u8>) {
        let Some(OpenItem { choice, kind }) = self.open.get_mut(&index) else {
            return;
        };
        let choice = *choice;
        let Some(state) = self.choices.get_mut(&choice) else {
            return;
        };
        let chunks = &mut self.chunks;
        match (kind, delta) {
            (OpenKind::Text { .. }, Delta::Text { text, logprobs })
                if !text.is_empty() || logprobs.is_some() =>
            {
                state.n_chars += text.chars().count();
                let logprobs = logprobs.as_ref().map(|raw| raw.as_str());
                chunks.full(choice, logprobs, None, out, |o| o.str("content", &text));
            }
            (OpenKind::Text { citations, .. }, Delta::Citation(citation)) => {
                citations.push(*citation);
            }
            (OpenKind::Plain, Delta::Refusal(text)) if !text.is_empty() => {
                chunks.delta(choice, out, |o| o.str("refusal", &text));
            }
            (
                OpenKind::Plain,
                Delta::Audio {
                    id,
                    data,
                    transcript,
                    expires_at,
                },
            ) => chunks.delta(choice, out, |o| {
                o.object("audio", |o| {
                    o.opt_str("id", id.as_deref());
                    if !data.is_empty() {
                        o.str("data", &data);
                    }
                    if !transcript.is_empty() {
                        o.str("transcript", &transcript);
                    }
                    o.opt_scalar("expires_at", expires_at);
                });
            }),
            (OpenKind::Image, Delta::Image { mime, data }) => {
                chunks.image(choice, state.n_images, (&mime, &data), out);
                state.n_images += 1;
            }
            (OpenKind::Reasoning(thinking), Delta::Reasoning { channel, text })
                if !thinking.redacted && !self.thinking.hidden && !text.is_empty() =>
            {
                let text = thinking.next(state, channel, text);
                let issuer = self.context.issuer;
                chunks.delta(choice, out, |o| {
                    o.str("reasoning_content", &text.shown);
                    if self.thinking.details {
                        o.array("reasoning_details", |a| {
                            let piece = Some((text.piece(), issuer));
                            a.object(|o| write_detail(o, thinking.index, piece, None, false));
                        });
                    }
                });
            }
            (OpenKind::Reasoning(thinking), Delta::Signature(signature))
                if self.thinking.details =>
            {
                let (redacted, index) = (thinking.redacted, thinking.index);
                chunks.delta(choice, out, |o| {
                    o.array("reasoning_details", |a| {
                        a.object(|o| write_detail(o, index, None, Some(&signature), redacted));
                    });
                });
            }
            (OpenKind::Call(call), Delta::Arguments(piece)) => match &mut call.wrapped {
                Some(waiting) => waiting.push_str(&piece),
                None if piece.is_empty() => {}
                None => {
                    call.sent = true;
                    chunks.call_piece(choice, call.index, call.custom, &piece, out);
                }
            },
            (OpenKind::Call(call), Delta::Signature(signature))
                if signature.issuer == SignatureIssuer::Gemini =>
            {
                chunks.in_call(choice, call.index, out, |o| {
                    write_google_signature(o, &signature.value);
                });
            }
            _ => {}
        }
    }

    fn close_item(&mut self, index: usize, whole: Option<Box<Item>>, out: &mut Vec<u8>) {
        let Some(item) = self.open.remove(&index) else {
            return;
        };
        match item.kind {
            OpenKind::Text { from, citations } => {
                if let Some(state) = self.choices.get_mut(&item.choice) {
                    state.annotations.add(&citations, from, state.n_chars);
                }
            }
            OpenKind::Call(call) => {
                // A whole item may bring what no delta did.
                let known = match whole.as_deref() {
                    Some(Item::Call { arguments, .. }) => Some(arguments.as_str()),
                    _ => None,
                };
                if let Some(rest) = call.rest(known) {
                    self.chunks
                        .call_piece(item.choice, call.index, call.custom, &rest, out);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, choice: u32, word: &str, native: Option<&str>, out: &mut Vec<u8>) {
        let annotations = std::mem::take(&mut self.choice(choice, out).annotations);
        if !annotations.is_empty() {
            self.chunks
                .delta(choice, out, |o| write_annotations(o, &annotations));
        }
        self.chunks
            .full(choice, None, Some((word, native)), out, |_| {});
    }
}

/// A piece of thinking; a blank line in front where it has to stand apart.
struct Piece {
    shown: String,
    from: usize,
}

impl Piece {
    /// Without the blank line.
    fn piece(&self) -> &str {
        self.shown.get(self.from..).unwrap_or_default()
    }
}

impl OpenThinking {
    /// The next piece. Summary parts, and items, stand apart by a blank line.
    fn next(&mut self, state: &mut ChoiceOut, channel: Channel, text: String) -> Piece {
        const APART: &str = "\n\n";
        let next_part = matches!(channel, Channel::Summary(n) if n > self.part);
        let apart = if self.started {
            next_part
        } else {
            state.thought
        };
        if let Channel::Summary(n) = channel {
            self.part = n;
        }
        self.started = true;
        state.thought = true;
        if apart {
            Piece {
                shown: format!("{APART}{text}"),
                from: APART.len(),
            }
        } else {
            Piece {
                shown: text,
                from: 0,
            }
        }
    }
}

impl OpenCall {
    /// What was not sent yet of a call that closes; `known` are all its arguments.
    fn rest(&self, known: Option<&str>) -> Option<String> {
        let rest = match &self.wrapped {
            Some(wrapped) => {
                let text = if wrapped.is_empty() {
                    known.unwrap_or("")
                } else {
                    wrapped
                };
                unwrap_custom_input(text)
            }
            None if self.sent => return None,
            None => match known.filter(|text| !text.is_empty()) {
                Some(text) => text.to_owned(),
                None if self.custom => String::new(),
                None => "{}".to_owned(),
            },
        };
        (!rest.is_empty()).then_some(rest)
    }
}

impl EventEncoder for ChunkEncoder {
    fn encode(&mut self, event: Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Error(failure) => {
                push_error_frame(&failure, out);
                self.ended = true;
                return;
            }
            Event::KeepAlive => {
                out.extend_from_slice(super::KEEP_ALIVE);
                return;
            }
            Event::Usage(usage) => {
                self.usage.merge(*usage);
                return;
            }
            Event::Native { .. } => return,
            Event::Start(start) => {
                self.start(&start, out);
                return;
            }
            _ => self.start(&Start::default(), out),
        }
        match event {
            Event::ItemStart {
                index,
                choice,
                head,
            } => self.open_item(index, choice, head, out),
            Event::Delta { index, delta } => self.delta(index, delta, out),
            Event::ItemStop { index, whole } => self.close_item(index, whole, out),
            Event::Finish {
                choice,
                stop,
                native,
            } => self.finish(choice, finish_word(&stop), native.as_deref(), out),
            Event::End => {
                self.chunks.end(&self.usage, out);
                self.ended = true;
            }
            _ => {}
        }
    }
}
