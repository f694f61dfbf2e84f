//! Events and whole replies → what clients get.

mod blocks;
mod ends;
mod grammar;
mod items;

use super::*;
use crate::canonical::{
    CallKind, Channel, Citation, Delta, Failure, ItemHead, ReasoningShow, ServerTool, Signature,
    SignaturePlace, Start, Stop,
};
use crate::codec::{Declared, Dialect};
use crate::raw::RawJson;
use crate::testing::{
    arguments, delta, finish, open, stop, text, think as thought, thinking_head as reasoning,
};
use serde_json::json;

fn start() -> Event {
    Event::Start(Box::default())
}

fn call(id: &str) -> ItemHead {
    crate::testing::call_head(id, "f")
}

fn signature(issuer: SignatureIssuer, value: &str) -> Delta {
    Delta::Signature(Signature {
        issuer,
        value: value.to_owned(),
        place: SignaturePlace::Here,
    })
}

/// The events between head and end, in short form.
fn short(events: Vec<Event>, context: &ReplyContext) -> Vec<String> {
    let mut all = vec![start()];
    all.extend(events);
    all.push(Event::End);
    let data = data_of(&encode_events(all, context));
    assert_eq!(data[0]["type"], "message_start");
    assert_eq!(data[data.len() - 1]["type"], "message_stop");
    let mut short = Vec::new();
    for event in &data[1..data.len() - 1] {
        let at = &event["index"];
        short.push(match event["type"].as_str().unwrap() {
            "content_block_start" => {
                format!("{at} {}", event["content_block"]["type"].as_str().unwrap())
            }
            "content_block_stop" => format!("{at} ."),
            "content_block_delta" => {
                let delta = event["delta"].as_object().unwrap();
                assert_eq!(delta.len(), 2, "{delta:?}");
                let (key, value) = delta.iter().find(|(key, _)| *key != "type").unwrap();
                format!(
                    "{at} {key}={}",
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                )
            }
            "message_delta" => event["delta"]["stop_reason"].as_str().unwrap().to_owned(),
            other => other.to_owned(),
        });
    }
    short
}

#[track_caller]
fn check(events: Vec<Event>, want: &[&str]) {
    assert_eq!(short(events, &context()), want);
}

/// Encodes the folded events as a whole reply.
fn whole(events: Vec<Event>, context: &ReplyContext) -> Value {
    let mut all = vec![start()];
    all.extend(events);
    all.push(Event::End);
    let response = fold(all).unwrap();
    serde_json::from_slice(&Anthropic.encode_response(&response, context)).unwrap()
}
