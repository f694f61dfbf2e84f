//! The built-in demo model: deterministic answers without any account, so that a person can check a
//! client, its streaming, its tool loop and its error handling without spending quota.
//!
//! | The last user text | The answer |
//! |---|---|
//! | anything | `You said: …` |
//! | `/tool NAME {json}` | a call of that tool (default: the first declared one, `{}`) |
//! | a tool result | `The tool answered: …` |
//! | `/think TEXT` | thinking, then `You said: TEXT` |
//! | `/error STATUS TEXT` | that HTTP status before the first byte |
//! | `/break TEXT` | TEXT, then a failure inside the stream |
//!
//! With a JSON schema asked for, the answer is a small object that fits it.

use super::{Call, LocalModel, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actors::domain::catalog::ModelInfo;
use actors::domain::id::CredentialId;
use actors::domain::record::{CredentialRecord, Kind};
use protocol::Dialect;
use protocol::canonical::{
    CallKind, Channel, Delta, Event, Failure, Item, ItemHead, OutputFormat, Request, Role, Start,
    Stop, ToolKind, Usage,
};
use protocol::codec::EndpointTraits;
use serde_json::{Value, json};
use std::sync::Arc;

/// The built-in provider.
pub struct Demo;

/// Its only model.
const MODEL: &str = "demo-echo";

/// The credential of the built-in provider: nobody's.
pub fn record() -> CredentialRecord {
    CredentialRecord::bare(CredentialId::from("demo"), "demo", Kind::Key)
}

impl Provider for Demo {
    fn id(&self) -> &'static str {
        "demo"
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str) -> Spoken {
        // It is asked through the common model; no protocol is its own.
        Spoken::plain(Dialect::OpenAiChat, EndpointTraits::default())
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        vec![Arc::new(ModelInfo {
            display_name: Some("Demo (echo)".into()),
            description: Some("Built in; answers what it was told".into()),
            ..ModelInfo::named(MODEL, "demo")
        })]
    }

    fn shape(&self, _call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        Err(ShapeError::NoSuchCall {
            provider: self.id(),
            what: "upstream",
        })
    }

    fn local(&self) -> Option<&dyn LocalModel> {
        Some(self)
    }
}

impl LocalModel for Demo {
    fn answer(&self, request: &Request) -> Result<Vec<Event>, Box<Failure>> {
        let script = Script::of(request);
        if let Script::Fail { status, message } = &script {
            return Err(Box::new(Failure::new(*status, message.clone())));
        }
        let mut reply = Reply::new();
        match script {
            Script::Say(text) => reply.text(&text),
            Script::Think { thought, text } => {
                reply.thinking(&thought);
                reply.text(&text);
            }
            Script::CallTool { name, arguments } => {
                reply.call(&name, &arguments);
                return Ok(reply.finish(request, Stop::ToolUse));
            }
            Script::Break(text) => {
                reply.text(&text);
                reply.events.push(Event::Error(Box::new(Failure::new(
                    500,
                    "the demo model broke, as you asked",
                ))));
                return Ok(reply.events);
            }
            Script::Fail { .. } => {}
        }
        Ok(reply.finish(request, Stop::EndTurn))
    }
}

/// What the last turn asks for.
enum Script {
    Say(String),
    Think { thought: String, text: String },
    CallTool { name: String, arguments: String },
    Fail { status: u16, message: String },
    Break(String),
}

impl Script {
    fn of(request: &Request) -> Self {
        let Some(last) = request
            .turns
            .iter()
            .rev()
            .find(|turn| matches!(turn.role, Role::User | Role::Tool))
        else {
            return Self::Say("You said nothing.".into());
        };
        if let Some(answer) = last.items.iter().rev().find_map(result_text) {
            return Self::Say(format!("The tool answered: {answer}"));
        }
        let text = texts(&last.items);
        let text = text.trim();
        if let Some(rest) = command(text, "/tool") {
            if let Some(call) = Self::tool_call(request, rest) {
                return call;
            }
            return Self::Say("You asked for a tool call but declared no tool.".into());
        }
        if let Some(rest) = command(text, "/error") {
            let (status, message) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = status.parse().ok().filter(|s| (400..600).contains(s));
            return Self::Fail {
                status: status.unwrap_or(500),
                message: if message.is_empty() {
                    "the demo model failed, as you asked".into()
                } else {
                    message.into()
                },
            };
        }
        if let Some(rest) = command(text, "/break") {
            return Self::Break(rest.into());
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

    fn tool_call(request: &Request, rest: &str) -> Option<Self> {
        let (name, arguments) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut callable = request
            .tools
            .iter()
            .filter(|tool| matches!(tool.kind, ToolKind::Function { .. }));
        let tool = match name {
            "" => callable.next(),
            name => callable.find(|tool| tool.name == name),
        }?;
        Some(Self::CallTool {
            name: tool.name.clone(),
            arguments: if arguments.trim().is_empty() {
                "{}".into()
            } else {
                arguments.trim().into()
            },
        })
    }
}

fn command<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

fn texts(items: &[Item]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for item in items {
        match item {
            Item::Text { text, .. } => parts.push(text.clone()),
            Item::Image { .. } => parts.push("[image]".into()),
            Item::Audio { .. } => parts.push("[audio]".into()),
            Item::Video { .. } => parts.push("[video]".into()),
            Item::File { name, .. } => parts.push(match name {
                Some(name) => format!("[file {name}]"),
                None => "[file]".into(),
            }),
            _ => {}
        }
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
fn instance(schema: &Value, text: &str, depth: usize) -> Value {
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
        _ => schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| {
                properties
                    .iter()
                    .map(|(name, schema)| (name.clone(), instance(schema, text, depth + 1)))
                    .collect()
            })
            .map_or_else(|| json!({ "echo": text }), Value::Object),
    }
}

/// A reply under construction.
struct Reply {
    events: Vec<Event>,
    items: usize,
    words: u64,
}

impl Reply {
    fn new() -> Self {
        Self {
            events: vec![Event::Start(Box::new(Start {
                model: Some(MODEL.into()),
                ..Start::default()
            }))],
            items: 0,
            words: 0,
        }
    }

    /// Sends `text` word by word, so that a stream shows several pieces.
    fn item(&mut self, head: ItemHead, text: &str, delta: impl Fn(String) -> Delta) {
        let index = self.items;
        self.items += 1;
        self.events.push(Event::ItemStart {
            index,
            choice: 0,
            head,
        });
        for piece in text.split_inclusive(' ') {
            self.words += 1;
            self.events.push(Event::Delta {
                index,
                delta: delta(piece.to_owned()),
            });
        }
        self.events.push(Event::ItemStop { index, whole: None });
    }

    fn text(&mut self, text: &str) {
        self.item(ItemHead::Text, text, |text| Delta::Text {
            text,
            logprobs: None,
        });
    }

    fn thinking(&mut self, text: &str) {
        let head = ItemHead::Reasoning {
            id: None,
            redacted: false,
        };
        self.item(head, text, |text| Delta::Reasoning {
            channel: Channel::Raw,
            text,
        });
    }

    fn call(&mut self, name: &str, arguments: &str) {
        let head = ItemHead::Call {
            id: "call_demo_1".into(),
            item_id: None,
            name: name.into(),
            namespace: None,
            kind: CallKind::Function,
            caller: None,
        };
        self.item(head, arguments, Delta::Arguments);
    }

    /// Usage counts words: the demo model has no tokens.
    fn finish(mut self, request: &Request, stop: Stop) -> Vec<Event> {
        let said: usize = request
            .turns
            .iter()
            .map(|turn| texts(&turn.items).split_whitespace().count())
            .sum();
        self.events.push(Event::Usage(Box::new(Usage {
            input_total: Some(said as u64),
            output_total: Some(self.words),
            ..Usage::default()
        })));
        self.events.push(Event::Finish {
            choice: 0,
            stop,
            native: None,
        });
        self.events.push(Event::End);
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::canonical::{Turn, fold};

    fn ask(text: &str) -> Result<String, u16> {
        let request = Request {
            turns: vec![Turn::new(Role::User, vec![Item::text(text)])],
            ..Request::default()
        };
        let events = Demo.answer(&request).map_err(|failure| failure.status)?;
        let reply = fold(events).map_err(|failure| failure.status)?;
        Ok(reply.choices[0]
            .items
            .iter()
            .map(|item| match item {
                Item::Text { text, .. } => text.clone(),
                Item::Reasoning { text, .. } => format!("({text})"),
                other => format!("{other:?}"),
            })
            .collect())
    }

    #[test]
    fn it_answers_what_it_was_told() {
        for (text, want) in [
            ("hello there", Ok("You said: hello there")),
            ("/errors are words", Ok("You said: /errors are words")),
            (
                "/think twice",
                Ok("(The user wants me to think about: twice)You said: twice"),
            ),
            ("/error 429 slow down", Err(429)),
            ("/error", Err(500)),
            ("/break off", Err(500)),
            (
                "/tool",
                Ok("You asked for a tool call but declared no tool."),
            ),
        ] {
            assert_eq!(ask(text), want.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_schema_is_filled() {
        let schema = json!({"type": "object", "properties": {
            "city": {"type": "string"}, "n": {"type": "integer"},
            "kind": {"enum": ["a", "b"]}, "tags": {"type": "array", "items": {"type": "string"}},
        }});
        assert_eq!(
            instance(&schema, "x", 0),
            json!({"city": "x", "n": 1, "kind": "a", "tags": ["x"]})
        );
    }
}
