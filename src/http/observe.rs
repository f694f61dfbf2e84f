//! Around every request: CORS, preflights, the access log (`http-api.md` §1, `cli.md` §6.1).

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderValue,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use std::time::Instant;

/// Most of a failure's text that the access log shows, in characters.
const REASON_MAX: usize = 300;

/// Why a request failed, for the access log. Left by [`super::error::respond`] on its answer.
pub struct Reason(String);

impl Reason {
    /// The words of a failure, cut where they are long.
    pub fn new(text: &str) -> Self {
        Self(match text.char_indices().nth(REASON_MAX) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
            None => text.to_owned(),
        })
    }
}

/// The middleware.
///
/// # Errors
///
/// Whatever the routes give.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if request.method() == Method::OPTIONS {
        // Before keys and before routing, so also for unknown paths.
        let mut response = request
            .into_response(HttpResponse::NoContent().finish())
            .map_into_right_body();
        allow_origins(response.headers_mut());
        return Ok(response);
    }
    let began_at = Instant::now();
    let mut response = next.call(request).await?.map_into_left_body();
    allow_origins(response.headers_mut());
    log(&response, began_at);
    Ok(response)
}

/// Any page may call; `*` does not cover `Authorization` by the Fetch standard, so it is named.
fn allow_origins(headers: &mut HeaderMap) {
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        ),
        (ACCESS_CONTROL_ALLOW_HEADERS, "*, Authorization"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After, X-Request-Id"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// One line per request, when its head goes out. The address is the socket's: anybody can write a
/// forwarded header (router-for-me/CLIProxyAPI#4733). Queries may hold keys and stay out.
fn log<B>(response: &ServiceResponse<B>, began_at: Instant) {
    let request = response.request();
    let status = response.status().as_u16();
    let peer = request.peer_addr().map(|peer| peer.ip());
    let peer = peer.as_ref().map(tracing::field::display);
    let method = request.method();
    let path = request.path();
    let ms = began_at.elapsed().as_millis() as u64;
    let notes = response.response().extensions();
    let error = notes.get::<Reason>().map(|reason| reason.0.as_str());
    if status >= 500 {
        tracing::error!(status, ms, peer, %method, path, error, "request");
    } else if status >= 400 {
        tracing::warn!(status, ms, peer, %method, path, error, "request");
    } else {
        tracing::info!(status, ms, peer, %method, path, "request");
    }
}
