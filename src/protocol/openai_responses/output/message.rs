//! A message towards a client: text and refusal parts.

use super::frames::Frames;
use super::json::{Object, push_element};
use super::place::{Place, Status};
use crate::splice::quote;

/// An open message. Texts of neighbouring items join in one part (E-177).
#[derive(Debug)]
pub(crate) struct Message {
    place: Place,
    /// Finished parts, the inside of `content`.
    content: String,
    n_parts: usize,
    part: Option<Part>,
}

#[derive(Debug)]
struct Part {
    refusal: bool,
    text: String,
    n_chars: usize,
    /// Inside of `annotations`.
    annotations: String,
    n_annotations: usize,
    /// Inside of `logprobs`.
    logprobs: String,
}

impl Message {
    pub(crate) fn open(place: Place, frames: &mut Frames, out: &mut Vec<u8>) -> Self {
        let message = Self {
            place,
            content: String::new(),
            n_parts: 0,
            part: None,
        };
        let item = message.json("in_progress");
        message.place.added(&item, frames, out);
        message
    }

    /// Characters of the open text part.
    pub(crate) fn n_chars(&self) -> usize {
        match &self.part {
            Some(part) if !part.refusal => part.n_chars,
            _ => 0,
        }
    }

    /// Adds text. `logprobs` is a JSON array.
    pub(crate) fn text(
        &mut self,
        text: &str,
        logprobs: Option<&str>,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) {
        let logprobs = logprobs.map_or("", array_inside);
        self.open_part(false, frames, out);
        let Some(part) = &mut self.part else { return };
        part.text.push_str(text);
        part.n_chars += text.chars().count();
        if !logprobs.is_empty() {
            push_element(&mut part.logprobs, logprobs);
        }
        let index = self.n_parts;
        self.place
            .event("response.output_text.delta", frames, out, |o| {
                o.number("content_index", index)
                    .text("delta", text)
                    .array("logprobs", logprobs);
            });
    }

    pub(crate) fn refusal(&mut self, text: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        self.open_part(true, frames, out);
        let Some(part) = &mut self.part else { return };
        part.text.push_str(text);
        let index = self.n_parts;
        self.place
            .event("response.refusal.delta", frames, out, |o| {
                o.number("content_index", index).text("delta", text);
            });
    }

    pub(crate) fn annotation(&mut self, annotation: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        self.open_part(false, frames, out);
        let Some(part) = &mut self.part else { return };
        let number = part.n_annotations;
        part.n_annotations += 1;
        push_element(&mut part.annotations, annotation);
        let index = self.n_parts;
        self.place
            .event("response.output_text.annotation.added", frames, out, |o| {
                o.number("content_index", index)
                    .number("annotation_index", number)
                    .raw("annotation", annotation);
            });
    }

    /// Closes the message; returns its JSON.
    pub(crate) fn close(
        mut self,
        status: Status,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) -> String {
        self.close_part(frames, out);
        let item = self.json(status.word());
        self.place.done(&item, frames, out);
        item
    }

    fn open_part(&mut self, refusal: bool, frames: &mut Frames, out: &mut Vec<u8>) {
        if self.part.as_ref().is_some_and(|p| p.refusal == refusal) {
            return;
        }
        self.close_part(frames, out);
        let part = Part {
            refusal,
            text: String::new(),
            n_chars: 0,
            annotations: String::new(),
            n_annotations: 0,
            logprobs: String::new(),
        };
        let json = part.json("\"\"");
        let index = self.n_parts;
        self.place
            .event("response.content_part.added", frames, out, |o| {
                o.number("content_index", index).raw("part", &json);
            });
        self.part = Some(part);
    }

    fn close_part(&mut self, frames: &mut Frames, out: &mut Vec<u8>) {
        let Some(part) = self.part.take() else { return };
        // The text goes out four times more: it is escaped once.
        let text = quote(&part.text);
        let index = self.n_parts;
        if part.refusal {
            self.place.event("response.refusal.done", frames, out, |o| {
                o.number("content_index", index).raw("refusal", &text);
            });
        } else {
            self.place
                .event("response.output_text.done", frames, out, |o| {
                    o.number("content_index", index)
                        .raw("text", &text)
                        .array("logprobs", &part.logprobs);
                });
        }
        let json = part.json(&text);
        self.place
            .event("response.content_part.done", frames, out, |o| {
                o.number("content_index", index).raw("part", &json);
            });
        push_element(&mut self.content, &json);
        self.n_parts += 1;
    }

    fn json(&self, status: &str) -> String {
        Object::of(|o| {
            o.text("id", &self.place.id)
                .text("type", "message")
                .text("status", status)
                .text("role", "assistant")
                .array("content", &self.content);
        })
    }
}

impl Part {
    /// The part with `text`, a JSON string.
    fn json(&self, text: &str) -> String {
        Object::of(|o| {
            if self.refusal {
                o.text("type", "refusal").raw("refusal", text);
            } else {
                o.text("type", "output_text")
                    .array("annotations", &self.annotations)
                    .array("logprobs", &self.logprobs)
                    .raw("text", text);
            }
        })
    }
}

/// The elements of a JSON array as they stand between its brackets; nothing for other values.
fn array_inside(json: &str) -> &str {
    json.trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map_or("", str::trim)
}
