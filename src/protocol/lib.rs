//! The wire protocols of the gateway, both directions, and the canonical model between them.
//!
//! Everything here is pure: bytes and values in, bytes and values out. No clock, no network, no
//! random source: ids and times arrive in [`codec::ReplyContext`].

pub mod args;
pub mod canonical;
pub mod codec;
pub mod failure;
pub mod media;
pub mod names;
pub mod raw;
pub mod splice;
pub mod sse;
pub mod thinking;

pub use codec::{Codec, Dialect};
