//! `GET /<word>/callback`: where browsers come back to on the main port (`http-api.md` §8.1). The
//! unguessable `state` is the key; no client key is asked for.

use super::{Desk, root};
use crate::providers::login::{LoginKind, LoginSpec, all};
use crate::providers::oauth::page::{self, Page};
use actix_web::{HttpRequest, HttpResponse, web};
use actors::login::{
    Deliver, DeliverError, LoginInput, LoginState, LoginTicket, PollLogin, Redirected,
};
use std::time::Duration;

/// How long the page waits for the end of the login it tells about.
const OUTCOME_LIMIT: Duration = Duration::from_secs(45);

/// Delivers a redirect to its login and says how that ended.
pub async fn arrive(word: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let specs: Vec<&LoginSpec> = all()
        .filter(|spec| match spec.kind {
            LoginKind::Browser(callback) => callback.route == *word,
            LoginKind::Device | LoginKind::Import | LoginKind::Prompt => false,
        })
        .collect();
    let (Some(first), Ok(desk)) = (specs.first(), Desk::of(&request)) else {
        return root::not_found().await;
    };
    let answered = deliver(&desk, &specs, request.query_string()).await;
    respond(page::outcome(first.service, answered))
}

async fn deliver(
    desk: &Desk,
    specs: &[&LoginSpec],
    query: &str,
) -> Result<LoginState, DeliverError> {
    let redirected = Redirected::from_query(query);
    let state = redirected
        .session_state()
        .ok_or_else(|| DeliverError::Unreadable("there is no `state` in the address".to_owned()))?;
    let logins = &desk.worker.shared.handles.logins;
    let ticket = logins.send(PollLogin {
        state: state.clone(),
    });
    let ticket: LoginTicket = ticket.await.ok().flatten().ok_or(DeliverError::Unknown)?;
    // A state that belongs to another service's login is no state here.
    let login = ticket.progress.borrow().login.clone();
    if specs.iter().all(|spec| spec.flag != &*login) {
        return Err(DeliverError::Unknown);
    }
    let input = LoginInput::Redirected(redirected);
    let delivered = logins.send(Deliver { state, input }).await;
    delivered.unwrap_or(Err(DeliverError::Unknown))?;
    Ok(ticket.outcome(OUTCOME_LIMIT).await)
}

fn respond(page: Page) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(page.status).unwrap_or_default();
    let mut response = HttpResponse::build(status);
    for header in page::HEADERS {
        response.insert_header(*header);
    }
    response.body(page.html)
}
