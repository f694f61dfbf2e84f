//! [`Request`] → `generateContent` body for a Gemini upstream.

mod parts;
mod safety;
mod settings;
mod tools;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use parts::is_foreign;
pub(super) use settings::thinking;

use super::out::{Content, Part};
use super::words::STAND_IN;
use crate::canonical::{
    Item, KeepReasoning, MissingResults, NormalizeRules, Request, Role, normalize,
};
use crate::codec::{CodecError, Dialect, Encoded, ReplyNotes, Target};
use crate::names::NameMap;
use crate::raw::RawJson;
use bytes::Bytes;
use safety::Safety;
use serde::Serialize;
use std::borrow::Cow;

/// The body. `model` stands in the URL.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<tools::ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<tools::ToolConfig>,
    #[serde(skip_serializing_if = "settings::Settings::is_empty")]
    generation_config: settings::Settings<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_settings: Option<Safety<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

/// What Gemini demands of the turns.
fn rules(target: &Target<'_>) -> NormalizeRules {
    NormalizeRules {
        merge_turns: true,
        drop_prefill: true,
        drop_trailing_call: true,
        missing_results: MissingResults::Insert,
        wrap_system: true,
        reasoning: KeepReasoning::SignedBy(target.endpoint.issuer(Dialect::Gemini)),
        only_native_of: Some(Dialect::Gemini),
        ..NormalizeRules::default()
    }
}

/// Encodes a request. Refuses references to state that only another vendor keeps.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, CodecError> {
    with_body(request, target, |body| {
        serde_json::to_vec(&body).map(Bytes::from)
    })
}

/// Builds the body and hands it to `write`, which may put it into an envelope.
pub(super) fn with_body(
    request: &Request,
    target: &Target<'_>,
    write: impl FnOnce(Body<'_>) -> Result<Bytes, serde_json::Error>,
) -> Result<Encoded, CodecError> {
    refuse_foreign_state(request)?;
    let request = normalize(request, rules(target));
    let names = tools::name_map(&request);
    let body = build(&request, target, &names);
    let body = write(body).map_err(|error| CodecError::Invalid {
        path: "body".into(),
        message: error.to_string(),
    })?;
    Ok(Encoded {
        body,
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

fn build<'a>(request: &'a Request, target: &Target<'_>, names: &'a NameMap) -> Body<'a> {
    let cached_content = request.state.cached_content.as_deref();
    let (mut tools, mut tool_config) = tools::encode(request, target, names);
    let mut system_instruction = system_of(request);
    if cached_content.is_some() {
        // Google refuses these beside a cache: they are part of it (E-207).
        tools.clear();
        tool_config = None;
        system_instruction = None;
    }
    Body {
        model: None,
        system_instruction,
        contents: contents_of(request, target, names),
        tools,
        tool_config,
        generation_config: settings::encode(request, target),
        safety_settings: Safety::of(request.safety_settings.as_ref(), target),
        cached_content,
        labels: request
            .metadata
            .as_ref()
            .filter(|labels| target.endpoint.vertex && labels.is_object()),
        service_tier: request
            .tier
            .as_deref()
            .filter(|_| !target.endpoint.vertex)
            .and_then(settings::tier),
    }
}

fn refuse_foreign_state(request: &Request) -> Result<(), CodecError> {
    let state = &request.state;
    let found = [
        ("previous_response_id", state.previous_response_id.is_some()),
        ("conversation", state.conversation.is_some()),
        ("prompt", state.prompt.is_some()),
        ("background", state.background == Some(true)),
    ]
    .into_iter()
    .find(|(_, present)| *present);
    match found {
        Some((param, _)) => Err(CodecError::Unsupported {
            param: param.into(),
            message: format!(
                "`{param}` needs an upstream that speaks the Responses API; send the whole \
                 conversation in the request instead"
            ),
        }),
        None => Ok(()),
    }
}

fn system_of(request: &Request) -> Option<Content<'_>> {
    let parts: Vec<Part<'_>> = request
        .system
        .iter()
        .filter(|block| !block.text.is_empty())
        .map(|block| Part::text(&*block.text))
        .collect();
    (!parts.is_empty()).then_some(Content { role: None, parts })
}

fn contents_of<'a>(
    request: &'a Request,
    target: &Target<'_>,
    names: &'a NameMap,
) -> Vec<Content<'a>> {
    let mut contents = Vec::with_capacity(request.turns.len() + 1);
    let mut calling: &[Item] = &[];
    for turn in &request.turns {
        let role = match turn.role {
            Role::Assistant => "model",
            Role::User | Role::Tool | Role::System | Role::Developer => "user",
        };
        let mut writer = parts::Writer::new(target, names, calling);
        if turn.role == Role::Assistant {
            calling = &turn.items;
        }
        if turn.role == Role::Assistant && target.model_traits.gemini3 && is_unsigned(&turn.items) {
            writer.stand_in = Some(Cow::Borrowed(STAND_IN));
        }
        for item in &turn.items {
            writer.push(item);
        }
        let parts = writer.finish();
        if !parts.is_empty() {
            contents.push(Content {
                role: Some(role),
                parts,
            });
        }
    }
    if contents
        .first()
        .is_some_and(|first| first.role == Some("model"))
    {
        // The conversation must begin with the user (E-17).
        let parts = vec![Part::text("")];
        let role = Some("user");
        contents.insert(0, Content { role, parts });
    }
    contents
}

/// True when the turn has calls and none of them is signed (E-56).
fn is_unsigned(items: &[Item]) -> bool {
    use crate::canonical::SignaturePlace;
    !items.iter().any(|item| match item {
        Item::Call { signature, .. } => signature.is_some(),
        Item::Reasoning {
            signature: Some(signature),
            ..
        } => signature.place == SignaturePlace::NextCall,
        _ => false,
    })
}
