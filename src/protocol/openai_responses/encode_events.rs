//! Events → the stream of a client, and the object of a client that does not stream
//! (`openai-responses.md` §7, §8).

mod items;
mod object;

use super::echo::Echo;
use super::output::json::{Object, push_element};
use super::output::{Frames, Message, Status};
use super::{KEEP_ALIVE, failures};
use crate::canonical::{Event, Failure, Response, Start, Stop, Usage, unfold};
use crate::codec::{Declared, EventEncoder, ReplyContext};
use crate::linear::OneAtATime;
use bytes::Bytes;
use items::Current;

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
