//! What files look like now, and what may have changed since the last look.
//!
//! Between two looks at the same content somebody may have read another one. So a trace of writing is
//! enough to have a file read again; whoever reads it knows what it had before.

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
    /// The configuration; `None` = not there, or not readable. It is small and matters most, so its
    /// content (a hash) is looked at every time: a clock is too coarse for two writes in a row.
    config: Option<(Stamp, String)>,
    credentials: BTreeMap<CredentialId, Stamp>,
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
    /// Looks at all targets.
    pub(super) fn take(targets: &Targets, before: &Self) -> Self {
        let config = targets.config.as_deref().and_then(|path| {
            // The stamp first: what is written after it leaves another one.
            let stamp = Stamp::of(&fs::metadata(path).ok()?);
            Some((stamp, digest::hex(&fs::read(path).ok()?)))
        });
        let credentials = targets.folder.as_deref().map(|folder| {
            credentials(folder).unwrap_or_else(|error| {
                tracing::warn!(folder = %folder.display(), %error, "credential folder not readable");
                before.credentials.clone()
            })
        });
        Self {
            config,
            credentials: credentials.unwrap_or_default(),
        }
    }

    /// What differs from `before`.
    pub(super) fn changed_since(&self, before: &Self) -> FileChanged {
        let ids = self.credentials.keys().chain(before.credentials.keys());
        FileChanged {
            config: self.config != before.config,
            credentials: ids
                .filter(|id| self.credentials.get(*id) != before.credentials.get(*id))
                .cloned()
                .collect(),
        }
    }
}

/// What events say about the targets, given what is watched for them.
pub(super) fn named_by_events(
    targets: &Targets,
    points: &BTreeMap<PathBuf, u64>,
    touched: &BTreeSet<PathBuf>,
) -> FileChanged {
    // Events name whole paths, the configuration may name relative ones.
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = targets.folder.as_deref().map(whole);
    let points: BTreeSet<PathBuf> = points.keys().map(|path| whole(path)).collect();
    let touched: Vec<PathBuf> = touched.iter().map(|path| whole(path)).collect();
    let in_folder = touched
        .iter()
        .filter(|path| path.parent() == folder.as_deref());
    FileChanged {
        config: touched.iter().any(|path| points.contains(path)),
        credentials: in_folder
            .filter_map(|path| FileStore::id_of(path))
            .collect(),
    }
}

fn credentials(folder: &Path) -> io::Result<BTreeMap<CredentialId, Stamp>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(id) = FileStore::id_of(&path) else {
            continue;
        };
        // Gone since the folder was listed, or not a file: not there.
        if let Some(metadata) = fs::metadata(&path).ok().filter(Metadata::is_file) {
            found.insert(id, Stamp::of(&metadata));
        }
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
    fn every_trace_of_writing_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.json");
        let config = folder.path().join("config.yaml");
        let targets = Targets {
            config: Some(config.clone().into()),
            folder: Some(folder.path().into()),
        };
        let seen = std::cell::RefCell::new(Picture::take(&targets, &Picture::default()));
        assert_eq!(
            seen.borrow().changed_since(&Picture::default()),
            FileChanged::default()
        );
        let look = || {
            let now = Picture::take(&targets, &seen.borrow());
            let before = seen.replace(now);
            seen.borrow().changed_since(&before)
        };
        let both = FileChanged {
            config: true,
            credentials: ["a.json".into()].into(),
        };
        fs::write(&file, "one").expect("written");
        fs::write(&config, "port: 1").expect("written");
        fs::write(folder.path().join("notes.txt"), "").expect("written");
        assert_eq!(look(), both);
        assert_eq!(look(), FileChanged::default());

        // The same content again: it may have been another one meanwhile.
        let later = SystemTime::now() + std::time::Duration::from_secs(9);
        for path in [&file, &config] {
            let file = fs::File::options().write(true).open(path);
            file.and_then(|file| file.set_modified(later))
                .expect("a time");
        }
        assert_eq!(look(), both);

        // Without a trace: the configuration's content, and events.
        for (path, text) in [(&file, "two"), (&config, "port: 2")] {
            fs::write(path, text).expect("written");
            let file = fs::File::options().write(true).open(path);
            file.and_then(|file| file.set_modified(later))
                .expect("a time");
        }
        let config_only = FileChanged {
            config: true,
            credentials: BTreeSet::new(),
        };
        assert_eq!(look(), config_only);
        let points = watch_points(&targets);
        let notes = folder.path().join("notes.txt");
        let named = |paths: &[&PathBuf]| {
            let touched = paths.iter().map(|path| (*path).clone()).collect();
            named_by_events(&targets, &points, &touched)
        };
        assert_eq!(named(&[&file, &config, &notes]), both);
        assert_eq!(named(&[&config]), config_only);
        assert_eq!(named(&[&notes]), FileChanged::default());

        fs::remove_file(&file).expect("removed");
        fs::remove_file(&config).expect("removed");
        assert_eq!(look(), both);
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
