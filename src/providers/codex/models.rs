//! Which models an account has: the static lists by plan, and the service's own list (§5).

use super::super::catalog;
use super::account;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::{CredentialRecord, Kind};
use protocol::codec::{ModelTraits, ThinkingSupport};
use protocol::thinking::parse_level;
use serde_json::Value;
use std::sync::Arc;

const OWNER: &str = "openai";

/// Generation of the backend's interface that this program speaks: the highest
/// `minimal_client_version` whose models it can serve (§4). The list leaves out what is newer.
const INTERFACE: &str = "0.144.0";

/// Context window of the 5.6 family in the plans with the largest one.
const PRO_CONTEXT: u64 = 921_000;

/// Plans with lists of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Free,
    Team,
    Plus,
    /// Also enterprise, education, and plans this program does not know.
    Pro,
}

impl Tier {
    pub(super) fn of(plan: Option<&str>) -> Self {
        match plan.unwrap_or_default().to_ascii_lowercase().as_str() {
            "free" => Self::Free,
            "team" | "business" | "go" => Self::Team,
            "plus" => Self::Plus,
            _ => Self::Pro,
        }
    }

    fn has(self, id: &str) -> bool {
        match id {
            "gpt-5.3-codex-spark" => matches!(self, Self::Plus | Self::Pro),
            "gpt-5.4" | "gpt-5.6-sol" => self != Self::Free,
            _ => true,
        }
    }
}

/// Models that only make pictures. The service's own list does not name them; every plan has them
/// (router-for-me/CLIProxyAPI `WithCodexBuiltins`).
const FOR_IMAGES: [(&str, &str); 2] = [
    ("gpt-image-1.5", "GPT Image 1.5"),
    ("gpt-image-2", "GPT Image 2"),
];

/// Whether `model` only makes pictures.
pub(super) fn is_for_images(model: &str) -> bool {
    FOR_IMAGES.iter().any(|(id, _)| *id == model)
}

fn for_images() -> impl Iterator<Item = ModelInfo> {
    FOR_IMAGES.into_iter().map(|(id, display)| ModelInfo {
        display_name: Some(display.to_owned()),
        image: true,
        traits: ModelTraits {
            output_modalities: vec!["image".to_owned()],
            ..ModelTraits::default()
        },
        ..ModelInfo::named(id, OWNER)
    })
}

/// The models of `record` as far as this program knows. Models of February that newer lists no
/// longer name stay in: an account that does not have one says so, and is left alone for that model.
pub(super) fn known(record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
    let tier = match record.kind {
        Kind::Login => Some(Tier::of(account::plan(record).as_deref())),
        Kind::Key => None,
    };
    catalog::CODEX
        .iter()
        .filter(|spec| tier.is_none_or(|tier| tier.has(spec.id)))
        .map(|spec| {
            let mut info = spec.info(OWNER);
            if tier == Some(Tier::Pro) && spec.id.starts_with("gpt-5.6-") {
                info.traits.context_window = Some(PRO_CONTEXT);
            }
            info
        })
        .chain(for_images())
        .map(Arc::new)
        .collect()
}

/// Address of an account's own list.
pub(super) fn list_url(base: &str) -> String {
    format!("{base}/models?client_version={INTERFACE}")
}

/// Reads an account's own list: `{models:[{slug, …}]}`. `None` when it is no such list, or an empty
/// one: an account without any model is a fault of the answer.
pub(super) fn listed(body: &[u8]) -> Option<Vec<ModelInfo>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let models = list.get("models")?.as_array()?;
    let mut models: Vec<ModelInfo> = models.iter().filter_map(model).collect();
    if models.is_empty() {
        return None;
    }
    let pictures = for_images().filter(|image| models.iter().all(|model| model.id != image.id));
    let pictures: Vec<_> = pictures.collect();
    models.extend(pictures);
    Some(models)
}

fn model(entry: &Value) -> Option<ModelInfo> {
    let text = |name: &str| {
        let text = entry.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let slug = text("slug")?;
    // `hide` keeps a model out of menus only.
    if text("visibility").as_deref() == Some("none") {
        return None;
    }
    let spec = catalog::CODEX.iter().find(|spec| spec.id == slug);
    let mut info = match spec {
        Some(spec) => spec.info(OWNER),
        None => ModelInfo {
            traits: ModelTraits {
                openai_reasoning: true,
                ..ModelTraits::default()
            },
            ..ModelInfo::named(slug, OWNER)
        },
    };
    info.display_name = text("display_name").or(info.display_name);
    info.description = text("description").or(info.description);
    let window = ["max_context_window", "context_window"]
        .iter()
        .find_map(|name| entry.get(*name)?.as_u64().filter(|window| *window > 0));
    info.traits.context_window = window.or(info.traits.context_window);
    if let Some(support) = thinking(entry) {
        info.traits.thinking = Some(support);
    }
    Some(info)
}

/// The efforts of a model; `None` when the list names none that this program knows.
fn thinking(entry: &Value) -> Option<ThinkingSupport> {
    let listed = entry.get("supported_reasoning_levels")?.as_array()?;
    let words = || {
        listed.iter().filter_map(|level| {
            let word = level.get("effort").unwrap_or(level);
            word.as_str()
        })
    };
    let mut levels: Vec<_> = words().filter_map(parse_level).collect();
    levels.sort_unstable();
    levels.dedup();
    (!levels.is_empty()).then(|| ThinkingSupport {
        levels,
        can_disable: words().any(|word| word.eq_ignore_ascii_case("none")),
        ..ThinkingSupport::default()
    })
}
