//! What the tests of the running daemon stand on: scripted upstreams, a raw client, the daemon.
//!
//! Everything here blocks and needs no runtime in the test: upstreams and daemons have threads of
//! their own, waiting is for a condition with a deadline that only a broken program reaches.

pub mod acme;
pub mod answer;
pub mod asker;
pub mod claude_sim;
pub mod client;
pub mod clock;
pub mod codex_sim;
pub mod copilot_sim;
pub mod daemon;
pub mod deadline;
pub mod gate;
pub mod google_sim;
pub mod http;
pub mod iflow_sim;
pub mod kimi_sim;
pub mod listener;
pub mod oauth_sim;
pub mod proxy;
pub mod qwen_sim;
pub mod sensible;
pub mod sse;
pub mod terminal;
pub mod tls;
pub mod upstream;
pub mod vertex_sim;

mod tests;
