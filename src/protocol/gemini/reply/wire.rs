//! Shapes of replies as a Gemini upstream sends them. Unknown fields are skipped; what is only
//! carried stays raw text.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Text that is borrowed where it has no escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in super::super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// One reply object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    #[serde(borrow)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, alias = "usage_metadata")]
    pub usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, alias = "prompt_feedback")]
    pub prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(borrow, alias = "model_version")]
    pub model_version: Option<Text<'a>>,
    #[serde(borrow, alias = "response_id")]
    pub response_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

impl Object<'_> {
    /// True when nothing of a reply is in it: it is some other JSON.
    pub(super) fn is_foreign(&self) -> bool {
        self.candidates.is_none()
            && self.usage_metadata.is_none()
            && self.prompt_feedback.is_none()
            && self.model_version.is_none()
            && self.response_id.is_none()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow, alias = "block_reason")]
    pub block_reason: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub index: Option<u32>,
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    #[serde(borrow, alias = "finish_reason")]
    pub finish_reason: Option<Text<'a>>,
    #[serde(borrow, alias = "finish_message")]
    pub finish_message: Option<Text<'a>>,
    #[serde(borrow, alias = "grounding_metadata")]
    pub grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow, alias = "citation_metadata")]
    pub citation_metadata: Option<&'a RawValue>,
    #[serde(alias = "logprobs_result")]
    pub logprobs_result: Option<Logprobs>,
}

/// `logprobsResult`: the tokens of this object and what else they could have been.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logprobs {
    #[serde(default)]
    pub chosen_candidates: Vec<Token>,
    #[serde(default)]
    pub top_candidates: Vec<Alternatives>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alternatives {
    #[serde(default)]
    pub candidates: Vec<Token>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    #[serde(default)]
    pub token: String,
    /// Missing = 0, as in every JSON of Google.
    #[serde(default)]
    pub log_probability: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub parts: Option<Vec<Part<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    pub text: Option<String>,
    pub thought: Option<bool>,
    #[serde(borrow, alias = "thought_signature")]
    pub thought_signature: Option<Text<'a>>,
    #[serde(borrow, alias = "function_call")]
    pub function_call: Option<Call<'a>>,
    #[serde(borrow, alias = "inline_data")]
    pub inline_data: Option<Blob<'a>>,
    #[serde(borrow, alias = "file_data")]
    pub file_data: Option<&'a RawValue>,
    #[serde(borrow, alias = "executable_code")]
    pub executable_code: Option<&'a RawValue>,
    #[serde(borrow, alias = "code_execution_result")]
    pub code_execution_result: Option<&'a RawValue>,
    #[serde(borrow, alias = "tool_call")]
    pub tool_call: Option<&'a RawValue>,
    #[serde(borrow, alias = "tool_response")]
    pub tool_response: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub args: Option<&'a RawValue>,
    #[serde(borrow, alias = "partial_args")]
    pub partial_args: Option<Vec<PartialArg<'a>>>,
    #[serde(alias = "will_continue")]
    pub will_continue: Option<bool>,
}

/// One piece of streamed arguments (Vertex).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartialArg<'a> {
    #[serde(borrow, alias = "json_path")]
    pub json_path: Text<'a>,
    #[serde(borrow, alias = "string_value")]
    pub string_value: Option<Text<'a>>,
    #[serde(borrow, alias = "number_value")]
    pub number_value: Option<&'a RawValue>,
    #[serde(alias = "bool_value")]
    pub bool_value: Option<bool>,
    #[serde(alias = "will_continue")]
    pub will_continue: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow, alias = "mime_type")]
    pub mime_type: Option<Text<'a>>,
    pub data: String,
}

/// `groundingMetadata`, as far as it is shown to other protocols.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grounding<'a> {
    #[serde(default)]
    pub web_search_queries: Vec<String>,
    #[serde(default, borrow)]
    pub grounding_chunks: Vec<&'a RawValue>,
    #[serde(default)]
    pub grounding_supports: Vec<Support>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    pub web: Option<Source>,
    #[serde(rename = "retrievedContext")]
    pub retrieved: Option<Source>,
    pub maps: Option<Source>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub uri: Option<String>,
    pub title: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Support {
    pub segment: Option<Segment>,
    #[serde(default)]
    pub grounding_chunk_indices: Vec<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Segment {
    #[serde(default)]
    pub start_index: usize,
    #[serde(default)]
    pub end_index: usize,
    #[serde(default)]
    pub text: String,
}

/// `citationMetadata`: the name of the list differs between the APIs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CitationMetadata<'a> {
    #[serde(default, borrow, alias = "citations")]
    pub citation_sources: Vec<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CitationSource {
    #[serde(default)]
    pub start_index: usize,
    #[serde(default)]
    pub end_index: usize,
    pub uri: Option<String>,
    pub title: Option<String>,
}

/// `usageMetadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageWire {
    pub prompt_token_count: Option<u64>,
    pub cached_content_token_count: Option<u64>,
    pub candidates_token_count: Option<u64>,
    pub thoughts_token_count: Option<u64>,
    pub tool_use_prompt_token_count: Option<u64>,
    pub total_token_count: Option<u64>,
    pub prompt_tokens_details: Option<Vec<Modality>>,
    pub candidates_tokens_details: Option<Vec<Modality>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Modality {
    #[serde(default)]
    pub modality: String,
    #[serde(default)]
    pub token_count: u64,
}
