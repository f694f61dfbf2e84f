//! Kimi Code of Moonshot AI (`providers/kimi.md`).

mod account;
mod body;
mod device;
mod history;
mod judge;
mod login;
mod mend;
mod models;
mod schema;
mod shape;
mod usage;

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
use bytes::Bytes;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Kimi Code.
pub struct Kimi;

const BASE: &str = "https://api.kimi.com/coding";

/// Where calls of `record` go, without the version that official settings have at the end.
fn base(record: &CredentialRecord) -> &str {
    let own = record.base_url.as_deref();
    own.map_or(BASE, |url| url.strip_suffix("/v1").unwrap_or(url))
}

/// What the service is asked in: Anthropic clients in their own protocol, all others in chat (§4).
fn spoken(client: Dialect) -> Dialect {
    match client {
        Dialect::Anthropic => Dialect::Anthropic,
        _ => Dialect::OpenAiChat,
    }
}

impl Provider for Kimi {
    fn id(&self) -> &'static str {
        "kimi"
    }

    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        let scope = document.get("scope").and_then(Value::as_str);
        let official = scope == Some("kimi-code") && document.contains_key("refresh_token");
        official.then_some(
            "these are the credentials of Kimi CLI itself; two programs cannot share their refresh \
             token, so log in with `--kimi-login`",
        )
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str, client: Dialect) -> Spoken {
        Spoken::plain(
            spoken(client),
            EndpointTraits {
                compatible: true,
                wants_reasoning_content: true,
                prompt_cache_key: true,
                session_cache: true,
                builtin_tools: true,
                ..EndpointTraits::default()
            },
        )
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::known().map(Arc::new).collect()
    }

    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        true
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        shape::shape(call)
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        judge::refine(reply, judgement);
    }

    fn mend(&self, reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
        mend::mend(reply, body)
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Account(Arc::clone(control))))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }
}
