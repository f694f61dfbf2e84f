//! Qwen accounts of Qwen Code (`providers/qwen.md`). The service ended on 15 April 2026: files load,
//! and whoever calls is told.

mod account;
mod body;
mod judge;
mod login;
mod models;
mod shape;

#[cfg(test)]
mod tests;

use super::control::Control;
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Call, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use actors::port::AccountDriver;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Qwen.
pub struct Qwen;

/// What helps.
const CLOSED: &str = "Alibaba ended this free service on 15 April 2026; use an API key of Alibaba \
    Cloud Model Studio under `openai-compatibility`";

impl Provider for Qwen {
    fn id(&self) -> &'static str {
        "qwen"
    }

    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        account::is_official(document).then_some(
            "these are the credentials of Qwen Code itself; two programs cannot share their refresh \
             token, so log in with `--qwen-login`",
        )
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        account::complete(record)
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str, _client: Dialect) -> Spoken {
        Spoken::plain(
            Dialect::OpenAiChat,
            EndpointTraits {
                compatible: true,
                ..EndpointTraits::default()
            },
        )
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::known().map(Arc::new).collect()
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        shape::shape(call)
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        judge::refine(reply, judgement);
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Account(Arc::clone(control))))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }
}
