//! Content parts towards an upstream (`matrix.md` §4.3).

use super::json::Object;
use crate::canonical::{CacheMark, Item, MediaSource};
use crate::codec::{Dialect, Target};
use crate::media;
use crate::raw::RawJson;
use crate::splice::{quote, quote_into};
use crate::text::Words;
use std::borrow::Cow;

/// One content part towards the upstream.
pub(super) enum PartOut<'r> {
    Text(Words<'r>, Option<&'r CacheMark>),
    Image {
        source: &'r MediaSource,
        detail: Option<&'r str>,
        cache: Option<&'r CacheMark>,
    },
    Audio {
        mime: &'r str,
        data: &'r str,
    },
    Video(&'r MediaSource),
    File {
        source: &'r MediaSource,
        name: Option<&'r str>,
    },
    Refusal(&'r str),
    Raw(&'r RawJson),
}

impl<'r> PartOut<'r> {
    /// The part of one item; `None` for what has no place in content.
    pub(super) fn of(item: &'r Item, target: &Target<'_>) -> Option<Self> {
        Some(match item {
            Item::Text { text, cache, .. } => Self::Text(text.into(), cache.as_ref()),
            Item::Refusal(text) => Self::Text(text.into(), None),
            Item::Image {
                source,
                detail,
                cache,
            } => {
                let shown = target.model_traits.vision != Some(false)
                    && matches!(source, MediaSource::Base64 { .. } | MediaSource::Url { .. });
                if shown {
                    Self::Image {
                        source,
                        detail: detail.as_deref(),
                        cache: cache.as_ref(),
                    }
                } else {
                    Self::Text(media_note("image", source).into(), cache.as_ref())
                }
            }
            Item::Audio {
                source, transcript, ..
            } => match (source, transcript) {
                (MediaSource::Base64 { mime, data }, _) => Self::Audio { mime, data },
                (_, Some(text)) => Self::Text(text.into(), None),
                (source, None) => Self::Text(media_note("audio", source).into(), None),
            },
            Item::Video { source } => match source {
                MediaSource::Base64 { .. } | MediaSource::Url { .. } => Self::Video(source),
                other => Self::Text(media_note("video", other).into(), None),
            },
            Item::File {
                source,
                name,
                cache,
                ..
            } => file_part(source, name.as_deref(), cache.as_ref()),
            Item::SearchResult(raw) => Self::Text(search_text(raw).into(), None),
            Item::Opaque {
                dialect: Dialect::OpenAiChat,
                raw,
            } => Self::Raw(raw),
            Item::Reasoning { .. }
            | Item::Call { .. }
            | Item::Result { .. }
            | Item::Server(_)
            | Item::Opaque { .. } => return None,
        })
    }
}

/// The parts of several items.
pub(super) fn parts_of<'r>(items: &'r [Item], target: &Target<'_>) -> Vec<PartOut<'r>> {
    items
        .iter()
        .filter_map(|item| PartOut::of(item, target))
        .collect()
}

/// Prompt-cache marks are a vendor extension that strict services refuse: only endpoints known
/// to take cache hints get them.
fn shown_mark<'m>(mark: Option<&'m CacheMark>, target: &Target<'_>) -> Option<&'m CacheMark> {
    let endpoint = target.endpoint;
    mark.filter(|_| endpoint.compatible && endpoint.prompt_cache_key)
}

/// `content`: a plain string where one text is all there is.
pub(super) fn write_content(o: &mut Object<'_>, parts: &[PartOut<'_>], target: &Target<'_>) {
    if let [PartOut::Text(text, mark)] = parts
        && shown_mark(*mark, target).is_none()
    {
        o.words("content", text);
        return;
    }
    o.array("content", |a| {
        for part in parts {
            match part {
                PartOut::Raw(raw) => a.raw(raw.as_str()),
                part => a.object(|o| write_part(o, part, target)),
            }
        }
    });
}

fn write_part(o: &mut Object<'_>, part: &PartOut<'_>, target: &Target<'_>) {
    let mut cache = None;
    match part {
        PartOut::Text(text, mark) => {
            cache = *mark;
            o.str("type", "text");
            o.words("text", text);
        }
        PartOut::Image {
            source,
            detail,
            cache: mark,
        } => {
            cache = *mark;
            o.str("type", "image_url");
            o.object("image_url", |o| {
                write_url(source, o.key("url"));
                o.opt_str("detail", detail.and_then(chat_detail));
            });
        }
        PartOut::Audio { mime, data } => {
            o.str("type", "input_audio");
            o.object("input_audio", |o| {
                o.str("data", data);
                let format = media::audio_format(mime);
                o.str("format", format.as_deref().unwrap_or(mime));
            });
        }
        PartOut::Video(source) => {
            o.str("type", "video_url");
            o.object("video_url", |o| write_url(source, o.key("url")));
        }
        PartOut::File { source, name } => {
            o.str("type", "file");
            o.object("file", |o| match source {
                MediaSource::FileId { id, .. } => o.str("file_id", id),
                source => {
                    write_url(source, o.key("file_data"));
                    o.str("filename", name.unwrap_or(default_name(source)));
                }
            });
        }
        PartOut::Refusal(text) => {
            o.str("type", "refusal");
            o.str("refusal", text);
        }
        PartOut::Raw(_) => {}
    }
    if let Some(mark) = shown_mark(cache, target) {
        o.object("cache_control", |o| {
            o.str("type", "ephemeral");
            o.opt_str("ttl", mark.ttl.as_deref());
        });
    }
}

/// Chat has no flag for a failed tool: the text says so.
pub(super) fn mark_error(parts: &mut Vec<PartOut<'_>>) {
    let first = parts.iter_mut().find_map(|part| match part {
        PartOut::Text(text, _) => Some(text),
        _ => None,
    });
    match first {
        Some(text) => {
            let says_so = text
                .trim_start()
                .get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case("error"));
            if !says_so {
                *text = format!("Error: {}", &**text).into();
            }
        }
        None => parts.insert(0, PartOut::Text("Error".into(), None)),
    }
}

/// Writes the texts as one.
pub(super) fn write_joined(o: &mut Object<'_>, texts: &[PartOut<'_>]) {
    if let [PartOut::Text(text, _)] = texts {
        o.words("content", text);
        return;
    }
    let texts: Vec<&str> = texts
        .iter()
        .filter_map(|part| match part {
            PartOut::Text(text, _) => Some(&**text),
            _ => None,
        })
        .collect();
    o.str("content", &texts.join("\n"));
}

fn file_part<'r>(
    source: &'r MediaSource,
    name: Option<&'r str>,
    cache: Option<&'r CacheMark>,
) -> PartOut<'r> {
    match source {
        MediaSource::Base64 { .. } => PartOut::File { source, name },
        MediaSource::FileId {
            dialect: Dialect::OpenAiChat | Dialect::OpenAiResponses,
            ..
        } => PartOut::File { source, name },
        MediaSource::Text { data, .. } => PartOut::Text(data.into(), cache),
        MediaSource::Content(raw) => PartOut::Text(block_text(raw).into(), cache),
        MediaSource::Url { .. } | MediaSource::FileId { .. } => {
            let note = match name {
                Some(name) => Cow::Owned(format!("{} {name}", media_note("file", source))),
                None => media_note("file", source),
            };
            PartOut::Text(note.into(), cache)
        }
    }
}

/// What a model is told about media it cannot get.
pub(super) fn media_note(kind: &str, source: &MediaSource) -> Cow<'static, str> {
    Cow::Owned(match source {
        MediaSource::Url { url, .. } => format!("[{kind}: {url}]"),
        MediaSource::Base64 { mime, .. } | MediaSource::Text { mime, .. } => {
            format!("[{kind} omitted: {mime}]")
        }
        MediaSource::FileId { .. } | MediaSource::Content(_) => format!("[{kind} omitted]"),
    })
}

/// Texts of Anthropic content blocks.
fn block_text(raw: &RawJson) -> String {
    let value = raw.read::<serde_json::Value>().unwrap_or_default();
    let texts: Vec<&str> = match &value {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(blocks) => blocks
            .iter()
            .filter_map(|block| block.get("text")?.as_str())
            .collect(),
        _ => Vec::new(),
    };
    texts.join("\n")
}

/// An Anthropic `search_result` as text: title, source, content.
fn search_text(raw: &RawJson) -> String {
    let value = raw.read::<serde_json::Value>().unwrap_or_default();
    let mut lines: Vec<String> = ["title", "source"]
        .iter()
        .filter_map(|key| value.get(key)?.as_str())
        .map(str::to_owned)
        .collect();
    if let Some(content) = value.get("content") {
        lines.push(block_text(&RawJson::from(content.clone())));
    }
    lines.join("\n")
}

fn write_url(source: &MediaSource, out: &mut String) {
    match source {
        MediaSource::Base64 { mime, data } => {
            out.push_str("\"data:");
            // A media type is a plain word, but a client wrote it.
            out.push_str(quote(mime).trim_matches('"'));
            out.push_str(";base64,");
            out.push_str(data);
            out.push('"');
        }
        MediaSource::Url { url, .. } => quote_into(url, out),
        MediaSource::Text { .. } | MediaSource::FileId { .. } | MediaSource::Content(_) => {
            out.push_str("\"\"");
        }
    }
}

/// E-122.
fn chat_detail(detail: &str) -> Option<&str> {
    match detail {
        "original" => Some("high"),
        "low" | "high" | "auto" => Some(detail),
        _ => None,
    }
}

fn default_name(source: &MediaSource) -> &'static str {
    match source {
        MediaSource::Base64 { mime, .. } if mime == "application/pdf" => "document.pdf",
        _ => "document",
    }
}
