//! System text and turns → blocks and messages for an upstream (`matrix.md` §4.2, §4.3). The turns
//! are normalised: results are bound, turns merged, calls last.

use super::encode_request::Message;
use super::reply;
use super::wire::{Block, CacheControl, Enabled, Source};
use crate::canonical::{
    Arguments, CacheMark, Item, MediaSource, Role, SignatureIssuer, SystemBlock, Turn,
};
use crate::codec::{Dialect, Target};
use crate::names::{self, NameMap};
use crate::raw::RawJson;
use crate::{args, media};
use std::borrow::Cow;

/// Role of instructions in the middle.
pub(super) const SYSTEM: &str = "system";

/// What `json_object` asks for, in words (`matrix.md` §4.6).
const JSON_ONLY: &str = "Answer with one JSON object only, without any text around it.";

/// First user message of a history that begins with the assistant: the API wants one.
const OPENING: &str = "(The conversation continues from here.)";

/// Pictures the API takes.
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The `system` field.
pub(super) fn system(blocks: &[SystemBlock], json_only: bool) -> Vec<Block<'_>> {
    let mut out: Vec<Block<'_>> = blocks
        .iter()
        .map(|block| marked_text(&block.text, block.cache.as_ref()))
        .collect();
    if json_only {
        out.push(Block::text(JSON_ONLY));
    }
    out
}

/// The `messages` field.
pub(super) fn messages<'a>(
    turns: &'a [Turn],
    map: &NameMap,
    target: &Target<'_>,
) -> Vec<Message<'a>> {
    let writer = Writer {
        map,
        unsigned_thinking: target.endpoint.compatible,
    };
    let mut out: Vec<Message<'a>> = Vec::with_capacity(turns.len());
    for turn in turns {
        let role = match turn.role {
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
            Role::System | Role::Developer => SYSTEM,
        };
        let content: Vec<Block<'a>> = turn
            .items
            .iter()
            .filter_map(|item| writer.block(item))
            .collect();
        if content.is_empty() {
            continue;
        }
        if out.is_empty() && role != "user" {
            out.push(Message {
                role: "user",
                content: vec![Block::text(OPENING)],
            });
        }
        out.push(Message { role, content });
    }
    out
}

struct Writer<'m> {
    map: &'m NameMap,
    /// The endpoint takes thinking without a signature of Anthropic.
    unsigned_thinking: bool,
}

impl Writer<'_> {
    fn block<'a>(&self, item: &'a Item) -> Option<Block<'a>> {
        Some(match item {
            Item::Text { text, cache, .. } => {
                if text.trim().is_empty() {
                    return None;
                }
                marked_text(text, cache.as_ref())
            }
            Item::Refusal(text) => Block::text(text),
            Item::Image { source, cache, .. } => image(source, cache.as_ref()),
            Item::File {
                source,
                name,
                context,
                citations_enabled,
                cache,
            } => document(
                source,
                name.as_deref(),
                context.as_deref(),
                *citations_enabled,
                cache.as_ref(),
            ),
            Item::Audio { transcript, .. } => match transcript {
                Some(transcript) if !transcript.trim().is_empty() => Block::text(transcript),
                _ => Block::text("[audio left out: the model takes none]"),
            },
            Item::Video { source } => Block::text(note("video", source)),
            Item::SearchResult(raw) => Block::Verbatim(raw),
            Item::Reasoning { .. } => return self.thinking(item),
            Item::Call {
                id,
                name,
                namespace,
                arguments,
                cache,
                ..
            } => {
                let name = reply::flat_name(namespace.as_deref(), name);
                Block::ToolUse {
                    id: Cow::Owned(names::anthropic_call_id(id, "")),
                    name: Cow::Owned(self.map.to_upstream(&name).to_owned()),
                    input: match arguments {
                        Arguments::Json(text) => args::to_object(text),
                        Arguments::Text(text) => reply::wrapped_input(text),
                    },
                    // Whose word a caller is, is not known here.
                    caller: None,
                    cache_control: cache.as_ref().map(CacheControl::from),
                }
            }
            Item::Result {
                call_id,
                content,
                object,
                is_error,
                cache,
                ..
            } => Block::ToolResult {
                tool_use_id: Cow::Owned(names::anthropic_call_id(call_id, "")),
                content: self.result_content(content, object.as_ref()),
                is_error: *is_error,
                cache_control: cache.as_ref().map(CacheControl::from),
            },
            Item::Server(tool) if tool.dialect == Dialect::Anthropic => Block::Verbatim(&tool.raw),
            Item::Opaque {
                dialect: Dialect::Anthropic,
                raw,
            } => Block::Verbatim(raw),
            Item::Server(_) | Item::Opaque { .. } => return None,
        })
    }

    fn thinking<'a>(&self, item: &'a Item) -> Option<Block<'a>> {
        let Item::Reasoning {
            text,
            summary,
            signature,
            redacted,
            ..
        } = item
        else {
            return None;
        };
        let own = signature
            .as_ref()
            .filter(|signature| signature.issuer == SignatureIssuer::Anthropic);
        if *redacted {
            return own.map(|data| Block::RedactedThinking {
                data: Cow::Borrowed(&data.value),
            });
        }
        // The full text where it is known: that is what was signed.
        let thinking = if text.is_empty() {
            Cow::Owned(summary.join("\n\n"))
        } else {
            Cow::Borrowed(text.as_str())
        };
        let signature = match own {
            Some(signature) => signature.value.as_str(),
            None if self.unsigned_thinking && !thinking.is_empty() => "",
            None => return None,
        };
        Some(Block::Thinking {
            thinking,
            signature: Cow::Borrowed(signature),
        })
    }

    fn result_content<'a>(
        &self,
        content: &'a [Item],
        object: Option<&'a RawJson>,
    ) -> Vec<Block<'a>> {
        match object {
            Some(object) if content.is_empty() => vec![Block::text(object.as_str())],
            _ => content.iter().filter_map(|item| self.block(item)).collect(),
        }
    }
}

fn marked_text<'a>(text: &'a str, cache: Option<&'a CacheMark>) -> Block<'a> {
    Block::Text {
        text: Cow::Borrowed(text),
        citations: Vec::new(),
        cache_control: cache.map(CacheControl::from),
    }
}

fn image<'a>(source: &'a MediaSource, cache: Option<&'a CacheMark>) -> Block<'a> {
    let source_out = match source {
        MediaSource::Base64 { mime, data } => {
            // The API checks the bytes, so their word counts (E-118).
            let mime = match media::sniff(data) {
                Some(found) => Cow::Borrowed(found),
                None => Cow::Owned(media::normal_mime(mime)),
            };
            if !IMAGE_TYPES.contains(&mime.as_ref()) {
                return Block::text(note("image", source));
            }
            Source::Base64 {
                media_type: mime,
                data,
            }
        }
        MediaSource::Url { url, .. } => Source::Url { url },
        MediaSource::FileId {
            dialect: Dialect::Anthropic,
            id,
        } => Source::File { file_id: id },
        MediaSource::FileId { .. } | MediaSource::Text { .. } | MediaSource::Content(_) => {
            return Block::text(note("image", source));
        }
    };
    Block::Image {
        source: source_out,
        cache_control: cache.map(CacheControl::from),
    }
}

fn document<'a>(
    source: &'a MediaSource,
    title: Option<&'a str>,
    context: Option<&'a str>,
    citations_enabled: bool,
    cache: Option<&'a CacheMark>,
) -> Block<'a> {
    let source_out = match source {
        MediaSource::Base64 { mime, data } => {
            let mime = media::normal_mime(mime);
            if mime == "application/pdf" || media::sniff(data) == Some("application/pdf") {
                Source::Base64 {
                    media_type: Cow::Borrowed("application/pdf"),
                    data,
                }
            } else if IMAGE_TYPES.contains(&mime.as_str()) {
                return image(source, cache);
            } else if let Some(text) = is_text(&mime).then(|| media::text(data)).flatten() {
                plain(Cow::Owned(text))
            } else {
                return Block::text(note(title.unwrap_or("file"), source));
            }
        }
        MediaSource::Text { data, .. } => plain(Cow::Borrowed(data)),
        MediaSource::Url { url, .. } => Source::Url { url },
        MediaSource::FileId {
            dialect: Dialect::Anthropic,
            id,
        } => Source::File { file_id: id },
        MediaSource::FileId { .. } => return Block::text(note(title.unwrap_or("file"), source)),
        MediaSource::Content(content) => Source::Content { content },
    };
    Block::Document {
        source: source_out,
        title,
        context,
        citations: citations_enabled.then_some(Enabled { enabled: true }),
        cache_control: cache.map(CacheControl::from),
    }
}

/// The API takes documents of plain text under this one type.
fn plain(data: Cow<'_, str>) -> Source<'_> {
    Source::Text {
        media_type: "text/plain",
        data,
    }
}

fn is_text(mime: &str) -> bool {
    mime.starts_with("text/") || matches!(mime, "application/json" | "application/xml")
}

/// What stands in place of content the upstream cannot take.
fn note(what: &str, source: &MediaSource) -> String {
    match source {
        MediaSource::Base64 { mime, .. } | MediaSource::Text { mime, .. } => {
            format!("[{what} left out: the model does not take {mime}]")
        }
        MediaSource::Url { url, .. } => format!("[{what}: {url}]"),
        MediaSource::FileId { id, .. } => {
            format!("[{what} left out: `{id}` is kept by another vendor]")
        }
        MediaSource::Content(_) => format!("[{what} left out]"),
    }
}
