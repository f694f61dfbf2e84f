//! The events of one client stream: framing and numbers.

use super::json::Object;
use std::fmt::Write as _;

/// Writes events with rising `sequence_number`s, starting at 0.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    next: u64,
    /// One event is put together here before it goes out.
    line: String,
    /// Only the final object is wanted: nothing is written.
    pub(crate) quiet: bool,
}

impl Frames {
    /// Goes on behind `number` events.
    pub(crate) fn start_at(&mut self, number: u64) {
        self.next = number;
    }

    /// Appends the event `kind` with the members that `fill` writes behind `type` and
    /// `sequence_number`.
    pub(crate) fn event(
        &mut self,
        kind: &str,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Object<'_>),
    ) {
        if self.quiet {
            return;
        }
        let sequence = self.next;
        self.next += 1;
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.line, "event: {kind}\ndata: ");
        Object::write(&mut self.line, |object| {
            object
                .text("type", kind)
                .number("sequence_number", sequence);
            fill(object);
        });
        self.line.push_str("\n\n");
        out.extend_from_slice(self.line.as_bytes());
    }

    /// Appends a comment line.
    pub(crate) fn comment(&self, comment: &[u8], out: &mut Vec<u8>) {
        if !self.quiet {
            out.extend_from_slice(comment);
        }
    }
}
