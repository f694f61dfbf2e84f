//! `/v1/embeddings`: as it is to OpenAI-compatible services, converted for Gemini.

use crate::providers::Spoken;
use actors::domain::snapshot::Candidate;
use bytes::Bytes;
use protocol::Dialect;
use protocol::canonical::Failure;
use protocol::gemini::{decode_embeddings, encode_batch_embed, encode_embeddings};
use protocol::splice::{self, Doc, Edits};

/// The body for `candidate`.
///
/// # Errors
///
/// The failure for a body that cannot be converted, or a service without embeddings.
pub fn body(candidate: &Candidate, spoken: &Spoken, raw: &Bytes) -> Result<Bytes, Box<Failure>> {
    let model = &*candidate.upstream_model;
    match spoken.dialect {
        Dialect::OpenAiChat => Ok(renamed(raw, model)),
        Dialect::Gemini => decode_embeddings(raw)
            .map(|request| encode_batch_embed(&request, model))
            .map_err(|error| Box::new(error.into_failure())),
        other => Err(Box::new(Failure::new(
            501,
            format!("{} upstreams have no embeddings", other.config_name()),
        ))),
    }
}

/// The client's reply, which names the model as the client asked for it.
///
/// # Errors
///
/// 502 for an answer that cannot be read.
pub fn reply(
    upstream: &Bytes,
    spoken: &Spoken,
    client: &Bytes,
    model: &str,
) -> Result<Bytes, Box<Failure>> {
    match spoken.dialect {
        Dialect::Gemini => decode_embeddings(client)
            .and_then(|request| encode_embeddings(upstream, &request, model, None))
            .map_err(|error| Box::new(Failure::new(502, error.to_string()))),
        _ => Ok(renamed(upstream, model)),
    }
}

fn renamed(raw: &Bytes, model: &str) -> Bytes {
    let Some(doc) = Doc::trust(raw) else {
        return raw.clone();
    };
    let mut edits = Edits::new();
    if doc
        .root()
        .get("model")
        .is_some_and(|old| old.string().as_deref() != Some(model))
    {
        edits.set(doc.root(), "model", splice::quote(model));
    }
    edits.apply(raw)
}
