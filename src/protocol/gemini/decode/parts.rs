//! Parts of a content → items.

use super::super::read::{
    Place, compact, fields, is_field, object, opt_text, text, truth, whole_text,
};
use super::super::words::is_stand_in;
use crate::canonical::{
    Arguments, CallKind, Item, MediaSource, ResultKind, Role, ServerTool, Signature,
    SignaturePlace, Turn,
};
use crate::codec::{CodecError, Dialect};
use crate::raw::RawJson;
use crate::splice::{Kind, Node};
use crate::text::Text;
use crate::{media, signature};

/// Steps of tools that Google runs, kept verbatim.
const SERVER_PARTS: [&str; 4] = [
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// What one part says.
enum Part {
    /// A piece of thinking, closed by a signature.
    Thought {
        text: String,
        signature: Option<signature::Carried>,
    },
    /// Anything else.
    Item(Item),
    /// No payload.
    Nothing,
}

/// Adds a turn of the model. Neighbouring pieces of thinking become one item, as a stream delivers
/// them in pieces; a signature closes the item.
pub(super) fn model_turn<'a>(
    parts: impl Iterator<Item = Node<'a>>,
    place: &Place<'_>,
    turns: &mut Vec<Turn>,
) -> Result<(), CodecError> {
    let mut items: Vec<Item> = Vec::new();
    let mut open_thought = false;
    for (i, part) in parts.enumerate() {
        let (text, signature) = match decode_part(part, &place.at(i))? {
            Part::Nothing => continue,
            Part::Item(item) => {
                items.push(item);
                open_thought = false;
                continue;
            }
            Part::Thought { text, signature } => (text, signature),
        };
        if !open_thought {
            items.push(Item::Reasoning {
                text: String::new(),
                summary: Vec::new(),
                signature: None,
                redacted: false,
                id: None,
            });
        }
        open_thought = signature.is_none();
        if let Some(Item::Reasoning {
            text: all,
            signature: place,
            redacted: is_redacted,
            ..
        }) = items.last_mut()
        {
            all.push_str(&text);
            if let Some(carried) = signature {
                *is_redacted = carried.redacted;
                *place = Some(carried.signature);
            }
        }
    }
    if !items.is_empty() {
        turns.push(Turn::new(Role::Assistant, items));
    }
    Ok(())
}

/// Adds the turns of a content that does not come from the model: results of calls as tool turns,
/// everything else as turns of `role`. Media directly behind a result belong to it (`matrix.md` §4.3:
/// that is how results with pictures look for models before Gemini 3).
pub(super) fn user_turns<'a>(
    role: Role,
    parts: impl Iterator<Item = Node<'a>>,
    place: &Place<'_>,
    turns: &mut Vec<Turn>,
) -> Result<(), CodecError> {
    // A content with two kinds of turns must not run into the turns before it.
    let first = turns.len();
    let mut behind_result = false;
    for (i, part) in parts.enumerate() {
        let item = match decode_part(part, &place.at(i))? {
            Part::Nothing => continue,
            // Thinking has no meaning in the user's mouth.
            Part::Thought { text, .. } if text.is_empty() => continue,
            Part::Thought { text, .. } => Item::text(text),
            Part::Item(item) => item,
        };
        if behind_result && is_media(&item) {
            if let Some(Item::Result { content, .. }) =
                turns.last_mut().and_then(|turn| turn.items.last_mut())
            {
                content.push(item);
            }
            continue;
        }
        behind_result = matches!(item, Item::Result { .. });
        let role = match &item {
            Item::Result { .. } => Role::Tool,
            // Some clients leave the role out everywhere; only the model calls.
            Item::Call { .. } => Role::Assistant,
            _ => role,
        };
        match turns[first..].last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.items.push(item),
            None => turns.push(Turn::new(role, vec![item])),
        }
    }
    Ok(())
}

fn is_media(item: &Item) -> bool {
    matches!(
        item,
        Item::Image { .. } | Item::Audio { .. } | Item::Video { .. } | Item::File { .. }
    )
}

fn decode_part(part: Node<'_>, place: &Place<'_>) -> Result<Part, CodecError> {
    if part.kind() == Kind::String {
        return Ok(text_part(whole_text(part, place)?, None));
    }
    let [words, inline, file, call, result, thought, signed] = fields(
        object(part, place)?,
        [
            "text",
            "inlineData",
            "fileData",
            "functionCall",
            "functionResponse",
            "thought",
            "thoughtSignature",
        ],
    );
    let thought = truth(thought, &place.key("thought"))?.unwrap_or(false);
    let signed = opt_text(signed, &place.key("thoughtSignature"))?
        .filter(|value| !value.is_empty() && !is_stand_in(value))
        .map(|value| signature::from_client(&value, Dialect::Gemini));
    if let Some(call) = call {
        let signature = signed.map(|carried| carried.signature);
        return decode_call(call, &place.key("functionCall"), signature).map(Part::Item);
    }
    if let Some(result) = result {
        return decode_result(result, &place.key("functionResponse")).map(Part::Item);
    }
    if let Some(blob) = inline {
        if thought {
            // A sketch on the way to a picture, not part of the answer (E-130).
            return Ok(Part::Nothing);
        }
        return decode_blob(blob, &place.key("inlineData")).map(Part::Item);
    }
    if let Some(file) = file {
        return decode_file(file, &place.key("fileData")).map(Part::Item);
    }
    if words.is_some() || signed.is_some() {
        let text = match words {
            Some(words) => whole_text(words, &place.key("text"))?,
            None => Text::default(),
        };
        return Ok(if thought {
            thought_part(text.into(), signed)
        } else {
            text_part(text, signed)
        });
    }
    Ok(native_part(part))
}

fn thought_part(text: String, signature: Option<signature::Carried>) -> Part {
    if text.is_empty() && signature.is_none() {
        return Part::Nothing;
    }
    Part::Thought { text, signature }
}

fn text_part(text: Text, carried: Option<signature::Carried>) -> Part {
    let Some(signature::Carried {
        mut signature,
        redacted,
    }) = carried
    else {
        return if text.is_empty() {
            Part::Nothing
        } else {
            Part::Item(Item::text(text))
        };
    };
    if text.is_empty() {
        // A signature on an empty part of its own.
        if signature.place == SignaturePlace::Here {
            signature.place = SignaturePlace::Detached;
        }
        return Part::Item(Item::Reasoning {
            text: String::new(),
            summary: Vec::new(),
            signature: Some(signature),
            redacted,
            id: None,
        });
    }
    let mut item = Item::text(text);
    if let Item::Text { signature: at, .. } = &mut item {
        *at = Some(signature);
    }
    Part::Item(item)
}

fn native_part(part: Node<'_>) -> Part {
    for (key, value) in part.members() {
        let Some(kind) = SERVER_PARTS.iter().find(|name| is_field(&key, name)) else {
            continue;
        };
        let [id, name] = fields(value, ["id", "toolType"]);
        return Part::Item(Item::Server(Box::new(ServerTool {
            dialect: Dialect::Gemini,
            kind: (*kind).to_owned(),
            id: id.and_then(|id| id.string()).map(Into::into),
            name: name.and_then(|name| name.string()).map(Into::into),
            query: None,
            raw: RawJson::of(part),
        })));
    }
    // Flags alone (`{}`, `{"thought": true}`) say nothing.
    let has_payload = part
        .members()
        .any(|(key, value)| !is_field(&key, "thought") && !value.is_null());
    if !has_payload {
        return Part::Nothing;
    }
    Part::Item(Item::Opaque {
        dialect: Dialect::Gemini,
        raw: RawJson::of(part),
    })
}

fn decode_call(
    call: Node<'_>,
    place: &Place<'_>,
    signature: Option<Signature>,
) -> Result<Item, CodecError> {
    let [id, call_id, name, args] = fields(object(call, place)?, ["id", "callId", "name", "args"]);
    let arguments = args.map_or_else(|| "{}".to_owned(), |args| compact(args.raw()));
    Ok(Item::Call {
        // Calls without id get one where an upstream wants ids, made of their place (E-35).
        id: opt_text(id.or(call_id), &place.key("id"))?.unwrap_or_default(),
        item_id: None,
        name: opt_text(name, &place.key("name"))?
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                place
                    .key("name")
                    .invalid("must be a string that is not empty")
            })?,
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json(arguments),
        signature,
        cache: None,
        caller: None,
    })
}

fn decode_result(result: Node<'_>, place: &Place<'_>) -> Result<Item, CodecError> {
    let [id, call_id, name, response, parts] = fields(
        object(result, place)?,
        ["id", "callId", "name", "response", "parts"],
    );
    let mut content = Vec::new();
    let mut is_error = false;
    if let Some(response) = response {
        let (words, failed) = words_of(response);
        is_error = failed;
        if !words.is_empty() {
            content.push(Item::text(words));
        }
    }
    let parts_place = place.key("parts");
    for (i, part) in parts.into_iter().flat_map(super::list).enumerate() {
        if let Part::Item(item) = decode_part(part, &parts_place.at(i))? {
            content.push(item);
        }
    }
    Ok(Item::Result {
        call_id: opt_text(id.or(call_id), &place.key("id"))?.unwrap_or_default(),
        // An empty name is filled from the call at the same place (E-36).
        name: opt_text(name, &place.key("name"))?.filter(|name| !name.is_empty()),
        content,
        object: response.map(RawJson::of).filter(RawJson::is_object),
        is_error,
        kind: ResultKind::Function,
        cache: None,
    })
}

/// What a tool answered, as text, and whether it failed: the value under `error`, `output` or
/// `result` when it stands alone, else the whole object (`gemini-generate-content.md` §2).
fn words_of(response: Node<'_>) -> (String, bool) {
    let mut members = response.members();
    let value = match (members.next(), members.next()) {
        (None, _) if response.kind() == Kind::Object => return (String::new(), false),
        (Some((key, value)), None) if matches!(&*key, "output" | "result") => value,
        (Some((key, value)), None) if key == "error" => return (words(value), true),
        _ => response,
    };
    (words(value), false)
}

fn words(value: Node<'_>) -> String {
    match value.kind() {
        Kind::Null => String::new(),
        Kind::String => value.string().unwrap_or_default().into_owned(),
        _ => compact(value.raw()),
    }
}

fn decode_blob(blob: Node<'_>, place: &Place<'_>) -> Result<Item, CodecError> {
    let [mime, data, name] = fields(object(blob, place)?, ["mimeType", "data", "displayName"]);
    let mime = opt_text(mime, &place.key("mimeType"))?.unwrap_or_default();
    let name = opt_text(name, &place.key("displayName"))?;
    let place = place.key("data");
    let data = data
        .ok_or_else(|| place.invalid("must be a string"))
        .and_then(|data| text(data, &place))?;
    let source = media::base64(&mime, &data).ok_or_else(|| place.invalid("must be base64"))?;
    let mime = match &source {
        MediaSource::Base64 { mime, .. } => mime.clone(),
        _ => mime,
    };
    Ok(media_item(&mime, source, name))
}

fn decode_file(file: Node<'_>, place: &Place<'_>) -> Result<Item, CodecError> {
    let [mime, uri, name] = fields(object(file, place)?, ["mimeType", "fileUri", "displayName"]);
    let mime = opt_text(mime, &place.key("mimeType"))?;
    let uri = opt_text(uri, &place.key("fileUri"))?
        .ok_or_else(|| place.key("fileUri").invalid("must be a string"))?;
    let name = opt_text(name, &place.key("displayName"))?;
    let kind = match &mime {
        Some(mime) => mime.as_str(),
        None if is_youtube(&uri) => "video/*",
        None => "",
    };
    // Nobody but Google can read its buckets and its Files API.
    let source = if uri.starts_with("gs://") || uri.contains("generativelanguage.googleapis.com/") {
        MediaSource::FileId {
            dialect: Dialect::Gemini,
            id: uri.clone(),
        }
    } else {
        MediaSource::Url {
            url: uri.clone(),
            mime: mime.clone(),
        }
    };
    Ok(media_item(kind, source, name))
}

/// True for links to videos that Gemini reads by itself.
pub(in super::super) fn is_youtube(uri: &str) -> bool {
    [
        "https://www.youtube.com/",
        "https://youtube.com/",
        "https://youtu.be/",
    ]
    .iter()
    .any(|prefix| uri.starts_with(prefix))
}

fn media_item(mime: &str, source: MediaSource, name: Option<String>) -> Item {
    match mime.split_once('/').map_or(mime, |(kind, _)| kind) {
        "image" => Item::Image {
            source,
            detail: None,
            cache: None,
        },
        "audio" => Item::Audio {
            source,
            transcript: None,
            id: None,
        },
        "video" => Item::Video { source },
        _ => Item::File {
            source,
            name,
            context: None,
            citations_enabled: false,
            cache: None,
        },
    }
}
