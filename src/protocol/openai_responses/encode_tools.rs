//! Tools and choice → a request (`matrix.md` §4.4, §4.7).

use crate::canonical::{Choice, Tool, ToolKind};
use crate::codec::Dialect;
use crate::names::{NameMap, flatten};
use crate::raw::RawJson;
use crate::tool_schema;
use serde::Serialize;
use std::collections::HashSet;

/// One element of `tools`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToolOut<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        parameters: RawJson,
        strict: bool,
    },
    Custom {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<&'a RawJson>,
    },
    Namespace {
        name: &'a str,
        description: &'static str,
        tools: Vec<ToolOut<'a>>,
    },
    WebSearch {
        #[serde(skip_serializing_if = "Option::is_none")]
        search_context_size: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        filters: Option<Filters<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_location: Option<RawJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        external_web_access: Option<bool>,
    },
    #[serde(untagged)]
    Native(&'a RawJson),
}

#[derive(Serialize)]
pub(super) struct Filters<'a> {
    allowed_domains: &'a [String],
}

/// The value of `tool_choice`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    Allowed {
        #[serde(rename = "type")]
        kind: &'static str,
        mode: &'static str,
        tools: Vec<ChoiceOut<'a>>,
    },
}

/// The tools this protocol can express, each name once (E-85). Tools fixed by other vendors are left
/// out.
pub(super) fn tools<'a>(tools: &'a [Tool], names: &'a NameMap) -> Vec<ToolOut<'a>> {
    let mut out: Vec<ToolOut<'a>> = Vec::with_capacity(tools.len());
    let mut seen: HashSet<(Option<&str>, &str)> = HashSet::with_capacity(tools.len());
    for tool in tools {
        let named = matches!(
            tool.kind,
            ToolKind::Function { .. } | ToolKind::Custom { .. }
        );
        if named && !seen.insert((tool.namespace.as_deref(), &tool.name)) {
            continue;
        }
        let Some(one) = self::tool(tool, names) else {
            continue;
        };
        let Some(space) = tool.namespace.as_deref() else {
            out.push(one);
            continue;
        };
        let group = out.iter_mut().find_map(|other| match other {
            ToolOut::Namespace { name, tools, .. } if *name == space => Some(tools),
            _ => None,
        });
        match group {
            Some(tools) => tools.push(one),
            None => out.push(ToolOut::Namespace {
                name: space,
                description: "",
                tools: vec![one],
            }),
        }
    }
    out
}

fn tool<'a>(tool: &'a Tool, names: &'a NameMap) -> Option<ToolOut<'a>> {
    let name = match tool.namespace {
        Some(_) => &tool.name,
        None => names.to_upstream(&tool.name),
    };
    let description = tool.description.as_deref();
    match &tool.kind {
        ToolKind::Function { schema, strict, .. } => Some(ToolOut::Function {
            name,
            description,
            parameters: tool_schema::for_responses(schema.as_ref()),
            // Without the field OpenAI turns strict mode on; no other protocol means that by
            // leaving it out.
            strict: strict.unwrap_or(false),
        }),
        ToolKind::Custom { format } => Some(ToolOut::Custom {
            name,
            description,
            format: format.as_ref(),
        }),
        ToolKind::WebSearch {
            dialect: Dialect::OpenAiResponses,
            raw,
            ..
        }
        | ToolKind::Server {
            dialect: Dialect::OpenAiResponses,
            raw,
            ..
        } => Some(ToolOut::Native(raw)),
        ToolKind::WebSearch {
            allowed_domains,
            user_location,
            offline,
            raw,
            ..
        } => Some(ToolOut::WebSearch {
            search_context_size: member(raw, "search_context_size"),
            filters: (!allowed_domains.is_empty()).then_some(Filters { allowed_domains }),
            user_location: user_location.as_ref().map(location),
            external_web_access: offline.then_some(false),
        }),
        ToolKind::Server { .. } => None,
    }
}

fn member(raw: &RawJson, key: &str) -> Option<String> {
    let value: serde_json::Value = raw.read().ok()?;
    Some(value.get(key)?.as_str()?.to_owned())
}

/// Chat nests the fields of an approximate location one level deeper.
fn location(raw: &RawJson) -> RawJson {
    let Ok(serde_json::Value::Object(mut outer)) = raw.read::<serde_json::Value>() else {
        return raw.clone();
    };
    let Some(serde_json::Value::Object(inner)) = outer.remove("approximate") else {
        return raw.clone();
    };
    outer
        .entry("type")
        .or_insert_with(|| serde_json::Value::from("approximate"));
    outer.extend(inner);
    RawJson::from(serde_json::Value::Object(outer))
}

/// The choice, when there is something to choose from. A choice of a tool that is not sent becomes
/// `auto` (E-88).
pub(super) fn choice<'a>(
    choice: &'a Choice,
    tools: &'a [Tool],
    names: &'a NameMap,
) -> ChoiceOut<'a> {
    let auto = ChoiceOut::Word("auto");
    match choice {
        Choice::Auto => auto,
        Choice::None => ChoiceOut::Word("none"),
        Choice::Required => ChoiceOut::Word("required"),
        Choice::Tool { name, namespace } => {
            let full = flatten(namespace.as_deref(), name);
            named(&full, tools, names).unwrap_or(auto)
        }
        Choice::Allowed {
            names: allowed,
            required,
        } => {
            let allowed: Vec<_> = allowed
                .iter()
                .filter_map(|name| named(name, tools, names))
                .collect();
            if allowed.is_empty() {
                return auto;
            }
            ChoiceOut::Allowed {
                kind: "allowed_tools",
                mode: if *required { "required" } else { "auto" },
                tools: allowed,
            }
        }
        Choice::Server(kind) => tools
            .iter()
            .find_map(|tool| match &tool.kind {
                ToolKind::WebSearch { .. } if kind == "web_search" => Some("web_search"),
                ToolKind::Server {
                    dialect: Dialect::OpenAiResponses,
                    kind: declared,
                    ..
                } if declared == kind => Some(declared.as_str()),
                _ => None,
            })
            .map_or(auto, |kind| ChoiceOut::Named { kind, name: None }),
    }
}

fn named<'a>(full: &str, tools: &'a [Tool], names: &'a NameMap) -> Option<ChoiceOut<'a>> {
    let tool = tools
        .iter()
        .find(|tool| flatten(tool.namespace.as_deref(), &tool.name) == full)?;
    let (kind, name) = match &tool.kind {
        ToolKind::Function { .. } => ("function", Some(names.to_upstream(&tool.name))),
        ToolKind::Custom { .. } => ("custom", Some(names.to_upstream(&tool.name))),
        ToolKind::WebSearch { .. } => ("web_search", None),
        ToolKind::Server {
            dialect: Dialect::OpenAiResponses,
            kind,
            ..
        } => (kind.as_str(), None),
        ToolKind::Server { .. } => return None,
    };
    Some(ChoiceOut::Named { kind, name })
}
