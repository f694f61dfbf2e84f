//! Model lists in the three shapes of the client protocols (`http-api.md` §6, `clients.md` §2).

use super::{Desk, access, error};
use crate::exchange::Worker;
use actix_web::http::header::USER_AGENT;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use actors::domain::snapshot::Route;
use chrono::{DateTime, SecondsFormat, Utc};
use protocol::Dialect;
use protocol::canonical::Failure;
use serde_json::{Map, Value, json};

/// Context window shown for models that do not say theirs, as Anthropic's list must have one.
const DEFAULT_CONTEXT: u64 = 200_000;

/// The same for the largest output.
const DEFAULT_OUTPUT: u64 = 64_000;

/// `GET /v1/models`
pub async fn list(request: HttpRequest) -> HttpResponse {
    answer(&request, shape(&request), None).await
}

/// `GET /v1beta/models`
pub async fn list_gemini(request: HttpRequest) -> HttpResponse {
    answer(&request, Dialect::Gemini, None).await
}

/// `GET /v1/models/{model}`
pub async fn one(request: HttpRequest, model: Path<String>) -> HttpResponse {
    answer(&request, shape(&request), Some(&model)).await
}

/// `GET /v1beta/models/{model}`
pub async fn one_gemini(request: HttpRequest, model: Path<String>) -> HttpResponse {
    answer(&request, Dialect::Gemini, Some(&model)).await
}

/// Which client asks: all three lists live at one path.
fn shape(request: &HttpRequest) -> Dialect {
    let headers = request.headers();
    let agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if headers.contains_key("anthropic-version") || agent.starts_with("claude-cli") {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") {
        Dialect::Gemini
    } else {
        Dialect::OpenAiChat
    }
}

async fn answer(request: &HttpRequest, dialect: Dialect, model: Option<&str>) -> HttpResponse {
    match try_answer(request, dialect, model).await {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(failure) => error::respond(dialect, &failure),
    }
}

async fn try_answer(
    request: &HttpRequest,
    dialect: Dialect,
    model: Option<&str>,
) -> Result<Value, Box<Failure>> {
    let desk = Desk::of(request)?;
    access::admit(&desk, request)?;
    let worker = desk.worker;
    worker.shared.handles.fresh_models().await;
    match model {
        Some(model) => show(&worker, dialect, model),
        None => Ok(show_all(&worker, dialect)),
    }
}

fn show(worker: &Worker, dialect: Dialect, model: &str) -> Result<Value, Box<Failure>> {
    let snapshot = worker.snapshot();
    let now = worker.shared.clock.now();
    // Google's clients send the whole resource name.
    let name = model.strip_prefix("models/").unwrap_or(model);
    match snapshot
        .catalog
        .get(name)
        .filter(|route| route.is_listed(now))
    {
        Some(route) => Ok(item(route, dialect)),
        None => Err(Box::new(
            Failure::new(404, format!("model {name} not found")).with_code("model_not_found"),
        )),
    }
}

fn show_all(worker: &Worker, dialect: Dialect) -> Value {
    let snapshot = worker.snapshot();
    let now = worker.shared.clock.now();
    let items: Vec<Value> = snapshot
        .catalog
        .visible(now)
        .map(|route| item(route, dialect))
        .collect();
    match dialect {
        Dialect::Gemini => json!({ "models": items }),
        Dialect::Anthropic => {
            let id = |item: Option<&Value>| {
                item.and_then(|item| item.get("id"))
                    .cloned()
                    .unwrap_or_else(|| "".into())
            };
            let (first, last) = (id(items.first()), id(items.last()));
            json!({"data": items, "has_more": false, "first_id": first, "last_id": last})
        }
        _ => json!({"object": "list", "data": items}),
    }
}

fn item(route: &Route, dialect: Dialect) -> Value {
    let info = &route.info;
    let display = info.display_name.as_deref().unwrap_or(&route.model);
    let mut item = Map::new();
    let mut put = |key: &str, value: Value| {
        item.insert(key.to_owned(), value);
    };
    match dialect {
        Dialect::Gemini => {
            put("name", format!("models/{}", route.model).into());
            if let Some(version) = &info.version {
                put("version", version.as_str().into());
            }
            put("displayName", display.into());
            put(
                "description",
                info.description.as_deref().unwrap_or(display).into(),
            );
            if let Some(limit) = info.traits.context_window {
                put("inputTokenLimit", limit.into());
            }
            if let Some(limit) = info.traits.max_output {
                put("outputTokenLimit", limit.into());
            }
            put(
                "supportedGenerationMethods",
                json!(["generateContent", "countTokens"]),
            );
        }
        Dialect::Anthropic => {
            put("id", route.model.as_str().into());
            put("type", "model".into());
            put("display_name", display.into());
            put("created_at", rfc3339(info.created).into());
            put(
                "max_input_tokens",
                info.traits.context_window.unwrap_or(DEFAULT_CONTEXT).into(),
            );
            put(
                "max_tokens",
                info.traits.max_output.unwrap_or(DEFAULT_OUTPUT).into(),
            );
            put("lifecycle", "active".into());
            put("object", "model".into());
            put("owned_by", info.owned_by.as_str().into());
        }
        _ => {
            put("id", route.model.as_str().into());
            put("object", "model".into());
            put("created", info.created.into());
            put("owned_by", info.owned_by.as_str().into());
        }
    }
    Value::Object(item)
}

fn rfc3339(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}
