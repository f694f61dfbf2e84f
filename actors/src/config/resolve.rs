//! File and environment → [`Config`]: every default of the program stands here or in `accounts.rs`.
//!
//! Nothing is dropped silently: what cannot be used leaves a notice, what cannot be meant is a
//! problem and refuses the file.

mod logins;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::account::Proxy;
use super::accounts;
use super::env::Env;
use super::error::Level;
use super::model::{
    Affinity, CodexHeaders, Config, Cooling, FromEnvironment, Logging, Management,
    ManagementSecret, QuotaExceeded, Retry, Routing, Server, Strategy, Streaming, Tls,
    UpstreamRewrite,
};
use super::path::KeyPath;
use super::reader::Reader;
use super::rules;
use super::schema::{self, File};
use crate::domain::secret::Secret;

const DEFAULT_PORT: u16 = 8317;
const DEFAULT_AUTH_DIR: &str = "~/.cli-proxy-api";
const DEFAULT_REQUEST_RETRY: u32 = 3;
const DEFAULT_MAX_RETRY_INTERVAL_S: u64 = 30;
const DEFAULT_TRANSIENT_COOLDOWN_S: u64 = 60;
const DEFAULT_AFFINITY_TTL: Duration = Duration::from_secs(3_600);
const DEFAULT_IDLE_TIMEOUT_S: u64 = 300;
/// Request logs without a cap filled volumes (`deltas.md` row 37).
const DEFAULT_LOGS_MAX_TOTAL_MB: u64 = 500;
const DEFAULT_ERROR_LOGS: usize = 10;
const DEFAULT_CALLBACK_HOST: &str = "127.0.0.1";
const DEFAULT_PANEL: &str = "https://github.com/router-for-me/Cli-Proxy-API-Management-Center";

/// Client keys of sample files found in the wild; published, hence no secret (`deltas.md` row 40).
const SAMPLE_KEYS: [&str; 3] = ["your-api-key-1", "your-api-key-2", "your-api-key-3"];

/// Whether a client key is one of the published sample keys.
pub fn is_sample_key(key: &str) -> bool {
    SAMPLE_KEYS.contains(&key)
}

/// Fills in defaults, cleans texts and checks values; problems and notices go to the reader.
pub(super) fn resolve(file: File, env: &Env, reader: &mut Reader) -> Config {
    let mut cx = Resolving { reader, env };
    cx.environment_notices();
    let accounts = accounts::resolve(&file, cx.reader);
    let error_rules = cx.error_rules(&file);
    let (oauth_model_alias, oauth_excluded_models) = (cx.aliases(&file), cx.exclusions(&file));
    let upstream_rewrites = cx.rewrites(&file);
    let payload = rules::payload(file.payload.as_ref(), cx.reader);
    Config {
        server: cx.server(&file),
        auth_dir: cx.auth_dir(file.auth_dir.as_deref()),
        client_keys: cx.client_keys(&file),
        allow_unauthenticated: file.allow_unauthenticated.unwrap_or(false),
        demo: file.demo.unwrap_or(false),
        retry: cx.retry(&file),
        cooling: cx.cooling(&file),
        routing: cx.routing(&file),
        quota_exceeded: file.quota_exceeded.as_ref().map_or_else(
            QuotaExceeded::default,
            |on_quota| QuotaExceeded {
                switch_project: on_quota.switch_project.unwrap_or(false),
                switch_preview_model: on_quota.switch_preview_model.unwrap_or(false),
                antigravity_credits: on_quota.antigravity_credits.unwrap_or(false),
            },
        ),
        streaming: cx.streaming(&file),
        accounts,
        oauth_model_alias,
        oauth_excluded_models,
        oauth_request_scoped_errors: error_rules,
        oauth_callback_host: text(file.oauth_callback_host.as_deref())
            .unwrap_or_else(|| env.host().unwrap_or(DEFAULT_CALLBACK_HOST).to_owned()),
        incognito_browser: file.incognito_browser.unwrap_or(false),
        payload,
        management: cx.management(&file),
        logging: cx.logging(&file),
        proxy: proxy(file.proxy_url.as_deref(), &top("proxy-url"), cx.reader),
        upstream_rewrites,
        passthrough_headers: file.passthrough_headers.unwrap_or(false),
        passthrough_model: file.passthrough_model.unwrap_or(false),
        ws_auth: file.ws_auth.unwrap_or(true),
        kiro_endpoint: cx.kiro_endpoint(
            file.kiro_preferred_endpoint.as_deref(),
            &top("kiro-preferred-endpoint"),
        ),
        kiro: cx.kiro(&file),
        codex_headers: file.codex_header_defaults.as_ref().map_or_else(
            CodexHeaders::default,
            |headers| CodexHeaders {
                user_agent: text(headers.user_agent.as_deref()),
                beta_features: text(headers.beta_features.as_deref()),
            },
        ),
        images: file.disable_image_generation.unwrap_or_default(),
        environment: FromEnvironment {
            cloud: env
                .get("DEPLOY")
                .is_some_and(|mode| mode.eq_ignore_ascii_case("cloud")),
            writable_dir: env.get("WRITABLE_PATH").map(PathBuf::from),
            iflow_client_secret: env.get("IFLOW_CLIENT_SECRET").map(Secret::from),
        },
    }
}

fn top(key: &str) -> KeyPath {
    KeyPath::of(&[key])
}

/// The trimmed text; `None` when blank.
pub(super) fn text(value: Option<&str>) -> Option<String> {
    value
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// Reads a `proxy-url`. A proxy that cannot be used is a problem: going direct instead would send
/// traffic where its owner did not want it.
pub(super) fn proxy(value: Option<&str>, at: &KeyPath, reader: &mut Reader) -> Proxy {
    let Some(url) = text(value) else {
        return Proxy::Inherit;
    };
    if ["direct", "none"]
        .iter()
        .any(|word| url.eq_ignore_ascii_case(word))
    {
        return Proxy::Direct;
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    let known = ["http", "https", "socks5", "socks5h"];
    if rest.is_empty() || !known.iter().any(|word| scheme.eq_ignore_ascii_case(word)) {
        // The URL may hold a password: name its scheme only.
        let found = if scheme.is_empty() {
            "no scheme".to_owned()
        } else {
            format!("`{scheme}://`")
        };
        let right = "`http://`, `https://`, `socks5://` or `socks5h://` and a host, or `direct`";
        reader.problem(at, format!("found {found}, expected {right}"));
        return Proxy::Inherit;
    }
    Proxy::Via(Secret::from(url))
}

/// Trims, lower-cases and de-duplicates model patterns.
pub(super) fn patterns(list: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    list.iter()
        .filter_map(|pattern| text(Some(pattern)))
        .map(|pattern| pattern.to_lowercase())
        .filter(|pattern| seen.insert(pattern.clone()))
        .collect()
}

struct Resolving<'a> {
    reader: &'a mut Reader,
    env: &'a Env,
}

impl Resolving<'_> {
    /// Stores that the reference knew and this program does not.
    fn environment_notices(&mut self) {
        for name in [
            "PGSTORE_DSN",
            "GITSTORE_GIT_URL",
            "OBJECTSTORE_ENDPOINT",
            "HOME_JWT",
        ] {
            if self.env.get(name).is_some() {
                self.reader.warn(
                    &top(name),
                    "this environment variable is set, but its store does not exist here; files \
                     are used",
                );
            }
        }
    }

    fn server(&mut self, file: &File) -> Server {
        let port = match file.port {
            None => DEFAULT_PORT,
            Some(port) => u16::try_from(port).unwrap_or_else(|_| {
                let why = format!("found the number `{port}`, expected a port from 0 to 65535");
                self.reader.problem(&top("port"), why);
                DEFAULT_PORT
            }),
        };
        Server {
            host: text(file.host.as_deref()).unwrap_or_default(),
            port,
            tls: self.tls(file),
        }
    }

    fn tls(&mut self, file: &File) -> Option<Tls> {
        let tls = file.tls.as_ref().filter(|tls| tls.enable == Some(true))?;
        let (cert, key) = (text(tls.cert.as_deref()), text(tls.key.as_deref()));
        for (value, name) in [(&cert, "cert"), (&key, "key")] {
            if value.is_none() {
                self.reader.problem(
                    &top("tls").key(name),
                    "missing, but `tls.enable` is on; name the PEM file, or switch `tls.enable` off",
                );
            }
        }
        Some(Tls {
            cert: self.path(&cert?),
            key: self.path(&key?),
        })
    }

    /// Expands `~`.
    fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix('~'), self.env.home()) {
            (Some(""), Some(home)) => home,
            (Some(rest), Some(home)) if rest.starts_with(['/', '\\']) => {
                home.join(rest.trim_start_matches(['/', '\\']))
            }
            _ => PathBuf::from(text),
        }
    }

    fn auth_dir(&mut self, value: Option<&str>) -> PathBuf {
        let value = text(value).unwrap_or_else(|| DEFAULT_AUTH_DIR.to_owned());
        if value.starts_with('~') && self.env.home().is_none() {
            let here = value.trim_start_matches(['~', '/', '\\']);
            self.reader.notice(
                Level::Info,
                &top("auth-dir"),
                format!("`HOME` is not set; `{here}` in the working directory is used"),
            );
            return PathBuf::from(here);
        }
        self.path(&value)
    }

    fn client_keys(&mut self, file: &File) -> Vec<Secret> {
        let legacy: Vec<String> = file
            .auth
            .iter()
            .flat_map(|auth| auth.providers.iter().flatten())
            .flat_map(|provider| provider.api_keys.iter().flatten().cloned())
            .collect();
        let at = top("api-keys");
        if file.auth.is_some() {
            self.old_name("auth", "api-keys", file.api_keys.is_some());
        }
        let keys = file.api_keys.as_ref().unwrap_or(&legacy);
        let mut seen = BTreeSet::new();
        let mut out = Vec::new();
        for (n, key) in keys.iter().enumerate() {
            let Some(key) = text(Some(key)) else {
                self.reader.warn(&at.index(n), "blank key, ignored");
                continue;
            };
            if is_sample_key(&key) {
                self.reader.warn(
                    &at.index(n),
                    "this is a published sample key; replace it by a key of your own",
                );
            }
            if seen.insert(key.clone()) {
                out.push(Secret::from(key));
            } else {
                self.reader
                    .warn(&at.index(n), "the same key stands above, ignored");
            }
        }
        out
    }

    /// Remarks on a key that has a new name.
    fn old_name(&mut self, old: &str, new: &str, new_is_set: bool) {
        let at = top(old);
        if new_is_set {
            self.reader.warn(
                &at,
                format!("old name of `{new}`, which is set too; ignored"),
            );
        } else {
            self.reader.notice(
                Level::Info,
                &at,
                format!("old name of `{new}`; still read, rename it when convenient"),
            );
        }
    }

    /// A number that must not be negative; a negative one becomes 0 with a warning.
    fn count(&mut self, value: Option<i64>, at: &KeyPath, default: u64) -> u64 {
        let Some(value) = value else { return default };
        u64::try_from(value).unwrap_or_else(|_| {
            self.reader
                .warn(at, format!("`{value}` is below 0; 0 is used"));
            0
        })
    }

    fn retry(&mut self, file: &File) -> Retry {
        let rounds = self.count(
            file.request_retry,
            &top("request-retry"),
            DEFAULT_REQUEST_RETRY.into(),
        );
        let wait = self.count(
            file.max_retry_interval,
            &top("max-retry-interval"),
            DEFAULT_MAX_RETRY_INTERVAL_S,
        );
        let max = self.count(file.max_retry_credentials, &top("max-retry-credentials"), 0);
        Retry {
            rounds: u32::try_from(rounds).unwrap_or(u32::MAX),
            max_interval: Duration::from_secs(wait),
            max_credentials: usize::try_from(max).unwrap_or(usize::MAX),
        }
    }

    fn cooling(&mut self, file: &File) -> Cooling {
        let transient = match file.transient_error_cooldown_seconds.unwrap_or(0) {
            0 => Some(DEFAULT_TRANSIENT_COOLDOWN_S),
            seconds => u64::try_from(seconds).ok(),
        };
        Cooling {
            disabled: file.disable_cooling.unwrap_or(false),
            transient: transient.map(Duration::from_secs),
            save: file.save_cooldown_status.unwrap_or(false),
        }
    }

    fn routing(&mut self, file: &File) -> Routing {
        let force_model_prefix = file.force_model_prefix.unwrap_or(false);
        let Some(routing) = &file.routing else {
            return Routing {
                strategy: Strategy::default(),
                affinity: None,
                force_model_prefix,
            };
        };
        let word = routing.strategy.as_deref().unwrap_or_default();
        let strategy = Strategy::parse(word).unwrap_or_else(|| {
            let right = "`round-robin`, `weighted-round-robin` or `fill-first`";
            let why = format!("found the text `{word}`, expected {right}");
            self.reader.problem(&top("routing").key("strategy"), why);
            Strategy::default()
        });
        let ttl = match &routing.session_affinity_ttl {
            Some(span) if !span.0.is_zero() => span.0,
            _ => DEFAULT_AFFINITY_TTL,
        };
        let subagents = routing.session_affinity_subagents.unwrap_or(true);
        let on = routing.session_affinity.unwrap_or(false);
        Routing {
            strategy,
            affinity: on.then_some(Affinity { ttl, subagents }),
            force_model_prefix,
        }
    }

    fn streaming(&mut self, file: &File) -> Streaming {
        let given = file.streaming.as_ref();
        let above_zero = |value: Option<i64>| {
            let seconds = u64::try_from(value.unwrap_or(0)).unwrap_or(0);
            (seconds > 0).then(|| Duration::from_secs(seconds))
        };
        let idle = given.and_then(|given| given.idle_timeout_seconds);
        let idle = self.count(
            idle,
            &top("streaming").key("idle-timeout-seconds"),
            DEFAULT_IDLE_TIMEOUT_S,
        );
        let retries = given.and_then(|given| given.bootstrap_retries);
        let retries = self.count(retries, &top("streaming").key("bootstrap-retries"), 0);
        Streaming {
            keep_alive: above_zero(given.and_then(|given| given.keepalive_seconds)),
            bootstrap_retries: u32::try_from(retries).unwrap_or(u32::MAX),
            idle_timeout: (idle > 0).then(|| Duration::from_secs(idle)),
            nonstream_keep_alive: above_zero(file.nonstream_keepalive_interval),
        }
    }

    fn management(&mut self, file: &File) -> Management {
        let empty = schema::RemoteManagement::default();
        let given = file.remote_management.as_ref().unwrap_or(&empty);
        let password = self.env.get("MANAGEMENT_PASSWORD").map(Secret::from);
        Management {
            allow_remote: given.allow_remote.unwrap_or(false) || password.is_some(),
            secret: text(given.secret_key.as_deref()).map(ManagementSecret::new),
            password,
            disable_control_panel: given.disable_control_panel.unwrap_or(false),
            disable_auto_update_panel: given.disable_auto_update_panel.unwrap_or(false),
            panel_repository: text(given.panel_github_repository.as_deref())
                .unwrap_or_else(|| DEFAULT_PANEL.to_owned()),
            panel_path: self.env.get("MANAGEMENT_STATIC_PATH").map(PathBuf::from),
        }
    }

    fn logging(&mut self, file: &File) -> Logging {
        let max_mb = self.count(
            file.logs_max_total_size_mb,
            &top("logs-max-total-size-mb"),
            DEFAULT_LOGS_MAX_TOTAL_MB,
        );
        let errors = match file.error_logs_max_files {
            None => DEFAULT_ERROR_LOGS,
            Some(n) => usize::try_from(n).unwrap_or_else(|_| {
                self.reader.warn(
                    &top("error-logs-max-files"),
                    format!("`{n}` is below 0; {DEFAULT_ERROR_LOGS} is used"),
                );
                DEFAULT_ERROR_LOGS
            }),
        };
        Logging {
            debug: file.debug.unwrap_or(false),
            to_file: file.logging_to_file.unwrap_or(false),
            dir: self
                .env
                .get("WRITABLE_PATH")
                .map(PathBuf::from)
                .unwrap_or_default()
                .join("logs"),
            max_total_bytes: (max_mb > 0).then(|| max_mb.saturating_mul(1024 * 1024)),
            error_max_files: (errors > 0).then_some(errors),
            request_log: file.request_log.unwrap_or(false),
            no_request_logs: file.commercial_mode.unwrap_or(false),
            usage_statistics: file.usage_statistics_enabled.unwrap_or(false),
        }
    }

    fn rewrites(&mut self, file: &File) -> Vec<UpstreamRewrite> {
        let mut out = Vec::new();
        for (from, to) in file.upstream_rewrites.iter().flat_map(|pairs| &pairs.0) {
            let at = top("upstream-rewrites").key(from);
            let (from, to) = (from.trim(), to.trim());
            if [from, to].iter().all(|url| is_http_url(url)) {
                out.push(UpstreamRewrite {
                    from: from.to_owned(),
                    to: to.to_owned(),
                });
            } else {
                let right = "a URL that begins with `http://` or `https://` on both sides";
                self.reader
                    .problem(&at, format!("found `{from}` → `{to}`, expected {right}"));
            }
        }
        // The longest prefix wins, wherever it stands.
        out.sort_by_key(|rewrite| std::cmp::Reverse(rewrite.from.len()));
        out
    }
}

/// Whether a text can be the beginning of a request URL.
pub(super) fn is_http_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}
