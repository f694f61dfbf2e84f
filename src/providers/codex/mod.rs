//! OpenAI's Responses API: ChatGPT accounts, whose calls go to the backend of Codex, and API keys
//! (`providers/codex.md`).

mod account;
mod images;
mod judge;
mod login;
mod mend;
mod models;
mod shape;
mod windows;

#[cfg(test)]
mod tests;

use super::control::Control;
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Call, Extra, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::HeaderMap;
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::port::AccountDriver;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use serde_json::{Map, Value};
use std::sync::Arc;

/// OpenAI Responses.
pub struct Codex;

impl Provider for Codex {
    fn id(&self) -> &'static str {
        "codex"
    }

    fn speaks(&self, record: &CredentialRecord, _model: &str, _client: Dialect) -> Spoken {
        let backend = shape::is_backend(record);
        Spoken {
            streams_only: backend,
            ..Spoken::plain(
                Dialect::OpenAiResponses,
                EndpointTraits {
                    compatible: !backend && shape::base(record) != shape::API,
                    codex: backend,
                    prompt_cache_key: true,
                    ..EndpointTraits::default()
                },
            )
        }
    }

    fn models(&self, record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::known(record)
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        shape::shape(self.id(), call)
    }

    fn extra(&self, call: &Call<'_>, extra: Extra) -> Result<UpstreamRequest, ShapeError> {
        shape::extra(self.id(), call, extra)
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        judge::refine(reply, judgement);
    }

    fn quota(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Vec<QuotaWindow> {
        windows::read(headers, now)
    }

    fn mend(&self, reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
        mend::mend(reply, body)
    }

    fn reply_headers(&self) -> &'static [&'static str] {
        shape::REPLY_HEADERS
    }

    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        account::is_official_file(document).then_some(account::OFFICIAL_FILE_HELP)
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        account::complete(record)
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Account(Arc::clone(control))))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }

    fn plan(&self, record: &CredentialRecord) -> Option<String> {
        account::plan(record)
    }
}
