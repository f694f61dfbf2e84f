//! What the service's errors mean beyond the general rules (§6).

use super::super::verdict::{FailedReply, Judgement, Verdict};
use super::windows;
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::quota::QuotaStatus;
use chrono::{DateTime, Utc};
use protocol::canonical::{Failure, FailureKind};
use std::time::Duration;

/// The model, not the account, has no room; it comes with any status (36973d4a6).
const AT_CAPACITY: &str = "model is at capacity";

/// What helps when a plan comes without Codex.
const NO_CODEX: &str = "the plan of this ChatGPT account does not include Codex";

/// What helps when the workspace is closed.
const NO_WORKSPACE: &str = "the workspace of this ChatGPT account is closed: ask its owner, or log in \
    again and choose another one";

pub(super) fn refine(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    let failure = &mut judgement.failure;
    if says(failure, "usage_limit_reached") {
        let at = protocol::failure::resets_at(reply.body);
        let said = at
            .and_then(|at| until(at, reply.now))
            .or(failure.retry_after);
        // The body speaks of one window; another one may be used up for longer.
        let hint = said.max(window_end(reply));
        failure.retry_after = hint;
        judgement.verdict = Verdict::Next(Outcome::RateLimited {
            retry_after: hint,
            scope: Scope::Credential,
        });
    } else if says(failure, "usage_not_included") {
        judgement.needs_action(Reason::PaymentRequired, NO_CODEX);
    } else if says(failure, "deactivated_workspace") {
        judgement.needs_action(Reason::PaymentRequired, NO_WORKSPACE);
    } else if failure.message.contains(AT_CAPACITY) {
        failure.status = 429;
        failure.kind = FailureKind::RateLimit;
        judgement.verdict = Verdict::Next(Outcome::RateLimited {
            retry_after: failure.retry_after,
            scope: Scope::Model,
        });
    }
}

fn says(failure: &Failure, word: &str) -> bool {
    failure.code.as_deref() == Some(word) || failure.error_type.as_deref() == Some(word)
}

/// Time from `now` to a point in unix seconds; nothing when that has passed.
fn until(at: i64, now: DateTime<Utc>) -> Option<Duration> {
    let at = DateTime::from_timestamp(at, 0)?;
    (at - now).to_std().ok().filter(|wait| !wait.is_zero())
}

/// When the last of the used-up windows begins anew, by the rate headers of the answer.
fn window_end(reply: &FailedReply<'_>) -> Option<Duration> {
    let used_up = windows::read(reply.headers, reply.now)
        .into_iter()
        .filter(|window| window.status == QuotaStatus::Exhausted);
    let at = used_up.filter_map(|window| window.resets_at).max()?;
    (at - reply.now)
        .to_std()
        .ok()
        .filter(|wait| !wait.is_zero())
}
