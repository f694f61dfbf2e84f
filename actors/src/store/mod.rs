//! Where logins live: one document per credential.

pub mod file;
pub mod memory;

use crate::domain::id::CredentialId;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Keeps the documents of logins. Documents keep their unknown fields and the order of their keys.
pub trait TokenStore: Send + Sync {
    /// Reads every document. One that cannot be read is reported and does not hide the others.
    fn load_all(&self) -> BoxFuture<'static, Result<Loaded, StoreError>>;

    /// Reads one document; `None` when it is gone.
    fn load(&self, id: &CredentialId) -> BoxFuture<'static, Result<Option<Stored>, StoreError>>;

    /// Writes a document as a whole and gives its version. `expected` is the version that is to be
    /// replaced, `None` that there must be none yet.
    fn save(
        &self,
        id: &CredentialId,
        document: Map<String, Value>,
        expected: Option<Version>,
    ) -> BoxFuture<'static, Result<Version, StoreError>>;

    /// Removes a document; one that is gone is no error.
    fn remove(&self, id: &CredentialId) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Where a document lies, for people.
    fn place(&self, id: &CredentialId) -> String {
        id.to_string()
    }

    /// Claims the refresh of a credential against other processes; `None` when another one has it.
    /// A claim ends with its process, however that ends.
    fn claim_refresh(
        &self,
        id: &CredentialId,
    ) -> BoxFuture<'static, Result<Option<Claim>, StoreError>>;
}

/// State of a document: equal versions mean equal content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(Arc<str>);

impl Version {
    pub(crate) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }
}

/// A document as the store has it.
#[derive(Clone, PartialEq)]
pub struct Stored {
    /// Whose.
    pub id: CredentialId,
    /// The JSON. Holds secrets.
    pub document: Map<String, Value>,
    /// Its state.
    pub version: Version,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Everything a store has.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Readable documents, by id.
    pub found: Vec<Stored>,
    /// Documents that could not be read, and why.
    pub rejected: Vec<(CredentialId, StoreError)>,
}

/// Why a store did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot access `{}`", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: io::Error,
    },
    /// Not a JSON object.
    #[error("`{id}` is not a JSON object")]
    Malformed {
        /// Whose document.
        id: CredentialId,
        /// Where it goes wrong; never quotes the content.
        #[source]
        cause: Option<serde_json::Error>,
    },
    /// Somebody else wrote meanwhile: read again and adopt what is there.
    #[error("`{id}` was changed by somebody else")]
    Conflict {
        /// Whose document.
        id: CredentialId,
    },
    /// No name of a document: it would lead out of the store.
    #[error("`{id}` is no valid credential name")]
    Name {
        /// The name.
        id: CredentialId,
    },
    /// The store cannot be used now.
    #[error("credential store is not available: {message}")]
    Unavailable {
        /// Why.
        message: String,
    },
}

/// The right to refresh one credential against other processes.
pub struct Claim(Option<Box<dyn FnOnce() + Send>>);

impl Claim {
    /// A claim that `release` gives back; it may touch a disk.
    pub(crate) fn new(release: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(release)))
    }

    /// Gives the claim back and waits until others can have it.
    pub async fn release(mut self) {
        if let Some(release) = self.0.take()
            && let Err(error) = tokio::task::spawn_blocking(release).await
        {
            tracing::warn!(%error, "refresh claim not given back");
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(release) = self.0.take() else { return };
        // The refresh was cut off. The thread of the actors must not wait for a disk.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(release)),
            Err(_) => release(),
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}
