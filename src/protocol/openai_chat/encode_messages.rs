//! Turns → messages (`matrix.md` §4.2, §4.3).

use super::encode_parts::{PartOut, mark_error, media_note, parts_of, write_content, write_joined};
use super::encode_request::native_custom;
use super::encode_response::thinking_text;
use super::json::{Array, Object};
use super::message::write_google_signature;
use crate::canonical::{
    Arguments, CallKind, Choice, Item, Request, Role, SignatureIssuer, SystemBlock, Tool, ToolKind,
    Turn,
};
use crate::codec::Target;
use crate::names::{NameMap, flatten};
use crate::splice::quote;
use std::borrow::Cow;

/// Stands for thinking nobody remembers; absence and `""` are refused (E-60).
const REASONING_UNAVAILABLE: &str = "[reasoning unavailable]";

/// Every tool name the request shows, flattened: declarations, history, choice.
pub(super) fn shown_names(request: &Request) -> Vec<String> {
    let client_tool = |tool: &&Tool| {
        matches!(
            tool.kind,
            ToolKind::Function { .. } | ToolKind::Custom { .. }
        )
    };
    let mut names: Vec<String> = request
        .tools
        .iter()
        .filter(client_tool)
        .map(|tool| flatten(tool.namespace.as_deref(), &tool.name))
        .collect();
    for item in request.turns.iter().flat_map(|turn| &turn.items) {
        if let Item::Call {
            name, namespace, ..
        } = item
        {
            names.push(flatten(namespace.as_deref(), name));
        }
    }
    match &request.tool_choice {
        Some(Choice::Tool { name, namespace }) => names.push(flatten(namespace.as_deref(), name)),
        Some(Choice::Allowed { names: allowed, .. }) => names.extend(allowed.iter().cloned()),
        _ => {}
    }
    names
}

/// Writes the messages of a normalised request.
pub(super) struct Messages<'r> {
    pub(super) request: &'r Request,
    pub(super) target: &'r Target<'r>,
    pub(super) names: &'r NameMap,
    /// `developer` in place of `system`.
    pub(super) modern: bool,
}

impl<'r> Messages<'r> {
    pub(super) fn write(&self, a: &mut Array<'_>) {
        self.system(a);
        for turn in &self.request.turns {
            match turn.role {
                Role::User => self.user(a, turn),
                Role::Assistant => self.assistant(a, turn),
                Role::Tool => self.results(a, turn),
                Role::System | Role::Developer => self.middle_system(a, turn),
            }
        }
    }

    fn system_role(&self) -> &'static str {
        if self.modern { "developer" } else { "system" }
    }

    /// Neighbouring blocks of one rank share a message, one part each.
    fn system(&self, a: &mut Array<'_>) {
        let ranks = |left: &SystemBlock, right: &SystemBlock| left.rank == right.rank;
        for blocks in self.request.system.chunk_by(ranks) {
            let parts: Vec<PartOut<'_>> = blocks
                .iter()
                .map(|block| PartOut::Text((&block.text).into(), block.cache.as_ref()))
                .collect();
            self.message(a, self.system_role(), None, &parts);
        }
    }

    fn middle_system(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let parts = parts_of(&turn.items, self.target);
        if !parts.is_empty() {
            self.message(a, self.system_role(), turn.name.as_deref(), &parts);
        }
    }

    fn user(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let parts = parts_of(&turn.items, self.target);
        if !parts.is_empty() {
            self.message(a, "user", turn.name.as_deref(), &parts);
        }
    }

    fn message(&self, a: &mut Array<'_>, role: &str, name: Option<&str>, parts: &[PartOut<'_>]) {
        a.object(|o| {
            o.str("role", role);
            o.opt_str("name", name);
            write_content(o, parts, self.target);
        });
    }

    fn assistant(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let parts = self.assistant_parts(&turn.items);
        let calls: Vec<&Item> = turn
            .items
            .iter()
            .filter(|item| matches!(item, Item::Call { .. }))
            .collect();
        let audio = turn.items.iter().find_map(|item| match item {
            Item::Audio { id: Some(id), .. } if !self.target.endpoint.compatible => Some(id),
            _ => None,
        });
        // Only thinking, and the like: nothing to say here (E-47).
        if parts.is_empty() && calls.is_empty() && audio.is_none() {
            return;
        }
        a.object(|o| {
            o.str("role", "assistant");
            o.opt_str("name", turn.name.as_deref());
            if parts.is_empty() {
                o.raw("content", "null");
            } else {
                write_content(o, &parts, self.target);
            }
            if self.target.endpoint.wants_reasoning_content {
                let known = known_reasoning(&turn.items);
                if !known.is_empty() {
                    o.str("reasoning_content", &known);
                } else if !calls.is_empty() {
                    o.str("reasoning_content", REASONING_UNAVAILABLE);
                }
            }
            if let Some(id) = audio {
                o.object("audio", |o| o.str("id", id));
            }
            if !calls.is_empty() {
                o.array("tool_calls", |a| {
                    for call in calls {
                        a.object(|o| self.call(o, call));
                    }
                });
            }
        });
    }

    /// Text and refusals. Models of this family take no pictures in their own turns.
    fn assistant_parts(&self, items: &'r [Item]) -> Vec<PartOut<'r>> {
        let mut parts = Vec::new();
        for item in items {
            match item {
                Item::Refusal(text) if self.target.endpoint.compatible => {
                    parts.push(PartOut::Text(text.into(), None));
                }
                Item::Refusal(text) => parts.push(PartOut::Refusal(text)),
                Item::Audio { id, transcript, .. }
                    if id.is_none() || self.target.endpoint.compatible =>
                {
                    let text = transcript.as_deref().unwrap_or("[audio]");
                    parts.push(PartOut::Text(text.into(), None));
                }
                Item::Image { source, .. } | Item::Video { source } => {
                    parts.push(PartOut::Text(media_note("image", source).into(), None));
                }
                Item::Text { .. } | Item::File { .. } | Item::Opaque { .. } => {
                    parts.extend(PartOut::of(item, self.target));
                }
                _ => {}
            }
        }
        parts
    }

    fn call(&self, o: &mut Object<'_>, item: &Item) {
        let Item::Call {
            id,
            name,
            namespace,
            kind,
            arguments,
            signature,
            ..
        } = item
        else {
            return;
        };
        let full = flatten(namespace.as_deref(), name);
        let name = self.names.to_upstream(&full);
        o.str("id", id);
        if native_custom(*kind, self.target) {
            o.str("type", "custom");
            o.object("custom", |o| {
                o.str("name", name);
                o.str("input", arguments.as_str());
            });
        } else {
            o.str("type", "function");
            o.object("function", |o| {
                o.str("name", name);
                o.str("arguments", &function_arguments(*kind, arguments));
            });
        }
        if self.target.endpoint.compatible
            && let Some(signature) = signature
            && signature.issuer == SignatureIssuer::Gemini
        {
            write_google_signature(o, &signature.value);
        }
    }

    /// One message per result; what is no text follows in a user message, because only text is
    /// official there, and no message may stand between the results.
    fn results(&self, a: &mut Array<'_>, turn: &'r Turn) {
        let mut behind: Vec<PartOut<'_>> = Vec::new();
        for item in &turn.items {
            let Item::Result {
                call_id,
                content,
                object,
                is_error,
                ..
            } = item
            else {
                continue;
            };
            let (mut texts, mut others): (Vec<_>, Vec<_>) = parts_of(content, self.target)
                .into_iter()
                .partition(|part| matches!(part, PartOut::Text(..)));
            if let (true, true, Some(object)) = (texts.is_empty(), others.is_empty(), object) {
                texts.push(PartOut::Text(object.as_str().into(), None));
            }
            if *is_error {
                mark_error(&mut texts);
            }
            let inside = self.target.endpoint.tool_images
                && others
                    .iter()
                    .all(|part| matches!(part, PartOut::Image { .. }));
            a.object(|o| {
                o.str("role", "tool");
                o.str("tool_call_id", call_id);
                if inside && !others.is_empty() {
                    // The order of text and pictures is the client's.
                    let mut parts = parts_of(content, self.target);
                    if *is_error {
                        mark_error(&mut parts);
                    }
                    write_content(o, &parts, self.target);
                } else {
                    write_joined(o, &texts);
                }
            });
            if !inside && !others.is_empty() {
                let title = format!("Content of the result of tool call {call_id}:");
                behind.push(PartOut::Text(title.into(), None));
                behind.append(&mut others);
            }
        }
        if !behind.is_empty() {
            self.message(a, "user", None, &behind);
        }
    }
}

/// Arguments as the text of a function: an empty text is no JSON, free text goes into an object.
fn function_arguments(kind: CallKind, arguments: &Arguments) -> Cow<'_, str> {
    match (kind, arguments) {
        (CallKind::Custom, arguments) | (_, arguments @ Arguments::Text(_)) => {
            Cow::Owned(format!("{{\"input\":{}}}", quote(arguments.as_str())))
        }
        (CallKind::Function, Arguments::Json(text)) if text.is_empty() => Cow::Borrowed("{}"),
        (CallKind::Function, Arguments::Json(text)) => Cow::Borrowed(text),
    }
}

/// Thinking texts of a turn, apart by blank lines. Whose they are does not matter: text is text.
fn known_reasoning(items: &[Item]) -> String {
    let texts: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Reasoning {
                text,
                summary,
                redacted: false,
                ..
            } => Some(thinking_text(text, summary)),
            _ => None,
        })
        .filter(|text| !text.is_empty())
        .collect();
    texts.join("\n\n")
}
