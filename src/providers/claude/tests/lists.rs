//! Lists of models, the service's own and those of others with its protocol.

use super::super::Claude;
use super::super::models::{known, listed};
use super::{account, key};
use crate::providers::Provider;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use protocol::canonical::Effort;
use serde_json::{Value, json};

fn of(list: &Value, record: &CredentialRecord) -> Vec<ModelInfo> {
    listed(list.to_string().as_bytes(), record).unwrap()
}

fn can(words: &[&str]) -> Value {
    let pairs = words.iter().map(|word| (*word, json!({"supported": true})));
    let mut all: serde_json::Map<String, Value> =
        pairs.map(|(word, yes)| (word.to_owned(), yes)).collect();
    all.insert("supported".into(), true.into());
    all.into()
}

fn entry(created: &str, types: &[&str], efforts: &[&str]) -> Value {
    json!({"data": [{"id": "new", "type": "model", "display_name": "New", "created_at": created,
        "max_input_tokens": 500_000, "max_tokens": 32_000, "capabilities": {
            "structured_outputs": {"supported": true}, "image_input": {"supported": false},
            "effort": can(efforts), "thinking": {"supported": true, "types": can(types)}}}]})
}

#[test]
fn a_list_teaches_what_a_new_model_can() {
    let late = "2026-10-01T00:00:00Z";
    let early = "2026-02-01T00:00:00Z";
    for (list, levels, budgets, no_sampling, mid_system) in [
        (
            entry(late, &["adaptive"], &["low", "high", "max"]),
            &[Effort::Low, Effort::High, Effort::Max][..],
            (0, 0),
            true,
            true,
        ),
        (
            entry(early, &["adaptive", "enabled"], &["low", "high"]),
            &[Effort::Low, Effort::High],
            (1024, 128_000),
            false,
            false,
        ),
        // Efforts without adaptive thinking go with budgets.
        (
            entry(late, &["enabled"], &["low"]),
            &[],
            (1024, 128_000),
            false,
            false,
        ),
    ] {
        let models = of(&list, &account());
        let new = models.iter().find(|model| &*model.id == "new").unwrap();
        assert_eq!(models.len(), known(&account()).len() + 1, "ours stay");
        let traits = &new.traits;
        assert_eq!(
            (new.display_name.as_deref(), &*new.owned_by),
            (Some("New"), "anthropic")
        );
        assert_eq!(
            (traits.context_window, traits.max_output, traits.vision),
            (Some(500_000), Some(32_000), Some(false))
        );
        let thinking = traits.thinking.as_ref().unwrap();
        assert_eq!(thinking.levels, levels);
        assert_eq!((thinking.min_budget, thinking.max_budget), budgets);
        assert_eq!(thinking.can_disable, budgets.1 > 0);
        assert_eq!(
            (traits.no_sampling, traits.mid_system),
            (no_sampling, mid_system)
        );
        assert!(traits.structured_output);
    }
}

/// Anthropic's API takes them, and clients come with them.
#[test]
fn dated_models_have_shorter_names_too() {
    let models = known(&key());
    let of = |id: &str| models.iter().find(|model| &*model.id == id).unwrap();
    assert_eq!(of("claude-sonnet-4-5").traits, of(super::SONNET).traits);
    let ids: std::collections::BTreeSet<_> = models.iter().map(|model| &model.id).collect();
    assert_eq!(ids.len(), models.len());
    // Accounts have aliases, which their owner may change.
    let aliases = Claude.default_aliases(&Claude.models(&account()));
    let sonnet = aliases
        .iter()
        .find(|alias| alias.alias == "claude-sonnet-4-5");
    assert!(sonnet.is_some_and(|alias| alias.name == super::SONNET && alias.fork));
    assert_eq!(Claude.default_aliases(&Claude.models(&key())), []);
}

#[test]
fn known_models_keep_what_is_known() {
    let list = json!({"data": [{"id": "claude-sonnet-4-6", "display_name": "Sonnet!",
        "created_at": "1970-01-01T00:00:00Z", "max_tokens": 128_000, "capabilities": null}]});
    let models = of(&list, &key());
    assert_eq!(models.len(), known(&key()).len());
    let ours = known(&key())
        .into_iter()
        .find(|model| &*model.id == "claude-sonnet-4-6")
        .unwrap();
    assert_eq!(models[0].created, ours.created);
    assert_eq!(models[0].traits.thinking, ours.traits.thinking);
    assert_eq!(models[0].traits.max_output, Some(128_000));
    assert_eq!(models[0].display_name.as_deref(), Some("Sonnet!"));
}

/// Other services have their own models and none of Anthropic's.
#[test]
fn lists_of_other_services_stand_alone() {
    let mut other = key();
    other.base_url = Some("https://api.example.com/anthropic".to_owned());
    other.label = "example".to_owned();
    let list = json!({"object": "list", "data": [{"id": "kimi-k3", "object": "model",
        "created": 1_780_000_000, "owned_by": "x"}, {"id": " "}, {"name": "y"}]});
    let models = of(&list, &other);
    let [only] = &models[..] else {
        panic!("{models:?}");
    };
    assert_eq!(
        (&*only.id, only.created, &*only.owned_by),
        ("kimi-k3", 1_780_000_000, "example")
    );
    assert_eq!(only.traits.thinking, None, "nothing is checked");
    for none in [
        "",
        "{}",
        r#"{"data":[]}"#,
        r#"{"data":{"id":"a"}}"#,
        "<html>",
    ] {
        assert_eq!(listed(none.as_bytes(), &other), None, "{none}");
    }
}
