//! Vertex AI: service accounts, and keys of it and of services compatible with it
//! (`providers/vertex.md`).

mod account;
mod imagen;
mod import;
mod judge;
mod key;
mod models;
mod token;

#[cfg(test)]
mod tests;

use super::control::Control;
use super::google_api::{headers, method, refine_quota};
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Action, Call, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::{CredentialRecord, Kind};
use actors::port::AccountDriver;
use bytes::Bytes;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use protocol::splice::{Doc, Edits};
use std::borrow::Cow;
use std::sync::Arc;

/// Vertex AI.
pub struct Vertex;

/// Where keys go that name no other place.
const KEY_BASE: &str = "https://aiplatform.googleapis.com";

impl Provider for Vertex {
    fn id(&self) -> &'static str {
        "vertex"
    }

    /// The token of a service account is fetched, never read: an `access_token` in a file is no API
    /// key (the old program took it for one).
    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        CredentialRecord {
            label: account::label(&record).unwrap_or_else(|| record.label.clone()),
            secret: None,
            expires_at: None,
            refreshed_at: None,
            ..record
        }
    }

    fn speaks(&self, _record: &CredentialRecord, model: &str, _client: Dialect) -> Spoken {
        let endpoint = EndpointTraits {
            vertex: true,
            open_safety: true,
            ..EndpointTraits::default()
        };
        Spoken {
            // Pictures come in an answer of their own form.
            enveloped: imagen::is_imagen(model),
            ..Spoken::plain(Dialect::Gemini, endpoint)
        }
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::all()
    }

    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        true
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let pictures =
            imagen::is_imagen(call.model) && matches!(call.action, Action::Generate { .. });
        let (method, stream) = if pictures {
            (":predict", false)
        } else {
            method(self.id(), call.action)?
        };
        let body = match call.action {
            _ if pictures => imagen::request(call.body, call.client_body)?,
            Action::CountTokens => counted(call.body),
            _ => call.body.clone(),
        };
        let mut headers = headers(call, stream);
        let base = match (call.record.kind, &call.record.secret) {
            (Kind::Login, Some(token)) => {
                headers.set("authorization", &format!("Bearer {}", token.expose()))?;
                account::base(call.record)?
            }
            (Kind::Login, None) => {
                let text = format!("`{}` has no token yet", call.record.id);
                return Err(ShapeError::Misconfigured(text));
            }
            (Kind::Key, key) => {
                if let Some(key) = key {
                    headers.set("x-goog-api-key", key.expose())?;
                }
                let base = call.record.base_url.as_deref().unwrap_or(KEY_BASE);
                format!("{base}/v1")
            }
        };
        Ok(UpstreamRequest {
            method: Method::POST,
            url: format!("{base}/publishers/google/models/{}{method}", call.model),
            headers: headers.finish(call.record, call)?,
            body,
        })
    }

    fn open_envelope<'a>(&self, json: &'a str) -> Cow<'a, str> {
        imagen::reply(json)
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        refine_quota(reply, judgement);
        judge::refine(reply, judgement);
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        let control = Arc::clone(control);
        Some(Arc::new(token::Driver { control }))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        &[import::IMPORT]
    }
}

/// The body of a count: Vertex does not know the envelope that the public API takes, and counts what
/// the model reads, nothing else.
fn counted(body: &Bytes) -> Bytes {
    const COUNTED: &[&str] = &[
        "contents",
        "systemInstruction",
        "system_instruction",
        "tools",
        "generationConfig",
        "generation_config",
        "instances",
    ];
    let inner = Doc::trust(body).and_then(|doc| {
        let inner = doc.root().get("generateContentRequest")?;
        let inner = body.slice_ref(inner.raw().as_bytes());
        let doc = Doc::trust(&inner)?;
        let mut edits = Edits::new();
        for (key, _) in doc.root().members() {
            if !COUNTED.contains(&&*key) {
                edits.remove(doc.root(), &key);
            }
        }
        Some(edits.apply(&inner))
    });
    inner.unwrap_or_else(|| body.clone())
}
