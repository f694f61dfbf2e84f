//! Opens a TCP connection to a host, through a proxy where the route says so.

use super::route::{Endpoint, Route};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Head start of one address before the next is tried beside it (RFC 8305 names 250 ms).
const STAGGER: Duration = Duration::from_millis(300);

/// Longest answer head of a proxy.
const PROXY_HEAD_MAX: usize = 16 * 1024;

/// A connection to an upstream host, ready for TLS or plain HTTP.
#[derive(Debug)]
pub enum Io {
    /// TCP.
    Plain(TcpStream),
    /// TCP inside TLS to an HTTPS proxy.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl actix_rt::net::ActixStream for Io {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<actix_rt::net::Ready>> {
        actix_rt::net::ActixStream::poll_read_ready(self.tcp(), cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<actix_rt::net::Ready>> {
        actix_rt::net::ActixStream::poll_write_ready(self.tcp(), cx)
    }
}

/// Connects to `host:port` over `route`. `secure` tells whether TLS to the host follows; only then is
/// an HTTP proxy asked to open a tunnel. Errors name the proxy when it is at fault.
pub async fn dial(
    route: &Route,
    host: &str,
    port: u16,
    secure: bool,
    tls: &Arc<rustls::ClientConfig>,
) -> io::Result<Io> {
    let host = host.trim_matches(['[', ']']);
    match route {
        Route::Direct => Ok(Io::Plain(connect(host, port).await?)),
        Route::Socks5 { proxy, login } => {
            let tcp = connect_proxy(proxy).await?;
            let target = (host, port);
            let stream = match login {
                Some((user, password)) => {
                    tokio_socks::tcp::Socks5Stream::connect_with_password_and_socket(
                        tcp, target, user, password,
                    )
                    .await
                }
                None => tokio_socks::tcp::Socks5Stream::connect_with_socket(tcp, target).await,
            };
            let stream = stream.map_err(|error| via(proxy, &error.to_string()))?;
            Ok(Io::Plain(stream.into_inner()))
        }
        Route::Http {
            proxy,
            tls: proxy_tls,
            authorization,
        } => {
            let tcp = connect_proxy(proxy).await?;
            let mut io = if *proxy_tls {
                Io::Tls(Box::new(proxy_handshake(proxy, tcp, tls).await?))
            } else {
                Io::Plain(tcp)
            };
            if secure {
                tunnel(&mut io, host, port, authorization.as_deref())
                    .await
                    .map_err(|error| via(proxy, &error.to_string()))?;
            }
            Ok(io)
        }
    }
}

fn via(proxy: &Endpoint, message: &str) -> io::Error {
    io::Error::other(format!(
        "proxy {}:{} refused: {message}",
        proxy.host, proxy.port
    ))
}

async fn connect_proxy(proxy: &Endpoint) -> io::Result<TcpStream> {
    connect(&proxy.host, proxy.port)
        .await
        .map_err(|error| via(proxy, &error.to_string()))
}

async fn proxy_handshake(
    proxy: &Endpoint,
    tcp: TcpStream,
    tls: &Arc<rustls::ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let name = rustls::pki_types::ServerName::try_from(proxy.host.clone())
        .map_err(|error| via(proxy, &error.to_string()))?;
    // The tunnel speaks HTTP/1.1 whatever the target speaks inside it.
    let mut config = (**tls).clone();
    config.alpn_protocols = Vec::new();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(|error| via(proxy, &error.to_string()))
}

async fn tunnel(io: &mut Io, host: &str, port: u16, authorization: Option<&str>) -> io::Result<()> {
    let target = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(value) = authorization {
        head.push_str(&format!("Proxy-Authorization: {value}\r\n"));
    }
    head.push_str("\r\n");
    io.write_all(head.as_bytes()).await?;
    io.flush().await?;
    // Byte by byte: what follows the blank line already belongs to the tunnel.
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_HEAD_MAX {
            return Err(io::Error::other("answer head is too long"));
        }
        answer.push(io.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some(code) if code.starts_with('2') => Ok(()),
        _ => Err(io::Error::other(status.to_owned())),
    }
}

/// Connects to the first address that answers: families alternate, each gets a head start.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = alternate(tokio::net::lookup_host((host, port)).await?.collect());
    let mut attempts: FuturesUnordered<_> = addresses
        .iter()
        .enumerate()
        .map(|(n, address)| async move {
            if n > 0 {
                tokio::time::sleep(STAGGER * u32::try_from(n).unwrap_or(u32::MAX)).await;
            }
            TcpStream::connect(address).await
        })
        .collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(tcp) => {
                set_options(&tcp);
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Addresses with the families taking turns, the resolver's first choice first.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut turns = Vec::new();
    for address in first {
        turns.push(address);
        turns.extend(second.next());
    }
    turns.extend(second);
    turns
}

fn set_options(tcp: &TcpStream) {
    // Without it small frames of HTTP/2 wait for delayed acknowledgements (40 ms).
    let nodelay = tcp.set_nodelay(true);
    let socket = socket2::SockRef::from(tcp);
    let probes = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(15));
    // The only guard against a peer that vanished without a word.
    let keep_alive = socket.set_tcp_keepalive(&probes);
    if let Err(error) = nodelay.and(keep_alive) {
        tracing::debug!(%error, "socket option refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let a = |s: &str| s.parse::<SocketAddr>().unwrap();
        assert_eq!(
            alternate(vec![a("[::1]:1"), a("[::2]:1"), a("1.1.1.1:1")]),
            vec![a("[::1]:1"), a("1.1.1.1:1"), a("[::2]:1")]
        );
        assert_eq!(
            alternate(vec![a("1.1.1.1:1"), a("[::1]:1"), a("[::2]:1")]),
            vec![a("1.1.1.1:1"), a("[::1]:1"), a("[::2]:1")]
        );
    }
}
