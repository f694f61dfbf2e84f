//! `/v1/embeddings` from compatible services and from Gemini.

use crate::support::daemon::Setup;
use crate::support::upstream::{Reply, Upstream};
use serde_json::json;

#[test]
fn embeddings_of_compatible_services_pass() {
    let upstream = Upstream::start();
    let reply = json!({"object": "list", "model": "real", "data": [{"object": "embedding", "index": 0,
        "embedding": "AACAPw=="}], "usage": {"prompt_tokens": 1, "total_tokens": 1}});
    upstream.handle("/v1/embeddings", move |_| Reply::json(200, &reply));
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}/v1', models: [{{name: real, alias: e}}]}}\n",
        upstream.url()
    ))
    .start();
    let body = json!({"model": "e", "input": "hi", "encoding_format": "base64"});
    let answer = daemon
        .client()
        .post("/v1/embeddings", &body)
        .expect_json(200);
    assert_eq!(answer["model"], "e");
    assert_eq!(answer["data"][0]["embedding"], "AACAPw==");
    let sent = upstream.await_request(1).json();
    assert_eq!(
        sent,
        json!({"model": "real", "input": "hi", "encoding_format": "base64"})
    );
}

#[test]
fn embeddings_of_gemini_are_converted() {
    let upstream = Upstream::start();
    upstream.handle("/v1beta/models/", |_| {
        Reply::json(
            200,
            &json!({"embeddings": [{"values": [1.0, -0.5]}, {"values": [0.25, 0]}]}),
        )
    });
    let daemon = Setup::new(&format!(
        "gemini-api-key:\n  - {{api-key: k, base-url: '{}', models: [{{name: gemini-embedding-001}}]}}\n",
        upstream.url()
    ))
    .start();
    let body = json!({"model": "gemini-embedding-001", "input": ["a", "b"], "dimensions": 2});
    let answer = daemon
        .client()
        .post("/v1/embeddings", &body)
        .expect_json(200);
    assert_eq!(answer["data"][0]["embedding"][1], -0.5);
    assert_eq!(answer["data"][1]["index"], 1);
    let request = upstream.await_request(1);
    assert_eq!(
        request.path(),
        "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    );
    assert_eq!(
        request.json()["requests"][1]["content"]["parts"][0]["text"],
        "b"
    );
    assert_eq!(request.json()["requests"][0]["outputDimensionality"], 2);
}

#[test]
fn embeddings_elsewhere_are_refused_clearly() {
    let daemon = Setup::new("claude-api-key:\n  - {api-key: k, models: [{name: c}]}\n").start();
    let body = json!({"model": "c", "input": "hi"});
    let answer = daemon.client().post("/v1/embeddings", &body);
    assert_eq!(answer.status, 501);
    let text = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(text.contains("no embeddings"), "{text}");
}
