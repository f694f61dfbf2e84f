//! How calls are addressed and signed (§4).

use super::super::headers::{Headers, PRODUCT};
use super::super::{Action, Call, Provider, ShapeError, uuid};
use super::{IFlow, body};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::port::{Clock, SystemClock};
use protocol::Dialect;
use ring::hmac;
use std::fmt::Write;

const BASE: &str = "https://apis.iflow.cn/v1";

pub(super) fn shape(call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
    let Action::Generate { stream } = call.action else {
        return Err(ShapeError::NoSuchCall {
            provider: IFlow.id(),
            what: "token count, compaction or embeddings",
        });
    };
    let Some(key) = &call.record.secret else {
        return Err(ShapeError::Misconfigured(
            "this iFlow account has no API key".to_owned(),
        ));
    };
    let client = call.client_headers.get("user-agent");
    let client = client.filter(|_| call.client == Dialect::OpenAiChat);
    let agent = client
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or(PRODUCT);
    let session = format!("session-{}", uuid::random());
    let millis = SystemClock.now().timestamp_millis();
    let mut headers = Headers::json(stream);
    headers.set("authorization", &format!("Bearer {}", key.expose()))?;
    // The program's own name: the protocol only demands that the same one is signed.
    headers.set("user-agent", agent)?;
    headers.set("session-id", &session)?;
    headers.set("x-iflow-timestamp", &millis.to_string())?;
    let signature = signature(key.expose(), agent, &session, millis);
    headers.set("x-iflow-signature", &signature)?;
    let base = call.record.base_url.as_deref().unwrap_or(BASE);
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{base}/chat/completions"),
        headers: headers.finish(call.record, call)?,
        body: body::in_form(call.body, call.model),
    })
}

/// HMAC-SHA256 over program, session and time, in hex.
pub(super) fn signature(key: &str, agent: &str, session: &str, millis: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let text = format!("{agent}:{session}:{millis}");
    let tag = hmac::sign(&key, text.as_bytes());
    tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing into a text cannot fail.
        let _written = write!(hex, "{byte:02x}").is_ok();
        hex
    })
}
