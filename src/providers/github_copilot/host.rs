//! Where an account lives: github.com, or an enterprise's own host (§1). Pure.

use actix_web::http::Uri;
use actors::domain::record::CredentialRecord;

/// Field of files of enterprise accounts.
pub(super) const FIELD: &str = "enterprise_domain";

/// A host of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// github.com
    Public,
    /// Another one, by its name.
    Enterprise(String),
}

impl Host {
    /// Reads what a person wrote: a URL or a name; empty = github.com. `None` = it is neither, and
    /// nothing may be sent anywhere.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let bare = text
            .split_once("://")
            .map_or(text.as_str(), |(_, rest)| rest);
        let name = bare.split('/').next().unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        match name {
            "" if text.is_empty() => Some(Self::Public),
            "github.com" => Some(Self::Public),
            name if name.contains('.') && name.chars().all(legal) => {
                Some(Self::Enterprise(name.to_owned()))
            }
            _ => None,
        }
    }

    /// The one of an account.
    pub(super) fn of(record: &CredentialRecord) -> Option<Self> {
        match record.document.get(FIELD) {
            None | Some(serde_json::Value::Null) => Some(Self::Public),
            Some(domain) => Self::read(domain.as_str()?),
        }
    }

    /// GitHub's own API.
    pub(super) fn api(&self, path: &str) -> String {
        match self {
            Self::Public => format!("https://api.github.com{path}"),
            Self::Enterprise(domain) => format!("https://api.{domain}{path}"),
        }
    }

    /// Where Copilot is when a token does not say it.
    pub(super) fn copilot(&self) -> String {
        match self {
            Self::Public => "https://api.githubcopilot.com".to_owned(),
            Self::Enterprise(domain) => format!("https://copilot-api.{domain}"),
        }
    }

    /// Whether tokens may go to `name`.
    fn trusts(&self, name: &str) -> bool {
        let public =
            name.ends_with(".githubcopilot.com") || name == "copilot-proxy.githubusercontent.com";
        public
            || match self {
                Self::Public => false,
                Self::Enterprise(domain) => ["api", "copilot-api", "proxy"]
                    .iter()
                    .any(|part| name.strip_prefix(part) == Some(&format!(".{domain}"))),
            }
    }

    /// A base URL that came with a token, without a slash at the end; `None` when a token must not go
    /// there: it is not `https`, or nobody's of this account.
    pub(super) fn checked(&self, base: &str) -> Option<String> {
        let url: Uri = base.trim().parse().ok()?;
        let name = url.host()?.to_ascii_lowercase();
        let plain = url.scheme_str() == Some("https")
            && url.authority()?.as_str().eq_ignore_ascii_case(&name)
            && matches!(url.path(), "" | "/")
            && url.query().is_none();
        (plain && self.trusts(&name)).then(|| format!("https://{name}"))
    }
}
