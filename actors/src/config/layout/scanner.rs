//! Follows a text token by token and notes where its values stand: block style and texts here, what
//! stands in brackets in `flow`.

mod flow;

use super::{Entry, Item, Kind, Node, Style, line_end, line_start};

/// Nesting above which the scanner gives up; the YAML library itself stops at 128.
const MAX_DEPTH: usize = 100;

/// The byte order mark that some editors write first.
const MARK: char = '\u{feff}';

/// The top value of a text, `None` inside when it holds comments only; `None` outside when the
/// scanner gives up.
pub(super) fn root_of(text: &str) -> Option<Option<Node>> {
    let bytes = text.as_bytes();
    Scanner {
        text,
        bytes,
        at: 0,
        depth: 0,
    }
    .document()
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
}

/// The text of a key as written, quotes and escapes resolved.
fn unquoted(written: &str) -> Option<String> {
    if written.starts_with(['"', '\'']) {
        return serde_yaml::from_str(written).ok();
    }
    Some(written.trim_end().to_owned())
}
