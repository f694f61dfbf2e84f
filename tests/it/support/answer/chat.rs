//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::{Answer, Piece, Stop, data, sevens, words};

fn finish(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::Length => "length",
        Stop::Done if answer.calls() => "tool_calls",
        Stop::Done => "stop",
    }
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.input.0,
        "completion_tokens": answer.output.0,
        "total_tokens": answer.input.0 + answer.output.0,
        "prompt_tokens_details": {"cached_tokens": answer.input.1, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.output.1, "audio_tokens": 0},
    })
}

fn image(mime: &str, base64: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": format!("data:{mime};base64,{base64}")}})
}

pub fn whole(answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    let (mut text, mut thinking) = (String::new(), String::new());
    let (mut calls, mut images) = (Vec::new(), Vec::new());
    for piece in &answer.pieces {
        match piece {
            Piece::Text(more) => text += more,
            Piece::Thinking { text, .. } => thinking += text,
            Piece::Image(mime, base64) => images.push(image(mime, base64)),
            Piece::Call {
                id,
                name,
                arguments,
            } => calls.push(json!({"id": id, "type": "function",
                "function": {"name": name, "arguments": arguments}})),
        }
    }
    if !text.is_empty() {
        message["content"] = text.into();
    }
    if !thinking.is_empty() {
        message["reasoning_content"] = thinking.into();
    }
    for (name, list) in [("tool_calls", calls), ("images", images)] {
        if !list.is_empty() {
            message[name] = list.into();
        }
    }
    json!({
        "id": "chatcmpl-test", "object": "chat.completion", "created": 1_750_000_000,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "logprobs": null,
                     "finish_reason": finish(answer)}],
        "usage": usage(answer), "service_tier": "default", "system_fingerprint": "fp_test",
    })
}

pub fn frames(answer: &Answer) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        data(
            &json!({"id": "chatcmpl-test", "object": "chat.completion.chunk",
            "created": 1_750_000_000, "model": answer.model, "service_tier": "default",
            "system_fingerprint": "fp_test", "choices": choices, "usage": usage}),
        )
    };
    let delta = |delta: Value| {
        chunk(
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]),
            Value::Null,
        )
    };
    let mut frames = vec![delta(
        json!({"role": "assistant", "content": "", "refusal": null}),
    )];
    let mut n_calls = 0;
    for piece in &answer.pieces {
        match piece {
            Piece::Text(text) => {
                frames.extend(words(text).map(|word| delta(json!({"content": word}))));
            }
            Piece::Thinking { text, .. } => {
                let words = words(text).map(|word| delta(json!({"reasoning_content": word})));
                frames.extend(words);
            }
            Piece::Image(mime, base64) => {
                frames.push(delta(json!({"images": [image(mime, base64)]})));
            }
            Piece::Call {
                id,
                name,
                arguments,
            } => {
                let call = |rest: Value| {
                    let mut call = json!({"index": n_calls});
                    for (key, value) in rest.as_object().unwrap() {
                        call[key] = value.clone();
                    }
                    delta(json!({"tool_calls": [call]}))
                };
                let function = json!({"name": name, "arguments": ""});
                frames.push(call(
                    json!({"id": id, "type": "function", "function": function}),
                ));
                let pieces = sevens(arguments).into_iter();
                frames.extend(pieces.map(|piece| call(json!({"function": {"arguments": piece}}))));
                n_calls += 1;
            }
        }
    }
    let last = json!([{"index": 0, "delta": {}, "logprobs": null,
        "finish_reason": finish(answer)}]);
    frames.push(chunk(last, Value::Null));
    frames.push(chunk(json!([]), usage(answer)));
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}
