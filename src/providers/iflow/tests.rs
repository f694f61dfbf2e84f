//! Files, logins, calls, bodies.

use super::super::control::Reply;
use super::super::headers::PRODUCT;
use super::super::login::LoginKind;
use super::super::oauth::Tokens;
use super::super::{Action, Call, Provider};
use super::account::{self, User};
use super::cookie::{self, Key};
use super::{IFlow, body, login, models, shape};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::config::Config;
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::port::RefreshError;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::Dialect;
use serde_json::{Value, json};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_771_588_800, 0).unwrap()
}

fn record(document: &Value) -> CredentialRecord {
    let document = document.as_object().unwrap().clone();
    let record = CredentialRecord::from_document("iflow-a.json".into(), document).unwrap();
    IFlow.complete(record)
}

/// The example of the February version's files (§2).
fn february() -> Value {
    json!({"access_token": "fake", "refresh_token": "fake", "last_refresh": "2026-02-20T12:00:00Z",
        "expired": "2026-02-22T12:00:00Z", "api_key": "sk-fake", "email": "13800000000",
        "token_type": "bearer", "scope": "", "cookie": "", "type": "iflow"})
}

fn by_cookie() -> Value {
    json!({"access_token": "", "refresh_token": "", "last_refresh": "2026-02-20T12:00:00Z",
        "expired": "2026-03-01 20:00", "api_key": "sk-fake", "email": "138****0000",
        "token_type": "", "scope": "", "cookie": "BXAuth=abc123;", "type": "iflow"})
}

fn tokens(answer: Value) -> Tokens {
    Tokens::from_json(answer.as_object().unwrap().clone(), now()).unwrap()
}

/// Calls use the key; the end of a cookie's key is a time in China (F: eight hours late).
#[test]
fn files_of_both_kinds_load() {
    let old = record(&february());
    assert_eq!(old.secret.as_ref().unwrap().expose(), "sk-fake");
    assert_eq!(old.label, "13800000000");
    assert_eq!(
        old.expires_at.unwrap().to_string(),
        "2026-02-22 12:00:00 UTC"
    );
    assert_eq!(account::lead(&old), None);
    let cookie = record(&by_cookie());
    assert_eq!(
        cookie.expires_at.unwrap().to_string(),
        "2026-03-01 12:00:00 UTC"
    );
    assert_eq!(account::lead(&cookie), Some(TimeDelta::hours(48)));
    let mut odd = by_cookie();
    odd["expired"] = "soon".into();
    odd["unknown"] = json!({"kept": 1});
    let odd = record(&odd);
    assert_eq!(
        odd.expires_at,
        Some(DateTime::UNIX_EPOCH),
        "replaced at once"
    );
    assert_eq!(odd.document["unknown"]["kept"], 1);
    for broken in [
        json!({"type": "iflow"}),
        json!({"type": "iflow", "access_token": "x", "api_key": 7, "expired": [], "cookie": 1}),
    ] {
        let record = record(&broken);
        assert_eq!((record.secret.is_none(), record.expires_at), (true, None));
    }
}

/// Vector 2.
#[test]
fn of_a_cookie_header_one_cookie_is_kept() {
    let line = cookie::normalized(" foo=1;  BXAuth=abc123 ;x=2").unwrap();
    assert_eq!(line, "foo=1; BXAuth=abc123 ;x=2;");
    assert_eq!(cookie::kept(&line).as_deref(), Some("BXAuth=abc123;"));
    assert!(cookie::normalized("foo=1").is_err());
    assert_eq!(cookie::kept("BXAuth=;"), None);
}

fn key_answer() -> Value {
    json!({"success": true, "code": "200", "message": "ok", "data": {"name": "138****0000",
        "apiKey": "sk-new", "apiKeyMask": "sk-****", "hasExpired": false,
        "expireTime": "2026-03-01 20:00"}})
}

/// Vector 3.
#[test]
fn a_cookie_becomes_a_file_that_the_old_program_reads() {
    let key = Key::read(&key_answer()).unwrap();
    let new = cookie::new_login("a=1; BXAuth=abc123; b=2;", &key, now()).unwrap();
    assert_eq!(new.names, ["iflow-138xxxx0000-1771588800.json"]);
    assert_eq!(new.identity, ["cookie"], "a cookie has one file");
    let mut want = by_cookie();
    want["api_key"] = "sk-new".into();
    assert_eq!(Value::Object(new.document), want);
    for bad in [
        json!({"success": false, "message": "no", "data": null}),
        json!({"success": true, "data": {"apiKey": "x"}}),
        json!("x"),
    ] {
        assert_eq!(Key::read(&bad), None, "{bad}");
    }
    let without = Key { key: None, ..key };
    assert!(cookie::new_login("BXAuth=a;", &without, now()).is_err());
}

#[test]
fn a_browser_login_becomes_a_file_that_the_old_program_reads() {
    let user = User::read(
        &json!({"success": true, "data": {"apiKey": "sk-fake", "email": " ",
        "phone": "13800000000"}}),
    );
    let user = user.unwrap();
    assert_eq!(user.name.as_deref(), Some("13800000000"));
    let granted = tokens(json!({"access_token": "fake", "refresh_token": "fake",
        "token_type": "bearer", "expires_in": 172_800, "scope": ""}));
    let new = account::new_login(&granted, &user, "13800000000");
    assert_eq!(new.names, ["iflow-13800000000-1771588800.json"]);
    assert_eq!(Value::Object(new.document), february());
    for bad in [
        json!({"success": false, "data": {"apiKey": "x"}}),
        json!({"success": true, "data": {"apiKey": ""}}),
    ] {
        assert_eq!(User::read(&bad), None, "{bad}");
    }
    let [browser, cookie] = login::LOGINS else {
        panic!("two logins");
    };
    assert_eq!((browser.flag, cookie.flag), ("iflow-login", "iflow-cookie"));
    let LoginKind::Browser(callback) = browser.kind else {
        panic!("no browser login");
    };
    assert_eq!(
        (callback.ports, callback.path),
        (&[11451][..], "/oauth2callback")
    );
    assert_eq!(
        login::page("http://localhost:11451/oauth2callback", "s"),
        "https://iflow.cn/oauth?client_id=10009311001&loginMethod=phone&\
         redirect=http%3A%2F%2Flocalhost%3A11451%2Foauth2callback&state=s&type=phone"
    );
}

/// §3: what the answer leaves out stays, and so does the key when nobody told it.
#[test]
fn a_refresh_writes_only_what_came() {
    let mut file = february();
    file["note"] = "mine".into();
    let old = record(&file);
    let answer = tokens(json!({"access_token": "n", "expires_in": 60}));
    let new = account::renewed(&answer, None, &old);
    for (field, want) in [
        ("access_token", "n"),
        ("refresh_token", "fake"),
        ("api_key", "sk-fake"),
        ("expired", "2026-02-20T12:01:00Z"),
        ("email", "13800000000"),
        ("note", "mine"),
    ] {
        assert_eq!(new.document[field], want, "{field}");
    }
    assert_eq!(new.secret.as_ref().unwrap().expose(), "sk-fake");
    let user = User {
        key: Secret::from("sk-other"),
        name: None,
    };
    let new = account::renewed(&answer, Some(&user), &old);
    assert_eq!(new.document["api_key"], "sk-other");
    assert_eq!(new.secret.as_ref().unwrap().expose(), "sk-other");
    let key = Key::read(&key_answer()).unwrap();
    let new = cookie::renewed(&key, &record(&by_cookie()), now());
    assert_eq!(new.document["api_key"], "sk-new");
    assert_eq!(new.document["cookie"], "BXAuth=abc123;");
    assert_eq!(
        new.expires_at.unwrap().to_string(),
        "2026-03-01 12:00:00 UTC"
    );
}

#[test]
fn a_dead_cookie_is_told_from_a_passing_fault() {
    let refused = |status: u16, body: &str| {
        let reply = Reply {
            status,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        };
        matches!(
            account::explained(cookie::refused(&reply, now())),
            RefreshError::Revoked { message } if message.contains("17 April 2026")
        )
    };
    for (status, body, dead) in [
        (200, r#"{"success":false,"message":"please log in"}"#, true),
        (401, "", true),
        (403, r#"{"message":"no"}"#, true),
        (403, "<html>blocked</html>", false),
        (502, "<html>", false),
        (200, "<html>", false),
    ] {
        assert_eq!(refused(status, body), dead, "{status} {body}");
    }
}

/// Vector 1.
#[test]
fn calls_are_signed() {
    let session = "session-00000000-0000-4000-8000-000000000000";
    assert_eq!(
        shape::signature("sk-fake-iflow-key", "iFlow-Cli", session, 1_760_000_000_000),
        "f333479ba5f98bc5069ce5020b2532ef551e5d471ce58ea275a020216ce376f7"
    );
    let account = record(&february());
    let body = Bytes::from_static(br#"{"model":"glm-4.7"}"#);
    let shaped = |action, client, sent: &HeaderMap| {
        IFlow.shape(&Call {
            record: &account,
            model: "glm-4.7",
            action,
            body: &body,
            body_headers: &[],
            client_body: &body,
            client_headers: sent,
            config: &Config::default(),
            dialect: Dialect::OpenAiChat,
            client,
        })
    };
    let stream = Action::Generate { stream: true };
    let request = shaped(stream, Dialect::Gemini, &HeaderMap::new()).unwrap();
    assert_eq!(request.url, "https://apis.iflow.cn/v1/chat/completions");
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.to_str().unwrap()).unwrap()
    };
    assert_eq!(header("authorization"), "Bearer sk-fake");
    assert_eq!(header("user-agent"), PRODUCT, "nobody else's name");
    let millis = header("x-iflow-timestamp").parse().unwrap();
    let want = shape::signature("sk-fake", PRODUCT, header("session-id"), millis);
    assert_eq!(header("x-iflow-signature"), want);
    let mut sent = HeaderMap::new();
    let own = HeaderValue::from_static("iFlow-Cli");
    sent.insert(HeaderName::from_static("user-agent"), own.clone());
    let request = shaped(stream, Dialect::OpenAiChat, &sent).unwrap();
    assert!(request.headers.iter().any(|(_, value)| *value == own));
    assert!(shaped(Action::CountTokens, Dialect::Anthropic, &sent).is_err());
}

fn in_form(model: &str, body: Value) -> Value {
    let body = Bytes::from(body.to_string());
    serde_json::from_slice(&body::in_form(&body, model)).unwrap()
}

/// Vector 4, and the other families of §7.
#[test]
fn thinking_is_switched_by_family() {
    let on = json!({"chat_template_kwargs": {"enable_thinking": true, "clear_thinking": false}});
    let template = |on: bool| json!({"chat_template_kwargs": {"enable_thinking": on}});
    for (model, effort, want) in [
        ("glm-4.7", "high", on.clone()),
        ("glm-5", "none", template(false)),
        ("deepseek-v3.2", "none", template(false)),
        ("deepseek-v3.1", "low", template(true)),
        ("qwen3-max-preview", "minimal", template(true)),
        ("minimax-m2.1", "none", json!({"reasoning_split": false})),
        ("minimax-m2", "xhigh", json!({"reasoning_split": true})),
        ("kimi-k2.5", "high", json!({})),
    ] {
        let body = json!({"reasoning_effort": effort});
        assert_eq!(in_form(model, body), want, "{model} {effort}");
    }
    let own = json!({"chat_template_kwargs": {"x": 1, "clear_thinking": true}});
    assert_eq!(
        in_form("glm-4.7", own.clone()),
        own,
        "the client's own words"
    );
    let mut body = own;
    body["reasoning_effort"] = "none".into();
    assert_eq!(
        in_form("glm-4.7", body),
        json!({"chat_template_kwargs": {"x": 1, "enable_thinking": false}})
    );
}

#[test]
fn an_empty_list_of_tools_is_left_out() {
    assert_eq!(
        in_form("glm-5", json!({"tools": [], "x": 1})),
        json!({"x": 1})
    );
    let tools = json!({"tools": [{"type": "function"}]});
    assert_eq!(in_form("glm-5", tools.clone()), tools);
}

#[test]
fn the_known_models() {
    let models: Vec<_> = models::known().collect();
    assert_eq!(models.len(), 26);
    let mut thinking = models
        .iter()
        .filter(|model| !model.traits.thinking.as_ref().unwrap().none);
    let glm = thinking.next().unwrap();
    assert_eq!(&*glm.id, "qwen3-max-preview");
    assert_eq!(thinking.count(), 8);
    assert_eq!(models[6].display_name.as_deref(), Some("GLM-4.6"));
    assert_eq!(
        (models[6].created, models[6].owned_by.as_str()),
        (1_759_190_400, "iflow")
    );
    for (model, want) in [
        ("glm-4.7", true),
        ("minimax-m2.5", true),
        ("kimi-k2", true),
        ("qwen3-32b", false),
    ] {
        assert_eq!(models::wants_thinking_back(model), want, "{model}");
    }
}
