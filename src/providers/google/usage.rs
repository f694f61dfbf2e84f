//! How much of Google's allowances is used: the quota calls of Gemini CLI (`gemini-cli.md` §4) and
//! Antigravity (`antigravity.md` §6). Pure.

use actors::domain::quota::{QuotaStatus, QuotaWindow, whole_percent};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::borrow::Cow;

/// Reads an answer of `retrieveUserQuota`: a bucket per model.
pub fn buckets(answer: &Value, now: DateTime<Utc>) -> Vec<QuotaWindow> {
    let buckets = answer.get("buckets").and_then(Value::as_array);
    let mut windows: Vec<QuotaWindow> = Vec::new();
    for bucket in buckets.into_iter().flatten() {
        let model = bucket.get("modelId").and_then(Value::as_str);
        if let Some(window) = model.and_then(|model| window(model, bucket, now))
            && windows.iter().all(|known| known.name != window.name)
        {
            windows.push(window);
        }
    }
    windows
}

/// Reads `quotaInfo` of the models in an answer of `fetchAvailableModels`, those that `is_offered`.
pub fn of_models(
    answer: &Value,
    is_offered: impl Fn(&str) -> bool,
    now: DateTime<Utc>,
) -> Vec<QuotaWindow> {
    let models = answer.get("models").and_then(Value::as_object);
    let models = models.into_iter().flatten();
    models
        .filter(|(id, _)| is_offered(id))
        .filter_map(|(id, entry)| window(id, entry.get("quotaInfo")?, now))
        .collect()
}

/// Reads the bought credits in an answer of `loadCodeAssist`: enough for a call, or not. `None` = the
/// account has no such thing.
pub fn credits(answer: &Value, now: DateTime<Utc>) -> Option<QuotaWindow> {
    let list = answer
        .get("paidTier")?
        .get("availableCredits")?
        .as_array()?;
    let kind =
        |one: &&Value| one.get("creditType").and_then(Value::as_str) == Some("GOOGLE_ONE_AI");
    let credits = list.iter().find(kind)?;
    let number = |key: &str| match credits.get(key)? {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let amount = number("creditAmount")?;
    let least = number("minimumCreditAmountForUsage").unwrap_or_default();
    let status = match amount >= least && amount > 0.0 {
        true => QuotaStatus::Allowed,
        false => QuotaStatus::Exhausted,
    };
    Some(QuotaWindow {
        name: "credits".into(),
        minutes: None,
        used_percent: None,
        resets_at: None,
        status,
        observed_at: now,
    })
}

/// `remainingFraction` and `resetTime`; a fraction of zero is left out on the wire.
fn window(name: &str, info: &Value, now: DateTime<Utc>) -> Option<QuotaWindow> {
    let reset = info.get("resetTime").and_then(Value::as_str);
    let resets_at = reset.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let left = match info.get("remainingFraction").and_then(Value::as_f64) {
        Some(left) => left,
        None => resets_at.map(|_| 0.0)?,
    };
    // Not a hair less because of binary fractions: 1 - 0.8 is 0.19999….
    let used_percent = whole_percent(((1.0 - left) * 1000.0).round() / 10.0);
    Some(QuotaWindow {
        name: Cow::Owned(name.to_owned()),
        minutes: None,
        used_percent,
        resets_at: resets_at.map(|at| at.to_utc()),
        status: QuotaStatus::of(used_percent),
        observed_at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> DateTime<Utc> {
        "2026-02-20T12:00:00Z".parse().unwrap()
    }

    fn said(windows: &[QuotaWindow]) -> Vec<String> {
        windows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn buckets_are_read_per_model() {
        let answer = json!({"buckets": [
            {"modelId": "gemini-2.5-pro", "tokenType": "REQUESTS", "remainingFraction": 0.8,
                "remainingAmount": "80", "resetTime": "2026-02-21T08:00:00Z"},
            {"modelId": "gemini-2.5-flash", "tokenType": "REQUESTS",
                "resetTime": "2026-02-21T08:00:00Z"},
            {"modelId": "gemini-2.5-flash", "tokenType": "TOKENS", "remainingFraction": 0.5},
            {"modelId": "gemini-2.5-flash-lite", "remainingFraction": 0.999},
            {"modelId": "nothing said"}, {}]});
        let windows = buckets(&answer, now());
        let want = [
            "gemini-2.5-pro 20 %",
            "gemini-2.5-flash 100 %",
            "gemini-2.5-flash-lite 0 %",
        ];
        assert_eq!(said(&windows), want);
        assert_eq!(windows[1].status, QuotaStatus::Exhausted);
        let reset = "2026-02-21T08:00:00Z".parse().ok();
        assert_eq!(windows[0].resets_at, reset);
        assert!(buckets(&json!({"error": {}}), now()).is_empty());
    }

    #[test]
    fn models_tell_their_own() {
        let answer = json!({"models": {
            "claude-sonnet-4-6": {"quotaInfo": {"resetTime": "2026-02-20T13:00:00Z"}},
            "gemini-3-flash": {"quotaInfo": {"remainingFraction": 0.25}},
            "chat_1": {"quotaInfo": {"remainingFraction": 1}},
            "gpt-oss": {"displayName": "x"}}});
        let windows = of_models(&answer, |id| id != "chat_1", now());
        assert_eq!(
            said(&windows),
            ["claude-sonnet-4-6 100 %", "gemini-3-flash 75 %"]
        );
    }

    #[test]
    fn credits_are_enough_or_not() {
        let with = |amount: Value, least: Value| {
            let answer = json!({"paidTier": {"id": "g1-pro-tier", "availableCredits": [
                {"creditType": "OTHER", "creditAmount": "9"},
                {"creditType": "GOOGLE_ONE_AI", "creditAmount": amount,
                    "minimumCreditAmountForUsage": least}]}});
            credits(&answer, now()).map(|window| window.to_string())
        };
        for (amount, least, want) in [
            (json!("1000"), json!("50"), Some("credits allowed")),
            (json!(50), json!(50), Some("credits allowed")),
            (json!("49"), json!("50"), Some("credits exhausted")),
            (json!("0"), json!("0"), Some("credits exhausted")),
            (json!("x"), json!("1"), None),
        ] {
            assert_eq!(with(amount, least).as_deref(), want);
        }
        assert_eq!(credits(&json!({"currentTier": {}}), now()), None);
    }
}
