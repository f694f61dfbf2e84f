//! Authorization code with PKCE (RFC 6749 §4.1, RFC 7636), for programs on the person's machine
//! (RFC 8252).

use super::super::control::Outgoing;
use super::super::login::{LoginCall, LoginKind};
use super::envelope;
use super::http::{self, TOKEN_LIMIT, Wire, misbuilt, signed};
use super::loopback::Listener;
use super::{Service, Tokens};
use actors::domain::secret::Secret;
use actors::login::{AuthorizationCode, LoginError, OpenUrl};
use oauth2::{AuthUrl, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Random bytes behind a verifier: 128 characters, the most RFC 7636 §4.1 allows.
const VERIFIER_BYTES: u32 = 96;

/// A redirect that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The code, and the state for its exchange.
    pub code: AuthorizationCode,
    /// The redirect URI of the request; the exchange must name the same.
    pub uri: String,
}

/// A whole browser login: authorization request with PKCE and the session's state, redirect or
/// pasted address, exchange. `extra` are further parameters of the authorization request.
///
/// # Errors
///
/// [`LoginError`] of every step.
pub async fn login(
    call: &LoginCall,
    service: &Service,
    extra: &[(&str, &str)],
) -> Result<Tokens, LoginError> {
    let (challenge, verifier) = pkce();
    let url = authorize_url(call, service, challenge, extra)?;
    let redirect = authorize(call, |uri| url(uri)).await?;
    call.talk.working("exchanging the code for tokens");
    let verifier = Secret::from(verifier.secret().as_str());
    exchange(call, service, &redirect, Some(&verifier)).await
}

/// A random PKCE pair with method S256.
pub fn pkce() -> (PkceCodeChallenge, PkceCodeVerifier) {
    PkceCodeChallenge::new_random_sha256_len(VERIFIER_BYTES)
}

/// Makes the authorization request's address, given the redirect URI.
fn authorize_url<'a>(
    call: &'a LoginCall,
    service: &'a Service,
    challenge: PkceCodeChallenge,
    extra: &'a [(&'a str, &'a str)],
) -> Result<impl FnOnce(&str) -> Result<String, LoginError> + 'a, LoginError> {
    let auth_url = AuthUrl::new(service.authorize_url.to_owned());
    let auth_url = auth_url.map_err(|error| misbuilt(&error))?;
    let client = http::client(service)?.set_auth_uri(auth_url);
    Ok(move |uri: &str| {
        let redirect_url = RedirectUrl::new(uri.to_owned()).map_err(|error| misbuilt(&error))?;
        let state = call.talk.state().to_owned();
        let mut request = client
            .authorize_url(move || CsrfToken::new(state))
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(redirect_url));
        for scope in service.scopes {
            request = request.add_scope(Scope::new((*scope).to_owned()));
        }
        for (name, value) in extra {
            request = request.add_extra_param(*name, *value);
        }
        Ok(String::from(request.url().0))
    })
}

/// Listens for the redirect, has the address opened that `url` makes of the redirect URI, and waits
/// for the redirect or for what is pasted. For services whose authorization request is not standard;
/// the others use [`login`].
///
/// # Errors
///
/// [`LoginError::PortBusy`] when the provider's port is in use and pasting does not suffice,
/// [`LoginError::Denied`] when the redirect says so.
pub async fn authorize(
    call: &LoginCall,
    url: impl FnOnce(&str) -> Result<String, LoginError>,
) -> Result<Redirect, LoginError> {
    let LoginKind::Browser(callback) = call.spec.kind else {
        let message = format!("`{}` is no browser login", call.spec.flag);
        return Err(LoginError::Internal { message });
    };
    let (listener, port) = Listener::open(call, callback).await?;
    let uri = format!("http://localhost:{port}{}", callback.path);
    let open = OpenUrl {
        url: url(&uri)?,
        redirect_uri: uri.clone(),
        listening: listener.as_ref().map(Listener::address),
    };
    let code = call.talk.open_url(open);
    let code = match &listener {
        Some(listener) => listener.while_pending(code).await?,
        None => code.await?,
    };
    Ok(Redirect { code, uri })
}

/// Trades a code for tokens.
///
/// # Errors
///
/// [`LoginError::Exchange`] with what the provider said, [`LoginError::Unreachable`].
pub async fn exchange(
    call: &LoginCall,
    service: &Service,
    redirect: &Redirect,
    verifier: Option<&Secret>,
) -> Result<Tokens, LoginError> {
    if service.json {
        return exchange_by_json(call, service, redirect, verifier).await;
    }
    let client = http::client(service)?;
    let wire = Wire::new(&call.control, &call.options().proxy, service, &[]);
    let redirect_url = RedirectUrl::new(redirect.uri.clone()).map_err(|error| misbuilt(&error))?;
    let code = oauth2::AuthorizationCode::new(redirect.code.code.expose().to_owned());
    let mut request = client
        .exchange_code(code)
        .set_redirect_uri(Cow::Owned(redirect_url));
    if let Some(verifier) = verifier {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()));
    }
    let granted = request.request_async(&wire).await;
    let tokens = granted
        .ok()
        .and_then(|granted| http::tokens(&granted, call.now()));
    match tokens {
        Some(tokens) => Ok(tokens),
        None => Err(envelope::refused(&wire.take_last()?)),
    }
}

async fn exchange_by_json(
    call: &LoginCall,
    service: &Service,
    redirect: &Redirect,
    verifier: Option<&Secret>,
) -> Result<Tokens, LoginError> {
    let mut body = Map::new();
    let mut put = |name: &str, value: &str| drop(body.insert(name.to_owned(), value.into()));
    put("grant_type", "authorization_code");
    put("code", redirect.code.code.expose());
    put("redirect_uri", &redirect.uri);
    put("client_id", service.client_id);
    if let Some(secret) = service.client_secret {
        put("client_secret", secret);
    }
    if let Some(verifier) = verifier {
        put("code_verifier", verifier.expose());
    }
    put("state", &redirect.code.state);
    let outgoing = Outgoing::json(service.token_url, &Value::Object(body)).limit(TOKEN_LIMIT);
    let reply = call.send(signed(outgoing, service)).await?;
    let tokens = match reply.json() {
        Some(Value::Object(body)) if reply.is_success() => Tokens::from_json(body, call.now()),
        _ => None,
    };
    tokens.ok_or_else(|| envelope::refused(&reply))
}
