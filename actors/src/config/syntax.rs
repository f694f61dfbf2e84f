//! Text → YAML tree, and the parser's complaints in words that help.

use serde_yaml::{Mapping, Value};

use super::error::{ConfigError, Position, Problem};
use super::layout::{Layout, position};
use super::path::KeyPath;

/// Parses a text and applies merge keys; an empty text gives null.
pub(super) fn value_of(text: &str) -> Result<Value, ConfigError> {
    let mut value = plain_value_of(text)?;
    merge(&mut value, &KeyPath::root()).map_err(|key| {
        let position = Layout::of(text)
            .and_then(|layout| layout.offset(&key))
            .map(|offset| position(text, offset));
        let why = "found no mapping to merge in, expected an alias such as `<<: *name`".to_owned();
        let problems = vec![Problem {
            position,
            key,
            why,
            fix: String::new(),
        }];
        ConfigError::Invalid {
            path: None,
            problems,
        }
    })?;
    Ok(value)
}

/// Parses a text without applying merge keys.
pub(super) fn plain_value_of(text: &str) -> Result<Value, ConfigError> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_yaml::from_str(body).map_err(|error| ConfigError::Syntax {
        path: None,
        problem: explained(text, &error),
    })
}

/// Applies `<<`, innermost first, so that a merged block may itself merge another one. A key of the
/// mapping itself wins. The error is the path of a `<<` that names no mapping.
fn merge(value: &mut Value, at: &KeyPath) -> Result<(), KeyPath> {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map.iter_mut() {
                merge(value, &at.key(key.as_str().unwrap_or_default()))?;
            }
            match map.shift_remove("<<") {
                None => {}
                Some(Value::Mapping(source)) => fill(map, source),
                Some(Value::Sequence(sources)) => {
                    for source in sources {
                        let Value::Mapping(source) = source else {
                            return Err(at.key("<<"));
                        };
                        fill(map, source);
                    }
                }
                Some(_) => return Err(at.key("<<")),
            }
        }
        Value::Sequence(items) => {
            for (n, item) in items.iter_mut().enumerate() {
                merge(item, &at.index(n))?;
            }
        }
        Value::Tagged(tagged) => merge(&mut tagged.value, at)?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

fn fill(map: &mut Mapping, source: Mapping) {
    for (key, value) in source {
        map.entry(key).or_insert(value);
    }
}

/// The parser's complaint, with the place, the key around it and what would be right.
fn explained(text: &str, error: &serde_yaml::Error) -> Problem {
    let found = error.to_string();
    if found.contains("duplicate entry")
        && let Some((key, first, second)) = Layout::of(text).and_then(|layout| layout.duplicate())
    {
        let first = position(text, first).line;
        return Problem {
            position: Some(position(text, second)),
            key,
            why: format!("this key stands in line {first} already"),
            fix: "keep one of the two".to_owned(),
        };
    }
    let place = error.location().map(|at| Position {
        line: at.line(),
        column: at.column(),
    });
    let line = place
        .and_then(|at| text.lines().nth(at.line - 1))
        .unwrap_or_default();
    // `… at line 3 column 1, while …`: the place is told apart.
    let why = found.split(" at line ").next().unwrap_or(&found).to_owned();
    let fix = fix(&why, &found, line);
    let key = place.map(|at| enclosing(text, at)).unwrap_or_default();
    Problem {
        position: place,
        key,
        why,
        fix: fix.to_owned(),
    }
}

fn fix(why: &str, found: &str, line: &str) -> &'static str {
    if line.trim_start_matches(' ').starts_with('\t') || why.contains("tab character") {
        return "indent with spaces; YAML allows no tabs there";
    }
    let table = [
        (
            "more than one document",
            "keep one document: remove the second `---` and what follows",
        ),
        ("unknown anchor", "define it above the alias: `key: &name`"),
        (
            "mapping values are not allowed",
            "put a text that holds `: ` in quotes, or correct the \
          indentation of this line",
        ),
        (
            "could not find expected ':'",
            "write `key: value`, with a space after the colon",
        ),
        (
            "did not find expected key",
            "check the indentation of this line and the quotes of the \
          lines above",
        ),
        (
            "did not find expected '-'",
            "every line of a list begins with `- ` at the same column",
        ),
        (
            "sequence entries are not allowed",
            "begin the list on a line of its own below the key",
        ),
        (
            "expected ',' or",
            "close the bracket, and separate the items by commas",
        ),
        (
            "unknown escape character",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        ("cannot start any token", "put the text in quotes"),
        (
            "control characters",
            "remove the control character; save the file as UTF-8",
        ),
        ("UTF-", "save the file as UTF-8"),
        ("recursion limit", "nest less deeply"),
    ];
    if found.contains("quoted scalar") && found.contains("unexpected end of stream") {
        return "close the quote";
    }
    table
        .iter()
        .find(|(part, _)| why.contains(part))
        .map_or("", |(_, fix)| fix)
}

/// The keys around a place, guessed from the indentation: the text cannot be parsed.
fn enclosing(text: &str, place: Position) -> KeyPath {
    let lines: Vec<&str> = text.lines().take(place.line).collect();
    let mut keys: Vec<&str> = Vec::new();
    let mut limit = usize::MAX;
    for line in lines.iter().rev() {
        let body = line.trim_start_matches([' ', '-']);
        let indent = line.len() - body.len();
        let Some((key, _)) = body.split_once(':') else {
            continue;
        };
        let word = !key.is_empty() && !key.contains([' ', '#', '"', '\'', '{', '[', '\t']);
        if word && indent < limit {
            keys.push(key);
            limit = indent;
        }
    }
    keys.reverse();
    KeyPath::of(&keys)
}
