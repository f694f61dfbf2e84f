//! OpenAI Responses (`openai-responses.md`).

mod annotation;
pub mod conversation;
mod decode_events;
mod decode_items;
mod decode_request;
mod decode_tools;
mod echo;
mod encode_events;
mod encode_items;
mod encode_request;
mod encode_tools;
mod failures;
mod fault;
mod fold;
mod ids;
mod output;
mod patch;
mod patch_codex;
mod patch_items;
mod patch_tools;
mod read;
mod relay;
mod signed;
mod usage;
mod wire;

#[cfg(test)]
mod tests;

pub use fold::ResponseFold;

use crate::canonical::{Event, Failure, Request, Response, Usage};
use crate::codec::{
    Codec, CodecError, Dialect, Encoded, EventDecoder, EventEncoder, Patch, PathFacts, Relay,
    ReplyContext, Target,
};
use crate::failure::openai_body;
use crate::splice::JsonBody;
use bytes::Bytes;

/// A comment: every client of this protocol skips it.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// Edits a body for `POST /responses/compact` of an upstream of this protocol: as
/// [`Codec::patch_body`], and nothing about streams, storing and included fields stays. Fails when
/// `body` is no JSON object.
pub fn compact_request(
    body: &JsonBody,
    patch: &Patch<'_>,
    target: &Target<'_>,
) -> Result<Encoded, CodecError> {
    patch::patch(body, patch, target, patch::Purpose::Compact)
}

/// The codec of OpenAI Responses.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

impl Codec for OpenAiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiResponses
    }

    fn decode_body(&self, body: &JsonBody, _path: &PathFacts<'_>) -> Result<Request, CodecError> {
        decode_request::decode(body)
    }

    fn encode_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        encode_request::encode(request, target)
    }

    fn patch_body(
        &self,
        body: &JsonBody,
        patch: &Patch<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        patch::patch(body, patch, target, patch::Purpose::Reply)
    }

    fn decode_response(
        &self,
        raw: &Bytes,
        context: &ReplyContext,
    ) -> Result<Vec<Event>, CodecError> {
        decode_events::whole(raw, context)
    }

    fn encode_response(&self, response: &Response, context: &ReplyContext) -> Bytes {
        encode_events::whole(response, context)
    }

    fn event_decoder(&self, context: &ReplyContext) -> Box<dyn EventDecoder> {
        Box::new(decode_events::Decoder::new(context))
    }

    fn event_encoder(&self, context: &ReplyContext) -> Box<dyn EventEncoder> {
        Box::new(encode_events::Encoder::new(context))
    }

    fn relay(&self, context: &ReplyContext) -> Box<dyn Relay> {
        Box::new(relay::Carrier::new(context))
    }

    fn relay_response(&self, raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
        relay::whole(raw, context)
    }

    fn encode_failure(&self, failure: &Failure) -> Bytes {
        openai_body(failure)
    }

    fn keep_alive(&self, _started: bool) -> &'static [u8] {
        KEEP_ALIVE
    }
}
