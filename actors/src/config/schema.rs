//! What may stand in the file: one line per key, from which reading, the list of known keys and the
//! notices follow. Defaults and meanings are in `resolve.rs`.
//!
//! Sources: `config.md` §3 (February), §5 (legacy), §6 (August), and the project's own keys.

use serde_yaml::Value;

use super::images::Images;
use super::path::KeyPath;
use super::reader::{At, Conditions, Effect, Field, Pairs, Raw, Reader, Span};

const OWN_IDENTITY: &str = "requests go out under the client's own identity";
const HOME_ONLY: &str = "it belongs to the control-centre mode, which does not exist here";

/// Declares a section of the file: its fields, and keys that are known but have no effect.
macro_rules! section {
    (
        $(#[$meta:meta])* $name:ident {
            $($field:ident: $ty:ty = $key:literal,)*
        } without effect {
            $($inert:literal: $effect:expr,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(super) struct $name {
            $(pub $field: Option<$ty>,)*
        }

        impl Field for $name {
            fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
                let mut out = Self::default();
                for (key, value) in reader.mapping(value, at)? {
                    let Some(key) = reader.key(key, at) else { continue };
                    match key.as_str() {
                        $($key => out.$field = reader.field(value, &at.key($key)),)*
                        $($inert => reader.inert(&at.key($inert), value, $effect),)*
                        other => reader.unknown(at, other, &[$($key,)* $($inert,)*]),
                    }
                }
                Some(out)
            }

            fn keys(prefix: &str, out: &mut Vec<String>) {
                let join = |key: &str| match prefix {
                    "" => key.to_owned(),
                    prefix => format!("{prefix}.{key}"),
                };
                $(
                    out.push(join($key));
                    <$ty as Field>::keys(&join($key), out);
                )*
                $(out.push(join($inert));)*
            }
        }
    };
}

section! {
    /// The whole file.
    File {
        host: String = "host",
        port: i64 = "port",
        tls: Tls = "tls",
        remote_management: RemoteManagement = "remote-management",
        auth_dir: String = "auth-dir",
        api_keys: Vec<String> = "api-keys",
        allow_unauthenticated: bool = "allow-unauthenticated",
        demo: bool = "demo",
        debug: bool = "debug",
        commercial_mode: bool = "commercial-mode",
        incognito_browser: bool = "incognito-browser",
        logging_to_file: bool = "logging-to-file",
        logs_max_total_size_mb: i64 = "logs-max-total-size-mb",
        error_logs_max_files: i64 = "error-logs-max-files",
        usage_statistics_enabled: bool = "usage-statistics-enabled",
        request_log: bool = "request-log",
        proxy_url: String = "proxy-url",
        upstream_rewrites: Pairs<String> = "upstream-rewrites",
        force_model_prefix: bool = "force-model-prefix",
        passthrough_headers: bool = "passthrough-headers",
        passthrough_model: bool = "passthrough-model",
        request_retry: i64 = "request-retry",
        max_retry_interval: i64 = "max-retry-interval",
        max_retry_credentials: i64 = "max-retry-credentials",
        disable_cooling: bool = "disable-cooling",
        save_cooldown_status: bool = "save-cooldown-status",
        transient_error_cooldown_seconds: i64 = "transient-error-cooldown-seconds",
        routing: Routing = "routing",
        quota_exceeded: QuotaExceeded = "quota-exceeded",
        streaming: Streaming = "streaming",
        nonstream_keepalive_interval: i64 = "nonstream-keepalive-interval",
        ws_auth: bool = "ws-auth",
        oauth_callback_host: String = "oauth-callback-host",
        oauth_model_alias: Pairs<Vec<At<Alias>>> = "oauth-model-alias",
        oauth_model_mappings: Pairs<Vec<At<Alias>>> = "oauth-model-mappings",
        oauth_excluded_models: Pairs<Vec<String>> = "oauth-excluded-models",
        oauth_request_scoped_errors: Pairs<Vec<At<ScopedError>>> = "oauth-request-scoped-errors",
        payload: Payload = "payload",
        gemini_api_key: Vec<At<KeyEntry>> = "gemini-api-key",
        generative_language_api_key: Vec<String> = "generative-language-api-key",
        claude_api_key: Vec<At<KeyEntry>> = "claude-api-key",
        codex_api_key: Vec<At<KeyEntry>> = "codex-api-key",
        vertex_api_key: Vec<At<KeyEntry>> = "vertex-api-key",
        openai_compatibility: Vec<At<Compatible>> = "openai-compatibility",
        kiro: Vec<At<Kiro>> = "kiro",
        kiro_preferred_endpoint: String = "kiro-preferred-endpoint",
        codex_header_defaults: CodexHeaders = "codex-header-defaults",
        disable_image_generation: Images = "disable-image-generation",
        auth: LegacyAuth = "auth",
    } without effect {
        "pprof": Effect::NotYet,
        "ampcode": Effect::NotYet,
        "amp-upstream-url": Effect::NotYet,
        "amp-upstream-api-key": Effect::NotYet,
        "amp-restrict-management-to-localhost": Effect::NotYet,
        "amp-model-mappings": Effect::NotYet,
        "plugins": Effect::NotYet,
        "redis-usage-queue-retention-seconds": Effect::NotYet,
        "auth-auto-refresh-workers": Effect::NotYet,
        "gpt-image-2-base-model": Effect::Nothing("models for pictures are called directly"),
        "video-result-auth-cache-ttl": Effect::NotYet,
        "xai-api-key": Effect::NotYet,
        "interactions-api-key": Effect::NotYet,
        "xai": Effect::NotYet,
        "codex": Effect::NotYet,
        "antigravity": Effect::NotYet,
        "antigravity-signature-cache-enabled": Effect::NotYet,
        "antigravity-signature-bypass-strict": Effect::NotYet,
        "credential-concurrency": Effect::Nothing(HOME_ONLY),
        "credential-in-flight": Effect::Nothing(HOME_ONLY),
        "home": Effect::Nothing(HOME_ONLY),
        "claude-header-defaults": Effect::Nothing(OWN_IDENTITY),
        "disable-claude-cloak-mode": Effect::Nothing("there is no cloaking to switch off"),
        "claude-code": Effect::Nothing("there is no cloaking to switch off"),
    }
}

section! {
    /// `tls`
    Tls {
        enable: bool = "enable",
        cert: String = "cert",
        key: String = "key",
    } without effect {}
}

section! {
    /// `remote-management`
    RemoteManagement {
        allow_remote: bool = "allow-remote",
        secret_key: String = "secret-key",
        disable_control_panel: bool = "disable-control-panel",
        disable_auto_update_panel: bool = "disable-auto-update-panel",
        panel_github_repository: String = "panel-github-repository",
    } without effect {}
}

section! {
    /// `routing`
    Routing {
        strategy: String = "strategy",
        session_affinity: bool = "session-affinity",
        session_affinity_ttl: Span = "session-affinity-ttl",
        session_affinity_subagents: bool = "session-affinity-subagents",
    } without effect {}
}

section! {
    /// `quota-exceeded`
    QuotaExceeded {
        switch_project: bool = "switch-project",
        switch_preview_model: bool = "switch-preview-model",
        antigravity_credits: bool = "antigravity-credits",
    } without effect {}
}

section! {
    /// `streaming`
    Streaming {
        keepalive_seconds: i64 = "keepalive-seconds",
        bootstrap_retries: i64 = "bootstrap-retries",
        idle_timeout_seconds: i64 = "idle-timeout-seconds",
    } without effect {}
}

section! {
    /// One entry of `gemini-api-key`, `claude-api-key`, `codex-api-key` or `vertex-api-key`.
    KeyEntry {
        api_key: String = "api-key",
        base_url: String = "base-url",
        proxy_url: String = "proxy-url",
        headers: Pairs<String> = "headers",
        priority: i64 = "priority",
        weight: i64 = "weight",
        prefix: String = "prefix",
        models: Vec<At<Model>> = "models",
        excluded_models: Vec<String> = "excluded-models",
        disabled: bool = "disabled",
        disable_cooling: bool = "disable-cooling",
        request_retry: i64 = "request-retry",
        request_scoped_errors: Vec<At<ScopedError>> = "request-scoped-errors",
        websockets: bool = "websockets",
        alpha_search: bool = "alpha-search",
    } without effect {
        "auth-index": Effect::Silent,
        "cloak": Effect::Nothing(OWN_IDENTITY),
        "fingerprint-profile": Effect::Nothing(OWN_IDENTITY),
        "experimental-cch-signing": Effect::Nothing(OWN_IDENTITY),
        "rebuild-mid-system-message": Effect::Nothing(
            "system texts stay where the client put them, as far as the upstream allows",
        ),
    }
}

section! {
    /// One entry of `openai-compatibility`.
    Compatible {
        name: String = "name",
        base_url: String = "base-url",
        api_key_entries: Vec<At<CompatibleKey>> = "api-key-entries",
        api_keys: Vec<String> = "api-keys",
        headers: Pairs<String> = "headers",
        priority: i64 = "priority",
        weight: i64 = "weight",
        prefix: String = "prefix",
        models: Vec<At<Model>> = "models",
        excluded_models: Vec<String> = "excluded-models",
        disabled: bool = "disabled",
        disable_cooling: bool = "disable-cooling",
        request_retry: i64 = "request-retry",
        request_scoped_errors: Vec<At<ScopedError>> = "request-scoped-errors",
        support_prompt_cache_key: bool = "support-prompt-cache-key",
    } without effect {
        "auth-index": Effect::Silent,
    }
}

section! {
    /// One entry of `openai-compatibility[].api-key-entries`.
    CompatibleKey {
        api_key: String = "api-key",
        proxy_url: String = "proxy-url",
        weight: i64 = "weight",
    } without effect {
        "auth-index": Effect::Silent,
    }
}

section! {
    /// One entry of `models`.
    Model {
        name: String = "name",
        alias: String = "alias",
        display_name: String = "display-name",
        force_mapping: bool = "force-mapping",
        max_context_length: i64 = "max-context-length",
        is_compat: bool = "is-compat",
        thinking: Thinking = "thinking",
        image: bool = "image",
        input_modalities: Vec<String> = "input-modalities",
        output_modalities: Vec<String> = "output-modalities",
    } without effect {}
}

section! {
    /// `models[].thinking`
    Thinking {
        levels: Vec<String> = "levels",
    } without effect {}
}

section! {
    /// One entry of `oauth-model-alias.*`.
    Alias {
        name: String = "name",
        alias: String = "alias",
        fork: bool = "fork",
        display_name: String = "display-name",
        force_mapping: bool = "force-mapping",
    } without effect {}
}

section! {
    /// One entry of `request-scoped-errors`.
    ScopedError {
        status: i64 = "status",
        contains: Vec<String> = "match",
        regexes: Vec<String> = "match-regexr",
        action: String = "action",
    } without effect {}
}

section! {
    /// One entry of `kiro`.
    Kiro {
        token_file: String = "token-file",
        access_token: String = "access-token",
        refresh_token: String = "refresh-token",
        profile_arn: String = "profile-arn",
        region: String = "region",
        proxy_url: String = "proxy-url",
        agent_task_type: String = "agent-task-type",
        preferred_endpoint: String = "preferred-endpoint",
    } without effect {}
}

section! {
    /// `codex-header-defaults`
    CodexHeaders {
        user_agent: String = "user-agent",
        beta_features: String = "beta-features",
    } without effect {}
}

section! {
    /// `payload`
    Payload {
        default: Vec<At<SetRule>> = "default",
        default_raw: Vec<At<SetRule>> = "default-raw",
        r#override: Vec<At<SetRule>> = "override",
        override_raw: Vec<At<SetRule>> = "override-raw",
        filter: Vec<At<FilterRule>> = "filter",
    } without effect {}
}

section! {
    /// One entry of a `payload` list that sets values.
    SetRule {
        models: Vec<At<PayloadModel>> = "models",
        params: Pairs<Raw> = "params",
    } without effect {}
}

section! {
    /// One entry of `payload.filter`.
    FilterRule {
        models: Vec<At<PayloadModel>> = "models",
        params: Vec<String> = "params",
    } without effect {}
}

section! {
    /// One entry of `payload.*[].models`.
    PayloadModel {
        name: String = "name",
        protocol: String = "protocol",
        from_protocol: String = "from-protocol",
        headers: Pairs<String> = "headers",
        matches: Conditions = "match",
        not_matches: Conditions = "not-match",
        exist: Vec<String> = "exist",
        not_exist: Vec<String> = "not-exist",
    } without effect {}
}

section! {
    /// `auth`: how client keys were written before `api-keys`.
    LegacyAuth {
        providers: Vec<LegacyProvider> = "providers",
    } without effect {}
}

section! {
    /// One entry of `auth.providers`.
    LegacyProvider {
        api_keys: Vec<String> = "api-keys",
    } without effect {
        "name": Effect::Silent,
        "type": Effect::Silent,
        "sdk": Effect::Silent,
        "config": Effect::Silent,
    }
}

/// Dotted names of every key the file may hold: `tls.cert`, `gemini-api-key[].weight`.
pub fn all_keys() -> Vec<String> {
    let mut out = Vec::new();
    File::keys("", &mut out);
    out
}

/// The section a key belongs to when it stands in the wrong one.
pub(super) fn elsewhere(key: &str) -> Option<String> {
    let end = format!(".{key}");
    all_keys()
        .iter()
        .find_map(|known| known.strip_suffix(&end).map(str::to_owned))
}
