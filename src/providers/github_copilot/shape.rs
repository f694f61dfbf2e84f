//! How calls are addressed and signed (§4).

use super::super::headers::{ANTHROPIC_CLIENT, Headers, PRODUCT};
use super::super::{Action, Call, Provider, ShapeError};
use super::content::Content;
use super::host::Host;
use super::{GithubCopilot, body};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::record::CredentialRecord;
use protocol::Dialect;

/// The editor version that the service demands: 400 without one, and for an unknown form.
pub(super) const EDITOR_VERSION: &str = "vscode/1.107.0";

/// Version of GitHub's API that the exchange of tokens was written for.
pub(super) const TOKEN_API_VERSION: &str = "2025-04-01";

/// What the service demands of every call: without the first two it answers 400; the last chooses
/// the fields of answers and the models.
pub(super) const DEMANDED: [(&str, &str); 3] = [
    ("editor-version", EDITOR_VERSION),
    ("copilot-integration-id", "vscode-chat"),
    ("x-github-api-version", "2025-05-01"),
];

/// What clients of the service say about themselves: passed on as it came, never invented.
const OWN_CLIENT: &[&str] = &[
    "editor-version",
    "editor-plugin-version",
    "copilot-integration-id",
    "openai-intent",
    "x-interaction-type",
    "x-github-api-version",
];

/// The beta of Anthropic's protocol that the service refuses.
const REFUSED_BETAS: &[&str] = &["context-1m-2025-08-07"];

/// Where calls of `record` go.
///
/// # Errors
///
/// [`ShapeError::Misconfigured`] when the account's host is no host.
pub(super) fn base(record: &CredentialRecord) -> Result<String, ShapeError> {
    if let Some(base) = record.base_url.as_ref().or(record.token_base.as_ref()) {
        return Ok(base.clone());
    }
    let host = Host::of(record).ok_or_else(|| {
        let text = format!("`enterprise_domain` of `{}` is no host name", record.id);
        ShapeError::Misconfigured(text)
    })?;
    Ok(host.copilot())
}

pub(super) fn shape(call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
    let Action::Generate { stream } = call.action else {
        return Err(ShapeError::NoSuchCall {
            provider: GithubCopilot.id(),
            what: "token counts, compaction or embeddings",
        });
    };
    let Some(secret) = &call.record.secret else {
        let text = format!("`{}` has no token yet", call.record.id);
        return Err(ShapeError::Misconfigured(text));
    };
    let mut headers = Headers::json(stream);
    headers.fixed("user-agent", PRODUCT);
    for (name, value) in DEMANDED {
        headers.fixed(name, value);
    }
    headers.copy(call.client_headers, &["user-agent"]);
    headers.copy(call.client_headers, OWN_CLIENT);
    let content = Content::of(call.client, call.client_body);
    headers.fixed("x-initiator", if content.agent { "agent" } else { "user" });
    if content.pictures {
        headers.fixed("copilot-vision-request", "true");
    }
    headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
    let (path, body) = match call.dialect {
        Dialect::Anthropic => {
            if call.client == Dialect::Anthropic {
                headers.copy(call.client_headers, ANTHROPIC_CLIENT);
            }
            headers.anthropic(call, REFUSED_BETAS)?;
            ("/v1/messages", call.body.clone())
        }
        Dialect::OpenAiResponses => ("/responses", body::for_responses(call.body)),
        _ => (
            "/chat/completions",
            body::for_chat(call.body, call.model, stream),
        ),
    };
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{}{path}", base(call.record)?),
        headers: headers.finish(call.record, call)?,
        body,
    })
}
