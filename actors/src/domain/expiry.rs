//! When a token ends and when it was made, in all spellings of credential files (`routing.md` §9).

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

const END: [&str; 6] = [
    "expired",
    "expire",
    "expires_at",
    "expiresAt",
    "expiry",
    "expires",
];
const MADE: [&str; 3] = ["last_refresh", "lastRefresh", "last_refreshed_at"];

/// End of the access token; `None` when the document names none.
pub fn expires_at(document: &Map<String, Value>) -> Option<DateTime<Utc>> {
    find(document, &END)
}

/// When the access token was fetched; `None` when the document does not say.
pub fn refreshed_at(document: &Map<String, Value>) -> Option<DateTime<Utc>> {
    find(document, &MADE)
}

/// The first readable time among `names`, at the top or inside `token`.
fn find(document: &Map<String, Value>, names: &[&str]) -> Option<DateTime<Utc>> {
    let inside = document.get("token").and_then(Value::as_object);
    [Some(document), inside]
        .into_iter()
        .flatten()
        .find_map(|map| names.iter().find_map(|name| read(map.get(*name)?)))
}

/// RFC 3339, or a number of seconds or milliseconds since 1970, also as a text.
fn read(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            match DateTime::parse_from_rfc3339(text) {
                Ok(time) => Some(time.to_utc()),
                Err(_) => unix(text.parse().ok()?),
            }
        }
        Value::Number(number) => unix(number.as_f64()?),
        _ => None,
    }
}

/// Seconds or milliseconds since 1970. Nothing before 2001 is a token's end in milliseconds, nothing
/// after the year 5000 one in seconds.
fn unix(number: f64) -> Option<DateTime<Utc>> {
    if !(number.is_finite() && number > 0.0) {
        return None;
    }
    let milliseconds = if number < 1e11 { number * 1e3 } else { number };
    DateTime::from_timestamp_millis(milliseconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(document: Value, want: Option<&str>) {
        let found = expires_at(document.as_object().expect("an object"));
        let want = want.map(|text| text.parse::<DateTime<Utc>>().expect("a time"));
        assert_eq!(found, want, "{document}");
    }

    #[test]
    fn reads_every_spelling_of_the_end() {
        let want = Some("2026-03-01T10:00:00Z");
        for name in END {
            check(json!({ name: "2026-03-01T10:00:00Z" }), want);
            check(
                json!({ "token": { name: "2026-03-01T11:00:00+01:00" } }),
                want,
            );
        }
        check(json!({"expires_at": 1_772_359_200}), want);
        check(json!({"expires_at": 1_772_359_200_000_i64}), want);
        check(json!({"expires_at": "1772359200"}), want);
        check(
            json!({"expired": "", "expiry": "2026-03-01T10:00:00Z"}),
            want,
        );
        check(json!({"expired": 0}), None);
        check(json!({"expired": "soon"}), None);
        check(json!({"token": "opaque"}), None);
        check(json!({}), None);
    }
}
