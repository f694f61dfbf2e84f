//! Chunks of an upstream → events (`matrix.md` §5.1, row chat).

use super::choice::{ChoiceState, Sink};
use super::errors::{bare_failure, cut, failure_in, no_choices};
use super::usage::decode_usage;
use super::wire_reply::{Chunk, filled};
use crate::canonical::{Event, Failure, Start};
use crate::codec::{EventDecoder, ReplyContext};
use crate::sse::Frame;
use serde_json::value::RawValue;

/// Decodes one stream; a whole reply is one chunk of it.
pub(super) struct ChunkDecoder {
    context: ReplyContext,
    started: bool,
    /// `End` or `Error` went out.
    ended: bool,
    choices: Vec<ChoiceState>,
    n_items: usize,
    n_made_ids: usize,
    /// The latest usage object, parsed at the end: some services send one with every chunk.
    usage: Option<String>,
    /// An unreadable frame with nothing good behind it yet (E-243).
    unreadable: Option<Box<Failure>>,
}

impl ChunkDecoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.clone(),
            started: false,
            ended: false,
            choices: Vec::new(),
            n_items: 0,
            n_made_ids: 0,
            usage: None,
            unreadable: None,
        }
    }

    /// Decodes the payload of one frame.
    pub(super) fn payload(&mut self, payload: &str, out: &mut Vec<Event>) {
        let chunk: Chunk<'_> = match serde_json::from_str(payload) {
            Ok(chunk) => chunk,
            Err(error) => {
                self.unreadable = Some(Box::new(Failure::new(
                    502,
                    format!("the upstream sent an unreadable event: {error}"),
                )));
                return;
            }
        };
        self.unreadable = None;
        if let Some(failure) = failure_in(&chunk, payload) {
            self.fail(failure, out);
            return;
        }
        self.chunk(chunk, out);
    }

    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Vec<Event>) {
        self.note_usage(chunk.counts());
        let Some(choices) = &chunk.choices else {
            return;
        };
        // Azure and Copilot send filter results first, with an empty id and model (E-153).
        if !self.started && !choices.is_empty() {
            self.started = true;
            out.push(Event::Start(Box::new(start_of(&chunk))));
        }
        for choice in chunk.choices.into_iter().flatten() {
            let at = self.choice(choice.index.unwrap_or(0));
            let mut sink = Sink {
                context: &self.context,
                n_items: &mut self.n_items,
                n_made_ids: &mut self.n_made_ids,
                out,
            };
            let state = &mut self.choices[at];
            if let Some(delta) = choice.delta {
                state.delta(delta, choice.logprobs, false, &mut sink);
            } else if let Some(message) = choice.message {
                state.delta(message, choice.logprobs, true, &mut sink);
            }
            // An empty finish reason is no finish (E-157).
            if let Some(word) = choice.finish_reason.filter(|word| !word.is_empty()) {
                let native = filled(choice.native_finish_reason);
                state.finish(&word, native.as_deref(), &mut sink);
            }
        }
    }

    fn note_usage(&mut self, usage: Option<&RawValue>) {
        if let Some(raw) = usage
            && raw.get().starts_with('{')
        {
            self.usage = Some(raw.get().to_owned());
        }
    }

    /// Position of the state of choice `index`.
    fn choice(&mut self, index: u32) -> usize {
        match self.choices.iter().position(|state| state.choice == index) {
            Some(at) => at,
            None => {
                self.choices.push(ChoiceState::new(index));
                self.choices.len() - 1
            }
        }
    }

    fn fail(&mut self, failure: Box<Failure>, out: &mut Vec<Event>) {
        self.push_usage(out);
        out.push(Event::Error(failure));
        self.ended = true;
    }

    fn push_usage(&mut self, out: &mut Vec<Event>) {
        if let Some(usage) = self.usage.take().as_deref().and_then(decode_usage) {
            out.push(Event::Usage(Box::new(usage)));
        }
    }

    /// The reply is over. `marked`: by `[DONE]`, or because it came whole.
    pub(super) fn conclude(&mut self, marked: bool, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let any_finish = self.choices.iter().any(ChoiceState::is_finished);
        if let Some(failure) = self.unreadable.take().filter(|_| !any_finish) {
            self.fail(failure, out);
            return;
        }
        if self.choices.is_empty() && marked {
            self.fail(no_choices(), out);
            return;
        }
        let complete = self
            .choices
            .iter()
            .all(|choice| choice.is_finished() || (marked && choice.may_end()));
        if self.choices.is_empty() || !complete {
            self.fail(cut(), out);
            return;
        }
        let mut finishes = Vec::with_capacity(self.choices.len());
        let mut sink = Sink {
            context: &self.context,
            n_items: &mut self.n_items,
            n_made_ids: &mut self.n_made_ids,
            out,
        };
        for choice in &mut self.choices {
            match choice.conclude(&mut sink) {
                Ok(finish) => finishes.push(finish),
                Err(failure) => {
                    self.fail(failure, out);
                    return;
                }
            }
        }
        self.push_usage(out);
        out.append(&mut finishes);
        out.push(Event::End);
        self.ended = true;
    }
}

fn start_of(chunk: &Chunk<'_>) -> Start {
    let text = |raw: Option<&RawValue>| filled(raw).map(|text| text.into_owned());
    Start {
        id: text(chunk.id),
        model: text(chunk.model),
        created: chunk
            .created
            .and_then(|raw| raw.get().parse::<f64>().ok())
            .map(|at| at as i64),
        service_tier: text(chunk.service_tier),
        fingerprint: text(chunk.system_fingerprint),
    }
}

impl EventDecoder for ChunkDecoder {
    fn decode(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let Some(data) = frame.data.as_deref() else {
            // A line of bare JSON: services that ignore `stream` answer like this.
            match std::str::from_utf8(frame.raw).map(str::trim) {
                Ok(line) if line.starts_with('{') => self.payload(line, out),
                _ => out.push(Event::KeepAlive),
            }
            return;
        };
        let data = data.trim();
        if data.starts_with("[DONE]") {
            self.conclude(true, out);
        } else if frame.event == Some("error") && !has_error(data) {
            self.fail(bare_failure(data), out);
        } else if !data.is_empty() {
            self.payload(data, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.conclude(false, out);
    }
}

/// True when the payload has an `error` member, and so is read like any other chunk.
pub(super) fn has_error(payload: &str) -> bool {
    serde_json::from_str::<Chunk<'_>>(payload).is_ok_and(|chunk| chunk.error.is_some())
}
