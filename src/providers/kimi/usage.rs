//! How much of a plan is used (`GET /v1/usages`, §6). Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::fmt;

/// One limit of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// `weekly limit`, `5h limit`, or the service's own name.
    pub(super) name: String,
    pub(super) used: i64,
    pub(super) limit: i64,
    /// When it begins anew.
    pub(super) reset_at: Option<DateTime<Utc>>,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {} used", self.name, self.used, self.limit)?;
        match self.reset_at {
            Some(at) => write!(f, ", begins anew {}", at.format("%Y-%m-%d %H:%M UTC")),
            None => Ok(()),
        }
    }
}

/// The limits that an answer names; what cannot be read is left out.
pub(super) fn read(body: &Value, now: DateTime<Utc>) -> Vec<Window> {
    let week = body.get("usage").and_then(|usage| {
        let name = text(usage, &["name", "title"]).unwrap_or_else(|| "weekly limit".to_owned());
        window(usage, name, now)
    });
    let others = body.get("limits").and_then(Value::as_array);
    let others = others.into_iter().flatten().filter_map(|limit| {
        let detail = limit.get("detail").unwrap_or(limit);
        window(detail, name_of(limit, detail), now)
    });
    week.into_iter().chain(others).collect()
}

fn window(detail: &Value, name: String, now: DateTime<Utc>) -> Option<Window> {
    let limit = number(detail, &["limit"]);
    let left = || Some(limit? - number(detail, &["remaining"])?);
    let used = number(detail, &["used"]).or_else(left);
    if limit.is_none() && used.is_none() {
        return None;
    }
    Some(Window {
        name,
        used: used.unwrap_or_default(),
        limit: limit.unwrap_or_default(),
        reset_at: reset(detail, now),
    })
}

fn name_of(limit: &Value, detail: &Value) -> String {
    let own = |of: &Value| text(of, &["name", "title", "scope"]);
    if let Some(name) = own(limit).or_else(|| own(detail)) {
        return name;
    }
    let window = limit.get("window").unwrap_or(limit);
    let (Some(duration), Some(unit)) = (
        number(window, &["duration"]),
        text(window, &["timeUnit", "time_unit"]),
    ) else {
        return "limit".to_owned();
    };
    match unit.as_str() {
        "TIME_UNIT_MINUTE" if duration % 60 == 0 => format!("{}h limit", duration / 60),
        "TIME_UNIT_MINUTE" => format!("{duration}m limit"),
        "TIME_UNIT_HOUR" => format!("{duration}h limit"),
        "TIME_UNIT_DAY" => format!("{duration}d limit"),
        _ => format!("{duration}s limit"),
    }
}

/// A point in time with nanoseconds, or seconds from now.
fn reset(detail: &Value, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let at = text(detail, &["reset_at", "resetAt", "reset_time", "resetTime"]);
    if let Some(at) = at.and_then(|at| DateTime::parse_from_rfc3339(&at).ok()) {
        return Some(at.to_utc());
    }
    let seconds = number(detail, &["reset_in", "resetIn", "ttl"])?;
    now.checked_add_signed(
        TimeDelta::try_seconds(seconds).filter(|wait| *wait > TimeDelta::zero())?,
    )
}

fn text(of: &Value, names: &[&str]) -> Option<String> {
    let mut texts = names.iter().filter_map(|name| of.get(*name)?.as_str());
    texts.find(|text| !text.is_empty()).map(str::to_owned)
}

/// Numbers may be texts.
fn number(of: &Value, names: &[&str]) -> Option<i64> {
    names.iter().find_map(|name| match of.get(*name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}
