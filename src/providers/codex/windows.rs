//! What every answer of the backend says about a plan's windows (§6). Pure.

use actix_web::http::header::HeaderMap;
use actors::domain::quota::{QuotaStatus, QuotaWindow, name_of_minutes, whole_percent};
use chrono::{DateTime, TimeDelta, Utc};
use std::str::FromStr;

/// The headers of one window.
struct Names {
    used_percent: &'static str,
    window_minutes: &'static str,
    reset_at: &'static str,
    reset_after_seconds: &'static str,
    /// What it is called when its length is not said.
    otherwise: &'static str,
}

const WINDOWS: [Names; 2] = [
    Names {
        used_percent: "x-codex-primary-used-percent",
        window_minutes: "x-codex-primary-window-minutes",
        reset_at: "x-codex-primary-reset-at",
        reset_after_seconds: "x-codex-primary-reset-after-seconds",
        otherwise: "primary",
    },
    Names {
        used_percent: "x-codex-secondary-used-percent",
        window_minutes: "x-codex-secondary-window-minutes",
        reset_at: "x-codex-secondary-reset-at",
        reset_after_seconds: "x-codex-secondary-reset-after-seconds",
        otherwise: "secondary",
    },
];

/// The windows an answer names.
pub(super) fn read(headers: &HeaderMap, now: DateTime<Utc>) -> Vec<QuotaWindow> {
    let windows = WINDOWS.iter();
    windows
        .filter_map(|names| one(names, headers, now))
        .collect()
}

fn one(names: &Names, headers: &HeaderMap, now: DateTime<Utc>) -> Option<QuotaWindow> {
    let used_percent = whole_percent(number(headers, names.used_percent)?)?;
    let minutes = number(headers, names.window_minutes).filter(|minutes| *minutes > 0);
    let at = number(headers, names.reset_at)
        .and_then(|at| DateTime::from_timestamp(at, 0))
        // A point in the past says nothing; some answers name the span only.
        .filter(|at| *at > now);
    let resets_at = at.or_else(|| {
        let wait = number::<f64>(headers, names.reset_after_seconds)?;
        now.checked_add_signed(TimeDelta::try_milliseconds((wait * 1000.0) as i64)?)
    });
    Some(QuotaWindow {
        name: minutes.map_or(names.otherwise.into(), name_of_minutes),
        minutes,
        used_percent: Some(used_percent),
        resets_at,
        status: QuotaStatus::of(Some(used_percent)),
        observed_at: now,
    })
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
