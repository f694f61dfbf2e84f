//! OpenAI Responses over HTTP.

use super::reply::{Entry, serve};
use crate::exchange::CallKind;
use crate::providers::Extra;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;

/// `POST /v1/responses`
pub async fn create(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::OpenAiResponses, CallKind::Generate);
    serve(request, payload, entry).await
}

/// `POST /v1/responses/compact`
pub async fn compact(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::OpenAiResponses, CallKind::Compact);
    serve(request, payload, entry).await
}

/// `POST /v1/alpha/search`: the search of the Codex client.
pub async fn search(request: HttpRequest, payload: Payload) -> HttpResponse {
    let kind = CallKind::Extra(Extra::AlphaSearch);
    serve(request, payload, Entry::new(Dialect::OpenAiResponses, kind)).await
}
