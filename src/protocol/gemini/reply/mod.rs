//! Replies of a Gemini upstream.

mod choice;
mod decoder;
mod logprobs;
mod partial_args;
mod sources;
pub(super) mod usage;
pub(super) mod wire;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

pub(super) use decoder::{Decoder, Payload, decode_whole, in_stream_failure, payload};
