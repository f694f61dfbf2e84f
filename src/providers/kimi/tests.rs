//! Accounts and logins; calls, bodies, failures and model lists have files of their own.

use super::super::Provider;
use super::super::login::LoginKind;
use super::super::oauth::Tokens;
use super::account::{SERVICE, new_login, renewed};
use super::usage::{self, Window};
use super::{Kimi, device, login};
use actors::domain::record::CredentialRecord;
use actors::domain::refresh::due_at;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

mod bodies;
mod calls;
mod lists;

const DEVICE: &str = "00000000-0000-4000-8000-000000000000";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_771_596_528, 0).unwrap()
}

fn record(document: &Value) -> CredentialRecord {
    let document = document.as_object().unwrap().clone();
    let record = CredentialRecord::from_document("kimi-1.json".into(), document).unwrap();
    Kimi.complete(record)
}

/// The example of the February version's files (§2).
fn february() -> Value {
    json!({"access_token": "fake-at", "refresh_token": "fake-rt", "token_type": "Bearer",
        "scope": "kimi-code", "device_id": DEVICE, "expired": "2026-02-20T12:15:00Z",
        "type": "kimi"})
}

fn tokens(answer: Value) -> Tokens {
    Tokens::from_json(answer.as_object().unwrap().clone(), now()).unwrap()
}

/// §2: files of the old program, those after its refresh, of other programs, and broken ones.
#[test]
fn files_of_the_old_program_load() {
    let old = record(&february());
    assert_eq!(old.secret.as_ref().unwrap().expose(), "fake-at");
    assert_eq!(old.expires_at.unwrap().timestamp(), 1_771_589_700);
    assert_eq!(device::id(&old), Some(DEVICE));
    let refreshed = record(
        &json!({"type": "kimi", "access_token": "a", "refresh_token": "r",
        "expired": "2026-02-20T12:15:00Z", "last_refresh": "2026-02-20T12:00:00Z",
        "timestamp": 1_771_588_800_000_i64, "device_id": DEVICE, "priority": "3",
        "unknown": {"kept": 1}}),
    );
    assert_eq!(refreshed.refreshed_at.unwrap().timestamp(), 1_771_588_800);
    assert_eq!(refreshed.settings.priority, 3);
    assert_eq!(refreshed.document["unknown"]["kept"], 1);
    let official = json!({"access_token": "a", "refresh_token": "r", "expires_at": 1.5,
        "scope": "kimi-code", "token_type": "Bearer"});
    assert!(Kimi.foreign(official.as_object().unwrap()).is_some());
    assert!(
        Kimi.foreign(json!({"scope": "x"}).as_object().unwrap())
            .is_none()
    );
    // The official client's file with a `type`: seconds with a fraction, no device.
    let official = record(
        &json!({"type": "kimi", "access_token": "a", "refresh_token": "r",
        "expires_at": 1_771_589_700.5, "expires_in": 900.0, "scope": "kimi-code",
        "token_type": "Bearer"}),
    );
    assert_eq!(official.expires_at.unwrap().timestamp(), 1_771_589_700);
    assert_eq!(device::id(&official), None);
    for broken in [
        json!({"type": "kimi"}),
        json!({"type": "kimi", "access_token": 1, "expired": [], "device_id": 7}),
        json!({"type": "kimi", "access_token": "", "device_id": " "}),
        json!({"type": "kimi", "device_id": "two words"}),
    ] {
        let record = record(&broken);
        assert_eq!((record.secret.is_none(), record.expires_at), (true, None));
        assert_eq!(device::id(&record), None, "{broken}");
    }
}

/// Vector 1: the file of a login, and when its token is replaced.
#[test]
fn a_login_becomes_a_file_that_the_old_program_reads() {
    let tokens = tokens(
        json!({"access_token": "fake-at", "refresh_token": "fake-rt",
        "token_type": "Bearer", "expires_in": 900.0, "scope": "kimi-code"}),
    );
    let new = new_login(&tokens, DEVICE);
    assert_eq!(new.names, ["kimi-1771596528000.json"]);
    assert!(new.identity.is_empty(), "every login has a file of its own");
    assert_eq!(
        Value::Object(new.document.clone()),
        json!({"type": "kimi", "access_token": "fake-at", "refresh_token": "fake-rt",
            "expired": "2026-02-20T14:23:48Z", "last_refresh": "2026-02-20T14:08:48Z",
            "token_type": "Bearer", "scope": "kimi-code", "device_id": DEVICE})
    );
    let record = record(&Value::Object(new.document));
    let end = record.expires_at.unwrap();
    assert_eq!(end - now(), TimeDelta::seconds(900));
    let due = due_at(end, record.refreshed_at, None, 0);
    assert_eq!(due - now(), TimeDelta::seconds(450));
}

#[test]
fn a_refresh_writes_only_what_came() {
    let mut file = february();
    file["note"] = "mine".into();
    let old = record(&file);
    let answer = json!({"access_token": "n", "refresh_token": "r2", "expires_in": 60});
    let new = renewed(&tokens(answer), &old, "other");
    for (field, want) in [
        ("access_token", "n"),
        ("refresh_token", "r2"),
        ("device_id", DEVICE),
        ("scope", "kimi-code"),
        ("expired", "2026-02-20T14:09:48Z"),
        ("last_refresh", "2026-02-20T14:08:48Z"),
        ("note", "mine"),
        ("type", "kimi"),
    ] {
        assert_eq!(new.document[field], want, "{field}");
    }
    // Nobody names an end: the old one is not the new token's. A login without a device gets one.
    file.as_object_mut().unwrap().shift_remove("device_id");
    let new = renewed(
        &tokens(json!({"access_token": "n"})),
        &record(&file),
        DEVICE,
    );
    assert_eq!((new.expires_at, new.document.get("expired")), (None, None));
    assert_eq!(new.document["refresh_token"], "fake-rt");
    assert_eq!(device::id(&new), Some(DEVICE));
}

#[test]
fn logins_are_declared() {
    let [login] = login::LOGINS else {
        panic!("one login");
    };
    assert_eq!((login.flag, login.kind), ("kimi-login", LoginKind::Device));
    assert_eq!(SERVICE.client_id, "17e5f671-d194-4dfb-9706-5516cb48c098");
    assert!(SERVICE.scopes.is_empty());
}

/// §1: own name and version, nothing about the machine but its kind, ASCII only.
#[test]
fn the_device_is_told_truly() {
    let told = device::headers(Some(DEVICE));
    let value = |name: &str| {
        let found = told.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("x-msh-platform"), Some("cli-proxy-api-plus"));
    assert_eq!(value("x-msh-version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(value("x-msh-device-name"), Some("cli-proxy-api-plus"));
    assert_eq!(value("x-msh-device-id"), Some(DEVICE));
    assert!(told.iter().all(|(_, value)| value.is_ascii()));
    assert_eq!(device::headers(None).len(), told.len() - 1);
}

/// Vector 4.
#[test]
fn used_quota_is_read() {
    let body = json!({"usage": {"limit": "100", "remaining": "74",
            "resetTime": "2026-03-01T05:24:18.443553353Z"},
        "limits": [{"window": {"duration": 300, "timeUnit": "TIME_UNIT_MINUTE"},
            "detail": {"limit": 50, "used": 10}}]});
    let windows = usage::read(&body, now());
    let shown: Vec<String> = windows.iter().map(Window::to_string).collect();
    assert_eq!(
        shown,
        [
            "weekly limit: 26 of 100 used, begins anew 2026-03-01 05:24 UTC",
            "5h limit: 10 of 50 used"
        ]
    );
    let told = windows.iter().map(|window| window.quota(now()).to_string());
    assert_eq!(told.collect::<Vec<_>>(), ["7 d 26 %", "5 h 20 %"]);
    for (limit, want) in [
        (
            json!({"name": "burst", "detail": {"limit": 5, "used": "2", "reset_in": 60}}),
            Some("burst: 2 of 5 used, begins anew 2026-02-20 14:09 UTC"),
        ),
        (
            json!({"window": {"duration": 45, "timeUnit": "TIME_UNIT_MINUTE"}, "limit": 5, "used": 1}),
            Some("45m limit: 1 of 5 used"),
        ),
        (
            json!({"window": {"duration": 2, "timeUnit": "TIME_UNIT_DAY"}, "detail": {"limit": 5}}),
            Some("2d limit: 0 of 5 used"),
        ),
        (json!({"detail": {"limit": "many"}}), None),
        (json!(7), None),
    ] {
        let shown = usage::read(&json!({"limits": [limit]}), now());
        let shown: Vec<String> = shown.iter().map(Window::to_string).collect();
        assert_eq!(shown.first().map(String::as_str), want, "{limit}");
    }
    assert!(usage::read(&json!("none"), now()).is_empty());
}
