//! Pure types and decisions shared by configuration, actors and the daemon.

pub mod catalog;
pub mod expiry;
pub mod health;
pub mod id;
mod near;
pub mod outcome;
pub mod quota;
pub mod record;
pub mod refresh;
pub mod secret;
pub mod select;
pub mod snapshot;
pub mod status;
pub mod view;
pub mod wildcard;
