//! Upstream keys.

use super::*;

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

/// `claude.md` §2.2: a server of one's own that speaks the protocol may want no key.
#[test]
fn a_claude_entry_needs_a_key_or_a_base_url() {
    let (config, notices) = accepted(
        "\
claude-api-key:
  - {base-url: 'http://localhost:8080/'}
  - {prefix: a}
gemini-api-key:
  - {base-url: 'http://localhost:8081'}
",
    );
    let [one] = &config.accounts[..] else {
        panic!("{:?}", config.accounts.len());
    };
    assert_eq!(
        (&one.api_key, &*one.base_url),
        (&None, "http://localhost:8080")
    );
    assert_eq!(
        notices,
        [
            "line 3: `claude-api-key[1]`: has no `api-key`, ignored",
            "line 5: `gemini-api-key[0]`: has no `api-key`, ignored"
        ]
    );
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
