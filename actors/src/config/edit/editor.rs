//! Finds the bytes an edit changes.

use std::ops::Range;

use serde_json::{Map, Value as Json};
use serde_yaml::Value;

use super::EditError;
use super::meaning::{Change, applied, same};
use crate::config::layout::{Entry, Item, Kind, Layout, Node, Style, line_end, line_start};
use crate::config::path::{KeyPath, Step};
use crate::config::render::{self, Page};
use crate::config::syntax::plain_value_of;

/// Where a value stands in what is around it.
#[derive(Clone, Copy)]
enum Place<'n> {
    Root,
    Entry(&'n Entry),
    Item,
}

#[derive(Clone, Copy)]
struct Slot<'n> {
    place: Place<'n>,
    /// Inside brackets, where everything stays on its line.
    flow: bool,
}

/// Bytes that go and text that comes instead, in ascending order.
pub(super) type Splices = Vec<(Range<usize>, String)>;

pub(super) struct Editor<'t> {
    text: &'t str,
    path: &'t KeyPath,
    value: Value,
    layout: Layout,
    line_break: &'static str,
}

impl<'t> Editor<'t> {
    pub(super) fn of(text: &'t str, path: &'t KeyPath) -> Result<Self, EditError> {
        let value = plain_value_of(text)?;
        let layout = Layout::of(text).ok_or_else(|| EditError::Unsafe { key: path.clone() })?;
        let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Ok(Self {
            text,
            path,
            value,
            layout,
            line_break,
        })
    }

    fn missing(&self, why: &'static str) -> EditError {
        EditError::Missing {
            key: self.path.clone(),
            why,
        }
    }

    fn refusal(&self) -> EditError {
        EditError::Unsafe {
            key: self.path.clone(),
        }
    }

    /// Applies the splices, and accepts the result only when it means the change and nothing else.
    pub(super) fn checked(
        &self,
        splices: &Splices,
        change: Change<'_>,
    ) -> Result<String, EditError> {
        let mut out = String::with_capacity(self.text.len() + 64);
        let mut at = 0;
        for (range, new) in splices {
            out.push_str(
                self.text
                    .get(at..range.start)
                    .ok_or_else(|| self.refusal())?,
            );
            out.push_str(new);
            at = range.end;
        }
        out.push_str(self.text.get(at..).ok_or_else(|| self.refusal())?);
        let mut want = self.value.clone();
        applied(&mut want, self.path.steps(), &change).ok_or_else(|| self.refusal())?;
        let got = plain_value_of(&out).map_err(|_| self.refusal())?;
        if same(&want, &got) {
            Ok(out)
        } else {
            Err(self.refusal())
        }
    }

    /// The node and slot at the first `n` steps of the path; `None` when they are not written.
    fn find(&self, steps: &[Step]) -> Option<(&Node, Slot<'_>)> {
        let mut found = (
            self.layout.root()?,
            Slot {
                place: Place::Root,
                flow: false,
            },
        );
        for step in steps {
            found = child(found, step)?;
        }
        Some(found)
    }

    pub(super) fn set(&self, value: &Json) -> Result<Splices, EditError> {
        let steps = self.path.steps();
        if steps.is_empty() {
            return Err(self.refusal());
        }
        if let Some((node, slot)) = self.find(steps) {
            return Ok(self.replaced(node, slot, value));
        }
        // The deepest part of the path that is written, and what is missing below it.
        let depth = (0..steps.len())
            .rev()
            .find(|n| self.find(&steps[..*n]).is_some());
        let depth = depth.unwrap_or(0);
        let mut value = value.clone();
        let mut missing = steps[depth..].iter().rev().peekable();
        while let Some(step) = missing.next() {
            let Step::Key(key) = step else {
                return Err(self.missing("the list has no such position"));
            };
            if missing.peek().is_none() {
                return self.with_key(self.find(&steps[..depth]), key, &value);
            }
            value = Json::Object(Map::from_iter([(key.clone(), value)]));
        }
        Err(self.refusal())
    }

    /// Adds a key to a mapping, or makes the mapping.
    fn with_key(
        &self,
        found: Option<(&Node, Slot<'_>)>,
        key: &str,
        value: &Json,
    ) -> Result<Splices, EditError> {
        let Some((node, slot)) = found else {
            return Ok(self.at_the_end(key, value));
        };
        let alone = || Json::Object(Map::from_iter([(key.to_owned(), value.clone())]));
        match &node.kind {
            Kind::BlockMap(_) if matches!(slot.place, Place::Root) => {
                Ok(self.at_the_end(key, value))
            }
            Kind::BlockMap(_) => {
                let page = self.page(self.column(node.span.start));
                let new = format!("{}{}", page.next_line(), render::entry(key, value, page));
                Ok(vec![self.after_line(self.after_own_comments(node), new)])
            }
            Kind::FlowMap(entries) if !entries.is_empty() => {
                let last = entries.last().map_or(node.span.start + 1, entry_end);
                let json = render::inline(value, None);
                let key = render::inline(&Json::from(key), Some(Style::Plain));
                Ok(vec![(last..last, format!(", {key}: {json}"))])
            }
            Kind::FlowMap(_) | Kind::Empty => Ok(self.replaced(node, slot, &alone())),
            Kind::Scalar(_) if self.is_null(node) => Ok(self.replaced(node, slot, &alone())),
            Kind::Scalar(_) | Kind::BlockList(_) | Kind::FlowList(_) => {
                Err(self.missing("what is around it is no mapping"))
            }
        }
    }

    fn is_null(&self, node: &Node) -> bool {
        matches!(
            self.text.get(node.span.clone()),
            Some("~" | "null" | "Null" | "NULL")
        )
    }

    /// A new key of the top mapping goes to the end of the file, below all comments.
    fn at_the_end(&self, key: &str, value: &Json) -> Splices {
        let end = self.text.len();
        let on_own_line = self.text.is_empty() || self.text.ends_with('\n');
        let gap = if on_own_line { "" } else { self.line_break };
        let entry = render::entry(key, value, self.page(0));
        vec![(end..end, format!("{gap}{entry}{}", self.line_break))]
    }

    /// Writes a value in place of another.
    fn replaced(&self, node: &Node, slot: Slot<'_>, value: &Json) -> Splices {
        let span = node.span.clone();
        let style = match node.kind {
            Kind::Scalar(style) => Some(style),
            _ => None,
        };
        let gap = if matches!(node.kind, Kind::Empty) {
            " "
        } else {
            ""
        };
        let collection = matches!(node.kind, Kind::BlockMap(_) | Kind::BlockList(_));
        match slot.place {
            _ if slot.flow => vec![(span, format!("{gap}{}", render::inline(value, style)))],
            Place::Entry(entry) if render::is_block(value) => {
                let page = self.page(self.column(entry.start) + 2);
                if collection {
                    // A list may stand at the column of its key; a mapping may not.
                    let column = self.column(span.start);
                    let page = self.page(page.column.max(column));
                    let pad = " ".repeat(page.column - column);
                    return vec![(span, pad + &render::block(value, page))];
                }
                let lines = format!("{}{}", page.next_line(), render::block(value, page));
                let written = self
                    .text
                    .get(entry.after_colon..span.start)
                    .unwrap_or_default();
                let before = entry.after_colon + written.trim_end().len();
                vec![
                    (before..span.end, String::new()),
                    self.after_line(span.end, lines),
                ]
            }
            Place::Entry(entry) if collection => {
                // The value moves up to its key; comments between the two and behind it stay.
                let at = entry.after_colon;
                let new = format!(" {}", render::inline(value, None));
                let rest = self.text.get(span.end..line_end(self.text, span.end));
                let gone = match rest.unwrap_or_default().trim() {
                    "" => self.line_break_before(span.start),
                    _ => span.start,
                };
                vec![(at..at, new), (gone.max(at)..span.end, String::new())]
            }
            _ if render::is_block(value) => {
                let column = self.column(span.start) + gap.len();
                vec![(
                    span,
                    format!("{gap}{}", render::block(value, self.page(column))),
                )]
            }
            _ => vec![(span, format!("{gap}{}", render::inline(value, style)))],
        }
    }

    pub(super) fn insert(&self, index: usize, value: &Json) -> Result<Splices, EditError> {
        let alone = || Json::Array(vec![value.clone()]);
        let Some((node, slot)) = self.find(self.path.steps()) else {
            return self.set(&alone());
        };
        match &node.kind {
            Kind::BlockList(items) => {
                let column = self.column(node.span.start);
                let page = self.page(column);
                let new = render::item(value, page);
                match index
                    .min(items.len())
                    .checked_sub(1)
                    .and_then(|n| items.get(n))
                {
                    // Behind the item before, so that comments above the next one stay with it.
                    Some(before) => {
                        let end = item_end(before);
                        Ok(vec![
                            self.after_line(end, format!("{}{new}", page.next_line())),
                        ])
                    }
                    None => {
                        let at = node.span.start;
                        Ok(vec![(at..at, format!("{new}{}", page.next_line()))])
                    }
                }
            }
            Kind::FlowList(items) if !items.is_empty() => {
                let new = render::inline(value, None);
                let before = index
                    .min(items.len())
                    .checked_sub(1)
                    .and_then(|n| items.get(n));
                let (at, new) = match before {
                    Some(before) => (item_end(before), format!(", {new}")),
                    None => (
                        items.first().map_or(0, |item| item.start),
                        format!("{new}, "),
                    ),
                };
                Ok(vec![(at..at, new)])
            }
            Kind::FlowList(_) | Kind::Empty => Ok(self.replaced(node, slot, &alone())),
            Kind::Scalar(_) if self.is_null(node) => Ok(self.replaced(node, slot, &alone())),
            Kind::Scalar(_) | Kind::BlockMap(_) | Kind::FlowMap(_) => {
                Err(self.missing("it is no list"))
            }
        }
    }

    pub(super) fn remove(&self) -> Result<Splices, EditError> {
        let absent = || self.missing("it is not in the file");
        let (last, above) = self
            .path
            .steps()
            .split_last()
            .ok_or_else(|| self.refusal())?;
        let (node, slot) = self.find(above).ok_or_else(absent)?;
        let ends: Vec<(usize, usize)> = match &node.kind {
            Kind::BlockMap(entries) | Kind::FlowMap(entries) => entries
                .iter()
                .map(|entry| (entry.start, entry_end(entry)))
                .collect(),
            Kind::BlockList(items) | Kind::FlowList(items) => items
                .iter()
                .map(|item| (item.start, item_end(item)))
                .collect(),
            Kind::Empty | Kind::Scalar(_) => return Err(absent()),
        };
        let index = match (&node.kind, last) {
            (Kind::BlockMap(entries) | Kind::FlowMap(entries), Step::Key(key)) => {
                entries.iter().position(|entry| entry.key == *key)
            }
            (_, Step::Index(index)) => Some(*index),
            _ => None,
        };
        let index = index
            .filter(|index| *index < ends.len())
            .ok_or_else(absent)?;
        let flow = matches!(node.kind, Kind::FlowMap(_) | Kind::FlowList(_));
        let list = matches!(node.kind, Kind::BlockList(_));
        if ends.len() == 1 && (list || matches!(slot.place, Place::Item)) && !flow {
            let empty = if list {
                Json::Array(Vec::new())
            } else {
                Json::Object(Map::new())
            };
            return Ok(self.replaced(node, slot, &empty));
        }
        Ok(vec![(
            if flow {
                cut(&ends, index)
            } else {
                self.lines(&ends, index)
            },
            String::new(),
        )])
    }

    /// The lines of an entry or item; when something else begins its first line, as much as is its
    /// own.
    fn lines(&self, ends: &[(usize, usize)], index: usize) -> Range<usize> {
        let Some(&(start, end)) = ends.get(index) else {
            return 0..0;
        };
        let line = line_start(self.text, start);
        let before = self
            .text
            .get(line..start)
            .unwrap_or_default()
            .trim_start_matches('\u{feff}');
        if before.trim().is_empty() {
            let line = line + (self.text.get(line..start).unwrap_or_default().len() - before.len());
            return line..(line_end(self.text, end) + 1).min(self.text.len());
        }
        // `- first: …`: the next key moves up, unless a comment stands between.
        let next = ends.get(index + 1).map_or(end, |next| next.0);
        let between = self.text.get(end..next).unwrap_or_default();
        start..if between.trim().is_empty() { next } else { end }
    }

    /// The offset behind the comment lines that belong to a nested mapping.
    fn after_own_comments(&self, node: &Node) -> usize {
        let column = self.column(node.span.start);
        let mut at = node.span.end;
        loop {
            let next = line_end(self.text, at) + 1;
            let Some(line) = self.text.get(next..).and_then(|rest| rest.lines().next()) else {
                return at;
            };
            let body = line.trim_start();
            if !body.starts_with('#') || line.len() - body.len() < column {
                return at;
            }
            at = next;
        }
    }

    /// A splice at the end of the line that holds a byte.
    fn after_line(&self, at: usize, new: String) -> (Range<usize>, String) {
        let mut end = line_end(self.text, at);
        if end > at && self.text.as_bytes().get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
        (end..end, new)
    }

    /// The offset of the line break in front of the line that holds a byte.
    fn line_break_before(&self, at: usize) -> usize {
        let line = line_start(self.text, at);
        let before = self
            .text
            .get(..line)
            .and_then(|before| before.strip_suffix('\n'));
        before.map_or(line, |before| {
            before.strip_suffix('\r').unwrap_or(before).len()
        })
    }

    fn column(&self, at: usize) -> usize {
        let line = self
            .text
            .get(line_start(self.text, at)..at)
            .unwrap_or_default();
        line.trim_start_matches('\u{feff}').chars().count()
    }

    fn page(&self, column: usize) -> Page<'static> {
        Page {
            line_break: self.line_break,
            column,
        }
    }
}

fn child<'n>((node, slot): (&'n Node, Slot<'n>), step: &Step) -> Option<(&'n Node, Slot<'n>)> {
    let flow = slot.flow || matches!(node.kind, Kind::FlowMap(_) | Kind::FlowList(_));
    match (&node.kind, step) {
        (Kind::BlockMap(entries) | Kind::FlowMap(entries), Step::Key(key)) => {
            let entry = entries.iter().find(|entry| entry.key == *key)?;
            Some((
                &entry.value,
                Slot {
                    place: Place::Entry(entry),
                    flow,
                },
            ))
        }
        (Kind::BlockList(items) | Kind::FlowList(items), Step::Index(index)) => {
            let item = items.get(*index)?;
            Some((
                &item.value,
                Slot {
                    place: Place::Item,
                    flow,
                },
            ))
        }
        _ => None,
    }
}

fn entry_end(entry: &Entry) -> usize {
    entry.value.span.end.max(entry.after_colon)
}

fn item_end(item: &Item) -> usize {
    item.value.span.end.max(item.start)
}

/// An element of a bracketed collection together with one comma.
fn cut(ends: &[(usize, usize)], index: usize) -> Range<usize> {
    let own = ends.get(index).copied().unwrap_or_default();
    match (
        ends.get(index + 1),
        index.checked_sub(1).and_then(|before| ends.get(before)),
    ) {
        (Some(next), _) => own.0..next.0,
        (None, Some(before)) => before.1..own.1,
        (None, None) => own.0..own.1,
    }
}
