//! What an edit means, to check the text that came out of it.

use serde_json::Value as Json;
use serde_yaml::Value;

use crate::config::path::Step;

/// What an edit does to the value at its path.
pub(super) enum Change<'v> {
    Set(&'v Json),
    Remove,
    Insert(usize, &'v Json),
}

/// Makes the change to the parsed value; `None` when it cannot be made.
pub(super) fn applied(value: &mut Value, steps: &[Step], change: &Change<'_>) -> Option<()> {
    let yaml = |json: &Json| serde_yaml::to_value(json).ok();
    let Some((step, below)) = steps.split_first() else {
        match change {
            Change::Set(new) => *value = yaml(new)?,
            Change::Insert(index, new) => {
                if value.is_null() {
                    *value = Value::Sequence(Vec::new());
                }
                let items = value.as_sequence_mut()?;
                items.insert((*index).min(items.len()), yaml(new)?);
            }
            Change::Remove => return None,
        }
        return Some(());
    };
    if below.is_empty() && matches!(change, Change::Remove) {
        match step {
            Step::Key(key) => drop(value.as_mapping_mut()?.shift_remove(key.as_str())?),
            Step::Index(index) => {
                let items = value.as_sequence_mut()?;
                (*index < items.len()).then(|| items.remove(*index))?;
            }
        }
        return Some(());
    }
    match step {
        Step::Key(key) => {
            if value.is_null() {
                *value = Value::Mapping(serde_yaml::Mapping::new());
            }
            let map = value.as_mapping_mut()?;
            applied(
                map.entry(Value::String(key.clone())).or_insert(Value::Null),
                below,
                change,
            )
        }
        Step::Index(index) => applied(value.as_sequence_mut()?.get_mut(*index)?, below, change),
    }
}

/// Equality that takes null for an empty collection: the last key of a section may go.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Mapping(map)) | (Value::Mapping(map), Value::Null) => map.is_empty(),
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Tagged(a), Value::Tagged(b)) => a.tag == b.tag && same(&a.value, &b.value),
        (a, b) => a == b,
    }
}
