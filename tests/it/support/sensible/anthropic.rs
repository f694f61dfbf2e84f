//! Reads requests as the Messages service does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Asked, Complaint, array, known_keys, signature, text};
use crate::support::answer::{Wire, error_json};
use crate::support::upstream::{Recorded, Reply};

const KNOWN: &str = "model messages max_tokens system stream temperature top_p top_k \
    stop_sequences tools tool_choice thinking metadata service_tier output_config thread \
    output_format context_management container mcp_servers";

pub fn read(request: &Recorded) -> Result<Asked, Complaint> {
    if request.header("anthropic-version").is_none() {
        return Err("anthropic-version: header is required".to_owned());
    }
    let body = request.json();
    known_keys(&body, KNOWN, "the request")?;
    let max_tokens = body["max_tokens"]
        .as_u64()
        .ok_or("max_tokens: Field required")?;
    let thinks = matches!(
        body["thinking"]["type"].as_str(),
        Some("enabled" | "adaptive")
    );
    if let Some(budget) = body["thinking"]["budget_tokens"].as_u64()
        && thinks
        && !(1024..max_tokens).contains(&budget)
    {
        return Err("`max_tokens` must be greater than `thinking.budget_tokens`".to_owned());
    }
    let mut asked = Asked {
        model: text(&body["model"], "model")?.to_owned(),
        stream: body["stream"] == true,
        thinks,
        ..Asked::default()
    };
    if !body["system"].is_null() {
        asked.system = content(&body["system"], "system", &mut asked.images)?;
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        if tool["type"].as_str().is_none_or(|kind| kind == "custom")
            && body["tool_choice"]["type"] != "none"
        {
            let name = text(&tool["name"], "tools[].name")?;
            asked
                .tools
                .push((name.to_owned(), tool["input_schema"].clone()));
        }
    }
    // There is no JSON mode without a schema; a model does as it is told.
    if asked.system.contains("one JSON object") {
        asked.schema = Some(json!({"type": "object"}));
    }
    for format in [&body["output_config"]["format"], &body["output_format"]] {
        if format["type"] == "json_schema" {
            asked.schema = Some(format["schema"].clone());
        }
    }
    let mut open = BTreeSet::new();
    let mut before = "";
    for (i, message) in array(&body["messages"], "messages")?.iter().enumerate() {
        let place = format!("messages.{i}");
        let role = text(&message["role"], &format!("{place}.role"))?;
        if role == before {
            return Err(format!(
                "{place}: roles must alternate between \"user\" and \"assistant\""
            ));
        }
        before = match role {
            "user" => read_user(message, &place, &mut asked, &mut open).map(|()| "user")?,
            "assistant" => {
                read_assistant(message, &place, &mut asked, &mut open).map(|()| "assistant")?
            }
            other => return Err(format!("{place}: unknown role `{other}`")),
        };
    }
    match open.first() {
        Some(id) => Err(format!(
            "`tool_use` ids were found without `tool_result`: {id}"
        )),
        None => Ok(asked),
    }
}

/// Message threads are a beta that most accounts lack; the service says so in a form that the SDKs
/// understand.
pub fn no_threads(request: &Recorded) -> Option<Reply> {
    request.json().get("thread")?;
    let mut body = error_json(Wire::Anthropic, 400, "threads are not available");
    body["error"]["details"] =
        json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    Some(Reply::json(400, &body))
}

fn read_user(
    message: &Value,
    place: &str,
    asked: &mut Asked,
    open: &mut BTreeSet<String>,
) -> Result<(), Complaint> {
    asked.images.clear();
    let mut results = Vec::new();
    for block in message["content"].as_array().into_iter().flatten() {
        if block["type"] == "tool_result" {
            let id = text(&block["tool_use_id"], &format!("{place}.tool_use_id"))?;
            if !open.remove(id) {
                return Err(format!("{place}: unexpected `tool_use_id`: {id}"));
            }
            results.push(content(&block["content"], place, &mut asked.images)?);
        }
    }
    if let Some(id) = open.first() {
        return Err(format!(
            "{place}: `tool_use` id without `tool_result`: {id}"
        ));
    }
    let said = content(&message["content"], place, &mut asked.images)?;
    if results.is_empty() || !said.is_empty() {
        asked.text = said;
    }
    asked.results = results;
    Ok(())
}

fn read_assistant(
    message: &Value,
    place: &str,
    asked: &mut Asked,
    open: &mut BTreeSet<String>,
) -> Result<(), Complaint> {
    asked.proof_is_back = false;
    for block in message["content"].as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("tool_use") => {
                if !block["input"].is_object() {
                    return Err(format!("{place}: tool_use.input must be an object"));
                }
                open.insert(text(&block["id"], &format!("{place}.id"))?.to_owned());
            }
            Some("thinking") => {
                text(&block["thinking"], &format!("{place}.thinking"))?;
                if text(&block["signature"], "signature")? != signature(Wire::Anthropic) {
                    return Err(format!("{place}: Invalid `signature` in `thinking` block"));
                }
                asked.proof_is_back = true;
            }
            Some("text") if text(&block["text"], "text")?.is_empty() => {
                return Err("messages: text content blocks must be non-empty".to_owned());
            }
            Some("text" | "redacted_thinking") => {}
            _ => return Err(format!("{place}: unknown block {block}")),
        }
    }
    Ok(())
}

fn content(
    content: &Value,
    place: &str,
    images: &mut Vec<(String, String)>,
) -> Result<String, Complaint> {
    if let Some(content) = content.as_str() {
        return Ok(content.to_owned());
    }
    let mut said = String::new();
    for block in array(content, &format!("{place}.content"))? {
        match block["type"].as_str() {
            Some("text") => match text(&block["text"], "text")? {
                "" => return Err(format!("{place}: text content blocks must be non-empty")),
                more => said += more,
            },
            Some("image") => {
                let source = &block["source"];
                let mime = text(&source["media_type"], "source.media_type")?;
                images.push((
                    mime.to_owned(),
                    text(&source["data"], "source.data")?.to_owned(),
                ));
            }
            Some("tool_result") => {}
            _ => return Err(format!("{place}: unknown block {block}")),
        }
    }
    Ok(said)
}
