//! Declared tools, and the choice among them (`matrix.md` §4.4, §4.7).

use super::CacheMark;
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::text::Text;

/// A declared tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Name by the client.
    pub name: String,
    /// Responses namespace.
    pub namespace: Option<String>,
    /// Description; `Some("")` is an empty one.
    pub description: Option<Text>,
    /// What it is.
    pub kind: ToolKind,
    /// Anthropic `defer_loading`.
    pub defer_loading: Option<bool>,
    /// Prompt-cache mark.
    pub cache: Option<CacheMark>,
}

/// Kinds of tools.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolKind {
    /// JSON-schema function the client runs.
    Function {
        /// Parameter schema as sent; `None` when absent.
        schema: Option<RawJson>,
        /// OpenAI `strict`.
        strict: Option<bool>,
        /// Gemini response schema.
        output_schema: Option<RawJson>,
    },
    /// OpenAI custom tool (free text).
    Custom {
        /// `format` (grammar), verbatim.
        format: Option<RawJson>,
    },
    /// A web search run by the upstream, in common terms.
    WebSearch {
        /// Protocol of `raw`.
        dialect: Dialect,
        /// `allowed_domains` / `filters.allowed_domains`.
        allowed_domains: Vec<String>,
        /// `blocked_domains`.
        blocked_domains: Vec<String>,
        /// `user_location`, verbatim.
        user_location: Option<RawJson>,
        /// Anthropic `max_uses`.
        max_uses: Option<u64>,
        /// `external_web_access: false`: cached results only.
        offline: bool,
        /// The declaration.
        raw: RawJson,
    },
    /// Any other tool run by an upstream, or with a type fixed by its vendor.
    Server {
        /// Protocol of `raw`.
        dialect: Dialect,
        /// `type` (`code_interpreter`, `bash_20250124`, `codeExecution`, …).
        kind: String,
        /// The declaration.
        raw: RawJson,
    },
}

/// Which tool the model must, may or must not call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The model decides.
    Auto,
    /// No call.
    None,
    /// At least one call.
    Required,
    /// This tool.
    Tool {
        /// Name by the client.
        name: String,
        /// Namespace.
        namespace: Option<String>,
    },
    /// One of these tools only.
    Allowed {
        /// Names by the client.
        names: Vec<String>,
        /// True: must call one of them.
        required: bool,
    },
    /// A tool of the upstream by its type (`web_search`).
    Server(String),
}
