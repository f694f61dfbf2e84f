//! Every client to every upstream: one conversation, written by hand in each protocol, is the same
//! conversation on the upstream's wire.

use crate::pair::*;
use protocol::canonical::{Choice, Item, MediaSource, OutputFormat, Request, Role, ToolKind};
use protocol::codec::PathFacts;
use protocol::{Dialect, codec};
use serde_json::{Value, json};

/// A picture of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn schema() -> Value {
    json!({"type": "object", "properties": {"path": {"type": "string", "description": "é < b"}},
           "required": ["path"]})
}

fn answer_schema() -> Value {
    json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"],
           "additionalProperties": false})
}

/// The conversation as a client of this protocol writes it.
fn conversation(client: Dialect) -> Value {
    let args = |path: &str| json!({"path": path});
    let data_url = format!("data:image/png;base64,{PNG}");
    match client {
        C => {
            let call = |id: &str, path: &str| {
                json!({"id": id, "type": "function",
                       "function": {"name": "read", "arguments": args(path).to_string()}})
            };
            chat(
                json!([
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [
                        {"type": "text", "text": "What is in «a» and «b»?"},
                        {"type": "image_url", "image_url": {"url": data_url}},
                    ]},
                    {"role": "assistant", "content": "I look.",
                     "tool_calls": [call("call_1", "/a"), call("call_2", "/b")]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "alpha"},
                    {"role": "tool", "tool_call_id": "call_2", "content": "beta"},
                    {"role": "assistant", "content": "Alpha and beta."},
                    {"role": "user", "content": "Sure?"},
                ]),
                json!({
                    "tools": [{"type": "function", "function": {"name": "read",
                        "description": "Reads.", "parameters": schema()}}],
                    "tool_choice": "auto", "max_tokens": 500, "temperature": 0.5, "stop": ["END"],
                    "response_format": {"type": "json_schema", "json_schema": {"name": "answer",
                        "schema": answer_schema(), "strict": true}},
                }),
            )
        }
        R => {
            let call = |id: &str, path: &str| {
                json!({"type": "function_call", "call_id": id, "name": "read",
                       "arguments": args(path).to_string()})
            };
            let output = |id: &str, text: &str| json!({"type": "function_call_output", "call_id": id, "output": text});
            input(
                json!([
                    {"role": "user", "content": [
                        {"type": "input_text", "text": "What is in «a» and «b»?"},
                        {"type": "input_image", "image_url": data_url},
                    ]},
                    {"type": "message", "role": "assistant",
                     "content": [{"type": "output_text", "text": "I look."}]},
                    call("call_1", "/a"), call("call_2", "/b"),
                    output("call_1", "alpha"), output("call_2", "beta"),
                    {"role": "assistant", "content": "Alpha and beta."},
                    {"role": "user", "content": "Sure?"},
                ]),
                json!({
                    "instructions": "Be brief.",
                    "tools": [{"type": "function", "name": "read", "description": "Reads.",
                               "parameters": schema()}],
                    "tool_choice": "auto", "max_output_tokens": 500, "temperature": 0.5,
                    "text": {"format": {"type": "json_schema", "name": "answer",
                        "schema": answer_schema(), "strict": true}},
                }),
            )
        }
        A => {
            let call = |id: &str, path: &str| json!({"type": "tool_use", "id": id, "name": "read", "input": args(path)});
            let result = |id: &str, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": text});
            messages(
                json!([
                    {"role": "user", "content": [
                        {"type": "text", "text": "What is in «a» and «b»?"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                                     "data": PNG}},
                    ]},
                    {"role": "assistant", "content": [
                        {"type": "text", "text": "I look."},
                        call("call_1", "/a"), call("call_2", "/b"),
                    ]},
                    {"role": "user", "content": [result("call_1", "alpha"), result("call_2", "beta")]},
                    {"role": "assistant", "content": "Alpha and beta."},
                    {"role": "user", "content": "Sure?"},
                ]),
                json!({
                    "system": "Be brief.",
                    "tools": [{"name": "read", "description": "Reads.", "input_schema": schema()}],
                    "tool_choice": {"type": "auto"}, "max_tokens": 500, "temperature": 0.5,
                    "stop_sequences": ["END"],
                    "output_config": {"format": {"type": "json_schema", "schema": answer_schema()}},
                }),
            )
        }
        _ => {
            let call = |id: &str, path: &str| json!({"functionCall": {"id": id, "name": "read", "args": args(path)}});
            let response = |id: &str, text: &str| json!({"functionResponse": {"id": id, "name": "read", "response": {"output": text}}});
            contents(
                json!([
                    {"role": "user", "parts": [
                        {"text": "What is in «a» and «b»?"},
                        {"inlineData": {"mimeType": "image/png", "data": PNG}},
                    ]},
                    {"role": "model", "parts": [
                        {"text": "I look."}, call("call_1", "/a"), call("call_2", "/b"),
                    ]},
                    {"role": "user", "parts": [response("call_1", "alpha"), response("call_2", "beta")]},
                    {"role": "model", "parts": [{"text": "Alpha and beta."}]},
                    {"role": "user", "parts": [{"text": "Sure?"}]},
                ]),
                json!({
                    "systemInstruction": {"parts": [{"text": "Be brief."}]},
                    "tools": [{"functionDeclarations": [{"name": "read", "description": "Reads.",
                               "parametersJsonSchema": schema()}]}],
                    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
                    "generationConfig": {"maxOutputTokens": 500, "temperature": 0.5,
                        "stopSequences": ["END"], "responseMimeType": "application/json",
                        "responseJsonSchema": answer_schema()},
                }),
            )
        }
    }
}

/// The conversation in one line per item, without ids.
fn lines(request: &Request) -> Vec<String> {
    let mut lines: Vec<String> = request
        .system
        .iter()
        .map(|block| format!("system: {}", block.text))
        .collect();
    let mut calls: Vec<(String, String)> = Vec::new();
    for turn in &request.turns {
        for item in &turn.items {
            lines.push(match item {
                Item::Text { text, .. } => {
                    let who = if turn.role == Role::Assistant {
                        "model"
                    } else {
                        "user"
                    };
                    format!("{who}: {text}")
                }
                Item::Image {
                    source: MediaSource::Base64 { mime, data },
                    ..
                } => format!("picture: {mime} {data}"),
                Item::Call {
                    id,
                    name,
                    arguments,
                    ..
                } => {
                    let arguments: Value = serde_json::from_str(arguments.as_str()).unwrap();
                    calls.push((id.clone(), format!("{name} {arguments}")));
                    format!("call: {name} {arguments}")
                }
                Item::Result {
                    call_id, content, ..
                } => {
                    let at = calls.iter().position(|(id, _)| id == call_id);
                    let (_, call) = calls.remove(at.unwrap_or(0));
                    let text: String = content
                        .iter()
                        .map(|item| match item {
                            Item::Text { text, .. } => text.as_str(),
                            other => panic!("{other:?}"),
                        })
                        .collect();
                    format!("result of {call}: {text}")
                }
                other => panic!("{other:?}"),
            });
        }
    }
    lines
}

#[test]
fn a_conversation_is_the_same_for_every_upstream() {
    let want = [
        "system: Be brief.",
        "user: What is in «a» and «b»?",
        &format!("picture: image/png {PNG}"),
        "model: I look.",
        r#"call: read {"path":"/a"}"#,
        r#"call: read {"path":"/b"}"#,
        r#"result of read {"path":"/a"}: alpha"#,
        r#"result of read {"path":"/b"}: beta"#,
        "model: Alpha and beta.",
        "user: Sure?",
    ];
    for client in [C, R, A, G] {
        for upstream in [C, R, A, G] {
            let name = format!("{client:?}→{upstream:?}");
            let pair = pair(client, upstream).model(|model| model.structured_output = true);
            let asked = pair.ask(&conversation(client));
            let path = PathFacts {
                model: Some("upstream"),
                stream: Some(false),
            };
            let read = codec(upstream).decode_request(&asked.bytes, &path).unwrap();
            assert_eq!(lines(&read), want, "{name}: {:#}", asked.body);
            assert_eq!(read.model, "upstream", "{name}");
            assert_eq!(read.limits.max_output, Some(500), "{name}");
            assert_eq!(read.sampling.temperature, Some(0.5), "{name}");
            let stops = usize::from(client != R && upstream != R);
            assert_eq!(read.limits.stop, vec!["END"; stops], "{name}");
            assert!(
                matches!(read.tool_choice, None | Some(Choice::Auto)),
                "{name}"
            );
            let [tool] = &read.tools[..] else {
                panic!("{name}: {:?}", read.tools);
            };
            assert_eq!(tool.name, "read", "{name}");
            assert_eq!(tool.description.as_deref(), Some("Reads."), "{name}");
            let ToolKind::Function {
                schema: Some(sent), ..
            } = &tool.kind
            else {
                panic!("{name}: {:?}", tool.kind);
            };
            let sent: Value = serde_json::from_str(sent.as_str()).unwrap();
            assert_eq!(sent["properties"], schema()["properties"], "{name}");
            assert_eq!(sent["required"], json!(["path"]), "{name}");
            let OutputFormat::JsonSchema { schema, .. } = &read.output.format else {
                panic!("{name}: {:?}", read.output.format);
            };
            let schema: Value = serde_json::from_str(schema.as_str()).unwrap();
            assert_eq!(
                schema["properties"],
                answer_schema()["properties"],
                "{name}"
            );
        }
    }
}

/// The same body gives the same bytes, however often it is sent: prompt caches live on that.
#[test]
fn e35_the_same_request_is_always_the_same() {
    for client in [C, R, A, G] {
        for upstream in [C, R, A, G] {
            let mut body = conversation(client);
            if client == G {
                // Without ids, which are then made.
                for turn in body["contents"].as_array_mut().unwrap() {
                    for part in turn["parts"].as_array_mut().unwrap() {
                        for key in ["functionCall", "functionResponse"] {
                            if let Some(call) = part.get_mut(key) {
                                call.as_object_mut().unwrap().remove("id");
                            }
                        }
                    }
                }
            }
            let pair = pair(client, upstream);
            let first = pair.ask(&body).bytes;
            for _ in 0..100 {
                assert_eq!(pair.ask(&body).bytes, first, "{client:?}→{upstream:?}");
            }
        }
    }
}
