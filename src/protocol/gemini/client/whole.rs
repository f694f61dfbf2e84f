//! A whole reply for a client that does not stream.

use super::super::out::{Call, Candidate, Content, Own, Part, Reply, UsageOut};
use super::super::words::finish_word;
use super::args::{is_broken, to_args};
use super::grounding::Grounding;
use super::response_id;
use crate::canonical::{
    Arguments, CallKind, Item, MediaSource, ReasoningShow, Reply as Answer, Response, Signature,
    SignaturePlace, Stop,
};
use crate::codec::{Dialect, ReplyContext};
use crate::names;
use crate::signature::to_client;
use bytes::Bytes;
use std::borrow::Cow;

/// Encodes a reply as one `GenerateContentResponse`.
pub(in super::super) fn encode(response: &Response, context: &ReplyContext) -> Bytes {
    let groundings: Vec<Grounding> = response.choices.iter().map(grounding_of).collect();
    let hide = context.show == ReasoningShow::Hidden;
    let candidates = response
        .choices
        .iter()
        .zip(&groundings)
        .zip(0..)
        .map(|((answer, grounding), index)| candidate(answer, grounding, index, hide))
        .collect();
    let id = response_id(response.start.id.as_deref(), context);
    let reply = Reply {
        candidates,
        usage_metadata: UsageOut::of(&response.usage),
        model_version: &context.model,
        response_id: &id,
    };
    // Only maps with keys that are no strings fail, and there are none.
    Bytes::from(serde_json::to_vec(&reply).unwrap_or_default())
}

fn candidate<'a>(
    answer: &'a Answer,
    grounding: &'a Grounding,
    index: u32,
    hide: bool,
) -> Candidate<'a> {
    let mut parts = Parts {
        hide,
        ..Parts::default()
    };
    let cut = matches!(answer.stop, Some(Stop::MaxTokens | Stop::ContextWindow));
    for item in &answer.items {
        // A call that the limit cut is no call (E-218).
        let is_cut = matches!(
            item,
            Item::Call { arguments: Arguments::Json(text), .. } if cut && is_broken(text)
        );
        if !is_cut {
            parts.push(item);
        }
    }
    Candidate {
        content: Content {
            role: Some("model"),
            parts: parts.finish(),
        },
        finish_reason: answer
            .stop
            .as_ref()
            .map(|stop| finish_word(stop, answer.native_stop.as_deref())),
        index,
        grounding_metadata: grounding.metadata(),
    }
}

fn grounding_of(answer: &Answer) -> Grounding {
    let mut grounding = Grounding::default();
    let mut base = 0;
    for item in &answer.items {
        match item {
            Item::Text {
                text, citations, ..
            } => {
                for citation in citations {
                    grounding.add(citation, text, base);
                }
                base += text.len();
            }
            Item::Server(tool) => {
                grounding.note_tool(tool);
            }
            _ => {}
        }
    }
    grounding
}

/// Parts of one candidate, and signatures that wait for the part they belong to.
#[derive(Default)]
struct Parts<'a> {
    parts: Vec<Part<'a>>,
    hide: bool,
    for_text: Option<Cow<'a, str>>,
    for_call: Option<Cow<'a, str>>,
}

impl<'a> Parts<'a> {
    fn push(&mut self, item: &'a Item) {
        match item {
            Item::Text {
                text, signature, ..
            } => self.text(text, signature.as_ref()),
            Item::Refusal(text) => self.text(text, None),
            Item::Reasoning {
                text,
                summary,
                signature,
                redacted,
                ..
            } => self.reasoning(text, summary, signature.as_ref(), *redacted),
            Item::Call {
                id,
                name,
                namespace,
                kind,
                arguments,
                signature,
                ..
            } => {
                let name = match namespace.as_deref() {
                    None => Cow::Borrowed(name.as_str()),
                    some => Cow::Owned(names::flatten(some, name)),
                };
                self.call(id, name, *kind, arguments.as_str(), signature.as_ref());
            }
            Item::Image {
                source: MediaSource::Base64 { mime, data },
                ..
            }
            | Item::Video {
                source: MediaSource::Base64 { mime, data },
            }
            | Item::File {
                source: MediaSource::Base64 { mime, data },
                ..
            } => self.parts.push(Part::inline(&**mime, &**data)),
            Item::Audio {
                source, transcript, ..
            } => {
                if let MediaSource::Base64 { mime, data } = source
                    && !data.is_empty()
                {
                    self.parts.push(Part::inline(audio_mime(mime), &**data));
                }
                self.text(transcript.as_deref().unwrap_or_default(), None);
            }
            Item::Server(tool)
                if tool.dialect == Dialect::Gemini && tool.kind != super::grounding::GROUNDING =>
            {
                self.parts.push(Part::Native(Cow::Borrowed(&tool.raw)));
            }
            Item::Opaque {
                dialect: Dialect::Gemini,
                raw,
            } => self.parts.push(Part::Native(Cow::Borrowed(raw))),
            // Nothing a Gemini client could read; searches stand in the grounding metadata.
            Item::Server(_)
            | Item::Opaque { .. }
            | Item::Image { .. }
            | Item::Video { .. }
            | Item::File { .. }
            | Item::SearchResult(_)
            | Item::Result { .. } => {}
        }
    }

    fn text(&mut self, text: &'a str, signature: Option<&Signature>) {
        let own = signature.map(|signature| to_client(signature, false, Dialect::Gemini));
        let detached = signature.is_some_and(|s| s.place == SignaturePlace::Detached);
        if !text.is_empty() {
            let on_part = match &own {
                Some(value) if !detached => Some(Cow::Owned(value.clone())),
                _ => self.for_text.take(),
            };
            self.parts.push(Part::own(Own {
                text: Some(Cow::Borrowed(text)),
                thought_signature: on_part,
                ..Own::default()
            }));
        }
        if let Some(value) = own
            && (detached || text.is_empty())
        {
            self.parts.push(Part::signature(false, value));
        }
    }

    fn reasoning(
        &mut self,
        text: &'a str,
        summary: &'a [String],
        signature: Option<&Signature>,
        redacted: bool,
    ) {
        let mut words: Cow<'a, str> = match summary {
            _ if self.hide => Cow::Borrowed(""),
            [] => Cow::Borrowed(text),
            [one] if text.is_empty() => Cow::Borrowed(one),
            parts if text.is_empty() => Cow::Owned(parts.join("\n\n")),
            _ => Cow::Borrowed(text),
        };
        let value = signature.map(|signature| to_client(signature, redacted, Dialect::Gemini));
        let place = signature.map(|s| s.place).unwrap_or_default();
        if let (SignaturePlace::Here, Some(value)) = (place, &value) {
            self.parts.push(Part::own(Own {
                text: Some(std::mem::take(&mut words)),
                thought: true,
                thought_signature: Some(Cow::Owned(value.clone())),
                ..Own::default()
            }));
            return;
        }
        if !words.is_empty() {
            self.parts.push(Part::thought(words));
        }
        let value = value.map(Cow::Owned);
        match place {
            SignaturePlace::Here => {}
            SignaturePlace::NextText => self.for_text = value,
            SignaturePlace::NextCall => self.for_call = value,
            SignaturePlace::Detached => {
                self.parts
                    .extend(value.map(|value| Part::signature(false, value)));
            }
        }
    }

    fn call(
        &mut self,
        id: &'a str,
        name: Cow<'a, str>,
        kind: CallKind,
        arguments: &str,
        signature: Option<&Signature>,
    ) {
        let own = signature.map(|s| Cow::Owned(to_client(s, false, Dialect::Gemini)));
        self.parts.push(Part::own(Own {
            function_call: Some(Call {
                id: (!id.is_empty()).then_some(id),
                name,
                args: to_args(kind, arguments),
            }),
            thought_signature: own.or_else(|| self.for_call.take()),
            ..Own::default()
        }));
    }

    fn finish(mut self) -> Vec<Part<'a>> {
        // A signature whose part never came travels alone.
        let left = [self.for_text.take(), self.for_call.take()];
        self.parts.extend(
            left.into_iter()
                .flatten()
                .map(|value| Part::signature(false, value)),
        );
        self.parts
    }
}

/// Sound without a type is what chat upstreams send by default.
pub(super) fn audio_mime(mime: &str) -> &str {
    if mime.is_empty() { "audio/wav" } else { mime }
}
