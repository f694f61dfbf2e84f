//! Why the program ends, and with which exit code.

use crate::telemetry::log;
use actors::config::ConfigError;
use actors::login::LoginError;
use actors::store::StoreError;
use actors::system;
use std::io::ErrorKind;

/// Exit code for a configuration, address or feature that cannot be used (`cli.md` §2).
const EXIT_FAILED: u8 = 1;

/// Exit code for a login whose port is in use (`cli.md` §2).
const EXIT_PORT_BUSY: u8 = 13;

/// Why the program ends with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be used. Its text names file, place and fix.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The actors did not start.
    #[error("cannot start: {}{}", chain(.0), what_helps(.0))]
    Start(#[from] system::StartError),
    /// A mode of the program we replace that is not built yet.
    #[error(
        "`--{0}` is not part of this version yet; API keys in config.yaml work, see \
         config.example.yaml"
    )]
    NotYet(&'static str),
    /// A login brought no account.
    #[error("{service} authentication failed: {error}")]
    Login {
        /// The service, for people.
        service: &'static str,
        /// Why.
        error: LoginError,
    },
    /// A file named on the command line cannot be read.
    #[error("cannot read `{path}`: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {cause}; {fix}")]
    Bind {
        /// Address of the configuration.
        address: String,
        /// What the system said.
        cause: std::io::Error,
        /// What to do.
        fix: &'static str,
    },
    /// Certificate or key cannot be used.
    #[error("failed to start HTTPS server: {0}")]
    Tls(String),
    /// Something else of the system.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The log cannot be set up.
    #[error(transparent)]
    Log(#[from] log::LogError),
}

impl RunError {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Login {
                error: LoginError::PortBusy { .. },
                ..
            } => EXIT_PORT_BUSY,
            _ => EXIT_FAILED,
        }
    }
}

/// What a person can do about a credential folder that cannot be used.
fn what_helps(error: &system::StartError) -> &'static str {
    let system::StartError::Store(StoreError::Io { cause, .. }) = error else {
        return "";
    };
    match cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; this user must be able to read and write it, or set `auth-dir` to another folder"
        }
        ErrorKind::NotADirectory => "; set `auth-dir` to a folder",
        _ => "",
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
