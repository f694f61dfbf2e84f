//! The refresh grant (RFC 6749 §6).

use super::super::control::{CallError, Control, Outgoing, Reply};
use super::envelope;
use super::http::{self, TOKEN_LIMIT, Wire, signed};
use super::{Service, Tokens};
use actors::domain::record::CredentialRecord;
use actors::port::RefreshError;
use oauth2::RefreshToken;
use serde_json::{Map, Value};

/// Trades the refresh token of `old` for new tokens: one attempt. `extra` are further parameters,
/// such as `scope`. The refresh token is read from the top of the document, else from its `token`
/// object.
///
/// # Errors
///
/// [`RefreshError`], see [`envelope::classify`].
pub async fn refresh(
    control: &Control,
    service: &Service,
    old: &CredentialRecord,
    extra: &[(&str, &str)],
) -> Result<Tokens, RefreshError> {
    refresh_with(control, service, old, extra, &[]).await
}

/// As [`refresh`], with headers that the service demands.
///
/// # Errors
///
/// As [`refresh`].
pub async fn refresh_with(
    control: &Control,
    service: &Service,
    old: &CredentialRecord,
    extra: &[(&str, &str)],
    headers: &[(&str, String)],
) -> Result<Tokens, RefreshError> {
    let Some(token) = refresh_token(old) else {
        return Err(RefreshError::Misconfigured {
            message: "the file has no `refresh_token`; log in again".to_owned(),
        });
    };
    if service.json {
        by_json(control, service, old, token, extra, headers).await
    } else {
        by_form(control, service, old, token, extra, headers).await
    }
}

/// The refresh token in a credential file.
pub fn refresh_token(record: &CredentialRecord) -> Option<&str> {
    let top = record.document.get("refresh_token").and_then(Value::as_str);
    let inner = record
        .document
        .get("token")
        .and_then(|token| token.get("refresh_token"));
    top.filter(|token| !token.is_empty())
        .or_else(|| inner?.as_str().filter(|token| !token.is_empty()))
}

async fn by_form(
    control: &Control,
    service: &Service,
    old: &CredentialRecord,
    token: &str,
    extra: &[(&str, &str)],
    headers: &[(&str, String)],
) -> Result<Tokens, RefreshError> {
    let client = http::client(service).map_err(unsent)?;
    let wire = Wire::new(control, &old.settings.proxy, service, headers);
    let token = RefreshToken::new(token.to_owned());
    let mut request = client.exchange_refresh_token(&token);
    for (name, value) in extra {
        request = request.add_extra_param(*name, *value);
    }
    let granted = request.request_async(&wire).await;
    let tokens = granted
        .ok()
        .and_then(|granted| http::tokens(&granted, control.now()));
    match tokens {
        Some(tokens) => Ok(tokens),
        None => Err(refused(control, service, wire.take_last())),
    }
}

async fn by_json(
    control: &Control,
    service: &Service,
    old: &CredentialRecord,
    token: &str,
    extra: &[(&str, &str)],
    headers: &[(&str, String)],
) -> Result<Tokens, RefreshError> {
    let mut body = Map::new();
    body.insert("grant_type".into(), "refresh_token".into());
    body.insert("refresh_token".into(), token.into());
    body.insert("client_id".into(), service.client_id.into());
    if let Some(secret) = service.client_secret {
        body.insert("client_secret".into(), secret.into());
    }
    for (name, value) in extra {
        body.insert((*name).into(), (*value).into());
    }
    let mut outgoing = Outgoing::json(service.token_url, &Value::Object(body)).limit(TOKEN_LIMIT);
    for (name, value) in headers {
        outgoing = outgoing.header(name, value);
    }
    let reply = control
        .send(signed(outgoing, service), &old.settings.proxy)
        .await;
    let reply = reply.map_err(unsent)?;
    let tokens = match reply.json() {
        Some(Value::Object(body)) if reply.is_success() => Tokens::from_json(body, control.now()),
        _ => None,
    };
    tokens.ok_or_else(|| envelope::classify(&reply, service, control.now()))
}

fn refused(control: &Control, service: &Service, last: Result<Reply, CallError>) -> RefreshError {
    match last {
        Ok(reply) => envelope::classify(&reply, service, control.now()),
        Err(error) => unsent(error),
    }
}

/// A call without a whole answer.
pub fn unsent(error: CallError) -> RefreshError {
    match error {
        // A proxy that is written wrongly, here or in the configuration: mended without a new login,
        // so it is tried again.
        CallError::Misconfigured(message) => RefreshError::Transient {
            message,
            retry_after: None,
        },
        CallError::Unreachable(message) => RefreshError::Unreachable { message },
        CallError::NoAnswer(message) => RefreshError::Unknown { message },
    }
}
