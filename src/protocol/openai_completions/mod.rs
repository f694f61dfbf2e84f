//! OpenAI legacy completions: a client-side shell over chat (`openai-completions.md` §4).
//!
//! No upstream is asked in this protocol: requests become chat requests, replies come from events.
//! Towards an upstream this codec therefore speaks chat.

mod reply;
mod request;
#[cfg(test)]
mod tests;

use crate::canonical::{Event, Failure, Request, Response, Usage};
use crate::codec::{
    Codec, CodecError, Dialect, Encoded, EventDecoder, EventEncoder, Patch, PathFacts, Relay,
    ReplyContext, Target,
};
use crate::openai_chat::{KEEP_ALIVE, OpenAiChat};
use crate::splice::JsonBody;
use bytes::Bytes;

/// OpenAI legacy completions: `POST /v1/completions`, clients only.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiCompletions;

impl Codec for OpenAiCompletions {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiCompletions
    }

    fn decode_body(&self, body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
        request::decode_request(body, path)
    }

    fn encode_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        OpenAiChat.encode_request(request, target)
    }

    /// Always refuses: a completions body is translated, never passed through.
    fn patch_body(
        &self,
        _body: &JsonBody,
        _patch: &Patch<'_>,
        _target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        Err(CodecError::Unsupported {
            param: "prompt".to_owned(),
            message: "legacy completions cannot be passed through; translate them to chat"
                .to_owned(),
        })
    }

    fn decode_response(
        &self,
        raw: &Bytes,
        context: &ReplyContext,
    ) -> Result<Vec<Event>, CodecError> {
        OpenAiChat.decode_response(raw, context)
    }

    fn encode_response(&self, response: &Response, context: &ReplyContext) -> Bytes {
        reply::encode_response(response, context)
    }

    fn event_decoder(&self, context: &ReplyContext) -> Box<dyn EventDecoder> {
        OpenAiChat.event_decoder(context)
    }

    fn event_encoder(&self, context: &ReplyContext) -> Box<dyn EventEncoder> {
        Box::new(reply::TextEncoder::new(context))
    }

    /// Chat's relay: the framing, the usage and the finish reasons are the same.
    fn relay(&self, context: &ReplyContext) -> Box<dyn Relay> {
        OpenAiChat.relay(context)
    }

    fn relay_response(&self, raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
        OpenAiChat.relay_response(raw, context)
    }

    fn encode_failure(&self, failure: &Failure) -> Bytes {
        OpenAiChat.encode_failure(failure)
    }

    fn keep_alive(&self, _started: bool) -> &'static [u8] {
        KEEP_ALIVE
    }
}
