//! OpenAI embeddings.

use super::reply::{Entry, serve};
use crate::exchange::CallKind;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;

/// `POST /v1/embeddings`
pub async fn create(request: HttpRequest, payload: Payload) -> HttpResponse {
    let entry = Entry::new(Dialect::OpenAiChat, CallKind::Embeddings);
    serve(request, payload, entry).await
}
