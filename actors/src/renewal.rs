//! One refresh of one login from claim to disk (`ARCHITECTURE.md` §6.2). Runs beside its actor and
//! ends with a verdict for it; nothing in here changes what others see.

use crate::domain::id::CredentialId;
use crate::domain::record::{CredentialRecord, Kind, RecordError};
use crate::domain::refresh::{merge, rotated_elsewhere};
use crate::port::{AccountDriver, Clock, Providers, RefreshError};
use crate::store::{StoreError, Stored, TokenStore, Version};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// How often to look whether another process has finished its refresh.
const CLAIM_POLL: Duration = Duration::from_secs(1);
/// How often at most; then requests stop waiting and the timer tries again later.
const CLAIM_POLLS: u32 = 30;
/// Refreshes at the same time (`routing.md` §9).
const N_SLOTS: usize = 16;
/// Writers that may get in between before the token is kept in memory only.
const SAVE_ATTEMPTS: u32 = 4;

/// What every credential's actor works with.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Refreshes that may run at the same time: after a long sleep every token is due at once.
    slots: Arc<Semaphore>,
}

impl Surroundings {
    pub(crate) fn new(
        store: Arc<dyn TokenStore>,
        providers: Arc<dyn Providers>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            providers,
            clock,
            slots: Arc::new(Semaphore::new(N_SLOTS)),
        }
    }

    /// The record of a stored document, as its provider reads it.
    pub(crate) fn open(&self, stored: Stored) -> Result<Opened, RecordError> {
        if !stored.document.contains_key("type")
            && let Some(help) = self.providers.foreign(&stored.document)
        {
            return Err(RecordError::Foreign(help));
        }
        let mut record = CredentialRecord::from_document(stored.id, stored.document)?;
        if let Some(provider) = self.providers.provider_of(&record.provider) {
            record.provider = provider;
        }
        let record = Arc::new(self.providers.complete(record));
        Ok(Opened {
            record,
            version: stored.version,
        })
    }
}

/// A record as the store has it.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) record: Arc<CredentialRecord>,
    pub(crate) version: Version,
}

/// Everything a refresh needs.
pub(crate) struct Renewal {
    pub(crate) around: Surroundings,
    pub(crate) driver: Arc<dyn AccountDriver>,
    /// The record with the token in use.
    pub(crate) record: Arc<CredentialRecord>,
    /// Somebody waits for the token: do not queue for a slot.
    pub(crate) hurry: Arc<Notify>,
    /// What the store has: the same, or an older one when the last save failed.
    pub(crate) saved: Saved,
}

/// What the store has of a credential.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    /// The content.
    pub(crate) record: Arc<CredentialRecord>,
    /// Its state; `None` for credentials that are not in the store.
    pub(crate) version: Option<Version>,
}

/// How a refresh ended.
#[derive(Debug)]
pub(crate) enum Renewed {
    /// There is a new token. It is on disk, unless `save_error` says why not.
    Fresh {
        record: Arc<CredentialRecord>,
        saved: Saved,
        save_error: Option<StoreError>,
    },
    /// The store had something else than expected: that counts now.
    Changed(Opened),
    /// The store no longer has it.
    Removed,
    /// No new token.
    Failed(RefreshError),
}

impl Renewal {
    fn id(&self) -> &CredentialId {
        &self.record.id
    }

    /// Refreshes under a claim, so that no other process does the same.
    pub(crate) async fn run(self) -> Renewed {
        let _slot = tokio::select! {
            // The semaphore is never closed; without a slot there is only no limit.
            slot = self.around.slots.acquire() => slot.ok(),
            () = self.hurry.notified() => None,
        };
        if self.record.kind == Kind::Key {
            return match self.ask().await {
                Ok(record) => Renewed::Fresh {
                    record: Arc::new(record),
                    saved: self.saved,
                    save_error: None,
                },
                Err(error) => Renewed::Failed(error),
            };
        }
        for _ in 0..CLAIM_POLLS {
            match self.around.store.claim_refresh(self.id()).await {
                Ok(Some(claim)) => {
                    let renewed = self.renew().await;
                    claim.release().await;
                    return renewed;
                }
                Ok(None) => {
                    tokio::time::sleep(CLAIM_POLL).await;
                    if let Some(changed) = self.look().await {
                        return changed;
                    }
                }
                Err(error) => {
                    // A folder that cannot be written must not end a login that still works.
                    tracing::warn!(credential = %self.id(), %error, "no refresh claim");
                    return self.renew().await;
                }
            }
        }
        let message = "another process is refreshing it".to_owned();
        Renewed::Failed(RefreshError::Transient {
            message,
            retry_after: None,
        })
    }

    async fn renew(&self) -> Renewed {
        let mut again = true;
        loop {
            // The file may hold a newer token: of another process, or of a new login.
            if let Some(changed) = self.look().await {
                return changed;
            }
            match self.ask().await {
                Ok(record) => return self.keep(Arc::new(record)).await,
                Err(RefreshError::Unreachable { .. } | RefreshError::Unknown { .. }) if again => {
                    // Often a stale connection; the next one is fresh
                    // (router-for-me/CLIProxyAPI#5073).
                    again = false;
                }
                Err(error @ RefreshError::Revoked { .. }) => {
                    return self.look().await.unwrap_or(Renewed::Failed(error));
                }
                Err(error) => return Renewed::Failed(error),
            }
        }
    }

    /// Asks the provider. A panic in the driver is an unknown answer, not the end of the actor.
    async fn ask(&self) -> Result<CredentialRecord, RefreshError> {
        let (driver, record) = (Arc::clone(&self.driver), Arc::clone(&self.record));
        let asked = AssertUnwindSafe(async move { driver.refresh(record).await }).catch_unwind();
        asked.await.unwrap_or_else(|_| {
            Err(RefreshError::Unknown {
                message: "the provider's code panicked".to_owned(),
            })
        })
    }

    /// What the store has, when that is not what it is expected to have.
    async fn look(&self) -> Option<Renewed> {
        match self.around.store.load(self.id()).await {
            Ok(Some(stored)) if Some(&stored.version) == self.saved.version.as_ref() => None,
            Ok(Some(stored)) => match self.around.open(stored) {
                Ok(opened) => Some(Renewed::Changed(opened)),
                Err(_) => Some(Renewed::Removed),
            },
            Ok(None) => Some(Renewed::Removed),
            Err(error) => {
                tracing::warn!(credential = %self.id(), %error, "credential not read again");
                None
            }
        }
    }

    /// Writes what `record` changed into the store, before anybody uses it.
    pub(crate) async fn keep(&self, record: Arc<CredentialRecord>) -> Renewed {
        let old = &self.saved.record.document;
        if record.document == *old {
            return Renewed::Fresh {
                record,
                saved: self.saved.clone(),
                save_error: None,
            };
        }
        let mut failed = StoreError::Conflict {
            id: self.id().clone(),
        };
        for _ in 0..SAVE_ATTEMPTS {
            let current = match self.around.store.load(self.id()).await {
                Ok(Some(current)) => current,
                // Whoever removed the file meanwhile does not want it back.
                Ok(None) => return Renewed::Removed,
                Err(error) => {
                    failed = error;
                    continue;
                }
            };
            let untouched = Some(&current.version) == self.saved.version.as_ref();
            if !untouched && rotated_elsewhere(old, &record.document, &current.document) {
                return match self.around.open(current) {
                    Ok(opened) => Renewed::Changed(opened),
                    Err(_) => Renewed::Removed,
                };
            }
            let document = merge(old, &record.document, &current.document);
            let expected = Some(current.version);
            match self
                .around
                .store
                .save(self.id(), document.clone(), expected)
                .await
            {
                Ok(version) => {
                    let stored = Stored {
                        id: self.id().clone(),
                        document,
                        version,
                    };
                    let record = Arc::new(self.settle(&record, stored.clone()));
                    let saved = Saved {
                        record: Arc::clone(&record),
                        version: Some(stored.version),
                    };
                    return Renewed::Fresh {
                        record,
                        saved,
                        save_error: None,
                    };
                }
                Err(error) => failed = error,
            }
        }
        Renewed::Fresh {
            record,
            saved: self.saved.clone(),
            save_error: Some(failed),
        }
    }

    /// The new token with the settings that stand in the file now.
    fn settle(&self, fresh: &CredentialRecord, stored: Stored) -> CredentialRecord {
        let document = stored.document.clone();
        match self.around.open(stored) {
            Ok(opened) => CredentialRecord {
                settings: opened.record.settings.clone(),
                label: opened.record.label.clone(),
                document,
                ..fresh.clone()
            },
            Err(_) => CredentialRecord {
                document,
                ..fresh.clone()
            },
        }
    }
}
