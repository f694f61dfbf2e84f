//! Which models there are (§5): what is known, and what an account's own list adds.

use actors::domain::catalog::ModelInfo;
use protocol::canonical::Effort::{self, High, Low, Max};
use protocol::codec::{ModelTraits, ThinkingSupport};
use serde_json::Value;
use std::sync::Arc;

const OWNER: &str = "moonshot";

/// A model of the static list.
struct Known {
    id: &'static str,
    display: &'static str,
    /// Unix seconds of its release.
    created: i64,
    /// Context window and largest output in tokens.
    size: (u64, u64),
    thinks: Thinks,
    inputs: &'static [&'static str],
}

/// How a model thinks.
#[derive(Clone, Copy)]
enum Thinks {
    Never,
    /// By levels; may be switched off.
    Maybe(&'static [Effort]),
    /// By levels, always.
    Always(&'static [Effort]),
}

const LH: &[Effort] = &[Low, High];
const LHM: &[Effort] = &[Low, High, Max];
const TEXT: &[&str] = &["text"];
const IMAGE: &[&str] = &["text", "image"];
const VIDEO: &[&str] = &["text", "image", "video"];

const fn known_as(
    id: &'static str,
    display: &'static str,
    created: i64,
    size: (u64, u64),
    thinks: Thinks,
    inputs: &'static [&'static str],
) -> Known {
    Known {
        id,
        display,
        created,
        size,
        thinks,
        inputs,
    }
}

/// The list of August 2026, which holds the one of February.
const KNOWN: &[Known] = &{
    use Thinks::{Always, Maybe, Never};
    const K131: (u64, u64) = (131_072, 32_768);
    const K262: (u64, u64) = (262_144, 65_536);
    [
        known_as("kimi-k2", "Kimi K2", 1_752_192_000, K131, Never, TEXT),
        known_as(
            "kimi-k2-thinking",
            "Kimi K2 Thinking",
            1_762_387_200,
            K131,
            Always(LH),
            TEXT,
        ),
        known_as(
            "kimi-k2.5",
            "Kimi K2.5",
            1_769_472_000,
            (262_144, 32_768),
            Maybe(LH),
            VIDEO,
        ),
        known_as(
            "kimi-k2.6",
            "Kimi K2.6",
            1_776_729_600,
            K262,
            Maybe(LH),
            VIDEO,
        ),
        known_as(
            "kimi-k2.7-code",
            "Kimi K2.7 Code",
            1_780_396_800,
            K262,
            Always(LH),
            VIDEO,
        ),
        known_as(
            "kimi-k2.7-code-highspeed",
            "Kimi K2.7 Code HighSpeed",
            1_780_396_800,
            K262,
            Always(LH),
            VIDEO,
        ),
        known_as(
            "kimi-k3",
            "Kimi K3",
            1_784_073_600,
            (1_048_576, 65_536),
            Always(LHM),
            VIDEO,
        ),
        known_as(
            "kimi-k3-256k",
            "Kimi K3 256K",
            1_785_110_400,
            K262,
            Always(LHM),
            IMAGE,
        ),
    ]
};

impl Known {
    fn info(&self) -> ModelInfo {
        let (context, output) = self.size;
        let inputs = self.inputs.iter().map(|kind| (*kind).to_owned());
        ModelInfo {
            call_name: Some(call_name(self.id).into()),
            display_name: Some(self.display.to_owned()),
            created: self.created,
            traits: ModelTraits {
                max_output: Some(output),
                context_window: Some(context),
                thinking: Some(self.thinks.support()),
                vision: Some(self.inputs.contains(&"image")),
                ..ModelTraits::default()
            },
            input_modalities: inputs.collect(),
            ..ModelInfo::named(self.id, OWNER)
        }
    }
}

impl Thinks {
    fn support(self) -> ThinkingSupport {
        let (levels, can_disable) = match self {
            Self::Never => {
                return ThinkingSupport {
                    none: true,
                    ..ThinkingSupport::default()
                };
            }
            Self::Maybe(levels) => (levels, true),
            Self::Always(levels) => (levels, false),
        };
        ThinkingSupport {
            levels: levels.to_vec(),
            can_disable,
            // `enabled` without an effort leaves the choice to the service.
            dynamic: true,
            foreign: true,
            ..ThinkingSupport::default()
        }
    }
}

/// The models this program knows.
pub(super) fn known() -> impl Iterator<Item = ModelInfo> {
    KNOWN.iter().map(Known::info)
}

/// The name the service wants in calls.
pub(super) fn call_name(model: &str) -> String {
    let name = model.trim().to_ascii_lowercase();
    let name = name.strip_suffix("[1m]").unwrap_or(&name);
    let bare = name.strip_prefix("kimi-").unwrap_or(name);
    // The family keeps its prefix, unlike all others.
    match bare {
        "k2.7-code" | "for-coding" => "kimi-for-coding".to_owned(),
        "k2.7-code-highspeed" | "for-coding-highspeed" => "kimi-for-coding-highspeed".to_owned(),
        _ => bare.to_owned(),
    }
}

/// Reads an account's own list, `{data:[{id, …}]}`, and adds what it leaves out of the known models:
/// the service takes names it does not list, and clients are set to them. `None` when it is no such
/// list, or an empty one.
pub(super) fn listed(body: &[u8]) -> Option<Vec<ModelInfo>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let entries = list.get("data")?.as_array()?;
    let mut models: Vec<ModelInfo> = Vec::new();
    for info in entries.iter().filter_map(model) {
        if models.iter().all(|model| model.id != info.id) {
            models.push(info);
        }
    }
    if models.is_empty() {
        return None;
    }
    let missing: Vec<ModelInfo> = known()
        .filter(|known| models.iter().all(|model| model.id != known.id))
        .collect();
    models.extend(missing);
    Some(models)
}

fn model(entry: &Value) -> Option<ModelInfo> {
    let id = entry.get("id")?.as_str()?.trim();
    if id.is_empty() {
        return None;
    }
    let shown: Arc<str> = if id.starts_with("kimi-") {
        id.into()
    } else {
        format!("kimi-{id}").into()
    };
    let twin = known().find(|known| known.id == shown || known.call_name.as_deref() == Some(id));
    let mut info = twin.unwrap_or_else(|| ModelInfo::named(Arc::clone(&shown), OWNER));
    info.id = shown;
    info.call_name = Some(id.into());
    if let Some(name) = entry.get("display_name").and_then(Value::as_str) {
        info.display_name = Some(name.to_owned());
    }
    let window = entry.get("context_length").and_then(Value::as_u64);
    info.traits.context_window = window.filter(|n| *n > 0).or(info.traits.context_window);
    let flag = |name: &str| entry.get(name).and_then(Value::as_bool);
    if flag("supports_reasoning") == Some(false) && !id.contains("thinking") {
        info.traits.thinking = Some(Thinks::Never.support());
    }
    let (image, video) = (flag("supports_image_in"), flag("supports_video_in"));
    if image.is_some() || video.is_some() {
        let kinds = [("image", image), ("video", video)].into_iter();
        let kinds = kinds.filter(|(_, has)| *has == Some(true));
        let kinds = ["text"].into_iter().chain(kinds.map(|(kind, _)| kind));
        info.input_modalities = kinds.map(str::to_owned).collect();
        info.traits.vision = Some(image == Some(true));
    }
    Some(info)
}
