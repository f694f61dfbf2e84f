//! Every client with every upstream: what the upstream says is what the client reads.

use crate::answer::{Answer, COUNTS, Piece, Why, answer};
use crate::digest::{self, Class, Counts, Digest};
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said;
use protocol::canonical::fold;
use protocol::{Dialect, codec};
use serde_json::{Value, json};

const UPSTREAMS: [Dialect; 4] = [C, R, A, G];

/// Signatures as their makers write them.
fn proof(upstream: Dialect) -> &'static str {
    match upstream {
        C | L => "",
        R => "gAAAAABtest",
        // An envelope of Anthropic: `{2: {1: {1: 5}}}`.
        A => "EgQKAggF",
        G => "Z2VtaW5p",
    }
}

fn answers(upstream: Dialect) -> Vec<(&'static str, Answer)> {
    let thinking = Piece::Thinking("Let me see: é < b", proof(upstream));
    let call = |id, path: &str| Piece::Call(id, "read", json!({"path": path, "n": [1, 2.5, null]}));
    vec![
        (
            "text",
            answer(vec![Piece::Text("Hello, «wörld» 😀\n\"quoted\"")]),
        ),
        (
            "thinking",
            answer(vec![thinking.clone(), Piece::Text("Fine.")]),
        ),
        ("call", answer(vec![call("call_1", "/a")])),
        (
            "everything",
            answer(vec![
                thinking,
                Piece::Text("I look."),
                call("call_1", "/a"),
                call("call_2", "/b\\ \"x\""),
                Piece::Call("call_3", "list_files", json!({})),
            ]),
        ),
        ("limit", answer(vec![Piece::Text("cut o")]).why(Why::Limit)),
        (
            "filter",
            answer(vec![Piece::Text("I must")]).why(Why::Filter),
        ),
    ]
}

fn expected(answer: &Answer) -> Digest {
    let mut want = Digest {
        text: String::new(),
        thinking: String::new(),
        calls: Vec::new(),
        stop: match answer.why {
            Why::Limit => Class::Limit,
            Why::Filter => Class::Filter,
            Why::Done => Class::End,
        },
    };
    for piece in &answer.pieces {
        match piece {
            Piece::Thinking(text, _) => want.thinking.push_str(text),
            Piece::Text(text) => want.text.push_str(text),
            Piece::Call(id, name, arguments) => {
                want.stop = Class::Calls;
                want.calls
                    .push(((*id).to_owned(), (*name).to_owned(), arguments.clone()));
            }
        }
    }
    want
}

/// A request that shows everything the reply needs shown.
fn request(client: Dialect, stream: bool) -> Value {
    let more = match client {
        C => json!({"reasoning_effort": "high", "stream_options": {"include_usage": true}}),
        R => json!({"reasoning": {"effort": "high", "summary": "auto"},
                    "include": ["reasoning.encrypted_content"]}),
        A => json!({"thinking": {"type": "adaptive", "display": "summarized"}}),
        G => json!({"generationConfig": {"thinkingConfig": {"includeThoughts": true}}}),
        L => json!({"stream_options": {"include_usage": true}}),
    };
    let mut body = hello(client, more);
    if client != G {
        body["stream"] = json!(stream);
    }
    body
}

fn each(mut check: impl FnMut(Pair, &str, &Answer)) {
    for upstream in UPSTREAMS {
        for client in [C, L, R, A, G] {
            for (name, answer) in answers(upstream) {
                let name = format!("{client:?}⇐{upstream:?}, {name}");
                check(pair(client, upstream), &name, &answer);
            }
        }
    }
}

fn check_counts(name: &str, counts: Counts) {
    let [input, cached, output, _] = COUNTS;
    let want = Counts {
        input,
        cached,
        output,
    };
    assert_eq!(counts, want, "{name}");
}

#[test]
fn streams_say_what_the_upstream_said() {
    each(|mut pair, name, answer| {
        pair.by_path = true;
        let context = pair.ask(&request(pair.client, true)).context;
        let upstream = sse(pair.upstream, &answer.stream(pair.upstream));
        let stream = pair.stream_in(&context, &upstream, usize::MAX);
        let told = Told::read(&stream);
        let passed = pair.client == pair.upstream;
        if !passed {
            assert_eq!(grammar::check(pair.client, &told), Ok(End::Well), "{name}");
        }
        for size in [1, 7, 64] {
            let again = pair.stream_in(&context, &upstream, size);
            assert!(again == stream, "{name}: in pieces of {size}");
        }
        if pair.client == L {
            let text = said::text_of(L, &told.data);
            assert_eq!(text, expected(answer).text, "{name}");
            return;
        }
        let read = digest::read(pair.client, &stream).unwrap();
        assert_eq!(digest::of(&read), expected(answer), "{name}");
        check_counts(name, Counts::of(&read.usage));
    });
}

#[test]
fn whole_replies_say_what_the_upstream_said() {
    each(|pair, name, answer| {
        let context = pair.ask(&request(pair.client, false)).context;
        let body = pair.whole_in(&context, &answer.whole(pair.upstream));
        if pair.client == L {
            assert_eq!(body["choices"][0]["text"], expected(answer).text, "{name}");
            return;
        }
        let raw = body.to_string().into();
        let own = crate::pair::pair(pair.client, pair.client).context();
        let events = codec(pair.client).decode_response(&raw, &own).unwrap();
        let read = fold(events).unwrap();
        assert_eq!(digest::of(&read), expected(answer), "{name}");
        check_counts(name, Counts::of(&read.usage));
    });
}

/// A stream client whose upstream answered whole gets the same.
#[test]
fn whole_replies_told_as_streams() {
    each(|pair, name, answer| {
        if pair.client == pair.upstream || pair.client == L {
            return;
        }
        let told = pair.replayed(&answer.whole(pair.upstream));
        assert_eq!(grammar::check(pair.client, &told), Ok(End::Well), "{name}");
        let stream = sse(pair.client, &told.data);
        let read = digest::read(pair.client, &stream).unwrap();
        assert_eq!(digest::of(&read), expected(answer), "{name}");
    });
}

/// A stream that breaks off ends with the client's own error event, wherever it broke; before the
/// break nothing is called complete.
#[test]
fn cut_streams_end_with_an_error() {
    each(|pair, name, answer| {
        if answer.why != Why::Done {
            return;
        }
        let context = pair.ask(&request(pair.client, false)).context;
        let payloads = answer.stream(pair.upstream);
        let ends = payloads.iter().position(|payload| match pair.upstream {
            C | L => payload["choices"][0]["finish_reason"].is_string(),
            R => payload["type"] == "response.completed",
            A => payload["type"] == "message_delta",
            // A Gemini stream with text may end without a reason.
            G => payload["candidates"][0]["content"]["parts"][0]["thought"] != true,
        });
        for n in 0..=ends.unwrap() {
            let raw = sse(pair.upstream, &payloads[..n]);
            let told = Told::read(&pair.stream_in(&context, &raw, usize::MAX));
            let last = told.last();
            assert!(
                said::is_failure(pair.client, last),
                "{name} cut at {n}: {last}"
            );
            if pair.client != pair.upstream {
                let end = grammar::check(pair.client, &told);
                assert_eq!(end, Ok(End::Failed), "{name} cut at {n}: {told:#?}");
            }
        }
    });
}

/// The proof of thinking finds its way back to its maker, in the right place.
#[test]
fn signatures_come_home() {
    for upstream in [R, A, G] {
        for client in [R, A, G] {
            for (name, answer) in answers(upstream) {
                let name = format!("{client:?}⇐{upstream:?}, {name}");
                if !answer
                    .pieces
                    .iter()
                    .any(|piece| matches!(piece, Piece::Thinking(..)))
                {
                    continue;
                }
                let pair = pair(client, upstream);
                let context = pair.ask(&request(client, false)).context;
                let told = pair.whole_in(&context, &answer.whole(upstream));
                let next = pair.body(&next_request(client, &told, &answer));
                let text = next.to_string();
                assert_eq!(text.matches(proof(upstream)).count(), 1, "{name}: {next:#}");
                let stands = match upstream {
                    R => {
                        let items = next["input"].as_array().unwrap();
                        let at = items.iter().position(|item| item["type"] == "reasoning");
                        at == Some(1) && items[1]["encrypted_content"] == proof(R)
                    }
                    A => {
                        let block = &next["messages"][1]["content"][0];
                        block["type"] == "thinking"
                            && block["signature"] == proof(A)
                            && block["thinking"] == "Let me see: é < b"
                    }
                    _ => {
                        let parts = next["contents"][1]["parts"].as_array().unwrap();
                        let signed = parts
                            .iter()
                            .find(|part| part["thoughtSignature"] == proof(G));
                        let calls = answer.pieces.len() > 2;
                        signed.is_some_and(|part| part.get("functionCall").is_some() == calls)
                    }
                };
                assert!(stands, "{name}: {next:#}");
            }
        }
    }
}

/// What the client asks next, with what it was told as its history.
fn next_request(client: Dialect, told: &Value, answer: &Answer) -> Value {
    let calls = answer.pieces.iter().filter_map(|piece| match piece {
        Piece::Call(id, name, _) => Some((*id, *name)),
        _ => None,
    });
    match client {
        R => {
            let mut items = vec![json!({"role": "user", "content": "hi"})];
            items.extend(told["output"].as_array().unwrap().iter().cloned());
            items.extend(calls.map(
                |(id, _)| json!({"type": "function_call_output", "call_id": id, "output": "ok"}),
            ));
            items.push(json!({"role": "user", "content": "more"}));
            input(json!(items), json!({}))
        }
        A => {
            let mut content: Vec<Value> = calls
                .map(|(id, _)| json!({"type": "tool_result", "tool_use_id": id, "content": "ok"}))
                .collect();
            content.push(json!({"type": "text", "text": "more"}));
            messages(
                json!([
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": told["content"]},
                    {"role": "user", "content": content},
                ]),
                json!({}),
            )
        }
        _ => {
            let mut parts: Vec<Value> = calls
                .map(|(id, name)| {
                    json!({"functionResponse": {"id": id, "name": name, "response": {"r": "ok"}}})
                })
                .collect();
            parts.push(json!({"text": "more"}));
            contents(
                json!([
                    {"role": "user", "parts": [{"text": "hi"}]},
                    told["candidates"][0]["content"],
                    {"role": "user", "parts": parts},
                ]),
                json!({}),
            )
        }
    }
}
