//! What can be wrong with a configuration, in words for the person who wrote it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::path::KeyPath;

/// Why a configuration cannot be used.
///
/// Every text about reading begins with `failed to load config: `, says where and what, and what
/// would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error(
        "failed to load config: `{}` does not exist; start without `--config` to have a first \
         one written, or copy `config.example.yaml`", .path.display()
    )]
    NotFound {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The path is a directory: what Docker leaves behind when the mounted file was missing.
    #[error(
        "failed to load config: read {}: is a directory; Docker created a directory because the \
         file was missing on the host; fix: stop the container, remove the directory (`rm -rf \
         {name}`), put a file there (`cp config.example.yaml {name}`), start again",
        .path.display(), name = file_name(.path)
    )]
    IsDirectory {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The file exists but cannot be read, or written back.
    #[error("{}", refused(.action, .path, .cause))]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file in question.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The text is not YAML.
    #[error("failed to load config: {}", placed(.path, .problem))]
    Syntax {
        /// The file, when the text came from one.
        path: Option<PathBuf>,
        /// Where, what and what would be right.
        problem: Problem,
    },
    /// The text is YAML but says something impossible.
    #[error("failed to load config: {}", listed(.path, .problems))]
    Invalid {
        /// The file, when the text came from one.
        path: Option<PathBuf>,
        /// Everything that is wrong, in the order of the file; never empty.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// The same error, naming the file the text came from.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        if let Self::Syntax { path, .. } | Self::Invalid { path, .. } = &mut self {
            *path = Some(file.to_owned());
        }
        self
    }

    /// The single faults with their places, for the management API; empty for file errors.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Syntax { problem, .. } => std::slice::from_ref(problem),
            Self::Invalid { problems, .. } => problems,
            Self::NotFound { .. } | Self::IsDirectory { .. } | Self::Io { .. } => &[],
        }
    }
}

/// What the system said about the file, and what a person can do.
fn refused(action: &str, path: &Path, cause: &io::Error) -> String {
    let path = path.display();
    if action == "read" {
        return format!("failed to load config: cannot read `{path}`: {cause}");
    }
    let fix = match cause.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; its folder must be writable for this user, or name a file elsewhere with `--config`"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on the disk",
        _ => "",
    };
    format!("cannot {action} `{path}`: {cause}{fix}")
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn placed(path: &Option<PathBuf>, problem: &Problem) -> String {
    match (path, problem.position) {
        (Some(path), Some(_)) => format!("{}:{problem}", path.display()),
        (Some(path), None) => format!("{}: {problem}", path.display()),
        (None, _) => problem.to_string(),
    }
}

fn listed(path: &Option<PathBuf>, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| placed(path, problem))
        .collect();
    lines.join("\n")
}

/// A line and column of the file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One fault: where it is, what was found and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place in the text, when it is known.
    pub position: Option<Position>,
    /// The value in question.
    pub key: KeyPath,
    /// What is wrong: `found the text "abc", expected …`.
    pub why: String,
    /// What to write instead; empty when `why` says it all.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.key.steps().is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.why)?;
        if !self.fix.is_empty() {
            write!(f, "; {}", self.fix)?;
        }
        Ok(())
    }
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Good to know; nothing is lost.
    Info,
    /// Something in the file does not do what its author may believe.
    Warning,
}

/// A remark about a configuration that is usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// The place in the text, when it is known.
    pub position: Option<Position>,
    /// The value in question.
    pub key: KeyPath,
    /// The remark.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, .. }) = self.position {
            write!(f, "line {line}: ")?;
        }
        write!(f, "`{}`: {}", self.key, self.text)
    }
}
