//! The listener a browser comes back to: only while a login is pending, only on this machine unless
//! `oauth-callback-host` says otherwise (automazeio/vibeproxy#75).

use super::super::login::{Callback, LoginCall};
use super::page::{self, Page};
use actors::login::{DeliverError, Doorbell, LoginError, LoginInput, Redirected};
use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a browser may take to send its request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Longest request head.
const HEAD_MAX: usize = 16 * 1024;

/// How long a page waits for the end of the login it tells about.
const OUTCOME_LIMIT: Duration = Duration::from_secs(45);

/// A listener for one login; closed when dropped. Nobody is heard before `while_pending`.
pub struct Listener {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
    bell: Doorbell,
    callback: Callback,
    service: &'static str,
}

impl Listener {
    /// Listens at the first usable port; `None` = nowhere, so the address must be pasted. Also
    /// returns the port for the redirect URI.
    ///
    /// # Errors
    ///
    /// [`LoginError::PortBusy`] when every port is in use, the provider takes no other, and pasting
    /// does not suffice.
    pub(super) async fn open(
        call: &LoginCall,
        callback: Callback,
    ) -> Result<(Option<Self>, u16), LoginError> {
        let registered = callback.ports.first().copied().unwrap_or_default();
        let host = call.control.config().oauth_callback_host.clone();
        let chosen = call.options().callback_port;
        let mut candidates: Vec<u16> = match chosen {
            Some(port) => vec![port],
            None => callback.ports.to_vec(),
        };
        if callback.any_port && chosen.is_none() {
            candidates.push(0);
        }
        let mut busy = None;
        let mut fault = None;
        for port in candidates {
            match bind(&host, port).await {
                Ok(sockets) => {
                    let Some(address) = sockets.first().and_then(|one| one.local_addr().ok())
                    else {
                        continue;
                    };
                    let redirect = redirect_port(callback, registered, address.port());
                    if redirect != address.port() {
                        call.talk.note(format!(
                            "the browser will go to port {redirect}, which must be forwarded to \
                             port {} here",
                            address.port()
                        ));
                    }
                    let listener = Self {
                        address,
                        sockets,
                        bell: call.talk.doorbell(),
                        callback,
                        service: call.spec.service,
                    };
                    return Ok((Some(listener), redirect));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    busy.get_or_insert(port);
                }
                // Windows reserves ranges of ports (router-for-me/CLIProxyAPI#499).
                Err(error) => fault = Some((port, error)),
            }
        }
        if let Some((port, error)) = fault {
            call.talk.note(format!(
                "cannot listen on port {port} ({error}): after you agreed, paste the address the \
                 browser ends at"
            ));
            return Ok((None, registered));
        }
        let port = busy.unwrap_or(registered);
        if call.options().paste_suffices {
            call.talk.note(format!(
                "port {port} is in use by another program: after you agreed, paste the address \
                 the browser ends at"
            ));
            return Ok((None, registered));
        }
        Err(LoginError::PortBusy { port })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves browsers until `pending` is ready. Dropping it closes the port at once.
    pub(super) async fn while_pending<T>(&self, pending: impl Future<Output = T>) -> T {
        let serving = self.sockets.iter().map(|socket| self.accept(socket));
        let serving = futures_util::future::join_all(serving);
        tokio::select! {
            ready = pending => ready,
            // Never: accepting has no end.
            _ = serving => std::future::pending().await,
        }
    }

    async fn accept(&self, socket: &TcpListener) -> std::convert::Infallible {
        loop {
            match socket.accept().await {
                Ok((stream, _)) => {
                    // A page outlives the listener: it tells how the login ended.
                    let bell = self.bell.clone();
                    let page = serve(stream, bell, self.callback, self.service);
                    tokio::task::spawn_local(page);
                }
                Err(error) => {
                    tracing::debug!(%error, "browser lost before it could be heard");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// The port the browser is sent to: the listener's, where the provider knows it.
fn redirect_port(callback: Callback, registered: u16, listening: u16) -> u16 {
    if callback.any_port || callback.ports.contains(&listening) {
        listening
    } else {
        registered
    }
}

/// Binds `host`; for loopback both families, because browsers try `[::1]` for `localhost` first.
async fn bind(host: &str, port: u16) -> std::io::Result<Vec<TcpListener>> {
    let host = host.trim_matches(['[', ']']);
    let first = TcpListener::bind((host, port)).await?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    if address.is_ipv4() && address.ip().is_loopback() {
        match TcpListener::bind((Ipv6Addr::LOCALHOST, address.port())).await {
            Ok(second) => sockets.push(second),
            // The browser would end there.
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
            Err(_) => {} // no IPv6 here
        }
    }
    Ok(sockets)
}

async fn serve(mut stream: TcpStream, bell: Doorbell, callback: Callback, service: &str) {
    let target = match tokio::time::timeout(HEAD_LIMIT, target(&mut stream)).await {
        Ok(Some(target)) => target,
        Ok(None) | Err(_) => return,
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let page = if path.trim_end_matches('/') == callback.path.trim_end_matches('/') {
        answer(&bell, query, service).await
    } else if callback.cancellable && path == "/cancel" {
        bell.cancel();
        page::cancelled()
    } else {
        page::not_found()
    };
    drop(bell);
    // A browser that is gone needs no page.
    let _written = stream.write_all(&response(&page)).await.is_ok();
    let _closed = stream.shutdown().await.is_ok();
}

/// Delivers a redirect and says how the login ended.
pub(super) async fn answer(bell: &Doorbell, query: &str, service: &str) -> Page {
    let redirected = Redirected::from_query(query);
    let Some(state) = redirected.session_state() else {
        return page::outcome(
            service,
            Err(DeliverError::Unreadable(
                "there is no `state` in the address".into(),
            )),
        );
    };
    match bell
        .deliver(state, LoginInput::Redirected(redirected))
        .await
    {
        Ok(()) => page::outcome(service, Ok(bell.outcome(OUTCOME_LIMIT).await)),
        Err(error) => page::outcome(service, Err(error)),
    }
}

/// Reads a request head; the target of a `GET`, `None` for everything else.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_MAX || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8(head).ok()?;
    let mut words = text.lines().next()?.split(' ');
    match (words.next()?, words.next()?) {
        ("GET", target) => Some(target.to_owned()),
        _ => None,
    }
}

fn response(page: &Page) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {} {}\r\ncontent-length: {}\r\nconnection: close\r\n",
        page.status,
        page.reason(),
        page.html.len()
    );
    for (name, value) in page::HEADERS {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&page.html);
    text.into_bytes()
}
