//! Calls of the client's tools in a reply.

use super::super::wire::{EventIn, ItemIn};
use super::Decoder;
use super::slots::{Body, remainder};
use super::wrapper;
use crate::canonical::{CallKind, Delta, Event, ItemHead};
use crate::raw::RawJson;

impl Decoder {
    pub(super) fn arguments(
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

    pub(super) fn fill_call(&mut self, at: usize, item: &ItemIn<'_>, out: &mut Vec<Event>) {
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
    pub(super) fn name_call(
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

    pub(super) fn grow_call(&mut self, at: usize, text: &str, whole: bool, out: &mut Vec<Event>) {
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
    pub(super) fn unwrap_calls(&mut self, at: usize, out: &mut Vec<Event>) {
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
}
