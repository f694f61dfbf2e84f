//! Thinking suffixes, levels and budgets (`routing.md` §3, `matrix.md` §4.5).

use crate::canonical::{Effort, ReasoningIntent};
use crate::codec::{CodecError, Dialect, ModelTraits};

/// Splits `model(value)` into the base name and what the suffix asks for: `None` without a suffix,
/// `Some(Unset)` for an empty or unknown value (which is cut off and ignored).
pub fn split_suffix(model: &str) -> (&str, Option<ReasoningIntent>) {
    (model, None)
}

/// Where a wish comes from; it decides between an error and a clamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentSource {
    /// The suffix of the model name.
    Suffix,
    /// The body of a client of this protocol.
    Body(Dialect),
}

/// Fits a wish to a model (`routing.md` §3): level ↔ budget, clamping, `auto` and `none` on models
/// without them, stripping on models that do not think, errors for explicit values that are not
/// supported. Unknown models pass unchecked.
pub fn resolve(
    intent: ReasoningIntent,
    source: IntentSource,
    upstream: Dialect,
    model: &ModelTraits,
) -> Result<ReasoningIntent, CodecError> {
    let _ = (source, upstream, model);
    Ok(intent)
}

/// Budget of a level.
pub fn budget_of(level: Effort) -> u32 {
    let _ = level;
    0
}

/// Level of a budget.
pub fn level_of(budget: u32) -> Effort {
    let _ = budget;
    Effort::Medium
}

/// Reads a level word, any case.
pub fn parse_level(word: &str) -> Option<Effort> {
    let _ = word;
    None
}

/// The word of a level.
pub fn level_word(level: Effort) -> &'static str {
    let _ = level;
    ""
}
