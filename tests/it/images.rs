//! Calls that go on as they came: pictures by JSON and by form, and the search of the Codex client
//! (`http-api.md` §2).

use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::codex_sim::CodexSim;
use crate::support::daemon::{Daemon, Setup};
use crate::support::upstream::{Part, Reply, Upstream};
use serde_json::{Value, json};

const GENERATIONS: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";
const FORM: &str = "multipart/form-data; boundary=XyZ";

fn made() -> Value {
    json!({"created": 1, "data": [{"b64_json": "iVBORw0K"}], "usage": {"output_tokens": 7}})
}

/// A form with a file whose bytes are no text and hold what looks like a boundary.
fn form(model: &str) -> (Vec<u8>, Vec<u8>) {
    let file = b"\x89PNG\r\n--Xy\r\n\x00\xff".repeat(1000);
    let mut body = format!(
        "--XyZ\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na cat\r\n\
         --XyZ\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
         --XyZ\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(&file);
    body.extend_from_slice(b"\r\n--XyZ--\r\n");
    (body, file)
}

fn edit(daemon: &Daemon, model: &str) -> Response {
    let request = daemon.client().request("POST", EDITS);
    let request = request.header("content-type", FORM).body(form(model).0);
    request.send().read()
}

fn compatible(upstream: &Upstream, more: &str) -> Daemon {
    Setup::new(&format!(
        "{more}openai-compatibility:\n  - name: up\n    base-url: '{}/v1'\n    \
         api-key-entries: [{{api-key: k}}]\n    models:\n      \
         - {{name: painter, alias: pic, image: true}}\n      - {{name: writer, alias: pic}}\n",
        upstream.url()
    ))
    .start()
}

#[test]
fn a_compatible_service_gets_pictures_as_the_client_asked() {
    let upstream = Upstream::start();
    upstream.handle("/v1/images/", |_| Reply::json(200, &made()));
    let daemon = compatible(&upstream, "");
    let body = json!({"model": "pic", "prompt": "a cat", "size": "1024x1024", "seed": 1.0});
    let reply = daemon.client().post(GENERATIONS, &body);
    assert_eq!(reply.expect_json(200), made());
    let sent = upstream.await_request(1);
    assert_eq!(sent.path(), GENERATIONS);
    assert_eq!(sent.header("authorization"), Some("Bearer k"));
    let mut want = body;
    want["model"] = "painter".into();
    assert_eq!(sent.json(), want);

    assert_eq!(edit(&daemon, "pic").expect_json(200), made());
    let sent = upstream.await_request(2);
    assert_eq!(
        (sent.path(), sent.header("content-type")),
        (EDITS, Some(FORM))
    );
    assert_eq!(sent.body, form("painter").0, "only the model is another");
}

/// A name may stand for a model that paints and one that writes.
#[test]
fn models_for_pictures_serve_the_image_routes_only() {
    let upstream = Upstream::start();
    upstream.handle("/v1/images/", |_| Reply::json(200, &made()));
    let wire = crate::support::answer::Wire::Chat;
    upstream.handle("/v1/chat/", move |_| {
        Answer::new("writer").text("hi").reply(wire, false)
    });
    let daemon = compatible(&upstream, "");
    let chat = json!({"model": "pic", "messages": [{"role": "user", "content": "hi"}]});
    for n in 0..3 {
        daemon
            .client()
            .post(GENERATIONS, &json!({"model": "pic", "prompt": "x"}))
            .expect_json(200);
        daemon
            .client()
            .post("/v1/chat/completions", &chat)
            .expect_json(200);
        let model = |at: usize| upstream.await_request(at).json()["model"].clone();
        assert_eq!(
            (model(2 * n + 1), model(2 * n + 2)),
            ("painter".into(), "writer".into())
        );
    }
}

fn partial(n: u32) -> String {
    let data = json!({"type": "image_generation.partial_image", "b64_json": "aGk=",
        "partial_image_index": n});
    format!("event: image_generation.partial_image\ndata: {data}\n\n")
}

fn completed() -> String {
    let data = json!({"type": "image_generation.completed", "b64_json": "aGk="});
    format!("event: image_generation.completed\ndata: {data}\n\n")
}

fn refused_in_stream() -> String {
    let data = json!({"type": "error", "error": {"type": "server_error", "message": "try later"}});
    format!("event: error\ndata: {data}\n\n")
}

#[test]
fn streams_of_pictures_pass_frame_by_frame() {
    let upstream = Upstream::start();
    let daemon = compatible(
        &upstream,
        "request-retry: 0\ntransient-error-cooldown-seconds: -1\n",
    );
    let ask = || {
        let body = json!({"model": "pic", "prompt": "x", "stream": true});
        daemon.client().post(GENERATIONS, &body)
    };
    upstream.reply(Reply::sse([partial(0), completed()]));
    let reply = ask();
    assert_eq!(reply.headers.get("content-type"), Some("text/event-stream"));
    assert_eq!(reply.text(), partial(0) + &completed());
    assert_eq!(
        upstream.await_request(1).header("accept"),
        Some("text/event-stream")
    );
    // Without pictures in between.
    upstream.reply(Reply::sse([completed()]));
    assert_eq!(ask().text(), completed());
    // A fault before anything came is the answer, after that an event.
    upstream.reply(Reply::sse([refused_in_stream()]));
    assert_eq!(ask().status, 500);
    upstream.reply(Reply::sse([partial(0)]).part(Part::CloseEarly));
    let reply = ask();
    assert_eq!(reply.status, 200);
    let last = reply.events().pop().unwrap();
    assert_eq!(last.event.as_deref(), Some("error"), "{}", reply.text());
}

#[test]
fn accounts_make_pictures_too() {
    let sim = CodexSim::start(Answer::new("gpt-5.4").text("hi"));
    sim.backend
        .handle("/backend-api/codex/images/", |_| Reply::json(200, &made()));
    let daemon = sim
        .setup("")
        .auth("codex-1.json", &sim.account("acct-1", 600))
        .auth("codex-2.json", &sim.account("acct-2", 600))
        .start();
    // A limit rests the account, the other one paints.
    let limit = json!({"error": {"type": "usage_limit_reached", "message": "used up",
        "resets_in_seconds": 5000}});
    sim.backend
        .reply_to("/backend-api/codex/images/", Reply::json(429, &limit));
    let body = json!({"prompt": "a cat", "n": 2});
    let reply = daemon.client().post(GENERATIONS, &body).expect_json(200);
    assert_eq!(reply, made());
    let calls = sim.backend.requests();
    let account = |n: usize| calls[n].header("chatgpt-account-id");
    assert_ne!(account(0), account(1));
    assert_eq!(calls[1].path(), "/backend-api/codex/images/generations");
    assert_eq!(calls[1].header("originator"), Some("cli-proxy-api-plus"));
    let want = json!({"model": "gpt-image-2", "prompt": "a cat", "n": 2});
    assert_eq!(calls[1].json(), want);

    assert_eq!(edit(&daemon, "gpt-image-1.5").expect_json(200), made());
    let sent = sim.backend.await_request(3);
    assert_eq!(sent.path(), "/backend-api/codex/images/edits");
    assert_eq!(sent.header("content-type"), Some("application/json"));
    let sent = sent.json();
    assert_eq!(
        (&sent["model"], &sent["prompt"]),
        (&json!("gpt-image-1.5"), &json!("a cat"))
    );
    let image = sent["images"][0]["image_url"].as_str().unwrap();
    assert!(
        image.starts_with("data:image/png;base64,iVBORw0"),
        "{image:.60}"
    );

    let chat = json!({"model": "gpt-image-2", "messages": [{"role": "user", "content": "hi"}]});
    let refused = daemon.client().post("/v1/chat/completions", &chat);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains(GENERATIONS), "{}", refused.text());
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn a_model_without_pictures_says_so() {
    let daemon = Setup::new("claude-api-key: [{api-key: k, models: [{name: m}]}]\n").start();
    let refused = daemon
        .client()
        .post(GENERATIONS, &json!({"model": "m", "prompt": "x"}));
    assert_eq!(refused.status, 501, "{}", refused.text());
    assert!(
        refused.text().contains("no images API"),
        "{}",
        refused.text()
    );
    for (content_type, body) in [
        ("application/json", "{"),
        (FORM, "{}"),
        ("multipart/form-data", ""),
    ] {
        let request = daemon.client().request("POST", EDITS);
        let reply = request
            .header("content-type", content_type)
            .body(body)
            .send()
            .read();
        assert_eq!(reply.status, 400, "{content_type}: {}", reply.text());
    }
}

#[test]
fn pictures_can_be_switched_off() {
    let answer = Answer::new("gpt-5.4").text("hi");
    let tools = json!([{"type": "image_generation", "output_format": "png"},
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]);
    for (word, status, n_tools) in [
        ("false", 200, 2),
        ("passthrough", 200, 2),
        ("chat", 200, 1),
        ("true", 404, 1),
    ] {
        let sim = CodexSim::start(answer.clone());
        sim.backend
            .handle("/backend-api/codex/images/", |_| Reply::json(200, &made()));
        let account = sim.account("acct-1", 600);
        let daemon = sim
            .setup(&format!("disable-image-generation: {word}\n"))
            .auth("codex-1.json", &account)
            .start();
        let reply = daemon.client().post(GENERATIONS, &json!({"prompt": "x"}));
        assert_eq!(reply.status, status, "{word}: {}", reply.text());
        let body = json!({"model": "gpt-5.4", "input": "hi", "tools": tools,
            "tool_choice": {"type": "image_generation"}});
        daemon
            .client()
            .post("/v1/responses", &body)
            .expect_json(200);
        let sent = sim.calls()[0].json();
        assert_eq!(sent["tools"].as_array().unwrap().len(), n_tools, "{word}");
        assert_eq!(sent.get("tool_choice").is_some(), n_tools == 2, "{word}");
    }
}

#[test]
fn the_search_of_codex_reaches_its_service() {
    let sim = CodexSim::start(Answer::new("gpt-5.4").text("hi"));
    let found = json!({"results": [{"title": "a"}]});
    let reply = found.clone();
    sim.backend
        .handle("/backend-api/codex/alpha/search", move |_| {
            Reply::json(200, &reply)
        });
    let daemon = sim
        .setup("")
        .auth("codex-1.json", &sim.account("acct-1", 600))
        .start();
    let body = json!({"id": "s-1", "model": "gpt-5.4", "query": "q", "prompt_cache_key": "k"});
    for path in ["/v1/alpha/search", "/backend-api/codex/alpha/search"] {
        let client = daemon.client().with_header("originator", "codex_exec");
        assert_eq!(client.post(path, &body).expect_json(200), found);
    }
    let sent = sim.backend.await_request(2);
    assert_eq!(sent.header("originator"), Some("codex_exec"));
    assert_eq!(sent.header("chatgpt-account-id"), Some("acct-1"));
    assert_eq!(
        sent.json(),
        json!({"id": "s-1", "model": "gpt-5.4", "query": "q"})
    );
}

#[test]
fn a_key_searches_where_its_owner_says_it_can() {
    for (flag, status) in [("false", 501), ("true", 200)] {
        let upstream = Upstream::start();
        upstream.handle("/v1/alpha/search", |_| {
            Reply::json(200, &json!({"results": []}))
        });
        let daemon = Setup::new(&format!(
            "codex-api-key:\n  - {{api-key: k, base-url: '{}/v1', alpha-search: {flag}, \
             models: [{{name: real, alias: m}}]}}\n",
            upstream.url()
        ))
        .start();
        let reply = daemon
            .client()
            .post("/v1/alpha/search", &json!({"model": "m", "query": "q"}));
        assert_eq!(reply.status, status, "{}", reply.text());
        if status == 200 {
            assert_eq!(upstream.await_request(1).json()["model"], "real");
        } else {
            assert!(
                reply.text().contains("alpha-search: true"),
                "{}",
                reply.text()
            );
        }
    }
}
