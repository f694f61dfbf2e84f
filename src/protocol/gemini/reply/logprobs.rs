//! `logprobsResult` → log probabilities in OpenAI's shape.

use super::wire::{Logprobs, Token};
use crate::raw::RawJson;
use serde::Serialize;

#[derive(Serialize)]
struct Entry<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
    top_logprobs: Vec<Top<'a>>,
}

#[derive(Serialize)]
struct Top<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
}

/// The array of tokens; `None` when there are none.
pub(super) fn convert(result: &Logprobs) -> Option<RawJson> {
    if result.chosen_candidates.is_empty() {
        return None;
    }
    let entries: Vec<Entry<'_>> = result
        .chosen_candidates
        .iter()
        .enumerate()
        .map(|(at, token)| Entry {
            token: &token.token,
            logprob: token.log_probability,
            bytes: token.token.as_bytes(),
            top_logprobs: result
                .top_candidates
                .get(at)
                .map_or(&[][..], |top| &top.candidates)
                .iter()
                .map(top)
                .collect(),
        })
        .collect();
    RawJson::from_value(&entries).ok()
}

fn top(token: &Token) -> Top<'_> {
    Top {
        token: &token.token,
        logprob: token.log_probability,
        bytes: token.token.as_bytes(),
    }
}
