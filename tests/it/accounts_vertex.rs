//! Service accounts of Google Cloud from import to recovery, and pictures (`providers/vertex.md`).

use crate::support::answer::Wire;
use crate::support::daemon::{Daemon, Setup};
use crate::support::deadline::eventually;
use crate::support::upstream::{Recorded, Reply};
use crate::support::vertex_sim::{API_KEY, PICTURE, REFUSED_PROMPT, VertexSim, account, key_file};
use serde_json::{Value, json};

const MODEL: &str = "gemini-2.5-flash";
const IMAGEN: &str = "imagen-4.0-generate-001";
const FILE: &str = "vertex-fake-project-123.json";
const PROJECT: &str = "fake-project-123";

/// A question in each client protocol.
fn ask(client: Wire, model: &str, text: &str, stream: bool) -> (String, Value) {
    let messages = json!([{"role": "user", "content": text}]);
    match client {
        Wire::Chat => (
            "/v1/chat/completions".into(),
            json!({"model": model, "stream": stream, "messages": messages}),
        ),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": model, "stream": stream, "input": text}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": model, "stream": stream, "max_tokens": 9, "messages": messages}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{model}:{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
            )
        }
    }
}

/// The text of a streamed answer, or the status of a failed one.
fn said(daemon: &Daemon, client: Wire) -> Result<String, u16> {
    let (target, body) = ask(client, MODEL, "hello", true);
    let reply = daemon.client().post(&target, &body);
    if reply.status != 200 {
        return Err(reply.status);
    }
    let events = reply.events().into_iter();
    let texts = events
        .filter(|event| !event.is_comment() && event.data != "[DONE]")
        .map(|event| {
            let event = event.json();
            let text = match client {
                Wire::Chat => &event["choices"][0]["delta"]["content"],
                Wire::Responses if event["type"] == "response.output_text.delta" => &event["delta"],
                Wire::Responses => &Value::Null,
                Wire::Anthropic => &event["delta"]["text"],
                Wire::Gemini => &event["candidates"][0]["content"]["parts"][0]["text"],
            };
            text.as_str().unwrap_or_default().to_owned()
        });
    Ok(texts.collect())
}

fn hello() -> Result<String, u16> {
    Ok("You said: hello".to_owned())
}

fn saved(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.auth_dir().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn write(setup: &Setup, name: &str, document: &Value) {
    let beside = setup.dir().join("new.json");
    std::fs::write(&beside, document.to_string()).unwrap();
    std::fs::rename(beside, setup.auth_dir().join(name)).unwrap();
}

/// Imports a key with the built program and returns what it printed.
#[track_caller]
fn import(setup: &Setup, key: &str, more: &[&str]) -> (Option<i32>, String) {
    std::fs::write(setup.dir().join("key.json"), key).unwrap();
    let config = setup.config_path().display().to_string();
    let mut args = vec!["--config", &config, "--vertex-import", "key.json"];
    args.extend(more);
    let finished = setup.run(&args);
    (
        finished.status.code(),
        format!("{}{}", finished.stdout, finished.stderr),
    )
}

fn bearer(request: &Recorded) -> &str {
    request.header("authorization").unwrap_or_default()
}

#[test]
fn an_imported_key_serves_every_client_with_one_token() {
    let sim = VertexSim::start();
    let daemon = sim.setup("").start();
    let setup = daemon.setup();
    let (code, printed) = import(setup, &key_file(PROJECT).to_string(), &[]);
    assert_eq!(code, Some(0), "{printed}");
    for part in ["billed to", FILE, "fake-project-123 (svc@", "us-central1"] {
        assert!(printed.contains(part), "`{part}` in {printed}");
    }
    let file = saved(setup, FILE);
    assert_eq!(file["type"], "vertex");
    assert_eq!(file["location"], "us-central1");
    let key = file["service_account"]["private_key"].as_str().unwrap();
    assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----\n") && !key.contains('\r'));
    eventually("the running daemon to take it", || {
        (said(&daemon, Wire::Chat) == hello()).then_some(())
    });
    let n_tokens = sim.n_tokens();
    for client in Wire::ALL {
        assert_eq!(said(&daemon, client), hello(), "{client:?}");
    }
    assert_eq!(sim.n_tokens(), n_tokens, "a token serves until its end");
    assert_eq!(saved(setup, FILE), file, "tokens stay in memory");
    let call = sim.calls().pop().unwrap();
    let url = "/us-central1-aiplatform.googleapis.com/v1/projects/fake-project-123/locations/us-central1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    assert_eq!(call.target, url);
    sim.assert_content();
}

#[test]
fn importing_again_keeps_what_the_owner_set() {
    let sim = VertexSim::start();
    let setup = sim.setup("");
    let mut by_hand = account(PROJECT, "europe-west4");
    by_hand["proxy_url"] = "direct".into();
    by_hand["priority"] = 3.into();
    by_hand["mine"] = json!({"kept": true});
    write(&setup, FILE, &by_hand);
    let mut key = key_file(PROJECT);
    key["private_key_id"] = "0001".into();
    let (code, printed) = import(
        &setup,
        &key.to_string(),
        &["--vertex-import-prefix", "team"],
    );
    assert_eq!(code, Some(0), "{printed}");
    let file = saved(&setup, FILE);
    for name in ["location", "proxy_url", "priority", "mine"] {
        assert_eq!(file[name], by_hand[name], "{name}");
    }
    assert_eq!(file["service_account"]["private_key_id"], "0001");
    assert_eq!(file["prefix"], "team");
    // Another service account of the project has a file of its own.
    key["client_email"] = "svc@other.iam.gserviceaccount.com".into();
    let (code, printed) = import(&setup, &key.to_string(), &[]);
    assert_eq!(code, Some(0), "{printed}");
    let names = std::fs::read_dir(setup.auth_dir()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().any(|name| name == FILE));
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("vertex-fake-project-123"))
    );
}

#[test]
fn a_file_that_is_no_key_is_refused_in_words() {
    let setup = VertexSim::start().setup("");
    let mut no_project = key_file(PROJECT);
    no_project["project_id"] = "".into();
    for (key, want) in [
        ("{".to_owned(), "invalid json"),
        (no_project.to_string(), "project_id missing"),
        (
            json!({"type": "service_account"}).to_string(),
            "invalid service account: no `private_key`",
        ),
    ] {
        let (code, printed) = import(&setup, &key, &[]);
        assert_ne!(code, Some(0), "{printed}");
        assert!(printed.contains(want), "`{want}` in {printed}");
    }
    assert_eq!(std::fs::read_dir(setup.auth_dir()).unwrap().count(), 0);
}

#[test]
fn an_ended_token_is_replaced_before_the_call() {
    let sim = VertexSim::start();
    sim.life(1);
    let daemon = sim
        .setup("")
        .auth(FILE, &account(PROJECT, "global"))
        .start();
    assert_eq!(said(&daemon, Wire::Chat), hello());
    eventually("a second token", || {
        // Asking is what renews it: the timer leaves such short lives alone.
        assert_eq!(said(&daemon, Wire::Chat), hello());
        (sim.n_tokens() >= 2).then_some(())
    });
    let calls = sim.calls();
    let host = "/aiplatform.googleapis.com/v1/projects/fake-project-123/locations/global/";
    assert!(calls.iter().all(|call| call.target.starts_with(host)));
    assert_ne!(bearer(&calls[0]), bearer(calls.last().unwrap()));
    sim.assert_content();
}

#[test]
fn a_refused_token_is_replaced_once_and_the_call_repeated() {
    let sim = VertexSim::start();
    let daemon = sim
        .setup("")
        .auth(FILE, &account(PROJECT, "us-central1"))
        .start();
    assert_eq!(said(&daemon, Wire::Chat), hello());
    sim.forget_tokens();
    assert_eq!(said(&daemon, Wire::Anthropic), hello());
    assert_eq!((sim.n_tokens(), sim.calls().len()), (2, 3));
    sim.assert_content();
}

#[test]
fn a_limit_rests_as_long_as_the_service_says() {
    let sim = VertexSim::start();
    let daemon = sim
        .setup("request-retry: 0\n")
        .auth(FILE, &account(PROJECT, "us-central1"))
        .start();
    assert_eq!(said(&daemon, Wire::Gemini), hello());
    let limit = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "limit",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}]}});
    sim.server
        .reply_to("/us-central1-aiplatform", Reply::json(429, &limit));
    let (target, body) = ask(Wire::Chat, MODEL, "hello", false);
    let refused = daemon.client().post(&target, &body);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers.get("retry-after"), Some("2"));
    let n_calls = sim.calls().len();
    let resting = daemon.client().post(&target, &body);
    if resting.status == 429 {
        assert_eq!(resting.json()["error"]["code"], "model_cooldown");
        assert_eq!(sim.calls().len(), n_calls, "nobody was asked");
    }
    eventually("the end of the rest", || {
        (said(&daemon, Wire::Chat) == hello()).then_some(())
    });
}

#[test]
fn a_deleted_key_needs_a_new_import_and_a_wrong_clock_does_not() {
    let sim = VertexSim::start();
    sim.refuse("invalid_grant", "Invalid JWT Signature.");
    let daemon = sim
        .setup("")
        .auth(FILE, &account(PROJECT, "us-central1"))
        .start();
    for _ in 0..2 {
        assert_eq!(said(&daemon, Wire::Chat), Err(503));
    }
    assert_eq!(sim.server.requests().len(), 1, "a dead key is left alone");
    sim.refuse(
        "invalid_grant",
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
         timeframe. Check your iat and exp values in the JWT claim.",
    );
    let mut key = account(PROJECT, "us-central1");
    key["service_account"]["private_key_id"] = "0001".into();
    write(daemon.setup(), FILE, &key);
    eventually("the clock to be right again", || {
        (said(&daemon, Wire::Chat) == hello()).then_some(())
    });
    assert_eq!(sim.n_tokens(), 1);
}

#[test]
fn counts_come_from_the_service() {
    let sim = VertexSim::start();
    let daemon = sim
        .setup("")
        .auth(FILE, &account(PROJECT, "us-central1"))
        .start();
    let inner = json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]});
    let target = format!("/v1beta/models/{MODEL}:countTokens");
    for body in [inner.clone(), json!({"generateContentRequest": inner})] {
        let counted = daemon.client().post(&target, &body).expect_json(200);
        assert_eq!(counted["totalTokens"], 8);
    }
    let (_, body) = ask(Wire::Anthropic, MODEL, "hello", false);
    let counted = daemon.client().post("/v1/messages/count_tokens", &body);
    assert_eq!(counted.expect_json(200)["input_tokens"], 8);
    sim.assert_content();
}

/// The old program sent pictures over keys and in streams in a form that the service refuses.
#[test]
fn pictures_reach_every_client_from_accounts_and_keys() {
    for with_key in [false, true] {
        let sim = VertexSim::start();
        let daemon = if with_key {
            sim.setup(&format!("vertex-api-key: [{{api-key: {API_KEY}}}]\n"))
        } else {
            sim.setup("").auth(FILE, &account(PROJECT, "us-central1"))
        }
        .start();
        for client in [Wire::Chat, Wire::Responses, Wire::Gemini] {
            for stream in [false, true] {
                let (target, mut body) = ask(client, IMAGEN, "a red cube", stream);
                if client == Wire::Chat {
                    body["aspectRatio"] = "16:9".into();
                }
                let reply = daemon.client().post(&target, &body);
                let text = reply.text();
                assert_eq!(reply.status, 200, "{client:?} {stream} {text}");
                assert!(text.contains(PICTURE), "{client:?} {stream} {text}");
            }
        }
        let calls = sim.calls();
        let asked = calls[0].json();
        let want = json!({"instances": [{"prompt": "a red cube"}],
            "parameters": {"sampleCount": 1, "aspectRatio": "16:9"}});
        assert_eq!(asked, want);
        let method = format!("/publishers/google/models/{IMAGEN}:predict");
        assert!(calls.iter().all(|call| call.target.ends_with(&method)));
        sim.assert_content();
    }
}

#[test]
fn a_filtered_picture_is_a_content_stop_and_no_prompt_is_the_clients_fault() {
    let sim = VertexSim::start();
    let daemon = sim
        .setup("")
        .auth(FILE, &account(PROJECT, "us-central1"))
        .start();
    let (target, body) = ask(Wire::Chat, IMAGEN, REFUSED_PROMPT, false);
    let reply = daemon.client().post(&target, &body).expect_json(200);
    assert_eq!(reply["choices"][0]["finish_reason"], "content_filter");
    let (target, body) = ask(Wire::Gemini, IMAGEN, REFUSED_PROMPT, false);
    let reply = daemon.client().post(&target, &body).expect_json(200);
    assert_eq!(reply["candidates"][0]["finishReason"], "IMAGE_SAFETY");
    let target = format!("/v1beta/models/{IMAGEN}:generateContent");
    let none = json!({"contents": [{"role": "user", "parts": []}]});
    let refused = daemon.client().post(&target, &none).expect_json(400);
    assert_eq!(
        refused["error"]["message"],
        "imagen: no prompt found in request"
    );
    sim.assert_content();
}

/// A file without a key is no API key, whatever else is in it.
#[test]
fn a_token_in_a_file_is_never_used() {
    let sim = VertexSim::start();
    let old = json!({"type": "vertex", "access_token": API_KEY, "email": "e",
        "project_id": PROJECT, "expired": "2199-01-01T00:00:00Z"});
    let daemon = sim.setup("").auth(FILE, &old).start();
    assert_eq!(said(&daemon, Wire::Chat), Err(503));
    assert!(sim.server.requests().is_empty());
    assert_eq!(saved(daemon.setup(), FILE), old);
}
