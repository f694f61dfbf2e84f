//! An upstream's stream, or its whole reply, → events (`matrix.md` §5.1).

use super::decode_items::server_tool;
use super::slots::{Body, Call, Part, Slot, remainder};
use super::wire::{DetailsIn, EventIn, ItemIn, PartIn, ResponseIn, elements, read};
use super::{annotation, fault, usage, wrapper};
use crate::canonical::{
    CallKind, Channel, Delta, Event, Failure, Item, ItemHead, Signature, SignatureIssuer,
    SignaturePlace, Start, Stop,
};
use crate::codec::{CodecError, EventDecoder, ReplyContext};
use crate::names::NameMap;
use crate::raw::RawJson;
use crate::sse::Frame;
use crate::stop::{Calls, settle};
use bytes::Bytes;
use serde_json::value::RawValue;
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

/// Decodes a whole reply. Fails when `raw` is no JSON object.
pub(super) fn whole(raw: &Bytes, context: &ReplyContext) -> Result<Vec<Event>, CodecError> {
    let invalid = |message: String| CodecError::Invalid {
        path: "body".to_owned(),
        message,
    };
    let text = std::str::from_utf8(raw).map_err(|e| invalid(e.to_string()))?;
    let response: ResponseIn<'_> =
        serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
    let mut decoder = Decoder::new(context);
    let mut out = Vec::new();
    let failed = match response.status.as_deref() {
        Some("failed" | "cancelled") => true,
        _ => response.error.is_some() && response.output.is_none(),
    };
    if response.choices.is_some() {
        decoder.fail(fault::wrong_protocol(), &mut out);
    } else if failed {
        decoder.fail(fault::decode(text), &mut out);
    } else if response.output.is_none() {
        decoder.fail(
            Failure::new(502, "the upstream's reply has no `output`"),
            &mut out,
        );
    } else if let Some(status @ ("in_progress" | "queued")) = response.status.as_deref() {
        let message = format!("the upstream's reply is not complete: its status is `{status}`");
        decoder.fail(Failure::new(502, message), &mut out);
    } else {
        decoder.terminal(&response, &mut out);
    }
    Ok(out)
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

    // ---- texts

    /// The open part of a message, opened now if need be; `None` when it was closed before.
    fn part(
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
    fn words(
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
    fn say(
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

    fn annotation(&mut self, event: &EventIn<'_>, note: &RawValue, out: &mut Vec<Event>) {
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

    fn fill_message(&mut self, at: usize, item: &ItemIn<'_>, out: &mut Vec<Event>) {
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

    fn n_annotations(&self, at: usize, content_index: usize) -> usize {
        match &self.slots[at].body {
            Body::Message(parts) => parts
                .iter()
                .find(|part| part.content_index == content_index)
                .map_or(0, |part| part.n_annotations),
            _ => 0,
        }
    }

    // ---- thinking

    fn thought(
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

    fn think(
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

    fn fill_reasoning(&mut self, at: usize, item: &ItemIn<'_>, out: &mut Vec<Event>) {
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

    // ---- calls

    fn arguments(
        &mut self,
        event: &EventIn<'_>,
        kind: CallKind,
        text: Option<&str>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let item_kind = match kind {
            CallKind::Function => "function_call",
            CallKind::Custom => "custom_tool_call",
        };
        let at = self.find_or_open(event, item_kind, out);
        if self.slots[at].closed {
            return;
        }
        if let Some(name) = event.name.as_deref() {
            self.name_call(at, Some(name), None, None, out);
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.grow_call(at, text, whole, out);
        }
    }

    fn fill_call(&mut self, at: usize, item: &ItemIn<'_>, out: &mut Vec<Event>) {
        let slot = &mut self.slots[at];
        if slot.call_id.is_none() {
            slot.call_id = item.call_id.as_deref().map(str::to_owned);
        }
        if slot.id.is_none() {
            slot.id = item.id.as_deref().map(str::to_owned);
        }
        let caller = item.caller.and_then(|raw| RawJson::parse(raw.get()).ok());
        self.name_call(
            at,
            item.name.as_deref(),
            item.namespace.as_deref(),
            caller,
            out,
        );
        let text = match item.arguments {
            // Arguments may come as an object in place of its text.
            Some(raw) => match serde_json::from_str::<String>(raw.get()) {
                Ok(text) => Some(text),
                Err(_) => Some(raw.get().to_owned()),
            },
            None => item.input.as_deref().map(str::to_owned),
        };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.grow_call(at, &text, true, out);
        }
    }

    /// Learns the name of a call; opens it and sends what waited.
    fn name_call(
        &mut self,
        at: usize,
        name: Option<&str>,
        namespace: Option<&str>,
        caller: Option<RawJson>,
        out: &mut Vec<Event>,
    ) {
        let slot = &mut self.slots[at];
        let Body::Call(call) = &mut slot.body else {
            return;
        };
        if call.index.is_some() {
            return;
        }
        call.namespace = call.namespace.take().or(namespace.map(str::to_owned));
        call.caller = call.caller.take().or(caller);
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return;
        };
        let client_name = match &call.namespace {
            Some(_) => name,
            None => self.names.to_client(name),
        };
        call.name = Some(client_name.to_owned());
        if call.kind == CallKind::Function && wrapper::is_wrapper(client_name, &self.client_body) {
            call.wrapper = true;
            return;
        }
        // Without a call id the item's has to do: something must tie the result to the call.
        let Some(call_id) = slot
            .call_id
            .as_deref()
            .or(slot.id.as_deref())
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
        else {
            return;
        };
        let Some(head) = call.head(&call_id, slot.id.as_deref()) else {
            return;
        };
        let waiting = call.arguments.clone();
        let index = self.open(head, out);
        if let Body::Call(call) = &mut self.slots[at].body {
            call.index = Some(index);
        }
        if !waiting.is_empty() {
            out.push(Event::Delta {
                index,
                delta: Delta::Arguments(waiting),
            });
        }
    }

    fn grow_call(&mut self, at: usize, text: &str, whole: bool, out: &mut Vec<Event>) {
        let Body::Call(call) = &mut self.slots[at].body else {
            return;
        };
        let piece = if whole {
            match remainder(&call.arguments, text) {
                Some(rest) => rest,
                None => return,
            }
        } else {
            text
        };
        call.arguments.push_str(piece);
        if let Some(index) = call.index {
            out.push(Event::Delta {
                index,
                delta: Delta::Arguments(piece.to_owned()),
            });
        }
    }

    /// Takes a call of several tools apart (E-254); it stays one call when that cannot be done.
    fn unwrap_calls(&mut self, at: usize, out: &mut Vec<Event>) {
        let slot = &self.slots[at];
        let Body::Call(call) = &slot.body else { return };
        let call_id = slot
            .call_id
            .clone()
            .or_else(|| slot.id.clone())
            .unwrap_or_default();
        let inner = wrapper::take_apart(&call.arguments, &self.client_body, &self.names);
        let heads: Vec<(ItemHead, String)> = match inner {
            Some(inner) => inner
                .into_iter()
                .enumerate()
                .map(|(n, (name, arguments))| {
                    let head = ItemHead::Call {
                        id: format!("{call_id}_{n}"),
                        item_id: None,
                        name,
                        namespace: None,
                        kind: CallKind::Function,
                        caller: None,
                    };
                    (head, arguments)
                })
                .collect(),
            None => call
                .head(&call_id, slot.id.as_deref())
                .map(|head| (head, call.arguments.clone()))
                .into_iter()
                .collect(),
        };
        for (head, arguments) in heads {
            let index = self.open(head, out);
            if !arguments.is_empty() {
                out.push(Event::Delta {
                    index,
                    delta: Delta::Arguments(arguments),
                });
            }
            self.calls.complete |= !self.calls.cut;
            out.push(Event::ItemStop { index, whole: None });
        }
    }

    // ---- the end

    fn terminal(&mut self, response: &ResponseIn<'_>, out: &mut Vec<Event>) {
        self.start(Some(response), out);
        let items: Vec<(&RawValue, ItemIn<'_>)> = elements(response.output)
            .into_iter()
            .map(|raw| (raw, read(raw)))
            .collect();
        let mut known: Vec<Option<usize>> = items.iter().map(|(_, i)| self.by_id(i)).collect();
        for ((raw, item), known) in items.iter().zip(&mut known) {
            let at = match known.or_else(|| self.by_order(item)) {
                Some(at) => at,
                None => self.insert(None, item, Some(raw), out),
            };
            self.slots[at].matched = true;
            self.complete(at, item, raw, out);
        }
        for at in 0..self.slots.len() {
            self.close(at, out);
        }
        let counts = response
            .usage
            .and_then(|u| usage::decode(u, response.tool_usage));
        if let Some(counts) = counts {
            out.push(Event::Usage(Box::new(counts)));
        }
        let (stop, native) = stop_of(response);
        out.push(Event::Finish {
            choice: 0,
            stop: settle(stop, self.calls),
            native: Some(native),
        });
        out.push(Event::End);
        self.over = true;
    }

    /// The streamed item that an item of the terminal event repeats, by its ids.
    fn by_id(&mut self, item: &ItemIn<'_>) -> Option<usize> {
        let kind = item.kind.as_deref().unwrap_or("message");
        let same = |known: &Option<String>, new: &Option<Cow<'_, str>>| {
            new.is_some() && known.as_deref() == new.as_deref()
        };
        let at = self.slots.iter().position(|slot| {
            !slot.matched
                && slot.kind == kind
                && (same(&slot.call_id, &item.call_id) || same(&slot.id, &item.id))
        })?;
        self.slots[at].matched = true;
        Some(at)
    }

    /// Ids may have changed: the first streamed item of the kind that is left. Call ids do not.
    fn by_order(&self, item: &ItemIn<'_>) -> Option<usize> {
        let kind = item.kind.as_deref().unwrap_or("message");
        self.slots.iter().position(|slot| {
            !slot.matched && slot.kind == kind && (slot.call_id.is_none() || item.call_id.is_none())
        })
    }
}

fn picture(index: usize, data: String, format: Option<&str>) -> Event {
    let mime = format!("image/{}", format.unwrap_or("png"));
    Event::Delta {
        index,
        delta: Delta::Image { mime, data },
    }
}

/// Why the reply ended, and the upstream's word for it.
fn stop_of(response: &ResponseIn<'_>) -> (Stop, String) {
    let reason = response
        .incomplete_details
        .map(read::<DetailsIn<'_>>)
        .and_then(|details| details.reason);
    if let Some(reason) = reason {
        let word = reason.to_lowercase();
        let stop = match word.as_str() {
            "max_output_tokens" | "max_tokens" => Stop::MaxTokens,
            "content_filter" => Stop::ContentFilter(None),
            _ => Stop::Other(word.clone()),
        };
        return (stop, word);
    }
    let word = response
        .status
        .as_deref()
        .unwrap_or("completed")
        .to_lowercase();
    let stop = match (&response.stop_sequence, word.as_str()) {
        (Some(text), _) => Stop::StopSequence(Some(text.clone().into_owned())),
        (None, "incomplete") => Stop::MaxTokens,
        (None, _) => Stop::EndTurn,
    };
    (stop, word)
}
