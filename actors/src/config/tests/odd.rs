//! Files that are accepted with a remark, and old names.

use super::*;

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
            "streaming: {bootstrap-retries: -1}\n",
            "line 1: `streaming.bootstrap-retries`: `-1` is below 0; 0 is used",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    models: [{name: m, max-context-length: 0}]\n",
            "line 3: `claude-api-key[0].models[0].max-context-length`: `0` is no length in \
             tokens, ignored",
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
