//! What stands in the file of a service account (`vertex.md` §2.1).

use super::super::ShapeError;
use actors::domain::record::CredentialRecord;
use serde_json::{Map, Value};

/// Where models run when nothing is said.
pub(super) const DEFAULT_LOCATION: &str = "us-central1";

/// Google's token endpoint, where the key names none.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A text of `map`, trimmed, if there is one.
pub(super) fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = map.get(name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// The service account inside the file.
#[derive(Clone, Copy)]
pub(super) struct ServiceAccount<'a>(&'a Map<String, Value>);

impl<'a> ServiceAccount<'a> {
    /// The one of a record; `None` for a file without, whatever else it holds.
    pub(super) fn of(record: &'a CredentialRecord) -> Option<Self> {
        let account = record.document.get("service_account")?;
        account.as_object().map(Self)
    }

    /// `client_email`
    pub(super) fn email(&self) -> Option<&'a str> {
        text(self.0, "client_email")
    }

    /// `private_key`
    pub(super) fn private_key(&self) -> Option<&'a str> {
        text(self.0, "private_key")
    }

    /// `private_key_id`
    pub(super) fn key_id(&self) -> Option<&'a str> {
        text(self.0, "private_key_id")
    }

    /// `token_uri`
    pub(super) fn token_uri(&self) -> &'a str {
        text(self.0, "token_uri").unwrap_or(TOKEN_URI)
    }
}

/// The project of a file.
pub(super) fn project(record: &CredentialRecord) -> Option<&str> {
    let document = &record.document;
    text(document, "project_id")
        .or_else(|| text(document, "project"))
        .or_else(|| text(ServiceAccount::of(record)?.0, "project_id"))
}

/// The URL in front of `/publishers/…` for a file: host by location, unless the file has a
/// `base_url`.
///
/// # Errors
///
/// [`ShapeError::Misconfigured`] without a project, or with a project or location that cannot stand
/// in a URL.
pub(super) fn base(record: &CredentialRecord) -> Result<String, ShapeError> {
    let wrong = |what: &str| {
        let text = format!("the file `{}` has no usable `{what}`", record.id);
        ShapeError::Misconfigured(text)
    };
    // Domains stand in front of old project ids: `example.com:project`.
    let in_project = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    let project = project(record)
        .filter(|project| project.chars().all(in_project))
        .ok_or_else(|| wrong("project_id"))?;
    let location = text(&record.document, "location").unwrap_or(DEFAULT_LOCATION);
    // It becomes part of the host that gets the token.
    let in_location = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !location.chars().all(in_location) {
        return Err(wrong("location"));
    }
    let host = match (record.base_url.as_deref(), location) {
        (Some(base), _) => base.to_owned(),
        (None, "global") => "https://aiplatform.googleapis.com".to_owned(),
        // The multi-regions have hosts of another form.
        (None, "us" | "eu") => format!("https://aiplatform.{location}.rep.googleapis.com"),
        (None, region) => format!("https://{region}-aiplatform.googleapis.com"),
    };
    Ok(format!("{host}/v1/projects/{project}/locations/{location}"))
}

/// The name people know it by: `<project> (<email>)`.
pub(super) fn label(record: &CredentialRecord) -> Option<String> {
    let email = text(&record.document, "email")
        .or_else(|| ServiceAccount::of(record).and_then(|account| account.email()));
    match (project(record), email) {
        (Some(project), Some(email)) => Some(format!("{project} ({email})")),
        (project, email) => project.or(email).map(str::to_owned),
    }
}
