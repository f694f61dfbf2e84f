//! Grounding and citation metadata → citations of the common model.

use super::wire::{Chunk, CitationMetadata, CitationSource, Grounding, Segment, Source};
use crate::canonical::Citation;
use crate::codec::Dialect;
use crate::raw::RawJson;
use serde_json::value::RawValue;

/// True when grounding metadata says anything; streams send `{}` until the end.
pub(super) fn is_said(grounding: &RawValue) -> bool {
    serde_json::from_str::<Grounding<'_>>(grounding.get()).is_ok_and(|grounding| {
        !grounding.web_search_queries.is_empty()
            || !grounding.grounding_chunks.is_empty()
            || !grounding.grounding_supports.is_empty()
    })
}

/// Queries of a search, in order.
pub(super) fn queries(grounding: &RawJson) -> Vec<String> {
    grounding
        .read::<Grounding<'_>>()
        .map(|grounding| grounding.web_search_queries)
        .unwrap_or_default()
}

/// One citation for each supported passage and source; without passages one for each source. Equal
/// ones once, sources without URL left out (E-206). `text` is the text the offsets count in.
pub(super) fn of_grounding(grounding: &RawJson, text: &str) -> Vec<Citation> {
    let Ok(grounding) = grounding.read::<Grounding<'_>>() else {
        return Vec::new();
    };
    let chunks: Vec<Option<(Source, RawJson)>> = grounding
        .grounding_chunks
        .iter()
        .map(|raw| source(raw))
        .collect();
    let mut citations: Vec<Citation> = Vec::new();
    let mut push = |chunk: &(Source, RawJson), segment: Option<&Segment>| {
        let (source, raw) = chunk;
        let citation = Citation {
            dialect: Dialect::Gemini,
            url: source.uri.clone(),
            title: source.title.clone(),
            cited_text: segment
                .map(|segment| segment.text.clone())
                .filter(|text| !text.is_empty()),
            span: segment.and_then(|segment| span_of(segment, text)),
            raw: raw.clone(),
        };
        let known = citations.iter().any(|known| {
            known.url == citation.url
                && known.span == citation.span
                && known.cited_text == citation.cited_text
        });
        if !known {
            citations.push(citation);
        }
    };
    if grounding.grounding_supports.is_empty() {
        chunks.iter().flatten().for_each(|chunk| push(chunk, None));
    }
    for support in &grounding.grounding_supports {
        for &index in &support.grounding_chunk_indices {
            if let Some(Some(chunk)) = chunks.get(index) {
                push(chunk, support.segment.as_ref());
            }
        }
    }
    citations
}

/// Citations of recited text.
pub(super) fn of_citations(metadata: &RawJson, text: &str) -> Vec<Citation> {
    let Ok(metadata) = metadata.read::<CitationMetadata<'_>>() else {
        return Vec::new();
    };
    metadata
        .citation_sources
        .iter()
        .filter_map(|raw| {
            let source: CitationSource = serde_json::from_str(raw.get()).ok()?;
            let url = source.uri.filter(|uri| !uri.is_empty());
            let title = source.title.filter(|title| !title.is_empty());
            if url.is_none() && title.is_none() {
                return None;
            }
            Some(Citation {
                dialect: Dialect::Gemini,
                url,
                title,
                cited_text: text
                    .get(source.start_index..source.end_index)
                    .filter(|passage| !passage.is_empty())
                    .map(str::to_owned),
                span: characters(text, source.start_index, source.end_index),
                raw: RawJson::from((*raw).to_owned()),
            })
        })
        .collect()
}

fn source(raw: &RawValue) -> Option<(Source, RawJson)> {
    let chunk: Chunk = serde_json::from_str(raw.get()).ok()?;
    let source = chunk.web.or(chunk.retrieved).or(chunk.maps)?;
    let has_url = source.uri.as_deref().is_some_and(|uri| !uri.is_empty());
    has_url.then(|| (source, RawJson::from(raw.to_owned())))
}

/// Span of a segment in characters. Offsets are UTF-8 bytes; when they do not fit, the passage is
/// looked for.
fn span_of(segment: &Segment, text: &str) -> Option<(usize, usize)> {
    let (from, to) = (segment.start_index, segment.end_index);
    let fits = segment.text.is_empty() || text.get(from..to) == Some(&*segment.text);
    if fits && let Some(span) = characters(text, from, to) {
        return Some(span);
    }
    if segment.text.is_empty() {
        return None;
    }
    let from = text.find(&segment.text)?;
    characters(text, from, from + segment.text.len())
}

/// A byte span in characters; `None` when it is empty, out of range or cuts a character.
fn characters(text: &str, from: usize, to: usize) -> Option<(usize, usize)> {
    let passage = text.get(from..to).filter(|passage| !passage.is_empty())?;
    let start = text.get(..from)?.chars().count();
    Some((start, start + passage.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e206_offsets_are_bytes_and_equal_sources_come_once() {
        let text = "Grüße aus Köln. Es regnet.";
        let grounding = RawJson::parse(
            r#"{"webSearchQueries":["wetter köln"],
              "groundingChunks":[{"web":{"uri":"https://a","title":"A"}},{"web":{"uri":"https://a","title":"A"}},
                {"web":{"uri":"","title":"B"}},{"retrievedContext":{"uri":"gs://c","title":"C"}}],
              "groundingSupports":[
                {"segment":{"endIndex":18,"text":"Grüße aus Köln."},"groundingChunkIndices":[0,1,2]},
                {"segment":{"startIndex":19,"endIndex":29,"text":"Es regnet."},"groundingChunkIndices":[3]},
                {"segment":{"startIndex":1,"endIndex":4,"text":"regnet"},"groundingChunkIndices":[0]}]}"#,
        )
        .unwrap();
        let got: Vec<_> = of_grounding(&grounding, text)
            .into_iter()
            .map(|c| (c.url.unwrap(), c.cited_text.unwrap(), c.span.unwrap()))
            .collect();
        assert_eq!(
            got,
            [
                ("https://a".into(), "Grüße aus Köln.".into(), (0, 15)),
                ("gs://c".into(), "Es regnet.".into(), (16, 26)),
                ("https://a".to_owned(), "regnet".to_owned(), (19, 25)),
            ]
        );
        assert_eq!(queries(&grounding), ["wetter köln"]);
    }

    #[test]
    fn sources_without_passages_and_offsets_out_of_range() {
        let grounding =
            RawJson::parse(r#"{"groundingChunks":[{"web":{"uri":"https://a"}}]}"#).unwrap();
        let [citation] = &of_grounding(&grounding, "x")[..] else {
            panic!("one citation");
        };
        assert_eq!((citation.span, &citation.cited_text), (None, &None));
        let recited = RawJson::parse(
            r#"{"citationSources":[{"startIndex":5,"endIndex":99,"uri":"https://b"},{"endIndex":1,"uri":""}]}"#,
        )
        .unwrap();
        let [citation] = &of_citations(&recited, "short")[..] else {
            panic!("one citation");
        };
        assert_eq!(citation.url.as_deref(), Some("https://b"));
        assert_eq!(citation.span, None);
    }
}
