//! The events of one client stream: framing and numbers.

use super::json::Object;

/// Writes events with rising `sequence_number`s, starting at 0.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    next: u64,
    /// The data of one event is put together here before it goes out.
    data: String,
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
        self.data.clear();
        Object::write(&mut self.data, |object| {
            object
                .text("type", kind)
                .number("sequence_number", sequence);
            fill(object);
        });
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        push_line(&self.data, out);
        out.extend_from_slice(b"\n\n");
    }

    /// Appends a comment line.
    pub(crate) fn comment(&self, comment: &[u8], out: &mut Vec<u8>) {
        if !self.quiet {
            out.extend_from_slice(comment);
        }
    }
}

/// Appends JSON text as one line. What clients and upstreams wrote may be pretty-printed; between
/// values a line end is white space, and inside strings it is escaped.
fn push_line(json: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json.as_bytes());
    // Without an early exit the compiler makes a vector loop of it: nearly all data has none.
    let broken = json.bytes().fold(false, |found, byte| {
        found | (byte == b'\n') | (byte == b'\r')
    });
    if broken {
        for byte in out.iter_mut().skip(start) {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}
