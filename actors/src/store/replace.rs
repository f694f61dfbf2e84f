//! Replacing a file as a whole.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Replaces the content of `path`: written beside it, forced to disk, renamed over it. The file is
/// readable for its owner only. Where a rename is impossible because the file itself is mounted, it
/// is rewritten in place.
pub(super) fn replace_private(path: &Path, data: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // A temporary file has mode 0600, and its name never ends in `.json`.
    let mut temporary = tempfile::Builder::new()
        .prefix(".saving-")
        .tempfile_in(folder)?;
    temporary.write_all(data)?;
    temporary.as_file().sync_all()?;
    match temporary.persist(path) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(failed)
            if matches!(
                failed.error.kind(),
                ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
            ) =>
        {
            let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
            file.write_all(data)?;
            file.sync_all()
        }
        Err(failed) => Err(failed.error),
    }
}
