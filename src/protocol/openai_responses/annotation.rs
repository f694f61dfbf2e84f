//! Annotations of output text ↔ citations.

use crate::canonical::Citation;
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::splice::{Doc, Node, quote_into};
use std::fmt::Write as _;

/// Reads an annotation; `None` when `raw` is no object.
pub(super) fn decode(raw: &str) -> Option<Citation> {
    let doc = Doc::parse(raw.as_bytes()).ok()?;
    let node = doc.root();
    let [url, title, filename, start, end] =
        node.pick(["url", "title", "filename", "start_index", "end_index"]);
    let text = |node: Option<Node<'_>>| node?.string().map(std::borrow::Cow::into_owned);
    let position = |node: Option<Node<'_>>| node?.raw().parse::<usize>().ok();
    Some(Citation {
        dialect: Dialect::OpenAiResponses,
        url: text(url),
        title: text(title).or_else(|| text(filename)),
        cited_text: None,
        span: position(start).zip(position(end)),
        raw: RawJson::parse(raw).ok().filter(RawJson::is_object)?,
    })
}

/// The annotation for a client, its positions moved by `offset` characters; `fallback` is the span
/// where the citation says none. `None` when there is no source to name.
pub(super) fn encode(
    citation: &Citation,
    offset: usize,
    fallback: (usize, usize),
) -> Option<String> {
    let own = citation.dialect == Dialect::OpenAiResponses;
    if own && (offset == 0 || citation.span.is_none()) {
        return Some(citation.raw.as_str().to_owned());
    }
    let Some(url) = citation.url.as_deref() else {
        // File citations count in files, not in characters of the text.
        return own.then(|| citation.raw.as_str().to_owned());
    };
    let (start, end) = citation
        .span
        .map_or(fallback, |(start, end)| (start + offset, end + offset));
    let mut json = String::from(r#"{"type":"url_citation","#);
    // Writing to a string cannot fail.
    let _ = write!(json, r#""start_index":{start},"end_index":{end},"title":"#);
    quote_into(citation.title.as_deref().unwrap_or(url), &mut json);
    json.push_str(r#","url":"#);
    quote_into(url, &mut json);
    json.push('}');
    Some(json)
}
