//! Events → the stream of a client, and the object of a client that does not stream
//! (`openai-responses.md` §7, §8).

use super::echo::Echo;
use super::output::json::{Object, push_element};
use super::output::{Call, Frames, Message, Place, Status, Thinking, builtin, restore};
use super::{KEEP_ALIVE, annotation, failures, signed, usage};
use crate::canonical::{
    CallKind, Channel, Citation, Delta, Event, Failure, Item, ItemHead, ReasoningShow, Response,
    ServerTool, Signature, SignatureIssuer, SignaturePlace, Start, Stop, Usage, unfold,
};
use crate::codec::{Declared, Dialect, EventEncoder, ReplyContext};
use crate::linear::OneAtATime;
use crate::names::short_call_id;
use crate::raw::RawJson;
use bytes::Bytes;

/// Longest item id OpenAI takes back.
const MAX_ITEM_ID: usize = 64;

/// Encodes one client stream.
pub(super) struct Encoder {
    order: OneAtATime,
    ready: Vec<Event>,
    reply: Reply,
}

impl Encoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            order: OneAtATime::default(),
            ready: Vec::new(),
            reply: Reply::new(context),
        }
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: Event, out: &mut Vec<u8>) {
        let mut ready = std::mem::take(&mut self.ready);
        self.order.push(event, &mut ready);
        for event in ready.drain(..) {
            self.reply.event(event, out);
        }
        self.ready = ready;
    }
}

/// The whole response object, by the same steps as the stream.
pub(super) fn whole(response: &Response, context: &ReplyContext) -> Bytes {
    let mut reply = Reply::new(context);
    reply.frames.quiet = true;
    let mut nowhere = Vec::new();
    for event in unfold(response.clone()) {
        reply.event(event, &mut nowhere);
    }
    Bytes::from(reply.terminal().1)
}

/// Id and events of a reply without output: `response.created` and `response.completed`.
pub(super) fn empty_reply(context: &ReplyContext) -> (String, Vec<String>) {
    let mut reply = Reply::new(context);
    reply.usage.input_total = Some(0);
    reply.usage.output_total = Some(0);
    let events = [
        ("response.created", "in_progress"),
        ("response.completed", "completed"),
    ];
    let messages = events
        .into_iter()
        .enumerate()
        .map(|(number, (kind, status))| {
            let response = reply.object(status, "", "null", "null");
            Object::of(|o| {
                o.text("type", kind)
                    .number("sequence_number", number)
                    .raw("response", &response);
            })
        })
        .collect();
    (reply.id(), messages)
}

/// Writes a failure behind `number` events that others wrote.
pub(super) fn fail_at(
    context: &ReplyContext,
    response_id: Option<String>,
    number: u64,
    failure: &Failure,
    out: &mut Vec<u8>,
) {
    let mut reply = Reply::new(context);
    reply.frames.start_at(number);
    reply.start.id = response_id;
    reply.fail(failure, out);
}

/// One reply as far as it was written.
struct Reply {
    frames: Frames,
    ids: ReplyContext,
    echo: Echo,
    start: Start,
    begun: bool,
    over: bool,
    /// Finished items, the inside of `output`.
    output: String,
    n_items: usize,
    n_ids: usize,
    /// Stays open over neighbouring texts and over items that are not shown.
    message: Option<Message>,
    current: Current,
    usage: Usage,
    stop: Option<Stop>,
}

/// The item between its `ItemStart` and its end.
enum Current {
    /// None, or one that is not shown.
    Nothing,
    Text {
        /// Characters of the part before this item.
        offset: usize,
        signature: Option<Signature>,
    },
    Refusal,
    Reasoning {
        id: Option<String>,
        redacted: bool,
        shown: Option<Thinking>,
        signature: Option<Signature>,
    },
    Call(Call),
    /// Stopped, but whether it is whole only the next event tells.
    CallStopped(Call),
    /// A call that is held back until its signature is known.
    CallHeld {
        head: Box<CallHead>,
        arguments: String,
        signature: Option<Signature>,
    },
    Image(Option<(String, String)>),
    Audio,
    Search(Box<ServerTool>),
    /// An item of this protocol, shown as it is.
    Native(RawJson),
}

struct CallHead {
    id: String,
    item_id: Option<String>,
    name: String,
    namespace: Option<String>,
    kind: CallKind,
    caller: Option<RawJson>,
}

impl Reply {
    fn new(context: &ReplyContext) -> Self {
        Self {
            frames: Frames::default(),
            echo: Echo::of(&context.client_body),
            ids: ReplyContext {
                client_body: Bytes::new(),
                ..context.clone()
            },
            start: Start::default(),
            begun: false,
            over: false,
            output: String::new(),
            n_items: 0,
            n_ids: 0,
            message: None,
            current: Current::Nothing,
            usage: Usage::default(),
            stop: None,
        }
    }

    fn declared(&self) -> &Declared {
        &self.ids.declared
    }

    fn event(&mut self, event: Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start(start) => {
                if !self.begun {
                    self.start = *start;
                    self.begin(out);
                }
            }
            Event::KeepAlive => self.frames.comment(KEEP_ALIVE, out),
            Event::Usage(usage) => self.usage.merge(*usage),
            Event::Native { .. } => {}
            // A client of this protocol cannot ask for several candidates: what comes is not shown.
            Event::ItemStart { choice: 1.., .. } => {
                self.settle(Status::Completed, out);
                self.current = Current::Nothing;
            }
            Event::Finish { choice: 1.., .. } => {}
            Event::ItemStart { head, .. } => {
                self.begin(out);
                self.settle(Status::Completed, out);
                self.item_start(head, out);
            }
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::ItemStop { whole, .. } => self.item_stop(whole.map(|item| *item), out),
            Event::Finish { stop, .. } => {
                let status = status_of(Some(&stop));
                self.stop = Some(stop);
                self.settle(status, out);
            }
            Event::Error(failure) => {
                self.settle(Status::Completed, out);
                self.fail(&failure, out);
            }
            Event::End => self.end(out),
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        for kind in ["response.created", "response.in_progress"] {
            let response = self.object("in_progress", "", "null", "null");
            self.frames.event(kind, out, |o| {
                o.raw("response", &response);
            });
        }
    }

    fn item_start(&mut self, head: ItemHead, out: &mut Vec<u8>) {
        self.current = match head {
            ItemHead::Text => Current::Text {
                offset: self.message.as_ref().map_or(0, Message::n_chars),
                signature: None,
            },
            ItemHead::Refusal => Current::Refusal,
            ItemHead::Reasoning { id, redacted } => Current::Reasoning {
                id,
                redacted,
                shown: None,
                signature: None,
            },
            ItemHead::Call {
                id,
                item_id,
                name,
                namespace,
                kind,
                caller,
            } => {
                let head = Box::new(CallHead {
                    id,
                    item_id,
                    name,
                    namespace,
                    kind,
                    caller,
                });
                // Gemini's calls arrive whole, and their signature must stand in front of them.
                if self.ids.issuer == SignatureIssuer::Gemini {
                    Current::CallHeld {
                        head,
                        arguments: String::new(),
                        signature: None,
                    }
                } else {
                    Current::Call(self.open_call(*head, out))
                }
            }
            ItemHead::Image => Current::Image(None),
            ItemHead::Audio => Current::Audio,
            ItemHead::Server(tool) => self.server_tool(tool),
            ItemHead::Opaque { dialect, raw } => {
                if dialect == Dialect::OpenAiResponses {
                    Current::Native(raw)
                } else {
                    Current::Nothing
                }
            }
        };
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) {
        match (&mut self.current, delta) {
            (Current::Text { .. }, Delta::Text { text, logprobs }) if !text.is_empty() => {
                let logprobs = logprobs.as_ref().map(RawJson::as_str);
                self.say(out, |m, frames, out| m.text(&text, logprobs, frames, out));
            }
            (Current::Text { offset, .. }, Delta::Citation(citation)) => {
                let offset = *offset;
                self.citation(&citation, offset, out);
            }
            (
                Current::Text { signature, .. }
                | Current::Reasoning { signature, .. }
                | Current::CallHeld { signature, .. },
                Delta::Signature(new),
            ) => *signature = Some(new),
            (Current::Refusal, Delta::Refusal(text)) if !text.is_empty() => {
                self.say(out, |m, frames, out| m.refusal(&text, frames, out));
            }
            (Current::Reasoning { .. }, Delta::Reasoning { channel, text }) => {
                self.reasoning(channel, &text, out);
            }
            (Current::Call(call), Delta::Arguments(piece)) if !piece.is_empty() => {
                call.arguments(&piece, &mut self.frames, out);
            }
            (Current::CallHeld { arguments, .. }, Delta::Arguments(piece)) => {
                arguments.push_str(&piece);
            }
            (Current::Image(image), Delta::Image { mime, data }) => *image = Some((mime, data)),
            // There is no item for sound: what was said can be read.
            (Current::Audio, Delta::Audio { transcript, .. }) if !transcript.is_empty() => {
                self.say(out, |m, frames, out| m.text(&transcript, None, frames, out));
            }
            // Empty pieces, progress of hidden tools, deltas of items that are not shown.
            _ => {}
        }
    }

    fn item_stop(&mut self, whole: Option<Item>, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Call(call) => self.current = Current::CallStopped(call),
            Current::CallHeld {
                head,
                arguments,
                signature,
            } => {
                if let Some(signature) = signature {
                    self.carrier(signature, SignaturePlace::NextCall, out);
                }
                let mut call = self.open_call(*head, out);
                if !arguments.is_empty() {
                    call.arguments(&arguments, &mut self.frames, out);
                }
                self.current = Current::CallStopped(call);
            }
            Current::Text {
                signature: Some(signature),
                ..
            } => self.carrier(signature, SignaturePlace::Detached, out),
            Current::Reasoning {
                id,
                redacted,
                shown,
                signature,
            } => self.close_reasoning(id, redacted, shown, signature.as_ref(), out),
            Current::Image(Some((mime, data))) => {
                let place = self.place("ig_", None, out);
                let item = builtin::image(&place, &mime, &data, &mut self.frames, out);
                push_element(&mut self.output, &item);
            }
            Current::Search(tool) => {
                let query = match whole {
                    Some(Item::Server(whole)) => whole.query.or(tool.query),
                    _ => tool.query,
                };
                let place = self.place("ws_", None, out);
                let item = builtin::web_search(&place, query.as_deref(), &mut self.frames, out);
                push_element(&mut self.output, &item);
            }
            Current::Native(raw) => match whole {
                Some(Item::Server(whole)) => self.native(whole.raw.as_str(), out),
                Some(Item::Opaque { raw, .. }) => self.native(raw.as_str(), out),
                _ => self.native(raw.as_str(), out),
            },
            stopped @ Current::CallStopped(_) => self.current = stopped,
            Current::Nothing
            | Current::Text { .. }
            | Current::Refusal
            | Current::Image(None)
            | Current::Audio => {}
        }
    }

    fn reasoning(&mut self, channel: Channel, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() || self.ids.show == ReasoningShow::Hidden {
            return;
        }
        if let Current::Reasoning {
            id, shown: None, ..
        } = &mut self.current
        {
            let id = id.take();
            let place = self.place("rs_", id, out);
            let opened = Thinking::open(place, &mut self.frames, out);
            if let Current::Reasoning { shown, .. } = &mut self.current {
                *shown = Some(opened);
            }
        }
        // Thinking without parts is shown as a summary too: that is what clients display and what
        // Codex sends back, while it drops `reasoning_text` of earlier turns.
        let key = match channel {
            Channel::Raw => None,
            Channel::Summary(n) => Some(n),
        };
        if let Current::Reasoning {
            shown: Some(thinking),
            ..
        } = &mut self.current
        {
            thinking.text(key, text, &mut self.frames, out);
        }
    }

    fn close_reasoning(
        &mut self,
        id: Option<String>,
        redacted: bool,
        shown: Option<Thinking>,
        signature: Option<&Signature>,
        out: &mut Vec<u8>,
    ) {
        let encrypted = signature
            .filter(|signature| !signature.value.is_empty())
            .map(|signature| signed::write(signature, redacted));
        let thinking = match (shown, &encrypted) {
            (Some(shown), _) => shown,
            // Nothing to show and nothing to carry: no item, no gap.
            (None, None) => return,
            (None, Some(_)) => {
                let place = self.place("rs_", id, out);
                Thinking::open(place, &mut self.frames, out)
            }
        };
        let item = thinking.close(encrypted.as_deref(), &mut self.frames, out);
        push_element(&mut self.output, &item);
    }

    /// A reasoning item that only carries the signature of a call or a text.
    fn carrier(&mut self, signature: Signature, place: SignaturePlace, out: &mut Vec<u8>) {
        let signature = Signature { place, ..signature };
        self.close_reasoning(None, false, None, Some(&signature), out);
    }

    fn server_tool(&self, tool: Box<ServerTool>) -> Current {
        if tool.dialect == Dialect::OpenAiResponses {
            return Current::Native(tool.raw);
        }
        let search = tool.name.as_deref() == Some("web_search") && !tool.kind.ends_with("_result");
        if search && self.declared().web_search {
            Current::Search(tool)
        } else {
            Current::Nothing
        }
    }

    fn native(&mut self, item: &str, out: &mut Vec<u8>) {
        let place = self.place("", Some(String::new()), out);
        let item = builtin::native(&place, item, &mut self.frames, out);
        push_element(&mut self.output, &item);
    }

    fn open_call(&mut self, head: CallHead, out: &mut Vec<u8>) -> Call {
        let name = restore(self.declared(), head.name, head.namespace, head.kind);
        let call_id = short_call_id(&head.id);
        let prefix = if name.custom { "ctc_" } else { "fc_" };
        let id = head
            .item_id
            .filter(|id| id.starts_with(prefix))
            .unwrap_or_else(|| format!("{prefix}{call_id}"));
        let place = self.place(prefix, Some(id), out);
        Call::open(place, call_id, name, head.caller, &mut self.frames, out)
    }

    fn citation(&mut self, citation: &Citation, offset: usize, out: &mut Vec<u8>) {
        let end = self.message.as_ref().map_or(0, Message::n_chars);
        if let Some(json) = annotation::encode(citation, offset, (offset.min(end), end)) {
            self.say(out, |m, frames, out| m.annotation(&json, frames, out));
        }
    }

    /// Writes to the open message, opened now if there is none.
    fn say(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Message, &mut Frames, &mut Vec<u8>),
    ) {
        let mut message = match self.message.take() {
            Some(message) => message,
            None => {
                let place = Place {
                    index: self.next_index(),
                    id: self.made_id("msg_", 24),
                };
                Message::open(place, &mut self.frames, out)
            }
        };
        write(&mut message, &mut self.frames, out);
        self.message = Some(message);
    }

    /// Place of the next item that is no message; closes the open message. `id` is taken when it
    /// has the right prefix and length.
    fn place(&mut self, prefix: &str, id: Option<String>, out: &mut Vec<u8>) -> Place {
        self.close_message(Status::Completed, out);
        let id = id
            .filter(|id| id.starts_with(prefix))
            .map(|id| {
                if id.len() > MAX_ITEM_ID {
                    short_call_id(&id)
                } else {
                    id
                }
            })
            .unwrap_or_else(|| self.made_id(prefix, 48));
        Place {
            index: self.next_index(),
            id,
        }
    }

    fn next_index(&mut self) -> usize {
        self.n_items += 1;
        self.n_items - 1
    }

    fn made_id(&mut self, prefix: &str, n: usize) -> String {
        self.n_ids += 1;
        self.ids.id(prefix, n, self.n_ids)
    }

    /// Closes a call that stopped. `status` is that of an item cut now.
    fn settle(&mut self, status: Status, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::CallStopped(call) => {
                let status = if call.may_be_cut() {
                    status
                } else {
                    Status::Completed
                };
                let item = call.close(status, &mut self.frames, out);
                push_element(&mut self.output, &item);
            }
            other => self.current = other,
        }
    }

    fn close_message(&mut self, status: Status, out: &mut Vec<u8>) {
        if let Some(message) = self.message.take() {
            let item = message.close(status, &mut self.frames, out);
            push_element(&mut self.output, &item);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        let status = status_of(self.stop.as_ref());
        self.item_stop(None, out);
        self.settle(status, out);
        self.close_message(status, out);
        let (kind, response) = self.terminal();
        self.frames.event(kind, out, |o| {
            o.raw("response", &response);
        });
        self.over = true;
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.over = true;
        if !self.ids.codex_client {
            failures::write_event(failure, &mut self.frames, out);
            return;
        }
        let error = failures::response_error(failure);
        let response = self.object("failed", &self.output, &error, "null");
        self.frames.event("response.failed", out, |o| {
            o.raw("response", &response);
        });
    }

    /// Name of the last event and its response object.
    fn terminal(&self) -> (&'static str, String) {
        let incomplete = |reason: &str| {
            Object::of(|o| {
                o.text("reason", reason);
            })
        };
        let (kind, status, error, details) = match &self.stop {
            Some(Stop::MaxTokens | Stop::ContextWindow) => (
                "response.incomplete",
                "incomplete",
                None,
                Some(incomplete("max_output_tokens")),
            ),
            Some(Stop::ContentFilter(_) | Stop::Refusal(_)) => (
                "response.incomplete",
                "incomplete",
                None,
                Some(incomplete("content_filter")),
            ),
            Some(Stop::Malformed(what)) => {
                let failure =
                    Failure::new(502, format!("the model wrote an unusable call: {what}"))
                        .with_code("upstream_malformed_tool_call");
                (
                    "response.failed",
                    "failed",
                    Some(failures::response_error(&failure)),
                    None,
                )
            }
            _ => ("response.completed", "completed", None, None),
        };
        let response = self.object(
            status,
            &self.output,
            error.as_deref().unwrap_or("null"),
            details.as_deref().unwrap_or("null"),
        );
        (kind, response)
    }

    /// Id of the reply: the upstream's when it has the right form.
    fn id(&self) -> String {
        match &self.start.id {
            Some(id) if id.starts_with("resp_") => id.clone(),
            _ => self.ids.id("resp_", 48, 0),
        }
    }

    /// The response object. `output` is the inside of an array; `error` and `details` are JSON.
    fn object(&self, status: &str, output: &str, error: &str, details: &str) -> String {
        let id = self.id();
        let usage = match status {
            "in_progress" => "null".to_owned(),
            _ => usage::encode(&self.usage),
        };
        let tier = self.start.service_tier.as_deref().map(crate::splice::quote);
        Object::of(|o| {
            o.text("id", &id)
                .text("object", "response")
                .number("created_at", self.start.created.unwrap_or(self.ids.created))
                .text("status", status)
                .raw("completed_at", "null")
                .raw("error", error)
                .raw("incomplete_details", details)
                .text("model", &self.ids.model)
                .members(&self.echo.members)
                .raw(
                    "service_tier",
                    tier.as_deref()
                        .or(self.echo.tier.as_deref())
                        .unwrap_or("\"default\""),
                )
                .array("output", output)
                .raw("usage", &usage);
        })
    }
}

/// Status of an item that was being written when the reply stopped.
fn status_of(stop: Option<&Stop>) -> Status {
    match stop {
        Some(
            Stop::MaxTokens
            | Stop::ContextWindow
            | Stop::ContentFilter(_)
            | Stop::Refusal(_)
            | Stop::Malformed(_),
        ) => Status::Incomplete,
        _ => Status::Completed,
    }
}
