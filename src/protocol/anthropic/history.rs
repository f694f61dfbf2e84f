//! Repairs of the messages in a body that is passed through: only what the API is known to refuse
//! (`claude.md` §7.1).

use crate::canonical::SignatureIssuer;
use crate::codec::{Dialect, ModelTraits, Target};
use crate::names::{NameMap, anthropic_call_id};
use crate::signature;
use crate::splice::{Edits, Node, quote};

/// What has to be done.
pub(super) struct Repairs<'n> {
    /// Drop thinking that others signed.
    drop_foreign: bool,
    /// Replace characters the API refuses in call ids.
    fix_ids: bool,
    /// Drop texts without a word.
    drop_blank: bool,
    /// Make instructions in the middle a reminder in the user's words.
    wrap_system: bool,
    /// Tools that got another name.
    names: &'n NameMap,
    /// The upstream is not Anthropic's own: unknown signatures are its own.
    compatible: bool,
}

impl<'n> Repairs<'n> {
    /// Looks through the bytes of a body for what would need a repair. What a compatible server takes
    /// as ids and texts is its own affair.
    pub(super) fn of(body: &str, names: &'n NameMap, target: &Target<'_>) -> Self {
        let compatible = target.endpoint.compatible;
        let model = target.model_traits;
        let known = *model != ModelTraits::default();
        Self {
            drop_foreign: values_of(body, "\"signature\"")
                .any(|value| verdict(value, compatible) != Verdict::Keep),
            fix_ids: !compatible && values_of(body, "\"tool_use_id\"").any(|id| !is_legal(id)),
            drop_blank: !compatible && strings_of(body, "\"text\"").any(begins_blank),
            wrap_system: known
                && !model.mid_system
                && values_of(body, "\"role\"").any(|role| role == "system"),
            names,
            compatible,
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.drop_foreign
            || self.fix_ids
            || self.drop_blank
            || self.wrap_system
            || !self.names.is_empty()
    }

    /// True when texts without a word have to go.
    pub(super) fn drops_blank(&self) -> bool {
        self.drop_blank
    }

    /// Notes the edits for `messages`. True when the tool loop at the end lost all its thinking: the
    /// API refuses to think on there.
    pub(super) fn apply(&self, messages: Node<'_>, edits: &mut Edits) -> bool {
        let mut end = LoopEnd::default();
        for (n, message) in messages.elements().enumerate() {
            let [role, content] = message.pick(["role", "content"]);
            let Some(content) = content else { continue };
            let speaker = role.and_then(|role| role.string()).unwrap_or_default();
            if self.wrap_system && speaker == "system" {
                if let Some(role) = role {
                    edits.replace(role, "\"user\"");
                }
                wrap(content, edits);
                continue;
            }
            let seen = self.blocks(content, &mut end, edits);
            if seen.dropped.len() == seen.n_blocks && seen.n_blocks > 0 {
                // An empty message would be refused.
                edits.remove_element(messages, n);
            } else {
                for block in seen.dropped {
                    edits.remove_element(content, block);
                }
            }
            if speaker == "assistant" {
                end.calls = seen.calls;
            } else if !seen.only_results || seen.n_blocks == 0 {
                // The user spoke: a new turn begins, which owes no thinking.
                end = LoopEnd::default();
            }
        }
        end.calls && end.dropped && !end.kept
    }

    fn blocks(&self, content: Node<'_>, end: &mut LoopEnd, edits: &mut Edits) -> Seen {
        let mut seen = Seen {
            only_results: true,
            ..Seen::default()
        };
        for block in content.elements() {
            let [kind, text, signature, id, answers, name] =
                block.pick(["type", "text", "signature", "id", "tool_use_id", "name"]);
            let kind = kind.and_then(|kind| kind.string()).unwrap_or_default();
            seen.only_results &= kind == "tool_result";
            match kind.as_ref() {
                "text" if self.drop_blank && text.is_some_and(is_blank) => {
                    seen.dropped.push(seen.n_blocks);
                }
                "thinking" if self.drop_foreign => {
                    let value = signature.and_then(|value| value.string());
                    match verdict(&value.unwrap_or_default(), self.compatible) {
                        Verdict::Keep => end.kept = true,
                        Verdict::Drop => {
                            seen.dropped.push(seen.n_blocks);
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
                    seen.calls = true;
                    self.fix_id(id, edits);
                    self.rename(name, edits);
                }
                "tool_result" => self.fix_id(answers, edits),
                _ => {}
            }
            seen.n_blocks += 1;
        }
        seen
    }

    fn fix_id(&self, node: Option<Node<'_>>, edits: &mut Edits) {
        if self.fix_ids
            && let Some(node) = node
            && let Some(id) = node.string()
            && !is_legal(&id)
        {
            edits.replace(node, quote(&anthropic_call_id(&id, "")));
        }
    }

    fn rename(&self, node: Option<Node<'_>>, edits: &mut Edits) {
        if let Some(node) = node
            && let Some(name) = node.string()
        {
            let upstream = self.names.to_upstream(&name);
            if upstream != name {
                edits.replace(node, quote(upstream));
            }
        }
    }
}

/// What stands since the last word of the user.
#[derive(Default)]
struct LoopEnd {
    calls: bool,
    dropped: bool,
    kept: bool,
}

/// What one message holds.
#[derive(Default)]
struct Seen {
    n_blocks: usize,
    dropped: Vec<usize>,
    only_results: bool,
    calls: bool,
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

/// Marks the texts of instructions, as a translated request would (`matrix.md` §4.2).
fn wrap(content: Node<'_>, edits: &mut Edits) {
    let texts = content.elements().filter_map(|block| block.get("text"));
    for node in std::iter::once(content).chain(texts) {
        if let Some(text) = node.string() {
            let wrapped = format!("<system-reminder>\n{text}\n</system-reminder>");
            edits.replace(node, quote(&wrapped));
        }
    }
}

/// True for a text without a word.
pub(super) fn is_blank(text: Node<'_>) -> bool {
    text.string().is_some_and(|text| text.trim().is_empty())
}

fn is_legal(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What follows the opening quote of every string behind `key` (with its quotes) in a JSON text.
/// Inside strings the quotes of a key are escaped, so only real keys (and equal texts) match.
fn strings_of<'a>(text: &'a str, key: &'static str) -> impl Iterator<Item = &'a str> {
    text.match_indices(key).filter_map(move |(at, _)| {
        let rest = text.get(at + key.len()..)?.trim_start();
        rest.strip_prefix(':')?.trim_start().strip_prefix('"')
    })
}

/// The string values behind every `key`, escapes left as they are.
fn values_of<'a>(text: &'a str, key: &'static str) -> impl Iterator<Item = &'a str> {
    strings_of(text, key).filter_map(|rest| {
        let mut escaped = false;
        let end = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        rest.get(..end?)
    })
}

/// True when a string, seen from behind its opening quote, ends before any word.
fn begins_blank(mut rest: &str) -> bool {
    loop {
        let shorter = [" ", "\\n", "\\t", "\\r"]
            .iter()
            .find_map(|space| rest.strip_prefix(space));
        match shorter {
            Some(shorter) => rest = shorter,
            None => return rest.starts_with('"'),
        }
    }
}
