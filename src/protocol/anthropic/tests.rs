//! Tests of the codec as a whole, by direction.

mod client_replies;
mod client_requests;
mod corpus;
mod relay;
mod upstream_patches;
mod upstream_replies;
mod upstream_requests;

use super::Anthropic;
use crate::canonical::{Event, Request, Response, SignatureIssuer, Usage, fold};
use crate::codec::{Codec, EndpointTraits, ModelTraits, PathFacts, ReplyContext, Target};
use crate::sse::SseParser;
use bytes::Bytes;
use serde_json::Value;

/// A context as the daemon makes it for a reply of Anthropic.
fn context() -> ReplyContext {
    ReplyContext {
        model: "asked-model".to_owned(),
        id_seed: "0123456789abcdef".repeat(3),
        issuer: SignatureIssuer::Anthropic,
        ..ReplyContext::default()
    }
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[track_caller]
fn decode_request(body: &Value) -> Request {
    Anthropic
        .decode_request(&bytes(body), &PathFacts::default())
        .unwrap()
}

#[track_caller]
fn encode_with(request: &Request, model: &ModelTraits, endpoint: &EndpointTraits) -> Value {
    let target = Target {
        model: "upstream-model",
        stream: false,
        model_traits: model,
        endpoint,
    };
    let encoded = Anthropic.encode_request(request, &target).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

#[track_caller]
fn encode(request: &Request) -> Value {
    encode_with(request, &ModelTraits::default(), &EndpointTraits::default())
}

/// The events of a stream given as bytes, to its end.
fn decode_stream(stream: &[u8], context: &ReplyContext) -> Vec<Event> {
    let mut decoder = Anthropic.event_decoder(context);
    let mut events = Vec::new();
    let mut parser = SseParser::new();
    parser
        .push(stream, |frame| decoder.decode(frame, &mut events))
        .unwrap();
    parser
        .finish(|frame| decoder.decode(frame, &mut events))
        .unwrap();
    decoder.finish(&mut events);
    events
}

/// A stream of these `data` objects, each with its event line.
fn stream(data: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in data {
        let name = event["type"].as_str().unwrap();
        bytes.extend(format!("event: {name}\ndata: {event}\n\n").into_bytes());
    }
    bytes
}

#[track_caller]
fn decode_response(body: &Value, context: &ReplyContext) -> Response {
    let events = Anthropic.decode_response(&bytes(body), context).unwrap();
    fold(events).unwrap()
}

/// The stream a client gets.
fn encode_events(events: Vec<Event>, context: &ReplyContext) -> Vec<u8> {
    let mut encoder = Anthropic.event_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    out
}

/// The `data` objects of a client stream; checks that every event line equals the type (E-137).
#[track_caller]
fn data_of(stream: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    SseParser::new()
        .push(stream, |frame| {
            let Some(data) = &frame.data else { return };
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(frame.event, data["type"].as_str());
            all.push(data);
        })
        .unwrap();
    all
}

fn without_native(usage: &Usage) -> Usage {
    Usage {
        native: None,
        ..usage.clone()
    }
}
