//! An error as the common model sees it (`matrix.md` §11).

use crate::codec::Dialect;
use bytes::Bytes;
use std::time::Duration;

/// Whose fault, in the words of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The request is wrong (400, 409, 413, 415, 422, …).
    InvalidRequest,
    /// No or wrong credential (401).
    Authentication,
    /// No money left (402).
    Billing,
    /// Not allowed (403).
    Permission,
    /// No such model or object (404).
    NotFound,
    /// Too slow (408, 504).
    Timeout,
    /// Body too large (413).
    TooLarge,
    /// Rate or quota limit (429).
    RateLimit,
    /// Overloaded (503, 529).
    Overloaded,
    /// Anything else that is not the client's fault.
    Server,
}

/// An error on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status towards the client.
    pub status: u16,
    /// Meaning.
    pub kind: FailureKind,
    /// `type` word of the upstream, when it sent one.
    pub error_type: Option<String>,
    /// `code` of the upstream or of this daemon (`unsupported_parameter`, `model_cooldown`, …).
    pub code: Option<String>,
    /// Text for people.
    pub message: String,
    /// Parameter at fault, as a path.
    pub param: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Whether the upstream advises to repeat the request at all (`x-should-retry`).
    pub should_retry: Option<bool>,
    /// Request id of the upstream.
    pub request_id: Option<String>,
    /// The upstream's own body and its protocol: sent as it is to a client of that protocol.
    pub native: Option<(Dialect, Bytes)>,
    /// Further members of the error object, in order (`reset_seconds`, `details`, …).
    pub extra: Vec<(&'static str, crate::raw::RawJson)>,
}

impl Failure {
    /// A failure of `status` with the meaning that status has, and no more than a text.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: FailureKind::of_status(status),
            error_type: None,
            code: None,
            message: message.into(),
            param: None,
            retry_after: None,
            should_retry: None,
            request_id: None,
            native: None,
            extra: Vec::new(),
        }
    }

    /// The same failure with a code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same failure with the parameter at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl FailureKind {
    /// The meaning of an HTTP status (`matrix.md` §11).
    pub fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            413 => Self::TooLarge,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            500.. => Self::Server,
            _ => Self::InvalidRequest,
        }
    }
}
