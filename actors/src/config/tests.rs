use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

fn env() -> Env {
    Env::from_pairs([("HOME", "/home/me")])
}

#[track_caller]
fn accepted(text: &str) -> (Config, Vec<String>) {
    match Config::parse(text, &env()) {
        Ok((config, notices)) => (config, notices.iter().map(ToString::to_string).collect()),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn clean(text: &str) -> Config {
    let (config, notices) = accepted(text);
    assert_eq!(notices, [""; 0], "{text}");
    config
}

#[track_caller]
fn rejected(text: &str) -> String {
    let error = Config::parse(text, &env()).map(|_| ()).unwrap_err();
    error.in_file(Path::new("config.yaml")).to_string()
}

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
fn rejected_files_say_where_what_and_what_is_right() {
    for (text, want) in [
        (
            "port: abc\n",
            "config.yaml:1:7: `port`: found the text `abc`, expected a whole number",
        ),
        (
            "port: 70000\n",
            "config.yaml:1:7: `port`: found the number `70000`, expected a port from 0 to 65535",
        ),
        (
            "# c\ntls:\n  enable: maybe\n",
            "config.yaml:3:11: `tls.enable`: found the text `maybe`, expected `true` or `false`",
        ),
        (
            "tls:\n  enable: true\n  cert: /c\n",
            "config.yaml:1:1: `tls.key`: missing, but `tls.enable` is on; name the PEM file, or \
             switch `tls.enable` off",
        ),
        (
            "api-keys: secret\n",
            "config.yaml:1:11: `api-keys`: found the text `secret`, expected a list (lines of \
             `- value`)",
        ),
        (
            "gemini-api-key:\n  - just-a-key\n",
            "config.yaml:2:5: `gemini-api-key[0]`: found the text `just-a-key`, expected a \
             mapping (lines of `key: value`)",
        ),
        (
            "gemini-api-key:\n  - api-key: a\n    weight: 1000001\n",
            "config.yaml:3:13: `gemini-api-key[0].weight`: found the number `1000001`, expected \
             at most 1000000",
        ),
        (
            "gemini-api-key:\n  - api-key: a\n    weight: 1.5\n",
            "config.yaml:3:13: `gemini-api-key[0].weight`: found the number `1.5`, expected a \
             whole number",
        ),
        (
            "proxy-url: ftp://me:secret@x\n",
            "config.yaml:1:12: `proxy-url`: found `ftp://`, expected `http://`, `https://`, \
             `socks5://` or `socks5h://` and a host, or `direct`",
        ),
        (
            "routing: {strategy: random}\n",
            "config.yaml:1:21: `routing.strategy`: found the text `random`, expected \
             `round-robin`, `weighted-round-robin` or `fill-first`",
        ),
        (
            "routing:\n  session-affinity-ttl: soon\n",
            "config.yaml:2:25: `routing.session-affinity-ttl`: found the text `soon`, expected a \
             duration such as `1h`, `90s` or `250ms`",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    base-url: example.com\n",
            "config.yaml:3:15: `claude-api-key[0].base-url`: found the text `example.com`, \
             expected a URL that begins with `https://` or `http://`",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    headers: {\"a b\": c}\n",
            "config.yaml:3:22: `claude-api-key[0].headers.a b`: found a header that cannot be \
             sent, expected a name of letters, digits and hyphens and a value on one line",
        ),
        (
            "oauth-request-scoped-errors:\n  claude:\n    - status: 4\n      action: stop\n    - status: 400\n      action: halt\n",
            "config.yaml:3:15: `oauth-request-scoped-errors.claude[0].status`: found the number \
             `4`, expected an HTTP status such as 400\nconfig.yaml:6:15: \
             `oauth-request-scoped-errors.claude[1].action`: found the text `halt`, expected \
             `stop`, `stop-and-cooldown`, `continue` or `continue-and-cooldown`",
        ),
        (
            "upstream-rewrites:\n  https://a.example: b\n",
            "config.yaml:2:22: `upstream-rewrites.https://a.example`: found `https://a.example` → \
             `b`, expected a URL that begins with `http://` or `https://` on both sides",
        ),
        (
            "- a\n- b\n",
            "config.yaml: found a list, expected a mapping (lines of `key: value`)",
        ),
    ] {
        assert_eq!(
            rejected(text),
            format!("failed to load config: {want}"),
            "{text}"
        );
    }
}

#[test]
fn texts_that_are_no_yaml_get_a_place_a_key_and_a_fix() {
    for (text, want) in [
        (
            "port: 1\nhost: a\nport: 2\n",
            "config.yaml:3:1: `port`: this key stands in line 1 already; keep one of the two",
        ),
        (
            "tls:\n\tenable: true\n",
            "config.yaml:2:1: `tls`: found character that cannot start any token; indent with \
             spaces; YAML allows no tabs there",
        ),
        (
            "tls:\n  cert: a: b\n",
            "config.yaml:2:10: `tls.cert`: mapping values are not allowed in this context; put a \
             text that holds `: ` in quotes, or correct the indentation of this line",
        ),
        (
            "api-keys:\n  - \"abc\n",
            "config.yaml:3:1: `api-keys`: found unexpected end of stream; close the quote",
        ),
        (
            "api-keys: [a, b\nport: 1\n",
            "config.yaml:2:5: `port`: did not find expected ',' or ']'; close the bracket, and \
             separate the items by commas",
        ),
        (
            "port: 1\n---\nport: 2\n",
            "config.yaml: deserializing from YAML containing more than one document is not \
             supported; keep one document: remove the second `---` and what follows",
        ),
        (
            "tls: *x\n",
            "config.yaml:1:6: `tls`: unknown anchor; define it above the alias: `key: &name`",
        ),
    ] {
        assert_eq!(
            rejected(text),
            format!("failed to load config: {want}"),
            "{text}"
        );
    }
}

#[test]
fn odd_files_are_accepted_with_a_remark() {
    for (text, want) in [
        (
            "api_keys: [a]\n",
            "line 1: `api_keys`: unknown key, ignored; did you mean `api-keys`?",
        ),
        (
            "strategy: rr\n",
            "line 1: `strategy`: unknown key, ignored; it belongs into `routing`",
        ),
        (
            "\nweather: fine\n",
            "line 2: `weather`: unknown key, ignored",
        ),
        (
            "gemini-api-key:\n  - api-key: a\n    priorty: 5\n",
            "line 3: `gemini-api-key[0].priorty`: unknown key, ignored; did you mean `priority`?",
        ),
        (
            "api-keys:\n  - a\n  - ' '\n",
            "line 3: `api-keys[1]`: blank key, ignored",
        ),
        (
            "api-keys:\n  - a\n  -\n",
            "line 3: `api-keys[1]`: empty list item, ignored",
        ),
        (
            "api-keys: [a, a]\n",
            "line 1: `api-keys[1]`: the same key stands above, ignored",
        ),
        (
            "api-keys: [your-api-key-2]\n",
            "line 1: `api-keys[0]`: this is a published sample key; replace it by a key of your own",
        ),
        (
            "claude-api-key:\n  - prefix: a\n",
            "line 2: `claude-api-key[0]`: has no `api-key`, ignored",
        ),
        (
            "claude-api-key:\n  - api-key: a\n  - api-key: a\n",
            "line 3: `claude-api-key[1]`: the same entry stands at `claude-api-key[0]`, ignored",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    prefix: a/b/\n",
            "line 3: `claude-api-key[0].prefix`: `a/b` has a slash inside; no prefix is used",
        ),
        (
            "openai-compatibility:\n  - name: x\n",
            "line 2: `openai-compatibility[0]`: has no `base-url`, ignored",
        ),
        (
            "openai-compatibility:\n  - base-url: http://x\n",
            "line 2: `openai-compatibility[0]`: has no `name`; shown as `openai-compatibility`",
        ),
        (
            "request-retry: -1\n",
            "line 1: `request-retry`: `-1` is below 0; 0 is used",
        ),
        (
            "error-logs-max-files: -1\n",
            "line 1: `error-logs-max-files`: `-1` is below 0; 10 is used",
        ),
        (
            "payload:\n  override-raw:\n    - models: [{name: a}]\n      params: {b: '{'}\n",
            "line 4: `payload.override-raw[0].params.b`: is not valid JSON and is left out: EOF \
             while parsing an object at line 1 column 1",
        ),
        (
            "payload:\n  filter:\n    - params: [b]\n",
            "line 3: `payload.filter[0]`: has no `models` and never applies, ignored",
        ),
        (
            "oauth-model-alias:\n  Claude:\n    - {name: a, alias: b}\n    - {name: c, alias: B}\n",
            "line 4: `oauth-model-alias.Claude[1]`: the alias `B` stands above in \
             `oauth-model-alias.Claude`, ignored",
        ),
        (
            "oauth-model-alias:\n  claude:\n    - {name: a, alias: a}\n",
            "line 3: `oauth-model-alias.claude[0]`: `name` and `alias` are the same, ignored",
        ),
        (
            "plugins:\n  enabled: true\n",
            "line 1: `plugins`: accepted, has no effect yet",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    cloak: {mode: auto}\n",
            "line 3: `claude-api-key[0].cloak`: accepted, deliberately does nothing: requests go \
             out under the client's own identity",
        ),
        (
            "credential-concurrency: {max-limit: 5}\n",
            "line 1: `credential-concurrency`: accepted, deliberately does nothing: it belongs to \
             the control-centre mode, which does not exist here",
        ),
    ] {
        assert_eq!(accepted(text).1, [want], "{text}");
    }
}

#[test]
fn keys_that_switch_nothing_on_need_no_remark() {
    clean(
        "\
plugins: {enabled: false, dir: plugins}
pprof: {enable: false, addr: '127.0.0.1:8316'}
ampcode: {upstream-url: '', force-model-mappings: false}
quota-exceeded: {switch-project: false}
disable-image-generation: false
codex: {stream-bootstrap-buffering: false}
",
    );
}

#[test]
fn legacy_keys_are_read_as_fallback() {
    let (config, notices) = accepted(
        "\
generative-language-api-key:
  - g1
openai-compatibility:
  - name: x
    base-url: http://x/
    api-keys: [o1, o2]
oauth-model-mappings:
  claude: [{name: a, alias: b}]
auth:
  providers:
    - name: default
      type: config-api-key
      api-keys: [c1]
",
    );
    assert_eq!(config.client_keys, ["c1".into()]);
    let keys: Vec<&str> = config
        .accounts
        .iter()
        .map(|one| one.api_key.as_ref().unwrap().expose())
        .collect();
    assert_eq!(keys, ["g1", "o1", "o2"]);
    assert_eq!(config.oauth_model_alias["claude"][0].alias, "b");
    let want = |line, key, new| {
        format!("line {line}: `{key}`: old name of `{new}`; still read, rename it when convenient")
    };
    assert_eq!(
        notices,
        [
            want(1, "generative-language-api-key", "gemini-api-key"),
            want(6, "openai-compatibility[0].api-keys", "api-key-entries"),
            want(7, "oauth-model-mappings", "oauth-model-alias"),
            want(9, "auth", "api-keys"),
        ]
    );
}

#[test]
fn a_new_key_beats_its_old_name() {
    let (config, notices) = accepted(
        "generative-language-api-key: [old]\ngemini-api-key:\n  - api-key: new\napi-keys: []\nauth:\n  providers: [{api-keys: [old]}]\n",
    );
    assert_eq!(config.accounts.len(), 1);
    assert_eq!(config.client_keys, []);
    assert_eq!(
        notices,
        [
            "line 1: `generative-language-api-key`: old name of `gemini-api-key`, which is set \
             too; ignored",
            "line 5: `auth`: old name of `api-keys`, which is set too; ignored",
        ]
    );
}

#[test]
fn account_ids_follow_key_and_base_url_only() {
    let ids = |text: &str| -> Vec<String> {
        clean(text)
            .accounts
            .into_iter()
            .map(|account| account.id)
            .collect()
    };
    let before = ids("claude-api-key:\n  - {api-key: a, priority: 1}\n  - {api-key: b}\n");
    let after = ids("claude-api-key:\n  - {api-key: b, prefix: x}\n  - {api-key: a}\n");
    assert_eq!(before, [after[1].clone(), after[0].clone()]);
    let twins = ids("claude-api-key:\n  - {api-key: a}\n  - {api-key: a, prefix: p}\n");
    assert_eq!(twins, [before[0].clone(), format!("{}-1", before[0])]);
    let (kind, hex) = before[0].split_once(':').unwrap();
    assert_eq!((kind, hex.len()), ("claude", 12));
    assert_ne!(ids("codex-api-key: [{api-key: a}]")[0], before[0]);
}

#[test]
fn one_account_of_every_setting() {
    let config = clean(
        "\
codex-api-key:
  - api-key: ' k '
    base-url: https://x.example/v1/
    proxy-url: None
    headers: {' X-Id ': ' $Session-Id ', X-B: '$5 or so', X-C: c}
    priority: -2
    weight: 0
    prefix: /team/
    models:
      - name: gpt-5
        alias: fast
        display-name: Fast
        force-mapping: true
        max-context-length: 1000
        is-compat: true
        thinking: {levels: [High, low]}
        image: true
        input-modalities: [text, image]
        output-modalities: [text]
      - name: gpt-6
        alias: gpt-6
    excluded-models: ['GPT-4*', gpt-4*]
    disabled: true
    disable-cooling: true
    request-retry: 0
    request-scoped-errors:
      - {status: 400, match: [too long], match-regexr: ['^x'], action: continue}
    websockets: true
    alpha-search: true
",
    );
    let account = &config.accounts[0];
    assert_eq!(account.api_key, Some("k".into()));
    assert_eq!(account.base_url, "https://x.example/v1");
    assert_eq!(account.proxy, Proxy::Direct);
    assert_eq!(
        account.headers,
        [
            (
                "X-Id".to_owned(),
                HeaderValue::FromClient("Session-Id".to_owned())
            ),
            ("X-B".to_owned(), HeaderValue::Fixed("$5 or so".into())),
            ("X-C".to_owned(), HeaderValue::Fixed("c".into())),
        ]
    );
    assert_eq!((account.priority, account.weight), (-2, 0));
    assert_eq!(account.prefix.as_deref(), Some("team"));
    assert_eq!(
        account.models[0],
        ModelEntry {
            name: "gpt-5".into(),
            alias: Some("fast".into()),
            display_name: Some("Fast".into()),
            force_mapping: true,
            max_context_length: Some(1000),
            thinking_levels: Some(vec!["high".into(), "low".into()]),
            is_compat: true,
            image: true,
            input_modalities: vec!["text".into(), "image".into()],
            output_modalities: vec!["text".into()],
        }
    );
    assert_eq!(account.models[1].alias, None);
    assert_eq!(account.excluded_models, ["gpt-4*"]);
    assert_eq!(
        (account.disable_cooling, account.request_retry),
        (Some(true), Some(0))
    );
    assert_eq!(
        account.request_scoped_errors,
        [ErrorRule {
            status: 400,
            contains: vec!["too long".into()],
            regexes: vec!["^x".into()],
            action: ErrorAction::Continue,
        }]
    );
    assert!(account.disabled && account.websockets && account.alpha_search);
}

#[test]
fn compatible_providers_give_one_account_per_key() {
    let config = clean(
        "\
openai-compatibility:
  - name: ' many '
    base-url: http://many
    weight: 3
    disable-cooling: true
    support-prompt-cache-key: true
    api-key-entries:
      - {api-key: a, proxy-url: 'http://p:1'}
      - {api-key: b, weight: 7}
  - name: keyless
    base-url: http://localhost:11434/v1
",
    );
    let seen: Vec<_> = config
        .accounts
        .iter()
        .map(|one| (one.provider.as_str(), one.api_key.is_some(), one.weight))
        .collect();
    assert_eq!(
        seen,
        [("many", true, 3), ("many", true, 7), ("keyless", false, 1)]
    );
    assert!(matches!(config.accounts[0].proxy, Proxy::Via(_)));
    assert!(config.accounts[1].support_prompt_cache_key);
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

#[test]
fn kiro_entries() {
    let (config, notices) = accepted(
        "\
kiro-preferred-endpoint: AmazonQ
kiro:
  - {token-file: ~/k.json, preferred-endpoint: ide}
  - {refresh-token: r, region: eu-west-1, proxy-url: direct, agent-task-type: vibe}
  - {region: x}
",
    );
    assert_eq!(config.kiro_endpoint, Some(KiroEndpoint::Cli));
    assert_eq!(config.kiro[0].token_file, Some("/home/me/k.json".into()));
    assert_eq!(config.kiro[0].region, "us-east-1");
    assert_eq!(config.kiro[1].proxy, Proxy::Direct);
    assert_eq!(
        notices,
        ["line 5: `kiro[2]`: has neither `token-file` nor `refresh-token`, ignored"]
    );
}
