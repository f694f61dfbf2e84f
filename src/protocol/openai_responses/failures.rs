//! Failures inside a client's stream (`openai-responses.md` §9).

use super::output::Frames;
use super::output::json::Object;
use crate::canonical::Failure;
use crate::failure::openai_type_code;

/// The `error` event. Its fields stand at the top: a top-level `error` object makes SDKs throw.
pub(super) fn write_event(failure: &Failure, frames: &mut Frames, out: &mut Vec<u8>) {
    frames.event("error", out, |o| {
        o.text("code", code(failure))
            .text("message", &failure.message);
        match &failure.param {
            Some(param) => o.text("param", param),
            None => o.raw("param", "null"),
        };
    });
}

/// The `error` member of a failed response.
pub(super) fn response_error(failure: &Failure) -> String {
    Object::of(|o| {
        o.text("code", code(failure))
            .text("message", &failure.message);
    })
}

fn code(failure: &Failure) -> &str {
    if let Some(code) = &failure.code {
        return code;
    }
    match (failure.status, openai_type_code(failure.status).1) {
        (_, Some(code)) => code,
        (500.., None) => "internal_server_error",
        _ => "invalid_request_error",
    }
}
