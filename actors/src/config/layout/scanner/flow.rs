//! Values in brackets, where line breaks and columns mean nothing.

use super::{Entry, Item, Kind, Node, Scanner, Style, unquoted};

impl Scanner<'_> {
    /// A value inside of brackets, or a collection that opens them.
    pub(super) fn flow(&mut self) -> Option<Node> {
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
