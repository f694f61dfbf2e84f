//! Client registrations that providers ship in their own public programs. Secrets of installed
//! programs are not confidential (RFC 8252 §8.5).

/// OpenAI's public client for Codex, without a secret. Source: openai/codex
/// `codex-rs/login/src/auth/manager.rs`.
pub const CODEX_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
