//! Lists of models, and what is told about the use of a plan.

use super::super::models::{is_reasoning, listed};
use super::super::{GithubCopilot, Provider, usage};
use super::{now, record};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::{QuotaStatus, QuotaWindow};
use protocol::Dialect;
use serde_json::{Value, json};

const BUSINESS: &str = "https://api.business.githubcopilot.com";
const INDIVIDUAL: &str = "https://api.individual.githubcopilot.com";

fn models(list: &Value, base: &str) -> Option<Vec<ModelInfo>> {
    listed(json!({ "data": list }).to_string().as_bytes(), base)
}

fn ids(list: &Value, base: &str) -> Vec<String> {
    let models = models(list, base).unwrap_or_default();
    models.iter().map(|model| model.id.to_string()).collect()
}

fn entry(id: &str, picker: bool, state: &str) -> Value {
    json!({"id": id, "model_picker_enabled": picker, "policy": {"state": state},
        "capabilities": {"type": "chat", "supports": {"tool_calls": true}}})
}

/// §8, vector 4.
#[test]
fn lists_are_filtered_by_picker_and_policy() {
    let mut tools = entry("d", true, "enabled");
    tools["capabilities"]["supports"]["tool_calls"] = false.into();
    let list = |picker: bool| {
        json!([
            entry("a", picker, "enabled"),
            entry("b", picker, "disabled"),
            entry("c", false, "enabled"),
            tools,
            entry("a", picker, "enabled"),
        ])
    };
    assert_eq!(ids(&list(true), BUSINESS), ["a"]);
    assert_eq!(ids(&list(false), INDIVIDUAL), ["a", "c"]);
    assert_eq!(ids(&list(false), BUSINESS), ["a", "b", "c"]);
}

#[test]
fn lists_that_say_little_are_kept_and_empty_ones_are_none() {
    let list = json!([{"id": "a"}, {"id": " "}, {"name": "no id"},
        {"id": "e", "capabilities": {"type": "embeddings"}},
        {"id": "w", "supported_endpoints": ["ws:/responses"]}]);
    assert_eq!(ids(&list, BUSINESS), ["a"]);
    let found = models(&list, BUSINESS).unwrap();
    assert_eq!(found[0].endpoints, ["/chat/completions"]);
    assert_eq!(
        (found[0].traits.context_window, found[0].traits.max_output),
        (Some(128_000), Some(16_384))
    );
    for none in ["{}", "[]", r#"{"data":[]}"#, r#"{"data":[{}]}"#, "<html>"] {
        assert_eq!(listed(none.as_bytes(), BUSINESS), None, "{none}");
    }
}

/// §5, and the static limits above the real ones (3e46fff5).
#[test]
fn what_the_list_says_counts() {
    let list = json!([{"id": "claude-sonnet-4.6", "name": "Claude Sonnet 4.6", "vendor": "Anthropic",
        "model_picker_enabled": true, "policy": {"state": "enabled"},
        "supported_endpoints": ["/chat/completions", "/v1/messages"],
        "capabilities": {"type": "chat",
            "limits": {"max_context_window_tokens": 200_000, "max_prompt_tokens": 168_000,
                "max_output_tokens": 32_000},
            "supports": {"tool_calls": true, "vision": true, "adaptive_thinking": false,
                "min_thinking_budget": 1024, "max_thinking_budget": 32_000}}}]);
    let models = models(&list, BUSINESS).unwrap();
    let model = &models[0];
    assert_eq!(model.owned_by, "github-copilot");
    assert_eq!(model.created, 1_732_752_000);
    assert!(model.description.as_deref().unwrap().contains("Anthropic"));
    assert_eq!(model.input_modalities, ["text", "image"]);
    let traits = &model.traits;
    assert_eq!(
        (traits.context_window, traits.max_output, traits.vision),
        (Some(168_000), Some(32_000), Some(true))
    );
    let thinking = traits.thinking.as_ref().unwrap();
    assert_eq!(
        (thinking.min_budget, thinking.max_budget, thinking.none),
        (1024, 32_000, false)
    );
    assert!(traits.no_prefill, "as Anthropic's own");
}

/// §4: the client's protocol where the model has it, else the first there is. F sent models of
/// `/responses` to chat unless `codex` was in their names.
#[test]
fn each_model_is_asked_where_it_is_served() {
    use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
    let record = record(&super::february());
    let all: &[&str] = &["/chat/completions", "/responses", "/v1/messages"];
    for (model, endpoints, client, want) in [
        ("m", all, OpenAiChat, OpenAiChat),
        ("m", all, OpenAiResponses, OpenAiResponses),
        ("m", all, Anthropic, Anthropic),
        ("m", all, Gemini, OpenAiChat),
        ("gpt-5.9", &["/responses"], OpenAiChat, OpenAiResponses),
        ("gpt-5.9", &["/responses"], Anthropic, OpenAiResponses),
        ("m", &["/v1/messages", "ws:/responses"], Gemini, Anthropic),
        (
            "m",
            &["/v1/messages", "/chat/completions"],
            OpenAiResponses,
            OpenAiChat,
        ),
        ("new-model", &[], Anthropic, OpenAiChat),
        ("new-codex", &[], OpenAiChat, OpenAiResponses),
    ] {
        let info = ModelInfo {
            endpoints: endpoints.iter().map(|path| (*path).to_owned()).collect(),
            ..ModelInfo::named(model, "x")
        };
        let spoken = GithubCopilot.speaks_for(&record, model, &info, client);
        assert_eq!(spoken.dialect, want, "{model} {endpoints:?} {client:?}");
    }
}

#[test]
fn models_of_openai_that_think_are_known_by_name() {
    for (model, want) in [
        ("gpt-5", true),
        ("gpt-5.2-codex", true),
        ("gpt-10-mini", true),
        ("o3-mini", true),
        ("gpt-4.1", false),
        ("gpt-4o", false),
        ("oswe-vscode-prime", false),
        ("claude-opus-4.6", false),
    ] {
        assert_eq!(is_reasoning(model), want, "{model}");
    }
}

fn told(pairs: &[(&'static str, &'static str)]) -> Vec<QuotaWindow> {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let headers: HeaderMap = pairs.iter().map(pair).collect();
    usage::of_headers(&headers, now())
}

/// §8, vector 5.
#[test]
fn headers_tell_how_much_is_left() {
    const SNAPSHOT: &str = "ent=300&ov=0.0&ovPerm=false&rem=35.5&rst=2026-04-01T00%3A00%3A00Z";
    let snapshot = usage::Snapshot::read(SNAPSHOT).unwrap();
    assert_eq!(
        (
            snapshot.entitlement,
            snapshot.percent_left,
            snapshot.overage_permitted
        ),
        (Some(300.0), Some(35.5), false)
    );
    assert_eq!(
        snapshot.resets_at.unwrap().to_rfc3339(),
        "2026-04-01T00:00:00+00:00"
    );
    let windows = told(&[
        ("x-quota-snapshot-premium_interactions", SNAPSHOT),
        ("x-quota-snapshot-premium_models", "ent=300&rem=1"),
        (
            "x-quota-snapshot-chat",
            "ent=-1&ov=0.0&ovPerm=false&rem=100.0",
        ),
        ("x-quota-snapshot-completions", "ent=2000&rem=50"),
        (
            "x-usage-ratelimit-session",
            "ent=100&rem=80.9&rst=2026-02-25T07%3A00%3A00Z",
        ),
        ("x-usage-ratelimit-weekly", "ent=100&rem=0&ovPerm=false"),
    ]);
    let said: Vec<String> = windows.iter().map(QuotaWindow::to_string).collect();
    assert_eq!(said, ["5 h 19 %", "7 d 100 %", "premium requests 64 %"]);
    let over = told(&[(
        "x-quota-snapshot-premium_models",
        "ent=300&ovPerm=true&rem=0",
    )]);
    assert_eq!(over[0].status, QuotaStatus::Warning, "more is billed");
    for nothing in ["", "x", "ent=a&rem=", "rst=2026-04-01", "ent=%zz&rem=%"] {
        assert!(
            told(&[("x-quota-snapshot-chat", nothing)]).is_empty(),
            "{nothing}"
        );
    }
}

/// §6, the answer of GitHub; free accounts say what is left of the month.
#[test]
fn github_tells_how_much_is_left() {
    let said = |body: Value| -> Vec<String> {
        let windows = usage::of_user(&body, now());
        windows.iter().map(QuotaWindow::to_string).collect()
    };
    let snapshot = |left: f64, unlimited: bool| {
        json!({"entitlement": 300, "remaining": 10, "percent_remaining": left,
            "unlimited": unlimited, "overage_count": 0, "overage_permitted": false})
    };
    let paid = json!({"copilot_plan": "individual", "quota_reset_date": "2026-04-01",
        "quota_snapshots": {"chat": snapshot(100.0, true), "completions": snapshot(100.0, true),
            "premium_interactions": snapshot(74.2, false)}});
    assert_eq!(said(paid.clone()), ["premium requests 25 %"]);
    let resets_at = usage::of_user(&paid, now())[0].resets_at.unwrap();
    assert_eq!(resets_at.to_rfc3339(), "2026-04-01T00:00:00+00:00");
    let free = json!({"access_type_sku": "free_limited_copilot",
        "monthly_quotas": {"chat": 500, "completions": 4000},
        "limited_user_quotas": {"chat": 125, "completions": 4000},
        "limited_user_reset_date": "2026-04-01"});
    assert_eq!(said(free), ["chat 75 %"]);
    for nothing in [json!({}), json!([]), json!({"monthly_quotas": {"chat": 0}})] {
        assert!(said(nothing).is_empty());
    }
}
