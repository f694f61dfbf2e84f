//! Finish reasons, both ways (`matrix.md` §9).

use crate::canonical::Stop;

/// What a finish reason of an upstream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finished {
    /// A known end.
    Stop(Stop),
    /// The upstream gave up: an error, whatever came before.
    Failed,
    /// A word nobody knows: the end of the turn when there is content, an error else (E-225).
    Unknown,
}

/// Reads a finish reason, any case.
pub(crate) fn decode_finish(word: &str) -> Finished {
    Finished::Stop(match word.to_ascii_lowercase().as_str() {
        "stop" | "eos" | "end_turn" | "stop_sequence" => Stop::EndTurn,
        "length" | "max_tokens" | "model_length" => Stop::MaxTokens,
        "tool_calls" | "function_call" | "tool_use" => Stop::ToolUse,
        "content_filter" | "sensitive" | "safety" => Stop::ContentFilter(None),
        "refusal" => Stop::Refusal(None),
        "error" => return Finished::Failed,
        _ => return Finished::Unknown,
    })
}

/// The finish reason of chat.
pub(crate) fn finish_word(stop: &Stop) -> &'static str {
    match stop {
        Stop::MaxTokens | Stop::ContextWindow => "length",
        Stop::ToolUse => "tool_calls",
        Stop::ContentFilter(_) | Stop::Refusal(_) => "content_filter",
        Stop::EndTurn
        | Stop::StopSequence(_)
        | Stop::Pause
        | Stop::Compaction
        | Stop::Malformed(_)
        | Stop::Other(_) => "stop",
    }
}
