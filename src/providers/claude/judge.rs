//! What Anthropic's refusals mean beyond the general rules (§6).

use super::super::verdict::{FailedReply, Judgement, Verdict, moment};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Scope};
use std::time::Duration;

/// Rest of an account that has used up what its plan and its extra usage allow (§6).
const EXTRA_USAGE_REST: Duration = Duration::from_secs(30 * 60);

/// Texts of an account that would have to pay extra.
const EXTRA_USAGE: &[&str] = &["draw from your extra usage", "out of extra usage"];

/// Texts that refuse the client, not the account: an API key may serve it, an account does not.
const POLICY: &[&str] = &["only authorized for use with claude code"];

/// What helps when the client is refused.
const POLICY_HELP: &str = "Use an API key (`claude-api-key` in the configuration) with this client, \
    or this account from Claude Code itself.";

/// Texts of an organization whose accounts may not be used this way.
const NOT_ALLOWED: &[&str] = &["oauth authentication is currently not allowed"];

/// What helps when the organization is in the way.
const NOT_ALLOWED_HELP: &str = "its administrator has to allow it, or use an API key \
    (`claude-api-key` in the configuration)";

/// What helps when Anthropic wants money.
const BILLING_HELP: &str = "see to the billing of this account";

/// Corrects the general judgement.
pub(super) fn refine(reply: &FailedReply<'_>, judgement: &mut Judgement) {
    let text = judgement.failure.message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|known| text.contains(known));
    match reply.status {
        400 | 403 if says(POLICY) => {
            let said = judgement.failure.message.trim_end();
            let end = if said.ends_with('.') { "" } else { "." };
            judgement.failure.message = format!("{said}{end} {POLICY_HELP}");
            // The native body would hide what there is to do.
            judgement.failure.native = None;
            // The client is refused, not the account: it rests for nobody, least of all Claude Code.
            judgement.verdict = Verdict::Next(Outcome::RequestFault);
        }
        400 | 403 if says(EXTRA_USAGE) => {
            // The whole account, like a quota; its text reaches the client when nobody else serves.
            judgement.verdict = Verdict::Next(Outcome::RateLimited {
                retry_after: Some(EXTRA_USAGE_REST),
                scope: Scope::Credential,
            });
        }
        402 => judgement.needs_action(Reason::PaymentRequired, BILLING_HELP),
        403 if says(NOT_ALLOWED) => judgement.needs_action(Reason::Forbidden, NOT_ALLOWED_HELP),
        429 => match limit(reply, &text) {
            Limit::Request => judgement.verdict = Verdict::Stop,
            Limit::General => {}
            Limit::Until { wait, scope } => {
                let retry_after = wait.or(judgement.failure.retry_after);
                judgement.failure.retry_after = retry_after;
                judgement.verdict = Verdict::Next(Outcome::RateLimited { retry_after, scope });
            }
        },
        _ => {}
    }
}

/// How far a 429 reaches.
#[derive(Debug, PartialEq, Eq)]
enum Limit {
    /// This request only: a speed the account does not have.
    Request,
    /// As the general rules say.
    General,
    /// Until a window is reset; `None` = the answer does not say when.
    Until {
        wait: Option<Duration>,
        scope: Scope,
    },
}

fn limit(reply: &FailedReply<'_>, message: &str) -> Limit {
    let windows = Windows(reply);
    let shared = ["5h", "7d"].map(|window| windows.is_rejected(window).then_some(window));
    if shared.iter().any(Option::is_some) {
        let resets = shared.into_iter().flatten();
        return Limit::Until {
            wait: resets
                .filter_map(|window| windows.reset(&format!("{window}-")))
                .max()
                .or_else(|| windows.reset("")),
            scope: Scope::Credential,
        };
    }
    // The weekly window of one family of models: the others stay usable.
    if windows.is_rejected("7d_oi") {
        return Limit::Until {
            wait: windows.reset("7d_oi-").or_else(|| windows.reset("")),
            scope: Scope::Model,
        };
    }
    if windows.says("status", "rejected") {
        return Limit::Until {
            wait: windows.reset(""),
            scope: Scope::Credential,
        };
    }
    if is_about_fast_mode(message) {
        return Limit::Request;
    }
    match windows.exhausted_budgets() {
        Some(wait) if !windows.has_hint() => Limit::Until {
            wait: Some(wait),
            scope: Scope::Model,
        },
        _ => Limit::General,
    }
}

/// "Usage credits are required for fast mode." and its relatives; a real limit never mentions it
/// (router-for-me/CLIProxyAPI `classifyClaudeUpstreamError`).
fn is_about_fast_mode(message: &str) -> bool {
    let credits = message.contains("usage credits") || message.contains("credits are required");
    message.contains("fast request rejected") || message.contains("fast") && credits
}

/// The limits an answer names in its headers.
struct Windows<'a>(&'a FailedReply<'a>);

impl Windows<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name)?.to_str().ok().map(str::trim)
    }

    fn says(&self, name: &str, word: &str) -> bool {
        self.text(&format!("anthropic-ratelimit-unified-{name}"))
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    fn is_rejected(&self, window: &str) -> bool {
        self.says(&format!("{window}-status"), "rejected")
    }

    /// Time until a reset in unix seconds; what has passed already says nothing.
    fn reset(&self, window: &str) -> Option<Duration> {
        let text = self.text(&format!("anthropic-ratelimit-unified-{window}reset"))?;
        moment(text, self.0.now).filter(|wait| !wait.is_zero())
    }

    fn has_hint(&self) -> bool {
        self.text("retry-after").is_some() || self.text("retry-after-ms").is_some()
    }

    /// API keys: the latest reset of the budgets with nothing left.
    fn exhausted_budgets(&self) -> Option<Duration> {
        ["requests", "tokens", "input-tokens", "output-tokens"]
            .iter()
            .filter(|budget| {
                self.text(&format!("anthropic-ratelimit-{budget}-remaining")) == Some("0")
            })
            .filter_map(|budget| self.text(&format!("anthropic-ratelimit-{budget}-reset")))
            .filter_map(|reset| moment(reset, self.0.now))
            .max()
    }
}
