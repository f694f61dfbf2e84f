//! The official SDKs, run as their users run them, against every upstream protocol.
//!
//! The scripts in `tests/sdk` need interpreters that have the SDKs: `.ci/run` installs them and
//! names them in `SDK_PYTHON` and `SDK_NODE`. Without these variables the tests only say so, except
//! in CI, where they fail.

use std::process::Command;

use crate::support::answer::Wire;
use crate::support::daemon::{KEY, Setup};
use crate::support::sensible;

/// Models of the daemon, by upstream protocol, and the built-in one.
const MODELS: &str = "up-chat,up-responses,up-anthropic,up-gemini,demo-echo";

/// Starts an upstream of each protocol and the daemon, and runs one script against it.
#[track_caller]
fn run(interpreter: &str, script: &str) {
    let Some(program) = std::env::var_os(interpreter) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "{interpreter} must name an interpreter in CI"
        );
        println!("skipped: {interpreter} names no interpreter that has the SDKs; see .ci/run");
        return;
    };
    let [chat, responses, anthropic, gemini] = Wire::ALL.map(sensible::start);
    let daemon = Setup::new(&format!(
        "# The scripts provoke failures of every kind; the next check must find the account ready.
disable-cooling: true
request-retry: 0
demo: true
openai-compatibility:
  - name: chat
    base-url: {}/v1
    api-key-entries: [{{api-key: chat-key}}]
    models: [{{name: chat-model, alias: up-chat}}]
codex-api-key:
  - {{api-key: responses-key, base-url: {}/v1, models: [{{name: responses-model, alias: up-responses}}]}}
claude-api-key:
  - {{api-key: anthropic-key, models: [{{name: anthropic-model, alias: up-anthropic}}]}}
gemini-api-key:
  - {{api-key: gemini-key, models: [{{name: gemini-model, alias: up-gemini}}]}}
# These two are addressed by their own names, as users have them.
upstream-rewrites:
  https://api.anthropic.com: {}
  https://generativelanguage.googleapis.com: {}
",
        chat.url(),
        responses.url(),
        anthropic.url(),
        gemini.url(),
    ))
    .start();
    let script = format!("{}/tests/sdk/{script}", env!("CARGO_MANIFEST_DIR"));
    let ran = Command::new(program)
        .args([
            &script,
            "--url",
            &daemon.url(),
            "--key",
            KEY,
            "--models",
            MODELS,
        ])
        .output()
        .unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(
        ran.status.success(),
        "{script} ended with {}\n{said}\n{complained}",
        ran.status
    );
    println!("{said}");
    for (wire, upstream) in Wire::ALL.iter().zip([chat, responses, anthropic, gemini]) {
        assert!(!upstream.requests().is_empty(), "{wire:?} was never asked");
        assert_eq!(
            upstream.n_unscripted(),
            0,
            "{wire:?} was asked for an unknown path"
        );
    }
}

#[test]
fn openai_python() {
    run("SDK_PYTHON", "python/openai_sdk.py");
}

#[test]
fn anthropic_python() {
    run("SDK_PYTHON", "python/anthropic_sdk.py");
}

#[test]
fn google_genai_python() {
    run("SDK_PYTHON", "python/google_sdk.py");
}

#[test]
fn openai_node() {
    run("SDK_NODE", "node/openai_sdk.js");
}

#[test]
fn anthropic_node() {
    run("SDK_NODE", "node/anthropic_sdk.js");
}

#[test]
fn google_genai_node() {
    run("SDK_NODE", "node/google_sdk.js");
}

#[test]
fn ai_sdk_node() {
    run("SDK_NODE", "node/ai_sdk.js");
}
