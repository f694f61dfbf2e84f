//! HTTP/1.1 framing, written by hand so that a fault of the daemon's library is not shared.

use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};

/// Header lines in the order and spelling they came in.
#[derive(Clone, Default, Debug)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// Returns the first value of `name`, compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let line = self
            .0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        line.map(|(_, value)| value.as_str())
    }

    /// Returns every value of `name`, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let matching = self
            .0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.as_str())
    }

    /// Whether the comma list of `name` contains `token`.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|v| v.trim().eq_ignore_ascii_case(token))
    }
}

/// First line and headers of a message.
#[derive(Clone, Debug)]
pub struct Head {
    /// `POST /v1/messages HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub first_line: String,
    /// The header lines.
    pub headers: Headers,
}

/// Bytes that are not HTTP/1.1.
#[derive(Debug)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not HTTP/1.1: {}", self.0)
    }
}

/// Takes a head off the front of `buffer`; `None` until it is complete.
pub fn take_head(buffer: &mut BytesMut) -> Result<Option<Head>, Malformed> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = buffer.split_to(end + 4);
    let text = std::str::from_utf8(&head).map_err(|error| Malformed(error.to_string()))?;
    let mut lines = text.trim_end().split("\r\n");
    let first_line = lines.next().unwrap_or_default().to_owned();
    let mut headers = Headers::default();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Malformed(format!("header line `{line}`")));
        };
        headers.0.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Head {
        first_line,
        headers,
    }))
}

/// How the end of a body is known.
pub enum Framing {
    /// `Content-Length`, with what is still missing.
    Length(u64),
    /// `Transfer-Encoding: chunked`, with what is still missing of the current chunk.
    Chunked(ChunkState),
    /// The body ends with the connection.
    UntilClose,
}

/// Where a chunked body stands.
#[derive(Clone, Copy)]
pub enum ChunkState {
    /// A size line comes next.
    Size,
    /// This many bytes of the chunk are missing.
    Data(u64),
    /// The line end behind a chunk's data comes next.
    DataEnd,
    /// The (empty) trailer comes next.
    Trailer,
    /// All of it was read.
    Done,
}

/// One step of reading a body.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Bytes of the body; of a chunked one never more than one chunk.
    Data(Bytes),
    /// More bytes have to be read first.
    NeedMore,
    /// The body is complete.
    Done,
}

impl Framing {
    /// Chooses the framing the headers announce; `otherwise` when they say nothing.
    pub fn of(headers: &Headers, otherwise: Self) -> Result<Self, Malformed> {
        if headers.lists("transfer-encoding", "chunked") {
            return Ok(Self::Chunked(ChunkState::Size));
        }
        match headers.get("content-length") {
            None => Ok(otherwise),
            Some(length) => length
                .parse()
                .map(Self::Length)
                .map_err(|_| Malformed(format!("content-length `{length}`"))),
        }
    }

    /// Takes the next piece of the body off `buffer`.
    pub fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, Malformed> {
        match self {
            Self::Length(0) => Ok(Step::Done),
            Self::Length(missing) => Ok(take(buffer, missing)),
            Self::UntilClose if buffer.is_empty() => Ok(Step::NeedMore),
            Self::UntilClose => Ok(Step::Data(buffer.split().freeze())),
            Self::Chunked(state) => chunked_step(state, buffer),
        }
    }
}

fn take(buffer: &mut BytesMut, missing: &mut u64) -> Step {
    if buffer.is_empty() {
        return Step::NeedMore;
    }
    let n = buffer
        .len()
        .min(usize::try_from(*missing).unwrap_or(usize::MAX));
    *missing -= n as u64;
    Step::Data(buffer.split_to(n).freeze())
}

fn chunked_step(state: &mut ChunkState, buffer: &mut BytesMut) -> Result<Step, Malformed> {
    loop {
        match state {
            ChunkState::Data(missing) => {
                let step = take(buffer, missing);
                if *missing == 0 {
                    *state = ChunkState::DataEnd;
                }
                return Ok(step);
            }
            ChunkState::Done => return Ok(Step::Done),
            ChunkState::Size | ChunkState::DataEnd | ChunkState::Trailer => {
                let Some(end) = buffer.windows(2).position(|window| window == b"\r\n") else {
                    return Ok(Step::NeedMore);
                };
                let line = String::from_utf8_lossy(&buffer.split_to(end)).into_owned();
                buffer.advance(2);
                *state = after_line(*state, &line)?;
            }
        }
    }
}

fn after_line(state: ChunkState, line: &str) -> Result<ChunkState, Malformed> {
    match state {
        ChunkState::Size => {
            let digits = line.split(';').next().unwrap_or_default().trim();
            match u64::from_str_radix(digits, 16) {
                Ok(0) => Ok(ChunkState::Trailer),
                Ok(size) => Ok(ChunkState::Data(size)),
                Err(_) => Err(Malformed(format!("chunk size `{line}`"))),
            }
        }
        ChunkState::DataEnd if line.is_empty() => Ok(ChunkState::Size),
        ChunkState::Trailer if line.is_empty() => Ok(ChunkState::Done),
        ChunkState::Trailer => Ok(ChunkState::Trailer),
        _ => Err(Malformed(format!("`{line}` behind a chunk"))),
    }
}
