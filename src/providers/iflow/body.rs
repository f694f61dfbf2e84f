//! How each family is told to think (§7). Pure.

use bytes::Bytes;
use protocol::splice::{Doc, Edits, Kind, Node};

/// The field of a family that switches thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    /// `chat_template_kwargs.enable_thinking`, and `clear_thinking: false` beside it when on.
    Glm,
    /// `chat_template_kwargs.enable_thinking`
    Template,
    /// `reasoning_split`
    Split,
    None,
}

impl Switch {
    fn of(model: &str) -> Self {
        match model {
            "qwen3-max-preview" | "deepseek-v3.2" | "deepseek-v3.1" => Self::Template,
            glm if glm.starts_with("glm") => Self::Glm,
            minimax if minimax.starts_with("minimax") => Self::Split,
            _ => Self::None,
        }
    }
}

/// The body in the service's form; the same bytes when it has it already.
pub(super) fn in_form(body: &Bytes, model: &str) -> Bytes {
    let Some(doc) = Doc::trust(body) else {
        return body.clone();
    };
    let root = doc.root();
    let [effort, template, tools] =
        root.pick(["reasoning_effort", "chat_template_kwargs", "tools"]);
    let mut edits = Edits::new();
    if let Some(effort) = effort {
        edits.remove(root, "reasoning_effort");
        if let Some(word) = effort.string() {
            switch(
                root,
                template,
                Switch::of(model),
                word != "none",
                &mut edits,
            );
        }
    }
    let none = |tools: Node<'_>| tools.kind() == Kind::Array && tools.elements().next().is_none();
    if tools.is_some_and(none) {
        // The service answers at random to an empty list.
        edits.remove(root, "tools");
    }
    edits.apply(body)
}

fn switch(root: Node<'_>, template: Option<Node<'_>>, by: Switch, on: bool, edits: &mut Edits) {
    match by {
        Switch::None => {}
        Switch::Split => edits.set(root, "reasoning_split", on.to_string()),
        Switch::Glm | Switch::Template => {
            let keeps = by == Switch::Glm && on;
            match template.filter(|template| template.kind() == Kind::Object) {
                Some(template) => {
                    edits.set(template, "enable_thinking", on.to_string());
                    if keeps {
                        edits.set(template, "clear_thinking", "false");
                    } else {
                        edits.remove(template, "clear_thinking");
                    }
                }
                None => {
                    let clear = if keeps {
                        r#","clear_thinking":false"#
                    } else {
                        ""
                    };
                    let json = format!(r#"{{"enable_thinking":{on}{clear}}}"#);
                    edits.set(root, "chat_template_kwargs", json);
                }
            }
        }
    }
}
