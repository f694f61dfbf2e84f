//! Typed payload rules; their evaluation over a body lives with the exchange.

use serde_json::Value;

/// The `payload` section, in the order of evaluation (`config.md` §4).
///
/// The `-raw` lists are parsed and stand behind their plain siblings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PayloadRules {
    /// Set when the path is missing in the client's body; the first matching rule per path wins.
    pub defaults: Vec<SetRule>,
    /// Always set; the last matching rule per path wins.
    pub overrides: Vec<SetRule>,
    /// Delete paths.
    pub filters: Vec<FilterRule>,
}

impl PayloadRules {
    /// Whether there is nothing to do for any request.
    pub fn is_empty(&self) -> bool {
        self.defaults.is_empty() && self.overrides.is_empty() && self.filters.is_empty()
    }
}

/// A rule that sets values.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRule {
    /// The rule applies when one of these matches; never empty.
    pub models: Vec<ModelMatch>,
    /// Dotted path → value, in the order of the file.
    pub params: Vec<(String, Value)>,
}

/// A rule that deletes values.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterRule {
    /// The rule applies when one of these matches; never empty.
    pub models: Vec<ModelMatch>,
    /// Dotted paths.
    pub params: Vec<String>,
}

/// When a payload rule applies: every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelMatch {
    /// `*` pattern over the model name, case-sensitive.
    pub name: String,
    /// The protocol spoken upstream, lower-case.
    pub protocol: Option<String>,
    /// The protocol the client speaks, lower-case.
    pub from_protocol: Option<String>,
    /// Client headers and `*` patterns over their values; all must match.
    pub headers: Vec<(String, String)>,
    /// Body paths that must equal the value; all must.
    pub matches: Vec<(String, Value)>,
    /// Body paths that must not equal the value.
    pub not_matches: Vec<(String, Value)>,
    /// Body paths that must exist and not be null; all must.
    pub exist: Vec<String>,
    /// Body paths that must be missing or null; all must.
    pub not_exist: Vec<String>,
}
