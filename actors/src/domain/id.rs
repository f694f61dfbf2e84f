//! Names of things: newtypes, so that one can never stand for another.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Name of a credential: the file name inside the credential folder, or the id of a configured key
/// (`routing.md` §11). Cloning shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialId(Arc<str>);

impl CredentialId {
    /// Wraps a name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for CredentialId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CredentialId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for CredentialId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

/// Counts the tokens a credential had since the start; a higher version is a newer token.
///
/// It never goes down, also not when the credential's actor is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TokenVersion(pub u64);

impl TokenVersion {
    /// The version of the next token.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
