//! What README.md claims is held by tests, and the words about the services' terms are the ones shown
//! at logins.

use cli_proxy_api_plus::providers::PROVIDERS;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// Names of the tests of this binary: `file::function` for every `#[test]`-like function.
fn tests() -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.trim() != "#[test]" && !line.contains("::test]") {
                continue;
            }
            let function = lines
                .by_ref()
                .find_map(|line| line.split("fn ").nth(1)?.split('(').next())
                .unwrap();
            names.push(format!("{file}::{function}"));
        }
    }
    names
}

#[test]
fn every_feature_row_names_tests_that_exist() {
    let tests = tests();
    let text = readme();
    let table = text.split("| Feature | Tests |").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let named = row.split('|').nth(2).unwrap();
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(
                tests.iter().any(|test| test.contains(name)),
                "`{name}` of the row `{row}` is no test"
            );
        }
    }
}

/// CI runs the README's test command, and its start command is cargo's.
#[test]
fn the_two_commands_are_the_ones_that_are_run() {
    let text = readme();
    assert!(text.contains("\ncargo run --release\n"));
    assert!(text.contains("\ncargo test --workspace\n"));
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains("cargo test --workspace"));
}

#[test]
fn every_login_and_its_terms_are_told() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = words(&readme());
    for login in PROVIDERS.iter().flat_map(|provider| provider.logins()) {
        assert!(
            text.contains(&format!("--{}", login.flag)),
            "{}",
            login.flag
        );
        assert!(
            text.contains(&words(login.terms)),
            "terms of --{}",
            login.flag
        );
    }
}

/// The models' commands that the README shows for the demo are the ones it knows.
#[test]
fn the_demo_commands_are_told() {
    let text = readme();
    for command in ["/think", "/tool NAME {json}", "/error 429", "/break"] {
        assert!(text.replace('\n', " ").contains(command), "{command}");
    }
}
