//! The protocols in pairs: what a client of one asks and is told when the upstream speaks another.
//!
//! The unit tests beside the codecs prove each half; here both halves stand together, as in the
//! daemon, and the bytes on both wires are looked at. Tests named `eN_…` are rows of
//! `edge-cases.md`, one file per section of that sheet.

// Tells the lints that helper functions in here are test code too.
#![cfg(test)]

mod answer;
mod anthropic_streams;
mod chat_streams;
mod corpus;
mod digest;
mod ends;
mod errors;
mod fidelity;
mod framing;
mod gemini_streams;
mod grammar;
mod history;
mod matrix;
mod media;
mod pair;
mod reasoning;
mod requests;
mod responses_streams;
mod said;
mod scalars;
mod schemas;
mod tools;
mod turns;
