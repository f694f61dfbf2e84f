//! What upstreams say, written by hand, and how to find it in what clients are told.

use crate::answer::chunk;
use crate::pair::*;
use protocol::Dialect;
use serde_json::{Value, json};

/// A stream that says `text` in two pieces, to its end.
pub fn text(upstream: Dialect, text: &str) -> Vec<Value> {
    let (a, b) = text.split_at(text.len() / 2);
    match upstream {
        C | L => vec![
            chunk(json!({"role": "assistant", "content": ""}), Value::Null),
            chunk(json!({"content": a}), Value::Null),
            chunk(json!({"content": b}), Value::Null),
            chunk(json!({}), json!("stop")),
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                   "model": "up", "choices": [],
                   "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}}),
            json!("[DONE]"),
        ],
        R => {
            let item = |status: &str, content: Value| {
                json!({"type": "message", "id": "msg_1", "role": "assistant", "status": status,
                       "content": content})
            };
            let part = json!({"type": "output_text", "text": text, "annotations": []});
            let done = item("completed", json!([part]));
            let at = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
            let with = |mut event: Value| {
                event
                    .as_object_mut()
                    .unwrap()
                    .extend(at.as_object().unwrap().clone());
                event
            };
            response_stream(
                vec![
                    json!({"type": "response.output_item.added", "output_index": 0,
                           "item": item("in_progress", json!([]))}),
                    with(json!({"type": "response.content_part.added",
                        "part": {"type": "output_text", "text": "", "annotations": []}})),
                    with(json!({"type": "response.output_text.delta", "delta": a})),
                    with(json!({"type": "response.output_text.delta", "delta": b})),
                    with(json!({"type": "response.output_text.done", "text": text})),
                    with(json!({"type": "response.content_part.done", "part": part})),
                    json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
                ],
                json!([done]),
            )
        }
        A => message_stream(
            vec![
                json!({"type": "content_block_start", "index": 0,
                       "content_block": {"type": "text", "text": ""}}),
                json!({"type": "content_block_delta", "index": 0,
                       "delta": {"type": "text_delta", "text": a}}),
                json!({"type": "content_block_delta", "index": 0,
                       "delta": {"type": "text_delta", "text": b}}),
                json!({"type": "content_block_stop", "index": 0}),
            ],
            "end_turn",
        ),
        G => vec![
            candidate(json!([{"text": a}]), Value::Null),
            candidate(json!([{"text": b}]), json!("STOP")),
        ],
    }
}

/// A stream that makes one call, to its end.
pub fn call(upstream: Dialect, id: &str, name: &str, arguments: &str) -> Vec<Value> {
    match upstream {
        C | L => vec![
            chunk(
                json!({"role": "assistant", "content": null, "tool_calls": [{"index": 0, "id": id,
                    "type": "function", "function": {"name": name, "arguments": ""}}]}),
                Value::Null,
            ),
            chunk(
                json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}),
                Value::Null,
            ),
            chunk(json!({}), json!("tool_calls")),
            json!("[DONE]"),
        ],
        R => {
            let item = |status: &str, arguments: &str| {
                json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": name,
                       "arguments": arguments, "status": status})
            };
            let done = item("completed", arguments);
            response_stream(
                vec![
                    json!({"type": "response.output_item.added", "output_index": 0,
                           "item": item("in_progress", "")}),
                    json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
                           "output_index": 0, "delta": arguments}),
                    json!({"type": "response.function_call_arguments.done", "item_id": "fc_1",
                           "output_index": 0, "arguments": arguments}),
                    json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
                ],
                json!([done]),
            )
        }
        A => message_stream(
            vec![
                json!({"type": "content_block_start", "index": 0,
                       "content_block": {"type": "tool_use", "id": id, "name": name, "input": {}}}),
                json!({"type": "content_block_delta", "index": 0,
                       "delta": {"type": "input_json_delta", "partial_json": arguments}}),
                json!({"type": "content_block_stop", "index": 0}),
            ],
            "tool_use",
        ),
        G => {
            let args: Value = serde_json::from_str(arguments).unwrap();
            vec![candidate(
                json!([{"functionCall": {"id": id, "name": name, "args": args}}]),
                json!("STOP"),
            )]
        }
    }
}

/// A whole reply that says `text`.
pub fn whole(upstream: Dialect, text: &str) -> Value {
    match upstream {
        C | L => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "up",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}})
        }
        R => json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
            "model": "up",
            "output": [{"type": "message", "id": "msg_1", "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}],
            "usage": {"input_tokens": 12, "output_tokens": 7, "total_tokens": 19}}),
        A => json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "up",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "stop_sequence": null, "usage": {"input_tokens": 12, "output_tokens": 7}}),
        G => candidate(json!([{"text": text}]), json!("STOP")),
    }
}

/// An error inside a stream.
pub fn error(upstream: Dialect) -> Value {
    match upstream {
        C | L => json!({"error": {"message": "busy", "type": "server_error", "code": null}}),
        R => json!({"type": "error", "code": "server_error", "message": "busy", "param": null,
                    "sequence_number": 1}),
        A => json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
        G => json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
    }
}

/// Items between the head and the end of a Responses stream.
pub fn response_stream(items: Vec<Value>, output: Value) -> Vec<Value> {
    let mut all = vec![
        json!({"type": "response.created", "response": {"id": "resp_1",
        "object": "response", "created_at": 1, "model": "up", "status": "in_progress",
        "output": []}}),
    ];
    all.extend(items);
    all.push(
        json!({"type": "response.completed", "response": {"id": "resp_1",
        "object": "response", "created_at": 1, "model": "up", "status": "completed",
        "output": output,
        "usage": {"input_tokens": 12, "output_tokens": 7, "total_tokens": 19}}}),
    );
    for (n, event) in all.iter_mut().enumerate() {
        event["sequence_number"] = json!(n);
    }
    all
}

/// Blocks between the head and the end of an Anthropic stream.
pub fn message_stream(blocks: Vec<Value>, stop: &str) -> Vec<Value> {
    let mut all = vec![json!({"type": "message_start", "message": {"id": "msg_1",
        "type": "message", "role": "assistant", "model": "up", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 12, "output_tokens": 1}}})];
    all.extend(blocks);
    all.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop,
        "stop_sequence": null}, "usage": {"output_tokens": 7}}),
    );
    all.push(json!({"type": "message_stop"}));
    all
}

/// One object of a Gemini stream.
pub fn candidate(parts: Value, finish: Value) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    if !finish.is_null() {
        candidate["finishReason"] = finish;
    }
    json!({"candidates": [candidate], "modelVersion": "up", "responseId": "g1",
           "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 7,
                             "totalTokenCount": 19}})
}

/// The answer text in a client's payloads.
pub fn text_of(client: Dialect, payloads: &[Value]) -> String {
    let mut text = String::new();
    for payload in payloads {
        let piece = match client {
            C => payload.pointer("/choices/0/delta/content"),
            L => payload.pointer("/choices/0/text"),
            R if payload["type"] == "response.output_text.delta" => payload.get("delta"),
            A if payload["delta"]["type"] == "text_delta" => payload.pointer("/delta/text"),
            G => payload
                .pointer("/candidates/0/content/parts/0")
                .filter(|part| part["thought"] != true)
                .and_then(|part| part.get("text")),
            R | A => None,
        };
        text.push_str(piece.and_then(Value::as_str).unwrap_or_default());
    }
    text
}

/// True for the payload that ends a client's stream well.
pub fn is_end(client: Dialect, payload: &Value) -> bool {
    match client {
        C | L => payload == "[DONE]",
        R => ["response.completed", "response.incomplete"]
            .contains(&payload["type"].as_str().unwrap_or_default()),
        A => payload["type"] == "message_stop",
        G => payload["candidates"][0]["finishReason"].is_string(),
    }
}

/// True for the payload that ends a client's stream with an error.
pub fn is_failure(client: Dialect, payload: &Value) -> bool {
    match client {
        C | L | G => payload["error"]["message"].is_string(),
        R => {
            (payload["type"] == "error" && payload["message"].is_string())
                || (payload["type"] == "response.failed"
                    && payload["response"]["error"]["message"].is_string())
        }
        A => payload["type"] == "error" && payload["error"]["message"].is_string(),
    }
}
