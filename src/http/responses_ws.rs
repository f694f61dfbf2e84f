//! OpenAI Responses over a WebSocket.

use super::{Desk, access, error};
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;

/// `GET /v1/responses`
pub async fn open(request: HttpRequest) -> HttpResponse {
    let admitted = Desk::of(&request).and_then(|desk| access::admit(&desk, &request));
    if let Err(failure) = admitted {
        return error::respond(Dialect::OpenAiResponses, &failure);
    }
    HttpResponse::UpgradeRequired().finish()
}
