//! §16, §17: errors, ids, model names.

use crate::answer::{Piece, answer};
use crate::corpus;
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said;
use bytes::Bytes;
use protocol::canonical::{Event, Failure};
use protocol::sse::Frame;
use protocol::{Dialect, codec, failure};
use serde_json::{Value, json};
use std::time::Duration;

const ALL: [Dialect; 4] = [C, R, A, G];

/// The body a client gets for a failure.
fn body(client: Dialect, failure: &Failure) -> Value {
    serde_json::from_slice(&codec(client).encode_failure(failure)).unwrap()
}

fn decode(status: u16, body: &str, upstream: Dialect) -> Failure {
    failure::decode(status, &Bytes::copy_from_slice(body.as_bytes()), upstream)
}

/// The reply so far, then an error.
fn broken(upstream: Dialect) -> Vec<Value> {
    let mut payloads = said::text(upstream, "hello");
    payloads.truncate(match upstream {
        C | L => 2,
        R => 4,
        A => 3,
        G => 1,
    });
    payloads.push(said::error(upstream));
    payloads
}

#[test]
fn e237_an_error_behind_some_output() {
    for client in ALL {
        for upstream in ALL {
            let name = format!("{client:?}⇐{upstream:?}");
            let told = pair(client, upstream).tell(&broken(upstream));
            let last = told.last();
            assert!(said::is_failure(client, last), "{name}: {last}");
            if client != upstream {
                assert_eq!(grammar::check(client, &told), Ok(End::Failed), "{name}");
            }
            let text = match client {
                R => last["message"].as_str(),
                _ => last["error"]["message"].as_str(),
            };
            assert_eq!(text, Some("busy"), "{name}");
            match client {
                R => {
                    assert_eq!(last["type"], "error", "{name}");
                    for key in ["code", "message", "param", "sequence_number"] {
                        assert!(last.get(key).is_some(), "{name}: {key}");
                    }
                }
                C => assert!(told.data.iter().all(|data| data != "[DONE]"), "{name}"),
                A => assert_eq!(
                    told.names.last().unwrap().as_deref(),
                    Some("error"),
                    "{name}"
                ),
                _ => {}
            }
            if client == R {
                let mut context = pair(client, upstream).context();
                context.codex_client = true;
                let told = pair(client, upstream).told(&context, &broken(upstream));
                let last = told.last();
                assert_eq!(last["type"], "response.failed", "{name}");
                assert_eq!(last["response"]["error"]["message"], "busy", "{name}");
            }
        }
    }
}

#[test]
fn e238_errors_of_responses_for_anthropic_clients() {
    let told = pair(A, R).tell(&[json!({"type": "error", "code": "cyber_policy",
        "message": "not allowed", "param": null, "sequence_number": 0})]);
    assert_eq!(
        told.last()["error"],
        json!({"type": "invalid_request_error", "message": "not allowed"})
    );
    let told = pair(A, R).tell(&[json!({"type": "error", "error": {},
        "error_type": "overloaded_error", "sequence_number": 0})]);
    assert_eq!(
        told.last()["error"],
        json!({"type": "overloaded_error", "message": "overloaded_error"})
    );
}

#[test]
fn e239_error_bodies_of_every_kind() {
    for (text, want) in [
        (r#"{"detail":"no such thing"}"#, "no such thing"),
        (
            r#"[{"error":{"code":400,"message":"listed","status":"INVALID_ARGUMENT"}}]"#,
            "listed",
        ),
        (r#"{"message":"aws","reason":null}"#, "aws"),
        (r#"{"error":"bare"}"#, "bare"),
        (
            "<html><head><title>502 Bad Gateway</title></head><body>x</body></html>",
            "502 Bad Gateway",
        ),
    ] {
        for upstream in ALL {
            let failure = decode(400, text, upstream);
            for client in ALL {
                let told = body(client, &failure);
                let message = told["error"]["message"].as_str().unwrap_or("?");
                assert!(
                    message.contains(want),
                    "{client:?}⇐{upstream:?} {text}: {told}"
                );
            }
        }
    }
    for upstream in ALL {
        let failure = decode(503, "", upstream);
        for client in ALL {
            let told = body(client, &failure);
            let message = told["error"]["message"].as_str().unwrap();
            assert!(
                message.to_lowercase().contains("unavailable"),
                "{client:?}: {told}"
            );
        }
    }
    // An envelope of the client's own protocol goes out as it is.
    for (dialect, text) in [
        (
            C,
            r#"{"error":{"message":"m","type":"t","param":null,"code":"c","extra":1.0}}"#,
        ),
        (
            R,
            r#"{"error":{"message":"m","type":"t","param":null,"code":"c","extra":1.0}}"#,
        ),
        (
            A,
            r#"{"type":"error","error":{"type":"api_error","message":"m"},"request_id":"r"}"#,
        ),
        (
            G,
            r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[]}}"#,
        ),
    ] {
        let failure = decode(400, text, dialect);
        assert_eq!(
            codec(dialect).encode_failure(&failure),
            text.as_bytes(),
            "{dialect:?}"
        );
    }
}

#[test]
fn e239_recorded_error_bodies() {
    for (path, status, upstream) in [
        ("openai-responses/codex-error-auth", 401, R),
        ("gemini/error-429", 429, G),
        // In spite of its name a quota error.
        ("gemini/error-context-length", 429, G),
        ("anthropic-messages/error-context-length", 400, A),
    ] {
        let Some(index) = corpus::json("index.json") else {
            return;
        };
        let fixtures = index["fixtures"].as_array().unwrap();
        let fixture = fixtures
            .iter()
            .find(|fixture| fixture["id"] == path)
            .unwrap();
        let file = fixture["turns"][0]["response"].as_str().unwrap();
        let raw = corpus::read(file).unwrap();
        let failure = failure::decode(status, &Bytes::from(raw), upstream);
        for client in ALL {
            let told = body(client, &failure);
            let message = told
                .pointer("/error/message")
                .or(told.pointer("/detail"))
                .and_then(Value::as_str)
                .unwrap_or_default();
            assert!(message.len() > 5, "{client:?} {path}: {told}");
        }
        if path == "anthropic-messages/error-context-length" {
            let told = body(C, &failure);
            assert_eq!(codec(C).failure_status(&failure), 400);
            assert_eq!(
                told["error"]["code"], "context_length_exceeded",
                "{path}: {told}"
            );
        }
    }
}

#[test]
fn e240_quota_errors_of_gemini() {
    let text = json!({"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]}})
    .to_string();
    let failure = decode(429, &text, G);
    let wait = failure.retry_after.unwrap();
    assert_eq!(wait.as_millis().div_ceil(1000), 35);
    assert!(wait >= Duration::from_secs(34));
    for client in [A, C] {
        assert_eq!(
            body(client, &failure)["error"]["type"],
            "rate_limit_error",
            "{client:?}"
        );
        assert_eq!(codec(client).failure_status(&failure), 429);
    }
}

#[test]
fn e241_an_error_as_the_first_event() {
    for (error, want) in [
        (json!({"message": "m", "code": 429}), 429),
        (json!({"message": "m", "code": "429"}), 429),
        (json!({"message": "m", "code": 503}), 503),
        (json!({"message": "m", "code": 200}), 502),
        (json!({"message": "m", "type": "x", "code": null}), 502),
    ] {
        let mut decoder = codec(C).event_decoder(&pair(A, C).context());
        let mut events = Vec::new();
        let data = json!({"error": error}).to_string();
        decoder.decode(&Frame::of_data(None, &data), &mut events);
        let Some(Event::Error(failure)) = events.last() else {
            panic!("{error}: {events:?}");
        };
        assert_eq!(failure.status, want, "{error}");
        for client in [R, A, G] {
            let told = pair(client, C).tell(&[json!({"error": error})]);
            assert_eq!(grammar::check(client, &told), Ok(End::Failed), "{client:?}");
        }
    }
}

#[test]
fn e242_overloaded_upstreams() {
    let anthropic = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    let chat = r#"{"error":{"message":"busy","type":"server_error","code":null}}"#;
    for (upstream, text) in [(A, anthropic), (C, chat)] {
        let failure = decode(529, text, upstream);
        assert_eq!(codec(A).failure_status(&failure), 529, "{upstream:?}");
        assert_eq!(
            body(A, &failure)["error"]["type"],
            "overloaded_error",
            "{upstream:?}"
        );
        for client in [C, L, R, G] {
            assert_eq!(
                codec(client).failure_status(&failure),
                503,
                "{client:?}⇐{upstream:?}"
            );
        }
        assert_eq!(
            body(R, &failure)["error"]["type"],
            "server_error",
            "{upstream:?}"
        );
        assert_eq!(
            body(G, &failure)["error"]["status"],
            "UNAVAILABLE",
            "{upstream:?}"
        );
    }
}

/// Half an event in the middle is left out, as the last thing said it is an error.
#[test]
fn e243_events_that_cannot_be_read() {
    for upstream in ALL {
        let payloads = said::text(upstream, "hello");
        let frames: Vec<String> = payloads
            .iter()
            .map(|payload| String::from_utf8(sse(upstream, std::slice::from_ref(payload))).unwrap())
            .collect();
        let bad = match upstream {
            A => "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"ind\n\n",
            R => "event: response.output_text.delta\ndata: {\"type\":\"response.outp\n\n",
            _ => "data: {\"choices\":[{\"index\n\n",
        };
        for client in ALL {
            let name = format!("{client:?}⇐{upstream:?}");
            let pair = pair(client, upstream);
            let tell = |stream: String| {
                let out = pair.stream_in(&pair.context(), stream.as_bytes(), usize::MAX);
                Told::read(&out)
            };
            let at = if upstream == G { 1 } else { 2 };
            let mut with = frames.clone();
            with.insert(at, bad.to_owned());
            let told = tell(with.concat());
            let want = tell(frames.concat());
            assert_eq!(said::text_of(client, &told.data), "hello", "{name}");
            assert_eq!(told.data, want.data, "{name}");
            let told = tell(frames[..at].concat() + bad);
            assert!(
                said::is_failure(client, told.last()),
                "{name}: {:?}",
                told.last()
            );
        }
    }
}

#[test]
fn e245_a_context_that_is_too_long() {
    for (text, upstream) in [
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
            A,
        ),
        (
            r#"{"error":{"code":400,"message":"The input token count (1200001) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            G,
        ),
        (
            r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#,
            R,
        ),
    ] {
        let failure = decode(400, text, upstream);
        let told = body(C, &failure);
        assert_eq!(told["error"]["code"], "context_length_exceeded", "{told}");
        assert_eq!(codec(C).failure_status(&failure), 400);
        assert_eq!(body(A, &failure)["error"]["type"], "invalid_request_error");
        let sent: Value = serde_json::from_str(text).unwrap();
        assert_eq!(told["error"]["message"], sent["error"]["message"]);
    }
}

#[test]
fn e249_one_id_on_every_chunk() {
    for upstream in ALL {
        let mut payloads = said::text(upstream, "hello");
        // An id that is no OpenAI one, in whatever place the upstream has for it.
        for payload in &mut payloads {
            for pointer in ["/id", "/message/id", "/response/id", "/responseId"] {
                if let Some(id) = payload.pointer_mut(pointer) {
                    *id = json!("");
                }
            }
        }
        let told = pair(C, upstream).tell(&payloads);
        let heads: Vec<(&Value, &Value, &Value)> = told.data[..told.data.len() - 1]
            .iter()
            .map(|chunk| (&chunk["id"], &chunk["created"], &chunk["model"]))
            .collect();
        assert!(
            heads.iter().all(|head| *head == heads[0]),
            "{upstream:?}: {heads:?}"
        );
        assert_eq!(heads[0].2, "asked", "{upstream:?}");
        if upstream != C {
            assert!(
                heads[0].0.as_str().unwrap().len() > 9,
                "{upstream:?}: {heads:?}"
            );
        }
    }
}

#[test]
fn e250_the_model_anthropic_clients_see() {
    for upstream in ALL {
        let pair = pair(A, upstream);
        let mut context = pair.context();
        context.model = "my-alias(high)".to_owned();
        context.echo_model = Some("my-alias(high)".to_owned());
        let told = pair.told(&context, &said::text(upstream, "I am model up, up!"));
        assert_eq!(
            told.one("message_start")["message"]["model"],
            "my-alias(high)",
            "{upstream:?}"
        );
        assert_eq!(
            said::text_of(A, &told.data),
            "I am model up, up!",
            "{upstream:?}"
        );
        let whole = pair.whole_in(&context, &said::whole(upstream, "I am model up, up!"));
        assert_eq!(whole["model"], "my-alias(high)", "{upstream:?}");
        assert_eq!(
            whole["content"][0]["text"], "I am model up, up!",
            "{upstream:?}"
        );
    }
}

#[test]
fn e253_prompts_of_completions() {
    let sent = |prompt: Value, upstream| {
        pair(L, upstream).try_ask(&json!({"model": "asked", "prompt": prompt}).to_string())
    };
    for upstream in ALL {
        for (prompt, want) in [
            (json!("a"), "a"),
            (json!(["a"]), "a"),
            (json!(""), "Complete this:"),
        ] {
            let text = sent(prompt.clone(), upstream).unwrap().body.to_string();
            assert!(
                text.contains(&format!("\"{want}\"")),
                "{upstream:?} {prompt}: {text}"
            );
        }
        for prompt in [json!(["a", "b"]), json!([1, 2])] {
            let failure = sent(prompt.clone(), upstream).err().unwrap();
            let told = body(L, &failure);
            assert_eq!(failure.status, 400, "{prompt}");
            assert_eq!(told["error"]["param"], "prompt", "{prompt}: {told}");
        }
    }
}

#[test]
fn e254_calls_wrapped_in_one() {
    let wrapped = json!({"tool_uses": [
        {"recipient_name": "functions.read", "parameters": {"p": "a"}},
        {"recipient_name": "functions.read", "parameters": {"p": "b"}},
    ]});
    let declares = |client: Dialect| {
        let tool = match client {
            C => json!({"type": "function", "function": {"name": "read"}}),
            R => {
                json!({"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}})
            }
            A => json!({"name": "read", "input_schema": {"type": "object"}}),
            _ => json!({"functionDeclarations": [{"name": "read"}]}),
        };
        hello(client, json!({"tools": [tool]}))
    };
    let reply = answer(vec![Piece::Call(
        "c1",
        "multi_tool_use.parallel",
        wrapped.clone(),
    )]);
    for client in [C, A, G] {
        let pair = pair(client, R);
        let context = pair.ask(&declares(client)).context;
        let told = pair.told(&context, &reply.stream(R));
        assert_eq!(
            grammar::check(client, &told),
            Ok(End::Well),
            "{client:?}: {told:#?}"
        );
        let read = crate::digest::read(client, &sse(client, &told.data)).unwrap();
        let calls: Vec<(String, Value)> = crate::digest::of(&read)
            .calls
            .into_iter()
            .map(|(_, name, arguments)| (name, arguments))
            .collect();
        assert_eq!(
            calls,
            [
                ("read".to_owned(), json!({"p": "a"})),
                ("read".to_owned(), json!({"p": "b"}))
            ],
            "{client:?}"
        );
        // An inner tool nobody declared: the call stays what it is.
        let context = pair.ask(&hello(client, json!({}))).context;
        let told = pair.told(&context, &reply.stream(R));
        let read = crate::digest::read(client, &sse(client, &told.data)).unwrap();
        assert_eq!(crate::digest::of(&read).calls.len(), 1, "{client:?}");
    }
    let own = pair(R, R);
    let told = own.told(&own.ask(&declares(R)).context, &reply.stream(R));
    let item = &told.one("response.output_item.done")["item"];
    assert_eq!(item["name"], "multi_tool_use.parallel");
    assert_eq!(item["arguments"], wrapped.to_string());
}
