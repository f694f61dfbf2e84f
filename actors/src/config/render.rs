//! JSON values as YAML text, for edits.

use serde_json::Value as Json;

use super::layout::Style;

/// How new lines are written: their break and their indentation.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub line_break: &'a str,
    /// Column of the first character.
    pub column: usize,
}

impl Page<'_> {
    fn deeper(self) -> Self {
        Self {
            column: self.column + 2,
            ..self
        }
    }

    /// A line break and the indentation of the next line.
    pub fn next_line(self) -> String {
        format!("{}{}", self.line_break, " ".repeat(self.column))
    }
}

/// Whether a value takes lines of its own.
pub(super) fn is_block(value: &Json) -> bool {
    match value {
        Json::Object(map) => !map.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A value on lines of its own; the first line without its indentation, the last without its break.
pub(super) fn block(value: &Json, page: Page<'_>) -> String {
    let lines: Vec<String> = match value {
        Json::Object(map) => map
            .iter()
            .map(|(key, value)| entry(key, value, page))
            .collect(),
        Json::Array(items) => items.iter().map(|value| item(value, page)).collect(),
        scalar => vec![inline(scalar, None)],
    };
    lines.join(&page.next_line())
}

/// `key: value`, with a nested value on the lines below.
pub(super) fn entry(key: &str, value: &Json, page: Page<'_>) -> String {
    let key = text(key, Some(Style::Plain));
    if is_block(value) {
        let page = page.deeper();
        format!("{key}:{}{}", page.next_line(), block(value, page))
    } else {
        format!("{key}: {}", inline(value, None))
    }
}

/// `- value`, with a nested value beginning right there.
pub(super) fn item(value: &Json, page: Page<'_>) -> String {
    if is_block(value) {
        format!("- {}", block(value, page.deeper()))
    } else {
        format!("- {}", inline(value, None))
    }
}

/// A value on one line; collections in flow style. `like` is the style of what it replaces.
pub(super) fn inline(value: &Json, like: Option<Style>) -> String {
    match value {
        Json::String(word) => text(word, like),
        // JSON is YAML.
        value => value.to_string(),
    }
}

/// A text: without quotes when the place was so before and the text can do without.
fn text(word: &str, like: Option<Style>) -> String {
    if like == Some(Style::Plain) && is_safe_plain(word) {
        word.to_owned()
    } else {
        Json::from(word).to_string()
    }
}

/// Whether a text means itself without quotes, in block and flow style, for YAML 1.1 and 1.2.
fn is_safe_plain(word: &str) -> bool {
    let safe = |c: char| c.is_alphanumeric() || "-_./@+".contains(c);
    let begins = word
        .chars()
        .next()
        .is_some_and(|c| c.is_alphanumeric() || "_/.".contains(c));
    let old_boolean = ["y", "n", "yes", "no", "on", "off"]
        .iter()
        .any(|old| word.eq_ignore_ascii_case(old));
    let means_itself = || {
        matches!(
            serde_yaml::from_str::<serde_yaml::Value>(word),
            Ok(serde_yaml::Value::String(text)) if text == word
        )
    };
    begins && word.chars().all(safe) && !old_boolean && means_itself()
}
