//! Upstream keys of the configuration and what belongs to one of them.

use std::fmt;
use std::time::Duration;

use super::path::KeyPath;
use crate::domain::secret::Secret;

/// One configured upstream key; an `openai-compatibility` provider gives one per key entry.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyAccount {
    /// `<kind>:<12 hex of sha256 over key and base-url>`, the same as long as both stay the same;
    /// repetitions get `-1`, `-2` … (`routing.md` §11).
    pub id: String,
    /// Which list it stands in.
    pub kind: KeyKind,
    /// Name to show: the provider's `name`, else the kind.
    pub provider: String,
    /// The upstream key; `None` for an upstream that wants none.
    pub api_key: Option<Secret>,
    /// Base URL, always set, without a slash at the end.
    pub base_url: String,
    /// Proxy of this key.
    pub proxy: Proxy,
    /// Additional request headers, in the order of the file.
    pub headers: Vec<(String, HeaderValue)>,
    /// Higher goes first; default 0.
    pub priority: i32,
    /// Share under weighted round-robin, at most 1 000 000; 0 takes the key out of it.
    pub weight: u32,
    /// Name before the slash that addresses this key's models.
    pub prefix: Option<String>,
    /// Models offered; empty = the provider's own list.
    pub models: Vec<ModelEntry>,
    /// Hidden models; lower-case `*` patterns.
    pub excluded_models: Vec<String>,
    /// Kept in the file but not used.
    pub disabled: bool,
    /// Overrides the global `disable-cooling`.
    pub disable_cooling: Option<bool>,
    /// Overrides the global `request-retry`.
    pub request_retry: Option<u32>,
    /// How odd upstream errors are read.
    pub request_scoped_errors: Vec<ErrorRule>,
    /// The upstream takes WebSockets (`codex-api-key`).
    pub websockets: bool,
    /// The upstream understands `prompt_cache_key` (`openai-compatibility`).
    pub support_prompt_cache_key: bool,
    /// The key may serve the alpha search (`codex-api-key`).
    pub alpha_search: bool,
    /// Where the entry stands in the file, for messages and edits.
    pub at: KeyPath,
}

/// The lists of the file that hold upstream keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `gemini-api-key`
    Gemini,
    /// `claude-api-key`
    Claude,
    /// `codex-api-key`
    Codex,
    /// `vertex-api-key`
    Vertex,
    /// `openai-compatibility`
    OpenAiCompatibility,
}

impl KeyKind {
    /// All kinds, in the order of their lists in the resolved configuration.
    pub const ALL: [Self; 5] = [
        Self::Gemini,
        Self::Claude,
        Self::Codex,
        Self::Vertex,
        Self::OpenAiCompatibility,
    ];

    /// The word used in ids, logs and the management API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Vertex => "vertex",
            Self::OpenAiCompatibility => "openai-compatibility",
        }
    }

    /// The key of the list in the file.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Gemini => "gemini-api-key",
            Self::Claude => "claude-api-key",
            Self::Codex => "codex-api-key",
            Self::Vertex => "vertex-api-key",
            Self::OpenAiCompatibility => "openai-compatibility",
        }
    }

    /// The base URL of an entry that names none; `None` = it must name one.
    pub const fn default_base_url(self) -> Option<&'static str> {
        match self {
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::Claude => Some("https://api.anthropic.com"),
            Self::Codex => Some("https://api.openai.com/v1"),
            Self::Vertex => Some("https://aiplatform.googleapis.com"),
            Self::OpenAiCompatibility => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way out to an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Proxy {
    /// What the level above says: the global `proxy-url`, then the environment.
    #[default]
    Inherit,
    /// No proxy, whatever the level above says (`direct`, `none`).
    Direct,
    /// This one: a URL with scheme `http`, `https`, `socks5` or `socks5h`; may hold a password.
    Via(Secret),
}

/// Where the value of an additional header comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// This text; often a secret.
    Fixed(Secret),
    /// The client's header of that name (`"$Name"`); left out when the client sends none.
    FromClient(String),
}

/// One entry of a key's `models`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelEntry {
    /// The upstream's name; may carry a thinking suffix.
    pub name: String,
    /// The name clients use, when it differs. The same alias on several names makes a pool.
    pub alias: Option<String>,
    /// Name for people.
    pub display_name: Option<String>,
    /// Name the alias in answers.
    pub force_mapping: bool,
    /// Context length in tokens.
    pub max_context_length: Option<u64>,
    /// Levels of `thinking.levels`, lower-case; `None` = what the catalogue says.
    pub thinking_levels: Option<Vec<String>>,
    /// The upstream is only compatible: keep thinking blocks without signature.
    pub is_compat: bool,
    /// Offer the model on the image routes.
    pub image: bool,
    /// What it reads (`text`, `image` …); empty = not declared.
    pub input_modalities: Vec<String>,
    /// What it writes; empty = not declared.
    pub output_modalities: Vec<String>,
}

impl ModelEntry {
    /// The name clients see: the alias, else the upstream's name.
    pub fn visible(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

/// One entry of `oauth-model-alias`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelAlias {
    /// The upstream's name.
    pub name: String,
    /// The name clients use.
    pub alias: String,
    /// Keep the upstream's name as well.
    pub fork: bool,
    /// Name for people.
    pub display_name: Option<String>,
    /// Name the alias in answers.
    pub force_mapping: bool,
}

/// One rule of `request-scoped-errors`: how an upstream error is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRule {
    /// The upstream's status.
    pub status: u16,
    /// The body holds one of these texts; empty together with `regexes` = any body.
    pub contains: Vec<String>,
    /// The body matches one of these regular expressions.
    pub regexes: Vec<String>,
    /// What to do.
    pub action: ErrorAction,
}

/// What an [`ErrorRule`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorAction {
    /// Hand the error to the client.
    Stop,
    /// Hand the error to the client and let the account rest.
    StopAndCooldown,
    /// Try the next account.
    Continue,
    /// Try the next account and let this one rest.
    ContinueAndCooldown,
}

impl ErrorAction {
    /// Reads the spelling of the file.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "stop" => Some(Self::Stop),
            "stop-and-cooldown" => Some(Self::StopAndCooldown),
            "continue" => Some(Self::Continue),
            "continue-and-cooldown" => Some(Self::ContinueAndCooldown),
            _ => None,
        }
    }
}

/// Reads a duration: `1h`, `90s`, `1h30m`, `250ms`, `0`, or a number of seconds.
///
/// Returns `None` for anything else, also for negative values.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = next;
    }
    (!text.trim().is_empty()).then_some(total)
}
