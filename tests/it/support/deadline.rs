//! Waiting for conditions.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// How long any wait may take before the test fails. Nothing that works comes near it, however
/// busy the machine: it exists so that a broken program fails a test instead of hanging it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `ready` finds something in the state that `changed` announces changes of.
///
/// Panics with `what` after [`DEADLINE`].
#[track_caller]
pub fn wait_for<S, T>(
    state: &Mutex<S>,
    changed: &Condvar,
    mut ready: impl FnMut(&mut MutexGuard<'_, S>) -> Option<T>,
    what: impl FnOnce(&S) -> String,
) -> T {
    let give_up_at = Instant::now() + DEADLINE;
    let mut guard = state.lock();
    loop {
        if let Some(found) = ready(&mut guard) {
            return found;
        }
        if changed.wait_until(&mut guard, give_up_at).timed_out() {
            panic!("waited {DEADLINE:?} for {}", what(&guard));
        }
    }
}

/// Asks again and again until `ready` answers; for states that announce nothing (files, logs,
/// answers of the daemon). Panics with `what` after [`DEADLINE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let give_up_at = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(
            Instant::now() < give_up_at,
            "waited {DEADLINE:?} for {what}"
        );
        // Only yields the processor between two looks; no test depends on the length.
        std::thread::sleep(Duration::from_millis(2));
    }
}
