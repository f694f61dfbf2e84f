//! Turns → input items (`openai-responses.md` §3, `matrix.md` §4.2, §4.3).

mod parts;

use super::decode_items::stringified_parts;
use crate::canonical::{
    Arguments, CallKind, Item, ResultKind, Role, SignatureIssuer, SystemBlock, Turn,
};
use crate::codec::Dialect;
use crate::names::{NameMap, short_call_id};
use crate::raw::RawJson;
use parts::{PartOut, input_part, input_part_owned, input_text, output_part, plain_text};
use serde::Serialize;
use std::borrow::Cow;

/// How the items of one request are written.
#[derive(Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) names: &'a NameMap,
    /// The upstream takes `prompt_cache_breakpoint` and the client meant one.
    pub(super) breakpoints: bool,
    /// Outputs are text only.
    pub(super) plain_outputs: bool,
}

/// One element of `input`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemOut<'a> {
    Message {
        role: &'static str,
        content: Vec<PartOut<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a str>,
    },
    Reasoning {
        summary: Vec<SummaryOut<'a>>,
        encrypted_content: &'a str,
    },
    FunctionCall {
        call_id: String,
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        arguments: &'a str,
    },
    CustomToolCall {
        call_id: String,
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        input: &'a str,
    },
    FunctionCallOutput {
        call_id: String,
        output: OutputOut<'a>,
    },
    CustomToolCallOutput {
        call_id: String,
        output: OutputOut<'a>,
    },
    #[serde(untagged)]
    Native(&'a RawJson),
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct SummaryOut<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum OutputOut<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartOut<'a>>),
}

/// A leading instruction as a message.
pub(super) fn developer<'a>(block: &'a SystemBlock, style: Style<'_>) -> ItemOut<'a> {
    ItemOut::Message {
        role: "developer",
        content: vec![input_text(&block.text, block.cache.as_ref(), style)],
        phase: None,
    }
}

/// The items of normalised turns.
pub(super) fn items<'a>(turns: &'a [Turn], style: Style<'a>) -> Vec<ItemOut<'a>> {
    let mut writer = Writer {
        style,
        items: Vec::with_capacity(turns.len()),
        content: Vec::new(),
    };
    for turn in turns {
        let role = match turn.role {
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
            Role::System | Role::Developer => "developer",
        };
        for item in &turn.items {
            writer.item(item, role, turn.phase.as_deref());
        }
        writer.flush(role, turn.phase.as_deref());
    }
    drop_followerless(&mut writer.items);
    writer.items
}

/// Reasoning must stand in front of what it led to (E-43).
fn drop_followerless(items: &mut Vec<ItemOut<'_>>) {
    let led: Vec<bool> = items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            if !matches!(item, ItemOut::Reasoning { .. }) {
                return true;
            }
            let next = items[at + 1..]
                .iter()
                .find(|next| !matches!(next, ItemOut::Reasoning { .. }));
            match next {
                Some(ItemOut::Message { role, .. }) => *role == "assistant",
                Some(
                    ItemOut::FunctionCall { .. }
                    | ItemOut::CustomToolCall { .. }
                    | ItemOut::Native(_),
                ) => true,
                _ => false,
            }
        })
        .collect();
    let mut led = led.into_iter();
    items.retain(|_| led.next().unwrap_or(true));
}

struct Writer<'a> {
    style: Style<'a>,
    items: Vec<ItemOut<'a>>,
    /// Parts of the message being put together.
    content: Vec<PartOut<'a>>,
}

impl<'a> Writer<'a> {
    fn flush(&mut self, role: &'static str, phase: Option<&'a str>) {
        if !self.content.is_empty() {
            self.items.push(ItemOut::Message {
                role,
                content: std::mem::take(&mut self.content),
                phase: phase.filter(|_| role == "assistant"),
            });
        }
    }

    fn item(&mut self, item: &'a Item, role: &'static str, phase: Option<&'a str>) {
        let out = match item {
            Item::Call {
                id,
                name,
                namespace,
                kind,
                arguments,
                ..
            } => self.call(id, name, namespace.as_deref(), *kind, arguments),
            Item::Result {
                call_id,
                content,
                object,
                is_error,
                kind,
                ..
            } => self.result(call_id, content, object.as_ref(), *is_error, *kind),
            Item::Reasoning {
                text,
                summary,
                signature: Some(signature),
                redacted: false,
                ..
            } if signature.issuer == SignatureIssuer::OpenAi => {
                let texts = summary.iter().map(String::as_str);
                let summary = texts
                    .chain(Some(text.as_str()).filter(|_| summary.is_empty()))
                    .filter(|text| !text.is_empty())
                    .map(|text| SummaryOut { text })
                    .collect();
                ItemOut::Reasoning {
                    summary,
                    encrypted_content: &signature.value,
                }
            }
            Item::Reasoning { .. } => return,
            Item::Server(tool) if tool.dialect == Dialect::OpenAiResponses => {
                ItemOut::Native(&tool.raw)
            }
            Item::Opaque {
                dialect: Dialect::OpenAiResponses,
                raw,
            } => ItemOut::Native(raw),
            Item::Server(_) | Item::Opaque { .. } => return,
            _ => {
                let part = if role == "assistant" {
                    output_part(item)
                } else {
                    input_part(item, self.style)
                };
                self.content.extend(part);
                return;
            }
        };
        self.flush(role, phase);
        self.items.push(out);
    }

    fn call(
        &self,
        id: &str,
        name: &'a str,
        namespace: Option<&'a str>,
        kind: CallKind,
        arguments: &'a Arguments,
    ) -> ItemOut<'a> {
        let call_id = short_call_id(id);
        let name = self.name(name, namespace);
        let text = arguments.as_str();
        match kind {
            CallKind::Custom => ItemOut::CustomToolCall {
                call_id,
                name,
                namespace,
                input: text,
            },
            CallKind::Function => ItemOut::FunctionCall {
                call_id,
                name,
                namespace,
                arguments: if text.is_empty() { "{}" } else { text },
            },
        }
    }

    fn name(&self, name: &'a str, namespace: Option<&str>) -> Cow<'a, str> {
        match namespace {
            // Inside a namespace only the child's name counts.
            Some(_) => Cow::Borrowed(name),
            None => Cow::Borrowed(self.style.names.to_upstream(name)),
        }
    }

    fn result(
        &self,
        call_id: &str,
        content: &'a [Item],
        object: Option<&'a RawJson>,
        is_error: bool,
        kind: ResultKind,
    ) -> ItemOut<'a> {
        let call_id = short_call_id(call_id);
        let output = output(content, object, is_error, self.style);
        match kind {
            ResultKind::Function => ItemOut::FunctionCallOutput { call_id, output },
            ResultKind::Custom => ItemOut::CustomToolCallOutput { call_id, output },
        }
    }
}

fn output<'a>(
    content: &'a [Item],
    object: Option<&'a RawJson>,
    is_error: bool,
    style: Style<'_>,
) -> OutputOut<'a> {
    let mark = |text: &'a str| -> Cow<'a, str> {
        if is_error && !text.trim_start().get(..5).is_some_and(says_error) {
            Cow::Owned(format!("Error: {text}"))
        } else {
            Cow::Borrowed(text)
        }
    };
    match (content, object) {
        ([], Some(object)) => OutputOut::Text(mark(object.as_str())),
        ([], None) => OutputOut::Text(mark("")),
        ([Item::Text { text, .. }], _) => match stringified_parts(text) {
            Some(parts) => OutputOut::Parts(
                parts
                    .into_iter()
                    .filter_map(|part| input_part_owned(part, style))
                    .collect(),
            ),
            None => OutputOut::Text(mark(text)),
        },
        (texts, _) if style.plain_outputs && texts.iter().all(is_text) => {
            let texts: Vec<&str> = texts.iter().filter_map(text_of).collect();
            let joined = texts.join("\n");
            if is_error && !joined.get(..5).is_some_and(says_error) {
                OutputOut::Text(Cow::Owned(format!("Error: {joined}")))
            } else {
                OutputOut::Text(Cow::Owned(joined))
            }
        }
        (parts, _) => {
            let mut out: Vec<PartOut<'a>> = parts
                .iter()
                .filter_map(|part| input_part(part, style))
                .collect();
            if is_error {
                let first = parts.iter().find_map(text_of).unwrap_or_default();
                if !first.get(..5).is_some_and(says_error) {
                    out.insert(0, plain_text(Cow::Borrowed("Error:")));
                }
            }
            OutputOut::Parts(out)
        }
    }
}

fn says_error(start: &str) -> bool {
    start.eq_ignore_ascii_case("error")
}

fn is_text(item: &Item) -> bool {
    matches!(item, Item::Text { .. })
}

fn text_of(item: &Item) -> Option<&str> {
    match item {
        Item::Text { text, .. } => Some(text),
        _ => None,
    }
}

/// Every name that stands for a tool of the client in declarations and history, in order.
pub(super) fn call_names(turns: &[Turn]) -> impl Iterator<Item = &str> {
    turns
        .iter()
        .flat_map(|turn| &turn.items)
        .filter_map(|item| match item {
            Item::Call {
                name,
                namespace: None,
                ..
            } => Some(name.as_str()),
            _ => None,
        })
}
