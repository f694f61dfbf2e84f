//! A refused body in a form that may be taken (§6).

use super::super::verdict::FailedReply;
use bytes::Bytes;
use protocol::splice::{self, Doc, Edits, Node};

/// Texts of a proof of thinking that another account or vendor made.
const NOT_OURS: &[&str] = &[
    "invalid_encrypted_content",
    "could not be verified",
    "could not be decrypted",
];

/// Settings that an answer can do without when the model or the service does not take them.
const DISPENSABLE: &[&str] = &[
    "background",
    "client_metadata",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning.context",
    "reasoning.effort",
    "reasoning.generate_summary",
    "reasoning.summary",
    "safety_identifier",
    "service_tier",
    "stream_options",
    "temperature",
    "text.verbosity",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// `body` without what was refused in it: thinking, whose proof opens only for the account that made
/// it while a conversation may have gone through several, or a setting nobody needs.
pub(super) fn mend(reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
    if reply.status != 400 {
        return None;
    }
    let said = String::from_utf8_lossy(reply.body);
    if NOT_OURS.iter().any(|text| said.contains(text)) {
        return without_thinking(body);
    }
    let setting = unsupported(&said)?;
    let mended = splice::set_path(body, setting, None);
    (mended != *body).then_some(mended)
}

/// The setting in "Unsupported parameter: 'temperature' is not supported with this model."
fn unsupported(said: &str) -> Option<&str> {
    let (_, after) = said.split_once("Unsupported parameter: ")?;
    let name = after.trim_start_matches(['\'', '"', '`', '\\']);
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
    let name = name.get(..end.unwrap_or(name.len()))?.trim_end_matches('.');
    DISPENSABLE.contains(&name).then_some(name)
}

/// `None` when there is none in it.
pub(super) fn without_thinking(body: &Bytes) -> Option<Bytes> {
    let doc = Doc::trust(body)?;
    let input = doc.root().get("input")?;
    let is = |item: Node<'_>, kind: &str| {
        let found = item.get("type").and_then(|found| found.string());
        found.is_some_and(|found| found == kind)
    };
    let mut edits = Edits::new();
    for (index, item) in input.elements().enumerate() {
        if is(item, "reasoning") {
            edits.remove_element(input, index);
        }
    }
    if edits.is_empty() {
        return None;
    }
    for item in input.elements() {
        // These ids would name the thinking they came from.
        if !is(item, "reasoning") && item.get("id").is_some() {
            edits.remove(item, "id");
        }
    }
    Some(edits.apply(body))
}
