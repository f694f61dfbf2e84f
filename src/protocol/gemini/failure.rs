//! Errors in Gemini's envelope (`gemini-generate-content.md` §9, `matrix.md` §11).

use super::read::compact;
use crate::canonical::Failure;
use crate::codec::Dialect;
use crate::failure::gemini_status;
use crate::splice::quote;
use bytes::Bytes;
use std::fmt::Write;

/// The error body: the upstream's own when it is a Gemini body, else
/// `{"error":{"code","message","status",…}}`.
pub(super) fn encode(failure: &Failure) -> Bytes {
    if let Some((Dialect::Gemini, body)) = &failure.native {
        return body.clone();
    }
    let status = outward_status(failure);
    let mut json = format!(
        "{{\"error\":{{\"code\":{status},\"message\":{},\"status\":\"{}\"",
        quote(&failure.message),
        gemini_status(status)
    );
    for (key, value) in &failure.extra {
        // Writing to a `String` cannot fail.
        let _ = write!(json, ",{}:{}", quote(key), value.as_str());
    }
    let has_details = failure.extra.iter().any(|(key, _)| *key == "details");
    if let Some(wait) = failure.retry_after
        && !has_details
    {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let _ = write!(
            json,
            ",\"details\":[{{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\
             \"retryDelay\":\"{seconds}s\"}}]"
        );
    }
    json.push_str("}}");
    Bytes::from(json)
}

/// Only Anthropic clients know 529.
pub(super) fn outward_status(failure: &Failure) -> u16 {
    if failure.status == 529 {
        503
    } else {
        failure.status
    }
}

/// Appends an error body as one line: an SSE event ends at the first line end.
pub(super) fn one_line(body: &Bytes, out: &mut Vec<u8>) {
    match std::str::from_utf8(body) {
        Ok(text) => out.extend_from_slice(compact(unwrap_array(text)).as_bytes()),
        Err(_) => out.extend_from_slice(body),
    }
}

/// Some endpoints wrap the error into an array of one.
fn unwrap_array(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn envelope_with_status_word_and_retry_info() {
        let mut failure = Failure::new(429, "slow \"down\"");
        failure.retry_after = Some(Duration::from_millis(34_070));
        assert_eq!(
            encode(&failure),
            r#"{"error":{"code":429,"message":"slow \"down\"","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"35s"}]}}"#
        );
    }

    #[test]
    fn e242_overloaded_is_503_for_gemini_clients() {
        assert_eq!(
            encode(&Failure::new(529, "busy")),
            r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#
        );
    }

    #[test]
    fn native_bodies_go_out_as_they_are() {
        let body = Bytes::from_static(b"[{\n \"error\": {\"code\": 400}\n}]");
        let mut failure = Failure::new(400, "x");
        failure.native = Some((Dialect::Gemini, body.clone()));
        assert_eq!(encode(&failure), body);
        let mut line = Vec::new();
        one_line(&body, &mut line);
        assert_eq!(line, b"{\"error\":{\"code\":400}}");
    }
}
