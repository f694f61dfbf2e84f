//! Token counts, both ways (`matrix.md` §10; `openai-compatibility.md` §4.2 for the vendors' places).

use super::json::Object;
use crate::canonical::Usage;
use crate::raw::RawJson;
use serde_json::Value;

/// Reads a usage object of chat or of Responses; `None` when it holds no count at all.
pub(crate) fn decode_usage(raw: &str) -> Option<Usage> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let count = |path: [&str; 2]| -> Option<u64> {
        let [outer, inner] = path;
        let found = if outer.is_empty() {
            value.get(inner)?
        } else {
            value.get(outer)?.get(inner)?
        };
        match found.as_u64() {
            Some(n) => Some(n),
            // Some services write counts as 12.0.
            None => found
                .as_f64()
                .filter(|n| *n >= 0.0 && n.fract() == 0.0)
                .map(|n| n as u64),
        }
    };
    let first = |paths: &[[&str; 2]]| paths.iter().copied().find_map(count);
    let usage = Usage {
        input_total: first(&[["", "prompt_tokens"], ["", "input_tokens"]]),
        cache_read: first(&[
            ["prompt_tokens_details", "cached_tokens"],
            ["input_tokens_details", "cached_tokens"],
            ["", "prompt_cache_hit_tokens"],
            ["", "cached_tokens"],
        ]),
        cache_write: first(&[
            ["prompt_tokens_details", "cache_write_tokens"],
            ["prompt_tokens_details", "cached_creation_tokens"],
            ["input_tokens_details", "cache_write_tokens"],
        ]),
        output_total: first(&[["", "completion_tokens"], ["", "output_tokens"]]),
        reasoning: first(&[
            ["completion_tokens_details", "reasoning_tokens"],
            ["output_tokens_details", "reasoning_tokens"],
            ["", "reasoning_tokens"],
        ]),
        audio_input: count(["prompt_tokens_details", "audio_tokens"]),
        audio_output: count(["completion_tokens_details", "audio_tokens"]),
        image_output: count(["completion_tokens_details", "image_tokens"]),
        predicted_accepted: count(["completion_tokens_details", "accepted_prediction_tokens"]),
        predicted_rejected: count(["completion_tokens_details", "rejected_prediction_tokens"]),
        ..Usage::default()
    };
    if usage == Usage::default() {
        return None;
    }
    Some(Usage {
        native: RawJson::parse(raw).ok(),
        ..usage
    })
}

/// Writes the usage object. Counts nobody reported are left out, except the three that every client
/// reads as numbers.
pub(crate) fn write_usage(usage: &Usage, o: &mut Object<'_>) {
    let input = usage.input_total.unwrap_or(0);
    let output = usage.output_total.unwrap_or(0);
    o.scalar("prompt_tokens", input);
    o.scalar("completion_tokens", output);
    o.scalar("total_tokens", input.saturating_add(output));
    let written = usage.cache_write.or_else(|| {
        let (short, long) = (usage.cache_write_5m, usage.cache_write_1h);
        (short.is_some() || long.is_some())
            .then(|| short.unwrap_or(0).saturating_add(long.unwrap_or(0)))
    });
    if usage.cache_read.is_some() || written.is_some() || usage.audio_input.is_some() {
        o.object("prompt_tokens_details", |o| {
            o.opt_scalar("cached_tokens", usage.cache_read);
            o.opt_scalar("cache_write_tokens", written);
            // The reference writes the same number under this name.
            o.opt_scalar("cached_creation_tokens", written);
            o.opt_scalar("audio_tokens", usage.audio_input);
        });
    }
    let details = [
        ("reasoning_tokens", usage.reasoning),
        ("audio_tokens", usage.audio_output),
        ("image_tokens", usage.image_output),
        ("accepted_prediction_tokens", usage.predicted_accepted),
        ("rejected_prediction_tokens", usage.predicted_rejected),
    ];
    if details.iter().any(|(_, count)| count.is_some()) {
        o.object("completion_tokens_details", |o| {
            for (key, count) in details {
                o.opt_scalar(key, count);
            }
        });
    }
}
