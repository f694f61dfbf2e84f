//! A value that one owner replaces and everybody else reads.

use parking_lot::RwLock;
use std::fmt;
use std::sync::Arc;

/// The current value of something an actor owns. Readers get an `Arc` and keep it as long as they
/// like; the owner swaps in a new one. The lock is held for the copy of a pointer only.
pub struct Published<T>(RwLock<Arc<T>>);

impl<T> Published<T> {
    /// Publishes a first value.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// The value published last.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read())
    }

    /// Replaces the value. Only the owner calls this.
    pub(crate) fn set(&self, value: T) {
        let value = Arc::new(value);
        // The old value is dropped after the lock is free: it may be the last reference.
        let old = std::mem::replace(&mut *self.0.write(), value);
        drop(old);
    }
}

impl<T: fmt::Debug> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Published").field(&self.get()).finish()
    }
}
