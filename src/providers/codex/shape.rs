//! How calls are addressed and signed (§4).

use super::super::headers::{Headers, PRODUCT, PRODUCT_NAME};
use super::super::multipart;
use super::super::{Action, Call, Extra, ShapeError};
use super::account::Identity;
use super::{images, models};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::record::{CredentialRecord, Kind};
use bytes::Bytes;
use protocol::Dialect;
use protocol::splice::Doc;
use serde_json::Value;
use std::borrow::Cow;

/// Base of API keys.
pub(super) const API: &str = "https://api.openai.com/v1";

/// Base of ChatGPT accounts.
pub(super) const BACKEND: &str = "https://chatgpt.com/backend-api/codex";

/// Names the workspace of an account.
pub(super) const ACCOUNT_HEADER: &str = "chatgpt-account-id";

/// What the official clients send about themselves and their session: passed on, never invented.
const CLIENT_CONTEXT: &[&str] = &[
    "user-agent",
    "originator",
    "version",
    "openai-beta",
    "session-id",
    "session_id",
    "conversation_id",
    "thread-id",
    "x-client-request-id",
    "x-codex-beta-features",
    "x-codex-turn-metadata",
    "x-codex-turn-state",
    "x-codex-window-id",
    "x-openai-internal-codex-responses-lite",
];

/// What the official client sends back within a turn (§4.2).
pub(super) const REPLY_HEADERS: &[&str] = &["x-codex-turn-state"];

/// Names of the session under which clients send it themselves.
const SESSION: [&str; 3] = ["session_id", "session-id", "conversation_id"];

/// Whether calls of `record` go to the backend of Codex, which takes less than the public API.
pub(super) fn is_backend(record: &CredentialRecord) -> bool {
    record.kind == Kind::Login || base(record).starts_with("https://chatgpt.com/backend-api/")
}

/// Where calls of `record` go, without a slash at the end.
pub(super) fn base(record: &CredentialRecord) -> &str {
    let own = record.base_url.as_deref();
    own.unwrap_or(match record.kind {
        Kind::Login => BACKEND,
        Kind::Key => API,
    })
}

/// The workspace of an account: the file's field, else what its tokens say.
pub(super) fn account_id(record: &CredentialRecord) -> Option<Cow<'_, str>> {
    let field = record.document.get("account_id").and_then(Value::as_str);
    match field.map(str::trim).filter(|id| !id.is_empty()) {
        Some(id) => Some(Cow::Borrowed(id)),
        None => Identity::of_file(&record.document)
            .account_id
            .map(Cow::Owned),
    }
}

pub(super) fn shape(
    provider: &'static str,
    call: &Call<'_>,
) -> Result<UpstreamRequest, ShapeError> {
    let (path, stream) = match call.action {
        Action::Generate { .. } if models::is_for_images(call.model) => {
            return Err(ShapeError::BadRequest(format!(
                "`{}` only makes pictures: use POST /v1/images/generations or /v1/images/edits",
                call.model
            )));
        }
        Action::Generate { stream } => ("/responses", stream),
        Action::Compact => ("/responses/compact", false),
        Action::CountTokens | Action::Embeddings => {
            return Err(ShapeError::NoSuchCall {
                provider,
                what: "token count or embeddings",
            });
        }
    };
    let mut headers = signed(call, Headers::json(stream))?;
    if is_backend(call.record) {
        session_header(&mut headers, call)?;
    }
    request(call, path, headers, call.body.clone())
}

/// Addresses and signs a picture or a search.
pub(super) fn extra(
    provider: &'static str,
    call: &Call<'_>,
    extra: Extra,
) -> Result<UpstreamRequest, ShapeError> {
    let backend = is_backend(call.record);
    if extra == Extra::AlphaSearch && !(backend || call.record.settings.alpha_search) {
        return Err(ShapeError::NoSuchCall {
            provider,
            what: "alpha search with this key; set `alpha-search: true` where the service has it",
        });
    }
    let stream = call.action == Action::Generate { stream: true };
    let mut headers = signed(call, Headers::json(stream))?;
    let content_type = call.client_headers.get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let form = content_type.filter(|kind| multipart::is_form(kind));
    let body = match form {
        // The backend takes JSON only.
        Some(form) if backend => images::json(call.body, form)?,
        Some(form) => {
            headers.set("content-type", form)?;
            call.body.clone()
        }
        None => call.body.clone(),
    };
    request(call, extra.path(), headers, body)
}

fn request(
    call: &Call<'_>,
    path: &str,
    headers: Headers,
    body: Bytes,
) -> Result<UpstreamRequest, ShapeError> {
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{}{path}", base(call.record)),
        headers: headers.finish(call.record, call)?,
        body,
    })
}

/// `headers` with who asks, on whose account.
fn signed(call: &Call<'_>, mut headers: Headers) -> Result<Headers, ShapeError> {
    let backend = is_backend(call.record);
    headers.fixed("user-agent", PRODUCT);
    if backend {
        headers.fixed("originator", PRODUCT_NAME);
        let own = &call.config.codex_headers;
        for (name, value) in [
            ("user-agent", &own.user_agent),
            ("x-codex-beta-features", &own.beta_features),
        ] {
            if let Some(value) = value {
                headers.set(name, value)?;
            }
        }
    }
    if call.client == Dialect::OpenAiResponses {
        headers.copy(call.client_headers, CLIENT_CONTEXT);
    }
    if let Some(secret) = &call.record.secret {
        headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
    }
    if backend {
        if let Some(id) = account_id(call.record) {
            headers.set(ACCOUNT_HEADER, &id)?;
        }
        if Identity::of_file(&call.record.document).fedramp {
            headers.fixed("x-openai-fedramp", "true");
        }
    }
    Ok(headers)
}

/// Names the session, for the backend's cache.
fn session_header(headers: &mut Headers, call: &Call<'_>) -> Result<(), ShapeError> {
    let said = |name: &&str| call.client_headers.contains_key(*name);
    if call.client == Dialect::OpenAiResponses && SESSION.iter().any(said) {
        return Ok(());
    }
    // Requests of one session share a cache there.
    let key = Doc::trust(call.body)
        .and_then(|doc| doc.root().get("prompt_cache_key"))
        .and_then(|key| key.string());
    // A key that cannot stand in a header still does its work in the body.
    let legal = |key: &Cow<'_, str>| !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
    if let Some(key) = key.filter(legal) {
        headers.set("session_id", &key)?;
    }
    Ok(())
}
