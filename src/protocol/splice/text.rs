//! JSON string literals.

use super::scan;
use std::borrow::Cow;

/// The JSON string literal for `text`.
pub fn quote(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    quote_into(text, &mut literal);
    literal
}

/// Appends the JSON string literal for `text`, written as serde_json writes it.
pub fn quote_into(text: &str, out: &mut String) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    out.push('"');
    let mut rest = text;
    loop {
        // What must be escaped is ASCII, so both cuts are character borders.
        let (plain, from) = rest.split_at(scan::find_escaped(rest.as_bytes(), 0));
        out.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(control) => {
                let code = control as usize;
                out.push_str("\\u00");
                out.extend([HEX[code >> 4 & 15], HEX[code & 15]]);
            }
            None => break,
        }
        rest = chars.as_str();
    }
    out.push('"');
}

/// What stands between the quotes of a literal.
pub(super) fn inner(literal: &str) -> &str {
    let inner = literal.strip_prefix('"').unwrap_or(literal);
    inner.strip_suffix('"').unwrap_or(inner)
}

/// The text of what stands between the quotes of a literal. Lone surrogates become U+FFFD, as browsers
/// print them.
pub(crate) fn decode(inner: &str) -> Cow<'_, str> {
    let first = scan::find_escaped(inner.as_bytes(), 0);
    if first == inner.len() {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let (mut plain, mut rest) = inner.split_at(first);
    loop {
        text.push_str(plain);
        let mut chars = rest.chars();
        let decoded = match chars.next() {
            None => break,
            Some('\\') => match chars.next() {
                None => break,
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let (decoded, after) = unicode(chars.as_str());
                    chars = after.chars();
                    decoded
                }
                Some(same) => same,
            },
            // Only in what was never checked.
            Some(same) => same,
        };
        text.push(decoded);
        rest = chars.as_str();
        (plain, rest) = rest.split_at(scan::find_escaped(rest.as_bytes(), 0));
    }
    Cow::Owned(text)
}

/// Decodes what follows `\u`, a second half included, and returns the rest.
fn unicode(digits: &str) -> (char, &str) {
    let Some((unit, rest)) = hex4(digits) else {
        return (char::REPLACEMENT_CHARACTER, digits);
    };
    if let 0xd800..=0xdbff = unit
        && let Some((low @ 0xdc00..=0xdfff, rest)) = rest.strip_prefix("\\u").and_then(hex4)
    {
        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return (
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
            rest,
        );
    }
    (
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
        rest,
    )
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().map(|n| (n, rest))
}
