//! Responses over a WebSocket, as Codex speaks it (`clients.md` §2 rows 3 and 4).

use crate::support::answer::{Answer, Wire, error};
use crate::support::client::Client;
use crate::support::daemon::{Daemon, KEY, Setup};
use crate::support::upstream::Upstream;
use awc::error::WsProtocolError as ProtocolError;
use awc::ws::{Frame, Message};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};

/// One end of a socket.
trait Socket:
    Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin
{
}

impl<T> Socket for T where
    T: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin
{
}

async fn open(daemon: &Daemon) -> impl Socket {
    let url = format!("{}/v1/responses", daemon.url());
    let (head, socket) = awc::Client::new()
        .ws(url)
        .set_header("authorization", format!("Bearer {KEY}"))
        .set_header("x-codex-turn-state", "state-1")
        .connect()
        .await
        .unwrap();
    let state = head.headers().get("x-codex-turn-state").unwrap();
    assert_eq!(state, "state-1");
    socket
}

async fn send(socket: &mut impl Socket, message: Value) {
    let text = message.to_string().into();
    socket.send(Message::Text(text)).await.unwrap();
}

/// Messages up to the one that ends a turn.
async fn turn(socket: &mut impl Socket) -> Vec<Value> {
    let mut messages = Vec::new();
    while let Some(frame) = socket.next().await {
        let Frame::Text(text) = frame.unwrap() else {
            continue;
        };
        let message: Value = serde_json::from_slice(&text).unwrap();
        let kind = message["type"].as_str().unwrap().to_owned();
        messages.push(message);
        if ["response.completed", "response.failed", "error"].contains(&kind.as_str()) {
            return messages;
        }
    }
    panic!("the socket closed: {messages:?}");
}

fn create(more: Value) -> Value {
    let mut message = json!({"type": "response.create", "store": false});
    for (key, value) in more.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

#[actix_rt::test]
async fn a_conversation_needs_only_what_is_new() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, true)
    });
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m}}]}}\n",
        upstream.url()
    ))
    .start();
    let mut socket = open(&daemon).await;
    // The warm-up is answered here.
    send(
        &mut socket,
        create(json!({"model": "m", "generate": false, "input": []})),
    )
    .await;
    let ready = turn(&mut socket).await;
    assert_eq!(ready[0]["type"], "response.created");
    assert!(upstream.requests().is_empty());
    let id = ready.last().unwrap()["response"]["id"].clone();
    send(
        &mut socket,
        create(json!({"model": "m", "previous_response_id": id, "input": [user("one")]})),
    )
    .await;
    let first = turn(&mut socket).await;
    let id = first.last().unwrap()["response"]["id"].clone();
    send(
        &mut socket,
        create(json!({"previous_response_id": id, "input": [user("two")]})),
    )
    .await;
    turn(&mut socket).await;
    let texts: Vec<String> = upstream.requests()[1].json()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].to_string())
        .collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    for (text, part) in texts.iter().zip(["one", "hello", "two"]) {
        assert!(text.contains(part), "{texts:?}");
    }
}

#[actix_rt::test]
async fn a_failure_leaves_the_socket_open() {
    let upstream = Upstream::start();
    upstream.reply(error(Wire::Chat, 400, "no such field"));
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, true)
    });
    let daemon = Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{}', models: [{{name: m}}]}}\n",
        upstream.url()
    ))
    .start();
    let mut socket = open(&daemon).await;
    send(&mut socket, json!({"type": "response.append", "input": []})).await;
    let refused = turn(&mut socket).await;
    assert_eq!(refused[0]["status"], 400);
    assert_eq!(
        refused[0]["error"]["message"],
        "websocket request received before response.create"
    );
    send(
        &mut socket,
        create(json!({"model": "m", "input": [user("one")]})),
    )
    .await;
    let failed = turn(&mut socket).await;
    assert_eq!(failed[0]["status"], 400);
    assert_eq!(failed[0]["error"]["message"], "no such field");
    send(
        &mut socket,
        create(json!({"model": "m", "input": [user("one")]})),
    )
    .await;
    let served = turn(&mut socket).await;
    assert_eq!(served.last().unwrap()["type"], "response.completed");
}

#[test]
fn a_plain_get_is_told_to_post() {
    let daemon = Setup::new("demo: true\n").start();
    daemon.client().get("/v1/responses").expect_json(426);
    Client::new(daemon.addr())
        .get("/v1/responses")
        .expect_json(401);
}
