//! Declared tools and the choice among them (`openai-responses.md` §4, §5).

use super::read::{self, Path};
use crate::canonical::{Choice, Tool, ToolKind};
use crate::codec::{CodecError, Dialect};
use crate::names::flatten;
use crate::raw::RawJson;
use crate::splice::Node;
use std::borrow::Cow;
use std::collections::HashSet;

/// Appends the tools of `list` to `out`; `namespace` is that of a group.
pub(super) fn tools(
    list: Node<'_>,
    at: &Path<'_>,
    namespace: Option<&str>,
    out: &mut Vec<Tool>,
) -> Result<(), CodecError> {
    for (index, node) in list.elements().enumerate() {
        let at = &at.index(index);
        tool(read::object(node, at)?, at, namespace, out)?;
    }
    Ok(())
}

fn tool(
    node: Node<'_>,
    at: &Path<'_>,
    namespace: Option<&str>,
    out: &mut Vec<Tool>,
) -> Result<(), CodecError> {
    let [kind, nested_function, nested_custom, defer, cache] = node.pick([
        "type",
        "function",
        "custom",
        "defer_loading",
        "cache_control",
    ]);
    let kind = read::need_text(kind, at, "type")?;
    // Clients written for chat nest the fields one level deeper (E-95).
    let nested = match &*kind {
        "function" => read::present(nested_function),
        "custom" => read::present(nested_custom),
        _ => None,
    };
    let fields = nested.unwrap_or(node);
    let [
        name,
        description,
        parameters,
        strict,
        output_schema,
        format,
        children,
    ] = fields.pick([
        "name",
        "description",
        "parameters",
        "strict",
        "output_schema",
        "format",
        "tools",
    ]);
    let raw = |node: Option<Node<'_>>| read::present(node).map(RawJson::of);
    let (name, kind) = match &*kind {
        "function" => (
            read::need_text(name, at, "name")?,
            ToolKind::Function {
                schema: raw(parameters),
                strict: read::present(strict).and_then(|strict| strict.boolean()),
                output_schema: raw(output_schema),
            },
        ),
        "custom" => (
            read::need_text(name, at, "name")?,
            ToolKind::Custom {
                format: raw(format),
            },
        ),
        "namespace" => {
            let name = read::need_text(name, at, "name")?;
            if let Some(children) = read::present(children) {
                let at = &at.key("tools");
                tools(read::array(children, at)?, at, Some(&name), out)?;
            }
            return Ok(());
        }
        search if search.starts_with("web_search") => {
            (Cow::Borrowed("web_search"), web_search(node, at))
        }
        other => (
            Cow::Owned(other.to_owned()),
            ToolKind::Server {
                dialect: Dialect::OpenAiResponses,
                kind: other.to_owned(),
                raw: RawJson::of(node),
            },
        ),
    };
    out.push(Tool {
        name: name.into_owned(),
        namespace: namespace.map(str::to_owned),
        description: read::opt_whole_text(description, at, "description")?,
        kind,
        defer_loading: read::present(defer).and_then(|defer| defer.boolean()),
        cache: super::decode_items::cache_mark(cache, None),
    });
    Ok(())
}

fn web_search(node: Node<'_>, at: &Path<'_>) -> ToolKind {
    let [filters, location, external, size] = node.pick([
        "filters",
        "user_location",
        "external_web_access",
        "max_uses",
    ]);
    let [allowed, blocked] = match read::present(filters) {
        Some(filters) => filters.pick(["allowed_domains", "blocked_domains"]),
        None => [None; 2],
    };
    ToolKind::WebSearch {
        dialect: Dialect::OpenAiResponses,
        allowed_domains: read::strings(allowed),
        blocked_domains: read::strings(blocked),
        user_location: read::present(location).map(RawJson::of),
        max_uses: size.and_then(|n| read::whole(n, at).ok()),
        offline: external.and_then(|external| external.boolean()) == Some(false),
        raw: RawJson::of(node),
    }
}

/// Of tools with the same full name the first stays; a direct tool wins over the child of a
/// namespace (E-85).
pub(super) fn dedupe(tools: &mut Vec<Tool>) {
    let callable = |tool: &Tool| {
        matches!(
            tool.kind,
            ToolKind::Function { .. } | ToolKind::Custom { .. }
        )
    };
    let direct: HashSet<String> = tools
        .iter()
        .filter(|tool| tool.namespace.is_none() && callable(tool))
        .map(|tool| tool.name.clone())
        .collect();
    let mut seen: HashSet<String> = HashSet::new();
    tools.retain(|tool| {
        if !callable(tool) {
            return true;
        }
        let full = flatten(tool.namespace.as_deref(), &tool.name);
        (tool.namespace.is_none() || !direct.contains(&full)) && seen.insert(full)
    });
}

/// Reads `tool_choice`.
pub(super) fn choice(node: Node<'_>, at: &Path<'_>) -> Result<Choice, CodecError> {
    if let Some(word) = node.string() {
        return match &*word {
            "none" => Ok(Choice::None),
            "auto" => Ok(Choice::Auto),
            "required" => Ok(Choice::Required),
            other => Err(at.invalid(format!(
                "`{other}` is unknown; use `none`, `auto`, `required` or an object"
            ))),
        };
    }
    let node = read::object(node, at)?;
    let [kind, mode, tools] = node.pick(["type", "mode", "tools"]);
    match &*read::need_text(kind, at, "type")? {
        "function" | "custom" => {
            let (name, namespace) = named(node, at)?;
            Ok(Choice::Tool { name, namespace })
        }
        "allowed_tools" => {
            let [nested] = node.pick(["allowed_tools"]);
            let [inner_mode, inner_tools] = match read::present(nested) {
                Some(nested) => nested.pick(["mode", "tools"]),
                None => [None; 2],
            };
            let mode = read::opt_text(mode.or(inner_mode), at, "mode")?;
            let mut names = Vec::new();
            for tool in tools.or(inner_tools).into_iter().flat_map(|t| t.elements()) {
                names.push(allowed_name(tool, at)?);
            }
            Ok(Choice::Allowed {
                names,
                required: mode.as_deref() == Some("required"),
            })
        }
        auto @ ("auto" | "none" | "required") => match auto {
            "auto" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            _ => Ok(Choice::Required),
        },
        search if search.starts_with("web_search") => Ok(Choice::Server("web_search".to_owned())),
        other => Ok(Choice::Server(other.to_owned())),
    }
}

/// Name and namespace of a function or custom tool, flat or nested as in chat.
fn named(node: Node<'_>, at: &Path<'_>) -> Result<(String, Option<String>), CodecError> {
    let [function, custom] = node.pick(["function", "custom"]);
    let fields = read::present(function)
        .or(read::present(custom))
        .unwrap_or(node);
    let [name, namespace] = fields.pick(["name", "namespace"]);
    Ok((
        read::need_text(name, at, "name")?.into_owned(),
        read::opt_text(namespace, at, "namespace")?.map(Cow::into_owned),
    ))
}

fn allowed_name(tool: Node<'_>, at: &Path<'_>) -> Result<String, CodecError> {
    let [kind] = tool.pick(["type"]);
    match kind.and_then(|kind| kind.string()).as_deref() {
        Some("function" | "custom") | None => {
            let (name, namespace) = named(tool, &at.key("tools"))?;
            Ok(flatten(namespace.as_deref(), &name))
        }
        Some(search) if search.starts_with("web_search") => Ok("web_search".to_owned()),
        Some(other) => Ok(other.to_owned()),
    }
}
