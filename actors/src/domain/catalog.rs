//! Which names lead to which upstream model of a credential: the provider's list, exclusions,
//! aliases, prefixes (`routing.md` §2). Pure.

use super::record::{CredentialRecord, Kind};
use super::wildcard;
use crate::config::{ModelAlias, ModelEntry};
use protocol::canonical::ReasoningIntent;
use protocol::codec::{ModelTraits, ThinkingSupport};
use protocol::thinking::{parse_level, split_suffix};
use std::collections::HashSet;
use std::sync::Arc;

/// What is known about a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelInfo {
    /// The provider's own name for it.
    pub id: Arc<str>,
    /// The name calls use, where it is another one than `id`.
    pub call_name: Option<Arc<str>>,
    /// Who is shown as its owner.
    pub owned_by: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Unix seconds of its release; 0 = unknown.
    pub created: i64,
    /// One line about it.
    pub description: Option<String>,
    /// Version word of the Gemini list.
    pub version: Option<String>,
    /// What it can do; the default = unknown, nothing is checked.
    pub traits: ModelTraits,
    /// What it reads beside text (`image`, `audio`, …); empty = not declared.
    pub input_modalities: Vec<String>,
    /// Offered on the image routes.
    pub image: bool,
    /// The upstream paths that serve it (`/chat/completions`, `/responses`, …); empty = all.
    pub endpoints: Vec<String>,
}

impl ModelInfo {
    /// A model nothing is known about.
    pub fn named(id: impl Into<Arc<str>>, owned_by: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            owned_by: owned_by.into(),
            ..Self::default()
        }
    }
}

/// The rules that apply to one credential's names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Naming<'a> {
    /// Models of credentials with a prefix answer to the prefixed name only.
    pub force_prefix: bool,
    /// Aliases of the credential's channel; for logins only.
    pub aliases: &'a [ModelAlias],
    /// Hidden models of the credential's channel; for logins only.
    pub excluded: &'a [String],
}

/// A name that leads to an upstream model of one credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The name clients use.
    pub visible: String,
    /// The name the upstream knows, without suffix.
    pub upstream_model: Arc<str>,
    /// Thinking that the alias target fixes; it wins over the client's.
    pub suffix: Option<ReasoningIntent>,
    /// What the model can do.
    pub info: Arc<ModelInfo>,
    /// Answers name the alias whatever `passthrough-model` says.
    pub force_mapping: bool,
    /// The upstream is only compatible: thinking blocks without signature stay.
    pub is_compat: bool,
}

/// All names under which `record` offers `models`, the provider's list for it.
///
/// Several offers of one credential may share a name: they form a pool.
pub fn offers(
    record: &CredentialRecord,
    models: &[Arc<ModelInfo>],
    naming: Naming<'_>,
) -> Vec<Offer> {
    let hidden = |name: &str| {
        record.excludes(name)
            || record.kind == Kind::Login
                && naming
                    .excluded
                    .iter()
                    .any(|pattern| wildcard::matches(pattern, name))
    };
    let plain = if record.settings.models.is_empty() {
        let shown = models.iter().filter(|model| !hidden(&model.id));
        match record.kind {
            Kind::Login => with_aliases(shown, naming.aliases),
            Kind::Key => shown.map(original).collect(),
        }
    } else {
        let entries = record
            .settings
            .models
            .iter()
            .filter(|entry| !hidden(&entry.name));
        entries
            .map(|entry| configured(record, models, entry))
            .collect()
    };
    prefixed(
        plain,
        record.settings.prefix.as_deref(),
        naming.force_prefix,
    )
}

fn original(info: &Arc<ModelInfo>) -> Offer {
    Offer {
        visible: info.id.to_string(),
        upstream_model: Arc::clone(info.call_name.as_ref().unwrap_or(&info.id)),
        suffix: None,
        info: Arc::clone(info),
        force_mapping: false,
        is_compat: false,
    }
}

/// `oauth-model-alias`: a rule with `fork` adds a name, one without replaces the original. The first
/// model under a name keeps it.
fn with_aliases<'a>(
    models: impl Iterator<Item = &'a Arc<ModelInfo>>,
    aliases: &[ModelAlias],
) -> Vec<Offer> {
    let mut taken = HashSet::new();
    let mut offers = Vec::new();
    let mut add = |offer: Offer| {
        if taken.insert(offer.visible.to_ascii_lowercase()) {
            offers.push(offer);
        }
    };
    for info in models {
        let rules: Vec<_> = aliases
            .iter()
            .filter(|rule| {
                let (base, _) = split_suffix(&rule.name);
                rule.name.eq_ignore_ascii_case(&info.id) || base.eq_ignore_ascii_case(&info.id)
            })
            .collect();
        if rules.is_empty() || rules.iter().any(|rule| rule.fork) {
            add(original(info));
        }
        for rule in rules {
            let info = match &rule.display_name {
                None => Arc::clone(info),
                Some(name) => Arc::new(ModelInfo {
                    display_name: Some(name.clone()),
                    ..(**info).clone()
                }),
            };
            // A model id may itself end in parentheses; then nothing is a suffix.
            let suffix = match rule.name.eq_ignore_ascii_case(&info.id) {
                true => None,
                false => split_suffix(&rule.name).1,
            };
            add(Offer {
                visible: rule.alias.clone(),
                suffix,
                force_mapping: rule.force_mapping,
                ..original(&info)
            });
        }
    }
    offers
}

/// One entry of a key's `models`, with what the provider's list knows about that model.
fn configured(record: &CredentialRecord, models: &[Arc<ModelInfo>], entry: &ModelEntry) -> Offer {
    let known = |name: &str| {
        models
            .iter()
            .find(|model| model.id.eq_ignore_ascii_case(name))
    };
    let (upstream, suffix, found) = match known(&entry.name) {
        Some(found) => (entry.name.as_str(), None, Some(found)),
        None => {
            let (base, suffix) = split_suffix(&entry.name);
            (base, suffix, known(base))
        }
    };
    let mut info = match found {
        Some(found) => (**found).clone(),
        None => ModelInfo::named(upstream, &record.label),
    };
    if let Some(name) = &entry.display_name {
        info.display_name = Some(name.clone());
    }
    if let Some(length) = entry.max_context_length {
        info.traits.context_window = Some(length);
    }
    if let Some(words) = entry
        .thinking_levels
        .as_deref()
        .filter(|words| !words.is_empty())
    {
        let mut levels: Vec<_> = words.iter().filter_map(|word| parse_level(word)).collect();
        levels.sort_unstable();
        let can_disable = words.iter().any(|word| word == "none");
        let dynamic = words.iter().any(|word| word == "auto");
        info.traits.thinking = Some(ThinkingSupport {
            levels,
            can_disable,
            dynamic,
            ..ThinkingSupport::default()
        });
    }
    if !entry.input_modalities.is_empty() {
        info.traits.vision = Some(entry.input_modalities.iter().any(|kind| kind == "image"));
        info.input_modalities.clone_from(&entry.input_modalities);
    }
    if !entry.output_modalities.is_empty() {
        let beyond = entry
            .output_modalities
            .iter()
            .filter(|kind| *kind != "text");
        info.traits.output_modalities = beyond.cloned().collect();
    }
    info.image |= entry.image;
    Offer {
        visible: split_visible(entry).to_owned(),
        upstream_model: upstream.into(),
        suffix,
        info: Arc::new(info),
        force_mapping: entry.force_mapping,
        is_compat: entry.is_compat,
    }
}

/// The name clients use: without an alias it is the upstream's, whose suffix is not part of a name.
fn split_visible(entry: &ModelEntry) -> &str {
    match &entry.alias {
        Some(alias) => alias,
        None => split_suffix(&entry.name).0,
    }
}

/// Adds `prefix/name` to each name, or puts it in its place.
fn prefixed(plain: Vec<Offer>, prefix: Option<&str>, force: bool) -> Vec<Offer> {
    let Some(prefix) = prefix else { return plain };
    let mut offers = Vec::with_capacity(plain.len() * 2);
    for offer in plain {
        let with_prefix = Offer {
            visible: format!("{prefix}/{}", offer.visible),
            ..offer.clone()
        };
        if !force || offer.visible == prefix {
            offers.push(offer);
        }
        offers.push(with_prefix);
    }
    offers
}

#[cfg(test)]
mod tests;
