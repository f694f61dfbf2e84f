//! Tool declarations and the choice between them (`openai-chat.md` §4).

use super::decode_messages::cache_mark;
use super::locate::{invalid, pick, read, refuse};
use super::wire::{ChatBody, ChoiceEntry, Function, FunctionHead, ToolEntry};
use crate::canonical::{Choice, Tool, ToolKind};
use crate::codec::{CodecError, Dialect};
use crate::raw::RawJson;
use crate::splice::{Kind, Node};
use crate::text::Text;
use std::borrow::Cow;

pub(super) fn decode_tools<'a>(
    declared: impl Iterator<Item = Node<'a>>,
    body: &mut ChatBody<'_>,
) -> Result<Vec<Tool>, CodecError> {
    let mut tools = Vec::new();
    for (i, node) in declared.enumerate() {
        tools.push(decode_tool(node, i)?);
    }
    let functions = body.functions.take().unwrap_or_default();
    tools.extend(functions.into_iter().map(function));
    if let Some(options) = body.web_search_options.take() {
        tools.push(search_options(options));
    }
    Ok(tools)
}

fn decode_tool(node: Node<'_>, i: usize) -> Result<Tool, CodecError> {
    let at = || format!("tools[{i}]");
    let [nested] = pick(node, ["function"], at)?;
    let rest = match nested {
        Some(_) => Cow::Owned(node.without(&["function"])),
        None => Cow::Borrowed(node.raw()),
    };
    let mut entry: ToolEntry = read(&rest, at)?;
    let cache = entry.cache_control.0.take().map(cache_mark);
    let defer_loading = entry.defer_loading.0;
    let kind = entry.kind.take().unwrap_or_default();
    let mut tool = match kind.as_str() {
        "" | "function" => {
            if let Some(nested) = nested.filter(|node| !node.is_null()) {
                nested_function(nested, || format!("{}.function", at()))?
            } else if let Some(name) = entry.name.take() {
                // The flat form of Responses and Anthropic (E-95).
                function(Function {
                    name,
                    description: entry.description.take(),
                    parameters: entry.parameters.take().or(entry.input_schema.take()),
                    strict: entry.strict,
                })
            } else if let Some(tool) = gemini_builtin(&entry, node) {
                tool
            } else {
                return Err(invalid(format!("{}.function", at()), "is required"));
            }
        }
        "custom" => {
            let (name, description, format) = match (entry.custom.take(), entry.name.take()) {
                (Some(custom), _) => (custom.name, custom.description, custom.format),
                // Cursor sends the flat form.
                (None, Some(name)) => (name, entry.description.take(), entry.format.take()),
                (None, None) => {
                    return Err(invalid(format!("{}.custom", at()), "is required"));
                }
            };
            Tool {
                name,
                namespace: None,
                description: description.map(Text::from),
                kind: ToolKind::Custom {
                    format: format.map(flat_format),
                },
                defer_loading: None,
                cache: None,
            }
        }
        search if search.starts_with("web_search") => web_search(search, &mut entry, node),
        other => server(
            other,
            Dialect::OpenAiChat,
            entry.name.take(),
            RawJson::of(node),
        ),
    };
    tool.cache = cache;
    tool.defer_loading = defer_loading;
    Ok(tool)
}

/// A function whose long members stay where they are.
fn nested_function(node: Node<'_>, at: impl Fn() -> String) -> Result<Tool, CodecError> {
    const LONG: [&str; 2] = ["description", "parameters"];
    if node.kind() != Kind::Object {
        return read::<Function>(node.raw(), at).map(function);
    }
    let [description, parameters] = pick(node, LONG, &at)?;
    let head: FunctionHead = read(&node.without(&LONG), &at)?;
    let description = match description.filter(|node| !node.is_null()) {
        Some(node) => match node.text() {
            Some(text) => Some(text),
            None => {
                // For the words of the refusal.
                let at = || format!("{}.description", at());
                Some(read::<String>(node.raw(), at)?.into())
            }
        },
        None => None,
    };
    Ok(Tool {
        name: head.name,
        namespace: None,
        description,
        kind: ToolKind::Function {
            schema: parameters.filter(|node| !node.is_null()).map(RawJson::of),
            strict: head.strict,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    })
}

fn function(declared: Function) -> Tool {
    Tool {
        name: declared.name,
        namespace: None,
        description: declared.description.map(Text::from),
        kind: ToolKind::Function {
            schema: declared.parameters,
            strict: declared.strict,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn server(kind: &str, dialect: Dialect, name: Option<String>, raw: RawJson) -> Tool {
    Tool {
        name: name.unwrap_or_else(|| kind.to_owned()),
        namespace: None,
        description: None,
        kind: ToolKind::Server {
            dialect,
            kind: kind.to_owned(),
            raw,
        },
        defer_loading: None,
        cache: None,
    }
}

/// `{"google_search":{}}` and its kin, as clients of Gemini models write them.
fn gemini_builtin(entry: &ToolEntry, node: Node<'_>) -> Option<Tool> {
    let native = |key: &str, value: &RawJson| {
        let value = if value.is_object() {
            value.as_str()
        } else {
            "{}"
        };
        RawJson::parse(format!("{{\"{key}\":{value}}}")).unwrap_or_else(|_| RawJson::of(node))
    };
    if let Some(search) = &entry.google_search {
        return Some(Tool {
            name: "google_search".to_owned(),
            namespace: None,
            description: None,
            kind: ToolKind::WebSearch {
                dialect: Dialect::Gemini,
                allowed_domains: Vec::new(),
                blocked_domains: Vec::new(),
                user_location: None,
                max_uses: None,
                offline: false,
                raw: native("googleSearch", search),
            },
            defer_loading: None,
            cache: None,
        });
    }
    let (key, value) = match (&entry.code_execution, &entry.url_context) {
        (Some(code), _) => ("codeExecution", code),
        (None, Some(context)) => ("urlContext", context),
        (None, None) => return None,
    };
    Some(server(key, Dialect::Gemini, None, native(key, value)))
}

/// A search declared in the words of Responses (`web_search…`) or Anthropic (`web_search_<date>`).
fn web_search(kind: &str, entry: &mut ToolEntry, node: Node<'_>) -> Tool {
    let dated = kind
        .strip_prefix("web_search_")
        .is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_digit()));
    let filters = entry.filters.0.take();
    let allowed = entry
        .allowed_domains
        .0
        .take()
        .or(filters.and_then(|filters| filters.allowed_domains));
    Tool {
        name: entry.name.take().unwrap_or_else(|| "web_search".to_owned()),
        namespace: None,
        description: None,
        kind: ToolKind::WebSearch {
            dialect: if dated {
                Dialect::Anthropic
            } else {
                Dialect::OpenAiResponses
            },
            allowed_domains: allowed.unwrap_or_default(),
            blocked_domains: entry.blocked_domains.0.take().unwrap_or_default(),
            user_location: entry.user_location.take(),
            max_uses: entry.max_uses.0,
            offline: false,
            raw: RawJson::of(node),
        },
        defer_loading: None,
        cache: None,
    }
}

/// `web_search_options`: a search on search models.
fn search_options(options: RawJson) -> Tool {
    let location = options
        .read::<serde_json::Value>()
        .ok()
        .and_then(|value| flat_location(value.get("user_location")?));
    Tool {
        name: "web_search".to_owned(),
        namespace: None,
        description: None,
        kind: ToolKind::WebSearch {
            dialect: Dialect::OpenAiChat,
            allowed_domains: Vec::new(),
            blocked_domains: Vec::new(),
            user_location: location,
            max_uses: None,
            offline: false,
            raw: options,
        },
        defer_loading: None,
        cache: None,
    }
}

/// Chat nests the place under `approximate`; the other protocols do not, and neither does the model.
fn flat_location(location: &serde_json::Value) -> Option<RawJson> {
    let serde_json::Value::Object(mut flat) = location.get("approximate")?.clone() else {
        return None;
    };
    flat.insert("type".to_owned(), "approximate".into());
    Some(serde_json::Value::Object(flat).into())
}

/// `{type:"grammar", grammar:{syntax, definition}}` → the flat form of Responses, which the model
/// keeps.
fn flat_format(format: RawJson) -> RawJson {
    let Ok(serde_json::Value::Object(mut object)) = format.read::<serde_json::Value>() else {
        return format;
    };
    match object.remove("grammar") {
        Some(serde_json::Value::Object(grammar)) => {
            object.extend(grammar);
            serde_json::Value::Object(object).into()
        }
        _ => format,
    }
}

/// The inverse of [`flat_format`], for upstreams that speak chat.
pub(super) fn nested_format(format: &RawJson) -> RawJson {
    let Ok(serde_json::Value::Object(mut object)) = format.read::<serde_json::Value>() else {
        return format.clone();
    };
    if object.contains_key("grammar") || !object.contains_key("definition") {
        return format.clone();
    }
    let kind = object
        .remove("type")
        .unwrap_or_else(|| serde_json::Value::from("grammar"));
    serde_json::json!({"type": kind, "grammar": object}).into()
}

/// `tool_choice`, else the older `function_call`.
pub(super) fn decode_choice(body: &ChatBody<'_>) -> Result<Option<Choice>, CodecError> {
    let (field, raw) = match (body.tool_choice, body.function_call) {
        (Some(raw), _) => ("tool_choice", raw),
        (None, Some(raw)) => ("function_call", raw),
        (None, None) => return Ok(None),
    };
    let text = raw.get();
    if text.starts_with('"') {
        let word: String =
            serde_json::from_str(text).map_err(|e| refuse(text.as_bytes(), field, &e))?;
        return match word.as_str() {
            "" => Ok(None),
            "auto" => Ok(Some(Choice::Auto)),
            "none" => Ok(Some(Choice::None)),
            "required" | "any" => Ok(Some(Choice::Required)),
            other => Err(invalid(
                field,
                format!("unknown choice `{other}`; use `none`, `auto`, `required` or one tool"),
            )),
        };
    }
    let entry: ChoiceEntry =
        serde_json::from_str(text).map_err(|e| refuse(text.as_bytes(), field, &e))?;
    decode_choice_entry(entry, field).map(Some)
}

fn decode_choice_entry(entry: ChoiceEntry, field: &str) -> Result<Choice, CodecError> {
    let kind = entry.kind.clone().unwrap_or_default();
    match kind.as_str() {
        "auto" => return Ok(Choice::Auto),
        "none" => return Ok(Choice::None),
        "required" | "any" => return Ok(Choice::Required),
        "allowed_tools" => {
            let (mode, tools) = match entry.allowed_tools {
                Some(allowed) => (allowed.mode, allowed.tools),
                None => (entry.mode, entry.tools.unwrap_or_default()),
            };
            return Ok(Choice::Allowed {
                names: tools.into_iter().filter_map(choice_name).collect(),
                required: mode.as_deref() == Some("required"),
            });
        }
        _ => {}
    }
    match choice_name(entry) {
        Some(name) => Ok(Choice::Tool {
            name,
            namespace: None,
        }),
        None if matches!(kind.as_str(), "" | "function" | "custom" | "tool") => {
            Err(invalid(format!("{field}.function.name"), "is required"))
        }
        None => Ok(Choice::Server(kind)),
    }
}

fn choice_name(entry: ChoiceEntry) -> Option<String> {
    entry
        .function
        .or(entry.custom)
        .map(|named| named.name)
        .or(entry.name)
}
