//! The resolved configuration: what the rest of the program reads.
//!
//! Values are final: defaults are filled in, texts trimmed, durations typed. Nothing here knows how
//! the file spells it; that is `schema.rs`, and the way from there to here is `resolve.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::account::{ErrorRule, KeyAccount, ModelAlias, Proxy};
use super::images::Images;
use super::payload::PayloadRules;
use crate::domain::secret::Secret;

/// Everything the file and the environment decide; immutable once built.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub server: Server,
    /// Folder of the credential files, `~` expanded (`auth-dir`).
    pub auth_dir: PathBuf,
    /// Keys clients must present (`api-keys`): trimmed, without blanks and repetitions.
    pub client_keys: Vec<Secret>,
    /// With an empty `client_keys`: serve everybody, not only peers on the loopback interface.
    pub allow_unauthenticated: bool,
    /// Offer the built-in demo provider, which answers without any account.
    pub demo: bool,
    /// How often and how long a request is tried again.
    pub retry: Retry,
    /// How long an account rests after a failure.
    pub cooling: Cooling,
    /// Which account serves a request.
    pub routing: Routing,
    /// What is tried when a quota is used up.
    pub quota_exceeded: QuotaExceeded,
    /// Timing of answers.
    pub streaming: Streaming,
    /// One entry per configured upstream key, in the order of the file.
    pub accounts: Vec<KeyAccount>,
    /// Aliases for models of logged-in accounts, by lower-case channel. A channel that is absent
    /// gets the built-in aliases; an empty list switches them off (`config.md` §3.5).
    pub oauth_model_alias: BTreeMap<String, Vec<ModelAlias>>,
    /// Hidden models of logged-in accounts, by lower-case channel; lower-case `*` patterns.
    pub oauth_excluded_models: BTreeMap<String, Vec<String>>,
    /// How odd upstream errors are read for logged-in accounts, by lower-case channel.
    pub oauth_request_scoped_errors: BTreeMap<String, Vec<ErrorRule>>,
    /// Address the login callback listeners bind to; loopback unless a container needs more.
    pub oauth_callback_host: String,
    /// Use a private browser window for logins.
    pub incognito_browser: bool,
    /// Rules that change request bodies on their way upstream.
    pub payload: PayloadRules,
    /// Access to the management API and its panel.
    pub management: Management,
    /// What is written where.
    pub logging: Logging,
    /// Proxy for every account that names none itself.
    pub proxy: Proxy,
    /// URL prefix → URL prefix, applied to every outgoing request, longest prefix first.
    pub upstream_rewrites: Vec<UpstreamRewrite>,
    /// Hand upstream response headers on to the client.
    pub passthrough_headers: bool,
    /// Name the upstream's model in answers instead of the one the client asked for.
    pub passthrough_model: bool,
    /// Ask for a client key on the relay WebSocket `/v1/ws`.
    pub ws_auth: bool,
    /// Which Kiro endpoint is tried first.
    pub kiro_endpoint: Option<KiroEndpoint>,
    /// Kiro accounts named in the file instead of the credential folder.
    pub kiro: Vec<KiroAccount>,
    /// Headers the Codex upstream gets when the client sends none.
    pub codex_headers: CodexHeaders,
    /// Where pictures may be made (`disable-image-generation`).
    pub images: Images,
    /// Settings that come from the environment only.
    pub environment: FromEnvironment,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Address to bind; empty = all interfaces.
    pub host: String,
    /// Port to bind; 0 lets the system choose.
    pub port: u16,
    /// Certificate and key for HTTPS; `None` = plain HTTP.
    pub tls: Option<Tls>,
}

/// Files for HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificate chain.
    pub cert: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// How often and how long a request is tried again (`routing.md` §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Further rounds over the accounts after the first one (`request-retry`).
    pub rounds: u32,
    /// Longest wait for a cooldown to end before the next round; zero = never wait.
    pub max_interval: Duration,
    /// Accounts tried per round; 0 = all.
    pub max_credentials: usize,
}

/// How long an account rests after a failure (`routing.md` §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooling {
    /// No cooldowns at all (`disable-cooling`); an account may say otherwise.
    pub disabled: bool,
    /// Rest after 408 and 5xx; `None` = none.
    pub transient: Option<Duration>,
    /// Keep cooldowns over a restart (`save-cooldown-status`).
    pub save: bool,
}

/// Which account serves a request (`routing.md` §5, §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// How to choose among equals.
    pub strategy: Strategy,
    /// Keep a session on one account; `None` = off.
    pub affinity: Option<Affinity>,
    /// Models of accounts with a prefix answer to the prefixed name only.
    pub force_model_prefix: bool,
}

/// What is tried when a quota is used up (`gemini-cli.md` §6). Nothing of it unless it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuotaExceeded {
    /// Ask the other projects of the same account (`switch-project`).
    pub switch_project: bool,
    /// Ask the same account for the preview of the model, or for the model that is no preview
    /// (`switch-preview-model`).
    pub switch_preview_model: bool,
    /// Pay with bought credits for Claude models of Antigravity accounts when nothing else is left
    /// (`antigravity-credits`).
    pub antigravity_credits: bool,
}

/// How to choose among accounts of the same priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// Each in turn, as often as its weight says.
    WeightedRoundRobin,
    /// The first that is usable, until it is not.
    FillFirst,
}

impl Strategy {
    /// The spelling of the file and of the management API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::WeightedRoundRobin => "weighted-round-robin",
            Self::FillFirst => "fill-first",
        }
    }

    /// Reads a spelling: full, without hyphens, or short (`rr`, `wrr`, `ff`), in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "round-robin" | "roundrobin" | "rr" => Some(Self::RoundRobin),
            "weighted-round-robin" | "weightedroundrobin" | "wrr" => Some(Self::WeightedRoundRobin),
            "fill-first" | "fillfirst" | "ff" => Some(Self::FillFirst),
            _ => None,
        }
    }
}

/// How sessions stick to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affinity {
    /// How long a binding lives after its last use.
    pub ttl: Duration,
    /// Sub-agents follow the account of the session that started them.
    pub subagents: bool,
}

/// Timing of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streaming {
    /// Comment lines in a silent event stream after this long; `None` = none.
    pub keep_alive: Option<Duration>,
    /// Attempts after a failure before the client got its first byte.
    pub bootstrap_retries: u32,
    /// Longest silence between two upstream bytes; `None` = unlimited.
    pub idle_timeout: Option<Duration>,
    /// Blank lines in a waiting answer that is no stream; `None` = none.
    pub nonstream_keep_alive: Option<Duration>,
}

/// Access to the management API and its panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// Serve peers that are not on this machine. `MANAGEMENT_PASSWORD` forces it on.
    pub allow_remote: bool,
    /// The key from the file; `None` and no `password` = the API answers 404.
    pub secret: Option<ManagementSecret>,
    /// The key from `MANAGEMENT_PASSWORD`.
    pub password: Option<Secret>,
    /// Serve no panel.
    pub disable_control_panel: bool,
    /// Never fetch a newer panel.
    pub disable_auto_update_panel: bool,
    /// Where a downloadable panel comes from.
    pub panel_repository: String,
    /// File or folder of a panel that replaces the built-in one (`MANAGEMENT_STATIC_PATH`).
    pub panel_path: Option<PathBuf>,
}

impl Management {
    /// Whether any key opens the API.
    pub fn enabled(&self) -> bool {
        self.secret.is_some() || self.password.is_some()
    }
}

/// `remote-management.secret-key`, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManagementSecret {
    /// A bcrypt hash (`$2a$`, `$2b$` or `$2y$`).
    Hash(Secret),
    /// Plain text that has not been replaced by its hash yet.
    Plain(Secret),
}

/// What is written where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// Level `debug` instead of `info`.
    pub debug: bool,
    /// Files instead of standard output.
    pub to_file: bool,
    /// Folder of the files; when it is not writable use `logs` inside the credential folder.
    pub dir: PathBuf,
    /// Size of the folder above which the oldest files go; `None` = unlimited.
    pub max_total_bytes: Option<u64>,
    /// Error logs kept; `None` = all.
    pub error_max_files: Option<usize>,
    /// Write every request with its bodies.
    pub request_log: bool,
    /// Write no request and no error logs at all (`commercial-mode`).
    pub no_request_logs: bool,
    /// Keep usage statistics.
    pub usage_statistics: bool,
}

/// One rule of `upstream-rewrites`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRewrite {
    /// What the URL must begin with.
    pub from: String,
    /// What replaces it.
    pub to: String,
}

/// Which Kiro endpoint is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KiroEndpoint {
    /// The one of the IDE (`ide`, `codewhisperer`).
    Ide,
    /// The one of the command line (`cli`, `amazonq`).
    Cli,
}

/// A Kiro account named in the file (`kiro`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KiroAccount {
    /// File with the tokens, `~` expanded.
    pub token_file: Option<PathBuf>,
    /// Access token, when it stands in the file itself.
    pub access_token: Option<Secret>,
    /// Refresh token, when it stands in the file itself.
    pub refresh_token: Option<Secret>,
    /// AWS profile.
    pub profile_arn: Option<String>,
    /// AWS region.
    pub region: String,
    /// Proxy of this account.
    pub proxy: Proxy,
    /// Value of the agent task type the endpoint gets.
    pub agent_task_type: Option<String>,
    /// Which endpoint is tried first for this account.
    pub preferred_endpoint: Option<KiroEndpoint>,
}

/// Headers the Codex upstream gets when the client sends none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodexHeaders {
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// Beta features of WebSocket requests.
    pub beta_features: Option<String>,
}

/// Settings that come from the environment only (`config.md` §1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FromEnvironment {
    /// `DEPLOY=cloud`: stand by without a usable configuration instead of ending.
    pub cloud: bool,
    /// `WRITABLE_PATH`: base of `logs/` and `static/`.
    pub writable_dir: Option<PathBuf>,
    /// `IFLOW_CLIENT_SECRET`.
    pub iflow_client_secret: Option<Secret>,
}
