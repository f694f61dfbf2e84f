//! Pure types and decisions shared by configuration, actors and the daemon.

pub mod secret;
