//! The configuration file: reading, checking, comparing, editing.
//!
//! | Module | What |
//! |---|---|
//! | `schema` | what may stand in the file |
//! | `resolve`, `accounts`, `rules` | file + environment → [`Config`]; all defaults |
//! | `model`, `account`, `payload` | the resolved types |
//! | `layout` | where every key and value stands in the text |
//! | `images` | where pictures may be made |
//! | `channels` | slips in the names of channels |
//! | [`diff`] | what a new configuration changes |
//! | [`edit`] | edits of the text that keep comments and every other byte |
//! | [`mod@file`] | the file on disk: reading, atomic replacing |
//! | `seal` | the management key and its hash |
//! | `first_run` | the file that is written when there is none |
//!
//! [`Config::parse`] is pure: text and environment in, configuration, notices and errors out.

mod account;
mod accounts;
mod channels;
pub mod diff;
pub mod edit;
mod env;
mod error;
pub mod file;
mod first_run;
mod images;
mod layout;
mod model;
pub(crate) mod near;
mod path;
mod payload;
mod reader;
mod render;
mod resolve;
mod rules;
mod schema;
mod seal;
mod syntax;
mod unbuilt;

pub use account::{
    ErrorAction, ErrorRule, HeaderValue, KeyAccount, KeyKind, ModelAlias, ModelEntry, Proxy,
    parse_duration,
};
pub use channels::unknown_channels;
pub use env::Env;
pub use error::{ConfigError, Level, Notice, Position, Problem};
pub use first_run::first_config;
pub use images::Images;
pub use model::{
    Affinity, CodexHeaders, Config, Cooling, FromEnvironment, KiroAccount, KiroEndpoint, Logging,
    Management, ManagementSecret, QuotaExceeded, Retry, Routing, Server, Strategy, Streaming, Tls,
    UpstreamRewrite,
};
pub use path::{KeyPath, Step};
pub use payload::{FilterRule, ModelMatch, PayloadRules, SetRule};
pub use resolve::is_sample_key;
pub use schema::all_keys;
pub use seal::seal;
pub use unbuilt::unbuilt;

use serde_yaml::Value;

use reader::{Field, Reader};

impl Config {
    /// Reads a configuration text; an empty one gives the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Syntax`] when the text is not YAML, [`ConfigError::Invalid`] with all faults
    /// when it says something impossible. Everything else that is odd comes back as notices, in the
    /// order of the file.
    pub fn parse(text: &str, env: &Env) -> Result<(Self, Vec<Notice>), ConfigError> {
        let value = syntax::value_of(text)?;
        let mut reader = Reader::of(text);
        let file = match value {
            Value::Null => schema::File::default(),
            value => schema::File::read(&value, &KeyPath::root(), &mut reader).unwrap_or_default(),
        };
        let config = resolve::resolve(file, env, &mut reader);
        let Reader {
            mut problems,
            mut notices,
            ..
        } = reader;
        if problems.is_empty() {
            notices.sort_by_key(|notice| notice.position);
            return Ok((config, notices));
        }
        problems.sort_by_key(|problem| problem.position);
        Err(ConfigError::Invalid {
            path: None,
            problems,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        let mut reader = Reader::default();
        resolve::resolve(schema::File::default(), &Env::default(), &mut reader)
    }
}

#[cfg(test)]
mod example;
#[cfg(test)]
mod tests;
