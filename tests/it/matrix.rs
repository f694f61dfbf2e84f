//! Every client protocol on every upstream protocol, streaming and not, through the daemon.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, Setup};
use crate::support::sse::SseEvent;
use crate::support::upstream::{Recorded, Upstream};
use serde_json::{Value, json};

/// A daemon with one account per upstream protocol, all of them answering `answer`.
fn daemon(answer: &Answer) -> (Daemon, Vec<(Wire, Upstream)>) {
    let upstreams: Vec<(Wire, Upstream)> = Wire::ALL
        .into_iter()
        .map(|wire| {
            let upstream = Upstream::start();
            let answer = answer.clone();
            upstream.handle("/", move |request| {
                answer.reply(wire, wants_stream(request))
            });
            (wire, upstream)
        })
        .collect();
    let url = |wire: Wire| {
        let found = upstreams.iter().find(|(each, _)| *each == wire);
        found.map(|(_, upstream)| upstream.url()).unwrap()
    };
    let setup = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m, alias: Chat}}]}}\n\
         codex-api-key:\n  - {{api-key: k, base-url: '{}', models: [{{name: m, alias: Responses}}]}}\n\
         claude-api-key:\n  - {{api-key: k, base-url: '{}', models: [{{name: m, alias: Anthropic}}]}}\n\
         gemini-api-key:\n  - {{api-key: k, base-url: '{}', models: [{{name: m, alias: Gemini}}]}}\n",
        url(Wire::Chat),
        url(Wire::Responses),
        url(Wire::Anthropic),
        url(Wire::Gemini),
    ));
    (setup.start(), upstreams)
}

fn wants_stream(request: &Recorded) -> bool {
    request.path().ends_with(":streamGenerateContent") || request.json()["stream"] == true
}

/// What a client got: text, thinking, the first call's arguments, output tokens.
#[derive(Debug, PartialEq, Default)]
struct Got {
    text: String,
    thinking: String,
    call: Option<(String, Value)>,
    output: u64,
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn ask(client: Wire, model: &str, stream: bool) -> (String, Value) {
    let tool = json!({"name": "weather", "description": "tells", "parameters": schema()});
    match client {
        Wire::Chat => (
            "/v1/chat/completions".into(),
            json!({"model": model, "stream": stream, "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"type": "function", "function": tool}]}),
        ),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": model, "stream": stream, "input": "hi", "reasoning": {"summary": "auto"},
                "tools": [{"type": "function", "name": "weather", "parameters": schema()}]}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": model, "stream": stream, "max_tokens": 4096,
                "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"name": "weather", "input_schema": schema()}]}),
        ),
        Wire::Gemini => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            (
                format!("/v1beta/models/{model}:{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                    "generationConfig": {"thinkingConfig": {"includeThoughts": true}},
                    "tools": [{"functionDeclarations": [tool]}]}),
            )
        }
    }
}

fn read_whole(client: Wire, body: &Value) -> Got {
    let mut got = Got::default();
    match client {
        Wire::Chat => {
            let message = &body["choices"][0]["message"];
            got.text = text(&message["content"]);
            got.thinking = text(&message["reasoning_content"]);
            let call = &message["tool_calls"][0]["function"];
            got.call = call_of(&call["name"], &call["arguments"]);
            got.output = body["usage"]["completion_tokens"].as_u64().unwrap();
        }
        Wire::Responses => {
            for item in body["output"].as_array().unwrap() {
                match item["type"].as_str().unwrap() {
                    "message" => got.text += &text(&item["content"][0]["text"]),
                    "reasoning" => got.thinking += &text(&item["summary"][0]["text"]),
                    "function_call" => got.call = call_of(&item["name"], &item["arguments"]),
                    other => panic!("{other}"),
                }
            }
            got.output = body["usage"]["output_tokens"].as_u64().unwrap();
        }
        Wire::Anthropic => {
            for block in body["content"].as_array().unwrap() {
                got.text += &text(&block["text"]);
                got.thinking += &text(&block["thinking"]);
                if block["type"] == "tool_use" {
                    got.call = Some((text(&block["name"]), block["input"].clone()));
                }
            }
            got.output = body["usage"]["output_tokens"].as_u64().unwrap();
        }
        Wire::Gemini => {
            for part in body["candidates"][0]["content"]["parts"]
                .as_array()
                .unwrap()
            {
                if part["thought"] == true {
                    got.thinking += &text(&part["text"]);
                } else {
                    got.text += &text(&part["text"]);
                }
                if let Some(call) = part.get("functionCall") {
                    got.call = Some((text(&call["name"]), call["args"].clone()));
                }
            }
            let usage = &body["usageMetadata"];
            let count = |key: &str| usage[key].as_u64().unwrap_or_default();
            got.output = count("candidatesTokenCount") + count("thoughtsTokenCount");
        }
    }
    got
}

/// Joins a stream into what [`read_whole`] reads.
fn read_stream(client: Wire, events: &[SseEvent]) -> Got {
    let data: Vec<Value> = events
        .iter()
        .filter(|event| !event.is_comment() && event.data != "[DONE]")
        .map(SseEvent::json)
        .collect();
    let mut got = Got::default();
    let (mut name, mut arguments) = (String::new(), String::new());
    match client {
        Wire::Chat => {
            assert_eq!(events.last().unwrap().data, "[DONE]");
            for chunk in &data {
                let delta = &chunk["choices"][0]["delta"];
                got.text += &text(&delta["content"]);
                got.thinking += &text(&delta["reasoning_content"]);
                let call = &delta["tool_calls"][0]["function"];
                name += &text(&call["name"]);
                arguments += &text(&call["arguments"]);
                got.output = chunk["usage"]["completion_tokens"]
                    .as_u64()
                    .unwrap_or(got.output);
            }
        }
        Wire::Responses => {
            let last = data.last().unwrap();
            assert_eq!(last["type"], "response.completed");
            let numbers = data
                .iter()
                .map(|event| event["sequence_number"].as_u64().unwrap());
            assert!(
                numbers.eq(0..data.len() as u64),
                "sequence numbers rise from 0"
            );
            return read_whole(client, &last["response"]);
        }
        Wire::Anthropic => {
            assert_eq!(data.last().unwrap()["type"], "message_stop");
            for event in &data {
                got.text += &text(&event["delta"]["text"]);
                got.thinking += &text(&event["delta"]["thinking"]);
                arguments += &text(&event["delta"]["partial_json"]);
                name += &text(&event["content_block"]["name"]);
                got.output = event["usage"]["output_tokens"]
                    .as_u64()
                    .unwrap_or(got.output);
            }
        }
        Wire::Gemini => {
            for object in &data {
                let mut object = object.clone();
                if object["candidates"][0]["content"]["parts"].is_null() {
                    object["candidates"][0]["content"]["parts"] = json!([]);
                }
                let part = read_whole(client, &object);
                got.text += &part.text;
                got.thinking += &part.thinking;
                got.call = part.call.or(got.call);
                got.output = got.output.max(part.output);
            }
            return got;
        }
    }
    if !name.is_empty() {
        got.call = call_of(&name.into(), &arguments.into());
    }
    got
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn call_of(name: &Value, arguments: &Value) -> Option<(String, Value)> {
    let name = name.as_str()?.to_owned();
    let arguments = serde_json::from_str(arguments.as_str()?).expect("whole arguments");
    Some((name, arguments))
}

#[track_caller]
fn check(answer: &Answer, want: &Got) {
    let (daemon, _upstreams) = daemon(answer);
    for client in Wire::ALL {
        for upstream in Wire::ALL {
            for stream in [false, true] {
                let model = format!("{upstream:?}");
                let (target, body) = ask(client, &model, stream);
                let reply = daemon.client().post(&target, &body);
                let case = format!("{client:?} client on {upstream:?}, stream {stream}");
                assert_eq!(reply.status, 200, "{case}: {}", reply.text());
                let got = if stream {
                    read_stream(client, &reply.events())
                } else {
                    read_whole(client, &reply.json())
                };
                assert_eq!(&got, want, "{case}: {}", reply.text());
            }
        }
    }
}

#[test]
fn text_reaches_every_client_from_every_upstream() {
    let answer = Answer::new("m").text("hello there, you");
    let want = Got {
        text: "hello there, you".into(),
        output: 7,
        ..Got::default()
    };
    check(&answer, &want);
}

#[test]
fn calls_reach_every_client_from_every_upstream() {
    let arguments = json!({"city": "Zürich \"old\" town"});
    let answer = Answer::new("m").call("call_1", "weather", &arguments);
    let want = Got {
        call: Some(("weather".into(), arguments)),
        output: 7,
        ..Got::default()
    };
    check(&answer, &want);
}

#[test]
fn thinking_reaches_every_client_from_every_upstream() {
    let answer = Answer::new("m").thinking("let me see", "").text("done");
    let want = Got {
        text: "done".into(),
        thinking: "let me see".into(),
        output: 7,
        ..Got::default()
    };
    check(&answer, &want);
}

/// Legacy completions are a shell over chat.
#[test]
fn completions_reach_every_upstream() {
    let (daemon, _upstreams) = daemon(&Answer::new("m").text("hello there"));
    for upstream in Wire::ALL {
        let model = format!("{upstream:?}");
        let body = json!({"model": model, "prompt": "say"});
        let whole = daemon
            .client()
            .post("/v1/completions", &body)
            .expect_json(200);
        assert_eq!(whole["object"], "text_completion");
        assert_eq!(whole["choices"][0]["text"], "hello there", "{upstream:?}");
        let body = json!({"model": model, "prompt": "say", "stream": true});
        let events = daemon.client().post("/v1/completions", &body).events();
        let texts = events
            .iter()
            .filter(|event| !event.is_comment() && event.data != "[DONE]");
        let joined: String = texts
            .map(|event| text(&event.json()["choices"][0]["text"]))
            .collect();
        assert_eq!(joined, "hello there", "{upstream:?}");
    }
}
