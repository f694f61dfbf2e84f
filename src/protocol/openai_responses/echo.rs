//! Fields of a response object that repeat the request (`matrix.md` §5.3).

use super::output::json::Object;
use crate::splice::{Doc, Node};
use bytes::Bytes;

/// What a response object says about its request.
#[derive(Debug)]
pub(super) struct Echo {
    /// Members of the object, ready to write.
    pub(super) members: String,
    /// The request named a tier.
    pub(super) tier: Option<String>,
}

/// Fields, each with what it holds when the client did not say it. `model` is written by the
/// encoder: it knows the name the client used.
const FIELDS: [(&str, &str); 20] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("prompt_cache_retention", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    // Nothing is stored here, whatever OpenAI's default is.
    ("store", "false"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

impl Echo {
    /// Reads the client's body; an unreadable one gives the defaults.
    pub(super) fn of(body: &Bytes) -> Self {
        let doc = Doc::parse(body).ok();
        let mut found: [Option<Node<'_>>; FIELDS.len()] = [None; FIELDS.len()];
        let mut tier = None;
        for (key, node) in doc
            .iter()
            .flat_map(|doc| doc.root().members())
            .filter(|(_, node)| !node.is_null())
        {
            if key == "service_tier" {
                tier = Some(node.raw().to_owned());
            }
            for ((field, _), place) in FIELDS.iter().zip(&mut found) {
                if key == *field {
                    *place = Some(node);
                }
            }
        }
        let mut members = Object::of(|object| {
            for ((field, default), node) in FIELDS.iter().zip(found) {
                object.raw(field, node.map_or(*default, |node| node.raw()));
            }
        });
        members.pop();
        members.remove(0);
        Self { members, tier }
    }
}
