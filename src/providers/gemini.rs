//! Google's Gemini API with keys (`providers/gemini.md`).

use super::google_api::{headers, method, refine_quota};
use super::verdict::{FailedReply, Judgement};
use super::{Action, Call, Provider, ShapeError, Spoken, catalog};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use std::sync::Arc;

/// Gemini.
pub struct Gemini;

const BASE: &str = "https://generativelanguage.googleapis.com";

impl Provider for Gemini {
    fn id(&self) -> &'static str {
        "gemini"
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str, _client: Dialect) -> Spoken {
        let endpoint = EndpointTraits {
            open_safety: true,
            ..EndpointTraits::default()
        };
        Spoken::plain(Dialect::Gemini, endpoint)
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        catalog::GEMINI
            .iter()
            .map(|spec| Arc::new(spec.info("google")))
            .collect()
    }

    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        true
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let base = call.record.base_url.as_deref().unwrap_or(BASE);
        let (method, stream) = match call.action {
            Action::Embeddings => (":batchEmbedContents", false),
            other => method(self.id(), other)?,
        };
        let mut headers = headers(call, stream);
        if let Some(secret) = &call.record.secret {
            // The query form would land in logs.
            headers.set("x-goog-api-key", secret.expose())?;
        }
        Ok(UpstreamRequest {
            method: Method::POST,
            url: format!("{base}/v1beta/models/{}{method}", call.model),
            headers: headers.finish(call.record, call)?,
            body: call.body.clone(),
        })
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        refine_quota(reply, judgement);
    }
}

#[cfg(test)]
mod tests;
