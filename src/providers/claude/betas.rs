//! The `anthropic-beta` list (§4.2).

use super::super::{Action, Call, catalog};
use super::Access;
use super::body::Parts;
use protocol::Dialect;
use protocol::anthropic::ANTHROPIC_BETA;

/// Required with tokens of accounts.
pub(super) const OAUTH: &str = "oauth-2025-04-20";

/// What a count with an account's token is asked with (§4.2).
const COUNT: [&str; 3] = [
    "token-counting-2024-11-01",
    CONTEXT_MANAGEMENT,
    "interleaved-thinking-2025-05-14",
];

const ADVANCED_TOOLS: &str = "advanced-tool-use-2025-11-20";
const ADVISOR: &str = "advisor-tool-2026-03-01";
const CACHE_DIAGNOSIS: &str = "cache-diagnosis-2026-04-07";
const CONTEXT_MANAGEMENT: &str = "context-management-2025-06-27";
const EFFORT: &str = "effort-2025-11-24";
const FALLBACKS: &str = "server-side-fallback-2026-06-01";
const FAST: &str = "fast-mode-2026-02-01";
const LONG_CACHE: &str = "extended-cache-ttl-2025-04-11";
const MID_SYSTEM: &str = "mid-conversation-system-2026-04-07";
const STRUCTURED: &str = "structured-outputs-2025-12-15";

/// Obsolete where the long context is the usual one (router-for-me/CLIProxyAPI f4eb16102).
const LONG_CONTEXT: &str = "context-1m-2025-08-07";

/// Contradicts a wish for visible thinking.
const REDACT_THINKING: &str = "redact-thinking-2026-02-12";

/// The names for a call, each once: what the client asked for, what its body asked for and, with an
/// account's token, what the body needs. Other services get the client's own list only.
pub(super) fn list<'a>(call: &'a Call<'a>, access: Access, parts: &Parts<'_>) -> Vec<&'a str> {
    let client = (call.client == Dialect::Anthropic)
        .then(|| call.client_headers.get_all(ANTHROPIC_BETA))
        .into_iter()
        .flatten()
        .filter_map(|value| value.to_str().ok());
    let body = call
        .body_headers
        .iter()
        .filter(|(name, _)| *name == ANTHROPIC_BETA)
        .map(|(_, value)| value.as_str());
    let asked = client.chain(body).flat_map(|list| list.split(','));
    let needed = match (access, call.action) {
        (Access::OAuth, Action::CountTokens) => [&[OAUTH][..], &COUNT].concat(),
        (Access::OAuth, _) => [&[OAUTH][..], &needed(parts)].concat(),
        (Access::Key | Access::Other, _) => Vec::new(),
    };
    let mut names: Vec<&str> = Vec::new();
    for name in needed.into_iter().chain(asked) {
        let name = name.trim();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.retain(|name| match *name {
        LONG_CONTEXT => !(access.is_first_party() && has_long_context(call.model)),
        REDACT_THINKING => !(access.is_first_party() && parts.shows_thinking()),
        FAST => access != Access::OAuth || parts.is_fast(),
        OAUTH => access != Access::Key,
        _ => true,
    });
    names
}

/// What a body for the messages call needs.
fn needed(parts: &Parts<'_>) -> Vec<&'static str> {
    let needs = [
        (parts.is_fast(), FAST),
        (parts.has_long_cache(), LONG_CACHE),
        (parts.context_management.is_some(), CONTEXT_MANAGEMENT),
        (parts.diagnostics.is_some(), CACHE_DIAGNOSIS),
        (parts.output_config_has("effort"), EFFORT),
        (parts.output_config_has("format"), STRUCTURED),
        (parts.has_tools_of_search(), ADVANCED_TOOLS),
        (parts.has_mid_system(), MID_SYSTEM),
        (parts.has_advisor(), ADVISOR),
        (parts.fallbacks.is_some(), FALLBACKS),
    ];
    let needs = needs.into_iter();
    needs
        .filter_map(|(due, name)| due.then_some(name))
        .collect()
}

fn has_long_context(model: &str) -> bool {
    catalog::CLAUDE
        .iter()
        .any(|spec| spec.id == model && spec.context >= 1_000_000)
}
