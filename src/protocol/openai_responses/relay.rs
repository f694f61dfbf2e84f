//! Replies that stay in this protocol: frames pass as they came, edits are made only where due.

use super::wire::{EventIn, ResponseIn, Str, read};
use super::{encode_events, fault, usage};
use crate::canonical::{Failure, Usage};
use crate::codec::{Relay, ReplyContext, Seen};
use crate::names::NameMap;
use crate::splice::{Doc, Edits, Kind, Node, quote};
use crate::sse::{Frame, append_event};
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;

/// Events longer than this are searched for their number at once instead of being kept.
const MAX_KEPT: usize = 16 * 1024;

/// Carries one stream.
pub(super) struct Carrier {
    context: ReplyContext,
    /// Names or the model must be changed.
    edits_due: bool,
    /// The reply ended, well or not.
    over: bool,
    failed: bool,
    usage: Option<Usage>,
    /// Data of the last event, for its number.
    last: Vec<u8>,
    n_events: u64,
    response_id: Option<String>,
    items: Items,
}

impl Carrier {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            edits_due: context.echo_model.is_some() || !context.notes.names.is_empty(),
            context: context.clone(),
            over: false,
            failed: false,
            usage: None,
            last: Vec::new(),
            n_events: 0,
            response_id: None,
            items: Items::default(),
        }
    }
}

impl Relay for Carrier {
    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen {
        if frame.data.is_none() {
            out.extend_from_slice(frame.raw);
            return Seen::Preamble;
        }
        // Behind the end there is nothing. What cannot be read stops every client (E-243), and
        // OpenAI sends no `[DONE]`, so none needs one.
        let Some(data) = frame.object().filter(|_| !self.over) else {
            return Seen::Preamble;
        };
        let Some(kind) = kind(frame.event, data) else {
            return self.unnamed(frame, data, out);
        };
        self.count(data);
        match &*kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                if self.context.codex_client && self.response_id.is_none() {
                    self.response_id = response_id(data);
                }
                self.carry(frame, &kind, data, out);
                Seen::Preamble
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                self.end(frame, &kind, data, out);
                Seen::End
            }
            "response.failed" | "response.cancelled" => {
                self.over = true;
                self.carry(frame, &kind, data, out);
                Seen::Failure(Box::new(fault::decode(data)))
            }
            "error" => {
                frame.append_to(out);
                let failure = fault::decode(data);
                if self.context.codex_client {
                    // Codex knows failures by this event only. An upstream that sends it as well
                    // does so behind this one.
                    self.fail(&failure, out);
                }
                self.failed = true;
                Seen::Failure(Box::new(failure))
            }
            "keepalive" => {
                out.extend_from_slice(frame.raw);
                Seen::Preamble
            }
            private if private.starts_with("codex.") => {
                // Only Codex itself knows what they mean (`codex.md` §4.2).
                if self.context.codex_client || !self.context.endpoint.codex {
                    out.extend_from_slice(frame.raw);
                }
                Seen::Preamble
            }
            "response.output_item.done" => {
                if self.context.endpoint.codex {
                    self.items.collect(data);
                }
                self.carry(frame, &kind, data, out);
                Seen::Content
            }
            "response.output_item.added" | "response.function_call_arguments.done" => {
                self.carry(frame, &kind, data, out);
                Seen::Content
            }
            _ => {
                frame.append_to(out);
                Seen::Content
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Box<Failure>> {
        if self.over || self.failed {
            return None;
        }
        let failure = fault::cut();
        self.fail(&failure, out);
        Some(Box::new(failure))
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.over = true;
        let number = number_of(&self.last).map_or(self.n_events, |last| last + 1);
        let id = self.response_id.take();
        encode_events::fail_at(&self.context, id, number, failure, out);
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }
}

impl Carrier {
    /// An event without a name: chat chunks on the wrong path, a bare error, or something unknown.
    fn unnamed(&mut self, frame: &Frame<'_>, data: &str, out: &mut Vec<u8>) -> Seen {
        let event: EventIn<'_> = serde_json::from_str(data).unwrap_or_default();
        if event.choices.is_some() {
            let failure = fault::wrong_protocol();
            self.fail(&failure, out);
            return Seen::Failure(Box::new(failure));
        }
        frame.append_to(out);
        if event.error.is_some() {
            self.failed = true;
            return Seen::Failure(Box::new(fault::decode(data)));
        }
        Seen::Preamble
    }

    fn count(&mut self, data: &str) {
        self.n_events += 1;
        self.last.clear();
        if data.len() <= MAX_KEPT {
            self.last.extend_from_slice(data.as_bytes());
        } else if let Some(number) = number_of(data.as_bytes()) {
            self.last
                .extend_from_slice(format!("{NUMBER}{number}").as_bytes());
        }
    }

    fn end(&mut self, frame: &Frame<'_>, kind: &str, data: &str, out: &mut Vec<u8>) {
        self.over = true;
        let response = serde_json::from_str::<EventIn<'_>>(data)
            .ok()
            .and_then(|event| event.response)
            .map(read::<ResponseIn<'_>>)
            .unwrap_or_default();
        self.usage = response
            .usage
            .and_then(|counts| usage::decode(counts, response.tool_usage));
        if response.has_no_output() && !self.items.is_empty() {
            // Codex leaves the items out of its last event; helpers of SDKs read them there.
            let filled = self.items.fill(data);
            self.rewrite(kind, &filled, out);
        } else {
            self.carry(frame, kind, data, out);
        }
    }

    /// Appends the frame as it came, or edited when an edit is due.
    fn carry(&self, frame: &Frame<'_>, kind: &str, data: &str, out: &mut Vec<u8>) {
        if self.edits_due {
            self.rewrite(kind, data, out);
        } else {
            frame.append_to(out);
        }
    }

    fn rewrite(&self, kind: &str, data: &str, out: &mut Vec<u8>) {
        let edited = edit(
            &Bytes::copy_from_slice(data.as_bytes()),
            &self.context,
            |root| {
                let [response, item, name] = root.pick(["response", "item", "name"]);
                Places {
                    response,
                    item,
                    name,
                }
            },
        );
        append_event(Some(kind), &edited, out);
    }
}

/// A whole reply (`Codec::relay_response`).
pub(super) fn whole(raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
    let counts = serde_json::from_slice::<ResponseIn<'_>>(raw)
        .ok()
        .and_then(|response| usage::decode(response.usage?, response.tool_usage));
    if context.echo_model.is_none() && context.notes.names.is_empty() {
        return (raw.clone(), counts);
    }
    let edited = edit(raw, context, |root| Places {
        response: Some(root),
        item: None,
        name: None,
    });
    (edited, counts)
}

/// Values of a text that may have to change.
struct Places<'a> {
    response: Option<Node<'a>>,
    item: Option<Node<'a>>,
    name: Option<Node<'a>>,
}

fn edit(
    raw: &Bytes,
    context: &ReplyContext,
    places: impl for<'a> FnOnce(Node<'a>) -> Places<'a>,
) -> Bytes {
    let Ok(doc) = Doc::parse(raw) else {
        return raw.clone();
    };
    let places = places(doc.root());
    let names = &context.notes.names;
    let mut edits = Edits::new();
    if let Some(response) = places.response {
        let [model, output, tools] = response.pick(["model", "output", "tools"]);
        if let (Some(shown), Some(model)) = (&context.echo_model, model) {
            edits.replace(model, quote(shown));
        }
        for list in [output, tools].into_iter().flatten() {
            for item in list.elements() {
                rename_item(item, names, &mut edits);
            }
        }
    }
    if let Some(item) = places.item {
        rename_item(item, names, &mut edits);
    }
    if let Some(name) = places.name {
        rename(name, names, &mut edits);
    }
    edits.apply(raw)
}

/// Renames a call or a declaration.
fn rename_item(item: Node<'_>, names: &NameMap, edits: &mut Edits) {
    if names.is_empty() {
        return;
    }
    let [kind, name, namespace] = item.pick(["type", "name", "namespace"]);
    let ours = kind.and_then(|kind| kind.string()).is_some_and(|kind| {
        matches!(
            &*kind,
            "function_call" | "custom_tool_call" | "function" | "custom"
        )
    });
    if let Some(name) = name
        && ours
        && namespace.is_none_or(|space| space.is_null())
    {
        rename(name, names, edits);
    }
}

fn rename(name: Node<'_>, names: &NameMap, edits: &mut Edits) {
    if let Some(upstream) = name.string() {
        let client = names.to_client(&upstream);
        if client != upstream {
            edits.replace(name, quote(client));
        }
    }
}

/// Kind of an event: by its name, else by the `type` of its data.
pub(super) fn kind<'a>(event: Option<&'a str>, data: &'a str) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Str<'a>>,
    }
    match event {
        Some(name) if name.starts_with("response.") => Some(Cow::Borrowed(name)),
        // Servers that name no event, or all of them alike.
        other => serde_json::from_str::<Typed<'_>>(data)
            .ok()
            .and_then(|typed| typed.kind)
            .map(|kind| kind.0)
            .or(other.map(Cow::Borrowed)),
    }
}

fn response_id(data: &str) -> Option<String> {
    let event: EventIn<'_> = serde_json::from_str(data).ok()?;
    let response: ResponseIn<'_> = read(event.response?);
    response.id.map(Cow::into_owned)
}

const NUMBER: &str = "\"sequence_number\":";

/// The last `sequence_number` in a text.
fn number_of(data: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(data).ok()?;
    let at = text.rfind(NUMBER)? + NUMBER.len();
    let rest = text.get(at..)?.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Finished items of a stream, in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: Vec<(usize, String)>,
}

impl Items {
    /// Takes the item of a `response.output_item.done` event.
    pub(super) fn collect(&mut self, data: &str) {
        let Ok(event) = serde_json::from_str::<EventIn<'_>>(data) else {
            return;
        };
        if let Some(item) = event.item {
            let number = event.output_index.unwrap_or(self.items.len());
            let at = self.items.partition_point(|(other, _)| *other <= number);
            self.items.insert(at, (number, item.get().to_owned()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items as a JSON array.
    pub(super) fn array(&self) -> String {
        let items: Vec<&str> = self.items.iter().map(|(_, item)| &**item).collect();
        format!("[{}]", items.join(","))
    }

    /// The data of a terminal event with the items as its output.
    fn fill(&self, data: &str) -> String {
        let raw = Bytes::copy_from_slice(data.as_bytes());
        let Ok(doc) = Doc::parse(&raw) else {
            return data.to_owned();
        };
        let mut edits = Edits::new();
        if let Some(response) = doc
            .root()
            .get("response")
            .filter(|response| response.kind() == Kind::Object)
        {
            edits.set(response, "output", self.array());
        }
        let filled = edits.apply(&raw);
        String::from_utf8_lossy(&filled).into_owned()
    }
}
