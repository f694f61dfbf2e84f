//! Upstreams that misbehave in HTTP: encodings, stalls, wrong lengths, wrong content types.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::upstream::{BodyFraming, Part, Reply, Upstream};
use serde_json::{Value, json};

fn daemon(upstream: &Upstream, more: &str) -> Daemon {
    Setup::new(&format!(
        "{more}request-retry: 0\nopenai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m}}]}}\n",
        upstream.url()
    ))
    .start()
}

fn ask(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

/// A silent upstream is given up after the idle limit, before and after the first event.
#[test]
fn a_stalled_stream_becomes_an_error() {
    let frames = Answer::new("m").text("hello").frames(Wire::Chat);
    let idle = "transient-error-cooldown-seconds: -1\nstreaming: {idle-timeout-seconds: 1}\n";
    let upstream = Upstream::start();
    upstream.reply(Reply::sse(frames[..2].to_vec()).part(Part::Stall));
    upstream.reply(Reply::sse(Vec::<String>::new()).part(Part::Stall));
    let daemon = daemon(&upstream, idle);
    let answer = daemon.client().post("/v1/chat/completions", &ask(true));
    assert_eq!(answer.status, 200);
    let last = answer.events().pop().unwrap().json();
    let text = last["error"]["message"].as_str().unwrap().to_owned();
    assert!(text.contains("sent nothing for 1 s"), "{text}");
    let answer = daemon.client().post("/v1/chat/completions", &ask(true));
    assert_eq!(answer.status, 504, "{}", answer.text());
}

/// Quiet streams are kept alive with comments, and never towards Gemini clients.
#[test]
fn a_quiet_stream_is_kept_alive() {
    let frames = Answer::new("m").text("hello").frames(Wire::Chat);
    let upstream = Upstream::start();
    for _ in 0..2 {
        upstream.reply(Reply::sse(frames[..2].to_vec()).part(Part::Stall));
    }
    let daemon = daemon(
        &upstream,
        "transient-error-cooldown-seconds: -1\nstreaming: {keepalive-seconds: 1, idle-timeout-seconds: 3}\n",
    );
    let answer = daemon.client().post("/v1/chat/completions", &ask(true));
    assert!(
        answer.events().iter().any(|event| event.is_comment()),
        "{}",
        answer.text()
    );
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let target = "/v1beta/models/m:streamGenerateContent?alt=sse";
    let answer = daemon.client().post(target, &body);
    assert!(
        !answer.events().iter().any(|event| event.is_comment()),
        "{}",
        answer.text()
    );
}

/// E-139: a service that ignores `stream: true` and answers with one JSON.
#[test]
fn e139_a_whole_answer_to_a_stream_request_is_streamed() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, false)
    });
    let daemon = daemon(&upstream, "");
    let answer = daemon.client().post("/v1/chat/completions", &ask(true));
    let events = answer.events();
    assert_eq!(events.last().unwrap().data, "[DONE]");
    assert!(answer.text().contains("hello"));
}

#[test]
fn a_short_body_is_no_success() {
    let upstream = Upstream::start();
    let whole = Answer::new("m").text("hello").json(Wire::Chat).to_string();
    upstream.reply(
        Reply::bytes(200, "application/json", whole[..40].to_owned())
            .framing(BodyFraming::LengthOf(whole.len() as u64))
            .part(Part::CloseEarly),
    );
    upstream.reply(Reply::bytes(200, "application/json", ""));
    upstream.reply(Reply::bytes(200, "application/json", "not json at all"));
    let daemon = daemon(&upstream, "transient-error-cooldown-seconds: -1\n");
    for _ in 0..2 {
        let answer = daemon.client().post("/v1/chat/completions", &ask(false));
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
}

/// Blank lines for clients that wait (`nonstream-keepalive-interval`); a late fault then stands in
/// the body.
#[test]
fn a_waiting_client_gets_blank_lines() {
    let upstream = Upstream::start();
    upstream.reply(Reply::new(200).before_head(Part::Stall));
    let daemon = daemon(
        &upstream,
        "nonstream-keepalive-interval: 1\nstreaming: {idle-timeout-seconds: 2}\n",
    );
    let mut answer = daemon.client().stream("/v1/chat/completions", &ask(false));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.next_chunk().as_deref(), Some(&b"\n"[..]));
    answer.hang_up();
}

#[test]
fn several_requests_share_a_connection() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, true)
    });
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m}}]}}\n",
        upstream.url()
    ))
    .start();
    let request = daemon
        .client()
        .request("POST", "/v1/chat/completions")
        .json(&ask(true));
    let mut connection = request.start();
    for n in 0..5 {
        if n > 0 {
            connection.send(&request.to_bytes());
        }
        let mut answer = connection.answer();
        while answer.next_chunk().is_some() {}
        connection = answer.into_connection();
    }
    let connections: std::collections::BTreeSet<_> = upstream
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(
        connections.len(),
        1,
        "finished streams give their connection back"
    );
}

/// A chat completion that says "squeezed", compressed once and twice.
const GZIP: &str = "H4sIAAAAAAACA01OSQ7CMAz8y5wjBBzzFYSqkBoaSONSu1LVKn/HRWI5WbN4ZlakFh4zHPhyp6gGYhd0F7kfMmniYlIcKSiZ8eDQc0vZXP3Gd5wiCfxpRSotzfB7c5BIuBH8ipGzXQSRJBqKbj9clMrWI8+JaLHY6nBNJUnXWI9Yo2nKA+rZYfpEDaMt0kb5QUXeS34T/1llDflLHGt9AWvej+zjAAAA";
const GZIP_TWICE: &str = "H4sIAAAAAAACAwGoAFf/H4sIAAAAAAACA01OSQ7CMAz8y5wjBBzzFYSqkBoaSONSu1LVKn/HRWI5WbN4ZlakFh4zHPhyp6gGYhd0F7kfMmniYlIcKSiZ8eDQc0vZXP3Gd5wiCfxpRSotzfB7c5BIuBH8ipGzXQSRJBqKbj9clMrWI8+JaLHY6nBNJUnXWI9Yo2nKA+rZYfpEDaMt0kb5QUXeS34T/1llDflLHGt9AWvej+zjAAAA6jQY7qgAAAA=";

/// E-140: compressed answers are undone, also stacked ones and ones that no header announces.
#[test]
fn e140_compressed_answers_are_read() {
    use base64::Engine as _;
    for (data, header) in [
        (GZIP, Some("gzip")),
        (GZIP, None),
        (GZIP_TWICE, Some("gzip, gzip")),
    ] {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap();
        let mut reply = Reply::bytes(200, "application/json", bytes);
        if let Some(coding) = header {
            reply = reply.header("content-encoding", coding);
        }
        let upstream = Upstream::start();
        upstream.reply(reply);
        let daemon = daemon(&upstream, "passthrough-headers: true\n");
        let answer = daemon.client().post("/v1/chat/completions", &ask(false));
        assert_eq!(answer.headers.get("content-encoding"), None, "{header:?}");
        let message = &answer.expect_json(200)["choices"][0]["message"];
        assert_eq!(message["content"], "squeezed", "{header:?}");
    }
}
