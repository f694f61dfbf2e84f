//! When an error body says to come back.

use serde_json::Value;
use std::time::Duration;

/// The wait that `error` (the error object) or its text asks for, in whole seconds, rounded up:
/// `RetryInfo.retryDelay`, `ErrorInfo.metadata.quotaResetDelay`, `resets_in_seconds`, `retry_after`,
/// then the text.
pub(super) fn hint(status: u16, error: &Value, message: &str) -> Option<Duration> {
    let details = error.get("details").and_then(Value::as_array);
    let details = details.map(Vec::as_slice).unwrap_or_default();
    let retry_info = details.iter().find_map(|d| d.get("retryDelay"));
    let quota_reset = details
        .iter()
        .find_map(|d| d.get("metadata")?.get("quotaResetDelay"));
    let named = ["resets_in_seconds", "retry_after"].map(|name| error.get(name));
    let seconds = [retry_info, quota_reset]
        .into_iter()
        .chain(named)
        .flatten()
        .find_map(seconds);
    let seconds = seconds.or_else(|| match status {
        // Elsewhere "after 30s" tells what happened, not what to do.
        429 | 503 | 529 => in_text(message),
        _ => None,
    });
    whole(seconds?)
}

/// Unix seconds at which the limit of a Codex account ends (`error.resets_at`), for callers that
/// have a clock; it is more exact than `resets_in_seconds`.
pub fn resets_at(body: &[u8]) -> Option<i64> {
    let value: Value = serde_json::from_slice(body).ok()?;
    super::inner(&value).get("resets_at")?.as_i64()
}

fn whole(seconds: f64) -> Option<Duration> {
    // A limit of 30 years keeps later arithmetic with points in time safe.
    (0.0..=1e9)
        .contains(&seconds)
        .then(|| Duration::try_from_secs_f64(seconds.ceil()).ok())?
}

/// A JSON number of seconds, a duration text, or protobuf's `{"seconds":34,"nanos":…}`.
fn seconds(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let (seconds, rest) = duration(text)?;
            rest.trim().is_empty().then_some(seconds)
        }
        Value::Object(parts) => {
            let part = |name| parts.get(name).and_then(Value::as_f64);
            Some(part("seconds")? + part("nanos").unwrap_or_default() / 1e9)
        }
        _ => None,
    }
}

/// `after 30s`, `retry in 1.5s`, `try again in 5 seconds`, `reset after 1h2m3s`.
fn in_text(message: &str) -> Option<f64> {
    let message = message.to_ascii_lowercase();
    ["after ", "retry in ", "again in "]
        .iter()
        .flat_map(|lead| message.match_indices(lead))
        .find_map(|(at, lead)| {
            let rest = message.get(at + lead.len()..)?;
            let (seconds, after) = duration(rest)?;
            // A bare number has no unit: "after 3 attempts".
            let read = rest.len() - after.len();
            rest.get(..read)?
                .contains(|c: char| c.is_ascii_alphabetic())
                .then_some(seconds)
        })
}

/// Reads a duration in Go's syntax (`1h2m3.5s`, `28ms`), with words (`5 seconds`), or bare seconds,
/// and returns what follows.
fn duration(text: &str) -> Option<(f64, &str)> {
    let mut rest = text.trim_start();
    let mut total = 0.0;
    let mut read = false;
    loop {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        // "in 5." ends a sentence.
        let Ok(number) = number.trim_end_matches('.').parse::<f64>() else {
            break;
        };
        let unit_text = after.trim_start();
        let letters = unit_text
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(unit_text.len());
        let (unit, after_unit) = unit_text.split_at(letters);
        let Some(factor) = factor(unit) else {
            // No unit: bare seconds, unless a unit went before.
            return (!read).then_some((number, after));
        };
        total += number * factor;
        read = true;
        rest = after_unit;
        if !rest.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
    }
    read.then_some((total, rest))
}

fn factor(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}
