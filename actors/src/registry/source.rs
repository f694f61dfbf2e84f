//! The configuration file as the registry sees it.

use crate::config::edit::EditError;
use crate::config::file::{self, Loaded, SaveError};
use crate::config::{ConfigError, Env, Notice, seal};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to tell people about the configuration file.
#[derive(Debug, Clone, Default)]
pub struct ConfigStatus {
    /// Why the last change was not taken over; `None` = the file is in use as it is.
    pub error: Option<Arc<ConfigError>>,
    /// Remarks about the configuration in use.
    pub notices: Arc<[Notice]>,
}

/// Makes a new text of the configuration from the one it has. Called again when somebody saves the
/// file in between.
pub type Rewrite = Box<dyn FnMut(&str) -> Result<String, EditError> + Send>;

/// A configuration file, and which of its states is in use.
#[derive(Clone)]
pub(crate) struct ConfigFile {
    path: Arc<Path>,
    env: Env,
    /// Hash of the text in use.
    applied: String,
}

impl ConfigFile {
    /// Reads the file for the first time.
    pub(crate) async fn open(path: PathBuf, env: Env) -> Result<(Self, Loaded), ConfigError> {
        let mut file = Self {
            path: path.into(),
            env,
            applied: String::new(),
        };
        let loaded = file.load().await?;
        file.applied(&loaded);
        Ok((file, loaded))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again; `None` when it says what is in use, or nothing at all: an editor that
    /// empties it first will write more.
    pub(super) async fn read(self) -> Result<Option<Loaded>, ConfigError> {
        let loaded = self.load().await?;
        let news = loaded.source.hash != self.applied && !loaded.source.is_blank();
        Ok(news.then_some(loaded))
    }

    /// Changes the file.
    pub(super) async fn edit(self, change: Rewrite) -> Result<Loaded, SaveError> {
        let (path, env) = (Arc::clone(&self.path), self.env);
        let edited = tokio::task::spawn_blocking(move || {
            let loaded = file::edit(&path, &env, change)?;
            Ok(seal(&path, &env, loaded))
        });
        edited
            .await
            .unwrap_or_else(|error| Err(lost("write", &self.path, error).into()))
    }

    pub(super) fn applied(&mut self, loaded: &Loaded) {
        self.applied.clone_from(&loaded.source.hash);
    }

    /// Reads and resolves away from the thread of the actors; a plain management key is replaced by
    /// its hash at once.
    async fn load(&self) -> Result<Loaded, ConfigError> {
        let (path, env) = (Arc::clone(&self.path), self.env.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            let loaded = file::load(&path, &env)?;
            Ok(seal(&path, &env, loaded))
        });
        loaded
            .await
            .unwrap_or_else(|error| Err(lost("read", &self.path, error)))
    }
}

/// The blocking work came to no end.
fn lost(action: &'static str, path: &Path, error: tokio::task::JoinError) -> ConfigError {
    ConfigError::Io {
        action,
        path: path.to_owned(),
        cause: io::Error::other(error),
    }
}
