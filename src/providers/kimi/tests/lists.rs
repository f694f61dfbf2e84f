//! Which models there are.

use super::super::models::{call_name, known, listed};
use protocol::canonical::Effort;
use serde_json::json;

/// Vector 2 (the thinking suffix is cut off before; see `routing.md` §3).
#[test]
fn names_of_calls() {
    for (model, want) in [
        ("kimi-k2.5", "k2.5"),
        ("Kimi-K2", "k2"),
        ("kimi-k2.7-code", "kimi-for-coding"),
        ("k2.7-code", "kimi-for-coding"),
        ("kimi-for-coding", "kimi-for-coding"),
        ("for-coding", "kimi-for-coding"),
        ("kimi-k2.7-code-highspeed", "kimi-for-coding-highspeed"),
        ("kimi-for-coding-highspeed", "kimi-for-coding-highspeed"),
        ("kimi-k3[1m]", "k3"),
        ("kimi-k3-256k", "k3-256k"),
    ] {
        assert_eq!(call_name(model), want, "{model}");
    }
}

#[test]
fn the_known_models() {
    let models: Vec<_> = known().collect();
    let names: Vec<&str> = models.iter().map(|model| &*model.id).collect();
    assert_eq!(
        names,
        [
            "kimi-k2",
            "kimi-k2-thinking",
            "kimi-k2.5",
            "kimi-k2.6",
            "kimi-k2.7-code",
            "kimi-k2.7-code-highspeed",
            "kimi-k3",
            "kimi-k3-256k"
        ]
    );
    for (name, context, output, levels, off, vision) in [
        ("kimi-k2-thinking", 131_072, 32_768, 2, false, false),
        ("kimi-k2.5", 262_144, 32_768, 2, true, true),
        ("kimi-k2.7-code", 262_144, 65_536, 2, false, true),
        ("kimi-k3", 1_048_576, 65_536, 3, false, true),
    ] {
        let model = models.iter().find(|model| &*model.id == name).unwrap();
        let traits = &model.traits;
        assert_eq!(traits.context_window, Some(context), "{name}");
        assert_eq!(traits.max_output, Some(output), "{name}");
        let thinking = traits.thinking.as_ref().unwrap();
        assert_eq!(
            (thinking.levels.len(), thinking.can_disable),
            (levels, off),
            "{name}"
        );
        assert_eq!(traits.vision, Some(vision), "{name}");
        assert_eq!(model.owned_by, "moonshot");
    }
    assert!(models[0].traits.thinking.as_ref().unwrap().none);
    assert_eq!(models[2].input_modalities, ["text", "image", "video"]);
    assert_eq!(models[2].created, 1_769_472_000);
}

/// §5: the official client's list.
#[test]
fn an_accounts_own_list_adds_to_it() {
    let list = json!({"object": "list", "data": [
        {"id": "kimi-for-coding", "display_name": "Kimi for Coding", "context_length": 300_000,
         "supports_reasoning": true, "supports_image_in": true, "supports_video_in": false},
        {"id": "k3", "context_length": 0},
        {"id": "k9-plain", "supports_reasoning": false, "supports_image_in": false},
        {"id": "k9-thinking", "supports_reasoning": false},
        {"id": ""}, {"name": "no id"}, {"id": "k3"}]});
    let models = listed(list.to_string().as_bytes()).unwrap();
    let find = |name: &str| {
        let mut found = models.iter().filter(|model| &*model.id == name);
        let model = found.next().unwrap_or_else(|| panic!("{name}"));
        assert!(found.next().is_none(), "{name} twice");
        model
    };
    let coding = find("kimi-for-coding");
    assert_eq!(coding.call_name.as_deref(), Some("kimi-for-coding"));
    assert_eq!(coding.display_name.as_deref(), Some("Kimi for Coding"));
    assert_eq!(coding.traits.context_window, Some(300_000));
    assert_eq!(coding.input_modalities, ["text", "image"]);
    // The same model under its other name.
    assert_eq!(
        find("kimi-k2.7-code").call_name.as_deref(),
        Some("kimi-for-coding")
    );
    let levels = &coding.traits.thinking.as_ref().unwrap().levels;
    assert_eq!(levels[..], [Effort::Low, Effort::High]);
    let k3 = find("kimi-k3");
    assert_eq!(k3.call_name.as_deref(), Some("k3"));
    assert_eq!(k3.traits.context_window, Some(1_048_576));
    let plain = find("kimi-k9-plain");
    assert_eq!(plain.call_name.as_deref(), Some("k9-plain"));
    assert!(plain.traits.thinking.as_ref().unwrap().none);
    assert_eq!(plain.traits.vision, Some(false));
    assert_eq!(find("kimi-k9-thinking").traits.thinking, None);
    // Names that clients are set to stay.
    find("kimi-k2.5");
    for none in [
        "{}",
        "[]",
        r#"{"data":[]}"#,
        "<html>",
        r#"{"models":[{"id":"x"}]}"#,
    ] {
        assert_eq!(listed(none.as_bytes()), None, "{none}");
    }
}
