//! The wire protocols of the gateway, both directions, and the canonical model between them.
//!
//! Everything here is pure: bytes and values in, bytes and values out. No clock, no network, no
//! random source: ids and times arrive in [`codec::ReplyContext`].

pub mod args;
pub mod canonical;
pub mod client_tools;
pub mod codec;
pub mod failure;
pub mod linear;
pub mod media;
pub mod names;
pub mod raw;
pub mod signature;
pub mod splice;
pub mod sse;
pub mod stop;
#[cfg(test)]
mod testing;
pub mod text;
pub mod thinking;
pub mod tool_schema;

pub use codec::{Codec, Dialect};

pub mod anthropic;
pub mod gemini;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_responses;

/// Every protocol, one line each.
pub static CODECS: &[&dyn Codec] = &[
    &openai_chat::OpenAiChat,
    &openai_completions::OpenAiCompletions,
    &openai_responses::OpenAiResponses,
    &anthropic::Anthropic,
    &gemini::Gemini,
];

/// The codec of `dialect`.
pub fn codec(dialect: Dialect) -> &'static dyn Codec {
    match dialect {
        Dialect::OpenAiChat => &openai_chat::OpenAiChat,
        Dialect::OpenAiCompletions => &openai_completions::OpenAiCompletions,
        Dialect::OpenAiResponses => &openai_responses::OpenAiResponses,
        Dialect::Anthropic => &anthropic::Anthropic,
        Dialect::Gemini => &gemini::Gemini,
    }
}
