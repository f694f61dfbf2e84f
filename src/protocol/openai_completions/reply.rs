//! Replies in the shape of completions, whole and as a stream (`openai-completions.md` §3, §4).

use super::request::echo_of;
use crate::canonical::{Delta, Event, Item, ItemHead, Reply, Response, Start, Stop, Usage};
use crate::codec::{EventEncoder, ReplyContext};
use crate::openai_chat::KEEP_ALIVE;
use crate::openai_chat::errors::push_error_frame;
use crate::openai_chat::finish::finish_word;
use crate::openai_chat::json::{self, Object};
use crate::openai_chat::usage::write_usage;
use crate::raw::RawJson;
use bytes::Bytes;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Token log probabilities in the shape of chat.
#[derive(Debug, Deserialize)]
struct TokenLogprob {
    token: String,
    logprob: Option<serde_json::Number>,
    #[serde(default)]
    top_logprobs: Vec<TokenLogprob>,
}

fn read_logprobs(raw: &RawJson) -> Vec<TokenLogprob> {
    raw.read().unwrap_or_default()
}

/// Four parallel arrays; `offset` is the place of the first token in the emitted text, in characters.
fn write_logprobs(o: &mut Object<'_>, tokens: &[TokenLogprob], mut offset: usize) {
    if tokens.is_empty() {
        o.raw("logprobs", "null");
        return;
    }
    o.object("logprobs", |o| {
        o.array("tokens", |a| tokens.iter().for_each(|t| a.str(&t.token)));
        o.array("token_logprobs", |a| {
            tokens.iter().for_each(|t| a.raw(&number(t)));
        });
        o.array("top_logprobs", |a| {
            for token in tokens {
                if token.top_logprobs.is_empty() {
                    a.raw("null");
                    continue;
                }
                let top: serde_json::Map<_, _> = token
                    .top_logprobs
                    .iter()
                    .map(|top| (top.token.clone(), top.logprob.clone().into()))
                    .collect();
                a.raw(&serde_json::Value::Object(top).to_string());
            }
        });
        o.array("text_offset", |a| {
            for token in tokens {
                a.raw(&offset.to_string());
                offset += token.token.chars().count();
            }
        });
    });
}

fn number(token: &TokenLogprob) -> String {
    match &token.logprob {
        Some(n) => n.to_string(),
        None => "null".to_owned(),
    }
}

/// Tools do not exist here: a reply that ended for one has simply ended.
fn word_of(stop: &Stop) -> &'static str {
    match finish_word(stop) {
        "tool_calls" => "stop",
        word => word,
    }
}

/// Keeps ids of OpenAI, makes one otherwise.
fn reply_id(start: &Start, context: &ReplyContext) -> String {
    match &start.id {
        Some(id) if id.starts_with("cmpl-") || id.starts_with("chatcmpl-") => id.clone(),
        _ => context.id("cmpl-", 29, 0),
    }
}

fn write_head(o: &mut Object<'_>, start: &Start, context: &ReplyContext) {
    o.str("id", &reply_id(start, context));
    o.str("object", "text_completion");
    let created = start.created.filter(|at| *at > 0);
    o.scalar("created", created.unwrap_or(context.created));
    o.str("model", &context.model);
    o.opt_str("system_fingerprint", start.fingerprint.as_deref());
}

pub(super) fn encode_response(response: &Response, context: &ReplyContext) -> Bytes {
    let echo = echo_of(&context.client_body).unwrap_or_default();
    let mut out = String::with_capacity(1024);
    json::object(&mut out, |o| {
        write_head(o, &response.start, context);
        o.array("choices", |a| {
            for (index, reply) in response.choices.iter().enumerate() {
                a.object(|o| write_choice(o, index, reply, &echo));
            }
        });
        o.object("usage", |o| write_usage(&response.usage, o));
    });
    Bytes::from(out)
}

fn write_choice(o: &mut Object<'_>, index: usize, reply: &Reply, echo: &str) {
    let mut text = echo.to_owned();
    let mut tokens = Vec::new();
    for item in &reply.items {
        match item {
            Item::Text {
                text: piece,
                logprobs,
                ..
            } => {
                text.push_str(piece);
                tokens.extend(logprobs.as_ref().map(read_logprobs).unwrap_or_default());
            }
            Item::Refusal(piece) => text.push_str(piece),
            // Thinking, calls and media have no place in a completion.
            _ => {}
        }
    }
    o.str("text", &text);
    o.scalar("index", index);
    write_logprobs(o, &tokens, echo.chars().count());
    let stop = reply.stop.as_ref().unwrap_or(&Stop::EndTurn);
    o.str("finish_reason", word_of(stop));
}

/// Writes the chunks of one reply. Only text, finish reasons and usage show.
pub(super) struct TextEncoder {
    context: ReplyContext,
    echo: Option<String>,
    /// `data: {"id":…,"choices":[`; empty until the reply started.
    head: String,
    /// Characters emitted so far, by choice.
    offsets: BTreeMap<u32, usize>,
    /// Choice of each open text or refusal.
    open: BTreeMap<usize, u32>,
    usage: Usage,
    ended: bool,
    /// Kept for its allocation.
    frame: String,
}

impl TextEncoder {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            echo: echo_of(&context.client_body),
            context: context.clone(),
            head: String::new(),
            offsets: BTreeMap::new(),
            open: BTreeMap::new(),
            usage: Usage::default(),
            ended: false,
            frame: String::new(),
        }
    }

    fn start(&mut self, start: &Start) {
        if self.head.is_empty() {
            let mut head = String::from("data: ");
            json::object(&mut head, |o| write_head(o, start, &self.context));
            head.pop();
            head.push_str(",\"choices\":[");
            self.head = head;
        }
    }

    /// Meets a choice; with `echo` its first chunk is the prompt.
    fn choice(&mut self, choice: u32, out: &mut Vec<u8>) {
        match self.offsets.entry(choice) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => {
                place.insert(0);
            }
        }
        if let Some(echo) = self.echo.take() {
            self.chunk(choice, &echo, &[], None, out);
            self.echo = Some(echo);
        }
    }

    fn chunk(
        &mut self,
        choice: u32,
        text: &str,
        tokens: &[TokenLogprob],
        finish: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let offset = self.offsets.entry(choice).or_default();
        self.frame.clear();
        json::object(&mut self.frame, |o| {
            o.str("text", text);
            o.scalar("index", choice);
            write_logprobs(o, tokens, *offset);
            match finish {
                Some(word) => o.str("finish_reason", word),
                None => o.raw("finish_reason", "null"),
            }
        });
        *offset += text.chars().count();
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(self.frame.as_bytes());
        out.push(b']');
        if self.context.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.context.include_usage {
            self.frame.clear();
            json::object(&mut self.frame, |o| write_usage(&self.usage, o));
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(b"],\"usage\":");
            out.extend_from_slice(self.frame.as_bytes());
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }
}

impl EventEncoder for TextEncoder {
    fn encode(&mut self, event: Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start),
            Event::ItemStart {
                index,
                choice,
                head: ItemHead::Text | ItemHead::Refusal,
            } => {
                self.open.insert(index, choice);
            }
            Event::Delta { index, delta } => {
                let (text, logprobs) = match delta {
                    Delta::Text { text, logprobs } => (text, logprobs),
                    Delta::Refusal(text) => (text, None),
                    _ => return,
                };
                let Some(&choice) = self.open.get(&index) else {
                    return;
                };
                let tokens = logprobs.as_ref().map(read_logprobs).unwrap_or_default();
                if !text.is_empty() || !tokens.is_empty() {
                    self.start(&Start::default());
                    self.choice(choice, out);
                    self.chunk(choice, &text, &tokens, None, out);
                }
            }
            Event::ItemStop { index, .. } => {
                self.open.remove(&index);
            }
            Event::Usage(usage) => self.usage.merge(*usage),
            Event::Finish { choice, stop, .. } => {
                self.start(&Start::default());
                self.choice(choice, out);
                self.chunk(choice, "", &[], Some(word_of(&stop)), out);
            }
            Event::Error(failure) => {
                push_error_frame(&failure, out);
                self.ended = true;
            }
            Event::KeepAlive => out.extend_from_slice(KEEP_ALIVE),
            Event::End => {
                self.start(&Start::default());
                self.end(out);
            }
            Event::ItemStart { .. } | Event::Native { .. } => {}
        }
    }
}
