//! Texts, refusals, citations and thinking of a reply.

use super::super::annotation;
use super::super::wire::{EventIn, ItemIn, PartIn, elements, read};
use super::Decoder;
use super::slots::{Body, Part, remainder};
use crate::canonical::{Channel, Delta, Event, ItemHead};
use crate::raw::RawJson;
use serde_json::value::RawValue;
use std::borrow::Cow;

impl Decoder {
    /// The open part of a message, opened now if need be; `None` when it was closed before.
    pub(super) fn part(
        &mut self,
        at: usize,
        content_index: usize,
        refusal: bool,
        out: &mut Vec<Event>,
    ) -> Option<&mut Part> {
        let Body::Message(parts) = &self.slots[at].body else {
            return None;
        };
        let known = parts
            .iter()
            .position(|part| part.content_index == content_index && part.refusal == refusal);
        let number = match known {
            Some(number) => number,
            None => {
                let number = parts.len();
                let head = if refusal {
                    ItemHead::Refusal
                } else {
                    ItemHead::Text
                };
                let index = self.open(head, out);
                if let Body::Message(parts) = &mut self.slots[at].body {
                    parts.push(Part {
                        content_index,
                        index,
                        refusal,
                        text: String::new(),
                        n_annotations: 0,
                        closed: false,
                    });
                }
                number
            }
        };
        match &mut self.slots[at].body {
            Body::Message(parts) => parts.get_mut(number).filter(|part| !part.closed),
            _ => None,
        }
    }

    /// A piece of a text or refusal, or the whole of it (`whole`).
    pub(super) fn words(
        &mut self,
        event: &EventIn<'_>,
        refusal: bool,
        text: Option<&str>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return;
        };
        let at = self.find_or_open(event, "message", out);
        let logprobs = event
            .logprobs
            .filter(|list| !whole && list.get().len() > "[]".len() && list.get().starts_with('['))
            .and_then(|list| RawJson::parse(list.get()).ok());
        self.say(
            at,
            event.content_index.unwrap_or(0),
            refusal,
            text,
            logprobs,
            whole,
            out,
        );
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a state machine")]
    pub(super) fn say(
        &mut self,
        at: usize,
        content_index: usize,
        refusal: bool,
        text: &str,
        logprobs: Option<RawJson>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let Some(part) = self.part(at, content_index, refusal, out) else {
            return;
        };
        let piece = if whole {
            match remainder(&part.text, text) {
                Some(rest) => rest,
                None => return,
            }
        } else {
            text
        };
        part.text.push_str(piece);
        let index = part.index;
        let text = piece.to_owned();
        out.push(Event::Delta {
            index,
            delta: if refusal {
                Delta::Refusal(text)
            } else {
                Delta::Text { text, logprobs }
            },
        });
    }

    pub(super) fn annotation(
        &mut self,
        event: &EventIn<'_>,
        note: &RawValue,
        out: &mut Vec<Event>,
    ) {
        let at = self.find_or_open(event, "message", out);
        let Some(citation) = annotation::decode(note.get()) else {
            return;
        };
        if let Some(part) = self.part(at, event.content_index.unwrap_or(0), false, out) {
            part.n_annotations += 1;
            let index = part.index;
            out.push(Event::Delta {
                index,
                delta: Delta::Citation(Box::new(citation)),
            });
        }
    }

    pub(super) fn fill_message(&mut self, at: usize, item: &ItemIn<'_>, out: &mut Vec<Event>) {
        for (number, raw) in elements(item.content).into_iter().enumerate() {
            let part: PartIn<'_> = read(raw);
            let (refusal, text) = match part.kind.as_deref() {
                Some("refusal") => (true, part.refusal.as_deref()),
                Some("output_text" | "text") => (false, part.text.as_deref()),
                _ => continue,
            };
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                let logprobs = part
                    .logprobs
                    .filter(|list| list.get().len() > "[]".len() && list.get().starts_with('['))
                    .and_then(|list| RawJson::parse(list.get()).ok());
                self.say(at, number, refusal, text, logprobs, true, out);
            }
            for note in elements(part.annotations)
                .into_iter()
                .skip(self.n_annotations(at, number))
            {
                if let (Some(citation), Some(part)) = (
                    annotation::decode(note.get()),
                    self.part(at, number, false, out),
                ) {
                    let index = part.index;
                    out.push(Event::Delta {
                        index,
                        delta: Delta::Citation(Box::new(citation)),
                    });
                }
            }
        }
    }

    pub(super) fn n_annotations(&self, at: usize, content_index: usize) -> usize {
        match &self.slots[at].body {
            Body::Message(parts) => parts
                .iter()
                .find(|part| part.content_index == content_index)
                .map_or(0, |part| part.n_annotations),
            _ => 0,
        }
    }

    // ---- thinking

    pub(super) fn thought(
        &mut self,
        event: &EventIn<'_>,
        channel: Channel,
        text: Option<&str>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let at = self.find_or_open(event, "reasoning", out);
            self.think(at, channel, text, whole, out);
        }
    }

    pub(super) fn think(
        &mut self,
        at: usize,
        channel: Channel,
        text: &str,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let slot = &mut self.slots[at];
        let Body::Reasoning {
            index,
            summary,
            text: raw,
            ..
        } = &mut slot.body
        else {
            return;
        };
        if slot.closed {
            return;
        }
        let sent = match channel {
            Channel::Raw => raw,
            Channel::Summary(n) => {
                if summary.len() <= n {
                    summary.resize_with(n + 1, String::new);
                }
                &mut summary[n]
            }
        };
        let piece = if whole {
            match remainder(sent, text) {
                Some(rest) => rest,
                None => return,
            }
        } else {
            text
        };
        sent.push_str(piece);
        out.push(Event::Delta {
            index: *index,
            delta: Delta::Reasoning {
                channel,
                text: piece.to_owned(),
            },
        });
    }

    pub(super) fn fill_reasoning(&mut self, at: usize, item: &ItemIn<'_>, out: &mut Vec<Event>) {
        for (n, raw) in elements(item.summary).into_iter().enumerate() {
            let part: PartIn<'_> = read(raw);
            if let Some(text) = part.text.as_deref() {
                self.think(at, Channel::Summary(n), text, true, out);
            }
        }
        let raw: String = elements(item.content)
            .into_iter()
            .filter_map(|raw| read::<PartIn<'_>>(raw).text.map(Cow::into_owned))
            .collect();
        self.think(at, Channel::Raw, &raw, true, out);
        let last = item.encrypted_content.as_deref().filter(|v| !v.is_empty());
        if let (Some(last), Body::Reasoning { provisional, .. }) = (last, &mut self.slots[at].body)
        {
            *provisional = Some(last.to_owned());
        }
    }
}
