//! Tokens of service accounts: a signed claim buys one (RFC 7523; `vertex.md` §3). They live in
//! memory only; the file keeps what it had.

use super::super::control::{Control, Outgoing};
use super::super::oauth::{Service, Tokens, envelope, refresh};
use super::account::ServiceAccount;
use super::key::PrivateKey;
use actors::domain::record::CredentialRecord;
use actors::port::{AccountDriver, RefreshError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Longest call.
const LIMIT: Duration = Duration::from_secs(30);
/// Life of a claim in seconds, the longest Google takes.
const CLAIM_LIFE: i64 = 3600;
/// Seconds a claim is made earlier, for clocks that go fast.
const CLOCK_SLACK: i64 = 10;

/// Buys tokens for service accounts.
pub(super) struct Driver {
    pub(super) control: Arc<Control>,
}

impl AccountDriver for Driver {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let control = Arc::clone(&self.control);
        Box::pin(async move { fetch(&control, &old).await })
    }
}

/// Buys a token for `old`, whose document stays as it is.
async fn fetch(
    control: &Control,
    old: &CredentialRecord,
) -> Result<CredentialRecord, RefreshError> {
    let account = ServiceAccount::of(old)
        .ok_or_else(|| misconfigured("the file has no `service_account`; import the key again"))?;
    let assertion = assertion(&account, control.now())?;
    let pairs = [("grant_type", GRANT), ("assertion", &assertion)];
    let call = Outgoing::form(account.token_uri(), &pairs).limit(LIMIT);
    let sent = control.send(call, &old.settings.proxy).await;
    let reply = sent.map_err(refresh::unsent)?;
    let tokens = match reply.json() {
        Some(Value::Object(body)) if reply.is_success() => Tokens::from_json(body, control.now()),
        _ => None,
    };
    let Some(tokens) = tokens else {
        return Err(meaning(envelope::classify(
            &reply,
            &Service::PUBLIC,
            control.now(),
        )));
    };
    Ok(CredentialRecord {
        expires_at: tokens.expires_at(),
        refreshed_at: Some(tokens.obtained_at),
        secret: Some(tokens.access_token),
        ..old.clone()
    })
}

/// The signed claim.
pub(super) fn assertion(
    account: &ServiceAccount<'_>,
    now: DateTime<Utc>,
) -> Result<String, RefreshError> {
    let email = account.email();
    let email = email.ok_or_else(|| misconfigured("the key has no `client_email`"))?;
    let key = account.private_key();
    let key = key.ok_or_else(|| misconfigured("the key has no `private_key`"))?;
    let key = PrivateKey::read(key)
        .map_err(|fault| misconfigured(&format!("`private_key` is of no use: {fault}")))?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let (Some(id), Some(header)) = (account.key_id(), header.as_object_mut()) {
        header.insert("kid".into(), id.into());
    }
    let made_at = now.timestamp() - CLOCK_SLACK;
    let claims = json!({
        "iss": email,
        "scope": SCOPE,
        "aud": account.token_uri(),
        "iat": made_at,
        "exp": made_at + CLAIM_LIFE,
    });
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = key
        .sign(signed.as_bytes())
        .ok_or_else(|| misconfigured("the system gives no random numbers to sign with"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A refusal in the words of keys: a wrong clock looks like a key that is gone, and passes.
fn meaning(error: RefreshError) -> RefreshError {
    match error {
        RefreshError::Revoked { message } if message.contains("iat and exp") => {
            RefreshError::Transient {
                message: format!("{message}; is this machine's clock right?"),
                retry_after: None,
            }
        }
        RefreshError::Revoked { message } => RefreshError::Revoked {
            message: format!(
                "{message}; the service account or its key is deleted or disabled: import a new key"
            ),
        },
        other => other,
    }
}

fn misconfigured(message: &str) -> RefreshError {
    RefreshError::Misconfigured {
        message: message.to_owned(),
    }
}
