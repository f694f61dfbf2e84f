//! Errors inside an upstream's stream or reply → failures (`codex.md` §6, E-238).

use crate::canonical::{Failure, FailureKind};
use crate::codec::Dialect;
use crate::failure::decode_event;

/// Reads the failure out of the data of an `error` or `response.failed` event, or of a response
/// object that failed.
pub(super) fn decode(data: &str) -> Failure {
    let mut failure = decode_event(data, Dialect::OpenAiResponses);
    // The Codex backend has no word for this one.
    if failure.status >= 500 && failure.message.contains("model is at capacity") {
        failure.status = 429;
        failure.kind = FailureKind::RateLimit;
    }
    // A refusal by policy is the request's fault, whatever type it comes with.
    if failure.code.as_deref() == Some("cyber_policy") {
        failure.error_type = Some("invalid_request_error".to_owned());
    }
    failure
}

/// The reply ended before its terminal event.
pub(super) fn cut() -> Failure {
    Failure::new(502, "stream closed before response.completed")
}

/// The upstream speaks another protocol (E-252).
pub(super) fn wrong_protocol() -> Failure {
    Failure::new(
        502,
        "the upstream answered with chat completions on a Responses endpoint; configure it as a \
         chat upstream",
    )
}
