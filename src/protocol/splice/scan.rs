//! Finding the ends of values. Expects valid JSON; on other text the spans are meaningless but lie
//! within it, and every loop ends.

use super::index::Mark;
use super::{Marked, Node, text};
use std::borrow::Cow;

/// Position of the first byte at or after `at` that is no white space.
pub(super) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t'))
        .unwrap_or(rest.len())
}

/// Position behind the value that starts at `at`; `at` itself when none starts there.
pub(super) fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        None => at,
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => container_end(bytes, at),
        Some(_) => {
            let rest = bytes.get(at..).unwrap_or_default();
            at + rest
                .iter()
                .position(|b| matches!(b, b',' | b']' | b'}' | b':' | b' ' | b'\n' | b'\r' | b'\t'))
                .unwrap_or(rest.len())
        }
    }
}

/// Position behind the string whose opening quote stands at `open`. Only quotes are looked for:
/// what text holds most of, `\n`, does not stop the search.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let start = open + 1;
    let mut at = start;
    while let Some(quote) = find_quote(bytes, at) {
        let before = bytes.get(start..quote).unwrap_or_default();
        let n_backslashes = before.iter().rev().take_while(|b| **b == b'\\').count();
        // An even number of them escape each other, and not the quote.
        if n_backslashes % 2 == 0 {
            return quote + 1;
        }
        at = quote + 1;
    }
    bytes.len()
}

/// Position of the first quote at or after `from`. Looks at many bytes in one step.
fn find_quote(bytes: &[u8], from: usize) -> Option<usize> {
    const STEP: usize = 32;
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<STEP>) {
        // Without branches inside, the compiler compares all bytes at once.
        let hits = chunk.iter().fold(false, |hits, b| hits | (*b == b'"'));
        if hits {
            break;
        }
        at += STEP;
    }
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(n) = quote_in(u64::from_le_bytes(*word)) {
            return Some(at + n);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|b| *b == b'"').map(|n| at + n)
}

/// Number of the first of eight bytes that is a quote.
fn quote_in(word: u64) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let word = word ^ (ONES * b'"' as u64);
    // The high bit of each byte that is zero now; above the lowest hit there may be false ones.
    let hits = word.wrapping_sub(ONES) & !word & (ONES << 7);
    (hits != 0).then(|| hits.trailing_zeros() as usize / 8)
}

/// Position of the first byte from `from` on that no literal holds as it is: a quote, a backslash or a
/// control character; the length when there is none.
pub(super) fn find_escaped(bytes: &[u8], from: usize) -> usize {
    const STEP: usize = 32;
    let mut at = from;
    loop {
        // Code is full of escapes: the next one is near, or far.
        for _ in 0..STEP / 8 {
            let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
                let rest = bytes.get(at..).unwrap_or_default();
                return at + rest.iter().position(is_escaped).unwrap_or(rest.len());
            };
            if let Some(n) = escaped_in(u64::from_le_bytes(*word)) {
                return at + n;
            }
            at += 8;
        }
        while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<STEP>) {
            // Without branches inside, the compiler compares all bytes at once.
            if chunk
                .iter()
                .fold(false, |hits, byte| hits | is_escaped(byte))
            {
                break;
            }
            at += STEP;
        }
    }
}

fn is_escaped(byte: &u8) -> bool {
    *byte < 0x20 || *byte == b'"' || *byte == b'\\'
}

/// Number of the first of eight bytes that no literal holds as it is.
fn escaped_in(word: u64) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The high bit of each byte below `limit`; above the lowest hit there may be false ones.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let backslashes = below(word ^ (ONES * b'\\' as u64), 1);
    let hits = (below(word, 0x20) | quotes | backslashes) & HIGHS;
    (hits != 0).then(|| hits.trailing_zeros() as usize / 8)
}

/// Position behind the object or array that opens at `open`.
fn container_end(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0usize;
    let mut at = open;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Position behind the value that starts at `at`, and the number of the first mark behind it; `mark`
/// is that of the first mark from `at` on.
fn step_over(text: Marked<'_>, mark: usize, at: usize) -> (usize, usize) {
    match text.mark(mark) {
        Some(long) if long.start as usize == at => (long.end as usize, long.next as usize),
        _ => (value_end(text.text.as_bytes(), at), mark),
    }
}

/// One member or element, as positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    /// Where it starts: the quote of its key, or the value.
    pub start: usize,
    /// Behind the closing quote of its key; `start` for elements.
    key_end: usize,
    /// Where its value starts.
    pub value: usize,
    /// Behind its value.
    pub end: usize,
    /// Number of the first mark from its value on.
    mark: usize,
}

impl Child {
    pub fn node<'a>(&self, text: Marked<'a>) -> Node<'a> {
        Node {
            text,
            start: self.value,
            end: self.end,
            mark: self.mark,
        }
    }

    pub fn key<'a>(&self, text: &'a str) -> Cow<'a, str> {
        text::decode(self.written(text))
    }

    /// The key between its quotes.
    fn written<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start + 1..self.key_end.saturating_sub(1))
            .unwrap_or_default()
    }

    pub fn key_is(&self, text: &str, key: &str) -> bool {
        let written = self.written(text);
        // Escapes make a key longer.
        written == key
            || written.len() > key.len() && written.contains('\\') && self.key(text) == key
    }
}

/// The members or elements of one object or array.
#[derive(Debug, Clone)]
pub(super) struct Children<'a> {
    text: Marked<'a>,
    at: usize,
    /// Number of the first mark from `at` on.
    mark: usize,
    keyed: bool,
}

impl<'a> Children<'a> {
    /// Children of the object or array that opens at `open`, whose own mark, or the first one behind
    /// it, has the number `mark`.
    pub fn of(text: Marked<'a>, open: usize, mark: usize) -> Self {
        let is_own = |mark: &Mark| mark.start as usize == open;
        Self {
            text,
            at: open + 1,
            mark: mark + usize::from(text.mark(mark).is_some_and(is_own)),
            keyed: text.text.as_bytes().get(open) == Some(&b'{'),
        }
    }

    /// No child.
    pub fn none() -> Self {
        Self {
            text: Marked::default(),
            at: 0,
            mark: 0,
            keyed: false,
        }
    }
}

impl Iterator for Children<'_> {
    type Item = Child;

    fn next(&mut self) -> Option<Child> {
        let bytes = self.text.text.as_bytes();
        let mut start = skip_space(bytes, self.at);
        if bytes.get(start) == Some(&b',') {
            start = skip_space(bytes, start + 1);
        }
        // Without progress there is a closing bracket, the end, or no JSON.
        self.at = bytes.len();
        let (key_end, value) = if self.keyed {
            if bytes.get(start) != Some(&b'"') {
                return None;
            }
            let (key_end, mark) = step_over(self.text, self.mark, start);
            self.mark = mark;
            let colon = skip_space(bytes, key_end);
            if bytes.get(colon) != Some(&b':') {
                return None;
            }
            (key_end, skip_space(bytes, colon + 1))
        } else {
            (start, start)
        };
        let mark = self.mark;
        let (end, next) = step_over(self.text, mark, value);
        if end == value {
            return None;
        }
        self.at = end;
        self.mark = next;
        Some(Child {
            start,
            key_end,
            value,
            end,
            mark,
        })
    }
}
