//! Replies of upstreams, written by hand in each protocol: nothing here comes from a codec.

use crate::pair::*;
use protocol::Dialect;
use serde_json::{Value, json};

/// One thing the model says.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Thinking and its proof.
    Thinking(&'static str, &'static str),
    Text(&'static str),
    /// Id, name, arguments.
    Call(&'static str, &'static str, Value),
}

/// Why the model stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Done,
    Limit,
    Filter,
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Answer {
    pub pieces: Vec<Piece>,
    pub why: Why,
}

/// Input of which cached, output of which thinking.
pub const COUNTS: [u64; 4] = [120, 40, 70, 30];

pub fn answer(pieces: Vec<Piece>) -> Answer {
    Answer {
        pieces,
        why: Why::Done,
    }
}

impl Answer {
    pub fn why(mut self, why: Why) -> Self {
        self.why = why;
        self
    }

    fn calls(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Call(..)))
    }

    /// The payloads of a stream, to its end.
    pub fn stream(&self, upstream: Dialect) -> Vec<Value> {
        match upstream {
            C | L => self.chat_stream(),
            R => self.responses_stream(),
            A => self.anthropic_stream(),
            G => self.gemini_stream(),
        }
    }

    /// The body of a whole reply.
    pub fn whole(&self, upstream: Dialect) -> Value {
        match upstream {
            C | L => self.chat(),
            R => self.response(),
            A => self.anthropic(),
            G => self.gemini(),
        }
    }

    fn chat_finish(&self) -> &'static str {
        match self.why {
            Why::Limit => "length",
            Why::Filter => "content_filter",
            Why::Done if self.calls() => "tool_calls",
            Why::Done => "stop",
        }
    }

    fn chat_usage() -> Value {
        let [input, cached, output, thinking] = COUNTS;
        json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
               "prompt_tokens_details": {"cached_tokens": cached},
               "completion_tokens_details": {"reasoning_tokens": thinking}})
    }

    fn chat(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": null});
        let mut calls = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Thinking(text, _) => add(&mut message["reasoning_content"], text),
                Piece::Text(text) => add(&mut message["content"], text),
                Piece::Call(id, name, arguments) => calls
                    .push(json!({"id": id, "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()}})),
            }
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "up",
               "choices": [{"index": 0, "message": message, "finish_reason": self.chat_finish()}],
               "usage": Self::chat_usage()})
    }

    fn chat_stream(&self) -> Vec<Value> {
        let mut all = vec![chunk(
            json!({"role": "assistant", "content": ""}),
            Value::Null,
        )];
        let mut n_calls = 0;
        for piece in &self.pieces {
            let deltas = match piece {
                Piece::Thinking(text, _) => pieces(text)
                    .map(|text| json!({"reasoning_content": text}))
                    .collect(),
                Piece::Text(text) => pieces(text).map(|text| json!({"content": text})).collect(),
                Piece::Call(id, name, arguments) => {
                    let at = n_calls;
                    n_calls += 1;
                    let mut deltas = vec![json!({"tool_calls": [{"index": at, "id": id,
                        "type": "function", "function": {"name": name, "arguments": ""}}]})];
                    deltas.extend(pieces(&arguments.to_string()).map(|text| {
                        json!({"tool_calls": [{"index": at, "function": {"arguments": text}}]})
                    }));
                    deltas
                }
            };
            all.extend(
                deltas
                    .into_iter()
                    .map(|delta: Value| chunk(delta, Value::Null)),
            );
        }
        all.push(chunk(json!({}), json!(self.chat_finish())));
        all.push(
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                        "model": "up", "choices": [], "usage": Self::chat_usage()}),
        );
        all.push(json!("[DONE]"));
        all
    }

    fn response_items(&self) -> Vec<Value> {
        let items = self
            .pieces
            .iter()
            .enumerate()
            .map(|(n, piece)| match piece {
                Piece::Thinking(text, proof) => {
                    json!({"type": "reasoning", "id": format!("rs_{n}"),
                "summary": [{"type": "summary_text", "text": text}],
                "encrypted_content": proof})
                }
                Piece::Text(text) => json!({"type": "message", "id": format!("msg_{n}"),
                "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}),
                Piece::Call(id, name, arguments) => json!({"type": "function_call",
                "id": format!("fc_{n}"), "call_id": id, "name": name,
                "arguments": arguments.to_string(), "status": "completed"}),
            });
        items.collect()
    }

    fn response(&self) -> Value {
        let [input, cached, output, thinking] = COUNTS;
        let (status, reason) = match self.why {
            Why::Done => ("completed", Value::Null),
            Why::Limit => ("incomplete", json!({"reason": "max_output_tokens"})),
            Why::Filter => ("incomplete", json!({"reason": "content_filter"})),
        };
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status,
               "incomplete_details": reason, "model": "up", "output": self.response_items(),
               "usage": {"input_tokens": input, "output_tokens": output,
                         "total_tokens": input + output,
                         "input_tokens_details": {"cached_tokens": cached},
                         "output_tokens_details": {"reasoning_tokens": thinking}}})
    }

    fn responses_stream(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for (n, item) in self.response_items().into_iter().enumerate() {
            let mut fresh = item.clone();
            for (key, empty) in [
                ("content", json!([])),
                ("summary", json!([])),
                ("arguments", json!("")),
            ] {
                if fresh.get(key).is_some() {
                    fresh[key] = empty;
                }
            }
            if let Some(proof) = fresh.get_mut("encrypted_content") {
                *proof = json!("provisional");
            }
            let with = |kind: &str, more: Value| {
                let mut event = json!({"type": format!("response.{kind}"), "output_index": n});
                event
                    .as_object_mut()
                    .unwrap()
                    .extend(more.as_object().unwrap().clone());
                event
            };
            let id = &item["id"];
            all.push(with("output_item.added", json!({"item": fresh})));
            match &self.pieces[n] {
                Piece::Thinking(text, _) => {
                    let at = json!({"item_id": id, "summary_index": 0});
                    let part = |text: &str| json!({"type": "summary_text", "text": text});
                    let both = |kind: &str, key: &str, value: Value| {
                        let mut event = with(kind, at.clone());
                        event[key] = value;
                        event
                    };
                    all.push(both("reasoning_summary_part.added", "part", part("")));
                    all.extend(
                        pieces(text)
                            .map(|text| both("reasoning_summary_text.delta", "delta", json!(text))),
                    );
                    all.push(both("reasoning_summary_text.done", "text", json!(text)));
                    all.push(both("reasoning_summary_part.done", "part", part(text)));
                }
                Piece::Text(text) => {
                    let at = json!({"item_id": id, "content_index": 0});
                    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
                    let both = |kind: &str, key: &str, value: Value| {
                        let mut event = with(kind, at.clone());
                        event[key] = value;
                        event
                    };
                    all.push(both("content_part.added", "part", part("")));
                    all.extend(
                        pieces(text).map(|text| both("output_text.delta", "delta", json!(text))),
                    );
                    all.push(both("output_text.done", "text", json!(text)));
                    all.push(both("content_part.done", "part", part(text)));
                }
                Piece::Call(_, _, arguments) => {
                    let text = arguments.to_string();
                    all.extend(pieces(&text).map(|text| {
                        with(
                            "function_call_arguments.delta",
                            json!({"item_id": id, "delta": text}),
                        )
                    }));
                    all.push(with(
                        "function_call_arguments.done",
                        json!({"item_id": id, "arguments": text}),
                    ));
                }
            }
            all.push(with("output_item.done", json!({"item": item})));
        }
        let end = self.response();
        let kind = if self.why == Why::Done {
            "completed"
        } else {
            "incomplete"
        };
        let mut stream = vec![
            json!({"type": "response.created", "response": {"id": "resp_1",
            "object": "response", "created_at": 1, "model": "up", "status": "in_progress",
            "output": []}}),
        ];
        stream.extend(all);
        stream.push(json!({"type": format!("response.{kind}"), "response": end}));
        for (n, event) in stream.iter_mut().enumerate() {
            event["sequence_number"] = json!(n);
        }
        stream
    }

    fn anthropic_stop(&self) -> &'static str {
        match self.why {
            Why::Limit => "max_tokens",
            Why::Filter => "refusal",
            Why::Done if self.calls() => "tool_use",
            Why::Done => "end_turn",
        }
    }

    fn blocks(&self) -> Vec<Value> {
        let blocks = self.pieces.iter().map(|piece| match piece {
            Piece::Thinking(text, proof) => {
                json!({"type": "thinking", "thinking": text, "signature": proof})
            }
            Piece::Text(text) => json!({"type": "text", "text": text}),
            Piece::Call(id, name, arguments) => {
                json!({"type": "tool_use", "id": id, "name": name, "input": arguments})
            }
        });
        blocks.collect()
    }

    fn anthropic(&self) -> Value {
        let [input, cached, output, _] = COUNTS;
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "up",
               "content": self.blocks(), "stop_reason": self.anthropic_stop(),
               "stop_sequence": null,
               "usage": {"input_tokens": input - cached, "cache_creation_input_tokens": 0,
                         "cache_read_input_tokens": cached, "output_tokens": output}})
    }

    fn anthropic_stream(&self) -> Vec<Value> {
        let whole = self.anthropic();
        let mut head = whole.clone();
        head["content"] = json!([]);
        head["stop_reason"] = Value::Null;
        head["usage"]["output_tokens"] = json!(1);
        let mut all = vec![json!({"type": "message_start", "message": head})];
        for (n, (piece, block)) in self.pieces.iter().zip(self.blocks()).enumerate() {
            let mut fresh = block.clone();
            let deltas: Vec<Value> = match piece {
                Piece::Thinking(text, proof) => {
                    fresh["thinking"] = json!("");
                    fresh["signature"] = json!("");
                    pieces(text)
                        .map(|text| json!({"type": "thinking_delta", "thinking": text}))
                        .chain([json!({"type": "signature_delta", "signature": proof})])
                        .collect()
                }
                Piece::Text(text) => {
                    fresh["text"] = json!("");
                    pieces(text)
                        .map(|text| json!({"type": "text_delta", "text": text}))
                        .collect()
                }
                Piece::Call(_, _, arguments) => {
                    fresh["input"] = json!({});
                    pieces(&arguments.to_string())
                        .map(|text| json!({"type": "input_json_delta", "partial_json": text}))
                        .collect()
                }
            };
            all.push(json!({"type": "content_block_start", "index": n, "content_block": fresh}));
            all.extend(
                deltas.into_iter().map(
                    |delta| json!({"type": "content_block_delta", "index": n, "delta": delta}),
                ),
            );
            all.push(json!({"type": "content_block_stop", "index": n}));
        }
        all.push(
            json!({"type": "message_delta", "delta": {"stop_reason": self.anthropic_stop(),
            "stop_sequence": null}, "usage": {"output_tokens": COUNTS[2]}}),
        );
        all.push(json!({"type": "message_stop"}));
        all
    }

    /// A signature stands on the first call, else on the last text.
    fn parts(&self) -> Vec<Value> {
        let mut parts: Vec<Value> = Vec::new();
        let mut waiting = None;
        for piece in &self.pieces {
            parts.push(match piece {
                Piece::Thinking(text, proof) => {
                    waiting = Some(*proof);
                    json!({"text": text, "thought": true})
                }
                Piece::Text(text) => json!({"text": text}),
                Piece::Call(id, name, arguments) => {
                    let call = json!({"id": id, "name": name, "args": arguments});
                    let mut part = json!({"functionCall": call});
                    if let Some(proof) = waiting.take() {
                        part["thoughtSignature"] = json!(proof);
                    }
                    part
                }
            });
        }
        if let (Some(proof), Some(last)) = (waiting, parts.last_mut()) {
            last["thoughtSignature"] = json!(proof);
        }
        parts
    }

    fn gemini_object(parts: Vec<Value>, finish: Option<&str>) -> Value {
        let [input, cached, output, thinking] = COUNTS;
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        if let Some(word) = finish {
            candidate["finishReason"] = json!(word);
        }
        json!({"candidates": [candidate], "modelVersion": "up", "responseId": "g1",
               "usageMetadata": {"promptTokenCount": input, "cachedContentTokenCount": cached,
                   "candidatesTokenCount": output - thinking, "thoughtsTokenCount": thinking,
                   "totalTokenCount": input + output}})
    }

    fn gemini_finish(&self) -> &'static str {
        match self.why {
            Why::Done => "STOP",
            Why::Limit => "MAX_TOKENS",
            Why::Filter => "SAFETY",
        }
    }

    fn gemini(&self) -> Value {
        Self::gemini_object(self.parts(), Some(self.gemini_finish()))
    }

    fn gemini_stream(&self) -> Vec<Value> {
        let mut all: Vec<Value> = self
            .parts()
            .into_iter()
            .map(|part| Self::gemini_object(vec![part], None))
            .collect();
        all.push(Self::gemini_object(
            vec![json!({"text": ""})],
            Some(self.gemini_finish()),
        ));
        all
    }
}

/// A chunk of a chat stream.
pub fn chunk(delta: Value, finish: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up",
           "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn add(place: &mut Value, text: &str) {
    let before = place.as_str().unwrap_or_default();
    *place = json!(format!("{before}{text}"));
}

/// A text cut between characters, five at a time.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let cut: Vec<String> = characters
        .chunks(5)
        .map(|piece| piece.iter().collect())
        .collect();
    cut.into_iter()
}
