//! What answers say about an account's windows (§6). Pure.

use super::super::verdict::moment;
use actix_web::http::header::HeaderMap;
use actors::domain::quota::{QuotaStatus, QuotaWindow, whole_percent};
use chrono::{DateTime, TimeDelta, Utc};

/// The headers of one window.
struct Names {
    name: &'static str,
    minutes: u32,
    status: &'static str,
    reset: &'static str,
    utilization: &'static str,
}

const WINDOWS: [Names; 3] = [
    Names {
        name: "5 h",
        minutes: 300,
        status: "anthropic-ratelimit-unified-5h-status",
        reset: "anthropic-ratelimit-unified-5h-reset",
        utilization: "anthropic-ratelimit-unified-5h-utilization",
    },
    Names {
        name: "7 d",
        minutes: 10_080,
        status: "anthropic-ratelimit-unified-7d-status",
        reset: "anthropic-ratelimit-unified-7d-reset",
        utilization: "anthropic-ratelimit-unified-7d-utilization",
    },
    // The weekly window of one family of models.
    Names {
        name: "7 d Fable",
        minutes: 10_080,
        status: "anthropic-ratelimit-unified-7d_oi-status",
        reset: "anthropic-ratelimit-unified-7d_oi-reset",
        utilization: "anthropic-ratelimit-unified-7d_oi-utilization",
    },
];

/// The state of all windows together.
const STATUS: &str = "anthropic-ratelimit-unified-status";

/// The windows an answer names.
pub(super) fn read(headers: &HeaderMap, now: DateTime<Utc>) -> Vec<QuotaWindow> {
    let mut windows: Vec<_> = WINDOWS
        .iter()
        .filter_map(|names| one(names, headers, now))
        .collect();
    let together = text(headers, STATUS).map(status);
    if together == Some(QuotaStatus::Warning)
        && windows.iter().all(|one| one.status == QuotaStatus::Allowed)
    {
        // No window says that it is the one: it can only be the fullest.
        let fullest = windows.iter_mut().max_by_key(|one| one.used_percent);
        if let Some(fullest) = fullest {
            fullest.status = QuotaStatus::Warning;
        }
    }
    windows
}

fn one(names: &Names, headers: &HeaderMap, now: DateTime<Utc>) -> Option<QuotaWindow> {
    let said = text(headers, names.status).map(status);
    let used_percent = text(headers, names.utilization)
        .and_then(|value| value.parse().ok())
        .and_then(percent);
    if said.is_none() && used_percent.is_none() {
        return None;
    }
    let wait = text(headers, names.reset).and_then(|reset| moment(reset, now));
    Some(QuotaWindow {
        name: names.name.into(),
        minutes: Some(names.minutes),
        used_percent,
        resets_at: wait
            .filter(|wait| !wait.is_zero())
            .and_then(|wait| now.checked_add_signed(TimeDelta::from_std(wait).ok()?)),
        status: said.unwrap_or_else(|| QuotaStatus::of(used_percent)),
        observed_at: now,
    })
}

/// `utilization` is a fraction in public traces and a percentage at the usage endpoint (unverified);
/// nobody uses more than twice of what is allowed, and hardly anybody less than two percent.
fn percent(value: f64) -> Option<u8> {
    // The product of a fraction may end just below the whole number it stands for.
    whole_percent(if value > 2.0 {
        value
    } else {
        value * 100.0 + 1e-6
    })
}

fn status(word: &str) -> QuotaStatus {
    match word {
        "rejected" => QuotaStatus::Exhausted,
        "allowed_warning" => QuotaStatus::Warning,
        _ => QuotaStatus::Allowed,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}
