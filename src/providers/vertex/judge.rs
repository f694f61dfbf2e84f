//! Meanings of errors on Vertex beyond the general rules (`vertex.md` §6).

use super::super::verdict::{FailedReply, Judgement, Verdict};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach};
use serde_json::Value;

/// Corrects the general judgement.
pub(super) fn refine(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    match reply.status {
        // The model does not run in this region, or the project has not accepted its terms.
        400 if says(reply, "FAILED_PRECONDITION") => {
            judgement.verdict = Verdict::Next(Outcome::ModelMissing);
        }
        403 => explain(reply, judgement),
        _ => {}
    }
}

/// The error object; some endpoints wrap it into an array of one.
fn error(reply: &FailedReply<'_>) -> Option<Value> {
    let mut body: Value = serde_json::from_slice(reply.body).ok()?;
    let body = match &mut body {
        Value::Array(list) => list.first_mut()?.take(),
        body => body.take(),
    };
    body.get("error").cloned()
}

fn says(reply: &FailedReply<'_>, status: &str) -> bool {
    let error = error(reply);
    let found = error.as_ref().and_then(|error| error.get("status"));
    found.and_then(Value::as_str) == Some(status)
}

/// Reasons that hold for every model of the project.
const WHOLE_PROJECT: &[&str] = &["SERVICE_DISABLED", "BILLING_DISABLED", "CONSUMER_INVALID"];

/// Adds what the person has to do: the reason (`SERVICE_DISABLED`, `BILLING_DISABLED`,
/// `CONSUMER_INVALID`) and the page that switches the service on.
fn explain(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    let Some(error) = error(reply) else { return };
    let details = error.get("details").and_then(Value::as_array);
    let Some(info) = details.and_then(|details| details.iter().find(|d| d.get("reason").is_some()))
    else {
        return;
    };
    let url = info
        .get("metadata")
        .and_then(|data| data.get("activationUrl"));
    let reason = info.get("reason").and_then(Value::as_str);
    if reason.is_some_and(|reason| WHOLE_PROJECT.contains(&reason)) {
        judgement.verdict = Verdict::Next(Outcome::NeedsAction {
            reason: Reason::Forbidden,
            reach: Reach::Account,
            rest: None,
        });
    }
    for part in [info.get("reason"), url].into_iter().flatten() {
        let Some(part) = part.as_str() else { continue };
        let message = &mut judgement.failure.message;
        if !message.contains(part) {
            *message = format!("{message} [{part}]");
        }
    }
}
