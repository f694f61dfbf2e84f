//! Where every key and value stands in the text.
//!
//! `serde_yaml` tells what a file says, not where; this scanner tells where, for line numbers and
//! for edits that leave all other bytes alone. It follows the block and flow style people write by
//! hand and gives up (`None`) on the rest: complex keys, several documents. Giving up costs a line
//! number or refuses an edit, never more, because every edit is parsed again before it counts.

use std::ops::Range;

use super::error::Position;
use super::path::{KeyPath, Step};

/// Nesting above which the scanner gives up; the YAML library itself stops at 128.
const MAX_DEPTH: usize = 100;

/// The byte order mark that some editors write first.
const MARK: char = '\u{feff}';

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
        let mut scanner = Scanner {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        };
        let root = scanner.document()?;
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

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
}

impl Scanner<'_> {
    /// The byte at an offset; 0, which YAML forbids, behind the end.
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn blank(&self, at: usize) -> bool {
        matches!(self.byte(at), b' ' | b'\t' | b'\r' | b'\n' | 0)
    }

    fn line_over(&self, at: usize) -> bool {
        matches!(self.byte(at), b'\r' | b'\n' | 0)
    }

    fn column(&self) -> isize {
        let line = line_start(self.text, self.at);
        let line = self.text.get(line..self.at).unwrap_or_default();
        // A byte order mark takes no column.
        isize::try_from(line.trim_start_matches(MARK).len()).unwrap_or(isize::MAX)
    }

    fn dash(&self) -> bool {
        self.byte(self.at) == b'-' && self.blank(self.at + 1)
    }

    /// Whether a document marker stands here.
    fn marker(&self) -> bool {
        let here = self.text.get(self.at..).unwrap_or_default();
        self.column() == 0
            && (here.starts_with("---") || here.starts_with("..."))
            && self.blank(self.at + 3)
    }

    fn skip_spaces(&mut self) {
        while matches!(self.byte(self.at), b' ' | b'\t') {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        self.at = line_end(self.text, self.at);
    }

    /// Goes to the next token: over blanks, line breaks and comments.
    fn skip(&mut self) {
        while !self.done() {
            match self.byte(self.at) {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' if self.at == 0 || self.blank(self.at - 1) => self.skip_line(),
                _ => return,
            }
        }
    }

    /// Whether the rest of the line holds nothing or a comment.
    fn rest_is_blank(&self) -> bool {
        self.line_over(self.at)
            || (self.byte(self.at) == b'#' && self.at > 0 && self.blank(self.at - 1))
    }

    fn document(&mut self) -> Option<Option<Node>> {
        if self.text.starts_with(MARK) {
            self.at = MARK.len_utf8();
        }
        self.skip();
        while self.byte(self.at) == b'%' {
            self.skip_line();
            self.skip();
        }
        if self.marker() && self.byte(self.at) == b'-' {
            self.at += 3;
            self.skip();
        }
        if self.done() || self.marker() {
            return Some(None);
        }
        let root = self.block(-1)?;
        self.skip();
        if self.marker() && self.byte(self.at) == b'.' {
            self.skip_line();
            self.skip();
        }
        self.done().then_some(Some(root))
    }

    /// A value whose first token stands here, on a line of its own or right after a dash.
    fn block(&mut self, parent: isize) -> Option<Node> {
        let anchored = self.properties();
        if anchored && self.rest_is_blank() {
            return self.below(parent, self.at);
        }
        if self.dash() {
            return self.list(self.column());
        }
        // An anchor in front of a key belongs to the key, which nobody writes on purpose.
        match self.key_end() {
            Some(_) if anchored => None,
            Some(_) => self.map(self.column()),
            None => self.inline(parent),
        }
    }

    /// What follows a colon: on the same line, or on the lines below.
    fn value(&mut self, column: isize) -> Option<Node> {
        let after_colon = self.at;
        self.skip_spaces();
        let anchored = self.properties();
        if self.rest_is_blank() {
            return self.below(column, if anchored { self.at } else { after_colon });
        }
        self.inline(column)
    }

    /// A value on the lines below, or none.
    fn below(&mut self, parent: isize, empty_at: usize) -> Option<Node> {
        let back = self.at;
        self.skip();
        let column = self.column();
        if !self.done() && !self.marker() {
            if column > parent {
                return self.block(parent);
            }
            if column == parent && self.dash() {
                return self.list(column);
            }
        }
        self.at = back;
        Some(Node {
            span: empty_at..empty_at,
            kind: Kind::Empty,
        })
    }

    /// Skips anchors and tags; whether there were any.
    fn properties(&mut self) -> bool {
        let start = self.at;
        while matches!(self.byte(self.at), b'&' | b'!') {
            while !self.blank(self.at) {
                self.at += 1;
            }
            self.skip_spaces();
        }
        self.at > start
    }

    fn inline(&mut self, parent: isize) -> Option<Node> {
        match self.byte(self.at) {
            b'[' | b'{' => {
                let node = self.flow()?;
                let end = self.at;
                self.skip_spaces();
                // A collection as a key.
                (self.byte(self.at) != b':').then_some(())?;
                self.at = end;
                Some(node)
            }
            b'|' | b'>' => Some(self.block_scalar(parent)),
            b'"' | b'\'' => self.quoted(),
            b'?' if self.blank(self.at + 1) => None,
            _ => Some(self.plain(parent)),
        }
    }

    fn map(&mut self, column: isize) -> Option<Node> {
        self.enter()?;
        let start = self.at;
        let mut entries: Vec<Entry> = Vec::new();
        while !self.done() && self.column() == column && !self.marker() && !self.dash() {
            let start = self.at;
            let (key, after_colon) = self.key_end()?;
            self.at = after_colon;
            let value = self.value(column)?;
            entries.push(Entry {
                key,
                start,
                after_colon,
                value,
            });
            self.skip();
        }
        let last = entries.last()?;
        let end = last.value.span.end.max(last.after_colon);
        self.at = end;
        self.depth -= 1;
        Some(Node {
            span: start..end,
            kind: Kind::BlockMap(entries),
        })
    }

    fn list(&mut self, column: isize) -> Option<Node> {
        self.enter()?;
        let start = self.at;
        let mut items: Vec<Item> = Vec::new();
        while !self.done() && self.column() == column && !self.marker() && self.dash() {
            let start = self.at;
            self.at += 1;
            let after_dash = self.at;
            self.skip_spaces();
            let value = if self.rest_is_blank() {
                let back = self.at;
                self.skip();
                if !self.done() && self.column() > column {
                    self.block(column)?
                } else {
                    self.at = back;
                    Node {
                        span: after_dash..after_dash,
                        kind: Kind::Empty,
                    }
                }
            } else {
                self.block(column)?
            };
            items.push(Item { start, value });
            self.skip();
        }
        let end = items.last()?.value.span.end;
        self.at = end;
        self.depth -= 1;
        Some(Node {
            span: start..end,
            kind: Kind::BlockList(items),
        })
    }

    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    /// The key that begins here and the offset after its colon, when this is a key.
    fn key_end(&mut self) -> Option<(String, usize)> {
        let start = self.at;
        if matches!(self.byte(start), b'[' | b'{' | b'|' | b'>') {
            return None;
        }
        let end = if matches!(self.byte(start), b'"' | b'\'') {
            let node = self.quoted();
            let end = self.at;
            self.at = start;
            node?;
            end
        } else {
            let mut at = start;
            loop {
                let byte = self.byte(at);
                let comment = byte == b'#' && at > start && self.blank(at - 1);
                if self.line_over(at) || comment {
                    return None;
                }
                if byte == b':' && self.blank(at + 1) {
                    break at;
                }
                at += 1;
            }
        };
        let written = self.text.get(start..end)?;
        (!written.contains('\n')).then_some(())?;
        let mut colon = end;
        while matches!(self.byte(colon), b' ' | b'\t') {
            colon += 1;
        }
        (self.byte(colon) == b':' && self.blank(colon + 1)).then_some(())?;
        Some((unquoted(written)?, colon + 1))
    }

    fn quoted(&mut self) -> Option<Node> {
        let start = self.at;
        let quote = self.byte(start);
        self.at += 1;
        loop {
            match self.byte(self.at) {
                0 => return None,
                b'\\' if quote == b'"' => self.at += 2,
                byte if byte == quote && quote == b'\'' && self.byte(self.at + 1) == b'\'' => {
                    self.at += 2;
                }
                byte if byte == quote => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(Node {
            span: start..self.at,
            kind: Kind::Scalar(Style::Quoted),
        })
    }

    /// A text without quotes; lines that stand further right than the parent continue it.
    fn plain(&mut self, parent: isize) -> Node {
        let start = self.at;
        let mut end;
        loop {
            while !self.rest_is_blank() {
                self.at += 1;
            }
            end = self.trimmed_end(start);
            if self.byte(self.at) == b'#' {
                break;
            }
            while !self.done() && matches!(self.byte(self.at), b' ' | b'\t' | b'\r' | b'\n') {
                self.at += 1;
            }
            let goes_on = self.column() > parent && self.byte(self.at) != b'#' && !self.marker();
            if self.done() || !goes_on {
                break;
            }
        }
        self.at = end;
        Node {
            span: start..end,
            kind: Kind::Scalar(Style::Plain),
        }
    }

    /// The end of what was read since `start`, without blanks behind it.
    fn trimmed_end(&self, start: usize) -> usize {
        start
            + self
                .text
                .get(start..self.at)
                .unwrap_or_default()
                .trim_end()
                .len()
    }

    fn block_scalar(&mut self, parent: isize) -> Node {
        let start = self.at;
        self.skip_line();
        let mut end = self.trimmed_end(start);
        while !self.done() {
            self.at += 1;
            while self.byte(self.at) == b' ' {
                self.at += 1;
            }
            if !self.line_over(self.at) {
                if self.column() <= parent || self.marker() {
                    break;
                }
                self.skip_line();
                end = self.at - usize::from(self.byte(self.at.saturating_sub(1)) == b'\r');
            } else {
                self.skip_line();
            }
        }
        self.at = end;
        Node {
            span: start..end,
            kind: Kind::Scalar(Style::Block),
        }
    }

    fn flow(&mut self) -> Option<Node> {
        self.skip();
        self.properties();
        self.skip();
        match self.byte(self.at) {
            b'[' => self.flow_list(),
            b'{' => self.flow_map(),
            b'"' | b'\'' => self.quoted(),
            _ => self.flow_plain(),
        }
    }

    fn flow_list(&mut self) -> Option<Node> {
        self.enter()?;
        let open = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip();
            if self.byte(self.at) == b']' {
                break;
            }
            let start = self.at;
            let value = self.flow()?;
            items.push(Item { start, value });
            self.separator(b']')?;
        }
        self.at += 1;
        self.depth -= 1;
        Some(Node {
            span: open..self.at,
            kind: Kind::FlowList(items),
        })
    }

    fn flow_map(&mut self) -> Option<Node> {
        self.enter()?;
        let open = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            self.skip();
            if self.byte(self.at) == b'}' {
                break;
            }
            let start = self.at;
            let key = self.flow()?;
            let key = unquoted(self.text.get(key.span)?)?;
            self.skip();
            let mut after_colon = self.at;
            let mut value = Node {
                span: self.at..self.at,
                kind: Kind::Empty,
            };
            if self.byte(self.at) == b':' {
                self.at += 1;
                after_colon = self.at;
                value.span = self.at..self.at;
                self.skip();
                if !matches!(self.byte(self.at), b',' | b'}') {
                    value = self.flow()?;
                }
            }
            entries.push(Entry {
                key,
                start,
                after_colon,
                value,
            });
            self.separator(b'}')?;
        }
        self.at += 1;
        self.depth -= 1;
        Some(Node {
            span: open..self.at,
            kind: Kind::FlowMap(entries),
        })
    }

    /// Steps over a comma; the closing bracket stays. Anything else ends the scan.
    fn separator(&mut self, close: u8) -> Option<()> {
        self.skip();
        let byte = self.byte(self.at);
        if byte == b',' {
            self.at += 1;
        }
        (byte == b',' || byte == close).then_some(())
    }

    fn flow_plain(&mut self) -> Option<Node> {
        let start = self.at;
        loop {
            let byte = self.byte(self.at);
            let next_ends = self.blank(self.at + 1)
                || matches!(self.byte(self.at + 1), b',' | b'[' | b']' | b'{' | b'}');
            let stop = matches!(byte, b',' | b'[' | b']' | b'{' | b'}' | 0)
                || (byte == b':' && next_ends)
                || (byte == b'#' && self.at > start && self.blank(self.at - 1));
            if stop {
                break;
            }
            self.at += 1;
        }
        let end = self.trimmed_end(start);
        self.at = end;
        (end > start).then_some(Node {
            span: start..end,
            kind: Kind::Scalar(Style::Plain),
        })
    }
}

/// The text of a key as written, quotes and escapes resolved.
fn unquoted(written: &str) -> Option<String> {
    if written.starts_with(['"', '\'']) {
        return serde_yaml::from_str(written).ok();
    }
    Some(written.trim_end().to_owned())
}

#[cfg(test)]
mod tests;
