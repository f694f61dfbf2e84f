//! Web searches of other vendors as `server_tool_use` and `web_search_tool_result` blocks
//! (`anthropic-messages.md` §12, E-174).

use super::wire::{Block, SearchHit};
use crate::canonical::ServerTool;
use crate::codec::ReplyContext;
use crate::raw::RawJson;
use serde::Deserialize;
use std::borrow::Cow;

/// Both blocks of a search; `None` when the step is no search or the client declared none.
/// `n` counts the searches of the reply.
pub(super) fn blocks(
    tool: &ServerTool,
    context: &ReplyContext,
    n: usize,
) -> Option<[Block<'static>; 2]> {
    if !context.declared.web_search {
        return None;
    }
    // A step whose fields cannot be read is shown without query or hits.
    let parts = tool.raw.read::<Parts>().unwrap_or_default();
    if tool.name.as_deref() != Some("web_search") && !parts.is_search(&tool.kind) {
        return None;
    }
    let id = server_id(tool.id.as_deref(), context, n);
    let query = tool.query.clone().or_else(|| parts.query());
    let input = match query {
        Some(query) => serde_json::json!({ "query": query }),
        None => serde_json::json!({}),
    };
    Some([
        Block::ServerToolUse {
            id: Cow::Owned(id.clone()),
            name: Cow::Borrowed("web_search"),
            input: RawJson::from(input),
        },
        Block::WebSearchToolResult {
            tool_use_id: Cow::Owned(id),
            content: parts.hits(),
        },
    ])
}

/// `srvtoolu_` and the upstream's id in the charset of such ids; the same step always has the same.
fn server_id(id: Option<&str>, context: &ReplyContext, n: usize) -> String {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return context.id("srvtoolu_", 24, n);
    };
    let own = id.strip_prefix("ws_").unwrap_or(id);
    let legal = own
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    "srvtoolu_".chars().chain(legal).collect()
}

/// The fields of a search step: Responses `web_search_call`, Gemini `groundingMetadata`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Parts {
    action: Option<Action>,
    web_search_queries: Option<Vec<String>>,
    grounding_chunks: Option<Vec<Chunk>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Action {
    query: Option<String>,
    queries: Option<Vec<String>>,
    url: Option<String>,
    sources: Option<Vec<Source>>,
}

#[derive(Deserialize)]
struct Source {
    url: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
struct Chunk {
    web: Option<WebChunk>,
}

#[derive(Deserialize)]
struct WebChunk {
    uri: Option<String>,
    title: Option<String>,
}

impl Parts {
    fn is_search(&self, kind: &str) -> bool {
        kind == "web_search_call"
            || self.web_search_queries.is_some()
            || self.grounding_chunks.is_some()
    }

    fn query(&self) -> Option<String> {
        let action = self.action.as_ref();
        let first = |list: &Vec<String>| list.first().cloned();
        action
            .and_then(|a| a.query.clone())
            .or_else(|| action.and_then(|a| a.queries.as_ref()).and_then(first))
            // A page that was opened in place of a search.
            .or_else(|| action.and_then(|a| a.url.clone()))
            .or_else(|| self.web_search_queries.as_ref().and_then(first))
    }

    /// Each source once (E-206).
    fn hits(self) -> Vec<SearchHit> {
        let sources = self.action.and_then(|a| a.sources).unwrap_or_default();
        let chunks = self.grounding_chunks.unwrap_or_default();
        let chunks = chunks.into_iter().filter_map(|chunk| chunk.web);
        let mut hits: Vec<SearchHit> = Vec::new();
        let all = sources
            .into_iter()
            .map(|source| (source.url, source.title))
            .chain(chunks.map(|web| (web.uri, web.title)));
        for (url, title) in all {
            let Some(url) = url.filter(|url| !url.is_empty()) else {
                continue;
            };
            if hits.iter().any(|hit| hit.url == url) {
                continue;
            }
            hits.push(SearchHit {
                kind: "web_search_result",
                title: title.unwrap_or_else(|| url.clone()),
                url,
                encrypted_content: "",
                page_age: None,
            });
        }
        hits
    }
}
