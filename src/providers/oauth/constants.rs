//! Client registrations that providers ship in their own public programs. Secrets of installed
//! programs are not confidential (RFC 8252 §8.5).

/// OpenAI's public client for Codex, without a secret. Source: openai/codex
/// `codex-rs/login/src/auth/manager.rs`.
pub const CODEX_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// Anthropic's public client for its command line program, without a secret. Source: npm package
/// `@anthropic-ai/claude-code`; also router-for-me/CLIProxyAPI `internal/auth/claude`.
pub const CLAUDE_CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";

/// Gemini CLI. Source: google-gemini/gemini-cli `packages/core/src/code_assist/oauth2.ts`.
pub const GEMINI_CLI_CLIENT_ID: &str =
    "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";

/// The secret of [`GEMINI_CLI_CLIENT_ID`]; same source, which explains why it is none.
pub const GEMINI_CLI_CLIENT_SECRET: &str = "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";

/// Antigravity: the registration that existing files were made with. Source:
/// router-for-me/CLIProxyAPI `internal/auth/antigravity/constants.go`.
pub const ANTIGRAVITY_CLIENT_ID: &str =
    "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";

/// The secret of [`ANTIGRAVITY_CLIENT_ID`]; same source.
pub const ANTIGRAVITY_CLIENT_SECRET: &str = "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";

/// Kimi Code, a public client without a secret. Source: MoonshotAI/kimi-cli
/// `src/kimi_cli/auth/oauth.py`.
pub const KIMI_CLIENT_ID: &str = "17e5f671-d194-4dfb-9706-5516cb48c098";

/// Qwen Code, a public client without a secret. Source: QwenLM/qwen-code
/// `packages/core/src/qwen/qwenOAuth2.ts`.
pub const QWEN_CLIENT_ID: &str = "f0304373b74a44d2b584a3fb70ca9e56";

/// iFlow: the registration that existing files were made with. Source: router-for-me/CLIProxyAPI
/// `internal/auth/iflow/iflow_auth.go`.
pub const IFLOW_CLIENT_ID: &str = "10009311001";

/// The secret of [`IFLOW_CLIENT_ID`]; same source.
pub const IFLOW_CLIENT_SECRET: &str = "4Z3YjXycVsQvyGF1etiNlIBB4RsqSDtW";

/// GitHub Copilot's editor plugins, a public client without a secret. Source: ericc-ch/copilot-api
/// `src/lib/api-config.ts`; also badlogic/pi-mono `packages/ai/src/utils/oauth/github-copilot.ts`.
pub const COPILOT_CLIENT_ID: &str = "Iv1.b507a08c87ecfe98";
