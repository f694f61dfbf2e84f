//! iFlow accounts (`providers/iflow.md`). The platform closed on 17 April 2026: files load, and
//! whoever calls is told.

mod account;
mod body;
mod cookie;
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
use std::sync::Arc;

/// iFlow.
pub struct IFlow;

/// What happened, and what helps.
const CLOSED: &str = "iFlow closed its platform on 17 April 2026; use an account or an API key of \
    another service";

impl Provider for IFlow {
    fn id(&self) -> &'static str {
        "iflow"
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        account::complete(record)
    }

    fn speaks(&self, _record: &CredentialRecord, model: &str, _client: Dialect) -> Spoken {
        Spoken::plain(
            Dialect::OpenAiChat,
            EndpointTraits {
                compatible: true,
                wants_reasoning_content: models::wants_thinking_back(model),
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
        if reply.status == 401 {
            judgement.explain(CLOSED);
        }
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Account(Arc::clone(control))))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }
}
