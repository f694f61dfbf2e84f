//! One look through the conversation of a pass-through request: what edits may have to touch.

use super::super::read::{Member, list, members};
use crate::splice::{Kind, Node};
use std::borrow::Cow;

/// One content.
pub(super) struct Content<'a> {
    pub node: Node<'a>,
    pub role: Option<Member<'a>>,
    /// The `parts` value.
    pub list: Option<Node<'a>>,
    pub parts: Vec<Part<'a>>,
}

/// One part, as far as edits look at it.
pub(super) struct Part<'a> {
    pub node: Node<'a>,
    pub call: Option<Function<'a>>,
    pub result: Option<Function<'a>>,
    pub is_thought: bool,
    /// The text is there and empty: the part carries a signature, or nothing.
    pub is_carrier: bool,
    pub signature: Option<Member<'a>>,
}

/// A `functionCall` or `functionResponse`.
pub(super) struct Function<'a> {
    pub node: Node<'a>,
    pub id: Option<Member<'a>>,
    pub name: Option<Member<'a>>,
}

impl<'a> Function<'a> {
    fn read(node: Node<'a>) -> Self {
        let [id, call_id, name] = members(node, ["id", "callId", "name"]);
        Self {
            node,
            id: id.or(call_id),
            name,
        }
    }

    /// The id, unless it is empty.
    pub(super) fn id_text(&self) -> Option<Cow<'a, str>> {
        text_of(self.id.as_ref())
    }

    /// The name, unless it is empty.
    pub(super) fn name_text(&self) -> Option<Cow<'a, str>> {
        text_of(self.name.as_ref())
    }
}

fn text_of<'a>(member: Option<&Member<'a>>) -> Option<Cow<'a, str>> {
    let (_, node) = member?;
    node.string().filter(|text| !text.is_empty())
}

impl<'a> Part<'a> {
    pub(super) fn read(node: Node<'a>) -> Self {
        let [call, result, thought, text, signature] = members(
            node,
            [
                "functionCall",
                "functionResponse",
                "thought",
                "text",
                "thoughtSignature",
            ],
        );
        let object = |member: Option<Member<'a>>| {
            member
                .map(|(_, node)| node)
                .filter(|node| node.kind() == Kind::Object)
                .map(Function::read)
        };
        Self {
            node,
            call: object(call),
            result: object(result),
            is_thought: thought.and_then(|(_, node)| node.boolean()) == Some(true),
            is_carrier: text.is_some_and(|(_, text)| text.raw() == "\"\""),
            signature,
        }
    }
}

/// The contents in order. Values of other kinds stay in the list, without parts, so that places
/// count as in the array.
pub(super) fn contents<'a>(contents: Option<Node<'a>>) -> Vec<Content<'a>> {
    contents
        .into_iter()
        .flat_map(list)
        .map(|node| {
            let [role, parts] = members(node, ["role", "parts"]);
            let parts = parts
                .map(|(_, parts)| parts)
                .filter(|parts| !parts.is_null());
            Content {
                node,
                role,
                list: parts,
                parts: parts.into_iter().flat_map(list).map(Part::read).collect(),
            }
        })
        .collect()
}
