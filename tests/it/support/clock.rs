//! Time that tests move.

use actors::port::{Clock, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

/// The machine's time, and what tests have added to it.
#[derive(Default)]
pub struct MovedClock(Mutex<TimeDelta>);

impl MovedClock {
    /// Lets so many seconds pass at once.
    pub fn pass(&self, seconds: i64) {
        *self.0.lock() += TimeDelta::seconds(seconds);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + *self.0.lock()
    }
}
