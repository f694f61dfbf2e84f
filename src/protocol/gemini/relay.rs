//! Streams and replies with Gemini on both sides: bytes go through, the frames are only looked at.

use super::client::Frames;
use super::failure;
use super::read::compact;
use super::reply::usage::LastUsage;
use super::reply::wire::Text;
use super::reply::{Payload, in_stream_failure, payload};
use crate::canonical::{Failure, Usage};
use crate::codec::{Relay, ReplyContext, Seen};
use crate::names::NameMap;
use crate::splice::quote;
use crate::sse::Frame;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// Relays one stream.
///
/// Never reports [`Seen::End`]: text may follow a finish reason (E-193), the reply is complete when
/// the upstream closes.
pub(super) struct Through {
    frames: Frames,
    edits: ReplyEdits,
    usage: LastUsage,
    begun: bool,
    finished: bool,
    has_text: bool,
    /// The last event could not be read; forgiven when a good one follows (E-243).
    unreadable: Option<String>,
    failed: bool,
}

/// What a pass-through reply must show differently.
struct ReplyEdits {
    model: Option<String>,
    names: NameMap,
}

/// The few fields of a reply object that matter on the way through.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peek<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, alias = "usage_metadata")]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, alias = "prompt_feedback")]
    prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(borrow, alias = "model_version")]
    model_version: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow, alias = "block_reason")]
    block_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow, alias = "finish_reason")]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    thought: Option<bool>,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

impl Peek<'_> {
    /// True when nothing of a reply is in it: it is some other JSON.
    fn is_foreign(&self) -> bool {
        self.candidates.is_none()
            && self.usage_metadata.is_none()
            && self.prompt_feedback.is_none()
            && self.model_version.is_none()
            && self.error.is_none()
    }
}

impl ReplyEdits {
    fn new(context: &ReplyContext) -> Self {
        Self {
            model: context.echo_model.as_deref().map(quote),
            names: context.notes.names.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        self.model.is_none() && self.names.is_empty()
    }

    /// `json` with the edits that `peek`, read from it, calls for; `None` when none is due.
    fn apply(&self, json: &str, peek: &Peek<'_>) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let mut splices: Vec<(Range<usize>, String)> = Vec::new();
        self.collect(json, peek, &mut splices);
        splice(json, splices)
    }

    fn collect(&self, json: &str, peek: &Peek<'_>, splices: &mut Vec<(Range<usize>, String)>) {
        if let (Some(model), Some(shown)) = (&self.model, peek.model_version)
            && shown.get() != model
        {
            splices.extend(span_in(json, shown.get()).map(|span| (span, model.clone())));
        }
        if self.names.is_empty() {
            return;
        }
        let calls = peek
            .candidates
            .iter()
            .flatten()
            .filter_map(|candidate| candidate.content.as_ref()?.parts.as_ref())
            .flatten()
            .filter_map(|part| part.function_call.as_ref()?.name);
        for name in calls {
            let Ok(upstream) = serde_json::from_str::<Text<'_>>(name.get()) else {
                continue;
            };
            let client = self.names.to_client(&upstream.0);
            if client != upstream.0 {
                splices.extend(span_in(json, name.get()).map(|span| (span, quote(client))));
            }
        }
    }
}

/// Where `inner`, a piece of `outer`, stands in it.
fn span_in(outer: &str, inner: &str) -> Option<Range<usize>> {
    let start = (inner.as_ptr() as usize).checked_sub(outer.as_ptr() as usize)?;
    let span = start..start + inner.len();
    (outer.get(span.clone()) == Some(inner)).then_some(span)
}

fn splice(json: &str, mut splices: Vec<(Range<usize>, String)>) -> Option<String> {
    if splices.is_empty() {
        return None;
    }
    splices.sort_by_key(|(span, _)| span.start);
    let mut edited = String::with_capacity(json.len() + 64);
    let mut copied = 0;
    for (span, new) in splices {
        edited.push_str(json.get(copied..span.start)?);
        edited.push_str(&new);
        copied = span.end;
    }
    edited.push_str(json.get(copied..)?);
    Some(edited)
}

impl Through {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            frames: Frames::new(context.framing),
            edits: ReplyEdits::new(context),
            usage: LastUsage::default(),
            begun: false,
            finished: false,
            has_text: false,
            unreadable: None,
            failed: false,
        }
    }

    fn object(&mut self, json: &str, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen {
        let peek: Peek<'_> = match serde_json::from_str(json) {
            Ok(peek) => peek,
            Err(error) => {
                // The client could not read it either.
                self.unreadable = Some(error.to_string());
                return Seen::Preamble;
            }
        };
        self.unreadable = peek
            .is_foreign()
            .then(|| "no field of a reply in it".to_owned());
        if self.unreadable.is_some() {
            self.carry(json, None, frame, out);
            return Seen::Preamble;
        }
        if let Some(error) = peek.error {
            self.failed = true;
            let failure = in_stream_failure(json, error);
            self.carry(json, None, frame, out);
            self.frames.close(out);
            return Seen::Failure(Box::new(failure));
        }
        self.begun = true;
        if let Some(counts) = peek.usage_metadata {
            self.usage.note(counts);
        }
        let seen = self.look_at(&peek);
        let edited = self.edits.apply(json, &peek);
        self.carry(json, edited.as_deref(), frame, out);
        seen
    }

    /// Notes what the object brings.
    fn look_at(&mut self, peek: &Peek<'_>) -> Seen {
        let mut seen = Seen::Preamble;
        let blocked = peek.prompt_feedback.as_ref().is_some_and(|feedback| {
            let reason = feedback.block_reason.as_ref();
            reason.is_some_and(|reason| reason.0 != "BLOCK_REASON_UNSPECIFIED")
        });
        if blocked {
            self.finished = true;
            seen = Seen::Content;
        }
        for candidate in peek.candidates.iter().flatten() {
            let reason = candidate.finish_reason.as_ref().map_or("", |text| &text.0);
            if !matches!(reason, "" | "FINISH_REASON_UNSPECIFIED") {
                self.finished = true;
                seen = Seen::Content;
            }
            let parts = candidate.content.as_ref().and_then(|c| c.parts.as_ref());
            for part in parts.into_iter().flatten() {
                seen = Seen::Content;
                let says = part.text.is_some_and(|text| text.get() != "\"\"");
                self.has_text |= says && part.thought != Some(true);
            }
        }
        seen
    }

    /// Writes the object in the client's framing: the bytes of the frame where nothing changed.
    fn carry(&mut self, json: &str, edited: Option<&str>, frame: &Frame<'_>, out: &mut Vec<u8>) {
        if self.frames.is_array() {
            let json = edited.unwrap_or(json);
            self.frames
                .element(out, |out| out.extend_from_slice(json.as_bytes()));
            return;
        }
        if edited.is_none() && frame.data.is_some() && ends_with_blank_line(frame.raw) {
            out.extend_from_slice(frame.raw);
            return;
        }
        let json = edited.unwrap_or(json);
        self.frames.element(out, |out| {
            if json.contains(['\n', '\r']) {
                out.extend_from_slice(compact(json).as_bytes());
            } else {
                out.extend_from_slice(json.as_bytes());
            }
        });
    }
}

/// The ends of an event that Google's own clients know (`gemini-generate-content.md` §6).
fn ends_with_blank_line(raw: &[u8]) -> bool {
    [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"]
        .iter()
        .any(|end| raw.ends_with(end))
}

impl Relay for Through {
    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen {
        if self.failed {
            return Seen::Preamble;
        }
        let json = match payload(frame) {
            Payload::Json(json) => json,
            // Clients choke on comments and on `[DONE]` (`clients.md` §2 row 7, E-202).
            Payload::Comment | Payload::Nothing => return Seen::Preamble,
        };
        if !json.starts_with('[') {
            return self.object(json, frame, out);
        }
        let objects: Vec<&RawValue> = match serde_json::from_str(json) {
            Ok(objects) => objects,
            Err(error) => {
                self.unreadable = Some(error.to_string());
                return Seen::Preamble;
            }
        };
        let mut seen = Seen::Preamble;
        for object in objects {
            let json = object.get();
            match self.object(json, &Frame::of_data(None, json), out) {
                Seen::Failure(failure) => return Seen::Failure(failure),
                Seen::Preamble => {}
                more => seen = more,
            }
        }
        seen
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Box<Failure>> {
        if self.failed {
            return None;
        }
        let message = if let Some(why) = &self.unreadable {
            format!("the upstream sent an event that cannot be read: {why}")
        } else if !self.begun {
            "the upstream closed the stream before any event".to_owned()
        } else if !self.finished && !self.has_text {
            "the upstream closed the stream before the reply was complete".to_owned()
        } else {
            self.frames.close(out);
            return None;
        };
        let failure = Failure::new(502, message);
        self.fail(&failure, out);
        Some(Box::new(failure))
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.failed {
            return;
        }
        self.failed = true;
        let body = failure::encode(failure);
        self.frames
            .element(out, |out| failure::one_line(&body, out));
        self.frames.close(out);
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.get()
    }
}

/// A whole reply for a Gemini client: the same bytes unless an edit is due, and what it used.
pub(super) fn whole(raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
    let Ok(json) = std::str::from_utf8(raw) else {
        return (raw.clone(), None);
    };
    let edits = ReplyEdits::new(context);
    let mut splices = Vec::new();
    let mut counts = LastUsage::default();
    // A stream without `alt=sse` is an array of replies; the last usage counts.
    let objects: Vec<&str> = if json.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(json)
            .map(|objects| objects.into_iter().map(RawValue::get).collect())
            .unwrap_or_default()
    } else {
        vec![json]
    };
    for object in objects {
        let Ok(peek) = serde_json::from_str::<Peek<'_>>(object) else {
            continue;
        };
        if let Some(usage) = peek.usage_metadata {
            counts.note(usage);
        }
        if !edits.is_empty() {
            edits.collect(json, &peek, &mut splices);
        }
    }
    let counts = counts.get().cloned();
    match splice(json, splices) {
        Some(edited) => (Bytes::from(edited), counts),
        None => (raw.clone(), counts),
    }
}

#[cfg(test)]
mod tests;
