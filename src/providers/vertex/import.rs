//! `--vertex-import`: the key file of a service account becomes a credential (`vertex.md` §1).

use super::super::login::{LoginCall, LoginKind, LoginSpec};
use super::account::{DEFAULT_LOCATION, text};
use super::key::PrivateKey;
use actors::login::{LoginError, NewLogin, file_name};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

/// The row of the table.
pub(super) const IMPORT: LoginSpec = LoginSpec {
    flag: "vertex-import",
    help: "Import a Google service account key (JSON) for Vertex AI",
    service: "Vertex AI (Google Cloud)",
    kind: LoginKind::Import,
    terms: "Service accounts are made for programs, and Google Cloud's terms allow to call Vertex AI \
            with them. Every call is billed to the key's project. The key is copied into the \
            credential folder: whoever can read that file can use the project.",
    run: |call| {
        Box::pin(async move {
            let options = call.options();
            let file = options.file.as_ref().ok_or_else(|| LoginError::Unusable {
                message: "no file was given; say `--vertex-import service-account.json`".to_owned(),
            })?;
            let login = account(file, options.prefix.as_deref())?;
            tell(&call, &login);
            Ok(vec![login])
        })
    },
};

fn tell(call: &LoginCall, login: &NewLogin) {
    let of = |name| text(&login.document, name).unwrap_or_default();
    call.talk.note(format!(
        "Project {}, service account {}. A new account runs in {DEFAULT_LOCATION}; edit `location` \
         in its file to use another region, or `global`.",
        of("project_id"),
        of("email"),
    ));
}

/// The account in a key file.
///
/// # Errors
///
/// [`LoginError::Unusable`] in the words of the management API: `invalid json`,
/// `invalid service account`, `project_id missing`.
pub(super) fn account(file: &[u8], prefix: Option<&str>) -> Result<NewLogin, LoginError> {
    let unusable = |message: String| LoginError::Unusable { message };
    // Editors leave byte-order marks and odd bytes; the key is checked below.
    let json = String::from_utf8_lossy(file);
    let json = json.trim_start_matches('\u{feff}');
    let mut account: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| unusable(format!("invalid json: {error}")))?;
    let invalid = |why: &str| unusable(format!("invalid service account: {why}"));
    if let Some(kind) = text(&account, "type").filter(|kind| *kind != "service_account") {
        return Err(invalid(&format!(
            "its `type` is `{kind}`; create a JSON key of a service account"
        )));
    }
    let key = text(&account, "private_key").ok_or_else(|| invalid("no `private_key`"))?;
    let key = PrivateKey::read(key).map_err(|fault| invalid(&format!("`private_key`: {fault}")))?;
    let email = text(&account, "client_email").ok_or_else(|| invalid("no `client_email`"))?;
    let email = email.to_owned();
    let project = text(&account, "project_id");
    let project = project.ok_or_else(|| unusable("project_id missing".to_owned()))?;
    let project = project.to_owned();
    let prefix = prefix.map(|prefix| prefix.trim().trim_matches('/'));
    let prefix = prefix.filter(|prefix| !prefix.is_empty());
    if prefix.is_some_and(|prefix| prefix.contains('/')) {
        return Err(unusable(
            "a model prefix cannot have a `/` inside; choose a single word".to_owned(),
        ));
    }
    let names = names(prefix.unwrap_or_default(), &project, &email);
    account.insert("private_key".into(), key.pem().into());
    let mut document = Map::new();
    document.insert("service_account".into(), account.into());
    document.insert("project_id".into(), project.into());
    document.insert("email".into(), email.into());
    document.insert("location".into(), DEFAULT_LOCATION.into());
    if let Some(prefix) = prefix {
        document.insert("prefix".into(), prefix.into());
    }
    document.insert("type".into(), "vertex".into());
    Ok(NewLogin {
        names,
        document,
        identity: &["email", "project_id"],
        plan: None,
    })
}

/// The usual name, and one for a further service account of the same project.
fn names(prefix: &str, project: &str, email: &str) -> Vec<String> {
    let hash = digest(&SHA256, email.as_bytes());
    let short: String = hash
        .as_ref()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    vec![
        file_name(&["vertex", prefix, project]),
        file_name(&["vertex", prefix, project, &short]),
    ]
}
