//! OpenAI's images API, where a service behind a model has it (`http-api.md` §2).

use super::reply::{Entry, serve};
use super::{Desk, root};
use crate::exchange::CallKind;
use crate::providers::Extra;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actors::config::Images;
use protocol::Dialect;

/// `POST /v1/images/generations`
pub async fn generate(request: HttpRequest, payload: Payload) -> HttpResponse {
    images(request, payload, Extra::ImageGeneration).await
}

/// `POST /v1/images/edits`: JSON or a form with files.
pub async fn edit(request: HttpRequest, payload: Payload) -> HttpResponse {
    images(request, payload, Extra::ImageEdit).await
}

async fn images(request: HttpRequest, payload: Payload, extra: Extra) -> HttpResponse {
    let off = |desk: Desk| desk.worker.snapshot().config.images == Images::Nowhere;
    if Desk::of(&request).is_ok_and(off) {
        return root::not_found().await;
    }
    let entry = Entry::new(Dialect::OpenAiChat, CallKind::Extra(extra));
    serve(request, payload, entry).await
}
