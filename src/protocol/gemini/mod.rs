//! Gemini `generateContent` (`gemini-generate-content.md`): both directions of requests, replies and
//! streams, and its side calls (token counts, embeddings).

mod client;
mod decode;
mod encode;
mod failure;
mod out;
mod read;
mod reply;
mod words;

use crate::canonical::{Event, Failure, Request, Response, Usage};
use crate::codec::{
    Codec, CodecError, Dialect, Encoded, EventDecoder, EventEncoder, Patch, PathFacts, Relay,
    ReplyContext, Target,
};
use bytes::Bytes;
