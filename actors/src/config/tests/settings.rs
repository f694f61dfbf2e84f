//! Everything else.

use std::path::PathBuf;
use std::time::Duration;

use super::*;

const GUIDE_MINIMAL: &str = "\
# config.yaml
port: 8317

# keys of the clients
api-keys:
  - \"my-secret-key-1\"
  - \"my-secret-key-2\"
";

#[test]
fn the_guides_minimal_file_works() {
    let config = clean(GUIDE_MINIMAL);
    assert_eq!(
        config.server,
        Server {
            host: String::new(),
            port: 8317,
            tls: None
        }
    );
    assert_eq!(config.auth_dir, Path::new("/home/me/.cli-proxy-api"));
    let keys: Vec<&str> = config.client_keys.iter().map(|key| key.expose()).collect();
    assert_eq!(keys, ["my-secret-key-1", "my-secret-key-2"]);
    assert!(!config.demo && !config.allow_unauthenticated);
}

#[test]
fn an_empty_file_is_the_defaults() {
    for text in [
        "",
        "\u{feff}",
        "# nothing\n",
        "---\n",
        "{}",
        "api-keys:\ntls:\npayload:\n",
    ] {
        assert_eq!(
            Config::parse(text, &Env::default()).unwrap().0,
            Config::default(),
            "{text:?}"
        );
    }
    let config = Config::default();
    assert_eq!(config.server.port, 8317);
    assert_eq!(config.retry.rounds, 3);
    assert_eq!(config.retry.max_interval, Duration::from_secs(30));
    assert_eq!(config.cooling.transient, Some(Duration::from_secs(60)));
    assert_eq!(
        config.streaming.idle_timeout,
        Some(Duration::from_secs(300))
    );
    assert_eq!(config.streaming.keep_alive, None);
    assert_eq!(config.routing.affinity, None);
    assert_eq!(config.quota_exceeded, QuotaExceeded::default());
    assert_eq!(config.logging.error_max_files, Some(10));
    assert_eq!(config.logging.dir, Path::new("logs"));
    assert_eq!(config.management.secret, None);
    assert!(!config.management.enabled() && config.ws_auth);
}

#[test]
fn the_guides_snippets_load() {
    let config = clean(
        "\
host: \"\"
port: 8317
proxy-url: \"socks5://user:pass@192.168.1.1:1080\"
request-retry: 3
routing:
  strategy: \"round-robin\"
debug: false
gemini-api-key:
  - api-key: \"AIzaSy...your-key\"
claude-api-key:
  - api-key: \"sk-ant-...your-key\"
codex-api-key:
  - api-key: \"sk-...your-key\"
openai-compatibility:
  - name: \"openrouter\"
    base-url: \"https://openrouter.ai/api/v1\"
    api-key-entries:
      - api-key: \"sk-or-v1-...your-key\"
    models:
      - name: \"moonshotai/kimi-k2:free\"
        alias: \"kimi-k2\"
vertex-api-key:
  - api-key: \"vk-123...\"
    base-url: \"https://example.com/api\"
oauth-model-alias:
  github-copilot:
    - name: \"gpt-5\"
      alias: \"copilot-gpt5\"
    - name: \"claude-sonnet-4\"
      alias: \"sonnet4\"
      fork: true
oauth-excluded-models:
  github-copilot:
    - \"Raptor-Mini\"
    - \"gpt-5-*\"
    - \"raptor-mini\"
tls:
  enable: true
  cert: \"/path/to/cert.pem\"
  key: \"~/key.pem\"
remote-management:
  allow-remote: false
  secret-key: \"your-mgmt-key\"
logging-to-file: true
logs-max-total-size-mb: 100
error-logs-max-files: 0
",
    );
    let urls: Vec<&str> = config
        .accounts
        .iter()
        .map(|one| one.base_url.as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "https://generativelanguage.googleapis.com",
            "https://api.anthropic.com",
            "https://api.openai.com/v1",
            "https://example.com/api",
            "https://openrouter.ai/api/v1",
        ]
    );
    let router = config.accounts.last().unwrap();
    assert_eq!(
        (router.kind, router.provider.as_str()),
        (KeyKind::OpenAiCompatibility, "openrouter")
    );
    assert_eq!(router.models[0].visible(), "kimi-k2");
    assert_eq!(
        router.at.to_string(),
        "openai-compatibility[0].api-key-entries[0]"
    );
    assert!(config.oauth_model_alias["github-copilot"][1].fork);
    assert_eq!(
        config.oauth_excluded_models["github-copilot"],
        ["raptor-mini", "gpt-5-*"]
    );
    let tls = config.server.tls.unwrap();
    assert_eq!(
        (tls.cert, tls.key),
        ("/path/to/cert.pem".into(), "/home/me/key.pem".into())
    );
    assert_eq!(
        config.management.secret,
        Some(ManagementSecret::Plain("your-mgmt-key".into()))
    );
    assert_eq!(config.logging.max_total_bytes, Some(100 * 1024 * 1024));
    assert_eq!(config.logging.error_max_files, None);
    assert!(matches!(config.proxy, Proxy::Via(_)));
}

#[test]
fn debug_output_shows_no_secret() {
    let config = clean(
        "\
api-keys: [client-s3cret]
proxy-url: http://me:proxy-s3cret@host:1
remote-management: {secret-key: mgmt-s3cret}
gemini-api-key:
  - api-key: gem-s3cret
    headers: {Authorization: header-s3cret}
",
    );
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn scalars_are_read_as_people_mean_them() {
    let config = clean(
        "api-keys: [123, 007, 1e5, true, 0x1F]\nhost: no\ndebug: yes\nport: \"9000\"\nrequest-log: 'off'\n",
    );
    let keys: Vec<&str> = config.client_keys.iter().map(|key| key.expose()).collect();
    assert_eq!(keys, ["123", "007", "1e5", "true", "0x1F"]);
    assert_eq!(config.server.host, "no");
    assert!(config.logging.debug && !config.logging.request_log);
    assert_eq!(config.server.port, 9000);
}

#[test]
fn merge_keys_are_applied_also_in_chains() {
    let config = clean(
        "\
x-one: &one
  base-url: https://one.example
  priority: 5
x-two: &two
  <<: *one
  prefix: two
gemini-api-key:
  - <<: *two
    api-key: a
    priority: 9
",
    );
    let account = &config.accounts[0];
    assert_eq!(account.base_url, "https://one.example");
    assert_eq!(
        (account.prefix.as_deref(), account.priority),
        (Some("two"), 9)
    );
    assert_eq!(
        rejected("tls: &a 5\nrouting:\n  <<: *a\n"),
        "failed to load config: config.yaml:3:7: `routing.<<`: found no mapping to merge in, \
         expected an alias such as `<<: *name`"
    );
}

#[test]
fn payload_rules_are_typed_and_in_order_of_evaluation() {
    let config = clean(
        r#"
payload:
  default-raw:
    - models: [{name: b}]
      params: {x: '{"k": [1]}', y: 5}
"#,
    );
    assert_eq!(
        config.payload.defaults[0].params[0].1,
        serde_json::json!({"k": [1]})
    );
    let config = clean(
        r#"
payload:
  override:
    - models:
        - name: "gpt-*"
          protocol: Codex
          from-protocol: responses
          headers: {X-Tier: "t-*"}
          match: [{"metadata.client": codex}, {"a.b": 1}]
          not-match: {"metadata.mode": dev}
          exist: [tools]
          not-exist: [off]
      params:
        "reasoning.effort": high
        z: {nested: [1, 2.5, null]}
  override-raw:
    - models: [{name: a}]
      params: {n: "5"}
  filter:
    - models: [{name: "*"}]
      params: [a.b, c]
"#,
    );
    let rule = &config.payload.overrides[0];
    assert_eq!(
        rule.models[0],
        ModelMatch {
            name: "gpt-*".into(),
            protocol: Some("codex".into()),
            from_protocol: Some("responses".into()),
            headers: vec![("X-Tier".into(), "t-*".into())],
            matches: vec![
                ("metadata.client".into(), "codex".into()),
                ("a.b".into(), 1.into()),
            ],
            not_matches: vec![("metadata.mode".into(), "dev".into())],
            exist: vec!["tools".into()],
            not_exist: vec!["off".into()],
        }
    );
    assert_eq!(rule.params[0], ("reasoning.effort".into(), "high".into()));
    assert_eq!(
        rule.params[1].1,
        serde_json::json!({"nested": [1, 2.5, null]})
    );
    assert_eq!(
        config.payload.overrides[1].params[0].1,
        serde_json::json!(5)
    );
    assert_eq!(config.payload.filters[0].params, ["a.b", "c"]);
    assert!(!config.payload.is_empty());
}

#[test]
fn routing_retry_and_timing() {
    let config = clean(
        "\
routing: {strategy: WRR, session-affinity: true, session-affinity-ttl: 1h30m}
request-retry: 0
max-retry-interval: 0
max-retry-credentials: 4
transient-error-cooldown-seconds: -1
disable-cooling: true
save-cooldown-status: true
quota-exceeded: {switch-project: true, switch-preview-model: true, antigravity-credits: true}
streaming: {keepalive-seconds: 15, bootstrap-retries: 2, idle-timeout-seconds: 0}
nonstream-keepalive-interval: 5
force-model-prefix: true
passthrough-model: true
upstream-rewrites:
  https://a.example: http://127.0.0.1:1
  https://a.example/v1: http://127.0.0.1:2
",
    );
    let ttl = Duration::from_secs(5_400);
    assert_eq!(
        config.routing,
        Routing {
            strategy: Strategy::WeightedRoundRobin,
            affinity: Some(Affinity {
                ttl,
                subagents: true
            }),
            force_model_prefix: true,
        }
    );
    let on_quota = QuotaExceeded {
        switch_project: true,
        switch_preview_model: true,
        antigravity_credits: true,
    };
    assert_eq!(config.quota_exceeded, on_quota);
    let retry = Retry {
        rounds: 0,
        max_interval: Duration::ZERO,
        max_credentials: 4,
    };
    assert_eq!(config.retry, retry);
    assert_eq!(
        config.cooling,
        Cooling {
            disabled: true,
            transient: None,
            save: true
        }
    );
    assert_eq!(
        config.streaming,
        Streaming {
            keep_alive: Some(Duration::from_secs(15)),
            bootstrap_retries: 2,
            idle_timeout: None,
            nonstream_keep_alive: Some(Duration::from_secs(5)),
        }
    );
    let froms: Vec<&str> = config
        .upstream_rewrites
        .iter()
        .map(|one| one.from.as_str())
        .collect();
    assert_eq!(froms, ["https://a.example/v1", "https://a.example"]);
}

#[test]
fn durations() {
    for (text, want_ms) in [
        ("1h", Some(3_600_000)),
        ("90s", Some(90_000)),
        ("1h30m", Some(5_400_000)),
        ("250ms", Some(250)),
        ("1.5s", Some(1_500)),
        ("2d", Some(172_800_000)),
        ("45", Some(45_000)),
        ("0", Some(0)),
        ("", None),
        ("-1s", None),
        ("1", Some(1_000)),
        ("1 fortnight", None),
        ("h", None),
        ("1s2", None),
        ("99999999999999999999h", None),
    ] {
        assert_eq!(
            parse_duration(text),
            want_ms.map(Duration::from_millis),
            "{text}"
        );
    }
}

#[test]
fn the_environment_has_its_say() {
    let env = Env::from_pairs([
        ("MANAGEMENT_PASSWORD", "pw"),
        ("MANAGEMENT_STATIC_PATH", "/srv/panel"),
        ("WRITABLE_PATH", "/data"),
        ("CLI_PROXY_HOST", "0.0.0.0"),
        ("DEPLOY", "Cloud"),
        ("IFLOW_CLIENT_SECRET", "i"),
        ("PGSTORE_DSN", "postgres://x"),
    ]);
    let (config, notices) = Config::parse("", &env).unwrap();
    assert!(config.management.allow_remote && config.management.enabled());
    assert_eq!(config.management.password, Some("pw".into()));
    assert_eq!(
        config.management.panel_path,
        Some(PathBuf::from("/srv/panel"))
    );
    assert_eq!(config.logging.dir, Path::new("/data/logs"));
    assert_eq!(config.oauth_callback_host, "0.0.0.0");
    let placed = Config::parse("oauth-callback-host: 10.0.0.1\n", &env).unwrap();
    assert_eq!(placed.0.oauth_callback_host, "10.0.0.1");
    assert!(config.environment.cloud);
    assert_eq!(config.environment.iflow_client_secret, Some("i".into()));
    let notices: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        [
            "`PGSTORE_DSN`: this environment variable is set, but its store does not exist here; \
             files are used",
            "`auth-dir`: `HOME` is not set; `.cli-proxy-api` in the working directory is used",
        ]
    );
}

#[test]
fn management_secrets_are_recognised_as_hashes() {
    for (text, hashed) in [
        ("$2a$10$abc", true),
        ("$2b$x", true),
        ("$2y$x", true),
        ("$2x$x", false),
        ("plain", false),
    ] {
        let secret = ManagementSecret::new(text.to_owned());
        assert_eq!(
            matches!(secret, ManagementSecret::Hash(_)),
            hashed,
            "{text}"
        );
    }
}
