//! The body of an upstream answer: bounded, decompressed, its end checked.

use actix_http::encoding::Decoder;
use actix_web::error::PayloadError;
use awc::http::header::{self, ContentEncoding};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::StreamExt;
use futures_util::stream::{self, LocalBoxStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Largest body that is read whole (`ARCHITECTURE.md` §4.3).
pub const WHOLE_BODY_MAX: usize = 64 * 1024 * 1024;

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or the bytes do not follow HTTP or the content encoding.
    #[error("the upstream connection broke: {0}")]
    Broken(String),
    /// Fewer bytes than `Content-Length` promised.
    #[error("the upstream sent {got} of {promised} bytes and closed the connection")]
    Short {
        /// Bytes that came.
        got: u64,
        /// Bytes that were announced.
        promised: u64,
    },
    /// No byte for this long.
    #[error("the upstream sent nothing for {} s", .0.as_secs())]
    Idle(Duration),
    /// More bytes than [`WHOLE_BODY_MAX`].
    #[error("the upstream answer is larger than {} MiB", WHOLE_BODY_MAX / 1024 / 1024)]
    TooLarge,
}

/// Chunks of an answer, decompressed. Dropping it closes the upstream connection.
pub struct UpstreamBody {
    chunks: LocalBoxStream<'static, Result<Bytes, PayloadError>>,
    /// Announced length, when the body is not compressed.
    promised: Option<u64>,
    got: u64,
    ended: bool,
}

impl UpstreamBody {
    /// Wraps the body of `response`.
    pub fn new<S>(response: awc::ClientResponse<S>) -> Self
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
    {
        let text = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let codings = text(header::CONTENT_ENCODING);
        let promised = match codings {
            Some(_) => None,
            None => text(header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()),
        };
        let chunks = match codings.filter(|list| list.contains(',')) {
            // One coding is undone by the client library, a stack of them is left to us.
            Some(stacked) => undo(response.boxed_local(), &stacked),
            None => response.boxed_local(),
        };
        Self {
            chunks,
            promised,
            got: 0,
            ended: false,
        }
    }

    /// A body of chunks that are not read from a socket (tests).
    pub fn from_stream(
        chunks: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
        promised: Option<u64>,
    ) -> Self {
        Self {
            chunks: chunks.boxed_local(),
            promised,
            got: 0,
            ended: false,
        }
    }

    /// Polls for the next chunk; empty chunks are skipped. After the end or an error: `None`.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            match ready!(Pin::new(&mut self.chunks).poll_next(cx)) {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    self.got += chunk.len() as u64;
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(BodyError::Broken(error.to_string()))));
                }
                None => {
                    self.ended = true;
                    // awc takes a closed connection for the end of the body.
                    return Poll::Ready(match self.promised {
                        Some(promised) if self.got < promised => Some(Err(BodyError::Short {
                            got: self.got,
                            promised,
                        })),
                        _ => None,
                    });
                }
            }
        }
    }

    /// Reads everything, at most `limit` bytes (more is [`BodyError::TooLarge`]), giving up after
    /// `idle` without a byte.
    pub async fn read_whole(
        self,
        limit: usize,
        idle: Option<Duration>,
    ) -> Result<Bytes, BodyError> {
        self.read(limit, idle, true).await
    }

    /// `sniff`: undoes a compression that only the first bytes show.
    async fn read(
        mut self,
        limit: usize,
        idle: Option<Duration>,
        sniff: bool,
    ) -> Result<Bytes, BodyError> {
        let mut first: Option<Bytes> = None;
        let mut rest: Option<BytesMut> = None;
        loop {
            let next = std::future::poll_fn(|cx| self.poll_chunk(cx));
            let chunk = match idle {
                Some(idle) => tokio::time::timeout(idle, next)
                    .await
                    .map_err(|_| BodyError::Idle(idle))?,
                None => next.await,
            };
            let Some(chunk) = chunk else { break };
            let chunk = chunk?;
            if self.got > limit as u64 {
                return Err(BodyError::TooLarge);
            }
            // One chunk, the common case, is handed on without a copy.
            match (&first, &mut rest) {
                (None, _) => first = Some(chunk),
                (Some(head), None) => {
                    let mut all = BytesMut::with_capacity((head.len() + chunk.len()) * 2);
                    all.extend_from_slice(head);
                    all.extend_from_slice(&chunk);
                    rest = Some(all);
                }
                (Some(_), Some(all)) => all.extend_from_slice(&chunk),
            }
        }
        let whole = rest.map(BytesMut::freeze).or(first).unwrap_or_default();
        match compressed(&whole) {
            Some(coding) if sniff => {
                let chunks = stream::iter([Ok(whole)]).boxed_local();
                let opened = Self::from_stream(undo(chunks, coding), None);
                Box::pin(opened.read(limit, idle, false)).await
            }
            _ => Ok(whole),
        }
    }
}

/// The coding of a body that is compressed although no header says so (E-140).
fn compressed(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}

/// Undoes the codings of a `Content-Encoding` value, the last one first.
fn undo(
    chunks: LocalBoxStream<'static, Result<Bytes, PayloadError>>,
    codings: &str,
) -> LocalBoxStream<'static, Result<Bytes, PayloadError>> {
    codings.rsplit(',').fold(chunks, |chunks, coding| {
        match coding.trim().parse::<ContentEncoding>() {
            Ok(coding) => Decoder::new(chunks, coding).boxed_local(),
            Err(_) => chunks,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: &'static [&'static str], promised: Option<u64>) -> UpstreamBody {
        let chunks = chunks.iter().map(|c| Ok(Bytes::from_static(c.as_bytes())));
        UpstreamBody::from_stream(stream::iter(chunks), promised)
    }

    #[actix_rt::test]
    async fn a_body_is_joined() {
        for (chunks, want) in [
            (&[][..], ""),
            (&["", "a"][..], "a"),
            (&["a", "b", "", "c"][..], "abc"),
        ] {
            let got = body(chunks, None).read_whole(9, None).await.unwrap();
            assert_eq!(got, want);
        }
    }

    #[actix_rt::test]
    async fn a_short_body_is_an_error() {
        let error = body(&["abc"], Some(5))
            .read_whole(9, None)
            .await
            .unwrap_err();
        assert!(matches!(
            error,
            BodyError::Short {
                got: 3,
                promised: 5
            }
        ));
    }

    #[actix_rt::test]
    async fn a_large_body_is_an_error() {
        let error = body(&["abc", "def"], None)
            .read_whole(4, None)
            .await
            .unwrap_err();
        assert!(matches!(error, BodyError::TooLarge));
    }

    #[actix_rt::test]
    async fn a_silent_body_is_an_error() {
        tokio::time::pause();
        let silent = UpstreamBody::from_stream(stream::pending(), None);
        let idle = Duration::from_secs(300);
        let error = silent.read_whole(4, Some(idle)).await.unwrap_err();
        assert!(matches!(error, BodyError::Idle(_)));
    }
}
