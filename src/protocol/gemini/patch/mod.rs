//! Pass-through requests: span edits on the client's own body (`matrix.md` §2).

mod contents;
mod survey;
mod tools;

#[cfg(test)]
mod tests;

use super::encode::thinking;
use super::out::json;
use super::read::{Member, Place, fields, members, truth, whole};
use crate::canonical::{ReasoningIntent, ReasoningShow};
use crate::codec::{CodecError, Encoded, Patch, ReplyNotes, Target, root_object};
use crate::splice::{Edits, JsonBody, Kind, Node, quote};

/// Edits a body for a Gemini upstream; the same bytes when nothing has to change.
pub(super) fn patch(
    body: &JsonBody,
    patch: &Patch<'_>,
    target: &Target<'_>,
) -> Result<Encoded, CodecError> {
    let root = root_object(body)?;
    let [
        model,
        contents,
        system,
        declared,
        config,
        generation,
        cached,
        labels,
        session,
    ] = members(
        root,
        [
            "model",
            "contents",
            "systemInstruction",
            "tools",
            "toolConfig",
            "generationConfig",
            "cachedContent",
            "labels",
            "sessionId",
        ],
    );
    let mut edits = Edits::new();
    if let (Some(name), Some((_, old))) = (patch.model, &model) {
        edits.replace(*old, renamed(*old, name));
    }
    let is_cached = cached.is_some_and(|(_, cached)| !cached.is_null());
    // Google refuses the first three beside a cache (E-207) and labels outside Vertex; the session
    // id is ours.
    for (member, is_refused) in [
        (&system, is_cached),
        (&declared, is_cached),
        (&config, is_cached),
        (&labels, !target.endpoint.vertex),
        (&session, true),
    ] {
        if let (Some((key, _)), true) = (member, is_refused) {
            edits.remove(root, key);
        }
    }
    edit_generation(root, generation.as_ref(), patch, target, &mut edits);
    let contents =
        value_of(contents).filter(|node| matches!(node.kind(), Kind::Array | Kind::Object));
    let declared = value_of(declared).filter(|_| !is_cached);
    let survey = survey::contents(contents);
    let names = tools::name_map(declared, &survey);
    contents::edit(contents, &survey, target, &names, &mut edits);
    tools::edit(declared, value_of(config), target, &names, &mut edits);
    Ok(Encoded {
        body: edits.apply_to(body),
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

fn value_of(member: Option<Member<'_>>) -> Option<Node<'_>> {
    member.map(|(_, node)| node)
}

/// The new model name in the form of the old one.
fn renamed(old: Node<'_>, model: &str) -> String {
    match old.string() {
        Some(name) if name.starts_with("models/") => quote(&format!("models/{model}")),
        _ => quote(model),
    }
}

fn edit_generation(
    root: Node<'_>,
    generation: Option<&Member<'_>>,
    patch: &Patch<'_>,
    target: &Target<'_>,
    edits: &mut Edits,
) {
    if let Some(intent) = patch.thinking {
        edit_thinking(root, generation, intent, target, edits);
    }
    let Some((_, config)) = generation else {
        return;
    };
    let config = *config;
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
    generation: Option<&Member<'_>>,
    intent: ReasoningIntent,
    target: &Target<'_>,
    edits: &mut Edits,
) {
    let config = generation
        .map(|(_, config)| *config)
        .filter(|config| config.kind() == Kind::Object);
    let [existing] = config.map_or([None], |config| members(config, ["thinkingConfig"]));
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
            let key = generation.map_or("generationConfig", |(key, _)| key);
            let config = format!("{{\"thinkingConfig\":{}}}", json(&wanted).as_str());
            edits.set(root, key, config);
        }
        (None, Some(config), Some((key, _))) => edits.remove(config, &key),
        (None, _, _) => {}
    }
}
