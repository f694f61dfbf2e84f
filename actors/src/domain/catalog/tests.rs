use super::super::id::CredentialId;
use super::*;

fn record(kind: Kind) -> CredentialRecord {
    CredentialRecord::bare(CredentialId::from("c"), "x", kind)
}

fn models(names: &[&str]) -> Vec<Arc<ModelInfo>> {
    names
        .iter()
        .map(|name| Arc::new(ModelInfo::named(*name, "x")))
        .collect()
}

fn alias(name: &str, alias: &str, fork: bool) -> ModelAlias {
    ModelAlias {
        name: name.to_owned(),
        alias: alias.to_owned(),
        fork,
        ..ModelAlias::default()
    }
}

fn entry(name: &str, alias: Option<&str>) -> ModelEntry {
    let alias = alias.map(str::to_owned);
    ModelEntry {
        name: name.to_owned(),
        alias,
        ..ModelEntry::default()
    }
}

/// `visible→upstream` of each offer.
fn names(offers: &[Offer]) -> Vec<String> {
    offers
        .iter()
        .map(|offer| format!("{}→{}", offer.visible, offer.upstream_model))
        .collect()
}

#[test]
fn exclusions_meet_original_names_before_aliases() {
    let mut record = record(Kind::Login);
    record.settings.excluded_models = vec!["b-*".to_owned()];
    let excluded = ["*-PREVIEW".to_owned()];
    let aliases = [alias("a-1", "b-alias", true), alias("b-1", "c", true)];
    let naming = Naming {
        aliases: &aliases,
        excluded: &excluded,
        force_prefix: false,
    };
    let list = models(&["a-1", "b-1", "x-preview"]);
    assert_eq!(
        names(&offers(&record, &list, naming)),
        ["a-1→a-1", "b-alias→a-1"]
    );
    // Aliases and exclusions of the channel are for logins.
    record.kind = Kind::Key;
    let shown = names(&offers(&record, &list, naming));
    assert_eq!(shown, ["a-1→a-1", "x-preview→x-preview"]);
}

#[test]
fn aliases_rename_or_add() {
    let list = models(&["a", "b", "c"]);
    for (aliases, want) in [
        (vec![alias("a", "one", false)], vec!["one→a", "b→b", "c→c"]),
        (
            vec![alias("A", "one", true)],
            vec!["a→a", "one→a", "b→b", "c→c"],
        ),
        // Several names for one model; one `fork` keeps the original.
        (
            vec![alias("a", "one", false), alias("a", "two", true)],
            vec!["a→a", "one→a", "two→a", "b→b", "c→c"],
        ),
        // The first model under a name keeps it.
        (vec![alias("a", "b", false)], vec!["b→a", "c→c"]),
        (
            vec![alias("missing", "one", false)],
            vec!["a→a", "b→b", "c→c"],
        ),
    ] {
        let naming = Naming {
            aliases: &aliases,
            ..Naming::default()
        };
        let record = record(Kind::Login);
        assert_eq!(names(&offers(&record, &list, naming)), want, "{aliases:?}");
    }
}

#[test]
fn a_keys_own_list_replaces_the_catalogue() {
    let mut record = record(Kind::Key);
    record.settings.models = vec![
        entry("up/a:free", Some("a")),
        entry("b", None),
        entry("c", Some("a")),
    ];
    record.settings.excluded_models = vec!["b".to_owned()];
    let list = models(&["b", "c", "d"]);
    let offers = offers(&record, &list, Naming::default());
    assert_eq!(
        names(&offers),
        ["a→up/a:free", "a→c"],
        "a repeated alias is a pool"
    );
    assert_eq!(
        offers.first().map(|offer| offer.info.owned_by.as_str()),
        Some("c"),
        "its label"
    );
}

#[test]
fn an_entry_adds_to_what_the_catalogue_knows() {
    let mut known = ModelInfo::named("m", "x");
    known.traits.max_output = Some(9);
    known.traits.context_window = Some(1);
    let mut record = record(Kind::Key);
    record.settings.models = vec![ModelEntry {
        display_name: Some("M".to_owned()),
        max_context_length: Some(5),
        input_modalities: vec!["text".to_owned()],
        output_modalities: vec!["text".to_owned(), "image".to_owned()],
        force_mapping: true,
        is_compat: true,
        ..entry("M", Some("alias"))
    }];
    let offers = offers(&record, &[Arc::new(known)], Naming::default());
    let [offer] = offers.as_slice() else {
        panic!("one offer, not {offers:?}")
    };
    let traits = &offer.info.traits;
    assert_eq!(offer.info.display_name.as_deref(), Some("M"));
    assert_eq!(
        (traits.max_output, traits.context_window),
        (Some(9), Some(5))
    );
    assert_eq!(traits.vision, Some(false));
    assert_eq!(traits.output_modalities, ["image"]);
    assert!(offer.force_mapping && offer.is_compat);
    assert_eq!(
        &*offer.upstream_model, "M",
        "as the configuration spells it"
    );
}

#[test]
fn a_prefix_adds_names_or_replaces_them() {
    let mut record = record(Kind::Key);
    record.settings.prefix = Some("p".to_owned());
    let list = models(&["a", "p"]);
    for (force_prefix, want) in [
        (false, vec!["a→a", "p/a→a", "p→p", "p/p→p"]),
        (true, vec!["p/a→a", "p→p", "p/p→p"]),
    ] {
        let naming = Naming {
            force_prefix,
            ..Naming::default()
        };
        assert_eq!(
            names(&offers(&record, &list, naming)),
            want,
            "{force_prefix}"
        );
    }
    record.settings.prefix = None;
    let naming = Naming {
        force_prefix: true,
        ..Naming::default()
    };
    assert_eq!(names(&offers(&record, &list, naming)), ["a→a", "p→p"]);
}

#[test]
fn a_suffix_of_the_target_is_fixed() {
    let list = models(&["m", "odd(high)"]);
    let aliases = [
        alias("m(8192)", "deep", true),
        alias("odd(high)", "odd", true),
    ];
    let naming = Naming {
        aliases: &aliases,
        ..Naming::default()
    };
    let login = offers(&record(Kind::Login), &list, naming);
    let fixed = |visible: &str, offers: &[Offer]| {
        let offer = offers.iter().find(|offer| offer.visible == visible);
        offer.map(|offer| (offer.upstream_model.to_string(), offer.suffix))
    };
    let budget = Some(ReasoningIntent::Budget(8192));
    assert_eq!(fixed("deep", &login), Some(("m".to_owned(), budget)));
    assert_eq!(fixed("m", &login), Some(("m".to_owned(), None)));
    assert_eq!(
        fixed("odd", &login),
        Some(("odd(high)".to_owned(), None)),
        "a name of its own"
    );

    let mut key = record(Kind::Key);
    key.settings.models = vec![entry("m(none)", Some("fast")), entry("n(auto)", None)];
    let offers = offers(&key, &list, Naming::default());
    assert_eq!(
        fixed("fast", &offers),
        Some(("m".to_owned(), Some(ReasoningIntent::Off)))
    );
    assert_eq!(
        fixed("n", &offers),
        Some(("n".to_owned(), Some(ReasoningIntent::Auto)))
    );
}

#[test]
fn configured_levels_replace_the_catalogues() {
    let mut key = record(Kind::Key);
    let words = ["high", "none", "low"].map(str::to_owned).to_vec();
    key.settings.models = vec![ModelEntry {
        thinking_levels: Some(words),
        ..entry("m", None)
    }];
    let offers = offers(&key, &[], Naming::default());
    let thinking = offers
        .first()
        .and_then(|offer| offer.info.traits.thinking.clone());
    let want = ThinkingSupport {
        levels: vec![
            protocol::canonical::Effort::Low,
            protocol::canonical::Effort::High,
        ],
        can_disable: true,
        ..ThinkingSupport::default()
    };
    assert_eq!(thinking, Some(want));
}

#[test]
fn calls_may_use_another_name_than_people() {
    let named = |name: &str, call: Option<&str>| {
        Arc::new(ModelInfo {
            call_name: call.map(Arc::from),
            ..ModelInfo::named(name, "x")
        })
    };
    let list = [named("x-one", Some("one")), named("x-two", None)];
    let aliases = [alias("x-one", "first", true)];
    let naming = Naming {
        aliases: &aliases,
        excluded: &["*two".to_owned()],
        force_prefix: false,
    };
    let shown = names(&offers(&record(Kind::Login), &list, naming));
    assert_eq!(shown, ["x-one→one", "first→one"]);
}
