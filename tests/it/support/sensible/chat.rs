//! Reads requests as the Chat Completions service does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Asked, Complaint, array, data_url, known_keys, text};
use crate::support::upstream::Recorded;

const KNOWN: &str = "model messages stream stream_options temperature top_p n stop max_tokens \
    max_completion_tokens presence_penalty frequency_penalty logit_bias logprobs top_logprobs \
    user seed tools tool_choice parallel_tool_calls response_format reasoning_effort metadata \
    store service_tier modalities audio prediction prompt_cache_key safety_identifier verbosity \
    functions function_call web_search_options prompt_cache_retention";

pub fn read(request: &Recorded) -> Result<Asked, Complaint> {
    let body = request.json();
    known_keys(&body, KNOWN, "the request")?;
    let mut asked = Asked {
        model: text(&body["model"], "model")?.to_owned(),
        stream: body["stream"] == true,
        thinks: body["reasoning_effort"]
            .as_str()
            .is_some_and(|effort| effort != "none"),
        ..Asked::default()
    };
    for tool in body["tools"].as_array().into_iter().flatten() {
        if tool["type"] == "function" && body["tool_choice"] != "none" {
            let function = &tool["function"];
            let name = text(&function["name"], "tools[].function.name")?;
            asked
                .tools
                .push((name.to_owned(), function["parameters"].clone()));
        }
    }
    match body["response_format"]["type"].as_str() {
        Some("json_schema") => {
            let format = &body["response_format"]["json_schema"];
            text(&format["name"], "response_format.json_schema.name")?;
            asked.schema = Some(format["schema"].clone());
        }
        Some("json_object") => asked.schema = Some(serde_json::json!({"type": "object"})),
        _ => {}
    }
    let mut open = BTreeSet::new();
    for (i, message) in array(&body["messages"], "messages")?.iter().enumerate() {
        let place = format!("messages[{i}]");
        let role = text(&message["role"], &format!("{place}.role"))?;
        if role != "tool" && !open.is_empty() {
            return Err(format!("{place}: no tool message for the calls {open:?}"));
        }
        match role {
            "system" | "developer" => asked.system += &content(message, &place, &mut Vec::new())?,
            "user" => {
                asked.images.clear();
                asked.text = content(message, &place, &mut asked.images)?;
                asked.results.clear();
            }
            "assistant" => {
                asked.images.clear();
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    let arguments = text(&call["function"]["arguments"], "arguments")?;
                    if serde_json::from_str::<Value>(arguments).is_err() {
                        return Err(format!("{place}: arguments `{arguments}` are no JSON"));
                    }
                    open.insert(text(&call["id"], "tool_calls[].id")?.to_owned());
                }
                if message["tool_calls"].is_null() && message["content"].is_null() {
                    return Err(format!("{place}: content is missing"));
                }
            }
            "tool" => {
                let id = text(&message["tool_call_id"], &format!("{place}.tool_call_id"))?;
                if !open.remove(id) {
                    return Err(format!("{place}: there is no open call `{id}`"));
                }
                asked
                    .results
                    .push(content(message, &place, &mut asked.images)?);
            }
            other => return Err(format!("{place}: unknown role `{other}`")),
        }
    }
    if !open.is_empty() {
        return Err(format!("the calls {open:?} have no tool message"));
    }
    Ok(asked)
}

fn content(
    message: &Value,
    place: &str,
    images: &mut Vec<(String, String)>,
) -> Result<String, Complaint> {
    if let Some(content) = message["content"].as_str() {
        return Ok(content.to_owned());
    }
    let mut said = String::new();
    for part in array(&message["content"], &format!("{place}.content"))? {
        match part["type"].as_str() {
            Some("text") => said += text(&part["text"], "text")?,
            Some("image_url") => images.push(data_url(text(&part["image_url"]["url"], "url")?)?),
            _ => return Err(format!("{place}: unknown part {part}")),
        }
    }
    Ok(said)
}
