//! Tool names an upstream refuses, mapped and mapped back (`matrix.md` §4.4).

/// Client names ↔ upstream names, only where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameMap {
    pairs: Vec<(String, String)>,
}

impl NameMap {
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
