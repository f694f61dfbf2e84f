//! HTTP clients of one worker thread, one per route, and the one place where requests leave.

use super::body::UpstreamBody;
use super::connector::Connector;
use super::route::{EnvironmentProxies, Route};
use actors::config::UpstreamRewrite;
use awc::error::{ConnectError, SendRequestError};
use awc::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use awc::http::{Method, StatusCode, Uri};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a response head. Models that think without streaming take minutes.
pub const HEAD_LIMIT: Duration = Duration::from_secs(600);

/// A request ready to be sent.
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers, `Content-Length` and `Host` aside.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body; shared between attempts, never copied.
    pub body: Bytes,
}

/// An answer whose head has arrived.
pub struct UpstreamReply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: UpstreamBody,
}

/// Why no answer head arrived.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The URL or the proxy URL cannot be used: configuration.
    #[error("{0}")]
    Misconfigured(String),
    /// No connection: nothing was sent.
    #[error("cannot connect to {host}: {cause}")]
    Connect {
        /// Target host.
        host: String,
        /// What the system or the proxy said.
        cause: String,
    },
    /// The request may have been sent, no answer came.
    #[error("{host} closed the connection without an answer: {cause}")]
    NoAnswer {
        /// Target host.
        host: String,
        /// What was seen.
        cause: String,
    },
    /// No head within [`HEAD_LIMIT`].
    #[error("{host} did not answer within {} s", HEAD_LIMIT.as_secs())]
    HeadTimeout {
        /// Target host.
        host: String,
    },
}

/// The clients of one thread.
pub struct Clients {
    tls: Arc<rustls::ClientConfig>,
    environment: EnvironmentProxies,
    by_route: RefCell<HashMap<Route, awc::Client>>,
}

impl Clients {
    /// No connection yet. `tls` is shared by all threads.
    pub fn new(tls: Arc<rustls::ClientConfig>, environment: EnvironmentProxies) -> Self {
        Self {
            tls,
            environment,
            by_route: RefCell::default(),
        }
    }

    /// Sends `request`. `proxy_url` is the configured proxy (`None` = the environment decides);
    /// `rewrites` is `upstream-rewrites`, the longest matching prefix wins.
    ///
    /// A pooled connection that the peer had closed is replaced by a fresh one once.
    pub async fn send(
        &self,
        request: &UpstreamRequest,
        proxy_url: Option<&str>,
        rewrites: &[UpstreamRewrite],
    ) -> Result<UpstreamReply, UpstreamError> {
        let url = rewrite(&request.url, rewrites);
        let uri: Uri = url
            .parse()
            .map_err(|error| UpstreamError::Misconfigured(format!("`{url}`: {error}")))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(UpstreamError::Misconfigured(format!(
                "`{url}` is not an absolute URL; check `base-url`"
            )));
        };
        let secure = scheme == "https";
        let host = host.to_owned();
        let route = match proxy_url {
            Some(text) => Route::parse(text)
                .map_err(|error| UpstreamError::Misconfigured(error.to_string()))?,
            None => self.environment.route(secure, &host),
        };
        let client = self.client(&route);
        let (uri, proxy_headers) = if secure {
            (uri, Vec::new())
        } else {
            absolute_form(uri, &route)?
        };
        let attempt = || {
            let mut call = client.request(request.method.clone(), uri.clone());
            for (name, value) in &request.headers {
                call.headers_mut().append(name.clone(), value.clone());
            }
            for (name, value) in &proxy_headers {
                call.headers_mut().insert(name.clone(), value.clone());
            }
            call.send_body(request.body.clone())
        };
        let sent = async {
            match attempt().await {
                Err(error) if is_stale_connection(&error) => attempt().await,
                other => other,
            }
        };
        let response = tokio::time::timeout(HEAD_LIMIT, sent)
            .await
            .map_err(|_| UpstreamError::HeadTimeout { host: host.clone() })?
            .map_err(|error| classify(host, &error))?;
        Ok(UpstreamReply {
            status: response.status(),
            headers: response.headers().clone(),
            body: UpstreamBody::new(response),
        })
    }

    fn client(&self, route: &Route) -> awc::Client {
        if let Some(client) = self.by_route.borrow().get(route) {
            return client.clone();
        }
        let connector = awc::Connector::new()
            .connector(Connector::new(route.clone(), Arc::clone(&self.tls)))
            .rustls_0_23(Arc::clone(&self.tls))
            // The default stalls the 101st open stream of a thread.
            .limit(0)
            .timeout(super::connector::CONNECT_LIMIT)
            .handshake_timeout(super::connector::CONNECT_LIMIT);
        let client = awc::Client::builder()
            .connector(connector)
            .disable_timeout()
            .disable_redirects()
            .no_default_headers()
            .finish();
        self.by_route
            .borrow_mut()
            .insert(route.clone(), client.clone());
        client
    }
}

/// The TLS settings of all upstream connections: ring, the system's roots (`SSL_CERT_FILE` is
/// honoured) and Mozilla's, HTTP/2 and HTTP/1.1. Also returns what of the system's store could not
/// be read.
pub fn tls_config() -> Result<(Arc<rustls::ClientConfig>, Vec<String>), rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let faults = native.errors.iter().map(ToString::to_string).collect();
    Ok((Arc::new(config), faults))
}

/// Applies the longest matching prefix of `upstream-rewrites` (`ARCHITECTURE.md` §15, 18).
fn rewrite<'a>(url: &'a str, rewrites: &[UpstreamRewrite]) -> std::borrow::Cow<'a, str> {
    let longest = rewrites
        .iter()
        .filter(|rule| url.starts_with(rule.from.as_str()))
        .max_by_key(|rule| rule.from.len());
    match longest {
        Some(rule) => format!("{}{}", rule.to, &url[rule.from.len()..]).into(),
        None => url.into(),
    }
}

/// For a plain target behind an HTTP proxy: the request goes to the proxy with the whole URL in the
/// request line (RFC 9112 §3.2.2), because many proxies refuse `CONNECT` to port 80. Other routes
/// leave the URI as it is.
fn absolute_form(
    uri: Uri,
    route: &Route,
) -> Result<(Uri, Vec<(HeaderName, HeaderValue)>), UpstreamError> {
    let Route::Http {
        proxy,
        authorization,
        ..
    } = route
    else {
        return Ok((uri, Vec::new()));
    };
    let authority = if proxy.host.contains(':') {
        format!("[{}]:{}", proxy.host, proxy.port)
    } else {
        format!("{}:{}", proxy.host, proxy.port)
    };
    let misfit = |error: &dyn std::fmt::Display| UpstreamError::Misconfigured(error.to_string());
    let absolute = Uri::builder()
        .scheme("http")
        .authority(authority.as_str())
        .path_and_query(uri.to_string())
        .build()
        .map_err(|error| misfit(&error))?;
    let host = uri.authority().map(|a| a.as_str()).unwrap_or_default();
    let pairs = [
        (header::HOST, Some(host)),
        (header::PROXY_AUTHORIZATION, authorization.as_deref()),
    ];
    let mut headers = Vec::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            headers.push((name, HeaderValue::from_str(value).map_err(|e| misfit(&e))?));
        }
    }
    Ok((absolute, headers))
}

/// True when the peer closed a pooled connection before it saw the request: no answer byte came, so
/// the same request may be sent once more.
fn is_stale_connection(error: &SendRequestError) -> bool {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) => true,
        SendRequestError::Response(actix_http::error::ParseError::Io(io))
        | SendRequestError::Send(io) => matches!(
            io.kind(),
            std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::BrokenPipe
                | std::io::ErrorKind::ConnectionAborted
                | std::io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

fn classify(host: String, error: &SendRequestError) -> UpstreamError {
    match error {
        SendRequestError::Url(error) => UpstreamError::Misconfigured(error.to_string()),
        SendRequestError::Connect(ConnectError::Disconnected) => UpstreamError::NoAnswer {
            host,
            cause: "disconnected".to_owned(),
        },
        SendRequestError::Connect(error) => UpstreamError::Connect {
            host,
            cause: chain(error),
        },
        other => UpstreamError::NoAnswer {
            host,
            cause: chain(other),
        },
    }
}

/// The error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rewrite_wins() {
        let rule = |from: &str, to: &str| UpstreamRewrite {
            from: from.into(),
            to: to.into(),
        };
        let rewrites = [
            rule("https://a/", "http://one/"),
            rule("https://a/v1/", "http://two/"),
        ];
        assert_eq!(rewrite("https://a/x", &rewrites), "http://one/x");
        assert_eq!(rewrite("https://a/v1/x", &rewrites), "http://two/x");
        assert_eq!(rewrite("https://b/x", &rewrites), "https://b/x");
    }

    #[test]
    fn a_plain_target_is_named_whole_to_the_proxy() {
        let uri: Uri = "http://up.example:8080/v1?x=1".parse().unwrap();
        let route = Route::parse("http://u:p@proxy:3128").unwrap();
        let (absolute, headers) = absolute_form(uri, &route).unwrap();
        assert_eq!(absolute.authority().unwrap(), "proxy:3128");
        assert_eq!(
            absolute.path_and_query().unwrap(),
            "http://up.example:8080/v1?x=1"
        );
        assert_eq!(headers[0].1, "up.example:8080");
        assert_eq!(headers[1].1, "Basic dTpw");
    }
}
