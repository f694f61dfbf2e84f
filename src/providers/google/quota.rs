//! What Google's refusals mean: quotas, accounts that need their owner (`gemini-cli.md` §6,
//! `antigravity.md` §6). Pure.

use super::super::verdict::{FailedReply, Judgement, Verdict};
use actors::config::parse_duration;
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach, Scope};
use serde_json::Value;
use std::time::Duration;

/// Rest of an account that Google has blocked: nothing but its owner can change that.
const BLOCKED_REST: Duration = Duration::from_secs(24 * 3600);

/// The details of an error body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// `status` word.
    pub status: String,
    /// Text.
    pub message: String,
    /// `ErrorInfo.reason`.
    pub reason: Option<String>,
    /// `ErrorInfo.metadata.service`.
    pub service: Option<String>,
    /// The page that helps: of an API to switch on, or of a verification.
    pub link: Option<String>,
    /// `RetryInfo.retryDelay`, else `ErrorInfo.metadata.quotaResetDelay`.
    pub delay: Option<Duration>,
    /// `QuotaFailure.violations[].quotaId` and `ErrorInfo.metadata.quota_limit`.
    pub quotas: Vec<String>,
}

impl Details {
    /// Reads a body, also one inside an array.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let outer = match &value {
            Value::Array(list) => list.first()?,
            other => other,
        };
        let error = outer.get("error")?;
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut details = Self {
            status: text(error, "status").unwrap_or_default(),
            message: text(error, "message").unwrap_or_default(),
            ..Self::default()
        };
        let list = error.get("details").and_then(Value::as_array);
        let list = list.map(Vec::as_slice).unwrap_or_default();
        let span = |value: &Value| parse_duration(value.as_str()?);
        details.delay = list.iter().find_map(|d| span(d.get("retryDelay")?));
        for detail in list {
            if details.reason.is_none() {
                details.reason = text(detail, "reason");
            }
            let links = detail.get("links").and_then(Value::as_array);
            let link = links.and_then(|links| text(links.first()?, "url"));
            details.link = details.link.take().or(link);
            let violations = detail.get("violations").and_then(Value::as_array);
            let ids = violations.into_iter().flatten();
            details
                .quotas
                .extend(ids.filter_map(|violation| text(violation, "quotaId")));
            let Some(metadata) = detail.get("metadata") else {
                continue;
            };
            let reset = metadata.get("quotaResetDelay").and_then(span);
            details.delay = details.delay.or(reset);
            details.service = details.service.take().or(text(metadata, "service"));
            let page = text(metadata, "activationUrl").or(text(metadata, "validation_url"));
            details.link = details.link.take().or(page);
            details.quotas.extend(text(metadata, "quota_limit"));
        }
        Some(details)
    }

    /// Whether the reason is `word`.
    pub fn is(&self, word: &str) -> bool {
        self.reason.as_deref() == Some(word)
    }

    /// Whether one of the quotas counts in `periods`.
    pub fn counts_per(&self, periods: &[&str]) -> bool {
        self.quotas
            .iter()
            .any(|quota| periods.iter().any(|period| quota.contains(period)))
    }
}

/// What a limit asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// It passes by itself: try again soon, here or elsewhere.
    Soft,
    /// The model rests on this account; without a hint longer each time.
    Rest(Option<Duration>),
    /// The model's quota is used up for so long.
    Used(Option<Duration>),
    /// There is no money left.
    NoCredits,
}

impl Limit {
    /// Writes the limit into a judgement.
    pub fn apply(self, judgement: &mut Judgement) {
        judgement.exhausted = matches!(self, Self::Used(_) | Self::NoCredits);
        let outcome = match self {
            Self::Soft => Outcome::Transient,
            Self::Rest(retry_after) | Self::Used(retry_after) => {
                judgement.failure.retry_after = retry_after.map(whole_seconds);
                Outcome::RateLimited {
                    retry_after,
                    // Quotas count per model (or group of models).
                    scope: Scope::Model,
                }
            }
            Self::NoCredits => Outcome::PaymentRequired { retry_after: None },
        };
        judgement.verdict = Verdict::Next(outcome);
    }
}

fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

/// Reads a 403: what its owner has to do with the account. `name` is the service's name for people,
/// `unsupported` what helps where the service no longer takes this client.
pub fn refine_forbidden(
    reply: &FailedReply<'_>,
    judgement: &mut Judgement,
    name: &str,
    unsupported: &str,
) {
    if reply.status != 403 {
        return;
    }
    let Some(details) = Details::read(reply.body) else {
        return;
    };
    let text = details.message.to_ascii_lowercase();
    let link = details.link.as_deref();
    let open = |what: &str| match link {
        Some(link) => format!("{}; {what}: {link}", details.message),
        None => format!("{}; {what}", details.message),
    };
    let (mut rest, mut reach) = (None, Reach::Account);
    let message = if details.is("VALIDATION_REQUIRED") {
        open("Google wants to verify this account, open the page and follow it")
    } else if details.is("SERVICE_DISABLED") {
        reach = Reach::Face;
        open("switch the API on for the account's project")
    } else if details.is("CONSUMER_INVALID") || text.contains("resource project default") {
        reach = Reach::Face;
        open("the project of this account is wrong: log in again and choose another one")
    } else if text.contains("violation of terms of service") {
        rest = Some(BLOCKED_REST);
        open(&format!(
            "Google has blocked this account for {name}; only its owner can appeal to Google"
        ))
    } else if is_closed(&text) {
        rest = Some(BLOCKED_REST);
        open(unsupported)
    } else {
        return;
    };
    judgement.failure.message = message;
    // The native body would hide what there is to do.
    judgement.failure.native = None;
    let reason = Reason::Forbidden;
    judgement.verdict = Verdict::Next(Outcome::NeedsAction {
        reason,
        reach,
        rest,
    });
}

/// Whether a lower-case text says that the service no longer takes the client.
pub fn is_closed(text: &str) -> bool {
    text.contains("no longer supported")
}
