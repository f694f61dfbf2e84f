//! Logs.

pub mod log;
