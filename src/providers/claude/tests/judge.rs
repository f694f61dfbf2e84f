//! Meanings of refusals (§6).

use super::*;
use crate::providers::verdict::{self, FailedReply, Judgement, Verdict};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach, Scope};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::time::Duration;

/// 2026-02-20T17:00:00Z, an hour before the reset of the worked example.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_771_606_800, 0).unwrap()
}

fn judged(status: u16, pairs: &[(&'static str, &str)], text: &str) -> Judgement {
    let kind = match status {
        429 => "rate_limit_error",
        403 => "permission_error",
        401 => "authentication_error",
        529 => "overloaded_error",
        _ => "invalid_request_error",
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": text}});
    let body = Bytes::from(body.to_string());
    let headers = headers(pairs);
    let reply = FailedReply {
        status,
        headers: &headers,
        body: &body,
        dialect: Dialect::Anthropic,
        now: now(),
    };
    let mut judgement = verdict::judge(&reply);
    Claude.refine(&reply, &mut judgement);
    judgement
}

fn limited(seconds: Option<u64>, scope: Scope) -> Verdict {
    Verdict::Next(Outcome::RateLimited {
        retry_after: seconds.map(Duration::from_secs),
        scope,
    })
}

/// `claude.md` §8, 4.
#[test]
fn vector_4_windows_and_families() {
    let whole = judged(
        429,
        &[
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-reset", "1771610400"),
            ("anthropic-ratelimit-unified-7d-status", "allowed"),
        ],
        "limit",
    );
    assert_eq!(whole.verdict, limited(Some(3600), Scope::Credential));
    assert_eq!(whole.failure.retry_after, Some(Duration::from_secs(3600)));
    let family = judged(
        429,
        &[
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-7d_oi-status", "rejected"),
            ("anthropic-ratelimit-unified-7d_oi-reset", "1771610400"),
        ],
        "limit",
    );
    assert_eq!(family.verdict, limited(Some(3600), Scope::Model));
}

/// The headers were ignored once (ac82bedfa, a8f9814a6, 42d8e746e).
#[test]
fn every_limit_reaches_as_far_as_it_says() {
    let (hour5, week) = (
        ("anthropic-ratelimit-unified-5h-status", "rejected"),
        ("anthropic-ratelimit-unified-7d-status", "rejected"),
    );
    for (pairs, want) in [
        (
            // The latest of the rejected windows.
            &[
                hour5,
                week,
                ("anthropic-ratelimit-unified-5h-reset", "1771606900"),
                ("anthropic-ratelimit-unified-7d-reset", "1771607000"),
            ][..],
            limited(Some(200), Scope::Credential),
        ),
        (
            // A window that is not rejected does not count.
            &[
                hour5,
                ("anthropic-ratelimit-unified-5h-reset", "1771606900"),
                ("anthropic-ratelimit-unified-7d-status", "allowed_warning"),
                ("anthropic-ratelimit-unified-7d-reset", "1772000000"),
            ],
            limited(Some(100), Scope::Credential),
        ),
        (
            &[week, ("anthropic-ratelimit-unified-reset", "1771606900")],
            limited(Some(100), Scope::Credential),
        ),
        (
            // Without any reset what the header says, else doubling.
            &[week, ("retry-after", "77")],
            limited(Some(77), Scope::Credential),
        ),
        (&[week], limited(None, Scope::Credential)),
        (
            // A reset in the past says nothing.
            &[week, ("anthropic-ratelimit-unified-7d-reset", "1771000000")],
            limited(None, Scope::Credential),
        ),
        (
            &[
                ("anthropic-ratelimit-unified-status", "rejected"),
                ("anthropic-ratelimit-unified-reset", "1771606900"),
            ],
            limited(Some(100), Scope::Credential),
        ),
        (
            &[
                ("anthropic-ratelimit-unified-status", "allowed_warning"),
                ("retry-after", "9"),
            ],
            limited(Some(9), Scope::Model),
        ),
        (&[("retry-after", "9")], limited(Some(9), Scope::Model)),
        (
            // API keys.
            &[
                ("anthropic-ratelimit-requests-remaining", "5"),
                ("anthropic-ratelimit-requests-reset", "2026-02-20T17:09:00Z"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                (
                    "anthropic-ratelimit-input-tokens-reset",
                    "2026-02-20T17:00:30Z",
                ),
            ],
            limited(Some(30), Scope::Model),
        ),
        (&[], limited(None, Scope::Model)),
    ] {
        assert_eq!(judged(429, pairs, "limit").verdict, want, "{pairs:?}");
    }
}

#[test]
fn a_speed_the_account_does_not_have_is_the_requests_own() {
    for text in [
        "Usage credits are required for fast mode.",
        "Fast mode requires usage credits",
        "fast request rejected",
    ] {
        assert_eq!(judged(429, &[], text).verdict, Verdict::Stop, "{text}");
    }
    let real = judged(429, &[], "Number of requests is too fast, slow down");
    assert_eq!(real.verdict, limited(None, Scope::Model));
}

#[test]
fn texts_decide_about_400_and_403() {
    let extra = limited(Some(1800), Scope::Credential);
    let forbidden = Verdict::Next(Outcome::Forbidden { retry_after: None });
    let action = |reason| {
        Verdict::Next(Outcome::NeedsAction {
            reason,
            reach: Reach::Account,
            rest: None,
        })
    };
    for (status, text, want) in [
        (400, "max_tokens: too large", Verdict::Stop),
        (
            400,
            "Third-party apps now draw from your extra usage, not your plan limits.",
            extra,
        ),
        (
            400,
            "You're out of extra usage. Add more at claude.ai/settings/usage",
            extra,
        ),
        (413, "request too large", Verdict::Stop),
        (
            401,
            "OAuth token has been revoked. Please obtain a new token.",
            Verdict::FreshToken(Outcome::Unauthorized),
        ),
        (
            403,
            "OAuth authentication is currently not allowed for this organization.",
            action(Reason::Forbidden),
        ),
        (402, "Your payment failed.", action(Reason::PaymentRequired)),
        (
            403,
            "Your API key does not have permission to use this model.",
            forbidden,
        ),
        (529, "Overloaded", Verdict::Next(Outcome::Transient)),
    ] {
        let judgement = judged(status, &[], text);
        assert_eq!(judgement.verdict, want, "{text}");
        let said = text.trim_end_matches('.');
        let message = &judgement.failure.message;
        assert!(message.starts_with(said), "the client sees why: {message}");
        let helped = message.len() > text.len();
        assert_eq!(helped, matches!(status, 402 | 403) && want != forbidden);
    }
}

/// The client is refused, not the account: an API key may serve it, and people learn what helps.
#[test]
fn a_refused_client_goes_to_others_and_learns_what_helps() {
    let elsewhere = Verdict::Next(Outcome::RequestFault);
    let help = "Use an API key (`claude-api-key` in the configuration) with this client, or this \
        account from Claude Code itself.";
    for (status, end) in [(400, "."), (403, "")] {
        let text = format!(
            "This credential is only authorized for use with Claude Code and cannot be used for \
             other API requests{end}"
        );
        let judgement = judged(status, &[], &text);
        assert_eq!(judgement.verdict, elsewhere, "{status}");
        let text = text.trim_end_matches('.');
        assert_eq!(judgement.failure.message, format!("{text}. {help}"));
        assert_eq!(judgement.failure.status, status);
        assert_eq!(judgement.failure.native, None);
    }
}

#[test]
fn thinking_of_others_leaves_a_refused_body_once() {
    let refusal = |status, text: &str| {
        let body = json!({"type": "error",
            "error": {"type": "invalid_request_error", "message": text}});
        (status, Bytes::from(body.to_string()))
    };
    let mend = |(status, answer): (u16, Bytes), body: &Value| -> Option<Value> {
        let reply = FailedReply {
            status,
            headers: &HeaderMap::new(),
            body: &answer,
            dialect: Dialect::Anthropic,
            now: now(),
        };
        let mended = Claude.mend(&reply, &body.to_string().into())?;
        Some(serde_json::from_slice(&mended).unwrap())
    };
    let said = "messages.1.content.0: Invalid `signature` in `thinking` block";
    let thought = json!({"type": "thinking", "thinking": "x", "signature": "y"});
    let text = json!({"type": "text", "text": "t"});
    let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    let ask = json!({"role": "user", "content": "q"});
    let result = json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "a", "content": "r"}]});
    let turn = |blocks: &[&Value]| json!({"role": "assistant", "content": blocks});
    let enabled = json!({"type": "enabled", "budget_tokens": 1024});
    let redacted = json!({"type": "redacted_thinking", "data": "z"});
    for (before, after, thinking) in [
        (
            vec![ask.clone(), turn(&[&thought, &text]), ask.clone()],
            vec![ask.clone(), turn(&[&text]), ask.clone()],
            enabled.clone(),
        ),
        (
            vec![ask.clone(), turn(&[&thought, &redacted]), ask.clone()],
            vec![ask.clone(), ask.clone()],
            enabled.clone(),
        ),
        (
            vec![ask.clone(), turn(&[&redacted, &call]), result.clone()],
            vec![ask.clone(), turn(&[&call]), result],
            json!({"type": "disabled"}),
        ),
    ] {
        let body = json!({"model": SONNET, "messages": before, "thinking": enabled});
        let want = json!({"model": SONNET, "messages": after, "thinking": thinking});
        assert_eq!(mend(refusal(400, said), &body), Some(want));
        assert_eq!(mend(refusal(400, "max_tokens: too large"), &body), None);
        assert_eq!(mend(refusal(500, said), &body), None);
    }
    let innocent = json!({"model": SONNET, "messages": [ask, turn(&[&text])]});
    assert_eq!(
        mend(refusal(400, said), &innocent),
        None,
        "nothing to leave out"
    );
}

#[test]
fn windows_are_read_from_every_answer() {
    let said = |pairs: &[(&'static str, &'static str)]| -> Vec<(String, Option<i64>)> {
        let windows = Claude.quota(&headers(pairs), now());
        let wait = |at: DateTime<Utc>| (at - now()).num_seconds();
        let windows = windows.iter();
        windows
            .map(|one| (one.to_string(), one.resets_at.map(wait)))
            .collect()
    };
    let plain = |text: &str, wait| (text.to_owned(), wait);
    for (pairs, want) in [
        (
            &[
                ("anthropic-ratelimit-unified-status", "allowed_warning"),
                ("anthropic-ratelimit-unified-5h-status", "allowed"),
                ("anthropic-ratelimit-unified-5h-reset", "1771610400"),
                ("anthropic-ratelimit-unified-5h-utilization", "0.29"),
                ("anthropic-ratelimit-unified-7d-status", "allowed_warning"),
                ("anthropic-ratelimit-unified-7d-reset", "1771000000"),
                ("anthropic-ratelimit-unified-7d-utilization", "0.806"),
            ][..],
            vec![
                plain("5 h 29 %", Some(3600)),
                plain("7 d 80 % (warning)", None),
            ],
        ),
        // Only together: the fullest one is meant.
        (
            &[
                ("anthropic-ratelimit-unified-status", "allowed_warning"),
                ("anthropic-ratelimit-unified-5h-utilization", "91.5"),
                ("anthropic-ratelimit-unified-7d-utilization", "12"),
            ],
            vec![plain("5 h 91 % (warning)", None), plain("7 d 12 %", None)],
        ),
        (
            &[
                ("anthropic-ratelimit-unified-status", "rejected"),
                ("anthropic-ratelimit-unified-5h-status", "allowed"),
                ("anthropic-ratelimit-unified-7d_oi-status", "rejected"),
                ("anthropic-ratelimit-unified-7d_oi-reset", "1771610400"),
            ],
            vec![
                plain("5 h allowed", None),
                plain("7 d Fable exhausted", Some(3600)),
            ],
        ),
        // An API key: no windows.
        (&[("anthropic-ratelimit-requests-remaining", "7")], vec![]),
        (&[], vec![]),
    ] {
        assert_eq!(said(pairs), want, "{pairs:?}");
    }
}
