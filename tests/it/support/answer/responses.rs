//! OpenAI Responses.

use serde_json::{Value, json};

use super::{Answer, Piece, Stop, event, sevens, words};

fn usage(answer: &Answer) -> Value {
    json!({
        "input_tokens": answer.input.0,
        "input_tokens_details": {"cached_tokens": answer.input.1},
        "output_tokens": answer.output.0,
        "output_tokens_details": {"reasoning_tokens": answer.output.1},
        "total_tokens": answer.input.0 + answer.output.0,
    })
}

fn response(answer: &Answer, status: &str, output: Vec<Value>, usage: Value) -> Value {
    let incomplete = match status {
        "incomplete" => json!({"reason": "max_output_tokens"}),
        _ => Value::Null,
    };
    json!({
        "id": "resp_test", "object": "response", "created_at": 1_750_000_000, "status": status,
        "background": false, "error": null, "incomplete_details": incomplete,
        "instructions": null, "max_output_tokens": null, "metadata": {}, "model": answer.model,
        "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "store": false, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": null,
    })
}

fn item(index: usize, piece: &Piece) -> Value {
    match piece {
        Piece::Text(text) => {
            let part = json!({"type": "output_text", "text": text, "annotations": [],
                "logprobs": []});
            json!({"id": format!("msg_{index}"), "type": "message", "status": "completed",
                "role": "assistant", "content": [part]})
        }
        Piece::Thinking { text, signature } => {
            json!({"id": format!("rs_{index}"), "type": "reasoning",
                "summary": [{"type": "summary_text", "text": text}],
                "encrypted_content": signature})
        }
        Piece::Call {
            id,
            name,
            arguments,
        } => {
            json!({"id": format!("fc_{index}"), "type": "function_call", "status": "completed",
                "call_id": id, "name": name, "arguments": arguments})
        }
        Piece::Image(mime, base64) => {
            let format = mime.strip_prefix("image/").unwrap_or(mime);
            json!({"id": format!("ig_{index}"), "type": "image_generation_call",
                "status": "completed", "output_format": format, "result": base64})
        }
    }
}

pub fn whole(answer: &Answer, done: &str) -> Value {
    let output = answer
        .pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| item(index, piece));
    let status = match answer.stop {
        Stop::Length => "incomplete",
        Stop::Done => done,
    };
    response(answer, status, output.collect(), usage(answer))
}

pub fn frames(answer: &Answer) -> Vec<String> {
    let mut events = Vec::new();
    for name in ["response.created", "response.in_progress"] {
        let response = response(answer, "in_progress", Vec::new(), Value::Null);
        events.push(json!({"type": name, "response": response}));
    }
    for (index, piece) in answer.pieces.iter().enumerate() {
        let done = item(index, piece);
        let mut begun = done.clone();
        begun["status"] = "in_progress".into();
        let steps = match piece {
            Piece::Text(text) => {
                begun["content"] = json!([]);
                text_steps(text, &done["content"][0])
            }
            Piece::Thinking { text, .. } => {
                begun["summary"] = json!([]);
                begun.as_object_mut().unwrap().remove("status");
                thinking_steps(text)
            }
            Piece::Call {
                arguments, name, ..
            } => {
                begun["arguments"] = "".into();
                call_steps(name, arguments)
            }
            Piece::Image(..) => {
                begun["result"] = Value::Null;
                vec![json!({"type": "response.image_generation_call.in_progress"})]
            }
        };
        events.push(
            json!({"type": "response.output_item.added", "output_index": index, "item": begun}),
        );
        for mut step in steps {
            step["item_id"] = done["id"].clone();
            step["output_index"] = index.into();
            events.push(step);
        }
        events.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": done}),
        );
    }
    let last = whole(answer, "completed");
    let name = format!("response.{}", last["status"].as_str().unwrap());
    events.push(json!({"type": name, "response": last}));
    let numbered = events.into_iter().enumerate().map(|(number, mut value)| {
        value["sequence_number"] = number.into();
        event(&value)
    });
    numbered.collect()
}

fn text_steps(text: &str, part: &Value) -> Vec<Value> {
    let empty = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
    let mut steps =
        vec![json!({"type": "response.content_part.added", "content_index": 0, "part": empty})];
    steps.extend(words(text).map(|word| {
        json!({"type": "response.output_text.delta", "content_index": 0, "delta": word,
            "logprobs": []})
    }));
    steps.push(
        json!({"type": "response.output_text.done", "content_index": 0, "text": text,
        "logprobs": []}),
    );
    steps.push(json!({"type": "response.content_part.done", "content_index": 0, "part": part}));
    steps
}

fn thinking_steps(text: &str) -> Vec<Value> {
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let mut steps = vec![json!({"type": "response.reasoning_summary_part.added",
        "summary_index": 0, "part": part("")})];
    steps.extend(words(text).map(|word| {
        json!({"type": "response.reasoning_summary_text.delta", "summary_index": 0,
            "delta": word})
    }));
    steps.push(
        json!({"type": "response.reasoning_summary_text.done", "summary_index": 0,
        "text": text}),
    );
    steps.push(
        json!({"type": "response.reasoning_summary_part.done", "summary_index": 0,
        "part": part(text)}),
    );
    steps
}

fn call_steps(name: &str, arguments: &str) -> Vec<Value> {
    let mut steps: Vec<_> = sevens(arguments)
        .into_iter()
        .map(|piece| json!({"type": "response.function_call_arguments.delta", "delta": piece}))
        .collect();
    steps.push(
        json!({"type": "response.function_call_arguments.done", "name": name,
        "arguments": arguments}),
    );
    steps
}
