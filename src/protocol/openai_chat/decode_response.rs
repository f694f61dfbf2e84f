//! A whole reply of an upstream → events.

use super::decode_stream::ChunkDecoder;
use crate::canonical::{Event, Failure};
use crate::codec::ReplyContext;
use crate::sse::SseParser;
use bytes::Bytes;

/// Decodes a body with status 2xx. What cannot be read is an `Event::Error` (502): the upstream's
/// fault, not the client's.
pub(super) fn decode_response(raw: &Bytes, context: &ReplyContext) -> Vec<Event> {
    let mut events = Vec::new();
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text.trim(),
        Err(_) => {
            let failure = Failure::new(502, "the upstream's reply is not UTF-8");
            events.push(Event::Error(Box::new(failure)));
            return events;
        }
    };
    let mut decoder = ChunkDecoder::new(context);
    if text.starts_with("data:") || text.starts_with(':') {
        // Services that always stream.
        replay(text, &mut decoder, &mut events);
    } else {
        decoder.payload(text, &mut events);
        decoder.conclude(true, &mut events);
    }
    events
}

fn replay(text: &str, decoder: &mut ChunkDecoder, events: &mut Vec<Event>) {
    use crate::codec::EventDecoder;
    let mut parser = SseParser::new();
    // The text is UTF-8, so the parser cannot fail.
    let fed = parser.push(text.as_bytes(), |frame| decoder.decode(frame, events));
    let rest = parser.finish(|frame| decoder.decode(frame, events));
    if fed.is_ok() && rest.is_ok() {
        decoder.finish(events);
    }
}
