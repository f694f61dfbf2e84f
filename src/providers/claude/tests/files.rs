//! Credential files and tokens (§2, §3).

use super::super::account::{new_login, renewed, within_bounds};
use super::*;
use crate::providers::oauth::Tokens;
use actors::domain::record::RecordError;
use actors::login::LoginError;
use actors::port::RefreshError;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::time::Duration;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn read(document: Value) -> Result<CredentialRecord, RecordError> {
    let Value::Object(document) = document else {
        panic!("no object");
    };
    CredentialRecord::from_document("claude-dev@example.com.json".into(), document)
}

fn tokens(answer: Value) -> Tokens {
    let Value::Object(answer) = answer else {
        panic!("no object");
    };
    Tokens::from_json(answer, at("2026-02-20T12:00:00Z")).unwrap()
}

fn granted() -> Value {
    json!({"token_type": "Bearer", "access_token": "sk-ant-oat01-NEW", "expires_in": 28800,
        "refresh_token": "sk-ant-ort01-NEW", "scope": "user:profile user:inference",
        "organization": {"uuid": "org-1", "name": "Dev"},
        "account": {"uuid": "acc-1", "email_address": "dev@example.com"}})
}

fn feb() -> Value {
    json!({"id_token": "", "access_token": "sk-ant-oat01-FAKE", "refresh_token": "sk-ant-ort01-FAKE",
        "last_refresh": "2026-02-20T12:00:00Z", "email": "dev@example.com", "type": "claude",
        "expired": "2026-02-20T20:00:00Z"})
}

#[test]
fn files_of_the_old_program_load() {
    let end = Some(at("2026-02-20T20:00:00Z"));
    for (name, changes, want_end) in [
        ("as written in February", json!({}), end),
        (
            "local offset",
            json!({"expired": "2026-02-20T21:00:00+01:00"}),
            end,
        ),
        (
            "unix seconds",
            json!({"expired": null, "expires_at": 1_771_617_600}),
            end,
        ),
        ("without a date", json!({"expired": ""}), None),
        ("a broken date", json!({"expired": "soon"}), None),
        (
            "August",
            json!({"account_uuid": "acc-1", "organization_uuid": "org-1", "scopes": "user:inference",
                "claude_device_ids": ["x"], "cloak_mode": "always"}),
            end,
        ),
        (
            "settings in both spellings",
            json!({"excluded-models": ["Claude-3-*"], "priority": "3", "proxy_url": "direct",
                "tool_prefix_disabled": true, "prefix": "/team/"}),
            end,
        ),
    ] {
        let mut document = feb();
        for (key, value) in changes.as_object().unwrap() {
            document[key] = value.clone();
        }
        let record = read(document.clone()).unwrap();
        assert_eq!(&*record.provider, "claude", "{name}");
        assert_eq!(record.label, "dev@example.com", "{name}");
        assert_eq!(record.expires_at, want_end, "{name}");
        assert_eq!(
            record.secret,
            Some(Secret::from("sk-ant-oat01-FAKE")),
            "{name}"
        );
        // Nothing of it is lost, known or not.
        assert_eq!(Value::Object(record.document), document, "{name}");
    }
    assert_eq!(read(json!({"access_token": "x"})), Err(RecordError::NoType));
    let empty = read(json!({"type": "claude", "access_token": ""})).unwrap();
    assert_eq!(empty.secret, None, "waits for a login or a refresh");
}

#[test]
fn a_setup_token_loads_and_is_used_as_it_is() {
    let record = read(
        json!({"type": "claude", "access_token": "sk-ant-oat01-SETUP",
        "is_setup_token": true}),
    )
    .unwrap();
    assert_eq!(record.expires_at, None, "no timer");
    let made = Made::by(record, &json!({"model": SONNET, "messages": []}));
    assert_eq!(
        header(&made.shape(), "authorization"),
        Some("Bearer sk-ant-oat01-SETUP")
    );
}

#[test]
fn a_refresh_keeps_what_it_does_not_concern() {
    let mut document = feb();
    document["note"] = "hand-made".into();
    document["unknown"] = json!({"a": [1]});
    let old = read(document).unwrap();
    let new = renewed(&tokens(granted()), &old);
    assert_eq!(new.secret, Some(Secret::from("sk-ant-oat01-NEW")));
    assert_eq!(new.expires_at, Some(at("2026-02-20T20:00:00Z")));
    assert_eq!(
        Value::Object(new.document),
        json!({"id_token": "", "access_token": "sk-ant-oat01-NEW", "refresh_token": "sk-ant-ort01-NEW",
            "last_refresh": "2026-02-20T12:00:00Z", "email": "dev@example.com", "type": "claude",
            "expired": "2026-02-20T20:00:00Z", "note": "hand-made", "unknown": {"a": [1]},
            "account_uuid": "acc-1", "organization_uuid": "org-1", "organization_name": "Dev"})
    );
}

/// `claude.md` §8, 5. The old program would also have emptied the email.
#[test]
fn vector_5_a_refresh_without_a_new_refresh_token() {
    let old = read(feb()).unwrap();
    let answer = json!({"access_token": "sk-ant-oat01-NEW", "expires_in": 28800,
        "account": {"uuid": "", "email_address": ""}});
    let new = renewed(&tokens(answer), &old);
    assert_eq!(new.document["refresh_token"], "sk-ant-ort01-FAKE");
    assert_eq!(new.document["expired"], "2026-02-20T20:00:00Z");
    assert_eq!(new.document["email"], "dev@example.com");
    assert_eq!(new.document.get("account_uuid"), None);
}

#[test]
fn waits_of_the_token_endpoint_are_bounded() {
    for (asked, want) in [(0, 5), (5, 5), (60, 60), (3600, 300)] {
        let error = RefreshError::Transient {
            message: "slow down".to_owned(),
            retry_after: Some(Duration::from_secs(asked)),
        };
        let RefreshError::Transient { retry_after, .. } = within_bounds(error) else {
            panic!("another kind");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(want)));
    }
    let revoked = RefreshError::Revoked {
        message: "x".to_owned(),
    };
    assert_eq!(within_bounds(revoked.clone()), revoked);
}

#[test]
fn a_login_becomes_a_file() {
    let profile = json!({"account": {"uuid": "acc-1", "email": "other@example.com"},
        "organization": {"uuid": "org-1", "organization_type": "claude_max"}});
    let new = new_login(&tokens(granted()), Some(&profile)).unwrap();
    assert_eq!(
        new.names,
        // SHA-256 of `org-1` begins so.
        [
            "claude-dev@example.com.json",
            "claude-dev@example.com-c24787a7.json"
        ]
    );
    assert_eq!(new.plan.as_deref(), Some("max"));
    let record = read(Value::Object(new.document.clone())).unwrap();
    assert_eq!(Claude.plan(&record).as_deref(), Some("max"));
    assert_eq!(
        Value::Object(new.document),
        json!({"type": "claude", "id_token": "", "access_token": "sk-ant-oat01-NEW",
            "refresh_token": "sk-ant-ort01-NEW", "expired": "2026-02-20T20:00:00Z",
            "last_refresh": "2026-02-20T12:00:00Z", "email": "dev@example.com",
            "account_uuid": "acc-1", "organization_uuid": "org-1", "organization_name": "Dev",
            "plan": "max", "scopes": "user:profile user:inference"})
    );
}

#[test]
fn the_profile_supplies_a_missing_email() {
    let mut answer = granted();
    answer["account"]["email_address"] = "".into();
    let profile = json!({"account": {"email": "dev@example.com", "has_claude_pro": true}});
    let new = new_login(&tokens(answer.clone()), Some(&profile)).unwrap();
    assert_eq!(new.document["email"], "dev@example.com");
    assert_eq!(new.plan.as_deref(), Some("pro"));
    let nobody = new_login(&tokens(answer), None);
    assert!(
        matches!(nobody, Err(LoginError::Unusable { .. })),
        "{nobody:?}"
    );
}
