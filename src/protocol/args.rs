//! Arguments of a tool call as a JSON object, whatever the model wrote (`matrix.md` §4.3, "Call args").

use crate::raw::RawJson;
use crate::splice::quote;

/// The arguments as one JSON object: empty text → `{}`; a value that is no object →
/// `{"input":<value>}`; invalid JSON → repaired by closing quotes and brackets, else
/// `{"raw_arguments":"<text>"}`. Valid objects keep their text.
pub fn to_object(text: &str) -> RawJson {
    read_object(text)
        .or_else(|| RawJson::parse(format!("{{\"raw_arguments\":{}}}", quote(text))).ok())
        .unwrap_or_else(empty)
}

/// As [`to_object`], but `None` for text that cannot be repaired.
pub fn read_object(text: &str) -> Option<RawJson> {
    if text.trim().is_empty() {
        return Some(empty());
    }
    let value = RawJson::parse(text)
        .or_else(|_| RawJson::parse(closed(text)))
        .ok()?;
    if value.is_object() {
        return Some(value);
    }
    RawJson::parse(format!("{{\"input\":{}}}", value.as_str())).ok()
}

fn empty() -> RawJson {
    RawJson::from(serde_json::Value::Object(serde_json::Map::new()))
}

/// `text` with everything closed that is still open at its end.
fn closed(text: &str) -> String {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' => open.push('}'),
            b'[' => open.push(']'),
            b'}' | b']' => {
                open.pop();
            }
            _ => {}
        }
    }
    let mut whole = text.to_owned();
    if escaped {
        // Half an escape says nothing.
        whole.pop();
    }
    if in_string {
        whole.push('"');
    }
    whole.extend(open.iter().rev());
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e45_arguments_that_are_no_object() {
        for (text, want) in [
            ("", "{}"),
            (" \n", "{}"),
            (r#"{"a":1e3,"a":2}"#, r#"{"a":1e3,"a":2}"#),
            (
                r#"{"city":"SF",}"#,
                r#"{"raw_arguments":"{\"city\":\"SF\",}"}"#,
            ),
            (
                r#"{"a":1}{"b":2}"#,
                r#"{"raw_arguments":"{\"a\":1}{\"b\":2}"}"#,
            ),
            (r#""abc""#, r#"{"input":"abc"}"#),
            ("[1,2]", r#"{"input":[1,2]}"#),
            ("null", r#"{"input":null}"#),
            (r#"{"city":"S"#, r#"{"city":"S"}"#),
            (r#"{"a":[{"b":"c\"#, r#"{"a":[{"b":"c"}]}"#),
            (r#"{"a":[1,{"b":"}]"#, r#"{"a":[1,{"b":"}]"}]}"#),
            (r#"{"a":"#, r#"{"raw_arguments":"{\"a\":"}"#),
            ("not json", r#"{"raw_arguments":"not json"}"#),
        ] {
            assert_eq!(to_object(text).as_str(), want, "{text}");
        }
    }

    #[test]
    fn tells_what_cannot_be_repaired() {
        assert_eq!(read_object("}{"), None);
        assert_eq!(read_object("{").unwrap().as_str(), "{}");
    }
}
