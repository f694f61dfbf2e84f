//! Starting the actors, and what the daemon gets to hold of them.

use crate::affinity::Affinity;
use crate::config::{Config, ConfigError, Env};
use crate::credential::Flush;
use crate::domain::id::CredentialId;
use crate::domain::record::{CredentialRecord, RecordError};
use crate::domain::snapshot::{Catalog, Snapshot};
use crate::login::{LoginDesk, Opening};
use crate::port::{Clock, Providers};
use crate::published::Published;
use crate::registry::{
    ConfigFile, ConfigStatus, FirstSnapshot, FreshModels, Known, Registry, Start, StatusKeeper,
    log_notices,
};
use crate::renewal::Surroundings;
use crate::store::file::FileStore;
use crate::store::{StoreError, TokenStore};
use crate::supervisor::Supervisor;
use crate::watcher::{Targets, Watcher};
use actix::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for refreshes under way when the program ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(10);

/// What the actors start from.
pub struct StartOptions {
    /// Configuration.
    pub source: Source,
    /// Environment the configuration is read with.
    pub env: Env,
    /// The daemon's providers.
    pub providers: Arc<dyn Providers>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Where logins live; `None` = files in the configuration's `auth-dir`.
    pub store: Option<Arc<dyn TokenStore>>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, which is watched.
    File(PathBuf),
    /// A configuration that stays as it is.
    Fixed(Box<Config>),
}

/// Why the actors do not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The logins cannot be read.
    #[error("cannot read the credentials")]
    Store(#[from] StoreError),
    /// The actors ended before they had begun.
    #[error("the actors did not start")]
    Dead(#[from] MailboxError),
}

/// What the daemon holds of the running actors. Clones are cheap and may go to other threads.
#[derive(Clone)]
pub struct Handles {
    /// Configuration, models and credentials, as of now.
    pub snapshot: Arc<Published<Snapshot>>,
    /// Which session used which credential.
    pub affinity: Arc<Affinity>,
    /// The owner of configuration and snapshot.
    pub registry: Addr<Registry>,
    /// What is wrong or odd about the configuration file.
    pub config_status: Arc<Published<ConfigStatus>>,
    /// Starts logins and knows the pending ones.
    pub logins: Addr<LoginDesk>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
}

/// Starts everything on the caller's thread, which must run an actix system, and waits for the
/// first snapshot with all credentials.
///
/// # Errors
/// [`StartError`] when configuration or logins cannot be read. Single unreadable logins are logged
/// and left out.
pub async fn start(options: StartOptions) -> Result<Handles, StartError> {
    let (file, config, notices) = match options.source {
        Source::File(path) => {
            let (file, read) = ConfigFile::open(path, options.env).await?;
            (Some(file), read.config, read.notices)
        }
        Source::Fixed(config) => (None, *config, Vec::new()),
    };
    log_notices(&notices);
    let config = Arc::new(config);
    let clock = options.clock;
    let (store, folder) = match options.store {
        Some(store) => (store, None),
        None => {
            let folder = config.auth_dir.clone();
            let store = FileStore::open(folder)?;
            if let Err(error) = store.probe() {
                tracing::error!(
                    folder = %config.auth_dir.display(),
                    %error,
                    "credential folder cannot be written to; renewed tokens will be lost at the end"
                );
            }
            let store: Arc<dyn TokenStore> = Arc::new(store);
            (store, Some(config.auth_dir.as_path().into()))
        }
    };
    let (account_status, kept) = match folder.as_deref() {
        Some(folder) => {
            let (keeper, kept) = StatusKeeper::open(folder, config.cooling.save, clock.now());
            (Some(keeper), kept)
        }
        None => (None, BTreeMap::new()),
    };
    let loaded = store.load_all().await?;
    for (id, error) in &loaded.rejected {
        tracing::error!(credential = %id, error = error as &dyn std::error::Error, "credential not readable");
    }
    let around = Surroundings::new(store, options.providers, Arc::clone(&clock));
    let snapshot = Arc::new(Published::new(Snapshot {
        epoch: 0,
        config: Arc::clone(&config),
        catalog: Catalog::default(),
        members: Vec::new(),
    }));
    let config_status = Arc::new(Published::new(ConfigStatus {
        error: None,
        notices: notices.into(),
    }));
    let targets = Targets {
        config: file.as_ref().map(|file| file.path().into()),
        folder,
    };
    let start = (Arc::clone(&snapshot), Arc::clone(&config_status));
    let for_logins = around.clone();
    let registry = Registry::create(|ctx| {
        let roster = ctx.address().recipient();
        let supervisor = Supervisor::new(around.clone(), roster, kept).start();
        let (snapshot, status) = start;
        let stored = loaded.found;
        Registry::new(Start {
            config,
            file,
            account_status,
            status,
            around,
            stored,
            snapshot,
            supervisor,
        })
    });
    registry.send(FirstSnapshot).await?;
    Watcher::new(targets, registry.clone().recipient()).start();
    let logins = LoginDesk::new(Opening {
        around: for_logins,
        registry: Some(registry.clone()),
    });
    Ok(Handles {
        logins: logins.start(),
        snapshot,
        affinity: Arc::default(),
        registry,
        config_status,
        clock,
    })
}

/// What a program holds that only logs in: no daemon, no refreshes, no watcher.
#[derive(Clone)]
pub struct LoginHandles {
    /// Starts logins and knows the pending ones.
    pub logins: Addr<LoginDesk>,
    /// The configuration, and no model or credential.
    pub snapshot: Arc<Published<Snapshot>>,
    /// What the store has, as the providers read it.
    pub accounts: Vec<Arc<CredentialRecord>>,
    /// Documents that cannot be read, and why.
    pub unreadable: Vec<(CredentialId, String)>,
    /// What a daemon has written down about them.
    pub daemon: Known,
}

/// Starts a login desk alone, on the caller's thread, which must run an actix system. Accounts it
/// brings are written into the store, where a running daemon finds them.
///
/// # Errors
/// [`StartError`] when configuration or logins cannot be read.
pub async fn start_logins(options: StartOptions) -> Result<LoginHandles, StartError> {
    let (config, notices) = match options.source {
        Source::File(path) => {
            let (_, read) = ConfigFile::open(path, options.env).await?;
            (read.config, read.notices)
        }
        Source::Fixed(config) => (*config, Vec::new()),
    };
    log_notices(&notices);
    let (store, daemon) = match options.store {
        Some(store) => (store, Known::default()),
        None => {
            let folder = config.auth_dir.clone();
            let daemon = Known::read(&folder);
            let store: Arc<dyn TokenStore> = Arc::new(FileStore::open(folder)?);
            (store, daemon)
        }
    };
    let loaded = store.load_all().await?;
    let around = Surroundings::new(store, options.providers, options.clock);
    let (mut accounts, mut unreadable) = (Vec::new(), Vec::new());
    for stored in loaded.found {
        let id = stored.id.clone();
        match around.open(stored) {
            Ok(opened) => accounts.push(opened.record),
            Err(RecordError::Foreign(help)) => unreadable.push((id, help.to_owned())),
            // Other programs may keep their JSON there, too.
            Err(RecordError::NoType) => {}
        }
    }
    let rejected = loaded.rejected.into_iter();
    unreadable.extend(rejected.map(|(id, error)| (id, error.to_string())));
    let desk = LoginDesk::new(Opening {
        around,
        registry: None,
    });
    Ok(LoginHandles {
        logins: desk.start(),
        snapshot: Arc::new(Published::new(Snapshot {
            epoch: 0,
            config: Arc::new(config),
            catalog: Catalog::default(),
            members: Vec::new(),
        })),
        accounts,
        unreadable,
        daemon,
    })
}

impl Handles {
    /// Waits until nothing is under way and all tokens are on disk, at most ten seconds: the last
    /// step of a shutdown.
    pub async fn flush(&self) {
        match tokio::time::timeout(FLUSH_LIMIT, self.registry.send(Flush)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "tokens may not be on disk"),
            Err(_) => tracing::error!(limit = ?FLUSH_LIMIT, "a token refresh does not end"),
        }
    }

    /// Sees to fresh model lists, see [`FreshModels`]. Worth a call before listing models and
    /// before a model is called unknown.
    pub async fn fresh_models(&self) {
        if let Err(error) = self.registry.send(FreshModels).await {
            tracing::error!(%error, "model lists are not refreshed");
        }
    }

    /// Why the last change of the configuration file was not taken over.
    pub fn last_config_error(&self) -> Option<Arc<ConfigError>> {
        self.config_status.get().error.clone()
    }
}

#[cfg(test)]
mod tests;
