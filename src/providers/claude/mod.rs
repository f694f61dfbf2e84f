//! Anthropic: API keys, and accounts by OAuth (`providers/claude.md`).

mod account;
mod betas;
mod body;
mod judge;
mod login;
mod mend;
mod models;
mod shape;
#[cfg(test)]
mod tests;
mod windows;

use super::control::Control;
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Call, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::HeaderMap;
use actors::config::ModelAlias;
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::{CredentialRecord, Kind};
use actors::domain::secret::Secret;
use actors::port::AccountDriver;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Anthropic.
pub struct Claude;

const BASE: &str = "https://api.anthropic.com";

/// How a credential is presented, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// A key of Anthropic's API: `x-api-key`.
    Key,
    /// A token of a Claude account at Anthropic's API.
    OAuth,
    /// A key of another service that speaks the protocol: a bearer token, nothing added.
    Other,
}

impl Access {
    fn of(record: &CredentialRecord) -> Self {
        if base(record) != BASE {
            return Self::Other;
        }
        let token = record.secret.as_ref().map_or("", Secret::expose);
        // Long-lived tokens of `claude setup-token` may stand among the configured keys.
        let by_login = record.kind == Kind::Login && !token.starts_with("sk-ant-api");
        if by_login || token.starts_with("sk-ant-oat") {
            Self::OAuth
        } else {
            Self::Key
        }
    }

    fn is_first_party(self) -> bool {
        self != Self::Other
    }
}

fn base(record: &CredentialRecord) -> &str {
    record.base_url.as_deref().unwrap_or(BASE)
}

impl Provider for Claude {
    fn id(&self) -> &'static str {
        "claude"
    }

    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        document.get("claudeAiOauth")?.get("accessToken")?;
        Some(
            "these are the credentials of Claude Code itself; two programs cannot share their \
             refresh token, so log in with `--claude-login`",
        )
    }

    fn speaks(&self, record: &CredentialRecord, _model: &str, _client: Dialect) -> Spoken {
        Spoken::plain(
            Dialect::Anthropic,
            EndpointTraits {
                compatible: !Access::of(record).is_first_party(),
                ..EndpointTraits::default()
            },
        )
    }

    fn default_aliases(&self, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        models::aliases(models)
    }

    fn models(&self, record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::shared(models::known(record))
    }

    fn counts_tokens(&self, record: &CredentialRecord) -> bool {
        // Other bases often lack the route (§4).
        Access::of(record).is_first_party()
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        shape::shape(call)
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

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Account::new(control)))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }

    fn plan(&self, record: &CredentialRecord) -> Option<String> {
        account::plan(record)
    }
}
