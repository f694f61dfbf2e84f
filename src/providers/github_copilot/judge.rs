//! What the service's errors mean beyond the general rules (§6). Pure.

use super::super::verdict::{FailedReply, Judgement, Verdict};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Scope};
use protocol::canonical::{Failure, FailureKind};

/// Code of a model that the endpoint does not serve, while another one does.
const WRONG_ENDPOINT: &str = "unsupported_api_for_model";

/// Code of a model that the plan does not have, or that its owner did not switch on.
const NO_MODEL: &str = "model_not_supported";

/// Header that names the limits that were passed, with a comma between them.
const EXCEEDED: &str = "x-ratelimit-exceeded";

/// What helps when the service no longer takes what this program says about itself.
const OUTDATED: &str = "Copilot no longer takes the editor version this program names; update it";

/// Whether the model is served, but not here.
pub(super) fn is_wrong_endpoint(reply: &FailedReply<'_>) -> bool {
    let failure = protocol::failure::decode(reply.status, reply.body, reply.dialect);
    reply.status == 400 && says(&failure, WRONG_ENDPOINT)
}

pub(super) fn refine(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    let failure = &mut judgement.failure;
    match reply.status {
        400 if says(failure, NO_MODEL) => {
            judgement.verdict = Verdict::Next(Outcome::ModelMissing);
        }
        // An agent of GitHub's wants its person's consent: nothing a newer token changes.
        401 if String::from_utf8_lossy(reply.body).contains("\"authorize_url\"") => {
            judgement.verdict = Verdict::Stop;
        }
        402 => {
            // The premium requests of the plan; models that are none go on.
            let retry_after = failure.retry_after;
            judgement.verdict = Verdict::Next(Outcome::PaymentRequired { retry_after });
            judgement.exhausted = true;
        }
        403 => {
            // As 401; a page of a filter in between, and a refused prompt, are no matter of tokens.
            if let Verdict::Next(outcome @ Outcome::Forbidden { retry_after: None }) =
                judgement.verdict
            {
                judgement.verdict = Verdict::FreshToken(outcome);
            }
        }
        429 => {
            let exceeded = reply.headers.get(EXCEEDED);
            let exceeded = exceeded.and_then(|value| value.to_str().ok());
            let keys = exceeded.unwrap_or_default().split(',').map(str::trim);
            let whole = keys.into_iter().any(|key| key.starts_with("global-user"));
            judgement.verdict = Verdict::Next(Outcome::RateLimited {
                retry_after: failure.retry_after,
                scope: if whole {
                    Scope::Credential
                } else {
                    Scope::Model
                },
            });
        }
        466 => judgement.needs_action(Reason::Forbidden, OUTDATED),
        503 => {
            // The vendor behind Copilot is at its limit.
            failure.kind = FailureKind::RateLimit;
            judgement.verdict = Verdict::Next(Outcome::RateLimited {
                retry_after: failure.retry_after,
                scope: Scope::Model,
            });
        }
        _ => {}
    }
}

fn says(failure: &Failure, word: &str) -> bool {
    failure.code.as_deref() == Some(word) || failure.message.contains(word)
}
