//! The static model lists: what a provider offers when it is not asked (`providers/*.md` §5).

use actors::domain::catalog::ModelInfo;
use protocol::canonical::Effort::{self, High, Low, Max, Medium, Minimal, XHigh};
use protocol::codec::{ModelTraits, ThinkingSupport};

/// One line of a static list.
#[derive(Debug, Clone, Copy)]
pub struct ModelSpec {
    /// Name the upstream knows.
    pub id: &'static str,
    /// Name for people.
    pub display: &'static str,
    /// Unix seconds of its release, 0 when unknown.
    pub created: i64,
    /// Context window in tokens.
    pub context: u64,
    /// Largest output in tokens.
    pub output: u64,
    /// How it thinks.
    pub thinking: Thinking,
    /// What else translations must know.
    pub quirks: Quirks,
}

/// How a model thinks, as a table cell.
#[derive(Debug, Clone, Copy)]
pub enum Thinking {
    /// Not at all.
    None,
    /// By budget, and by levels where the list is not empty.
    Budget {
        /// Smallest budget in tokens.
        min: u32,
        /// Largest budget in tokens.
        max: u32,
        /// May be switched off.
        zero: bool,
        /// The provider may choose.
        dynamic: bool,
        /// Levels beside budgets.
        levels: &'static [Effort],
    },
    /// By levels only.
    Levels {
        /// Levels offered, rising.
        levels: &'static [Effort],
        /// May be switched off.
        zero: bool,
        /// The provider may choose.
        dynamic: bool,
    },
}

/// Families with rules of their own (`protocol::codec::ModelTraits`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirks {
    /// None.
    Plain,
    /// OpenAI reasoning models.
    OpenAiReasoning,
    /// Anthropic models before 4.6: prefill, sampling, no system turns in the middle.
    ClaudeClassic,
    /// Anthropic 4.5 and newer: structured output.
    ClaudeStructured,
    /// Anthropic 4.6 and newer: no prefill.
    ClaudeNoPrefill,
    /// Anthropic 4.7 and newer: no sampling parameters either (E-67).
    ClaudeFixedSampling,
    /// The newest Anthropic models: system turns in the middle as well.
    ClaudeNewest {
        /// Has a fast mode.
        fast: bool,
    },
    /// Gemini 3 family.
    Gemini3,
    /// Gemini models that make pictures.
    GeminiImage {
        /// Gemini 3 family.
        third: bool,
    },
}

const LMH: &[Effort] = &[Low, Medium, High];
const LMHX: &[Effort] = &[Low, Medium, High, XHigh];
const LMHM: &[Effort] = &[Low, Medium, High, Max];
const LMHXM: &[Effort] = &[Low, Medium, High, XHigh, Max];
const MLMH: &[Effort] = &[Minimal, Low, Medium, High];
const LH: &[Effort] = &[Low, High];
const MH: &[Effort] = &[Minimal, High];

const fn spec(
    id: &'static str,
    display: &'static str,
    created: i64,
    (context, output): (u64, u64),
    thinking: Thinking,
    quirks: Quirks,
) -> ModelSpec {
    ModelSpec {
        id,
        display,
        created,
        context,
        output,
        thinking,
        quirks,
    }
}

const fn budget(
    min: u32,
    max: u32,
    zero: bool,
    dynamic: bool,
    levels: &'static [Effort],
) -> Thinking {
    Thinking::Budget {
        min,
        max,
        zero,
        dynamic,
        levels,
    }
}

const fn claude(zero: bool, levels: &'static [Effort]) -> Thinking {
    budget(1024, 128_000, zero, false, levels)
}

const fn levels(levels: &'static [Effort], zero: bool) -> Thinking {
    Thinking::Levels {
        levels,
        zero,
        dynamic: false,
    }
}

/// Budgets are gone with 4.7: Anthropic refuses them.
const fn claude_levels(zero: bool) -> Thinking {
    Thinking::Levels {
        levels: LMHXM,
        zero,
        dynamic: true,
    }
}

/// `claude.md` §5, and the models that Claude Code asks for since (`clients.md` §2 row 13). What is
/// newer still comes from the service's own list.
pub const CLAUDE: &[ModelSpec] = &{
    use Quirks::{
        ClaudeClassic, ClaudeFixedSampling, ClaudeNewest, ClaudeNoPrefill, ClaudeStructured,
    };
    const M200: (u64, u64) = (200_000, 64_000);
    const M1: (u64, u64) = (1_000_000, 128_000);
    const OLD: (u64, u64) = (128_000, 8_192);
    [
        spec(
            "claude-haiku-4-5-20251001",
            "Claude 4.5 Haiku",
            1_759_276_800,
            M200,
            claude(true, &[]),
            ClaudeStructured,
        ),
        spec(
            "claude-sonnet-4-5-20250929",
            "Claude 4.5 Sonnet",
            1_759_104_000,
            M200,
            claude(true, &[]),
            ClaudeStructured,
        ),
        spec(
            "claude-sonnet-4-6",
            "Claude 4.6 Sonnet",
            1_771_286_400,
            M200,
            claude(true, LMHM),
            ClaudeNoPrefill,
        ),
        spec(
            "claude-opus-4-6",
            "Claude 4.6 Opus",
            1_770_318_000,
            M1,
            claude(true, LMHM),
            ClaudeNoPrefill,
        ),
        spec(
            "claude-opus-4-5-20251101",
            "Claude 4.5 Opus",
            1_761_955_200,
            M200,
            claude(true, &[]),
            ClaudeStructured,
        ),
        spec(
            "claude-opus-4-1-20250805",
            "Claude 4.1 Opus",
            1_722_945_600,
            (200_000, 32_000),
            claude(false, &[]),
            ClaudeClassic,
        ),
        spec(
            "claude-opus-4-20250514",
            "Claude 4 Opus",
            1_715_644_800,
            (200_000, 32_000),
            claude(false, &[]),
            ClaudeClassic,
        ),
        spec(
            "claude-sonnet-4-20250514",
            "Claude 4 Sonnet",
            1_715_644_800,
            M200,
            claude(false, &[]),
            ClaudeClassic,
        ),
        spec(
            "claude-3-7-sonnet-20250219",
            "Claude 3.7 Sonnet",
            1_708_300_800,
            OLD,
            claude(false, &[]),
            ClaudeClassic,
        ),
        spec(
            "claude-3-5-haiku-20241022",
            "Claude 3.5 Haiku",
            1_729_555_200,
            OLD,
            Thinking::None,
            ClaudeClassic,
        ),
        spec(
            "claude-opus-4-7",
            "Claude 4.7 Opus",
            1_776_297_600,
            M1,
            claude_levels(true),
            ClaudeFixedSampling,
        ),
        spec(
            "claude-opus-4-8",
            "Claude 4.8 Opus",
            1_779_984_000,
            M1,
            claude_levels(true),
            ClaudeFixedSampling,
        ),
        spec(
            "claude-opus-5",
            "Claude 5 Opus",
            1_784_038_800,
            M1,
            claude_levels(true),
            ClaudeNewest { fast: true },
        ),
        spec(
            "claude-sonnet-5",
            "Claude 5 Sonnet",
            1_782_777_600,
            M1,
            claude_levels(true),
            ClaudeNewest { fast: false },
        ),
        spec(
            "claude-fable-5",
            "Claude 5 Fable",
            1_781_049_600,
            M1,
            claude_levels(true),
            ClaudeNewest { fast: false },
        ),
        // These cannot be told not to think.
        spec(
            "claude-opus-5-5",
            "Claude 5.5 Opus",
            1_790_035_200,
            M1,
            claude_levels(false),
            ClaudeNewest { fast: true },
        ),
        spec(
            "claude-sonnet-5-5",
            "Claude 5.5 Sonnet",
            1_790_553_600,
            M1,
            claude_levels(false),
            ClaudeNewest { fast: false },
        ),
    ]
};

/// `codex.md` §5: both lists, since API keys see all of them.
pub const CODEX: &[ModelSpec] = &{
    use Quirks::OpenAiReasoning as R;
    const BIG: (u64, u64) = (400_000, 128_000);
    const SMALL: (u64, u64) = (128_000, 128_000);
    const M272: (u64, u64) = (272_000, 128_000);
    const M372: (u64, u64) = (372_000, 128_000);
    [
        spec("gpt-5", "GPT 5", 1_754_524_800, BIG, levels(MLMH, false), R),
        spec(
            "gpt-5-codex",
            "GPT 5 Codex",
            1_757_894_400,
            BIG,
            levels(LMH, false),
            R,
        ),
        spec(
            "gpt-5-codex-mini",
            "GPT 5 Codex Mini",
            1_762_473_600,
            BIG,
            levels(LMH, false),
            R,
        ),
        spec(
            "gpt-5.1",
            "GPT 5.1",
            1_762_905_600,
            BIG,
            levels(LMH, true),
            R,
        ),
        spec(
            "gpt-5.1-codex",
            "GPT 5.1 Codex",
            1_762_905_600,
            BIG,
            levels(LMH, false),
            R,
        ),
        spec(
            "gpt-5.1-codex-mini",
            "GPT 5.1 Codex Mini",
            1_762_905_600,
            BIG,
            levels(LMH, false),
            R,
        ),
        spec(
            "gpt-5.1-codex-max",
            "GPT 5.1 Codex Max",
            1_763_424_000,
            BIG,
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.2",
            "GPT 5.2",
            1_765_440_000,
            BIG,
            levels(LMHX, true),
            R,
        ),
        spec(
            "gpt-5.2-codex",
            "GPT 5.2 Codex",
            1_765_440_000,
            BIG,
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.3-codex",
            "GPT 5.3 Codex",
            1_770_307_200,
            BIG,
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.3-codex-spark",
            "GPT 5.3 Codex Spark",
            1_770_912_000,
            SMALL,
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.4",
            "GPT 5.4",
            1_772_668_800,
            (1_050_000, 128_000),
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.4-mini",
            "GPT 5.4 Mini",
            1_773_705_600,
            BIG,
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.5",
            "GPT 5.5",
            1_776_902_400,
            M272,
            levels(LMHX, false),
            R,
        ),
        spec(
            "gpt-5.6-sol",
            "GPT 5.6 Sol",
            1_783_616_400,
            M372,
            levels(LMHXM, false),
            R,
        ),
        spec(
            "gpt-5.6-terra",
            "GPT 5.6 Terra",
            1_783_616_400,
            M372,
            levels(LMHXM, false),
            R,
        ),
        spec(
            "gpt-5.6-luna",
            "GPT 5.6 Luna",
            1_783_616_400,
            M372,
            levels(LMHXM, false),
            R,
        ),
        spec(
            "codex-auto-review",
            "Codex Auto Review",
            1_776_902_400,
            M272,
            levels(LMHX, false),
            R,
        ),
    ]
};

const GEMINI_SIZE: (u64, u64) = (1_048_576, 65_536);
const GEMINI_PRO: Thinking = budget(128, 32_768, false, true, &[]);
const GEMINI_FLASH: Thinking = budget(0, 24_576, true, true, &[]);

const fn gemini3(levels: &'static [Effort]) -> Thinking {
    budget(128, 32_768, false, true, levels)
}

const GEMINI_25: [ModelSpec; 3] = [
    spec(
        "gemini-2.5-pro",
        "Gemini 2.5 Pro",
        1_750_118_400,
        GEMINI_SIZE,
        GEMINI_PRO,
        Quirks::Plain,
    ),
    spec(
        "gemini-2.5-flash",
        "Gemini 2.5 Flash",
        1_750_118_400,
        GEMINI_SIZE,
        GEMINI_FLASH,
        Quirks::Plain,
    ),
    spec(
        "gemini-2.5-flash-lite",
        "Gemini 2.5 Flash Lite",
        1_753_142_400,
        GEMINI_SIZE,
        GEMINI_FLASH,
        Quirks::Plain,
    ),
];

/// `gemini.md` §5: the February list and what was added until August 2026.
pub const GEMINI: &[ModelSpec] = &{
    use Quirks::{Gemini3 as G3, GeminiImage};
    const IMAGE: Quirks = GeminiImage { third: true };
    [
        GEMINI_25[0],
        GEMINI_25[1],
        GEMINI_25[2],
        spec(
            "gemini-3-pro-preview",
            "Gemini 3 Pro Preview",
            1_737_158_400,
            GEMINI_SIZE,
            gemini3(LH),
            G3,
        ),
        spec(
            "gemini-3-flash-preview",
            "Gemini 3 Flash Preview",
            1_765_929_600,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3-pro-image-preview",
            "Gemini 3 Pro Image Preview",
            1_737_158_400,
            GEMINI_SIZE,
            gemini3(LH),
            IMAGE,
        ),
        spec(
            "gemini-3.1-pro-preview",
            "Gemini 3.1 Pro Preview",
            1_771_459_200,
            GEMINI_SIZE,
            gemini3(LMH),
            G3,
        ),
        spec(
            "gemini-3.1-flash-image-preview",
            "Gemini 3.1 Flash Image Preview",
            1_771_459_200,
            GEMINI_SIZE,
            gemini3(MH),
            IMAGE,
        ),
        spec(
            "gemini-3.1-flash-lite-preview",
            "Gemini 3.1 Flash Lite Preview",
            1_776_288_000,
            GEMINI_SIZE,
            gemini3(MH),
            G3,
        ),
        spec(
            "gemini-3.5-flash",
            "Gemini 3.5 Flash",
            1_779_235_200,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.5-flash-lite",
            "Gemini 3.5 Flash Lite",
            1_782_864_000,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.6-flash",
            "Gemini 3.6 Flash",
            1_782_864_000,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.7-flash",
            "Gemini 3.7 Flash",
            0,
            (1_048_576, 65_535),
            gemini3(MLMH),
            G3,
        ),
    ]
};

/// `vertex.md` §5, August 2026, without Imagen.
pub const VERTEX: &[ModelSpec] = &{
    use Quirks::{Gemini3 as G3, GeminiImage};
    [
        GEMINI_25[0],
        GEMINI_25[1],
        GEMINI_25[2],
        spec(
            "gemini-2.5-flash-image",
            "Gemini 2.5 Flash Image",
            0,
            GEMINI_SIZE,
            GEMINI_FLASH,
            GeminiImage { third: false },
        ),
        spec(
            "gemini-3-pro",
            "Gemini 3 Pro",
            0,
            GEMINI_SIZE,
            gemini3(LH),
            G3,
        ),
        spec(
            "gemini-3-flash",
            "Gemini 3 Flash",
            0,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.1-pro",
            "Gemini 3.1 Pro",
            0,
            GEMINI_SIZE,
            gemini3(LMH),
            G3,
        ),
        spec(
            "gemini-3.1-pro-preview",
            "Gemini 3.1 Pro Preview",
            1_771_491_385,
            GEMINI_SIZE,
            gemini3(LMH),
            G3,
        ),
        spec(
            "gemini-3.1-flash-image",
            "Gemini 3.1 Flash Image",
            0,
            GEMINI_SIZE,
            gemini3(MH),
            GeminiImage { third: true },
        ),
        spec(
            "gemini-3.1-flash-lite",
            "Gemini 3.1 Flash Lite",
            0,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3-pro-image",
            "Gemini 3 Pro Image",
            0,
            GEMINI_SIZE,
            gemini3(LH),
            GeminiImage { third: true },
        ),
        spec(
            "gemini-3.5-flash",
            "Gemini 3.5 Flash",
            0,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.5-flash-lite",
            "Gemini 3.5 Flash Lite",
            0,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.6-flash",
            "Gemini 3.6 Flash",
            0,
            GEMINI_SIZE,
            gemini3(MLMH),
            G3,
        ),
        spec(
            "gemini-3.7-flash",
            "Gemini 3.7 Flash",
            0,
            (1_048_576, 65_535),
            gemini3(MLMH),
            G3,
        ),
    ]
};

impl ModelSpec {
    /// What translations must know about the model.
    pub fn traits(&self) -> ModelTraits {
        let mut traits = ModelTraits {
            max_output: Some(self.output),
            context_window: Some(self.context),
            thinking: Some(self.thinking.support()),
            vision: Some(true),
            ..ModelTraits::default()
        };
        match self.quirks {
            Quirks::Plain | Quirks::ClaudeClassic => {}
            Quirks::OpenAiReasoning => traits.openai_reasoning = true,
            Quirks::ClaudeStructured => traits.structured_output = true,
            Quirks::ClaudeNoPrefill => {
                traits.structured_output = true;
                traits.no_prefill = true;
            }
            Quirks::ClaudeFixedSampling => {
                traits.structured_output = true;
                traits.no_prefill = true;
                traits.no_sampling = true;
            }
            Quirks::ClaudeNewest { fast } => {
                traits.structured_output = true;
                traits.no_prefill = true;
                traits.no_sampling = true;
                traits.mid_system = true;
                traits.fast_mode = fast;
            }
            Quirks::Gemini3 => traits.gemini3 = true,
            Quirks::GeminiImage { third } => {
                traits.gemini3 = third;
                traits.output_modalities = vec!["image".to_owned()];
            }
        }
        traits
    }

    /// The line as an entry of the catalogue.
    pub fn info(&self, owned_by: &str) -> ModelInfo {
        ModelInfo {
            id: self.id.into(),
            owned_by: owned_by.into(),
            display_name: Some(self.display.into()),
            created: self.created,
            traits: self.traits(),
            ..ModelInfo::default()
        }
    }
}

impl Thinking {
    fn support(self) -> ThinkingSupport {
        match self {
            Self::None => ThinkingSupport {
                none: true,
                ..ThinkingSupport::default()
            },
            Self::Budget {
                min,
                max,
                zero,
                dynamic,
                levels,
            } => ThinkingSupport {
                min_budget: min,
                max_budget: max,
                can_disable: zero,
                dynamic,
                levels: levels.to_vec(),
                ..ThinkingSupport::default()
            },
            Self::Levels {
                levels,
                zero,
                dynamic,
            } => ThinkingSupport {
                can_disable: zero,
                dynamic,
                levels: levels.to_vec(),
                ..ThinkingSupport::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn traits(id: &str) -> ModelTraits {
        let spec = CLAUDE.iter().find(|spec| spec.id == id).unwrap();
        spec.traits()
    }

    /// `claude.md` §7.1 and E-67: what each generation of Claude takes.
    #[test]
    fn generations_of_claude_take_what_they_take() {
        for (id, sampling, prefill, mid_system, fast) in [
            ("claude-opus-4-5-20251101", true, true, false, false),
            ("claude-opus-4-6", true, false, false, false),
            ("claude-opus-4-8", false, false, false, false),
            ("claude-sonnet-5", false, false, true, false),
            ("claude-opus-5", false, false, true, true),
            ("claude-opus-5-5", false, false, true, true),
        ] {
            let traits = traits(id);
            assert_eq!(
                (
                    !traits.no_sampling,
                    !traits.no_prefill,
                    traits.mid_system,
                    traits.fast_mode
                ),
                (sampling, prefill, mid_system, fast),
                "{id}"
            );
        }
    }

    #[test]
    fn who_cannot_stop_thinking_thinks_little() {
        use protocol::canonical::ReasoningIntent::{Budget, Level, Off};
        use protocol::thinking::{IntentSource, resolve};
        let dialect = protocol::Dialect::Anthropic;
        for (id, wish, want) in [
            ("claude-opus-5-5", Off, Level(Low)),
            ("claude-opus-5", Off, Off),
            ("claude-opus-4-1-20250805", Off, Off),
            // Budgets are refused since 4.7.
            ("claude-opus-4-8", Budget(8192), Level(Medium)),
            ("claude-opus-4-6", Budget(8192), Budget(8192)),
        ] {
            let got = resolve(wish, IntentSource::Body(dialect), dialect, &traits(id));
            assert_eq!(got, Ok(want), "{id}");
        }
    }

    #[test]
    fn a_list_names_no_model_twice() {
        for list in [CLAUDE, CODEX, GEMINI, VERTEX] {
            let ids: BTreeSet<_> = list.iter().map(|spec| spec.id).collect();
            assert_eq!(ids.len(), list.len());
        }
    }
}
