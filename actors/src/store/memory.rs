//! A store without disk: for tests, and for programs that bring their credentials themselves.

use super::{Claim, Loaded, StoreError, Stored, TokenStore, Version};
use crate::domain::id::CredentialId;
use futures_util::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Keeps documents in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    documents: BTreeMap<CredentialId, Stored>,
    claimed: BTreeSet<CredentialId>,
    n_saves: u64,
    read_only: bool,
    write_only: bool,
    loads_take: Duration,
    saves_take: Duration,
}

impl MemoryStore {
    /// Puts a document in, whatever was there.
    pub fn put(&self, id: &CredentialId, document: Map<String, Value>) -> Version {
        self.0.lock().put(id, document)
    }

    /// Refuses every save from now on, or takes them again: as on a full disk.
    #[cfg(test)]
    pub(crate) fn fail_saves(&self, fail: bool) {
        self.0.lock().read_only = fail;
    }

    /// Refuses every load from now on, or not any more.
    #[cfg(test)]
    pub(crate) fn fail_loads(&self, fail: bool) {
        self.0.lock().write_only = fail;
    }

    /// From now on the answers to loads and saves come so much later than what they tell of.
    #[cfg(test)]
    pub(crate) fn answer_late(&self, loads: Duration, saves: Duration) {
        let mut inner = self.0.lock();
        (inner.loads_take, inner.saves_take) = (loads, saves);
    }
}

impl Inner {
    fn put(&mut self, id: &CredentialId, document: Map<String, Value>) -> Version {
        self.n_saves += 1;
        let version = Version::new(self.n_saves.to_string());
        let stored = Stored {
            id: id.clone(),
            document,
            version: version.clone(),
        };
        self.documents.insert(id.clone(), stored);
        version
    }
}

/// An answer that is known now and told later.
fn after<T: Send + 'static>(wait: Duration, answer: T) -> BoxFuture<'static, T> {
    if wait.is_zero() {
        return ready(answer).boxed();
    }
    tokio::time::sleep(wait).map(|()| answer).boxed()
}

impl TokenStore for MemoryStore {
    fn load_all(&self) -> BoxFuture<'static, Result<Loaded, StoreError>> {
        let found = self.0.lock().documents.values().cloned().collect();
        ready(Ok(Loaded {
            found,
            rejected: Vec::new(),
        }))
        .boxed()
    }

    fn load(&self, id: &CredentialId) -> BoxFuture<'static, Result<Option<Stored>, StoreError>> {
        let inner = self.0.lock();
        let loaded = match inner.write_only {
            false => Ok(inner.documents.get(id).cloned()),
            true => Err(StoreError::Unavailable {
                message: "write only".to_owned(),
            }),
        };
        after(inner.loads_take, loaded)
    }

    fn save(
        &self,
        id: &CredentialId,
        document: Map<String, Value>,
        expected: Option<Version>,
    ) -> BoxFuture<'static, Result<Version, StoreError>> {
        let mut inner = self.0.lock();
        if inner.read_only {
            let message = "read only".to_owned();
            return ready(Err(StoreError::Unavailable { message })).boxed();
        }
        let found = inner.documents.get(id).map(|stored| stored.version.clone());
        let saved = match found == expected {
            true => Ok(inner.put(id, document)),
            false => Err(StoreError::Conflict { id: id.clone() }),
        };
        after(inner.saves_take, saved)
    }

    fn remove(&self, id: &CredentialId) -> BoxFuture<'static, Result<(), StoreError>> {
        self.0.lock().documents.remove(id);
        ready(Ok(())).boxed()
    }

    fn claim_refresh(
        &self,
        id: &CredentialId,
    ) -> BoxFuture<'static, Result<Option<Claim>, StoreError>> {
        let free = self.0.lock().claimed.insert(id.clone());
        let (inner, id) = (Arc::clone(&self.0), id.clone());
        let release = move || {
            inner.lock().claimed.remove(&id);
        };
        ready(Ok(free.then(|| Claim::new(release)))).boxed()
    }
}
