//! Where log lines go.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

/// Lines that wait for the terminal or pipe at the most; more are dropped and counted, requests never
/// wait for a log reader.
const BUFFERED_LINES: usize = 32_000;

/// The running log. Dropping it writes what still waits.
pub struct Log {
    level: reload::Handle<EnvFilter, Registry>,
    _writer: WorkerGuard,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `RUST_LOG` cannot be read.
    #[error("environment variable `RUST_LOG`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// There is a log already.
    #[error(transparent)]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the log on standard output. `directives` is the value of `RUST_LOG`, which wins over
/// `debug`.
///
/// # Errors
///
/// [`LogError`].
pub fn start(debug: bool, directives: Option<&str>) -> Result<Log, LogError> {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stdout());
    let (filter, level) = reload::Layer::new(filter(debug, directives)?);
    let lines = fmt::layer()
        .with_writer(writer)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stdout()));
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()?;
    Ok(Log {
        level,
        _writer: guard,
    })
}

fn filter(
    debug: bool,
    directives: Option<&str>,
) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    match directives {
        Some(text) => EnvFilter::builder().parse(text),
        None => {
            // Libraries stay at info: their debug lines may show headers.
            let ours = if debug { "debug" } else { "info" };
            EnvFilter::builder()
                .with_default_directive(LevelFilter::WARN.into())
                .parse(format!(
                    "cli_proxy_api_plus={ours},actors={ours},protocol={ours}"
                ))
        }
    }
}

impl Log {
    /// Follows a change of `debug` in the configuration.
    pub fn set_debug(&self, debug: bool) {
        match filter(debug, None) {
            Ok(filter) => {
                if let Err(error) = self.level.reload(filter) {
                    tracing::warn!(%error, "log level unchanged");
                }
            }
            Err(error) => tracing::warn!(%error, "log level unchanged"),
        }
    }
}
