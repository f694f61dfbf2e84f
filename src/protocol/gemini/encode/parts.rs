//! Items → parts of an upstream request (`matrix.md` §4.3).

use super::super::decode::is_youtube;
use super::super::out::{Answer, Blob, Call, FileRef, Own, Part};
use crate::args;
use crate::canonical::{Arguments, CallKind, Item, MediaSource, Signature, SignaturePlace};
use crate::codec::{Dialect, Target};
use crate::names::{NameMap, flatten};
use crate::raw::RawJson;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;

/// Collects the parts of one content.
pub(super) struct Writer<'a, 't> {
    target: &'t Target<'t>,
    names: &'a NameMap,
    /// Items of the turn whose calls the results here answer.
    calling: &'a [Item],
    parts: Vec<Part<'a>>,
    for_text: Option<Cow<'a, str>>,
    for_call: Option<Cow<'a, str>>,
    /// Signature for the first call, when the model checks and no call of the turn has one.
    pub stand_in: Option<Cow<'a, str>>,
}

impl<'a, 't> Writer<'a, 't> {
    pub(super) fn new(target: &'t Target<'t>, names: &'a NameMap, calling: &'a [Item]) -> Self {
        Self {
            target,
            names,
            calling,
            parts: Vec::new(),
            for_text: None,
            for_call: None,
            stand_in: None,
        }
    }

    pub(super) fn finish(mut self) -> Vec<Part<'a>> {
        // A signature whose part is gone from the history still proves the turn.
        let left = [self.for_text.take(), self.for_call.take()];
        self.parts.extend(
            left.into_iter()
                .flatten()
                .map(|value| Part::signature(false, value)),
        );
        self.parts
    }

    pub(super) fn push(&mut self, item: &'a Item) {
        match item {
            Item::Text {
                text, signature, ..
            } => self.text(text, signature.as_ref()),
            Item::Refusal(text) => self.text(text, None),
            Item::Reasoning {
                text,
                summary,
                signature: Some(signature),
                ..
            } => self.reasoning(text, summary, signature),
            Item::Call {
                id,
                name,
                namespace,
                kind,
                arguments,
                signature,
                ..
            } => {
                let name = self.name(namespace.as_deref(), name);
                self.call(id, name, *kind, arguments, signature.as_ref());
            }
            Item::Result { .. } => self.result(item),
            Item::Server(tool) if tool.dialect == Dialect::Gemini => {
                self.parts.push(Part::Native(Cow::Borrowed(&tool.raw)));
            }
            Item::Opaque {
                dialect: Dialect::Gemini,
                raw,
            } => self.parts.push(Part::Native(Cow::Borrowed(raw))),
            Item::SearchResult(raw) => self.text_of_search_result(raw),
            Item::Image { .. } | Item::Audio { .. } | Item::Video { .. } | Item::File { .. } => {
                media(item, self.target, &mut self.parts);
            }
            // Thinking nobody signed, and steps of other vendors' tools.
            Item::Reasoning { .. } | Item::Server(_) | Item::Opaque { .. } => {}
        }
    }

    fn name(&self, namespace: Option<&str>, name: &'a str) -> Cow<'a, str> {
        match namespace {
            None => Cow::Borrowed(self.names.to_upstream(name)),
            Some(_) => {
                let full = flatten(namespace, name);
                Cow::Owned(self.names.to_upstream(&full).to_owned())
            }
        }
    }

    fn text(&mut self, text: &'a str, signature: Option<&'a Signature>) {
        let detached = signature.is_some_and(|s| s.place == SignaturePlace::Detached);
        if !text.is_empty() {
            let own = signature.filter(|_| !detached).map(value_of);
            let value = own.or_else(|| self.for_text.take());
            self.parts.push(Part::own(Own {
                text: Some(Cow::Borrowed(text)),
                thought_signature: value,
                ..Own::default()
            }));
        }
        if let Some(signature) = signature
            && (detached || text.is_empty())
        {
            self.parts.push(Part::signature(false, value_of(signature)));
        }
    }

    fn reasoning(&mut self, text: &'a str, summary: &'a [String], signature: &'a Signature) {
        let value = value_of(signature);
        match signature.place {
            SignaturePlace::NextText => self.for_text = Some(value),
            SignaturePlace::NextCall => self.for_call = Some(value),
            SignaturePlace::Detached => self.parts.push(Part::signature(false, value)),
            SignaturePlace::Here => {
                let words = match summary {
                    [one] if text.is_empty() => Cow::Borrowed(one.as_str()),
                    [_, ..] if text.is_empty() => Cow::Owned(summary.join("\n\n")),
                    _ => Cow::Borrowed(text),
                };
                self.parts.push(Part::own(Own {
                    text: Some(words),
                    thought: true,
                    thought_signature: Some(value),
                    ..Own::default()
                }));
            }
        }
    }

    fn call(
        &mut self,
        id: &'a str,
        name: Cow<'a, str>,
        kind: CallKind,
        arguments: &'a Arguments,
        signature: Option<&'a Signature>,
    ) {
        let args = match (kind, arguments) {
            (CallKind::Custom, _) | (_, Arguments::Text(_)) => {
                json!({ "input": arguments.as_str() }).into()
            }
            (CallKind::Function, Arguments::Json(text)) => args::to_object(text),
        };
        let thought_signature = signature
            .map(value_of)
            .or_else(|| self.for_call.take())
            .or_else(|| self.stand_in.take());
        self.parts.push(Part::own(Own {
            function_call: Some(Call {
                id: self.id(id),
                name,
                args,
            }),
            thought_signature,
            ..Own::default()
        }));
    }

    /// Ids that Gemini made go back to it; Vertex takes none, and ids of other makers say nothing to
    /// it (E-39).
    fn id(&self, id: &'a str) -> Option<&'a str> {
        let endpoint = self.target.endpoint;
        let is_taken = endpoint.call_ids || !endpoint.vertex && !is_foreign(id);
        (is_taken && !id.is_empty()).then_some(id)
    }

    fn result(&mut self, item: &'a Item) {
        let Item::Result {
            call_id,
            name,
            content,
            object,
            is_error,
            ..
        } = item
        else {
            return;
        };
        let gemini3 = self.target.model_traits.gemini3;
        let mut inside = Vec::new();
        let mut behind = Vec::new();
        let mut words: Vec<Cow<'_, str>> = Vec::new();
        for piece in content {
            match piece {
                Item::Text { text, .. } => words.push(Cow::Borrowed(text)),
                Item::Refusal(text) => words.push(Cow::Borrowed(text)),
                Item::SearchResult(raw) => words.push(Cow::Owned(search_result_text(raw))),
                media_item => {
                    // Before Gemini 3 pictures stand behind their result (E-125).
                    let place = if gemini3 { &mut inside } else { &mut behind };
                    media(media_item, self.target, place);
                }
            }
        }
        if gemini3 {
            // Notes in place of media are words, and `parts` holds media only.
            inside.retain(|part| match part {
                Part::Own(own) => match &own.text {
                    Some(note) => {
                        words.push(note.clone());
                        false
                    }
                    None => true,
                },
                Part::Native(_) => false,
            });
        }
        let response = match object {
            Some(object) => Cow::Borrowed(object),
            None => {
                let key = if *is_error { "error" } else { "output" };
                Cow::Owned(RawJson::from(json!({ key: words.join("\n") })))
            }
        };
        let name = name.as_deref().unwrap_or_default();
        // A result knows the name of its call, but not the namespace.
        let namespace = self.calling.iter().find_map(|item| match item {
            Item::Call {
                id,
                name: called,
                namespace,
                ..
            } if id == call_id && called == name => namespace.as_deref(),
            _ => None,
        });
        self.parts.push(Part::own(Own {
            function_response: Some(Answer {
                id: self.id(call_id),
                name: self.name(namespace, name),
                response,
                parts: inside,
            }),
            ..Own::default()
        }));
        self.parts.extend(behind);
    }

    fn text_of_search_result(&mut self, raw: &RawJson) {
        let text = search_result_text(raw);
        if !text.is_empty() {
            self.parts.push(Part::text(text));
        }
    }
}

fn value_of(signature: &Signature) -> Cow<'_, str> {
    Cow::Borrowed(&signature.value)
}

/// True for the ids that other protocols, and we, make up.
pub(in super::super) fn is_foreign(id: &str) -> bool {
    const MAKERS: [&str; 9] = [
        "call_",
        "call-",
        "toolu_",
        "tooluse_",
        "fc_",
        "ctc_",
        "functions.",
        "chatcmpl-",
        "srvtoolu_",
    ];
    MAKERS.iter().any(|maker| id.starts_with(maker))
}

/// Appends the part for a medium, or a text that says what is missing.
fn media<'a>(item: &'a Item, target: &Target<'_>, parts: &mut Vec<Part<'a>>) {
    let (source, what, name) = match item {
        Item::Image { source, .. } => {
            if target.model_traits.vision == Some(false) {
                parts.push(note("image", "this model reads text only"));
                return;
            }
            (source, "image", None)
        }
        Item::Audio {
            source,
            transcript,
            id,
        } => {
            let is_empty = matches!(source, MediaSource::Base64 { data, .. } if data.is_empty());
            if is_empty {
                // Sound that only its maker keeps: the words are what we know of it.
                match (transcript, id) {
                    (Some(words), _) if !words.is_empty() => parts.push(Part::text(&**words)),
                    _ => parts.push(note("audio", "kept by another provider")),
                }
                return;
            }
            (source, "audio", None)
        }
        Item::Video { source } => (source, "video", None),
        Item::File { source, name, .. } => (source, "file", name.as_deref()),
        _ => return,
    };
    match source {
        MediaSource::Base64 { mime, data } => parts.push(Part::own(Own {
            inline_data: Some(Blob {
                mime_type: Cow::Borrowed(mime),
                data: Cow::Borrowed(data),
                // Only Vertex knows the field.
                display_name: name.filter(|_| target.endpoint.vertex),
            }),
            ..Own::default()
        })),
        MediaSource::Text { mime, data } => {
            parts.push(Part::inline(&**mime, STANDARD.encode(data)));
        }
        MediaSource::Url { url, mime } => parts.push(match fetchable(url, mime.as_deref()) {
            Some(file) => Part::own(Own {
                file_data: Some(file),
                ..Own::default()
            }),
            // Nothing is downloaded on behalf of a request (E-121).
            None => note(what, url),
        }),
        MediaSource::FileId {
            dialect: Dialect::Gemini,
            id,
        } => parts.push(Part::own(Own {
            file_data: Some(FileRef {
                mime_type: mime_of_name(id).map(Cow::Borrowed),
                file_uri: id,
            }),
            ..Own::default()
        })),
        MediaSource::FileId { .. } => parts.push(note(what, "kept by another provider")),
        MediaSource::Content(raw) => content_blocks(raw, parts),
    }
}

fn note<'a>(what: &str, why: &str) -> Part<'a> {
    Part::text(format!("[{what}: {why}]"))
}

/// The reference for a URL that Gemini reads by itself: its buckets, YouTube, its Files API.
fn fetchable<'a>(url: &'a str, mime: Option<&str>) -> Option<FileRef<'a>> {
    let mime = mime
        .map(|mime| Cow::Owned(mime.to_owned()))
        .or_else(|| mime_of_name(url).map(Cow::Borrowed));
    let is_bucket = url.starts_with("gs://");
    if is_bucket && mime.is_none() {
        return None;
    }
    let is_known = is_bucket
        || is_youtube(url)
        || url.starts_with("https://generativelanguage.googleapis.com/");
    is_known.then_some(FileRef {
        mime_type: mime,
        file_uri: url,
    })
}

/// Media type by the end of a name.
fn mime_of_name(name: &str) -> Option<&'static str> {
    let (_, ending) = name
        .rsplit_once('/')
        .unwrap_or(("", name))
        .1
        .rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" => "text/html",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "mpeg" | "mpg" => "video/mpeg",
        _ => return None,
    })
}

/// One block of an Anthropic document or search result, as far as it can be shown.
#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    source: Option<BlockSource>,
}

#[derive(Deserialize)]
struct BlockSource {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

fn content_blocks(raw: &RawJson, parts: &mut Vec<Part<'_>>) {
    let Ok(blocks) = raw.read::<Vec<Block>>() else {
        // A document may also be one bare string.
        if let Ok(text) = raw.read::<String>() {
            parts.push(Part::text(text));
        }
        return;
    };
    for block in blocks {
        match (block.text, block.source) {
            (Some(text), _) if !text.is_empty() => parts.push(Part::text(text)),
            (
                _,
                Some(BlockSource {
                    media_type: Some(mime),
                    data: Some(data),
                    ..
                }),
            ) => parts.push(Part::inline(mime, data)),
            (_, Some(BlockSource { url: Some(url), .. })) => parts.push(note("image", &url)),
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct SearchResult {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    content: Vec<Block>,
}

/// Title, source and passages, one below the other.
fn search_result_text(raw: &RawJson) -> String {
    let Ok(result) = raw.read::<SearchResult>() else {
        return String::new();
    };
    let passages = result.content.into_iter().filter_map(|block| block.text);
    result
        .title
        .into_iter()
        .chain(result.source)
        .chain(passages)
        .collect::<Vec<_>>()
        .join("\n")
}
