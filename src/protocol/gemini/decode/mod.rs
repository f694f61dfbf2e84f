//! A client's `generateContent` body → [`Request`].
//!
//! Field names are accepted in lowerCamelCase and snake_case, lists also as a single element
//! (`gemini-generate-content.md` §2, E-18).

mod parts;
mod schema;
mod settings;
mod tools;

#[cfg(test)]
mod tests;

pub(super) use parts::is_youtube;

use super::read::{Place, fields, list, object, opt_text, whole_text};
use crate::canonical::{Item, Request, Role, SystemBlock, SystemRank, Turn};
use crate::codec::{CodecError, Dialect, PathFacts, root_value};
use crate::raw::RawJson;
use crate::splice::{JsonBody, Kind, Node};
use crate::text::Text;

/// Decodes a client's body. The model comes from the URL, else from the body (`count_tokens` hands
/// bodies without a path on). Errors name the place.
pub(super) fn decode(body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
    let root = root_value(body)?;
    let mut request = decode_root(root, path)?;
    request.native = Some((Dialect::Gemini, body.raw().clone()));
    Ok(request)
}

/// Decodes a body that is already cut out of its envelope; `native` stays empty.
pub(super) fn decode_root(root: Node<'_>, path: &PathFacts<'_>) -> Result<Request, CodecError> {
    let body = object(root, &Place::of("body"))?;
    let [
        model,
        contents,
        system,
        declared,
        tool_config,
        generation,
        safety,
        cached,
        labels,
        tier,
    ] = fields(
        body,
        [
            "model",
            "contents",
            "systemInstruction",
            "tools",
            "toolConfig",
            "generationConfig",
            "safetySettings",
            "cachedContent",
            "labels",
            "serviceTier",
        ],
    );
    let mut request = Request {
        model: model_name(model, path)?,
        stream: path.stream.unwrap_or(false),
        safety_settings: safety.map(RawJson::of),
        metadata: labels.map(RawJson::of),
        tier: opt_text(tier, &Place::of("serviceTier"))?.filter(|tier| tier != "unspecified"),
        ..Request::default()
    };
    request.state.cached_content = opt_text(cached, &Place::of("cachedContent"))?;
    if let Some(system) = system {
        request.system = system_blocks(system)?;
    }
    if let Some(contents) = contents {
        decode_contents(contents, &mut request.turns)?;
    }
    if let Some(declared) = declared {
        request.tools = tools::decode(declared)?;
    }
    if let Some(config) = tool_config {
        request.tool_choice = tools::decode_choice(config)?;
    }
    if let Some(generation) = generation {
        settings::decode(generation, &mut request)?;
    }
    Ok(request)
}

fn model_name(in_body: Option<Node<'_>>, path: &PathFacts<'_>) -> Result<String, CodecError> {
    let place = Place::of("model");
    let name = match path.model {
        Some(model) => model.to_owned(),
        None => opt_text(in_body, &place)?.unwrap_or_default(),
    };
    let name = name.strip_prefix("models/").unwrap_or(&name);
    if name.is_empty() {
        return Err(place.invalid("the model must be named in the path"));
    }
    Ok(name.to_owned())
}

fn system_blocks(system: Node<'_>) -> Result<Vec<SystemBlock>, CodecError> {
    let place = Place::of("systemInstruction");
    let mut blocks = Vec::new();
    let mut push = |text: Text| {
        if !text.is_empty() {
            blocks.push(SystemBlock {
                text,
                rank: SystemRank::System,
                cache: None,
            });
        }
    };
    if system.kind() == Kind::String {
        push(whole_text(system, &place)?);
        return Ok(blocks);
    }
    let [parts] = fields(object(system, &place)?, ["parts"]);
    let place = place.key("parts");
    for (i, part) in parts.into_iter().flat_map(list).enumerate() {
        let place = place.at(i);
        let [words] = fields(object(part, &place)?, ["text"]);
        if let Some(words) = words {
            push(whole_text(words, &place.key("text"))?);
        }
    }
    Ok(blocks)
}

fn decode_contents(contents: Node<'_>, turns: &mut Vec<Turn>) -> Result<(), CodecError> {
    let place = Place::of("contents");
    if contents.kind() == Kind::String {
        let item = Item::text(whole_text(contents, &place)?);
        turns.push(Turn::new(Role::User, vec![item]));
        return Ok(());
    }
    for (i, content) in list(contents).enumerate() {
        let place = place.at(i);
        let [role, parts] = fields(object(content, &place)?, ["role", "parts"]);
        let role = opt_text(role, &place.key("role"))?;
        let place = place.key("parts");
        let parts = parts.into_iter().flat_map(list);
        match role.as_deref() {
            Some("model" | "assistant") => parts::model_turn(parts, &place, turns)?,
            Some("system" | "developer") => parts::user_turns(Role::System, parts, &place, turns)?,
            // No role, `function` (old) and anything else speak for the user (E-18).
            _ => parts::user_turns(Role::User, parts, &place, turns)?,
        }
    }
    Ok(())
}
