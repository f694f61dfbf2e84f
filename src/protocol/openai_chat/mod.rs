//! OpenAI chat completions, both directions (`openai-chat.md`).

mod calls;
mod choice;
mod chunks;
mod decode_messages;
mod decode_reasoning;
mod decode_request;
mod decode_response;
mod decode_stream;
mod decode_tools;
mod encode_messages;
mod encode_parts;
mod encode_request;
mod encode_response;
mod encode_stream;
pub(crate) mod errors;
pub(crate) mod finish;
pub(crate) mod json;
pub(crate) mod locate;
mod message;
mod patch;
pub(crate) mod relay;
#[cfg(test)]
mod tests;
mod think_tags;
pub(crate) mod usage;
pub(crate) mod wire;
mod wire_reply;
pub(crate) mod wire_values;

use crate::canonical::{Event, Failure, Request, Response, Usage};
use crate::codec::{
    Codec, CodecError, Dialect, Encoded, EventDecoder, EventEncoder, Patch, PathFacts, Relay,
    ReplyContext, Target,
};
use crate::splice::JsonBody;
use bytes::Bytes;

/// Keeps a quiet stream alive; every OpenAI client skips comments (`clients.md` §2 row 7).
pub(crate) const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// OpenAI chat completions: `POST /v1/chat/completions`.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiChat;

impl Codec for OpenAiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiChat
    }

    fn decode_body(&self, body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
        decode_request::decode_request(body, path)
    }

    fn encode_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        encode_request::encode_request(request, target)
    }

    fn patch_body(
        &self,
        body: &JsonBody,
        patch: &Patch<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        patch::patch_request(body, patch, target)
    }

    fn decode_response(
        &self,
        raw: &Bytes,
        context: &ReplyContext,
    ) -> Result<Vec<Event>, CodecError> {
        Ok(decode_response::decode_response(raw, context))
    }

    fn encode_response(&self, response: &Response, context: &ReplyContext) -> Bytes {
        encode_response::encode_response(response, context)
    }

    fn event_decoder(&self, context: &ReplyContext) -> Box<dyn EventDecoder> {
        Box::new(decode_stream::ChunkDecoder::new(context))
    }

    fn event_encoder(&self, context: &ReplyContext) -> Box<dyn EventEncoder> {
        Box::new(encode_stream::ChunkEncoder::new(context))
    }

    fn relay(&self, context: &ReplyContext) -> Box<dyn Relay> {
        Box::new(relay::ChatRelay::new(context))
    }

    fn relay_response(&self, raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
        relay::relay_response(raw, context)
    }

    fn encode_failure(&self, failure: &Failure) -> Bytes {
        crate::failure::openai_body(failure)
    }

    fn keep_alive(&self, _started: bool) -> &'static [u8] {
        KEEP_ALIVE
    }
}

/// True when a body on the chat route is a Responses request sent to the wrong path: `input` or
/// `instructions`, and no `messages` (E-251). Text that is no JSON object is none.
pub fn is_responses_body(body: &JsonBody) -> bool {
    body.doc().is_ok_and(|doc| {
        let found = doc.root().pick(["messages", "input", "instructions"]);
        let [messages, input, instructions] =
            found.map(|node| node.is_some_and(|node| !node.is_null()));
        !messages && (input || instructions)
    })
}

/// The failure hidden in a whole reply with status 2xx that would be passed through: an `error`
/// member, or neither choices nor counts. Status from the error's code if that is 400–599, else by
/// its words, else 502. `None` for a real reply, and for text that is no JSON.
pub fn failure_in_reply(raw: &[u8]) -> Option<Box<Failure>> {
    relay::failure_in_reply(raw)
}
