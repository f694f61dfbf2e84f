//! `usageMetadata` → [`Usage`] (`matrix.md` §10).

use super::wire::{Modality, UsageWire};
use crate::canonical::Usage;
use crate::raw::RawJson;
use serde_json::value::RawValue;

/// Reads a `usageMetadata` object; `None` when it counts nothing, as early objects of a stream do
/// (E-231), or cannot be read.
pub(in super::super) fn read(raw: &RawValue) -> Option<Usage> {
    let wire: UsageWire = serde_json::from_str(raw.get()).ok()?;
    let counts = [
        wire.prompt_token_count,
        wire.candidates_token_count,
        wire.thoughts_token_count,
        wire.total_token_count,
    ];
    if counts.iter().all(|count| count.unwrap_or(0) == 0) {
        return None;
    }
    let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
    Some(Usage {
        input_total: wire
            .prompt_token_count
            .map(|prompt| sum(Some(prompt), wire.tool_use_prompt_token_count)),
        cache_read: wire.cached_content_token_count,
        // Without an answer only thoughts count, or nothing (E-230).
        output_total: Some(sum(wire.candidates_token_count, wire.thoughts_token_count)),
        reasoning: wire.thoughts_token_count,
        tool_use_input: wire.tool_use_prompt_token_count,
        audio_input: of_modality(wire.prompt_tokens_details.as_deref(), "AUDIO"),
        audio_output: of_modality(wire.candidates_tokens_details.as_deref(), "AUDIO"),
        image_output: of_modality(wire.candidates_tokens_details.as_deref(), "IMAGE"),
        native: Some(RawJson::from(raw.to_owned())),
        ..Usage::default()
    })
}

fn of_modality(details: Option<&[Modality]>, name: &str) -> Option<u64> {
    details?
        .iter()
        .find(|detail| detail.modality == name)
        .map(|detail| detail.token_count)
}
