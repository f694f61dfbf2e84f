//! HTTP calls that belong to accounts, not to requests: made on the control thread.

use super::headers::PRODUCT;
use crate::upstream::client::UpstreamRequest;
use crate::upstream::route::EnvironmentProxies;
use crate::upstream::{Clients, Route};
use actix_web::http::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use actix_web::http::{Method, StatusCode};
use actors::config::{Config, Proxy};
use actors::domain::record::CredentialRecord;
use actors::domain::snapshot::Snapshot;
use actors::published::Published;
use bytes::Bytes;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest such call, from dialling to the last byte.
const CALL_LIMIT: Duration = Duration::from_secs(120);

/// Largest answer of such a call.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

thread_local! {
    static CLIENTS: RefCell<Option<Rc<Clients>>> = const { RefCell::new(None) };
}

/// What drivers call with.
pub struct Control {
    tls: Arc<rustls::ClientConfig>,
    environment: EnvironmentProxies,
    /// Set when the actors run: drivers follow the configuration.
    snapshot: OnceLock<Arc<Published<Snapshot>>>,
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

impl Control {
    /// For drivers of one daemon.
    pub fn new(tls: Arc<rustls::ClientConfig>, environment: EnvironmentProxies) -> Self {
        Self {
            tls,
            environment,
            snapshot: OnceLock::new(),
        }
    }

    /// Lets drivers follow the configuration; later calls change nothing.
    pub fn follow(&self, snapshot: Arc<Published<Snapshot>>) {
        let _first = self.snapshot.set(snapshot).is_ok();
    }

    /// `GET url` with the credential's key as a bearer token, its headers and its proxy.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn get(&self, record: &CredentialRecord, url: String) -> Result<Bytes, ControlError> {
        let config = self
            .snapshot
            .get()
            .map(|snapshot| Arc::clone(&snapshot.get().config));
        let config = config.unwrap_or_else(|| Arc::new(Config::default()));
        let mut headers = vec![
            (ACCEPT, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(PRODUCT)),
        ];
        if let Some(secret) = &record.secret {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose()))
                .map_err(|_| ControlError::NoAnswer("the key is not legal in HTTP".into()))?;
            headers.push((AUTHORIZATION, bearer));
        }
        for (name, value) in &record.settings.headers {
            let actors::config::HeaderValue::Fixed(value) = value else {
                continue; // There is no client whose header could be copied.
            };
            let pair = HeaderName::from_bytes(name.as_bytes())
                .ok()
                .zip(HeaderValue::from_str(value.expose()).ok());
            if let Some((name, value)) = pair {
                headers.retain(|(known, _)| *known != name);
                headers.push((name, value));
            }
        }
        let request = UpstreamRequest {
            method: Method::GET,
            url,
            headers,
            body: Bytes::new(),
        };
        let proxy = proxy(&record.settings.proxy, &config.proxy);
        let call = async {
            let reply = self
                .clients()
                .send(&request, proxy, &config.upstream_rewrites)
                .await
                .map_err(|error| ControlError::NoAnswer(error.to_string()))?;
            let status = reply.status;
            let body = reply
                .body
                .read_whole(ANSWER_MAX, None)
                .await
                .map_err(|error| ControlError::NoAnswer(error.to_string()))?;
            if status == StatusCode::OK {
                return Ok(body);
            }
            let dialect = protocol::Dialect::OpenAiChat;
            Err(ControlError::Refused {
                status: status.as_u16(),
                message: protocol::failure::decode(status.as_u16(), &body, dialect).message,
            })
        };
        tokio::time::timeout(CALL_LIMIT, call)
            .await
            .unwrap_or_else(|_| {
                let text = format!("no answer within {} s", CALL_LIMIT.as_secs());
                Err(ControlError::NoAnswer(text))
            })
    }

    fn clients(&self) -> Rc<Clients> {
        CLIENTS.with_borrow_mut(|clients| {
            Rc::clone(clients.get_or_insert_with(|| {
                Rc::new(Clients::new(
                    Arc::clone(&self.tls),
                    self.environment.clone(),
                ))
            }))
        })
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
