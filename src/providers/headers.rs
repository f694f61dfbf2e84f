//! Header lists of upstream calls.

use super::{Call, ShapeError};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::HeaderValue as Configured;
use actors::domain::record::CredentialRecord;
use protocol::anthropic::ANTHROPIC_BETA;

/// Name and version of this program, sent where the client's own identity does not travel on.
pub const PRODUCT: &str = concat!("cli-proxy-api-plus/", env!("CARGO_PKG_VERSION"));

/// Name of this program without its version.
pub const PRODUCT_NAME: &str = env!("CARGO_PKG_NAME");

/// Headers of Anthropic clients that describe the client itself: passed on as they came, never
/// invented (`claude.md` §4.1).
pub const ANTHROPIC_CLIENT: &[&str] = &[
    "user-agent",
    "x-app",
    "anthropic-dangerous-direct-browser-access",
    "x-stainless-lang",
    "x-stainless-package-version",
    "x-stainless-os",
    "x-stainless-arch",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-helper-method",
    "x-stainless-helper",
    "x-stainless-retry-count",
    "x-stainless-timeout",
    "x-claude-code-session-id",
];

/// Headers under construction; a later value of a name replaces an earlier one.
pub struct Headers {
    list: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    /// The headers every call has: JSON out, no compression back (chunks must pass as they come).
    pub fn json(stream: bool) -> Self {
        use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
        let accept = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        Self {
            list: vec![
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (ACCEPT, HeaderValue::from_static(accept)),
                (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            ],
        }
    }

    /// Sets a header whose value is known to be legal.
    pub fn fixed(&mut self, name: &'static str, value: &'static str) {
        self.put(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }

    /// Sets a header.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Misconfigured`] when the value cannot stand in a header; it is not shown, since
    /// it may be a secret.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ShapeError> {
        let misfit = |what: &str| {
            ShapeError::Misconfigured(format!("header `{name}`: its {what} is not legal in HTTP"))
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| misfit("name"))?;
        let value = HeaderValue::from_str(value).map_err(|_| misfit("value"))?;
        self.put(header, value);
        Ok(())
    }

    /// Copies the client's value of every header in `names` that it sent.
    pub fn copy(&mut self, client: &HeaderMap, names: &[&'static str]) {
        for name in names {
            if let Some(value) = client.get(*name) {
                self.put(HeaderName::from_static(name), value.clone());
            }
        }
    }

    /// Version and betas of Anthropic's protocol: what client and body ask for, without the betas that
    /// the service refuses.
    ///
    /// # Errors
    ///
    /// As [`Headers::set`].
    pub fn anthropic(&mut self, call: &Call<'_>, refused: &[&str]) -> Result<(), ShapeError> {
        self.fixed("anthropic-version", "2023-06-01");
        self.copy(call.client_headers, &["anthropic-version"]);
        let client = call.client_headers.get_all(ANTHROPIC_BETA);
        let client = client.filter_map(|value| value.to_str().ok());
        let body = call.body_headers.iter();
        let body = body.filter(|(name, _)| *name == ANTHROPIC_BETA);
        let asked = client.chain(body.map(|(_, value)| value.as_str()));
        let mut names: Vec<&str> = Vec::new();
        for name in asked.flat_map(|list| list.split(',')).map(str::trim) {
            if !name.is_empty() && !names.contains(&name) && !refused.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        self.set(ANTHROPIC_BETA, &names.join(","))
    }

    /// Adds the configured headers of the credential last: they override everything (`$Name` copies
    /// the client's header, or nothing when it sent none).
    ///
    /// # Errors
    ///
    /// As [`Headers::set`].
    pub fn finish(
        mut self,
        record: &CredentialRecord,
        call: &Call<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, ShapeError> {
        for (name, value) in &record.settings.headers {
            match value {
                Configured::Fixed(value) => self.set(name, value.expose())?,
                Configured::FromClient(from) => {
                    if let Some(value) = call.client_headers.get(from.as_str()) {
                        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                            ShapeError::Misconfigured(format!(
                                "header `{name}`: its name is not legal in HTTP"
                            ))
                        })?;
                        self.put(header, value.clone());
                    }
                }
            }
        }
        Ok(self.list)
    }

    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        match self.list.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.list.push((name, value)),
        }
    }
}
