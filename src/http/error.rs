//! Failures as HTTP answers in the caller's own protocol.

use super::observe::Reason;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use protocol::canonical::Failure;
use protocol::{Dialect, codec};

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
    let mut response = response.body(codec.encode_failure(failure));
    response
        .extensions_mut()
        .insert(Reason::new(&failure.message));
    response
}
