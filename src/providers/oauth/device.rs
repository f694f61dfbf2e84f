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
use std::cell::Cell;
use std::time::Duration;

/// What a device flow has beyond the standard; fill in with `..DeviceOptions::default()`.
#[derive(Debug, Clone, Copy)]
pub struct DeviceOptions<'a> {
    /// Headers of every call.
    pub headers: &'a [(&'a str, String)],
    /// Shortest pause between polls.
    pub pause_min: Duration,
    /// The pause after `slow_down`, given the one before.
    pub slower: fn(Duration) -> Duration,
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
            slower: |pause| pause + Duration::from_secs(5),
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
    let pace = Pace::new(device.interval(), options.slower);
    let granted = request
        .request_async(
            &wire,
            |asked| tokio::time::sleep(pace.next(asked)),
            Some(life),
        )
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

/// Pauses between polls: the crate's, slowed down in the service's own way.
struct Pace {
    slower: fn(Duration) -> Duration,
    /// The last pause that the crate asked for, and the one that was made.
    last: Cell<(Duration, Duration)>,
}

impl Pace {
    fn new(pause: Duration, slower: fn(Duration) -> Duration) -> Self {
        Self {
            slower,
            last: Cell::new((pause, pause)),
        }
    }

    /// The pause to make where the crate asks for `asked`, which grows with every `slow_down`.
    fn next(&self, asked: Duration) -> Duration {
        let (before, pause) = self.last.get();
        let pause = if asked > before {
            (self.slower)(pause)
        } else {
            pause
        };
        self.last.set((asked, pause));
        pause
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

    /// Answers polls in order; the pauses between them in milliseconds, and what was granted.
    async fn polled(
        answers: Vec<(u16, Value)>,
        slower: fn(Duration) -> Duration,
    ) -> (Vec<u128>, http::Granted) {
        let answers = RefCell::new(answers.into_iter());
        let http = |_: HttpRequest| {
            let (status, body) = answers.borrow_mut().next().unwrap();
            let reply = super::super::super::control::Reply {
                status,
                headers: actix_web::http::header::HeaderMap::new(),
                body: body.to_string().into(),
            };
            let (status, body) = http::repaired(&reply);
            ready(http::response(status, body))
        };
        let (client, device) = (http::client(&SERVICE).unwrap(), device(5));
        let (pauses, pace) = (
            RefCell::new(Vec::new()),
            Pace::new(device.interval(), slower),
        );
        let granted = client
            .exchange_device_access_token(&device)
            .set_time_fn(|| DateTime::UNIX_EPOCH)
            .request_async(
                &http,
                |asked| {
                    pauses.borrow_mut().push(pace.next(asked).as_millis());
                    ready(())
                },
                Some(device.expires_in()),
            )
            .await
            .unwrap();
        (pauses.into_inner(), granted)
    }

    fn said(code: &str) -> Value {
        json!({ "error": code })
    }

    /// `kimi.md` §8, vector 1: an error with status 200, a longer pause from `slow_down` on, a life
    /// with a fraction.
    #[actix_rt::test]
    async fn polls_wait_as_the_service_asks() {
        let token = json!({"access_token": "fake-at", "refresh_token": "fake-rt",
            "token_type": "Bearer", "expires_in": 900.0, "scope": "kimi-code"});
        let answers = vec![
            (200, said("authorization_pending")),
            (400, said("slow_down")),
            (200, token),
        ];
        let (pauses, granted) = polled(answers, DeviceOptions::default().slower).await;
        assert_eq!(pauses, [5000, 10_000]);
        assert_eq!(granted.expires_in().unwrap().as_secs(), 900);
        let tokens = http::tokens(&granted, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(tokens.expires_at().unwrap().timestamp(), 900);
        assert_eq!(tokens.scope.as_deref(), Some("kimi-code"));
        assert_eq!(tokens.text("token_type"), None);
    }

    /// `qwen.md` §8, vector 3: `slow_down` with 429, half as long again each time.
    #[actix_rt::test]
    async fn polls_slow_down_in_the_services_own_way() {
        let token = json!({"access_token": "fake-at", "refresh_token": "fake-rt",
            "token_type": "Bearer", "resource_url": "portal.qwen.ai", "expires_in": 21_600});
        let answers = vec![
            (400, said("authorization_pending")),
            (429, said("slow_down")),
            (429, said("slow_down")),
            (200, token),
        ];
        let slower = |pause: Duration| (pause * 3 / 2).min(Duration::from_secs(10));
        let (pauses, granted) = polled(answers, slower).await;
        assert_eq!(pauses, [5000, 7500, 10_000]);
        let tokens = http::tokens(&granted, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(tokens.text("resource_url"), Some("portal.qwen.ai"));
        assert_eq!(tokens.expires_at().unwrap().timestamp(), 21_600);
    }
}
