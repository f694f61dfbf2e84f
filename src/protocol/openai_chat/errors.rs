//! Errors in streams, and the failures an upstream hides in replies with status 200
//! (`openai-chat.md` §10).

use super::wire_reply::Chunk;
use crate::canonical::Failure;
use crate::codec::Dialect;
use crate::failure;
use serde_json::Value;
use serde_json::value::RawValue;

/// Appends the frame that tells a client of a stream about `failure`. No `[DONE]` follows (E-237).
pub(crate) fn push_error_frame(failure: &Failure, out: &mut Vec<u8>) {
    let body = failure::openai_body(failure);
    out.extend_from_slice(b"data: ");
    // A client reads data line by line, and bodies of upstreams may be printed over several.
    let lines = body.iter().any(|b| matches!(b, b'\n' | b'\r'));
    match serde_json::from_slice::<Value>(&body) {
        Ok(value) if lines => out.extend_from_slice(value.to_string().as_bytes()),
        _ => out.extend_from_slice(&body),
    }
    out.extend_from_slice(b"\n\n");
}

/// The failure in a payload with status 200: its `error` member, or the `error` of a choice
/// (OpenRouter). `null`, `false` and `""` say nothing: clients throw for a truthy one only.
pub(super) fn failure_in(chunk: &Chunk<'_>, payload: &str) -> Option<Box<Failure>> {
    let says = |raw: &&RawValue| !matches!(raw.get(), "null" | "false" | "\"\"");
    if chunk.error.filter(says).is_some() {
        return Some(bare_failure(payload));
    }
    let choices = chunk.choices.iter().flatten();
    let error = choices.filter_map(|choice| choice.error).find(says)?;
    Some(bare_failure(&format!("{{\"error\":{}}}", error.get())))
}

/// The failure in the payload of an `event: error` frame that has no `error` member.
pub(crate) fn bare_failure(payload: &str) -> Box<Failure> {
    Box::new(failure::decode_event(payload, Dialect::OpenAiChat))
}

/// The upstream broke off.
pub(crate) fn cut() -> Box<Failure> {
    Box::new(Failure::new(
        502,
        "the upstream ended the stream before the reply was complete",
    ))
}

/// The upstream answered with nothing.
pub(super) fn no_choices() -> Box<Failure> {
    Box::new(Failure::new(502, "the upstream's reply holds no choices"))
}
