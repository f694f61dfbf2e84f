//! Which models there are (§5): a static list, and an account's own.

use super::super::catalog;
use super::ENDPOINTS;
use actors::config::ModelAlias;
use actors::domain::catalog::ModelInfo;
use protocol::canonical::Effort::{self, High, Low, Medium, XHigh};
use protocol::codec::{ModelTraits, ThinkingSupport};
use serde_json::Value;
use std::sync::Arc;

const OWNER: &str = "github-copilot";

/// Unix seconds that the old program gives every model.
const CREATED: i64 = 1_732_752_000;

/// Context and output of a model that nothing is said about.
const UNTOLD: (u64, u64) = (128_000, 16_384);

/// Where accounts of persons are served, whose lists may have no model in the picker.
const INDIVIDUAL: &str = "https://api.individual.githubcopilot.com";

const CHAT: &[&str] = &["/chat/completions"];
const RESPONSES: &[&str] = &["/responses"];
const BOTH: &[&str] = &["/chat/completions", "/responses"];

/// Levels, and whether thinking can be switched off.
type Levels = (&'static [Effort], bool);
const NONE: Levels = (&[], false);
const LMH: Levels = (&[Low, Medium, High], false);
const OFF_LMH: Levels = (&[Low, Medium, High], true);
const OFF_LMHX: Levels = (&[Low, Medium, High, XHigh], true);

const SMALL: (u64, u64) = (128_000, 16_384);
const LARGE: (u64, u64) = (200_000, 32_768);
const CLAUDE: (u64, u64) = (200_000, 64_000);
const GEMINI: (u64, u64) = (1_048_576, 65_536);

/// A model of the static list.
struct Known {
    id: &'static str,
    display: &'static str,
    vendor: &'static str,
    size: (u64, u64),
    endpoints: &'static [&'static str],
    levels: Levels,
}

const fn row(
    id: &'static str,
    display: &'static str,
    vendor: &'static str,
    size: (u64, u64),
    endpoints: &'static [&'static str],
    levels: Levels,
) -> Known {
    Known {
        id,
        display,
        vendor,
        size,
        endpoints,
        levels,
    }
}

const KNOWN: &[Known] = &[
    row("gpt-4.1", "GPT-4.1", "OpenAI", SMALL, CHAT, NONE),
    row("gpt-5", "GPT-5", "OpenAI", LARGE, BOTH, LMH),
    row("gpt-5-mini", "GPT-5 mini", "OpenAI", SMALL, BOTH, LMH),
    row(
        "gpt-5-codex",
        "GPT-5 Codex",
        "OpenAI",
        LARGE,
        RESPONSES,
        LMH,
    ),
    row("gpt-5.1", "GPT-5.1", "OpenAI", LARGE, BOTH, OFF_LMH),
    row(
        "gpt-5.1-codex",
        "GPT-5.1 Codex",
        "OpenAI",
        LARGE,
        RESPONSES,
        OFF_LMH,
    ),
    row(
        "gpt-5.1-codex-mini",
        "GPT-5.1 Codex Mini",
        "OpenAI",
        SMALL,
        RESPONSES,
        OFF_LMH,
    ),
    row(
        "gpt-5.1-codex-max",
        "GPT-5.1 Codex Max",
        "OpenAI",
        LARGE,
        RESPONSES,
        OFF_LMHX,
    ),
    row("gpt-5.2", "GPT-5.2", "OpenAI", LARGE, BOTH, OFF_LMHX),
    row(
        "gpt-5.2-codex",
        "GPT-5.2 Codex",
        "OpenAI",
        LARGE,
        RESPONSES,
        OFF_LMHX,
    ),
    row(
        "gpt-5.3-codex",
        "GPT-5.3 Codex",
        "OpenAI",
        LARGE,
        RESPONSES,
        OFF_LMHX,
    ),
    row(
        "claude-haiku-4.5",
        "Claude Haiku 4.5",
        "Anthropic",
        CLAUDE,
        CHAT,
        NONE,
    ),
    row(
        "claude-opus-4.1",
        "Claude Opus 4.1",
        "Anthropic",
        (200_000, 32_000),
        CHAT,
        NONE,
    ),
    row(
        "claude-opus-4.5",
        "Claude Opus 4.5",
        "Anthropic",
        CLAUDE,
        CHAT,
        NONE,
    ),
    row(
        "claude-opus-4.6",
        "Claude Opus 4.6",
        "Anthropic",
        CLAUDE,
        CHAT,
        NONE,
    ),
    row(
        "claude-sonnet-4",
        "Claude Sonnet 4",
        "Anthropic",
        CLAUDE,
        CHAT,
        NONE,
    ),
    row(
        "claude-sonnet-4.5",
        "Claude Sonnet 4.5",
        "Anthropic",
        CLAUDE,
        CHAT,
        NONE,
    ),
    row(
        "claude-sonnet-4.6",
        "Claude Sonnet 4.6",
        "Anthropic",
        CLAUDE,
        CHAT,
        NONE,
    ),
    row(
        "gemini-2.5-pro",
        "Gemini 2.5 Pro",
        "Google",
        GEMINI,
        CHAT,
        NONE,
    ),
    row(
        "gemini-3-pro-preview",
        "Gemini 3 Pro (Preview)",
        "Google",
        GEMINI,
        CHAT,
        NONE,
    ),
    row(
        "gemini-3.1-pro-preview",
        "Gemini 3.1 Pro (Preview)",
        "Google",
        GEMINI,
        CHAT,
        NONE,
    ),
    row(
        "gemini-3-flash-preview",
        "Gemini 3 Flash (Preview)",
        "Google",
        GEMINI,
        CHAT,
        NONE,
    ),
    row(
        "grok-code-fast-1",
        "Grok Code Fast 1",
        "xAI",
        SMALL,
        CHAT,
        NONE,
    ),
    row(
        "oswe-vscode-prime",
        "Raptor mini (Preview)",
        "GitHub",
        SMALL,
        BOTH,
        NONE,
    ),
];

impl Known {
    fn info(&self) -> ModelInfo {
        let (levels, can_disable) = self.levels;
        let endpoints = self.endpoints.iter().map(|path| (*path).to_owned());
        ModelInfo {
            display_name: Some(self.display.to_owned()),
            created: CREATED,
            description: Some(format!(
                "{} {} via GitHub Copilot",
                self.vendor, self.display
            )),
            traits: ModelTraits {
                context_window: Some(self.size.0),
                max_output: Some(self.size.1),
                thinking: Some(ThinkingSupport {
                    levels: levels.to_vec(),
                    can_disable,
                    none: levels.is_empty(),
                    ..ThinkingSupport::default()
                }),
                openai_reasoning: is_reasoning(self.id),
                ..ModelTraits::default()
            },
            endpoints: endpoints.collect(),
            ..ModelInfo::named(self.id, OWNER)
        }
    }
}

/// The models this program knows.
pub(super) fn known() -> impl Iterator<Item = ModelInfo> {
    KNOWN.iter().map(Known::info)
}

/// Whether a model is OpenAI's: only those take an effort in chat.
pub(super) fn is_openai(model: &str) -> bool {
    model.starts_with("gpt-") || is_reasoning(model)
}

/// Whether a model is one of OpenAI's that think: `gpt-5` and newer, `o1` and so on.
pub(super) fn is_reasoning(model: &str) -> bool {
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text.get(..end.unwrap_or(text.len()))?.parse::<u32>().ok()
    };
    match (model.strip_prefix("gpt-"), model.strip_prefix('o')) {
        (Some(rest), _) => number(rest).is_some_and(|version| version >= 5),
        (None, Some(rest)) => number(rest).is_some(),
        (None, None) => false,
    }
}

/// The names that Anthropic's clients use, of models whose names here have dots (`config.md` §3.5).
pub(super) fn aliases(models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
    let there = |id: &str| models.iter().any(|model| *model.id == *id);
    let dotted = models
        .iter()
        .filter(|model| model.id.starts_with("claude-") && model.id.contains('.'));
    dotted
        .map(|model| (model, model.id.replace('.', "-")))
        .filter(|(_, alias)| !there(alias))
        .map(|(model, alias)| ModelAlias {
            name: model.id.to_string(),
            alias,
            fork: true,
            display_name: None,
            force_mapping: false,
        })
        .collect()
}

/// Reads an account's own list. `None` when it is none, or nothing stays of it: then the old list
/// serves.
pub(super) fn listed(body: &[u8], base: &str) -> Option<Vec<ModelInfo>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let mut models: Vec<ModelInfo> = Vec::new();
    for entry in offered(list.get("data")?.as_array()?, base) {
        // The service repeats names of different versions; the first one counts.
        if let Some(info) = model(entry)
            && models.iter().all(|model| model.id != info.id)
        {
            models.push(info);
        }
    }
    (!models.is_empty()).then_some(models)
}

/// The entries of a list that are there for this account.
fn offered<'a>(entries: &'a [Value], base: &str) -> Vec<&'a Value> {
    let all: Vec<&Value> = entries.iter().filter(|entry| can_serve(entry)).collect();
    let told = |entry: &&Value| {
        entry.get("policy").is_some() || entry.get("model_picker_enabled").is_some()
    };
    if !all.iter().any(told) {
        return all;
    }
    let state = |entry: &Value| entry.pointer("/policy/state")?.as_str().map(str::to_owned);
    let only = |keep: &dyn Fn(&Value) -> bool| -> Vec<&'a Value> {
        all.iter().copied().filter(|entry| keep(entry)).collect()
    };
    let mut kept = only(&|entry| {
        entry["model_picker_enabled"] == true && state(entry).as_deref() != Some("disabled")
    });
    if kept.is_empty() && base == INDIVIDUAL {
        kept = only(&|entry| state(entry).as_deref() == Some("enabled"));
    }
    if kept.is_empty() { all } else { kept }
}

/// Whether an entry can be talked to, with tools.
fn can_serve(entry: &Value) -> bool {
    let named = entry["id"].as_str().is_some_and(|id| !id.trim().is_empty());
    let kind = entry.pointer("/capabilities/type").and_then(Value::as_str);
    let tools = entry.pointer("/capabilities/supports/tool_calls");
    // Some are only for sockets, or for completing code.
    let reachable = endpoints(entry)
        .iter()
        .any(|path| ENDPOINTS.iter().any(|(known, _)| known == path));
    named
        && reachable
        && kind.is_none_or(|kind| kind == "chat")
        && tools != Some(&Value::Bool(false))
}

fn model(entry: &Value) -> Option<ModelInfo> {
    let id = entry["id"].as_str()?.trim();
    let known = known().find(|known| *known.id == *id);
    let told = known.is_some();
    let mut info = known.unwrap_or_else(|| ModelInfo::named(id, OWNER));
    info.endpoints = endpoints(entry);
    if let Some(name) = entry["name"].as_str().filter(|name| !name.is_empty()) {
        info.display_name = Some(name.to_owned());
    }
    if let Some(created) = entry["created"].as_i64().filter(|_| !told) {
        info.created = created;
    }
    let limits = entry.pointer("/capabilities/limits");
    let limit = |name: &str| limits?.get(name)?.as_u64().filter(|n| *n > 0);
    let supports = entry.pointer("/capabilities/supports");
    let flag = |name: &str| supports?.get(name)?.as_bool();
    let budget = |name: &str| u32::try_from(supports?.get(name)?.as_u64()?).ok();
    let window = limit("max_prompt_tokens").or_else(|| limit("max_context_window_tokens"));
    // Only there Claude can be told how to think.
    let messages = info.endpoints.iter().any(|path| path == "/v1/messages");
    let twin = claude(id).filter(|_| messages);
    let mut traits = twin.unwrap_or_else(|| info.traits.clone());
    traits.context_window = window.or(Some(UNTOLD.0));
    traits.max_output = limit("max_output_tokens").or(Some(UNTOLD.1));
    traits.openai_reasoning = is_reasoning(id);
    traits.vision = flag("vision");
    if let Some(max_budget) = budget("max_thinking_budget").filter(|_| messages) {
        let min_budget = budget("min_thinking_budget").unwrap_or(1024);
        let levels = traits.thinking.take().map(|thinking| thinking.levels);
        traits.thinking = Some(ThinkingSupport {
            min_budget,
            max_budget,
            can_disable: true,
            dynamic: flag("adaptive_thinking") == Some(true),
            levels: levels.unwrap_or_default(),
            ..ThinkingSupport::default()
        });
    }
    if traits.vision == Some(true) {
        info.input_modalities = vec!["text".to_owned(), "image".to_owned()];
    }
    info.traits = traits;
    Some(info)
}

/// The paths that serve an entry; older models say nothing and are chat's.
fn endpoints(entry: &Value) -> Vec<String> {
    let listed = entry["supported_endpoints"].as_array();
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else {
        return vec![ENDPOINTS[0].0.to_owned()];
    };
    let listed = listed.iter().filter_map(Value::as_str);
    listed.map(str::to_owned).collect()
}

/// What a model of Claude takes in Anthropic's protocol, by its name there.
fn claude(id: &str) -> Option<ModelTraits> {
    let name = id.replace('.', "-");
    let spec = catalog::CLAUDE.iter().find(|spec| {
        let info = spec.info(OWNER);
        info.id
            .strip_prefix(&*name)
            .is_some_and(|rest| rest.is_empty() || is_date(rest))
    })?;
    Some(spec.info(OWNER).traits)
}

/// `-20250929`
fn is_date(rest: &str) -> bool {
    let digits = rest.strip_prefix('-').unwrap_or_default();
    digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
