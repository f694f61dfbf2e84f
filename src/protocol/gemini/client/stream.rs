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
use crate::signature::to_client;
use std::borrow::Cow;

/// Encodes one stream.
pub(in super::super) struct Encoder {
    frames: Frames,
    context: ReplyContext,
    response_id: String,
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
        Self {
            frames: Frames::new(context.framing),
            response_id: response_id(None, context),
            context: context.clone(),
            open: Vec::new(),
            choices: Vec::new(),
            usage: Usage::default(),
            over: false,
        }
    }

    fn choice(&mut self, choice: u32) -> &mut Choice {
        let at = choice as usize;
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Choice::default);
        }
        &mut self.choices[at]
    }

    fn write(&mut self, out: &mut Vec<u8>, reply: &Reply<'_>) {
        self.frames.element(out, |out| {
            // Writing to a `Vec` cannot fail.
            let _ = serde_json::to_writer(out, reply);
        });
    }

    /// Writes an element with one part.
    fn part(&mut self, out: &mut Vec<u8>, choice: u32, part: Part<'_>) {
        self.release_held(out, choice);
        self.choice(choice).wrote = true;
        let id = std::mem::take(&mut self.response_id);
        let model = std::mem::take(&mut self.context.model);
        self.write(
            out,
            &Reply {
                candidates: vec![Candidate {
                    content: Content {
                        role: Some("model"),
                        parts: vec![part],
                    },
                    finish_reason: None,
                    index: choice,
                    grounding_metadata: None,
                }],
                usage_metadata: None,
                model_version: &model,
                response_id: &id,
            },
        );
        self.response_id = id;
        self.context.model = model;
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
            ItemHead::Call { id, name, kind, .. } => Kind::Call(OpenCall {
                id,
                name,
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
                        self.part(out, choice, Part::thought("\n\n"));
                    }
                    if !text.is_empty() {
                        self.part(out, choice, Part::thought(text));
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
            self.part(out, choice, Part::text(text));
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
                    arguments,
                    signature,
                    ..
                }) = whole.map(|item| *item)
                {
                    call.id = id;
                    call.name = name;
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
        let id = std::mem::take(&mut self.response_id);
        let model = std::mem::take(&mut self.context.model);
        self.write(
            out,
            &Reply {
                candidates,
                usage_metadata,
                model_version: &model,
                response_id: &id,
            },
        );
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => {
                self.response_id = response_id(start.id.as_deref(), &self.context);
            }
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
