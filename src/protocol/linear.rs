//! One item at a time: for client protocols whose blocks may not interleave (`matrix.md` §5.2).

#[cfg(test)]
mod tests;

use crate::canonical::Event;
use std::collections::VecDeque;

/// Reorders events so that an item opens only after the one before it closed. The first open item
/// is streamed; what belongs to others waits in order. At `End` everything still waiting comes out
/// first, and what is open is closed. At `Error` the open item stays open and what waited is
/// dropped: a reply that was cut never shows an item as complete.
///
/// Events of items that follow each other pass straight through, without copy or allocation.
#[derive(Debug, Default)]
pub struct OneAtATime {
    /// The item that is being streamed. While it is `None`, nothing waits.
    open: Option<usize>,
    /// Items that opened meanwhile, in order.
    waiting: VecDeque<Waiting>,
    /// `Finish` events that may not overtake a waiting item.
    finishes: Vec<Event>,
}

#[derive(Debug)]
struct Waiting {
    index: usize,
    events: Vec<Event>,
    closed: bool,
}

impl OneAtATime {
    /// Takes one event and appends what may go out now, in order, to `out`.
    pub fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::ItemStart { index, .. } if self.open.is_none() => {
                self.open = Some(index);
                out.push(event);
            }
            Event::ItemStart { index, .. } => self.waiting.push_back(Waiting {
                index,
                events: vec![event],
                closed: false,
            }),
            Event::Delta { index, .. } if self.open == Some(index) => out.push(event),
            Event::ItemStop { index, .. } if self.open == Some(index) => {
                out.push(event);
                self.open = None;
                self.advance(out);
            }
            Event::Delta { index, .. } | Event::ItemStop { index, .. } => {
                // Neither open nor waiting: the item was closed before, its block cannot open again.
                if let Some(item) = self.waiting.iter_mut().find(|item| item.index == index) {
                    item.closed |= matches!(event, Event::ItemStop { .. });
                    item.events.push(event);
                }
            }
            Event::Finish { .. } if !self.waiting.is_empty() => self.finishes.push(event),
            Event::End => {
                while let Some(index) = self.open {
                    self.push(Event::ItemStop { index, whole: None }, out);
                }
                out.push(event);
            }
            Event::Error(_) => {
                self.waiting.clear();
                self.finishes.clear();
                out.push(event);
            }
            Event::Start(_)
            | Event::Usage(_)
            | Event::Finish { .. }
            | Event::Native { .. }
            | Event::KeepAlive => out.push(event),
        }
    }

    /// Nothing is open: lets waiting items out up to the first that is not closed.
    fn advance(&mut self, out: &mut Vec<Event>) {
        while let Some(item) = self.waiting.pop_front() {
            out.extend(item.events);
            if !item.closed {
                self.open = Some(item.index);
                break;
            }
        }
        if self.waiting.is_empty() {
            out.append(&mut self.finishes);
        }
    }
}
