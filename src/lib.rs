//! The gateway: clients in front, accounts behind, translation between.

pub mod cli;
pub mod upstream;
