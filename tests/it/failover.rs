//! Who serves when somebody fails, and what the client sees when nobody does (`routing.md` §6–§8).

use crate::support::answer::{Answer, Wire, error, error_frame};
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::upstream::{Part, Reply, Upstream};
use serde_json::{Value, json};

/// A daemon with `n` keys of one compatible service; the keys are `key-0`, `key-1`, ….
fn daemon(upstream: &Upstream, n: usize, more: &str) -> Daemon {
    let keys: String = (0..n)
        .map(|i| format!("      - api-key: key-{i}\n"))
        .collect();
    Setup::new(&format!(
        "{more}openai-compatibility:\n  - name: up\n    base-url: {}\n    api-key-entries:\n{keys}    \
         models: [{{name: m}}]\n",
        upstream.url()
    ))
    .start()
}

fn ask() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
}

fn ask_stream() -> Value {
    let mut body = ask();
    body["stream"] = true.into();
    body
}

fn good(stream: bool) -> Reply {
    Answer::new("m").text("hello").reply(Wire::Chat, stream)
}

/// Waits until `n` accounts rest: what an attempt taught reaches the account's actor beside the reply.
fn await_resting(daemon: &Daemon, n: usize) {
    eventually("accounts at rest", || {
        let snapshot = daemon.handles().snapshot.get();
        let resting = snapshot
            .members
            .iter()
            .filter(|member| !member.view.get().is_untroubled("m"));
        (resting.count() >= n).then_some(())
    });
}

/// The keys of the requests so far, in order.
fn keys(upstream: &Upstream) -> Vec<String> {
    upstream
        .requests()
        .iter()
        .map(|request| {
            let bearer = request.header("authorization").unwrap_or_default();
            bearer.trim_start_matches("Bearer ").to_owned()
        })
        .collect()
}

#[test]
fn accounts_take_turns() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| good(false));
    let daemon = daemon(&upstream, 3, "");
    for _ in 0..6 {
        daemon
            .client()
            .post("/v1/chat/completions", &ask())
            .expect_json(200);
    }
    let mut seen = keys(&upstream);
    let first_round: Vec<_> = seen.drain(..3).collect();
    assert_eq!(first_round, seen, "the same order again");
    let mut distinct = first_round;
    distinct.sort();
    assert_eq!(distinct, ["key-0", "key-1", "key-2"]);
}

#[test]
fn fill_first_drains_one_account() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| good(false));
    let daemon = daemon(&upstream, 3, "routing: {strategy: fill-first}\n");
    for _ in 0..3 {
        daemon
            .client()
            .post("/v1/chat/completions", &ask())
            .expect_json(200);
    }
    let keys = keys(&upstream);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

/// One refused account never becomes a client error while another can serve.
#[test]
fn a_refusal_goes_to_the_next_account() {
    for (status, message) in [
        (401, "bad key"),
        (402, "no money"),
        (403, "forbidden"),
        (404, "no such model"),
        (408, "slow"),
        (429, "limit"),
        (500, "internal error"),
        (502, "bad gateway"),
        (503, "overloaded"),
        (529, "overloaded"),
    ] {
        for stream in [false, true] {
            let upstream = Upstream::start();
            upstream.reply(error(Wire::Chat, status, message));
            upstream.handle("/", move |_| good(stream));
            let daemon = daemon(&upstream, 2, "");
            let body = if stream { ask_stream() } else { ask() };
            let answer = daemon.client().post("/v1/chat/completions", &body);
            assert_eq!(answer.status, 200, "{status}: {}", answer.text());
            let keys = keys(&upstream);
            assert_eq!(keys.len(), 2, "{status}");
            assert_ne!(keys[0], keys[1], "{status}");
        }
    }
}

/// E-236: what is the client's own fault is not repeated on every account.
#[test]
fn e236_a_bad_request_is_answered_at_once() {
    for (status, message) in [
        (400, "temperature is too high"),
        (413, "too large"),
        (422, "what is this"),
    ] {
        let upstream = Upstream::start();
        upstream.handle("/", move |_| error(Wire::Chat, status, message));
        let daemon = daemon(&upstream, 3, "");
        for body in [ask(), ask_stream()] {
            let before = upstream.requests().len();
            let answer = daemon.client().post("/v1/chat/completions", &body);
            assert_eq!(answer.status, status);
            assert_eq!(answer.json()["error"]["message"], message);
            assert_eq!(upstream.requests().len(), before + 1, "{status}");
        }
    }
}

/// router-for-me/CLIProxyAPI#3305: a quota fault in the clothes of a bad request.
#[test]
fn a_quota_fault_sent_as_400_rotates() {
    let upstream = Upstream::start();
    upstream.reply(error(Wire::Chat, 400, "You are out of extra usage."));
    upstream.handle("/", |_| good(false));
    let daemon = daemon(&upstream, 2, "");
    daemon
        .client()
        .post("/v1/chat/completions", &ask())
        .expect_json(200);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn a_limited_account_rests_and_the_client_is_told_when_all_do() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        error(Wire::Chat, 429, "limit")
            .header("retry-after", "77")
            .header("x-should-retry", "false")
    });
    let daemon = daemon(&upstream, 2, "");
    let client = daemon.client();
    let first = client.post("/v1/chat/completions", &ask());
    assert_eq!(first.status, 429);
    assert_eq!(first.headers.get("retry-after"), Some("77"));
    assert_eq!(first.headers.get("x-should-retry"), Some("false"));
    assert_eq!(upstream.requests().len(), 2, "each account once");
    await_resting(&daemon, 2);
    let second = client.post("/v1/chat/completions", &ask());
    assert_eq!(second.status, 429);
    assert_eq!(second.json()["error"]["code"], "model_cooldown");
    let seconds = second.json()["error"]["reset_seconds"].as_u64().unwrap();
    assert!((70..=77).contains(&seconds), "{seconds}");
    assert_eq!(upstream.requests().len(), 2, "nobody was asked");
    let listed = client.get("/v1/models").expect_json(200);
    assert_eq!(listed["data"][0]["id"], "m", "a resting model stays listed");
}

/// A single account gets the passing fault again, after a short pause (`request-retry`).
#[test]
fn a_passing_fault_is_tried_again_on_the_only_account() {
    let upstream = Upstream::start();
    upstream.reply(error(Wire::Chat, 503, "overloaded"));
    upstream.handle("/", |_| good(false));
    let daemon = daemon(&upstream, 1, "request-retry: 1\n");
    daemon
        .client()
        .post("/v1/chat/completions", &ask())
        .expect_json(200);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn without_rounds_the_fault_is_the_clients() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| error(Wire::Chat, 503, "overloaded"));
    let daemon = daemon(&upstream, 1, "request-retry: 0\n");
    let answer = daemon.client().post("/v1/chat/completions", &ask());
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"]["message"], "overloaded");
    assert_eq!(upstream.requests().len(), 1);
}

/// router-for-me/CLIProxyAPI#6029: the same particular fault from two accounts is the request's.
#[test]
fn a_deterministic_500_stops_after_the_second() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| error(Wire::Chat, 500, "field x is not of type y"));
    let daemon = daemon(&upstream, 5, "");
    let answer = daemon.client().post("/v1/chat/completions", &ask());
    assert_eq!(answer.status, 500);
    assert_eq!(upstream.requests().len(), 2);
}

/// router-for-me/CLIProxyAPI#5265: many accounts do not mean many calls.
#[test]
fn attempts_are_bounded() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| error(Wire::Chat, 503, "overloaded, try again"));
    let daemon = daemon(&upstream, 40, "request-retry: 3\n");
    let answer = daemon.client().post("/v1/chat/completions", &ask());
    assert_eq!(answer.status, 503);
    assert_eq!(upstream.requests().len(), 16);
}

/// kaitranntt/CLIProxyAPIPlus#173
#[test]
fn an_empty_reply_is_no_success() {
    let empty = json!({"id": "x", "object": "chat.completion", "model": "m", "choices": []});
    for stream in [false, true] {
        let upstream = Upstream::start();
        upstream.reply(if stream {
            Reply::sse(["data: [DONE]\n\n"])
        } else {
            Reply::json(200, &empty)
        });
        upstream.handle("/", move |_| good(stream));
        let daemon = daemon(&upstream, 2, "");
        let body = if stream { ask_stream() } else { ask() };
        let answer = daemon.client().post("/v1/chat/completions", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("hello"));
        assert_eq!(upstream.requests().len(), 2);
    }
}

/// E-241: an error as the first event of a 200 stream is an error before the first byte.
#[test]
fn e241_an_error_as_first_event_goes_to_the_next_account() {
    let upstream = Upstream::start();
    upstream.reply(Reply::sse([error_frame(Wire::Chat, "overloaded")]));
    upstream.handle("/", |_| good(true));
    let daemon = daemon(&upstream, 2, "");
    let answer = daemon.client().post("/v1/chat/completions", &ask_stream());
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("hello"));
    assert_eq!(upstream.requests().len(), 2);
}

/// A connection that is torn down before any answer costs the attempt, not the request.
#[test]
fn a_torn_connection_goes_to_the_next_account() {
    for part in [Part::Reset, Part::CloseEarly] {
        let upstream = Upstream::start();
        // The first account's connection is torn down twice: the client library tries a fresh one.
        for _ in 0..2 {
            upstream.reply(Reply::new(200).before_head(part.clone()));
        }
        upstream.handle("/", |_| good(false));
        let daemon = daemon(&upstream, 2, "");
        daemon
            .client()
            .post("/v1/chat/completions", &ask())
            .expect_json(200);
    }
}

/// Nothing is tried again after the first event reached the client; the fault becomes the protocol's
/// own error event.
#[test]
fn e237_a_fault_after_the_first_event_is_an_error_event() {
    let frames = Answer::new("m").text("hello").frames(Wire::Chat);
    for ending in [Part::Reset, Part::CloseEarly] {
        let upstream = Upstream::start();
        upstream.reply(Reply::sse(frames[..2].to_vec()).part(ending));
        upstream.handle("/", |_| good(true));
        let daemon = daemon(&upstream, 2, "");
        let answer = daemon.client().post("/v1/chat/completions", &ask_stream());
        assert_eq!(answer.status, 200);
        let events = answer.events();
        let last = events.last().unwrap();
        assert!(last.json()["error"]["message"].is_string(), "{last:?}");
        assert!(!answer.text().contains("[DONE]"));
        assert_eq!(upstream.requests().len(), 1);
    }
}

#[test]
fn higher_priority_goes_first_and_lower_takes_over() {
    let (high, low) = (Upstream::start(), Upstream::start());
    high.reply(good(false));
    high.handle("/", |_| error(Wire::Chat, 429, "limit"));
    low.handle("/", |_| good(false));
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: low, base-url: '{}', models: [{{name: m}}]}}\n  - {{name: \
         high, priority: 5, base-url: '{}', models: [{{name: m}}]}}\n",
        low.url(),
        high.url()
    ))
    .start();
    for n in 0..3 {
        daemon
            .client()
            .post("/v1/chat/completions", &ask())
            .expect_json(200);
        if n == 1 {
            await_resting(&daemon, 1);
        }
    }
    assert_eq!(
        high.requests().len(),
        2,
        "served once, refused once, then rests"
    );
    assert_eq!(low.requests().len(), 2);
}

/// Prompt caches live per account: an agent's session stays where it began.
#[test]
fn an_agents_session_stays_on_its_account() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| good(false));
    let daemon = daemon(&upstream, 3, "");
    let client = daemon
        .client()
        .with_header("x-claude-code-session-id", "s-1");
    for _ in 0..4 {
        client.post("/v1/chat/completions", &ask()).expect_json(200);
    }
    let bound = keys(&upstream);
    assert!(bound.iter().all(|key| *key == bound[0]), "{bound:?}");
    // A limit breaks the binding; the session goes on with another account.
    upstream.reply(error(Wire::Chat, 429, "limit"));
    client.post("/v1/chat/completions", &ask()).expect_json(200);
    client.post("/v1/chat/completions", &ask()).expect_json(200);
    let all = keys(&upstream);
    assert_ne!(all[5], bound[0]);
    assert_eq!(all[5], all[6], "bound anew");
}

/// `request-scoped-errors` of a service (`openai-compatibility.md` §8, vector 6).
#[test]
fn a_rule_of_the_owner_decides_over_odd_errors() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| error(Wire::Chat, 500, "bad schema"));
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - name: up\n    base-url: {}\n    api-key-entries: [{{api-key: a}}, \
         {{api-key: b}}]\n    models: [{{name: m}}]\n    request-scoped-errors: [{{status: 500, match: \
         [schema], action: stop}}]\n",
        upstream.url()
    ))
    .start();
    for n in 1..=2 {
        let answer = daemon.client().post("/v1/chat/completions", &ask());
        assert_eq!(answer.status, 500);
        assert_eq!(upstream.requests().len(), n, "at once, without a cooldown");
    }
}
