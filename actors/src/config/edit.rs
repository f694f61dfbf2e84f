//! Edits of the text that leave every other byte alone.
//!
//! Each edit changes the few bytes the layout points at, parses the result and compares it with
//! what the change should mean; a result that differs in anything else is refused.

mod editor;
mod meaning;

use serde_json::{Map, Value as Json};
use serde_yaml::Value;

use self::editor::Editor;
use self::meaning::Change;
use super::error::ConfigError;
use super::path::{KeyPath, Step};
use super::syntax::plain_value_of;

/// Why an edit was not made; the text is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text is no YAML to begin with.
    #[error(transparent)]
    Syntax(#[from] ConfigError),
    /// There is no such value, or something else stands where it would go.
    #[error("cannot change `{key}`: {why}")]
    Missing {
        /// The value that was asked for.
        key: KeyPath,
        /// What stands in the way.
        why: &'static str,
    },
    /// The place is written in a way this program cannot change safely.
    #[error("cannot change `{key}` without touching the rest of the file; change it by hand")]
    Unsafe {
        /// The value that was to change.
        key: KeyPath,
    },
}

/// Sets the value at a path; missing keys on the way are added, list positions must exist.
///
/// # Errors
///
/// See [`EditError`].
pub fn set(text: &str, path: &KeyPath, value: &Json) -> Result<String, EditError> {
    let editor = Editor::of(text, path)?;
    let change = editor.set(value)?;
    editor.checked(&change, Change::Set(value))
}

/// Removes the key or list item at a path, with its line. A list that becomes empty stays as `[]`.
///
/// # Errors
///
/// See [`EditError`]; a value that is not there is [`EditError::Missing`].
pub fn remove(text: &str, path: &KeyPath) -> Result<String, EditError> {
    let editor = Editor::of(text, path)?;
    let change = editor.remove()?;
    editor.checked(&change, Change::Remove)
}

/// Appends an item to the list at a path; the list is made when it is not there.
///
/// # Errors
///
/// See [`EditError`].
pub fn push(text: &str, list: &KeyPath, value: &Json) -> Result<String, EditError> {
    insert(text, list, usize::MAX, value)
}

/// Puts an item before the given position of the list at a path, or at its end when it is shorter.
///
/// # Errors
///
/// See [`EditError`].
pub fn insert(text: &str, list: &KeyPath, index: usize, value: &Json) -> Result<String, EditError> {
    let editor = Editor::of(text, list)?;
    let change = editor.insert(index, value)?;
    editor.checked(&change, Change::Insert(index, value))
}

/// Makes the value at a path equal to the given one by the smallest edits, so that comments inside
/// it stay. Entries of lists are matched by position after equal ones at both ends.
///
/// # Errors
///
/// See [`EditError`].
pub fn merge(text: &str, path: &KeyPath, value: &Json) -> Result<String, EditError> {
    let root = json(&plain_value_of(text)?);
    let old = path.steps().iter().try_fold(&root, |at, step| match step {
        Step::Key(key) => at.get(key),
        Step::Index(index) => at.get(*index),
    });
    match (old, value) {
        (Some(old), new) if old == new => Ok(text.to_owned()),
        (Some(Json::Object(old)), Json::Object(new)) => merge_maps(text, path, old, new),
        (Some(Json::Array(old)), Json::Array(new)) if !old.is_empty() && !new.is_empty() => {
            merge_lists(text, path, old, new)
        }
        _ => set(text, path, value),
    }
}

fn merge_maps(
    text: &str,
    path: &KeyPath,
    old: &Map<String, Json>,
    new: &Map<String, Json>,
) -> Result<String, EditError> {
    let mut text = text.to_owned();
    for (key, value) in new {
        text = merge(&text, &path.key(key), value)?;
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        text = remove(&text, &path.key(key))?;
    }
    Ok(text)
}

fn merge_lists(
    text: &str,
    path: &KeyPath,
    old: &[Json],
    new: &[Json],
) -> Result<String, EditError> {
    let head = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    let rest = old.len().min(new.len()) - head;
    let same = |(old, new): &(&Json, &Json)| old == new;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(same)
        .count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let mut text = text.to_owned();
    for index in (new_end.max(head)..old_end).rev() {
        text = remove(&text, &path.index(index))?;
    }
    for (index, value) in new.iter().enumerate().take(new_end).skip(head) {
        text = if index < old_end {
            merge(&text, &path.index(index), value)?
        } else {
            insert(&text, path, index, value)?
        };
    }
    Ok(text)
}

fn json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests;
