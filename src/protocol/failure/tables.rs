//! Statuses and the words the protocols have for them (`matrix.md` §11).

use crate::canonical::Failure;

/// OpenAI `type` and `code` of an HTTP status.
pub fn openai_type_code(status: u16) -> (&'static str, Option<&'static str>) {
    match status {
        401 => ("authentication_error", Some("invalid_api_key")),
        402 => ("insufficient_quota", None),
        403 => ("permission_error", Some("insufficient_quota")),
        404 => ("invalid_request_error", Some("model_not_found")),
        408 | 504 => ("server_error", Some("request_timeout")),
        429 => ("rate_limit_error", Some("rate_limit_exceeded")),
        502 | 503 | 529 => ("server_error", None),
        500.. => ("server_error", Some("internal_server_error")),
        _ => ("invalid_request_error", None),
    }
}

/// Anthropic `error.type` of an HTTP status. A 503 is overload only when the upstream says so:
/// [`super::anthropic_status`] turns it into 529.
pub fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Gemini `error.status` of an HTTP status.
pub fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// HTTP status that an error word of any protocol stands for, for errors inside a stream. `None` for
/// unknown words.
pub fn status_of_word(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error"
        | "context_length_exceeded"
        | "context_too_large"
        | "cyber_policy"
        | "bio_policy"
        | "content_filter"
        | "content_policy_violation"
        | "unsupported_parameter"
        | "unsupported_value"
        | "string_above_max_length"
        | "previous_response_not_found"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION"
        | "ValidationException" => 400,
        "authentication_error"
        | "invalid_api_key"
        | "token_expired"
        | "token_invalidated"
        | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" | "AccessDeniedException" => 403,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => 404,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "usage_limit_reached"
        | "usage_not_included"
        | "requests"
        | "tokens"
        | "RESOURCE_EXHAUSTED"
        | "ThrottlingException" => 429,
        "CANCELLED" => 499,
        "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => 500,
        "UNAVAILABLE" | "server_is_overloaded" | "slow_down" => 503,
        "timeout_error" | "request_timeout" | "DEADLINE_EXCEEDED" => 504,
        "overloaded_error" => 529,
        // `invalid_prompt`, `invalid_image`, `invalid_value`, …
        _ if word.starts_with("invalid_") => 400,
        _ => return None,
    })
}

/// True when an OpenAI client knows this `type`.
pub(super) fn openai_knows_type(word: &str) -> bool {
    matches!(
        word,
        "invalid_request_error"
            | "authentication_error"
            | "permission_error"
            | "insufficient_quota"
            | "rate_limit_error"
            | "requests"
            | "tokens"
            | "server_error"
            | "api_error"
            | "usage_limit_reached"
            | "usage_not_included"
    )
}

/// True for a `code` as OpenAI writes them: lower-case words. Upper-case reasons of Google and
/// exceptions of AWS mean nothing to an OpenAI client.
pub(super) fn openai_knows_code(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}

/// True when an Anthropic client knows this `type`.
pub(super) fn anthropic_knows(word: &str) -> bool {
    matches!(
        word,
        "invalid_request_error"
            | "authentication_error"
            | "billing_error"
            | "permission_error"
            | "not_found_error"
            | "request_too_large"
            | "rate_limit_error"
            | "timeout_error"
            | "api_error"
            | "overloaded_error"
    )
}

/// True when a Gemini client knows this `status` (`google.rpc.Code`).
pub(super) fn gemini_knows(word: &str) -> bool {
    matches!(
        word,
        "CANCELLED"
            | "UNKNOWN"
            | "INVALID_ARGUMENT"
            | "DEADLINE_EXCEEDED"
            | "NOT_FOUND"
            | "ALREADY_EXISTS"
            | "PERMISSION_DENIED"
            | "UNAUTHENTICATED"
            | "RESOURCE_EXHAUSTED"
            | "FAILED_PRECONDITION"
            | "ABORTED"
            | "OUT_OF_RANGE"
            | "UNIMPLEMENTED"
            | "INTERNAL"
            | "UNAVAILABLE"
            | "DATA_LOSS"
    )
}

/// True when the upstream says that it is overloaded, not merely that it cannot serve.
pub(super) fn is_overload(failure: &Failure) -> bool {
    let words = [&failure.error_type, &failure.code];
    words.into_iter().flatten().any(|word| {
        matches!(word.as_str(), "UNAVAILABLE" | "slow_down") || word.contains("overloaded")
    }) || failure.message.to_ascii_lowercase().contains("overloaded")
}

/// Words of a prompt that is too long, in code or type.
const CONTEXT_WORDS: &[&str] = &[
    "context_length_exceeded",
    "context_too_large",
    "content_length_exceeds_threshold",
    "model_context_window_exceeded",
];

/// Texts of a prompt that is too long, lower case.
const CONTEXT_TEXTS: &[&str] = &[
    // Anthropic.
    "prompt is too long",
    "exceed context limit",
    // OpenAI and compatible servers.
    "maximum context length",
    "context length exceeded",
    "exceeds the context window",
    "exceed the context window",
    "context window exceeded",
    "context_length_exceeded",
    // Gemini.
    "exceeds the maximum number of tokens allowed",
    // Kiro, Bedrock.
    "input is too long",
];

/// True when the request did not fit into the model's context (E-245).
pub(super) fn is_context_length(failure: &Failure) -> bool {
    let words = [&failure.code, &failure.error_type];
    let by_word = words
        .into_iter()
        .flatten()
        .any(|word| CONTEXT_WORDS.iter().any(|w| w.eq_ignore_ascii_case(word)));
    match failure.status {
        // A limit or a lock is what it is, whatever else the text speaks about.
        401..=403 | 429 => false,
        400 | 413 | 422 => {
            let message = failure.message.to_ascii_lowercase();
            by_word || CONTEXT_TEXTS.iter().any(|text| message.contains(text))
        }
        _ => by_word,
    }
}

/// The words HTTP has for a status.
pub fn status_text(status: u16) -> String {
    let words = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        499 => "Client Closed Request",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => return format!("HTTP status {status}"),
    };
    words.to_owned()
}
