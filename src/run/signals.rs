//! SIGINT and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the start to the end: one that comes while nobody waits is kept.
pub struct Signals(Option<(Signal, Signal)>);

impl Signals {
    /// Begins to listen.
    pub fn listen() -> Self {
        let interrupt = signal(SignalKind::interrupt());
        let terminate = signal(SignalKind::terminate());
        match (interrupt, terminate) {
            (Ok(interrupt), Ok(terminate)) => Self(Some((interrupt, terminate))),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "signals cannot be caught; stop the process by its id");
                Self(None)
            }
        }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some((interrupt, terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }
}
