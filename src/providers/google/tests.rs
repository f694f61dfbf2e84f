//! The envelope and the details of refusals.

use super::envelope::{count_body, open, wrap};
use super::quota::{Details, Limit, refine_forbidden};
use crate::providers::verdict::{FailedReply, Judgement, Verdict, judge};
use actix_web::http::header::HeaderMap;
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach};
use bytes::Bytes;
use chrono::DateTime;
use protocol::Dialect;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

/// A judged refusal.
pub(in crate::providers) fn refused(
    status: u16,
    body: &str,
    refine: impl FnOnce(&FailedReply<'_>, &mut Judgement),
) -> Judgement {
    let reply = FailedReply {
        status,
        headers: &HeaderMap::new(),
        body: &Bytes::copy_from_slice(body.as_bytes()),
        dialect: Dialect::Gemini,
        now: DateTime::from_timestamp(1_772_000_000, 0).unwrap(),
    };
    let mut judgement = judge(&reply);
    refine(&reply, &mut judgement);
    judgement
}

#[test]
fn replies_come_out_of_their_envelope() {
    for (json, want) in [
        (r#"{"response":{"a":1},"traceId":"t"}"#, r#"{"a":1}"#),
        // Usage beside the reply (router-for-me/CLIProxyAPI 4982512da).
        (
            r#"{"response":{"a":1},"usageMetadata":{"totalTokenCount":3}}"#,
            r#"{"a":1,"usageMetadata":{"totalTokenCount":3}}"#,
        ),
        (
            r#"{"response":{"usage_metadata":{"x":0}},"usage_metadata":{"totalTokenCount":3}}"#,
            r#"{"usageMetadata":{"totalTokenCount":3}}"#,
        ),
        (r#"{"error":{"code":429}}"#, r#"{"error":{"code":429}}"#),
        (r#"[{"error":{"code":429}}]"#, r#"[{"error":{"code":429}}]"#),
        (r#"{"response":null}"#, r#"{"response":null}"#),
        (r#"{"totalTokens":3}"#, r#"{"totalTokens":3}"#),
    ] {
        assert_eq!(open(json), want);
    }
    let plain = open(r#"{"response":{"a":1}}"#);
    assert!(
        matches!(plain, Cow::Borrowed(_)),
        "the usual case copies nothing"
    );
}

#[test]
fn fields_are_quoted_and_stand_in_front() {
    let body = wrap(&[("model", "a\"b"), ("project", "p")], b"{\"x\":1}");
    assert_eq!(body, r#"{"model":"a\"b","project":"p","request":{"x":1}}"#);
}

#[test]
fn a_count_asks_with_contents_only() {
    let whole = Bytes::from_static(
        br#"{"generateContentRequest":{"model":"models/m","systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{}}}"#,
    );
    let got: Value = serde_json::from_slice(&count_body(&whole, Some("m")).unwrap()).unwrap();
    let want = json!({"request": {"model": "models/m", "contents": [
        {"role": "user", "parts": [{"text": "S"}]},
        {"role": "user", "parts": [{"text": "hi"}]}
    ]}});
    assert_eq!(got, want);
    let plain = Bytes::from_static(br#"{"contents":[{"parts":[{"text":"hi"}]}]}"#);
    let got: Value = serde_json::from_slice(&count_body(&plain, None).unwrap()).unwrap();
    assert_eq!(
        got,
        json!({"request": {"contents": [{"parts": [{"text": "hi"}]}]}})
    );
}

#[test]
fn details_are_read_in_the_documented_order() {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R",
        "metadata": {"quotaResetDelay": "373.8ms"}});
    let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": "3.957525076s"});
    for (details, want) in [
        (
            json!([info, retry]),
            Some(Duration::from_nanos(3_957_525_076)),
        ),
        (json!([info]), Some(Duration::from_micros(373_800))),
        (json!([]), None),
    ] {
        let error = json!({"error": {"code": 429, "message": "m", "details": details}});
        for body in [error.to_string(), json!([error]).to_string()] {
            let read = Details::read(body.as_bytes()).unwrap();
            assert_eq!(read.delay, want, "{body}");
        }
    }
    assert_eq!(Details::read(b"<html>"), None);
}

#[test]
fn what_the_owner_has_to_do_is_said() {
    let body = |details: Value, message: &str| {
        json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": message,
            "details": details}})
        .to_string()
    };
    let (half_hour, day) = (None, Some(Duration::from_secs(86_400)));
    let (account, face) = (Reach::Account, Reach::Face);
    for (details, message, says, rest, reach) in [
        (
            json!([{"reason": "VALIDATION_REQUIRED", "domain": "cloudcode-pa.googleapis.com"},
                {"@type": "type.googleapis.com/google.rpc.Help",
                    "links": [{"url": "https://accounts.google.com/verify"}]}]),
            "Verify your account.",
            "https://accounts.google.com/verify",
            half_hour,
            account,
        ),
        (
            json!([{"reason": "SERVICE_DISABLED", "metadata":
                {"service": "cloudaicompanion.googleapis.com",
                    "activationUrl": "https://console/enable"}}]),
            "off",
            "https://console/enable",
            half_hour,
            face,
        ),
        (
            json!([{"reason": "CONSUMER_INVALID"}]),
            "x",
            "log in again",
            half_hour,
            face,
        ),
        (
            json!([]),
            "This service has been disabled in this account for violation of Terms of Service.",
            "only its owner can appeal",
            day,
            account,
        ),
        (
            json!([]),
            "This client is no longer supported for individuals.",
            "--antigravity-login",
            day,
            account,
        ),
    ] {
        let body = body(details, message);
        let judgement = refused(403, &body, |reply, judgement| {
            refine_forbidden(reply, judgement, "X", super::assist::CLOSED);
        });
        assert!(judgement.failure.message.contains(says), "{judgement:?}");
        assert!(judgement.failure.message.contains(message));
        assert_eq!(judgement.failure.native, None);
        let reason = Reason::Forbidden;
        let outcome = Outcome::NeedsAction {
            reason,
            reach,
            rest,
        };
        assert_eq!(judgement.verdict, Verdict::Next(outcome));
    }
    let other = body(json!([]), "no");
    let judgement = refused(403, &other, |reply, judgement| {
        refine_forbidden(reply, judgement, "X", super::assist::CLOSED);
    });
    assert_eq!(judgement.failure.message, "no");
}

#[test]
fn a_rest_tells_clients_whole_seconds() {
    let mut judgement = refused(429, "{}", |_, _| {});
    Limit::Rest(Some(Duration::from_millis(3957))).apply(&mut judgement);
    assert_eq!(judgement.failure.retry_after, Some(Duration::from_secs(4)));
}
