//! Repairs of the messages in a body that is passed through.

use crate::canonical::SignatureIssuer;
use crate::codec::Dialect;
use crate::names::{NameMap, anthropic_call_id};
use crate::signature;
use crate::splice::{Edits, Node, quote};
use std::borrow::Cow;

/// What has to be done.
pub(super) struct Repairs<'n> {
    /// Drop thinking that others signed.
    pub(super) drop_foreign: bool,
    /// Replace characters the API refuses in call ids.
    pub(super) fix_ids: bool,
    /// Tools that got another name.
    pub(super) names: &'n NameMap,
    /// The upstream is not Anthropic's own: unknown signatures are its own.
    pub(super) compatible: bool,
}

impl Repairs<'_> {
    pub(super) fn is_due(&self) -> bool {
        self.drop_foreign || self.fix_ids || !self.names.is_empty()
    }
}

/// True when some `signature` in the text is of another issuer, or none at all.
pub(super) fn has_foreign_signature(raw: &[u8], compatible: bool) -> bool {
    values_of(raw, "\"signature\"").any(|value| verdict(value, compatible) != Verdict::Keep)
}

/// True when some result answers a call whose id the API refuses.
pub(super) fn has_illegal_id(raw: &[u8]) -> bool {
    values_of(raw, "\"tool_use_id\"").any(|id| !is_legal(id))
}

/// Notes the edits for `messages`. True when the tool loop at the end lost all its thinking: the API
/// refuses to think on there.
pub(super) fn repair(messages: Node<'_>, repairs: &Repairs<'_>, edits: &mut Edits) -> bool {
    let mut end = LoopEnd::default();
    for (n, message) in messages.elements().enumerate() {
        let [role, content] = message.pick(["role", "content"]);
        let Some(content) = content else { continue };
        let role = role.and_then(|role| role.string());
        let is_assistant = role.as_deref() == Some("assistant");
        let mut dropped = Vec::new();
        let mut n_blocks = 0;
        let mut only_results = true;
        let mut calls = false;
        for block in content.elements() {
            let [kind, signature, id, answers, name] =
                block.pick(["type", "signature", "id", "tool_use_id", "name"]);
            let kind = kind.and_then(|kind| kind.string()).unwrap_or_default();
            only_results &= kind == "tool_result";
            match kind.as_ref() {
                "thinking" if repairs.drop_foreign => {
                    let value = signature
                        .and_then(|value| value.string())
                        .unwrap_or_default();
                    match verdict(&value, repairs.compatible) {
                        Verdict::Keep => end.kept = true,
                        Verdict::Drop => {
                            dropped.push(n_blocks);
                            end.dropped = true;
                        }
                        Verdict::Own { value, redacted } => {
                            end.kept = true;
                            restore(block, signature, &value, redacted, edits);
                        }
                    }
                }
                "thinking" | "redacted_thinking" => end.kept = true,
                "tool_use" => {
                    calls = true;
                    fix_id(id, repairs, edits);
                    rename(name, repairs, edits);
                }
                "tool_result" => fix_id(answers, repairs, edits),
                _ => {}
            }
            n_blocks += 1;
        }
        if dropped.len() == n_blocks && n_blocks > 0 {
            // An empty message would be refused.
            edits.remove_element(messages, n);
        } else {
            for block in dropped {
                edits.remove_element(content, block);
            }
        }
        if is_assistant {
            end.calls = calls;
        } else if !only_results || n_blocks == 0 {
            // The user spoke: a new turn begins, which owes no thinking.
            end = LoopEnd::default();
        }
    }
    end.calls && end.dropped && !end.kept
}

/// What stands since the last word of the user.
#[derive(Default)]
struct LoopEnd {
    calls: bool,
    dropped: bool,
    kept: bool,
}

#[derive(PartialEq)]
enum Verdict {
    Keep,
    Drop,
    /// Anthropic's own under our tag.
    Own {
        value: String,
        redacted: bool,
    },
}

fn verdict(value: &str, compatible: bool) -> Verdict {
    if value.is_empty() {
        // Made for clients by replies of vendors that sign nothing.
        return if compatible {
            Verdict::Keep
        } else {
            Verdict::Drop
        };
    }
    let carried = signature::from_client(value, Dialect::Anthropic);
    match carried.signature.issuer {
        SignatureIssuer::Anthropic if carried.signature.value == value && !carried.redacted => {
            Verdict::Keep
        }
        SignatureIssuer::Anthropic => Verdict::Own {
            value: carried.signature.value,
            redacted: carried.redacted,
        },
        // Forms nobody knows are the upstream's to judge.
        SignatureIssuer::Unknown => Verdict::Keep,
        _ => Verdict::Drop,
    }
}

fn restore(
    block: Node<'_>,
    signature: Option<Node<'_>>,
    value: &str,
    redacted: bool,
    edits: &mut Edits,
) {
    if redacted {
        let data = quote(value);
        edits.replace(
            block,
            format!("{{\"type\":\"redacted_thinking\",\"data\":{data}}}"),
        );
    } else if let Some(node) = signature {
        edits.replace(node, quote(value));
    }
}

fn fix_id(node: Option<Node<'_>>, repairs: &Repairs<'_>, edits: &mut Edits) {
    if !repairs.fix_ids {
        return;
    }
    if let Some(node) = node
        && let Some(id) = node.string()
        && !is_legal(&id)
    {
        edits.replace(node, quote(&anthropic_call_id(&id, "")));
    }
}

fn rename(node: Option<Node<'_>>, repairs: &Repairs<'_>, edits: &mut Edits) {
    if let Some(node) = node
        && let Some(name) = node.string()
    {
        let upstream = repairs.names.to_upstream(&name);
        if upstream != name {
            edits.replace(node, quote(upstream));
        }
    }
}

fn is_legal(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The string values behind every `key` (with its quotes) of a JSON text, escapes left as they are.
/// Inside a string the quotes of a key would be escaped, so only real keys (and equal texts) match.
fn values_of<'a>(raw: &'a [u8], key: &'static str) -> impl Iterator<Item = &'a str> {
    let text = match String::from_utf8_lossy(raw) {
        Cow::Borrowed(text) => text,
        Cow::Owned(_) => "",
    };
    text.match_indices(key).filter_map(move |(at, _)| {
        let rest = text.get(at + key.len()..)?.trim_start();
        let rest = rest.strip_prefix(':')?.trim_start();
        let value = rest.strip_prefix('"')?;
        let end = string_end(value)?;
        value.get(..end)
    })
}

/// Where a JSON string ends whose opening quote is cut off.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}
