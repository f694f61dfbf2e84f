//! A reasoning item towards a client: summary parts and the signature.

use super::frames::Frames;
use super::json::{Object, push_element};
use super::place::Place;
use crate::splice::quote;

/// An open reasoning item.
#[derive(Debug)]
pub(crate) struct Thinking {
    place: Place,
    /// Finished parts, the inside of `summary`.
    summary: String,
    n_parts: usize,
    part: Option<Part>,
}

#[derive(Debug)]
struct Part {
    /// The upstream's name for the part.
    key: Option<usize>,
    text: String,
}

impl Thinking {
    pub(crate) fn open(place: Place, frames: &mut Frames, out: &mut Vec<u8>) -> Self {
        let thinking = Self {
            place,
            summary: String::new(),
            n_parts: 0,
            part: None,
        };
        let item = thinking.json(None);
        thinking.place.added(&item, frames, out);
        thinking
    }

    /// Adds text to the part `key` (`None`: thinking that has no parts).
    pub(crate) fn text(
        &mut self,
        key: Option<usize>,
        text: &str,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) {
        if self.part.as_ref().is_none_or(|part| part.key != key) {
            self.close_part(frames, out);
            self.part_event("response.reasoning_summary_part.added", "\"\"", frames, out);
            self.part = Some(Part {
                key,
                text: String::new(),
            });
        }
        let Some(part) = &mut self.part else { return };
        part.text.push_str(text);
        let index = self.n_parts;
        self.place
            .event("response.reasoning_summary_text.delta", frames, out, |o| {
                o.number("summary_index", index).text("delta", text);
            });
    }

    /// Closes the item; returns its JSON. `encrypted` is the value of `encrypted_content`.
    pub(crate) fn close(
        mut self,
        encrypted: Option<&str>,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) -> String {
        self.close_part(frames, out);
        let item = self.json(encrypted);
        self.place.done(&item, frames, out);
        item
    }

    fn close_part(&mut self, frames: &mut Frames, out: &mut Vec<u8>) {
        let Some(part) = self.part.take() else { return };
        let text = quote(&part.text);
        let index = self.n_parts;
        self.place
            .event("response.reasoning_summary_text.done", frames, out, |o| {
                o.number("summary_index", index).raw("text", &text);
            });
        let json = self.part_event("response.reasoning_summary_part.done", &text, frames, out);
        push_element(&mut self.summary, &json);
        self.n_parts += 1;
    }

    fn part_event(&self, kind: &str, text: &str, frames: &mut Frames, out: &mut Vec<u8>) -> String {
        let json = Object::of(|o| {
            o.text("type", "summary_text").raw("text", text);
        });
        self.place.event(kind, frames, out, |o| {
            o.number("summary_index", self.n_parts).raw("part", &json);
        });
        json
    }

    fn json(&self, encrypted: Option<&str>) -> String {
        Object::of(|o| {
            o.text("id", &self.place.id)
                .text("type", "reasoning")
                .array("summary", &self.summary)
                .opt_text("encrypted_content", encrypted);
        })
    }
}
