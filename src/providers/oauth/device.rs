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

/// What a device flow has beyond the standard; fill in with `..DeviceOptions::default()`.
#[derive(Debug, Clone, Copy)]
pub struct DeviceOptions<'a> {
    /// Headers of every call.
    pub headers: &'a [(&'a str, String)],
    /// Shortest pause between polls.
    pub pause_min: Duration,
    /// Longest life of a code that is believed.
    pub life_max: Duration,
    /// The service wants a PKCE challenge with the device code, and the verifier with every poll.
    pub pkce: bool,
    /// Further parameters of the first request.
    pub extra: &'a [(&'a str, &'a str)],
    /// Further parameters of every poll.
    pub poll_extra: &'a [(&'a str, &'a str)],
}

impl Default for DeviceOptions<'_> {
    fn default() -> Self {
        Self {
            headers: &[],
            pause_min: Duration::ZERO,
            life_max: Duration::from_secs(60 * 60),
            pkce: false,
            extra: &[],
            poll_extra: &[],
        }
    }
}

/// A whole device login: asks for a code, shows it, polls until the person has agreed.
/// `authorization_pending`, `slow_down` and faults of network and server go on polling.
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
    let proxy = &call.options().proxy;
    let wire = Wire::new(&call.control, proxy, service, options.headers);
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
        Ok(device) => fitted(device, options)?,
        Err(_) => return Err(envelope::refused(&wire.take_last()?)),
    };
    let life = device.expires_in();
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
    let wire = wire.patient();
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

/// The answer with pause and life within the service's bounds. Its fields can only be changed where
/// they are JSON.
fn fitted(
    device: StandardDeviceAuthorizationResponse,
    options: &DeviceOptions<'_>,
) -> Result<StandardDeviceAuthorizationResponse, LoginError> {
    let pause = device.interval().max(options.pause_min).as_secs();
    let life = device.expires_in().min(options.life_max).as_secs();
    let changed = serde_json::to_value(&device).and_then(|mut fields| {
        fields["interval"] = pause.into();
        fields["expires_in"] = life.into();
        serde_json::from_value(fields)
    });
    changed.map_err(|error| LoginError::Internal {
        message: format!("a device code that cannot be read again: {error}"),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use oauth2::{HttpRequest, TokenResponse};
    use serde_json::{Value, json};
    use std::cell::RefCell;
    use std::future::ready;

    const SERVICE: Service = Service {
        client_id: "client",
        token_url: "https://service.example/token",
        ..Service::PUBLIC
    };

    fn device(pause: u64) -> StandardDeviceAuthorizationResponse {
        let answer = json!({"device_code": "d", "user_code": "u", "expires_in": 1800,
            "interval": pause, "verification_uri": "https://service.example/activate"});
        let options = DeviceOptions {
            pause_min: Duration::from_secs(5),
            life_max: Duration::from_secs(900),
            ..DeviceOptions::default()
        };
        fitted(serde_json::from_value(answer).unwrap(), &options).unwrap()
    }

    #[test]
    fn pause_and_life_keep_to_the_bounds() {
        for (pause, want) in [(1, 5), (5, 5), (9, 9)] {
            let device = device(pause);
            assert_eq!(device.interval().as_secs(), want);
            assert_eq!(device.expires_in().as_secs(), 900);
            assert_eq!(device.user_code().secret(), "u");
        }
    }

    /// `kimi.md` §8, vector 1: an error with status 200, a longer pause from `slow_down` on, a life
    /// with a fraction.
    #[actix_rt::test]
    async fn polls_wait_as_the_service_asks() {
        let token = json!({"access_token": "fake-at", "refresh_token": "fake-rt",
            "token_type": "Bearer", "expires_in": 900.0, "scope": "kimi-code"});
        let answers = RefCell::new(vec![
            (200, token),
            (400, json!({"error": "slow_down"})),
            (200, json!({"error": "authorization_pending"})),
        ]);
        let http = |_: HttpRequest| {
            let (status, body): (u16, Value) = answers.borrow_mut().pop().unwrap();
            let reply = super::super::super::control::Reply {
                status,
                headers: actix_web::http::header::HeaderMap::new(),
                body: body.to_string().into(),
            };
            let (status, body) = http::repaired(&reply);
            ready(http::response(status, body))
        };
        let (client, device) = (http::client(&SERVICE).unwrap(), device(5));
        let pauses = RefCell::new(Vec::new());
        let granted = client
            .exchange_device_access_token(&device)
            .set_time_fn(|| DateTime::UNIX_EPOCH)
            .request_async(
                &http,
                |pause| {
                    pauses.borrow_mut().push(pause.as_secs());
                    ready(())
                },
                Some(device.expires_in()),
            )
            .await
            .unwrap();
        assert_eq!(*pauses.borrow(), [5, 10]);
        assert_eq!(granted.expires_in().unwrap().as_secs(), 900);
        let tokens = http::tokens(&granted, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(tokens.expires_at().unwrap().timestamp(), 900);
        assert_eq!(tokens.scope.as_deref(), Some("kimi-code"));
        assert_eq!(tokens.text("token_type"), None);
    }
}
