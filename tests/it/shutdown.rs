//! Ends of the process: signals, open streams, kill -9.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::Setup;
use crate::support::gate::Gate;
use crate::support::upstream::{Part, Reply, Upstream};
use serde_json::json;

fn yaml(upstream: &Upstream) -> String {
    format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m}}]}}\n",
        upstream.url()
    )
}

/// SIGTERM and SIGINT: an open stream is finished, then the program ends with 0.
#[test]
fn a_signal_lets_open_streams_finish() {
    for signal in ["TERM", "INT"] {
        let frames = Answer::new("m").text("hello you").frames(Wire::Chat);
        let gate = Gate::new();
        let upstream = Upstream::start();
        let (head, tail) = frames.split_at(2);
        let mut reply = Reply::sse(head.to_vec()).part(Part::Wait(gate.clone()));
        for frame in tail {
            reply = reply.part(Part::Bytes(frame.clone().into()));
        }
        upstream.reply(reply);
        let process = Setup::new(&yaml(&upstream)).spawn();
        let body =
            json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
        let mut answer = process.client().stream("/v1/chat/completions", &body);
        assert!(answer.next_event().is_some());
        process.signal(signal);
        process.stdout().await_line("stopping");
        gate.open();
        let events = answer.events();
        assert_eq!(events.last().unwrap().data, "[DONE]", "{signal}");
        assert_eq!(process.await_exit().code(), Some(0), "{signal}");
    }
}

/// A second signal does not wait for the streams; they end with an error, not as if complete.
#[test]
fn a_second_signal_ends_at_once() {
    let frames = Answer::new("m").text("hello you").frames(Wire::Chat);
    let upstream = Upstream::start();
    upstream.reply(Reply::sse(frames[..2].to_vec()).part(Part::Stall));
    let process = Setup::new(&yaml(&upstream)).spawn();
    let body =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let mut answer = process.client().stream("/v1/chat/completions", &body);
    assert!(answer.next_event().is_some());
    process.signal("TERM");
    process.stdout().await_line("stopping");
    process.signal("TERM");
    assert_eq!(process.await_exit().code(), Some(0));
    let rest = answer.read();
    assert!(!rest.text().contains("[DONE]"));
}

/// After kill -9 the same folder starts again.
#[test]
fn a_killed_daemon_starts_again() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, false)
    });
    let mut setup = Setup::new(&yaml(&upstream));
    for _ in 0..3 {
        let process = setup.spawn();
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
        process
            .client()
            .post("/v1/chat/completions", &body)
            .expect_json(200);
        process.signal("KILL");
        process.await_exit();
        setup = process.into_setup();
    }
}
