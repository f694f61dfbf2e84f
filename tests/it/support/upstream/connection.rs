//! One connection of a scripted upstream.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::reply::{BodyFraming, Part, Reply};
use super::{HowClosed, Recorded, Shared};
use crate::support::http::{Framing, Head, Malformed, Step, take_head};

/// Serves requests until either side ends the connection.
pub async fn serve(socket: TcpStream, id: usize, shared: Arc<Shared>) {
    // Otherwise the kernel would join the small writes that a script splits on purpose.
    socket.set_nodelay(true).unwrap();
    let mut peer = Peer {
        socket,
        unread: BytesMut::new(),
    };
    let how = loop {
        let request = match peer.request(id).await {
            Ok(request) => request,
            Err(Broken::Closed(how)) => break how,
            Err(Broken::Malformed(what)) => {
                shared.fault(what.to_string());
                break HowClosed::ByScript;
            }
        };
        let is_head = request.method == "HEAD";
        let reply = shared.answer(move |index| Recorded { index, ..request });
        if let Err(how) = peer.write(&reply, is_head).await {
            break how;
        }
    };
    // First closed, then told: whoever waits for the end finds the port really free.
    drop(peer);
    shared.closed(id, how);
}

/// Why no request could be read.
enum Broken {
    Closed(HowClosed),
    Malformed(Malformed),
}

impl From<HowClosed> for Broken {
    fn from(how: HowClosed) -> Self {
        Self::Closed(how)
    }
}

impl From<Malformed> for Broken {
    fn from(what: Malformed) -> Self {
        Self::Malformed(what)
    }
}

struct Peer {
    socket: TcpStream,
    unread: BytesMut,
}

impl Peer {
    async fn request(&mut self, connection: usize) -> Result<Recorded, Broken> {
        let head = loop {
            if let Some(head) = take_head(&mut self.unread)? {
                break head;
            }
            self.read().await?;
        };
        let body = self.body(&head).await?;
        let mut words = head.first_line.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(Malformed(format!("request line `{}`", head.first_line)).into());
        };
        let (headers, at) = (head.headers, Instant::now());
        Ok(Recorded {
            index: 0,
            connection,
            method,
            target,
            headers,
            body,
            at,
        })
    }

    async fn body(&mut self, head: &Head) -> Result<Vec<u8>, Broken> {
        let mut framing = Framing::of(&head.headers, Framing::Length(0))?;
        let mut body = Vec::new();
        loop {
            match framing.step(&mut self.unread)? {
                Step::Data(bytes) => body.extend_from_slice(&bytes),
                Step::NeedMore => self.read().await?,
                Step::Done => return Ok(body),
            }
        }
    }

    async fn read(&mut self) -> Result<(), HowClosed> {
        match self.socket.read_buf(&mut self.unread).await {
            Ok(0) => Err(HowClosed::ByPeer),
            Ok(_) => Ok(()),
            Err(_) => Err(HowClosed::ResetByPeer),
        }
    }

    /// Ends only when the peer does; what it sends meanwhile is kept for the next request.
    async fn gone(&mut self) -> HowClosed {
        loop {
            if let Err(how) = self.read().await {
                return how;
            }
        }
    }

    async fn write(&mut self, reply: &Reply, is_head: bool) -> Result<(), HowClosed> {
        // Nothing of the body counts before the head, so its framing is that of raw bytes.
        let mut before = Writer {
            peer: self,
            chunked: false,
            split_every: usize::MAX,
        };
        before.parts(&reply.before_head).await?;
        self.put(head_of(reply).as_bytes()).await?;
        if is_head || matches!(reply.status, 100..=199 | 204 | 304) {
            return Ok(());
        }
        let chunked = reply.framing == BodyFraming::Chunked;
        let mut body = Writer {
            peer: self,
            chunked,
            split_every: usize::MAX,
        };
        body.parts(&reply.parts).await?;
        match reply.framing {
            BodyFraming::Chunked => self.put(b"0\r\n\r\n").await,
            BodyFraming::UntilClose => Err(HowClosed::ByScript),
            BodyFraming::Length | BodyFraming::LengthOf(_) => Ok(()),
        }
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), HowClosed> {
        let closed = |_: io::Error| HowClosed::ResetByPeer;
        self.socket.write_all(bytes).await.map_err(closed)?;
        self.socket.flush().await.map_err(closed)
    }
}

struct Writer<'a> {
    peer: &'a mut Peer,
    chunked: bool,
    split_every: usize,
}

impl Writer<'_> {
    async fn parts(&mut self, parts: &[Part]) -> Result<(), HowClosed> {
        for part in parts {
            match part {
                Part::Bytes(bytes) => self.body(bytes).await?,
                Part::SplitEvery(n) => self.split_every = (*n).max(1),
                Part::Garbage(bytes) => self.peer.put(bytes).await?,
                Part::Wait(gate) => tokio::select! {
                    () = gate.pass() => {}
                    how = self.peer.gone() => return Err(how),
                },
                Part::Stall => return Err(self.peer.gone().await),
                Part::Reset => {
                    let socket = socket2::SockRef::from(&self.peer.socket);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                    return Err(HowClosed::ByScript);
                }
                Part::CloseEarly => return Err(HowClosed::ByScript),
            }
        }
        Ok(())
    }

    async fn body(&mut self, bytes: &Bytes) -> Result<(), HowClosed> {
        for piece in bytes.chunks(self.split_every) {
            if self.chunked {
                let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
                framed.extend_from_slice(piece);
                framed.extend_from_slice(b"\r\n");
                self.peer.put(&framed).await?;
            } else {
                self.peer.put(piece).await?;
            }
            // Lets a daemon on a busy machine see the pieces apart more often than not.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

fn head_of(reply: &Reply) -> String {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = match reply.framing {
        // Statuses without a body carry no length either.
        _ if matches!(reply.status, 100..=199 | 204 | 304) => Ok(()),
        BodyFraming::Length => write!(head, "content-length: {}\r\n", reply.body_len()),
        BodyFraming::LengthOf(length) => write!(head, "content-length: {length}\r\n"),
        BodyFraming::Chunked => write!(head, "transfer-encoding: chunked\r\n"),
        BodyFraming::UntilClose => write!(head, "connection: close\r\n"),
    };
    head + "\r\n"
}
