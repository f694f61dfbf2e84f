//! Anthropic Messages.

use super::reply::{Entry, serve};
use crate::exchange::CallKind;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;

/// `POST /v1/messages`
pub async fn messages(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::Anthropic, CallKind::Generate);
    serve(request, payload, entry).await
}

/// `POST /v1/messages/count_tokens`
pub async fn count_tokens(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::Anthropic, CallKind::CountTokens);
    serve(request, payload, entry).await
}
