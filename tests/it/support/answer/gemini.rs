//! Gemini generateContent.

use serde_json::{Value, json};

use super::{Answer, Piece, Stop, words};

fn usage(answer: &Answer) -> Value {
    json!({
        "promptTokenCount": answer.input.0,
        "cachedContentTokenCount": answer.input.1,
        "candidatesTokenCount": answer.output.0 - answer.output.1,
        "thoughtsTokenCount": answer.output.1,
        "totalTokenCount": answer.input.0 + answer.output.0,
    })
}

/// The parts of each piece; streamed text comes word by word. A signature sits on the part that
/// follows the thinking it belongs to.
fn parts(answer: &Answer, streamed: bool) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut pending = "";
    for piece in &answer.pieces {
        let first = parts.len();
        match piece {
            Piece::Thinking { text, signature } => {
                parts.push(json!({"text": text, "thought": true}));
                pending = signature;
                continue;
            }
            Piece::Text(text) if streamed => {
                parts.extend(words(text).map(|word| json!({"text": word})));
            }
            Piece::Text(text) => parts.push(json!({"text": text})),
            Piece::Call {
                id: _,
                name,
                arguments,
            } => {
                let args: Value = serde_json::from_str(arguments).unwrap();
                parts.push(json!({"functionCall": {"name": name, "args": args}}));
            }
            Piece::Image(mime, base64) => {
                parts.push(json!({"inlineData": {"mimeType": mime, "data": base64}}));
            }
        }
        let signature = std::mem::take(&mut pending);
        if !signature.is_empty() {
            parts[first]["thoughtSignature"] = signature.into();
        }
    }
    parts
}

fn object(answer: &Answer, parts: &[Value], last: bool) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    let mut object = json!({"modelVersion": answer.model, "responseId": "gemini-test"});
    if last {
        candidate["finishReason"] = match answer.stop {
            Stop::Done => "STOP".into(),
            Stop::Length => "MAX_TOKENS".into(),
        };
        object["usageMetadata"] = usage(answer);
    }
    object["candidates"] = json!([candidate]);
    object
}

pub fn whole(answer: &Answer) -> Value {
    object(answer, &parts(answer, false), true)
}

pub fn frames(answer: &Answer) -> Vec<String> {
    let parts = parts(answer, true);
    // Google ends lines with CRLF.
    let frame = |value: Value| format!("data: {value}\r\n\r\n");
    let mut frames: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            frame(object(
                answer,
                std::slice::from_ref(part),
                i + 1 == parts.len(),
            ))
        })
        .collect();
    if frames.is_empty() {
        frames.push(frame(object(answer, &[], true)));
    }
    frames
}
