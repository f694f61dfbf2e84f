//! An upstream's whole reply → events.

use super::decoder::Decoder;
use super::wire_in::{Head, StopIn, Whole};
use crate::canonical::{Event, Failure};
use crate::codec::{CodecError, Dialect, ReplyContext};
use crate::failure::decode_event;
use bytes::Bytes;

/// Decodes a whole reply.
pub(super) fn decode(raw: &Bytes, context: &ReplyContext) -> Result<Vec<Event>, CodecError> {
    let unreadable = |error: serde_json::Error| CodecError::Invalid {
        path: String::new(),
        message: format!("the upstream's reply cannot be read: {error}"),
    };
    let whole: Whole<'_> = serde_json::from_slice(raw).map_err(unreadable)?;
    let mut decoder = Decoder::new(context);
    let mut out = Vec::new();
    let Some(content) = whole.content else {
        let failure = if whole.kind.as_deref() == Some("error") {
            // `from_slice` read it, so it is UTF-8.
            decode_event(&String::from_utf8_lossy(raw), Dialect::Anthropic)
        } else {
            Failure::new(502, "the upstream's reply is no Anthropic message")
        };
        decoder.fail(failure, &mut out);
        return Ok(out);
    };
    let head = Head {
        id: whole.id,
        model: whole.model,
        usage: whole.usage,
    };
    decoder.head(head, &mut out);
    for block in content {
        decoder.whole_block(block, &mut out).map_err(unreadable)?;
    }
    decoder.remember_stop(StopIn {
        stop_reason: whole.stop_reason,
        stop_sequence: whole.stop_sequence,
        stop_details: whole.stop_details,
    });
    decoder.end(&mut out);
    Ok(out)
}
