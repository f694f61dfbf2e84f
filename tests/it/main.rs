//! Tests that see the daemon from outside.

// Tells the lints that helper functions in here are test code too.
#![cfg(test)]

mod sdk;
mod support;
