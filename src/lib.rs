//! The gateway: clients in front, accounts behind, translation between.
//!
//! `run` starts everything; `http` is the client side, `exchange` the middle, `providers` and
//! `upstream` the other side. ARCHITECTURE.md is the map.

pub mod cli;
pub mod exchange;
pub mod http;
pub mod providers;
pub mod run;
pub mod telemetry;
pub mod upstream;
