//! Addressing and signing (§4.1).

use super::super::headers::{Headers, PRODUCT};
use super::super::{Action, Call, Provider, ShapeError};
use super::body::Parts;
use super::{Access, Claude, base, betas};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use protocol::Dialect;
use protocol::anthropic::ANTHROPIC_BETA;

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

/// Addresses and signs one call.
pub(super) fn shape(call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
    let (path, stream) = match call.action {
        Action::Generate { stream } => ("/v1/messages?beta=true", stream),
        Action::CountTokens => ("/v1/messages/count_tokens?beta=true", false),
        Action::Compact | Action::Embeddings => {
            return Err(ShapeError::NoSuchCall {
                provider: Claude.id(),
                what: "compaction or embeddings",
            });
        }
    };
    let access = Access::of(call.record);
    let mut headers = Headers::json(stream);
    headers.fixed("anthropic-version", "2023-06-01");
    headers.fixed("user-agent", PRODUCT);
    if call.client == Dialect::Anthropic {
        headers.copy(call.client_headers, &["anthropic-version"]);
        headers.copy(call.client_headers, CLIENT_IDENTITY);
    }
    let parts = Parts::of(call.body);
    let betas = betas::list(call, access, &parts);
    if !betas.is_empty() {
        headers.set(ANTHROPIC_BETA, &betas.join(","))?;
    }
    if let Some(secret) = &call.record.secret {
        match access {
            Access::Key => headers.set("x-api-key", secret.expose())?,
            Access::OAuth | Access::Other => {
                headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
            }
        }
    }
    let is_answer = matches!(call.action, Action::Generate { .. });
    let body = if access == Access::OAuth && is_answer {
        parts.for_account(call.body)
    } else {
        call.body.clone()
    };
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{}{path}", base(call.record)),
        headers: headers.finish(call.record, call)?,
        body,
    })
}
