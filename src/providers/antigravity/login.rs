//! `--antigravity-login`: Google's browser flow and the account's project (§1).

use super::super::google::assist::Assist;
use super::super::google::{self, ANTIGRAVITY, AUTHORIZE};
use super::super::login::{Callback, LoginCall, LoginKind, LoginSpec};
use super::super::oauth::code;
use super::account;
use actors::domain::id::CredentialId;
use actors::domain::record::{CredentialRecord, Kind};
use actors::login::{LoginError, NewLogin, file_name};
use serde_json::Map;

/// The login.
pub(super) const LOGINS: &[LoginSpec] = &[LoginSpec {
    flag: "antigravity-login",
    help: "Log in to Antigravity with a Google account",
    service: "Antigravity (Google)",
    kind: LoginKind::Browser(Callback {
        ports: &[51121],
        any_port: true,
        path: "/oauth-callback",
        route: "antigravity",
        cancellable: false,
    }),
    terms: "Google's terms for Antigravity forbid access with third-party software and name \
            suspension of the account as a consequence; Google recommends an API key of AI Studio or \
            Vertex AI instead.",
    run: |call| Box::pin(login(call)),
}];

async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let tokens = code::login(&call, &ANTIGRAVITY, AUTHORIZE).await?;
    let email = google::email(&call, &tokens.access_token).await?;
    call.talk.working("looking for the account's project");
    let nobody = CredentialRecord::bare(CredentialId::from(""), "antigravity", Kind::Login);
    let identity = super::user_agent(&nobody);
    let assist = Assist {
        control: &call.control,
        proxy: &call.options().proxy,
        token: &tokens.access_token,
        identity: &[("user-agent", &identity)],
    };
    let set_up = account::set_up(&assist).await?;
    let mut document = Map::new();
    account::write(&mut document, &tokens);
    document.insert("email".into(), email.as_str().into());
    document.insert("project_id".into(), set_up.project.into());
    if let Some(tier) = &set_up.tier {
        document.insert("tier".into(), tier.as_str().into());
    }
    Ok(vec![NewLogin {
        names: vec![file_name(&["antigravity", &email])],
        document,
        identity: &["email"],
        plan: set_up.tier,
    }])
}
