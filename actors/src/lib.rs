//! State of the gateway.

pub mod config;
pub mod domain;
