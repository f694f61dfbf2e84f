//! Antigravity: Google accounts with Gemini, Claude and GPT-OSS models behind one Gemini-style API
//! (`providers/antigravity.md`).

mod account;
mod login;
mod mend;
mod models;
mod placeholder;
mod shape;
#[cfg(test)]
mod tests;

use super::control::Control;
use super::google::quota::{Details, Limit};
use super::google::{self, envelope, quota};
use super::google_api;
use super::headers::Headers;
use super::login::LoginSpec;
use super::verdict::{FailedReply, Judgement};
use super::{Action, Call, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::config::ModelAlias;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use actors::port::AccountDriver;
use bytes::Bytes;
use protocol::Dialect;
use protocol::canonical::SignatureIssuer;
use protocol::codec::EndpointTraits;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Antigravity.
pub struct Antigravity;

/// The hosts of the service, in order (§4).
const BASES: &[&str] = &[
    "https://daily-cloudcode-pa.googleapis.com",
    google::assist::BASE,
];

/// Version of the client this speaks for: the service refuses newer models to older ones (§4).
const CLIENT_VERSION: &str = "2.9.1";

/// What helps when the service refuses the version.
const TOO_OLD: &str = "Google wants a newer client: update this program, or set a newer \
    `user_agent` in the account's file";

/// The aliases the old program gives the models (§5).
const ALIASES: &[(&str, &str)] = &[
    ("rev19-uic3-1p", "gemini-2.5-computer-use-preview-10-2025"),
    ("gemini-3-pro-image", "gemini-3-pro-image-preview"),
    ("gemini-3-pro-high", "gemini-3-pro-preview"),
    ("gemini-3-flash", "gemini-3-flash-preview"),
    ("claude-sonnet-4-5", "gemini-claude-sonnet-4-5"),
    (
        "claude-sonnet-4-5-thinking",
        "gemini-claude-sonnet-4-5-thinking",
    ),
    (
        "claude-opus-4-5-thinking",
        "gemini-claude-opus-4-5-thinking",
    ),
    (
        "claude-opus-4-6-thinking",
        "gemini-claude-opus-4-6-thinking",
    ),
];

impl Provider for Antigravity {
    fn id(&self) -> &'static str {
        "antigravity"
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        account::complete(record)
    }

    fn default_aliases(&self, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        let there = |name: &str| models.iter().any(|model| &*model.id == name);
        let known = ALIASES.iter().filter(|(name, _)| there(name));
        let aliases = known.map(|(name, alias)| ModelAlias {
            name: (*name).to_owned(),
            alias: (*alias).to_owned(),
            // Clients of the old program know the alias, everybody else the service's own name.
            fork: true,
            ..ModelAlias::default()
        });
        aliases.collect()
    }

    fn bases(&self, record: &CredentialRecord) -> &'static [&'static str] {
        if record.base_url.is_some() {
            &[]
        } else {
            BASES
        }
    }

    fn speaks(&self, _record: &CredentialRecord, model: &str, _client: Dialect) -> Spoken {
        let claude = is_claude(model);
        Spoken {
            // The whole form of these models loses thinking (§4).
            streams_only: claude || model.starts_with("gemini-3-pro"),
            enveloped: true,
            ..Spoken::plain(
                Dialect::Gemini,
                EndpointTraits {
                    strict_schema: true,
                    call_ids: claude || model.starts_with("gpt-"),
                    issuer: if claude {
                        SignatureIssuer::Anthropic
                    } else {
                        SignatureIssuer::Unknown
                    },
                    ..EndpointTraits::default()
                },
            )
        }
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        models::fallback()
    }

    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        true
    }

    fn credits(&self, model: &str) -> Option<&'static str> {
        is_claude(model).then_some(r#""enabledCreditTypes":["GOOGLE_ONE_AI"]"#)
    }

    fn open_envelope<'a>(&self, json: &'a str) -> Cow<'a, str> {
        placeholder::take_out(envelope::open(json))
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let (method, stream) = google_api::method(self.id(), call.action)?;
        let body = match call.action {
            Action::CountTokens => envelope::count_body(call.body, None)?,
            _ => shape::body(call)?,
        };
        let mut headers = Headers::json(stream);
        headers.set("user-agent", &user_agent(call.record))?;
        if is_claude(call.model) && call.model.contains("thinking") {
            // Thinking also between calls of tools (§4).
            headers.fixed("anthropic-beta", "interleaved-thinking-2025-05-14");
        }
        google::sign(&mut headers, call)?;
        let first = BASES.first().copied().unwrap_or(google::assist::BASE);
        let base = call.record.base_url.as_deref().unwrap_or(first);
        Ok(UpstreamRequest {
            method: Method::POST,
            url: format!("{base}/v1internal{method}"),
            headers: headers.finish(call.record, call)?,
            body,
        })
    }

    fn refine(&self, reply: &FailedReply<'_>, judgement: &mut Judgement) {
        quota::refine_forbidden(reply, judgement, "Antigravity", TOO_OLD);
        if reply.status == 429 {
            let details = Details::read(reply.body).unwrap_or_default();
            let delay = details.delay.or(judgement.failure.retry_after);
            decide(&details, delay).limit().apply(judgement);
        }
    }

    fn mend(&self, reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
        mend::mend(reply, body)
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

fn is_claude(model: &str) -> bool {
    model.contains("claude")
}

/// How the client names itself: the account's own word, else the product whose version the service
/// checks, on the system this really runs on.
fn user_agent(record: &CredentialRecord) -> String {
    let own = record.document.get("user_agent").and_then(|v| v.as_str());
    if let Some(own) = own.map(str::trim).filter(|own| !own.is_empty()) {
        return own.to_owned();
    }
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("antigravity/hub/{CLIENT_VERSION} {system}/{machine}")
}

/// What a 429 asks for (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// It passes; nothing rests.
    Soft,
    /// Soon over: worth waiting for on the same account.
    Wait(Duration),
    /// A short rest, another account meanwhile.
    Short(Duration),
    /// The model's quota is used up.
    Exhausted(Option<Duration>),
    /// The bought credits are used up.
    NoCredits,
}

impl Decision {
    fn limit(self) -> Limit {
        match self {
            Self::Soft => Limit::Soft,
            Self::Wait(rest) | Self::Short(rest) => Limit::Rest(Some(rest)),
            Self::Exhausted(rest) => Limit::Used(rest),
            Self::NoCredits => Limit::NoCredits,
        }
    }
}

fn decide(details: &Details, delay: Option<Duration>) -> Decision {
    const SOON: Duration = Duration::from_secs(3);
    const SHORT: Duration = Duration::from_secs(300);
    if details.is("INSUFFICIENT_G1_CREDITS_BALANCE") {
        return Decision::NoCredits;
    }
    if details.is("QUOTA_EXHAUSTED") {
        return Decision::Exhausted(delay);
    }
    // Without a reason the wait alone decides.
    match delay {
        None => Decision::Soft,
        Some(wait) if wait < SOON => Decision::Wait(wait),
        Some(wait) if wait < SHORT => Decision::Short(wait),
        Some(wait) => Decision::Exhausted(Some(wait)),
    }
}
