//! The `anthropic-beta` list (§4.2).

use super::*;
use serde_json::json;

#[test]
fn betas_are_those_the_body_needs() {
    let oauth = "oauth-2025-04-20";
    for (field, value, want) in [
        ("speed", json!("fast"), Some("fast-mode-2026-02-01")),
        ("speed", json!("standard"), None),
        (
            "context_management",
            json!({"edits": []}),
            Some("context-management-2025-06-27"),
        ),
        ("context_management", json!(null), None),
        ("diagnostics", json!({}), Some("cache-diagnosis-2026-04-07")),
        (
            "output_config",
            json!({"effort": "high"}),
            Some("effort-2025-11-24"),
        ),
        (
            "output_config",
            json!({"format": {}}),
            Some("structured-outputs-2025-12-15"),
        ),
        (
            "tools",
            json!([{"name": "a", "defer_loading": true}]),
            Some("advanced-tool-use-2025-11-20"),
        ),
        (
            "tools",
            json!([{"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}]),
            Some("advanced-tool-use-2025-11-20"),
        ),
        (
            "tools",
            json!([{"name": "a", "defer_loading": false}]),
            None,
        ),
        (
            "tools",
            json!([{"type": "advisor_20260301", "name": "advisor"}]),
            Some("advisor-tool-2026-03-01"),
        ),
        (
            "fallbacks",
            json!([{}]),
            Some("server-side-fallback-2026-06-01"),
        ),
        (
            "messages",
            json!([{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]),
            Some("mid-conversation-system-2026-04-07"),
        ),
        (
            "messages",
            json!([{"role": "user", "content": "system"}]),
            None,
        ),
        (
            "cache_control",
            json!({"type": "ephemeral", "ttl": "1h"}),
            Some("extended-cache-ttl-2025-04-11"),
        ),
    ] {
        let mut asked = json!({"model": SONNET, "max_tokens": 5, "messages": []});
        asked[field] = value;
        let want: Vec<_> = [oauth].into_iter().chain(want).collect();
        assert_eq!(Made::by(account(), &asked).betas(), want, "{asked}");
        // A key's caller names its betas itself.
        assert!(Made::by(key(), &asked).betas().is_empty(), "{asked}");
    }
}

#[test]
fn the_clients_betas_are_kept() {
    let plain = json!({"model": SONNET, "max_tokens": 5, "messages": []});
    let shown = json!({"model": SONNET, "thinking": {"type": "adaptive", "display": "summarized"}});
    let oauth = "oauth-2025-04-20";
    let mut foreign = key();
    foreign.base_url = Some("https://other.example".to_owned());
    for (record, asked, model, sent, want) in [
        (
            account(),
            &plain,
            SONNET,
            "a-1, b-2",
            vec![oauth, "a-1", "b-2"],
        ),
        (
            account(),
            &plain,
            SONNET,
            "a-1,oauth-2025-04-20",
            vec![oauth, "a-1"],
        ),
        // Never a token's beta with a key.
        (key(), &plain, SONNET, "a-1,oauth-2025-04-20", vec!["a-1"]),
        (key(), &plain, SONNET, "", vec![]),
        (
            foreign,
            &plain,
            SONNET,
            "a-1,context-1m-2025-08-07",
            vec!["a-1", "context-1m-2025-08-07"],
        ),
        // The usual context already (f4eb16102).
        (
            key(),
            &plain,
            "claude-opus-4-6",
            "context-1m-2025-08-07",
            vec![],
        ),
        (
            key(),
            &plain,
            SONNET,
            "context-1m-2025-08-07",
            vec!["context-1m-2025-08-07"],
        ),
        (
            account(),
            &shown,
            SONNET,
            "redact-thinking-2026-02-12",
            vec![oauth],
        ),
        (
            account(),
            &plain,
            SONNET,
            "redact-thinking-2026-02-12",
            vec![oauth, "redact-thinking-2026-02-12"],
        ),
        (
            account(),
            &plain,
            SONNET,
            "fast-mode-2026-02-01",
            vec![oauth],
        ),
        (
            key(),
            &plain,
            SONNET,
            "fast-mode-2026-02-01",
            vec!["fast-mode-2026-02-01"],
        ),
    ] {
        let mut made = Made::by(record, asked);
        made.model = model;
        made.client_headers = headers(&[("anthropic-beta", sent)]);
        assert_eq!(made.betas(), want, "{sent}");
    }
    let mut made = Made::by(account(), &plain);
    made.client_headers = headers(&[("anthropic-beta", "a-1")]);
    made.body_headers = vec![("anthropic-beta", "b-2,a-1".to_owned())];
    assert_eq!(made.betas(), [oauth, "a-1", "b-2"]);
    // Betas of a client of another protocol are none.
    made.client = Dialect::OpenAiChat;
    assert_eq!(made.betas(), [oauth, "b-2", "a-1"]);
}

#[test]
fn counts_with_a_token_name_their_betas() {
    let mut made = Made::by(account(), &json!({"model": SONNET, "messages": []}));
    made.action = Action::CountTokens;
    let shaped = made.shape();
    assert_eq!(
        shaped.url,
        "https://api.anthropic.com/v1/messages/count_tokens?beta=true"
    );
    assert_eq!(
        made.betas(),
        [
            "oauth-2025-04-20",
            "token-counting-2024-11-01",
            "context-management-2025-06-27",
            "interleaved-thinking-2025-05-14"
        ]
    );
    assert!(Claude.counts_tokens(&account()));
    let mut foreign = key();
    foreign.base_url = Some("https://other.example".to_owned());
    assert!(!Claude.counts_tokens(&foreign), "3e70208d4");
}
