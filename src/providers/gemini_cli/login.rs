//! `--login`: Google's browser flow, the choice of a project, onboarding (§1).

use super::super::google::assist::Assist;
use super::super::google::{self, AUTHORIZE, GEMINI_CLI};
use super::super::login::{Callback, LoginCall, LoginKind, LoginSpec};
use super::super::oauth::{Tokens, code};
use super::account;
use super::setup::{self, SetUp};
use actors::login::{Choice, LoginError, NewLogin, Question, file_name};
use serde_json::Map;

/// The login.
pub(super) const LOGINS: &[LoginSpec] = &[LoginSpec {
    flag: "login",
    help: "Log in to Gemini CLI with a Google account (Code Assist licences)",
    service: "Gemini CLI (Google)",
    kind: LoginKind::Browser(Callback {
        ports: &[8085],
        any_port: true,
        path: "/oauth2callback",
        route: "google",
        cancellable: false,
    }),
    terms: "Google's documentation of Gemini CLI says that using its sign-in from third-party \
            software violates the terms and may end in suspension of the account; Google recommends \
            an API key of AI Studio or Vertex AI instead. Since June 2026 Google serves this client \
            only to Code Assist Standard and Enterprise licences, not to individuals.",
    run: |call| Box::pin(login(call)),
}];

/// Which projects somebody asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing said.
    Unsaid,
    /// Every project of the account.
    All,
    /// No own project: the server chooses (Google One).
    Server,
    /// These.
    Named(Vec<String>),
}

/// Reads `--project_id`, or an answer. Pure.
pub(super) fn wish(text: Option<&str>) -> Result<Wish, LoginError> {
    let text = text.map(str::trim).unwrap_or_default();
    match text.to_ascii_uppercase().as_str() {
        "" => return Ok(Wish::Unsaid),
        "ALL" => return Ok(Wish::All),
        "GOOGLE_ONE" => return Ok(Wish::Server),
        _ => {}
    }
    let mut ids: Vec<String> = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        if id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(LoginError::Unusable {
                message: format!("`{id}` is a project number; give the project's id instead"),
            });
        }
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    Ok(Wish::Named(ids))
}

async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
    // A wrong option need not cost a login.
    let wish = wish(call.options().project.as_deref())?;
    let tokens = code::login(&call, &GEMINI_CLI, AUTHORIZE).await?;
    let email = google::email(&call, &tokens.access_token).await?;
    let assist = Assist {
        control: &call.control,
        proxy: &call.options().proxy,
        token: &tokens.access_token,
        identity: &[],
    };
    let wish = match wish {
        Wish::Unsaid => asked(&call, &assist).await?,
        other => other,
    };
    // Of all projects some may not be usable; a project somebody named has to be.
    let any_will_do = wish == Wish::All;
    let mut found: Vec<SetUp> = Vec::new();
    let mut unusable = None;
    let wanted = wanted(&assist, wish).await?;
    for project in &wanted {
        match set_up(&call, &assist, project.as_deref()).await {
            Ok(one) if found.iter().any(|known| known.project == one.project) => {}
            Ok(one) => found.push(one),
            Err(error) if any_will_do => {
                let project = project.as_deref().unwrap_or_default();
                call.talk
                    .note(format!("project {project} is left out: {error}"));
                unusable = unusable.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    match unusable {
        Some(error) if found.is_empty() => Err(error),
        _ => {
            let auto = wanted.iter().all(Option::is_none);
            Ok(vec![new_login(&tokens, &email, &found, auto)])
        }
    }
}

/// Sets one project up.
async fn set_up(
    call: &LoginCall,
    assist: &Assist<'_>,
    project: Option<&str>,
) -> Result<SetUp, LoginError> {
    call.talk.working(match project {
        Some(project) => format!("setting up project {project}"),
        None => "setting up the account".to_owned(),
    });
    let found = setup::set_up(assist, project).await?;
    if let Some(project) = project.filter(|project| *project != found.project) {
        call.talk.note(format!(
            "Google serves this account from project {} instead of {project}",
            found.project
        ));
    }
    if !found.managed {
        setup::enable(assist, &found.project).await?;
    }
    Ok(found)
}

/// The projects to set up; `None` = the server chooses.
async fn wanted(assist: &Assist<'_>, wish: Wish) -> Result<Vec<Option<String>>, LoginError> {
    match wish {
        Wish::Server | Wish::Unsaid => Ok(vec![None]),
        Wish::Named(ids) => Ok(ids.into_iter().map(Some).collect()),
        Wish::All => {
            let all = setup::projects(assist).await?;
            if all.is_empty() {
                return Ok(vec![None]);
            }
            Ok(all.into_iter().map(|project| Some(project.id)).collect())
        }
    }
}

/// Asks for the kind of account, then for the project.
async fn asked(call: &LoginCall, assist: &Assist<'_>) -> Result<Wish, LoginError> {
    let choice = |value: &str, label: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
    };
    let kind = Question {
        text: "How is this account used with Gemini CLI?".to_owned(),
        choices: vec![
            choice("code-assist", "Code Assist, with a Google Cloud project"),
            choice("google-one", "Google One, Google chooses the project"),
        ],
        default: Some("code-assist".to_owned()),
        ..Question::default()
    };
    if call.talk.ask(kind).await? == "google-one" {
        return Ok(Wish::Server);
    }
    call.talk.working("fetching the list of projects");
    let all = setup::projects(assist).await?;
    let Some(first) = all.first() else {
        return Ok(Wish::Server);
    };
    let default = Some(first.id.clone());
    let listed = all
        .iter()
        .map(|project| choice(&project.id, &format!("{} ({})", project.name, project.id)));
    let question = Question {
        text: "Which project?".to_owned(),
        choices: listed.chain([choice("ALL", "All of them")]).collect(),
        default,
        free_text: true,
        ..Question::default()
    };
    let answer = call.talk.ask(question).await?;
    Ok(match wish(Some(&answer))? {
        Wish::Unsaid => Wish::Server,
        other => other,
    })
}

/// One file for the account, because it has one refresh token. With several projects each takes part
/// in routing, see [`account::faces`].
pub(super) fn new_login(tokens: &Tokens, email: &str, found: &[SetUp], auto: bool) -> NewLogin {
    let projects: Vec<&str> = found.iter().map(|one| one.project.as_str()).collect();
    let which = match projects.as_slice() {
        [one] => one,
        _ => "all",
    };
    let mut document = Map::new();
    account::write(&mut document, tokens);
    document.insert("project_id".into(), projects.join(",").into());
    document.insert("email".into(), email.into());
    document.insert("auto".into(), auto.into());
    document.insert("checked".into(), true.into());
    document.insert("type".into(), "gemini".into());
    let plan = found.iter().find_map(|one| one.tier.clone());
    if let Some(tier) = &plan {
        document.insert("tier".into(), tier.as_str().into());
    }
    NewLogin {
        names: vec![file_name(&["gemini", email, which])],
        document,
        identity: &["email", "project_id"],
        plan,
    }
}
