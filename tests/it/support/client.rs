//! A raw HTTP/1.1 client: reads an answer piece by piece and hangs up when told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::deadline::DEADLINE;
use super::http::{Framing, Head, Headers, Step, take_head};
use super::sse::{SseEvent, SseReader};

/// Where requests go and what they carry by default.
#[derive(Clone)]
pub struct Client {
    addr: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A client that sends no credential.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            headers: Vec::new(),
        }
    }

    /// Adds a header to every request.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Authorization: Bearer <key>` to every request.
    pub fn with_key(self, key: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {key}"))
    }

    /// Starts a request; nothing is sent yet.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request {
            addr: self.addr,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: self.headers.clone(),
            body: Vec::new(),
        }
    }

    /// `GET`, answered in full.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target).send().read()
    }

    /// `POST` of a JSON body, answered in full.
    #[track_caller]
    pub fn post(&self, target: &str, body: &Value) -> Response {
        self.request("POST", target).json(body).send().read()
    }

    /// `POST` of a JSON body; the answer is read as it comes.
    #[track_caller]
    pub fn stream(&self, target: &str, body: &Value) -> Answer {
        self.request("POST", target).json(body).send()
    }
}

/// A request under construction.
#[derive(Clone)]
pub struct Request {
    addr: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Adds a header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body and its content type.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The request as it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let own = [
            ("host", self.addr.to_string()),
            ("content-length", self.body.len().to_string()),
        ];
        for (name, value) in own {
            if !self
                .headers
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
            {
                head += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        [head.as_bytes(), &self.body].concat()
    }

    /// Sends the request on a connection of its own; does not wait for the answer.
    #[track_caller]
    pub fn start(&self) -> Connection {
        let mut connection = Connection::open(self.addr);
        connection.send(&self.to_bytes());
        connection
    }

    /// Sends the request and waits for the head of the answer.
    #[track_caller]
    pub fn send(&self) -> Answer {
        self.start().answer_to(&self.method)
    }
}

/// A connection to the daemon.
pub struct Connection {
    socket: TcpStream,
    unread: BytesMut,
}

/// What a read brought.
enum Read {
    Bytes,
    /// The peer closed in order.
    End,
    /// The peer tore the connection down.
    Torn,
}

impl Connection {
    /// Connects.
    #[track_caller]
    pub fn open(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect_timeout(&addr, DEADLINE).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Self {
            socket,
            unread: BytesMut::new(),
        }
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Waits for the head of the next answer; interim answers (1xx) are skipped.
    #[track_caller]
    pub fn answer(self) -> Answer {
        self.answer_to("GET")
    }

    /// The same; an answer to `HEAD` has no body whatever its headers say.
    #[track_caller]
    pub fn answer_to(mut self, method: &str) -> Answer {
        let head = loop {
            let Some(head) = take_head(&mut self.unread).unwrap() else {
                match self.read() {
                    Read::Bytes => continue,
                    Read::End => panic!("the connection ended before an answer"),
                    Read::Torn => panic!("the connection was torn down before an answer"),
                }
            };
            if !is_interim(&head) {
                break head;
            }
        };
        Answer::new(self, head, method == "HEAD")
    }

    /// Waits until the peer closes the connection without sending anything more.
    #[track_caller]
    pub fn await_end(&mut self) {
        match self.read() {
            Read::Bytes => panic!("{:?} came instead of the end", self.unread),
            Read::End | Read::Torn => {}
        }
    }

    /// Closes this side, as a client process that ends.
    pub fn hang_up(self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Closes only the sending side.
    pub fn half_close(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Tears the connection down with a TCP reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.socket)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    #[track_caller]
    fn read(&mut self) -> Read {
        let mut piece = [0; 16 * 1024];
        match self.socket.read(&mut piece) {
            Ok(0) => Read::End,
            Ok(n) => {
                self.unread.extend_from_slice(&piece[..n]);
                Read::Bytes
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came for {DEADLINE:?}")
            }
            Err(_) => Read::Torn,
        }
    }
}

/// Whether another head follows; 101 is final, it hands the connection over.
fn is_interim(head: &Head) -> bool {
    let status = head.first_line.split(' ').nth(1).unwrap_or_default();
    status.starts_with('1') && status != "101"
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As its framing promised.
    Complete,
    /// The connection ended before that.
    Cut,
}

/// An answer whose head has arrived.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: Headers,
    connection: Connection,
    framing: Framing,
    ending: Option<Ending>,
    sse: SseReader,
    events: std::collections::VecDeque<SseEvent>,
}

impl Answer {
    #[track_caller]
    fn new(connection: Connection, head: Head, is_head: bool) -> Self {
        let mut words = head.first_line.split(' ');
        assert_eq!(words.next(), Some("HTTP/1.1"), "`{}`", head.first_line);
        let status: u16 = words.next().unwrap_or_default().parse().unwrap();
        let framing = match status {
            _ if is_head => Framing::Length(0),
            204 | 304 => Framing::Length(0),
            101 => Framing::UntilClose,
            _ => Framing::of(&head.headers, Framing::UntilClose).unwrap(),
        };
        Self {
            status,
            headers: head.headers,
            connection,
            framing,
            ending: None,
            sse: SseReader::default(),
            events: std::collections::VecDeque::new(),
        }
    }

    /// Reads the next piece of the body (of a chunked one at most a chunk); `None` at its end.
    #[track_caller]
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        while self.ending.is_none() {
            match self.framing.step(&mut self.connection.unread).unwrap() {
                Step::Data(bytes) => return Some(bytes),
                Step::Done => self.ending = Some(Ending::Complete),
                Step::NeedMore => match self.connection.read() {
                    Read::Bytes => {}
                    Read::End if matches!(self.framing, Framing::UntilClose) => {
                        self.ending = Some(Ending::Complete);
                    }
                    Read::End | Read::Torn => self.ending = Some(Ending::Cut),
                },
            }
        }
        None
    }

    /// Reads the next server-sent event or comment block; `None` at the end of the body.
    ///
    /// Panics when the body ends inside an event.
    #[track_caller]
    pub fn next_event(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let Some(chunk) = self.next_chunk() else {
                let unfinished = self.sse.unfinished();
                assert!(
                    unfinished.is_empty(),
                    "the body ends inside an event: {unfinished:?}"
                );
                return None;
            };
            self.events.extend(self.sse.push(&chunk));
        }
    }

    /// Reads the remaining events.
    #[track_caller]
    pub fn events(&mut self) -> Vec<SseEvent> {
        std::iter::from_fn(|| self.next_event()).collect()
    }

    /// How the body ended; `None` while it has not been read to its end.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Reads the rest of the body.
    #[track_caller]
    pub fn read(mut self) -> Response {
        let mut body = Vec::new();
        while let Some(chunk) = self.next_chunk() {
            body.extend_from_slice(&chunk);
        }
        let ending = self.ending.unwrap_or(Ending::Cut);
        Response {
            status: self.status,
            headers: self.headers,
            body,
            ending,
        }
    }

    /// Leaves in the middle of the answer, as a client process that ends.
    pub fn hang_up(self) {
        self.connection.hang_up();
    }

    /// Leaves in the middle of the answer with a TCP reset.
    pub fn reset(self) {
        self.connection.reset();
    }

    /// Gives the connection back, for the next request or another protocol.
    pub fn into_connection(self) -> Connection {
        self.connection
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// How the body ended.
    pub ending: Ending,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics with the body when it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in the answer {} `{}`", self.status, self.text()),
        }
    }

    /// The body as JSON after a check of the status.
    #[track_caller]
    pub fn expect_json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The body as server-sent events; panics when it was cut.
    #[track_caller]
    pub fn events(&self) -> Vec<SseEvent> {
        assert_eq!(
            self.ending,
            Ending::Complete,
            "the connection ended inside the body"
        );
        super::sse::parse_sse(&self.body)
    }
}
