//! Stop reasons and error types of the protocol (`anthropic-messages.md` §8, §10; `matrix.md` §9, §11).

use crate::canonical::{Failure, Stop};
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

/// Error types with the status each stands for.
const ERROR_TYPES: [(&str, u16); 10] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// The status of an error that came inside a stream.
pub(super) fn status_of(error_type: &str) -> u16 {
    ERROR_TYPES
        .iter()
        .find(|(word, _)| *word == error_type)
        .map_or(500, |(_, status)| *status)
}

/// The error type for a failure: the upstream's own when the protocol knows it, else by status.
pub(super) fn error_type(failure: &Failure) -> &'static str {
    let known = failure.error_type.as_deref();
    if let Some((word, _)) = ERROR_TYPES.iter().find(|(word, _)| Some(*word) == known) {
        return word;
    }
    match failure.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
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

    #[test]
    fn error_types_by_status_and_by_upstream_word() {
        for (status, word, want) in [
            (400, None, "invalid_request_error"),
            (422, None, "invalid_request_error"),
            (408, None, "timeout_error"),
            (503, None, "api_error"),
            (503, Some("overloaded_error"), "overloaded_error"),
            (529, None, "overloaded_error"),
            (400, Some("insufficient_quota"), "invalid_request_error"),
            (400, Some("not_found_error"), "not_found_error"),
        ] {
            let mut failure = Failure::new(status, "x");
            failure.error_type = word.map(str::to_owned);
            assert_eq!(error_type(&failure), want, "{status} {word:?}");
        }
    }
}
