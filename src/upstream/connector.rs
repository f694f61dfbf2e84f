//! awc's connector service over [`dial`](super::dial).

use super::dial::{Io, dial};
use super::route::Route;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Longest time for name lookup, TCP and proxy together.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects to unresolved URIs over one route.
#[derive(Clone)]
pub struct Connector {
    route: Rc<Route>,
    tls: Arc<rustls::ClientConfig>,
}

impl Connector {
    /// A connector for `route`; `tls` is used towards `https` proxies.
    pub fn new(route: Route, tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            route: Rc::new(route),
            tls,
        }
    }
}

impl Service<ConnectInfo<Uri>> for Connector {
    type Response = Connection<Uri, Io>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let uri = info.request();
            let secure = uri.scheme_str() != Some("http");
            let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
            // An absolute-form request (plain target behind an HTTP proxy) names the proxy itself
            // as its authority; the pool must not share it with real targets, the route does that.
            let host = uri.host().unwrap_or_default();
            let dialled = dial(&this.route, host, port, secure, &this.tls);
            let io = tokio::time::timeout(CONNECT_LIMIT, dialled)
                .await
                .unwrap_or_else(|_| {
                    Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("no connection within {} s", CONNECT_LIMIT.as_secs()),
                    ))
                })
                .map_err(ConnectError::Io)?;
            Ok(Connection::new(info.request().clone(), io))
        })
    }
}
