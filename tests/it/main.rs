//! Tests that see the daemon from outside.

// Tells the lints that helper functions in here are test code too.
#![cfg(test)]

mod accounts_antigravity;
mod accounts_claude;
mod accounts_codex;
mod accounts_copilot;
mod accounts_gemini_cli;
mod accounts_iflow;
mod accounts_kimi;
mod accounts_qwen;
mod accounts_shown;
mod accounts_vertex;
mod architecture;
mod clients;
mod crash;
mod embeddings;
mod failover;
mod fidelity;
mod first_start;
mod hangup;
mod images;
mod lives;
mod login;
mod matrix;
mod packaging;
mod proxy;
mod quota;
mod readme;
mod refresh;
mod reload;
mod routing;
mod sdk;
mod shutdown;
mod support;
mod terminal;
mod upstreams;
mod websocket;
