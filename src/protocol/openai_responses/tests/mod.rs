//! Tests of the codec, by direction.

mod conversation;
mod corpus;
mod decode_events;
mod decode_request;
mod encode_events;
mod encode_request;
mod patch;
mod relay;

use super::OpenAiResponses;
use crate::canonical::{
    CallKind, Channel, Delta, Event, Item, ItemHead, Request, Response, Signature, SignatureIssuer,
    SignaturePlace, Start, Stop, fold,
};
use crate::codec::{
    Codec, CodecError, EndpointTraits, ModelTraits, PathFacts, ReplyContext, Target,
};
use crate::sse::{Frame, SseParser};
use crate::testing::{
    arguments as args, call_head, delta, finish, open, stop, text as say, think, thinking_head,
};
use bytes::Bytes;
use serde_json::{Value, json};

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

/// Decodes a client's body.
#[track_caller]
fn decoded(body: &Value) -> Request {
    OpenAiResponses
        .decode_request(&bytes(body), &PathFacts::default())
        .unwrap()
}

/// Path of the value that is refused.
#[track_caller]
fn refused(body: &Value) -> String {
    match OpenAiResponses.decode_request(&bytes(body), &PathFacts::default()) {
        Err(CodecError::Invalid { path, .. }) => path,
        other => panic!("not refused: {other:?}"),
    }
}

/// Encodes for an endpoint; the body as a value.
#[track_caller]
fn encoded(request: &Request, endpoint: &EndpointTraits) -> Value {
    let target = Target {
        model: "up",
        stream: request.stream,
        model_traits: &ModelTraits::default(),
        endpoint,
    };
    let encoded = OpenAiResponses.encode_request(request, &target).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

fn codex() -> EndpointTraits {
    EndpointTraits {
        codex: true,
        ..EndpointTraits::default()
    }
}

fn context() -> ReplyContext {
    ReplyContext {
        model: "shown".to_owned(),
        created: 1_700_000_000,
        id_seed: "0123456789abcdef".repeat(4),
        issuer: SignatureIssuer::OpenAi,
        ..ReplyContext::default()
    }
}

/// Runs payloads through the decoder, closing the stream behind them.
fn events_in(context: &ReplyContext, payloads: &[Value]) -> Vec<Event> {
    let mut decoder = OpenAiResponses.event_decoder(context);
    let mut out = Vec::new();
    for payload in payloads {
        let data = payload.to_string();
        let name = payload.get("type").and_then(Value::as_str);
        decoder.decode(&Frame::of_data(name, &data), &mut out);
    }
    decoder.finish(&mut out);
    out
}

/// The reply those payloads make.
#[track_caller]
fn folded(payloads: &[Value]) -> Response {
    fold(events_in(&context(), payloads)).unwrap()
}

/// Payloads between `response.created` and an empty `response.completed`.
fn stream(payloads: &[Value]) -> Vec<Value> {
    let mut all = vec![json!({
        "type": "response.created",
        "response": {"id": "resp_1", "model": "m", "created_at": 5, "status": "in_progress", "output": []},
    })];
    all.extend_from_slice(payloads);
    all.push(json!({
        "type": "response.completed",
        "response": {"id": "resp_1", "status": "completed", "output": [], "usage": null},
    }));
    all
}

/// Encodes events for a client; the data of each frame.
fn frames_out(context: &ReplyContext, events: Vec<Event>) -> Vec<Value> {
    let mut encoder = OpenAiResponses.event_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    payloads(&out)
}

/// Data of the frames in `bytes`, each checked against its event name.
#[track_caller]
fn payloads(bytes: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    let mut parser = SseParser::new();
    parser
        .push(bytes, |frame| {
            if let Some(data) = &frame.data {
                let value: Value = serde_json::from_str(data).unwrap();
                assert_eq!(frame.event, value["type"].as_str());
                all.push(value);
            }
        })
        .unwrap();
    assert_eq!(parser.held(), 0, "frames are whole");
    all
}

fn kinds(payloads: &[Value]) -> Vec<&str> {
    payloads
        .iter()
        .map(|payload| payload["type"].as_str().unwrap())
        .collect()
}

/// The first payload of this kind.
#[track_caller]
fn first<'p>(payloads: &'p [Value], kind: &str) -> &'p Value {
    payloads
        .iter()
        .find(|payload| payload["type"] == kind)
        .unwrap_or_else(|| panic!("no `{kind}` in {:?}", kinds(payloads)))
}

// Short forms of events.

fn start() -> Event {
    Event::Start(Box::new(Start {
        id: Some("upstream-1".to_owned()),
        model: Some("up".to_owned()),
        ..Start::default()
    }))
}

fn sign(index: usize, issuer: SignatureIssuer, value: &str) -> Event {
    delta(
        index,
        Delta::Signature(Signature {
            issuer,
            value: value.to_owned(),
            place: SignaturePlace::Here,
        }),
    )
}

/// A reply of these events between start and end.
fn reply(events: Vec<Event>, stop: Stop) -> Vec<Event> {
    let mut all = vec![start()];
    all.extend(events);
    all.push(finish(stop));
    all.push(Event::End);
    all
}

fn text_of(item: &Item) -> &str {
    match item {
        Item::Text { text, .. } => text,
        other => panic!("no text: {other:?}"),
    }
}
