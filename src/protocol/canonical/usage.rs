//! Token counts and stop reasons (`matrix.md` §9, §10).

use crate::raw::RawJson;

/// Token counts of one reply. `None` = the upstream did not say; numbers are never invented.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input tokens, cache reads and writes included.
    pub input_total: Option<u64>,
    /// Input read from the prompt cache.
    pub cache_read: Option<u64>,
    /// Input written to the prompt cache, whatever the lifetime.
    pub cache_write: Option<u64>,
    /// Part of `cache_write` with a life of five minutes.
    pub cache_write_5m: Option<u64>,
    /// Part of `cache_write` with a life of one hour.
    pub cache_write_1h: Option<u64>,
    /// All output tokens, thinking included.
    pub output_total: Option<u64>,
    /// Thinking part of the output.
    pub reasoning: Option<u64>,
    /// Gemini `toolUsePromptTokenCount` (part of `input_total`).
    pub tool_use_input: Option<u64>,
    /// Audio part of the input.
    pub audio_input: Option<u64>,
    /// Audio part of the output.
    pub audio_output: Option<u64>,
    /// Image part of the output.
    pub image_output: Option<u64>,
    /// Accepted prediction tokens.
    pub predicted_accepted: Option<u64>,
    /// Rejected prediction tokens.
    pub predicted_rejected: Option<u64>,
    /// Web searches the upstream made.
    pub web_searches: Option<u64>,
    /// The upstream's own usage object.
    pub native: Option<RawJson>,
}

impl Usage {
    /// Takes over every count that `newer` knows; later reports win (`matrix.md` §5.1).
    pub fn merge(&mut self, newer: Usage) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.input_total, newer.input_total);
        take(&mut self.cache_read, newer.cache_read);
        take(&mut self.cache_write, newer.cache_write);
        take(&mut self.cache_write_5m, newer.cache_write_5m);
        take(&mut self.cache_write_1h, newer.cache_write_1h);
        take(&mut self.output_total, newer.output_total);
        take(&mut self.reasoning, newer.reasoning);
        take(&mut self.tool_use_input, newer.tool_use_input);
        take(&mut self.audio_input, newer.audio_input);
        take(&mut self.audio_output, newer.audio_output);
        take(&mut self.image_output, newer.image_output);
        take(&mut self.predicted_accepted, newer.predicted_accepted);
        take(&mut self.predicted_rejected, newer.predicted_rejected);
        take(&mut self.web_searches, newer.web_searches);
        take(&mut self.native, newer.native);
    }
}

/// Why a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    EndTurn,
    /// Output limit.
    MaxTokens,
    /// A stop sequence, with its text when known.
    StopSequence(Option<String>),
    /// The model waits for tool results.
    ToolUse,
    /// A filter cut it; category when known.
    ContentFilter(Option<String>),
    /// The model declined; details verbatim when known.
    Refusal(Option<RawJson>),
    /// Context window is full.
    ContextWindow,
    /// Anthropic `pause_turn`.
    Pause,
    /// Anthropic `compaction`.
    Compaction,
    /// The model wrote an unusable call (Gemini).
    Malformed(String),
    /// Another word of the upstream.
    Other(String),
}
