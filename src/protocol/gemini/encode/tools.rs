//! Tools and tool choice for an upstream (`matrix.md` §4.4, §4.7).

use crate::canonical::{Choice, Item, Request, Tool, ToolKind};
use crate::codec::{Dialect, Target};
use crate::names::{NameMap, NameRule, flatten};
use crate::raw::RawJson;
use crate::tool_schema::{GeminiForm, custom_input, for_gemini};
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashSet;

/// One element of `tools`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    Functions(Functions<'a>),
    Native(Cow<'a, RawJson>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Functions<'a> {
    function_declarations: Vec<Function<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<RawJson>,
}

/// `toolConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    function_calling_config: Option<Calling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_server_side_tool_invocations: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<String>,
}

/// Client names ↔ names Gemini takes, over declarations, history and choice.
pub(super) fn name_map(request: &Request) -> NameMap {
    let declared = request
        .tools
        .iter()
        .filter(|tool| is_function(tool))
        .map(|tool| full_name(tool.namespace.as_deref(), &tool.name));
    let called = request
        .turns
        .iter()
        .flat_map(|turn| &turn.items)
        .filter_map(|item| match item {
            Item::Call {
                name, namespace, ..
            } => Some(full_name(namespace.as_deref(), name)),
            _ => None,
        });
    let names: Vec<Cow<'_, str>> = declared.chain(called).collect();
    NameMap::build(names.iter().map(|name| &**name), NameRule::GEMINI)
}

fn full_name<'a>(namespace: Option<&str>, name: &'a str) -> Cow<'a, str> {
    match namespace {
        None => Cow::Borrowed(name),
        Some(_) => Cow::Owned(flatten(namespace, name)),
    }
}

fn is_function(tool: &Tool) -> bool {
    matches!(
        tool.kind,
        ToolKind::Function { .. } | ToolKind::Custom { .. }
    )
}

/// The tools that can be expressed, and how they may be called.
pub(super) fn encode<'a>(
    request: &'a Request,
    target: &Target<'_>,
    names: &NameMap,
) -> (Vec<ToolOut<'a>>, Option<ToolConfig>) {
    let functions = functions(request, target, names);
    // Models before Gemini 3 refuse functions beside tools that Google runs (E-99).
    let may_mix = target.model_traits.gemini3 || functions.is_empty();
    let server: Vec<ToolOut<'_>> = request
        .tools
        .iter()
        .filter(|_| may_mix)
        .filter_map(|tool| server_tool(tool, target))
        .collect();
    let mixed = !functions.is_empty() && !server.is_empty();
    let calling = request
        .tool_choice
        .as_ref()
        .filter(|_| !functions.is_empty())
        .map(|choice| calling(choice, &functions, names));
    let mut tools = Vec::with_capacity(server.len() + 1);
    if !functions.is_empty() {
        tools.push(ToolOut::Functions(Functions {
            function_declarations: functions,
        }));
    }
    tools.extend(server);
    let config = ToolConfig {
        function_calling_config: calling,
        // The public API wants to be told, Vertex does not know the field.
        include_server_side_tool_invocations: (mixed && !target.endpoint.vertex).then_some(true),
    };
    let is_said = config.function_calling_config.is_some()
        || config.include_server_side_tool_invocations.is_some();
    (tools, is_said.then_some(config))
}

fn functions<'a>(request: &'a Request, target: &Target<'_>, names: &NameMap) -> Vec<Function<'a>> {
    let strict_form = target.endpoint.strict_schema;
    let form = if strict_form {
        GeminiForm::Strict
    } else {
        GeminiForm::JsonSchema
    };
    let mut seen: HashSet<Cow<'_, str>> = HashSet::new();
    // A direct tool wins over a namespace child of the same full name (E-85).
    for tool in &request.tools {
        if tool.namespace.is_none() && is_function(tool) {
            seen.insert(Cow::Borrowed(&tool.name));
        }
    }
    let mut direct: HashSet<&str> = HashSet::new();
    let mut functions = Vec::new();
    for tool in &request.tools {
        let custom;
        let (schema, output) = match &tool.kind {
            ToolKind::Function {
                schema,
                output_schema,
                ..
            } => (schema.as_ref(), output_schema.as_ref()),
            ToolKind::Custom { .. } => {
                custom = custom_input();
                (Some(&custom), None)
            }
            ToolKind::WebSearch { .. } | ToolKind::Server { .. } => continue,
        };
        let full = full_name(tool.namespace.as_deref(), &tool.name);
        let is_new = match tool.namespace {
            None => direct.insert(&tool.name),
            Some(_) => seen.insert(full.clone()),
        };
        if !is_new {
            continue;
        }
        let parameters = for_gemini(schema, form);
        let output = output.and_then(|output| for_gemini(Some(output), form));
        let (parameters, parameters_json_schema) = if strict_form {
            (parameters, None)
        } else {
            (None, parameters)
        };
        let (response, response_json_schema) = if strict_form {
            (output, None)
        } else {
            (None, output)
        };
        functions.push(Function {
            name: names.to_upstream(&full).to_owned(),
            description: tool.description.as_deref(),
            parameters,
            parameters_json_schema,
            response,
            response_json_schema,
        });
    }
    functions
}

fn server_tool<'a>(tool: &'a Tool, target: &Target<'_>) -> Option<ToolOut<'a>> {
    match &tool.kind {
        ToolKind::WebSearch {
            dialect: Dialect::Gemini,
            raw,
            ..
        }
        | ToolKind::Server {
            dialect: Dialect::Gemini,
            raw,
            ..
        } => Some(ToolOut::Native(Cow::Borrowed(raw))),
        // A client that wants cached results only must not get a live search.
        ToolKind::WebSearch { offline: true, .. } => None,
        ToolKind::WebSearch {
            blocked_domains, ..
        } => {
            // Only Vertex takes domains to leave out.
            let search = if target.endpoint.vertex && !blocked_domains.is_empty() {
                json!({"googleSearch": {"excludeDomains": blocked_domains}})
            } else {
                json!({"googleSearch": {}})
            };
            Some(ToolOut::Native(Cow::Owned(search.into())))
        }
        ToolKind::Server { .. } | ToolKind::Function { .. } | ToolKind::Custom { .. } => None,
    }
}

fn calling(choice: &Choice, functions: &[Function<'_>], names: &NameMap) -> Calling {
    let declared = |name: String| functions.iter().any(|f| f.name == name).then_some(name);
    let (mode, allowed) = match choice {
        Choice::None => ("NONE", Vec::new()),
        Choice::Required => ("ANY", Vec::new()),
        Choice::Tool { name, namespace } => {
            let full = full_name(namespace.as_deref(), name);
            match declared(names.to_upstream(&full).to_owned()) {
                Some(name) => ("ANY", vec![name]),
                // A forced tool that is not sent leaves the choice to the model (E-88).
                None => ("AUTO", Vec::new()),
            }
        }
        Choice::Allowed {
            names: wanted,
            required,
        } => {
            let allowed: Vec<String> = wanted
                .iter()
                .filter_map(|name| declared(names.to_upstream(name).to_owned()))
                .collect();
            match (required, allowed.is_empty()) {
                (_, true) => ("AUTO", allowed),
                (true, false) => ("ANY", allowed),
                // AUTO takes no list; VALIDATED is the mode that may call or not.
                (false, false) => ("VALIDATED", allowed),
            }
        }
        Choice::Auto | Choice::Server(_) => ("AUTO", Vec::new()),
    };
    Calling {
        mode,
        allowed_function_names: allowed,
    }
}
