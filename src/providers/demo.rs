//! The built-in demo model: deterministic answers without any account, so that a person can check a
//! client, its streaming, its tool loop and its error handling without spending quota.
//!
//! | The last user text | The answer |
//! |---|---|
//! | anything | `You said: …` |
//! | `/tool NAME {json}` | a call of that tool (default: the first declared one, `{}`) |
//! | a tool result | `The tool answered: …` |
//! | `/think TEXT` | thinking, then `You said: TEXT` |
//! | `/error STATUS TEXT` | that HTTP status before the first byte |
//! | `/break TEXT` | TEXT, then a failure inside the stream |
//!
//! Clients that keep what begins with a slash for themselves pass it on behind the word `demo`, as in
//! `demo /tool NAME {json}`. Notes that agents add in tags of their own are not echoed.
//!
//! With a JSON schema asked for, the answer is a small object that fits it. A tool choice is obeyed:
//! a forced tool is called, with a small input that fits its schema where none was said.

mod script;

use super::{Call, LocalModel, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actors::domain::catalog::ModelInfo;
use actors::domain::id::CredentialId;
use actors::domain::record::{CredentialRecord, Kind};
use protocol::Dialect;
use protocol::canonical::{
    CallKind, Channel, Delta, Event, Failure, ItemHead, Request, Start, Stop, Usage,
};
use protocol::codec::EndpointTraits;
use script::{Script, texts};
use std::sync::Arc;

/// The built-in provider.
pub struct Demo;

/// Its only model.
const MODEL: &str = "demo-echo";

/// Most pieces of one text: an event for each word of a book would keep a worker from everything else.
const PIECES_MAX: usize = 2000;

/// The credential of the built-in provider: nobody's.
pub fn record() -> CredentialRecord {
    CredentialRecord::bare(CredentialId::from("demo"), "demo", Kind::Key)
}

impl Provider for Demo {
    fn id(&self) -> &'static str {
        "demo"
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str, _client: Dialect) -> Spoken {
        // It is asked through the common model; no protocol is its own.
        Spoken::plain(Dialect::OpenAiChat, EndpointTraits::default())
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        vec![Arc::new(ModelInfo {
            display_name: Some("Demo (echo)".into()),
            description: Some("Built in; answers what it was told".into()),
            ..ModelInfo::named(MODEL, "demo")
        })]
    }

    fn shape(&self, _call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        Err(ShapeError::NoSuchCall {
            provider: self.id(),
            what: "upstream",
        })
    }

    fn local(&self) -> Option<&dyn LocalModel> {
        Some(self)
    }
}

impl LocalModel for Demo {
    fn answer(&self, request: &Request) -> Result<Vec<Event>, Box<Failure>> {
        let script = Script::of(request);
        if let Script::Fail { status, message } = &script {
            return Err(Box::new(Failure::new(*status, message.clone())));
        }
        let mut reply = Reply::new();
        match script {
            Script::Say(text) => reply.text(&text),
            Script::Think { thought, text } => {
                reply.thinking(&thought);
                reply.text(&text);
            }
            Script::CallTool { name, kind, input } => {
                reply.call(&name, kind, &input);
                return Ok(reply.finish(request, Stop::ToolUse));
            }
            Script::Break(text) => {
                reply.text(&text);
                reply.events.push(Event::Error(Box::new(Failure::new(
                    500,
                    "the demo model broke, as you asked",
                ))));
                return Ok(reply.events);
            }
            Script::Fail { .. } => {}
        }
        Ok(reply.finish(request, Stop::EndTurn))
    }
}

/// A reply under construction.
struct Reply {
    events: Vec<Event>,
    items: usize,
    words: u64,
}

impl Reply {
    fn new() -> Self {
        Self {
            events: vec![Event::Start(Box::new(Start {
                model: Some(MODEL.into()),
                ..Start::default()
            }))],
            items: 0,
            words: 0,
        }
    }

    /// Sends `text` word by word, so that a stream shows several pieces; what follows after
    /// [`PIECES_MAX`] of them comes at once.
    fn item(&mut self, head: ItemHead, text: &str, delta: impl Fn(String) -> Delta) {
        let index = self.items;
        self.items += 1;
        self.events.push(Event::ItemStart {
            index,
            choice: 0,
            head,
        });
        let mut sent = 0;
        for piece in text.split_inclusive(' ').take(PIECES_MAX) {
            sent += piece.len();
            self.words += 1;
            self.events.push(Event::Delta {
                index,
                delta: delta(piece.to_owned()),
            });
        }
        if let Some(rest) = text.get(sent..).filter(|rest| !rest.is_empty()) {
            self.words += rest.split_inclusive(' ').count() as u64;
            self.events.push(Event::Delta {
                index,
                delta: delta(rest.to_owned()),
            });
        }
        self.events.push(Event::ItemStop { index, whole: None });
    }

    fn text(&mut self, text: &str) {
        self.item(ItemHead::Text, text, |text| Delta::Text {
            text,
            logprobs: None,
        });
    }

    fn thinking(&mut self, text: &str) {
        let head = ItemHead::Reasoning {
            id: None,
            redacted: false,
        };
        self.item(head, text, |text| Delta::Reasoning {
            channel: Channel::Raw,
            text,
        });
    }

    fn call(&mut self, name: &str, kind: CallKind, input: &str) {
        let head = ItemHead::Call {
            id: "call_demo_1".into(),
            item_id: None,
            name: name.into(),
            namespace: None,
            kind,
            caller: None,
        };
        self.item(head, input, Delta::Arguments);
    }

    /// Usage counts words: the demo model has no tokens.
    fn finish(mut self, request: &Request, stop: Stop) -> Vec<Event> {
        let said: usize = request
            .turns
            .iter()
            .map(|turn| texts(&turn.items).split_whitespace().count())
            .sum();
        self.events.push(Event::Usage(Box::new(Usage {
            input_total: Some(said as u64),
            output_total: Some(self.words),
            ..Usage::default()
        })));
        self.events.push(Event::Finish {
            choice: 0,
            stop,
            native: None,
        });
        self.events.push(Event::End);
        self.events
    }
}

#[cfg(test)]
mod tests;
