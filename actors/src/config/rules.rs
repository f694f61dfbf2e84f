//! Aliases, error rules and payload rules of the file → their typed form.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_yaml::Value;

use super::account::{ErrorAction, ErrorRule, ModelAlias};
use super::path::KeyPath;
use super::payload::{FilterRule, ModelMatch, PayloadRules, SetRule};
use super::reader::{At, Pairs, Raw, Reader};
use super::resolve::text;
use super::schema::{self, Alias, Payload, PayloadModel, ScopedError};

/// Reads the aliases of one channel; incomplete and repeated ones leave a notice.
pub(super) fn aliases(given: &[At<Alias>], at: &KeyPath, reader: &mut Reader) -> Vec<ModelAlias> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for entry in given {
        let (Some(name), Some(alias)) = (text(entry.name.as_deref()), text(entry.alias.as_deref()))
        else {
            reader.warn(&entry.at, "needs `name` and `alias`, ignored");
            continue;
        };
        if name.eq_ignore_ascii_case(&alias) {
            reader.warn(&entry.at, "`name` and `alias` are the same, ignored");
            continue;
        }
        if !seen.insert(alias.to_lowercase()) {
            reader.warn(
                &entry.at,
                format!("the alias `{alias}` stands above in `{at}`, ignored"),
            );
            continue;
        }
        out.push(ModelAlias {
            name,
            alias,
            fork: entry.fork.unwrap_or(false),
            display_name: text(entry.display_name.as_deref()),
            force_mapping: entry.force_mapping.unwrap_or(false),
        });
    }
    out
}

/// Reads `request-scoped-errors`.
pub(super) fn error_rules(given: &[At<ScopedError>], reader: &mut Reader) -> Vec<ErrorRule> {
    let mut out = Vec::new();
    for rule in given {
        let status = rule.status.and_then(|status| u16::try_from(status).ok());
        let Some(status) = status.filter(|status| (100..=599).contains(status)) else {
            let found = rule
                .status
                .map_or("nothing".to_owned(), |n| format!("the number `{n}`"));
            let why = format!("found {found}, expected an HTTP status such as 400");
            reader.problem(&rule.at.key("status"), why);
            continue;
        };
        let word = rule.action.as_deref().unwrap_or_default();
        let Some(action) = ErrorAction::parse(word) else {
            let right = "`stop`, `stop-and-cooldown`, `continue` or `continue-and-cooldown`";
            reader.problem(
                &rule.at.key("action"),
                format!("found the text `{word}`, expected {right}"),
            );
            continue;
        };
        let texts = |list: &Option<Vec<String>>| -> Vec<String> {
            list.iter()
                .flatten()
                .filter(|text| !text.is_empty())
                .cloned()
                .collect()
        };
        out.push(ErrorRule {
            status,
            contains: texts(&rule.contains),
            regexes: texts(&rule.regexes),
            action,
        });
    }
    out
}

/// Reads the `payload` section.
pub(super) fn payload(given: Option<&Payload>, reader: &mut Reader) -> PayloadRules {
    let Some(given) = given else {
        return PayloadRules::default();
    };
    let mut defaults = set_rules(given.default.as_deref(), false, reader);
    defaults.extend(set_rules(given.default_raw.as_deref(), true, reader));
    let mut overrides = set_rules(given.r#override.as_deref(), false, reader);
    overrides.extend(set_rules(given.override_raw.as_deref(), true, reader));
    let mut filters = Vec::new();
    for rule in given.filter.iter().flatten() {
        let models = models(rule.models.as_deref(), &rule.at, reader);
        let params: Vec<String> = paths(rule.params.as_deref());
        if !models.is_empty() && !params.is_empty() {
            filters.push(FilterRule { models, params });
        }
    }
    PayloadRules {
        defaults,
        overrides,
        filters,
    }
}

fn set_rules(
    given: Option<&[At<schema::SetRule>]>,
    raw: bool,
    reader: &mut Reader,
) -> Vec<SetRule> {
    let mut out = Vec::new();
    for rule in given.unwrap_or_default() {
        let models = models(rule.models.as_deref(), &rule.at, reader);
        let at = rule.at.key("params");
        let params = values(rule.params.as_ref(), raw, &at, reader);
        if !models.is_empty() && !params.is_empty() {
            out.push(SetRule { models, params });
        }
    }
    out
}

fn models(
    given: Option<&[At<PayloadModel>]>,
    rule: &KeyPath,
    reader: &mut Reader,
) -> Vec<ModelMatch> {
    let mut out = Vec::new();
    for model in given.unwrap_or_default() {
        let Some(name) = text(model.name.as_deref()) else {
            reader.warn(&model.at, "has no `name` and matches nothing, ignored");
            continue;
        };
        let lower = |word: &Option<String>| text(word.as_deref()).map(|word| word.to_lowercase());
        out.push(ModelMatch {
            name,
            protocol: lower(&model.protocol),
            from_protocol: lower(&model.from_protocol),
            headers: model
                .headers
                .iter()
                .flat_map(|pairs| pairs.0.clone())
                .collect(),
            matches: conditions(
                model.matches.as_ref().map(|list| &list.0),
                &model.at,
                reader,
            ),
            not_matches: conditions(
                model.not_matches.as_ref().map(|list| &list.0),
                &model.at,
                reader,
            ),
            exist: paths(model.exist.as_deref()),
            not_exist: paths(model.not_exist.as_deref()),
        });
    }
    if out.is_empty() {
        reader.warn(rule, "has no `models` and never applies, ignored");
    }
    out
}

fn paths(given: Option<&[String]>) -> Vec<String> {
    given
        .unwrap_or_default()
        .iter()
        .filter_map(|path| text(Some(path)))
        .collect()
}

fn conditions(
    given: Option<&Vec<(String, Raw)>>,
    at: &KeyPath,
    reader: &mut Reader,
) -> Vec<(String, Json)> {
    let mut out = Vec::new();
    for (path, Raw(value)) in given.into_iter().flatten() {
        out.extend(json(value, at, reader).map(|value| (path.trim().to_owned(), value)));
    }
    out
}

fn values(
    given: Option<&Pairs<Raw>>,
    raw: bool,
    at: &KeyPath,
    reader: &mut Reader,
) -> Vec<(String, Json)> {
    let mut out = Vec::new();
    for (path, Raw(value)) in given.iter().flat_map(|pairs| &pairs.0) {
        let at = at.key(path);
        let value = match value.as_str().filter(|_| raw) {
            None => json(value, &at, reader),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| {
                    let remark = format!("is not valid JSON and is left out: {error}");
                    reader.warn(&at, remark);
                })
                .ok(),
        };
        out.extend(value.map(|value| (path.trim().to_owned(), value)));
    }
    out
}

/// Converts a YAML value; what JSON cannot hold (`.nan`, a list as a key) is a problem.
fn json(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Json> {
    serde_json::to_value(value)
        .map_err(|error| {
            reader.problem(at, format!("found a value that JSON cannot hold: {error}"));
        })
        .ok()
}
