//! Events → chunks for a client (`matrix.md` §5.2, column chat).

use super::errors::push_error_frame;
use super::finish::finish_word;
use super::json::{self, Object};
use super::message::{
    Annotations, ThinkingOut, call_name, declared_custom, made_id, write_annotations, write_detail,
};
use super::usage::write_usage;
use crate::canonical::{
    Arguments, CallKind, Channel, Citation, Delta, Event, Item, ItemHead, SignatureIssuer, Start,
    Usage,
};
use crate::codec::{EventEncoder, ReplyContext};
use crate::media;
use crate::tool_schema::unwrap_custom_input;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Writes the chunks of one reply.
pub(super) struct ChunkEncoder {
    context: ReplyContext,
    /// `data: {"id":…,"model":…,"choices":[{"index":`; empty until the reply started.
    head: String,
    thinking: ThinkingOut,
    choices: BTreeMap<u32, ChoiceOut>,
    /// Open items by index.
    open: BTreeMap<usize, OpenItem>,
    usage: Usage,
    /// Nothing may follow `[DONE]` or an error.
    ended: bool,
    /// Kept for its allocation.
    frame: String,
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
    Reasoning {
        started: bool,
        part: usize,
        redacted: bool,
        index: usize,
    },
    Call(OpenCall),
    Image,
    Plain,
    Hidden,
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
            head: String::new(),
            choices: BTreeMap::new(),
            open: BTreeMap::new(),
            usage: Usage::default(),
            ended: false,
            frame: String::new(),
        }
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        if !self.head.is_empty() {
            return;
        }
        let created = start
            .created
            .filter(|at| *at > 0)
            .unwrap_or(self.context.created);
        let mut head = String::from("data: ");
        json::object(&mut head, |o| {
            o.str("id", &made_id(start.id.as_deref(), &self.context));
            o.str("object", "chat.completion.chunk");
            o.scalar("created", created);
            o.str("model", &self.context.model);
            o.opt_str("service_tier", start.service_tier.as_deref());
            o.opt_str("system_fingerprint", start.fingerprint.as_deref());
        });
        // Every chunk goes on from here.
        head.pop();
        head.push_str(",\"choices\":[");
        self.head = head;
        self.choice(0, out);
    }

    /// The state of a choice; its first chunk tells the role.
    fn choice(&mut self, choice: u32, out: &mut Vec<u8>) {
        if let Entry::Vacant(place) = self.choices.entry(choice) {
            place.insert(ChoiceOut::default());
            self.chunk(choice, out, |o| {
                o.str("role", "assistant");
                o.str("content", "");
            });
        }
    }

    /// One chunk with a delta.
    fn chunk(&mut self, choice: u32, out: &mut Vec<u8>, delta: impl FnOnce(&mut Object<'_>)) {
        self.full_chunk(choice, None, None, out, delta);
    }

    fn full_chunk(
        &mut self,
        choice: u32,
        logprobs: Option<&str>,
        finish: Option<(&str, Option<&str>)>,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut Object<'_>),
    ) {
        self.frame.clear();
        json::object(&mut self.frame, |o| {
            o.scalar("index", choice);
            o.object("delta", delta);
            match logprobs {
                Some(content) => o.object("logprobs", |o| {
                    o.raw("content", content);
                    o.raw("refusal", "null");
                }),
                None => o.raw("logprobs", "null"),
            }
            match finish {
                Some((word, native)) => {
                    o.str("finish_reason", word);
                    o.opt_str("native_finish_reason", native);
                }
                None => o.raw("finish_reason", "null"),
            }
        });
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(self.frame.as_bytes());
        out.push(b']');
        if self.context.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn open_item(&mut self, index: usize, choice: u32, head: ItemHead, out: &mut Vec<u8>) {
        self.choice(choice, out);
        let Some(state) = self.choices.get_mut(&choice) else {
            return;
        };
        let kind = match head {
            ItemHead::Text => OpenKind::Text {
                from: state.n_chars,
                citations: Vec::new(),
            },
            ItemHead::Reasoning { redacted, .. } => OpenKind::Reasoning {
                started: false,
                part: 0,
                redacted,
                index,
            },
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
                self.chunk(choice, out, |o| {
                    o.array("tool_calls", |a| {
                        a.object(|o| {
                            o.scalar("index", at);
                            o.str("id", &id);
                            write_call(o, custom, Some(&name), "");
                        });
                    });
                });
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
        // The item is put back below: its chunk needs the encoder.
        let Some(mut item) = self.open.remove(&index) else {
            return;
        };
        let choice = item.choice;
        match (&mut item.kind, delta) {
            (OpenKind::Text { .. }, Delta::Text { text, logprobs })
                if !text.is_empty() || logprobs.is_some() =>
            {
                let n_chars = text.chars().count();
                if let Some(state) = self.choices.get_mut(&choice) {
                    state.n_chars += n_chars;
                }
                let logprobs = logprobs.as_ref().map(|raw| raw.as_str());
                self.full_chunk(choice, logprobs, None, out, |o| o.str("content", &text));
            }
            (OpenKind::Text { citations, .. }, Delta::Citation(citation)) => {
                citations.push(*citation);
            }
            (OpenKind::Plain, Delta::Refusal(text)) if !text.is_empty() => {
                self.chunk(choice, out, |o| o.str("refusal", &text));
            }
            (
                OpenKind::Plain,
                Delta::Audio {
                    id,
                    data,
                    transcript,
                    expires_at,
                },
            ) => self.chunk(choice, out, |o| {
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
                let at = self.choices.get_mut(&choice).map_or(0, |state| {
                    state.n_images += 1;
                    state.n_images - 1
                });
                self.chunk(choice, out, |o| {
                    o.array("images", |a| {
                        a.object(|o| write_image(o, at, &mime, &data));
                    });
                });
            }
            (kind @ OpenKind::Reasoning { .. }, Delta::Reasoning { channel, text }) => {
                self.reasoning(choice, kind, channel, &text, out);
            }
            (
                OpenKind::Reasoning {
                    redacted, index, ..
                },
                Delta::Signature(signature),
            ) if self.thinking.details => {
                let (redacted, index) = (*redacted, *index);
                self.chunk(choice, out, |o| {
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
                    let (at, custom) = (call.index, call.custom);
                    self.call_piece(choice, at, custom, &piece, out);
                }
            },
            (OpenKind::Call(call), Delta::Signature(signature))
                if signature.issuer == SignatureIssuer::Gemini =>
            {
                let at = call.index;
                self.chunk(choice, out, |o| {
                    o.array("tool_calls", |a| {
                        a.object(|o| {
                            o.scalar("index", at);
                            super::message::write_google_signature(o, &signature.value);
                        });
                    });
                });
            }
            _ => {}
        }
        self.open.insert(index, item);
    }

    fn reasoning(
        &mut self,
        choice: u32,
        kind: &mut OpenKind,
        channel: Channel,
        text: &str,
        out: &mut Vec<u8>,
    ) {
        let OpenKind::Reasoning {
            started,
            part,
            redacted: false,
            index,
        } = kind
        else {
            return;
        };
        if text.is_empty() || self.thinking.hidden {
            return;
        }
        let Some(state) = self.choices.get_mut(&choice) else {
            return;
        };
        // Summary parts, and items, stand apart by a blank line.
        let next_part = matches!(channel, Channel::Summary(n) if n > *part);
        let apart = if *started { next_part } else { state.thought };
        if let Channel::Summary(n) = channel {
            *part = n;
        }
        *started = true;
        state.thought = true;
        let index = *index;
        let details = self.thinking.details;
        let issuer = self.context.issuer;
        self.chunk(choice, out, |o| {
            if apart {
                o.str("reasoning_content", &format!("\n\n{text}"));
            } else {
                o.str("reasoning_content", text);
            }
            if details {
                o.array("reasoning_details", |a| {
                    a.object(|o| write_detail(o, index, Some((text, issuer)), None, false));
                });
            }
        });
    }

    fn call_piece(&mut self, choice: u32, at: usize, custom: bool, piece: &str, out: &mut Vec<u8>) {
        self.chunk(choice, out, |o| {
            o.array("tool_calls", |a| {
                a.object(|o| {
                    o.scalar("index", at);
                    write_call(o, custom, None, piece);
                });
            });
        });
    }

    fn close_item(&mut self, index: usize, whole: Option<Box<Item>>, out: &mut Vec<u8>) {
        let Some(item) = self.open.remove(&index) else {
            return;
        };
        let choice = item.choice;
        match item.kind {
            OpenKind::Text { from, citations } => {
                if let Some(state) = self.choices.get_mut(&choice) {
                    state.annotations.add(&citations, from, state.n_chars);
                }
            }
            OpenKind::Call(call) => {
                // A whole item may bring what no delta did.
                let known = match whole.as_deref() {
                    Some(Item::Call { arguments, .. }) => Some(match arguments {
                        Arguments::Json(text) | Arguments::Text(text) => text.as_str(),
                    }),
                    _ => None,
                };
                if let Some(wrapped) = call.wrapped {
                    let text = if wrapped.is_empty() {
                        known.unwrap_or("")
                    } else {
                        &wrapped
                    };
                    let input = unwrap_custom_input(text);
                    if !input.is_empty() {
                        self.call_piece(choice, call.index, true, &input, out);
                    }
                } else if !call.sent {
                    let text = known.filter(|text| !text.is_empty());
                    let text = text.unwrap_or(if call.custom { "" } else { "{}" });
                    if !text.is_empty() {
                        self.call_piece(choice, call.index, call.custom, text, out);
                    }
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, choice: u32, word: &str, native: Option<&str>, out: &mut Vec<u8>) {
        self.choice(choice, out);
        let annotations = self
            .choices
            .get_mut(&choice)
            .map(|state| std::mem::take(&mut state.annotations))
            .unwrap_or_default();
        if !annotations.is_empty() {
            self.chunk(choice, out, |o| write_annotations(o, &annotations));
        }
        self.full_chunk(choice, None, Some((word, native)), out, |_| {});
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.context.include_usage {
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(b"],\"usage\":");
            self.frame.clear();
            json::object(&mut self.frame, |o| write_usage(&self.usage, o));
            out.extend_from_slice(self.frame.as_bytes());
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
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
            Event::End => self.end(out),
            _ => {}
        }
    }
}

fn write_call(o: &mut Object<'_>, custom: bool, name: Option<&str>, piece: &str) {
    let (kind, text) = if custom {
        ("custom", "input")
    } else {
        ("function", "arguments")
    };
    if name.is_some() {
        o.str("type", kind);
    }
    o.object(kind, |o| {
        o.opt_str("name", name);
        o.str(text, piece);
    });
}

fn write_image(o: &mut Object<'_>, index: usize, mime: &str, data: &str) {
    o.str("type", "image_url");
    o.scalar("index", index);
    o.object("image_url", |o| o.str("url", &media::data_url(mime, data)));
}
