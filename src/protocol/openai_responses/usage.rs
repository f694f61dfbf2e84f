//! `usage` of a response object ↔ token counts (`matrix.md` §10).

use super::output::json::Object;
use crate::canonical::Usage;
use crate::raw::RawJson;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct UsageIn {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

/// `tool_usage` of a response object: what built-in tools did.
#[derive(Deserialize)]
struct ToolUsage {
    #[serde(default)]
    web_search: Option<WebSearchUsage>,
}

#[derive(Deserialize)]
struct WebSearchUsage {
    #[serde(default)]
    num_requests: Option<u64>,
}

/// Reads a usage object and, when there is one, the `tool_usage` beside it.
pub(super) fn decode(usage: &RawValue, tools: Option<&RawValue>) -> Option<Usage> {
    let read: UsageIn = serde_json::from_str(usage.get()).ok()?;
    let input = read.input_tokens_details;
    let searches = tools
        .and_then(|tools| serde_json::from_str::<ToolUsage>(tools.get()).ok())
        .and_then(|tools| tools.web_search)
        .and_then(|search| search.num_requests);
    Some(Usage {
        input_total: read.input_tokens,
        cache_read: input.as_ref().and_then(|details| details.cached_tokens),
        cache_write: input.as_ref().and_then(|d| d.cache_write_tokens),
        output_total: read.output_tokens,
        reasoning: read.output_tokens_details.and_then(|d| d.reasoning_tokens),
        web_searches: searches.filter(|&n| n > 0),
        native: RawJson::parse(usage.get()).ok(),
        ..Usage::default()
    })
}

/// Writes a usage object. The types of the SDKs demand both detail objects (E-232); `null` when the
/// upstream counted nothing.
pub(super) fn encode(usage: &Usage) -> String {
    if usage.input_total.is_none() && usage.output_total.is_none() {
        return "null".to_owned();
    }
    let input = usage.input_total.unwrap_or(0);
    let output = usage.output_total.unwrap_or(0);
    let input_details = Object::of(|o| {
        o.number("cached_tokens", usage.cache_read.unwrap_or(0));
        if let Some(written) = usage.cache_write {
            o.number("cache_write_tokens", written);
        }
    });
    let output_details = Object::of(|o| {
        o.number("reasoning_tokens", usage.reasoning.unwrap_or(0));
    });
    Object::of(|o| {
        o.number("input_tokens", input)
            .raw("input_tokens_details", &input_details)
            .number("output_tokens", output)
            .raw("output_tokens_details", &output_details)
            .number("total_tokens", input.saturating_add(output));
    })
}
