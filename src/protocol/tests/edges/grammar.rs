//! The rules a client's stream has to follow, whatever the upstream did: official clients break
//! where one of them is broken.

use crate::pair::*;
use crate::said;
use protocol::Dialect;
use serde_json::Value;
use std::collections::BTreeMap;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With the protocol's end marker.
    Well,
    /// With the protocol's error event.
    Failed,
}

/// Checks a whole client stream; the first broken rule is the error.
pub fn check(client: Dialect, told: &Told) -> Result<End, String> {
    let last = told.data.last().ok_or("an empty stream")?;
    let end = if said::is_failure(client, last) {
        End::Failed
    } else if said::is_end(client, last) || client == G {
        End::Well
    } else {
        return Err(format!("no end: {last}"));
    };
    if let Some(inner) = told.data[..told.data.len() - 1]
        .iter()
        .find(|data| said::is_failure(client, data))
    {
        return Err(format!("something follows an error: {inner}"));
    }
    match client {
        C => chat(told, end),
        L => completions(told, end),
        R => responses(told, end),
        A => anthropic(told, end),
        G => gemini(told, end),
    }?;
    Ok(end)
}

fn ensure(fine: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if fine { Ok(()) } else { Err(what()) }
}

fn named(told: &Told) -> Result<(), String> {
    for (name, data) in told.names.iter().zip(&told.data) {
        ensure(name.as_deref() == data["type"].as_str(), || {
            format!("event {name:?}: {data}")
        })?;
    }
    Ok(())
}

fn unnamed(told: &Told) -> Result<(), String> {
    let stray = told.names.iter().flatten().next();
    ensure(stray.is_none(), || format!("an event name: {stray:?}"))
}

#[derive(Default)]
struct ChatChoice {
    began: bool,
    finish: Option<String>,
    calls: Vec<String>,
}

fn chat(told: &Told, end: End) -> Result<(), String> {
    unnamed(told)?;
    let mut head: Option<(&Value, &Value, &Value)> = None;
    let mut choices: BTreeMap<u64, ChatChoice> = BTreeMap::new();
    let mut counted = false;
    for data in &told.data[..told.data.len() - 1] {
        let fault = |what: &str| Err(format!("{what}: {data}"));
        if counted {
            return fault("something follows the usage chunk");
        }
        if data["object"] != "chat.completion.chunk" {
            return fault("no chunk");
        }
        let this = (&data["id"], &data["created"], &data["model"]);
        if *head.get_or_insert(this) != this || this.0.as_str().is_none_or(str::is_empty) {
            return fault("another id, time or model");
        }
        let list = data["choices"]
            .as_array()
            .ok_or_else(|| format!("no choices: {data}"))?;
        if list.is_empty() {
            counted = data["usage"].is_object();
            if !counted {
                return fault("an empty chunk");
            }
        }
        for choice in list {
            let index = choice["index"]
                .as_u64()
                .ok_or_else(|| format!("no index: {data}"))?;
            let state = choices.entry(index).or_default();
            let delta = &choice["delta"];
            if !delta.is_object() || choice.get("finish_reason").is_none() {
                return fault("no delta or no finish_reason");
            }
            if state.finish.is_some() {
                return fault("something follows the finish");
            }
            if !std::mem::replace(&mut state.began, true) && delta["role"] != "assistant" {
                return fault("no role at first");
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"]
                    .as_u64()
                    .and_then(|at| usize::try_from(at).ok());
                match index {
                    Some(at) if at < state.calls.len() => {
                        if call.get("id").is_some() || call["function"].get("name").is_some() {
                            return fault("a call begins twice");
                        }
                        let piece = call["function"]["arguments"]
                            .as_str()
                            .or(call["custom"]["input"].as_str());
                        state.calls[at].push_str(piece.unwrap_or_default());
                    }
                    Some(at) if at == state.calls.len() => {
                        let body = if call["type"] == "custom" {
                            &call["custom"]
                        } else {
                            &call["function"]
                        };
                        let named =
                            |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
                        if !named(&call["id"]) || !named(&body["name"]) || !call["type"].is_string()
                        {
                            return fault("a call without id, type or name");
                        }
                        let first = body["arguments"].as_str().or(body["input"].as_str());
                        state.calls.push(first.unwrap_or_default().to_owned());
                    }
                    _ => return fault("a gap between calls"),
                }
            }
            if let Some(word) = choice["finish_reason"].as_str() {
                state.finish = Some(word.to_owned());
            }
        }
    }
    if end == End::Failed {
        return Ok(());
    }
    ensure(!choices.is_empty(), || "no choice at all".to_owned())?;
    for (index, choice) in &choices {
        let word = choice.finish.as_deref();
        ensure(
            matches!(
                word,
                Some("stop" | "length" | "tool_calls" | "content_filter")
            ),
            || format!("finish of choice {index}: {word:?}"),
        )?;
        if word == Some("tool_calls") {
            ensure(!choice.calls.is_empty(), || {
                "tool_calls without a call".to_owned()
            })?;
        }
    }
    Ok(())
}

fn completions(told: &Told, end: End) -> Result<(), String> {
    unnamed(told)?;
    let mut finished = false;
    for data in &told.data[..told.data.len() - 1] {
        ensure(data["object"] == "text_completion", || {
            format!("no chunk: {data}")
        })?;
        for choice in data["choices"].as_array().into_iter().flatten() {
            ensure(choice["text"].is_string(), || format!("no text: {data}"))?;
            finished |= choice["finish_reason"].is_string();
        }
    }
    ensure(finished || end == End::Failed, || "no finish".to_owned())
}

#[derive(Default)]
struct OpenItem {
    id: Value,
    kind: String,
    /// Parts by their index: their text so far, and whether they are closed.
    parts: Vec<(String, bool)>,
    arguments: String,
    arguments_done: bool,
}

fn responses(told: &Told, end: End) -> Result<(), String> {
    named(told)?;
    let mut open: BTreeMap<u64, OpenItem> = BTreeMap::new();
    let mut done: Vec<&Value> = Vec::new();
    let mut n_added = 0;
    for (n, data) in told.data.iter().enumerate() {
        let fault = |what: &str| Err(format!("{what}: {data}"));
        if data["sequence_number"].as_u64() != Some(n as u64) {
            return fault("the number");
        }
        let kind = data["type"].as_str().unwrap_or_default();
        match n {
            0 if kind != "response.created" && kind != "error" => {
                return fault("not created first");
            }
            1 if kind != "response.in_progress" && kind != "error" => {
                return fault("not in progress second");
            }
            _ => {}
        }
        let at = data["output_index"].as_u64();
        match kind {
            "response.created" | "response.in_progress" => {
                let response = &data["response"];
                if response["status"] != "in_progress"
                    || response["output"] != serde_json::json!([])
                {
                    return fault("a head that is not fresh");
                }
            }
            "response.output_item.added" => {
                let item = &data["item"];
                let kind = item["type"].as_str().unwrap_or_default().to_owned();
                if at != Some(n_added) {
                    return fault("a gap between items");
                }
                n_added += 1;
                let fresh = match kind.as_str() {
                    "message" => item["content"] == serde_json::json!([]),
                    "reasoning" => item["summary"] == serde_json::json!([]),
                    "function_call" => item["arguments"] == "" && item["call_id"].is_string(),
                    "custom_tool_call" => item["input"] == "" && item["call_id"].is_string(),
                    _ => true,
                };
                if !fresh || item["id"].as_str().is_none_or(str::is_empty) {
                    return fault("an item that is not fresh");
                }
                if open.values().any(|other| other.kind == "message") {
                    return fault("an item inside a message");
                }
                let id = item["id"].clone();
                open.insert(
                    n_added - 1,
                    OpenItem {
                        id,
                        kind,
                        ..OpenItem::default()
                    },
                );
            }
            "response.output_item.done" => {
                let Some(item) = at.and_then(|at| open.remove(&at)) else {
                    return fault("done without added");
                };
                if item.id != data["item"]["id"] || data["item"]["type"] != *item.kind {
                    return fault("another item");
                }
                if item.parts.iter().any(|(_, closed)| !closed) {
                    return fault("a part is open");
                }
                let said: Vec<String> = ["content", "summary"]
                    .iter()
                    .filter_map(|list| data["item"][list].as_array())
                    .flatten()
                    .map(|part| {
                        let text = part["text"].as_str().or(part["refusal"].as_str());
                        text.unwrap_or_default().to_owned()
                    })
                    .collect();
                let told: Vec<String> = item.parts.iter().map(|(text, _)| text.clone()).collect();
                if matches!(item.kind.as_str(), "message" | "reasoning") && said != told {
                    return Err(format!("{told:?} became {data}"));
                }
                for key in ["arguments", "input"] {
                    if let Some(text) = data["item"][key].as_str()
                        && item.kind.ends_with("_call")
                        && (text != item.arguments || !item.arguments_done)
                    {
                        return Err(format!("{:?} became {data}", item.arguments));
                    }
                }
                done.push(&data["item"]);
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                if n + 1 != told.data.len() {
                    return fault("something follows the end");
                }
                let response = &data["response"];
                if kind == "response.failed" {
                    continue;
                }
                if !open.is_empty() {
                    return fault("an item is open");
                }
                let output: Vec<&Value> = response["output"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .collect();
                if output != done {
                    return Err(format!("{done:#?} became {output:#?}"));
                }
                if response.get("output_text").is_some() {
                    return fault("output_text on the wire");
                }
                let status = kind.trim_start_matches("response.");
                if response["status"] != status {
                    return fault("another status");
                }
                let usage = &response["usage"];
                if usage.is_object()
                    && !(usage["input_tokens_details"]["cached_tokens"].is_u64()
                        && usage["output_tokens_details"]["reasoning_tokens"].is_u64())
                {
                    return fault("usage without details");
                }
            }
            "error" => {}
            _ => item_event(kind, data, at.and_then(|at| open.get_mut(&at)))?,
        }
    }
    let _ = end;
    Ok(())
}

/// An event of an open item.
fn item_event(kind: &str, data: &Value, item: Option<&mut OpenItem>) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{what}: {data}"));
    let Some(item) = item else {
        return fault("no open item");
    };
    if data["item_id"] != item.id {
        return fault("another item id");
    }
    let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
    let index = data["content_index"]
        .as_u64()
        .or(data["summary_index"].as_u64())
        .and_then(|at| usize::try_from(at).ok());
    match kind {
        "response.content_part.added" | "response.reasoning_summary_part.added" => {
            if index != Some(item.parts.len()) {
                return fault("a gap between parts");
            }
            let part = &data["part"];
            if part["text"].as_str().or(part["refusal"].as_str()) != Some("") {
                return fault("a part that is not fresh");
            }
            item.parts.push((String::new(), false));
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            item.arguments.push_str(&text("delta"));
        }
        "response.function_call_arguments.done" => {
            item.arguments_done = true;
            if text("arguments") != item.arguments {
                return fault("other arguments");
            }
        }
        "response.custom_tool_call_input.done" => {
            item.arguments_done = true;
            if text("input") != item.arguments {
                return fault("another input");
            }
        }
        _ if kind.starts_with("response.web_search_call.")
            || kind.starts_with("response.image_generation_call.") => {}
        _ => {
            let Some((so_far, closed)) = index.and_then(|at| item.parts.get_mut(at)) else {
                return fault("no open part");
            };
            if *closed {
                return fault("the part is closed");
            }
            match kind {
                "response.output_text.delta"
                | "response.refusal.delta"
                | "response.reasoning_text.delta"
                | "response.reasoning_summary_text.delta" => so_far.push_str(&text("delta")),
                "response.output_text.done"
                | "response.reasoning_text.done"
                | "response.reasoning_summary_text.done" => {
                    if text("text") != *so_far {
                        return fault("another text");
                    }
                }
                "response.refusal.done" => {
                    if text("refusal") != *so_far {
                        return fault("another refusal");
                    }
                }
                "response.output_text.annotation.added" => {}
                "response.content_part.done" | "response.reasoning_summary_part.done" => {
                    *closed = true;
                }
                _ => return fault("an unknown event"),
            }
        }
    }
    Ok(())
}

fn anthropic(told: &Told, end: End) -> Result<(), String> {
    named(told)?;
    let mut open: Option<(&str, String)> = None;
    let mut n_blocks = 0;
    let mut calls = 0;
    let mut stop: Option<&str> = None;
    for (n, data) in told.data.iter().enumerate() {
        let fault = |what: &str| Err(format!("{what}: {data}"));
        let kind = data["type"].as_str().unwrap_or_default();
        if n == 0 && kind != "message_start" && kind != "error" {
            return fault("not message_start first");
        }
        if stop.is_some() && kind != "message_stop" {
            return fault("something follows message_delta");
        }
        match kind {
            "message_start" => {
                let message = &data["message"];
                let usage = &message["usage"];
                if n > 0
                    || message["content"] != serde_json::json!([])
                    || message["role"] != "assistant"
                    || message["type"] != "message"
                    || !usage["input_tokens"].is_u64()
                    || !usage["output_tokens"].is_u64()
                {
                    return fault("the head");
                }
            }
            "content_block_start" => {
                if open.is_some() || data["index"].as_u64() != Some(n_blocks) {
                    return fault("a block inside another, or a gap");
                }
                n_blocks += 1;
                let block = &data["content_block"];
                let kind = block["type"].as_str().unwrap_or_default();
                let fresh = match kind {
                    "text" => block["text"] == "",
                    "thinking" => block["thinking"] == "",
                    "tool_use" => {
                        calls += 1;
                        let named = |key: &str| block[key].as_str().is_some_and(|t| !t.is_empty());
                        block["input"] == serde_json::json!({}) && named("id") && named("name")
                    }
                    _ => true,
                };
                if !fresh {
                    return fault("a block that is not fresh");
                }
                open = Some((kind, String::new()));
            }
            "content_block_delta" => {
                let Some((block, so_far)) = &mut open else {
                    return fault("no open block");
                };
                if data["index"].as_u64() != Some(n_blocks - 1) {
                    return fault("another block");
                }
                let delta = &data["delta"];
                let (of, key) = match delta["type"].as_str().unwrap_or_default() {
                    "text_delta" => ("text", "text"),
                    "citations_delta" => ("text", "citation"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature"),
                    "input_json_delta" => ("use", "partial_json"),
                    _ => return fault("an unknown delta"),
                };
                if !(*block == of || (of == "use" && block.ends_with("tool_use"))) {
                    return fault("a delta of another block");
                }
                so_far.push_str(delta[key].as_str().unwrap_or("[]"));
            }
            "content_block_stop" => {
                if data["index"].as_u64() != n_blocks.checked_sub(1) {
                    return fault("another block");
                }
                let Some((block, text)) = open.take() else {
                    return fault("stopped twice");
                };
                if block == "text" && text.is_empty() {
                    return fault("an empty text block");
                }
                if block == "tool_use"
                    && !text.is_empty()
                    && serde_json::from_str::<Value>(&text).is_err()
                    && end == End::Well
                    && told.one("message_delta")["delta"]["stop_reason"] != "max_tokens"
                {
                    return Err(format!("arguments that are no JSON: {text}"));
                }
            }
            "message_delta" => {
                if open.is_some() {
                    return fault("a block is open");
                }
                let usage = &data["usage"];
                if !usage["output_tokens"].is_u64() {
                    return fault("no counts");
                }
                stop = data["delta"]["stop_reason"].as_str();
                let known = [
                    "end_turn",
                    "max_tokens",
                    "stop_sequence",
                    "tool_use",
                    "pause_turn",
                    "refusal",
                    "model_context_window_exceeded",
                    "compaction",
                ];
                if stop.is_none_or(|word| !known.contains(&word)) {
                    return fault("an unknown stop reason");
                }
                if (stop == Some("tool_use")) && calls == 0 {
                    return fault("tool_use without a call");
                }
                if stop == Some("end_turn") && calls > 0 {
                    return fault("a call that nobody answers");
                }
            }
            "message_stop" => {
                if stop.is_none() {
                    return fault("no message_delta before");
                }
            }
            "ping" => {}
            "error" => {}
            _ => return fault("an unknown event"),
        }
    }
    Ok(())
}

fn gemini(told: &Told, end: End) -> Result<(), String> {
    unnamed(told)?;
    let n = told.data.len();
    for (at, data) in told.data.iter().enumerate() {
        let fault = |what: &str| Err(format!("{what}: {data}"));
        if said::is_failure(G, data) {
            continue;
        }
        let last = at + 1 == n && end == End::Well;
        for candidate in data["candidates"].as_array().into_iter().flatten() {
            if candidate["finishReason"].is_string() != last {
                return fault("finishReason only on the last object");
            }
            let content = &candidate["content"];
            for part in content["parts"].as_array().into_iter().flatten() {
                let Some(part) = part.as_object() else {
                    return fault("a part that is no object");
                };
                let data_keys = part
                    .keys()
                    .filter(|key| !matches!(key.as_str(), "thought" | "thoughtSignature"))
                    .count();
                if data_keys != 1 {
                    return fault("a part has one kind of data");
                }
                if let Some(call) = part.get("functionCall")
                    && !(call["name"].is_string() && call["args"].is_object())
                {
                    return fault("a call without name or args");
                }
            }
            if content.is_object() && content["role"] != "model" {
                return fault("not the role `model`");
            }
        }
        if !data["candidates"].is_array() && !last {
            return fault("no candidates");
        }
        if data["usageMetadata"].is_object() && !last {
            return fault("counts before the end");
        }
        if !data["modelVersion"].is_string() || !data["responseId"].is_string() {
            return fault("no model or id");
        }
    }
    Ok(())
}
