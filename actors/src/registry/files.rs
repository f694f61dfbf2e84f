//! Reading and writing files, one thing at a time.

use super::source::{ConfigStatus, Rewrite};
use super::{FileChanged, Registry, unwritten};
use crate::config::diff::{Change, diff};
use crate::config::file::{Loaded, SaveError};
use crate::config::{ConfigError, Level, Notice};
use crate::domain::id::CredentialId;
use crate::store::{StoreError, Stored};
use actix::prelude::*;
use futures_util::future::join_all;
use std::io;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How an edit went; the receiver hears when the result is in use.
pub(super) type Edited = Result<oneshot::Receiver<()>, SaveError>;

/// What was read after files had changed.
struct Reading {
    config: Option<Result<Option<Loaded>, ConfigError>>,
    credentials: Vec<(CredentialId, Result<Option<Stored>, StoreError>)>,
}

impl Registry {
    /// Does the next thing that waits for its turn at the files.
    pub(super) fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.busy {
            return;
        }
        if let Some((change, reply)) = self.edits.pop_front() {
            self.edit(change, reply, ctx);
        } else if self.pending != FileChanged::default() {
            self.read(ctx);
        }
    }

    fn read(&mut self, ctx: &mut Context<Self>) {
        self.busy = true;
        let FileChanged {
            config,
            credentials,
        } = std::mem::take(&mut self.pending);
        let adoptions = std::mem::take(&mut self.adoptions);
        let file = self.file.clone().filter(|_| config);
        let store = Arc::clone(&self.around.store);
        let read = async move {
            let config = match file {
                Some(file) => Some(file.read().await),
                None => None,
            };
            let loads = credentials.into_iter().map(|id| {
                let load = store.load(&id);
                async move { (id, load.await) }
            });
            Reading {
                config,
                credentials: join_all(loads).await,
            }
        };
        ctx.spawn(read.into_actor(self).map(|read, registry, ctx| {
            registry.busy = false;
            let changed = registry.apply(read);
            // The watcher may have been faster, but not with the snapshot.
            if changed || !adoptions.is_empty() {
                registry.snapshot_waiters.extend(adoptions);
                registry.reconcile();
            }
            registry.proceed(ctx);
        }));
    }

    fn edit(&mut self, change: Rewrite, reply: oneshot::Sender<Edited>, ctx: &mut Context<Self>) {
        let Some(file) = self.file.clone() else {
            // Whoever stopped waiting does not mind.
            let _ = reply.send(Err(unwritten(io::ErrorKind::Unsupported)));
            return;
        };
        self.busy = true;
        let edited = file.edit(change).into_actor(self);
        ctx.spawn(edited.map(|edited, registry, ctx| {
            registry.busy = false;
            let edited = edited.map(|loaded| {
                registry.apply_config(loaded);
                registry.reconcile();
                registry.next_snapshot()
            });
            // Whoever stopped waiting does not mind.
            let _ = reply.send(edited);
            registry.proceed(ctx);
        }));
    }

    /// Takes in what was read; true when something changed.
    fn apply(&mut self, read: Reading) -> bool {
        let mut changed = false;
        match read.config {
            Some(Ok(Some(read))) => {
                self.apply_config(read);
                changed = true;
            }
            Some(Err(error)) => {
                tracing::error!(%error, "configuration not taken over; the old one stays");
                self.status.set(ConfigStatus {
                    error: Some(Arc::new(error)),
                    ..(*self.status.get()).clone()
                });
            }
            Some(Ok(None)) => {
                // Back to what is in use: nothing is wrong any more.
                let status = self.status.get();
                if status.error.is_some() {
                    self.status.set(ConfigStatus {
                        error: None,
                        ..(*status).clone()
                    });
                }
            }
            None => {}
        }
        for (id, loaded) in read.credentials {
            match loaded {
                Ok(Some(stored)) => changed |= self.take_stored(stored),
                Ok(None) => changed |= self.stored.remove(&id).is_some(),
                Err(error) => {
                    // Often half written; the end of the writing is an event of its own.
                    tracing::warn!(
                        credential = %id, error = &error as &dyn std::error::Error,
                        "credential not readable; the old one stays"
                    );
                }
            }
        }
        changed
    }

    fn apply_config(&mut self, mut read: Loaded) {
        log_notices(&read.notices);
        if let Some(file) = &mut self.file {
            file.applied(&read);
        }
        for change in diff(&self.config, &read.config) {
            match change {
                Change::NeedsRestart(key) => tracing::warn!(key, "change needs a restart"),
                change => {
                    self.cursors_begin_anew |= change == Change::Routing;
                    tracing::info!(%change, "configuration taken over");
                }
            }
        }
        // The logins stay where they were read.
        read.config.auth_dir.clone_from(&self.config.auth_dir);
        self.status.set(ConfigStatus {
            error: None,
            notices: read.notices.into(),
        });
        self.config = Arc::new(read.config);
    }
}

/// Tells the log what is odd about a configuration.
pub(crate) fn log_notices(notices: &[Notice]) {
    for notice in notices {
        match notice.level {
            Level::Info => tracing::info!(%notice, "configuration"),
            Level::Warning => tracing::warn!(%notice, "configuration"),
        }
    }
}
