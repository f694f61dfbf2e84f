//! How much of a plan is used: in headers of every good answer, and in GitHub's own answer (§6). Pure.

use actix_web::http::header::HeaderMap;
use actors::domain::quota::{QuotaStatus, QuotaWindow, name_of_minutes, whole_percent};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use std::borrow::Cow;

/// Requests that cost: what a paid plan counts.
const PREMIUM: &str = "premium requests";
/// What a free plan counts.
const CHAT: &str = "chat";

/// Headers of windows, with the minutes of those that have a length. Completions of editors are not
/// among them: nothing here uses any.
const WINDOWS: [(&str, &str, Option<u32>); 5] = [
    ("x-usage-ratelimit-session", "", Some(300)),
    ("x-usage-ratelimit-weekly", "", Some(7 * 24 * 60)),
    ("x-quota-snapshot-premium_interactions", PREMIUM, None),
    ("x-quota-snapshot-premium_models", PREMIUM, None),
    ("x-quota-snapshot-chat", CHAT, None),
];

/// The windows an answer names; those without a limit are none.
pub(super) fn of_headers(headers: &HeaderMap, now: DateTime<Utc>) -> Vec<QuotaWindow> {
    let mut windows: Vec<QuotaWindow> = Vec::new();
    for (header, name, minutes) in WINDOWS {
        let told = headers.get(header).and_then(|value| value.to_str().ok());
        let name = minutes.map_or(Cow::Borrowed(name), name_of_minutes);
        let new = windows.iter().all(|window| window.name != name);
        let snapshot = told.filter(|_| new).and_then(Snapshot::read);
        windows.extend(snapshot.and_then(|snapshot| snapshot.window(name, minutes, now)));
    }
    windows
}

/// One allowance.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Snapshot {
    /// How much there is; negative = no limit.
    pub(super) entitlement: Option<f64>,
    pub(super) percent_left: Option<f64>,
    /// More than there is may be used, and is billed.
    pub(super) overage_permitted: bool,
    pub(super) resets_at: Option<DateTime<Utc>>,
}

impl Snapshot {
    /// Reads `ent=300&ov=0.0&ovPerm=false&rem=97.1&rst=2026-09-01T00%3A00%3A00Z&totRem=291.3`.
    pub(super) fn read(pairs: &str) -> Option<Self> {
        let mut snapshot = Self::default();
        for (name, value) in pairs.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = decoded(value);
            match name {
                "ent" => snapshot.entitlement = value.parse().ok(),
                "rem" => snapshot.percent_left = value.parse().ok(),
                "ovPerm" => snapshot.overage_permitted = value == "true",
                "rst" => snapshot.resets_at = point(&value),
                _ => {}
            }
        }
        (snapshot.entitlement.is_some() || snapshot.percent_left.is_some()).then_some(snapshot)
    }

    fn window(
        &self,
        name: Cow<'static, str>,
        minutes: Option<u32>,
        now: DateTime<Utc>,
    ) -> Option<QuotaWindow> {
        // Nothing at all is no allowance either: chat of paid plans.
        if self
            .entitlement
            .is_some_and(|entitlement| entitlement <= 0.0)
        {
            return None;
        }
        let used_percent = whole_percent(100.0 - self.percent_left?)?;
        let status = match QuotaStatus::of(Some(used_percent)) {
            QuotaStatus::Exhausted if self.overage_permitted => QuotaStatus::Warning,
            status => status,
        };
        Some(QuotaWindow {
            name,
            minutes,
            used_percent: Some(used_percent),
            resets_at: self.resets_at.filter(|at| *at > now),
            status,
            observed_at: now,
        })
    }
}

/// The windows of `GET /copilot_internal/user`; of free accounts by what is left of the month.
pub(super) fn of_user(body: &Value, now: DateTime<Utc>) -> Vec<QuotaWindow> {
    let reset = [
        "quota_reset_date_utc",
        "quota_reset_date",
        "limited_user_reset_date",
    ];
    let mut resets = reset
        .iter()
        .filter_map(|name| point(body.get(*name)?.as_str()?));
    let resets_at = resets.next();
    let window = |name: &'static str, snapshot: Snapshot| {
        let snapshot = Snapshot {
            resets_at,
            ..snapshot
        };
        snapshot.window(name.into(), None, now)
    };
    let snapshots = body.get("quota_snapshots").filter(|all| all.is_object());
    let paid = [("premium_interactions", PREMIUM), ("chat", CHAT)];
    let paid = paid.into_iter().filter_map(|(key, name)| {
        let told = snapshots?.get(key)?;
        let unlimited = told.get("unlimited").and_then(Value::as_bool) == Some(true);
        let snapshot = Snapshot {
            entitlement: number(told, "entitlement"),
            percent_left: number(told, "percent_remaining"),
            overage_permitted: told.get("overage_permitted") == Some(&Value::Bool(true)),
            resets_at: None,
        };
        window(name, snapshot).filter(|_| !unlimited)
    });
    let mut windows: Vec<QuotaWindow> = paid.collect();
    if windows.is_empty() {
        let monthly = body.get("monthly_quotas").and_then(|all| number(all, CHAT));
        let left = body.get("limited_user_quotas");
        let left = left.and_then(|all| number(all, CHAT));
        if let (Some(monthly), Some(left)) = (monthly.filter(|n| *n > 0.0), left) {
            let snapshot = Snapshot {
                entitlement: Some(monthly),
                percent_left: Some(left / monthly * 100.0),
                ..Snapshot::default()
            };
            windows.extend(window(CHAT, snapshot));
        }
    }
    windows
}

fn number(of: &Value, name: &str) -> Option<f64> {
    of.get(name)?.as_f64()
}

/// A point in time, or a day.
fn point(text: &str) -> Option<DateTime<Utc>> {
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    let at = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    at.ok().or_else(|| Some(day()?.and_utc()))
}

/// A value without its percent signs; one that stands for no character stays.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}
