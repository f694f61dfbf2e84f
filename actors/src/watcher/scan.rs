//! What files look like now, and what changed since the last look.

use crate::digest;
use crate::domain::id::CredentialId;
use crate::registry::FileChanged;
use crate::store::file::FileStore;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What is watched.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    /// The configuration file.
    pub(crate) config: Option<Arc<Path>>,
    /// The folder of the logins.
    pub(crate) folder: Option<Arc<Path>>,
}

/// State of all targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Picture {
    /// Hash of the configuration; `None` = not there, or not readable.
    config: Option<String>,
    credentials: BTreeMap<CredentialId, Print>,
}

/// State of one file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Print {
    stamp: Stamp,
    hash: String,
}

/// What tells cheaply that a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    written_at: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            written_at: metadata.modified().ok(),
            inode: inode(metadata),
        }
    }
}

#[cfg(unix)]
pub(super) fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
pub(super) fn inode(_: &Metadata) -> u64 {
    0
}

impl Picture {
    /// Looks at all targets. Files that look untouched since `before` are not read again, unless an
    /// event named them: a clock is too coarse for two writes in a row.
    pub(super) fn take(targets: &Targets, before: &Self, touched: &BTreeSet<PathBuf>) -> Self {
        // The configuration is small and matters most: it is read every time.
        let config = targets
            .config
            .as_deref()
            .and_then(|path| fs::read(path).ok());
        let credentials = targets.folder.as_deref().map(|folder| {
            credentials(folder, before, touched).unwrap_or_else(|error| {
                tracing::warn!(folder = %folder.display(), %error, "credential folder not readable");
                before.credentials.clone()
            })
        });
        Self {
            config: config.map(|bytes| digest::hex(&bytes)),
            credentials: credentials.unwrap_or_default(),
        }
    }

    /// What differs from `before`, by content.
    pub(super) fn changed_since(&self, before: &Self) -> FileChanged {
        let hash = |picture: &Self, id: &CredentialId| {
            picture.credentials.get(id).map(|print| print.hash.clone())
        };
        let ids = self.credentials.keys().chain(before.credentials.keys());
        FileChanged {
            config: self.config != before.config,
            credentials: ids
                .filter(|id| hash(self, id) != hash(before, id))
                .cloned()
                .collect(),
        }
    }
}

fn credentials(
    folder: &Path,
    before: &Picture,
    touched: &BTreeSet<PathBuf>,
) -> io::Result<BTreeMap<CredentialId, Print>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(id) = FileStore::id_of(&path) else {
            continue;
        };
        // Gone since the folder was listed, or not a file: not there.
        let Some(metadata) = fs::metadata(&path).ok().filter(Metadata::is_file) else {
            continue;
        };
        let stamp = Stamp::of(&metadata);
        let known = before.credentials.get(&id);
        let known = known.filter(|print| print.stamp == stamp && !touched.contains(&path));
        let print = match known {
            Some(print) => print.clone(),
            None => match fs::read(&path) {
                Ok(bytes) => Print {
                    stamp,
                    hash: digest::hex(&bytes),
                },
                Err(_) => continue,
            },
        };
        found.insert(id, print);
    }
    Ok(found)
}

/// The paths to watch, with what they are now: a watch holds on to a file, not to its name.
///
/// The folders see replacements; the file itself sees writes where only the file is mounted; and
/// where the file is a link, the same for what it leads to.
pub(super) fn watch_points(targets: &Targets) -> BTreeMap<PathBuf, u64> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let parent = |path: &Path| {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    };
    if let Some(config) = targets.config.as_deref() {
        paths.extend([parent(config), config.to_owned()]);
        if let Ok(real) = config.canonicalize() {
            paths.extend([parent(&real), real]);
        }
    }
    paths.extend(targets.folder.as_deref().map(Path::to_owned));
    let there = paths.into_iter().filter_map(|path| {
        let inode = inode(&fs::metadata(&path).ok()?);
        Some((path, inode))
    });
    there.collect()
}
