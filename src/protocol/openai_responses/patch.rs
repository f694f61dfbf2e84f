//! A client's body edited for an upstream of the same protocol (`matrix.md` §2). What is not named
//! here goes out byte for byte.

use super::patch_codex as codex;
use super::patch_items::{self, Items};
use super::patch_tools::{self, Tools};
use super::read;
use crate::canonical::ReasoningIntent;
use crate::codec::{CodecError, Encoded, Patch, ReplyNotes, Target, root_object};
use crate::names::{NameMap, NameRule};
use crate::splice::{Edits, JsonBody, Kind, Node, quote};
use crate::thinking;

/// What is edited of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A reply.
    Reply,
    /// A shorter conversation (`/responses/compact`): no stream, nothing stored.
    Compact,
}

pub(super) fn patch(
    json: &JsonBody,
    patch: &Patch<'_>,
    target: &Target<'_>,
    purpose: Purpose,
) -> Result<Encoded, CodecError> {
    let root = root_object(json)?;
    let body = Body::of(root);
    let mut edits = Edits::new();
    if let Some(model) = patch.model {
        edits.set(root, "model", quote(model));
    }
    if let Some(intent) = patch.thinking {
        set_thinking(&mut edits, root, body.reasoning, intent);
    }
    if purpose == Purpose::Compact {
        edits.remove(root, "stream");
    } else if let Some(stream) = patch.stream {
        edits.set(root, "stream", stream.to_string());
        if !stream {
            // OpenAI takes the options with a stream only.
            edits.remove(root, "stream_options");
        }
    }
    let names = names(&body);
    let codex = target.endpoint.codex;
    if codex {
        codex::refuse_history(root)?;
    }
    let n_tools = match body.tools {
        Some(list) => Tools {
            names: &names,
            codex,
        }
        .edit(list, &mut edits),
        None => 0,
    };
    if let Some(choice) = body.tool_choice {
        patch_tools::edit_choice(choice, &names, codex, &mut edits);
    }
    if let Some(input) = body.input.filter(|input| input.kind() == Kind::Array)
        && (codex || !names.is_empty() || input.raw().contains("\"reasoning\""))
    {
        let items = Items {
            names: &names,
            codex,
            breakpoints: codex && input.raw().contains("\"prompt_cache_breakpoint\""),
        };
        items.edit(input, &mut edits);
    }
    if codex {
        codex::edit(root, n_tools > 0, purpose, &mut edits);
    } else if purpose == Purpose::Compact {
        edits.remove(root, "store");
        edits.remove(root, "include");
    }
    Ok(Encoded {
        body: edits.apply_to(json),
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

/// The members that are looked at.
struct Body<'a> {
    reasoning: Option<Node<'a>>,
    tools: Option<Node<'a>>,
    tool_choice: Option<Node<'a>>,
    input: Option<Node<'a>>,
}

impl<'a> Body<'a> {
    fn of(root: Node<'a>) -> Self {
        let [reasoning, tools, tool_choice, input] =
            root.pick(["reasoning", "tools", "tool_choice", "input"]);
        Self {
            reasoning: read::present(reasoning),
            tools: read::present(tools),
            tool_choice: read::present(tool_choice),
            input: read::present(input),
        }
    }
}

/// Names an upstream would refuse. The history is only searched when there is one among the tools:
/// a name that was never legal cannot stand there else.
fn names(body: &Body<'_>) -> NameMap {
    let declared = body.tools.map(patch_tools::names).unwrap_or_default();
    if declared.iter().all(|name| NameRule::OPENAI.accepts(name)) {
        return NameMap::default();
    }
    let history = body.input.map(patch_items::names).unwrap_or_default();
    NameMap::build(
        declared.iter().chain(&history).map(|name| &**name),
        NameRule::OPENAI,
    )
}

fn set_thinking(
    edits: &mut Edits,
    root: Node<'_>,
    reasoning: Option<Node<'_>>,
    intent: ReasoningIntent,
) {
    let effort = match intent {
        ReasoningIntent::Unset => {
            edits.remove(root, "reasoning");
            return;
        }
        // The provider decides when nothing is said.
        ReasoningIntent::Auto => {
            if let Some(reasoning) = reasoning {
                edits.remove(reasoning, "effort");
            }
            return;
        }
        ReasoningIntent::Off => "none",
        ReasoningIntent::Level(level) => thinking::level_word(level),
        ReasoningIntent::Budget(budget) => thinking::level_word(thinking::level_of(budget)),
    };
    match reasoning.filter(|reasoning| reasoning.kind() == Kind::Object) {
        Some(reasoning) => edits.set(reasoning, "effort", quote(effort)),
        None => edits.set(
            root,
            "reasoning",
            format!("{{\"effort\":{}}}", quote(effort)),
        ),
    }
}
