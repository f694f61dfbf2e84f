//! One JSON file per login in one folder: what the user guide calls `auths/`.

use super::{Claim, Loaded, StoreError, Stored, TokenStore, Version};
use crate::config::file::{probe, replace, sweep};
use crate::digest;
use crate::domain::id::CredentialId;
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::{Map, Value};
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Age of temporary files that nobody writes any more: writing takes seconds.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// Files in the hands of threads at once. Each thread takes memory that stays with the process:
/// thousands of accounts at the start would have hundreds of them.
const AT_ONCE: usize = 8;

/// Files in a folder; the name of a file is the id of its credential.
#[derive(Clone)]
pub struct FileStore {
    folder: Arc<Path>,
    turns: Arc<Semaphore>,
}

impl FileStore {
    /// A store over `folder`, which is created, for its owner only, when it is missing.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder can neither be used nor created.
    pub fn open(folder: PathBuf) -> Result<Self, StoreError> {
        match create_private_folder(&folder) {
            // A file of that name is told from a folder below.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(cause) => {
                return Err(StoreError::Io {
                    path: folder,
                    cause,
                });
            }
        }
        if !folder.is_dir() {
            return Err(StoreError::Io {
                path: folder,
                cause: ErrorKind::NotADirectory.into(),
            });
        }
        if let Err(error) = sweep(&folder, LEFTOVER_AGE) {
            tracing::warn!(folder = %folder.display(), %error, "old temporary files not removed");
        }
        Ok(Self {
            folder: folder.into(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Tries whether logins can be written.
    ///
    /// # Errors
    /// What the system says, as an [`io::Error`].
    pub fn probe(&self) -> io::Result<()> {
        probe(&self.folder)
    }

    /// The id of the credential in `path`, if the file is one of this store.
    pub fn id_of(path: &Path) -> Option<CredentialId> {
        let name = path.file_name()?.to_str()?;
        let id = CredentialId::from(name);
        is_credential_name(name).then_some(id)
    }

    fn path(&self, id: &CredentialId) -> Result<PathBuf, StoreError> {
        if is_credential_name(id.as_str()) {
            Ok(self.folder.join(id.as_str()))
        } else {
            Err(StoreError::Name { id: id.clone() })
        }
    }

    /// Runs file work away from the thread of the actors.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let store = self.clone();
        async move {
            let unavailable = |message: String| Err(StoreError::Unavailable { message });
            let turns = Arc::clone(&store.turns);
            // The work keeps its turn also when nobody waits for it any more.
            let turn = match turns.acquire_owned().await {
                Ok(turn) => turn,
                Err(error) => return unavailable(error.to_string()),
            };
            let work = move || {
                let done = work(&store);
                drop(turn);
                done
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(done) => done,
                Err(error) => unavailable(error.to_string()),
            }
        }
        .boxed()
    }

    fn read(&self, id: &CredentialId) -> Result<Option<Stored>, StoreError> {
        let path = self.path(id)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(StoreError::Io { path, cause }),
        };
        let document = match serde_json::from_slice::<Value>(&bytes) {
            Ok(Value::Object(document)) => document,
            Ok(_) => {
                return Err(StoreError::Malformed {
                    id: id.clone(),
                    cause: None,
                });
            }
            Err(cause) => {
                return Err(StoreError::Malformed {
                    id: id.clone(),
                    cause: Some(cause),
                });
            }
        };
        Ok(Some(Stored {
            id: id.clone(),
            document,
            version: Version::new(digest::hex(&bytes)),
        }))
    }

    fn read_all(&self) -> Result<Loaded, StoreError> {
        let refused = |cause| StoreError::Io {
            path: self.folder.to_path_buf(),
            cause,
        };
        let mut loaded = Loaded::default();
        for entry in fs::read_dir(&self.folder).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let Some(id) = Self::id_of(&entry.path()) else {
                continue;
            };
            if entry.path().is_dir() {
                continue;
            }
            match self.read(&id) {
                Ok(Some(stored)) => loaded.found.push(stored),
                Ok(None) => {} // removed since the folder was listed
                Err(error) => loaded.rejected.push((id, error)),
            }
        }
        loaded.found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(loaded)
    }

    fn write(
        &self,
        id: &CredentialId,
        document: Map<String, Value>,
        expected: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let path = self.path(id)?;
        if self.read(id)?.as_ref().map(|stored| &stored.version) != expected {
            return Err(StoreError::Conflict { id: id.clone() });
        }
        let refused = |cause| StoreError::Io {
            path: path.clone(),
            cause,
        };
        let mut text = serde_json::to_string_pretty(&Value::Object(document))
            .map_err(|error| refused(error.into()))?;
        text.push('\n');
        // Like no other file: for its owner only.
        replace(&path, &text, None).map_err(refused)?;
        Ok(Version::new(digest::hex(text.as_bytes())))
    }

    /// The lock lies on the open file, so that the system takes it back from a killed process at
    /// once: an account whose refresh was cut off must not wait. The file itself stays: removing it
    /// would let two processes lock different files of one name.
    fn claim(&self, id: &CredentialId) -> Result<Option<Claim>, StoreError> {
        self.path(id)?;
        let path = self.folder.join(format!(".{id}.lock"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let locked = options.open(&path).and_then(|file| match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(cause),
        });
        match locked {
            Ok(Some(file)) => Ok(Some(Claim::new(move || drop(file)))),
            Ok(None) => Ok(None),
            Err(cause) => Err(StoreError::Io { path, cause }),
        }
    }
}

impl TokenStore for FileStore {
    fn load_all(&self) -> BoxFuture<'static, Result<Loaded, StoreError>> {
        self.run(Self::read_all)
    }

    fn load(&self, id: &CredentialId) -> BoxFuture<'static, Result<Option<Stored>, StoreError>> {
        let id = id.clone();
        self.run(move |store| store.read(&id))
    }

    fn save(
        &self,
        id: &CredentialId,
        document: Map<String, Value>,
        expected: Option<Version>,
    ) -> BoxFuture<'static, Result<Version, StoreError>> {
        let id = id.clone();
        self.run(move |store| store.write(&id, document, expected.as_ref()))
    }

    fn remove(&self, id: &CredentialId) -> BoxFuture<'static, Result<(), StoreError>> {
        let id = id.clone();
        self.run(move |store| {
            let path = store.path(&id)?;
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => {
                    Err(StoreError::Io { path, cause })
                }
                _ => Ok(()),
            }
        })
    }

    fn place(&self, id: &CredentialId) -> String {
        self.folder.join(id.as_str()).display().to_string()
    }

    fn claim_refresh(
        &self,
        id: &CredentialId,
    ) -> BoxFuture<'static, Result<Option<Claim>, StoreError>> {
        let id = id.clone();
        self.run(move |store| store.claim(&id))
    }
}

/// Plain `*.json` names only: nothing hidden, nothing outside of the folder.
fn is_credential_name(name: &str) -> bool {
    let json = Path::new(name)
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    json && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
