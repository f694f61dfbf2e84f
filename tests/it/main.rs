//! Tests that see the daemon from outside.

// `cfg(test)` tells the lints that helper functions in here are test code too.
#[cfg(test)]
mod support;
