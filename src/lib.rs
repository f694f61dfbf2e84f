//! The gateway: clients in front, accounts behind, translation between.

pub mod upstream;
