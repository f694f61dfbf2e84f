//! Content blocks of messages → items (`anthropic-messages.md` §3).

use super::read::{self, Path};
use super::wire_in::Kind;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Item, MediaSource, ResultKind, Role, ServerTool, Signature,
    SignatureIssuer, SignaturePlace, Turn,
};
use crate::codec::{CodecError, Dialect};
use crate::raw::RawJson;
use crate::splice::{Kind as NodeKind, Node};
use crate::text::Text;
use crate::{media, signature};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `cache_control`; the only type is `ephemeral`.
#[derive(Deserialize)]
pub(super) struct CacheIn {
    ttl: Option<String>,
}

impl From<CacheIn> for CacheMark {
    fn from(cache: CacheIn) -> Self {
        Self { ttl: cache.ttl }
    }
}

#[derive(Deserialize)]
struct ImageIn<'a> {
    #[serde(borrow)]
    source: SourceIn<'a>,
    cache_control: Option<CacheIn>,
}

#[derive(Deserialize)]
struct DocumentIn<'a> {
    #[serde(borrow)]
    source: SourceIn<'a>,
    title: Option<String>,
    context: Option<String>,
    citations: Option<CitationsIn>,
    cache_control: Option<CacheIn>,
}

#[derive(Deserialize)]
struct CitationsIn {
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct SourceIn<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    media_type: Option<String>,
    /// Megabytes of base64: borrowed until it is normalised.
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    url: Option<String>,
    file_id: Option<String>,
    content: Option<RawJson>,
}

#[derive(Deserialize)]
struct ThinkingIn<'a> {
    thinking: Option<String>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RedactedIn {
    data: Option<String>,
}

#[derive(Deserialize)]
struct ToolUseIn {
    id: String,
    name: String,
    caller: Option<RawJson>,
    cache_control: Option<CacheIn>,
}

/// Content of a user message: its results as a tool turn, then the rest as user turns, with system
/// texts that stand inside as turns of their own.
pub(super) fn user(
    content: Node<'_>,
    path: &Path<'_>,
    turns: &mut Vec<Turn>,
) -> Result<(), CodecError> {
    let mut results = Vec::new();
    let mut rest = Vec::new();
    let mut said = Vec::new();
    each_block(content, path, |block, path| {
        match block {
            Block::Json(node, "mid_conv_system") => {
                let [inner] = read::pick(node, ["content"], path)?;
                let inner = inner.ok_or_else(|| path.invalid("missing field `content`"))?;
                let items = items(inner, &path.key("content"))?;
                if !said.is_empty() {
                    rest.push(Turn::new(Role::User, std::mem::take(&mut said)));
                }
                rest.push(Turn::new(Role::System, items));
            }
            Block::Json(node, "tool_result") => results.push(tool_result(node, path)?),
            block => said.push(item(block, path)?),
        }
        Ok(())
    })?;
    if !results.is_empty() {
        turns.push(Turn::new(Role::Tool, results));
    }
    turns.append(&mut rest);
    if !said.is_empty() {
        turns.push(Turn::new(Role::User, said));
    }
    Ok(())
}

/// The texts of a `system` field with their cache marks.
pub(super) fn texts(
    content: Node<'_>,
    path: &Path<'_>,
) -> Result<Vec<(Text, Option<CacheMark>)>, CodecError> {
    let mut texts = Vec::new();
    each_block(content, path, |block, path| {
        match block {
            Block::Text(text) => texts.push((text, None)),
            Block::Json(node, "text") => texts.push(text_block(node, path)?),
            Block::Json(_, other) => {
                let message = format!("`{other}` cannot stand in `system`; only text can");
                return Err(path.key("type").invalid(message));
            }
        }
        Ok(())
    })?;
    Ok(texts)
}

/// One block as it stands in a `content`.
enum Block<'a> {
    /// The whole content is this string.
    Text(Text),
    /// A block with its `type`.
    Json(Node<'a>, &'a str),
}

/// Hands over the blocks of `content`: a string, a list of blocks, or (seen from clients) one block.
fn each_block(
    content: Node<'_>,
    path: &Path<'_>,
    mut each: impl FnMut(Block<'_>, &Path<'_>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let mut block =
        |node: Node<'_>, path: &Path<'_>| match node.first("type").and_then(|kind| kind.string()) {
            Some(kind) => each(Block::Json(node, &kind), path),
            None => {
                let kind: Kind<'_> = path.read(node.raw())?;
                each(Block::Json(node, &kind.kind), path)
            }
        };
    match content.kind() {
        NodeKind::String => each(Block::Text(content.text().unwrap_or_default()), path),
        NodeKind::Object => block(content, path),
        NodeKind::Array => content
            .elements()
            .enumerate()
            .try_for_each(|(n, node)| block(node, &path.index(n))),
        _ => Err(path.invalid("expected a string or a list of blocks")),
    }
}

/// The items of a `content`.
pub(super) fn items(content: Node<'_>, path: &Path<'_>) -> Result<Vec<Item>, CodecError> {
    let mut items = Vec::new();
    each_block(content, path, |block, path| {
        items.push(item(block, path)?);
        Ok(())
    })?;
    Ok(items)
}

fn item(block: Block<'_>, path: &Path<'_>) -> Result<Item, CodecError> {
    let (node, kind) = match block {
        Block::Text(text) => return Ok(Item::text(text)),
        Block::Json(node, kind) => (node, kind),
    };
    let raw = node.raw();
    match kind {
        "text" => {
            let (text, cache) = text_block(node, path)?;
            Ok(Item::Text {
                text,
                // Citations of earlier answers mean nothing to other vendors.
                citations: Vec::new(),
                signature: None,
                cache,
                logprobs: None,
            })
        }
        "image" => {
            let image: ImageIn<'_> = path.read(raw)?;
            Ok(Item::Image {
                source: source(image.source, &path.key("source"))?,
                detail: None,
                cache: image.cache_control.map(CacheMark::from),
            })
        }
        "document" => document(raw, path),
        "search_result" => Ok(Item::SearchResult(RawJson::of(node))),
        "thinking" => thinking(raw, path),
        "redacted_thinking" => redacted(raw, path),
        "tool_use" => tool_use(node, path),
        "tool_result" => tool_result(node, path),
        kind if is_server_kind(kind) => {
            Ok(Item::Server(Box::new(server_tool(RawJson::of(node), kind))))
        }
        _ => Ok(Item::Opaque {
            dialect: Dialect::Anthropic,
            raw: RawJson::of(node),
        }),
    }
}

/// The commonest block, and the longest: its text stays where it is.
fn text_block(node: Node<'_>, path: &Path<'_>) -> Result<(Text, Option<CacheMark>), CodecError> {
    let [text, cache] = read::pick(node, ["text", "cache_control"], path)?;
    let text = text.ok_or_else(|| path.invalid("missing field `text`"))?;
    let text = read::text(text, &path.key("text"))?;
    let cache: Option<CacheIn> = read::member(cache, &path.key("cache_control"))?;
    Ok((text, cache.map(CacheMark::from)))
}

fn document(raw: &str, path: &Path<'_>) -> Result<Item, CodecError> {
    let document: DocumentIn<'_> = path.read(raw)?;
    Ok(Item::File {
        source: source(document.source, &path.key("source"))?,
        name: document.title,
        context: document.context,
        citations_enabled: document
            .citations
            .and_then(|citations| citations.enabled)
            .unwrap_or(false),
        cache: document.cache_control.map(CacheMark::from),
    })
}

fn thinking(raw: &str, path: &Path<'_>) -> Result<Item, CodecError> {
    let thinking: ThinkingIn<'_> = path.read(raw)?;
    let value: Option<Cow<'_, str>> = thinking
        .signature
        .map(|value| path.key("signature").read(value.get()))
        .transpose()?;
    let carried = value
        .filter(|value| !value.is_empty())
        .map(|value| signature::from_client(&value, Dialect::Anthropic));
    let redacted = carried.as_ref().is_some_and(|carried| carried.redacted);
    Ok(Item::Reasoning {
        text: thinking.thinking.unwrap_or_default(),
        summary: Vec::new(),
        signature: carried.map(|carried| carried.signature),
        redacted,
        id: None,
    })
}

/// Redacted data is always Anthropic's own.
fn redacted(raw: &str, path: &Path<'_>) -> Result<Item, CodecError> {
    let redacted: RedactedIn = path.read(raw)?;
    Ok(Item::Reasoning {
        text: String::new(),
        summary: Vec::new(),
        signature: redacted
            .data
            .filter(|data| !data.is_empty())
            .map(|value| Signature {
                issuer: SignatureIssuer::Anthropic,
                value,
                place: SignaturePlace::Here,
            }),
        redacted: true,
        id: None,
    })
}

fn tool_use(node: Node<'_>, path: &Path<'_>) -> Result<Item, CodecError> {
    let [input] = read::pick(node, ["input"], path)?;
    let call: ToolUseIn = path.read(&node.without(&["input"]))?;
    let arguments = input
        .filter(|input| !input.is_null())
        .map_or("{}", |input| input.raw())
        .to_owned();
    Ok(Item::Call {
        id: call.id,
        item_id: None,
        name: call.name,
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json(arguments),
        signature: None,
        cache: call.cache_control.map(CacheMark::from),
        caller: call.caller,
    })
}

fn tool_result(node: Node<'_>, path: &Path<'_>) -> Result<Item, CodecError> {
    let keys = ["tool_use_id", "content", "is_error", "cache_control"];
    let [id, content, is_error, cache] = read::pick(node, keys, path)?;
    let call_id = read::need(id, "tool_use_id", path)?;
    let mut content = match content.filter(|content| !content.is_null()) {
        Some(content) => items(content, &path.key("content"))?,
        None => Vec::new(),
    };
    content.retain(|item| !matches!(item, Item::Text { text, .. } if text.is_empty()));
    let is_error: Option<bool> = read::member(is_error, &path.key("is_error"))?;
    let cache: Option<CacheIn> = read::member(cache, &path.key("cache_control"))?;
    Ok(Item::Result {
        call_id,
        name: None,
        content,
        object: None,
        is_error: is_error.unwrap_or(false),
        kind: ResultKind::Function,
        cache: cache.map(CacheMark::from),
    })
}

fn source(source: SourceIn<'_>, path: &Path<'_>) -> Result<MediaSource, CodecError> {
    let data = || -> Result<Cow<'_, str>, CodecError> {
        let path = path.key("data");
        let raw = source.data.ok_or_else(|| path.invalid("missing"))?;
        path.read::<Borrowed<'_>>(raw.get()).map(|text| text.0)
    };
    match source.kind.as_ref() {
        "base64" => {
            let mime = source.media_type.as_deref().unwrap_or_default();
            media::base64(mime, &data()?).ok_or_else(|| path.key("data").invalid("not base64"))
        }
        "text" => Ok(MediaSource::Text {
            mime: source
                .media_type
                .clone()
                .unwrap_or_else(|| "text/plain".to_owned()),
            data: data()?.into_owned(),
        }),
        "url" => match &source.url {
            Some(url) => Ok(media::from_url(url)),
            None => Err(path.key("url").invalid("missing")),
        },
        "file" => match source.file_id {
            Some(id) => Ok(MediaSource::FileId {
                dialect: Dialect::Anthropic,
                id,
            }),
            None => Err(path.key("file_id").invalid("missing")),
        },
        "content" => match source.content {
            Some(content) => Ok(MediaSource::Content(content)),
            None => Err(path.key("content").invalid("missing")),
        },
        other => {
            let message =
                format!("unknown source `{other}`; use base64, text, url, file or content");
            Err(path.key("type").invalid(message))
        }
    }
}

/// A string that borrows from the text where no escape stands in the way.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// True for steps of tools that the upstream runs, and for compaction.
pub(super) fn is_server_kind(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use" | "compaction")
        || kind.ends_with("_tool_result")
}

/// The step of a server tool, with what other protocols can show of it.
pub(super) fn server_tool(raw: RawJson, kind: &str) -> ServerTool {
    #[derive(Deserialize, Default)]
    struct Parts {
        id: Option<String>,
        tool_use_id: Option<String>,
        name: Option<String>,
        input: Option<RawJson>,
    }
    // A block of an unknown shape is still carried; it only shows nothing to other protocols.
    let parts: Parts = raw.read().unwrap_or_default();
    ServerTool {
        dialect: Dialect::Anthropic,
        kind: kind.to_owned(),
        id: parts.id.or(parts.tool_use_id),
        name: parts
            .name
            .or_else(|| kind.strip_suffix("_tool_result").map(str::to_owned)),
        query: parts.input.as_ref().and_then(search_query),
        raw,
    }
}

/// The `query` of a search's input.
pub(super) fn search_query(input: &RawJson) -> Option<String> {
    #[derive(Deserialize)]
    struct Query {
        query: Option<String>,
    }
    input.read::<Query>().ok().and_then(|input| input.query)
}
