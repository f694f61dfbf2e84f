//! What the services behind Google's sign-in share: the Code Assist envelope, its set-up calls, the
//! meaning of its refusals.

pub mod assist;
pub mod envelope;
pub mod quota;
pub mod usage;

use super::headers::Headers;
use super::login::LoginCall;
use super::oauth::Service;
use super::oauth::constants::{
    ANTIGRAVITY_CLIENT_ID, ANTIGRAVITY_CLIENT_SECRET, GEMINI_CLI_CLIENT_ID,
    GEMINI_CLI_CLIENT_SECRET,
};
use super::{Call, ShapeError};
use actors::domain::secret::Secret;
use actors::login::LoginError;
use serde_json::Value;

const GOOGLE: Service = Service {
    authorize_url: "https://accounts.google.com/o/oauth2/v2/auth",
    token_url: "https://oauth2.googleapis.com/token",
    ..Service::PUBLIC
};

/// The sign-in of Gemini CLI.
pub const GEMINI_CLI: Service = Service {
    client_id: GEMINI_CLI_CLIENT_ID,
    client_secret: Some(GEMINI_CLI_CLIENT_SECRET),
    scopes: &[
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
    ],
    ..GOOGLE
};

/// The sign-in of Antigravity.
pub const ANTIGRAVITY: Service = Service {
    client_id: ANTIGRAVITY_CLIENT_ID,
    client_secret: Some(ANTIGRAVITY_CLIENT_SECRET),
    scopes: &[
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
        "https://www.googleapis.com/auth/cclog",
        "https://www.googleapis.com/auth/experimentsandconfigs",
    ],
    ..GOOGLE
};

/// Parameters of the authorization request: Google gives a refresh token only with both.
pub const AUTHORIZE: &[(&str, &str)] = &[("access_type", "offline"), ("prompt", "consent")];

/// The Google account's address.
///
/// # Errors
///
/// [`LoginError::Exchange`] when Google does not say it: without it accounts cannot be told apart.
pub async fn email(call: &LoginCall, token: &Secret) -> Result<String, LoginError> {
    const URL: &str = "https://www.googleapis.com/oauth2/v1/userinfo?alt=json";
    let user = call.get_json(URL, token).await?;
    let email = user.get("email").and_then(Value::as_str).map(str::trim);
    match email.filter(|email| !email.is_empty()) {
        Some(email) => Ok(email.to_owned()),
        None => Err(LoginError::Exchange {
            status: 200,
            message: "Google did not name the account's email address".to_owned(),
        }),
    }
}

/// Signs a call with the account's token.
///
/// # Errors
///
/// [`ShapeError::Misconfigured`] for a token that is not legal in a header.
pub fn sign(headers: &mut Headers, call: &Call<'_>) -> Result<(), ShapeError> {
    match &call.record.secret {
        Some(token) => headers.set("authorization", &format!("Bearer {}", token.expose())),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests;
