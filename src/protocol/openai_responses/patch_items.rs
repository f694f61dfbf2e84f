//! Input items of a body of the same protocol: signatures of others, ids, what Codex wants.

use super::patch_tools::{Tools, rename};
use super::{ids, read, signed};
use crate::canonical::SignatureIssuer;
use crate::names::{NameMap, short_call_id};
use crate::splice::{Edits, Node, quote};
use std::borrow::Cow;

/// How items are edited.
#[derive(Clone, Copy)]
pub(super) struct Items<'a> {
    pub(super) names: &'a NameMap,
    pub(super) codex: bool,
    /// There are cache marks to take away.
    pub(super) breakpoints: bool,
}

/// One item, read once.
struct Item<'a> {
    node: Node<'a>,
    kind: Cow<'a, str>,
    role: Option<Node<'a>>,
    id: Option<Node<'a>>,
    call_id: Option<Node<'a>>,
    name: Option<Node<'a>>,
    namespace: Option<Node<'a>>,
    encrypted: Option<Node<'a>>,
    content: Option<Node<'a>>,
    output: Option<Node<'a>>,
    tools: Option<Node<'a>>,
}

/// What becomes of a reasoning item.
enum Fate {
    Stays,
    /// The value without our tag.
    Untagged(String),
    Goes,
}

/// Names of the calls in the history that have no namespace.
pub(super) fn names<'a>(input: Node<'a>) -> Vec<Cow<'a, str>> {
    input
        .elements()
        .filter_map(|item| {
            let [kind, name, namespace] = item.pick(["type", "name", "namespace"]);
            let kind = kind?.string()?;
            let call = matches!(&*kind, "function_call" | "custom_tool_call");
            (call && read::present(namespace).is_none())
                .then(|| name?.string())
                .flatten()
        })
        .collect()
}

impl<'n> Items<'n> {
    pub(super) fn edit(&self, input: Node<'_>, edits: &mut Edits) {
        let items: Vec<Item<'_>> = input.elements().map(Item::of).collect();
        let fates: Vec<Fate> = items.iter().map(|item| self.fate(item)).collect();
        // The reasoning in front of what comes was dropped: ids of items it led to would name it.
        let mut orphaned = false;
        for (index, (item, fate)) in items.iter().zip(&fates).enumerate() {
            let goes = matches!(fate, Fate::Goes)
                || (item.is("reasoning") && !leads(&items, &fates, index));
            if goes {
                edits.remove_element(input, index);
                orphaned |= item.is("reasoning");
                continue;
            }
            match item.kind.as_ref() {
                "reasoning" => orphaned = false,
                "function_call" | "custom_tool_call" => {}
                "message" if item.says("assistant") => {}
                _ => orphaned = false,
            }
            if let (Fate::Untagged(value), Some(node)) = (fate, item.encrypted) {
                edits.replace(node, quote(value));
            }
            self.edit_item(item, orphaned, edits);
        }
    }

    fn edit_item(&self, item: &Item<'_>, orphaned: bool, edits: &mut Edits) {
        if orphaned && item.id.is_some() {
            edits.remove(item.node, "id");
        } else if let Some(node) = item.id
            && self.codex
            && let Some(id) = node.string()
        {
            if id.is_empty() {
                edits.remove(item.node, "id");
            } else if let Some(new) = ids::corrected(&item.kind, &id) {
                edits.replace(node, quote(&new));
            }
        }
        if let Some(node) = item.call_id
            && let Some(id) = node.string()
            && id.len() > ids::MAX_ID
        {
            edits.replace(node, quote(&short_call_id(&id)));
        }
        if let Some(name) = item.name
            && item.namespace.is_none()
        {
            rename(name, self.names, edits);
        }
        if let Some(tools) = item.tools
            && item.is("additional_tools")
        {
            let tools_edit = Tools {
                names: self.names,
                codex: self.codex,
            };
            tools_edit.edit(tools, edits);
        }
        if !self.codex {
            return;
        }
        if let Some(role) = item.role
            && item.is("message")
            && item.says("system")
        {
            edits.replace(role, "\"developer\"");
        }
        if self.breakpoints {
            edits.remove(item.node, "prompt_cache_breakpoint");
            for list in [item.content, item.output].into_iter().flatten() {
                for part in list.elements() {
                    edits.remove(part, "prompt_cache_breakpoint");
                }
            }
        }
    }

    fn fate(&self, item: &Item<'_>) -> Fate {
        if self.codex && item.is("item_reference") {
            // Nothing is stored there.
            return Fate::Goes;
        }
        if !item.is("reasoning") {
            return Fate::Stays;
        }
        let value = item.encrypted.and_then(|node| node.string());
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return if self.codex { Fate::Goes } else { Fate::Stays };
        };
        let id = item.id.and_then(|id| id.string());
        if self.codex && id.is_some_and(|id| id.len() > ids::MAX_ID) {
            // The content is bound to its id, and that cannot be kept.
            return Fate::Goes;
        }
        let signature = signed::read(&value).signature;
        match signature.issuer {
            SignatureIssuer::OpenAi if signature.value == *value => Fate::Stays,
            SignatureIssuer::OpenAi => Fate::Untagged(signature.value),
            // Servers that are not OpenAI's make values of their own form.
            SignatureIssuer::Unknown if !self.codex => Fate::Stays,
            _ => Fate::Goes,
        }
    }
}

/// True when a reasoning item stands in front of what it led to (E-43).
fn leads(items: &[Item<'_>], fates: &[Fate], index: usize) -> bool {
    let next = items
        .iter()
        .zip(fates)
        .skip(index + 1)
        .find(|(item, fate)| !item.is("reasoning") && !matches!(fate, Fate::Goes));
    match next {
        Some((item, _)) if item.is("message") => item.says("assistant"),
        Some((item, _)) => !item.kind.ends_with("_output"),
        None => false,
    }
}

impl<'a> Item<'a> {
    fn of(node: Node<'a>) -> Self {
        let [
            kind,
            role,
            id,
            call_id,
            name,
            namespace,
            encrypted,
            content,
            output,
            tools,
        ] = node.pick([
            "type",
            "role",
            "id",
            "call_id",
            "name",
            "namespace",
            "encrypted_content",
            "content",
            "output",
            "tools",
        ]);
        Self {
            node,
            kind: kind
                .and_then(|kind| kind.string())
                .unwrap_or(Cow::Borrowed("message")),
            role,
            id,
            call_id,
            name,
            namespace: read::present(namespace),
            encrypted,
            content,
            output,
            tools,
        }
    }

    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    fn says(&self, role: &str) -> bool {
        self.role
            .and_then(|node| node.string())
            .is_some_and(|text| text == role)
    }
}
