//! Thinking and sampling fields (`matrix.md` §4.5, §7), for new bodies and for edited ones.

use crate::canonical::{Effort, ReasoningIntent};
use crate::codec::ModelTraits;
use crate::thinking::{budget_of, level_of, level_word};

/// Smallest budget the API takes.
const MIN_BUDGET: u64 = 1024;

/// What a body says about thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// No field.
    Absent,
    /// `{"type":"disabled"}`
    Disabled,
    /// `{"type":"adaptive"}` and `output_config.effort`.
    Adaptive(Option<Effort>),
    /// `{"type":"enabled","budget_tokens":n}`
    Enabled(u64),
}

impl Thinking {
    /// The fields for a wish, on a model with these traits and with this limit of output tokens.
    /// Budgets stay below the limit; a limit too small for any leaves thinking off (E-63).
    pub(super) fn new(intent: ReasoningIntent, model: &ModelTraits, max_tokens: u64) -> Self {
        let support = model.thinking.as_ref();
        if support.is_some_and(|support| support.none) {
            return Self::Absent;
        }
        let levels = support.map_or(&[][..], |support| &support.levels);
        let budget = |tokens: u64| {
            let most = support.map_or(0, |support| u64::from(support.max_budget));
            let tokens = if most > 0 { tokens.min(most) } else { tokens };
            match max_tokens.checked_sub(1) {
                Some(room) if room >= MIN_BUDGET => Self::Enabled(tokens.clamp(MIN_BUDGET, room)),
                _ => Self::Absent,
            }
        };
        match intent {
            ReasoningIntent::Unset => Self::Absent,
            ReasoningIntent::Off => Self::Disabled,
            ReasoningIntent::Level(level) if !levels.is_empty() => {
                Self::Adaptive(Some(offered(level, levels)))
            }
            // Adaptive models refuse budgets.
            ReasoningIntent::Budget(tokens) if !levels.is_empty() => {
                Self::Adaptive(Some(offered(level_of(tokens), levels)))
            }
            ReasoningIntent::Auto
                if !levels.is_empty() || support.is_some_and(|support| support.dynamic) =>
            {
                Self::Adaptive(None)
            }
            ReasoningIntent::Level(level) => budget(u64::from(budget_of(level))),
            ReasoningIntent::Budget(tokens) => budget(u64::from(tokens)),
            ReasoningIntent::Auto => budget(u64::from(budget_of(Effort::Medium))),
        }
    }

    /// True when the model thinks.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Adaptive(_) | Self::Enabled(_))
    }

    /// The `effort` of `output_config`.
    pub(super) fn effort(self) -> Option<&'static str> {
        match self {
            Self::Adaptive(effort) => effort.map(effort_word),
            _ => None,
        }
    }
}

/// The level of the model's list for a wish: the same, else the next below, else the lowest.
fn offered(wish: Effort, levels: &[Effort]) -> Effort {
    let below = levels.iter().rev().find(|level| **level <= wish);
    *below.or(levels.first()).unwrap_or(&wish)
}

/// This protocol has no `minimal`.
fn effort_word(effort: Effort) -> &'static str {
    level_word(effort.max(Effort::Low))
}

/// Which sampling parameters a body may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) temperature: bool,
    pub(super) top_p: bool,
    pub(super) top_k: bool,
}

/// The sampling rules of the API. `thinking` tells whether the model thinks.
pub(super) fn allowed(
    thinking: bool,
    model: &ModelTraits,
    temperature: Option<f64>,
    top_p: Option<f64>,
) -> Allowed {
    if model.no_sampling {
        return Allowed {
            temperature: false,
            top_p: false,
            top_k: false,
        };
    }
    if thinking {
        return Allowed {
            temperature: temperature == Some(1.0),
            top_p: top_p.is_some_and(|top_p| top_p >= 0.95),
            top_k: false,
        };
    }
    Allowed {
        temperature: true,
        // The API takes one of them.
        top_p: temperature.is_none(),
        top_k: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::ThinkingSupport;
    use crate::testing::budgets;

    fn adaptive() -> ModelTraits {
        ModelTraits {
            thinking: Some(ThinkingSupport {
                min_budget: 1024,
                max_budget: 128_000,
                can_disable: true,
                levels: vec![Effort::Low, Effort::Medium, Effort::High, Effort::Max],
                ..ThinkingSupport::default()
            }),
            ..ModelTraits::default()
        }
    }

    #[test]
    fn e63_budgets_stay_below_the_limit() {
        let xhigh = ReasoningIntent::Budget(32_768);
        for (intent, max_tokens, want) in [
            (xhigh, 4096, Thinking::Enabled(4095)),
            (xhigh, 1000, Thinking::Absent),
            (xhigh, 1024, Thinking::Absent),
            (xhigh, 1025, Thinking::Enabled(1024)),
            (xhigh, 64_000, Thinking::Enabled(32_768)),
            (ReasoningIntent::Budget(10), 4096, Thinking::Enabled(1024)),
            (ReasoningIntent::Off, 4096, Thinking::Disabled),
            (ReasoningIntent::Unset, 4096, Thinking::Absent),
        ] {
            assert_eq!(
                Thinking::new(intent, &budgets(), max_tokens),
                want,
                "{intent:?} {max_tokens}"
            );
        }
    }

    #[test]
    fn adaptive_models_get_efforts_they_have() {
        for (intent, want) in [
            (ReasoningIntent::Level(Effort::Minimal), Some("low")),
            (ReasoningIntent::Level(Effort::High), Some("high")),
            (ReasoningIntent::Level(Effort::XHigh), Some("high")),
            (ReasoningIntent::Level(Effort::Max), Some("max")),
            (ReasoningIntent::Budget(8192), Some("medium")),
            (ReasoningIntent::Auto, None),
        ] {
            let thinking = Thinking::new(intent, &adaptive(), 1000);
            assert!(thinking.is_active(), "{intent:?}");
            assert_eq!(thinking.effort(), want, "{intent:?}");
        }
    }

    #[test]
    fn unknown_models_think_by_budget() {
        let model = ModelTraits::default();
        let think = |intent| Thinking::new(intent, &model, 32_000);
        assert_eq!(think(ReasoningIntent::Auto), Thinking::Enabled(8192));
        assert_eq!(
            think(ReasoningIntent::Level(Effort::Low)),
            Thinking::Enabled(1024)
        );
    }

    #[test]
    fn models_that_do_not_think_get_no_field() {
        let mut model = budgets();
        if let Some(support) = &mut model.thinking {
            support.none = true;
        }
        assert_eq!(
            Thinking::new(ReasoningIntent::Off, &model, 4096),
            Thinking::Absent
        );
    }

    #[test]
    fn sampling_rules() {
        let free = ModelTraits::default();
        let fixed = ModelTraits {
            no_sampling: true,
            ..ModelTraits::default()
        };
        for (thinking, model, temperature, top_p, want) in [
            (false, &free, Some(0.2), Some(0.9), (true, false, true)),
            (false, &free, None, Some(0.9), (true, true, true)),
            (true, &free, Some(0.2), Some(0.5), (false, false, false)),
            (true, &free, Some(1.0), Some(0.97), (true, true, false)),
            (false, &fixed, Some(0.2), None, (false, false, false)),
        ] {
            let got = allowed(thinking, model, temperature, top_p);
            assert_eq!((got.temperature, got.top_p, got.top_k), want);
        }
    }
}
