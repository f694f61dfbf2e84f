//! HTTP calls that belong to accounts, not to requests: made on the control thread.

use super::headers::PRODUCT;
use super::verdict;
use crate::upstream::client::{UpstreamError, UpstreamRequest};
use crate::upstream::route::EnvironmentProxies;
use crate::upstream::{Clients, Route};
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use actix_web::http::{Method, StatusCode};
use actors::config::{Config, Proxy};
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::domain::snapshot::Snapshot;
use actors::port::Clock;
use actors::published::Published;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest such call, from dialling to the last byte.
const CALL_LIMIT: Duration = Duration::from_secs(120);

/// Largest answer of such a call.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// What drivers and logins call with.
pub struct Control {
    tls: Arc<rustls::ClientConfig>,
    environment: EnvironmentProxies,
    clock: Arc<dyn Clock>,
    /// Set when the actors run: drivers follow the configuration.
    snapshot: OnceLock<Arc<Published<Snapshot>>>,
}

/// A call under construction. Says who we are and that JSON is wanted, unless told otherwise.
#[derive(Clone)]
pub struct Outgoing {
    request: UpstreamRequest,
    limit: Duration,
    /// A header whose value is not legal in HTTP.
    fault: Option<String>,
}

/// A whole answer, of any status.
#[derive(Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, decompressed.
    pub body: Bytes,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The URL, a header or the proxy cannot be used.
    #[error("{0}")]
    Misconfigured(String),
    /// No connection: nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// Sent, but no whole answer came: what was asked for may have happened.
    #[error("{0}")]
    NoAnswer(String),
}

/// A call that gave no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No answer.
    #[error("{0}")]
    NoAnswer(String),
    /// An answer that is no success.
    #[error("{status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the service said.
        message: String,
    },
}

// Bodies and headers of both hold tokens and stay out, and so do queries.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.request.url.split('?').next();
        f.debug_struct("Outgoing")
            .field("method", &self.request.method)
            .field("url", &url.unwrap_or_default())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// `GET url`
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url.into(), Bytes::new())
    }

    /// `POST url` with a form. Values are encoded here.
    pub fn form(url: impl Into<String>, pairs: &[(&str, &str)]) -> Self {
        Self::new(Method::POST, url.into(), encoded(pairs).into())
            .header("content-type", "application/x-www-form-urlencoded")
    }

    /// `POST url` with JSON.
    pub fn json(url: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, url.into(), body.to_string().into())
            .header("content-type", "application/json")
    }

    /// `POST url` with a ready body.
    pub fn post(url: impl Into<String>, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, url.into(), body.into()).header("content-type", content_type)
    }

    fn new(method: Method, url: String, body: Bytes) -> Self {
        let headers = vec![
            (ACCEPT, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(PRODUCT)),
        ];
        Self {
            request: UpstreamRequest {
                method,
                url,
                headers,
                body,
            },
            limit: CALL_LIMIT,
            fault: None,
        }
    }

    /// Sets a header; a later value of a name replaces an earlier one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let pair = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        match pair {
            Some((name, value)) => {
                self.request.headers.retain(|(known, _)| *known != name);
                self.request.headers.push((name, value));
            }
            None => self.fault = Some(format!("the value of `{name}` is not legal in HTTP")),
        }
        self
    }

    /// Signs with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.header(
            AUTHORIZATION.as_str(),
            &format!("Bearer {}", token.expose()),
        )
    }

    /// Longest time from dialling to the last byte; 120 s when not set.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// For adapters of libraries that bring their own headers.
    pub(super) fn raw(method: Method, url: String, body: Bytes) -> Self {
        let mut outgoing = Self::new(method, url, body);
        outgoing
            .request
            .headers
            .retain(|(name, _)| *name != CONTENT_TYPE);
        outgoing
    }
}

impl Reply {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; `None` when it is none.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self, now: DateTime<Utc>) -> Option<Duration> {
        verdict::retry_hint(&self.headers, now)
    }
}

impl Control {
    /// For drivers of one program.
    pub fn new(
        tls: Arc<rustls::ClientConfig>,
        environment: EnvironmentProxies,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            tls,
            environment,
            clock,
            snapshot: OnceLock::new(),
        }
    }

    /// Lets drivers follow the configuration; later calls change nothing.
    pub fn follow(&self, snapshot: Arc<Published<Snapshot>>) {
        let _first = self.snapshot.set(snapshot).is_ok();
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The configuration as of now.
    pub fn config(&self) -> Arc<Config> {
        match self.snapshot.get() {
            Some(snapshot) => Arc::clone(&snapshot.get().config),
            None => Arc::new(Config::default()),
        }
    }

    /// Makes a call: a fresh connection, through the account's proxy, else the global one, with
    /// `upstream-rewrites`. Every status is an answer.
    ///
    /// # Errors
    ///
    /// [`CallError`] when no whole answer came.
    pub async fn send(&self, outgoing: Outgoing, own: &Proxy) -> Result<Reply, CallError> {
        if let Some(fault) = outgoing.fault {
            return Err(CallError::Misconfigured(fault));
        }
        let config = self.config();
        // A pooled connection may be dead after a long idle time, and such a call must not be sent
        // twice without need: refresh tokens are used once (router-for-me/CLIProxyAPI#5073).
        let clients = Clients::new(Arc::clone(&self.tls), self.environment.clone());
        let call = async {
            let proxy = proxy(own, &config.proxy);
            let reply = clients
                .send(&outgoing.request, proxy, &config.upstream_rewrites)
                .await?;
            let (status, headers) = (reply.status.as_u16(), reply.headers);
            let body = reply.body.read_whole(ANSWER_MAX, None).await;
            let body = body.map_err(|error| CallError::NoAnswer(error.to_string()))?;
            Ok(Reply {
                status,
                headers,
                body,
            })
        };
        let limit = outgoing.limit;
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            let text = format!("no answer within {} s", limit.as_secs());
            Err(CallError::NoAnswer(text))
        })
    }

    /// `GET url` with the credential's key as a bearer token, its headers and its proxy.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn get(&self, record: &CredentialRecord, url: String) -> Result<Bytes, ControlError> {
        let mut outgoing = Outgoing::get(url);
        if let Some(secret) = &record.secret {
            outgoing = outgoing.bearer(secret);
        }
        for (name, value) in &record.settings.headers {
            // There is no client whose header could be copied.
            if let actors::config::HeaderValue::Fixed(value) = value {
                outgoing = outgoing.header(name, value.expose());
            }
        }
        let reply = self
            .send(outgoing, &record.settings.proxy)
            .await
            .map_err(|error| ControlError::NoAnswer(error.to_string()))?;
        if reply.status == StatusCode::OK {
            return Ok(reply.body);
        }
        let dialect = protocol::Dialect::OpenAiChat;
        Err(ControlError::Refused {
            status: reply.status,
            message: protocol::failure::decode(reply.status, &reply.body, dialect).message,
        })
    }
}

impl From<UpstreamError> for CallError {
    fn from(error: UpstreamError) -> Self {
        let text = error.to_string();
        match error {
            UpstreamError::Misconfigured(_) => Self::Misconfigured(text),
            UpstreamError::Connect { .. } => Self::Unreachable(text),
            UpstreamError::NoAnswer { .. } | UpstreamError::HeadTimeout { .. } => {
                Self::NoAnswer(text)
            }
        }
    }
}

/// Pairs as a query or form (`application/x-www-form-urlencoded`).
pub fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn encode(text: &str, into: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                into.push(char::from(byte));
            }
            // Also in a query where `+` means itself, `%20` is a blank.
            // Writing into a text cannot fail.
            _ => drop(write!(into, "%{byte:02X}")),
        }
    }
}

/// The way out for a credential: its own, else the global one; `None` = the environment decides.
pub fn proxy<'a>(own: &'a Proxy, global: &'a Proxy) -> Option<&'a str> {
    match (own, global) {
        (Proxy::Via(url), _) | (Proxy::Inherit, Proxy::Via(url)) => Some(url.expose()),
        (Proxy::Direct, _) | (Proxy::Inherit, Proxy::Direct) => Some(Route::DIRECT),
        (Proxy::Inherit, Proxy::Inherit) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_for_queries_and_forms() {
        let pairs = [("scope", "a:b c/d"), ("state", "x_-.~"), ("é", "+&=")];
        assert_eq!(
            encoded(&pairs),
            "scope=a%3Ab%20c%2Fd&state=x_-.~&%C3%A9=%2B%26%3D"
        );
    }

    /// Some services want the token there.
    #[test]
    fn queries_stay_out_of_logs() {
        let call = Outgoing::get("https://a.example/user?accessToken=secret");
        let text = format!("{call:?}");
        assert!(text.contains("https://a.example/user"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_later_header_wins_and_an_illegal_one_is_a_fault() {
        let call = Outgoing::get("http://a/").header("Accept", "*/*");
        let accepts: Vec<_> = call
            .request
            .headers
            .iter()
            .filter(|(n, _)| n == ACCEPT)
            .collect();
        assert_eq!(accepts.len(), 1);
        assert_eq!(accepts[0].1, "*/*");
        assert!(
            Outgoing::get("http://a/")
                .header("x", "a\nb")
                .fault
                .is_some()
        );
    }
}
