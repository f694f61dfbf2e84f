//! One choice of a reply while its deltas come in.

use super::calls::{CallPiece, Calls};
use super::decode_reasoning::{issuer_of_format, nested_thinking};
use super::finish::{Finished, decode_finish};
use super::think_tags::{Piece, TagSplitter};
use super::wire::{ExtraContent, ReasoningDetail};
use super::wire_reply::{
    WireAnnotation, WireAudio, WireContent, WireDelta, WireImage, WirePart, filled,
};
use crate::canonical::{
    Channel, Citation, Delta, Event, Failure, ItemHead, MediaSource, Signature, SignatureIssuer,
    SignaturePlace, Stop,
};
use crate::codec::{Dialect, ReplyContext};
use crate::raw::RawJson;
use crate::{media, stop};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Where events go, and what all choices of a reply share.
pub(super) struct Sink<'a> {
    pub(super) context: &'a ReplyContext,
    pub(super) n_items: &'a mut usize,
    pub(super) n_made_ids: &'a mut usize,
    pub(super) out: &'a mut Vec<Event>,
}

impl Sink<'_> {
    /// Opens an item and returns its index.
    pub(super) fn start(&mut self, choice: u32, head: ItemHead) -> usize {
        let index = *self.n_items;
        *self.n_items += 1;
        self.out.push(Event::ItemStart {
            index,
            choice,
            head,
        });
        index
    }

    pub(super) fn delta(&mut self, index: usize, delta: Delta) {
        self.out.push(Event::Delta { index, delta });
    }

    pub(super) fn stop(&mut self, index: usize) {
        self.out.push(Event::ItemStop { index, whole: None });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Reasoning,
    Redacted,
    Audio,
}

/// State of one choice. Calls stay open until the finish; of everything else one item is open.
pub(super) struct ChoiceState {
    pub(super) choice: u32,
    open: Option<(Kind, usize)>,
    calls: Calls,
    tags: TagSplitter,
    /// Signature of the whole message, waiting for the item it belongs to.
    signature: Option<Signature>,
    /// Text, refusal, picture or sound was sent.
    has_content: bool,
    finish: Option<String>,
    native: Option<String>,
}

impl ChoiceState {
    pub(super) fn new(choice: u32) -> Self {
        Self {
            choice,
            open: None,
            calls: Calls::default(),
            tags: TagSplitter::default(),
            signature: None,
            has_content: false,
            finish: None,
            native: None,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// True when `[DONE]` alone may end this choice: there is an answer, and no call is half done
    /// (`matrix.md` §5.4, E-160).
    pub(super) fn may_end(&self) -> bool {
        (self.has_content || self.calls.any()) && self.calls.all_parse()
    }

    /// Takes over a delta, or with `whole` a message.
    pub(super) fn delta(
        &mut self,
        delta: WireDelta<'_>,
        logprobs: Option<&RawValue>,
        whole: bool,
        sink: &mut Sink<'_>,
    ) {
        self.reasoning(&delta, sink);
        if let Some(value) = extra_signature(delta.extra_content) {
            self.signature = Some(value);
        }
        match delta.content {
            WireContent::None => {}
            WireContent::Text(text) => self.content(&text, logprobs, sink),
            WireContent::Parts(parts) => {
                for part in parts {
                    self.part(part, sink);
                }
            }
        }
        if whole {
            self.flush_tags(sink);
        }
        if let Some(text) = filled(delta.refusal) {
            self.refusal(text.into_owned(), sink);
        }
        if let Some(audio) = read::<WireAudio>(delta.audio) {
            self.audio(audio, sink);
        }
        for image in read::<Vec<WireImage>>(delta.images).unwrap_or_default() {
            self.image(&image.image_url.url, sink);
        }
        if let Some(raw) = delta.annotations {
            self.annotations(raw, sink);
        }
        for (place, call) in delta.tool_calls.into_iter().flatten().enumerate() {
            self.close(sink);
            let piece = CallPiece::of(call, whole.then_some(place));
            self.calls
                .piece(self.choice, piece, &mut self.signature, sink);
        }
        if let Some(call) = delta.function_call {
            self.close(sink);
            let piece = CallPiece::of_old_form(call);
            self.calls
                .piece(self.choice, piece, &mut self.signature, sink);
        }
        // A message signature without call belongs to the text.
        if let Some((Kind::Text, index)) = self.open
            && let Some(signature) = self.signature.take()
        {
            sink.delta(index, Delta::Signature(signature));
        }
    }

    /// The open item of `kind`; another kind is closed first.
    fn item(&mut self, kind: Kind, sink: &mut Sink<'_>) -> usize {
        if let Some((open, index)) = self.open
            && open == kind
        {
            return index;
        }
        self.close(sink);
        let head = match kind {
            Kind::Text => ItemHead::Text,
            Kind::Refusal => ItemHead::Refusal,
            Kind::Audio => ItemHead::Audio,
            Kind::Reasoning | Kind::Redacted => ItemHead::Reasoning {
                id: None,
                redacted: kind == Kind::Redacted,
            },
        };
        let index = sink.start(self.choice, head);
        self.open = Some((kind, index));
        index
    }

    fn close(&mut self, sink: &mut Sink<'_>) {
        if let Some((_, index)) = self.open.take() {
            sink.stop(index);
        }
    }

    /// One of the vendors' reasoning fields, the first that has text; then signatures.
    fn reasoning(&mut self, delta: &WireDelta<'_>, sink: &mut Sink<'_>) {
        let text = filled(delta.reasoning_content).or_else(|| filled(delta.reasoning));
        let details = read::<Vec<ReasoningDetail>>(delta.reasoning_details).unwrap_or_default();
        let known = text.is_some();
        let text = match (text, details.is_empty()) {
            (Some(text), _) => Some(text),
            (None, false) => None,
            (None, true) => filled(delta.reasoning_text),
        };
        if let Some(text) = text {
            self.think(text.into_owned(), sink);
        }
        for detail in details {
            if !known && let Some(text) = detail.text.or(detail.summary).filter(|t| !t.is_empty()) {
                self.think(text, sink);
            }
            let encrypted = detail.kind.as_deref() == Some("reasoning.encrypted");
            if let Some(value) = detail.signature.or(detail.data).filter(|v| !v.is_empty()) {
                let issuer = match issuer_of_format(detail.format.as_deref()) {
                    SignatureIssuer::Unknown => sink.context.issuer,
                    issuer => issuer,
                };
                let kind = if encrypted && issuer == SignatureIssuer::Anthropic {
                    Kind::Redacted
                } else {
                    Kind::Reasoning
                };
                self.sign(kind, issuer, value, sink);
            }
        }
        if let Some(value) = filled(delta.reasoning_opaque) {
            let issuer = SignatureIssuer::Copilot;
            self.sign(Kind::Reasoning, issuer, value.into_owned(), sink);
        }
    }

    fn think(&mut self, text: String, sink: &mut Sink<'_>) {
        let index = self.item(Kind::Reasoning, sink);
        let channel = Channel::Raw;
        sink.delta(index, Delta::Reasoning { channel, text });
    }

    fn sign(&mut self, kind: Kind, issuer: SignatureIssuer, value: String, sink: &mut Sink<'_>) {
        let index = self.item(kind, sink);
        sink.delta(
            index,
            Delta::Signature(Signature {
                issuer,
                value,
                place: SignaturePlace::Here,
            }),
        );
        if kind == Kind::Redacted {
            self.close(sink);
        }
    }

    fn content(&mut self, text: &str, logprobs: Option<&RawValue>, sink: &mut Sink<'_>) {
        if text.is_empty() {
            return;
        }
        if !sink.context.endpoint.think_tags {
            let logprobs = logprobs.and_then(content_logprobs);
            self.text(text.to_owned(), logprobs, sink);
            return;
        }
        let mut pieces = Vec::new();
        self.tags.push(text, &mut pieces);
        self.pieces(pieces, sink);
    }

    fn flush_tags(&mut self, sink: &mut Sink<'_>) {
        let mut pieces = Vec::new();
        self.tags.finish(&mut pieces);
        self.pieces(pieces, sink);
    }

    fn pieces(&mut self, pieces: Vec<Piece>, sink: &mut Sink<'_>) {
        for piece in pieces {
            match piece {
                Piece::Thinking(text) => self.think(text, sink),
                Piece::Text(text) => self.text(text, None, sink),
            }
        }
    }

    fn text(&mut self, text: String, logprobs: Option<RawJson>, sink: &mut Sink<'_>) {
        let index = self.item(Kind::Text, sink);
        self.has_content = true;
        sink.delta(index, Delta::Text { text, logprobs });
    }

    fn refusal(&mut self, text: String, sink: &mut Sink<'_>) {
        let index = self.item(Kind::Refusal, sink);
        self.has_content = true;
        sink.delta(index, Delta::Refusal(text));
    }

    fn part(&mut self, part: WirePart, sink: &mut Sink<'_>) {
        match part.kind.as_deref() {
            Some("thinking") => {
                if let Some(text) = nested_thinking(part.thinking) {
                    self.think(text, sink);
                }
            }
            Some("refusal") => {
                if let Some(text) = part.refusal.filter(|text| !text.is_empty()) {
                    self.refusal(text, sink);
                }
            }
            Some("image_url") => {
                let link = part.image_url.unwrap_or_default();
                let url = link.get("url").unwrap_or(&link);
                if let Some(url) = url.as_str() {
                    self.image(url, sink);
                }
            }
            _ => {
                if let Some(text) = part.text {
                    self.content(&text, None, sink);
                }
            }
        }
    }

    fn audio(&mut self, audio: WireAudio, sink: &mut Sink<'_>) {
        let index = self.item(Kind::Audio, sink);
        self.has_content = true;
        sink.delta(
            index,
            Delta::Audio {
                id: audio.id,
                data: audio.data.unwrap_or_default(),
                transcript: audio.transcript.unwrap_or_default(),
                expires_at: audio.expires_at,
            },
        );
    }

    fn image(&mut self, url: &str, sink: &mut Sink<'_>) {
        match media::from_url(url) {
            MediaSource::Base64 { mime, data } => {
                self.close(sink);
                self.has_content = true;
                let index = sink.start(self.choice, ItemHead::Image);
                sink.delta(index, Delta::Image { mime, data });
                sink.stop(index);
            }
            // The model of a reply has pictures by value only: a link stays a link.
            _ => self.text(format!("![image]({url})"), None, sink),
        }
    }

    fn annotations(&mut self, raw: &RawValue, sink: &mut Sink<'_>) {
        // They speak about the text; without an open one there is nothing to attach them to.
        let Some((Kind::Text, index)) = self.open else {
            return;
        };
        let Some(list) = read::<Vec<RawJson>>(Some(raw)) else {
            return;
        };
        for raw in list {
            let Ok(WireAnnotation {
                url_citation: Some(found),
            }) = raw.read()
            else {
                continue;
            };
            let citation = Citation {
                dialect: Dialect::OpenAiChat,
                url: found.url,
                title: found.title,
                cited_text: None,
                span: found.start_index.zip(found.end_index),
                raw,
            };
            sink.delta(index, Delta::Citation(Box::new(citation)));
        }
    }

    /// The upstream named a finish reason: everything open closes. Later deltas may still follow.
    pub(super) fn finish(&mut self, word: &str, native: Option<&str>, sink: &mut Sink<'_>) {
        self.finish = Some(word.to_owned());
        self.native = Some(native.unwrap_or(word).to_ascii_lowercase());
        self.close_all(sink);
    }

    fn close_all(&mut self, sink: &mut Sink<'_>) {
        self.flush_tags(sink);
        self.close(sink);
        self.calls.close(self.choice, sink);
    }

    /// The finish event of this choice.
    pub(super) fn conclude(&mut self, sink: &mut Sink<'_>) -> Result<Event, Box<Failure>> {
        self.close_all(sink);
        let has_any = self.has_content || self.calls.any();
        let word = self.finish.as_deref();
        let stop = match word.map(decode_finish) {
            None => Stop::EndTurn,
            Some(Finished::Stop(stop)) => stop,
            Some(Finished::Unknown) if has_any => Stop::EndTurn,
            Some(Finished::Unknown | Finished::Failed) => {
                return Err(Box::new(Failure::new(
                    502,
                    format!(
                        "the upstream ended the reply with finish reason `{}`",
                        word.unwrap_or_default()
                    ),
                )));
            }
        };
        let calls = stop::Calls {
            complete: self.calls.any(),
            cut: stop == Stop::MaxTokens && !self.calls.last_parses(),
            arrive_whole: false,
        };
        Ok(Event::Finish {
            choice: self.choice,
            stop: stop::settle(stop, calls),
            native: self.native.take(),
        })
    }
}

/// Reads a vendor field; another shape counts as absent.
fn read<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// The signature in `extra_content.google`.
pub(super) fn extra_signature(raw: Option<&RawValue>) -> Option<Signature> {
    Some(Signature {
        issuer: SignatureIssuer::Gemini,
        value: read::<ExtraContent>(raw)?.signature()?,
        place: SignaturePlace::Here,
    })
}

/// The `content` array of a logprobs object, when it has entries.
fn content_logprobs(raw: &RawValue) -> Option<RawJson> {
    #[derive(serde::Deserialize)]
    struct Logprobs {
        content: Option<RawJson>,
    }
    let content = read::<Logprobs>(Some(raw))?.content?;
    let filled = content.as_str().trim_start_matches('[').trim() != "]";
    filled.then_some(content)
}
