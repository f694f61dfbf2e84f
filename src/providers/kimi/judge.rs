//! What the service's errors mean beyond the general rules (§6). Pure.

use super::super::verdict::{FailedReply, Judgement, Verdict};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Scope};
use protocol::canonical::FailureKind;
use std::time::Duration;

/// The word for accounts without access, without quota, and for programs that are not taken.
const NO_ACCESS: &str = "access_terminated_error";

/// Rest of an account whose plan is used up: the answer does not say when it begins anew, and the
/// shortest window is five hours.
const USED_UP_REST: Duration = Duration::from_secs(30 * 60);

/// What helps when the account has no access.
const MEMBERSHIP: &str = "see to the membership of this Kimi account";

pub(super) fn refine(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    if reply.status == 402 {
        judgement.needs_action(Reason::PaymentRequired, MEMBERSHIP);
        return;
    }
    let failure = &mut judgement.failure;
    if reply.status != 403 || failure.error_type.as_deref() != Some(NO_ACCESS) {
        return;
    }
    let said = failure.message.to_ascii_lowercase();
    if said.contains("usage limit") || said.contains("quota") {
        // MoonshotAI/kimi-code issue 2121
        let rest = failure.retry_after.unwrap_or(USED_UP_REST);
        failure.status = 429;
        failure.kind = FailureKind::RateLimit;
        failure.retry_after = Some(rest);
        judgement.verdict = Verdict::Next(Outcome::RateLimited {
            retry_after: Some(rest),
            scope: Scope::Credential,
        });
    } else if said.contains("coding agents") {
        // Every account of the service answers this program so.
        failure.message = format!(
            "Kimi Code does not take requests of this client: it looks at the `User-Agent` and serves \
             programs it knows as coding agents only ({})",
            failure.message
        );
        // The native body would hide the reason.
        failure.native = None;
        judgement.verdict = Verdict::Stop;
    } else {
        judgement.needs_action(Reason::Forbidden, MEMBERSHIP);
    }
}
