//! Reply objects → events (`matrix.md` §5.1). Whole replies go the same way as streams.

use super::super::words::filtered;
use super::choice::Choice;
use super::usage::LastUsage;
use super::wire::Object;
use crate::canonical::{Event, Failure, SignatureIssuer, Start};
use crate::codec::{CodecError, Dialect, EventDecoder, ReplyContext};
use crate::failure;
use crate::sse::Frame;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Decodes one stream.
pub(in super::super) struct Decoder {
    shared: Shared,
    started: bool,
    over: bool,
    choices: Vec<Choice>,
    usage: LastUsage,
    /// `promptFeedback.blockReason`.
    blocked: Option<String>,
    /// The last event could not be read; forgiven when a good one follows (E-243).
    unreadable: Option<String>,
}

/// What the candidates of one reply share.
pub(super) struct Shared {
    context: ReplyContext,
    /// Issuer of the signatures in this reply.
    pub issuer: SignatureIssuer,
    n_items: usize,
    n_made_ids: usize,
}

impl Shared {
    pub(super) fn next_index(&mut self) -> usize {
        self.n_items += 1;
        self.n_items - 1
    }

    /// An id for a call that came without (E-195).
    pub(super) fn make_call_id(&mut self) -> String {
        self.n_made_ids += 1;
        self.context.id("call_", 24, self.n_made_ids - 1)
    }

    pub(super) fn client_name(&self, upstream: &str) -> String {
        self.context.notes.names.to_client(upstream).to_owned()
    }
}

impl Decoder {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        let issuer = match context.issuer {
            SignatureIssuer::Unknown => Dialect::Gemini.issuer(),
            known => known,
        };
        Self {
            shared: Shared {
                context: context.clone(),
                issuer,
                n_items: 0,
                n_made_ids: 0,
            },
            started: false,
            over: false,
            choices: Vec::new(),
            usage: LastUsage::default(),
            blocked: None,
            unreadable: None,
        }
    }

    /// Decodes one JSON text: a reply object, an error, or an array of them.
    fn push_json(&mut self, json: &str, out: &mut Vec<Event>) {
        if json.starts_with('[') {
            match serde_json::from_str::<Vec<&RawValue>>(json) {
                Ok(objects) => {
                    for object in objects {
                        self.push_json(object.get(), out);
                    }
                }
                Err(error) => self.unreadable = Some(error.to_string()),
            }
            return;
        }
        if self.over {
            return;
        }
        match serde_json::from_str::<Object<'_>>(json) {
            Err(error) => self.unreadable = Some(error.to_string()),
            Ok(Object {
                error: Some(error), ..
            }) => {
                let failure = in_stream_failure(json, error);
                self.fail(failure, out);
            }
            Ok(object) if object.is_foreign() => {
                self.unreadable = Some("no field of a reply in it".to_owned());
            }
            Ok(object) => {
                self.unreadable = None;
                self.push_object(object, out);
            }
        }
    }

    fn push_object(&mut self, object: Object<'_>, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            out.push(Event::Start(Box::new(Start {
                id: object.response_id.map(|id| id.0.into_owned()),
                model: object.model_version.map(|model| model.0.into_owned()),
                ..Start::default()
            })));
        }
        if let Some(counts) = object.usage_metadata {
            self.usage.note(counts);
        }
        if let Some(reason) = object.prompt_feedback.and_then(|f| f.block_reason)
            && reason.0 != "BLOCK_REASON_UNSPECIFIED"
        {
            self.blocked = Some(reason.0.into_owned());
        }
        for (candidate, place) in object
            .candidates
            .unwrap_or_default()
            .into_iter()
            .zip(0u32..)
        {
            // Candidates are numbered; where a number is missing the place counts.
            let number = candidate.index.unwrap_or(place);
            let at = match self.choices.iter().position(|c| c.number() == number) {
                Some(at) => at,
                None => {
                    self.choices.push(Choice::new(number));
                    self.choices.len() - 1
                }
            };
            self.choices[at].push(candidate, &mut self.shared, out);
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.over = true;
        let usage = self.usage.get().cloned();
        out.extend(usage.map(|usage| Event::Usage(Box::new(usage))));
        out.push(Event::Error(Box::new(failure)));
    }

    /// What is wrong with a stream that ends now; `None` = complete.
    fn fault(&self) -> Option<Failure> {
        if let Some(why) = &self.unreadable {
            let message = format!("the upstream sent an event that cannot be read: {why}");
            return Some(Failure::new(502, message));
        }
        if !self.started {
            return Some(Failure::new(
                502,
                "the upstream closed the stream before any event",
            ));
        }
        let used = || self.choices.iter().filter(|choice| choice.is_used());
        let is_complete =
            used().all(Choice::is_complete) && (used().next().is_some() || self.blocked.is_some());
        (!is_complete).then(|| {
            Failure::new(
                502,
                "the upstream closed the stream before the reply was complete",
            )
        })
    }
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        match payload(frame) {
            Payload::Json(json) => self.push_json(json, out),
            Payload::Comment => out.push(Event::KeepAlive),
            Payload::Nothing => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        if let Some(failure) = self.fault() {
            self.fail(failure, out);
            return;
        }
        let mut choices = std::mem::take(&mut self.choices);
        choices.retain(Choice::is_used);
        choices.sort_by_key(Choice::number);
        let mut n_searches = 0;
        for choice in &mut choices {
            n_searches += choice.close(&mut self.shared, out);
        }
        let endings: Result<Vec<_>, String> = choices
            .iter()
            .map(|choice| {
                let (stop, native) = choice.ending()?;
                Ok(Event::Finish {
                    choice: choice.number(),
                    stop,
                    native,
                })
            })
            .collect();
        let mut endings = match endings {
            Ok(endings) => endings,
            Err(word) => {
                let message = format!("the upstream stopped without an answer: {word}");
                self.fail(Failure::new(502, message), out);
                return;
            }
        };
        if let (true, Some(reason)) = (endings.is_empty(), &self.blocked) {
            endings.push(Event::Finish {
                choice: 0,
                stop: filtered(reason),
                native: Some(reason.to_ascii_lowercase()),
            });
        }
        self.over = true;
        if let Some(mut usage) = self.usage.get().cloned() {
            if n_searches > 0 {
                usage.web_searches = Some(n_searches);
            }
            out.push(Event::Usage(Box::new(usage)));
        }
        out.append(&mut endings);
        out.push(Event::End);
    }
}

/// What one frame holds.
pub(in super::super) enum Payload<'f> {
    /// JSON text, not checked.
    Json(&'f str),
    /// A comment.
    Comment,
    /// Nothing to read: empty data, `[DONE]` of servers that mix protocols (E-202).
    Nothing,
}

/// The payload of a frame. Errors may come as bare JSON, without `data:` (E-205).
pub(in super::super) fn payload<'f>(frame: &'f Frame<'_>) -> Payload<'f> {
    let json = match &frame.data {
        Some(data) => data.trim(),
        None => match std::str::from_utf8(frame.raw).map(str::trim) {
            Ok(raw) if raw.starts_with(['{', '[']) => raw,
            Ok(raw) if raw.starts_with(':') => return Payload::Comment,
            _ => return Payload::Nothing,
        },
    };
    match json {
        "" | "[DONE]" => Payload::Nothing,
        json => Payload::Json(json),
    }
}

/// The failure that `{"error":…}` inside a stream reports: it has no HTTP status, so `code` decides
/// when it is one (E-241), else 502.
pub(in super::super) fn in_stream_failure(json: &str, error: &RawValue) -> Failure {
    #[derive(Deserialize)]
    struct Code {
        code: Option<u16>,
    }
    let status = serde_json::from_str::<Code>(error.get())
        .ok()
        .and_then(|error| error.code)
        .filter(|code| (400..600).contains(code))
        .unwrap_or(502);
    failure::decode(
        status,
        &Bytes::copy_from_slice(json.as_bytes()),
        Dialect::Gemini,
    )
}

/// Decodes a whole reply: one object, or the array that a stream without `alt=sse` is.
pub(in super::super) fn decode_whole(
    raw: &Bytes,
    context: &ReplyContext,
) -> Result<Vec<Event>, CodecError> {
    let invalid = |message: String| CodecError::Invalid {
        path: "body".into(),
        message,
    };
    let json = std::str::from_utf8(raw).map_err(|error| invalid(error.to_string()))?;
    let mut decoder = Decoder::new(context);
    let mut events = Vec::new();
    decoder.push_json(json.trim(), &mut events);
    if let Some(why) = decoder.unreadable.take() {
        return Err(invalid(why));
    }
    decoder.finish(&mut events);
    Ok(events)
}
