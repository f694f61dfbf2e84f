//! A list of changes, carried out in one pass.

use super::scan::{Child, Children};
use super::{JsonBody, Kind, Marked, Node};
use bytes::Bytes;
use std::cmp::Reverse;

/// Changes to one [`Doc`](super::Doc). Edits of nested values inside a replaced or removed value
/// are dropped; of several edits of the same value the last one counts. Positions in arrays always
/// mean the text before all edits.
#[derive(Debug, Default)]
pub struct Edits {
    wishes: Vec<Wish>,
}

/// One edit as it was asked for. Objects and arrays are only looked through in `apply`, once each.
#[derive(Debug)]
struct Wish {
    /// Span of the value that `change` speaks about.
    start: usize,
    end: usize,
    mark: usize,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Replace(String),
    Set { key: String, json: String },
    Remove { key: String },
    RemoveElement(usize),
    InsertElement { index: usize, json: String },
}

/// New text for a span of the old one.
#[derive(Debug)]
struct Splice<'a> {
    start: usize,
    end: usize,
    new: New<'a>,
    /// Position in the list of wishes.
    wish: usize,
}

#[derive(Debug)]
enum New<'a> {
    Nothing,
    Borrowed(&'a str),
    Owned(String),
}

impl New<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Nothing => "",
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl Edits {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces a value by JSON text.
    pub fn replace(&mut self, node: Node<'_>, json: impl Into<String>) {
        self.wish(node, Change::Replace(json.into()));
    }

    /// Sets a member of an object: every duplicate of the key is replaced by one (at the place of
    /// the first), or the member is added at the end. Does nothing to other kinds.
    pub fn set(&mut self, object: Node<'_>, key: &str, json: impl Into<String>) {
        if object.kind() == Kind::Object {
            let (key, json) = (key.to_owned(), json.into());
            self.wish(object, Change::Set { key, json });
        }
    }

    /// Removes a member (all duplicates) with its comma. Does nothing to other kinds.
    pub fn remove(&mut self, object: Node<'_>, key: &str) {
        if object.kind() == Kind::Object {
            let key = key.to_owned();
            self.wish(object, Change::Remove { key });
        }
    }

    /// Removes an element of an array with its comma. Does nothing to other kinds or beyond the end.
    pub fn remove_element(&mut self, array: Node<'_>, index: usize) {
        if array.kind() == Kind::Array {
            self.wish(array, Change::RemoveElement(index));
        }
    }

    /// Inserts an element before `index` (at the end from the length on). Elements inserted at the
    /// same place stand in the order of the calls. Does nothing to other kinds.
    pub fn insert_element(&mut self, array: Node<'_>, index: usize, json: impl Into<String>) {
        if array.kind() == Kind::Array {
            let json = json.into();
            self.wish(array, Change::InsertElement { index, json });
        }
    }

    /// True when no change was asked for. A change that turns out to be none (an absent member
    /// removed, a value replaced by itself) is found only by [`Edits::apply`].
    pub fn is_empty(&self) -> bool {
        self.wishes.is_empty()
    }

    /// The edited text; `raw` itself, without a copy, when nothing has to change. `raw` is the text
    /// the nodes were taken from.
    pub fn apply(self, raw: &Bytes) -> Bytes {
        if self.wishes.is_empty() {
            return raw.clone();
        }
        match std::str::from_utf8(raw) {
            Ok(text) => self.edited(raw, Marked::without(text)),
            Err(_) => raw.clone(),
        }
    }

    /// The same for the body the nodes were taken from.
    pub fn apply_to(self, body: &JsonBody) -> Bytes {
        match body.marked() {
            Some(text) => self.edited(body.raw(), text),
            None => self.apply(body.raw()),
        }
    }

    fn edited(self, raw: &Bytes, text: Marked<'_>) -> Bytes {
        self.edited_span(text, 0, text.text.len())
            .map_or_else(|| raw.clone(), Bytes::from)
    }

    /// The edited text of `node` alone, of which all edited nodes are parts; `None` when nothing has
    /// to change.
    pub fn apply_within(self, node: Node<'_>) -> Option<String> {
        if self.wishes.is_empty() {
            return None;
        }
        self.edited_span(node.text, node.start, node.end)
    }

    /// The text from `start` to `end` with the edits, all of which lie inside.
    fn edited_span(self, text: Marked<'_>, start: usize, end: usize) -> Option<String> {
        let mut splices = self.splices(text);
        let text = text.text;
        splices.sort_by_key(|s| (s.start, s.start != s.end, Reverse(s.end), Reverse(s.wish)));

        // A span that starts before the end of the one before it lies inside it.
        let mut done = 0;
        splices.retain(|s| {
            let outside = s.start >= done;
            if outside {
                done = s.end;
            }
            outside && text.get(s.start..s.end) != Some(s.new.as_str())
        });
        if splices.is_empty() {
            return None;
        }

        let added: usize = splices.iter().map(|s| s.new.as_str().len()).sum();
        let removed: usize = splices.iter().map(|s| s.end - s.start).sum();
        let mut edited = String::with_capacity((end - start + added).saturating_sub(removed));
        let mut copied = start;
        for splice in &splices {
            edited.push_str(text.get(copied..splice.start).unwrap_or_default());
            edited.push_str(splice.new.as_str());
            copied = splice.end;
        }
        edited.push_str(text.get(copied..end).unwrap_or_default());
        Some(edited)
    }

    fn wish(&mut self, node: Node<'_>, change: Change) {
        self.wishes.push(Wish {
            start: node.start,
            end: node.end,
            mark: node.mark,
            change,
        });
    }

    fn splices(&self, text: Marked<'_>) -> Vec<Splice<'_>> {
        let mut splices = Vec::with_capacity(self.wishes.len());
        let mut grouped: Vec<(usize, &Wish)> = Vec::new();
        for (i, wish) in self.wishes.iter().enumerate() {
            match &wish.change {
                Change::Replace(json) => splices.push(Splice {
                    start: wish.start,
                    end: wish.end,
                    new: New::Borrowed(json),
                    wish: i,
                }),
                _ => grouped.push((i, wish)),
            }
        }
        // Stable: the wishes for one container keep their order.
        grouped.sort_by_key(|(_, wish)| wish.start);
        for wishes in grouped.chunk_by(|(_, a), (_, b)| a.start == b.start) {
            Container::new(text, wishes).edit(&mut splices);
        }
        splices
    }
}

/// The edits of the members or elements of one object or array.
struct Container<'g, 'w> {
    text: Marked<'g>,
    wishes: &'g [(usize, &'w Wish)],
    /// What stays so far ends here.
    kept_end: Option<usize>,
    /// Everything from here on was removed, and nothing stays before it.
    gone_from: Option<usize>,
    /// Elements to insert before the next one that stays.
    waiting: Vec<&'w str>,
    /// Wishes (as positions in `wishes`) for members that were found.
    found: Vec<usize>,
}

/// What becomes of one child.
enum Fate<'w> {
    Stays,
    Goes,
    Becomes(usize, &'w str),
}

impl<'g, 'w> Container<'g, 'w> {
    fn new(text: Marked<'g>, wishes: &'g [(usize, &'w Wish)]) -> Self {
        Self {
            text,
            wishes,
            kept_end: None,
            gone_from: None,
            waiting: Vec::new(),
            found: Vec::new(),
        }
    }

    fn edit(mut self, splices: &mut Vec<Splice<'w>>) {
        let Some((first_wish, first)) = self.wishes.first() else {
            return;
        };
        let wish = *first_wish;
        let keyed = self.text.text.as_bytes().get(first.start) == Some(&b'{');
        let open_end = first.start + 1;
        let mut cut = |start, end| {
            splices.push(Splice {
                start,
                end,
                new: New::Nothing,
                wish,
            });
        };
        let mut new_values = Vec::new();
        let mut inserts = Vec::new();

        let mut before_end = open_end;
        let mut n = 0;
        for child in Children::of(self.text, first.start, first.mark) {
            let fate = if keyed {
                self.member_fate(&child)
            } else {
                self.element_fate(n)
            };
            if let Fate::Goes = fate {
                if self.kept_end.is_some() {
                    // With the comma in front of it.
                    cut(before_end, child.end);
                } else if self.gone_from.is_none() {
                    self.gone_from = Some(child.start);
                }
            } else {
                if let Some(from) = self.gone_from.take() {
                    cut(from, child.start);
                }
                if !self.waiting.is_empty() {
                    let mut new = self.waiting.join(",");
                    new.push(',');
                    inserts.push((child.start, new));
                    self.waiting.clear();
                }
                if let Fate::Becomes(wish, json) = fate {
                    new_values.push((child.value, child.end, json, wish));
                }
                self.kept_end = Some(child.end);
            }
            before_end = child.end;
            n += 1;
        }
        if let Some(from) = self.gone_from {
            cut(from, before_end);
        }
        if let Some(tail) = self.tail(n) {
            let at = self.kept_end.or(self.gone_from).unwrap_or(open_end);
            inserts.push((at, tail));
        }

        splices.extend(
            new_values
                .into_iter()
                .map(|(start, end, json, wish)| Splice {
                    start,
                    end,
                    new: New::Borrowed(json),
                    wish,
                }),
        );
        splices.extend(inserts.into_iter().map(|(at, new)| Splice {
            start: at,
            end: at,
            new: New::Owned(new),
            wish,
        }));
    }

    fn member_fate(&mut self, child: &Child) -> Fate<'w> {
        // The last wish for a key counts.
        for (at, &(i, wish)) in self.wishes.iter().enumerate().rev() {
            match &wish.change {
                Change::Set { key, json } if child.key_is(self.text.text, key) => {
                    if self.found.contains(&at) {
                        return Fate::Goes;
                    }
                    self.found.push(at);
                    return Fate::Becomes(i, json);
                }
                Change::Remove { key } if child.key_is(self.text.text, key) => return Fate::Goes,
                _ => {}
            }
        }
        Fate::Stays
    }

    fn element_fate(&mut self, n: usize) -> Fate<'w> {
        let mut fate = Fate::Stays;
        for &(_, wish) in self.wishes {
            match &wish.change {
                Change::InsertElement { index, json } if *index == n => self.waiting.push(json),
                Change::RemoveElement(index) if *index == n => fate = Fate::Goes,
                _ => {}
            }
        }
        fate
    }

    /// Text for what is added behind the last of `n` children.
    fn tail(&mut self, n: usize) -> Option<String> {
        let mut parts: Vec<String> = self.waiting.iter().map(|json| (*json).to_owned()).collect();
        for (at, (_, wish)) in self.wishes.iter().enumerate() {
            match &wish.change {
                Change::InsertElement { index, json } if *index >= n => parts.push(json.clone()),
                Change::Set { key, json } if !self.found.contains(&at) => {
                    let later = self.wishes.iter().skip(at + 1);
                    let overruled = later.into_iter().any(|(_, other)| {
                        matches!(&other.change, Change::Set { key: k, .. } | Change::Remove { key: k } if k == key)
                    });
                    if !overruled {
                        parts.push(format!("{}:{json}", super::quote(key)));
                    }
                }
                _ => {}
            }
        }
        let mut tail = String::new();
        for part in parts {
            if self.kept_end.is_some() || !tail.is_empty() {
                tail.push(',');
            }
            tail.push_str(&part);
        }
        (!tail.is_empty()).then_some(tail)
    }
}
