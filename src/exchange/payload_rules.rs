//! The `payload` rules of the configuration over a body that is ready to go (`config.md` §4). Pure.

use actix_web::http::header::HeaderMap;
use actors::config::{ModelMatch, PayloadRules};
use actors::domain::wildcard;
use bytes::Bytes;
use protocol::{Dialect, splice};
use std::collections::HashSet;

/// The request the rules are matched against.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Names that may match: upstream model, requested base name, requested name with suffix.
    pub models: &'a [&'a str],
    /// Protocol spoken upstream, by its configuration word.
    pub protocol: &'a str,
    /// The service's own word, which rules may name instead (`gemini-cli`, `antigravity`, `codex`).
    pub service: &'a str,
    /// Protocol the client speaks, by its configuration word.
    pub from_protocol: &'a str,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The client's own body: decides what is missing.
    pub original: &'a [u8],
}

/// Applies `rules` to `body`: defaults, then overrides, then filters.
pub fn apply(rules: &PayloadRules, subject: &Subject<'_>, body: Bytes) -> Bytes {
    if rules.is_empty() {
        return body;
    }
    let mut body = body;
    let mut done: HashSet<&str> = HashSet::new();
    for rule in &rules.defaults {
        if !applies(&rule.models, subject, &body) {
            continue;
        }
        for (path, value) in &rule.params {
            // The first matching rule per path wins; what the client said stays.
            if !splice::has_path(subject.original, path) && done.insert(path) {
                body = splice::set_path(&body, path, Some(&value.to_string()));
            }
        }
    }
    for rule in &rules.overrides {
        if applies(&rule.models, subject, &body) {
            for (path, value) in &rule.params {
                body = splice::set_path(&body, path, Some(&value.to_string()));
            }
        }
    }
    for rule in &rules.filters {
        if applies(&rule.models, subject, &body) {
            for path in &rule.params {
                body = splice::set_path(&body, path, None);
            }
        }
    }
    body
}

fn applies(models: &[ModelMatch], subject: &Subject<'_>, body: &[u8]) -> bool {
    models.iter().any(|rule| matches(rule, subject, body))
}

fn matches(rule: &ModelMatch, subject: &Subject<'_>, body: &[u8]) -> bool {
    let same = |wanted: &Option<String>, word: &str| {
        wanted
            .as_deref()
            .is_none_or(|wanted| names_protocol(wanted, word))
    };
    let value = |path: &str| {
        splice::get_path(body, path)
            .and_then(|raw| serde_json::from_str::<serde_json::Value>(raw).ok())
    };
    let present = |path: &str| value(path).is_some_and(|value| !value.is_null());
    subject
        .models
        .iter()
        .any(|model| wildcard::matches_case(&rule.name, model))
        && (same(&rule.protocol, subject.protocol) || same(&rule.protocol, subject.service))
        && same(&rule.from_protocol, subject.from_protocol)
        && rule.headers.iter().all(|(name, pattern)| {
            subject
                .headers
                .get_all(name.as_str())
                .filter_map(|value| value.to_str().ok())
                .any(|value| wildcard::matches(pattern, value))
        })
        && rule
            .matches
            .iter()
            .all(|(path, wanted)| value(path).as_ref() == Some(wanted))
        && rule
            .not_matches
            .iter()
            .all(|(path, unwanted)| value(path).as_ref() != Some(unwanted))
        && rule.exist.iter().all(|path| present(path))
        && rule.not_exist.iter().all(|path| !present(path))
}

/// Rules may write `responses` for the protocol whose own word is `openai-response`.
fn names_protocol(wanted: &str, word: &str) -> bool {
    wanted.eq_ignore_ascii_case(word)
        || (wanted.eq_ignore_ascii_case("responses")
            && word == Dialect::OpenAiResponses.config_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use actors::config::{Config, Env};

    #[track_caller]
    fn check(yaml: &str, original: &'static str, body: &'static str, want: &str) {
        let (config, notices) =
            Config::parse(yaml, &Env::from_pairs([("HOME", "/home/me")])).expect("a configuration");
        assert!(notices.is_empty(), "{notices:?}");
        let headers: HeaderMap = [(
            HeaderName::from_static("x-team"),
            HeaderValue::from_static("red-1"),
        )]
        .into_iter()
        .collect();
        let subject = Subject {
            models: &["upstream-m", "m", "m(high)"],
            protocol: "openai",
            service: "some-service",
            from_protocol: "claude",
            headers: &headers,
            original: original.as_bytes(),
        };
        let got = apply(
            &config.payload,
            &subject,
            Bytes::from_static(body.as_bytes()),
        );
        assert_eq!(got, want, "{yaml}");
    }

    #[test]
    fn rules_apply_in_their_order() {
        for (yaml, want) in [
            // A default fills what the client did not say; the first rule wins.
            (
                "payload:\n  default:\n    - {models: [{name: m}], params: {top_p: 0.5, a.b: x}}\n    - {models: [{name: m}], params: {top_p: 0.9}}\n",
                r#"{"model":"upstream-m","temperature":1.0,"top_p":0.5,"a":{"b":"x"}}"#,
            ),
            // What the client said stays.
            (
                "payload:\n  default:\n    - {models: [{name: m}], params: {temperature: 0}}\n",
                r#"{"model":"upstream-m","temperature":1.0}"#,
            ),
            // An override always sets; the last rule wins; raw values are JSON.
            (
                "payload:\n  override:\n    - {models: [{name: 'up*'}], params: {temperature: 0}}\n    - {models: [{name: m}], params: {temperature: 2}}\n  override-raw:\n    - {models: [{name: m}], params: {stop: '[\"x\"]'}}\n",
                r#"{"model":"upstream-m","temperature":2,"stop":["x"]}"#,
            ),
            (
                "payload:\n  filter:\n    - {models: [{name: 'm(high)'}], params: [temperature]}\n",
                r#"{"model":"upstream-m"}"#,
            ),
            // Conditions.
            (
                "payload:\n  filter:\n    - {models: [{name: m, protocol: gemini}], params: [temperature]}\n",
                r#"{"model":"upstream-m","temperature":1.0}"#,
            ),
            (
                "payload:\n  filter:\n    - {models: [{name: m, protocol: some-service}], params: [temperature]}\n",
                r#"{"model":"upstream-m"}"#,
            ),
            (
                "payload:\n  filter:\n    - {models: [{name: m, protocol: OpenAI, from-protocol: claude, headers: {X-Team: 'red-*'}, exist: [model], not-exist: [seed]}], params: [temperature]}\n",
                r#"{"model":"upstream-m"}"#,
            ),
            // Names are compared with case, protocols without.
            (
                "payload:\n  filter:\n    - {models: [{name: M}, {name: 'UP*'}], params: [temperature]}\n",
                r#"{"model":"upstream-m","temperature":1.0}"#,
            ),
            (
                "payload:\n  filter:\n    - {models: [{name: other}], params: [temperature]}\n",
                r#"{"model":"upstream-m","temperature":1.0}"#,
            ),
        ] {
            check(
                yaml,
                r#"{"model":"m","temperature":1.0}"#,
                r#"{"model":"upstream-m","temperature":1.0}"#,
                want,
            );
        }
    }

    #[test]
    fn protocols_have_the_words_of_the_documentation() {
        for (wanted, word, want) in [
            ("openai", "openai", true),
            ("Responses", "openai-response", true),
            ("openai-response", "openai-response", true),
            ("openai", "openai-response", false),
            ("responses", "openai", false),
        ] {
            assert_eq!(names_protocol(wanted, word), want, "{wanted} for {word}");
        }
    }
}
