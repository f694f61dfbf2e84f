//! Clients that leave (E-244): the upstream call ends at once, and nobody is punished.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::gate::Gate;
use crate::support::upstream::{HowClosed, Part, Reply, Upstream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How soon the upstream must see the end of its call.
const SOON: Duration = Duration::from_millis(100);

fn daemon(upstream: &Upstream) -> Daemon {
    Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{0}', models: [{{name: m}}]}}\n\
         claude-api-key:\n  - {{api-key: k, base-url: '{0}', models: [{{name: c}}]}}\n",
        upstream.url()
    ))
    .start()
}

fn ask(model: &str) -> Value {
    json!({"model": model, "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
}

/// Waits for the end of the upstream call and checks how long after `left_at` it came.
#[track_caller]
fn ends_soon(upstream: &Upstream, left_at: Instant) {
    let request = upstream.await_request(1);
    let closed = upstream.await_closed(&request);
    assert_ne!(closed.how, HowClosed::ByScript);
    let after = closed.at.saturating_duration_since(left_at);
    assert!(after <= SOON, "{after:?}");
}

#[test]
fn e244_leaving_before_the_head_ends_the_call() {
    for model in ["m", "c"] {
        let upstream = Upstream::start();
        upstream.reply(Reply::new(200).before_head(Part::Stall));
        let daemon = daemon(&upstream);
        let connection = daemon
            .client()
            .request("POST", "/v1/chat/completions")
            .json(&ask(model))
            .start();
        upstream.await_request(1);
        let left_at = Instant::now();
        connection.hang_up();
        ends_soon(&upstream, left_at);
    }
}

#[test]
fn e244_leaving_in_a_silent_stream_ends_the_call() {
    for (model, wire) in [("m", Wire::Chat), ("c", Wire::Anthropic)] {
        let frames = Answer::new("m").text("hello you").frames(wire);
        let upstream = Upstream::start();
        upstream.reply(Reply::sse(frames[..frames.len() - 3].to_vec()).part(Part::Stall));
        let daemon = daemon(&upstream);
        let mut answer = daemon.client().stream("/v1/chat/completions", &ask(model));
        assert!(answer.next_event().is_some());
        let left_at = Instant::now();
        answer.hang_up();
        ends_soon(&upstream, left_at);
    }
}

#[test]
fn leaving_says_nothing_about_the_account() {
    let frames = Answer::new("m").text("hello").frames(Wire::Chat);
    let gate = Gate::new();
    let upstream = Upstream::start();
    upstream.reply(
        Reply::sse(frames[..2].to_vec())
            .part(Part::Wait(gate.clone()))
            .part(Part::Stall),
    );
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, true)
    });
    let daemon = daemon(&upstream);
    let mut answer = daemon.client().stream("/v1/chat/completions", &ask("m"));
    assert!(answer.next_event().is_some());
    let request = upstream.await_request(1);
    answer.reset();
    upstream.await_closed(&request);
    let again = daemon.client().post("/v1/chat/completions", &ask("m"));
    assert_eq!(again.status, 200);
    assert!(again.text().contains("[DONE]"));
}
