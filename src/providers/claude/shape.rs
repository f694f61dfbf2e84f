//! Addressing and signing (§4.1).

use super::super::headers::{ANTHROPIC_CLIENT, Headers, PRODUCT};
use super::super::{Action, Call, Provider, ShapeError};
use super::body::Parts;
use super::{Access, Claude, base, betas};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use protocol::Dialect;
use protocol::anthropic::ANTHROPIC_BETA;

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
        headers.copy(call.client_headers, ANTHROPIC_CLIENT);
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
