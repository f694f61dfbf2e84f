//! Which models an account or a key has: the static list (§5) and the service's own.

use super::super::catalog;
use super::{Access, base, betas};
use crate::providers::control::Outgoing;
use actors::config::{HeaderValue, ModelAlias};
use actors::domain::catalog::ModelInfo;
use actors::domain::record::{CredentialRecord, Kind};
use actors::domain::secret::Secret;
use chrono::DateTime;
use protocol::canonical::Effort;
use protocol::codec::{ModelTraits, ThinkingSupport};
use protocol::thinking::parse_level;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const OWNER: &str = "anthropic";

/// Release of the first model that takes system turns among the messages; a list does not say it.
const FIRST_WITH_MID_SYSTEM: i64 = 1_781_049_600;

/// Smallest and largest budget of models that think by budget (§5).
const BUDGETS: (u32, u32) = (1024, 128_000);

/// Names that Anthropic's API takes for the dated ones, and clients come with.
const UNDATED: [(&str, &str); 4] = [
    ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-opus-4-5", "claude-opus-4-5-20251101"),
    ("claude-opus-4-1", "claude-opus-4-1-20250805"),
];

const LIST_LIMIT: Duration = Duration::from_secs(20);

/// The models of §5; for keys, whose models have no aliases, under their shorter names as well.
pub(super) fn known(record: &CredentialRecord) -> Vec<ModelInfo> {
    let mut models = dated();
    if record.kind == Kind::Key {
        let undated = UNDATED.iter().filter_map(|(name, dated)| {
            let info = models.iter().find(|model| *model.id == **dated)?;
            let id = Arc::from(*name);
            Some(ModelInfo { id, ..info.clone() })
        });
        let undated: Vec<_> = undated.collect();
        models.extend(undated);
    }
    models
}

/// The shorter names of an account's models, unless its owner names other aliases.
pub(super) fn aliases(models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
    let there = |id: &str| models.iter().any(|model| *model.id == *id);
    let due = UNDATED
        .iter()
        .filter(|(name, dated)| there(dated) && !there(name));
    due.map(|(name, dated)| ModelAlias {
        name: (*dated).to_owned(),
        alias: (*name).to_owned(),
        fork: true,
        display_name: None,
        force_mapping: false,
    })
    .collect()
}

fn dated() -> Vec<ModelInfo> {
    catalog::CLAUDE
        .iter()
        .map(|spec| spec.info(OWNER))
        .collect()
}

/// The call for the list of `record`.
pub(super) fn list_call(record: &CredentialRecord) -> Outgoing {
    let access = Access::of(record);
    let mut call = Outgoing::get(format!("{}/v1/models?limit=1000", base(record)))
        .limit(LIST_LIMIT)
        .header("anthropic-version", "2023-06-01");
    if let Some(secret) = &record.secret {
        call = match access {
            Access::Key => call.header("x-api-key", secret.expose()),
            Access::OAuth | Access::Other => call.bearer(secret),
        };
    }
    if access == Access::OAuth {
        call = call.header(protocol::anthropic::ANTHROPIC_BETA, betas::OAUTH);
    }
    for (name, value) in &record.settings.headers {
        // There is no client whose header could be copied.
        if let HeaderValue::Fixed(value) = value {
            call = call.header(name, Secret::expose(value));
        }
    }
    call
}

/// The models of a list, the service's or that of another one with its protocol. `None` when it is
/// no list. Anthropic's own list completes ours: what it leaves out may still be served.
pub(super) fn listed(body: &[u8], record: &CredentialRecord) -> Option<Vec<ModelInfo>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let data = list.get("data")?.as_array()?;
    let first_party = Access::of(record).is_first_party();
    let owner = if first_party { OWNER } else { &record.label };
    let mut models: Vec<ModelInfo> = data
        .iter()
        .filter_map(|entry| model(entry, owner))
        .collect();
    if models.is_empty() {
        return None;
    }
    if first_party {
        let mut rest = known(record);
        rest.retain(|known| models.iter().all(|model| model.id != known.id));
        models.extend(rest);
    }
    Some(models)
}

fn model(entry: &Value, owner: &str) -> Option<ModelInfo> {
    let id = entry.get("id")?.as_str()?.trim();
    if id.is_empty() {
        return None;
    }
    let spec = catalog::CLAUDE.iter().find(|spec| spec.id == id);
    let mut info = match spec {
        Some(spec) => spec.info(OWNER),
        None => ModelInfo::named(id, owner),
    };
    let number = |name: &str| entry.get(name)?.as_u64().filter(|number| *number > 0);
    let traits = &mut info.traits;
    traits.context_window = number("max_input_tokens").or(traits.context_window);
    traits.max_output = number("max_tokens").or(traits.max_output);
    if let Some(name) = entry.get("display_name").and_then(Value::as_str) {
        info.display_name = Some(name.to_owned());
    }
    if spec.is_none() {
        info.created = created(entry).unwrap_or_default();
        if let Some(capabilities) = entry.get("capabilities").filter(|all| all.is_object()) {
            learn(&mut info.traits, capabilities, info.created);
        }
    }
    Some(info)
}

/// RFC 3339, or unix seconds as OpenAI's lists have them.
fn created(entry: &Value) -> Option<i64> {
    let text = || DateTime::parse_from_rfc3339(entry.get("created_at")?.as_str()?).ok();
    let at = text().map(|at| at.timestamp());
    at.or_else(|| entry.get("created")?.as_i64())
}

/// What the list says about a model that this program does not know (`ModelCapabilities` of
/// anthropics/anthropic-sdk-typescript), and what follows from its generation.
fn learn(traits: &mut ModelTraits, capabilities: &Value, created: i64) {
    let has = |path: &[&str]| {
        let found = path.iter().try_fold(capabilities, |at, key| at.get(*key));
        found.and_then(|found| found.get("supported")?.as_bool()) == Some(true)
    };
    let adaptive = has(&["thinking", "types", "adaptive"]);
    let by_budget = has(&["thinking", "types", "enabled"]);
    let levels = ["low", "medium", "high", "xhigh", "max"];
    let levels: Vec<Effort> = levels
        .iter()
        .filter(|word| adaptive && has(&["effort", word]))
        .filter_map(|word| parse_level(word))
        .collect();
    let (min_budget, max_budget) = if by_budget { BUDGETS } else { (0, 0) };
    traits.thinking = Some(ThinkingSupport {
        min_budget,
        max_budget,
        // Models without budgets are told to think little instead: some refuse not to think.
        can_disable: by_budget,
        dynamic: adaptive,
        none: !(adaptive || by_budget),
        levels,
        ..ThinkingSupport::default()
    });
    traits.vision = Some(has(&["image_input"]));
    traits.structured_output = has(&["structured_outputs"]);
    traits.no_prefill = adaptive;
    // Sampling went together with the budgets.
    traits.no_sampling = adaptive && !by_budget;
    traits.mid_system = adaptive && created >= FIRST_WITH_MID_SYSTEM;
}

/// As the catalogue wants them.
pub(super) fn shared(models: Vec<ModelInfo>) -> Vec<Arc<ModelInfo>> {
    models.into_iter().map(Arc::new).collect()
}
