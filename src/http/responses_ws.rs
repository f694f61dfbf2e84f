//! OpenAI Responses over a WebSocket.

use super::{access, error, worker};
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;
use protocol::canonical::Failure;

/// `GET /v1/responses`
pub async fn open(request: HttpRequest) -> HttpResponse {
    let Some(worker) = worker(&request) else {
        return error::respond(Dialect::OpenAiResponses, &Failure::new(500, "no worker"));
    };
    if let Err(failure) = access::admit(&worker, &request) {
        return error::respond(Dialect::OpenAiResponses, &failure);
    }
    HttpResponse::UpgradeRequired().finish()
}
