//! Calls to upstream services: routes through proxies, pooled clients, bounded bodies.

pub mod body;
pub mod client;
pub mod connector;
pub mod dial;
pub mod route;

pub use body::{BodyError, UpstreamBody};
pub use client::{Clients, UpstreamError, UpstreamReply};
pub use route::Route;
