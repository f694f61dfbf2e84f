//! Files, tokens and lists; the vectors of §8.

mod bodies;
mod calls;
mod lists;

use super::super::Provider;
use super::super::control::Reply;
use super::GithubCopilot;
use super::account::{self, User};
use super::host::Host;
use super::token::{ApiToken, refusal};
use actix_web::http::header::HeaderMap;
use actors::domain::record::{CredentialRecord, Kind};
use actors::domain::refresh::due_at;
use actors::domain::secret::Secret;
use actors::port::RefreshError;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::canonical::Effort;
use serde_json::{Value, json};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_000_000, 0).unwrap()
}

/// The file of the February version.
fn february() -> Value {
    json!({
        "access_token": "ghu_FAKEfakeFAKEfakeFAKEfakeFAKEfake0000",
        "token_type": "bearer",
        "scope": "read:user,user:email",
        "username": "octocat",
        "type": "github-copilot"
    })
}

fn record(file: &Value) -> CredentialRecord {
    let document = file.as_object().cloned().unwrap();
    let record = CredentialRecord::from_document("github-copilot-octocat.json".into(), document);
    GithubCopilot.complete(record.unwrap())
}

/// A record whose token has been fetched.
fn ready(file: &Value) -> CredentialRecord {
    CredentialRecord {
        secret: Some(Secret::from("tid=fake")),
        token_base: Some("https://api.individual.githubcopilot.com".to_owned()),
        ..record(file)
    }
}

fn reply(status: u16, body: impl ToString) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: body.to_string().into(),
    }
}

#[test]
fn files_of_both_versions_load_and_keep_what_nobody_knows() {
    let later = json!({"type": "github-copilot", "access_token": "ghu_x", "token_type": "bearer",
        "scope": "read:user", "username": "octocat", "email": "cat@example.com", "name": "The Cat",
        "timestamp": 1_772_000_000_000_i64, "api_token_expires_at": 1_772_001_800,
        "expires_at": "2020-01-01T00:00:00Z", "mine": {"kept": true}, "priority": 3});
    for (file, label) in [
        (february(), "octocat"),
        (later, "cat@example.com"),
        (
            json!({"type": "github-copilot", "access_token": "g", "label": "work", "username": "u"}),
            "work",
        ),
    ] {
        let record = record(&file);
        assert_eq!(
            (&*record.provider, record.label.as_str()),
            ("github-copilot", label)
        );
        // GitHub's token is no token of calls, and its end in a file is nobody's.
        assert_eq!((&record.secret, record.expires_at), (&None, None));
        assert_eq!(Value::Object(record.document), file);
    }
}

#[test]
fn the_plugins_own_file_is_explained() {
    let theirs = json!({"github.com": {"user": "octocat", "oauth_token": "gho_x"}});
    let newer = json!({"github.com:Iv1.b507a08c87ecfe98": {"oauth_token": "gho_x"}});
    for file in [theirs, newer] {
        let help = GithubCopilot.foreign(file.as_object().unwrap());
        assert!(help.unwrap().contains("--github-copilot-login"));
    }
    assert_eq!(GithubCopilot.foreign(february().as_object().unwrap()), None);
}

/// The CLI's name; F's web login called it `github-…`.
#[test]
fn a_login_writes_what_the_old_program_reads() {
    let user = User::read(&json!({"login": "octocat", "email": null, "name": "The Cat"}));
    let github = Secret::from("ghu_FAKE");
    let made = account::new_login(&github, Some("read:user"), &user, None, now());
    assert_eq!(made.names, ["github-copilot-octocat.json"]);
    assert_eq!(made.identity, ["username"]);
    assert_eq!(
        Value::Object(made.document),
        json!({"type": "github-copilot", "access_token": "ghu_FAKE", "token_type": "bearer",
            "scope": "read:user", "username": "octocat", "name": "The Cat",
            "timestamp": 1_772_000_000_000_i64})
    );
    let nobody = account::new_login(&github, None, &User::default(), None, now());
    assert_eq!(nobody.names, ["github-copilot-unknown.json"]);
    assert!(nobody.identity.is_empty());
}

fn answer(endpoints: Value) -> Value {
    json!({"token": "tid=fake;exp=1772000000;sku=plus_yearly_subscriber;\
            proxy-ep=proxy.individual.githubcopilot.com:00ff",
        "expires_at": 1_772_000_000, "refresh_in": 1500, "sku": "plus_yearly_subscriber",
        "endpoints": endpoints})
}

/// §8, vector 1; the host list of L without its gap.
#[test]
fn a_token_says_where_it_is_good_for() {
    const PUBLIC: &str = "https://api.githubcopilot.com";
    for (told, base, distrusted) in [
        (
            json!({"api": "https://api.individual.githubcopilot.com/"}),
            "https://api.individual.githubcopilot.com",
            false,
        ),
        (
            json!({"api": "https://api.enterprise.githubcopilot.com"}),
            "https://api.enterprise.githubcopilot.com",
            false,
        ),
        (json!({"api": "http://169.254.169.254"}), PUBLIC, true),
        (
            json!({"api": "http://api.individual.githubcopilot.com"}),
            PUBLIC,
            true,
        ),
        (
            json!({"api": "https://api.githubcopilot.com.evil.example"}),
            PUBLIC,
            true,
        ),
        (
            json!({"api": "https://api.githubcopilot.com@evil.example"}),
            PUBLIC,
            true,
        ),
        (
            json!({"api": "https://api.githubcopilot.com/x?y"}),
            PUBLIC,
            true,
        ),
        // By the token itself where nothing is told.
        (json!({}), "https://api.individual.githubcopilot.com", false),
    ] {
        let token = ApiToken::read(&answer(told.clone()), &Host::Public, now()).unwrap();
        assert_eq!(
            (token.base.as_str(), token.distrusted.is_some()),
            (base, distrusted),
            "{told}"
        );
    }
    let bare = ApiToken::read(&json!({"token": "opaque"}), &Host::Public, now()).unwrap();
    assert_eq!(bare.base, PUBLIC);
    assert_eq!(
        ApiToken::read(&json!({"token": " "}), &Host::Public, now()),
        None
    );
    assert!(!format!("{bare:?}").contains("opaque"));
}

/// §8, vector 1, and §3: clocks differ, so the told span counts; the exchange is due before it is
/// over.
#[test]
fn the_next_exchange_is_due_in_time() {
    let end = |body: Value| {
        let token = ApiToken::read(&body, &Host::Public, now()).unwrap();
        (token.expires_at - now()).num_seconds()
    };
    assert_eq!(end(answer(json!({}))), 1560, "`expires_at` has passed here");
    let ahead = now().timestamp() + 1800;
    assert_eq!(end(json!({"token": "t", "expires_at": ahead})), 1800);
    assert_eq!(end(json!({"token": "t", "refresh_in": 0})), 1500);
    for refresh_in in [120, 600, 1500] {
        let ends_at =
            now() + TimeDelta::seconds(end(json!({"token": "t", "refresh_in": refresh_in})));
        for seed in [0, 999] {
            let due = due_at(ends_at, Some(now()), None, seed);
            let wait = (due - now()).num_seconds();
            assert!((0..=refresh_in).contains(&wait), "{refresh_in} {wait}");
        }
    }
}

#[test]
fn enterprise_hosts_have_their_own_addresses() {
    for (text, want) in [
        ("", Some("https://api.github.com")),
        ("github.com", Some("https://api.github.com")),
        ("https://GitHub.com/", Some("https://api.github.com")),
        ("company.ghe.com", Some("https://api.company.ghe.com")),
        (
            " https://Company.ghe.com/login ",
            Some("https://api.company.ghe.com"),
        ),
        ("evil.example:8080", None),
        ("user@evil.example", None),
        ("localhost", None),
        ("https://", None),
    ] {
        let host = Host::read(text).map(|host| host.api(""));
        assert_eq!(host.as_deref(), want, "{text}");
    }
    let host = Host::read("company.ghe.com").unwrap();
    let token = |api: &str| ApiToken::read(&answer(json!({ "api": api })), &host, now()).unwrap();
    let own = "https://copilot-api.company.ghe.com";
    assert_eq!(token(own).base, own);
    let other = token("https://copilot-api.other.ghe.com");
    assert_eq!(
        (other.base.as_str(), other.distrusted.is_some()),
        (own, true)
    );
    let mut file = february();
    file["enterprise_domain"] = "company.ghe.com".into();
    let mut account = record(&file);
    assert_eq!(super::shape::base(&account).unwrap(), own);
    account.document["enterprise_domain"] = "no host".into();
    assert!(super::shape::base(&account).is_err());
}

/// §3: what ends a login, and what only passes.
#[test]
fn refused_exchanges_are_told_apart() {
    let gone = |error: &RefreshError| matches!(error, RefreshError::Revoked { .. });
    let none = |error: &RefreshError| matches!(error, RefreshError::Misconfigured { .. });
    let later = |error: &RefreshError| matches!(error, RefreshError::Transient { .. });
    let no_plan = json!({"message": "Resource not accessible", "can_signup_for_limited": false,
        "error_details": {"message": "No access to GitHub Copilot found.", "title": "x",
            "notification_id": "no_copilot_access", "url": "https://github.com/settings/copilot"}});
    let limit = json!({"message": "API rate limit exceeded for user ID 1.", "status": "403"});
    type Is<'a> = &'a dyn Fn(&RefreshError) -> bool;
    let cases: [(u16, String, Is<'_>); 8] = [
        (
            401,
            json!({"message": "Bad credentials"}).to_string(),
            &gone,
        ),
        (401, "<html>".to_owned(), &later),
        (403, no_plan.to_string(), &none),
        (
            200,
            json!({"token": "", "error_details": {"message": "no"}}).to_string(),
            &none,
        ),
        (403, limit.to_string(), &later),
        (403, "<html>blocked</html>".to_owned(), &later),
        (500, String::new(), &later),
        (200, "{}".to_owned(), &later),
    ];
    for (status, body, want) in cases {
        let error = refusal(&reply(status, &body), now());
        assert!(want(&error), "{status} {body}: {error:?}");
    }
    let text = refusal(&reply(403, &no_plan), now()).to_string();
    for part in [
        "No access to GitHub Copilot found",
        "no_copilot_access",
        "settings/copilot",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// Broken files say what is missing instead of calling.
#[test]
fn broken_files_say_what_is_missing() {
    for (file, want) in [
        (json!({"type": "github-copilot"}), "access_token"),
        (
            json!({"type": "github-copilot", "access_token": 7}),
            "access_token",
        ),
        (
            json!({"type": "github-copilot", "access_token": "g", "enterprise_domain": "no host"}),
            "enterprise_domain",
        ),
        (
            json!({"type": "github-copilot", "access_token": "g", "enterprise_domain": 1}),
            "enterprise_domain",
        ),
    ] {
        let error = account::github_token(&record(&file)).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    }
}

/// `config.md` §3.5
#[test]
fn dotted_names_of_claude_have_hyphens_too() {
    let models = GithubCopilot.models(&CredentialRecord::bare("a".into(), "x", Kind::Login));
    let aliases = GithubCopilot.default_aliases(&models);
    let pairs: Vec<_> = aliases
        .iter()
        .map(|rule| (rule.name.as_str(), rule.alias.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("claude-haiku-4.5", "claude-haiku-4-5"),
            ("claude-opus-4.1", "claude-opus-4-1"),
            ("claude-opus-4.5", "claude-opus-4-5"),
            ("claude-opus-4.6", "claude-opus-4-6"),
            ("claude-sonnet-4.5", "claude-sonnet-4-5"),
            ("claude-sonnet-4.6", "claude-sonnet-4-6"),
        ]
    );
    assert!(aliases.iter().all(|rule| rule.fork));
    let of = |id: &str| models.iter().find(|model| &*model.id == id).unwrap();
    assert_eq!(models.len(), 24);
    let codex = of("gpt-5.3-codex");
    assert_eq!(codex.endpoints, ["/responses"]);
    let thinking = codex.traits.thinking.as_ref().unwrap();
    assert_eq!(thinking.levels.last(), Some(&Effort::XHigh));
    assert!(thinking.can_disable);
    assert!(of("claude-opus-4.6").traits.thinking.as_ref().unwrap().none);
    assert_eq!(of("gpt-4.1").owned_by, "github-copilot");
    assert_eq!(
        of("grok-code-fast-1").description.as_deref(),
        Some("xAI Grok Code Fast 1 via GitHub Copilot")
    );
}
