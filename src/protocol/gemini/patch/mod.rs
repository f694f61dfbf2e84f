//! Pass-through requests: span edits on the client's own body (`matrix.md` §2).

mod contents;
mod tools;

#[cfg(test)]
mod tests;

use super::encode::thinking;
use super::out::json;
use super::read::{Place, fields, is_field, truth, whole};
use crate::canonical::{ReasoningIntent, ReasoningShow};
use crate::codec::{CodecError, Encoded, Patch, ReplyNotes, Target};
use crate::splice::{Doc, Edits, Kind, Node, quote};
use bytes::Bytes;
use std::borrow::Cow;

/// Edits a body for a Gemini upstream; the same bytes when nothing has to change.
pub(super) fn patch(
    raw: &Bytes,
    patch: &Patch<'_>,
    target: &Target<'_>,
) -> Result<Encoded, CodecError> {
    let place = Place::of("body");
    let doc = Doc::parse(raw).map_err(|error| place.invalid(error.to_string()))?;
    let root = doc.root();
    if root.kind() != Kind::Object {
        return Err(place.invalid("must be an object"));
    }
    let mut edits = Edits::new();
    edit_members(root, patch, target, &mut edits);
    edit_generation(root, patch, target, &mut edits);
    let [contents, declared, config, cached] =
        fields(root, ["contents", "tools", "toolConfig", "cachedContent"]);
    let names = tools::name_map(declared, contents);
    contents::edit(contents, target, &names, &mut edits);
    if cached.is_none() {
        tools::edit(declared, config, target, &names, &mut edits);
    }
    Ok(Encoded {
        body: edits.apply(raw),
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

/// A member by its name, with the key as the client spelt it.
fn member<'a>(object: Node<'a>, name: &str) -> Option<(Cow<'a, str>, Node<'a>)> {
    object
        .members()
        .filter(|(key, _)| is_field(key, name))
        .last()
}

fn edit_members(root: Node<'_>, patch: &Patch<'_>, target: &Target<'_>, edits: &mut Edits) {
    let [cached] = fields(root, ["cachedContent"]);
    for (key, value) in root.members() {
        // Google refuses the first three beside a cache (E-207) and labels outside Vertex; the
        // session id is ours.
        let is_refused = match &*key {
            key if ["systemInstruction", "tools", "toolConfig"]
                .iter()
                .any(|name| is_field(key, name)) =>
            {
                cached.is_some()
            }
            "labels" => !target.endpoint.vertex,
            key => is_field(key, "sessionId"),
        };
        if is_refused {
            edits.remove(root, &key);
        } else if key == "model"
            && let Some(model) = patch.model
        {
            let prefix = match value.string() {
                Some(name) if name.starts_with("models/") => "models/",
                _ => "",
            };
            edits.replace(value, quote(&format!("{prefix}{model}")));
        }
    }
}

fn edit_generation(root: Node<'_>, patch: &Patch<'_>, target: &Target<'_>, edits: &mut Edits) {
    let config = member(root, "generationConfig")
        .map(|(_, config)| config)
        .filter(|config| config.kind() == Kind::Object);
    if let Some(intent) = patch.thinking {
        edit_thinking(root, config, intent, target, edits);
    }
    let Some(config) = config else { return };
    let [max] = fields(config, ["maxOutputTokens"]);
    let limit = target.model_traits.max_output;
    // A value that is no number is the upstream's to refuse.
    let asked = whole::<i64>(max, &Place::of("maxOutputTokens"))
        .ok()
        .flatten();
    if let (Some(node), Some(limit), Some(asked)) = (max, limit, asked)
        && u64::try_from(asked).is_ok_and(|asked| asked > limit)
    {
        edits.replace(node, limit.to_string());
    }
    tools::edit_output_schema(config, target, edits);
}

fn edit_thinking(
    root: Node<'_>,
    config: Option<Node<'_>>,
    intent: ReasoningIntent,
    target: &Target<'_>,
    edits: &mut Edits,
) {
    let existing = config.and_then(|config| member(config, "thinkingConfig"));
    let show = existing
        .as_ref()
        .and_then(|(_, thinking)| {
            let [show] = fields(*thinking, ["includeThoughts"]);
            truth(show, &Place::of("includeThoughts")).ok().flatten()
        })
        .map_or(ReasoningShow::Unset, |show| {
            if show {
                ReasoningShow::SummaryAuto
            } else {
                ReasoningShow::Hidden
            }
        });
    let wanted = match intent {
        ReasoningIntent::Unset => None,
        intent => thinking(intent, show, target),
    };
    match (wanted, config, existing) {
        (Some(wanted), _, Some((_, thinking))) => edits.replace(thinking, json(&wanted).as_str()),
        (Some(wanted), Some(config), None) => {
            edits.set(config, "thinkingConfig", json(&wanted).as_str());
        }
        (Some(wanted), None, None) => {
            let key = member(root, "generationConfig")
                .map_or(Cow::Borrowed("generationConfig"), |(key, _)| key);
            let config = format!("{{\"thinkingConfig\":{}}}", json(&wanted).as_str());
            edits.set(root, &key, config);
        }
        (None, Some(config), Some((key, _))) => edits.remove(config, &key),
        (None, _, _) => {}
    }
}
