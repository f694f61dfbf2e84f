//! Turns → input items (`openai-responses.md` §3, `matrix.md` §4.2, §4.3).

use super::decode_items::stringified_parts;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Item, MediaSource, ResultKind, Role, SignatureIssuer,
    SystemBlock, Turn,
};
use crate::codec::Dialect;
use crate::names::{NameMap, short_call_id};
use crate::raw::RawJson;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// How the items of one request are written.
#[derive(Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) names: &'a NameMap,
    /// The upstream takes `prompt_cache_breakpoint` and the client meant one.
    pub(super) breakpoints: bool,
    /// Outputs are text only.
    pub(super) plain_outputs: bool,
}

/// One element of `input`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemOut<'a> {
    Message {
        role: &'static str,
        content: Vec<PartOut<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a str>,
    },
    Reasoning {
        summary: Vec<SummaryOut<'a>>,
        encrypted_content: &'a str,
    },
    FunctionCall {
        call_id: String,
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        arguments: &'a str,
    },
    CustomToolCall {
        call_id: String,
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        input: &'a str,
    },
    FunctionCallOutput {
        call_id: String,
        output: OutputOut<'a>,
    },
    CustomToolCallOutput {
        call_id: String,
        output: OutputOut<'a>,
    },
    #[serde(untagged)]
    Native(&'a RawJson),
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct SummaryOut<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum OutputOut<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartOut<'a>>),
}

/// One content part.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PartOut<'a> {
    InputText {
        text: Cow<'a, str>,
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
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
}

#[derive(Serialize)]
pub(super) struct Breakpoint {
    mode: &'static str,
}

#[derive(Serialize)]
pub(super) struct AudioOut<'a> {
    data: &'a str,
    format: &'a str,
}

/// A URL that may be a data URL, which is never put together in memory.
pub(super) enum Link<'a> {
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

/// A leading instruction as a message.
pub(super) fn developer<'a>(block: &'a SystemBlock, style: Style<'_>) -> ItemOut<'a> {
    ItemOut::Message {
        role: "developer",
        content: vec![input_text(&block.text, block.cache.as_ref(), style)],
        phase: None,
    }
}

/// The items of normalised turns.
pub(super) fn items<'a>(turns: &'a [Turn], style: Style<'a>) -> Vec<ItemOut<'a>> {
    let mut writer = Writer {
        style,
        items: Vec::with_capacity(turns.len()),
        content: Vec::new(),
    };
    for turn in turns {
        let role = match turn.role {
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
            Role::System | Role::Developer => "developer",
        };
        for item in &turn.items {
            writer.item(item, role, turn.phase.as_deref());
        }
        writer.flush(role, turn.phase.as_deref());
    }
    drop_followerless(&mut writer.items);
    writer.items
}

/// Reasoning must stand in front of what it led to (E-43).
fn drop_followerless(items: &mut Vec<ItemOut<'_>>) {
    let led: Vec<bool> = items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            if !matches!(item, ItemOut::Reasoning { .. }) {
                return true;
            }
            let next = items[at + 1..]
                .iter()
                .find(|next| !matches!(next, ItemOut::Reasoning { .. }));
            match next {
                Some(ItemOut::Message { role, .. }) => *role == "assistant",
                Some(
                    ItemOut::FunctionCall { .. }
                    | ItemOut::CustomToolCall { .. }
                    | ItemOut::Native(_),
                ) => true,
                _ => false,
            }
        })
        .collect();
    let mut led = led.into_iter();
    items.retain(|_| led.next().unwrap_or(true));
}

struct Writer<'a> {
    style: Style<'a>,
    items: Vec<ItemOut<'a>>,
    /// Parts of the message being put together.
    content: Vec<PartOut<'a>>,
}

impl<'a> Writer<'a> {
    fn flush(&mut self, role: &'static str, phase: Option<&'a str>) {
        if !self.content.is_empty() {
            self.items.push(ItemOut::Message {
                role,
                content: std::mem::take(&mut self.content),
                phase: phase.filter(|_| role == "assistant"),
            });
        }
    }

    fn item(&mut self, item: &'a Item, role: &'static str, phase: Option<&'a str>) {
        let out = match item {
            Item::Call {
                id,
                name,
                namespace,
                kind,
                arguments,
                ..
            } => self.call(id, name, namespace.as_deref(), *kind, arguments),
            Item::Result {
                call_id,
                content,
                object,
                is_error,
                kind,
                ..
            } => self.result(call_id, content, object.as_ref(), *is_error, *kind),
            Item::Reasoning {
                text,
                summary,
                signature: Some(signature),
                redacted: false,
                ..
            } if signature.issuer == SignatureIssuer::OpenAi => {
                let texts = summary.iter().map(String::as_str);
                let summary = texts
                    .chain(Some(text.as_str()).filter(|_| summary.is_empty()))
                    .filter(|text| !text.is_empty())
                    .map(|text| SummaryOut { text })
                    .collect();
                ItemOut::Reasoning {
                    summary,
                    encrypted_content: &signature.value,
                }
            }
            Item::Reasoning { .. } => return,
            Item::Server(tool) if tool.dialect == Dialect::OpenAiResponses => {
                ItemOut::Native(&tool.raw)
            }
            Item::Opaque {
                dialect: Dialect::OpenAiResponses,
                raw,
            } => ItemOut::Native(raw),
            Item::Server(_) | Item::Opaque { .. } => return,
            _ => {
                let part = if role == "assistant" {
                    output_part(item)
                } else {
                    input_part(item, self.style)
                };
                self.content.extend(part);
                return;
            }
        };
        self.flush(role, phase);
        self.items.push(out);
    }

    fn call(
        &self,
        id: &str,
        name: &'a str,
        namespace: Option<&'a str>,
        kind: CallKind,
        arguments: &'a Arguments,
    ) -> ItemOut<'a> {
        let call_id = short_call_id(id);
        let name = self.name(name, namespace);
        let text = arguments.as_str();
        match kind {
            CallKind::Custom => ItemOut::CustomToolCall {
                call_id,
                name,
                namespace,
                input: text,
            },
            CallKind::Function => ItemOut::FunctionCall {
                call_id,
                name,
                namespace,
                arguments: if text.is_empty() { "{}" } else { text },
            },
        }
    }

    fn name(&self, name: &'a str, namespace: Option<&str>) -> Cow<'a, str> {
        match namespace {
            // Inside a namespace only the child's name counts.
            Some(_) => Cow::Borrowed(name),
            None => Cow::Borrowed(self.style.names.to_upstream(name)),
        }
    }

    fn result(
        &self,
        call_id: &str,
        content: &'a [Item],
        object: Option<&'a RawJson>,
        is_error: bool,
        kind: ResultKind,
    ) -> ItemOut<'a> {
        let call_id = short_call_id(call_id);
        let output = output(content, object, is_error, self.style);
        match kind {
            ResultKind::Function => ItemOut::FunctionCallOutput { call_id, output },
            ResultKind::Custom => ItemOut::CustomToolCallOutput { call_id, output },
        }
    }
}

fn output<'a>(
    content: &'a [Item],
    object: Option<&'a RawJson>,
    is_error: bool,
    style: Style<'_>,
) -> OutputOut<'a> {
    let mark = |text: &'a str| -> Cow<'a, str> {
        if is_error && !text.trim_start().get(..5).is_some_and(says_error) {
            Cow::Owned(format!("Error: {text}"))
        } else {
            Cow::Borrowed(text)
        }
    };
    match (content, object) {
        ([], Some(object)) => OutputOut::Text(mark(object.as_str())),
        ([], None) => OutputOut::Text(mark("")),
        ([Item::Text { text, .. }], _) => match stringified_parts(text) {
            Some(parts) => OutputOut::Parts(
                parts
                    .into_iter()
                    .filter_map(|part| input_part_owned(part, style))
                    .collect(),
            ),
            None => OutputOut::Text(mark(text)),
        },
        (texts, _) if style.plain_outputs && texts.iter().all(is_text) => {
            let texts: Vec<&str> = texts.iter().filter_map(text_of).collect();
            let joined = texts.join("\n");
            if is_error && !joined.get(..5).is_some_and(says_error) {
                OutputOut::Text(Cow::Owned(format!("Error: {joined}")))
            } else {
                OutputOut::Text(Cow::Owned(joined))
            }
        }
        (parts, _) => {
            let mut out: Vec<PartOut<'a>> = parts
                .iter()
                .filter_map(|part| input_part(part, style))
                .collect();
            if is_error {
                let first = parts.iter().find_map(text_of).unwrap_or_default();
                if !first.get(..5).is_some_and(says_error) {
                    out.insert(0, plain_text(Cow::Borrowed("Error:")));
                }
            }
            OutputOut::Parts(out)
        }
    }
}

fn says_error(start: &str) -> bool {
    start.eq_ignore_ascii_case("error")
}

fn is_text(item: &Item) -> bool {
    matches!(item, Item::Text { .. })
}

fn text_of(item: &Item) -> Option<&str> {
    match item {
        Item::Text { text, .. } => Some(text),
        _ => None,
    }
}

fn breakpoint(cache: Option<&CacheMark>, style: Style<'_>) -> Option<Breakpoint> {
    cache
        .filter(|_| style.breakpoints)
        .map(|_| Breakpoint { mode: "explicit" })
}

fn plain_text(text: Cow<'_, str>) -> PartOut<'_> {
    PartOut::InputText {
        text,
        prompt_cache_breakpoint: None,
    }
}

fn input_text<'a>(text: &'a str, cache: Option<&CacheMark>, style: Style<'_>) -> PartOut<'a> {
    PartOut::InputText {
        text: Cow::Borrowed(text),
        prompt_cache_breakpoint: breakpoint(cache, style),
    }
}

/// A part of the model's own message; what it cannot hold becomes a note.
fn output_part(item: &Item) -> Option<PartOut<'_>> {
    match item {
        Item::Text { text, .. } => Some(PartOut::OutputText { text }),
        Item::Refusal(refusal) => Some(PartOut::Refusal { refusal }),
        Item::Audio {
            transcript: Some(text),
            ..
        } => Some(PartOut::OutputText { text }),
        Item::Image { .. } => Some(PartOut::OutputText { text: "[image]" }),
        _ => None,
    }
}

/// A part of what is said to the model.
fn input_part<'a>(item: &'a Item, style: Style<'_>) -> Option<PartOut<'a>> {
    match item {
        Item::Text { text, cache, .. } => Some(input_text(text, cache.as_ref(), style)),
        Item::Refusal(text) => Some(plain_text(Cow::Borrowed(text))),
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
        } => Some(plain_text(Cow::Borrowed(text))),
        Item::Video { source } => Some(plain_text(video_note(source))),
        Item::SearchResult(raw) => Some(plain_text(Cow::Owned(block_text(raw)))),
        _ => None,
    }
}

/// As [`input_part`] for parts that live nowhere else: texts, pictures and files.
fn input_part_owned(item: Item, style: Style<'_>) -> Option<PartOut<'static>> {
    match item {
        Item::Text { text, cache, .. } => Some(PartOut::InputText {
            text: Cow::Owned(text),
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

/// Every name that stands for a tool of the client in declarations and history, in order.
pub(super) fn call_names(turns: &[Turn]) -> impl Iterator<Item = &str> {
    turns
        .iter()
        .flat_map(|turn| &turn.items)
        .filter_map(|item| match item {
            Item::Call {
                name,
                namespace: None,
                ..
            } => Some(name.as_str()),
            _ => None,
        })
}
