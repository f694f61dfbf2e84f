//! Proxies that note who asked for what, and lead everything to one address.
//!
//! Targets need no name service: a proxy that is asked for `api.example.test` proves that the
//! daemon left the name to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use super::http::take_head;
use super::listener::Listener;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP: `CONNECT` and requests with a whole URL.
    Http,
    /// SOCKS5 with names.
    Socks5,
    /// HTTP, but it refuses everything with 403.
    RefusingHttp,
    /// SOCKS5, but it refuses everything.
    RefusingSocks5,
}

/// What somebody asked a proxy for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `CONNECT host:port`, `POST http://host/path`, `SOCKS5 host:port`.
    pub what: String,
    /// `user:password`.
    pub login: Option<String>,
}

/// A proxy on a free port; it ends when dropped.
pub struct Proxy {
    listener: Listener,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// Starts a proxy that connects to `to`, whatever it is asked for.
    pub fn start(kind: Kind, to: SocketAddr) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        let listener = Listener::start(move |socket| {
            let notes = Arc::clone(&notes);
            async move {
                // A peer that leaves in the middle is no fault of the proxy.
                let _ = match kind {
                    Kind::Http | Kind::RefusingHttp => http(socket, kind, to, &notes).await,
                    Kind::Socks5 | Kind::RefusingSocks5 => socks(socket, kind, to, &notes).await,
                };
            }
        });
        Self { listener, asked }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Everything it was asked for: once per connection.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

async fn http(
    mut socket: TcpStream,
    kind: Kind,
    to: SocketAddr,
    notes: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    let mut read = BytesMut::new();
    let (head, raw) = loop {
        let before = read.clone();
        if let Some(head) = take_head(&mut read).map_err(|what| io::Error::other(what.0))? {
            break (head, before);
        }
        if socket.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let login = head.headers.get("proxy-authorization").map(|value| {
        let encoded = value.strip_prefix("Basic ").unwrap_or(value);
        let decoded = STANDARD.decode(encoded).unwrap_or_default();
        String::from_utf8_lossy(&decoded).into_owned()
    });
    let what = head.first_line.trim_end_matches(" HTTP/1.1").to_owned();
    let connect = what.starts_with("CONNECT ");
    notes.lock().push(Asked { what, login });
    if kind == Kind::RefusingHttp {
        let refusal = b"HTTP/1.1 403 Not here\r\ncontent-length: 0\r\n\r\n";
        return socket.write_all(refusal).await;
    }
    let mut target = TcpStream::connect(to).await?;
    if connect {
        socket.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
        target.write_all(&read).await?;
    } else {
        target.write_all(&raw).await?;
    }
    copy_bidirectional(&mut socket, &mut target)
        .await
        .map(|_| ())
}

async fn socks(
    mut socket: TcpStream,
    kind: Kind,
    to: SocketAddr,
    notes: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    let version = socket.read_u8().await?;
    if version != 5 {
        return Err(io::Error::other(format!("SOCKS version {version}")));
    }
    let methods = short_string(&mut socket).await?;
    let with_password = methods.contains(&2);
    socket
        .write_all(&[5, if with_password { 2 } else { 0 }])
        .await?;
    let mut login = None;
    if with_password {
        socket.read_u8().await?;
        let user = text(short_string(&mut socket).await?);
        let password = text(short_string(&mut socket).await?);
        login = Some(format!("{user}:{password}"));
        socket.write_all(&[1, 0]).await?;
    }
    let mut head = [0; 4];
    socket.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => {
            let mut address = [0; 4];
            socket.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => text(short_string(&mut socket).await?),
        other => return Err(io::Error::other(format!("SOCKS address kind {other}"))),
    };
    let port = socket.read_u16().await?;
    notes.lock().push(Asked {
        what: format!("SOCKS5 {host}:{port}"),
        login,
    });
    if kind == Kind::RefusingSocks5 {
        return socket.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    let mut target = TcpStream::connect(to).await?;
    socket.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut socket, &mut target)
        .await
        .map(|_| ())
}

/// One byte of length, then that many bytes.
async fn short_string(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = socket.read_u8().await?;
    let mut bytes = vec![0; length.into()];
    socket.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
