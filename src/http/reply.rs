//! Replies of the exchange as HTTP answers.

use super::{Desk, access, body, error};
use crate::exchange::{self, CallKind, ClientCall, Reply, ReplyBody, plan};
use actix_web::body::BodyStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream;
use protocol::canonical::Failure;
use protocol::codec::Framing;
use protocol::splice::JsonBody;
use protocol::{Dialect, codec};
use std::convert::Infallible;
use std::time::Duration;

/// What a handler knows about its call before the body is read.
pub struct Entry {
    /// Protocol of the route.
    pub dialect: Dialect,
    /// What the route asks for.
    pub kind: CallKind,
    /// Model name from the URL.
    pub path_model: Option<String>,
    /// Stream by method name.
    pub path_stream: Option<bool>,
    /// Framing of a stream.
    pub framing: Framing,
}

impl Entry {
    /// A call whose body says everything.
    pub fn new(dialect: Dialect, kind: CallKind) -> Self {
        Self {
            dialect,
            kind,
            path_model: None,
            path_stream: None,
            framing: Framing::Sse,
        }
    }
}

/// Serves one call from its key to its reply.
pub async fn serve(request: HttpRequest, payload: Payload, entry: Entry) -> HttpResponse {
    let dialect = entry.dialect;
    match try_serve(request, payload, entry).await {
        Ok(response) => response,
        Err((dialect_now, failure)) => error::respond(dialect_now.unwrap_or(dialect), &failure),
    }
}

/// `Err` carries the protocol the answer is for, when it is not the route's.
async fn try_serve(
    request: HttpRequest,
    payload: Payload,
    entry: Entry,
) -> Result<HttpResponse, (Option<Dialect>, Box<Failure>)> {
    let plain = |failure| (None, failure);
    let desk = Desk::of(&request).map_err(plain)?;
    let client = access::admit(&desk, &request).map_err(plain)?;
    let worker = desk.worker;
    let body = body::read(&request, payload).await.map_err(plain)?;
    let mut call = ClientCall {
        dialect: entry.dialect,
        kind: entry.kind,
        body: JsonBody::new(body),
        path_model: entry.path_model,
        path_stream: entry.path_stream,
        framing: entry.framing,
        codex_client: is_codex(&request),
        http: request,
        client,
        pinned: None,
    };
    if call.dialect == Dialect::OpenAiChat
        && call.kind == CallKind::Generate
        && protocol::openai_chat::is_responses_body(&call.body)
    {
        // A Responses body on the chat route (E-251).
        call.dialect = Dialect::OpenAiResponses;
    }
    let dialect = call.dialect;
    let failed = |failure| (Some(dialect), failure);
    let every = worker.snapshot().config.streaming.nonstream_keep_alive;
    let Some(every) = every.filter(|_| !plan::is_stream(&call)) else {
        return exchange::run(&worker, &call)
            .await
            .map(respond)
            .map_err(failed);
    };
    let mut answer: Awaited = Box::pin(async move { exchange::run(&worker, &call).await });
    match tokio::time::timeout(every, &mut answer).await {
        Ok(answer) => answer.map(respond).map_err(failed),
        Err(_) => Ok(keep_waiting(answer, every, dialect)),
    }
}

/// Codex names itself in `originator`, its SDKs in the user agent.
fn is_codex(request: &HttpRequest) -> bool {
    ["originator", "user-agent"].iter().any(|name| {
        request
            .headers()
            .get(*name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("codex_") || value.starts_with("codex-"))
    })
}

/// An answer that is being waited for.
type Awaited = LocalBoxFuture<'static, Result<Reply, Box<Failure>>>;

/// A 200 whose body is blank lines until the answer is there (`nonstream-keepalive-interval`): the
/// status is gone by then, so a late failure stands in the body.
fn keep_waiting(answer: Awaited, every: Duration, dialect: Dialect) -> HttpResponse {
    let blank_lines = stream::unfold(Some(answer), move |waiting| async move {
        let mut answer = waiting?;
        let (bytes, rest) = match tokio::time::timeout(every, &mut answer).await {
            Err(_) => (Bytes::from_static(b"\n"), Some(answer)),
            Ok(Ok(Reply {
                body: ReplyBody::Whole(body),
                ..
            })) => (body, None),
            Ok(Ok(_)) => {
                let failure = Failure::new(500, "a stream came where a whole answer was asked for");
                (codec(dialect).encode_failure(&failure), None)
            }
            Ok(Err(failure)) => (codec(dialect).encode_failure(&failure), None),
        };
        Some((Ok::<_, Infallible>(bytes), rest))
    });
    let begun = stream::once(async { Ok(Bytes::from_static(b"\n")) });
    HttpResponse::Ok()
        .content_type("application/json")
        .body(BodyStream::new(Box::pin(begun.chain(blank_lines))))
}

/// Writes a reply.
pub fn respond(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    for (name, value) in reply.headers {
        response.append_header((name, value));
    }
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(reply.content_type)));
    if reply.content_type == "text/event-stream" {
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
        // Reverse proxies in front (nginx) would hold events back.
        response.insert_header((
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ));
    }
    match reply.body {
        ReplyBody::Whole(body) => response.body(body),
        ReplyBody::Stream(pump) => response.body(*pump),
    }
}
