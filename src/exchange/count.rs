//! Token counts: the upstream's where it counts, else an estimate by a real tokenizer.

use super::prepare::{Prepared, Preparer};
use super::{ClientCall, Reply};
use crate::providers::Spoken;
use actix_web::web;
use actors::domain::snapshot::Candidate;
use bytes::Bytes;
use protocol::anthropic::Anthropic;
use protocol::canonical::{Failure, Item, MediaSource, Request, ToolKind};
use protocol::client_tools;
use protocol::codec::{Encoded, Patch, Target};
use protocol::splice::{self, Doc, Edits, JsonBody};
use protocol::{Dialect, codec};
use std::sync::Arc;

/// Bytes of text that are tokenized; what is beyond is extrapolated.
const TEXT_MAX: usize = 2 * 1024 * 1024;

/// Largest piece handed to the tokenizer at once: its time grows faster than the length of a word.
const PIECE_MAX: usize = 8 * 1024;

/// Tokens of a picture: Anthropic's most for one within its size limits.
const IMAGE_TOKENS: u64 = 1600;

/// Bytes of base64 per token of a document, by a plain text page of a PDF.
const DOCUMENT_BYTES_PER_TOKEN: usize = 48;

/// Tokens of frame around a turn or a tool.
const FRAME_TOKENS: u64 = 4;

/// The body of an upstream count for `candidate`.
///
/// # Errors
///
/// The failure for a request that does not follow its protocol, or a service that counts nothing.
pub fn body(
    candidate: &Candidate,
    spoken: &Spoken,
    preparer: &mut Preparer<'_>,
    call: &ClientCall,
) -> Result<Arc<Prepared>, Box<Failure>> {
    let model = &*candidate.upstream_model;
    let failed = |error: protocol::codec::CodecError| Box::new(error.into_failure());
    if spoken.dialect == call.dialect {
        let encoded = match spoken.dialect {
            Dialect::Anthropic => {
                Anthropic::patch_count(&call.body, Some(model)).map_err(failed)?
            }
            _ => Encoded::plain(named_inside(call.body.raw(), model)),
        };
        return Ok(Arc::new(Prepared {
            encoded,
            ..Prepared::raw(Bytes::new())
        }));
    }
    let target = Target {
        model,
        stream: false,
        model_traits: &candidate.info.traits,
        endpoint: &spoken.endpoint,
    };
    let request = preparer.request().map_err(failed)?;
    let encoded = match spoken.dialect {
        Dialect::Gemini => protocol::gemini::count_tokens_request(request, &target),
        Dialect::Anthropic => codec(Dialect::Anthropic)
            .encode_request(request, &target)
            .and_then(|encoded| {
                let counted = Anthropic::patch_count(&encoded.body.into(), None)?;
                Ok(Encoded {
                    body: counted.body,
                    ..encoded
                })
            }),
        other => {
            let text = format!("{} upstreams do not count tokens", other.config_name());
            return Err(Box::new(Failure::new(501, text)));
        }
    }
    .map_err(failed)?;
    Ok(Arc::new(Prepared {
        encoded,
        ..Prepared::raw(Bytes::new())
    }))
}

/// A Gemini body whose inner request names the model as the upstream knows it.
fn named_inside(raw: &Bytes, model: &str) -> Bytes {
    let Some(doc) = Doc::trust(raw) else {
        return raw.clone();
    };
    let mut edits = Edits::new();
    if let Some(inner) = doc.root().get("generateContentRequest") {
        edits.set(inner, "model", splice::quote(&format!("models/{model}")));
    }
    edits.apply(raw)
}

/// The client's answer for an upstream's count.
///
/// # Errors
///
/// 502 when the upstream's answer holds no count.
pub fn reply(body: &Bytes, upstream: Dialect, client: Dialect) -> Result<Reply, Box<Failure>> {
    if upstream == client {
        return Ok(Reply::json(body.clone()));
    }
    let tokens = match upstream {
        Dialect::Gemini => protocol::gemini::read_total_tokens(body).ok(),
        _ => Doc::parse(body)
            .ok()
            .and_then(|doc| doc.root().get("input_tokens"))
            .and_then(|count| count.raw().parse().ok()),
    };
    match tokens {
        Some(tokens) => Ok(counted(tokens, client)),
        None => Err(Box::new(Failure::new(
            502,
            "the upstream's token count cannot be read",
        ))),
    }
}

/// A count in the client's protocol.
pub fn counted(tokens: u64, client: Dialect) -> Reply {
    Reply::json(match client {
        Dialect::Gemini => protocol::gemini::count_tokens_reply(tokens),
        _ => Bytes::from(format!("{{\"input_tokens\":{tokens}}}")),
    })
}

/// The body of a compaction call: the client's, with the name the upstream knows, without `stream`,
/// and with what the endpoint demands (`http-api.md` §2, `codex.md` §7.1).
///
/// # Errors
///
/// The failure for a body that is no JSON object.
pub fn compact_body(
    candidate: &Candidate,
    spoken: &Spoken,
    body: &JsonBody,
) -> Result<Bytes, Box<Failure>> {
    let model = &*candidate.upstream_model;
    if spoken.dialect != Dialect::OpenAiResponses {
        return Ok(renamed(body.raw(), model));
    }
    let patch = Patch {
        model: Some(model),
        stream: None,
        thinking: None,
    };
    let target = Target {
        model,
        stream: false,
        model_traits: &candidate.info.traits,
        endpoint: &spoken.endpoint,
    };
    protocol::openai_responses::compact_request(body, &patch, &target)
        .map(|encoded| encoded.body)
        .map_err(|error| Box::new(error.into_failure()))
}

/// The client's body with the upstream's name and without `stream`.
fn renamed(raw: &Bytes, model: &str) -> Bytes {
    let Some(doc) = Doc::trust(raw) else {
        return raw.clone();
    };
    let mut edits = Edits::new();
    edits.set(doc.root(), "model", splice::quote(model));
    edits.remove(doc.root(), "stream");
    edits.apply(raw)
}

/// Estimates the tokens of `request` away from the worker's thread.
pub async fn estimate(request: &Request) -> u64 {
    let (text, rest) = collect(request);
    let bytes = text.len();
    let counted = web::block(move || tokenize(&text)).await;
    counted.unwrap_or_else(|error| {
        // The pool is gone only while the process ends; four bytes a token is the usual rule.
        tracing::warn!(%error, "tokenizer did not run");
        bytes as u64 / 4
    }) + rest
}

/// Words of `request`: what the demo model counts.
pub fn words(request: &Request) -> u64 {
    collect(request).0.split_whitespace().count() as u64
}

fn tokenize(text: &str) -> u64 {
    let bpe = tiktoken_rs::o200k_base_singleton();
    let mut rest = &text[..floor_boundary(text, TEXT_MAX)];
    let within = rest.len();
    let mut tokens = 0;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(piece_end(rest));
        tokens += bpe.count_ordinary(piece) as u64;
        rest = after;
    }
    if within < text.len() {
        tokens = tokens * text.len() as u64 / within.max(1) as u64;
    }
    tokens
}

/// End of the first piece: at a space where there is one.
fn piece_end(text: &str) -> usize {
    if text.len() <= PIECE_MAX {
        return text.len();
    }
    let limit = floor_boundary(text, PIECE_MAX);
    match text[..limit].rfind(char::is_whitespace) {
        Some(at) if at > 0 => at,
        _ => limit,
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// All text that counts, and the tokens of what is no text.
fn collect(request: &Request) -> (String, u64) {
    let mut text = String::new();
    let mut rest = 0;
    for block in &request.system {
        push(&mut text, &block.text);
        rest += FRAME_TOKENS;
    }
    for turn in &request.turns {
        rest += FRAME_TOKENS;
        for item in &turn.items {
            collect_item(item, &mut text, &mut rest);
        }
    }
    for tool in &request.tools {
        // What services without a counter are told in its place.
        let function = client_tools::as_function(tool);
        let tool = function.as_ref().unwrap_or(tool);
        rest += FRAME_TOKENS;
        push(&mut text, &tool.name);
        push(&mut text, tool.description.as_deref().unwrap_or_default());
        match &tool.kind {
            ToolKind::Function { schema, .. } => {
                push(
                    &mut text,
                    schema.as_ref().map_or("", |schema| schema.as_str()),
                );
            }
            ToolKind::Custom { format } => {
                push(
                    &mut text,
                    format.as_ref().map_or("", |format| format.as_str()),
                );
            }
            ToolKind::WebSearch { raw, .. } | ToolKind::Server { raw, .. } => {
                push(&mut text, raw.as_str());
            }
        }
    }
    (text, rest)
}

fn push(text: &mut String, part: &str) {
    text.push_str(part);
    text.push('\n');
}

fn collect_item(item: &Item, text: &mut String, rest: &mut u64) {
    match item {
        Item::Text { text: part, .. } => push(text, part),
        Item::Refusal(part) => push(text, part),
        Item::Reasoning {
            text: part,
            summary,
            ..
        } => {
            push(text, part);
            for part in summary {
                push(text, part);
            }
        }
        Item::Call {
            name, arguments, ..
        } => {
            push(text, name);
            push(text, arguments.as_str());
        }
        Item::Result {
            content, object, ..
        } => {
            if let Some(object) = object {
                push(text, object.as_str());
            }
            for item in content {
                collect_item(item, text, rest);
            }
        }
        Item::SearchResult(raw) | Item::Opaque { raw, .. } => push(text, raw.as_str()),
        Item::Server(tool) => push(text, tool.raw.as_str()),
        Item::Image { .. } => *rest += IMAGE_TOKENS,
        Item::Audio { source, .. } | Item::Video { source } | Item::File { source, .. } => {
            match source {
                MediaSource::Text { data, .. } => push(text, data),
                MediaSource::Content(raw) => push(text, raw.as_str()),
                MediaSource::Base64 { data, .. } => {
                    *rest += (data.len() / DOCUMENT_BYTES_PER_TOKEN) as u64;
                }
                MediaSource::Url { .. } | MediaSource::FileId { .. } => *rest += IMAGE_TOKENS,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::canonical::{Role, Turn};

    #[actix_rt::test]
    async fn an_estimate_is_near_the_truth() {
        let request = Request {
            turns: vec![Turn::new(
                Role::User,
                vec![Item::text(
                    "The quick brown fox jumps over the lazy dog. ".repeat(100),
                )],
            )],
            ..Request::default()
        };
        let tokens = estimate(&request).await;
        assert!((1000..1010).contains(&tokens), "{tokens}");
    }

    #[test]
    fn long_words_and_long_texts_take_bounded_time() {
        let word = "a".repeat(400_000);
        assert!(tokenize(&word) > 10_000);
        let long = "word ".repeat(1_000_000);
        let tokens = tokenize(&long);
        assert!((990_000..1_010_000).contains(&tokens), "{tokens}");
        assert_eq!(piece_end(&"é".repeat(PIECE_MAX)), PIECE_MAX);
    }

    #[test]
    fn counts_travel_between_protocols() {
        let gemini = Bytes::from_static(br#"{"totalTokens": 12}"#);
        let reply = reply(&gemini, Dialect::Gemini, Dialect::Anthropic).unwrap();
        let super::super::ReplyBody::Whole(body) = reply.body else {
            panic!("not whole")
        };
        assert_eq!(body, r#"{"input_tokens":12}"#);
        assert!(super::reply(&gemini, Dialect::Anthropic, Dialect::Gemini).is_err());
    }

    #[test]
    fn a_compaction_names_the_upstreams_model() {
        let raw = Bytes::from_static(br#"{"stream":false,"model":"a","x":1}"#);
        assert_eq!(renamed(&raw, "b"), r#"{"model":"b","x":1}"#);
        let raw = Bytes::from_static(br#"{"generateContentRequest":{"model":"models/a"}}"#);
        let named = named_inside(&raw, "b");
        assert_eq!(named, r#"{"generateContentRequest":{"model":"models/b"}}"#);
    }
}
