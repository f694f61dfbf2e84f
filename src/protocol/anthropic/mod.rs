//! Anthropic Messages: `/v1/messages` on the client's side and on the upstream's.
//!
//! Facts of the wire: `anthropic-messages.md`; mapping: `matrix.md`.

mod cache_marks;
mod decode_content;
mod decode_reply;
mod decode_request;
mod decoder;
mod encode_content;
mod encode_request;
mod encode_tools;
mod encoder;
mod frames;
mod history;
mod patch;
mod pieces;
mod read;
mod relay;
mod reply;
mod search;
#[cfg(test)]
mod tests;
mod thinking;
mod usage;
mod wire;
mod wire_in;
mod words;

use crate::canonical::{Event, Failure, Request, Response, Usage};
use crate::codec::{
    Codec, CodecError, Dialect, Encoded, EventDecoder, EventEncoder, Patch, PathFacts, Relay,
    ReplyContext, Target,
};
use crate::failure::{anthropic_body, anthropic_status};
use crate::splice::JsonBody;
use bytes::Bytes;

/// Header that names the betas of a request.
pub const ANTHROPIC_BETA: &str = "anthropic-beta";

/// `max_tokens` for a model whose largest output is not known: the field is required.
const DEFAULT_MAX_TOKENS: u64 = 32_000;

/// The codec of Anthropic Messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anthropic;

impl Anthropic {
    /// Edits a body for `/v1/messages/count_tokens` of an upstream of this protocol: the model, when
    /// it differs, and no fields that call refuses (`anthropic-messages.md` §11). Fails for a body
    /// that is no JSON object.
    pub fn patch_count(body: &JsonBody, model: Option<&str>) -> Result<Encoded, CodecError> {
        patch::patch_count(body, model)
    }
}

impl Codec for Anthropic {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn decode_body(&self, body: &JsonBody, _: &PathFacts<'_>) -> Result<Request, CodecError> {
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
        patch::patch(body, patch, target)
    }

    fn decode_response(
        &self,
        raw: &Bytes,
        context: &ReplyContext,
    ) -> Result<Vec<Event>, CodecError> {
        decode_reply::decode(raw, context)
    }

    fn encode_response(&self, response: &Response, context: &ReplyContext) -> Bytes {
        reply::encode(response, context)
    }

    fn event_decoder(&self, context: &ReplyContext) -> Box<dyn EventDecoder> {
        Box::new(decoder::Decoder::new(context))
    }

    fn event_encoder(&self, context: &ReplyContext) -> Box<dyn EventEncoder> {
        Box::new(encoder::Encoder::new(context))
    }

    fn relay(&self, context: &ReplyContext) -> Box<dyn Relay> {
        Box::new(relay::AnthropicRelay::new(context))
    }

    fn relay_response(&self, raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
        relay::relay_response(raw, context)
    }

    fn encode_failure(&self, failure: &Failure) -> Bytes {
        anthropic_body(failure)
    }

    fn failure_status(&self, failure: &Failure) -> u16 {
        anthropic_status(failure)
    }

    fn keep_alive(&self, started: bool) -> &'static [u8] {
        if started {
            frames::PING
        } else {
            // Nothing may stand in front of `message_start`.
            b": keep-alive\n\n"
        }
    }
}
