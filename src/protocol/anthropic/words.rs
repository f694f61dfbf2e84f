//! Stop reasons of the protocol (`anthropic-messages.md` §8, `matrix.md` §9).

use crate::canonical::Stop;
use crate::raw::RawJson;

/// The stop of a `stop_reason` with its `stop_sequence` and `stop_details`.
pub(super) fn stop_of(word: &str, sequence: Option<String>, details: Option<RawJson>) -> Stop {
    match word {
        "end_turn" => Stop::EndTurn,
        "max_tokens" => Stop::MaxTokens,
        "stop_sequence" => Stop::StopSequence(sequence),
        "tool_use" => Stop::ToolUse,
        "pause_turn" => Stop::Pause,
        // `sensitive` is the word of compatible servers.
        "refusal" | "sensitive" => Stop::Refusal(details),
        "model_context_window_exceeded" => Stop::ContextWindow,
        "compaction" => Stop::Compaction,
        other => Stop::Other(other.to_owned()),
    }
}

/// The `stop_reason` for a stop.
pub(super) fn stop_word(stop: &Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::Malformed(_) | Stop::Other(_) => "end_turn",
        Stop::MaxTokens => "max_tokens",
        Stop::StopSequence(_) => "stop_sequence",
        Stop::ToolUse => "tool_use",
        Stop::ContentFilter(_) | Stop::Refusal(_) => "refusal",
        Stop::ContextWindow => "model_context_window_exceeded",
        Stop::Pause => "pause_turn",
        Stop::Compaction => "compaction",
    }
}

/// The `stop_details` of a stop: only details in this protocol's own shape.
pub(super) fn stop_details(stop: &Stop) -> Option<&RawJson> {
    match stop {
        Stop::Refusal(Some(details)) if details.is_object() => Some(details),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_go_both_ways() {
        for word in [
            "end_turn",
            "max_tokens",
            "stop_sequence",
            "tool_use",
            "pause_turn",
            "refusal",
            "model_context_window_exceeded",
            "compaction",
        ] {
            assert_eq!(stop_word(&stop_of(word, None, None)), word);
        }
        assert_eq!(stop_word(&Stop::ContentFilter(None)), "refusal");
        assert_eq!(stop_word(&Stop::Malformed(String::new())), "end_turn");
    }

    #[test]
    fn e221_sensitive_is_a_refusal() {
        assert_eq!(stop_of("sensitive", None, None), Stop::Refusal(None));
    }
}
