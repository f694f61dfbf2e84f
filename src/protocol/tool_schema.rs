//! Cleaning of JSON schemas for upstreams that take a subset (`matrix.md` §4.4, §4.6, §8).

use crate::raw::RawJson;

/// Which schema language a Gemini backend reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeminiForm {
    /// `parameters` / `responseSchema`: the OpenAPI subset.
    Strict,
    /// `parametersJsonSchema` / `responseJsonSchema`.
    JsonSchema,
}

/// A schema for a Gemini upstream; `None` = leave the field out (empty root object, strict form).
pub fn for_gemini(schema: Option<&RawJson>, form: GeminiForm) -> Option<RawJson> {
    let _ = form;
    schema.cloned()
}

/// Parameters of a function for an Anthropic `input_schema`: an object, top-level unions merged.
pub fn for_anthropic(schema: Option<&RawJson>) -> RawJson {
    let _ = schema;
    RawJson::from(serde_json::json!({"type": "object", "properties": {}}))
}

/// A structured-output schema for Anthropic `output_config.format`.
pub fn for_anthropic_output(schema: &RawJson) -> RawJson {
    schema.clone()
}

/// Parameters of a function for chat (`None` = leave out); objects get `properties`.
pub fn for_chat(schema: Option<&RawJson>) -> Option<RawJson> {
    schema.cloned()
}

/// Parameters of a function for Responses: `$schema` dropped, objects get `properties`.
pub fn for_responses(schema: Option<&RawJson>) -> RawJson {
    let _ = schema;
    RawJson::from(serde_json::json!({"type": "object", "properties": {}}))
}

/// The schema a custom (free text) tool gets where only functions exist: one string `input`.
pub fn custom_input() -> RawJson {
    RawJson::from(serde_json::json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"]
    }))
}

/// Unwraps the argument text of such a function: the `input` string, or the text itself.
pub fn unwrap_custom_input(arguments: &str) -> String {
    arguments.to_owned()
}
