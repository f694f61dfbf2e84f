//! Output items of an upstream's stream that the decoder has seen.

use crate::canonical::{CallKind, ItemHead};
use crate::raw::RawJson;

/// One output item of the upstream.
#[derive(Debug)]
pub(super) struct Slot {
    /// The upstream's number.
    pub(super) output_index: Option<usize>,
    pub(super) id: Option<String>,
    pub(super) call_id: Option<String>,
    /// The item's `type`.
    pub(super) kind: String,
    pub(super) closed: bool,
    /// A terminal event named it.
    pub(super) matched: bool,
    pub(super) body: Body,
}

/// What the item holds. `index` is the number among the events.
#[derive(Debug)]
pub(super) enum Body {
    Message(Vec<Part>),
    Reasoning {
        index: usize,
        summary: Vec<String>,
        text: String,
        /// Signature of the `added` event: only good when `done` brings none (E-50).
        provisional: Option<String>,
    },
    Call(Call),
    Image {
        index: usize,
        partial: Option<String>,
    },
    Server {
        index: usize,
    },
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) content_index: usize,
    pub(super) index: usize,
    pub(super) refusal: bool,
    pub(super) text: String,
    pub(super) n_annotations: usize,
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct Call {
    /// `None` until its name is known: a call without one is not shown (E-171).
    pub(super) index: Option<usize>,
    pub(super) kind: CallKind,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) caller: Option<RawJson>,
    /// Arguments so far.
    pub(super) arguments: String,
    /// Several calls in one (E-254): held until it can be taken apart.
    pub(super) wrapper: bool,
}

impl Call {
    pub(super) fn new(kind: CallKind) -> Self {
        Self {
            index: None,
            kind,
            name: None,
            namespace: None,
            caller: None,
            arguments: String::new(),
            wrapper: false,
        }
    }

    /// Head of the call once it has a name.
    pub(super) fn head(&self, call_id: &str, item_id: Option<&str>) -> Option<ItemHead> {
        Some(ItemHead::Call {
            id: call_id.to_owned(),
            item_id: item_id.map(str::to_owned),
            name: self.name.clone()?,
            namespace: self.namespace.clone(),
            kind: self.kind,
            caller: self.caller.clone(),
        })
    }
}

/// What `whole` has beyond `sent`; `None` when that is nothing, or when the two differ.
pub(super) fn remainder<'t>(sent: &str, whole: &'t str) -> Option<&'t str> {
    whole.strip_prefix(sent).filter(|rest| !rest.is_empty())
}
