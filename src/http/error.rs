//! Failures as HTTP answers in the caller's own protocol.

use super::observe::Reason;
use crate::exchange::plan::UNKNOWN_MODEL;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use protocol::canonical::Failure;
use protocol::{Dialect, codec};

/// Read by the SDKs of OpenAI and Anthropic and by Claude Code, which otherwise repeat for minutes
/// what has a status of 500 and more, Claude Code also a 401 (Claude Code's documentation, "LLM
/// gateways").
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// True when the same request fails again until a person changes something: a wrong key, a model
/// nobody has, a service that has no such call.
fn is_final(failure: &Failure) -> bool {
    matches!(failure.status, 401 | 501) || failure.code.as_deref() == Some(UNKNOWN_MODEL)
}

/// The answer for `failure` to a client of `dialect`.
pub fn respond(dialect: Dialect, failure: &Failure) -> HttpResponse {
    let codec = codec(dialect);
    let status = StatusCode::from_u16(codec.failure_status(failure))
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, "application/json"));
    if let Some(wait) = failure.retry_after {
        // Rounded up: a client that comes a moment too early only fails once more.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    let advice = is_final(failure).then_some(false);
    if let Some(repeat) = advice.or(failure.should_retry) {
        response.insert_header((SHOULD_RETRY, repeat.to_string()));
    }
    let mut response = response.body(codec.encode_failure(failure));
    response
        .extensions_mut()
        .insert(Reason::new(&failure.message));
    response
}
