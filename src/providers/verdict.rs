//! What an upstream failure means: whose fault it is, and who may be asked next (`routing.md` §8).
//!
//! Pure. Statuses are only the first hint: providers send quota faults as 400 and validation faults
//! as 500, so the text decides where it can.

use actix_web::http::header::{HeaderMap, HeaderValue};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach, Scope};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::Dialect;
use protocol::canonical::{Failure, FailureKind};
use std::time::Duration;

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another credential may serve; this one gets the outcome.
    Next(Outcome),
    /// The token was refused: ask for a newer one and repeat once on the same credential; the
    /// outcome counts when there is none.
    FreshToken(Outcome),
    /// Every credential would answer the same; the client gets it.
    Stop,
}

/// An answer that is no success.
#[derive(Debug, Clone, Copy)]
pub struct FailedReply<'a> {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body, decompressed.
    pub body: &'a Bytes,
    /// Protocol the upstream speaks.
    pub dialect: Dialect,
    /// Wall clock.
    pub now: DateTime<Utc>,
}

/// Meaning of a failure, and what the client sees when nobody else can serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What to do.
    pub verdict: Verdict,
    /// What the client sees.
    pub failure: Failure,
    /// The quota of the model is used up until it begins anew, or there is no money left: waiting a
    /// little does not help.
    pub exhausted: bool,
}

impl Judgement {
    /// A failure that says nothing about quotas, or not how long.
    pub fn of(verdict: Verdict, failure: Failure) -> Self {
        Self {
            verdict,
            failure,
            exhausted: false,
        }
    }
}

/// Shortest rest after a challenge page of a network filter: a fault of the way, not of the account.
const CHALLENGE_REST: Duration = Duration::from_secs(10);

/// Judges an answer by the general rules.
pub fn judge(reply: &FailedReply<'_>) -> Judgement {
    let mut failure = protocol::failure::decode(reply.status, reply.body, reply.dialect);
    if let Some(hint) = retry_hint(reply.headers, reply.now) {
        failure.retry_after = Some(hint);
    }
    failure.should_retry = match reply
        .headers
        .get("x-should-retry")
        .map(HeaderValue::as_bytes)
    {
        Some(b"true") => Some(true),
        Some(b"false") => Some(false),
        _ => None,
    };
    if failure.request_id.is_none() {
        failure.request_id = ["request-id", "x-request-id", "x-oai-request-id"]
            .iter()
            .find_map(|name| reply.headers.get(*name))
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
    }
    let html = reply.body.trim_ascii_start().starts_with(b"<");
    let verdict = verdict(&failure, reply.status, html);
    let mut judgement = Judgement::of(verdict, failure);
    if is_about_account(verdict) && says(&judgement.failure, WRONG_PLACE) {
        judgement.explain(WRONG_PLACE_HELP);
    }
    judgement
}

fn is_about_account(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Next(Outcome::NeedsAction { .. }))
}

impl Judgement {
    /// The account as a whole is refused until its owner does what `help` says.
    pub fn needs_action(&mut self, reason: Reason, help: &str) {
        self.verdict = Verdict::Next(Outcome::NeedsAction {
            reason,
            reach: Reach::Account,
            rest: None,
        });
        self.explain(help);
    }

    /// Adds what there is to do to what the upstream said.
    pub fn explain(&mut self, help: &str) {
        let failure = &mut self.failure;
        let said = failure.message.trim_end().trim_end_matches('.');
        failure.message = format!("{said}; {help}");
        // The native body would hide what there is to do.
        failure.native = None;
    }
}

/// Judges a failure that came inside a stream, before anything reached the client.
pub fn judge_event(failure: Failure) -> Judgement {
    let verdict = verdict(&failure, failure.status, false);
    Judgement::of(verdict, failure)
}

/// Texts of money faults, whatever their status, that another model may not have
/// (router-for-me/CLIProxyAPI#3305, #4846).
const OUT_OF_MONEY: &[&str] = &[
    "out of extra usage",
    "draw from your extra usage",
    // Models without a price go on.
    "insufficient credits",
    // Google counts per model.
    "exceeded your current quota",
];

/// Texts of an account that nothing can be had from until somebody pays, whatever their status.
const ACCOUNT_UNPAID: &[&str] = &[
    "credit balance is too low",
    "insufficient balance",
    "insufficient_quota",
    "billing_hard_limit",
    "account is overdue",
    "in arrears",
];

/// Texts of a model that this account does not have.
const NO_SUCH_MODEL: &[&str] = &[
    "model not found",
    "model_not_found",
    "model is not supported",
    "model not supported",
    "not a valid model",
    "no endpoints found",
    "unknown model",
    "does not have access to model",
];

/// Texts of a refused key that come as 400.
const BAD_KEY: &[&str] = &[
    "api_key_invalid",
    "api key not valid",
    "api key expired",
    "invalid_grant",
];

/// Text of a reply that stopped in the middle: chance, not the account (`codex.md` §6).
const CUT: &[&str] = &["stream closed before response.completed"];

/// What helps in a place the account may not be used from.
const WRONG_PLACE_HELP: &str = "set `proxy-url` (for this account `proxy_url` in its file) so that \
    calls leave from a country that is supported";

/// Texts of a place the account may not be used from.
const WRONG_PLACE: &[&str] = &[
    "user location is not supported",
    "unsupported_country_region_territory",
];

/// Everything a failure says in words, in lower case.
fn words(failure: &Failure) -> String {
    format!(
        "{} {} {}",
        failure.message,
        failure.code.as_deref().unwrap_or_default(),
        failure.error_type.as_deref().unwrap_or_default()
    )
    .to_ascii_lowercase()
}

fn says(failure: &Failure, texts: &[&str]) -> bool {
    let words = words(failure);
    texts.iter().any(|known| words.contains(known))
}

fn verdict(failure: &Failure, status: u16, html: bool) -> Verdict {
    let text = words(failure);
    let says = |texts: &[&str]| texts.iter().any(|known| text.contains(known));
    let retry_after = failure.retry_after;
    let needs_action = |reason| {
        Verdict::Next(Outcome::NeedsAction {
            reason,
            reach: Reach::Account,
            rest: None,
        })
    };
    match status {
        401 => Verdict::FreshToken(Outcome::Unauthorized),
        400..=499 if !html && says(WRONG_PLACE) => needs_action(Reason::Forbidden),
        // A limit that passes by itself says when.
        400..=499 if says(ACCOUNT_UNPAID) && (status != 429 || retry_after.is_none()) => {
            needs_action(Reason::PaymentRequired)
        }
        402 => Verdict::Next(Outcome::PaymentRequired { retry_after }),
        429 if says(OUT_OF_MONEY) && retry_after.is_none() => {
            Verdict::Next(Outcome::PaymentRequired { retry_after })
        }
        429 => Verdict::Next(Outcome::RateLimited {
            retry_after,
            // A plan's window is one for all its models (`codex.md` §6).
            scope: if says(&["usage_limit_reached"]) {
                Scope::Credential
            } else {
                Scope::Model
            },
        }),
        403 if html => Verdict::Next(Outcome::Forbidden {
            retry_after: Some(CHALLENGE_REST),
        }),
        // A refused prompt is refused everywhere.
        403 if text.contains("moderation") || text.contains("content_policy") => Verdict::Stop,
        403 => Verdict::Next(Outcome::Forbidden { retry_after }),
        404 if html => Verdict::Next(Outcome::Transient),
        404 => Verdict::Next(Outcome::ModelMissing),
        408 | 499 => Verdict::Next(Outcome::Transient),
        400..=499 if says(OUT_OF_MONEY) => Verdict::Next(Outcome::PaymentRequired { retry_after }),
        400 | 422 if says(NO_SUCH_MODEL) => Verdict::Next(Outcome::ModelMissing),
        400 if says(BAD_KEY) => Verdict::FreshToken(Outcome::Unauthorized),
        400..=499 => Verdict::Stop,
        _ if says(&["context_length_exceeded", "invalid_request_error"])
            && failure.kind == FailureKind::InvalidRequest =>
        {
            Verdict::Stop
        }
        // Asked elsewhere, without a rest.
        _ if says(CUT) => Verdict::Next(Outcome::RequestFault),
        _ => Verdict::Next(Outcome::Transient),
    }
}

/// The earliest useful retry the headers name: `retry-after-ms`, `retry-after` (seconds, HTTP date,
/// RFC 3339), `x-ratelimit-reset*` (Go duration, unix seconds or milliseconds, RFC 3339).
pub fn retry_hint(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(ms) = text("retry-after-ms").and_then(|v| v.trim().parse::<f64>().ok()) {
        return seconds(ms / 1000.0);
    }
    if let Some(value) = text("retry-after") {
        return moment(value, now);
    }
    // The exhausted budget is the one that says 0 remain; without that the later reset is safe.
    let budgets = ["requests", "tokens"];
    let exhausted = budgets.iter().find(|budget| {
        text(&format!("x-ratelimit-remaining-{budget}")).is_some_and(|left| left.trim() == "0")
    });
    match exhausted {
        Some(budget) => text(&format!("x-ratelimit-reset-{budget}")).and_then(|v| moment(v, now)),
        None => budgets
            .iter()
            .map(|budget| format!("x-ratelimit-reset-{budget}"))
            .chain(["x-ratelimit-reset".to_owned()])
            .filter_map(|name| text(&name).and_then(|value| moment(value, now)))
            .max(),
    }
}

/// Reads a point in time or a span: seconds, unix seconds, unix milliseconds, `1m2.5s`, an HTTP date
/// or RFC 3339. Times that have passed are zero.
pub fn moment(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(number) = value.parse::<f64>() {
        // A span in seconds never reaches the unix time of 2001.
        return match number {
            n if n >= 1e12 => seconds(n / 1000.0 - now.timestamp_millis() as f64 / 1000.0),
            n if n >= 1e9 => seconds(n - now.timestamp_millis() as f64 / 1000.0),
            n => seconds(n),
        };
    }
    if let Some(span) = actors::config::parse_duration(value) {
        return Some(span);
    }
    let at = DateTime::parse_from_rfc3339(value)
        .or_else(|_| DateTime::parse_from_rfc2822(value))
        .ok()?;
    Some(
        (at.with_timezone(&Utc) - now)
            .to_std()
            .unwrap_or(Duration::ZERO),
    )
}

fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value.max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[track_caller]
    fn check(status: u16, body: &'static str, want: Verdict) {
        let reply = FailedReply {
            status,
            headers: &HeaderMap::new(),
            body: &Bytes::from_static(body.as_bytes()),
            dialect: Dialect::OpenAiChat,
            now: now(),
        };
        assert_eq!(judge(&reply).verdict, want, "{status} {body}");
    }

    #[test]
    fn the_meaning_decides_not_the_status() {
        let none = None;
        let broke = Verdict::Next(Outcome::PaymentRequired { retry_after: none });
        let missing = Verdict::Next(Outcome::ModelMissing);
        let passing = Verdict::Next(Outcome::Transient);
        let limited = Verdict::Next(Outcome::RateLimited {
            retry_after: none,
            scope: Scope::Model,
        });
        let key = Verdict::FreshToken(Outcome::Unauthorized);
        let forbidden = Verdict::Next(Outcome::Forbidden { retry_after: none });
        let action = |reason| {
            Verdict::Next(Outcome::NeedsAction {
                reason,
                reach: Reach::Account,
                rest: none,
            })
        };
        for (status, body, want) in [
            (
                400,
                r#"{"error":{"message":"bad temperature"}}"#,
                Verdict::Stop,
            ),
            (413, "", Verdict::Stop),
            (422, r#"{"error":{"message":"x"}}"#, Verdict::Stop),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"You are out of extra usage."}}"#,
                broke,
            ),
            (
                400,
                r#"{"error":{"message":"Model not found: x"}}"#,
                missing,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
                key,
            ),
            (
                400,
                r#"{"error":{"message":"User location is not supported for the API use."}}"#,
                action(Reason::Forbidden),
            ),
            (
                403,
                r#"{"error":{"code":"unsupported_country_region_territory","message":"no"}}"#,
                action(Reason::Forbidden),
            ),
            (
                400,
                r#"{"error":{"message":"Your credit balance is too low to access the API."}}"#,
                action(Reason::PaymentRequired),
            ),
            (
                402,
                r#"{"error":{"message":"Insufficient Balance"}}"#,
                action(Reason::PaymentRequired),
            ),
            (
                402,
                r#"{"error":{"message":"Insufficient credits. Add more."}}"#,
                broke,
            ),
            (
                400,
                r#"{"error":{"message":"Access denied: your account is overdue"}}"#,
                action(Reason::PaymentRequired),
            ),
            (401, "", key),
            (402, "", broke),
            (403, r#"{"error":{"message":"no"}}"#, forbidden),
            (
                403,
                "<html><title>Just a moment</title></html>",
                Verdict::Next(Outcome::Forbidden {
                    retry_after: Some(CHALLENGE_REST),
                }),
            ),
            (
                403,
                r#"{"error":{"message":"moderation refused it"}}"#,
                Verdict::Stop,
            ),
            (404, r#"{"error":{"message":"no such model"}}"#, missing),
            (404, "<html>nginx</html>", passing),
            (408, "", passing),
            (429, r#"{"error":{"message":"slow down"}}"#, limited),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
                action(Reason::PaymentRequired),
            ),
            (500, "", passing),
            (529, "", passing),
        ] {
            check(status, body, want);
        }
    }

    #[test]
    fn a_wrong_place_says_what_helps() {
        let body = r#"{"error":{"message":"User location is not supported for the API use."}}"#;
        let judgement = judge(&FailedReply {
            status: 400,
            headers: &HeaderMap::new(),
            body: &Bytes::from_static(body.as_bytes()),
            dialect: Dialect::OpenAiChat,
            now: now(),
        });
        let want = "User location is not supported for the API use; set `proxy-url`";
        assert!(judgement.failure.message.starts_with(want), "{judgement:?}");
        assert_eq!(judgement.failure.native, None);
    }

    #[test]
    fn hints_are_read_from_every_header() {
        for (pairs, want) in [
            (&[("retry-after", "7")][..], Some(7.0)),
            (&[("retry-after", "1.5")], Some(1.5)),
            (
                &[("retry-after-ms", "250"), ("retry-after", "9")],
                Some(0.25),
            ),
            (
                &[("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT")],
                Some(30.0),
            ),
            (&[("retry-after", "2027-01-15T08:01:00Z")], Some(60.0)),
            (&[("retry-after", "2020-01-01T00:00:00Z")], Some(0.0)),
            (&[("x-ratelimit-reset-requests", "1m2.5s")], Some(62.5)),
            (&[("x-ratelimit-reset", "1800000004000")], Some(4.0)),
            (
                &[
                    ("x-ratelimit-reset-requests", "9s"),
                    ("x-ratelimit-reset-tokens", "2s"),
                    ("x-ratelimit-remaining-tokens", "0"),
                ],
                Some(2.0),
            ),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            let got = retry_hint(&headers(pairs), now()).map(|d| d.as_secs_f64());
            assert_eq!(got, want, "{pairs:?}");
        }
    }
}
