//! What the service demands of bodies beyond their protocols (§7). Pure.

use super::models::is_openai;
use bytes::Bytes;
use protocol::splice::{Doc, Edits, Kind, Node, quote};

/// Fields that tools of Responses are read from, in any of the forms they come in.
const PARAMETERS: [&str; 2] = ["parameters", "input_schema"];

/// A chat body in the service's form; the same bytes when it has it already.
pub(super) fn for_chat(body: &Bytes, model: &str, stream: bool) -> Bytes {
    let Some(doc) = Doc::trust(body) else {
        return body.clone();
    };
    let root = doc.root();
    let [effort, limit, new_limit, tools, choice, messages, options] = root
        .pick([
            "reasoning_effort",
            "max_tokens",
            "max_completion_tokens",
            "tools",
            "tool_choice",
            "messages",
            "stream_options",
        ])
        .map(|node| node.filter(|node| !node.is_null()));
    let mut edits = Edits::new();
    if effort.is_some() && !is_openai(model) {
        edits.remove(root, "reasoning_effort");
    }
    if let Some(limit) = limit.filter(|_| super::models::is_reasoning(model)) {
        // "Unsupported parameter: 'max_tokens'"
        edits.remove(root, "max_tokens");
        if new_limit.is_none() {
            edits.set(root, "max_completion_tokens", limit.raw());
        }
    }
    let others = |tool: Node<'_>| text(tool, "type").as_deref() != Some("function");
    let tools_left = keep_known(tools, others, root, &mut edits);
    if let Some(choice) = choice.filter(|_| tools_left) {
        let known = match choice.kind() {
            Kind::Object => text(choice, "type").as_deref() == Some("function"),
            _ => is_choice(choice),
        };
        if !known {
            edits.set(root, "tool_choice", r#""auto""#);
        }
    }
    for message in messages.into_iter().flat_map(|list| list.elements()) {
        join_texts(message, &mut edits);
    }
    if stream {
        match options.filter(|options| options.kind() == Kind::Object) {
            Some(options) if options.get("include_usage").is_none() => {
                edits.set(options, "include_usage", "true");
            }
            Some(_) => {}
            None => edits.set(root, "stream_options", r#"{"include_usage":true}"#),
        }
    }
    edits.apply(body)
}

/// Earlier answers in one text: Claude repeats those that come in parts.
fn join_texts(message: Node<'_>, edits: &mut Edits) {
    if text(message, "role").as_deref() != Some("assistant") {
        return;
    }
    let Some(content) = message.get("content").filter(|c| c.kind() == Kind::Array) else {
        return;
    };
    let mut joined = String::new();
    for part in content.elements() {
        match (text(part, "type").as_deref(), text(part, "text")) {
            (Some("text"), Some(text)) => joined.push_str(&text),
            _ => return,
        }
    }
    edits.replace(content, quote(&joined));
}

/// A Responses body in the service's form; the same bytes when it has it already.
pub(super) fn for_responses(body: &Bytes) -> Bytes {
    let Some(doc) = Doc::trust(body) else {
        return body.clone();
    };
    let root = doc.root();
    let [tier, store, include, reasoning, tools, choice, input] = root.pick([
        "service_tier",
        "store",
        "include",
        "reasoning",
        "tools",
        "tool_choice",
        "input",
    ]);
    let mut edits = Edits::new();
    if tier.is_some() {
        edits.remove(root, "service_tier");
    }
    if store.is_none() {
        edits.set(root, "store", "false");
    }
    if include.is_none() {
        edits.set(root, "include", r#"["reasoning.encrypted_content"]"#);
    }
    if let Some(reasoning) = reasoning.filter(|reasoning| reasoning.kind() == Kind::Object)
        && text(reasoning, "effort").is_some()
        && reasoning.get("summary").is_none()
    {
        edits.set(reasoning, "summary", r#""auto""#);
    }
    let unknown = |tool: Node<'_>| !is_function(tool) && !is_computer(tool);
    let tools_left = keep_known(tools, unknown, root, &mut edits);
    for tool in tools.into_iter().flat_map(|tools| tools.elements()) {
        if is_function(tool) {
            flatten(tool, &mut edits);
        }
    }
    match choice.filter(|choice| tools_left && !choice.is_null()) {
        Some(choice) if choice.kind() == Kind::Object => {
            let of = |node: Node<'_>| node.get("name").map(|name| name.raw().to_owned());
            let name = of(choice).or_else(|| of(choice.get("function")?));
            let named = text(choice, "type").as_deref() == Some("function");
            let choice = match name.filter(|_| named) {
                Some(name) => format!(r#"{{"type":"function","name":{name}}}"#),
                None => r#""auto""#.to_owned(),
            };
            edits.set(root, "tool_choice", choice);
        }
        Some(choice) if !is_choice(choice) => edits.set(root, "tool_choice", r#""auto""#),
        _ => {}
    }
    if let Some(input) = input.filter(|i| !matches!(i.kind(), Kind::String | Kind::Array)) {
        edits.replace(input, quote(input.raw()));
    }
    edits.apply(body)
}

/// Brings a function into Responses' flat form, whichever it came in.
fn flatten(tool: Node<'_>, edits: &mut Edits) {
    let inner = tool.get("function").filter(|f| f.kind() == Kind::Object);
    let foreign = tool.get("input_schema").is_some() || tool.get("type").is_none();
    if inner.is_none() && !foreign {
        return;
    }
    let from = inner.unwrap_or(tool);
    let mut flat = String::from(r#"{"type":"function""#);
    let mut add = |name: &str, value: Option<Node<'_>>| {
        if let Some(value) = value {
            flat.push_str(&format!(",{}:{}", quote(name), value.raw()));
        }
    };
    add("name", from.get("name"));
    add("description", from.get("description"));
    add(
        "parameters",
        PARAMETERS.iter().find_map(|name| from.get(name)),
    );
    add("strict", from.get("strict"));
    flat.push('}');
    edits.replace(tool, flat);
}

fn is_function(tool: Node<'_>) -> bool {
    match text(tool, "type").as_deref() {
        Some(kind) => kind == "function",
        // As Anthropic's clients write them.
        None => tool.get("name").is_some() || tool.get("function").is_some(),
    }
}

fn is_computer(tool: Node<'_>) -> bool {
    let kind = text(tool, "type");
    matches!(kind.as_deref(), Some("computer" | "computer_use_preview"))
}

fn is_choice(choice: Node<'_>) -> bool {
    let word = choice.string();
    matches!(word.as_deref(), Some("auto" | "none" | "required"))
}

/// Takes tools out of the list; the list itself, and the choice among them, when nothing stays of it:
/// then false.
fn keep_known(
    tools: Option<Node<'_>>,
    unknown: impl Fn(Node<'_>) -> bool,
    root: Node<'_>,
    edits: &mut Edits,
) -> bool {
    let Some(tools) = tools.filter(|tools| tools.kind() == Kind::Array) else {
        return true;
    };
    if tools.elements().all(&unknown) {
        edits.remove(root, "tools");
        edits.remove(root, "tool_choice");
        return false;
    }
    for (n, tool) in tools.elements().enumerate() {
        if unknown(tool) {
            edits.remove_element(tools, n);
        }
    }
    true
}

fn text<'a>(node: Node<'a>, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    node.get(key)?.string()
}
