//! Anthropic's API with keys (`providers/claude.md`).

use super::headers::{Headers, PRODUCT};
use super::verdict::{FailedReply, Judgement, Verdict, moment};
use super::{Action, Call, Provider, ShapeError, Spoken, catalog};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::catalog::ModelInfo;
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::record::CredentialRecord;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use std::sync::Arc;
use std::time::Duration;

/// Anthropic.
pub struct Claude;

const BASE: &str = "https://api.anthropic.com";

/// Headers of Anthropic clients that describe the client itself: passed on as they came, never
/// invented (§4.1).
const CLIENT_IDENTITY: &[&str] = &[
    "user-agent",
    "x-app",
    "anthropic-dangerous-direct-browser-access",
    "x-stainless-lang",
    "x-stainless-package-version",
    "x-stainless-os",
    "x-stainless-arch",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-helper-method",
    "x-stainless-helper",
    "x-stainless-retry-count",
    "x-stainless-timeout",
    "x-claude-code-session-id",
];

impl Provider for Claude {
    fn id(&self) -> &'static str {
        "claude"
    }

    fn speaks(&self, record: &CredentialRecord, _model: &str) -> Spoken {
        Spoken::plain(
            Dialect::Anthropic,
            EndpointTraits {
                compatible: !is_first_party(record),
                ..EndpointTraits::default()
            },
        )
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        catalog::CLAUDE
            .iter()
            .map(|spec| Arc::new(spec.info("anthropic")))
            .collect()
    }

    fn counts_tokens(&self, record: &CredentialRecord) -> bool {
        // Other bases often lack the route (§4).
        is_first_party(record)
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let (path, stream) = match call.action {
            Action::Generate { stream } => ("/v1/messages?beta=true", stream),
            Action::CountTokens => ("/v1/messages/count_tokens?beta=true", false),
            Action::Compact | Action::Embeddings => {
                return Err(ShapeError::NoSuchCall {
                    provider: self.id(),
                    what: "compaction or embeddings",
                });
            }
        };
        let mut headers = Headers::json(stream);
        headers.fixed("anthropic-version", "2023-06-01");
        headers.fixed("user-agent", PRODUCT);
        if call.client == Dialect::Anthropic {
            headers.copy(
                call.client_headers,
                &["anthropic-version", "anthropic-beta"],
            );
            headers.copy(call.client_headers, CLIENT_IDENTITY);
        }
        let betas = betas(call);
        if !betas.is_empty() {
            headers.set("anthropic-beta", &betas)?;
        }
        if let Some(secret) = &call.record.secret {
            if is_first_party(call.record) {
                headers.set("x-api-key", secret.expose())?;
            } else {
                headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
            }
        }
        Ok(UpstreamRequest {
            method: Method::POST,
            url: format!("{}{path}", base(call.record)),
            headers: headers.finish(call.record, call)?,
            body: call.body.clone(),
        })
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        if reply.status != 429 {
            return;
        }
        if let Some(wait) = rejected_window(reply) {
            // A whole account window is used up, not one model (§6).
            judgement.failure.retry_after = Some(wait);
            judgement.verdict = Verdict::Next(Outcome::RateLimited {
                retry_after: Some(wait),
                scope: Scope::Credential,
            });
        }
    }
}

fn base(record: &CredentialRecord) -> &str {
    record.base_url.as_deref().unwrap_or(BASE)
}

fn is_first_party(record: &CredentialRecord) -> bool {
    base(record) == BASE
}

/// The client's beta list and what the body asks for, each once, in order.
fn betas(call: &Call<'_>) -> String {
    let client = if call.client == Dialect::Anthropic {
        call.client_headers
            .get_all("anthropic-beta")
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
    } else {
        Vec::new()
    };
    let body = call
        .body_headers
        .iter()
        .filter(|(name, _)| *name == "anthropic-beta")
        .map(|(_, value)| value.as_str());
    let mut names: Vec<&str> = Vec::new();
    for name in client
        .iter()
        .copied()
        .chain(body)
        .flat_map(|list| list.split(','))
    {
        let name = name.trim();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(",")
}

/// The latest reset of the 5-hour and 7-day windows that say `rejected`.
fn rejected_window(reply: &FailedReply<'_>) -> Option<Duration> {
    let text = |name: String| {
        reply
            .headers
            .get(name.as_str())
            .and_then(|value| value.to_str().ok())
    };
    ["5h", "7d"]
        .iter()
        .filter(|window| {
            text(format!("anthropic-ratelimit-unified-{window}-status")) == Some("rejected")
        })
        .filter_map(|window| text(format!("anthropic-ratelimit-unified-{window}-reset")))
        .filter_map(|reset| moment(reset, reply.now))
        .max()
}
