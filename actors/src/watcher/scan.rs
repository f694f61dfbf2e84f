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
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
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

/// Links that may lead from the configured name to the file.
const LINKS_MAX: usize = 8;

/// The paths to watch, with what they are now: a watch holds on to a file, not to its name.
///
/// The folders see replacements; the file itself sees writes where only the file is mounted; and
/// where the file is a link, the same for what it leads to, also while nothing is there.
pub(super) fn watch_points(targets: &Targets) -> BTreeMap<PathBuf, u64> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut hop = targets.config.as_deref().map(Path::to_owned);
    for _ in 0..LINKS_MAX {
        let Some(path) = hop else { break };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        hop = fs::read_link(&path).ok().map(|target| folder.join(target));
        paths.extend([folder, path]);
    }
    paths.extend(targets.folder.as_deref().map(Path::to_owned));
    let there = paths.into_iter().filter_map(|path| {
        let inode = inode(&fs::metadata(&path).ok()?);
        Some((path, inode))
    });
    there.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_counts_and_events_make_sure() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.json");
        let config = folder.path().join("config.yaml");
        let targets = Targets {
            config: Some(config.clone().into()),
            folder: Some(folder.path().into()),
        };
        let none = BTreeSet::new();
        let empty = Picture::take(&targets, &Picture::default(), &none);
        assert_eq!(
            empty.changed_since(&Picture::default()),
            FileChanged::default()
        );

        fs::write(&file, "one").expect("written");
        fs::write(&config, "port: 1").expect("written");
        fs::write(folder.path().join("notes.txt"), "").expect("written");
        let first = Picture::take(&targets, &empty, &none);
        let a = FileChanged {
            config: true,
            credentials: ["a.json".into()].into(),
        };
        assert_eq!(first.changed_since(&empty), a);

        // Saved without a change: other times, the same content.
        let later = SystemTime::now() + std::time::Duration::from_secs(9);
        let touch = |path: &Path| {
            let file = fs::File::options().write(true).open(path).expect("a file");
            file.set_modified(later).expect("a time");
        };
        touch(&file);
        touch(&config);
        let touched = Picture::take(&targets, &first, &none);
        assert_eq!(touched.changed_since(&first), FileChanged::default());

        // Changed without a trace: only an event makes it look.
        fs::write(&file, "two").expect("written");
        touch(&file);
        let blind = Picture::take(&targets, &touched, &none);
        assert_eq!(blind.changed_since(&touched), FileChanged::default());
        let told = Picture::take(&targets, &touched, &[file.clone()].into());
        let credentials = ["a.json".into()].into();
        assert_eq!(
            told.changed_since(&touched),
            FileChanged {
                config: false,
                credentials
            }
        );

        fs::remove_file(&file).expect("removed");
        fs::remove_file(&config).expect("removed");
        assert_eq!(
            Picture::take(&targets, &told, &none).changed_since(&told),
            a
        );
    }

    #[cfg(unix)]
    #[test]
    fn every_hop_of_a_link_is_watched_also_into_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["etc", "real"] {
            fs::create_dir(at(name)).expect("a folder");
        }
        std::os::unix::fs::symlink("../real/config.yaml", at("etc/config.yaml")).expect("a link");
        let targets = Targets {
            config: Some(at("etc/config.yaml").into()),
            folder: None,
        };
        let watched = |targets: &Targets| watch_points(targets).into_keys().collect::<Vec<_>>();
        assert_eq!(watched(&targets), [at("etc"), at("etc/../real")]);
        fs::write(at("real/config.yaml"), "").expect("written");
        let (file, link) = (at("etc/../real/config.yaml"), at("etc/config.yaml"));
        assert_eq!(
            watched(&targets),
            [at("etc"), at("etc/../real"), file, link]
        );
        // A link to itself leads nowhere, but not for ever.
        std::os::unix::fs::symlink("loop", at("loop")).expect("a link");
        let targets = Targets {
            config: Some(at("loop").into()),
            folder: None,
        };
        assert_eq!(watched(&targets), [folder.path()]);
    }
}
