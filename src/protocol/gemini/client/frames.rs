//! Framing of a client stream: SSE, or one JSON array written element by element.

use crate::codec::Framing;

/// Writes whole elements of one stream.
#[derive(Debug)]
pub(in super::super) struct Frames {
    framing: Framing,
    n_written: usize,
    closed: bool,
}

impl Frames {
    pub(in super::super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            n_written: 0,
            closed: false,
        }
    }

    /// Tells whether elements must be JSON array elements.
    pub(in super::super) fn is_array(&self) -> bool {
        self.framing == Framing::JsonArray
    }

    /// Writes one element; `write` appends its JSON, on one line for SSE.
    pub(in super::super) fn element(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        match self.framing {
            Framing::Sse => {
                out.extend_from_slice(b"data: ");
                write(out);
                out.extend_from_slice(b"\n\n");
            }
            Framing::JsonArray => {
                out.extend_from_slice(if self.n_written == 0 { b"[" } else { b",\n" });
                write(out);
                out.push(b'\n');
            }
        }
        self.n_written += 1;
    }

    /// Ends the stream; later calls do nothing.
    pub(in super::super) fn close(&mut self, out: &mut Vec<u8>) {
        if self.framing == Framing::JsonArray && !self.closed {
            out.extend_from_slice(if self.n_written == 0 { b"[]" } else { b"]" });
        }
        self.closed = true;
    }
}
