//! Where every key and value stands in the text.
//!
//! `serde_yaml` tells what a file says, not where; this scanner tells where, for line numbers and
//! for edits that leave all other bytes alone. It follows the block and flow style people write by
//! hand and gives up (`None`) on the rest: complex keys, several documents. Giving up costs a line
//! number or refuses an edit, never more, because every edit is parsed again before it counts.

mod scanner;

use std::ops::Range;

use super::error::Position;
use super::path::{KeyPath, Step};

/// One value and its place.
#[derive(Debug)]
pub(super) struct Node {
    /// From the first byte of the value to the end of its last one; anchors, tags, comments and
    /// the final line break are outside.
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing is written: null. The span is empty and stands right after `:` or `-`.
    Empty,
    Scalar(Style),
    BlockMap(Vec<Entry>),
    BlockList(Vec<Item>),
    FlowMap(Vec<Entry>),
    FlowList(Vec<Item>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes; also an alias such as `*base`.
    Plain,
    /// `"…"` or `'…'`.
    Quoted,
    /// `|` or `>` and the lines below.
    Block,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    /// First byte of the key.
    pub start: usize,
    /// The byte after the colon.
    pub after_colon: usize,
    pub value: Node,
}

#[derive(Debug)]
pub(super) struct Item {
    /// The dash, or in flow style the first byte of the value.
    pub start: usize,
    pub value: Node,
}

/// The places of one text.
#[derive(Debug, Default)]
pub(super) struct Layout {
    root: Option<Node>,
}

impl Layout {
    /// Scans a text; `None` when it is not in the style this scanner knows.
    pub fn of(text: &str) -> Option<Self> {
        let root = scanner::root_of(text)?;
        Some(Self { root })
    }

    /// The top value; `None` when the text holds comments only.
    pub fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    /// The value at a path.
    pub fn node(&self, path: &KeyPath) -> Option<&Node> {
        let mut node = self.root.as_ref()?;
        for step in path.steps() {
            node = child(node, step)?.1;
        }
        Some(node)
    }

    /// Where the value at a path, or the nearest thing around it, begins.
    ///
    /// Scalars are pointed at themselves, collections at their key or dash.
    pub fn offset(&self, path: &KeyPath) -> Option<usize> {
        let mut node = self.root.as_ref()?;
        let mut start = None;
        for step in path.steps() {
            let Some((at, value)) = child(node, step) else {
                break;
            };
            let written_beside = matches!(value.kind, Kind::Scalar(_));
            start = Some(if written_beside { value.span.start } else { at });
            node = value;
        }
        start
    }

    /// The key that stands twice in one mapping: its path, and the offsets of both.
    pub fn duplicate(&self) -> Option<(KeyPath, usize, usize)> {
        duplicate(self.root.as_ref()?, &KeyPath::root())
    }
}

/// Where a child begins (key, dash or flow item) and its value.
fn child<'n>(node: &'n Node, step: &Step) -> Option<(usize, &'n Node)> {
    match (&node.kind, step) {
        (Kind::BlockMap(entries) | Kind::FlowMap(entries), Step::Key(key)) => {
            let entry = entries.iter().find(|entry| entry.key == *key)?;
            Some((entry.start, &entry.value))
        }
        (Kind::BlockList(items) | Kind::FlowList(items), Step::Index(index)) => {
            let item = items.get(*index)?;
            Some((item.start, &item.value))
        }
        _ => None,
    }
}

fn duplicate(node: &Node, at: &KeyPath) -> Option<(KeyPath, usize, usize)> {
    match &node.kind {
        Kind::BlockMap(entries) | Kind::FlowMap(entries) => {
            for (n, entry) in entries.iter().enumerate() {
                let mut before = entries.iter().take(n);
                if let Some(first) = before.find(|first| first.key == entry.key) {
                    return Some((at.key(&entry.key), first.start, entry.start));
                }
            }
            entries
                .iter()
                .find_map(|entry| duplicate(&entry.value, &at.key(&entry.key)))
        }
        Kind::BlockList(items) | Kind::FlowList(items) => items
            .iter()
            .enumerate()
            .find_map(|(n, item)| duplicate(&item.value, &at.index(n))),
        Kind::Empty | Kind::Scalar(_) => None,
    }
}

/// The line and column of a byte.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}

/// The offset of the first byte of a line, given any byte of it.
pub(super) fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}

/// The offset of the line break that ends a line (or of the end of the text), given any byte of it.
pub(super) fn line_end(text: &str, offset: usize) -> usize {
    text.get(offset..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |n| offset + n)
}

#[cfg(test)]
mod tests;
