//! The recorded traffic of real services.

use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures")
}

/// A file of the recordings; `None` where there are none, which only a developer's machine may say.
pub fn read(path: &str) -> Option<Vec<u8>> {
    let file = folder().join(path);
    match std::fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{}: {error}",
                file.display()
            );
            None
        }
    }
}

/// A JSON file of the recordings.
pub fn json(path: &str) -> Option<Value> {
    read(path).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}
