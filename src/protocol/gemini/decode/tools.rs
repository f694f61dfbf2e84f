//! `tools` and `toolConfig` of a client.

use super::super::read::{Place, fields, is_field, list, object, opt_text, opt_whole_text, text};
use super::schema;
use crate::canonical::{Choice, Tool, ToolKind};
use crate::codec::{CodecError, Dialect};
use crate::raw::RawJson;
use crate::splice::{Node, quote};

/// Decodes `tools`. Tools that Google runs keep their declaration verbatim, as an object with one
/// key.
pub(super) fn decode(declared: Node<'_>) -> Result<Vec<Tool>, CodecError> {
    let place = Place::of("tools");
    let mut tools = Vec::new();
    for (i, group) in list(declared).enumerate() {
        let place = place.at(i);
        for (key, value) in object(group, &place)?.members() {
            if value.is_null() {
                continue;
            }
            if is_field(&key, "functionDeclarations") {
                let place = place.key("functionDeclarations");
                for (i, function) in list(value).enumerate() {
                    tools.push(decode_function(function, &place.at(i))?);
                }
            } else {
                tools.push(decode_server_tool(&key, value, &place)?);
            }
        }
    }
    Ok(tools)
}

fn decode_function(function: Node<'_>, place: &Place<'_>) -> Result<Tool, CodecError> {
    let [
        name,
        description,
        parameters,
        json_schema,
        response,
        response_schema,
    ] = fields(
        object(function, place)?,
        [
            "name",
            "description",
            "parameters",
            "parametersJsonSchema",
            "response",
            "responseJsonSchema",
        ],
    );
    let name = opt_text(name, &place.key("name"))?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| {
            place
                .key("name")
                .invalid("must be a string that is not empty")
        })?;
    Ok(Tool {
        name,
        namespace: None,
        description: opt_whole_text(description, &place.key("description"))?,
        kind: ToolKind::Function {
            schema: either(json_schema, (parameters, "parameters"), place)?,
            strict: None,
            output_schema: either(response_schema, (response, "response"), place)?,
        },
        defer_loading: None,
        cache: None,
    })
}

/// The JSON schema under the first key, else the OpenAPI schema under the second.
fn either(
    json: Option<Node<'_>>,
    (open_api, open_api_key): (Option<Node<'_>>, &str),
    place: &Place<'_>,
) -> Result<Option<RawJson>, CodecError> {
    if json.is_some() {
        return Ok(json.map(RawJson::of));
    }
    open_api
        .map(|schema| schema::to_json_schema(schema, &place.key(open_api_key)))
        .transpose()
}

fn decode_server_tool(key: &str, value: Node<'_>, place: &Place<'_>) -> Result<Tool, CodecError> {
    let raw = RawJson::made(format!("{{{}:{}}}", quote(key), value.raw()));
    let kind = if is_field(key, "googleSearch") || is_field(key, "googleSearchRetrieval") {
        let [excluded] = fields(value, ["excludeDomains"]);
        let place = place.key(key);
        let place = place.key("excludeDomains");
        let blocked_domains = excluded
            .into_iter()
            .flat_map(list)
            .enumerate()
            .map(|(i, domain)| text(domain, &place.at(i)).map(Into::into))
            .collect::<Result<_, _>>()?;
        ToolKind::WebSearch {
            dialect: Dialect::Gemini,
            allowed_domains: Vec::new(),
            blocked_domains,
            user_location: None,
            max_uses: None,
            offline: false,
            raw,
        }
    } else {
        ToolKind::Server {
            dialect: Dialect::Gemini,
            kind: camel(key),
            raw,
        }
    };
    Ok(Tool {
        name: camel(key),
        namespace: None,
        description: None,
        kind,
        defer_loading: None,
        cache: None,
    })
}

/// The lowerCamelCase spelling of a snake_case key.
fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        name.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(chars.as_str());
    }
    name
}

/// Decodes `toolConfig.functionCallingConfig`.
pub(super) fn decode_choice(config: Node<'_>) -> Result<Option<Choice>, CodecError> {
    let place = Place::of("toolConfig");
    let [calling] = fields(object(config, &place)?, ["functionCallingConfig"]);
    let Some(calling) = calling else {
        return Ok(None);
    };
    let place = place.key("functionCallingConfig");
    let [mode, allowed] = fields(object(calling, &place)?, ["mode", "allowedFunctionNames"]);
    let mode = opt_text(mode, &place.key("mode"))?.unwrap_or_default();
    let place = place.key("allowedFunctionNames");
    let mut names = allowed
        .into_iter()
        .flat_map(list)
        .enumerate()
        .map(|(i, name)| text(name, &place.at(i)).map(String::from))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match mode.to_ascii_uppercase().as_str() {
        "NONE" => Some(Choice::None),
        "ANY" if names.is_empty() => Some(Choice::Required),
        "ANY" if names.len() == 1 => names.pop().map(|name| Choice::Tool {
            name,
            namespace: None,
        }),
        "ANY" => Some(Choice::Allowed {
            names,
            required: true,
        }),
        "VALIDATED" if !names.is_empty() => Some(Choice::Allowed {
            names,
            required: false,
        }),
        "AUTO" | "VALIDATED" => Some(Choice::Auto),
        _ => None,
    })
}
