//! What a scripted upstream answers.

use bytes::Bytes;
use serde_json::Value;

use crate::support::gate::Gate;

/// One step of an answer.
#[derive(Clone)]
pub enum Part {
    /// Bytes of the body.
    Bytes(Bytes),
    /// From here on, body bytes leave in writes (and chunks) of at most this many bytes.
    SplitEvery(usize),
    /// Nothing more until the test opens the gate.
    Wait(Gate),
    /// Nothing more, ever: the connection stays open until the peer closes it.
    Stall,
    /// The connection is torn down with a TCP reset.
    Reset,
    /// The connection is closed in order, however much of the body is missing.
    CloseEarly,
    /// Bytes put on the wire as they are, outside the body's framing.
    Garbage(Bytes),
}

/// How the body's end is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// `Content-Length`, the sum of the body's bytes.
    Length,
    /// `Content-Length` of this many bytes, whatever the body has.
    LengthOf(u64),
    /// `Transfer-Encoding: chunked`, one chunk per write.
    Chunked,
    /// Neither: the body ends with the connection.
    UntilClose,
}

/// A scripted answer.
#[derive(Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header lines beside those of the framing.
    pub headers: Vec<(String, String)>,
    /// How the body's end is announced.
    pub framing: BodyFraming,
    /// Steps before the first byte of the head.
    pub before_head: Vec<Part>,
    /// Steps of the body.
    pub parts: Vec<Part>,
}

impl Reply {
    /// An answer without headers or body.
    pub fn new(status: u16) -> Self {
        let framing = BodyFraming::Length;
        Self {
            status,
            headers: Vec::new(),
            framing,
            before_head: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// An answer with a text body.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", body.into())
    }

    /// An answer with a body of any kind.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(status)
            .header("content-type", content_type)
            .part(Part::Bytes(body.into()))
    }

    /// A chunked event stream; every frame is one write.
    pub fn sse<F: Into<Bytes>>(frames: impl IntoIterator<Item = F>) -> Self {
        let mut reply = Self::new(200).header("content-type", "text/event-stream; charset=utf-8");
        reply.framing = BodyFraming::Chunked;
        reply.parts = frames
            .into_iter()
            .map(|frame| Part::Bytes(frame.into()))
            .collect();
        reply
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes the framing.
    pub fn framing(mut self, framing: BodyFraming) -> Self {
        self.framing = framing;
        self
    }

    /// Appends a step.
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Puts a step before the head.
    pub fn before_head(mut self, part: Part) -> Self {
        self.before_head.push(part);
        self
    }

    /// Puts a step before the part at `index`: `insert(0, …)` comes right behind the head.
    pub fn insert(mut self, index: usize, part: Part) -> Self {
        self.parts.insert(index, part);
        self
    }

    /// Sends the body in writes of at most `n` bytes.
    pub fn split_every(self, n: usize) -> Self {
        self.insert(0, Part::SplitEvery(n))
    }

    /// Keeps the first `n` parts and drops the rest.
    pub fn truncate(mut self, n: usize) -> Self {
        self.parts.truncate(n);
        self
    }

    /// How many bytes the parts of the body have.
    pub fn body_len(&self) -> usize {
        let bytes = self.parts.iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.len(),
            _ => 0,
        });
        bytes.sum()
    }
}
