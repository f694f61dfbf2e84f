//! The client side: routes, keys, bodies in, replies out. One file per client protocol.

pub mod access;
mod anthropic;
mod body;
mod callback;
mod embeddings;
mod error;
mod gemini;
mod images;
mod models;
mod observe;
mod openai;
mod reply;
mod responses;
mod responses_ws;
mod root;

use crate::exchange::Worker;
use access::ClientKeys;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, guard};
use protocol::canonical::Failure;
use std::rc::Rc;
use std::sync::Arc;

pub use observe::observe;

/// Registers every route; the same for the daemon and for tests.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(root::welcome))
        .route("/", web::head().to(root::alive))
        .route("/healthz", web::get().to(root::health))
        .route("/healthz", web::head().to(root::alive))
        .route("/readyz", web::get().to(root::ready))
        .route("/api/event_logging/batch", web::post().to(root::swallow))
        .route("/{word}/callback", web::get().to(callback::arrive))
        .route("/v1/chat/completions", web::post().to(openai::chat))
        .route("/v1/completions", web::post().to(openai::completions))
        .route("/v1/embeddings", web::post().to(embeddings::create))
        .route("/v1/messages", web::post().to(anthropic::messages))
        .route("/v1/images/generations", web::post().to(images::generate))
        .route("/v1/images/edits", web::post().to(images::edit))
        .route("/v1/alpha/search", web::post().to(responses::search))
        .route(
            "/backend-api/codex/alpha/search",
            web::post().to(responses::search),
        )
        .route(
            "/v1/messages/count_tokens",
            web::post().to(anthropic::count_tokens),
        )
        .route("/v1/models", web::get().to(models::list))
        .route("/v1beta/models", web::get().to(models::list_gemini))
        .route("/v1/models/{model:.*}", web::get().to(models::one))
        .route(
            "/v1beta/models/{model:.*}",
            web::get().to(models::one_gemini),
        )
        .route("/v1/models/{call:.*}", web::post().to(gemini::call))
        .route("/v1beta/models/{call:.*}", web::post().to(gemini::call));
    for path in ["/v1/responses", "/backend-api/codex/responses"] {
        config
            .route(path, web::post().to(responses::create))
            .route(path, web::get().to(responses_ws::open))
            .route(
                &format!("{path}/compact"),
                web::post().to(responses::compact),
            );
    }
    config.default_service(
        web::route()
            .guard(guard::fn_guard(|_| true))
            .to(root::not_found),
    );
}

/// What the handlers of one worker thread find in every request.
#[derive(Clone)]
pub struct Desk {
    /// This thread's worker.
    pub worker: Rc<Worker>,
    /// Client keys as digests, renewed with the configuration.
    pub keys: Arc<ClientKeys>,
}

impl Desk {
    /// The desk that the app factory put there.
    ///
    /// # Errors
    ///
    /// 500 when there is none: the app was put together wrongly.
    fn of(request: &HttpRequest) -> Result<Self, Box<Failure>> {
        request
            .app_data::<Self>()
            .cloned()
            .ok_or_else(|| Box::new(Failure::new(500, "the worker thread is not set up")))
    }
}
