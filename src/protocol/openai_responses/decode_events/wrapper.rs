//! Several calls wrapped in one: `multi_tool_use.parallel` (E-254).

use crate::names::NameMap;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

const NAMES: [&str; 3] = [
    "multi_tool_use.parallel",
    "multi_tool_use_parallel",
    "parallel",
];

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    tool_uses: Vec<Use<'a>>,
}

#[derive(Deserialize)]
struct Use<'a> {
    recipient_name: String,
    #[serde(borrow)]
    parameters: &'a RawValue,
}

/// True when `name` is the wrapper's and not that of a tool the client declared.
pub(super) fn is_wrapper(name: &str, client_body: &Bytes) -> bool {
    NAMES.contains(&name) && !declared(client_body).iter().any(|tool| tool == name)
}

/// Name and arguments of each inner call; `None` unless every inner tool was declared.
pub(super) fn take_apart(
    arguments: &str,
    client_body: &Bytes,
    names: &NameMap,
) -> Option<Vec<(String, String)>> {
    let wrapped: Wrapped<'_> = serde_json::from_str(arguments).ok()?;
    let declared = declared(client_body);
    let calls: Option<Vec<(String, String)>> = wrapped
        .tool_uses
        .iter()
        .map(|inner| {
            let name = inner
                .recipient_name
                .strip_prefix("functions.")
                .unwrap_or(&inner.recipient_name);
            let name = names.to_client(name).to_owned();
            declared
                .contains(&name)
                .then(|| (name, inner.parameters.get().to_owned()))
        })
        .collect();
    calls.filter(|calls| !calls.is_empty())
}

/// Names of the tools in a request of any protocol. Only read when a wrapper shows up.
fn declared(client_body: &Bytes) -> Vec<String> {
    #[derive(Deserialize)]
    struct Tools {
        #[serde(default)]
        tools: Vec<Value>,
    }
    let Ok(Tools { tools }) = serde_json::from_slice(client_body) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut add = |value: Option<&Value>| {
        names.extend(value.and_then(Value::as_str).map(str::to_owned));
    };
    for tool in &tools {
        add(tool.get("name"));
        add(tool.get("function").and_then(|inner| inner.get("name")));
        for key in ["functionDeclarations", "function_declarations"] {
            for inner in tool
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                add(inner.get("name"));
            }
        }
    }
    names
}
