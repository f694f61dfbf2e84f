//! Invariants of ARCHITECTURE.md §4 that are absences, and the register of edge cases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, with its path from the root of the repository.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                found.push((shown(&path), text));
            }
        }
    }
    assert!(!found.is_empty(), "no source in {folder}");
    found
}

fn shown(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("below the root");
    path.to_string_lossy().into_owned()
}

/// The part of a file before its tests, without comments.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    before_tests
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
    text.lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_protocol_crate_is_pure() {
    // `bytestring`: text that shares the bytes of a body without being checked again.
    let allowed = [
        "base64",
        "bytes",
        "bytestring",
        "serde",
        "serde_json",
        "thiserror",
    ];
    for dependency in dependencies("src/protocol/Cargo.toml") {
        assert!(allowed.contains(&dependency.as_str()), "{dependency}");
    }
    for (path, text) in sources("src/protocol") {
        if path.contains("/tests") || path.ends_with("corpus.rs") {
            continue; // Tests read recordings.
        }
        for forbidden in [
            "std::time::SystemTime",
            "std::fs",
            "std::net",
            "Instant::now",
        ] {
            assert!(!code(&text).contains(forbidden), "{path} uses {forbidden}");
        }
    }
}

#[test]
fn the_actor_crate_knows_no_http_and_no_provider() {
    let dependencies = dependencies("actors/Cargo.toml");
    for forbidden in ["actix-web", "awc", "oauth2", "reqwest", "hyper"] {
        assert!(!dependencies.contains(forbidden), "{forbidden}");
    }
    for (path, text) in sources("actors/src") {
        // The configuration file's own words name the lists of keys.
        if path.starts_with("actors/src/config") || path.ends_with("tests.rs") {
            continue;
        }
        for id in provider_ids() {
            assert!(
                !code(&text).contains(&format!("\"{id}\"")),
                "{path} names {id}"
            );
        }
    }
}

fn provider_ids() -> Vec<&'static str> {
    cli_proxy_api_plus::providers::PROVIDERS
        .iter()
        .map(|provider| provider.id())
        .collect()
}

#[test]
fn only_providers_know_their_names() {
    for (path, text) in sources("src") {
        if path.starts_with("src/providers") || path.starts_with("src/protocol") {
            continue;
        }
        for id in provider_ids() {
            assert!(
                !code(&text).contains(&format!("\"{id}\"")),
                "{path} names {id}"
            );
        }
    }
}

#[test]
fn imports_point_down() {
    let may_import: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("cli", &[][..]),
        ("telemetry", &[]),
        ("upstream", &[]),
        ("providers", &["upstream"]),
        ("exchange", &["providers", "upstream"]),
        // Providers say which callbacks there are and what their pages tell.
        ("http", &["exchange", "providers"]),
        (
            "run",
            &[
                "cli",
                "exchange",
                "http",
                "providers",
                "telemetry",
                "upstream",
            ],
        ),
    ]);
    for (path, text) in sources("src") {
        let module = path
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap_or_default()
            .to_owned();
        if ["protocol", "lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let allowed = may_import
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{module} is not in ARCHITECTURE.md §4"));
        for (at, _) in code(&text).match_indices("crate::") {
            let code = code(&text);
            // `protocol::` re-exports aside, what follows names a module of this crate.
            let imported: String = code[at + "crate::".len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            assert!(
                imported == module || allowed.contains(&imported.as_str()),
                "{path} imports {imported}"
            );
        }
    }
}

#[test]
fn a_panic_unwinds_in_release() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let release = text.split("[profile.release]").nth(1).expect("a profile");
    assert!(
        release.contains("panic = \"unwind\""),
        "the supervisor lives on it"
    );
}

/// Edge cases without a test of their own, and why.
const WITHOUT_TEST: &[(std::ops::RangeInclusive<u32>, &str)] = &[
    (44..=44, "Kiro is not spoken yet"),
    (97..=97, "Kiro is not spoken yet"),
    (100..=100, "Kiro is not spoken yet"),
    (208..=216, "Kiro is not spoken yet"),
];

/// Number of the last row of `edge-cases.md`.
const LAST_CASE: u32 = 255;

#[test]
fn every_edge_case_has_a_test_or_a_reason() {
    let mut covered = BTreeSet::new();
    for folder in ["src", "tests", "actors"] {
        for (_, text) in sources(folder) {
            for (at, _) in text.match_indices("fn e") {
                let digits: String = text[at + 4..]
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect();
                if text[at + 4 + digits.len()..].starts_with('_') {
                    covered.extend(digits.parse::<u32>().ok());
                }
            }
        }
    }
    let excused: BTreeSet<u32> = WITHOUT_TEST
        .iter()
        .flat_map(|(range, _)| range.clone())
        .collect();
    let missing: Vec<u32> = (1..=LAST_CASE)
        .filter(|n| !covered.contains(n) && !excused.contains(n))
        .collect();
    assert!(missing.is_empty(), "no test and no reason: {missing:?}");
    let both: Vec<_> = excused.intersection(&covered).collect();
    assert!(both.is_empty(), "has a test by now: {both:?}");
}
