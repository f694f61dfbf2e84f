//! What the service's errors mean beyond the general rules (§6). Pure.

use super::super::verdict::{FailedReply, Judgement, Verdict};
use super::CLOSED;
use actors::domain::outcome::{Outcome, Scope};
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use protocol::canonical::{Failure, FailureKind};
use std::time::Duration;

/// Words and texts of a used-up day.
const USED_UP: &[&str] = &[
    "insufficient_quota",
    "quota_exceeded",
    "quota exceeded",
    "free allocated quota exceeded",
];

/// Hours by which the service's day is ahead of UTC.
const DAY_OFFSET: i32 = 8;

pub(super) fn refine(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    let failure = &mut judgement.failure;
    match reply.status {
        403 | 429 if is_used_up(failure) => {
            // The day's quota, not a payment: other accounts have theirs.
            let rest = failure
                .retry_after
                .unwrap_or_else(|| until_tomorrow(reply.now));
            failure.status = 429;
            failure.kind = FailureKind::RateLimit;
            failure.retry_after = Some(rest);
            judgement.verdict = Verdict::Next(Outcome::RateLimited {
                retry_after: Some(rest),
                scope: Scope::Credential,
            });
        }
        401 => judgement.explain(CLOSED),
        403 => {
            judgement.verdict = Verdict::FreshToken(Outcome::Forbidden { retry_after: None });
            judgement.explain(CLOSED);
        }
        _ => {}
    }
}

fn is_used_up(failure: &Failure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    let kind = failure.error_type.as_deref().unwrap_or_default();
    let text = format!("{code} {kind} {}", failure.message).to_ascii_lowercase();
    USED_UP.iter().any(|known| text.contains(known))
}

/// How long the service's day still is: it ends at midnight in China (§6).
pub(super) fn until_tomorrow(now: DateTime<Utc>) -> Duration {
    const LONGEST: Duration = Duration::from_secs(24 * 3600);
    let midnight = FixedOffset::east_opt(DAY_OFFSET * 3600).and_then(|china| {
        let tomorrow = (now.with_timezone(&china) + TimeDelta::days(1)).date_naive();
        tomorrow
            .and_hms_opt(0, 0, 0)?
            .and_local_timezone(china)
            .single()
    });
    midnight
        .and_then(|midnight| (midnight.to_utc() - now).to_std().ok())
        .unwrap_or(LONGEST)
}
