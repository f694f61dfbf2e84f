//! What client programs rely on beside replies: keys, lists, health, CORS (`http-api.md`, `clients.md`).

use crate::support::answer::{Answer, Wire};
use crate::support::client::{Client, Response};
use crate::support::daemon::{Daemon, KEY, Setup};
use crate::support::upstream::Upstream;
use serde_json::{Value, json};

fn demo() -> Daemon {
    Setup::new("demo: true\n").start()
}

fn hello() -> Value {
    json!({"model": "demo-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn the_root_answers_the_documented_body() {
    let daemon = demo();
    let anybody = Client::new(daemon.addr());
    assert_eq!(
        anybody.get("/").text(),
        r#"{"endpoints":["POST /v1/chat/completions","POST /v1/completions","GET /v1/models"],"message":"CLI Proxy API Server"}"#
    );
    assert_eq!(
        anybody.get("/healthz").expect_json(200),
        json!({"status": "ok"})
    );
    assert_eq!(anybody.get("/readyz").expect_json(200)["status"], "ready");
}

#[test]
fn a_daemon_without_models_is_not_ready() {
    let daemon = Setup::new("debug: false\n").start();
    let answer = Client::new(daemon.addr()).get("/readyz");
    assert_eq!(answer.expect_json(503)["models"], 0);
}

#[test]
fn keys_are_taken_from_every_documented_place() {
    let daemon = demo();
    let anybody = Client::new(daemon.addr());
    for (name, value) in [
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", KEY.to_owned()),
        ("x-api-key", KEY.to_owned()),
        ("x-goog-api-key", KEY.to_owned()),
    ] {
        let client = anybody.clone().with_header(name, &value);
        client
            .post("/v1/chat/completions", &hello())
            .expect_json(200);
    }
    for query in ["key", "auth_token"] {
        let target = format!("/v1/chat/completions?{query}={KEY}");
        anybody.post(&target, &hello()).expect_json(200);
    }
}

/// The texts are the documented ones, the envelope is the caller's.
#[test]
fn a_wrong_key_is_answered_in_the_callers_protocol() {
    let daemon = demo();
    let anybody = Client::new(daemon.addr());
    let wrong = anybody.clone().with_key("wrong");
    for (client, text) in [(&anybody, "Missing API key"), (&wrong, "Invalid API key")] {
        let chat = client
            .post("/v1/chat/completions", &hello())
            .expect_json(401);
        assert_eq!(chat["error"]["message"], text);
        assert_eq!(chat["error"]["type"], "authentication_error");
        let claude = client.post("/v1/messages", &hello()).expect_json(401);
        assert_eq!(claude["type"], "error");
        assert_eq!(claude["error"]["message"], text);
        let gemini = client
            .post("/v1beta/models/demo-echo:generateContent", &json!({}))
            .expect_json(401);
        assert_eq!(gemini["error"]["message"], text);
        assert_eq!(gemini["error"]["status"], "UNAUTHENTICATED");
        client.get("/v1/models").expect_json(401);
    }
}

#[test]
fn without_keys_this_machine_is_served() {
    let daemon = Setup::new("demo: true\napi-keys: []\n").start();
    let anybody = Client::new(daemon.addr());
    anybody
        .post("/v1/chat/completions", &hello())
        .expect_json(200);
}

#[test]
fn an_unknown_model_names_what_helps() {
    let daemon = demo();
    let mut body = hello();
    body["model"] = "demo-ecko".into();
    let answer = daemon
        .client()
        .post("/v1/chat/completions", &body)
        .expect_json(502);
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(
        text.starts_with("unknown provider for model demo-ecko"),
        "{text}"
    );
    assert!(text.contains("`demo-echo`"), "{text}");
    let empty = Setup::new("debug: false\n").start();
    let answer = empty.client().post("/v1/messages", &body).expect_json(502);
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.contains("no account is configured yet"), "{text}");
}

/// Clients repeat a 502 for minutes, Claude Code also a 401; nothing changes meanwhile.
#[test]
fn what_will_fail_again_is_not_to_be_repeated() {
    let daemon = demo();
    let unknown = json!({"model": "nobody", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let broken = json!({"model": "demo-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "/error 502"}]});
    for path in ["/v1/messages", "/v1/chat/completions"] {
        let post = |client: Client, body| client.post(path, body);
        let wrong_key = post(Client::new(daemon.addr()).with_key("wrong"), &unknown);
        assert_eq!(wrong_key.status, 401);
        let nobody = post(daemon.client(), &unknown);
        assert_eq!(nobody.status, 502);
        let fault = post(daemon.client(), &broken);
        assert_eq!(fault.status, 502);
        let said = |reply: &Response| reply.headers.get("x-should-retry").map(str::to_owned);
        assert_eq!(said(&wrong_key).as_deref(), Some("false"), "{path}");
        assert_eq!(said(&nobody).as_deref(), Some("false"), "{path}");
        assert_eq!(said(&fault), None, "{path}");
    }
}

#[test]
fn a_bad_body_is_explained() {
    let daemon = demo();
    let gemini = "/v1beta/models/demo-echo:generateContent";
    for path in [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/responses",
        "/v1/completions",
        gemini,
    ] {
        for (body, part) in [
            ("", "the body is empty"),
            ("{", "the body is not JSON: EOF"),
            (r#"{"model":"demo-echo""#, "the body is not JSON: EOF"),
            (r#"{"model":"demo-echo",}"#, "the body is not JSON: "),
            ("[]", "the body must be a JSON object"),
            ("{}", "`model` is missing"),
            (r#"{"model":1}"#, "non-empty string"),
        ] {
            if path == gemini && (part.contains("string") || part.contains("model")) {
                continue; // its model stands in the path
            }
            let request = daemon.client().request("POST", path);
            let answer = request.body(body).send().read().expect_json(400);
            let text = answer["error"]["message"].as_str().unwrap();
            assert!(text.contains(part), "{path} {body}: {text}");
        }
    }
    let request = daemon.client().request("POST", "/v1/chat/completions");
    let body = r#"{"model":"demo-echo","stream":"yes","messages":[]}"#;
    let answer = request.body(body).send().read().expect_json(400);
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.contains("true or false"), "{text}");
    let request = daemon.client().request("POST", "/v1/messages");
    let request = request
        .header("content-encoding", "gzip")
        .body(r#"{"model":"demo-echo"}"#);
    let answer = request.send().read().expect_json(400);
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("not what its Content-Encoding says"),
        "{text}"
    );
}

/// `clients.md` §2 row 6: one path, three shapes.
#[test]
fn model_lists_have_the_callers_shape() {
    let daemon = demo();
    let client = daemon.client();
    let open_ai = client.get("/v1/models").expect_json(200);
    assert_eq!(open_ai["object"], "list");
    assert_eq!(open_ai["data"][0]["id"], "demo-echo");
    assert_eq!(open_ai["data"][0]["owned_by"], "demo");
    let anthropic = client
        .clone()
        .with_header("anthropic-version", "2026-10-21");
    let list = anthropic.get("/v1/models?limit=1000").expect_json(200);
    assert_eq!(list["has_more"], false);
    assert_eq!(list["first_id"], "demo-echo");
    let item = &list["data"][0];
    for field in [
        "type",
        "display_name",
        "created_at",
        "max_input_tokens",
        "lifecycle",
    ] {
        assert!(item.get(field).is_some(), "{field} in {item}");
    }
    let google = Client::new(daemon.addr()).with_header("x-goog-api-key", KEY);
    for path in ["/v1/models", "/v1beta/models"] {
        let list = google.get(path).expect_json(200);
        assert_eq!(list["models"][0]["name"], "models/demo-echo");
    }
    for path in [
        "/v1beta/models/demo-echo",
        "/v1beta/models/models/demo-echo",
    ] {
        assert_eq!(
            google.get(path).expect_json(200)["name"],
            "models/demo-echo"
        );
    }
    assert_eq!(
        client.get("/v1/models/demo-echo").expect_json(200)["id"],
        "demo-echo"
    );
    client.get("/v1/models/none").expect_json(404);
    google.get("/v1beta/models/none").expect_json(404);
}

#[test]
fn browsers_may_call() {
    let daemon = demo();
    let anybody = Client::new(daemon.addr());
    for path in ["/v1/chat/completions", "/no/such/path"] {
        let answer = anybody.request("OPTIONS", path).send().read();
        assert_eq!(answer.status, 204, "{path}");
        let allowed = answer.headers.get("access-control-allow-headers").unwrap();
        assert!(allowed.contains("Authorization"), "{allowed}");
    }
    let answer = anybody.get("/");
    assert_eq!(answer.headers.get("access-control-allow-origin"), Some("*"));
}

#[test]
fn unknown_paths_and_methods_are_not_found() {
    let daemon = demo();
    let client = daemon.client();
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/v1/messages"),
        ("DELETE", "/v1/models"),
        ("HEAD", "/v1/models"),
    ] {
        let answer = client.request(method, path).send();
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    let answer = client
        .post("/v1beta/models/demo-echo:dance", &json!({}))
        .expect_json(404);
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.ends_with("not found."), "{text}");
    for path in ["/", "/healthz"] {
        assert_eq!(client.request("HEAD", path).send().status, 200, "{path}");
    }
    client
        .post("/api/event_logging/batch", &json!({}))
        .expect_json(200);
}

/// E-251: a Responses body on the chat route.
#[test]
fn e251_a_responses_body_on_the_chat_route_is_served() {
    let daemon = demo();
    let body = json!({"model": "demo-echo", "input": "hi"});
    let answer = daemon
        .client()
        .post("/v1/chat/completions", &body)
        .expect_json(200);
    assert_eq!(answer["object"], "response");
}

/// E-204: Gemini's own framing is an array; `alt=sse` asks for events.
#[test]
fn e204_gemini_streams_come_as_array_or_as_events() {
    let daemon = demo();
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi you"}]}]});
    for path in ["/v1beta", "/v1"] {
        let target = format!("{path}/models/demo-echo:streamGenerateContent");
        let array = daemon.client().post(&target, &body);
        assert_eq!(array.headers.get("content-type"), Some("application/json"));
        assert!(array.json().as_array().unwrap().len() > 1);
        let events = daemon.client().post(&format!("{target}?alt=sse"), &body);
        assert!(events.events().len() > 1);
    }
}

/// E-246, E-247, E-248: counts come from the upstream where it counts, else from a tokenizer.
#[test]
fn e246_counts_are_estimated_where_nobody_counts() {
    let chat = Upstream::start();
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m}}]}}\n",
        chat.url()
    ))
    .start();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "The quick brown fox"}],
        "tools": [{"name": "f", "description": "does it", "input_schema": {"type": "object"}}]});
    let answer = daemon
        .client()
        .post("/v1/messages/count_tokens?beta=true", &body);
    let tokens = answer.expect_json(200)["input_tokens"].as_u64().unwrap();
    assert!((10..40).contains(&tokens), "{tokens}");
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "The quick brown fox"}]}]});
    let answer = daemon.client().post("/v1beta/models/m:countTokens", &body);
    assert!(answer.expect_json(200)["totalTokens"].as_u64().unwrap() >= 4);
    assert!(chat.requests().is_empty(), "never a real completion");
}

#[test]
fn e248_gemini_counts_for_anthropic_clients() {
    let gemini = Upstream::start();
    gemini.handle("/", |_| {
        crate::support::upstream::Reply::json(200, &json!({"totalTokens": 31}))
    });
    let daemon = Setup::new(&format!(
        "gemini-api-key:\n  - {{api-key: k, base-url: '{}', models: [{{name: g}}]}}\n",
        gemini.url()
    ))
    .start();
    let body = json!({"model": "g", "system": "be brief", "messages": [{"role": "user", "content": "hi"}]});
    let answer = daemon.client().post("/v1/messages/count_tokens", &body);
    assert_eq!(answer.expect_json(200)["input_tokens"], 31);
    let request = gemini.await_request(1);
    assert_eq!(request.path(), "/v1beta/models/g:countTokens");
    let inner = &request.json()["generateContentRequest"];
    assert_eq!(inner["model"], "models/g");
    assert!(inner.to_string().contains("be brief"), "{inner}");
}

#[test]
fn e247_a_missing_count_route_is_estimated_and_nobody_rests() {
    let claude = Upstream::start();
    claude.reply(crate::support::answer::error(
        Wire::Anthropic,
        404,
        "no such route",
    ));
    claude.handle("/", |_| {
        Answer::new("c").text("hello").reply(Wire::Anthropic, false)
    });
    // Only the first party's host is asked for counts; the rewrite leads it here.
    let daemon = Setup::new(&format!(
        "claude-api-key:\n  - {{api-key: k, models: [{{name: c}}]}}\nupstream-rewrites:\n  \
         https://api.anthropic.com: {}\n",
        claude.url()
    ))
    .start();
    let body =
        json!({"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let answer = daemon.client().post("/v1/messages/count_tokens", &body);
    assert!(answer.expect_json(200)["input_tokens"].as_u64().unwrap() > 0);
    daemon.client().post("/v1/messages", &body).expect_json(200);
    let seen = claude.requests();
    assert_eq!(seen[0].header("x-api-key"), Some("k"));
    assert_eq!(seen[0].target, "/v1/messages/count_tokens?beta=true");
}
