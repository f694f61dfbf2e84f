//! What the hosts of the Gemini protocol have in common: methods, headers, daily quotas.

use super::headers::{Headers, PRODUCT};
use super::verdict::{FailedReply, Judgement, Verdict};
use super::{Action, Call, ShapeError};
use actors::domain::outcome::{Outcome, Scope};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use protocol::Dialect;
use std::time::Duration;

/// The method suffix of an action, and whether it answers as a stream; both Google hosts.
pub fn method(provider: &'static str, action: Action) -> Result<(&'static str, bool), ShapeError> {
    match action {
        // The array form would have to be cut by hand: always ask for events.
        Action::Generate { stream: true } => Ok((":streamGenerateContent?alt=sse", true)),
        Action::Generate { stream: false } => Ok((":generateContent", false)),
        Action::CountTokens => Ok((":countTokens", false)),
        Action::Compact | Action::Embeddings => Err(ShapeError::NoSuchCall {
            provider,
            what: "compaction or embeddings",
        }),
    }
}

/// The headers of a call, unsigned, for both Google hosts.
pub fn headers(call: &Call<'_>, stream: bool) -> Headers {
    let mut headers = Headers::json(stream);
    headers.fixed("user-agent", PRODUCT);
    if call.client == Dialect::Gemini {
        headers.copy(call.client_headers, &["user-agent", "x-goog-api-client"]);
    }
    headers
}

/// Rest of a quota of the minute that says no more.
const MINUTE: Duration = Duration::from_secs(60);

/// Daily quotas end at midnight in California whatever `retryDelay` says; a quota of zero means that
/// the model is not in this key's tier (`gemini.md` §6).
pub fn refine_quota(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    if reply.status != 429 {
        return;
    }
    let text = String::from_utf8_lossy(reply.body);
    if text.contains("\"quotaValue\": \"0\"") || text.contains("\"quotaValue\":\"0\"") {
        judgement.verdict = Verdict::Next(Outcome::ModelMissing);
    } else if text.contains("PerDay") {
        let wait = until_pacific_midnight(reply.now);
        judgement.exhausted = true;
        judgement.failure.retry_after = Some(wait);
        judgement.verdict = Verdict::Next(Outcome::RateLimited {
            retry_after: Some(wait),
            scope: Scope::Model,
        });
    } else if text.contains("PerMinute") && judgement.failure.retry_after.is_none() {
        judgement.failure.retry_after = Some(MINUTE);
        judgement.verdict = Verdict::Next(Outcome::RateLimited {
            retry_after: Some(MINUTE),
            scope: Scope::Model,
        });
    }
}

/// How long Google's day for quotas still is: it ends at midnight in California.
pub fn until_pacific_midnight(now: DateTime<Utc>) -> Duration {
    let offset = TimeDelta::hours(if is_pacific_summer(now) { 7 } else { 8 });
    let local = now - offset;
    let midnight = local
        .date_naive()
        .succ_opt()
        .and_then(|day| day.and_hms_opt(0, 0, 0));
    midnight
        .map(|midnight| midnight.and_utc() - local)
        .and_then(|wait| wait.to_std().ok())
        .unwrap_or(Duration::from_secs(24 * 3600))
}

/// Daylight saving time in the United States: second Sunday of March to first Sunday of November,
/// each at 10:00 and 9:00 UTC in California.
fn is_pacific_summer(now: DateTime<Utc>) -> bool {
    let year = now.year();
    let change = |month, nth, hour| {
        NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Sun, nth)
            .and_then(|day| day.and_hms_opt(hour, 0, 0))
            .map(|at| at.and_utc())
    };
    matches!((change(3, 2, 10), change(11, 1, 9)), (Some(from), Some(to)) if from <= now && now < to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_ends_in_california() {
        for (now, hours) in [
            ("2026-07-01T06:00:00Z", 1.0),
            ("2026-12-01T06:00:00Z", 2.0),
            ("2026-03-08T09:59:59Z", 22.000_277),
            ("2026-11-01T09:00:00Z", 23.0),
        ] {
            let now: DateTime<Utc> = now.parse().unwrap();
            let got = until_pacific_midnight(now).as_secs_f64() / 3600.0;
            assert!((got - hours).abs() < 0.001, "{now}: {got}");
        }
    }
}
