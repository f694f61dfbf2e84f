//! The recorded traffic of real services.

use crate::digest::{self, Class, Counts, Digest};
use crate::grammar::{self, End};
use crate::pair::*;
use protocol::Dialect;
use protocol::canonical::{Item, Response, fold};
use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures")
}

/// A file of the recordings; `None` where there are none, which only a developer's machine may say.
pub fn read(path: &str) -> Option<Vec<u8>> {
    let file = folder().join(path);
    match std::fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{}: {error}",
                file.display()
            );
            None
        }
    }
}

/// A JSON file of the recordings.
pub fn json(path: &str) -> Option<Value> {
    read(path).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

/// A recorded stream of an upstream.
pub struct Recording {
    pub id: String,
    pub upstream: Dialect,
    pub stream: Vec<u8>,
}

/// All recorded streams of the four protocols, framed.
pub fn streams() -> Vec<Recording> {
    let Some(index) = json("index.json") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for fixture in index["fixtures"].as_array().unwrap() {
        let upstream = match fixture["protocol"].as_str().unwrap() {
            "openai-chat" => C,
            "openai-responses" => R,
            "anthropic-messages" => A,
            "gemini" => G,
            _ => continue,
        };
        for (n, turn) in fixture["turns"].as_array().unwrap().iter().enumerate() {
            let Some(raw) = turn["response"].as_str().and_then(read) else {
                continue;
            };
            let stream = match turn["format"].as_str().unwrap() {
                "sse" => raw,
                "chunks" => framed(upstream, &String::from_utf8(raw).unwrap()),
                _ => continue,
            };
            let id = format!("{}#{n}", fixture["id"].as_str().unwrap());
            all.push(Recording {
                id,
                upstream,
                stream,
            });
        }
    }
    assert!(all.len() > 80, "{}", all.len());
    all
}

/// Payloads, one a line, with the framing their protocol has.
fn framed(upstream: Dialect, lines: &str) -> Vec<u8> {
    let mut out = String::new();
    for line in lines.split('\n').filter(|line| !line.is_empty()) {
        if matches!(upstream, A | R)
            && let Ok(value) = serde_json::from_str::<Value>(line)
            && let Some(kind) = value["type"].as_str()
        {
            out.push_str(&format!("event: {kind}\n"));
        }
        out.push_str(&format!("data: {line}\n\n"));
    }
    if upstream == C {
        out.push_str("data: [DONE]\n\n");
    }
    out.into_bytes()
}

/// What `client` has no place for, taken out of what it should be told.
fn lose(client: Dialect, said: &Response, want: &mut Digest, got: &Digest) {
    // A call that the limit cut is none for Gemini.
    if client == G && want.stop == Class::Limit {
        want.calls.retain(|(.., arguments)| arguments.is_object());
    }
    // Pictures are notes, or not told in these terms.
    let items = &said.choices[0].items;
    if items.iter().any(|item| matches!(item, Item::Image { .. })) {
        want.text.clone_from(&got.text);
    }
}

/// Every recorded stream of another vendor becomes a sound stream of every client, and says there
/// what it said.
#[test]
fn e255_every_recorded_stream_for_every_client() {
    let mut faults = Vec::new();
    for Recording {
        id,
        upstream,
        stream,
    } in streams()
    {
        for client in [C, L, R, A, G]
            .into_iter()
            .filter(|client| *client != upstream)
        {
            let pair = pair(client, upstream);
            let mut context = pair.context();
            context.include_usage = true;
            context.declared.web_search = true;
            let mut fault = |what: String| faults.push(format!("{client:?}⇐{id}: {what}"));
            let out = pair.stream_in(&context, &stream, 1000);
            let told = Told::read(&out);
            let end = match grammar::check(client, &told) {
                Ok(end) => end,
                Err(broken) => {
                    fault(broken);
                    continue;
                }
            };
            let said = fold(digest::events(upstream, &context, &stream));
            match (&said, end) {
                (Ok(said), End::Well) if client != L => {
                    let again = digest::read(client, &out).unwrap();
                    let (mut want, got) = (digest::of(said), digest::of(&again));
                    lose(client, said, &mut want, &got);
                    if want != got {
                        fault(format!("{want:#?}\nbecame {got:#?}"));
                    }
                    let counts = (Counts::of(&said.usage), Counts::of(&again.usage));
                    if counts.0 != counts.1 {
                        fault(format!("{counts:?}"));
                    }
                }
                (Ok(_), End::Well) | (Err(_), End::Failed) => {}
                (said, end) => fault(format!("{end:?}, but the upstream said {said:?}")),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
