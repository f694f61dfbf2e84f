//! Pass-through requests: span edits only (`matrix.md` §2).

use super::encode_request::{effort_word, name_map};
use crate::canonical::ReasoningIntent;
use crate::codec::{CodecError, Encoded, Patch, ReplyNotes, Target, root_object};
use crate::names::NameMap;
use crate::splice::{Edits, JsonBody, Kind, Node, quote};

/// Places of a tool object, call or choice that hold a name.
const NAME_HOLDERS: [&str; 2] = ["function", "custom"];

pub(super) fn patch_request(
    body: &JsonBody,
    patch: &Patch<'_>,
    target: &Target<'_>,
) -> Result<Encoded, CodecError> {
    let root = root_object(body)?;
    let mut edits = Edits::new();
    let [
        model,
        stream,
        stream_options,
        messages,
        tools,
        tool_choice,
        functions,
    ] = root.pick([
        "model",
        "stream",
        "stream_options",
        "messages",
        "tools",
        "tool_choice",
        "functions",
    ]);
    if let Some(new) = patch.model
        && model.and_then(|node| node.string()).as_deref() != Some(new)
    {
        edits.set(root, "model", quote(new));
    }
    patch_stream(&mut edits, root, stream, stream_options, patch, target);
    if let Some(intent) = patch.thinking {
        patch_thinking(&mut edits, root, intent);
    }
    if target.model_traits.vision == Some(false)
        && let Some(messages) = messages
    {
        drop_result_images(&mut edits, messages);
    }
    let names = illegal_names(tools, functions, target);
    if !names.is_empty() {
        rename(
            &mut edits,
            &names,
            [tools, functions],
            tool_choice,
            messages,
        );
    }
    Ok(Encoded {
        body: edits.apply_to(body),
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

/// `stream`, and the wish for the usage chunk, which the relay keeps from clients that did not ask.
fn patch_stream(
    edits: &mut Edits,
    root: Node<'_>,
    stream: Option<Node<'_>>,
    options: Option<Node<'_>>,
    patch: &Patch<'_>,
    target: &Target<'_>,
) {
    let asked = stream.and_then(|node| node.boolean()).unwrap_or(false);
    let streams = patch.stream.unwrap_or(asked);
    if streams != asked {
        edits.set(root, "stream", if streams { "true" } else { "false" });
    }
    if !streams || target.endpoint.no_stream_options {
        // Only legal with a stream (E-74), and not everywhere (E-72).
        if options.is_some() {
            edits.remove(root, "stream_options");
        }
        return;
    }
    match options.filter(|node| node.kind() == Kind::Object) {
        None => edits.set(root, "stream_options", "{\"include_usage\":true}"),
        Some(options) => {
            let wish = options.get("include_usage").and_then(|node| node.boolean());
            if wish != Some(true) {
                edits.set(options, "include_usage", "true");
            }
        }
    }
}

/// Writes the intent in place of whatever form the client used.
fn patch_thinking(edits: &mut Edits, root: Node<'_>, intent: ReasoningIntent) {
    match effort_word(intent) {
        Some(word) => edits.set(root, "reasoning_effort", quote(word)),
        None => edits.remove(root, "reasoning_effort"),
    }
    for key in ["thinking", "enable_thinking", "thinking_budget"] {
        edits.remove(root, key);
    }
    if let Some(reasoning) = root.get("reasoning") {
        // What is shown stays the client's wish.
        let wishes = ["effort", "max_tokens", "enabled"];
        let other = reasoning
            .members()
            .any(|(key, _)| !wishes.contains(&key.as_ref()));
        if other {
            for key in wishes {
                edits.remove(reasoning, key);
            }
        } else {
            edits.remove(root, "reasoning");
        }
    }
}

/// A text model refuses pictures; in tool results the client could not know.
fn drop_result_images(edits: &mut Edits, messages: Node<'_>) {
    for message in messages.elements() {
        let [role, content] = message.pick(["role", "content"]);
        if role.and_then(|node| node.string()).as_deref() != Some("tool") {
            continue;
        }
        for part in content.iter().flat_map(Node::elements) {
            let [kind, image] = part.pick(["type", "image_url"]);
            if kind.and_then(|node| node.string()).as_deref() != Some("image_url") {
                continue;
            }
            let url = image.and_then(|node| node.get("url")?.string());
            let note = match url.as_deref() {
                Some(url) if !url.starts_with("data:") => format!("[image: {url}]"),
                _ => "[image omitted: the model takes text only]".to_owned(),
            };
            let text = format!("{{\"type\":\"text\",\"text\":{}}}", quote(&note));
            edits.replace(part, text);
        }
    }
}

/// The map of declared names that break the rule; empty for nearly every request.
fn illegal_names(
    tools: Option<Node<'_>>,
    functions: Option<Node<'_>>,
    target: &Target<'_>,
) -> NameMap {
    let mut names: Vec<String> = Vec::new();
    for tool in tools.iter().flat_map(Node::elements) {
        names.extend(named(tool).map(|(_, name)| name));
    }
    for function in functions.iter().flat_map(Node::elements) {
        names.extend(
            function
                .get("name")
                .and_then(|node| node.string())
                .map(String::from),
        );
    }
    name_map(&names, target)
}

/// The name of a tool, call or choice in its nested form, with the node that holds it.
fn named(entry: Node<'_>) -> Option<(Node<'_>, String)> {
    let name = entry
        .pick(NAME_HOLDERS)
        .into_iter()
        .flatten()
        .find_map(|holder| holder.get("name"))?;
    let text = name.string()?.into_owned();
    Some((name, text))
}

fn rename(
    edits: &mut Edits,
    names: &NameMap,
    declarations: [Option<Node<'_>>; 2],
    choice: Option<Node<'_>>,
    messages: Option<Node<'_>>,
) {
    let [tools, functions] = declarations;
    for tool in tools.iter().flat_map(Node::elements) {
        rename_entry(edits, names, tool);
    }
    for function in functions.iter().flat_map(Node::elements) {
        rename_value(edits, names, function.get("name"));
    }
    if let Some(choice) = choice {
        rename_entry(edits, names, choice);
        let allowed = choice
            .get("allowed_tools")
            .and_then(|allowed| allowed.get("tools"));
        for tool in allowed.iter().flat_map(Node::elements) {
            rename_entry(edits, names, tool);
        }
    }
    for message in messages.iter().flat_map(Node::elements) {
        let [calls, call, role, name] =
            message.pick(["tool_calls", "function_call", "role", "name"]);
        for call in calls.iter().flat_map(Node::elements) {
            rename_entry(edits, names, call);
        }
        rename_value(edits, names, call.and_then(|call| call.get("name")));
        let role = role.and_then(|node| node.string());
        if matches!(role.as_deref(), Some("function" | "tool")) {
            rename_value(edits, names, name);
        }
    }
}

fn rename_entry(edits: &mut Edits, names: &NameMap, entry: Node<'_>) {
    rename_value(edits, names, named(entry).map(|(node, _)| node));
}

fn rename_value(edits: &mut Edits, names: &NameMap, node: Option<Node<'_>>) {
    if let Some(node) = node
        && let Some(name) = node.string()
    {
        let new = names.to_upstream(&name);
        if new != name {
            edits.replace(node, quote(new));
        }
    }
}
