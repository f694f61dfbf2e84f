//! Which models an account has.

use super::super::models::{self, Tier};
use super::{february, id_token, record};
use protocol::canonical::Effort;
use serde_json::json;

#[test]
fn plans_have_their_models() {
    let names = |plan: &str| -> Vec<String> {
        let mut file = february();
        file["id_token"] = id_token("a@b.c", "x", plan).into();
        let models = models::known(&record(&file));
        models.iter().map(|model| model.id.to_string()).collect()
    };
    for (plan, has, lacks) in [
        (
            "free",
            vec!["gpt-5.5", "gpt-5.4-mini", "codex-auto-review"],
            vec!["gpt-5.4", "gpt-5.6-sol"],
        ),
        (
            "team",
            vec!["gpt-5.4", "gpt-5.6-sol"],
            vec!["gpt-5.3-codex-spark"],
        ),
        ("Go", vec!["gpt-5.4"], vec!["gpt-5.3-codex-spark"]),
        ("plus", vec!["gpt-5.3-codex-spark", "gpt-5.2"], vec![]),
        (
            "enterprise",
            vec!["gpt-5.3-codex-spark", "gpt-5-codex"],
            vec![],
        ),
    ] {
        let names = names(plan);
        for model in has {
            assert!(
                names.iter().any(|name| name == model),
                "{plan} lacks {model}"
            );
        }
        for model in lacks {
            assert!(
                !names.iter().any(|name| name == model),
                "{plan} has {model}"
            );
        }
    }
    assert_eq!(Tier::of(None), Tier::Pro);
    let window = |plan: &str| {
        let mut file = february();
        file["id_token"] = id_token("a@b.c", "x", plan).into();
        let models = models::known(&record(&file));
        let found = models.iter().find(|model| &*model.id == "gpt-5.6-terra");
        found.unwrap().traits.context_window
    };
    assert_eq!(
        (window("plus"), window("pro")),
        (Some(372_000), Some(921_000))
    );
}

/// The official client's list (§4).
#[test]
fn the_services_own_list_is_read() {
    let level = |word: &str| json!({"effort": word, "description": ""});
    let list = json!({"models": [
        {"slug": "gpt-5.4", "display_name": "gpt-5.4", "description": "Strong", "visibility": "list",
         "default_reasoning_level": "medium", "context_window": 272_000,
         "supported_reasoning_levels": [level("low"), level("high"), level("medium"), level("ultra")]},
        {"slug": "gpt-9-new", "visibility": "hide", "supported_reasoning_levels": [level("none"), level("low")]},
        {"slug": "internal", "visibility": "none"},
        {"display_name": "no slug"},
    ]});
    let models = models::listed(list.to_string().as_bytes()).unwrap();
    let names: Vec<&str> = models.iter().map(|model| &*model.id).collect();
    // Models for pictures are in no list of the service.
    let pictures = ["gpt-image-1.5", "gpt-image-2"];
    assert_eq!(names, ["gpt-5.4", "gpt-9-new", pictures[0], pictures[1]]);
    let known = &models[0];
    assert_eq!(known.created, 1_772_668_800);
    assert_eq!(known.description.as_deref(), Some("Strong"));
    assert_eq!(known.traits.context_window, Some(272_000));
    assert_eq!(
        known.traits.thinking.as_ref().unwrap().levels,
        [Effort::Low, Effort::Medium, Effort::High]
    );
    let new = &models[1];
    assert!(new.traits.openai_reasoning && new.traits.thinking.as_ref().unwrap().can_disable);
    for none in [
        "{}",
        "[]",
        r#"{"models":[]}"#,
        "<html>",
        r#"{"data":[{"id":"x"}]}"#,
    ] {
        assert_eq!(models::listed(none.as_bytes()), None, "{none}");
    }
    assert_eq!(
        models::list_url("https://x/codex"),
        "https://x/codex/models?client_version=0.144.0"
    );
}
