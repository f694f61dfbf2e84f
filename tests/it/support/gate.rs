//! A point in a script that waits for the test.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::deadline::wait_for;

/// Holds a scripted upstream at one point until the test opens it.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    open: watch::Sender<bool>,
    n_reached: Mutex<usize>,
    reached: Condvar,
}

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            open: watch::Sender::new(false),
            n_reached: Mutex::new(0),
            reached: Condvar::new(),
        }))
    }

    /// Lets everything through that waits now or comes later.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until a script stands at the gate: everything before it has been written.
    #[track_caller]
    pub fn await_reached(&self) {
        self.await_reached_by(1);
    }

    /// Waits until `n` scripts have arrived at the gate.
    #[track_caller]
    pub fn await_reached_by(&self, n: usize) {
        wait_for(
            &self.0.n_reached,
            &self.0.reached,
            |reached| (**reached >= n).then_some(()),
            |reached| format!("{n} scripts to reach the gate ({reached} did)"),
        );
    }

    /// Announces the arrival and waits for the gate to open.
    pub async fn pass(&self) {
        *self.0.n_reached.lock() += 1;
        self.0.reached.notify_all();
        let mut opened = self.0.open.subscribe();
        // The sender lives in `self`, so the only way to end is an open gate.
        let _ = opened.wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
