//! Turns → messages (`matrix.md` §4.2, §4.3).

use super::encode_request::native_custom;
use super::encode_response::thinking_text;
use super::json::{Array, Object};
use super::message::write_google_signature;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Choice, Item, MediaSource, Request, Role, SignatureIssuer,
    SystemBlock, Tool, ToolKind, Turn,
};
use crate::codec::{Dialect, Target};
use crate::media;
use crate::names::{NameMap, flatten};
use crate::raw::RawJson;
use crate::splice::{quote, quote_into};
use std::borrow::Cow;

/// Stands for thinking nobody remembers; absence and `""` are refused (E-60).
const REASONING_UNAVAILABLE: &str = "[reasoning unavailable]";

/// Every tool name the request shows, flattened: declarations, history, choice.
pub(super) fn shown_names(request: &Request) -> Vec<String> {
    let client_tool = |tool: &&Tool| {
        matches!(
            tool.kind,
            ToolKind::Function { .. } | ToolKind::Custom { .. }
        )
    };
    let mut names: Vec<String> = request
        .tools
        .iter()
        .filter(client_tool)
        .map(|tool| flatten(tool.namespace.as_deref(), &tool.name))
        .collect();
    for item in request.turns.iter().flat_map(|turn| &turn.items) {
        if let Item::Call {
            name, namespace, ..
        } = item
        {
            names.push(flatten(namespace.as_deref(), name));
        }
    }
    match &request.tool_choice {
        Some(Choice::Tool { name, namespace }) => names.push(flatten(namespace.as_deref(), name)),
        Some(Choice::Allowed { names: allowed, .. }) => names.extend(allowed.iter().cloned()),
        _ => {}
    }
    names
}

/// Writes the messages of a normalised request.
pub(super) struct Messages<'r> {
    pub(super) request: &'r Request,
    pub(super) target: &'r Target<'r>,
    pub(super) names: &'r NameMap,
    /// `developer` in place of `system`.
    pub(super) modern: bool,
}

/// One content part towards the upstream.
enum PartOut<'r> {
    Text(Cow<'r, str>, Option<&'r CacheMark>),
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

impl<'r> Messages<'r> {
    pub(super) fn write(&self, a: &mut Array<'_>) {
        self.system(a);
        for turn in &self.request.turns {
            match turn.role {
                Role::User => self.user(a, turn),
                Role::Assistant => self.assistant(a, turn),
                Role::Tool => self.results(a, turn),
                Role::System | Role::Developer => self.middle_system(a, turn),
            }
        }
    }

    fn system_role(&self) -> &'static str {
        if self.modern { "developer" } else { "system" }
    }

    /// Neighbouring blocks of one rank share a message, one part each.
    fn system(&self, a: &mut Array<'_>) {
        let ranks = |left: &SystemBlock, right: &SystemBlock| left.rank == right.rank;
        for blocks in self.request.system.chunk_by(ranks) {
            let parts: Vec<PartOut<'_>> = blocks
                .iter()
                .map(|block| PartOut::Text(Cow::Borrowed(&block.text), block.cache.as_ref()))
                .collect();
            self.message(a, self.system_role(), None, &parts);
        }
    }

    fn middle_system(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let parts = self.parts(&turn.items);
        if !parts.is_empty() {
            self.message(a, self.system_role(), turn.name.as_deref(), &parts);
        }
    }

    fn user(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let parts = self.parts(&turn.items);
        if !parts.is_empty() {
            self.message(a, "user", turn.name.as_deref(), &parts);
        }
    }

    fn message(&self, a: &mut Array<'_>, role: &str, name: Option<&str>, parts: &[PartOut<'_>]) {
        a.object(|o| {
            o.str("role", role);
            o.opt_str("name", name);
            self.content(o, parts);
        });
    }

    fn assistant(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let parts = self.assistant_parts(&turn.items);
        let calls: Vec<&Item> = turn
            .items
            .iter()
            .filter(|item| matches!(item, Item::Call { .. }))
            .collect();
        let audio = turn.items.iter().find_map(|item| match item {
            Item::Audio { id: Some(id), .. } if !self.target.endpoint.compatible => Some(id),
            _ => None,
        });
        // Only thinking, and the like: nothing to say here (E-47).
        if parts.is_empty() && calls.is_empty() && audio.is_none() {
            return;
        }
        a.object(|o| {
            o.str("role", "assistant");
            o.opt_str("name", turn.name.as_deref());
            if parts.is_empty() {
                o.raw("content", "null");
            } else {
                self.content(o, &parts);
            }
            if self.target.endpoint.wants_reasoning_content {
                let known = known_reasoning(&turn.items);
                if !known.is_empty() {
                    o.str("reasoning_content", &known);
                } else if !calls.is_empty() {
                    o.str("reasoning_content", REASONING_UNAVAILABLE);
                }
            }
            if let Some(id) = audio {
                o.object("audio", |o| o.str("id", id));
            }
            if !calls.is_empty() {
                o.array("tool_calls", |a| {
                    for call in calls {
                        a.object(|o| self.call(o, call));
                    }
                });
            }
        });
    }

    /// Text and refusals. Models of this family take no pictures in their own turns.
    fn assistant_parts(&self, items: &'r [Item]) -> Vec<PartOut<'r>> {
        let mut parts = Vec::new();
        for item in items {
            match item {
                Item::Refusal(text) if self.target.endpoint.compatible => {
                    parts.push(PartOut::Text(Cow::Borrowed(text), None));
                }
                Item::Refusal(text) => parts.push(PartOut::Refusal(text)),
                Item::Audio { id, transcript, .. }
                    if id.is_none() || self.target.endpoint.compatible =>
                {
                    let text = transcript.as_deref().unwrap_or("[audio]");
                    parts.push(PartOut::Text(Cow::Borrowed(text), None));
                }
                Item::Image { source, .. } | Item::Video { source } => {
                    parts.push(PartOut::Text(media_note("image", source), None));
                }
                Item::Text { .. } | Item::File { .. } | Item::Opaque { .. } => {
                    parts.extend(self.part(item));
                }
                _ => {}
            }
        }
        parts
    }

    fn call(&self, o: &mut Object<'_>, item: &Item) {
        let Item::Call {
            id,
            name,
            namespace,
            kind,
            arguments,
            signature,
            ..
        } = item
        else {
            return;
        };
        let full = flatten(namespace.as_deref(), name);
        let name = self.names.to_upstream(&full);
        o.str("id", id);
        if native_custom(*kind, self.target) {
            o.str("type", "custom");
            o.object("custom", |o| {
                o.str("name", name);
                o.str("input", arguments.as_str());
            });
        } else {
            o.str("type", "function");
            o.object("function", |o| {
                o.str("name", name);
                o.str("arguments", &function_arguments(*kind, arguments));
            });
        }
        if self.target.endpoint.compatible
            && let Some(signature) = signature
            && signature.issuer == SignatureIssuer::Gemini
        {
            write_google_signature(o, &signature.value);
        }
    }

    /// One message per result; what is no text follows in a user message, because only text is
    /// official there, and no message may stand between the results.
    fn results(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let mut behind: Vec<PartOut<'_>> = Vec::new();
        for item in &turn.items {
            let Item::Result {
                call_id,
                content,
                object,
                is_error,
                ..
            } = item
            else {
                continue;
            };
            let (mut texts, mut others): (Vec<_>, Vec<_>) = self
                .parts(content)
                .into_iter()
                .partition(|part| matches!(part, PartOut::Text(..)));
            if let (true, true, Some(object)) = (texts.is_empty(), others.is_empty(), object) {
                texts.push(PartOut::Text(Cow::Borrowed(object.as_str()), None));
            }
            if *is_error {
                mark_error(&mut texts);
            }
            let inside = self.target.endpoint.tool_images
                && others
                    .iter()
                    .all(|part| matches!(part, PartOut::Image { .. }));
            a.object(|o| {
                o.str("role", "tool");
                o.str("tool_call_id", call_id);
                if inside && !others.is_empty() {
                    // The order of text and pictures is the client's.
                    let mut parts = self.parts(content);
                    if *is_error {
                        mark_error(&mut parts);
                    }
                    self.content(o, &parts);
                } else {
                    o.str("content", &joined(&texts));
                }
            });
            if !inside && !others.is_empty() {
                let title = format!("Content of the result of tool call {call_id}:");
                behind.push(PartOut::Text(Cow::Owned(title), None));
                behind.append(&mut others);
            }
        }
        if !behind.is_empty() {
            self.message(a, "user", None, &behind);
        }
    }

    fn parts(&self, items: &'r [Item]) -> Vec<PartOut<'r>> {
        items.iter().filter_map(|item| self.part(item)).collect()
    }

    fn part(&self, item: &'r Item) -> Option<PartOut<'r>> {
        Some(match item {
            Item::Text { text, cache, .. } => PartOut::Text(Cow::Borrowed(text), cache.as_ref()),
            Item::Refusal(text) => PartOut::Text(Cow::Borrowed(text), None),
            Item::Image {
                source,
                detail,
                cache,
            } => {
                let shown = self.target.model_traits.vision != Some(false)
                    && matches!(source, MediaSource::Base64 { .. } | MediaSource::Url { .. });
                if shown {
                    PartOut::Image {
                        source,
                        detail: detail.as_deref(),
                        cache: cache.as_ref(),
                    }
                } else {
                    PartOut::Text(media_note("image", source), cache.as_ref())
                }
            }
            Item::Audio {
                source, transcript, ..
            } => match (source, transcript) {
                (MediaSource::Base64 { mime, data }, _) => PartOut::Audio { mime, data },
                (_, Some(text)) => PartOut::Text(Cow::Borrowed(text), None),
                (source, None) => PartOut::Text(media_note("audio", source), None),
            },
            Item::Video { source } => match source {
                MediaSource::Base64 { .. } | MediaSource::Url { .. } => PartOut::Video(source),
                other => PartOut::Text(media_note("video", other), None),
            },
            Item::File {
                source,
                name,
                cache,
                ..
            } => file_part(source, name.as_deref(), cache.as_ref()),
            Item::SearchResult(raw) => PartOut::Text(Cow::Owned(search_text(raw)), None),
            Item::Opaque {
                dialect: Dialect::OpenAiChat,
                raw,
            } => PartOut::Raw(raw),
            Item::Reasoning { .. }
            | Item::Call { .. }
            | Item::Result { .. }
            | Item::Server(_)
            | Item::Opaque { .. } => return None,
        })
    }

    /// Prompt-cache marks are a vendor extension that strict services refuse: only endpoints known
    /// to take cache hints get them.
    fn shown_mark<'m>(&self, mark: Option<&'m CacheMark>) -> Option<&'m CacheMark> {
        let endpoint = self.target.endpoint;
        mark.filter(|_| endpoint.compatible && endpoint.prompt_cache_key)
    }

    /// `content`: a plain string where one text is all there is.
    fn content(&self, o: &mut Object<'_>, parts: &[PartOut<'_>]) {
        if let [PartOut::Text(text, mark)] = parts
            && self.shown_mark(*mark).is_none()
        {
            o.str("content", text);
            return;
        }
        o.array("content", |a| {
            for part in parts {
                match part {
                    PartOut::Raw(raw) => a.raw(raw.as_str()),
                    part => a.object(|o| self.write_part(o, part)),
                }
            }
        });
    }

    fn write_part(&self, o: &mut Object<'_>, part: &PartOut<'_>) {
        let mut cache = None;
        match part {
            PartOut::Text(text, mark) => {
                cache = *mark;
                o.str("type", "text");
                o.str("text", text);
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
        if let Some(mark) = self.shown_mark(cache) {
            o.object("cache_control", |o| {
                o.str("type", "ephemeral");
                o.opt_str("ttl", mark.ttl.as_deref());
            });
        }
    }
}

/// Arguments as the text of a function: an empty text is no JSON, free text goes into an object.
fn function_arguments(kind: CallKind, arguments: &Arguments) -> Cow<'_, str> {
    match (kind, arguments) {
        (CallKind::Custom, arguments) | (_, arguments @ Arguments::Text(_)) => {
            Cow::Owned(format!("{{\"input\":{}}}", quote(arguments.as_str())))
        }
        (CallKind::Function, Arguments::Json(text)) if text.is_empty() => Cow::Borrowed("{}"),
        (CallKind::Function, Arguments::Json(text)) => Cow::Borrowed(text),
    }
}

/// Thinking texts of a turn, apart by blank lines. Whose they are does not matter: text is text.
fn known_reasoning(items: &[Item]) -> String {
    let texts: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Reasoning {
                text,
                summary,
                redacted: false,
                ..
            } => Some(thinking_text(text, summary)),
            _ => None,
        })
        .filter(|text| !text.is_empty())
        .collect();
    texts.join("\n\n")
}

/// Chat has no flag for a failed tool: the text says so.
fn mark_error(parts: &mut Vec<PartOut<'_>>) {
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
                *text = Cow::Owned(format!("Error: {text}"));
            }
        }
        None => parts.insert(0, PartOut::Text(Cow::Borrowed("Error"), None)),
    }
}

fn joined(texts: &[PartOut<'_>]) -> String {
    let texts: Vec<&str> = texts
        .iter()
        .filter_map(|part| match part {
            PartOut::Text(text, _) => Some(text.as_ref()),
            _ => None,
        })
        .collect();
    texts.join("\n")
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
        MediaSource::Text { data, .. } => PartOut::Text(Cow::Borrowed(data), cache),
        MediaSource::Content(raw) => PartOut::Text(Cow::Owned(block_text(raw)), cache),
        MediaSource::Url { .. } | MediaSource::FileId { .. } => {
            let note = match name {
                Some(name) => Cow::Owned(format!("{} {name}", media_note("file", source))),
                None => media_note("file", source),
            };
            PartOut::Text(note, cache)
        }
    }
}

/// What a model is told about media it cannot get.
fn media_note(kind: &str, source: &MediaSource) -> Cow<'static, str> {
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
