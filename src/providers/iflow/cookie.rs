//! Accounts by the cookie of the platform's web page (§1.2, §3).

use super::super::control::{Control, Outgoing, Reply};
use super::super::oauth::{envelope, refresh};
use super::account::{LIMIT, SERVICE, field};
use actors::domain::record::CredentialRecord;
use actors::domain::secret::Secret;
use actors::login::{LoginError, NewLogin, file_name};
use actors::port::RefreshError;
use chrono::{DateTime, FixedOffset, NaiveDateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

const KEYS: &str = "https://platform.iflow.cn/api/openapi/apikey";
const SITE: &str = "https://platform.iflow.cn";

/// The cookie that counts.
const NAME: &str = "BXAuth=";

/// The time of China, in which the platform tells ends.
const CHINA: i32 = 8 * 3600;

/// Makes a pasted cookie header one line that ends with `;`.
///
/// # Errors
///
/// [`LoginError::Unusable`] without the cookie that counts.
pub(super) fn normalized(pasted: &str) -> Result<String, LoginError> {
    let mut line = pasted.split_whitespace().collect::<Vec<_>>().join(" ");
    if !line.contains(NAME) {
        return Err(LoginError::Unusable {
            message: "there is no `BXAuth` in it; copy the whole `Cookie` header of \
                      platform.iflow.cn"
                .to_owned(),
        });
    }
    if !line.ends_with(';') {
        line.push(';');
    }
    Ok(line)
}

/// What of a cookie header is kept: `BXAuth=…;`.
pub(super) fn kept(line: &str) -> Option<String> {
    let mut pairs = line.split(';').map(str::trim);
    let pair = pairs.find(|pair| pair.starts_with(NAME) && pair.len() > NAME.len())?;
    Some(format!("{pair};"))
}

/// `2026-04-01 12:30`, in China; RFC 3339 as other versions wrote it is not this form.
pub(super) fn end_of_key(text: &str) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok()?;
    let end = local.and_local_timezone(FixedOffset::east_opt(CHINA)?);
    end.single().map(|end| end.to_utc())
}

/// A key of the platform.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Of the account: a phone number with stars.
    pub(super) name: String,
    pub(super) key: Option<Secret>,
    /// As the platform writes it.
    pub(super) end: Option<String>,
}

impl Key {
    /// Reads `{success, data:{name, apiKey, expireTime}}`.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let data = body.get("data").filter(|_| body["success"] == true)?;
        let data = data.as_object()?;
        Some(Self {
            name: field(data, "name")?.to_owned(),
            key: field(data, "apiKey").map(Secret::from),
            end: field(data, "expireTime").map(str::to_owned),
        })
    }
}

/// The question for the key there is.
pub(super) fn current(cookie: &str) -> Outgoing {
    as_page(Outgoing::get(KEYS), cookie)
}

/// The order for a new key, which ends the old one.
pub(super) fn order(cookie: &str, name: &str) -> Outgoing {
    as_page(Outgoing::json(KEYS, &json!({ "name": name })), cookie)
        .header("origin", SITE)
        .header("referer", "https://platform.iflow.cn/")
}

fn as_page(outgoing: Outgoing, cookie: &str) -> Outgoing {
    outgoing
        .header("accept", "application/json, text/plain, */*")
        .header("cookie", cookie)
        .limit(LIMIT)
}

/// The account that a cookie brought.
///
/// # Errors
///
/// [`LoginError::Unusable`] when the platform named no key.
pub(super) fn new_login(
    cookie: &str,
    key: &Key,
    now: DateTime<Utc>,
) -> Result<NewLogin, LoginError> {
    let (Some(secret), Some(cookie)) = (&key.key, kept(cookie)) else {
        return Err(LoginError::Unusable {
            message: "iFlow gave no API key; log in on its page again".to_owned(),
        });
    };
    let mut document = Map::new();
    document.insert("type".into(), "iflow".into());
    for empty in ["access_token", "refresh_token", "token_type", "scope"] {
        document.insert(empty.into(), "".into());
    }
    document.insert("api_key".into(), secret.expose().into());
    document.insert("email".into(), key.name.as_str().into());
    let end = key.end.as_deref().unwrap_or_default();
    document.insert("expired".into(), end.into());
    document.insert("last_refresh".into(), rfc3339(now).into());
    document.insert("cookie".into(), cookie.into());
    Ok(NewLogin {
        names: vec![file_name(&[
            "iflow",
            &name_part(&key.name),
            &now.timestamp().to_string(),
        ])],
        document,
        identity: &["cookie"],
        plan: None,
    })
}

/// A name as part of a file name: `x` for `*`, nothing else but letters, digits and `_@.-`.
fn name_part(name: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "_@.-".contains(*c);
    let chars = name.chars().map(|c| if c == '*' { 'x' } else { c });
    chars.filter(fits).collect()
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Orders a new key for an account of a file.
pub(super) async fn renew(
    control: &Control,
    old: &CredentialRecord,
) -> Result<CredentialRecord, RefreshError> {
    let text = |name: &str| field(&old.document, name).unwrap_or_default();
    let outgoing = order(text("cookie"), text("email"));
    let reply = control.send(outgoing, &old.settings.proxy).await;
    let reply = reply.map_err(refresh::unsent)?;
    let key = reply.json().as_ref().and_then(Key::read);
    match key.filter(|_| reply.is_success()) {
        Some(key) if key.key.is_some() => Ok(renewed(&key, old, control.now())),
        _ => Err(refused(&reply, control.now())),
    }
}

/// `success: false` ends a cookie as 401 and 403 do.
pub(super) fn refused(reply: &Reply, now: DateTime<Utc>) -> RefreshError {
    let said_no = reply.json().is_some_and(|body| body["success"] == false);
    match envelope::classify(reply, &SERVICE, now) {
        RefreshError::Transient { message, .. } if said_no => RefreshError::Revoked { message },
        other => other,
    }
}

/// `old` with a new key.
pub(super) fn renewed(key: &Key, old: &CredentialRecord, now: DateTime<Utc>) -> CredentialRecord {
    let mut new = old.clone();
    if let Some(secret) = &key.key {
        new.document
            .insert("api_key".into(), secret.expose().into());
    }
    let end = key.end.as_deref();
    match end {
        Some(end) => drop(new.document.insert("expired".into(), end.into())),
        None => drop(new.document.shift_remove("expired")),
    }
    new.document
        .insert("last_refresh".into(), rfc3339(now).into());
    new.secret.clone_from(&key.key);
    new.expires_at = end.and_then(end_of_key);
    new.refreshed_at = Some(now);
    new
}
