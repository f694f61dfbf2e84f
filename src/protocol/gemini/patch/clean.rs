//! The usual case, found in one pass: a body in which nothing has to change.

use super::super::reply::wire::Text;
use super::contents::{Fate, fate_of, is_made_here};
use crate::codec::{Patch, Target};
use crate::names::NameRule;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// The fields of a body that edits look at. A body in another form than Google's own does not fit
/// and is left to the full look.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body<'a> {
    model: Present,
    #[serde(borrow)]
    contents: Vec<Content<'a>>,
    #[serde(alias = "system_instruction")]
    system_instruction: Present,
    #[serde(borrow)]
    tools: Vec<Tool<'a>>,
    #[serde(borrow, alias = "tool_config")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(alias = "generation_config")]
    generation_config: Option<Generation>,
    #[serde(alias = "cached_content")]
    cached_content: Present,
    labels: Present,
    #[serde(alias = "session_id")]
    session_id: Present,
}

/// Whether a member is there at all, `null` included.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

fn present<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Option<Text<'a>>>, D::Error>
where
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part<'a> {
    #[serde(borrow, alias = "function_call")]
    function_call: Option<Function<'a>>,
    #[serde(borrow, alias = "function_response")]
    function_response: Option<Function<'a>>,
    #[serde(borrow, alias = "thought_signature")]
    thought_signature: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    /// Outer `None`: absent, inner: `null`, which Vertex refuses too.
    #[serde(
        borrow,
        alias = "callId",
        alias = "call_id",
        deserialize_with = "present"
    )]
    id: Option<Option<Text<'a>>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tool<'a> {
    #[serde(borrow, alias = "function_declarations")]
    function_declarations: Option<Vec<Function<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToolConfig<'a> {
    #[serde(borrow, alias = "function_calling_config")]
    function_calling_config: Option<Calling<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Calling<'a> {
    #[serde(borrow, alias = "allowed_function_names")]
    allowed_function_names: Option<Vec<Text<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Generation {
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<u64>,
}

/// True when the full look would change nothing. False says nothing.
pub(super) fn is_clean(raw: &[u8], patch: &Patch<'_>, target: &Target<'_>) -> bool {
    let is_object = raw.trim_ascii_start().starts_with(b"{");
    if !is_object || patch.thinking.is_some() || target.endpoint.strict_schema {
        return false;
    }
    let Ok(body) = serde_json::from_slice::<Body<'_>>(raw) else {
        return false;
    };
    let has_refused = (patch.model.is_some() && body.model.0)
        || (body.labels.0 && !target.endpoint.vertex)
        || body.session_id.0
        || (body.cached_content.0
            && (body.system_instruction.0 || !body.tools.is_empty() || body.tool_config.is_some()));
    let asked = body.generation_config.and_then(|c| c.max_output_tokens);
    let is_above = asked > Some(target.model_traits.max_output.unwrap_or(u64::MAX));
    !has_refused
        && !is_above
        && body.tools.iter().all(has_legal_names)
        && body.tool_config.is_none_or(|config| {
            let calling = config.function_calling_config;
            let names = calling.and_then(|calling| calling.allowed_function_names);
            names.is_none_or(|names| names.iter().all(|name| is_legal(&name.0)))
        })
        && are_clean(&body.contents, target)
}

fn is_legal(name: &str) -> bool {
    NameRule::GEMINI.accepts(name)
}

fn has_legal_names(tool: &Tool<'_>) -> bool {
    tool.function_declarations
        .iter()
        .flatten()
        .filter_map(|function| function.name.as_ref())
        .all(|name| is_legal(&name.0))
}

fn are_clean(contents: &[Content<'_>], target: &Target<'_>) -> bool {
    // Calls of neighbouring model contents: one signature is enough for them.
    let mut is_unsigned = false;
    let mut is_signed = false;
    for (place, content) in contents.iter().enumerate() {
        match &*content.role.0 {
            "model" if place == 0 => return false,
            "model" => {
                for part in &content.parts {
                    let fate = part
                        .thought_signature
                        .as_ref()
                        .map(|s| fate_of(&s.0, target));
                    if !matches!(fate, None | Some(None | Some(Fate::Stays))) {
                        return false;
                    }
                    if let Some(call) = &part.function_call {
                        if !is_plain(call, target) {
                            return false;
                        }
                        match fate {
                            Some(Some(_)) => is_signed = true,
                            _ => is_unsigned = true,
                        }
                    }
                }
            }
            "user" => {
                if is_unsigned && !is_signed && target.model_traits.gemini3 {
                    return false;
                }
                (is_unsigned, is_signed) = (false, false);
                // Calls in the user's mouth are odd enough for the full look.
                let results_are_plain = content.parts.iter().all(|part| {
                    part.function_call.is_none()
                        && part.function_response.as_ref().is_none_or(|result| {
                            part.thought_signature.is_none() && is_plain(result, target)
                        })
                });
                if !results_are_plain {
                    return false;
                }
            }
            _ => return false,
        }
    }
    !(is_unsigned && !is_signed && target.model_traits.gemini3)
}

/// True when neither the name nor the id of a call or result has to change.
fn is_plain(function: &Function<'_>, target: &Target<'_>) -> bool {
    let name = function.name.as_ref();
    let id_is_plain = match &function.id {
        None => true,
        Some(_) if target.endpoint.call_ids => true,
        Some(_) if target.endpoint.vertex => false,
        Some(id) => id.as_ref().is_none_or(|id| !is_made_here(&id.0)),
    };
    id_is_plain && name.is_some_and(|name| is_legal(&name.0))
}
