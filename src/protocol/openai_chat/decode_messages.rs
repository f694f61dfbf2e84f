//! Messages and their parts (`openai-chat.md` §3).

use super::decode_reasoning::{history_reasoning, nested_thinking, reasoning};
use super::locate::{invalid, pick, read};
use super::wire::{
    CacheControl, FilePart, FunctionCall, InputAudio, Link, Message, Part, ToolCall,
};
use crate::canonical::{
    Arguments, CacheMark, CallKind, Item, MediaSource, ResultKind, Role, Signature,
    SignatureIssuer, SignaturePlace, SystemBlock, SystemRank, Turn,
};
use crate::codec::{CodecError, Dialect};
use crate::media;
use crate::splice::{Kind, Node};
use crate::text::Text;
use serde_json::value::RawValue;
use std::borrow::Cow;

pub(super) fn cache_mark(control: CacheControl) -> CacheMark {
    CacheMark { ttl: control.ttl }
}

/// Splits the messages into leading instructions and turns. Neighbouring results share one turn.
pub(super) fn decode_messages<'a>(
    messages: impl Iterator<Item = Node<'a>>,
) -> Result<(Vec<SystemBlock>, Vec<Turn>), CodecError> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    for (i, node) in messages.enumerate() {
        let at = || format!("messages[{i}]");
        let [content] = pick(node, ["content"], at)?;
        let rest = match content {
            // What is left is short, and has no escapes worth a mention.
            Some(_) => Cow::Owned(node.without(&["content"])),
            None => Cow::Borrowed(node.raw()),
        };
        let mut message: Message<'_> = read(&rest, at)?;
        let role = match message.role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" | "function" => Role::Tool,
            "system" => Role::System,
            "developer" => Role::Developer,
            other => {
                return Err(invalid(
                    format!("messages[{i}].role"),
                    format!(
                        "unknown role `{other}`; use system, developer, user, assistant or tool"
                    ),
                ));
            }
        };
        let mark = message.cache_control.0.take().map(cache_mark);
        let name = message.name.take();
        let mut items = match role {
            Role::Assistant => assistant_items(message, content, i)?,
            Role::Tool => vec![result_item(message, content, name.clone(), i)?],
            _ => content_items(content, i)?,
        };
        if let (Some(mark), Some(last)) = (mark, items.last_mut()) {
            set_mark(last, mark);
        }
        match role {
            Role::System | Role::Developer if turns.is_empty() => {
                let rank = if role == Role::System {
                    SystemRank::System
                } else {
                    SystemRank::Developer
                };
                system.extend(items.into_iter().filter_map(|item| match item {
                    Item::Text { text, cache, .. } => Some(SystemBlock { text, rank, cache }),
                    // Instructions are text; the first vendor refuses all else.
                    _ => None,
                }));
            }
            Role::Tool if turns.last().is_some_and(|turn| turn.role == Role::Tool) => {
                if let Some(turn) = turns.last_mut() {
                    turn.items.append(&mut items);
                }
            }
            _ => {
                let mut turn = Turn::new(role, items);
                if role != Role::Tool {
                    turn.name = name;
                }
                turns.push(turn);
            }
        }
    }
    Ok((system, turns))
}

/// A message's own mark goes to its last block; the block's own mark wins (E-191).
fn set_mark(item: &mut Item, mark: CacheMark) {
    match item {
        Item::Text { cache, .. }
        | Item::Image { cache, .. }
        | Item::File { cache, .. }
        | Item::Call { cache, .. }
        | Item::Result { cache, .. } => {
            cache.get_or_insert(mark);
        }
        _ => {}
    }
}

/// `content`: a string, a list of parts, or one part without its list.
fn content_items(content: Option<Node<'_>>, i: usize) -> Result<Vec<Item>, CodecError> {
    let Some(content) = content.filter(|content| !content.is_null()) else {
        return Ok(Vec::new());
    };
    let at = || format!("messages[{i}].content");
    if let Some(text) = content.text() {
        return Ok(Vec::from_iter((!text.is_empty()).then(|| Item::text(text))));
    }
    let mut items = Vec::new();
    match content.kind() {
        Kind::Array => {
            for (j, part) in content.elements().enumerate() {
                items.extend(part_item(part, || format!("{}[{j}]", at()))?);
            }
        }
        Kind::Object => items.extend(part_item(content, at)?),
        _ => {
            return Err(invalid(
                at(),
                "must be a string or an array of content parts",
            ));
        }
    }
    Ok(items)
}

/// The item of one part; `None` for empty text.
fn part_item(node: Node<'_>, at: impl Fn() -> String) -> Result<Option<Item>, CodecError> {
    let [text] = pick(node, ["text"], &at)?;
    let long = text.and_then(|text| text.text());
    let rest = match &long {
        Some(_) => Cow::Owned(node.without(&["text"])),
        None => Cow::Borrowed(node.raw()),
    };
    item_of(read(&rest, &at)?, long, at)
}

fn item_of(
    mut part: Part<'_>,
    text: Option<Text>,
    at: impl Fn() -> String,
) -> Result<Option<Item>, CodecError> {
    let mark = match (part.cache_control.0.take(), part.prompt_cache_breakpoint) {
        (Some(control), _) => Some(cache_mark(control)),
        (None, Some(_)) => Some(CacheMark { ttl: None }),
        (None, None) => None,
    };
    let kind = part.kind.take().unwrap_or_else(|| "text".to_owned());
    let missing = |field: &str| invalid(format!("{}.{field}", at()), "is required");
    let item = match kind.as_str() {
        "text" | "input_text" | "output_text" => {
            let text = text
                .or(part.text.map(Text::from))
                .ok_or_else(|| missing("text"))?;
            if text.is_empty() {
                return Ok(None);
            }
            Item::text(text)
        }
        "image_url" | "input_image" => {
            let link = part.image_url.ok_or_else(|| missing("image_url"))?;
            Item::Image {
                detail: link.detail.clone().or(part.detail.0),
                source: link_source(link),
                cache: None,
            }
        }
        "video_url" => Item::Video {
            source: link_source(part.video_url.ok_or_else(|| missing("video_url"))?),
        },
        "input_audio" => {
            let audio = part.input_audio.ok_or_else(|| missing("input_audio"))?;
            Item::Audio {
                source: audio_source(&audio).ok_or_else(|| {
                    invalid(format!("{}.input_audio.data", at()), "is not base64")
                })?,
                transcript: None,
                id: None,
            }
        }
        "file" | "input_file" => {
            let file = part.file.unwrap_or(FilePart {
                file_data: part.file_data,
                file_id: part.file_id,
                filename: part.filename,
                format: Default::default(),
            });
            file_item(file).ok_or_else(|| missing("file.file_data"))?
        }
        "refusal" => Item::Refusal(part.refusal.ok_or_else(|| missing("refusal"))?),
        "thinking" => match nested_thinking(part.thinking.0) {
            Some(text) => reasoning(text, None),
            None => return Ok(None),
        },
        other => {
            return Err(invalid(
                format!("{}.type", at()),
                format!(
                    "unknown type `{other}`; use text, image_url, input_audio, file or refusal"
                ),
            ));
        }
    };
    let mut item = item;
    if let Some(mark) = mark {
        set_mark(&mut item, mark);
    }
    Ok(Some(item))
}

fn link_source(link: Link<'_>) -> MediaSource {
    match media::from_url(&link.url) {
        MediaSource::Url { url, mime } => MediaSource::Url {
            url,
            mime: mime.or(link.format),
        },
        source => source,
    }
}

fn audio_source(audio: &InputAudio<'_>) -> Option<MediaSource> {
    if audio.data.starts_with("data:") {
        return Some(media::from_url(&audio.data));
    }
    let mime = media::audio_mime(audio.format.as_deref().unwrap_or("wav"));
    media::base64(&mime, &audio.data)
}

fn file_item(file: FilePart<'_>) -> Option<Item> {
    let source = match (file.file_data, file.file_id) {
        (Some(data), _) if data.starts_with("data:") || data.contains("://") => {
            media::from_url(&data)
        }
        (Some(data), _) => media::base64(file.format.0.as_deref().unwrap_or_default(), &data)?,
        (None, Some(id)) => MediaSource::FileId {
            dialect: Dialect::OpenAiChat,
            id,
        },
        (None, None) => return None,
    };
    Some(Item::File {
        source,
        name: file.filename,
        context: None,
        citations_enabled: false,
        cache: None,
    })
}

/// Reasoning first, then content, then calls: the order in which a model makes them.
fn assistant_items(
    mut message: Message<'_>,
    content: Option<Node<'_>>,
    i: usize,
) -> Result<Vec<Item>, CodecError> {
    let mut items = history_reasoning(&mut message);
    items.extend(content_items(content, i)?);
    if let Some(refusal) = message.refusal.take().filter(|text| !text.is_empty()) {
        items.push(Item::Refusal(refusal));
    }
    if let Some(audio) = message.audio.take() {
        items.push(Item::Audio {
            source: MediaSource::FileId {
                dialect: Dialect::OpenAiChat,
                id: audio.id.clone(),
            },
            transcript: None,
            id: Some(audio.id),
        });
    }
    let first_call = items.len();
    for (j, call) in message
        .tool_calls
        .take()
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        items.push(call_item(call, || {
            format!("messages[{i}].tool_calls[{j}]")
        })?);
    }
    if let Some(call) = message.function_call.take() {
        // The old form has no ids: the encoder's normaliser makes one and binds the result (E-21).
        items.push(function_item(String::new(), call, || {
            format!("messages[{i}].function_call")
        })?);
    }
    // The Gemini compatible endpoint signs a whole message: the signature belongs to its first call,
    // or to the text that it closes.
    if let Some(value) = message.extra_content.0.and_then(|extra| extra.signature()) {
        let signature = gemini_signature(value);
        let calls = items.get_mut(first_call..).unwrap_or_default();
        if let Some(Item::Call {
            signature: place, ..
        }) = calls.first_mut()
        {
            place.get_or_insert(signature);
        } else if let Some(Item::Text {
            signature: place, ..
        }) = items.last_mut()
        {
            *place = Some(signature);
        }
    }
    Ok(items)
}

fn gemini_signature(value: String) -> Signature {
    Signature {
        issuer: SignatureIssuer::Gemini,
        value,
        place: SignaturePlace::Here,
    }
}

fn call_item(call: ToolCall<'_>, at: impl Fn() -> String) -> Result<Item, CodecError> {
    let id = call.id.unwrap_or_default();
    let mut item = match (call.function, call.custom) {
        (Some(function), _) => function_item(id, function, || format!("{}.function", at()))?,
        (None, Some(custom)) => Item::Call {
            id,
            item_id: None,
            name: custom.name,
            namespace: None,
            kind: CallKind::Custom,
            arguments: Arguments::Text(custom.input.unwrap_or_default()),
            signature: None,
            cache: None,
            caller: None,
        },
        (None, None) => return Err(invalid(format!("{}.function", at()), "is required")),
    };
    if let Item::Call {
        signature, cache, ..
    } = &mut item
    {
        *signature = call
            .extra_content
            .0
            .and_then(|extra| extra.signature())
            .map(gemini_signature);
        *cache = call.cache_control.0.map(cache_mark);
    }
    Ok(item)
}

fn function_item(
    id: String,
    call: FunctionCall<'_>,
    at: impl Fn() -> String,
) -> Result<Item, CodecError> {
    let Some(name) = call.name else {
        return Err(invalid(format!("{}.name", at()), "is required"));
    };
    Ok(Item::Call {
        id,
        item_id: None,
        name,
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json(call.arguments.map(arguments_text).unwrap_or_default()),
        signature: None,
        cache: None,
        caller: None,
    })
}

/// The text of the arguments; an object in place of the string is its own text.
pub(super) fn arguments_text(raw: &RawValue) -> String {
    let text = raw.get();
    if text.starts_with('"') {
        serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
    } else {
        text.to_owned()
    }
}

fn result_item(
    message: Message<'_>,
    content: Option<Node<'_>>,
    name: Option<String>,
    i: usize,
) -> Result<Item, CodecError> {
    // Some clients send the parts as their JSON text (E-124).
    let text = content.and_then(|content| content.text());
    let content = match text.filter(has_text_parts) {
        Some(text) => parse_parts(&text).unwrap_or_else(|| vec![Item::text(text)]),
        None => content_items(content, i)?,
    };
    Ok(Item::Result {
        call_id: message.tool_call_id.unwrap_or_default(),
        name,
        content,
        object: None,
        is_error: false,
        kind: ResultKind::Function,
        cache: None,
    })
}

fn has_text_parts(text: &Text) -> bool {
    text.begins_with('[') && text.trim_start().starts_with("[{") && text.contains("image_url")
}

/// The items of a list of parts that holds at least one picture; `None` for any other JSON.
fn parse_parts(text: &str) -> Option<Vec<Item>> {
    let parts: Vec<Part<'_>> = serde_json::from_str(text).ok()?;
    let known = |part: &Part<'_>| {
        matches!(
            part.kind.as_deref(),
            Some("text" | "input_text" | "output_text" | "image_url" | "input_image")
        )
    };
    if !parts.iter().all(known) || !parts.iter().any(|part| part.image_url.is_some()) {
        return None;
    }
    let mut items = Vec::with_capacity(parts.len());
    for part in parts {
        items.extend(item_of(part, None, String::new).ok()?);
    }
    Some(items)
}
