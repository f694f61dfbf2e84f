//! Finding the ends of values. Expects valid JSON; on other text the spans are meaningless but lie
//! within it, and every loop ends.

use super::{Node, text};
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
}

impl Child {
    pub fn node<'a>(&self, text: &'a str) -> Node<'a> {
        Node {
            text,
            start: self.value,
            end: self.end,
        }
    }

    pub fn key<'a>(&self, text: &'a str) -> Cow<'a, str> {
        text::decode(text.get(self.start..self.key_end).unwrap_or_default())
    }

    pub fn key_is(&self, text: &str, key: &str) -> bool {
        let written = text
            .get(self.start + 1..self.key_end.saturating_sub(1))
            .unwrap_or_default();
        if written.bytes().any(|b| b == b'\\') {
            self.key(text) == key
        } else {
            written == key
        }
    }
}

/// The members or elements of one object or array.
#[derive(Debug, Clone)]
pub(super) struct Children<'a> {
    bytes: &'a [u8],
    at: usize,
    keyed: bool,
}

impl<'a> Children<'a> {
    /// Children from `at`, a position behind the opening bracket.
    pub fn of(bytes: &'a [u8], at: usize, keyed: bool) -> Self {
        Self { bytes, at, keyed }
    }
}

impl Iterator for Children<'_> {
    type Item = Child;

    fn next(&mut self) -> Option<Child> {
        let bytes = self.bytes;
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
            let key_end = string_end(bytes, start);
            let colon = skip_space(bytes, key_end);
            if bytes.get(colon) != Some(&b':') {
                return None;
            }
            (key_end, skip_space(bytes, colon + 1))
        } else {
            (start, start)
        };
        let end = value_end(bytes, value);
        if end == value {
            return None;
        }
        self.at = end;
        Some(Child {
            start,
            key_end,
            value,
            end,
        })
    }
}
