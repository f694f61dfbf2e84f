//! Tests of the chat codec, by direction.

mod corpus;
mod pass;
mod properties;
mod reply_in;
mod reply_out;
mod request_in;
mod request_out;

use super::OpenAiChat;
use crate::canonical::{Event, Request, Response, fold};
use crate::codec::{
    Codec, CodecError, EndpointTraits, ModelTraits, PathFacts, ReplyContext, Target,
};
use crate::sse::{Frame, SseParser};
use bytes::Bytes;
use serde_json::Value;

fn bytes(json: &Value) -> Bytes {
    Bytes::from(json.to_string())
}

fn decode(json: Value) -> Request {
    OpenAiChat
        .decode_request(&bytes(&json), &PathFacts::default())
        .unwrap()
}

/// Path and message of the refusal.
#[track_caller]
fn refused(json: Value) -> (String, String) {
    match OpenAiChat.decode_request(&bytes(&json), &PathFacts::default()) {
        Err(CodecError::Invalid { path, message }) => (path, message),
        other => panic!("{other:?}"),
    }
}

/// An upstream of the first vendor, or with `compatible` of another.
fn endpoint(compatible: bool) -> EndpointTraits {
    EndpointTraits {
        compatible,
        ..EndpointTraits::default()
    }
}

fn encode_for(request: &Request, endpoint: &EndpointTraits, model: &ModelTraits) -> Value {
    let target = Target {
        model: "up",
        stream: request.stream,
        model_traits: model,
        endpoint,
    };
    let encoded = OpenAiChat.encode_request(request, &target).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

fn encode(request: &Request) -> Value {
    encode_for(request, &EndpointTraits::default(), &ModelTraits::default())
}

fn context() -> ReplyContext {
    ReplyContext {
        model: "shown".to_owned(),
        created: 1_700_000_000,
        id_seed: "0123456789abcdef".repeat(3),
        ..ReplyContext::default()
    }
}

/// Events of a stream whose payloads are `payloads`; the connection closes afterwards.
fn stream_with(context: &ReplyContext, payloads: &[&str]) -> Vec<Event> {
    let mut decoder = OpenAiChat.event_decoder(context);
    let mut events = Vec::new();
    for payload in payloads {
        decoder.decode(&Frame::of_data(None, payload), &mut events);
    }
    decoder.finish(&mut events);
    events
}

fn stream(payloads: &[&str]) -> Vec<Event> {
    stream_with(&context(), payloads)
}

fn whole(json: &Value) -> Vec<Event> {
    OpenAiChat
        .decode_response(&bytes(json), &context())
        .unwrap()
}

#[track_caller]
fn folded(events: Vec<Event>) -> Response {
    fold(events).unwrap()
}

/// A chunk of choice 0 with this delta.
fn chunk(delta: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","created":7,"model":"up","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    )
}

fn finish(word: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","created":7,"model":"up","choices":[{{"index":0,"delta":{{}},"finish_reason":"{word}"}}]}}"#
    )
}

const DONE: &str = "[DONE]";

/// What a client of `context` gets for `events`, as text.
fn sent_with(context: &ReplyContext, events: Vec<Event>) -> String {
    let mut encoder = OpenAiChat.event_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The chunks of an encoded stream, and whether `[DONE]` came last.
fn chunks_of(text: &str) -> (Vec<Value>, bool) {
    let mut parser = SseParser::new();
    let mut data = Vec::new();
    let mut keep = |frame: &Frame<'_>| data.extend(frame.data.as_deref().map(str::to_owned));
    parser.push(text.as_bytes(), &mut keep).unwrap();
    parser.finish(&mut keep).unwrap();
    let done = data.last().is_some_and(|last| last == DONE);
    let chunks = data
        .iter()
        .filter(|data| *data != DONE)
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    (chunks, done)
}

fn sent(events: Vec<Event>) -> (Vec<Value>, bool) {
    chunks_of(&sent_with(&context(), events))
}

/// The whole reply a client gets.
fn answer(response: &Response) -> Value {
    serde_json::from_slice(&OpenAiChat.encode_response(response, &context())).unwrap()
}
