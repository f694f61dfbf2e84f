//! Responses over a WebSocket: messages become requests that stand for themselves
//! (`http-api.md` §7.1, `clients.md` §2 rows 3 and 4).
//!
//! The client sends only what is new; the conversation so far is kept here, per connection, as the
//! JSON text it came in, and put in front.

use super::encode_events;
use super::relay::{Items, kind};
use super::wire::{EventIn, ResponseIn, read};
use crate::canonical::Failure;
use crate::codec::ReplyContext;
use crate::failure::openai_body;
use crate::splice::{Doc, Edits, Kind, Node, quote};
use crate::sse::{NotUtf8, SseParser};
use bytes::Bytes;
use std::borrow::Cow;

/// Events that change the conversation or end its reply.
const TELLING: [&str; 7] = [
    "response.output_item.done",
    "response.completed",
    "response.incomplete",
    "response.done",
    "response.failed",
    "response.cancelled",
    "\"error\"",
];

/// The conversation of one connection.
#[derive(Debug, Default)]
pub struct Conversation {
    /// After the last reply.
    settled: State,
    /// With the input of the request under way; becomes settled with its reply.
    under_way: Option<State>,
    /// Items of the reply under way.
    items: Items,
}

/// What a later message may leave out.
#[derive(Debug, Default, Clone)]
struct State {
    /// Items so far, the inside of an array.
    items: String,
    /// Id of the last reply.
    response_id: Option<String>,
    /// JSON text.
    model: Option<String>,
    /// JSON text.
    instructions: Option<String>,
}

/// What a message of the client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A reply: the body of a `POST /v1/responses` with the whole conversation.
    Reply(Bytes),
    /// Nothing but readiness (`generate: false`): the messages to answer with.
    Ready(Vec<String>),
}

impl Conversation {
    /// Of a connection that was just opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a message of the client. Seed and time of `context` go into the answer to a warm-up.
    ///
    /// Fails with a 400 for what is no request; the connection stays usable. A request whose reply
    /// never came leaves the conversation as it was before it.
    pub fn receive(
        &mut self,
        message: &Bytes,
        context: &ReplyContext,
    ) -> Result<Asked, Box<Failure>> {
        self.under_way = None;
        self.items = Items::default();
        let refuse = |message: &str| Err(Box::new(Failure::new(400, message)));
        let doc = match Doc::parse(message) {
            Ok(doc) => doc,
            Err(e) => return refuse(&format!("the message is no JSON: {e}")),
        };
        let root = doc.root();
        let [kind, model, instructions, input, previous, generate] = root.pick([
            "type",
            "model",
            "instructions",
            "input",
            "previous_response_id",
            "generate",
        ]);
        let kind = kind.and_then(|kind| kind.string()).unwrap_or_default();
        let append = match &*kind {
            "response.create" => false,
            "response.append" => true,
            other => {
                return refuse(&format!("unsupported websocket request type: {other}"));
            }
        };
        let first = self.settled.model.is_none();
        if first && append {
            return refuse("websocket request received before response.create");
        }
        let named = |node: &Node<'_>| node.string().is_some_and(|name| !name.is_empty());
        let model = model.filter(named);
        if first && model.is_none() {
            return refuse("missing model in response.create request");
        }
        let input = match input.filter(|input| !input.is_null()) {
            None if first => None,
            Some(input) if first && input.kind() == Kind::String => Some(input),
            Some(input) if input.kind() == Kind::Array => Some(input),
            _ => return refuse("websocket request requires array field: input"),
        };
        let previous = previous
            .and_then(|id| id.string())
            .filter(|id| !id.is_empty());
        if let Some(id) = &previous
            && self.settled.response_id.as_deref() != Some(id)
        {
            let message = format!("previous response with id `{id}` not found on this connection");
            return Err(Box::new(
                Failure::new(400, message)
                    .with_code("previous_response_not_found")
                    .with_param("previous_response_id"),
            ));
        }
        let new = input.map_or(Cow::Borrowed(""), inside);
        let starts_over = previous.is_none() && !append && self.is_transcript(input);
        let state = State {
            items: if starts_over {
                new.into_owned()
            } else {
                joined(&self.settled.items, &new)
            },
            response_id: self.settled.response_id.clone(),
            model: model
                .map(|model| model.raw().to_owned())
                .or_else(|| self.settled.model.clone()),
            instructions: instructions
                .filter(|text| !text.is_null())
                .map(|text| text.raw().to_owned())
                .or_else(|| self.settled.instructions.clone()),
        };
        let body = body(root, &state, message);
        if generate.and_then(|generate| generate.boolean()) == Some(false) {
            return Ok(self.warm_up(state, body, context));
        }
        self.under_way = Some(state);
        Ok(Asked::Reply(body))
    }

    /// Reads an event on its way to the client. The terminal one settles the conversation; true for
    /// that one, and for a failure that ends the reply.
    pub fn sent(&mut self, data: &str) -> bool {
        // Most events are pieces of text: they are not parsed for their type.
        if !TELLING.iter().any(|kind| data.contains(kind)) {
            return false;
        }
        let Some(kind) = kind(None, data) else {
            return false;
        };
        match &*kind {
            "response.output_item.done" if self.under_way.is_some() => self.items.collect(data),
            "response.completed" | "response.incomplete" | "response.done" => {
                self.settle(data);
                return true;
            }
            "response.failed" | "response.cancelled" | "error" => return true,
            _ => {}
        }
        false
    }

    fn settle(&mut self, data: &str) {
        let Some(mut state) = self.under_way.take() else {
            return;
        };
        let Some(raw) = serde_json::from_str::<EventIn<'_>>(data)
            .ok()
            .and_then(|event| event.response)
        else {
            return;
        };
        let response: ResponseIn<'_> = read(raw);
        let output = match response.output {
            Some(output) if !response.has_no_output() => Cow::Borrowed(output.get()),
            _ => Cow::Owned(self.items.array()),
        };
        if let Ok(doc) = Doc::parse(output.as_bytes()) {
            state.items = joined(&state.items, &inside(doc.root()));
        }
        state.response_id = response.id.map(Cow::into_owned);
        self.settled = state;
    }

    fn warm_up(&mut self, mut state: State, body: Bytes, context: &ReplyContext) -> Asked {
        let model = state
            .model
            .as_deref()
            .and_then(|model| serde_json::from_str(model).ok())
            .unwrap_or_default();
        let (id, messages) = encode_events::empty_reply(&ReplyContext {
            client_body: body,
            model,
            ..context.clone()
        });
        state.response_id = Some(id);
        self.settled = state;
        Asked::Ready(messages)
    }

    /// True when the input is a whole conversation and not what is new in one: it starts with all of
    /// the one before, or it holds items that the model made, which nobody sends as news.
    fn is_transcript(&self, input: Option<Node<'_>>) -> bool {
        let Some(input) = input else { return false };
        let before = self.settled.items.as_str();
        (!before.is_empty() && inside(input).starts_with(before))
            || input.elements().any(made_by_model)
    }
}

fn made_by_model(item: Node<'_>) -> bool {
    let [kind, role] = item.pick(["type", "role"]);
    let kind = kind.and_then(|kind| kind.string());
    match kind.as_deref().unwrap_or("message") {
        "message" => role.and_then(|role| role.string()).as_deref() == Some("assistant"),
        "additional_tools" | "compaction_trigger" | "item_reference" | "mcp_approval_response" => {
            false
        }
        other => !other.ends_with("_output"),
    }
}

/// The request: the message with the whole conversation, without the fields of the WebSocket.
fn body(root: Node<'_>, state: &State, message: &Bytes) -> Bytes {
    let mut edits = Edits::new();
    for field in ["type", "previous_response_id", "generate"] {
        edits.remove(root, field);
    }
    edits.set(root, "stream", "true");
    edits.set(root, "input", format!("[{}]", state.items));
    for (field, value) in [
        ("model", &state.model),
        ("instructions", &state.instructions),
    ] {
        if let Some(value) = value {
            edits.set(root, field, value.as_str());
        }
    }
    edits.apply(message)
}

/// The elements of an array as they stand between its brackets; a text as one user message.
fn inside(node: Node<'_>) -> Cow<'_, str> {
    match node.kind() {
        Kind::String => Cow::Owned(format!(
            r#"{{"type":"message","role":"user","content":{}}}"#,
            node.raw()
        )),
        _ => Cow::Borrowed(
            node.raw()
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .map_or("", str::trim),
        ),
    }
}

fn joined(old: &str, new: &str) -> String {
    match (old, new) {
        ("", new) => new.to_owned(),
        (old, "") => old.to_owned(),
        (old, new) => [old, ",", new].concat(),
    }
}

/// Hands out the data of each frame in `frames`, whole frames as an encoder or relay wrote them: the
/// messages of a WebSocket are the events without their framing.
///
/// Fails when the frames are no text.
pub fn messages(frames: &[u8], mut each: impl FnMut(&str)) -> Result<(), NotUtf8> {
    let mut parser = SseParser::new();
    let mut hand_out = |data: Option<&str>| {
        if let Some(data) = data {
            each(data);
        }
    };
    parser.push(frames, |frame| hand_out(frame.data.as_deref()))?;
    parser.finish(|frame| hand_out(frame.data.as_deref()))
}

/// The message for a failure outside a reply: `{"type":"error","status":…,"headers"?:…,"error":{…}}`.
/// The connection stays open behind it.
pub fn failure_message(failure: &Failure) -> String {
    let body = openai_body(failure);
    let error = Doc::parse(&body)
        .ok()
        .and_then(|doc| doc.root().get("error").map(|error| error.raw().to_owned()))
        .unwrap_or_else(|| format!("{{\"message\":{}}}", quote(&failure.message)));
    let status = if failure.status == 529 {
        503
    } else {
        failure.status
    };
    let headers = match failure.retry_after {
        Some(wait) => format!(
            r#""headers":{{"retry-after":"{}"}},"#,
            wait.as_millis().div_ceil(1000)
        ),
        None => String::new(),
    };
    format!(r#"{{"type":"error","status":{status},{headers}"error":{error}}}"#)
}
