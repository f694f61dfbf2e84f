//! Cleaning of JSON schemas for upstreams that take a subset (`matrix.md` §4.4, §4.6, §8).
//!
//! Number texts and strings are carried, never re-encoded. A property *named* like a keyword is a
//! property. Every function ends on schemas that refer to themselves, and none recurses deeper than
//! a fixed limit.

mod anthropic;
mod gemini;
mod hint;
mod map;
mod object;
mod output;
mod refs;
#[cfg(test)]
mod tests;
mod walk;

use crate::args;
use crate::raw::RawJson;
use crate::splice::{Doc, Kind, quote};

/// Which schema language a Gemini backend reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeminiForm {
    /// `parameters` / `responseSchema`: the OpenAPI subset.
    Strict,
    /// `parametersJsonSchema` / `responseJsonSchema`.
    JsonSchema,
}

/// Parameters of a function for a Gemini upstream: an object, top-level unions merged. `None` = leave
/// the field out (strict form: nothing sent, or an object without properties). A root of another type
/// keeps it.
pub fn for_gemini(schema: Option<&RawJson>, form: GeminiForm) -> Option<RawJson> {
    gemini::clean(schema, form, true)
}

/// A structured-output schema for a Gemini upstream: as [`for_gemini`], but a union at the root stays
/// one. `None` = leave the field out.
pub fn for_gemini_output(schema: &RawJson, form: GeminiForm) -> Option<RawJson> {
    gemini::clean(Some(schema), form, false)
}

/// Parameters of a function for an Anthropic `input_schema`: an object, top-level unions merged.
pub fn for_anthropic(schema: Option<&RawJson>) -> RawJson {
    schema.map_or_else(empty_object, anthropic::clean)
}

/// A structured-output schema for Anthropic `output_config.format`: closed objects, limits moved
/// into descriptions.
pub fn for_anthropic_output(schema: &RawJson) -> RawJson {
    output::clean(schema)
}

/// Parameters of a function for chat (`None` = leave out); objects get `properties`.
pub fn for_chat(schema: Option<&RawJson>) -> Option<RawJson> {
    let walk = walk::Walk {
        add_properties: true,
        drop_dialect: false,
    };
    schema.filter(|s| s.is_object()).map(|s| walk.function(s))
}

/// Parameters of a function for Responses: `$schema` dropped, objects get `properties`.
pub fn for_responses(schema: Option<&RawJson>) -> RawJson {
    let walk = walk::Walk {
        add_properties: true,
        drop_dialect: true,
    };
    schema
        .filter(|s| s.is_object())
        .map_or_else(empty_object, |s| walk.function(s))
}

/// The schema a custom (free text) tool gets where only functions exist: one string `input`.
pub fn custom_input() -> RawJson {
    RawJson::from(serde_json::json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"]
    }))
}

/// The arguments of a call of such a function, from the free text.
pub fn wrap_custom_input(text: &str) -> RawJson {
    made(format!("{{\"input\":{}}}", quote(text)))
}

/// Unwraps the argument text of such a function: the `input` string, or the text itself. Arguments
/// that were cut are repaired first; an object without members is the empty text.
pub fn unwrap_custom_input(arguments: &str) -> String {
    let object = args::to_object(arguments);
    let Ok(doc) = Doc::parse(object.as_str().as_bytes()) else {
        return arguments.to_owned();
    };
    let root = doc.root();
    match root.get("input") {
        Some(input) if input.kind() == Kind::String => {
            input.string().unwrap_or_default().into_owned()
        }
        Some(input) if root.members().count() == 1 => input.raw().to_owned(),
        None if root.members().next().is_none() => String::new(),
        _ => arguments.to_owned(),
    }
}

fn empty_object() -> RawJson {
    RawJson::from(serde_json::json!({"type": "object", "properties": {}}))
}

/// Takes over text that was put together from valid parts.
fn made(json: String) -> RawJson {
    // Parts of a `RawJson` and quoted texts always make valid JSON again.
    RawJson::made(json)
}
