//! `--iflow-login`, `--iflow-cookie` (§1).

use super::super::control::encoded;
use super::super::login::{Callback, LoginCall, LoginKind, LoginSpec};
use super::super::oauth::{code, envelope};
use super::account::{self, SERVICE, User, user_info};
use super::cookie::{self, Key};
use actors::login::{LoginError, NewLogin, Question};

const TERMS: &str = "iFlow closed its platform on 17 April 2026. The login is kept for files of \
    earlier versions and in case the platform opens again: expect it to fail. It was meant for \
    iFlow's own programs; nothing in iFlow's terms promised its use by other programs.";

const SERVICE_NAME: &str = "iFlow";

/// The ways to log in.
pub(super) const LOGINS: &[LoginSpec] = &[
    LoginSpec {
        flag: "iflow-login",
        help: "Log in to iFlow with a browser (the platform closed in April 2026)",
        service: SERVICE_NAME,
        kind: LoginKind::Browser(Callback {
            ports: &[11451],
            any_port: false,
            path: "/oauth2callback",
            route: "iflow",
            cancellable: false,
        }),
        terms: TERMS,
        run: |call| Box::pin(browser(call)),
    },
    LoginSpec {
        flag: "iflow-cookie",
        help: "Log in to iFlow with the cookie of its web page (the platform closed in April 2026)",
        service: SERVICE_NAME,
        kind: LoginKind::Prompt,
        terms: TERMS,
        run: |call| Box::pin(by_cookie(call)),
    },
];

/// Address of the page that asks the person; iFlow names its parameters in its own way.
pub(super) fn page(redirect: &str, state: &str) -> String {
    let query = encoded(&[
        ("client_id", SERVICE.client_id),
        ("loginMethod", "phone"),
        ("redirect", redirect),
        ("state", state),
        ("type", "phone"),
    ]);
    format!("{}?{query}", SERVICE.authorize_url)
}

async fn browser(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let state = call.talk.state().to_owned();
    let redirect = code::authorize(&call, |uri| Ok(page(uri, &state))).await?;
    call.talk.working("exchanging the code for tokens");
    let tokens = code::exchange(&call, &SERVICE, &redirect, None).await?;
    let reply = call.send(user_info(&tokens.access_token)).await?;
    let user = reply.json().as_ref().and_then(User::read);
    let user = user.ok_or_else(|| envelope::refused(&reply))?;
    let Some(name) = &user.name else {
        return Err(LoginError::Unusable {
            message: "iFlow did not say whose account it is (no email, no phone number)".to_owned(),
        });
    };
    Ok(vec![account::new_login(&tokens, &user, name)])
}

async fn by_cookie(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    let question = Question {
        text: "Log in at platform.iflow.cn and paste the `Cookie` header of a request there; only \
               `BXAuth` of it is kept. iFlow then replaces the account's API key"
            .to_owned(),
        free_text: true,
        secret: true,
        ..Question::default()
    };
    let line = cookie::normalized(&call.talk.ask(question).await?)?;
    call.talk.working("asking for the API key");
    let reply = call.send(cookie::current(&line)).await?;
    let key = reply.json().as_ref().and_then(Key::read);
    let key = key.ok_or_else(|| envelope::refused(&reply))?;
    let reply = call.send(cookie::order(&line, &key.name)).await?;
    let key = reply.json().as_ref().and_then(Key::read);
    let key = key.ok_or_else(|| envelope::refused(&reply))?;
    Ok(vec![cookie::new_login(&line, &key, call.now())?])
}
