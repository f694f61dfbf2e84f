//! Changes of `config.yaml` take effect while the daemon runs, whatever way they are saved.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, KEY, Setup};
use crate::support::deadline::eventually;
use crate::support::gate::Gate;
use crate::support::upstream::{Part, Reply, Upstream};
use serde_json::{Value, json};
use std::path::Path;

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

fn models(daemon: &Daemon) -> Vec<String> {
    let list = daemon.client().get("/v1/models").expect_json(200);
    let items = list["data"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn await_models(daemon: &Daemon, want: &[&str]) {
    eventually("the models of the new file", || {
        (models(daemon) == want).then_some(())
    });
}

fn yaml(url: &str, model: &str) -> String {
    format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{url}', models: [{{name: {model}}}]}}\n"
    )
}

/// The whole file, as [`Setup::write_config`] would make it.
fn whole(daemon: &Daemon, more: &str) -> String {
    format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nauth-dir: '{}'\n{more}",
        daemon.setup().auth_dir().display()
    )
}

#[test]
fn every_way_of_saving_is_noticed() {
    let upstream = Upstream::start();
    let url = upstream.url();
    let daemon = Setup::new(&yaml(&url, "m0")).start();
    await_models(&daemon, &["m0"]);
    let path = daemon.setup().config_path();
    // An editor that moves a new file over the old one.
    daemon.setup().write_config(&yaml(&url, "m1"));
    await_models(&daemon, &["m1"]);
    // One that writes in place.
    std::fs::write(&path, whole(&daemon, &yaml(&url, "m2"))).unwrap();
    await_models(&daemon, &["m2"]);
    // `sed -i`.
    sed(&path, "m2", "m3");
    await_models(&daemon, &["m3"]);
    // A link that is pointed elsewhere, as config maps do.
    let elsewhere = daemon.setup().dir().join("elsewhere.yaml");
    std::fs::write(&elsewhere, whole(&daemon, &yaml(&url, "m4"))).unwrap();
    let link = daemon.setup().dir().join("link");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    std::fs::rename(&link, &path).unwrap();
    await_models(&daemon, &["m4"]);
}

fn sed(path: &Path, from: &str, to: &str) {
    let status = std::process::Command::new("sed")
        .args(["-i", &format!("s/{from}/{to}/")])
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_broken_file_keeps_the_old_configuration_and_says_why() {
    let upstream = Upstream::start();
    let daemon = Setup::new(&yaml(&upstream.url(), "m")).start();
    for broken in ["port: [\n", "request-retry: many\n"] {
        let path = daemon.setup().config_path();
        std::fs::write(&path, broken).unwrap();
        let error = eventually("the fault to be noticed", || {
            daemon.handles().last_config_error()
        });
        let text = error.to_string();
        assert!(text.contains("config.yaml"), "{text}");
        assert_eq!(models(&daemon), ["m"]);
        daemon.setup().write_config(&yaml(&upstream.url(), "m"));
        eventually("the fault to be gone", || {
            daemon.handles().last_config_error().is_none().then_some(())
        });
    }
}

#[test]
fn a_stream_survives_the_reload_that_removes_its_account() {
    let frames = Answer::new("m").text("hello you").frames(Wire::Chat);
    let gate = Gate::new();
    let upstream = Upstream::start();
    let (head, tail) = frames.split_at(2);
    let mut reply = Reply::sse(head.to_vec()).part(Part::Wait(gate.clone()));
    for frame in tail {
        reply = reply.part(Part::Bytes(frame.clone().into()));
    }
    upstream.reply(reply);
    let daemon = Setup::new(&yaml(&upstream.url(), "m")).start();
    let mut body = ask("m");
    body["stream"] = true.into();
    let mut answer = daemon.client().stream("/v1/chat/completions", &body);
    assert!(answer.next_event().is_some());
    daemon.setup().write_config("demo: true\n");
    await_models(&daemon, &["demo-echo"]);
    gate.open();
    let events = answer.events();
    assert_eq!(events.last().unwrap().data, "[DONE]");
    daemon
        .client()
        .post("/v1/chat/completions", &ask("m"))
        .expect_json(502);
}

#[test]
fn client_keys_change_at_once() {
    let daemon = Setup::new("demo: true\n").start();
    daemon
        .setup()
        .write_config("demo: true\napi-keys: [other]\n");
    eventually("the old key to be refused", || {
        (daemon.client().get("/v1/models").status == 401).then_some(())
    });
}
