//! State of the gateway: configuration, credentials, catalogue, and the actors that own them.
//!
//! Actors own every write; everybody else reads immutable pictures and asks exactly one actor per
//! attempt. No HTTP, no provider names and no wire protocol in here: the daemon brings them through
//! [`port`].

pub mod affinity;
pub mod config;
pub mod credential;
mod digest;
pub mod domain;
pub mod lease;
pub mod login;
pub mod port;
pub mod published;
pub mod registry;
mod renewal;
pub mod store;
pub mod supervisor;
pub mod system;
#[cfg(test)]
mod testing;
mod watcher;
