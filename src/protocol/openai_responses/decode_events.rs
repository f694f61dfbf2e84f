//! An upstream's stream, or its whole reply, → events (`matrix.md` §5.1).

mod calls;
mod slots;
mod terminal;
mod texts;
mod wrapper;

pub(super) use terminal::whole;

use super::decode_items::server_tool;
use super::fault;
use super::wire::{EventIn, ItemIn, ResponseIn, read};
use crate::canonical::{
    CallKind, Channel, Delta, Event, Failure, Item, ItemHead, Signature, SignatureIssuer,
    SignaturePlace, Start,
};
use crate::codec::{EventDecoder, ReplyContext};
use crate::names::NameMap;
use crate::raw::RawJson;
use crate::sse::Frame;
use crate::stop::Calls;
use bytes::Bytes;
use serde_json::value::RawValue;
use slots::{Body, Call, Slot};
use std::borrow::Cow;

/// Decodes one upstream stream.
pub(super) struct Decoder {
    issuer: SignatureIssuer,
    names: NameMap,
    client_body: Bytes,
    started: bool,
    over: bool,
    slots: Vec<Slot>,
    /// Number of the next item.
    next: usize,
    calls: Calls,
    /// The last frame could not be read. One bad frame between good ones is skipped (E-243).
    bad_frame: bool,
}

impl Decoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            issuer: context.issuer,
            names: context.notes.names.clone(),
            client_body: context.client_body.clone(),
            started: false,
            over: false,
            slots: Vec::new(),
            next: 0,
            calls: Calls::default(),
            bad_frame: false,
        }
    }
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let Some(data) = frame.data.as_deref().map(str::trim) else {
            return;
        };
        // OpenAI sends no `[DONE]`, some compatible servers do.
        if self.over || data.is_empty() || data == "[DONE]" {
            return;
        }
        match serde_json::from_str::<EventIn<'_>>(data) {
            Ok(event) => {
                self.bad_frame = false;
                self.event(&event, frame.event, data, out);
            }
            Err(_) => self.bad_frame = true,
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        let failure = if self.bad_frame {
            Failure::new(
                502,
                "the upstream's stream ended with an event that is no JSON",
            )
        } else {
            fault::cut()
        };
        self.fail(failure, out);
    }
}

impl Decoder {
    fn event(&mut self, event: &EventIn<'_>, name: Option<&str>, data: &str, out: &mut Vec<Event>) {
        let Some(kind) = event.kind.as_deref().or(name) else {
            if event.choices.is_some() {
                self.fail(fault::wrong_protocol(), out);
            } else if event.error.is_some() {
                self.fail(fault::decode(data), out);
            }
            return;
        };
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                let response = event.response.map(read::<ResponseIn<'_>>);
                self.start(response.as_ref(), out);
            }
            "response.output_item.added" => {
                if let Some(raw) = event.item {
                    self.added(event.output_index, raw, out);
                }
            }
            "response.output_text.delta" => {
                self.words(event, false, event.delta.as_deref(), false, out);
            }
            "response.output_text.done" => {
                self.words(event, false, event.text.as_deref(), true, out);
            }
            "response.refusal.delta" => {
                self.words(event, true, event.delta.as_deref(), false, out);
            }
            "response.refusal.done" => {
                self.words(event, true, event.refusal.as_deref(), true, out);
            }
            "response.output_text.annotation.added" => {
                if let Some(note) = event.annotation {
                    self.annotation(event, note, out);
                }
            }
            "response.reasoning_summary_text.delta" => {
                let channel = Channel::Summary(event.summary_index.unwrap_or(0));
                self.thought(event, channel, event.delta.as_deref(), false, out);
            }
            "response.reasoning_summary_text.done" => {
                let channel = Channel::Summary(event.summary_index.unwrap_or(0));
                self.thought(event, channel, event.text.as_deref(), true, out);
            }
            "response.reasoning_text.delta" => {
                self.thought(event, Channel::Raw, event.delta.as_deref(), false, out);
            }
            "response.function_call_arguments.delta" => {
                self.arguments(
                    event,
                    CallKind::Function,
                    event.delta.as_deref(),
                    false,
                    out,
                );
            }
            "response.function_call_arguments.done" => {
                self.arguments(
                    event,
                    CallKind::Function,
                    event.arguments.as_deref(),
                    true,
                    out,
                );
            }
            "response.custom_tool_call_input.delta" => {
                self.arguments(event, CallKind::Custom, event.delta.as_deref(), false, out);
            }
            "response.custom_tool_call_input.done" => {
                self.arguments(event, CallKind::Custom, event.input.as_deref(), true, out);
            }
            "response.image_generation_call.partial_image" => {
                if let Some(at) = self.find(event, "image_generation_call")
                    && let Body::Image { partial, .. } = &mut self.slots[at].body
                {
                    *partial = event.partial_image_b64.as_deref().map(str::to_owned);
                }
            }
            "response.output_item.done" => {
                if let Some(raw) = event.item {
                    self.done(event.output_index, raw, out);
                }
            }
            // `response.done` is the WebSocket's older word.
            "response.completed" | "response.incomplete" | "response.done" => {
                let response = event.response.map(read::<ResponseIn<'_>>);
                self.terminal(&response.unwrap_or_default(), out);
            }
            "response.failed" | "response.cancelled" | "error" => {
                self.fail(fault::decode(data), out);
            }
            "keepalive" => out.push(Event::KeepAlive),
            // Progress of built-in tools, obfuscation, private events: nothing for others (E-142).
            _ => {}
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.over = true;
        out.push(Event::Error(Box::new(failure)));
    }

    fn start(&mut self, response: Option<&ResponseIn<'_>>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        out.push(Event::Start(Box::new(match response {
            Some(response) => Start {
                id: text(&response.id),
                model: text(&response.model),
                // Some servers write a float.
                created: response
                    .created_at
                    .and_then(|at| at.get().split('.').next()?.parse().ok()),
                service_tier: text(&response.service_tier),
                fingerprint: None,
            },
            None => Start::default(),
        })));
    }

    fn next_index(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn open(&mut self, head: ItemHead, out: &mut Vec<Event>) -> usize {
        self.start(None, out);
        let index = self.next_index();
        out.push(Event::ItemStart {
            index,
            choice: 0,
            head,
        });
        index
    }

    // ---- finding items

    /// The item an event belongs to: by number, then by id, then the last open one of its kind. Ids
    /// may change from event to event (E-167), so the number goes first.
    fn find(&self, event: &EventIn<'_>, kind: &str) -> Option<usize> {
        let of_kind = |slot: &Slot| slot.kind == kind;
        let last = |is: &dyn Fn(&Slot) -> bool| {
            self.slots
                .iter()
                .rposition(|slot| of_kind(slot) && !slot.closed && is(slot))
                .or_else(|| {
                    self.slots
                        .iter()
                        .rposition(|slot| of_kind(slot) && is(slot))
                })
        };
        let by_id = || {
            let id = event.item_id.as_deref()?;
            last(&|slot| slot.id.as_deref() == Some(id))
        };
        if let Some(number) = event.output_index {
            return last(&|slot| slot.output_index == Some(number)).or_else(by_id);
        }
        by_id().or_else(|| {
            self.slots
                .iter()
                .rposition(|slot| of_kind(slot) && !slot.closed)
        })
    }

    /// As [`Self::find`]; an item whose `added` event never came is opened now.
    fn find_or_open(&mut self, event: &EventIn<'_>, kind: &str, out: &mut Vec<Event>) -> usize {
        if let Some(at) = self.find(event, kind) {
            return at;
        }
        let item = ItemIn {
            kind: Some(kind.into()),
            id: event.item_id.as_deref().map(|id| id.to_owned().into()),
            ..ItemIn::default()
        };
        self.insert(event.output_index, &item, None, out)
    }

    /// The item that a repeated one is: by number and kind, call id, id.
    fn find_item(&self, number: Option<usize>, item: &ItemIn<'_>) -> Option<usize> {
        let kind = item.kind.as_deref().unwrap_or_default();
        let last = |is: &dyn Fn(&Slot) -> bool| {
            self.slots
                .iter()
                .rposition(|slot| slot.kind == kind && is(slot))
        };
        let same = |known: &Option<String>, new: &Option<Cow<'_, str>>| {
            new.is_some() && known.as_deref() == new.as_deref()
        };
        number
            .and_then(|_| last(&|slot| slot.output_index == number))
            .or_else(|| last(&|slot| same(&slot.call_id, &item.call_id)))
            .or_else(|| last(&|slot| same(&slot.id, &item.id)))
    }

    // ---- items

    fn added(&mut self, number: Option<usize>, raw: &RawValue, out: &mut Vec<Event>) {
        let item: ItemIn<'_> = read(raw);
        self.start(None, out);
        let at = self.insert(number, &item, Some(raw), out);
        // Servers that do not stream arguments bring them here.
        if let Body::Call(_) = self.slots[at].body {
            self.fill_call(at, &item, out);
        }
    }

    fn insert(
        &mut self,
        output_index: Option<usize>,
        item: &ItemIn<'_>,
        raw: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) -> usize {
        let kind = item.kind.as_deref().unwrap_or("message");
        let id = item.id.as_deref().map(str::to_owned);
        let body = match kind {
            "message" => Body::Message(Vec::new()),
            "reasoning" => Body::Reasoning {
                index: self.open(
                    ItemHead::Reasoning {
                        id: id.clone(),
                        redacted: false,
                    },
                    out,
                ),
                summary: Vec::new(),
                text: String::new(),
                provisional: item.encrypted_content.as_deref().map(str::to_owned),
            },
            "function_call" => Body::Call(Call::new(CallKind::Function)),
            "custom_tool_call" => Body::Call(Call::new(CallKind::Custom)),
            "image_generation_call" => Body::Image {
                index: self.open(ItemHead::Image, out),
                partial: None,
            },
            native => {
                let text = raw.map_or("{}", RawValue::get);
                let raw = RawJson::parse(text).unwrap_or_else(|_| serde_json::Value::Null.into());
                let tool = server_tool(text, native, raw);
                Body::Server {
                    index: self.open(ItemHead::Server(Box::new(tool)), out),
                }
            }
        };
        self.slots.push(Slot {
            output_index,
            id,
            call_id: item.call_id.as_deref().map(str::to_owned),
            kind: kind.to_owned(),
            closed: false,
            matched: false,
            body,
        });
        self.slots.len() - 1
    }

    fn done(&mut self, number: Option<usize>, raw: &RawValue, out: &mut Vec<Event>) {
        let item: ItemIn<'_> = read(raw);
        let at = match self.find_item(number, &item) {
            Some(at) => at,
            None => self.insert(number, &item, Some(raw), out),
        };
        self.complete(at, &item, raw, out);
    }

    /// Fills in what the stream did not bring and closes the item.
    fn complete(&mut self, at: usize, item: &ItemIn<'_>, raw: &RawValue, out: &mut Vec<Event>) {
        if self.slots[at].closed {
            return;
        }
        match self.slots[at].body {
            Body::Message(_) => self.fill_message(at, item, out),
            Body::Reasoning { .. } => self.fill_reasoning(at, item, out),
            Body::Call(_) => {
                self.fill_call(at, item, out);
                if item.status.as_deref() == Some("incomplete") {
                    self.calls.cut = true;
                }
            }
            Body::Image {
                index,
                ref mut partial,
            } => {
                if let Some(data) = item.result.as_deref().filter(|data| !data.is_empty()) {
                    *partial = None;
                    let format = item.output_format.as_deref();
                    out.push(picture(index, data.to_owned(), format));
                }
            }
            Body::Server { index } => {
                let kind = item.kind.as_deref().unwrap_or_default();
                let whole = RawJson::parse(raw.get()).ok().map(|kept| {
                    Box::new(Item::Server(Box::new(server_tool(raw.get(), kind, kept))))
                });
                self.slots[at].closed = true;
                out.push(Event::ItemStop { index, whole });
                return;
            }
        }
        self.close(at, out);
    }

    /// Closes the item with what is known.
    fn close(&mut self, at: usize, out: &mut Vec<Event>) {
        let slot = &mut self.slots[at];
        if std::mem::replace(&mut slot.closed, true) {
            return;
        }
        let stop = |index| Event::ItemStop { index, whole: None };
        match &mut slot.body {
            Body::Message(parts) => {
                for part in parts.iter_mut().filter(|part| !part.closed) {
                    part.closed = true;
                    out.push(stop(part.index));
                }
            }
            Body::Reasoning {
                index, provisional, ..
            } => {
                if let Some(value) = provisional.take().filter(|value| !value.is_empty()) {
                    out.push(Event::Delta {
                        index: *index,
                        delta: Delta::Signature(Signature {
                            issuer: self.issuer,
                            value,
                            place: SignaturePlace::Here,
                        }),
                    });
                }
                out.push(stop(*index));
            }
            Body::Call(Call { wrapper: true, .. }) => self.unwrap_calls(at, out),
            Body::Call(call) => {
                if let Some(index) = call.index {
                    self.calls.complete |= !self.calls.cut;
                    out.push(stop(index));
                }
            }
            Body::Image { index, partial } => {
                if let Some(data) = partial.take() {
                    out.push(picture(*index, data, None));
                }
                out.push(stop(*index));
            }
            Body::Server { index } => out.push(stop(*index)),
        }
    }
}

fn picture(index: usize, data: String, format: Option<&str>) -> Event {
    let mime = format!("image/{}", format.unwrap_or("png"));
    Event::Delta {
        index,
        delta: Delta::Image { mime, data },
    }
}
