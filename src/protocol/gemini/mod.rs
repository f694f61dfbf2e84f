//! Gemini `generateContent` (`gemini-generate-content.md`): requests, replies and streams in both
//! directions, and its side calls: token counts, embeddings.

mod client;
mod count;
mod decode;
mod embeddings;
mod encode;
mod failure;
mod out;
mod patch;
mod read;
mod relay;
mod reply;
mod words;

pub use count::{count_tokens_reply, count_tokens_request, decode_count_tokens, read_total_tokens};
pub use embeddings::{
    EmbeddingEncoding, EmbeddingRequest, decode_embeddings, encode_batch_embed, encode_embeddings,
};

use crate::canonical::{Event, Failure, Request, Response, Usage};
use crate::codec::{
    Codec, CodecError, Dialect, Encoded, EventDecoder, EventEncoder, Patch, PathFacts, Relay,
    ReplyContext, Target,
};
use crate::splice::JsonBody;
use bytes::Bytes;

/// The codec. Model and stream flag of a client stand in its URL, never in the body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gemini;

impl Codec for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn decode_body(&self, body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
        decode::decode(body, path)
    }

    fn encode_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        encode::encode(request, target)
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
        reply::decode_whole(raw, context)
    }

    fn encode_response(&self, response: &Response, context: &ReplyContext) -> Bytes {
        client::encode(response, context)
    }

    fn event_decoder(&self, context: &ReplyContext) -> Box<dyn EventDecoder> {
        Box::new(reply::Decoder::new(context))
    }

    fn event_encoder(&self, context: &ReplyContext) -> Box<dyn EventEncoder> {
        Box::new(client::Encoder::new(context))
    }

    fn relay(&self, context: &ReplyContext) -> Box<dyn Relay> {
        Box::new(relay::Through::new(context))
    }

    fn relay_response(&self, raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
        relay::whole(raw, context)
    }

    fn encode_failure(&self, failure: &Failure) -> Bytes {
        failure::encode(failure)
    }

    /// Nothing: Google's clients read comments as JSON, and an array has no place for them
    /// (`clients.md` §2 row 7, E-141).
    fn keep_alive(&self, _started: bool) -> &'static [u8] {
        b""
    }
}
