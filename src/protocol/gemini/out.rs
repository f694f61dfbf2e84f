//! Shapes this codec writes: parts (requests and replies), candidates, reply objects.

use crate::canonical::Usage;
use crate::raw::RawJson;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One part of a content.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    /// A part of ours.
    Own(Box<Own<'a>>),
    /// A part as Google sent it.
    Native(Cow<'a, RawJson>),
}

/// Fields of a part; exactly one payload is set.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Own<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_data: Option<FileRef<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response: Option<Answer<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    pub thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub mime_type: Cow<'a, str>,
    pub data: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<Cow<'a, str>>,
    pub file_uri: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Call<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    pub name: Cow<'a, str>,
    pub args: RawJson,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    pub name: Cow<'a, str>,
    pub response: Cow<'a, RawJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    pub(super) fn own(own: Own<'a>) -> Self {
        Self::Own(Box::new(own))
    }

    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::own(Own {
            text: Some(text.into()),
            ..Own::default()
        })
    }

    pub(super) fn thought(text: impl Into<Cow<'a, str>>) -> Self {
        Self::own(Own {
            text: Some(text.into()),
            thought: true,
            ..Own::default()
        })
    }

    /// An empty part that carries a signature.
    pub(super) fn signature(thought: bool, value: impl Into<Cow<'a, str>>) -> Self {
        Self::own(Own {
            text: Some(Cow::Borrowed("")),
            thought,
            thought_signature: Some(value.into()),
            ..Own::default()
        })
    }

    pub(super) fn inline(mime: impl Into<Cow<'a, str>>, data: impl Into<Cow<'a, str>>) -> Self {
        Self::own(Own {
            inline_data: Some(Blob {
                mime_type: mime.into(),
                data: data.into(),
                display_name: None,
            }),
            ..Own::default()
        })
    }
}

/// A content: whose words, and the parts.
#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part<'a>>,
}

/// One answer of a reply object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<&'static str>,
    pub index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grounding_metadata: Option<Cow<'a, RawJson>>,
}

/// One reply object: the whole reply, or one element of a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_metadata: Option<UsageOut>,
    pub model_version: &'a str,
    pub response_id: &'a str,
}

/// `usageMetadata` (`matrix.md` §10).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_prompt_token_count: Option<u64>,
    total_token_count: u64,
}

impl UsageOut {
    /// `None` when nothing is known.
    pub(super) fn of(usage: &Usage) -> Option<Self> {
        if usage.input_total.is_none() && usage.output_total.is_none() {
            return None;
        }
        let tool_use = usage.tool_use_input.filter(|&n| n > 0);
        let reasoning = usage.reasoning.filter(|&n| n > 0);
        Some(Self {
            prompt_token_count: usage
                .input_total
                .map(|all| all.saturating_sub(tool_use.unwrap_or(0))),
            cached_content_token_count: usage.cache_read.filter(|&n| n > 0),
            candidates_token_count: usage
                .output_total
                .map(|all| all.saturating_sub(reasoning.unwrap_or(0))),
            thoughts_token_count: reasoning,
            tool_use_prompt_token_count: tool_use,
            total_token_count: usage
                .input_total
                .unwrap_or(0)
                .saturating_add(usage.output_total.unwrap_or(0)),
        })
    }
}

/// JSON of `value`. The shapes here have string keys only, so that this cannot fail; `null` would
/// stand for the impossible.
pub(super) fn json(value: &impl Serialize) -> RawJson {
    RawJson::from_value(value).unwrap_or_else(|_| RawJson::from(RawValue::NULL.to_owned()))
}

fn is_false(value: &bool) -> bool {
    !*value
}
