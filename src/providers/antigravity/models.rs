//! The models of an account: its own list, and what is known without it (§5).

use super::super::catalog::{ModelSpec, Quirks, Thinking};
use actors::domain::catalog::ModelInfo;
use protocol::canonical::Effort::{self, High, Low, Medium, Minimal};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Models that answer other questions than a client's.
const SKIPPED: &[&str] = &[
    "chat_20706",
    "chat_23310",
    "gemini-2.5-flash-thinking",
    "gemini-3-pro-low",
    "gemini-2.5-pro",
];

/// Output of a Claude model whose limit is not known.
const CLAUDE_OUTPUT: u64 = 64_000;

const CLAUDE: (u64, u64) = (200_000, CLAUDE_OUTPUT);
const GEMINI: (u64, u64) = (1_048_576, 65_536);
const GEMINI_ODD: (u64, u64) = (1_048_576, 65_535);
const CLAUDE_THINKING: Thinking = Thinking::Budget {
    min: 1024,
    max: 64_000,
    zero: true,
    dynamic: true,
    levels: &[],
};
const LH: &[Effort] = &[Low, High];
const MLMH: &[Effort] = &[Minimal, Low, Medium, High];

const fn spec(
    id: &'static str,
    display: &'static str,
    (context, output): (u64, u64),
    thinking: Thinking,
    quirks: Quirks,
) -> ModelSpec {
    ModelSpec {
        id,
        display,
        created: 0,
        context,
        output,
        thinking,
        quirks,
    }
}

const fn gemini3(levels: &'static [Effort]) -> Thinking {
    Thinking::Budget {
        min: 128,
        max: 32_768,
        zero: false,
        dynamic: true,
        levels,
    }
}

const FLASH: Thinking = Thinking::Budget {
    min: 0,
    max: 24_576,
    zero: true,
    dynamic: true,
    levels: &[],
};

/// Both lists of §5; `true` = the newer one, which stands in when an account's own cannot be had.
const KNOWN: &[(ModelSpec, bool)] = &{
    use Quirks::{Gemini3 as G3, Plain};
    const IMAGE: Quirks = Quirks::GeminiImage { third: true };
    const OPUS_45: &str = "claude-opus-4-5-thinking";
    const SONNET_45: &str = "claude-sonnet-4-5-thinking";
    const SONNET_46: &str = "claude-sonnet-4-6-thinking";
    [
        (
            spec(
                "claude-opus-4-6-thinking",
                "Claude Opus 4.6 (Thinking)",
                CLAUDE,
                CLAUDE_THINKING,
                Plain,
            ),
            true,
        ),
        (
            spec(
                "claude-sonnet-4-6",
                "Claude Sonnet 4.6",
                CLAUDE,
                CLAUDE_THINKING,
                Plain,
            ),
            true,
        ),
        (
            spec(
                OPUS_45,
                "Claude Opus 4.5 (Thinking)",
                CLAUDE,
                CLAUDE_THINKING,
                Plain,
            ),
            false,
        ),
        (
            spec(
                SONNET_45,
                "Claude Sonnet 4.5 (Thinking)",
                CLAUDE,
                CLAUDE_THINKING,
                Plain,
            ),
            false,
        ),
        (
            spec(
                SONNET_46,
                "Claude Sonnet 4.6 (Thinking)",
                CLAUDE,
                CLAUDE_THINKING,
                Plain,
            ),
            false,
        ),
        (
            spec(
                "claude-sonnet-4-5",
                "Claude Sonnet 4.5",
                CLAUDE,
                Thinking::None,
                Plain,
            ),
            false,
        ),
        (
            spec("gemini-2.5-flash", "Gemini 2.5 Flash", GEMINI, FLASH, Plain),
            false,
        ),
        (
            spec(
                "gemini-2.5-flash-lite",
                "Gemini 2.5 Flash Lite",
                GEMINI,
                FLASH,
                Plain,
            ),
            false,
        ),
        (
            spec(
                "gemini-3-pro-high",
                "Gemini 3 Pro (High)",
                GEMINI,
                gemini3(LH),
                G3,
            ),
            false,
        ),
        (
            spec(
                "gemini-3-pro-image",
                "Gemini 3 Pro Image",
                GEMINI,
                gemini3(LH),
                IMAGE,
            ),
            false,
        ),
        (
            spec(
                "gemini-3-flash",
                "Gemini 3 Flash",
                GEMINI,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3-flash-agent",
                "Gemini 3 Flash Agent",
                GEMINI,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.6-flash-high",
                "Gemini 3.6 Flash (High)",
                GEMINI,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.7-flash-high",
                "Gemini 3.7 Flash (High)",
                GEMINI,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-pro-agent",
                "Gemini Pro Agent",
                GEMINI_ODD,
                gemini3(LH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.1-pro-low",
                "Gemini 3.1 Pro (Low)",
                GEMINI_ODD,
                gemini3(LH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.1-flash-lite",
                "Gemini 3.1 Flash Lite",
                GEMINI_ODD,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.5-flash-low",
                "Gemini 3.5 Flash (Low)",
                GEMINI_ODD,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.5-flash-extra-low",
                "Gemini 3.5 Flash (Extra Low)",
                GEMINI_ODD,
                gemini3(MLMH),
                G3,
            ),
            true,
        ),
        (
            spec(
                "gemini-3.1-flash-image",
                "Gemini 3.1 Flash Image",
                GEMINI,
                gemini3(MLMH),
                IMAGE,
            ),
            true,
        ),
        (
            spec(
                "gpt-oss-120b-medium",
                "GPT-OSS 120B (Medium)",
                (114_000, 32_768),
                Thinking::None,
                Plain,
            ),
            true,
        ),
    ]
};

fn known(id: &str) -> Option<&'static ModelSpec> {
    KNOWN
        .iter()
        .map(|(spec, _)| spec)
        .find(|spec| spec.id == id)
}

/// The list while, or where, the account's own is not there.
pub(super) fn fallback() -> Vec<Arc<ModelInfo>> {
    let newer = KNOWN.iter().filter(|(_, newer)| *newer);
    newer
        .map(|(spec, _)| Arc::new(spec.info("antigravity")))
        .collect()
}

/// Largest output of a Claude model.
pub(super) fn max_output(model: &str) -> u64 {
    known(model).map_or(CLAUDE_OUTPUT, |spec| spec.output)
}

/// Whether clients are offered this one of an account's models.
pub(super) fn is_offered(id: &str) -> bool {
    !SKIPPED.contains(&id) && !id.trim().is_empty()
}

/// Reads an answer of `fetchAvailableModels`; `None` when it is none.
pub(super) fn read(answer: &Value) -> Option<Vec<ModelInfo>> {
    let models = answer.get("models")?.as_object()?;
    let mut list: Vec<ModelInfo> = models
        .iter()
        .filter(|(id, _)| is_offered(id))
        .map(|(id, entry)| info(id, entry))
        .collect();
    list.sort_by(|a, b| a.id.cmp(&b.id));
    Some(list)
}

fn info(id: &str, entry: &Value) -> ModelInfo {
    let mut info = match known(id) {
        Some(spec) => spec.info("antigravity"),
        None => unknown(id),
    };
    let empty = Map::new();
    let entry = entry.as_object().unwrap_or(&empty);
    let number = |key: &str| entry.get(key).and_then(Value::as_u64).filter(|n| *n > 0);
    if let Some(name) = entry.get("displayName").and_then(Value::as_str)
        && !name.trim().is_empty()
    {
        info.display_name = Some(name.to_owned());
        info.description = Some(name.to_owned());
    }
    if let Some(most) = number("maxOutputTokens") {
        info.traits.max_output = Some(most);
    }
    if let Some(most) = number("maxTokens") {
        info.traits.context_window = Some(most);
    }
    info
}

/// A model that this program does not know: only its family is clear.
fn unknown(id: &str) -> ModelInfo {
    let mut info = ModelInfo::named(id, "antigravity");
    info.traits.gemini3 = id.starts_with("gemini-3") || id == "gemini-pro-agent";
    if id.contains("image") {
        info.traits.output_modalities = vec!["image".to_owned()];
    }
    info
}
