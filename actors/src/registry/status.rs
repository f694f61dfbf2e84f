//! What the daemon writes down about its accounts: one small file beside the logins.
//!
//! `--accounts` shows it, and the next start goes on from it; rests count again only when
//! `save-cooldown-status` says so (router-for-me/CLIProxyAPI#3368). Whether a daemon runs at all is
//! told by a lock, which the system takes back from a killed process: the file itself may be old and
//! true, because nothing is written while nothing changes.

use crate::config::file::replace;
use crate::credential::Kept;
use crate::domain::id::CredentialId;
use crate::domain::snapshot::Member;
use crate::domain::status::{AccountStatus, DaemonStatus, FORMAT, Process, Rest, health};
use crate::domain::view::CredentialView;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Name of the file; hidden and no `.json`, so that neither this nor the old program takes it for a
/// login.
const NAME: &str = ".account-status";
/// Whoever holds its lock is the daemon that serves the folder.
const LOCK: &str = ".daemon.lock";
/// What versions before this file wrote: rests alone. Read once, then removed.
const OLD_NAME: &str = ".cooldowns";
/// Least time between two writes: under load something changes all the time.
const GAP: Duration = Duration::from_secs(10);

/// What is known about a daemon that serves a folder.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What it wrote last.
    pub status: Option<DaemonStatus>,
    /// Whether one runs now; `None` = the file system cannot tell.
    pub is_running: Option<bool>,
    /// Why what it wrote could not be read.
    pub error: Option<String>,
}

impl Known {
    /// Looks into a folder of logins, beside the daemon or without one.
    pub(crate) fn read(folder: &Path) -> Self {
        let (status, error) = match read(folder) {
            Ok(status) => (status, None),
            Err(error) => {
                let path = folder.join(NAME);
                (None, Some(format!("{}: {error}", path.display())))
            }
        };
        let is_running = match File::open(folder.join(LOCK)) {
            Ok(lock) => match lock.try_lock_shared() {
                Ok(()) => Some(false),
                Err(TryLockError::WouldBlock) => Some(true),
                Err(TryLockError::Error(_)) => None,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Some(false),
            Err(_) => None,
        };
        Self {
            status,
            is_running,
            error,
        }
    }
}

/// What every form of the file has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Reads the file; `None` when there is none.
fn read(folder: &Path) -> io::Result<Option<DaemonStatus>> {
    let text = match fs::read_to_string(folder.join(NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Head { format } = serde_json::from_str(&text)?;
    if format != FORMAT {
        let text = format!("format {format} is not known");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(Some(serde_json::from_str(&text)?))
}

/// Decides when the status is written. Lives on the control thread and touches no disk.
pub(crate) struct StatusKeeper {
    file: Arc<Mutex<StatusFile>>,
    /// The views the last write was made of: an account whose view was not replaced is unchanged.
    seen: Vec<Arc<CredentialView>>,
    written_at: Option<Instant>,
    n_writes: u64,
}

/// The file, in the hands of one thread of the blocking pool at a time.
struct StatusFile {
    folder: PathBuf,
    process: Process,
    /// The lock on the folder, once it was to be had.
    lock: Option<File>,
    /// What the file says; `None` = nothing of this process.
    written: Option<BTreeMap<CredentialId, AccountStatus>>,
    /// Writes may overtake each other on their way here; an older one comes to nothing.
    n_last: u64,
    /// The last write failed, and was complained about.
    failing: bool,
    /// The last write came to nothing: it failed, or another process was in charge.
    behind: bool,
}

impl StatusKeeper {
    /// Takes charge of `folder`, and reads what the daemon before knew about each account. A file that
    /// cannot be read is as good as none.
    pub(crate) fn open(
        folder: &Path,
        restore_rests: bool,
        now: DateTime<Utc>,
    ) -> (Self, BTreeMap<CredentialId, Kept>) {
        let kept = match read(folder) {
            Ok(Some(status)) => {
                let accounts = status.accounts.into_iter();
                accounts
                    .map(|(id, account)| (id, Kept::of(account, restore_rests, now)))
                    .collect()
            }
            Ok(None) if restore_rests => old_rests(folder, now),
            Ok(None) => BTreeMap::new(),
            Err(error) => {
                let path = folder.join(NAME);
                tracing::warn!(path = %path.display(), %error, "account status not read");
                BTreeMap::new()
            }
        };
        let mut file = StatusFile {
            folder: folder.to_owned(),
            process: Process {
                pid: std::process::id(),
                started_at: now,
            },
            lock: None,
            written: None,
            n_last: 0,
            failing: false,
            behind: false,
        };
        // A look of `--accounts` may be in the way for a moment: every write tries again.
        file.is_in_charge();
        let keeper = Self {
            file: Arc::new(Mutex::new(file)),
            seen: Vec::new(),
            written_at: None,
            n_writes: 0,
        };
        (keeper, kept)
    }

    /// The work of writing down what changed; `None` when nothing did, or the last write is not long
    /// ago. `at_once`: however long ago; it also waits for a write under way.
    pub(super) fn write(
        &mut self,
        members: &[Arc<Member>],
        now: DateTime<Utc>,
        at_once: bool,
    ) -> Option<impl FnOnce() + Send + use<>> {
        let instant = Instant::now();
        let fresh = self.written_at.is_some_and(|at| instant - at < GAP);
        if fresh && !at_once {
            return None;
        }
        let views: Vec<_> = members.iter().map(|member| member.view.get()).collect();
        let same = self.seen.len() == views.len()
            && self.seen.iter().zip(&views).all(|(a, b)| Arc::ptr_eq(a, b));
        // A write under way will tell with the next look.
        let behind = self.file.try_lock().is_some_and(|file| file.behind);
        if same && self.written_at.is_some() && !behind && !at_once {
            return None;
        }
        self.seen = views.clone();
        self.written_at = Some(instant);
        self.n_writes += 1;
        let (file, n) = (Arc::clone(&self.file), self.n_writes);
        Some(move || file.lock().write(n, &views, now))
    }
}

impl StatusFile {
    fn write(&mut self, n: u64, views: &[Arc<CredentialView>], now: DateTime<Utc>) {
        if n <= self.n_last {
            return;
        }
        self.n_last = n;
        self.behind = !self.is_in_charge();
        if self.behind {
            return;
        }
        let accounts: BTreeMap<_, _> = views
            .iter()
            .map(|view| (view.record.id.clone(), AccountStatus::of(view, now)))
            .collect();
        if self.written.as_ref() == Some(&accounts) {
            return; // The views were made anew and say the same.
        }
        let path = self.folder.join(NAME);
        let status = DaemonStatus {
            format: FORMAT,
            daemon: self.process.clone(),
            written_at: now,
            accounts,
        };
        let written = serde_json::to_string_pretty(&status)
            .map_err(io::Error::from)
            .and_then(|text| replace(&path, &text, None));
        self.behind = written.is_err();
        match written {
            Ok(()) => {
                self.failing = false;
                self.written = Some(status.accounts);
                self.remove_old();
            }
            Err(error) if self.failing => {
                tracing::debug!(path = %path.display(), %error, "account status not saved");
            }
            Err(error) => {
                self.failing = true;
                tracing::warn!(path = %path.display(), %error, "account status not saved");
            }
        }
    }

    /// Whether this process is the one that serves the folder; tries to become it. Where the file
    /// system has no locks, everybody is.
    fn is_in_charge(&mut self) -> bool {
        if self.lock.is_some() {
            return true;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let Ok(lock) = options.open(self.folder.join(LOCK)) else {
            return true;
        };
        match lock.try_lock() {
            Ok(()) => {
                self.lock = Some(lock);
                true
            }
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => true,
        }
    }

    /// What the old file said is in the new one, or too old.
    fn remove_old(&self) {
        let path = self.folder.join(OLD_NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::debug!(path = %path.display(), %error, "old cooldown file not removed");
            }
            _ => {}
        }
    }
}

/// The rests that a version before the status file has written down.
fn old_rests(folder: &Path, now: DateTime<Utc>) -> BTreeMap<CredentialId, Kept> {
    let path = folder.join(OLD_NAME);
    let read = fs::read_to_string(&path).and_then(|text| {
        serde_json::from_str::<BTreeMap<CredentialId, Vec<Rest>>>(&text).map_err(io::Error::from)
    });
    let rests = read.unwrap_or_else(|error| {
        if error.kind() != ErrorKind::NotFound {
            tracing::warn!(path = %path.display(), %error, "cooldowns not read");
        }
        BTreeMap::new()
    });
    let kept = |rests: Vec<Rest>| Kept {
        health: health(&rests, now),
        ..Kept::default()
    };
    rests
        .into_iter()
        .map(|(id, rests)| (id, kept(rests)))
        .collect()
}

#[cfg(test)]
mod tests;
