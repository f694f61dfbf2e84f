//! What a reply says, in terms every protocol can carry.

use crate::pair::*;
use protocol::canonical::{CallKind, Event, Failure, Item, Response, Stop, Usage, fold};
use protocol::codec::ReplyContext;
use protocol::sse::SseParser;
use protocol::{Dialect, codec};
use serde_json::Value;

/// What one candidate says.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// Answer text and refusals.
    pub text: String,
    /// Thinking, paragraphs only.
    pub thinking: String,
    /// Id, name and arguments of the calls.
    pub calls: Vec<(String, String, Value)>,
    pub stop: Class,
}

/// Stop reasons that every protocol tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    End,
    Limit,
    Calls,
    Filter,
}

/// The counts that every protocol has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub input: u64,
    pub cached: u64,
    pub output: u64,
}

impl Counts {
    pub fn of(usage: &Usage) -> Self {
        Self {
            input: usage.input_total.unwrap_or(0),
            cached: usage.cache_read.unwrap_or(0),
            output: usage.output_total.unwrap_or(0),
        }
    }
}

/// Digest of the first candidate.
pub fn of(response: &Response) -> Digest {
    let reply = &response.choices[0];
    let mut digest = Digest {
        text: String::new(),
        thinking: String::new(),
        calls: Vec::new(),
        stop: class(reply.stop.as_ref()),
    };
    for item in &reply.items {
        match item {
            Item::Text { text, .. } => digest.text.push_str(text),
            Item::Refusal(text) => digest.text.push_str(text),
            Item::Reasoning { text, summary, .. } => {
                let parts = std::iter::once(text).chain(summary);
                for part in parts.filter(|part| !part.is_empty()) {
                    digest.thinking.push_str(part);
                    digest.thinking.push('\n');
                }
            }
            Item::Call {
                id,
                name,
                namespace,
                arguments,
                kind,
                ..
            } => {
                let name = protocol::names::flatten(namespace.as_deref(), name);
                let text = arguments.as_str();
                let value = match kind {
                    // As a function it is wrapped, and means the same.
                    CallKind::Custom => serde_json::json!({"input": text}),
                    CallKind::Function if text.is_empty() => serde_json::json!({}),
                    CallKind::Function => {
                        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
                    }
                };
                digest.calls.push((id.clone(), name, value));
            }
            _ => {}
        }
    }
    digest.thinking = digest
        .thinking
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    digest
}

fn class(stop: Option<&Stop>) -> Class {
    match stop.expect("a stop") {
        Stop::MaxTokens | Stop::ContextWindow => Class::Limit,
        Stop::ToolUse => Class::Calls,
        Stop::ContentFilter(_) | Stop::Refusal(_) => Class::Filter,
        Stop::EndTurn
        | Stop::StopSequence(_)
        | Stop::Pause
        | Stop::Compaction
        | Stop::Malformed(_)
        | Stop::Other(_) => Class::End,
    }
}

/// Events of a stream, read as an upstream's.
pub fn events(dialect: Dialect, context: &ReplyContext, stream: &[u8]) -> Vec<Event> {
    let mut decoder = codec(dialect).event_decoder(context);
    let mut events = Vec::new();
    let mut parser = SseParser::new();
    parser
        .push(stream, |frame| decoder.decode(frame, &mut events))
        .unwrap();
    parser
        .finish(|frame| decoder.decode(frame, &mut events))
        .unwrap();
    decoder.finish(&mut events);
    events
}

/// The reply of a stream.
pub fn read(dialect: Dialect, stream: &[u8]) -> Result<Response, Box<Failure>> {
    fold(events(dialect, &pair(dialect, dialect).context(), stream))
}
