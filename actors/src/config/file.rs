//! The configuration file on disk: reading, and replacing without ever leaving half a file.
//!
//! These functions block; call them away from actors and workers.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::edit::EditError;
use super::env::Env;
use super::error::{ConfigError, Notice, Problem};
use super::layout::position;
use super::model::Config;
use super::path::KeyPath;
use crate::digest;

/// A state of the file: its text and the hash that tells it from other states.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The text; it holds keys, never log it.
    pub text: String,
    /// SHA-256 of the text in lower-case hex.
    pub hash: String,
}

impl fmt::Debug for Source {
    /// The text holds keys: only the hash is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// Whether there is nothing but blanks: what an editor leaves for a moment before it writes.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn of(text: String) -> Self {
        let hash = digest::hex(text.as_bytes());
        Self { text, hash }
    }
}

/// A state of the file and what it means.
#[derive(Debug)]
pub struct Loaded {
    /// The text and its hash.
    pub source: Source,
    /// The configuration.
    pub config: Config,
    /// Remarks about it.
    pub notices: Vec<Notice>,
}

/// Why an edit was not saved; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The edit itself could not be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The file cannot be read or written, or the result would be no valid configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Somebody else keeps writing the file at the same time.
    #[error("cannot save `{}`: it keeps changing; try again", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the file.
///
/// # Errors
///
/// [`ConfigError::NotFound`], [`ConfigError::IsDirectory`], [`ConfigError::Io`], and
/// [`ConfigError::Syntax`] for a text that is not UTF-8.
pub fn read(path: &Path) -> Result<Source, ConfigError> {
    let failed = |cause: io::Error| {
        let path = path.to_owned();
        match cause.kind() {
            ErrorKind::NotFound => ConfigError::NotFound { path },
            ErrorKind::IsADirectory => ConfigError::IsDirectory { path },
            _ => ConfigError::Io {
                action: "read",
                path,
                cause,
            },
        }
    };
    // Windows says "permission denied" when a directory is read.
    if fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(ConfigError::IsDirectory {
            path: path.to_owned(),
        });
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map(Source::of).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let problem = Problem {
            position: Some(position(&text, good)),
            key: KeyPath::root(),
            why: "found bytes that are no UTF-8 text".to_owned(),
            fix: "save the file as UTF-8".to_owned(),
        };
        ConfigError::Syntax {
            path: Some(path.to_owned()),
            problem,
        }
    })
}

/// Reads and resolves the file.
///
/// # Errors
///
/// Those of [`read`] and of [`Config::parse`], with the path.
pub fn load(path: &Path, env: &Env) -> Result<Loaded, ConfigError> {
    understood(path, read(path)?, env)
}

fn understood(path: &Path, source: Source, env: &Env) -> Result<Loaded, ConfigError> {
    let (config, notices) =
        Config::parse(&source.text, env).map_err(|error| error.in_file(path))?;
    Ok(Loaded {
        source,
        config,
        notices,
    })
}

/// Changes the file: reads it, lets `change` make a new text, checks that the result is a valid
/// configuration, keeps the old text as `<name>.bak` and replaces the file.
///
/// A text that stays the same is not written. When somebody saved the file in between, the change
/// is made again on the newer text.
///
/// # Errors
///
/// See [`SaveError`]; whatever fails, the file keeps its old content.
pub fn edit(
    path: &Path,
    env: &Env,
    change: impl FnMut(&str) -> Result<String, EditError>,
) -> Result<Loaded, SaveError> {
    edit_with(path, env, true, change)
}

/// [`edit`], with or without the copy.
pub(super) fn edit_with(
    path: &Path,
    env: &Env,
    keep_copy: bool,
    mut change: impl FnMut(&str) -> Result<String, EditError>,
) -> Result<Loaded, SaveError> {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        let old = read(path)?;
        let new = understood(path, Source::of(change(&old.text)?), env)?;
        if new.source == old {
            return Ok(new);
        }
        let failed = |cause| ConfigError::Io {
            action: "write",
            path: path.to_owned(),
            cause,
        };
        if keep_copy {
            replace(&copy_of(path), &old.text, Some(path)).map_err(failed)?;
        }
        if read(path)?.hash != old.hash {
            continue;
        }
        replace(path, &new.source.text, Some(path)).map_err(failed)?;
        return Ok(new);
    }
    Err(SaveError::Busy {
        path: path.to_owned(),
    })
}

/// Puts a whole text in place of the file, after the same checks as [`edit`].
///
/// # Errors
///
/// See [`SaveError`].
pub fn overwrite(path: &Path, env: &Env, text: &str) -> Result<Loaded, SaveError> {
    edit(path, env, |_| Ok(text.to_owned()))
}

/// Writes a file that does not exist yet, readable for its owner only; makes its folder.
///
/// # Errors
///
/// [`ConfigError::Io`], also when there is such a file already.
pub fn create(path: &Path, text: &str) -> Result<(), ConfigError> {
    let written = || -> io::Result<()> {
        let folder = folder_of(path);
        fs::create_dir_all(folder)?;
        let temporary = temporary(folder, text)?;
        temporary
            .persist_noclobber(path)
            .map_err(|failed| failed.error)?;
        sync_folder(folder)
    };
    written().map_err(|cause| ConfigError::Io {
        action: "write",
        path: path.to_owned(),
        cause,
    })
}

/// `<name>.bak` beside the file.
pub fn copy_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".bak");
    PathBuf::from(name)
}

/// Replaces a file: a temporary one, forced to disk, is renamed over it. Mode and owner are those
/// of `like`. Where renaming is impossible (a file mounted into a container, a folder without write
/// permission, a foreign owner) the file is rewritten in place.
pub(crate) fn replace(path: &Path, text: &str, like: Option<&Path>) -> io::Result<()> {
    // A link stays a link; its target is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(path);
    let renamed = || -> io::Result<()> {
        let temporary = temporary(folder, text)?;
        if let Some(like) = like {
            take_after(temporary.as_file(), &fs::metadata(like)?)?;
        }
        temporary.persist(path).map_err(|failed| failed.error)?;
        sync_folder(folder)
    };
    match renamed() {
        Err(error) if may_work_in_place(&error) && path.exists() => in_place(path, text),
        result => result,
    }
}

fn may_work_in_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
    )
}

/// The new text goes over the old one before the rest is cut off: a file is never empty in between.
fn in_place(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// Name of temporary files: before and after what makes them unique.
const TEMPORARY: (&str, &str) = (".config-", ".tmp");

/// Removes temporary files that a killed process left in `folder`: they hold what was to be written,
/// secrets too. Younger ones than `age` may still be in use.
pub(crate) fn sweep(folder: &Path, age: Duration) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)) {
            continue;
        }
        // A time in the future is a clock that was set; such a file waits for another start.
        let old = entry.metadata()?.modified()?.elapsed();
        if old.is_ok_and(|old| old >= age) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A temporary file (mode 0600) with the text, forced to disk.
fn temporary(folder: &Path, text: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY.0)
        .suffix(TEMPORARY.1)
        .tempfile_in(folder)
        .map_err(without_path)?;
    file.as_file_mut().write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// What the system said, without the name of a file that nobody asked for.
fn without_path(error: io::Error) -> io::Error {
    // The library keeps the system's error to itself: only kind and words can be had.
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

/// Whether files can be written into `folder`, tried with one that goes at once.
pub(crate) fn probe(folder: &Path) -> io::Result<()> {
    temporary(folder, "{}").map(drop)
}

#[cfg(unix)]
fn take_after(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())
}

#[cfg(not(unix))]
fn take_after(_file: &File, _like: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
