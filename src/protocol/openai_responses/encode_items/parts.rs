//! Content parts of messages and outputs.

use super::Style;
use crate::canonical::{CacheMark, Item, MediaSource};
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::text::{Text, Words};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// One content part.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum PartOut<'a> {
    InputText {
        text: Words<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint>,
    },
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Link<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Link<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint>,
    },
    InputAudio {
        input_audio: AudioOut<'a>,
    },
    OutputText {
        text: Words<'a>,
    },
    Refusal {
        refusal: &'a str,
    },
}

#[derive(Serialize)]
pub(crate) struct Breakpoint {
    mode: &'static str,
}

#[derive(Serialize)]
pub(crate) struct AudioOut<'a> {
    data: &'a str,
    format: &'a str,
}

/// A URL that may be a data URL, which is never put together in memory.
pub(crate) enum Link<'a> {
    Url(Cow<'a, str>),
    Data {
        mime: Cow<'a, str>,
        data: Cow<'a, str>,
    },
}

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => serializer.serialize_str(url),
            Self::Data { mime, data } => {
                serializer.collect_str(&format_args!("data:{mime};base64,{data}"))
            }
        }
    }
}

fn breakpoint(cache: Option<&CacheMark>, style: Style<'_>) -> Option<Breakpoint> {
    cache
        .filter(|_| style.breakpoints)
        .map(|_| Breakpoint { mode: "explicit" })
}

pub(super) fn plain_text<'a>(text: impl Into<Words<'a>>) -> PartOut<'a> {
    PartOut::InputText {
        text: text.into(),
        prompt_cache_breakpoint: None,
    }
}

pub(super) fn input_text<'a>(
    text: &'a Text,
    cache: Option<&CacheMark>,
    style: Style<'_>,
) -> PartOut<'a> {
    PartOut::InputText {
        text: text.into(),
        prompt_cache_breakpoint: breakpoint(cache, style),
    }
}

/// A part of the model's own message; what it cannot hold becomes a note.
pub(super) fn output_part(item: &Item) -> Option<PartOut<'_>> {
    match item {
        Item::Text { text, .. } => Some(PartOut::OutputText { text: text.into() }),
        Item::Refusal(refusal) => Some(PartOut::Refusal { refusal }),
        Item::Audio {
            transcript: Some(text),
            ..
        } => Some(PartOut::OutputText { text: text.into() }),
        Item::Image { .. } => Some(PartOut::OutputText {
            text: "[image]".into(),
        }),
        _ => None,
    }
}

/// A part of what is said to the model.
pub(super) fn input_part<'a>(item: &'a Item, style: Style<'_>) -> Option<PartOut<'a>> {
    match item {
        Item::Text { text, cache, .. } => Some(input_text(text, cache.as_ref(), style)),
        Item::Refusal(text) => Some(plain_text(text)),
        Item::Image {
            source,
            detail,
            cache,
        } => image(
            Source::of(source),
            detail.as_deref().map(Cow::Borrowed),
            breakpoint(cache.as_ref(), style),
        ),
        Item::File {
            source,
            name,
            cache,
            ..
        } => file(
            Source::of(source),
            name.as_deref().map(Cow::Borrowed),
            breakpoint(cache.as_ref(), style),
        ),
        Item::Audio {
            source: MediaSource::Base64 { mime, data },
            ..
        } => Some(PartOut::InputAudio {
            input_audio: AudioOut {
                data,
                format: audio_format(mime),
            },
        }),
        Item::Audio {
            transcript: Some(text),
            ..
        } => Some(plain_text(text)),
        Item::Video { source } => Some(plain_text(video_note(source))),
        Item::SearchResult(raw) => Some(plain_text(block_text(raw))),
        _ => None,
    }
}

/// As [`input_part`] for parts that live nowhere else: texts, pictures and files.
pub(super) fn input_part_owned(item: Item, style: Style<'_>) -> Option<PartOut<'static>> {
    match item {
        Item::Text { text, cache, .. } => Some(PartOut::InputText {
            text: String::from(text).into(),
            prompt_cache_breakpoint: breakpoint(cache.as_ref(), style),
        }),
        Item::Image { source, detail, .. } => {
            image(Source::from_owned(source), detail.map(Cow::Owned), None)
        }
        Item::File { source, name, .. } => {
            file(Source::from_owned(source), name.map(Cow::Owned), None)
        }
        _ => None,
    }
}

/// A media source as this protocol can name it.
enum Source<'a> {
    Data {
        mime: Cow<'a, str>,
        data: Cow<'a, str>,
    },
    Text(Cow<'a, str>),
    Url(Cow<'a, str>),
    Id(Cow<'a, str>),
    /// A file of another vendor.
    Foreign,
}

impl<'a> Source<'a> {
    fn of(source: &'a MediaSource) -> Self {
        match source {
            MediaSource::Base64 { mime, data } => Self::Data {
                mime: Cow::Borrowed(mime),
                data: Cow::Borrowed(data),
            },
            MediaSource::Text { data, .. } => Self::Text(Cow::Borrowed(data)),
            MediaSource::Url { url, .. } => Self::Url(Cow::Borrowed(url)),
            MediaSource::FileId {
                dialect: Dialect::OpenAiResponses | Dialect::OpenAiChat,
                id,
            } => Self::Id(Cow::Borrowed(id)),
            MediaSource::FileId { .. } => Self::Foreign,
            MediaSource::Content(raw) => Self::Text(Cow::Owned(block_text(raw))),
        }
    }
}

impl Source<'static> {
    fn from_owned(source: MediaSource) -> Self {
        match source {
            MediaSource::Base64 { mime, data } => Self::Data {
                mime: Cow::Owned(mime),
                data: Cow::Owned(data),
            },
            MediaSource::Text { data, .. } => Self::Text(Cow::Owned(data)),
            MediaSource::Url { url, .. } => Self::Url(Cow::Owned(url)),
            MediaSource::FileId { id, .. } => Self::Id(Cow::Owned(id)),
            MediaSource::Content(raw) => Self::Text(Cow::Owned(block_text(&raw))),
        }
    }
}

fn image<'a>(
    source: Source<'a>,
    detail: Option<Cow<'a, str>>,
    prompt_cache_breakpoint: Option<Breakpoint>,
) -> Option<PartOut<'a>> {
    let (image_url, file_id) = match source {
        Source::Data { mime, data } => (Some(Link::Data { mime, data }), None),
        Source::Url(url) => (Some(Link::Url(url)), None),
        Source::Id(id) => (None, Some(id)),
        Source::Text(text) => return Some(plain_text(text)),
        Source::Foreign => return None,
    };
    Some(PartOut::InputImage {
        image_url,
        file_id,
        detail,
        prompt_cache_breakpoint,
    })
}

fn file<'a>(
    source: Source<'a>,
    name: Option<Cow<'a, str>>,
    prompt_cache_breakpoint: Option<Breakpoint>,
) -> Option<PartOut<'a>> {
    let (mut file_data, mut file_url, mut file_id, mut filename) = (None, None, None, None);
    match source {
        // Data needs a file name.
        Source::Data { mime, data } => {
            filename = Some(name.unwrap_or_else(|| Cow::Owned(file_name(&mime))));
            file_data = Some(Link::Data { mime, data });
        }
        Source::Url(url) => file_url = Some(url),
        Source::Id(id) => file_id = Some(id),
        Source::Text(text) => return Some(plain_text(text)),
        Source::Foreign => return None,
    }
    Some(PartOut::InputFile {
        filename,
        file_data,
        file_url,
        file_id,
        prompt_cache_breakpoint,
    })
}

fn file_name(mime: &str) -> String {
    let subtype = mime.split('/').nth(1).unwrap_or_default();
    let plain = !subtype.is_empty() && subtype.bytes().all(|b| b.is_ascii_alphanumeric());
    format!("document.{}", if plain { subtype } else { "bin" })
}

fn audio_format(mime: &str) -> &str {
    match mime {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => "wav",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}

fn video_note(source: &MediaSource) -> Cow<'_, str> {
    match source {
        MediaSource::Url { url, .. } => Cow::Owned(format!("[video: {url}]")),
        _ => Cow::Borrowed("[video]"),
    }
}

/// The texts of an Anthropic block or list of blocks.
fn block_text(raw: &RawJson) -> String {
    fn collect(value: &serde_json::Value, out: &mut Vec<String>) {
        match value {
            serde_json::Value::Array(blocks) => {
                for block in blocks {
                    collect(block, out);
                }
            }
            serde_json::Value::Object(block) => {
                for key in ["title", "source", "text"] {
                    if let Some(text) = block.get(key).and_then(serde_json::Value::as_str) {
                        out.push(text.to_owned());
                    }
                }
                if let Some(content) = block.get("content") {
                    collect(content, out);
                }
            }
            serde_json::Value::String(text) => out.push(text.clone()),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    if let Ok(value) = raw.read::<serde_json::Value>() {
        collect(&value, &mut texts);
    }
    texts.join("\n")
}
