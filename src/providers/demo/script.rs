//! What the demo model is told to do, read from a request.

use protocol::canonical::{
    CallKind, Choice, Item, OutputFormat, Request, Role, Tool, ToolKind, Turn,
};
use protocol::client_tools;
use protocol::names::flatten;
use serde_json::{Value, json};
use std::borrow::Cow;

/// What the last turn asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Script {
    Say(String),
    Think {
        thought: String,
        text: String,
    },
    CallTool {
        name: String,
        kind: CallKind,
        input: String,
    },
    Fail {
        status: u16,
        message: String,
    },
    Break(String),
}

impl Script {
    pub(super) fn of(request: &Request) -> Self {
        let Some(last) = last_words(request) else {
            return Self::Say("You said nothing.".into());
        };
        let answer = last.items.iter().rev().find_map(result_text);
        let text = own_words(&last.items);
        let text = text.trim();
        if let Some(rest) = command(text, "/error") {
            return Self::fail(rest);
        }
        if let Some(rest) = command(text, "/break") {
            return Self::Break(rest.into());
        }
        let wish = command(text, "/tool").map(Wish::read);
        if let Some(tool) = forced(request, wish) {
            let said = wish.and_then(|wish| wish.input_of(&tool));
            let input = said.map_or_else(
                || small_input(&tool, answer.as_deref().unwrap_or(text)),
                str::to_owned,
            );
            return Self::call(&tool, input);
        }
        if let Some(answer) = answer {
            return Self::Say(format!("The tool answered: {answer}"));
        }
        if let Some(wish) = wish {
            return Self::wished(request, wish);
        }
        if let Some(rest) = command(text, "/think") {
            return Self::Think {
                thought: format!("The user wants me to think about: {rest}"),
                text: format!("You said: {rest}"),
            };
        }
        match &request.output.format {
            OutputFormat::Text => Self::Say(format!("You said: {text}")),
            OutputFormat::JsonObject => Self::Say(json!({ "echo": text }).to_string()),
            OutputFormat::JsonSchema { schema, .. } => {
                let schema = schema.read().unwrap_or(Value::Null);
                Self::Say(instance(&schema, text, 0).to_string())
            }
        }
    }

    fn fail(rest: &str) -> Self {
        let (status, message) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = status.parse().ok().filter(|s| (400..600).contains(s));
        Self::Fail {
            status: status.unwrap_or(500),
            message: if message.is_empty() {
                "the demo model failed, as you asked".into()
            } else {
                message.into()
            },
        }
    }

    fn wished(request: &Request, wish: Wish<'_>) -> Self {
        if request.tool_choice == Some(Choice::None) {
            return Self::Say(
                "You asked for a tool call but forbade it by the tool choice.".into(),
            );
        }
        let mut tools = callable(request);
        let found = if wish.name.is_empty() {
            tools.next()
        } else {
            tools.find(|tool| wish.names(tool))
        };
        match found {
            Some(tool) => {
                let input = wish.input_of(&tool).unwrap_or_else(|| match tool.kind {
                    ToolKind::Custom { .. } => "",
                    _ => "{}",
                });
                Self::call(&tool, input.to_owned())
            }
            None if wish.name.is_empty() => {
                Self::Say("You asked for a tool call but declared no tool.".into())
            }
            None => Self::Say(format!(
                "You asked for a call of {} but declared no tool of that name.",
                wish.name
            )),
        }
    }

    fn call(tool: &Tool, input: String) -> Self {
        Self::CallTool {
            name: full_name(tool).into_owned(),
            kind: match tool.kind {
                ToolKind::Custom { .. } => CallKind::Custom,
                _ => CallKind::Function,
            },
            input,
        }
    }
}

/// A tool named in `/tool NAME {json}`, and its input; both may be empty.
#[derive(Clone, Copy)]
struct Wish<'a> {
    name: &'a str,
    input: &'a str,
}

impl<'a> Wish<'a> {
    fn read(text: &'a str) -> Self {
        let (name, input) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Self {
            name,
            input: input.trim(),
        }
    }

    fn names(self, tool: &Tool) -> bool {
        self.name == tool.name || self.name == full_name(tool)
    }

    /// What was said as input of `tool`.
    fn input_of(self, tool: &Tool) -> Option<&'a str> {
        (self.names(tool) && !self.input.is_empty()).then_some(self.input)
    }
}

/// The tools that may be called.
fn callable(request: &Request) -> impl Iterator<Item = Cow<'_, Tool>> {
    let only = match &request.tool_choice {
        Some(Choice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    request
        .tools
        .iter()
        .filter_map(|tool| match &tool.kind {
            ToolKind::Function { .. } | ToolKind::Custom { .. } => Some(Cow::Borrowed(tool)),
            ToolKind::WebSearch { .. } | ToolKind::Server { .. } => {
                client_tools::as_function(tool).map(Cow::Owned)
            }
        })
        .filter(move |tool| {
            only.is_none_or(|only| only.iter().any(|name| *name == full_name(tool)))
        })
}

/// The tool that the choice makes the model call; the wished one where there are several.
fn forced<'r>(request: &'r Request, wish: Option<Wish<'_>>) -> Option<Cow<'r, Tool>> {
    match request.tool_choice.as_ref()? {
        Choice::Tool { name, namespace } => {
            let wanted = flatten(namespace.as_deref(), name);
            callable(request).find(|tool| full_name(tool) == wanted)
        }
        Choice::Required | Choice::Allowed { required: true, .. } => wish
            .and_then(|wish| callable(request).find(|tool| wish.names(tool)))
            .or_else(|| callable(request).next()),
        Choice::Auto
        | Choice::None
        | Choice::Allowed {
            required: false, ..
        }
        | Choice::Server(_) => None,
    }
}

fn full_name(tool: &Tool) -> Cow<'_, str> {
    match tool.namespace {
        None => Cow::Borrowed(&tool.name),
        Some(_) => Cow::Owned(flatten(tool.namespace.as_deref(), &tool.name)),
    }
}

/// An input that the tool takes, with `text` in its texts.
fn small_input(tool: &Tool, text: &str) -> String {
    match &tool.kind {
        ToolKind::Custom { .. } => text.to_owned(),
        ToolKind::Function {
            schema: Some(schema),
            ..
        } => instance(&schema.read().unwrap_or(Value::Null), text, 0).to_string(),
        _ => "{}".to_owned(),
    }
}

/// What stands behind the command `name`. Clients that keep what begins with a slash for themselves
/// pass it on behind the word `demo`.
fn command<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let text = match text.strip_prefix("demo") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => text,
    };
    let rest = text.strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// The last turn of a person or a tool. Agents put notes of their own behind it.
fn last_words(request: &Request) -> Option<&Turn> {
    let mut said = request
        .turns
        .iter()
        .rev()
        .filter(|turn| matches!(turn.role, Role::User | Role::Tool));
    let last = said.clone().next()?;
    let meant = said.find(|turn| turn.role == Role::Tool || !turn.items.iter().all(is_note));
    meant.or(Some(last))
}

/// What an agent adds to the words of its user: a text in a tag (`<system-reminder>`,
/// `<environment_context>`).
fn is_note(item: &Item) -> bool {
    let Item::Text { text, .. } = item else {
        return false;
    };
    let text = text.trim();
    let Some((tag, _)) = text.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !tag.is_empty() && tag.chars().all(plain) && text.ends_with(&format!("</{tag}>"))
}

/// The texts of `items` without the notes of an agent, unless there is nothing else.
fn own_words(items: &[Item]) -> String {
    let own: Vec<&Item> = items.iter().filter(|item| !is_note(item)).collect();
    if own.is_empty() {
        texts(items)
    } else {
        texts(own)
    }
}

/// The texts of `items`, and a word for what is no text.
pub(super) fn texts<'a>(items: impl IntoIterator<Item = &'a Item>) -> String {
    let mut parts: Vec<Cow<'_, str>> = Vec::new();
    for item in items {
        parts.push(match item {
            Item::Text { text, .. } => text.as_str().into(),
            Item::Image { .. } => "[image]".into(),
            Item::Audio { .. } => "[audio]".into(),
            Item::Video { .. } => "[video]".into(),
            Item::File {
                name: Some(name), ..
            } => format!("[file {name}]").into(),
            Item::File { .. } => "[file]".into(),
            _ => continue,
        });
    }
    parts.join("\n")
}

fn result_text(item: &Item) -> Option<String> {
    match item {
        Item::Result {
            content, object, ..
        } => Some(match object {
            Some(object) if content.is_empty() => object.as_str().to_owned(),
            _ => texts(content),
        }),
        _ => None,
    }
}

/// A small value that fits `schema`; texts become `text`.
pub(super) fn instance(schema: &Value, text: &str, depth: usize) -> Value {
    const DEPTH_MAX: usize = 8;
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(first) = schema
        .get("enum")
        .and_then(Value::as_array)
        .and_then(|values| values.first())
    {
        return first.clone();
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    for union in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema
            .get(union)
            .and_then(Value::as_array)
            .and_then(|options| options.first())
        {
            return instance(first, text, depth + 1);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        other => other.and_then(Value::as_str),
    };
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("string") => text.into(),
        Some("integer" | "number") => 1.into(),
        Some("boolean") => true.into(),
        Some("array") => match schema.get("items") {
            Some(items) => vec![instance(items, text, depth + 1)].into(),
            None => Value::Array(Vec::new()),
        },
        Some("null") => Value::Null,
        _ => object(schema, text, depth),
    }
}

/// The properties that must be there; all of them when none must.
fn object(schema: &Value, text: &str, depth: usize) -> Value {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return json!({ "echo": text });
    };
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .filter(|names| !names.is_empty());
    properties
        .iter()
        .filter(|(name, _)| {
            required.is_none_or(|names| names.iter().any(|required| required == *name))
        })
        .map(|(name, schema)| (name.clone(), instance(schema, text, depth + 1)))
        .collect()
}
