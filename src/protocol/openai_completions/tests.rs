//! Tests of the completions shell.

use super::*;
use crate::canonical::{Arguments, CallKind, Item, Reply, Role, Start, Stop, Usage, fold, unfold};
use crate::codec::{EndpointTraits, ModelTraits};
use crate::sse::{Frame, SseParser};
use serde_json::{Value, json};
use std::{env, fs, path::PathBuf};

fn bytes(json: &Value) -> Bytes {
    Bytes::from(json.to_string())
}

fn decode(json: Value) -> Result<Request, CodecError> {
    OpenAiCompletions.decode_request(&bytes(&json), &PathFacts::default())
}

#[track_caller]
fn refused(json: Value) -> String {
    let failure = decode(json).unwrap_err().into_failure();
    assert_eq!(failure.status, 400);
    failure.param.unwrap()
}

fn context(body: Value) -> ReplyContext {
    ReplyContext {
        model: "shown".to_owned(),
        created: 7,
        id_seed: "0123456789abcdef".repeat(3),
        client_body: bytes(&body),
        ..ReplyContext::default()
    }
}

fn text_item(text: &str, logprobs: Option<Value>) -> Item {
    Item::Text {
        text: text.into(),
        citations: Vec::new(),
        signature: None,
        cache: None,
        logprobs: logprobs.map(Into::into),
    }
}

fn response(items: Vec<Item>, stop: Stop) -> Response {
    Response {
        start: Start {
            id: Some("chatcmpl-1".to_owned()),
            ..Start::default()
        },
        choices: vec![Reply {
            items,
            stop: Some(stop),
            native_stop: None,
        }],
        usage: Usage {
            input_total: Some(3),
            output_total: Some(2),
            ..Usage::default()
        },
    }
}

fn answer(response: &Response, context: &ReplyContext) -> Value {
    serde_json::from_slice(&OpenAiCompletions.encode_response(response, context)).unwrap()
}

/// The chunks a client gets, and whether `[DONE]` came last.
fn sent(response: Response, context: &ReplyContext) -> (Vec<Value>, bool) {
    let mut encoder = OpenAiCompletions.event_encoder(context);
    let mut out = Vec::new();
    for event in unfold(response) {
        encoder.encode(event, &mut out);
    }
    let mut data = Vec::new();
    let mut keep = |frame: &Frame<'_>| data.extend(frame.data.as_deref().map(str::to_owned));
    SseParser::new().push(&out, &mut keep).unwrap();
    let done = data.pop().is_some_and(|last| last == "[DONE]");
    let chunks = data.iter().map(|text| serde_json::from_str(text).unwrap());
    (chunks.collect(), done)
}

#[test]
fn e253_prompts() {
    for (prompt, want) in [
        (json!("hi"), "hi"),
        (json!(["a"]), "a"),
        (json!(""), "Complete this:"),
        (json!([""]), "Complete this:"),
        (json!([]), "Complete this:"),
        (json!(null), "Complete this:"),
    ] {
        let request = decode(json!({"model": "m", "prompt": prompt})).unwrap();
        assert_eq!(request.turns.len(), 1);
        assert_eq!(request.turns[0].role, Role::User);
        assert_eq!(request.turns[0].items, [Item::text(want)]);
    }
    for prompt in [json!(["a", "b"]), json!([1, 2]), json!([[1, 2]]), json!(7)] {
        assert_eq!(refused(json!({"model": "m", "prompt": prompt})), "prompt");
    }
    assert!(decode(json!({"model": "m"})).is_ok());
    assert_eq!(refused(json!({"prompt": "a"})), "model");
}

#[test]
fn parameters_keep_their_meaning() {
    let request = decode(
        json!({"model": "m", "prompt": "a", "suffix": "z", "max_tokens": 5, "temperature": 0,
        "n": 2, "best_of": 3, "stop": "END", "seed": 1, "user": "u", "logit_bias": {"1": 2},
        "presence_penalty": 0.5, "stream_options": {"include_usage": true}}),
    )
    .unwrap();
    assert_eq!(request.limits.max_output, Some(5));
    assert_eq!(request.limits.stop, ["END"]);
    assert_eq!(request.sampling.n, Some(2));
    assert_eq!(request.sampling.seed, Some(1));
    assert_eq!(request.sampling.presence_penalty, Some(0.5));
    assert!(request.sampling.logit_bias.is_some());
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert!(request.include_usage && !request.stream);
    assert!(matches!(
        request.native,
        Some((Dialect::OpenAiCompletions, _))
    ));
    assert_eq!(
        refused(json!({"model": "m", "prompt": "a", "stream": true, "best_of": 2})),
        "best_of"
    );
    let same = json!({"model": "m", "prompt": "a", "stream": true, "best_of": 2, "n": 2});
    assert!(decode(same).is_ok());
}

#[test]
fn e75_logprobs_are_a_number() {
    for (logprobs, want) in [
        (json!(3), Some(3)),
        (json!(0), Some(0)),
        (json!(null), None),
    ] {
        let request = decode(json!({"model": "m", "prompt": "a", "logprobs": logprobs})).unwrap();
        assert_eq!(request.sampling.logprobs, want);
    }
    let request = decode(json!({"model": "m", "prompt": "a", "logprobs": 3})).unwrap();
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let encoded = OpenAiCompletions.encode_request(&request, &target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body,
        json!({"model": "up", "messages": [{"role": "user", "content": "a"}], "logprobs": true, "top_logprobs": 3})
    );
}

#[test]
fn a_reply_is_text_and_nothing_else() {
    let call = Item::Call {
        id: "c".to_owned(),
        item_id: None,
        name: "f".to_owned(),
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json("{}".to_owned()),
        signature: None,
        cache: None,
        caller: None,
    };
    let thought = Item::Reasoning {
        text: "hm".to_owned(),
        summary: Vec::new(),
        signature: None,
        redacted: false,
        id: None,
    };
    let whole = response(
        vec![thought, text_item("a", None), text_item("b", None), call],
        Stop::ToolUse,
    );
    let context = context(json!({"prompt": "p"}));
    assert_eq!(
        answer(&whole, &context),
        json!({"id": "chatcmpl-1", "object": "text_completion", "created": 7, "model": "shown",
            "choices": [{"text": "ab", "index": 0, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    );
    let (chunks, done) = sent(whole, &context);
    assert!(done);
    // No chunk for the role, the thinking and the call.
    let pieces: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            (
                chunk["choices"][0]["text"].as_str().unwrap(),
                &chunk["choices"][0]["finish_reason"],
            )
        })
        .collect();
    assert_eq!(
        pieces,
        [
            ("a", &Value::Null),
            ("b", &Value::Null),
            ("", &json!("stop"))
        ]
    );
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "text_completion" && chunk["id"] == "chatcmpl-1")
    );
}

#[test]
fn ids_of_others_are_replaced() {
    let mut whole = response(vec![text_item("a", None)], Stop::EndTurn);
    whole.start.id = Some("msg_1".to_owned());
    let id = answer(&whole, &context(json!({})))["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(id.starts_with("cmpl-") && id.len() == 34, "{id}");
}

#[test]
fn echo_puts_the_prompt_first() {
    let whole = response(vec![text_item(" world", None)], Stop::EndTurn);
    let echoing = context(json!({"prompt": ["hello"], "echo": true}));
    assert_eq!(
        answer(&whole, &echoing)["choices"][0]["text"],
        "hello world"
    );
    let (chunks, _) = sent(whole.clone(), &echoing);
    let texts: Vec<_> = chunks
        .iter()
        .map(|c| c["choices"][0]["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["hello", " world", ""]);
    let silent = context(json!({"prompt": "hello", "echo": false}));
    assert_eq!(answer(&whole, &silent)["choices"][0]["text"], " world");
}

#[test]
fn logprobs_become_parallel_arrays() {
    let first = json!([{"token": "Hé", "logprob": -0.5, "bytes": null, "top_logprobs": [
        {"token": "Hé", "logprob": -0.5}, {"token": "Ho", "logprob": -1.25}]}]);
    let second = json!([{"token": "y", "logprob": -2.0, "top_logprobs": []}]);
    let whole = response(
        vec![text_item("Hé", Some(first)), text_item("y", Some(second))],
        Stop::EndTurn,
    );
    let echoing = context(json!({"prompt": "abc", "echo": true}));
    assert_eq!(
        answer(&whole, &echoing)["choices"][0]["logprobs"],
        json!({"tokens": ["Hé", "y"], "token_logprobs": [-0.5, -2.0],
            "top_logprobs": [{"Hé": -0.5, "Ho": -1.25}, null], "text_offset": [3, 5]})
    );
    let (chunks, _) = sent(whole, &echoing);
    assert_eq!(
        chunks[1]["choices"][0]["logprobs"]["text_offset"],
        json!([3])
    );
    assert_eq!(
        chunks[2]["choices"][0]["logprobs"]["text_offset"],
        json!([5])
    );
}

#[test]
fn e234_the_usage_chunk_is_for_those_who_ask() {
    let whole = response(vec![text_item("a", None)], Stop::MaxTokens);
    let mut context = context(json!({}));
    let (chunks, _) = sent(whole.clone(), &context);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    context.include_usage = true;
    let (chunks, done) = sent(whole, &context);
    let (last, others) = chunks.split_last().unwrap();
    assert!(done);
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 5);
    assert!(
        others
            .iter()
            .all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some())
    );
    assert_eq!(
        others.last().unwrap()["choices"][0]["finish_reason"],
        "length"
    );
}

#[test]
fn e237_errors_come_without_done() {
    let mut encoder = OpenAiCompletions.event_encoder(&context(json!({})));
    let mut out = Vec::new();
    encoder.encode(Event::Error(Box::new(Failure::new(500, "boom"))), &mut out);
    encoder.encode(Event::End, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("data: {\"error\":") && !text.contains("[DONE]"));
}

#[test]
fn nothing_is_passed_through() {
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let refusal = OpenAiCompletions.patch_request(&Bytes::new(), &Patch::default(), &target);
    assert!(matches!(refusal, Err(CodecError::Unsupported { .. })));
}

#[test]
fn recorded_requests_are_taken_and_recorded_replies_have_our_shape() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/openai-completions");
    let Ok(entries) = fs::read_dir(&folder) else {
        assert!(env::var_os("CI").is_none(), "no fixtures in {folder:?}");
        return;
    };
    let whole = response(vec![text_item("a", None)], Stop::MaxTokens);
    let ours = answer(&whole, &context(json!({})));
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let mut n_seen = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        if name.ends_with(".request.json") {
            assert!(
                decode(serde_json::from_str(&text).unwrap()).is_ok(),
                "{name}"
            );
            n_seen += 1;
        } else if name.ends_with(".response.json") {
            let theirs: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(keys(&ours), keys(&theirs), "{name}");
            assert_eq!(
                keys(&ours["choices"][0]),
                keys(&theirs["choices"][0]),
                "{name}"
            );
            n_seen += 1;
        } else if name.ends_with(".chunks.txt") {
            let (chunks, _) = sent(whole.clone(), &{
                let mut asked = context(json!({}));
                asked.include_usage = true;
                asked
            });
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            for (ours, theirs) in [
                (&chunks[0], &lines[0]),
                (chunks.last().unwrap(), lines.last().unwrap()),
            ] {
                assert_eq!(keys(ours), keys(theirs), "{name}");
            }
            n_seen += 1;
        }
    }
    assert!(n_seen > 0);
}

#[test]
fn upstream_replies_are_read_as_chat() {
    let body = json!({"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]});
    let context = context(json!({}));
    let events = OpenAiCompletions
        .decode_response(&bytes(&body), &context)
        .unwrap();
    let whole = fold(events).unwrap();
    assert_eq!(answer(&whole, &context)["choices"][0]["text"], "hi");
}
