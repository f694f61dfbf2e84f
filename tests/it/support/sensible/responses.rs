//! Reads requests as the Responses service does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Asked, Complaint, array, data_url, known_keys, signature, text};
use crate::support::answer::Wire;
use crate::support::upstream::Recorded;

const KNOWN: &str = "model input instructions stream stream_options temperature top_p store \
    include reasoning text tools tool_choice parallel_tool_calls max_output_tokens \
    max_tool_calls metadata previous_response_id conversation prompt_cache_key \
    prompt_cache_retention safety_identifier service_tier truncation user background \
    top_logprobs prompt client_metadata";

pub fn read(request: &Recorded) -> Result<Asked, Complaint> {
    let body = request.json();
    known_keys(&body, KNOWN, "the request")?;
    let reasoning = &body["reasoning"];
    let mut asked = Asked {
        model: text(&body["model"], "model")?.to_owned(),
        stream: body["stream"] == true,
        system: body["instructions"].as_str().unwrap_or_default().to_owned(),
        thinks: reasoning["effort"]
            .as_str()
            .is_some_and(|effort| effort != "none")
            || reasoning["summary"].is_string(),
        ..Asked::default()
    };
    for tool in body["tools"].as_array().into_iter().flatten() {
        if tool["type"] == "function" && body["tool_choice"] != "none" {
            let name = text(&tool["name"], "tools[].name")?;
            asked
                .tools
                .push((name.to_owned(), tool["parameters"].clone()));
        }
    }
    match body["text"]["format"]["type"].as_str() {
        Some("json_schema") => {
            text(&body["text"]["format"]["name"], "text.format.name")?;
            asked.schema = Some(body["text"]["format"]["schema"].clone());
        }
        Some("json_object") => asked.schema = Some(serde_json::json!({"type": "object"})),
        _ => {}
    }
    if let Some(input) = body["input"].as_str() {
        input.clone_into(&mut asked.text);
        return Ok(asked);
    }
    let mut open = BTreeSet::new();
    for (i, item) in array(&body["input"], "input")?.iter().enumerate() {
        read_item(item, &format!("input[{i}]"), &mut asked, &mut open)?;
    }
    match open.first() {
        Some(id) => Err(format!("No tool output found for function call {id}.")),
        None => Ok(asked),
    }
}

fn read_item(
    item: &Value,
    place: &str,
    asked: &mut Asked,
    open: &mut BTreeSet<String>,
) -> Result<(), Complaint> {
    match (
        item["type"].as_str().unwrap_or("message"),
        item["role"].as_str(),
    ) {
        ("message", Some("user")) => {
            asked.images.clear();
            asked.results.clear();
            asked.text = content(&item["content"], "input", place, &mut asked.images)?;
        }
        ("message", Some("system" | "developer")) => {
            asked.system += &content(&item["content"], "input", place, &mut Vec::new())?;
        }
        ("message", Some("assistant")) => {
            content(&item["content"], "output", place, &mut Vec::new())?;
        }
        ("reasoning", None) => {
            array(&item["summary"], &format!("{place}.summary"))?;
            let proof = item["encrypted_content"].as_str();
            if proof.is_some_and(|proof| proof != signature(Wire::Responses)) {
                return Err("The encrypted content could not be verified.".to_owned());
            }
            asked.proof_is_back |= proof.is_some();
        }
        ("function_call", None) => {
            text(&item["arguments"], &format!("{place}.arguments"))?;
            open.insert(text(&item["call_id"], &format!("{place}.call_id"))?.to_owned());
        }
        ("function_call_output", None) => {
            let id = text(&item["call_id"], &format!("{place}.call_id"))?;
            if !open.remove(id) {
                return Err(format!("No tool call found for function call output {id}."));
            }
            let output = content(&item["output"], "input", place, &mut asked.images)?;
            asked.results.push(output);
        }
        (kind, role) => return Err(format!("{place}: unknown item `{kind}` of {role:?}")),
    }
    Ok(())
}

fn content(
    content: &Value,
    side: &str,
    place: &str,
    images: &mut Vec<(String, String)>,
) -> Result<String, Complaint> {
    if let Some(content) = content.as_str() {
        return Ok(content.to_owned());
    }
    let mut said = String::new();
    for part in array(content, &format!("{place}.content"))? {
        match part["type"].as_str() {
            Some("input_text") if side == "input" => said += text(&part["text"], "text")?,
            Some("output_text" | "refusal") if side == "output" => {}
            Some("input_image") if side == "input" => {
                images.push(data_url(text(&part["image_url"], "image_url")?)?);
            }
            _ => return Err(format!("{place}: unknown {side} part {part}")),
        }
    }
    Ok(said)
}
