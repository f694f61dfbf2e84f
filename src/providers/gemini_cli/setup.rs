//! Onboarding: which project an account works with, and whether it may (§1.3, §1.4).

use super::super::control::Outgoing;
use super::super::google::assist::{
    Assist, BASE, CLOSED, SetupError, Standing, json_of, project_of,
};
use super::super::google::quota::{Details, is_closed};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Between two looks at an onboarding.
const POLL: Duration = Duration::from_secs(5);
/// How many of them: two minutes.
const N_POLLS: u32 = 24;

/// Tiers that work with a project of Google's own.
const MANAGED: &[&str] = &["free-tier"];
const LEGACY: &str = "legacy-tier";

/// An account that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetUp {
    /// The project for its calls.
    pub(super) project: String,
    /// Its tier.
    pub(super) tier: Option<String>,
    /// The project is Google's, not the account's own.
    pub(super) managed: bool,
}

/// What follows from `loadCodeAssist`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing to do.
    Done(String),
    /// `onboardUser` into this tier, with a project where the tier takes one.
    Onboard {
        tier: String,
        project: Option<String>,
    },
    /// The account cannot be used; the text says why.
    Refused(String),
}

/// Decides about an account that asked for `wanted`. Pure.
pub(super) fn next(standing: &Standing, wanted: Option<&str>) -> Next {
    let wanted = wanted.map(str::to_owned);
    if standing.current_tier.is_some() {
        // The server's project counts: it is the one it serves.
        return match standing.project.clone().or(wanted) {
            Some(project) => Next::Done(project),
            None if standing.refusals.is_empty() => Next::Refused(
                "a Google Cloud project is required for this account; log in again with \
                 `--login --project_id <id>`"
                    .to_owned(),
            ),
            None => Next::Refused(refused(&standing.refusals)),
        };
    }
    if standing.default_tier.is_none() && !standing.refusals.is_empty() {
        return Next::Refused(refused(&standing.refusals));
    }
    let tier = standing.default_tier.clone().unwrap_or(LEGACY.to_owned());
    let project = wanted.filter(|_| !MANAGED.contains(&tier.as_str()));
    Next::Onboard { tier, project }
}

/// The server's own words, and the way out where the service is closed.
fn refused(reasons: &[String]) -> String {
    let mut said = reasons.to_vec();
    said.dedup();
    let said = said.join(" ");
    if is_closed(&said.to_ascii_lowercase()) {
        format!("{said} {CLOSED}")
    } else {
        said
    }
}

/// Finds out about an account and onboards it where needed.
pub(super) async fn set_up(assist: &Assist<'_>, wanted: Option<&str>) -> Result<SetUp, SetupError> {
    let standing = load(assist, wanted).await?;
    let tier = standing.tier().map(str::to_owned);
    match next(&standing, wanted) {
        Next::Done(project) => Ok(SetUp {
            managed: is_managed(standing.current_tier.as_deref()),
            project,
            tier,
        }),
        Next::Refused(text) => Err(SetupError::Unusable(text)),
        Next::Onboard { tier, project } => {
            let found = onboard(assist, &tier, project.as_deref()).await?;
            match found.or(project) {
                Some(project) => Ok(SetUp {
                    project,
                    managed: is_managed(Some(&tier)),
                    tier: Some(tier),
                }),
                None => Err(SetupError::Unusable(format!(
                    "Google gave this account no project; log in again with `--login --project_id \
                     <id>`. {CLOSED}"
                ))),
            }
        }
    }
}

fn is_managed(tier: Option<&str>) -> bool {
    tier.is_some_and(|tier| MANAGED.contains(&tier))
}

fn body(project: Option<&str>) -> Map<String, Value> {
    let mut metadata = json!({
        "ideType": "IDE_UNSPECIFIED",
        "platform": "PLATFORM_UNSPECIFIED",
        "pluginType": "GEMINI",
    });
    let mut body = Map::new();
    if let Some(project) = project {
        metadata["duetProject"] = project.into();
        body.insert("cloudaicompanionProject".into(), project.into());
    }
    body.insert("metadata".into(), metadata);
    body
}

async fn load(assist: &Assist<'_>, wanted: Option<&str>) -> Result<Standing, SetupError> {
    let body = Value::Object(body(wanted));
    let reply = assist.post(BASE, "loadCodeAssist", &body).await?;
    let details = Details::read(&reply.body);
    if details.is_some_and(|details| details.is("SECURITY_POLICY_VIOLATED")) {
        // Inside a VPC-SC perimeter the call is forbidden, the tier is a bought one.
        return Ok(Standing {
            current_tier: Some("standard-tier".to_owned()),
            ..Standing::default()
        });
    }
    Ok(Standing::read(&json_of(reply)?))
}

async fn onboard(
    assist: &Assist<'_>,
    tier: &str,
    project: Option<&str>,
) -> Result<Option<String>, SetupError> {
    let mut body = body(project);
    body.insert("tierId".into(), tier.into());
    let body = Value::Object(body);
    for _ in 0..N_POLLS {
        let operation = json_of(assist.post(BASE, "onboardUser", &body).await?)?;
        if operation.get("done").and_then(Value::as_bool) == Some(true) {
            return Ok(operation.get("response").and_then(project_of));
        }
        tokio::time::sleep(POLL).await;
    }
    Err(SetupError::Unusable(
        "Google did not finish setting the account up within two minutes; log in again later"
            .to_owned(),
    ))
}

/// One of the account's own projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
}

/// The account's active projects, all pages.
pub(super) async fn projects(assist: &Assist<'_>) -> Result<Vec<Project>, SetupError> {
    const URL: &str = "https://cloudresourcemanager.googleapis.com/v1/projects";
    const N_PAGES: usize = 50;
    let mut found = Vec::new();
    let mut page = String::new();
    for _ in 0..N_PAGES {
        let url = match page.as_str() {
            "" => URL.to_owned(),
            token => {
                let query = super::super::control::encoded(&[("pageToken", token)]);
                format!("{URL}?{query}")
            }
        };
        let answer = json_of(assist.send(Outgoing::get(url)).await?)?;
        let list = answer.get("projects").and_then(Value::as_array);
        found.extend(list.into_iter().flatten().filter_map(active));
        match answer.get("nextPageToken").and_then(Value::as_str) {
            Some(next) if !next.is_empty() => page = next.to_owned(),
            _ => break,
        }
    }
    Ok(found)
}

fn active(project: &Value) -> Option<Project> {
    let text = |key: &str| project.get(key).and_then(Value::as_str);
    let is_active = text("lifecycleState").is_none_or(|state| state == "ACTIVE");
    let id = text("projectId").filter(|_| is_active)?;
    Some(Project {
        id: id.to_owned(),
        name: text("name").unwrap_or(id).to_owned(),
    })
}

/// Switches the API on for a project of the account's own.
pub(super) async fn enable(assist: &Assist<'_>, project: &str) -> Result<(), SetupError> {
    const HOST: &str = "https://serviceusage.googleapis.com/v1/projects";
    let service = format!("{HOST}/{project}/services/cloudaicompanion.googleapis.com");
    let state = assist.send(Outgoing::get(service.clone())).await?;
    let state = state.json().filter(|_| state.is_success());
    let is_on = state.is_some_and(|s| s.get("state").and_then(Value::as_str) == Some("ENABLED"));
    if is_on {
        return Ok(());
    }
    let enabled = assist
        .send(Outgoing::json(format!("{service}:enable"), &json!({})))
        .await?;
    let said = String::from_utf8_lossy(&enabled.body).to_ascii_lowercase();
    if enabled.is_success() || enabled.status == 400 && said.contains("already enabled") {
        return Ok(());
    }
    Err(SetupError::Unusable(format!(
        "the Gemini API for Google Cloud is not enabled in project `{project}`; enable it at \
         https://console.cloud.google.com/apis/library/cloudaicompanion.googleapis.com?project={project} \
         and log in again"
    )))
}
