//! A whole reply for a client (`matrix.md` §5.3, `openai-chat.md` §6).

use super::finish::finish_word;
use super::json::{self, Object};
use super::message::{
    Annotations, ThinkingOut, call_name, declared_custom, made_id, write_annotations, write_detail,
    write_google_signature,
};
use super::usage::write_usage;
use crate::canonical::{
    Arguments, CallKind, Item, MediaSource, Reply, Response, Signature, SignatureIssuer, Stop,
};
use crate::codec::ReplyContext;
use crate::media;
use crate::splice::quote_into;
use crate::tool_schema::unwrap_custom_input;
use bytes::Bytes;

pub(super) fn encode_response(response: &Response, context: &ReplyContext) -> Bytes {
    let mut out = String::with_capacity(1024);
    let start = &response.start;
    json::object(&mut out, |o| {
        o.str("id", &made_id(start.id.as_deref(), context));
        o.str("object", "chat.completion");
        let created = start
            .created
            .filter(|at| *at > 0)
            .unwrap_or(context.created);
        o.scalar("created", created);
        o.str("model", &context.model);
        o.array("choices", |a| {
            for (index, reply) in response.choices.iter().enumerate() {
                a.object(|o| write_choice(o, index, reply, context));
            }
        });
        o.object("usage", |o| write_usage(&response.usage, o));
        o.opt_str("service_tier", start.service_tier.as_deref());
        o.opt_str("system_fingerprint", start.fingerprint.as_deref());
    });
    Bytes::from(out)
}

fn write_choice(o: &mut Object<'_>, index: usize, reply: &Reply, context: &ReplyContext) {
    let parts = Parts::of(reply, context);
    o.scalar("index", index);
    o.object("message", |o| parts.write(o, context));
    match &parts.logprobs[..] {
        [] => o.raw("logprobs", "null"),
        [one] => write_logprobs(o, one),
        many => write_logprobs(o, &join_arrays(many)),
    }
    let stop = reply.stop.as_ref().unwrap_or(&Stop::EndTurn);
    o.str("finish_reason", finish_word(stop));
    o.opt_str("native_finish_reason", reply.native_stop.as_deref());
}

fn write_logprobs(o: &mut Object<'_>, content: &str) {
    o.object("logprobs", |o| {
        o.raw("content", content);
        o.raw("refusal", "null");
    });
}

/// One array out of the texts of several.
fn join_arrays(arrays: &[&str]) -> String {
    let inner: Vec<&str> = arrays
        .iter()
        .filter_map(|text| {
            let text = text.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
            (!text.is_empty()).then_some(text)
        })
        .collect();
    format!("[{}]", inner.join(","))
}

/// The items of a reply, sorted into the fields of a message.
#[derive(Default)]
struct Parts<'a> {
    texts: Vec<&'a str>,
    refusal: String,
    reasoning: String,
    details: Vec<Detail<'a>>,
    calls: Vec<Call<'a>>,
    images: Vec<(&'a str, &'a str)>,
    audio: Option<(&'a str, Option<&'a str>, Option<&'a str>)>,
    annotations: Annotations,
    logprobs: Vec<&'a str>,
}

struct Detail<'a> {
    text: String,
    signature: Option<&'a Signature>,
    redacted: bool,
}

struct Call<'a> {
    id: &'a str,
    name: String,
    kind: CallKind,
    arguments: &'a Arguments,
    signature: Option<&'a Signature>,
}

impl<'a> Parts<'a> {
    fn of(reply: &'a Reply, context: &ReplyContext) -> Self {
        let thinking = ThinkingOut::of(context);
        let mut parts = Self::default();
        let mut n_chars = 0;
        for item in &reply.items {
            match item {
                Item::Text {
                    text,
                    citations,
                    logprobs,
                    ..
                } => {
                    parts.texts.push(text);
                    let from = n_chars;
                    n_chars += text.chars().count();
                    parts.annotations.add(citations, from, n_chars);
                    parts
                        .logprobs
                        .extend(logprobs.as_ref().map(|raw| raw.as_str()));
                }
                Item::Refusal(text) => parts.refusal.push_str(text),
                Item::Reasoning {
                    text,
                    summary,
                    signature,
                    redacted,
                    ..
                } => {
                    let text = thinking_text(text, summary);
                    if !thinking.hidden && !redacted && !text.is_empty() {
                        if !parts.reasoning.is_empty() {
                            parts.reasoning.push_str("\n\n");
                        }
                        parts.reasoning.push_str(&text);
                    }
                    if thinking.details {
                        parts.details.push(Detail {
                            text,
                            signature: signature.as_ref(),
                            redacted: *redacted,
                        });
                    }
                }
                Item::Call {
                    id,
                    name,
                    namespace,
                    kind,
                    arguments,
                    signature,
                    ..
                } => parts.calls.push(Call {
                    id,
                    name: call_name(namespace.as_deref(), name),
                    kind: *kind,
                    arguments,
                    signature: signature.as_ref(),
                }),
                Item::Image {
                    source: MediaSource::Base64 { mime, data },
                    ..
                } => parts.images.push((mime, data)),
                Item::Audio {
                    source: MediaSource::Base64 { data, .. },
                    transcript,
                    id,
                } => parts.audio = Some((data, transcript.as_deref(), id.as_deref())),
                // Nothing of these has a place in a chat message.
                Item::Server(_)
                | Item::Opaque { .. }
                | Item::Image { .. }
                | Item::Audio { .. }
                | Item::Video { .. }
                | Item::File { .. }
                | Item::SearchResult(_)
                | Item::Result { .. } => {}
            }
        }
        parts
    }

    fn write(&self, o: &mut Object<'_>, context: &ReplyContext) {
        o.str("role", "assistant");
        let other = !self.calls.is_empty()
            || !self.images.is_empty()
            || self.audio.is_some()
            || !self.refusal.is_empty();
        match &self.texts[..] {
            // E-185: a reply of nothing has empty content; E-130: one of something else has none.
            [] if other => o.raw("content", "null"),
            [one] => o.str("content", one),
            texts => o.str("content", &texts.concat()),
        }
        if self.refusal.is_empty() {
            o.raw("refusal", "null");
        } else {
            o.str("refusal", &self.refusal);
        }
        if !self.reasoning.is_empty() {
            o.str("reasoning_content", &self.reasoning);
        }
        if !self.details.is_empty() {
            self.write_details(o, context);
        }
        if !self.annotations.is_empty() {
            write_annotations(o, &self.annotations);
        }
        if !self.calls.is_empty() {
            o.array("tool_calls", |a| {
                for call in &self.calls {
                    a.object(|o| call.write(o, context));
                }
            });
        }
        if !self.images.is_empty() {
            o.array("images", |a| {
                for (index, (mime, data)) in self.images.iter().enumerate() {
                    a.object(|o| {
                        o.str("type", "image_url");
                        o.scalar("index", index);
                        o.object("image_url", |o| {
                            quote_into(&media::data_url(mime, data), o.key("url"));
                        });
                    });
                }
            });
        }
        if let Some((data, transcript, id)) = self.audio {
            o.object("audio", |o| {
                o.opt_str("id", id);
                o.str("data", data);
                o.opt_str("transcript", transcript);
            });
        }
    }

    fn write_details(&self, o: &mut Object<'_>, context: &ReplyContext) {
        o.array("reasoning_details", |a| {
            for (index, detail) in self.details.iter().enumerate() {
                let issuer = detail.signature.map_or(context.issuer, |s| s.issuer);
                let text = (!detail.text.is_empty()).then_some((detail.text.as_str(), issuer));
                if text.is_some() || detail.signature.is_some() {
                    a.object(|o| write_detail(o, index, text, detail.signature, detail.redacted));
                }
            }
        });
    }
}

impl Call<'_> {
    fn write(&self, o: &mut Object<'_>, context: &ReplyContext) {
        let text = self.arguments.as_str();
        o.str("id", self.id);
        let wrapped = self.kind == CallKind::Function && declared_custom(context, &self.name);
        if wrapped || self.kind == CallKind::Custom {
            o.str("type", "custom");
            o.object("custom", |o| {
                o.str("name", &self.name);
                if wrapped {
                    o.str("input", &unwrap_custom_input(text));
                } else {
                    o.str("input", text);
                }
            });
        } else {
            o.str("type", "function");
            o.object("function", |o| {
                o.str("name", &self.name);
                o.str("arguments", if text.is_empty() { "{}" } else { text });
            });
        }
        if let Some(signature) = self.signature
            && signature.issuer == SignatureIssuer::Gemini
        {
            write_google_signature(o, &signature.value);
        }
    }
}

/// Summary parts and raw text, apart by blank lines.
pub(super) fn thinking_text(text: &str, summary: &[String]) -> String {
    let mut parts: Vec<&str> = summary.iter().map(String::as_str).collect();
    parts.push(text);
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}
