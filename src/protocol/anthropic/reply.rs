//! Whole items of a reply → content blocks, and the message around them
//! (`anthropic-messages.md` §6).

use super::frames;
use super::search;
use super::usage::UsageOut;
use super::wire::Block;
use super::words;
use crate::canonical::{
    Arguments, Citation, Item, MediaSource, ReasoningShow, Response, Signature, SignaturePlace,
    Start, Stop, Usage,
};
use crate::codec::{Dialect, ReplyContext};
use crate::raw::RawJson;
use crate::stop::{Calls, settle};
use crate::{args, names, signature};
use bytes::Bytes;
use serde::Serialize;
use std::borrow::Cow;

/// A message, whole or (with empty content) at the start of a stream.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<&'a RawJson>,
    usage: UsageOut,
}

impl<'a> Message<'a> {
    /// The message of a `message_start`.
    pub(super) fn begun(start: &'a Start, usage: &Usage, context: &'a ReplyContext) -> Self {
        Self {
            id: message_id(start, context),
            kind: "message",
            role: "assistant",
            model: &context.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            stop_details: None,
            usage: UsageOut::new(usage, start.service_tier.as_deref()),
        }
    }
}

/// How a reply ended, in this protocol's fields.
#[derive(Serialize)]
pub(super) struct StopOut<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<&'a RawJson>,
}

impl<'a> StopOut<'a> {
    pub(super) fn new(stop: &'a Stop) -> Self {
        Self {
            stop_reason: words::stop_word(stop),
            stop_sequence: match stop {
                Stop::StopSequence(text) => text.as_deref(),
                _ => None,
            },
            stop_details: words::stop_details(stop),
        }
    }
}

/// What a reply has shown so far, as far as its end depends on it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Calls of client tools.
    pub(super) n_calls: usize,
    /// Searches that another vendor made.
    pub(super) n_searches: usize,
}

impl Shown {
    /// The stop by what the client really got: a client that reads `tool_use` waits for a call.
    pub(super) fn settle(&self, stop: Option<Stop>) -> Stop {
        let calls = Calls {
            complete: self.n_calls > 0,
            ..Calls::default()
        };
        settle(stop.unwrap_or(Stop::EndTurn), calls)
    }

    /// Usage with the searches that were shown, when the upstream did not count them.
    pub(super) fn count_searches(&self, usage: &mut Usage) {
        if usage.web_searches.is_none() && self.n_searches > 0 {
            usage.web_searches = u64::try_from(self.n_searches).ok();
        }
    }
}

/// Encodes a whole reply.
pub(super) fn encode(response: &Response, context: &ReplyContext) -> Bytes {
    let mut shown = Shown::default();
    let mut message = Message::begun(&response.start, &response.usage, context);
    let (mut stop, mut usage) = (None, response.usage.clone());
    if let Some(reply) = response.choices.first() {
        for item in &reply.items {
            push_blocks(item, context, &mut shown, &mut message.content);
        }
        stop = reply.stop.clone();
    }
    let stop = shown.settle(stop);
    shown.count_searches(&mut usage);
    let end = StopOut::new(&stop);
    message.stop_reason = Some(end.stop_reason);
    message.stop_sequence = end.stop_sequence;
    message.stop_details = end.stop_details;
    message.usage = UsageOut::new(&usage, response.start.service_tier.as_deref());
    let mut body = Vec::with_capacity(1024);
    frames::json(&mut body, &message);
    Bytes::from(body)
}

/// Appends the blocks of one item; items the client must not see give none.
pub(super) fn push_blocks<'a>(
    item: &'a Item,
    context: &ReplyContext,
    shown: &mut Shown,
    out: &mut Vec<Block<'a>>,
) {
    match item {
        Item::Text {
            text,
            citations,
            signature,
            ..
        } => {
            if !text.is_empty() {
                out.push(Block::Text {
                    text: Cow::Borrowed(text),
                    citations: citations.iter().filter_map(citation).collect(),
                    cache_control: None,
                });
            }
            out.extend(signature.as_ref().map(text_signature));
        }
        Item::Refusal(text) if !text.is_empty() => out.push(Block::text(text)),
        Item::Reasoning {
            signature: Some(data),
            redacted: true,
            ..
        } => out.push(redacted(data)),
        Item::Reasoning {
            text,
            summary,
            signature,
            redacted: false,
            ..
        } => {
            let text = if hides_thinking(context) {
                Cow::Borrowed("")
            } else {
                thinking_text(text, summary)
            };
            if !text.is_empty() || signature.is_some() {
                out.push(Block::Thinking {
                    thinking: text,
                    signature: signature_value(signature.as_ref()),
                });
            }
        }
        Item::Call {
            id,
            name,
            namespace,
            arguments,
            signature,
            caller,
            ..
        } => {
            out.extend(signature.as_ref().map(call_signature));
            out.push(Block::ToolUse {
                id: Cow::Owned(call_id(id, context, shown.n_calls)),
                name: flat_name(namespace.as_deref(), name),
                input: input_of(arguments),
                caller: caller.as_ref(),
                cache_control: None,
            });
            shown.n_calls += 1;
        }
        Item::Image { source, .. } => out.push(Block::text(image_note(source))),
        Item::Audio { transcript, .. } => out.push(Block::text(audio_text(transcript.as_deref()))),
        Item::Server(tool) if tool.dialect == Dialect::Anthropic => {
            out.push(Block::Verbatim(&tool.raw));
        }
        Item::Server(tool) => {
            if let Some(blocks) = search::blocks(tool, context, shown.n_searches) {
                shown.n_searches += 1;
                out.extend(blocks);
            }
        }
        Item::Opaque {
            dialect: Dialect::Anthropic,
            raw,
        } => out.push(Block::Verbatim(raw)),
        // Nothing to show, or items that stand in requests only.
        Item::Refusal(_)
        | Item::Reasoning { .. }
        | Item::Opaque { .. }
        | Item::Video { .. }
        | Item::File { .. }
        | Item::SearchResult(_)
        | Item::Result { .. } => {}
    }
}

/// The id of a message: the upstream's when it has this protocol's form.
fn message_id<'a>(start: &'a Start, context: &ReplyContext) -> Cow<'a, str> {
    match start.id.as_deref() {
        Some(id) if id.starts_with("msg_") => Cow::Borrowed(id),
        _ => Cow::Owned(context.id("msg_", 24, 0)),
    }
}

/// The id of the `n`th call in this protocol's charset.
pub(super) fn call_id(id: &str, context: &ReplyContext, n: usize) -> String {
    if id.is_empty() {
        context.id("toolu_", 24, n)
    } else {
        names::anthropic_call_id(id, "")
    }
}

/// The name of a tool as the client declared it.
pub(super) fn flat_name<'a>(namespace: Option<&str>, name: &'a str) -> Cow<'a, str> {
    match namespace {
        None => Cow::Borrowed(name),
        some => Cow::Owned(names::flatten(some, name)),
    }
}

/// The input of a call as an object; free text of a custom tool is wrapped as its declaration is.
fn input_of(arguments: &Arguments) -> RawJson {
    match arguments {
        Arguments::Json(text) => args::to_object(text),
        Arguments::Text(text) => wrapped_input(text),
    }
}

/// `{"input": text}`: how a custom tool's text travels where only objects exist.
pub(super) fn wrapped_input(text: &str) -> RawJson {
    RawJson::from(serde_json::json!({ "input": text }))
}

/// True when the client wants signatures only (`display: "omitted"`).
pub(super) fn hides_thinking(context: &ReplyContext) -> bool {
    context.show == ReasoningShow::Hidden
}

fn thinking_text<'a>(text: &'a str, summary: &'a [String]) -> Cow<'a, str> {
    match summary {
        [] => Cow::Borrowed(text),
        [only] => Cow::Borrowed(only),
        parts => Cow::Owned(parts.join("\n\n")),
    }
}

/// The value of a thinking block's `signature`; empty when there is none.
pub(super) fn signature_value<'a>(signature: Option<&Signature>) -> Cow<'a, str> {
    match signature {
        Some(signature) => Cow::Owned(signature::to_client(signature, false, Dialect::Anthropic)),
        None => Cow::Borrowed(""),
    }
}

/// A block with redacted data.
pub(super) fn redacted<'a>(data: &Signature) -> Block<'a> {
    Block::RedactedThinking {
        data: Cow::Owned(signature::to_client(data, true, Dialect::Anthropic)),
    }
}

/// The signature of a call: a thinking block of its own in front, for lack of a field on the call.
pub(super) fn call_signature<'a>(signature: &Signature) -> Block<'a> {
    bare_signature(signature, SignaturePlace::NextCall)
}

/// The signature of a text: a thinking block behind it. The text was sent before it was known.
pub(super) fn text_signature<'a>(signature: &Signature) -> Block<'a> {
    bare_signature(signature, SignaturePlace::Detached)
}

fn bare_signature<'a>(signature: &Signature, place: SignaturePlace) -> Block<'a> {
    let placed = Signature {
        place,
        ..signature.clone()
    };
    Block::Thinking {
        thinking: Cow::Borrowed(""),
        signature: signature_value(Some(&placed)),
    }
}

/// A citation in this protocol's shape; `None` for one without a source to name.
pub(super) fn citation(citation: &Citation) -> Option<Cow<'_, RawJson>> {
    if citation.dialect == Dialect::Anthropic {
        return Some(Cow::Borrowed(&citation.raw));
    }
    let url = citation.url.as_deref()?;
    Some(Cow::Owned(RawJson::from(serde_json::json!({
        "type": "web_search_result_location",
        "url": url,
        "title": citation.title.as_deref().unwrap_or(url),
        "cited_text": citation.cited_text.as_deref().unwrap_or_default(),
        "encrypted_index": "",
    }))))
}

/// The text that stands for a picture: assistant messages of this protocol have none.
pub(super) fn image_note(source: &MediaSource) -> String {
    let mime = match source {
        MediaSource::Base64 { mime, .. } => mime.as_str(),
        _ => "image",
    };
    format!("[{mime} made by the model; the Anthropic protocol cannot carry it in a reply]")
}

/// The text that stands for sound.
pub(super) fn audio_text(transcript: Option<&str>) -> String {
    match transcript.filter(|text| !text.is_empty()) {
        Some(transcript) => transcript.to_owned(),
        None => "[audio made by the model; the Anthropic protocol cannot carry it]".to_owned(),
    }
}
