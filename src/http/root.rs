//! Routes without an account behind them.

use super::Desk;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

/// `GET /`: the documented body, keys in alphabetical order.
pub async fn welcome() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(
        r#"{"endpoints":["POST /v1/chat/completions","POST /v1/completions","GET /v1/models"],"message":"CLI Proxy API Server"}"#,
    )
}

/// `GET /healthz`: the process answers.
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// `HEAD /healthz`, and `HEAD /`, which Claude Code sends when it starts.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// `GET /readyz`: 200 once at least one model can be served, else 503 with the reason.
pub async fn ready(request: HttpRequest) -> HttpResponse {
    let Ok(Desk { worker, .. }) = Desk::of(&request) else {
        return HttpResponse::ServiceUnavailable().json(json!({"status": "starting"}));
    };
    let snapshot = worker.snapshot();
    let now = worker.shared.clock.now();
    let models = snapshot.catalog.visible(now).count();
    let body = json!({
        "status": if models > 0 { "ready" } else { "no usable account" },
        "models": models,
        "credentials": snapshot.members.len(),
    });
    if models > 0 {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// `POST /api/event_logging/batch`: telemetry of Claude Code ends here.
pub async fn swallow() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Everything else, also known paths with another method.
pub async fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("404 page not found")
}
