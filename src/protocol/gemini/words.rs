//! Gemini's words for stops, states and stand-ins, both ways (`matrix.md` §9, §11).

use crate::canonical::Stop;

/// Signature that tells Gemini 3 not to check a call that it did not make
/// (`gemini-generate-content.md` §8).
pub(super) const STAND_IN: &str = "skip_thought_signature_validator";

/// True for the documented stand-ins of a signature.
pub(super) fn is_stand_in(signature: &str) -> bool {
    matches!(signature, STAND_IN | "context_engineering_is_the_way_to_go")
}

/// What a `finishReason` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finish {
    /// No finish at all (empty or unspecified).
    None,
    /// A stop.
    Stop(Stop),
    /// A stop when the reply has content, a failure when it has none.
    StopIfContent,
}

/// Reads a `finishReason`; `message` is the `finishMessage` beside it.
pub(super) fn read_finish(word: &str, message: Option<&str>) -> Finish {
    Finish::Stop(match word {
        "" | "FINISH_REASON_UNSPECIFIED" => return Finish::None,
        "MAX_TOKENS" => Stop::MaxTokens,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => filtered(word),
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "MISSING_THOUGHT_SIGNATURE" => Stop::Malformed(message.unwrap_or(word).to_owned()),
        "LANGUAGE" | "OTHER" | "TOO_MANY_TOOL_CALLS" => return Finish::StopIfContent,
        image if image.starts_with("IMAGE_") => filtered(image),
        // `STOP`, and words nobody knows yet (E-198).
        _ => Stop::EndTurn,
    })
}

/// The stop of a refused prompt (`promptFeedback.blockReason`).
pub(super) fn filtered(word: &str) -> Stop {
    Stop::ContentFilter(Some(word.to_ascii_lowercase()))
}

/// The `finishReason` for a stop. `native` is the upstream's own word: a filter or malformed call of
/// Gemini keeps it.
pub(super) fn finish_word(stop: &Stop, native: Option<&str>) -> &'static str {
    const OWN: [&str; 11] = [
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MISSING_THOUGHT_SIGNATURE",
    ];
    let own = || {
        let native = native?;
        OWN.into_iter()
            .find(|word| word.eq_ignore_ascii_case(native))
    };
    match stop {
        Stop::MaxTokens | Stop::ContextWindow => "MAX_TOKENS",
        Stop::ContentFilter(_) | Stop::Refusal(_) => own().unwrap_or("SAFETY"),
        Stop::Malformed(_) => own().unwrap_or("MALFORMED_FUNCTION_CALL"),
        Stop::EndTurn
        | Stop::StopSequence(_)
        | Stop::ToolUse
        | Stop::Pause
        | Stop::Compaction
        | Stop::Other(_) => "STOP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_reasons_into_the_model() {
        let filter = |word: &str| Finish::Stop(Stop::ContentFilter(Some(word.into())));
        for (word, want) in [
            ("STOP", Finish::Stop(Stop::EndTurn)),
            ("MAX_TOKENS", Finish::Stop(Stop::MaxTokens)),
            ("SAFETY", filter("safety")),
            ("RECITATION", filter("recitation")),
            ("BLOCKLIST", filter("blocklist")),
            ("PROHIBITED_CONTENT", filter("prohibited_content")),
            ("SPII", filter("spii")),
            ("IMAGE_SAFETY", filter("image_safety")),
            ("IMAGE_OTHER", filter("image_other")),
            ("LANGUAGE", Finish::StopIfContent),
            ("OTHER", Finish::StopIfContent),
            ("TOO_MANY_TOOL_CALLS", Finish::StopIfContent),
            (
                "MALFORMED_FUNCTION_CALL",
                Finish::Stop(Stop::Malformed("m".into())),
            ),
            (
                "UNEXPECTED_TOOL_CALL",
                Finish::Stop(Stop::Malformed("m".into())),
            ),
            (
                "MISSING_THOUGHT_SIGNATURE",
                Finish::Stop(Stop::Malformed("m".into())),
            ),
            ("FAKE_ENUM", Finish::Stop(Stop::EndTurn)),
            ("", Finish::None),
            ("FINISH_REASON_UNSPECIFIED", Finish::None),
        ] {
            assert_eq!(read_finish(word, Some("m")), want, "{word}");
        }
    }

    #[test]
    fn stops_out_of_the_model() {
        for (stop, native, want) in [
            (Stop::EndTurn, None, "STOP"),
            (Stop::MaxTokens, None, "MAX_TOKENS"),
            (Stop::StopSequence(Some("x".into())), None, "STOP"),
            (Stop::ToolUse, Some("tool_calls"), "STOP"),
            (Stop::ContentFilter(None), Some("content_filter"), "SAFETY"),
            (Stop::ContentFilter(None), Some("recitation"), "RECITATION"),
            (Stop::Refusal(None), Some("refusal"), "SAFETY"),
            (Stop::ContextWindow, None, "MAX_TOKENS"),
            (Stop::Pause, None, "STOP"),
            (Stop::Compaction, None, "STOP"),
            (
                Stop::Malformed(String::new()),
                None,
                "MALFORMED_FUNCTION_CALL",
            ),
            (
                Stop::Malformed(String::new()),
                Some("unexpected_tool_call"),
                "UNEXPECTED_TOOL_CALL",
            ),
            (Stop::Other("weird".into()), Some("weird"), "STOP"),
        ] {
            assert_eq!(finish_word(&stop, native), want, "{stop:?}");
        }
    }
}
