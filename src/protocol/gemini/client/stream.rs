//! The events of one reply for a client that streams: each element holds the new parts only.

use super::super::failure;
use super::super::out::{Call, Candidate, Content, Own, Part, Reply, UsageOut};
use super::super::words::finish_word;
use super::args::{is_broken, to_args};
use super::frames::Frames;
use super::grounding::{GROUNDING, Grounding};
use super::response_id;
use super::whole::audio_mime;
use crate::canonical::{
    CallKind, Channel, Citation, Delta, Event, Item, ItemHead, ReasoningShow, Signature,
    SignaturePlace, Stop, Usage,
};
use crate::codec::{Dialect, EventEncoder, ReplyContext};
use crate::names;
use crate::signature::to_client;
use crate::splice::quote;
use std::borrow::Cow;
use std::io::Write;

/// Encodes one stream.
pub(in super::super) struct Encoder {
    frames: Frames,
    context: ReplyContext,
    response_id: String,
    /// What ends every element: model and id.
    tail: String,
    /// Open items by their index in the reply.
    open: Vec<Option<Open>>,
    choices: Vec<Choice>,
    usage: Usage,
    over: bool,
}

/// An item that is not closed yet.
struct Open {
    choice: u32,
    kind: Kind,
}

enum Kind {
    Text {
        /// Where the item begins in the text of its candidate, in bytes.
        base: usize,
        citations: Vec<Citation>,
        signature: Option<Signature>,
    },
    Reasoning {
        redacted: bool,
        last_summary: usize,
        signature: Option<Signature>,
    },
    Call(OpenCall),
    Media,
}

struct OpenCall {
    id: String,
    name: String,
    kind: CallKind,
    arguments: String,
    signature: Option<Signature>,
}

/// What is known of one candidate.
#[derive(Default)]
struct Choice {
    /// All text so far: citations count its bytes.
    text: String,
    grounding: Grounding,
    finish: Option<(Stop, Option<String>)>,
    /// A call with broken arguments: cut by the limit, if that is how the reply ends.
    held: Option<OpenCall>,
    wrote: bool,
}

impl Encoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        let mut encoder = Self {
            frames: Frames::new(context.framing),
            context: context.clone(),
            response_id: String::new(),
            tail: String::new(),
            open: Vec::new(),
            choices: Vec::new(),
            usage: Usage::default(),
            over: false,
        };
        encoder.head(None);
        encoder
    }

    fn choice(&mut self, choice: u32) -> &mut Choice {
        let at = choice as usize;
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Choice::default);
        }
        &mut self.choices[at]
    }

    /// Writes an element with one part, whose JSON `write` appends.
    fn element(&mut self, out: &mut Vec<u8>, choice: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.release_held(out, choice);
        self.choice(choice).wrote = true;
        let tail = &self.tail;
        self.frames.element(out, |out| {
            out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[");
            write(out);
            // Writing to a `Vec` cannot fail.
            let _ = write!(out, "]}},\"index\":{choice}}}]");
            out.extend_from_slice(tail.as_bytes());
        });
    }

    fn part(&mut self, out: &mut Vec<u8>, choice: u32, part: Part<'_>) {
        self.element(out, choice, |out| {
            // Writing to a `Vec` cannot fail.
            let _ = serde_json::to_writer(out, &part);
        });
    }

    /// Something follows the call that was held back: it was whole after all.
    fn release_held(&mut self, out: &mut Vec<u8>, choice: u32) {
        if let Some(call) = self.choice(choice).held.take() {
            self.call(out, choice, &call);
        }
    }

    fn call(&mut self, out: &mut Vec<u8>, choice: u32, call: &OpenCall) {
        let signature = call
            .signature
            .as_ref()
            .map(|signature| Cow::Owned(to_client(signature, false, Dialect::Gemini)));
        let part = Part::own(Own {
            function_call: Some(Call {
                id: (!call.id.is_empty()).then_some(&call.id),
                name: Cow::Borrowed(&call.name),
                args: to_args(call.kind, &call.arguments),
            }),
            thought_signature: signature,
            ..Own::default()
        });
        self.part(out, choice, part);
    }

    fn start_item(&mut self, out: &mut Vec<u8>, index: usize, choice: u32, head: ItemHead) {
        let kind = match head {
            ItemHead::Text | ItemHead::Refusal => Kind::Text {
                base: self.choice(choice).text.len(),
                citations: Vec::new(),
                signature: None,
            },
            ItemHead::Reasoning { redacted, .. } => Kind::Reasoning {
                redacted,
                last_summary: 0,
                signature: None,
            },
            ItemHead::Call {
                id,
                name,
                namespace,
                kind,
                ..
            } => Kind::Call(OpenCall {
                id,
                name: full_name(namespace.as_deref(), name),
                kind,
                arguments: String::new(),
                signature: None,
            }),
            ItemHead::Image | ItemHead::Audio => Kind::Media,
            ItemHead::Server(tool) => {
                if !self.choice(choice).grounding.note_tool(&tool)
                    && tool.dialect == Dialect::Gemini
                    && tool.kind != GROUNDING
                {
                    self.part(out, choice, Part::Native(Cow::Borrowed(&tool.raw)));
                }
                Kind::Media
            }
            ItemHead::Opaque { dialect, raw } => {
                if dialect == Dialect::Gemini {
                    self.part(out, choice, Part::Native(Cow::Borrowed(&raw)));
                }
                Kind::Media
            }
        };
        if self.open.len() <= index {
            self.open.resize_with(index + 1, || None);
        }
        self.open[index] = Some(Open { choice, kind });
    }

    fn delta(&mut self, out: &mut Vec<u8>, index: usize, delta: Delta) {
        let Some(Some(open)) = self.open.get_mut(index) else {
            return;
        };
        let choice = open.choice;
        match (&mut open.kind, delta) {
            (Kind::Text { .. }, Delta::Text { text, .. } | Delta::Refusal(text)) => {
                self.text(out, choice, &text);
            }
            (Kind::Text { citations, .. }, Delta::Citation(citation)) => citations.push(*citation),
            (Kind::Reasoning { last_summary, .. }, Delta::Reasoning { channel, text }) => {
                let new_part = matches!(channel, Channel::Summary(n) if n > *last_summary);
                if let Channel::Summary(n) = channel {
                    *last_summary = n;
                }
                if self.context.show != ReasoningShow::Hidden {
                    if new_part {
                        self.element(out, choice, |out| words("\n\n", true, out));
                    }
                    if !text.is_empty() {
                        self.element(out, choice, |out| words(&text, true, out));
                    }
                }
            }
            (
                Kind::Text { signature, .. }
                | Kind::Reasoning { signature, .. }
                | Kind::Call(OpenCall { signature, .. }),
                Delta::Signature(new),
            ) => *signature = Some(new),
            (Kind::Call(call), Delta::Arguments(piece)) => call.arguments.push_str(&piece),
            (Kind::Media, Delta::Image { mime, data }) => {
                self.part(out, choice, Part::inline(mime, data));
            }
            (
                Kind::Media,
                Delta::Audio {
                    data, transcript, ..
                },
            ) => {
                if !data.is_empty() {
                    self.part(out, choice, Part::inline(audio_mime(""), data));
                }
                self.text(out, choice, &transcript);
            }
            // Progress of server tools, and deltas that do not fit their item.
            (_, _) => {}
        }
    }

    fn text(&mut self, out: &mut Vec<u8>, choice: u32, text: &str) {
        if !text.is_empty() {
            self.choice(choice).text.push_str(text);
            self.element(out, choice, |out| words(text, false, out));
        }
    }

    fn stop_item(&mut self, out: &mut Vec<u8>, index: usize, whole: Option<Box<Item>>) {
        let Some(open) = self.open.get_mut(index).and_then(Option::take) else {
            return;
        };
        let choice = open.choice;
        match open.kind {
            Kind::Text {
                base,
                citations,
                signature,
            } => {
                let state = self.choice(choice);
                let text = state.text.get(base..).unwrap_or_default();
                for citation in &citations {
                    state.grounding.add(citation, text, base);
                }
                if let Some(signature) = signature {
                    let value = to_client(&signature, false, Dialect::Gemini);
                    self.part(out, choice, Part::signature(false, value));
                }
            }
            Kind::Reasoning {
                redacted,
                signature,
                ..
            } => {
                let of_whole = match whole.as_deref() {
                    Some(Item::Reasoning { signature, .. }) => signature.clone(),
                    _ => None,
                };
                if let Some(signature) = of_whole.or(signature) {
                    let value = to_client(&signature, redacted, Dialect::Gemini);
                    let thought = signature.place == SignaturePlace::Here;
                    self.part(out, choice, Part::signature(thought, value));
                }
            }
            Kind::Call(mut call) => {
                if let Some(Item::Call {
                    id,
                    name,
                    namespace,
                    arguments,
                    signature,
                    ..
                }) = whole.map(|item| *item)
                {
                    call.id = id;
                    call.name = full_name(namespace.as_deref(), name);
                    call.arguments = arguments.as_str().to_owned();
                    call.signature = signature.or(call.signature);
                }
                self.release_held(out, choice);
                if call.kind == CallKind::Function && is_broken(&call.arguments) {
                    self.choice(choice).held = Some(call);
                } else {
                    self.call(out, choice, &call);
                }
            }
            Kind::Media => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>, choice: u32, stop: Stop, native: Option<String>) {
        if matches!(stop, Stop::MaxTokens | Stop::ContextWindow) {
            // The limit cut the call: it is no call (E-218).
            self.choice(choice).held = None;
        }
        self.release_held(out, choice);
        self.choice(choice).finish = Some((stop, native));
    }

    /// The last element: why it ended, what it cites, what it used.
    fn last(&mut self, out: &mut Vec<u8>) {
        let choices = std::mem::take(&mut self.choices);
        let candidates = choices
            .iter()
            .zip(0..)
            .filter(|(choice, _)| choice.finish.is_some())
            .map(|(choice, index)| Candidate {
                content: Content {
                    role: Some("model"),
                    // Clients join the texts of all elements; a reply without content has no parts
                    // (E-185).
                    parts: if choice.wrote {
                        vec![Part::text("")]
                    } else {
                        Vec::new()
                    },
                },
                finish_reason: choice
                    .finish
                    .as_ref()
                    .map(|(stop, native)| finish_word(stop, native.as_deref())),
                index,
                grounding_metadata: choice.grounding.metadata(),
            })
            .collect::<Vec<_>>();
        let usage_metadata = UsageOut::of(&self.usage);
        if candidates.is_empty() && usage_metadata.is_none() {
            return;
        }
        let reply = Reply {
            candidates,
            usage_metadata,
            model_version: &self.context.model,
            response_id: &self.response_id,
        };
        self.frames.element(out, |out| {
            // Writing to a `Vec` cannot fail.
            let _ = serde_json::to_writer(out, &reply);
        });
    }

    /// Takes over the id of the reply.
    fn head(&mut self, id: Option<&str>) {
        self.response_id = response_id(id, &self.context);
        self.tail = format!(
            ",\"modelVersion\":{},\"responseId\":{}}}",
            quote(&self.context.model),
            quote(&self.response_id)
        );
    }
}

/// The name of a tool in a protocol without namespaces.
fn full_name(namespace: Option<&str>, name: String) -> String {
    match namespace {
        None => name,
        some => names::flatten(some, &name),
    }
}

/// Appends a part of text: the one shape that comes with every token.
fn words(text: &str, thought: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"text\":");
    // Writing to a `Vec` cannot fail.
    let _ = serde_json::to_writer(&mut *out, text);
    out.extend_from_slice(if thought { b",\"thought\":true}" } else { b"}" });
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => self.head(start.id.as_deref()),
            Event::ItemStart {
                index,
                choice,
                head,
            } => self.start_item(out, index, choice, head),
            Event::Delta { index, delta } => self.delta(out, index, delta),
            Event::ItemStop { index, whole } => self.stop_item(out, index, whole),
            Event::Usage(usage) => self.usage.merge(*usage),
            Event::Finish {
                choice,
                stop,
                native,
            } => self.finish(out, choice, stop, native),
            Event::Error(failure) => {
                self.over = true;
                let body = failure::encode(&failure);
                self.frames
                    .element(out, |out| failure::one_line(&body, out));
                self.frames.close(out);
            }
            Event::End => {
                self.over = true;
                self.last(out);
                self.frames.close(out);
            }
            // Gemini clients choke on comments (`clients.md` §2 row 7).
            Event::Native { .. } | Event::KeepAlive => {}
        }
    }
}
