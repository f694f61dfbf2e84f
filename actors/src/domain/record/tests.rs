use super::*;
use crate::config::{Config, Env};
use serde_json::json;

fn document(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn login(value: Value) -> CredentialRecord {
    CredentialRecord::from_document("file.json".into(), document(value)).expect("a credential")
}

#[test]
fn reads_a_login_with_all_its_settings() {
    let file = json!({
        "type": "Alpha", "email": "me@example.com", "access_token": "t-1", "refresh_token": "r-1",
        "expired": "2026-03-01T10:00:00Z", "last_refresh": "2026-03-01T09:00:00Z",
        "disabled": "true", "priority": "7", "weight": 3, "prefix": "/team/",
        "proxy_url": "socks5://p:1", "excluded_models": "A-*, b ,", "disable-cooling": false,
        "request_retry": 2, "websockets": true, "note": " mine ",
        "headers": {"X-A": "1", "X-B": "$X-B", " ": "x", "X-C": ""}, "unknown": [1, 2],
    });
    let record = login(file.clone());
    assert_eq!(&*record.provider, "alpha");
    assert_eq!(record.label, "me@example.com");
    assert_eq!(record.kind, Kind::Login);
    assert_eq!(record.secret, Some(Secret::from("t-1")));
    assert_eq!(record.expires_at, "2026-03-01T10:00:00Z".parse().ok());
    assert_eq!(record.refreshed_at, "2026-03-01T09:00:00Z".parse().ok());
    let want = Settings {
        priority: 7,
        weight: 3,
        prefix: Some("team".to_owned()),
        proxy: Proxy::Via(Secret::from("socks5://p:1")),
        headers: vec![
            ("X-A".to_owned(), HeaderValue::Fixed(Secret::from("1"))),
            ("X-B".to_owned(), HeaderValue::FromClient("X-B".to_owned())),
        ],
        excluded_models: vec!["a-*".to_owned(), "b".to_owned()],
        disabled: true,
        disable_cooling: Some(false),
        request_retry: Some(2),
        websockets: true,
        note: Some("mine".to_owned()),
        ..Settings::default()
    };
    assert_eq!(record.settings, want);
    assert_eq!(record.document, document(file), "untouched");
}

#[test]
fn a_field_of_the_wrong_type_counts_as_absent() {
    let record = login(json!({
        "type": "x", "priority": {}, "disabled": "perhaps", "prefix": "a/b", "proxy_url": "none",
        "excluded-models": ["Q", 1], "request_retry": -3, "weight": -1, "headers": [],
    }));
    let want = Settings {
        proxy: Proxy::Direct,
        excluded_models: vec!["q".to_owned()],
        request_retry: Some(0),
        weight: 0,
        ..Settings::default()
    };
    assert_eq!(record.settings, want);
    assert_eq!(record.label, "file.json");
    assert_eq!((record.secret, record.expires_at), (None, None));
}

#[test]
fn a_file_without_type_is_no_credential() {
    for file in [json!({}), json!({"type": ""}), json!({"type": 1})] {
        let record = CredentialRecord::from_document("f.json".into(), document(file));
        assert_eq!(record, Err(RecordError::NoType));
    }
}

#[test]
fn reads_a_configured_key() {
    let text = "openai-compatibility:\n- name: router\n  base-url: https://r.example/v1\n  \
                prefix: p\n  support-prompt-cache-key: true\n  api-key-entries:\n  - api-key: k\n    \
                proxy-url: direct\n  models: [{name: a, alias: b}]\n";
    let (config, _) = Config::parse(text, &Env::default()).expect("a configuration");
    let account = config.accounts.first().expect("an account");
    let record = CredentialRecord::from_key(account);
    assert_eq!(record.id.as_str(), account.id);
    assert_eq!(&*record.provider, account.kind.as_str());
    assert_eq!(record.label, "router");
    assert_eq!(record.base_url.as_deref(), Some("https://r.example/v1"));
    assert_eq!(record.secret, Some(Secret::from("k")));
    assert_eq!(record.settings.proxy, Proxy::Direct);
    assert_eq!(record.settings.prefix.as_deref(), Some("p"));
    assert!(record.settings.support_prompt_cache_key && record.document.is_empty());
}

#[test]
fn debug_shows_no_secret() {
    let record = login(json!({"type": "x", "access_token": "hush", "refresh_token": "hush"}));
    assert!(!format!("{record:?}").contains("hush"));
}

#[test]
fn settings_are_not_part_of_the_login() {
    let base = json!({"type": "x", "email": "a", "access_token": "1", "refresh_token": "r"});
    let with = |key: &str, value: Value| {
        let mut file = document(base.clone());
        file.insert(key.to_owned(), value);
        login(Value::Object(file))
    };
    let record = login(base.clone());
    for (other, same_login, same_account) in [
        (with("priority", json!(9)), true, true),
        (with("excluded-models", json!(["a"])), true, true),
        (with("access_token", json!("2")), false, true),
        (with("refresh_token", json!("s")), false, true),
        (with("email", json!("b")), false, false),
        (with("base_url", json!("https://b.example")), false, false),
    ] {
        assert_eq!(record.same_login(&other), same_login, "{other:?}");
        assert_eq!(record.same_account(&other), same_account, "{other:?}");
    }
}

#[test]
fn the_index_follows_file_name_or_key() {
    let mut record = login(json!({"type": "x", "access_token": "1"}));
    // printf 'file:file.json' | sha256sum
    assert_eq!(record.auth_index(), "52a3230f79d4bd60");
    record.kind = Kind::Key;
    record.secret = Some(Secret::from("k"));
    assert_eq!(record.auth_index(), "de56466f473c267d");
    record.secret = None;
    assert_eq!(record.auth_index(), "ab66ce1f9f9f1c58");
}
