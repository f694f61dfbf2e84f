//! Pieces of an item as events, and the steps of server tools put together.

use super::decode_content::search_query;
use crate::canonical::{Channel, Citation, Delta, Event, ServerTool};
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::splice::{Doc, Edits};
use bytes::Bytes;
use serde::Deserialize;

/// The step with what its deltas brought; `None` when they brought nothing.
pub(super) fn completed(
    mut tool: ServerTool,
    input: String,
    compacted: Vec<(&'static str, RawJson)>,
) -> Option<ServerTool> {
    // Input that is no JSON was cut; the step stays as it began.
    let input = RawJson::parse(input).ok();
    if input.is_none() && compacted.is_empty() {
        return None;
    }
    let bytes = Bytes::from(tool.raw.as_str().to_owned());
    let edited = {
        let doc = Doc::parse(&bytes).ok()?;
        let mut edits = Edits::new();
        for (key, value) in &compacted {
            edits.set(doc.root(), key, value.as_str());
        }
        if let Some(input) = &input {
            edits.set(doc.root(), "input", input.as_str());
        }
        edits.apply(&bytes)
    };
    let text = String::from_utf8(edited.to_vec()).ok()?;
    tool.raw = RawJson::parse(text).ok()?;
    if let Some(input) = &input {
        tool.query = search_query(input);
    }
    Some(tool)
}

pub(super) fn push_text(index: usize, text: Option<String>, out: &mut Vec<Event>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        let delta = Delta::Text {
            text,
            logprobs: None,
        };
        out.push(Event::Delta { index, delta });
    }
}

pub(super) fn push_thinking(index: usize, text: Option<String>, out: &mut Vec<Event>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        let delta = Delta::Reasoning {
            channel: Channel::Raw,
            text,
        };
        out.push(Event::Delta { index, delta });
    }
}

pub(super) fn push_citation(index: usize, raw: RawJson, out: &mut Vec<Event>) {
    #[derive(Default, Deserialize)]
    struct Parts {
        url: Option<String>,
        title: Option<String>,
        document_title: Option<String>,
        cited_text: Option<String>,
    }
    // A citation of an unknown shape is still carried.
    let parts: Parts = raw.read().unwrap_or_default();
    let citation = Citation {
        dialect: Dialect::Anthropic,
        url: parts.url,
        title: parts.title.or(parts.document_title),
        cited_text: parts.cited_text,
        // Its positions are those in the source, not in the answer.
        span: None,
        raw,
    };
    out.push(Event::Delta {
        index,
        delta: Delta::Citation(Box::new(citation)),
    });
}
