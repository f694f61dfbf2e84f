//! The `oauth2` crate over our own transport, and repairs of answers it would not read.

use super::super::control::{CallError, Control, Outgoing, Reply};
use super::envelope::Said;
use super::{Service, Tokens};
use actix_web::http::Method;
use actors::config::Proxy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ExtraTokenFields,
    HttpRequest, HttpResponse, StandardRevocableToken, StandardTokenResponse, TokenResponse,
    TokenUrl, http,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

/// Longest token call (`claude.md` §3, `codex.md` §3).
pub(super) const TOKEN_LIMIT: Duration = Duration::from_secs(30);

/// The crate's client with the fields of services that say more than the standard.
pub(super) type Client<Auth = EndpointNotSet, Device = EndpointNotSet> = oauth2::Client<
    BasicErrorResponse,
    Granted,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    Auth,
    Device,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// An answer of a token endpoint, as the crate reads it.
pub(super) type Granted = StandardTokenResponse<Extra, BasicTokenType>;

/// The fields of an answer that the standard does not know.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Extra(Map<String, Value>);

impl ExtraTokenFields for Extra {}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extra")
    }
}

/// A fault of this program in a constant of a provider.
pub(super) fn misbuilt(error: &dyn fmt::Display) -> CallError {
    CallError::Misconfigured(format!("the program's OAuth settings are wrong: {error}"))
}

/// The crate's client of a service.
pub(super) fn client(service: &Service) -> Result<Client, CallError> {
    let token_url =
        TokenUrl::new(service.token_url.to_owned()).map_err(|error| misbuilt(&error))?;
    let mut client = oauth2::Client::new(ClientId::new(service.client_id.to_owned()))
        .set_auth_type(oauth2::AuthType::RequestBody)
        .set_token_uri(token_url);
    if let Some(secret) = service.client_secret {
        client = client.set_client_secret(ClientSecret::new(secret.to_owned()));
    }
    Ok(client)
}

/// What the crate read, as ours.
pub(super) fn tokens(granted: &Granted, now: DateTime<Utc>) -> Option<Tokens> {
    let mut body = granted.extra_fields().0.clone();
    body.insert(
        "access_token".into(),
        granted.access_token().secret().as_str().into(),
    );
    if let Some(token) = granted.refresh_token() {
        body.insert("refresh_token".into(), token.secret().as_str().into());
    }
    if let Some(life) = granted.expires_in() {
        body.insert("expires_in".into(), life.as_secs().into());
    }
    if let Some(scopes) = granted.scopes() {
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        body.insert("scope".into(), scopes.join(" ").into());
    }
    Tokens::from_json(body, now)
}

/// Carries the crate's requests and keeps the last answer as it really was: the crate forgets
/// status, headers and bodies that it cannot read.
pub(super) struct Wire<'a> {
    control: &'a Control,
    proxy: &'a Proxy,
    service: &'a Service,
    headers: &'a [(&'a str, String)],
    /// Answers of a server in trouble mean "later".
    patient: bool,
    last: RefCell<Option<Result<Reply, CallError>>>,
}

impl<'a> Wire<'a> {
    pub(super) fn new(
        control: &'a Control,
        proxy: &'a Proxy,
        service: &'a Service,
        headers: &'a [(&'a str, String)],
    ) -> Self {
        Self {
            control,
            proxy,
            service,
            headers,
            patient: false,
            last: RefCell::default(),
        }
    }

    /// For polls: a server in trouble is asked again, after longer pauses.
    pub(super) fn patient(self) -> Self {
        Self {
            patient: true,
            ..self
        }
    }

    /// The last answer, or why there was none.
    pub(super) fn take_last(&self) -> Result<Reply, CallError> {
        let last = self.last.borrow_mut().take();
        last.unwrap_or_else(|| Err(CallError::Misconfigured("nothing was sent".to_owned())))
    }

    /// Sends a request and keeps what came.
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let (head, body) = request.into_parts();
        let method = Method::from_bytes(head.method.as_str().as_bytes());
        let method = method.map_err(|error| misbuilt(&error))?;
        let mut outgoing = Outgoing::raw(method, head.uri.to_string(), body.into());
        for (name, value) in &head.headers {
            let value = value.to_str().map_err(|error| misbuilt(&error))?;
            outgoing = outgoing.header(name.as_str(), value);
        }
        for (name, value) in self.headers {
            outgoing = outgoing.header(name, value);
        }
        outgoing = signed(outgoing, self.service).limit(TOKEN_LIMIT);
        let sent = self.control.send(outgoing, self.proxy).await;
        let answer = sent.clone();
        *self.last.borrow_mut() = Some(sent);
        let answer = answer?;
        if self.patient && is_trouble(&answer) {
            return response(400, br#"{"error":"slow_down"}"#.to_vec());
        }
        let (status, body) = repaired(&answer);
        response(status, body)
    }
}

/// An answer as the crate takes it.
pub(super) fn response(status: u16, body: Vec<u8>) -> Result<HttpResponse, CallError> {
    let mut response = http::Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(status).map_err(|error| misbuilt(&error))?;
    // The crate refuses other types, and some services name none.
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = CallError;
    type Future = LocalBoxFuture<'c, Result<HttpResponse, CallError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

/// Adds the `Authorization: Basic` that some services want beside the body.
pub(super) fn signed(outgoing: Outgoing, service: &Service) -> Outgoing {
    match service.client_secret {
        Some(secret) if service.basic => {
            let pair = STANDARD.encode(format!("{}:{secret}", service.client_id));
            outgoing.header("authorization", &format!("Basic {pair}"))
        }
        _ => outgoing,
    }
}

/// Whether an answer only says that the server cannot answer now. Pure.
fn is_trouble(reply: &Reply) -> bool {
    let said = || {
        reply
            .json()
            .and_then(|body| Some(body.get("error")?.is_string()))
    };
    match reply.status {
        500.. => true,
        // Some services say `slow_down` and the like with this status.
        429 => said() != Some(true),
        _ => false,
    }
}

/// Status and body as the crate wants them. Pure.
pub(super) fn repaired(reply: &Reply) -> (u16, Vec<u8>) {
    let Some(Value::Object(mut body)) = reply.json() else {
        return (reply.status, reply.body.to_vec());
    };
    let said = Said::read(&Value::Object(body.clone()));
    let is_error = body.get("error").is_some_and(|error| !error.is_null());
    if is_error {
        // GitHub answers polls with 200 and an error; others put objects where texts belong.
        let code = said.code.unwrap_or_else(|| "unknown".to_owned());
        let mut error = Map::new();
        error.insert("error".into(), code.into());
        if let Some(message) = said.message {
            error.insert("error_description".into(), message.into());
        }
        let status = if reply.is_success() {
            400
        } else {
            reply.status
        };
        return (status, Value::Object(error).to_string().into_bytes());
    }
    for name in ["expires_in", "interval"] {
        let number = match body.get(name) {
            Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
            Some(Value::Number(number)) => number.as_f64(),
            _ => None,
        };
        match number.filter(|number| *number >= 0.0) {
            Some(number) => drop(body.insert(name.into(), (number as u64).into())),
            None => drop(body.shift_remove(name)),
        }
    }
    if let Some(Value::Array(scopes)) = body.get("scope") {
        let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
        body.insert("scope".into(), scopes.join(" ").into());
    }
    if body.contains_key("access_token") && !body.get("token_type").is_some_and(Value::is_string) {
        body.insert("token_type".into(), "Bearer".into());
    }
    // Google's older name for it.
    if let Some(url) = body.get("verification_url").cloned() {
        body.entry("verification_uri").or_insert(url);
    }
    (reply.status, Value::Object(body).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderMap;
    use serde_json::json;

    #[test]
    fn a_server_in_trouble_is_told_from_a_word_about_the_code() {
        for (status, body, want) in [
            (503, "<html>", true),
            (500, r#"{"error":"server_error"}"#, true),
            (429, "", true),
            (429, r#"{"error":{"message":"too many"}}"#, true),
            (429, r#"{"error":"slow_down"}"#, false),
            (400, r#"{"error":"authorization_pending"}"#, false),
            (403, "<html>", false),
        ] {
            let reply = Reply {
                status,
                headers: HeaderMap::new(),
                body: body.into(),
            };
            assert_eq!(is_trouble(&reply), want, "{status} {body}");
        }
    }

    #[test]
    fn answers_become_what_the_crate_reads() {
        for (status, body, want_status, want) in [
            (
                200,
                json!({"error": "authorization_pending", "interval": 5}),
                400,
                json!({"error": "authorization_pending"}),
            ),
            (
                403,
                json!({"error": {"code": "a", "message": "b"}}),
                403,
                json!({"error": "a", "error_description": "b"}),
            ),
            (
                200,
                json!({"access_token": "t", "expires_in": "60", "scope": ["a", "b"]}),
                200,
                json!({"access_token": "t", "expires_in": 60, "scope": "a b", "token_type": "Bearer"}),
            ),
            (
                200,
                json!({"access_token": "t", "token_type": "bearer", "expires_in": null, "error": null}),
                200,
                json!({"access_token": "t", "token_type": "bearer", "error": null}),
            ),
            (
                200,
                json!({"device_code": "d", "verification_url": "u", "interval": "3"}),
                200,
                json!({"device_code": "d", "verification_url": "u", "interval": 3, "verification_uri": "u"}),
            ),
        ] {
            let reply = Reply {
                status,
                headers: HeaderMap::new(),
                body: body.to_string().into(),
            };
            let (status, body) = repaired(&reply);
            assert_eq!(status, want_status);
            assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), want);
        }
    }
}
