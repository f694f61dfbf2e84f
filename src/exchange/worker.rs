//! What one worker thread owns.

use super::replay::ReplayStore;
use crate::upstream::Clients;
use actors::domain::snapshot::Snapshot;
use actors::port::Clock;
use actors::system::Handles;
use ring::rand::SecureRandom;
use std::sync::Arc;

/// Shared by all workers of a daemon; cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// The actors and what they publish.
    pub handles: Handles,
    /// Reasoning that clients cannot send back by themselves.
    pub replay: Arc<ReplayStore>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Source of ids.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
}

/// One thread's part: its upstream connections.
pub struct Worker {
    /// What all workers share.
    pub shared: Shared,
    /// Upstream clients with their connections.
    pub clients: Clients,
}

impl Worker {
    /// The current snapshot; a request keeps the one it started with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.handles.snapshot.get()
    }

    /// `n` random bytes in lower-case hex; zeros when the system has no randomness (ids need to be
    /// unlike each other, not secret).
    pub fn random_hex(&self, n: usize) -> String {
        let mut bytes = vec![0; n];
        if self.shared.random.fill(&mut bytes).is_err() {
            tracing::error!("the system has no randomness");
        }
        let mut text = String::with_capacity(n * 2);
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
        }
        text
    }
}
