//! `generationConfig` for an upstream (`matrix.md` §4.1, §4.5, §4.6).

use crate::canonical::{Effort, OutputFormat, ReasoningIntent, ReasoningShow, Request};
use crate::codec::Target;
use crate::raw::RawJson;
use crate::thinking::{budget_of, level_of};
use crate::tool_schema::{GeminiForm, for_gemini};
use serde::Serialize;

/// Most stop sequences Gemini takes.
const MAX_STOP: usize = 5;

/// `generationConfig`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_schema: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<RawJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_modalities: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_config: Option<&'a RawJson>,
}

/// `thinkingConfig`: a level or a budget, never both (E-81).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_level: Option<&'static str>,
}

impl Settings<'_> {
    /// True when nothing is set.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            temperature: None,
            top_p: None,
            top_k: None,
            candidate_count: None,
            max_output_tokens: None,
            stop_sequences,
            presence_penalty: None,
            frequency_penalty: None,
            seed: None,
            response_logprobs: None,
            logprobs: None,
            response_mime_type: None,
            response_schema: None,
            response_json_schema: None,
            response_modalities,
            thinking_config: None,
            image_config: None,
        } = self
        else {
            return false;
        };
        stop_sequences.is_empty() && response_modalities.is_empty()
    }
}

/// Writes what Gemini has a place for.
pub(super) fn encode<'a>(request: &'a Request, target: &Target<'_>) -> Settings<'a> {
    let sampling = &request.sampling;
    let traits = target.model_traits;
    let samples = !traits.no_sampling;
    let mut settings = Settings {
        temperature: sampling.temperature.filter(|_| samples),
        top_p: sampling.top_p.filter(|_| samples),
        top_k: sampling.top_k.filter(|_| samples),
        candidate_count: sampling.n,
        max_output_tokens: request
            .limits
            .max_output
            .map(|limit| limit.min(traits.max_output.unwrap_or(u64::MAX))),
        stop_sequences: request
            .limits
            .stop
            .iter()
            .map(String::as_str)
            .filter(|sequence| !sequence.trim().is_empty())
            .take(MAX_STOP)
            .collect(),
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        // A seed that does not fit could only be refused.
        seed: sampling.seed.and_then(|seed| i32::try_from(seed).ok()),
        response_logprobs: sampling.logprobs.map(|_| true),
        logprobs: sampling.logprobs.filter(|&n| n > 0),
        response_modalities: request
            .output
            .modalities
            .iter()
            .map(|modality| modality.to_ascii_uppercase())
            .collect(),
        thinking_config: thinking(request.reasoning.intent, request.reasoning.show, target),
        image_config: request.output.image_config.as_ref(),
        ..Settings::default()
    };
    match &request.output.format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => settings.response_mime_type = Some("application/json"),
        OutputFormat::JsonSchema { schema, .. } => {
            settings.response_mime_type = Some("application/json");
            if target.endpoint.strict_schema {
                settings.response_schema = for_gemini(Some(schema), GeminiForm::Strict);
            } else {
                settings.response_json_schema = for_gemini(Some(schema), GeminiForm::JsonSchema);
            }
        }
    }
    settings
}

/// The `thinkingConfig` for an intent that is already fitted to the model. `None` = leave it out.
pub(in super::super) fn thinking(
    intent: ReasoningIntent,
    show: ReasoningShow,
    target: &Target<'_>,
) -> Option<Thinking> {
    let support = target.model_traits.thinking.as_ref();
    if support.is_some_and(|support| support.none) {
        return None;
    }
    let shown = match show {
        ReasoningShow::Unset => None,
        ReasoningShow::Hidden => Some(false),
        _ => Some(true),
    };
    let has_levels = support.is_some_and(|support| !support.levels.is_empty());
    let (budget, level) = match intent {
        ReasoningIntent::Unset => {
            return shown.map(|shown| Thinking {
                include_thoughts: Some(shown),
                ..Thinking::default()
            });
        }
        _ if target.model_traits.gemini3 || has_levels => (None, level_word(intent, target)),
        _ => (Some(budget(intent, target)), None),
    };
    let is_off = intent == ReasoningIntent::Off;
    Some(Thinking {
        include_thoughts: Some(!is_off && shown.unwrap_or(true)),
        thinking_budget: budget,
        thinking_level: level,
    })
}

fn budget(intent: ReasoningIntent, target: &Target<'_>) -> i64 {
    let tokens = match intent {
        ReasoningIntent::Unset | ReasoningIntent::Auto => return -1,
        ReasoningIntent::Off => 0,
        ReasoningIntent::Level(level) => budget_of(level),
        ReasoningIntent::Budget(tokens) => tokens,
    };
    let Some(support) = target.model_traits.thinking.as_ref() else {
        return tokens.into();
    };
    if tokens == 0 && support.can_disable {
        return 0;
    }
    let max = support.max_budget.max(support.min_budget);
    if max == 0 {
        return tokens.into();
    }
    tokens.clamp(support.min_budget, max).into()
}

/// Gemini's word for the level nearest to the intent; `None` = the model decides.
fn level_word(intent: ReasoningIntent, target: &Target<'_>) -> Option<&'static str> {
    let offered: &[Effort] = target
        .model_traits
        .thinking
        .as_ref()
        .map_or(&[], |support| &support.levels);
    let wanted = match intent {
        ReasoningIntent::Unset | ReasoningIntent::Auto => return None,
        // These models cannot be switched off: as little as they offer.
        ReasoningIntent::Off => offered.first().copied().unwrap_or(Effort::Low),
        ReasoningIntent::Level(level) => level,
        ReasoningIntent::Budget(tokens) => level_of(tokens),
    };
    // The nearest offered one; the lower one on a tie.
    let level = offered
        .iter()
        .copied()
        .min_by_key(|&level| (level as i32 - wanted as i32).abs())
        .unwrap_or(wanted);
    Some(match level {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    })
}

/// Gemini's word for a service tier; `None` = leave it out.
pub(super) fn tier(word: &str) -> Option<&'static str> {
    match word {
        "flex" => Some("flex"),
        "priority" | "fast" => Some("priority"),
        "standard" | "default" => Some("standard"),
        _ => None,
    }
}
