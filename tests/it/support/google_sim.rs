//! Google as far as Gemini CLI and Antigravity accounts see it: sign-in, projects, both hosts of
//! Code Assist (`providers/gemini-cli.md`, `providers/antigravity.md`). The hosts refuse what the
//! real ones refuse.

use std::sync::Arc;

use actors::port::{Clock as _, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::answer::{Answer, Wire};
use super::daemon::Setup;
use super::oauth_sim::{OAuthSim, Registration};
use super::upstream::{Recorded, Reply, Upstream};

/// Path of whole replies.
pub const GENERATE: &str = "/v1internal:generateContent";
/// Path of streams.
pub const STREAM: &str = "/v1internal:streamGenerateContent";
/// Path of token counts.
pub const COUNT: &str = "/v1internal:countTokens";
/// Path of set-up.
pub const LOAD: &str = "/v1internal:loadCodeAssist";
/// Path of onboarding.
pub const ONBOARD: &str = "/v1internal:onboardUser";
/// Path of Gemini CLI's quotas.
pub const QUOTA: &str = "/v1internal:retrieveUserQuota";
/// Path of Antigravity's model list.
pub const MODELS: &str = "/v1internal:fetchAvailableModels";

/// Which of the two clients an account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Gemini CLI.
    GeminiCli,
    /// Antigravity.
    Antigravity,
}

/// All hosts.
pub struct GoogleSim {
    /// Sign-in, user data, projects.
    pub auth: Arc<OAuthSim>,
    /// `cloudcode-pa.googleapis.com`
    pub production: Arc<Upstream>,
    /// `daily-cloudcode-pa.googleapis.com`
    pub daily: Arc<Upstream>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl GoogleSim {
    /// Starts all; every call is answered with `answer`.
    pub fn start(product: Product, answer: Answer) -> Self {
        let client_id = match product {
            Product::GeminiCli => {
                "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com"
            }
            Product::Antigravity => {
                "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com"
            }
        };
        let auth = Arc::new(OAuthSim::start(Registration {
            authorize: "/o/oauth2/v2/auth",
            token: "/token",
            client_id,
            life: 3599,
            rotates: false,
            ..Registration::default()
        }));
        let user = json!({"id": "1", "email": "dev@example.com"});
        auth.server
            .handle("/oauth2/v1/userinfo", move |_| Reply::json(200, &user));
        let enabled = json!({"state": "ENABLED"});
        auth.server
            .handle("/v1/projects/", move |_| Reply::json(200, &enabled));
        let sim = Self {
            auth,
            production: Arc::new(Upstream::start()),
            daily: Arc::new(Upstream::start()),
            complaints: Arc::default(),
        };
        for host in [&sim.production, &sim.daily] {
            for path in [GENERATE, STREAM, COUNT, MODELS] {
                let (auth, answer) = (Arc::clone(&sim.auth), answer.clone());
                let complaints = Arc::clone(&sim.complaints);
                host.handle(path, move |request| {
                    if !is_signed(&auth, request) {
                        return error(401, "UNAUTHENTICATED", "invalid credentials", json!([]));
                    }
                    match request.path() {
                        COUNT => counted(request),
                        MODELS => Reply::json(404, &json!({"error": {"code": 404}})),
                        path => match fault(product, &request.json()) {
                            Some(fault) => {
                                complaints.lock().push(fault.clone());
                                error(400, "INVALID_ARGUMENT", &fault, json!([]))
                            }
                            None => enveloped(&answer, path == STREAM),
                        },
                    }
                });
            }
        }
        sim
    }

    /// What `loadCodeAssist` says.
    pub fn standing(&self, answer: Value) {
        self.production
            .handle(LOAD, move |_| Reply::json(200, &answer));
    }

    /// A folder whose configuration leads here.
    pub fn setup(&self, more: &str) -> Setup {
        Setup::new(&self.yaml(more))
    }

    /// A configuration that leads here.
    pub fn yaml(&self, more: &str) -> String {
        let auth = self.auth.server.url();
        let hosts = [
            ("https://accounts.google.com", auth.as_str()),
            ("https://oauth2.googleapis.com", &auth),
            ("https://www.googleapis.com", &auth),
            ("https://cloudresourcemanager.googleapis.com", &auth),
            ("https://serviceusage.googleapis.com", &auth),
            (
                "https://cloudcode-pa.googleapis.com",
                &self.production.url(),
            ),
            (
                "https://daily-cloudcode-pa.googleapis.com",
                &self.daily.url(),
            ),
        ];
        let lines = hosts.map(|(from, to)| format!("  \"{from}\": \"{to}\"\n"));
        format!("{more}upstream-rewrites:\n{}", lines.concat())
    }

    /// The file of a Gemini CLI account as the old program writes it.
    pub fn gemini_account(&self, project: &str, minutes: i64) -> Value {
        let (refresh, access) = self.auth.grant();
        json!({"token": {"access_token": access, "token_type": "Bearer", "refresh_token": refresh,
            "expiry": end(minutes), "token_uri": "https://oauth2.googleapis.com/token",
            "client_id": "c", "client_secret": "s", "scopes": ["a"],
            "universe_domain": "googleapis.com"},
            "project_id": project, "email": "dev@example.com", "auto": false, "checked": true,
            "type": "gemini", "mine": {"kept": true}})
    }

    /// The file of an Antigravity account as the old program writes it.
    pub fn antigravity_account(&self, email: &str, minutes: i64) -> Value {
        let (refresh, access) = self.auth.grant();
        let end = end(minutes);
        json!({"type": "antigravity", "access_token": access, "refresh_token": refresh,
            "expires_in": 3599, "timestamp": (end - TimeDelta::seconds(3599)).timestamp_millis(),
            "expired": end, "email": email, "project_id": format!("project-of-{email}"),
            "mine": {"kept": true}})
    }

    /// No call was refused for its form.
    #[track_caller]
    pub fn assert_content(&self) {
        let complaints = self.complaints.lock();
        assert!(complaints.is_empty(), "{complaints:?}");
        self.auth.assert_content();
    }
}

fn end(minutes: i64) -> DateTime<Utc> {
    SystemClock.now() + TimeDelta::minutes(minutes)
}

/// Calls of a path at a host.
pub fn calls(host: &Upstream, path: &str) -> Vec<Arc<Recorded>> {
    let all = host.requests().into_iter();
    all.filter(|request| request.path() == path).collect()
}

/// An error of the service.
pub fn error(status: u16, word: &str, message: &str, details: Value) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"code": status, "status": word, "message": message,
            "details": details}}),
    )
}

/// A 429 with a reason and a wait.
pub fn limited(reason: &str, delay: &str) -> Reply {
    let details = json!([
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
            "domain": "cloudcode-pa.googleapis.com"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]);
    error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", details)
}

fn is_signed(auth: &OAuthSim, request: &Recorded) -> bool {
    let bearer = request.header("authorization").unwrap_or_default();
    auth.accepts(bearer.trim_start_matches("Bearer "))
}

/// An answer in the service's envelope.
pub fn enveloped(answer: &Answer, stream: bool) -> Reply {
    if !stream {
        let body = json!({"response": answer.json(Wire::Gemini), "traceId": "t"});
        return Reply::json(200, &body);
    }
    let frames = answer.frames(Wire::Gemini);
    Reply::sse(frames.into_iter().map(|frame| {
        let data = frame.trim().strip_prefix("data:").expect("a data line");
        format!(
            "data: {{\"response\":{},\"traceId\":\"t\"}}\r\n\r\n",
            data.trim()
        )
    }))
}

fn counted(request: &Recorded) -> Reply {
    let body = request.json();
    let inner = body["request"].as_object();
    let known = |key: &String| key == "model" || key == "contents";
    match inner {
        Some(inner)
            if inner.keys().all(known) && body.as_object().is_some_and(|b| b.len() == 1) =>
        {
            Reply::json(200, &json!({"totalTokens": 31}))
        }
        _ => error(400, "INVALID_ARGUMENT", "Unknown name", json!([])),
    }
}

/// What the service would refuse of a body.
fn fault(product: Product, body: &Value) -> Option<String> {
    let request = &body["request"];
    let model = body["model"].as_str().unwrap_or_default();
    let refused = |what: &str| Some(format!("Invalid JSON payload received: {what}"));
    if body["project"].as_str().is_none_or(str::is_empty) || model.is_empty() {
        return refused("project or model");
    }
    if request["contents"].as_array().is_none_or(Vec::is_empty) {
        return refused("contents");
    }
    if request.get("model").is_some() {
        return refused("Unknown name \"model\" at 'request'");
    }
    if product == Product::GeminiCli {
        return None;
    }
    if body["userAgent"] != "antigravity" || !body["requestId"].is_string() {
        return refused("requestId");
    }
    let text = request.to_string();
    for word in [
        "safetySettings",
        "parametersJsonSchema",
        "$ref",
        "\"const\"",
    ] {
        if text.contains(word) {
            return refused(word);
        }
    }
    let tools = request["tools"].as_array().into_iter().flatten();
    let functions = tools.flat_map(|tool| {
        tool["functionDeclarations"]
            .as_array()
            .into_iter()
            .flatten()
    });
    for function in functions.filter(|_| model.contains("claude")) {
        let required = function["parameters"]["required"].as_array();
        if required.is_none_or(Vec::is_empty) {
            return refused("a schema that demands nothing");
        }
    }
    let has_limit = request["generationConfig"].get("maxOutputTokens").is_some();
    if has_limit && !model.contains("claude") {
        return refused("maxOutputTokens");
    }
    None
}
