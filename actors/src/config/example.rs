//! Holds `config.example.yaml` to its word.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::{Config, Env, all_keys};

const EXAMPLE: &str = include_str!("../../../config.example.yaml");

fn env() -> Env {
    Env::from_pairs([("HOME", "/home/me")])
}

/// The file with every option switched on: prose begins with `# `, options with `#` and a word or
/// two blanks.
fn switched_on() -> String {
    let option = |line: &'static str| {
        let rest = line.strip_prefix('#')?;
        let prose = rest.is_empty() || (rest.starts_with(' ') && !rest.starts_with("  "));
        (!prose).then_some(rest)
    };
    let lines: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| option(line).unwrap_or(line))
        .collect();
    lines.join("\n")
}

#[test]
fn it_loads_without_a_remark_and_is_the_defaults() {
    let (config, notices) = Config::parse(EXAMPLE, &env()).unwrap();
    assert_eq!(notices, []);
    assert_eq!(config, Config::parse("", &env()).unwrap().0);
}

#[test]
fn every_option_in_it_is_right() {
    let (config, notices) =
        Config::parse(&switched_on(), &env()).unwrap_or_else(|error| panic!("{error}"));
    for notice in notices {
        assert_eq!(notice.text, "accepted, has no effect yet", "{notice}");
    }
    assert_eq!(config.accounts.len(), 6);
    assert_eq!(config.client_keys.len(), 1);
}

#[test]
fn it_shows_the_defaults() {
    let shown = Config::parse(&switched_on(), &env()).unwrap().0;
    let default = Config::parse("", &env()).unwrap().0;
    let mut expected = default.clone();
    // What the file shows as examples.
    expected.server.tls.clone_from(&shown.server.tls);
    expected.client_keys.clone_from(&shown.client_keys);
    expected.accounts.clone_from(&shown.accounts);
    expected.kiro.clone_from(&shown.kiro);
    expected
        .oauth_model_alias
        .clone_from(&shown.oauth_model_alias);
    expected
        .oauth_excluded_models
        .clone_from(&shown.oauth_excluded_models);
    expected
        .oauth_request_scoped_errors
        .clone_from(&shown.oauth_request_scoped_errors);
    expected
        .upstream_rewrites
        .clone_from(&shown.upstream_rewrites);
    expected.payload.clone_from(&shown.payload);
    assert_eq!(shown, expected);
}

/// Appends the dotted names of everything in a value, as `all_keys` spells them.
fn names(value: &Value, prefix: &str, out: &mut Vec<String>) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                let key = key.as_str().unwrap_or_default();
                let name = if prefix.is_empty() {
                    key.to_owned()
                } else {
                    format!("{prefix}.{key}")
                };
                names(value, &name, out);
                names(value, &format!("{prefix}.*"), out);
                out.push(name);
            }
        }
        Value::Sequence(items) => {
            items
                .iter()
                .for_each(|item| names(item, &format!("{prefix}[]"), out));
        }
        _ => {}
    }
}

/// Lists that share their fields are shown once: these beginnings count as equal.
fn shared(key: &str) -> String {
    let lists = [
        "gemini-api-key",
        "claude-api-key",
        "codex-api-key",
        "vertex-api-key",
    ];
    let mut key = key.replace("oauth-model-mappings", "oauth-model-alias");
    for list in lists {
        key = key.replace(&format!("{list}[]"), "openai-compatibility[]");
    }
    for list in ["default-raw", "override-raw", "override", "filter"] {
        key = key.replace(
            &format!("payload.{list}[].models"),
            "payload.default[].models",
        );
    }
    match key.rsplit_once("request-scoped-errors") {
        Some((_, rest)) => rest.trim_start_matches(".*").to_owned(),
        None => key,
    }
}

#[test]
fn every_key_of_the_schema_is_in_it() {
    let value: Value = serde_yaml::from_str(&switched_on()).unwrap();
    let mut shown = Vec::new();
    names(&value, "", &mut shown);
    let shown: BTreeSet<String> = shown.iter().map(|name| shared(name)).collect();
    // What has no effect is named in the prose.
    let named = |key: &str| EXAMPLE.contains(&format!("`{}`", key.rsplit('.').next().unwrap()));
    let missing: Vec<String> = all_keys()
        .into_iter()
        .filter(|key| !shown.contains(&shared(key)) && !named(key))
        .collect();
    assert_eq!(missing, [""; 0]);
}
