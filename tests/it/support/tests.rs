//! The support tested against itself: a fault here would look like one of the daemon.

use serde_json::{Value, json};

use super::answer::{Answer, Stop, Wire, error};
use super::client::{Client, Ending};
use super::daemon::{KEY, Setup};
use super::deadline::eventually;
use super::gate::Gate;
use super::sensible::{self, PIXEL, THOUGHT, signature};
use super::sse::{SseEvent, parse_sse};
use super::upstream::{BodyFraming, HowClosed, Part, Reply, Upstream};

#[test]
fn requests_are_recorded_and_answered_in_order() {
    let upstream = Upstream::start();
    upstream.reply_to(
        "/v1/models",
        Reply::json(200, &json!({"data": []})).header("x-one", "1"),
    );
    upstream.reply(Reply::text(429, "slow down"));
    upstream.handle("/echo", |request| {
        Reply::bytes(200, "text/plain", request.body.clone())
    });
    let client = Client::new(upstream.addr()).with_key("k");

    assert_eq!(client.get("/other").status, 429);
    let models = client.get("/v1/models?limit=1");
    assert_eq!(
        (models.status, models.headers.get("X-One")),
        (200, Some("1"))
    );
    assert_eq!(models.expect_json(200), json!({"data": []}));
    assert_eq!(
        client.post("/echo", &json!({"a": 1})).json(),
        json!({"a": 1})
    );
    assert_eq!(client.get("/nothing").status, 599);

    let seen = upstream.await_request(2);
    assert_eq!(
        (seen.index, seen.path(), seen.method.as_str()),
        (1, "/v1/models", "GET")
    );
    assert_eq!(seen.target, "/v1/models?limit=1");
    assert_eq!(seen.header("Authorization"), Some("Bearer k"));
    assert_eq!(upstream.requests()[2].json(), json!({"a": 1}));
    assert_eq!((upstream.n_unscripted(), upstream.n_connections()), (1, 4));
    assert_eq!(upstream.url(), format!("http://{}", upstream.addr()));
    assert_eq!(upstream.await_closed(&seen).how, HowClosed::ByPeer);
}

#[test]
fn one_connection_carries_many_requests() {
    let upstream = Upstream::start();
    upstream.handle("", |request| {
        Reply::bytes(200, "text/plain", request.body.clone())
    });
    let client = Client::new(upstream.addr());
    let request = client.request("POST", "/a").body("one");
    let mut answer = request.send();
    assert_eq!(answer.next_chunk().unwrap().as_ref(), b"one");
    assert_eq!(answer.next_chunk(), None);
    let mut connection = answer.into_connection();
    connection.send(
        b"POST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nt\r\n2;x=y\r\nwo\r\n0\r\n\r\n",
    );
    let again = connection.answer().read();
    assert_eq!(
        (again.text().as_str(), upstream.n_connections()),
        ("two", 1)
    );
}

#[test]
fn a_stream_waits_at_its_gate_and_is_split() {
    let upstream = Upstream::start();
    let gate = Gate::new();
    let frames = [
        "event: a\ndata: 1\n\n",
        ": still here\n\n",
        "data: 2\ndata: 3\r\n\r\n",
    ];
    upstream.reply(
        Reply::sse(frames)
            .split_every(1)
            .insert(2, Part::Wait(gate.clone())),
    );
    let mut answer = Client::new(upstream.addr()).stream("/", &json!({}));
    let first = answer.next_event().unwrap();
    assert_eq!(
        (first.event.as_deref(), first.json()),
        (Some("a"), json!(1))
    );
    gate.await_reached();
    assert_eq!(answer.ending(), None);
    gate.open();
    let rest = answer.events();
    assert!(rest[0].is_comment() && rest[0].comments == ["still here"]);
    assert_eq!(rest[1].data, "2\n3");
    assert_eq!(answer.ending(), Some(Ending::Complete));
}

#[test]
fn broken_answers_are_seen_as_broken() {
    let upstream = Upstream::start();
    let half = || Reply::sse(["data: 1\n\n"]);
    let client = Client::new(upstream.addr());
    for (end, how) in [(Part::CloseEarly, "in order"), (Part::Reset, "torn down")] {
        upstream.reply(half().part(end));
        assert_eq!(client.get("/").ending, Ending::Cut, "{how}");
    }
    let short = Reply::text(200, "abc")
        .framing(BodyFraming::LengthOf(4))
        .part(Part::CloseEarly);
    upstream.reply(short);
    assert_eq!(client.get("/").ending, Ending::Cut);
    upstream.reply(Reply::text(200, "all").framing(BodyFraming::UntilClose));
    assert_eq!(client.get("/").ending, Ending::Complete);
    upstream.reply(half().before_head(Part::Garbage("HTTP/1.1 103 Early\r\n\r\n".into())));
    assert_eq!(client.get("/").events().len(), 1);
    upstream.reply(half().before_head(Part::CloseEarly));
    client.request("GET", "/").start().await_end();
    assert_eq!(Reply::sse(["a", "b", "c"]).truncate(2).body_len(), 2);
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.addr());
    upstream.handle("/silent", |_| Reply::new(200).before_head(Part::Stall));
    upstream.handle("/stream", |_| Reply::sse(["data: 1\n\n"]).part(Part::Stall));

    let waiting = client.request("GET", "/silent").start();
    let request = upstream.await_request(1);
    assert!(upstream.closed(&request).is_none());
    waiting.hang_up();
    let closed = upstream.await_closed(&request);
    assert!(closed.how == HowClosed::ByPeer && closed.at >= request.at);

    let mut answer = client.request("GET", "/stream").send();
    assert!(answer.next_event().is_some());
    answer.reset();
    assert_eq!(
        upstream.await_closed(&upstream.await_request(2)).how,
        HowClosed::ResetByPeer
    );

    let mut answer = client.request("GET", "/stream").send();
    assert!(answer.next_event().is_some());
    answer.hang_up();
    upstream.await_closed(&upstream.await_request(3));

    let half = client.request("GET", "/silent").start();
    half.half_close();
    let how = eventually("the half-closed connection", || {
        upstream.closed(&upstream.await_request(4))
    });
    assert_eq!(how.how, HowClosed::ByPeer);
}

#[test]
fn the_daemon_runs_in_this_process() {
    let upstream = Upstream::start();
    upstream.handle("/v1/chat/completions", |request| {
        assert_eq!(request.header("authorization"), Some("Bearer upstream-key"));
        Reply::json(
            200,
            &json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"},
            "finish_reason": "stop"}]}),
        )
    });
    let yaml = format!(
        "openai-compatibility:\n  - name: up\n    base-url: {}/v1\n    api-key-entries: \
         [{{api-key: upstream-key}}]\n    models: [{{name: m}}]\n",
        upstream.url()
    );
    let daemon = Setup::new(&yaml).start();
    assert_eq!(daemon.url(), format!("http://{}", daemon.addr()));
    assert_eq!(daemon.handles().snapshot.get().config.server.port, 0);
    let ask = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let answer = daemon
        .client()
        .post("/v1/chat/completions", &ask)
        .expect_json(200);
    assert_eq!(answer["choices"][0]["message"]["content"], "hi");
    assert_eq!(Client::new(daemon.addr()).get("/v1/models").status, 401);
    assert!(daemon.setup().config_path().exists());
    assert!(daemon.stop().dir().exists());
}

#[test]
fn the_built_program_runs_and_stops() {
    let daemon = Setup::new("debug: true\ndemo: true\n")
        .env("TZ", "UTC")
        .spawn();
    let line = daemon.stdout().await_line("started successfully");
    assert!(line.ends_with(&daemon.addr().to_string()), "{line}");
    let ask = json!({"model": "demo-echo", "messages": [{"role": "user", "content": "hello"}]});
    let answer = daemon
        .client()
        .post("/v1/chat/completions", &ask)
        .expect_json(200);
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "You said: hello"
    );
    assert!(
        !daemon.stderr().text().contains(KEY),
        "client keys stay out of logs"
    );
    assert!(daemon.setup().auth_dir().exists());
    daemon.signal("TERM");
    assert!(daemon.await_exit().success());

    let broken = Setup::new("port: many\n").auth("a.json", &json!({"type": "claude"}));
    let finished = broken.run(&["--config", "config.yaml"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stdout);
    assert!(finished.stderr.contains("port"), "{}", finished.stderr);
}

/// The text that a stream of this protocol says, put together.
fn streamed_text(wire: Wire, events: &[SseEvent]) -> String {
    let deltas = events
        .iter()
        .filter(|event| event.data != "[DONE]")
        .map(SseEvent::json);
    let said = deltas.filter_map(|delta| {
        let text = match wire {
            Wire::Chat => &delta["choices"][0]["delta"]["content"],
            Wire::Responses if delta["type"] == "response.output_text.delta" => &delta["delta"],
            Wire::Responses => &Value::Null,
            Wire::Anthropic => &delta["delta"]["text"],
            Wire::Gemini if delta["candidates"][0]["content"]["parts"][0]["thought"] == true => {
                &Value::Null
            }
            Wire::Gemini => &delta["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str().map(str::to_owned)
    });
    said.collect()
}

#[test]
fn every_protocol_says_the_same_whole_and_in_pieces() {
    for wire in Wire::ALL {
        let answer = Answer::new("m")
            .thinking("so I think", signature(wire))
            .text("one two three");
        let answer = answer.call("call_1", "look", &json!({"city": "Zürich"}));
        let events = parse_sse(answer.frames(wire).concat().as_bytes());
        assert_eq!(streamed_text(wire, &events), "one two three", "{wire:?}");
        let (whole, stream) = (answer.json(wire).to_string(), format!("{events:?}"));
        assert!(
            whole.contains("one two three") && whole.contains("Zürich"),
            "{whole}"
        );
        let stop = match wire {
            Wire::Chat => "tool_calls",
            Wire::Responses => "completed",
            Wire::Anthropic => "tool_use",
            Wire::Gemini => "STOP",
        };
        assert!(
            whole.contains(stop) && stream.contains(stop),
            "{wire:?}: {whole}"
        );
        let long = answer.stop(Stop::Length).json(wire).to_string();
        assert!(
            long.contains("length") || long.contains("max") || long.contains("MAX"),
            "{long}"
        );
        let refused = error(wire, 429, "slow down");
        assert!(refused.status == 429 && refused.body_len() > 20);
        if wire != Wire::Anthropic {
            let drawn = Answer::new("m").image("image/png", PIXEL);
            assert!(drawn.json(wire).to_string().contains(PIXEL));
            assert!(drawn.frames(wire).concat().contains(PIXEL));
        }
    }
}

/// Asks an upstream directly, in its own protocol.
fn ask(wire: Wire, upstream: &Upstream, text: &str, stream: bool) -> super::client::Response {
    let client = Client::new(upstream.addr()).with_header("anthropic-version", "2023-06-01");
    let messages = json!([{"role": "user", "content": text}]);
    let (path, body) = match wire {
        Wire::Chat => (
            "/v1/chat/completions".to_owned(),
            json!({"model": "m", "messages": messages, "stream": stream,
                "reasoning_effort": "low"}),
        ),
        Wire::Responses => (
            "/v1/responses".to_owned(),
            json!({"model": "m", "input": messages, "stream": stream,
                "reasoning": {"effort": "low"}}),
        ),
        Wire::Anthropic => (
            "/v1/messages".to_owned(),
            json!({"model": "m", "messages": messages, "stream": stream, "max_tokens": 2000,
                "thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/m:{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
                    "generationConfig": {"thinkingConfig": {"includeThoughts": true}}}),
            )
        }
    };
    client.post(&path, &body)
}

#[test]
fn sensible_upstreams_answer_what_they_are_asked() {
    for wire in Wire::ALL {
        let upstream = sensible::start(wire);
        let whole = ask(wire, &upstream, "hello", false)
            .expect_json(200)
            .to_string();
        assert!(
            whole.contains("You said: hello") && whole.contains(THOUGHT),
            "{whole}"
        );
        let events = ask(wire, &upstream, "hello there", true).events();
        assert_eq!(streamed_text(wire, &events), "You said: hello there");
        let error = ask(wire, &upstream, "/error 429 slow down", true);
        assert!(
            error.status == 429 && error.text().contains("slow down"),
            "{}",
            error.text()
        );
        let events = ask(wire, &upstream, "/break one two three", true).events();
        assert_eq!(streamed_text(wire, &events), "one two ", "{events:?}");
        let last = events.last().unwrap().data.clone();
        assert!(last.contains("broken as asked"), "{last}");
        let cut = ask(wire, &upstream, "/cut one two", true);
        assert_eq!(cut.ending, Ending::Cut);
        let text = streamed_text(wire, &parse_sse(&cut.body));
        assert_eq!(text, "one ", "{wire:?}");
    }
}

#[test]
fn sensible_upstreams_refuse_what_the_services_refuse() {
    let upstream = sensible::start(Wire::Chat);
    let client = Client::new(upstream.addr());
    let call = json!({"id": "c1", "type": "function",
        "function": {"name": "look", "arguments": "{}"}});
    for (body, complaint) in [
        (
            json!({"model": "m", "messages": [], "maxTokens": 1}),
            "unknown field `maxTokens`",
        ),
        (
            json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]},
                {"role": "user", "content": "well?"}]}),
            "no tool message",
        ),
    ] {
        let answer = client.post("/v1/chat/completions", &body);
        assert!(
            answer.status == 400 && answer.text().contains(complaint),
            "{}",
            answer.text()
        );
    }
    let body = json!({"model": "m", "input": ["abc"]});
    let answer = client.post("/v1/embeddings", &body).expect_json(200);
    assert_eq!(answer["data"][0]["embedding"], json!([3.0, 0.5, -0.25]));
}
