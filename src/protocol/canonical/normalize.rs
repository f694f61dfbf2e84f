//! Model-level clean-up before encoding (`matrix.md` §4.2).
//!
//! The steps, in order: ids for calls that have none, unusable items out, neighbouring assistant
//! turns joined, signatures put back in their places, results bound to calls and put behind them, the end of the conversation made
//! acceptable, turns merged.

mod bind;
mod clean;
mod join;
mod place;
#[cfg(test)]
mod tests;

use super::{Item, Request, Role, SignatureIssuer, SystemBlock, Turn};
use crate::client_tools;
use crate::codec::Dialect;

/// Text of a result that stands in for one that never came.
pub const MISSING_RESULT: &str = "Tool result missing";

/// Text of the user turn behind a prefill that the model refuses.
pub const CONTINUE_PROMPT: &str = "Continue";

/// What the upstream protocol demands of the turns. `Default` demands nothing: results are bound,
/// grouped and ordered, empty texts and turns go, all else stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NormalizeRules {
    /// Merge neighbouring turns of one role (Anthropic, Gemini, Kiro).
    pub merge_turns: bool,
    /// Drop trailing assistant turns that are only text (Gemini).
    pub drop_prefill: bool,
    /// Leave out trailing calls that have no result (Gemini).
    pub drop_trailing_call: bool,
    /// What to do for a call without a result when turns follow.
    pub missing_results: MissingResults,
    /// Put the calls of an assistant turn behind its other items, and draw an assistant turn that
    /// stands between a call and its result into the turn of the call (Anthropic). Otherwise such a
    /// turn moves behind the results.
    pub calls_last: bool,
    /// Tool turns become user turns, results first, and merge with the user turn behind them
    /// (Anthropic, Kiro).
    pub results_as_user: bool,
    /// System and developer turns become user turns whose texts stand between
    /// `<system-reminder>` tags (Anthropic models without system turns, Gemini, Kiro).
    pub wrap_system: bool,
    /// Also drop texts of white space only (Anthropic, Kiro).
    pub drop_blank_text: bool,
    /// Cut white space at the end of a trailing assistant text (Anthropic).
    pub trim_prefill: bool,
    /// Add a user turn behind a trailing assistant text (models that refuse a prefill).
    pub continue_prefill: bool,
    /// Which thinking and which signatures stay.
    pub reasoning: KeepReasoning,
    /// `Some`: drop server-tool steps and opaque blocks of other protocols; their tools that the
    /// client runs become functions.
    pub only_native_of: Option<Dialect>,
    /// `Some(prefix)`: calls without id get `<prefix><turn>_<item>`, numbers of the client's
    /// conversation; the same request always gives the same ids. `None` leaves them empty (Gemini).
    pub make_ids: Option<&'static str>,
}

/// Stand-ins for results that never came (E-30).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingResults {
    /// None.
    #[default]
    Leave,
    /// A result with the text [`MISSING_RESULT`].
    Insert,
    /// The same, marked as an error (Anthropic).
    InsertAsError,
}

/// Which thinking of the history an upstream may see (`matrix.md` §6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeepReasoning {
    /// All of it, signed or not (chat upstreams that want `reasoning_content` back).
    #[default]
    All,
    /// Thinking with a signature of this issuer; signatures of others leave calls and texts.
    /// Signatures of unknown origin count as Gemini's; Gemini's go back to the part they mark.
    SignedBy(SignatureIssuer),
    /// No thinking, no signatures.
    None,
}

/// Returns `request` with results bound to calls, grouped and ordered, empty texts gone, and turns
/// merged where `rules` ask for it.
///
/// Afterwards every result stands in a turn directly behind the turn of its call, in call order, with
/// `call_id`, `name` and `kind` of that call; `Item::Result` stands nowhere else.
pub fn normalize(request: &Request, rules: NormalizeRules) -> Request {
    let mut out = request.clone();
    out.system
        .retain(|block| !clean::is_empty(&block.text, rules));
    out.turns = normalize_turns(std::mem::take(&mut out.turns), rules);
    if rules
        .only_native_of
        .is_some_and(|own| own != Dialect::Anthropic)
    {
        for tool in &mut out.tools {
            if let Some(function) = client_tools::as_function(tool) {
                *tool = function;
            }
        }
    }
    if out.turns.is_empty()
        && let Some(last) = out.system.pop()
    {
        out.turns.push(user_turn_of(last));
    }
    out
}

fn normalize_turns(mut turns: Vec<Turn>, rules: NormalizeRules) -> Vec<Turn> {
    if let Some(prefix) = rules.make_ids {
        bind::make_ids(&mut turns, prefix);
    }
    let turns = clean::clean(turns, rules);
    let mut turns = join::join_assistants(turns, rules);
    if rules.reasoning == KeepReasoning::SignedBy(SignatureIssuer::Gemini) {
        place::place_signatures(&mut turns);
    }
    let turns = bind::bind_results(turns, rules);
    // Results without a call are gone: turns they parted are neighbours now.
    let mut turns = join::join_assistants(turns, rules);
    if rules.results_as_user {
        for turn in &mut turns {
            if turn.role == Role::Tool {
                turn.role = Role::User;
            }
        }
    }
    if rules.merge_turns {
        turns = join::merge_roles(turns);
    }
    if rules.calls_last {
        turns.iter_mut().for_each(join::calls_to_end);
    }
    end_prefill(&mut turns, rules);
    turns
}

fn user_turn_of(block: SystemBlock) -> Turn {
    let mut item = Item::text(block.text);
    if let Item::Text { cache, .. } = &mut item {
        *cache = block.cache;
    }
    Turn::new(Role::User, vec![item])
}

/// Trailing assistant text, where it is kept (E-14, E-16).
fn end_prefill(turns: &mut Vec<Turn>, rules: NormalizeRules) {
    let Some(last) = turns.last_mut() else { return };
    if last.role != Role::Assistant || last.items.iter().any(|i| matches!(i, Item::Call { .. })) {
        return;
    }
    if rules.trim_prefill {
        let at = last
            .items
            .iter()
            .rposition(|item| matches!(item, Item::Text { .. }));
        if let Some(at) = at
            && let Item::Text { text, .. } = &mut last.items[at]
        {
            *text = text.trim_end().into();
            if text.is_empty() {
                last.items.remove(at);
            }
        }
        if last.items.is_empty() {
            turns.pop();
            return;
        }
    }
    if rules.continue_prefill {
        turns.push(Turn::new(Role::User, vec![Item::text(CONTINUE_PROMPT)]));
    }
}
