//! Clients that leave (E-244): the upstream call ends at once, and nobody is punished.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::gate::Gate;
use crate::support::upstream::{HowClosed, Part, Reply, Upstream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How soon the upstream must see the end of its call.
const SOON: Duration = Duration::from_millis(100);

/// How many clients leave. All calls must end; on a busy machine, which lets some of them wait for a
/// processor, the soonest one counts.
const N_CLIENTS: usize = 5;

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

/// Lets clients leave, one after the other, and checks how soon the calls made for them ended. `leave`
/// gets the number of its call and returns when its client left.
#[track_caller]
fn calls_end_soon(upstream: &Upstream, leave: impl Fn(usize) -> Instant) {
    let waits = (1..=N_CLIENTS).map(|n| {
        let left_at = leave(n);
        let closed = upstream.await_closed(&upstream.await_request(n));
        assert_ne!(closed.how, HowClosed::ByScript);
        closed.at.saturating_duration_since(left_at)
    });
    let waits: Vec<Duration> = waits.collect();
    assert!(waits.iter().min() <= Some(&SOON), "{waits:?}");
}

#[test]
fn e244_leaving_before_the_head_ends_the_call() {
    for model in ["m", "c"] {
        let upstream = Upstream::start();
        upstream.handle("/", |_| Reply::new(200).before_head(Part::Stall));
        let daemon = daemon(&upstream);
        calls_end_soon(&upstream, |n| {
            let target = "/v1/chat/completions";
            let request = daemon.client().request("POST", target).json(&ask(model));
            let connection = request.start();
            upstream.await_request(n);
            let left_at = Instant::now();
            connection.hang_up();
            left_at
        });
    }
}

#[test]
fn e244_leaving_in_a_silent_stream_ends_the_call() {
    for (model, wire) in [("m", Wire::Chat), ("c", Wire::Anthropic)] {
        let frames = Answer::new("m").text("hello you").frames(wire);
        let silent = Reply::sse(frames[..frames.len() - 3].to_vec()).part(Part::Stall);
        let upstream = Upstream::start();
        upstream.handle("/", move |_| silent.clone());
        let daemon = daemon(&upstream);
        calls_end_soon(&upstream, |_| {
            let mut answer = daemon.client().stream("/v1/chat/completions", &ask(model));
            assert!(answer.next_event().is_some());
            let left_at = Instant::now();
            answer.hang_up();
            left_at
        });
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
