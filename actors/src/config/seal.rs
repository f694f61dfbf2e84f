//! The management key: hashed on first sight, compared in constant time.

use std::path::Path;

use serde_json::Value as Json;

use super::edit::{self, EditError};
use super::env::Env;
use super::error::{Level, Notice};
use super::file::{self, Loaded, SaveError};
use super::model::ManagementSecret;
use super::path::KeyPath;
use crate::digest;
use crate::domain::secret::Secret;

/// What the reference uses, so that both read each other's files.
const COST: u32 = 10;
/// bcrypt reads no more of a password.
const MAX_BYTES: usize = 72;

impl ManagementSecret {
    /// Tells a bcrypt hash (`$2a$`, `$2b$`, `$2y$`) from plain text.
    pub fn new(text: String) -> Self {
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            Self::Hash(Secret::from(text))
        } else {
            Self::Plain(Secret::from(text))
        }
    }

    /// Whether this is the key. A hash takes 70–100 ms of processor time: call it away from workers
    /// and remember what was right.
    pub fn verify(&self, key: &str) -> bool {
        match self {
            Self::Hash(hash) => bcrypt::verify(key, hash.expose()).unwrap_or(false),
            // Hashes of both: how long the comparison takes says nothing about the key.
            Self::Plain(secret) => {
                digest::hex(secret.expose().as_bytes()) == digest::hex(key.as_bytes())
            }
        }
    }

    /// The hash of a plain key; `None` for what is a hash already or cannot be hashed.
    fn sealed(&self) -> Option<Result<String, bcrypt::BcryptError>> {
        let Self::Plain(key) = self else { return None };
        let parts = bcrypt::non_truncating_hash_with_result(key.expose(), COST);
        Some(parts.map(|parts| parts.format_for_version(bcrypt::Version::TwoA)))
    }
}

/// Replaces a plain `remote-management.secret-key` by its hash, in the file and in what was loaded.
///
/// The rest of the file stays as it is, and no copy of the plain key is kept. When the file cannot
/// be written the hash is used all the same and a notice says so. Takes about 0.1 s.
pub fn seal(path: &Path, env: &Env, mut loaded: Loaded) -> Loaded {
    let at = KeyPath::of(&["remote-management", "secret-key"]);
    let hash = match loaded
        .config
        .management
        .secret
        .as_ref()
        .and_then(ManagementSecret::sealed)
    {
        None => return loaded,
        Some(Ok(hash)) => hash,
        Some(Err(error)) => {
            let text = match error {
                bcrypt::BcryptError::Truncation(_) => format!(
                    "longer than {MAX_BYTES} bytes, which cannot be hashed; it stays plain text"
                ),
                error => format!("cannot be hashed; it stays plain text: {error}"),
            };
            loaded.notices.push(Notice {
                level: Level::Warning,
                position: None,
                key: at,
                text,
            });
            return loaded;
        }
    };
    let written = write_hash(path, env, &loaded, &at, &hash);
    match written {
        Ok(new) => loaded = new,
        Err(error) => {
            let text = format!("its hash is used, but the file keeps the plain text: {error}");
            loaded.notices.push(Notice {
                level: Level::Warning,
                position: None,
                key: at,
                text,
            });
        }
    }
    loaded.config.management.secret = Some(ManagementSecret::new(hash));
    loaded
}

fn write_hash(
    path: &Path,
    env: &Env,
    loaded: &Loaded,
    at: &KeyPath,
    hash: &str,
) -> Result<Loaded, SaveError> {
    file::edit_with(path, env, false, |text| {
        // Another key may stand there by now: it is not this one's hash.
        if text == loaded.source.text {
            edit::set(text, at, &Json::from(hash))
        } else {
            Err(EditError::Missing {
                key: at.clone(),
                why: "the file has changed meanwhile",
            })
        }
    })
}
