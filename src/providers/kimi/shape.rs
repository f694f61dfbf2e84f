//! How calls are addressed and signed (§4).

use super::super::headers::{ANTHROPIC_CLIENT, Headers, PRODUCT};
use super::super::{Action, Call, Provider, ShapeError};
use super::{Kimi, base, body, device, spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use protocol::Dialect;

/// What the official client says about itself; the device is the account's in any case.
const OWN_CLIENT: &[&str] = &["x-msh-platform", "x-msh-version"];

pub(super) fn shape(call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
    let anthropic = spoken(call.client) == Dialect::Anthropic;
    let (path, stream) = match (call.action, anthropic) {
        (Action::Generate { stream }, true) => ("/v1/messages", stream),
        (Action::Generate { stream }, false) => ("/v1/chat/completions", stream),
        (Action::CountTokens, true) => ("/v1/messages/count_tokens", false),
        (Action::CountTokens | Action::Compact | Action::Embeddings, _) => {
            return Err(ShapeError::NoSuchCall {
                provider: Kimi.id(),
                what: "compaction or embeddings",
            });
        }
    };
    let mut headers = Headers::json(stream);
    headers.fixed("user-agent", PRODUCT);
    for (name, value) in device::headers(device::id(call.record)) {
        headers.set(name, &value)?;
    }
    // Which program calls decides whether the service answers, whatever protocol it speaks here.
    headers.copy(call.client_headers, &["user-agent"]);
    match call.client {
        Dialect::Anthropic => {
            headers.copy(call.client_headers, ANTHROPIC_CLIENT);
            headers.anthropic(call, &[])?;
        }
        Dialect::OpenAiChat => headers.copy(call.client_headers, OWN_CLIENT),
        _ => {}
    }
    if let Some(secret) = &call.record.secret {
        headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
    }
    let body = if anthropic {
        call.body.clone()
    } else {
        body::for_chat(call)
    };
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{}{path}", base(call.record)),
        headers: headers.finish(call.record, call)?,
        body,
    })
}
