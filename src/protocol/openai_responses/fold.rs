//! A whole reply out of a stream, for clients that do not stream on upstreams that only do (Codex).

use super::fault;
use super::relay::{Items, kind};
use super::wire::{EventIn, ResponseIn, read};
use crate::canonical::Failure;
use crate::splice::{Doc, Edits};
use crate::sse::Frame;
use bytes::Bytes;

/// Takes the response object of the terminal event, so that nothing of it is lost on a way through
/// the common model. The streamed items stand in where the object has none (E-164).
///
/// What it returns is the upstream's own reply: [`crate::Codec::relay_response`] does the rest.
#[derive(Debug, Default)]
pub struct ResponseFold {
    items: Items,
    bad_frame: bool,
}

impl ResponseFold {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one frame. `Some` ends the stream: the response object, or the upstream's failure.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Option<Result<Bytes, Box<Failure>>> {
        let data = frame.data.as_deref()?.trim();
        if data.is_empty() || data == "[DONE]" {
            return None;
        }
        let Some(kind) = kind(frame.event, data) else {
            return self.unnamed(data);
        };
        match &*kind {
            "response.output_item.done" => {
                self.items.collect(data);
                None
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                match self.response(data) {
                    Some(response) => Some(Ok(response)),
                    None => {
                        self.bad_frame = true;
                        None
                    }
                }
            }
            "response.failed" | "response.cancelled" | "error" => {
                Some(Err(Box::new(fault::decode(data))))
            }
            _ => None,
        }
    }

    /// The upstream closed the connection before a terminal event: the failure that is.
    pub fn finish(&mut self) -> Box<Failure> {
        Box::new(if self.bad_frame {
            Failure::new(
                502,
                "the upstream's stream ended with an event that is no JSON",
            )
        } else {
            fault::cut()
        })
    }

    fn unnamed(&mut self, data: &str) -> Option<Result<Bytes, Box<Failure>>> {
        let Ok(event) = serde_json::from_str::<EventIn<'_>>(data) else {
            self.bad_frame = true;
            return None;
        };
        if event.choices.is_some() {
            return Some(Err(Box::new(fault::wrong_protocol())));
        }
        event.error?;
        Some(Err(Box::new(fault::decode(data))))
    }

    fn response(&self, data: &str) -> Option<Bytes> {
        let event: EventIn<'_> = serde_json::from_str(data).ok()?;
        let raw = Bytes::copy_from_slice(event.response?.get().as_bytes());
        let response: ResponseIn<'_> = read(event.response?);
        if self.items.is_empty() || !response.has_no_output() {
            return Some(raw);
        }
        let doc = Doc::parse(&raw).ok()?;
        let mut edits = Edits::new();
        edits.set(doc.root(), "output", self.items.array());
        Some(edits.apply(&raw))
    }
}
