//! Thinking suffixes, levels and budgets (`routing.md` §3, `matrix.md` §4.5).

use crate::canonical::{Effort, ReasoningIntent};
use crate::codec::{CodecError, Dialect, ModelTraits, ThinkingSupport};

/// All levels, rising.
const LEVELS: [Effort; 6] = [
    Effort::Minimal,
    Effort::Low,
    Effort::Medium,
    Effort::High,
    Effort::XHigh,
    Effort::Max,
];

/// Splits `model(value)` into the base name and what the suffix asks for: `None` without a suffix,
/// `Some(Unset)` for an empty or unknown value (which is cut off and ignored).
pub fn split_suffix(model: &str) -> (&str, Option<ReasoningIntent>) {
    let Some((base, value)) = model
        .strip_suffix(')')
        .and_then(|open| open.rsplit_once('('))
        .filter(|(base, _)| !base.is_empty())
    else {
        return (model, None);
    };
    (base, Some(parse_suffix(value)))
}

fn parse_suffix(value: &str) -> ReasoningIntent {
    if value.eq_ignore_ascii_case("none") {
        return ReasoningIntent::Off;
    }
    if value.eq_ignore_ascii_case("auto") {
        return ReasoningIntent::Auto;
    }
    if let Some(level) = parse_level(value) {
        return ReasoningIntent::Level(level);
    }
    match value.parse::<i64>() {
        Ok(-1) => ReasoningIntent::Auto,
        Ok(0) => ReasoningIntent::Off,
        Ok(budget) if budget > 0 => {
            ReasoningIntent::Budget(u32::try_from(budget).unwrap_or(u32::MAX))
        }
        _ => ReasoningIntent::Unset,
    }
}

/// Where a wish comes from; it decides between an error and a clamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentSource {
    /// The suffix of the model name, sent by a client of this protocol.
    Suffix(Dialect),
    /// The body of a client of this protocol.
    Body(Dialect),
}

/// Fits a wish to a model (`routing.md` §3): level ↔ budget, clamping, `auto` and `none` on models
/// without them, stripping on models that do not think, errors for explicit values that are not
/// supported. Unknown models pass unchecked.
///
/// `upstream` is the protocol the upstream speaks. Fails for a level the model does not have (unless
/// the client thinks in budgets and the upstream in levels, or a body is translated for Gemini), and
/// for a budget out of range that came
/// in the body of a client of the upstream's own family.
pub fn resolve(
    intent: ReasoningIntent,
    source: IntentSource,
    upstream: Dialect,
    model: &ModelTraits,
) -> Result<ReasoningIntent, CodecError> {
    let Some(support) = &model.thinking else {
        return Ok(intent);
    };
    if support.none {
        return Ok(ReasoningIntent::Unset);
    }
    let has_levels = !support.levels.is_empty();
    let has_budgets = support.max_budget > 0;
    if !has_levels && !has_budgets {
        return Ok(intent);
    }
    match intent {
        ReasoningIntent::Unset => Ok(ReasoningIntent::Unset),
        // Every Claude model that thinks by budget can be told not to.
        ReasoningIntent::Off
            if support.can_disable || upstream == Dialect::Anthropic && has_budgets =>
        {
            Ok(ReasoningIntent::Off)
        }
        ReasoningIntent::Off => Ok(match support.levels.first() {
            Some(lowest) => ReasoningIntent::Level(*lowest),
            None => ReasoningIntent::Budget(support.min_budget.max(1)),
        }),
        ReasoningIntent::Auto if support.dynamic => Ok(ReasoningIntent::Auto),
        ReasoningIntent::Auto if !has_budgets => Ok(ReasoningIntent::Level(nearest(
            Effort::Medium,
            &support.levels,
        ))),
        ReasoningIntent::Auto => Ok(ReasoningIntent::Budget(middle(support))),
        ReasoningIntent::Level(level) if !has_levels => {
            Ok(ReasoningIntent::Budget(clamp(budget_of(level), support)))
        }
        ReasoningIntent::Level(level) => {
            check_level(level, source, upstream, support).map(ReasoningIntent::Level)
        }
        ReasoningIntent::Budget(budget) if !has_budgets => Ok(ReasoningIntent::Level(nearest(
            level_of(budget),
            &support.levels,
        ))),
        ReasoningIntent::Budget(budget) => {
            check_budget(budget, source, upstream, support).map(ReasoningIntent::Budget)
        }
    }
}

fn check_level(
    level: Effort,
    source: IntentSource,
    upstream: Dialect,
    support: &ThinkingSupport,
) -> Result<Effort, CodecError> {
    if support.levels.contains(&level) {
        return Ok(level);
    }
    let (IntentSource::Suffix(client) | IntentSource::Body(client)) = source;
    // Gemini's levels are fewer than the words of other protocols (E-81).
    let translated = source == IntentSource::Body(client)
        && upstream == Dialect::Gemini
        && client != Dialect::Gemini;
    let by_level = !counts_tokens(upstream) || support.foreign;
    if translated || (counts_tokens(client) && by_level) {
        return Ok(nearest(level, &support.levels));
    }
    let valid: Vec<_> = support.levels.iter().map(|l| level_word(*l)).collect();
    Err(CodecError::Unsupported {
        param: param_of(source).to_owned(),
        message: format!(
            "level \"{}\" not supported, valid levels: {}",
            level_word(level),
            valid.join(", ")
        ),
    })
}

fn check_budget(
    budget: u32,
    source: IntentSource,
    upstream: Dialect,
    support: &ThinkingSupport,
) -> Result<u32, CodecError> {
    let (min, max) = (support.min_budget, support.max_budget);
    if let IntentSource::Body(client) = source
        && family(client) == family(upstream)
        && !(min..=max).contains(&budget)
    {
        return Err(CodecError::Unsupported {
            param: param_of(source).to_owned(),
            message: format!("budget {budget} out of range [{min},{max}]"),
        });
    }
    Ok(clamp(budget, support))
}

/// Where a client of this kind wrote its wish.
fn param_of(source: IntentSource) -> &'static str {
    match source {
        IntentSource::Suffix(_) => "model",
        IntentSource::Body(Dialect::OpenAiChat | Dialect::OpenAiCompletions) => "reasoning_effort",
        IntentSource::Body(Dialect::OpenAiResponses) => "reasoning.effort",
        IntentSource::Body(Dialect::Anthropic) => "thinking",
        IntentSource::Body(Dialect::Gemini) => "generationConfig.thinkingConfig",
    }
}

/// Protocols that say how much to think in tokens; the others have levels.
fn counts_tokens(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Anthropic | Dialect::Gemini)
}

/// One number for all protocols of a vendor.
fn family(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiResponses => 0,
        Dialect::Anthropic => 1,
        Dialect::Gemini => 2,
    }
}

/// The level of `offered` nearest to `wanted`, the lower one on a tie; `wanted` when none is offered.
pub fn nearest(wanted: Effort, offered: &[Effort]) -> Effort {
    offered
        .iter()
        .copied()
        .min_by_key(|level| ((*level as i8).abs_diff(wanted as i8), *level))
        .unwrap_or(wanted)
}

fn clamp(budget: u32, support: &ThinkingSupport) -> u32 {
    // Not `Ord::clamp`: a catalogue with min above max must not panic.
    budget
        .max(support.min_budget)
        .min(support.max_budget)
        .max(1)
}

fn middle(support: &ThinkingSupport) -> u32 {
    support.min_budget.midpoint(support.max_budget).max(1)
}

/// Budget of a level, in tokens.
pub fn budget_of(level: Effort) -> u32 {
    match level {
        Effort::Minimal => 512,
        Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High => 24_576,
        Effort::XHigh => 32_768,
        Effort::Max => 128_000,
    }
}

/// Level of a budget in tokens; never [`Effort::Max`].
pub fn level_of(budget: u32) -> Effort {
    match budget {
        0..=512 => Effort::Minimal,
        513..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        8193..=24_576 => Effort::High,
        _ => Effort::XHigh,
    }
}

/// Reads a level word, any case.
pub fn parse_level(word: &str) -> Option<Effort> {
    LEVELS
        .into_iter()
        .find(|level| level_word(*level).eq_ignore_ascii_case(word))
}

/// The word of a level.
pub fn level_word(level: Effort) -> &'static str {
    match level {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

#[cfg(test)]
mod tests;
