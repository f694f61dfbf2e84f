//! Place of an output item in the reply, and the events every kind of item shares.

use super::frames::Frames;
use super::json::Object;

/// Whether an item is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Completed,
    Incomplete,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Index and id of an item.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) id: String,
}

impl Place {
    pub(super) fn added(&self, item: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        frames.event("response.output_item.added", out, |o| {
            o.number("output_index", self.index).raw("item", item);
        });
    }

    pub(super) fn done(&self, item: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        frames.event("response.output_item.done", out, |o| {
            o.number("output_index", self.index).raw("item", item);
        });
    }

    /// An event of this item with further members.
    pub(super) fn event(
        &self,
        kind: &str,
        frames: &mut Frames,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Object<'_>),
    ) {
        frames.event(kind, out, |o| {
            o.text("item_id", &self.id)
                .number("output_index", self.index);
            fill(o);
        });
    }

    /// An event that only says how far a built-in tool is.
    pub(super) fn progress(&self, kind: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        self.event(kind, frames, out, |_| {});
    }
}
