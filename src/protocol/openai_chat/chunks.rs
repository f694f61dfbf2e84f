//! The chunks of one stream: framing, and what all of them begin with.

use super::json::{self, Object};
use super::message::made_id;
use super::usage::write_usage;
use crate::canonical::{Start, Usage};
use crate::codec::ReplyContext;
use crate::media;

/// Writes `chat.completion.chunk`s.
#[derive(Default)]
pub(super) struct Chunks {
    /// `data: {"id":…,"model":…,"choices":[`; empty until the reply started.
    head: String,
    /// Each chunk says that there is no usage yet, the last one has it.
    include_usage: bool,
    /// Kept for its allocation.
    frame: String,
}

/// How a choice ends: the protocol's word, and the upstream's.
pub(super) type Finish<'a> = (&'a str, Option<&'a str>);

impl Chunks {
    /// Whether chunks have a head to begin with.
    pub(super) fn has_started(&self) -> bool {
        !self.head.is_empty()
    }

    /// Makes the head of all chunks.
    pub(super) fn start(&mut self, start: &Start, context: &ReplyContext) {
        let created = start
            .created
            .filter(|at| *at > 0)
            .unwrap_or(context.created);
        let mut head = String::from("data: ");
        json::object(&mut head, |o| {
            o.str("id", &made_id(start.id.as_deref(), context));
            o.str("object", "chat.completion.chunk");
            o.scalar("created", created);
            o.str("model", &context.model);
            o.opt_str("service_tier", start.service_tier.as_deref());
            o.opt_str("system_fingerprint", start.fingerprint.as_deref());
        });
        // Every chunk goes on from here.
        head.pop();
        head.push_str(",\"choices\":[");
        self.head = head;
        self.include_usage = context.include_usage;
    }

    /// One chunk with a delta.
    pub(super) fn delta(
        &mut self,
        choice: u32,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut Object<'_>),
    ) {
        self.full(choice, None, None, out, delta);
    }

    /// One chunk with a delta and what stands beside it.
    pub(super) fn full(
        &mut self,
        choice: u32,
        logprobs: Option<&str>,
        finish: Option<Finish<'_>>,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut Object<'_>),
    ) {
        self.frame.clear();
        json::object(&mut self.frame, |o| {
            o.scalar("index", choice);
            o.object("delta", delta);
            match logprobs {
                Some(content) => o.object("logprobs", |o| {
                    o.raw("content", content);
                    o.raw("refusal", "null");
                }),
                None => o.raw("logprobs", "null"),
            }
            match finish {
                Some((word, native)) => {
                    o.str("finish_reason", word);
                    o.opt_str("native_finish_reason", native);
                }
                None => o.raw("finish_reason", "null"),
            }
        });
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(self.frame.as_bytes());
        out.push(b']');
        if self.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// The head of a call: `at` counts the calls of the choice.
    pub(super) fn call(
        &mut self,
        choice: u32,
        at: usize,
        (id, name, custom): (&str, &str, bool),
        out: &mut Vec<u8>,
    ) {
        self.in_call(choice, at, out, |o| {
            o.str("id", id);
            write_call(o, custom, Some(name), "");
        });
    }

    /// A piece of the arguments of a call.
    pub(super) fn call_piece(
        &mut self,
        choice: u32,
        at: usize,
        custom: bool,
        piece: &str,
        out: &mut Vec<u8>,
    ) {
        self.in_call(choice, at, out, |o| write_call(o, custom, None, piece));
    }

    /// More members of a call.
    pub(super) fn in_call(
        &mut self,
        choice: u32,
        at: usize,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Object<'_>),
    ) {
        self.delta(choice, out, |o| {
            o.array("tool_calls", |a| {
                a.object(|o| {
                    o.scalar("index", at);
                    fill(o);
                });
            });
        });
    }

    /// A picture: `at` counts the pictures of the choice.
    pub(super) fn image(
        &mut self,
        choice: u32,
        at: usize,
        (mime, data): (&str, &str),
        out: &mut Vec<u8>,
    ) {
        self.delta(choice, out, |o| {
            o.array("images", |a| {
                a.object(|o| {
                    o.str("type", "image_url");
                    o.scalar("index", at);
                    o.object("image_url", |o| o.str("url", &media::data_url(mime, data)));
                });
            });
        });
    }

    /// The chunk with the usage, for clients that asked for it, and the end of the stream.
    pub(super) fn end(&mut self, usage: &Usage, out: &mut Vec<u8>) {
        if self.include_usage {
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(b"],\"usage\":");
            self.frame.clear();
            json::object(&mut self.frame, |o| write_usage(usage, o));
            out.extend_from_slice(self.frame.as_bytes());
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn write_call(o: &mut Object<'_>, custom: bool, name: Option<&str>, piece: &str) {
    let (kind, text) = if custom {
        ("custom", "input")
    } else {
        ("function", "arguments")
    };
    if name.is_some() {
        o.str("type", kind);
    }
    o.object(kind, |o| {
        o.opt_str("name", name);
        o.str(text, piece);
    });
}
