//! Gemini CLI: Google accounts with Code Assist (`providers/gemini-cli.md`).

mod account;
mod login;
mod setup;
#[cfg(test)]
mod tests;

use super::control::Control;
use super::google::quota::{Details, Limit};
use super::google::{self, envelope, quota};
use super::google_api;
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Action, Call, Provider, ShapeError, Spoken, catalog};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use actors::port::AccountDriver;
use bytes::Bytes;
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use protocol::splice::{Doc, Edits};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Gemini CLI.
pub struct GeminiCli;

/// The models of §5 with their versions; details stand in the list of the public API.
const MODELS: &[(&str, &str)] = &[
    ("gemini-2.5-pro", "2.5"),
    ("gemini-2.5-flash", "001"),
    ("gemini-2.5-flash-lite", "2.5"),
    ("gemini-3-pro-preview", "3.0"),
    ("gemini-3-flash-preview", "3.0"),
    ("gemini-3.1-pro-preview", "3.1"),
    ("gemini-3.1-flash-lite-preview", "3.1"),
];

impl Provider for GeminiCli {
    fn id(&self) -> &'static str {
        "gemini-cli"
    }

    fn file_types(&self) -> &'static [&'static str] {
        &["gemini"]
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        account::complete(record)
    }

    fn faces(&self, record: &CredentialRecord) -> Vec<CredentialRecord> {
        account::faces(record)
    }

    fn speaks(&self, _record: &CredentialRecord, _model: &str, _client: Dialect) -> Spoken {
        let endpoint = EndpointTraits {
            open_safety: true,
            ..EndpointTraits::default()
        };
        Spoken {
            enveloped: true,
            ..Spoken::plain(Dialect::Gemini, endpoint)
        }
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        let known = |id: &str| catalog::GEMINI.iter().find(|spec| spec.id == id);
        let infos = MODELS.iter().filter_map(|(id, version)| {
            Some(Arc::new(ModelInfo {
                version: Some((*version).to_owned()),
                ..known(id)?.info("google")
            }))
        });
        infos.collect()
    }

    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        true
    }

    fn open_envelope<'a>(&self, json: &'a str) -> Cow<'a, str> {
        envelope::open(json)
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let (method, stream) = google_api::method(self.id(), call.action)?;
        let project = account::project(call.record).ok_or_else(|| {
            ShapeError::Misconfigured(
                "this Google account has no project; log in again with `--login --project_id <id>`"
                    .to_owned(),
            )
        })?;
        let body = match call.action {
            Action::CountTokens => envelope::count_body(call.body, Some(call.model))?,
            _ => wrapped(call, project)?,
        };
        let mut headers = google_api::headers(call, stream);
        google::sign(&mut headers, call)?;
        let base = call
            .record
            .base_url
            .as_deref()
            .unwrap_or(google::assist::BASE);
        Ok(UpstreamRequest {
            method: Method::POST,
            url: format!("{base}/v1internal{method}"),
            headers: headers.finish(call.record, call)?,
            body,
        })
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        quota::refine_forbidden(reply, judgement, "Gemini CLI", google::assist::CLOSED);
        if matches!(reply.status, 429 | 499) {
            let details = Details::read(reply.body);
            // A client that hung up has status 499, too, but then nothing is said about limits.
            if reply.status == 429 || details.as_ref().is_some_and(|d| d.delay.is_some()) {
                let delay = judgement.failure.retry_after;
                let until_reset = google_api::until_pacific_midnight(reply.now);
                limit(&details.unwrap_or_default(), delay, until_reset).apply(judgement);
            }
        }
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(account::Driver(Arc::clone(control))))
    }

    fn logins(&self) -> &'static [LoginSpec] {
        login::LOGINS
    }

    fn plan(&self, record: &CredentialRecord) -> Option<String> {
        let tier = record.document.get("tier")?.as_str()?;
        Some(tier.to_owned())
    }
}

/// The request in its envelope.
fn wrapped(call: &Call<'_>, project: &str) -> Result<Bytes, ShapeError> {
    let unreadable = || ShapeError::Misconfigured("the body is not JSON".to_owned());
    let doc = Doc::trust(call.body).ok_or_else(unreadable)?;
    envelope::asks_something(doc.root())?;
    let mut edits = Edits::new();
    envelope::edit_inner(doc.root(), &mut edits);
    let inner = edits.apply(call.body);
    let fields = [("model", call.model), ("project", project)];
    Ok(envelope::wrap(&fields, &inner))
}

/// Sorts a 429 (§6). `said` is the wait the text or a header asks for, `until_reset` the time to the
/// end of Google's day.
fn limit(details: &Details, said: Option<Duration>, until_reset: Duration) -> Limit {
    /// Waits without a word about them.
    const RATE: Duration = Duration::from_secs(10);
    /// A longer wait means that the quota is used up.
    const LONG: Duration = Duration::from_secs(300);
    const MINUTE: Duration = Duration::from_secs(60);
    const NOTHING: Duration = Duration::from_secs(5);
    let delay = details.delay.or(said);
    if details.is("INSUFFICIENT_G1_CREDITS_BALANCE") {
        Limit::NoCredits
    } else if details.counts_per(&["PerDay", "Daily"]) {
        Limit::Used(Some(until_reset))
    } else if details.is("QUOTA_EXHAUSTED") {
        Limit::Used(delay)
    } else if details.is("RATE_LIMIT_EXCEEDED") {
        match delay.unwrap_or(RATE) {
            wait if wait > LONG => Limit::Used(Some(wait)),
            wait => Limit::Rest(Some(wait)),
        }
    } else if details.counts_per(&["PerMinute"]) {
        Limit::Rest(Some(MINUTE))
    } else {
        Limit::Rest(Some(delay.unwrap_or(NOTHING)))
    }
}
