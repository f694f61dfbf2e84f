//! Content parts of messages and outputs.

use super::super::annotation;
use super::super::read::{self, Path};
use crate::canonical::{CacheMark, Item, MediaSource};
use crate::codec::{CodecError, Dialect};
use crate::media;
use crate::splice::{Doc, Kind, Node};
use crate::text::Text;
use std::borrow::Cow;

/// The content of a message or an output: text, or parts.
pub(super) fn content(node: Node<'_>, at: &Path<'_>) -> Result<Vec<Item>, CodecError> {
    if let Some(text) = node.text() {
        return Ok(vec![Item::text(text)]);
    }
    if node.kind() != Kind::Array {
        return Err(at.invalid("must be a string or an array of parts"));
    }
    let mut items = Vec::new();
    for (index, node) in node.elements().enumerate() {
        let at = &at.index(index);
        items.extend(part(read::object(node, at)?, at)?);
    }
    Ok(items)
}

/// One content part; `None` for a kind no other protocol has a place for.
fn part(node: Node<'_>, at: &Path<'_>) -> Result<Option<Item>, CodecError> {
    let [kind, control, breakpoint, text, annotations] = node.pick([
        "type",
        "cache_control",
        "prompt_cache_breakpoint",
        "text",
        "annotations",
    ]);
    let cache = cache_mark(control, breakpoint);
    let item = match &*read::need_text(kind, at, "type")? {
        "input_text" | "output_text" | "text" | "summary_text" => Item::Text {
            text: match read::present(text) {
                Some(text) => read::whole_text(text, &at.key("text"))?,
                None => read::need_text(None, at, "text")?.into(),
            },
            citations: annotations
                .into_iter()
                .flat_map(|list| list.elements())
                .filter_map(|note| annotation::decode(note.raw()))
                .collect(),
            signature: None,
            cache,
            logprobs: None,
        },
        "input_image" | "image_url" => image(node, at, cache)?,
        "input_file" | "file" => file(node, at, cache)?,
        "input_audio" => audio(node, at)?,
        "refusal" => {
            let [refusal] = node.pick(["refusal"]);
            Item::Refusal(read::need_text(refusal, at, "refusal")?.into_owned())
        }
        _ => return Ok(None),
    };
    Ok(Some(item))
}

fn image(node: Node<'_>, at: &Path<'_>, cache: Option<CacheMark>) -> Result<Item, CodecError> {
    let [url, id, mut detail] = node.pick(["image_url", "file_id", "detail"]);
    let mut url = read::present(url);
    if let Some(nested) = url.filter(|url| url.kind() == Kind::Object) {
        let [inner_url, inner_detail] = nested.pick(["url", "detail"]);
        url = inner_url;
        detail = detail.or(inner_detail);
    }
    let source = if let Some(url) = url {
        media::from_url(&read::text(url, &at.key("image_url"))?)
    } else if let Some(id) = read::opt_text(id, at, "file_id")? {
        file_id(&id)
    } else {
        return Err(at.invalid("needs `image_url` or `file_id`"));
    };
    // Values of no meaning are left out (E-122).
    let detail = detail
        .and_then(|detail| detail.string())
        .filter(|word| matches!(&**word, "low" | "high" | "auto" | "original"));
    Ok(Item::Image {
        source,
        detail: detail.map(Cow::into_owned),
        cache,
    })
}

fn file(node: Node<'_>, at: &Path<'_>, cache: Option<CacheMark>) -> Result<Item, CodecError> {
    let [nested] = node.pick(["file"]);
    let fields = read::present(nested).unwrap_or(node);
    let [data, id, url, name] = fields.pick(["file_data", "file_id", "file_url", "filename"]);
    let source = if let Some(data) = read::opt_text(data, at, "file_data")? {
        if data.starts_with("data:") {
            media::from_url(&data)
        } else {
            media::base64("", &data)
                .ok_or_else(|| at.key("file_data").invalid("must be a data URL or base64"))?
        }
    } else if let Some(url) = read::opt_text(url, at, "file_url")? {
        media::from_url(&url)
    } else if let Some(id) = read::opt_text(id, at, "file_id")? {
        file_id(&id)
    } else {
        return Err(at.invalid("needs `file_data`, `file_url` or `file_id`"));
    };
    Ok(Item::File {
        source,
        name: read::opt_text(name, at, "filename")?.map(Cow::into_owned),
        context: None,
        citations_enabled: false,
        cache,
    })
}

fn audio(node: Node<'_>, at: &Path<'_>) -> Result<Item, CodecError> {
    let [sound] = node.pick(["input_audio"]);
    let at = &at.key("input_audio");
    let sound = read::present(sound).ok_or_else(|| at.invalid("is required: an object"))?;
    let [data, format] = read::object(sound, at)?.pick(["data", "format"]);
    let data = read::need_text(data, at, "data")?;
    let mime = match read::opt_text(format, at, "format")?.as_deref() {
        None => String::new(),
        Some("mp3") => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{format}"),
    };
    let source =
        media::base64(&mime, &data).ok_or_else(|| at.key("data").invalid("must be base64"))?;
    Ok(Item::Audio {
        source,
        transcript: None,
        id: None,
    })
}

fn file_id(id: &str) -> MediaSource {
    MediaSource::FileId {
        dialect: Dialect::OpenAiResponses,
        id: id.to_owned(),
    }
}

/// The cache mark of a part or tool: Anthropic's `cache_control`, which some clients write here too,
/// or OpenAI's `prompt_cache_breakpoint`.
pub(crate) fn cache_mark(
    control: Option<Node<'_>>,
    breakpoint: Option<Node<'_>>,
) -> Option<CacheMark> {
    match read::present(control) {
        Some(control) => {
            let [ttl] = control.pick(["ttl"]);
            let ttl = ttl.and_then(|ttl| ttl.string()).map(Cow::into_owned);
            Some(CacheMark { ttl })
        }
        None => read::present(breakpoint).map(|_| CacheMark { ttl: None }),
    }
}

/// Takes a tool output apart whose text is a JSON array of content parts with a picture or a file
/// among them (E-124). Any other text is a text.
pub(crate) fn stringified_parts(text: &Text) -> Option<Vec<Item>> {
    if !text.begins_with('[') || !text.contains("\"type\"") {
        return None;
    }
    let doc = Doc::parse(text.as_bytes()).ok()?;
    let known = |part: Node<'_>| {
        let kind = part.get("type").and_then(|kind| kind.string());
        matches!(
            kind.as_deref(),
            Some(
                "input_text" | "output_text" | "text" | "input_image" | "image_url" | "input_file"
            )
        )
    };
    if !doc.root().elements().all(known) {
        return None;
    }
    let items = content(doc.root(), &Path::ROOT).ok()?;
    items
        .iter()
        .any(|item| matches!(item, Item::Image { .. } | Item::File { .. }))
        .then_some(items)
}
