//! Reading a client's body: bounded, decompressed.

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt};
use protocol::canonical::Failure;
use std::io::ErrorKind;

/// Largest request body (`ARCHITECTURE.md` §4.3): a guard of the memory, not a limit of any client.
pub const BODY_MAX: usize = 256 * 1024 * 1024;

/// Reads the whole body; `Content-Encoding` gzip, deflate, br and zstd are undone.
///
/// # Errors
///
/// 413 for more than [`BODY_MAX`] bytes, 400 for a body that breaks off or cannot be decompressed.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Box<Failure>> {
    let payload = payload.into_inner();
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        let decoded = actix_http::encoding::Decoder::from_headers(payload, request.headers());
        collect(decoded).await
    } else {
        collect(payload).await
    }
}

async fn collect(
    mut chunks: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
) -> Result<Bytes, Box<Failure>> {
    let Some(first) = chunks.next().await else {
        return Ok(Bytes::new());
    };
    let first = first.map_err(unreadable)?;
    let Some(second) = chunks.next().await else {
        // One chunk, the common case of small bodies, is handed on without a copy.
        return Ok(first);
    };
    let mut all = BytesMut::with_capacity(first.len() * 4);
    all.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(unreadable)?;
        if all.len() + chunk.len() > BODY_MAX {
            let text = format!(
                "Invalid request: the body is larger than {} MiB",
                BODY_MAX / 1024 / 1024
            );
            return Err(Box::new(Failure::new(413, text)));
        }
        all.extend_from_slice(&chunk);
        next = chunks.next().await;
    }
    Ok(all.freeze())
}

fn unreadable(error: PayloadError) -> Box<Failure> {
    const NOT_AS_SAID: &str = "the body is not what its Content-Encoding says";
    let text = match &error {
        PayloadError::EncodingCorrupted => NOT_AS_SAID.to_owned(),
        PayloadError::Incomplete(Some(cause)) | PayloadError::Io(cause)
            if matches!(
                cause.kind(),
                ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::Other
            ) =>
        {
            format!("{NOT_AS_SAID}: {cause}")
        }
        PayloadError::Incomplete(_) => "the body breaks off".to_owned(),
        other => other.to_string(),
    };
    Box::new(Failure::new(400, format!("Invalid request: {text}")))
}
