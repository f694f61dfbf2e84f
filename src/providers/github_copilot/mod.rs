//! GitHub Copilot (`providers/github-copilot.md`).

mod account;
mod body;
mod content;
mod host;
mod judge;
mod login;
mod models;
mod reply;
mod shape;
mod token;
mod usage;

#[cfg(test)]
mod tests;

use super::control::Control;
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Call, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::HeaderMap;
use actors::config::ModelAlias;
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::port::AccountDriver;
use chrono::{DateTime, Utc};
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// GitHub Copilot.
pub struct GithubCopilot;

/// The endpoints, as lists of models name them, in the order they are asked where a model is not
/// served in the client's own protocol (§4).
const ENDPOINTS: [(&str, Dialect); 3] = [
    ("/chat/completions", Dialect::OpenAiChat),
    ("/responses", Dialect::OpenAiResponses),
    ("/v1/messages", Dialect::Anthropic),
];

/// The service asked in `dialect`.
fn asked_in(dialect: Dialect) -> Spoken {
    let endpoint = EndpointTraits {
        // Chat is not OpenAI's own; Responses and Anthropic's are, behind another door.
        compatible: dialect == Dialect::OpenAiChat,
        ..EndpointTraits::default()
    };
    Spoken {
        // Answers in chat have words of their own, see `reply`.
        enveloped: dialect == Dialect::OpenAiChat,
        ..Spoken::plain(dialect, endpoint)
    }
}

/// What a model whose list says nothing is served in: only `codex` in its name tells (§4).
fn unlisted(model: &str) -> &'static [&'static str] {
    if model.contains("codex") {
        &["/responses"]
    } else {
        &["/chat/completions"]
    }
}

impl Provider for GithubCopilot {
    fn id(&self) -> &'static str {
        "github-copilot"
    }

    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        let is_ours = |(key, value): (&String, &Value)| {
            key.starts_with("github.com") && value.get("oauth_token").is_some()
        };
        document.iter().any(is_ours).then_some(
            "these are the credentials of Copilot's own editor plugins; log in with \
             `--github-copilot-login`",
        )
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        account::complete(record)
    }

    fn default_aliases(&self, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        models::aliases(models)
    }

    fn speaks(&self, record: &CredentialRecord, model: &str, client: Dialect) -> Spoken {
        self.speaks_for(record, model, &ModelInfo::named(model, ""), client)
    }

    fn speaks_for(
        &self,
        _record: &CredentialRecord,
        model: &str,
        info: &ModelInfo,
        client: Dialect,
    ) -> Spoken {
        let serves = |path: &str| {
            if info.endpoints.is_empty() {
                unlisted(model).contains(&path)
            } else {
                info.endpoints.iter().any(|known| known == path)
            }
        };
        let served = ENDPOINTS.iter().filter(|(path, _)| serves(path));
        let dialects: Vec<Dialect> = served.map(|(_, dialect)| *dialect).collect();
        let own = dialects.iter().find(|dialect| **dialect == client);
        let dialect = own.or(dialects.first()).copied();
        asked_in(dialect.unwrap_or(Dialect::OpenAiChat))
    }

    fn speaks_else(&self, reply: &FailedReply<'_>, spoken: &Spoken) -> Option<Spoken> {
        let wrong = judge::is_wrong_endpoint(reply) && spoken.dialect == Dialect::OpenAiChat;
        wrong.then(|| asked_in(Dialect::OpenAiResponses))
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::known().map(Arc::new).collect()
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        shape::shape(call)
    }

    fn open_envelope<'a>(&self, json: &'a str) -> Cow<'a, str> {
        reply::in_form(json)
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        judge::refine(reply, judgement);
    }

    fn quota(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Vec<QuotaWindow> {
        usage::of_headers(headers, now)
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Account(Arc::clone(control))))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }
}
