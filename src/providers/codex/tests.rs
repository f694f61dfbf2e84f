//! Accounts and logins; calls, failures and model lists have files of their own.

use super::super::Provider;
use super::super::login::LoginKind;
use super::super::oauth::Tokens;
use super::account::{self, Identity, renewed, with_end};
use super::login::{DeviceCode, explained, name, new_login};
use super::{Codex, login};
use actors::domain::record::CredentialRecord;
use actors::login::LoginError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

mod calls;
mod lists;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_771_596_528, 0).unwrap()
}

fn jwt(claims: &Value) -> String {
    format!("eyJ.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn id_token(email: &str, account: &str, plan: &str) -> String {
    jwt(
        &json!({"email": email, "exp": 1, "https://api.openai.com/auth":
        {"chatgpt_account_id": account, "chatgpt_plan_type": plan}}),
    )
}

fn record(document: &Value) -> CredentialRecord {
    let document = document.as_object().unwrap().clone();
    let record = CredentialRecord::from_document("codex-a.json".into(), document).unwrap();
    Codex.complete(record)
}

/// The example of the February version's files (§2).
fn february() -> Value {
    json!({"id_token": "eyJ.fake.sig", "access_token": "eyJ.fake.sig", "refresh_token": "rt_fake",
        "account_id": "00000000-0000-4000-8000-000000000001", "last_refresh": "2026-02-20T12:00:00Z",
        "email": "dev@example.com", "type": "codex", "expired": "2026-03-02T12:00:00Z"})
}

fn tokens(answer: Value) -> Tokens {
    Tokens::from_json(answer.as_object().unwrap().clone(), now()).unwrap()
}

#[test]
fn claims_tell_whose_account_it_is() {
    for (claims, want) in [
        (
            json!({"email": "a@b.c", "https://api.openai.com/auth":
                {"chatgpt_account_id": "acct-1", "chatgpt_plan_type": "team",
                 "chatgpt_account_is_fedramp": true}}),
            Identity {
                email: Some("a@b.c".into()),
                account_id: Some("acct-1".into()),
                plan: Some("team".into()),
                fedramp: true,
            },
        ),
        (
            json!({"https://api.openai.com/profile": {"email": "p@b.c"}}),
            Identity {
                email: Some("p@b.c".into()),
                ..Identity::default()
            },
        ),
        (json!({"email": 7}), Identity::default()),
    ] {
        assert_eq!(Identity::of(&jwt(&claims)), want, "{claims}");
    }
    assert_eq!(Identity::of("eyJ.fake.sig"), Identity::default());
}

/// §2: files of the old program, older ones, and broken ones.
#[test]
fn files_of_the_old_program_load() {
    let old = record(&february());
    assert_eq!(old.label, "dev@example.com");
    assert_eq!(old.expires_at.unwrap().timestamp(), 1_772_452_800);
    assert_eq!(Codex.plan(&old), None);
    let team = record(
        &json!({"type": "codex", "access_token": "x", "email": "a@b.c",
        "id_token": id_token("a@b.c", "acct-1", "team"), "websockets": true, "priority": "3",
        "unknown": {"kept": 1}}),
    );
    assert_eq!(Codex.plan(&team).as_deref(), Some("team"));
    assert_eq!(super::shape::account_id(&team).as_deref(), Some("acct-1"));
    assert!(team.settings.websockets);
    assert_eq!(team.settings.priority, 3);
    assert_eq!(team.document["unknown"]["kept"], 1);
    // The access token has the claims too, and an end of its own.
    let bare = record(
        &json!({"type": "codex", "access_token": jwt(&json!({"exp": 1_771_600_000,
        "https://api.openai.com/auth": {"chatgpt_account_id": "a", "chatgpt_plan_type": "plus"}}))}),
    );
    assert_eq!(bare.expires_at.unwrap().timestamp(), 1_771_600_000);
    assert_eq!(Codex.plan(&bare).as_deref(), Some("plus"));
    for broken in [
        json!({"type": "codex"}),
        json!({"type": "codex", "access_token": 1, "expired": [], "account_id": 7, "id_token": "x"}),
        json!({"type": "codex", "access_token": "", "account_id": " "}),
    ] {
        let record = record(&broken);
        assert_eq!((record.secret.is_none(), record.expires_at), (true, None));
        assert_eq!(super::shape::account_id(&record), None, "{broken}");
    }
}

#[test]
fn the_earlier_of_two_ends_counts() {
    let mut file = february();
    for (own, want) in [
        (1_772_000_000, 1_772_000_000),
        (1_779_000_000, 1_772_452_800),
    ] {
        file["access_token"] = jwt(&json!({"exp": own})).into();
        assert_eq!(record(&file).expires_at.unwrap().timestamp(), want);
    }
}

/// Vector 5, and the other forms of §2.
#[test]
fn names_of_new_files() {
    for (email, account, plan, want) in [
        (
            "a@b.c",
            Some("acct-1"),
            Some("Team"),
            "codex-ba36a4ed-a@b.c-team.json",
        ),
        ("a@b.c", Some("acct-1"), None, "codex-ba36a4ed-a@b.c.json"),
        (
            "a@b.c",
            Some("acct-1"),
            Some("Pro  Lite!"),
            "codex-ba36a4ed-a@b.c-pro-lite.json",
        ),
        ("a@b.c", None, Some("plus"), "codex-a@b.c-plus.json"),
        ("a@b.c", None, None, "codex-a@b.c.json"),
    ] {
        assert_eq!(name(email, account, plan), want);
    }
}

#[test]
fn a_login_becomes_a_file_that_the_old_program_reads() {
    let new = new_login(tokens(json!({
        "access_token": "at", "refresh_token": "rt", "id_token": id_token("a@b.c", "acct-1", "Team"),
        "token_type": "Bearer", "expires_in": 864_000, "scope": "openid"})))
    .unwrap();
    assert_eq!(new.names, ["codex-ba36a4ed-a@b.c-team.json"]);
    assert_eq!(new.identity, ["account_id", "email"]);
    assert_eq!(new.plan.as_deref(), Some("Team"));
    assert_eq!(
        Value::Object(new.document),
        json!({"type": "codex", "id_token": id_token("a@b.c", "acct-1", "Team"),
            "access_token": "at", "refresh_token": "rt", "expired": "2026-03-02T14:08:48Z",
            "last_refresh": "2026-02-20T14:08:48Z", "email": "a@b.c", "account_id": "acct-1"})
    );
    let nobody = new_login(tokens(
        json!({"access_token": "at", "id_token": "eyJ.fake.sig"}),
    ));
    assert!(matches!(nobody, Err(LoginError::Unusable { .. })));
}

#[test]
fn logins_are_declared() {
    let [browser, device] = login::LOGINS else {
        panic!("two logins");
    };
    assert_eq!(
        (browser.flag, device.flag),
        ("codex-login", "codex-device-login")
    );
    let LoginKind::Browser(callback) = browser.kind else {
        panic!("no browser login");
    };
    assert_eq!(callback.ports, [1455, 1457]);
    assert_eq!((callback.path, callback.route), ("/auth/callback", "codex"));
    let denied = LoginError::Denied {
        message: "missing_codex_entitlement (access_denied)".into(),
    };
    assert!(
        explained(denied)
            .to_string()
            .contains("not enabled for this workspace")
    );
}

/// §1.2: both spellings of the code, the interval as number or text.
#[test]
fn device_codes_are_read_in_every_spelling() {
    for (answer, want) in [
        (
            json!({"device_auth_id": "d", "user_code": "AB-12", "interval": "7"}),
            Some(("AB-12", 7)),
        ),
        (
            json!({"device_auth_id": "d", "usercode": "AB-12", "interval": 3}),
            Some(("AB-12", 3)),
        ),
        (
            json!({"device_auth_id": "d", "usercode": "AB-12", "interval": 0}),
            Some(("AB-12", 5)),
        ),
        (
            json!({"device_auth_id": "d", "usercode": "AB-12"}),
            Some(("AB-12", 5)),
        ),
        (json!({"device_auth_id": "d"}), None),
        (json!({"user_code": "AB-12"}), None),
    ] {
        let read = DeviceCode::read(&answer);
        let read = read
            .as_ref()
            .map(|code| (code.user_code.as_str(), code.pause.as_secs()));
        assert_eq!(read, want, "{answer}");
    }
}

/// §3: what the answer leaves out stays (the February version emptied it).
#[test]
fn a_refresh_writes_only_what_came() {
    let mut old = february();
    old["note"] = "mine".into();
    let old = record(&old);
    let new = renewed(
        with_end(tokens(json!({"access_token": "n", "expires_in": 60}))),
        &old,
    );
    for (field, want) in [
        ("access_token", "n"),
        ("refresh_token", "rt_fake"),
        ("id_token", "eyJ.fake.sig"),
        ("account_id", "00000000-0000-4000-8000-000000000001"),
        ("email", "dev@example.com"),
        ("expired", "2026-02-20T14:09:48Z"),
        ("last_refresh", "2026-02-20T14:08:48Z"),
        ("note", "mine"),
    ] {
        assert_eq!(new.document[field], want, "{field}");
    }
    // The plan follows, the workspace stays.
    let answer = json!({"access_token": "n", "refresh_token": "r2",
        "id_token": id_token("new@b.c", "other", "pro")});
    let new = renewed(with_end(tokens(answer)), &old);
    assert_eq!(account::plan(&new).as_deref(), Some("pro"));
    assert_eq!(new.document["refresh_token"], "r2");
    assert_eq!(new.document["account_id"], old.document["account_id"]);
    assert_eq!(new.document["email"], "dev@example.com");
    // Nobody names an end: the old one is not the new token's.
    assert_eq!((new.expires_at, new.document.get("expired")), (None, None));
    // The token names it.
    let token = jwt(&json!({"exp": now().timestamp() + 100}));
    let new = renewed(with_end(tokens(json!({"access_token": token}))), &old);
    assert_eq!(new.document["expired"], "2026-02-20T14:10:28Z");
}

/// §3: ten minutes before the end, and at least once in 8 days.
#[test]
fn tokens_are_replaced_in_time() {
    for (days, want) in [
        (10, Some(TimeDelta::days(2))),
        (8, Some(TimeDelta::minutes(10))),
        (1, Some(TimeDelta::minutes(10))),
    ] {
        let mut record = record(&february());
        record.expires_at = record.refreshed_at.map(|made| made + TimeDelta::days(days));
        assert_eq!(account::lead(&record), want, "{days} days");
        record.refreshed_at = None;
        assert_eq!(account::lead(&record), None);
    }
}
