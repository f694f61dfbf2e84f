//! Citations of any upstream → `groundingMetadata`.

use crate::canonical::{Citation, ServerTool};
use crate::codec::Dialect;
use crate::raw::RawJson;
use serde::Serialize;
use std::borrow::Cow;

use super::super::out::json;

/// Kind of the server item that carries Google's own `groundingMetadata`.
pub(in super::super) const GROUNDING: &str = "groundingMetadata";

/// Collects what one candidate cites.
#[derive(Debug, Default)]
pub(super) struct Grounding {
    native: Option<RawJson>,
    queries: Vec<String>,
    chunks: Vec<Chunk>,
    supports: Vec<Support>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Chunk {
    web: Web,
}

#[derive(Debug, PartialEq, Serialize)]
struct Web {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Support {
    segment: Segment,
    grounding_chunk_indices: [usize; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    start_index: usize,
    end_index: usize,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    web_search_queries: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    grounding_chunks: &'a [Chunk],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    grounding_supports: &'a [Support],
}

impl Grounding {
    /// Notes a search the upstream made, or Google's own metadata. False when `tool` is neither.
    pub(super) fn note_tool(&mut self, tool: &ServerTool) -> bool {
        if tool.dialect == Dialect::Gemini {
            if tool.kind == GROUNDING {
                self.native = Some(tool.raw.clone());
            }
            return tool.kind == GROUNDING;
        }
        if let Some(query) = &tool.query
            && !self.queries.contains(query)
        {
            self.queries.push(query.clone());
        }
        true
    }

    /// Adds a citation on `text`, the text of its item, that begins `base` bytes into the text of
    /// the candidate. Spans in characters become spans in bytes (`gemini-generate-content.md` §5).
    pub(super) fn add(&mut self, citation: &Citation, text: &str, base: usize) {
        let Some(uri) = &citation.url else { return };
        let chunk = Chunk {
            web: Web {
                uri: uri.clone(),
                title: citation.title.clone(),
            },
        };
        let at = self.chunks.iter().position(|known| *known == chunk);
        let at = at.unwrap_or_else(|| {
            self.chunks.push(chunk);
            self.chunks.len() - 1
        });
        let Some((from, to)) = citation.span.and_then(|span| bytes_of(text, span)) else {
            return;
        };
        self.supports.push(Support {
            segment: Segment {
                start_index: base + from,
                end_index: base + to,
                text: text.get(from..to).unwrap_or_default().to_owned(),
            },
            grounding_chunk_indices: [at],
        });
    }

    /// The `groundingMetadata` value; `None` when there is nothing to show.
    pub(super) fn metadata(&self) -> Option<Cow<'_, RawJson>> {
        if let Some(native) = &self.native {
            return Some(Cow::Borrowed(native));
        }
        if self.queries.is_empty() && self.chunks.is_empty() {
            return None;
        }
        Some(Cow::Owned(json(&Metadata {
            web_search_queries: &self.queries,
            grounding_chunks: &self.chunks,
            grounding_supports: &self.supports,
        })))
    }
}

/// Byte span of a character span.
fn bytes_of(text: &str, (from, to): (usize, usize)) -> Option<(usize, usize)> {
    let mut starts = text
        .char_indices()
        .map(|(at, _)| at)
        .chain(std::iter::once(text.len()));
    let from_byte = starts.nth(from)?;
    if to <= from {
        return (to == from).then_some((from_byte, from_byte));
    }
    let to_byte = starts.nth(to - from - 1)?;
    Some((from_byte, to_byte))
}
