//! Tests that see the daemon from outside.

// Tells the lints that helper functions in here are test code too.
#![cfg(test)]

mod architecture;
mod clients;
mod failover;
mod first_start;
mod hangup;
mod reload;
mod sdk;
mod support;
mod websocket;
