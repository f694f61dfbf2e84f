//! Token counts (`anthropic-messages.md` §8, `matrix.md` §10).
//!
//! `input_tokens` of this protocol excludes cache reads and cache writes; the model's `input_total`
//! includes them.

use crate::canonical::Usage;
use crate::raw::RawJson;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Debug, Default, Deserialize)]
struct UsageIn {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
    server_tool_use: Option<ServerToolUse>,
    service_tier: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
struct ServerToolUse {
    web_search_requests: Option<u64>,
}

/// The counts of one reply over its reports: later ones win per field, but a zero (from gateways
/// that do not know) never replaces a count (E-227).
#[derive(Debug, Default)]
pub(super) struct Meter {
    input: Option<u64>,
    usage: Usage,
    service_tier: Option<String>,
}

impl Meter {
    /// Takes a `usage` object. One of an unknown shape says nothing and spoils nothing.
    pub(super) fn add(&mut self, raw: &RawValue) {
        let Ok(new) = serde_json::from_str::<UsageIn>(raw.get()) else {
            return;
        };
        let usage = &mut self.usage;
        take(&mut self.input, new.input_tokens);
        take(&mut usage.cache_read, new.cache_read_input_tokens);
        take(&mut usage.cache_write, new.cache_creation_input_tokens);
        if let Some(split) = new.cache_creation {
            take(&mut usage.cache_write_5m, split.ephemeral_5m_input_tokens);
            take(&mut usage.cache_write_1h, split.ephemeral_1h_input_tokens);
        }
        take(&mut usage.output_total, new.output_tokens);
        if let Some(details) = new.output_tokens_details {
            take(&mut usage.reasoning, details.thinking_tokens);
        }
        if let Some(tools) = new.server_tool_use {
            take(&mut usage.web_searches, tools.web_search_requests);
        }
        usage.input_total = self.input.map(|input| {
            let write = usage.cache_write.unwrap_or(0);
            let read = usage.cache_read.unwrap_or(0);
            input.saturating_add(read).saturating_add(write)
        });
        usage.native = Some(RawJson::from(raw.to_owned()));
        if new.service_tier.is_some() {
            self.service_tier = new.service_tier;
        }
    }

    /// The counts so far.
    pub(super) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The tier that served, when a report named it.
    pub(super) fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }
}

fn take(old: &mut Option<u64>, new: Option<u64>) {
    if new.is_some_and(|count| count > 0) || old.is_none() {
        *old = new.or(*old);
    }
}

/// A `usage` object for a client: integers always, details only when known (E-235).
#[derive(Serialize)]
pub(super) struct UsageOut {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

impl UsageOut {
    /// The counts of `usage`; `tier` is shown when it is a word of this protocol.
    pub(super) fn new(usage: &Usage, tier: Option<&str>) -> Self {
        let read = usage.cache_read.unwrap_or(0);
        let split = CacheCreation {
            ephemeral_5m_input_tokens: usage.cache_write_5m,
            ephemeral_1h_input_tokens: usage.cache_write_1h,
        };
        let write = usage.cache_write.unwrap_or_else(|| {
            let short = usage.cache_write_5m.unwrap_or(0);
            short.saturating_add(usage.cache_write_1h.unwrap_or(0))
        });
        Self {
            input_tokens: usage
                .input_total
                .unwrap_or(0)
                .saturating_sub(read)
                .saturating_sub(write),
            cache_creation_input_tokens: write,
            cache_read_input_tokens: read,
            cache_creation: (split != CacheCreation::default()).then(|| CacheCreation {
                ephemeral_5m_input_tokens: Some(usage.cache_write_5m.unwrap_or(0)),
                ephemeral_1h_input_tokens: Some(usage.cache_write_1h.unwrap_or(0)),
            }),
            output_tokens: usage.output_total.unwrap_or(0),
            output_tokens_details: usage.reasoning.map(|thinking| OutputDetails {
                thinking_tokens: Some(thinking),
            }),
            server_tool_use: usage.web_searches.map(|searches| ServerToolUse {
                web_search_requests: Some(searches),
            }),
            service_tier: ["standard", "priority", "batch"]
                .into_iter()
                .find(|word| Some(*word) == tier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn meter(reports: &[serde_json::Value]) -> Usage {
        let mut meter = Meter::default();
        for report in reports {
            let raw = serde_json::value::to_raw_value(report).unwrap();
            meter.add(&raw);
        }
        let mut usage = meter.usage().clone();
        usage.native = None;
        usage
    }

    #[test]
    fn e226_counts_of_start_and_delta_are_one_sum() {
        let usage = meter(&[
            json!({"input_tokens": 13, "cache_read_input_tokens": 22000, "cache_creation_input_tokens": 31, "output_tokens": 1}),
            json!({"output_tokens": 4}),
        ]);
        assert_eq!(usage.input_total, Some(22044));
        assert_eq!(usage.cache_read, Some(22000));
        assert_eq!(usage.cache_write, Some(31));
        assert_eq!(usage.output_total, Some(4));
    }

    #[test]
    fn e227_later_counts_replace_and_zero_does_not() {
        let usage = meter(&[
            json!({"input_tokens": 43, "output_tokens": 1, "cache_read_input_tokens": 7}),
            json!({"input_tokens": 61, "output_tokens": 2, "cache_read_input_tokens": 0}),
        ]);
        assert_eq!(usage.input_total, Some(68));
        assert_eq!(usage.output_total, Some(2));
        // A smaller count that is not zero is a correction.
        let usage = meter(&[json!({"input_tokens": 612}), json!({"input_tokens": 28})]);
        assert_eq!(usage.input_total, Some(28));
    }

    #[test]
    fn e228_cache_counts_are_taken_out_of_the_input() {
        let usage = Usage {
            input_total: Some(1000),
            cache_read: Some(300),
            cache_write: Some(200),
            output_total: Some(5),
            ..Usage::default()
        };
        assert_eq!(
            serde_json::to_value(UsageOut::new(&usage, None)).unwrap(),
            json!({"input_tokens": 500, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 300, "output_tokens": 5})
        );
    }

    #[test]
    fn e235_unknown_counts_are_zero_and_details_absent() {
        assert_eq!(
            serde_json::to_value(UsageOut::new(&Usage::default(), Some("flex"))).unwrap(),
            json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0})
        );
    }
}
