//! The device flow (RFC 8628), with PKCE where the service wants it.

use super::super::login::LoginCall;
use super::envelope::{self, Said};
use super::http::{self, Wire, misbuilt};
use super::{Service, Tokens, code};
use actors::login::{LoginError, ShowCode};
use chrono::TimeDelta;
use oauth2::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponseType, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse,
};
use std::time::Duration;

/// Longest life of a code that is believed.
const LIFE_MAX: Duration = Duration::from_secs(60 * 60);

/// What a device flow has beyond the standard.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceOptions<'a> {
    /// The service wants a PKCE challenge with the device code, and the verifier with every poll.
    pub pkce: bool,
    /// Further parameters of the first request.
    pub extra: &'a [(&'a str, &'a str)],
    /// Further parameters of every poll.
    pub poll_extra: &'a [(&'a str, &'a str)],
}

/// A whole device login: asks for a code, shows it, polls until the person has agreed.
/// `authorization_pending`, `slow_down` and faults of the network go on polling.
///
/// # Errors
///
/// [`LoginError::Denied`], [`LoginError::Expired`], else what the provider said.
pub async fn login(
    call: &LoginCall,
    service: &Service,
    options: &DeviceOptions<'_>,
) -> Result<Tokens, LoginError> {
    let device_url = DeviceAuthorizationUrl::new(service.device_url.to_owned());
    let device_url = device_url.map_err(|error| misbuilt(&error))?;
    let client = http::client(service)?.set_device_authorization_url(device_url);
    let wire = Wire::new(&call.control, &call.options().proxy, service);
    let pkce = options.pkce.then(code::pkce);
    let mut request = client.exchange_device_code();
    for scope in service.scopes {
        request = request.add_scope(Scope::new((*scope).to_owned()));
    }
    for (name, value) in options.extra {
        request = request.add_extra_param(*name, *value);
    }
    if let Some((challenge, _)) = &pkce {
        request = request
            .add_extra_param("code_challenge", challenge.as_str())
            .add_extra_param("code_challenge_method", challenge.method().as_str());
    }
    let granted = request.request_async(&wire).await;
    let device: StandardDeviceAuthorizationResponse = match granted {
        Ok(device) => device,
        Err(_) => return Err(envelope::refused(&wire.take_last()?)),
    };
    let life = device.expires_in().min(LIFE_MAX);
    let expires_at = call.now() + TimeDelta::from_std(life).unwrap_or(TimeDelta::MAX);
    let complete = device.verification_uri_complete();
    call.talk.show_code(ShowCode {
        url: device.verification_uri().to_string(),
        url_complete: complete.map(|url| url.secret().clone()),
        user_code: device.user_code().secret().clone(),
        expires_at,
    });
    let control = &call.control;
    let mut request = client
        .exchange_device_access_token(&device)
        .set_time_fn(|| control.now());
    for (name, value) in options.poll_extra {
        request = request.add_extra_param(*name, *value);
    }
    if let Some((_, verifier)) = &pkce {
        request = request.add_extra_param("code_verifier", verifier.secret());
    }
    // The first poll can only be too early.
    tokio::time::sleep(device.interval()).await;
    let granted = request
        .request_async(&wire, tokio::time::sleep, Some(life))
        .await;
    match granted {
        Ok(granted) => {
            let tokens = http::tokens(&granted, call.now());
            tokens.ok_or_else(|| {
                wire.take_last()
                    .map_or_else(LoginError::from, |r| envelope::refused(&r))
            })
        }
        Err(RequestTokenError::ServerResponse(refusal)) => Err(match refusal.error() {
            DeviceCodeErrorResponseType::ExpiredToken => LoginError::Expired,
            DeviceCodeErrorResponseType::Basic(_)
            | DeviceCodeErrorResponseType::AuthorizationPending
            | DeviceCodeErrorResponseType::SlowDown
            | DeviceCodeErrorResponseType::AccessDenied => denied_or_refused(&wire.take_last()?),
        }),
        Err(_) => Err(envelope::refused(&wire.take_last()?)),
    }
}

/// `access_denied` is the person's word, the rest the provider's.
fn denied_or_refused(reply: &super::super::control::Reply) -> LoginError {
    let said = reply.json().as_ref().map(Said::read).unwrap_or_default();
    if said.code.as_deref() == Some("access_denied") {
        let message = said.message.unwrap_or_else(|| "access_denied".to_owned());
        return LoginError::Denied { message };
    }
    envelope::refused(reply)
}
