//! Client registrations that providers ship in their own public programs. Secrets of installed
//! programs are not confidential (RFC 8252 §8.5).

/// OpenAI's public client for Codex, without a secret. Source: openai/codex
/// `codex-rs/login/src/auth/manager.rs`.
pub const CODEX_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// Anthropic's public client for its command line program, without a secret. Source: npm package
/// `@anthropic-ai/claude-code`; also router-for-me/CLIProxyAPI `internal/auth/claude`.
pub const CLAUDE_CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";
