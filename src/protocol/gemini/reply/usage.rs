//! `usageMetadata` → [`Usage`] (`matrix.md` §10).

use super::wire::{Modality, UsageWire};
use crate::canonical::Usage;
use crate::raw::RawJson;
use serde_json::value::RawValue;
use std::cell::OnceCell;

/// The last counts of a stream. Objects repeat them all the time: only the last are read.
#[derive(Debug, Default)]
pub(in super::super) struct LastUsage {
    text: String,
    read: OnceCell<Option<Usage>>,
}

impl LastUsage {
    /// Takes over an object, unless it counts nothing, as early ones do (E-231).
    pub(in super::super) fn note(&mut self, raw: &RawValue) {
        if counts_anything(raw.get()) {
            self.text.clear();
            self.text.push_str(raw.get());
            self.read = OnceCell::new();
        }
    }

    /// The counts; `None` when none came.
    pub(in super::super) fn get(&self) -> Option<&Usage> {
        self.read.get_or_init(|| read(&self.text)).as_ref()
    }
}

/// True when one of the `…TokenCount` members is not zero.
fn counts_anything(json: &str) -> bool {
    json.match_indices("TokenCount\"").any(|(at, name)| {
        let value = json.get(at + name.len()..).unwrap_or_default();
        value
            .trim_start_matches([' ', ':', '\n', '\r', '\t'])
            .starts_with(|c| matches!(c, '1'..='9'))
    })
}

/// Reads a `usageMetadata` object; `None` when it cannot be read.
fn read(json: &str) -> Option<Usage> {
    let wire: UsageWire = serde_json::from_str(json).ok()?;
    let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
    // Models of other vendors behind Google tell the answer in the total only (`antigravity.md` §4).
    let untold = || {
        let asked = sum(wire.prompt_token_count, wire.tool_use_prompt_token_count);
        let known = asked.saturating_add(wire.thoughts_token_count.unwrap_or(0));
        wire.prompt_token_count
            .and(wire.total_token_count)
            .map(|total| total.saturating_sub(known))
    };
    let answer = wire
        .candidates_token_count
        .filter(|count| *count > 0)
        .or_else(untold);
    Some(Usage {
        input_total: wire
            .prompt_token_count
            .map(|prompt| sum(Some(prompt), wire.tool_use_prompt_token_count)),
        cache_read: wire.cached_content_token_count,
        // Without an answer only thoughts count, or nothing (E-230).
        output_total: Some(sum(answer, wire.thoughts_token_count)),
        reasoning: wire.thoughts_token_count,
        tool_use_input: wire.tool_use_prompt_token_count,
        audio_input: of_modality(wire.prompt_tokens_details.as_deref(), "AUDIO"),
        audio_output: of_modality(wire.candidates_tokens_details.as_deref(), "AUDIO"),
        image_output: of_modality(wire.candidates_tokens_details.as_deref(), "IMAGE"),
        native: RawJson::parse(json).ok(),
        ..Usage::default()
    })
}

fn of_modality(details: Option<&[Modality]>, name: &str) -> Option<u64> {
    details?
        .iter()
        .find(|detail| detail.modality == name)
        .map(|detail| detail.token_count)
}
