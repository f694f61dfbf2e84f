//! How calls are addressed and signed (§4).

use super::super::headers::{Headers, PRODUCT};
use super::super::{Action, Call, Provider, ShapeError};
use super::{Qwen, account, body};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::record::CredentialRecord;
use protocol::Dialect;
use std::borrow::Cow;

const BASE: &str = "https://portal.qwen.ai/v1";

/// Where calls of `record` go: a base of its owner's, else the host its login named, with or without
/// scheme, slash and version.
pub(super) fn base(record: &CredentialRecord) -> Cow<'_, str> {
    if let Some(own) = &record.base_url {
        return Cow::Borrowed(own);
    }
    let host = account::host(record).unwrap_or_default();
    let host = host.trim().trim_end_matches('/');
    if host.is_empty() {
        return Cow::Borrowed(BASE);
    }
    let scheme = if host.contains("://") { "" } else { "https://" };
    let version = if host.ends_with("/v1") { "" } else { "/v1" };
    Cow::Owned(format!("{scheme}{host}{version}"))
}

pub(super) fn shape(call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
    let Action::Generate { stream } = call.action else {
        return Err(ShapeError::NoSuchCall {
            provider: Qwen.id(),
            what: "token count, compaction or embeddings",
        });
    };
    let mut headers = Headers::json(stream);
    headers.fixed("user-agent", PRODUCT);
    headers.fixed("x-dashscope-useragent", PRODUCT);
    headers.fixed("x-dashscope-authtype", "qwen-oauth");
    headers.fixed("x-dashscope-cachecontrol", "enable");
    if call.client == Dialect::OpenAiChat {
        let client = ["user-agent", "x-dashscope-useragent"];
        headers.copy(call.client_headers, &client);
    }
    if let Some(secret) = &call.record.secret {
        headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
    }
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{}/chat/completions", base(call.record)),
        headers: headers.finish(call.record, call)?,
        body: body::with_one_system(call.body),
    })
}
