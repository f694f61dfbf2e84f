//! The configuration file as the registry sees it.

use crate::config::{Config, ConfigError, Env, Notice};
use crate::digest;
use std::io::{self, ErrorKind};
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

/// A configuration file, and which of its states is in use.
#[derive(Clone)]
pub(crate) struct ConfigFile {
    path: Arc<Path>,
    env: Env,
    applied: String,
}

/// A state of the file.
#[derive(Debug)]
pub(crate) struct ConfigRead {
    pub(crate) config: Config,
    pub(crate) notices: Vec<Notice>,
    hash: String,
}

impl ConfigFile {
    /// Reads the file for the first time.
    pub(crate) async fn open(path: PathBuf, env: Env) -> Result<(Self, ConfigRead), ConfigError> {
        let mut file = Self {
            path: path.into(),
            env,
            applied: String::new(),
        };
        let read = file.parsed().await?;
        file.applied(&read);
        Ok((file, read))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again; `None` when it says what is in use, or nothing at all: an editor that
    /// empties it first will write more.
    pub(super) async fn read(self) -> Result<Option<ConfigRead>, ConfigError> {
        let read = self.parsed().await?;
        let news = read.hash != self.applied && read.hash != digest::hex(b"");
        Ok(news.then_some(read))
    }

    pub(super) fn applied(&mut self, read: &ConfigRead) {
        self.applied.clone_from(&read.hash);
    }

    /// Reads and parses away from the thread of the actors.
    async fn parsed(&self) -> Result<ConfigRead, ConfigError> {
        let (path, env) = (Arc::clone(&self.path), self.env.clone());
        let parsed = tokio::task::spawn_blocking(move || {
            let text = read_text(&path)?;
            let (config, notices) =
                Config::parse(&text, &env).map_err(|error| error.in_file(&path))?;
            Ok(ConfigRead {
                config,
                notices,
                hash: digest::hex(text.as_bytes()),
            })
        });
        parsed.await.unwrap_or_else(|error| {
            let cause = io::Error::other(error);
            Err(ConfigError::Io {
                action: "read",
                path: self.path.to_path_buf(),
                cause,
            })
        })
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    if path.is_dir() {
        return Err(ConfigError::IsDirectory {
            path: path.to_owned(),
        });
    }
    std::fs::read_to_string(path).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => ConfigError::NotFound {
            path: path.to_owned(),
        },
        _ => ConfigError::Io {
            action: "read",
            path: path.to_owned(),
            cause,
        },
    })
}
