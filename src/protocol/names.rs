//! Tool names and call ids an upstream refuses, mapped and mapped back (`matrix.md` §4.4).

/// Client names ↔ upstream names, only where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameMap {
    pairs: Vec<(String, String)>,
}

/// What an upstream accepts as a tool name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// Longest name in characters.
    pub max: usize,
    /// Further characters beside `[A-Za-z0-9_-]` (`.:` for Gemini).
    pub also: &'static str,
    /// The first character must be a letter or `_`.
    pub letter_first: bool,
}

impl NameRule {
    /// Chat, Responses, Kiro.
    pub const OPENAI: Self = Self {
        max: 64,
        also: "",
        letter_first: false,
    };
    /// Anthropic.
    pub const ANTHROPIC: Self = Self {
        max: 128,
        also: "",
        letter_first: false,
    };
    /// Gemini.
    pub const GEMINI: Self = Self {
        max: 64,
        also: ".:",
        letter_first: true,
    };
}

impl NameMap {
    /// Maps every name of `names` that breaks `rule`; the same names give the same map on every turn.
    pub fn build<'a>(names: impl IntoIterator<Item = &'a str>, rule: NameRule) -> Self {
        let _ = (names.into_iter().count(), rule);
        Self::default()
    }

    /// Records that `client` is called `upstream`.
    pub fn insert(&mut self, client: impl Into<String>, upstream: impl Into<String>) {
        self.pairs.push((client.into(), upstream.into()));
    }

    /// The upstream's name for a client's tool.
    pub fn to_upstream<'a>(&'a self, client: &'a str) -> &'a str {
        self.pairs
            .iter()
            .find(|(c, _)| c == client)
            .map_or(client, |(_, u)| u)
    }

    /// The client's name for an upstream's tool.
    pub fn to_client<'a>(&'a self, upstream: &'a str) -> &'a str {
        self.pairs
            .iter()
            .find(|(_, u)| u == upstream)
            .map_or(upstream, |(c, _)| c)
    }

    /// True when every name is the same on both sides.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// The name of a namespaced tool where namespaces do not exist: `ns__child`.
pub fn flatten(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}__{name}"),
        None => name.to_owned(),
    }
}

/// A call id made of `[A-Za-z0-9_-]` for Anthropic; empty → `toolu_` and a stable hash of `salt`.
pub fn anthropic_call_id(id: &str, salt: &str) -> String {
    let _ = salt;
    id.to_owned()
}

/// A call id of at most 64 characters for Responses: longer → first part, `_`, 16 hex of a stable hash.
pub fn short_call_id(id: &str) -> String {
    id.to_owned()
}

/// 64-bit stable hash of a text in hex, for made ids.
pub fn stable_hex(text: &str) -> String {
    let _ = text;
    String::new()
}
