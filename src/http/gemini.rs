//! Gemini: the method stands behind the model in the path.

use super::error;
use super::reply::{Entry, serve};
use crate::exchange::CallKind;
use actix_web::web::{Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use protocol::Dialect;
use protocol::canonical::Failure;
use protocol::codec::Framing;

/// `POST /v1beta/models/{model}:{method}` and the same under `/v1`
pub async fn call(request: HttpRequest, path: Path<String>, payload: Payload) -> HttpResponse {
    let path = path.into_inner();
    // Model names may hold colons themselves (`kimi-k2:free`).
    let (model, method) = path.rsplit_once(':').unwrap_or((&path, ""));
    let (kind, stream) = match method {
        "generateContent" => (CallKind::Generate, Some(false)),
        "streamGenerateContent" => (CallKind::Generate, Some(true)),
        "countTokens" => (CallKind::CountTokens, Some(false)),
        _ => {
            let failure = Failure::new(404, format!("{} not found.", request.path()));
            return error::respond(Dialect::Gemini, &failure);
        }
    };
    let entry = Entry {
        path_model: Some(model.to_owned()),
        path_stream: stream,
        framing: framing(&request),
        ..Entry::new(Dialect::Gemini, kind)
    };
    serve(request, payload, entry).await
}

/// Events for `alt=sse` (or `$alt=sse`), else the JSON array of Google's own server (E-204).
fn framing(request: &HttpRequest) -> Framing {
    let alt = Query::<Vec<(String, String)>>::from_query(request.query_string())
        .ok()
        .and_then(|pairs| {
            pairs
                .iter()
                .find(|(key, _)| key == "alt" || key == "$alt")
                .map(|(_, value)| value.clone())
        });
    match alt.as_deref() {
        Some("sse") => Framing::Sse,
        _ => Framing::JsonArray,
    }
}
