//! Anthropic Messages.

use serde_json::{Value, json};

use super::{Answer, Piece, Stop, event, sevens, words};

fn stop_reason(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::Length => "max_tokens",
        Stop::Done if answer.calls() => "tool_use",
        Stop::Done => "end_turn",
    }
}

/// The service counts cached input apart from the rest.
fn usage(answer: &Answer, output: u64) -> Value {
    json!({
        "input_tokens": answer.input.0 - answer.input.1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.input.1,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn block(piece: &Piece) -> Value {
    match piece {
        Piece::Text(text) => json!({"type": "text", "text": text}),
        Piece::Thinking { text, signature } => {
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Piece::Call {
            id,
            name,
            arguments,
        } => {
            let input: Value = serde_json::from_str(arguments).unwrap();
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
        Piece::Image(..) => panic!("no pictures come out of this protocol"),
    }
}

fn message(answer: &Answer, content: Vec<Value>, stop: Value, usage: Value) -> Value {
    json!({"id": "msg_test", "type": "message", "role": "assistant", "model": answer.model,
        "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage})
}

pub fn whole(answer: &Answer) -> Value {
    let content = answer.pieces.iter().map(block).collect();
    message(
        answer,
        content,
        stop_reason(answer).into(),
        usage(answer, answer.output.0),
    )
}

pub fn frames(answer: &Answer) -> Vec<String> {
    let start = message(answer, Vec::new(), Value::Null, usage(answer, 1));
    let mut frames = vec![
        event(&json!({"type": "message_start", "message": start})),
        event(&json!({"type": "ping"})),
    ];
    for (index, piece) in answer.pieces.iter().enumerate() {
        let (empty, deltas) = match piece {
            Piece::Text(text) => (
                json!({"type": "text", "text": ""}),
                words(text)
                    .map(|word| json!({"type": "text_delta", "text": word}))
                    .collect(),
            ),
            Piece::Thinking { text, signature } => {
                let words = words(text);
                let mut deltas: Vec<_> = words
                    .map(|word| json!({"type": "thinking_delta", "thinking": word}))
                    .collect();
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
                (
                    json!({"type": "thinking", "thinking": "", "signature": ""}),
                    deltas,
                )
            }
            Piece::Call {
                id,
                name,
                arguments,
            } => {
                let pieces = std::iter::once(String::new()).chain(sevens(arguments));
                let deltas = pieces
                    .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                    .collect();
                (
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                    deltas,
                )
            }
            Piece::Image(..) => (block(piece), Vec::new()),
        };
        frames.push(event(
            &json!({"type": "content_block_start", "index": index, "content_block": empty}),
        ));
        frames.extend(deltas.into_iter().map(|delta: Value| {
            event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
        }));
        frames.push(event(
            &json!({"type": "content_block_stop", "index": index}),
        ));
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    let usage = usage(answer, answer.output.0);
    frames.push(event(
        &json!({"type": "message_delta", "delta": delta, "usage": usage}),
    ));
    frames.push(event(&json!({"type": "message_stop"})));
    frames
}
