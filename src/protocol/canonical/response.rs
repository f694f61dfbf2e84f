//! A whole reply: the fold of its events.

mod fold;
#[cfg(test)]
mod tests;
mod unfold;

pub use fold::fold;
pub use unfold::unfold;

use super::{Item, Start, Stop, Usage};

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response {
    /// Head.
    pub start: Start,
    /// Candidates by number; at least one.
    pub choices: Vec<Reply>,
    /// Token counts.
    pub usage: Usage,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    /// Items in order.
    pub items: Vec<Item>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// The upstream's own word for it.
    pub native_stop: Option<String>,
}
