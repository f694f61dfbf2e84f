//! Reads requests as the generateContent service does.

use serde_json::{Value, json};

use super::{Asked, Complaint, array, known_keys, signature, text, vector};
use crate::support::answer::Wire;
use crate::support::upstream::{Recorded, Reply};

const KNOWN: &str = "contents systemInstruction tools toolConfig safetySettings \
    generationConfig cachedContent labels serviceTier model";
const KNOWN_CONFIG: &str = "temperature topP topK candidateCount maxOutputTokens stopSequences \
    presencePenalty frequencyPenalty seed responseLogprobs logprobs responseMimeType \
    responseSchema responseJsonSchema responseModalities thinkingConfig speechConfig imageConfig \
    mediaResolution";
const KNOWN_SCHEMA: &str = "type format title description nullable enum items minItems maxItems \
    properties required minProperties maxProperties minLength maxLength pattern minimum maximum \
    example anyOf default propertyOrdering";
const KNOWN_PART: &str = "text inlineData fileData functionCall functionResponse executableCode \
    codeExecutionResult thought thoughtSignature videoMetadata mediaResolution";

pub fn read(request: &Recorded) -> Result<Asked, Complaint> {
    let body = camel(&request.json());
    known_keys(&body, KNOWN, "the request")?;
    let config = &body["generationConfig"];
    if !config.is_null() {
        known_keys(config, KNOWN_CONFIG, "generationConfig")?;
    }
    let thinking = &config["thinkingConfig"];
    let method = request.path().rsplit('/').next().unwrap_or_default();
    let (model, method) = method.split_once(':').ok_or("no method in the path")?;
    let mut asked = Asked {
        model: model.to_owned(),
        stream: method == "streamGenerateContent",
        thinks: thinking["includeThoughts"] == true,
        ..Asked::default()
    };
    if asked.stream && !request.target.contains("alt=sse") {
        return Err("this upstream streams only server-sent events".to_owned());
    }
    read_tools(&body, &mut asked)?;
    if !config["responseSchema"].is_null() {
        known_schema(&config["responseSchema"])?;
        asked.schema = Some(config["responseSchema"].clone());
    } else if config["responseJsonSchema"].is_object() {
        asked.schema = Some(config["responseJsonSchema"].clone());
    } else if config["responseMimeType"] == "application/json" {
        asked.schema = Some(json!({"type": "object"}));
    }
    if asked.schema.is_some() && config["responseMimeType"] != "application/json" {
        return Err("a schema needs responseMimeType application/json".to_owned());
    }
    for part in body["systemInstruction"]["parts"]
        .as_array()
        .into_iter()
        .flatten()
    {
        asked.system += text(&part["text"], "systemInstruction.parts[].text")?;
    }
    let mut open = Vec::new();
    for (i, content) in array(&body["contents"], "contents")?.iter().enumerate() {
        read_content(content, &format!("contents[{i}]"), &mut asked, &mut open)?;
    }
    match open.first() {
        Some(name) => Err(format!("the function call `{name}` has no response")),
        None => Ok(asked),
    }
}

fn read_tools(body: &Value, asked: &mut Asked) -> Result<(), Complaint> {
    let forbidden = body["toolConfig"]["functionCallingConfig"]["mode"] == "NONE";
    for tool in body["tools"].as_array().into_iter().flatten() {
        for function in tool["functionDeclarations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            known_keys(
                function,
                "name description parameters parametersJsonSchema response behavior \
                 responseJsonSchema",
                "functionDeclarations[]",
            )?;
            let name = text(&function["name"], "functionDeclarations[].name")?;
            let mut schema = &function["parametersJsonSchema"];
            if schema.is_null() {
                schema = &function["parameters"];
                if !schema.is_null() {
                    known_schema(schema)?;
                }
            }
            if !forbidden {
                asked.tools.push((name.to_owned(), schema.clone()));
            }
        }
    }
    Ok(())
}

fn known_schema(schema: &Value) -> Result<(), Complaint> {
    known_keys(schema, KNOWN_SCHEMA, "a schema")?;
    text(&schema["type"], "a schema's type")?;
    if !schema["items"].is_null() {
        known_schema(&schema["items"])?;
    }
    let fields = schema["properties"].as_object().into_iter().flatten();
    let options = schema["anyOf"].as_array().into_iter().flatten();
    fields
        .map(|(_, field)| field)
        .chain(options)
        .try_for_each(known_schema)
}

fn read_content(
    content: &Value,
    place: &str,
    asked: &mut Asked,
    open: &mut Vec<String>,
) -> Result<(), Complaint> {
    let parts = array(&content["parts"], &format!("{place}.parts"))?;
    if parts.is_empty() {
        return Err(format!("{place}.parts must not be empty"));
    }
    let role = content["role"].as_str().unwrap_or("user");
    if role == "user" {
        asked.images.clear();
    }
    let (mut said, mut results) = (String::new(), Vec::new());
    for part in parts {
        known_keys(part, KNOWN_PART, place)?;
        if let Some(proof) = part["thoughtSignature"].as_str() {
            asked.proof_is_back |= proof == signature(Wire::Gemini);
        }
        match (role, part) {
            ("model", part) if part["functionCall"].is_object() => {
                open.push(text(&part["functionCall"]["name"], "functionCall.name")?.to_owned());
            }
            ("user", part) if part["functionResponse"].is_object() => {
                let response = &part["functionResponse"];
                let name = text(&response["name"], "functionResponse.name")?;
                match open.iter().position(|waiting| waiting == name) {
                    Some(at) => open.remove(at),
                    None => return Err(format!("{place}: no open call of `{name}`")),
                };
                // Without one of these keys the whole object is the output.
                let said = &response["response"];
                let output = ["output", "result", "error"]
                    .iter()
                    .find_map(|key| said.get(key));
                let output = output.unwrap_or(said);
                results.push(output.as_str().map_or(output.to_string(), str::to_owned));
            }
            (_, part) if part["inlineData"].is_object() => {
                let mime = text(&part["inlineData"]["mimeType"], "inlineData.mimeType")?;
                let data = text(&part["inlineData"]["data"], "inlineData.data")?;
                asked.images.push((mime.to_owned(), data.to_owned()));
            }
            ("model" | "user", part) if part["text"].is_string() => {
                said += part["text"].as_str().unwrap_or_default();
            }
            _ => return Err(format!("{place}: unknown part {part} of `{role}`")),
        }
    }
    match role {
        "user" if results.is_empty() => {
            (asked.text, asked.results) = (said, results);
        }
        "user" => asked.results = results,
        _ => asked.images.clear(),
    }
    Ok(())
}

/// The service takes every name of its own in snake case too, and the Python SDK sends some so.
fn camel(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(camel).collect(),
        Value::Object(fields) => {
            let renamed = fields.iter().map(|(name, field)| {
                let mut words = name.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                let name = words.fold(first, |name, word| {
                    let (head, tail) = word.split_at(word.len().min(1));
                    name + &head.to_uppercase() + tail
                });
                let field = match name.as_str() {
                    // The user's own names.
                    "args"
                    | "response"
                    | "labels"
                    | "parametersJsonSchema"
                    | "responseJsonSchema" => field.clone(),
                    "properties" => named(field),
                    _ => camel(field),
                };
                (name, field)
            });
            renamed.collect()
        }
        other => other.clone(),
    }
}

fn named(properties: &Value) -> Value {
    let fields = properties.as_object().into_iter().flatten();
    fields
        .map(|(name, field)| (name.clone(), camel(field)))
        .collect()
}

/// One vector per text.
pub fn embeddings(request: &Recorded) -> Reply {
    let body = request.json();
    let said = |content: &Value| {
        content["parts"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let one = |content: &Value| json!({"values": vector(&said(content))});
    match body["requests"].as_array() {
        Some(requests) => {
            let list: Vec<_> = requests
                .iter()
                .map(|request| one(&request["content"]))
                .collect();
            Reply::json(200, &json!({"embeddings": list}))
        }
        None => Reply::json(200, &json!({"embedding": one(&body["content"])})),
    }
}
