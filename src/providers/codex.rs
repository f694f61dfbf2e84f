//! OpenAI's Responses API with keys (`providers/codex.md`).

use super::headers::{Headers, PRODUCT};
use super::{Action, Call, Provider, ShapeError, Spoken, catalog};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use std::sync::Arc;

/// OpenAI Responses.
pub struct Codex;

const BASE: &str = "https://api.openai.com/v1";

/// What the official clients send about themselves and their session (§4): passed on, never invented.
const CLIENT_CONTEXT: &[&str] = &[
    "user-agent",
    "originator",
    "version",
    "openai-beta",
    "session-id",
    "session_id",
    "conversation_id",
    "thread-id",
    "x-client-request-id",
    "x-codex-beta-features",
    "x-codex-turn-metadata",
    "x-codex-turn-state",
    "x-codex-window-id",
];

impl Provider for Codex {
    fn id(&self) -> &'static str {
        "codex"
    }

    fn speaks(&self, record: &CredentialRecord, _model: &str) -> Spoken {
        Spoken::plain(
            Dialect::OpenAiResponses,
            EndpointTraits {
                compatible: base(record) != BASE,
                prompt_cache_key: true,
                ..EndpointTraits::default()
            },
        )
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        catalog::CODEX
            .iter()
            .map(|spec| Arc::new(spec.info("openai")))
            .collect()
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let (path, stream) = match call.action {
            Action::Generate { stream } => ("/responses", stream),
            Action::Compact => ("/responses/compact", false),
            Action::CountTokens | Action::Embeddings => {
                return Err(ShapeError::NoSuchCall {
                    provider: self.id(),
                    what: "token count or embeddings",
                });
            }
        };
        let mut headers = Headers::json(stream);
        headers.fixed("user-agent", PRODUCT);
        if call.client == Dialect::OpenAiResponses {
            headers.copy(call.client_headers, CLIENT_CONTEXT);
        }
        if let Some(secret) = &call.record.secret {
            headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
        }
        Ok(UpstreamRequest {
            method: Method::POST,
            url: format!("{}{path}", base(call.record)),
            headers: headers.finish(call.record, call)?,
            body: call.body.clone(),
        })
    }
}

fn base(record: &CredentialRecord) -> &str {
    record.base_url.as_deref().unwrap_or(BASE)
}
