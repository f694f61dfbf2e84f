//! What the Codex backend demands of a body (`codex.md` §7.1, `openai-responses.md` §11).

use super::patch::Purpose;
use super::read;
use crate::codec::CodecError;
use crate::splice::{Edits, Kind, Node};

/// Fields the backend refuses or does not know.
const REFUSED: [&str; 13] = [
    "max_output_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "user",
    "metadata",
    "previous_response_id",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "truncation",
    "context_management",
    "generate",
];

const ENCRYPTED: &str = r#""reasoning.encrypted_content""#;

/// The backend stores nothing and does not take the id: leaving it out would answer without what was
/// said before.
pub(super) fn refuse_history(root: Node<'_>) -> Result<(), CodecError> {
    let previous = root.get("previous_response_id").and_then(|id| id.string());
    match previous.filter(|id| !id.is_empty()) {
        None => Ok(()),
        Some(_) => Err(CodecError::Unsupported {
            param: "previous_response_id".to_owned(),
            message: "`previous_response_id` is not supported: ChatGPT accounts keep no \
                      conversations; send the whole history in `input`"
                .to_owned(),
        }),
    }
}

/// Edits the members that no other step owns.
pub(super) fn edit(root: Node<'_>, has_tools: bool, purpose: Purpose, edits: &mut Edits) {
    for field in REFUSED {
        edits.remove(root, field);
    }
    let [
        instructions,
        input,
        store,
        stream,
        include,
        parallel,
        tier,
        options,
    ] = root.pick([
        "instructions",
        "input",
        "store",
        "stream",
        "include",
        "parallel_tool_calls",
        "service_tier",
        "stream_options",
    ]);
    if read::present(instructions).is_none() {
        edits.set(root, "instructions", "\"\"");
    }
    match input.map(|input| (input, input.kind())) {
        Some((input, Kind::String)) => edits.replace(
            input,
            format!(
                r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{}}}]}}]"#,
                input.raw()
            ),
        ),
        None | Some((_, Kind::Null)) => edits.set(root, "input", "[]"),
        Some(_) => {}
    }
    if !has_tools {
        edits.remove(root, "parallel_tool_calls");
        edits.remove(root, "tool_choice");
    } else if read::present(parallel).is_none() {
        edits.set(root, "parallel_tool_calls", "true");
    }
    match tier.and_then(|tier| tier.string()).as_deref() {
        Some("priority") => {}
        Some("fast") => edits.set(root, "service_tier", "\"priority\""),
        _ => edits.remove(root, "service_tier"),
    }
    stream_options(root, options, edits);
    if purpose == Purpose::Compact {
        for field in ["stream", "store", "include", "stream_options"] {
            edits.remove(root, field);
        }
        return;
    }
    if store.and_then(|store| store.boolean()) != Some(false) {
        edits.set(root, "store", "false");
    }
    if stream.and_then(|stream| stream.boolean()) != Some(true) {
        edits.set(root, "stream", "true");
    }
    match include.filter(|include| include.kind() == Kind::Array) {
        Some(list) => {
            if !list.elements().any(|word| word.raw() == ENCRYPTED) {
                edits.insert_element(list, usize::MAX, ENCRYPTED);
            }
        }
        None => edits.set(root, "include", format!("[{ENCRYPTED}]")),
    }
}

/// Only `reasoning_summary_delivery` is known there.
fn stream_options(root: Node<'_>, options: Option<Node<'_>>, edits: &mut Edits) {
    let Some(options) = options else { return };
    let kept = "reasoning_summary_delivery";
    if options.get(kept).is_none() {
        edits.remove(root, "stream_options");
        return;
    }
    for (key, _) in options.members() {
        if key != kept {
            edits.remove(options, &key);
        }
    }
}
