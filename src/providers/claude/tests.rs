//! Tests of the provider; the worked examples of `claude.md` §8 are among them.

mod betas;
mod files;
mod judge;
mod lists;
mod requests;

use super::Claude;
use crate::providers::{Action, Call, Provider};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::Config;
use actors::domain::record::{CredentialRecord, Kind};
use actors::domain::secret::Secret;
use bytes::Bytes;
use protocol::Dialect;
use serde_json::Value;

const SONNET: &str = "claude-sonnet-4-5-20250929";

fn account() -> CredentialRecord {
    let mut record =
        CredentialRecord::bare("claude-dev@example.com.json".into(), "claude", Kind::Login);
    record.secret = Some(Secret::from("sk-ant-oat01-FAKE"));
    record
}

fn key() -> CredentialRecord {
    let mut record = CredentialRecord::bare("claude:apikey:1".into(), "claude", Kind::Key);
    record.secret = Some(Secret::from("sk-ant-api03-FAKE"));
    record
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).unwrap();
        (HeaderName::from_static(name), value)
    });
    pairs.collect()
}

/// One call as it would be made.
struct Made {
    record: CredentialRecord,
    model: &'static str,
    action: Action,
    client: Dialect,
    client_headers: HeaderMap,
    body_headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Made {
    fn by(record: CredentialRecord, body: &Value) -> Self {
        Self {
            record,
            model: SONNET,
            action: Action::Generate { stream: true },
            client: Dialect::Anthropic,
            client_headers: HeaderMap::new(),
            body_headers: Vec::new(),
            body: body.to_string().into(),
        }
    }

    fn shape(&self) -> UpstreamRequest {
        let call = Call {
            record: &self.record,
            model: self.model,
            action: self.action,
            body: &self.body,
            body_headers: &self.body_headers,
            client_body: &self.body,
            client_headers: &self.client_headers,
            client: self.client,
            config: &Config::default(),
            dialect: Dialect::Anthropic,
        };
        Claude.shape(&call).unwrap()
    }

    fn betas(&self) -> Vec<String> {
        let shaped = self.shape();
        let list = header(&shaped, "anthropic-beta").unwrap_or_default();
        let names = list.split(',').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }
}

fn header<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a str> {
    let mut values = request.headers.iter().filter(|(known, _)| known == name);
    let value = values.next().map(|(_, value)| value.to_str().unwrap());
    assert!(values.next().is_none(), "{name} twice");
    value
}

fn body(request: &UpstreamRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}
