//! OpenAI chat completions and legacy completions.

use super::reply::{Entry, serve};
use crate::exchange::CallKind;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;

/// `POST /v1/chat/completions`
pub async fn chat(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::OpenAiChat, CallKind::Generate);
    serve(request, payload, entry).await
}

/// `POST /v1/completions`
pub async fn completions(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::OpenAiCompletions, CallKind::Generate);
    serve(request, payload, entry).await
}
