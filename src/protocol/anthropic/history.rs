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
    /// Looks through `system` and `messages` of a body for what needs a repair. What a compatible
    /// server takes as ids and texts is its own affair.
    pub(super) fn of(
        system: Option<Node<'_>>,
        messages: Option<Node<'_>>,
        names: &'n NameMap,
        target: &Target<'_>,
    ) -> Self {
        let compatible = target.endpoint.compatible;
        let model = target.model_traits;
        let known = *model != ModelTraits::default();
        let mut due = Self {
            drop_foreign: false,
            fix_ids: false,
            drop_blank: false,
            wrap_system: false,
            names,
            compatible,
        };
        for block in system.iter().flat_map(Node::elements) {
            due.drop_blank |= !compatible && block.get("text").is_some_and(is_blank);
        }
        for message in messages.iter().flat_map(Node::elements) {
            let [role, content] = message.pick(["role", "content"]);
            let is_system = || role.and_then(|role| role.string()).as_deref() == Some("system");
            due.wrap_system |= known && !model.mid_system && is_system();
            for block in content.iter().flat_map(Node::elements) {
                let [text, signature, answers] = block.pick(["text", "signature", "tool_use_id"]);
                let is_foreign = |value: &str| verdict(value, compatible) != Verdict::Keep;
                due.drop_foreign |= says(signature, is_foreign);
                due.drop_blank |= !compatible && text.is_some_and(is_blank);
                due.fix_ids |= !compatible && says(answers, |id| !is_legal(id));
            }
        }
        due
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
    // A long text is not decoded to see its first letter.
    begins_blank(text.raw()) && text.string().is_some_and(|text| text.trim().is_empty())
}

/// False when the first character of a literal is a letter or the like.
fn begins_blank(literal: &str) -> bool {
    let first = literal
        .strip_prefix('"')
        .and_then(|text| text.chars().next());
    first.is_some_and(|first| first == '"' || first == '\\' || first.is_whitespace())
}

/// Whether `node` is a string of which `is` is true.
fn says(node: Option<Node<'_>>, is: impl FnOnce(&str) -> bool) -> bool {
    node.and_then(|node| node.string())
        .is_some_and(|text| is(&text))
}

fn is_legal(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
