//! Names on their way to a model: aliases, prefixes, exclusions, suffixes, discovery, payload rules
//! (`routing.md` §2, §3, `config.md` §4).

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::upstream::{Reply, Upstream};
use serde_json::{Value, json};

fn chat() -> Upstream {
    let upstream = Upstream::start();
    upstream.handle("/v1/chat", |_| {
        Answer::new("real").text("hello").reply(Wire::Chat, false)
    });
    upstream
}

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

fn models(daemon: &Daemon) -> Vec<String> {
    let list = daemon.client().get("/v1/models").expect_json(200);
    let items = list["data"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Vector 1 of `openai-compatibility.md`: prefix, alias, suffix, headers of the entry.
#[test]
fn an_alias_with_prefix_and_suffix_reaches_the_real_model() {
    let upstream = chat();
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - name: openrouter\n    base-url: {}/v1\n    prefix: team\n    \
         headers: {{X-Title: my-proxy, X-Copied: $X-From-Client}}\n    api-key-entries: [{{api-key: sk-or-FAKE-1}}]\n    \
         models: [{{name: 'moonshotai/kimi-k2:free', alias: kimi-k2}}]\n",
        upstream.url()
    ))
    .start();
    assert_eq!(models(&daemon), ["kimi-k2", "team/kimi-k2"]);
    let client = daemon.client().with_header("x-from-client", "yes");
    let answer = client
        .post("/v1/chat/completions", &ask("team/kimi-k2(high)"))
        .expect_json(200);
    assert_eq!(answer["model"], "team/kimi-k2(high)", "named as asked for");
    let request = upstream.await_request(1);
    assert_eq!(request.target, "/v1/chat/completions");
    assert_eq!(request.header("authorization"), Some("Bearer sk-or-FAKE-1"));
    assert_eq!(request.header("x-title"), Some("my-proxy"));
    assert_eq!(request.header("x-copied"), Some("yes"));
    let body = request.json();
    assert_eq!(body["model"], "moonshotai/kimi-k2:free");
    assert_eq!(body["reasoning_effort"], "high");
}

/// Vector 2: a keyless service gets no `Authorization`.
#[test]
fn a_keyless_service_gets_no_key() {
    let upstream = chat();
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: local, base-url: '{}/v1', models: [{{name: m}}]}}\n",
        upstream.url()
    ))
    .start();
    daemon
        .client()
        .post("/v1/chat/completions", &ask("m"))
        .expect_json(200);
    assert_eq!(upstream.await_request(1).header("authorization"), None);
}

#[test]
fn excluded_models_are_neither_listed_nor_served() {
    let daemon = Setup::new(
        "gemini-api-key:\n  - {api-key: k, excluded-models: ['*preview*', 'gemini-3*']}\n",
    )
    .start();
    assert_eq!(
        models(&daemon),
        [
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
            "gemini-2.5-pro"
        ]
    );
    daemon
        .client()
        .post("/v1/chat/completions", &ask("gemini-3.5-flash"))
        .expect_json(502);
}

/// The same alias on several names makes a pool with fail-over.
#[test]
fn an_alias_may_name_a_pool() {
    let upstream = chat();
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}/v1', models: [{{name: a, alias: m}}, \
         {{name: b, alias: m}}]}}\n",
        upstream.url()
    ))
    .start();
    for _ in 0..2 {
        daemon
            .client()
            .post("/v1/chat/completions", &ask("m"))
            .expect_json(200);
    }
    let mut names: Vec<_> = upstream
        .requests()
        .iter()
        .map(|request| request.json()["model"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);
}

/// A service without a configured list is asked for its models.
#[test]
fn discovery_asks_services_without_a_list() {
    let upstream = chat();
    let listed =
        json!({"object": "list", "data": [{"id": "found-1"}, {"id": "found-2", "created": 5}]});
    upstream.handle("/v1/models", move |_| Reply::json(200, &listed));
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}/v1', api-key-entries: [{{api-key: k}}]}}\n",
        upstream.url()
    ))
    .start();
    assert_eq!(models(&daemon), ["found-1", "found-2"]);
    daemon
        .client()
        .post("/v1/chat/completions", &ask("found-2"))
        .expect_json(200);
    let requests = upstream.requests();
    assert_eq!(requests[0].header("authorization"), Some("Bearer k"));
    let lists = requests
        .iter()
        .filter(|request| request.path() == "/v1/models");
    assert_eq!(lists.count(), 1, "the list is kept");
}

#[test]
fn payload_rules_change_what_goes_out() {
    let upstream = chat();
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}/v1', models: [{{name: m}}]}}\npayload:\n  \
         default:\n    - {{models: [{{name: m}}], params: {{temperature: 0.5}}}}\n  filter:\n    - \
         {{models: [{{name: m}}], params: [user]}}\n",
        upstream.url()
    ))
    .start();
    let mut body = ask("m");
    body["user"] = "me".into();
    daemon
        .client()
        .post("/v1/chat/completions", &body)
        .expect_json(200);
    let sent = upstream.await_request(1).json();
    assert_eq!(sent["temperature"], 0.5);
    assert_eq!(sent.get("user"), None);
}

/// Thinking that a model cannot do is an error the client understands (`routing.md` §3).
#[test]
fn an_unsupported_thinking_level_is_named() {
    let daemon =
        Setup::new("codex-api-key:\n  - {api-key: k, base-url: 'http://127.0.0.1:9'}\n").start();
    let body = json!({"model": "gpt-5.1-codex", "input": "hi", "reasoning": {"effort": "xhigh"}});
    let answer = daemon
        .client()
        .post("/v1/responses", &body)
        .expect_json(400);
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("level \"xhigh\" not supported, valid levels: low, medium, high"),
        "{text}"
    );
}
