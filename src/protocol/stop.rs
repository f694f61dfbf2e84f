//! Stop reasons as the reply really ended (`matrix.md` §9, last paragraph).

use crate::canonical::Stop;

/// What the decoder saw of calls before the finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// At least one complete client-tool call was sent.
    pub complete: bool,
    /// The last call was cut.
    pub cut: bool,
    /// Calls of this upstream always arrive whole (Gemini).
    pub arrive_whole: bool,
}

/// EndTurn with a call → ToolUse; ToolUse without one → EndTurn; MaxTokens with a cut call stays.
///
/// A call cut at the end of a turn is none. Only where calls arrive whole does MaxTokens behind one
/// become ToolUse: elsewhere nobody knows whether the last call is all of it.
pub fn settle(stop: Stop, calls: Calls) -> Stop {
    match stop {
        Stop::EndTurn if calls.complete => Stop::ToolUse,
        Stop::ToolUse if !calls.complete => Stop::EndTurn,
        Stop::MaxTokens if calls.complete && calls.arrive_whole && !calls.cut => Stop::ToolUse,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Calls = Calls {
        complete: false,
        cut: false,
        arrive_whole: false,
    };
    const COMPLETE: Calls = Calls {
        complete: true,
        ..NONE
    };

    #[test]
    fn e217_the_calls_decide_between_tool_use_and_end() {
        for (stop, calls, want) in [
            (Stop::ToolUse, NONE, Stop::EndTurn),
            (Stop::EndTurn, COMPLETE, Stop::ToolUse),
            (Stop::EndTurn, NONE, Stop::EndTurn),
            (Stop::ToolUse, COMPLETE, Stop::ToolUse),
            (
                Stop::ContentFilter(None),
                COMPLETE,
                Stop::ContentFilter(None),
            ),
            (Stop::Pause, COMPLETE, Stop::Pause),
        ] {
            assert_eq!(settle(stop, calls), want);
        }
    }

    #[test]
    fn e218_a_cut_call_stays_cut() {
        let cut = Calls { cut: true, ..NONE };
        let one_of_two = Calls {
            cut: true,
            ..COMPLETE
        };
        for calls in [cut, one_of_two, COMPLETE] {
            assert_eq!(settle(Stop::MaxTokens, calls), Stop::MaxTokens);
        }
    }

    #[test]
    fn e220_whole_calls_outweigh_the_limit() {
        let whole = Calls {
            arrive_whole: true,
            ..COMPLETE
        };
        assert_eq!(settle(Stop::MaxTokens, whole), Stop::ToolUse);
        let text_only = Calls {
            arrive_whole: true,
            ..NONE
        };
        assert_eq!(settle(Stop::MaxTokens, text_only), Stop::MaxTokens);
    }
}
