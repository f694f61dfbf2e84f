//! Vertex AI, and services compatible with it, with keys (`providers/vertex.md`).

use super::gemini::{method, refine_quota, shape};
use super::verdict::{FailedReply, Judgement};
use super::{Call, Provider, ShapeError, Spoken, catalog};
use crate::upstream::client::UpstreamRequest;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use std::sync::Arc;

/// Vertex AI.
pub struct Vertex;

const BASE: &str = "https://aiplatform.googleapis.com";

impl Provider for Vertex {
    fn id(&self) -> &'static str {
        "vertex"
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str) -> Spoken {
        Spoken::plain(
            Dialect::Gemini,
            EndpointTraits {
                vertex: true,
                ..EndpointTraits::default()
            },
        )
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        catalog::VERTEX
            .iter()
            .map(|spec| Arc::new(spec.info("google")))
            .collect()
    }

    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        true
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let base = call.record.base_url.as_deref().unwrap_or(BASE);
        let (method, stream) = method(self.id(), call.action)?;
        let url = format!("{base}/v1/publishers/google/models/{}{method}", call.model);
        shape(call, &url, stream)
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        refine_quota(reply, judgement);
    }
}
