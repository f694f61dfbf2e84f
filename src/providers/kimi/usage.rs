//! How much of a plan is used (`GET /v1/usages`, §6). Pure.

use actors::domain::quota::{QuotaStatus, QuotaWindow, name_of_minutes, whole_percent};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::fmt;

/// One limit of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// `weekly limit`, `5h limit`, or the service's own name.
    pub(super) name: String,
    /// Its length, where it is said in minutes or more.
    pub(super) minutes: Option<u32>,
    pub(super) used: i64,
    pub(super) limit: i64,
    /// When it begins anew.
    pub(super) reset_at: Option<DateTime<Utc>>,
}

impl Window {
    /// As the daemon shows the use of accounts.
    pub(super) fn quota(&self, now: DateTime<Utc>) -> QuotaWindow {
        let share = (self.limit > 0).then(|| self.used as f64 / self.limit as f64 * 100.0);
        let used_percent = share.and_then(whole_percent);
        QuotaWindow {
            name: match self.minutes {
                Some(minutes) => name_of_minutes(minutes),
                None => self.name.clone().into(),
            },
            minutes: self.minutes,
            used_percent,
            resets_at: self.reset_at,
            status: QuotaStatus::of(used_percent),
            observed_at: now,
        }
    }
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
        window(usage, name, Some(WEEK), now)
    });
    let others = body.get("limits").and_then(Value::as_array);
    let others = others.into_iter().flatten().filter_map(|limit| {
        let detail = limit.get("detail").unwrap_or(limit);
        let minutes = minutes(limit.get("window").unwrap_or(limit));
        window(detail, name_of(limit, detail, minutes), minutes, now)
    });
    week.into_iter().chain(others).collect()
}

fn window(
    detail: &Value,
    name: String,
    minutes: Option<u32>,
    now: DateTime<Utc>,
) -> Option<Window> {
    let limit = number(detail, &["limit"]);
    let left = || Some(limit?.saturating_sub(number(detail, &["remaining"])?));
    let used = number(detail, &["used"]).or_else(left);
    if limit.is_none() && used.is_none() {
        return None;
    }
    Some(Window {
        name,
        minutes,
        used: used.unwrap_or_default(),
        limit: limit.unwrap_or_default(),
        reset_at: reset(detail, now),
    })
}

/// Minutes of a week.
const WEEK: u32 = 7 * 24 * 60;

/// The length of a window; `None` where it is not said, or no whole minutes.
fn minutes(window: &Value) -> Option<u32> {
    let unit = match text(window, &["timeUnit", "time_unit"])?.as_str() {
        "TIME_UNIT_MINUTE" => 1,
        "TIME_UNIT_HOUR" => 60,
        "TIME_UNIT_DAY" => 24 * 60,
        _ => return None,
    };
    let duration = u32::try_from(number(window, &["duration"])?).ok()?;
    duration.checked_mul(unit).filter(|minutes| *minutes > 0)
}

fn name_of(limit: &Value, detail: &Value, minutes: Option<u32>) -> String {
    let own = |of: &Value| text(of, &["name", "title", "scope"]);
    let length = match minutes {
        None => "limit".to_owned(),
        Some(days) if days.is_multiple_of(1440) => format!("{}d limit", days / 1440),
        Some(hours) if hours.is_multiple_of(60) => format!("{}h limit", hours / 60),
        Some(minutes) => format!("{minutes}m limit"),
    };
    own(limit).or_else(|| own(detail)).unwrap_or(length)
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
