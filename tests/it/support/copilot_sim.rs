//! GitHub as far as Copilot accounts see it: the site with its login, its API with the exchange of
//! tokens, and Copilot (`providers/github-copilot.md`). All refuse what the real ones refuse.

use std::collections::VecDeque;
use std::sync::Arc;

use actors::port::{Clock, SystemClock};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::answer::{Answer, Wire};
use super::daemon::Setup;
use super::oauth_sim::pairs;
use super::upstream::{Recorded, Reply, Upstream};

/// Path of chat calls of an account of a person.
pub const CHAT: &str = "/api.individual.githubcopilot.com/chat/completions";
/// Path of calls in Responses.
pub const RESPONSES: &str = "/api.individual.githubcopilot.com/responses";
/// Path of calls in Anthropic's protocol.
pub const MESSAGES: &str = "/api.individual.githubcopilot.com/v1/messages";
/// Path of the account's list.
pub const MODELS: &str = "/api.individual.githubcopilot.com/models";
/// Path of the exchange of tokens.
pub const EXCHANGE: &str = "/api.github.com/copilot_internal/v2/token";

const HOSTS: &[&str] = &[
    "github.com",
    "api.github.com",
    "api.githubcopilot.com",
    "api.individual.githubcopilot.com",
];

struct State {
    /// The GitHub token that is taken.
    github: String,
    /// Copilot tokens that calls may use.
    live: Vec<String>,
    n_exchanged: usize,
    /// Answers of polls before the good one: the `error` of each.
    polls: VecDeque<&'static str>,
    /// The account's list; `None` = 404.
    models: Option<Value>,
    /// The time here.
    clock: Arc<dyn Clock>,
    /// What was wrong about requests.
    complaints: Vec<String>,
}

/// All hosts behind one address; a path begins with the host's name.
pub struct CopilotSim {
    /// The server it stands on.
    pub server: Upstream,
    state: Arc<Mutex<State>>,
}

impl CopilotSim {
    /// Starts it; every call is answered with `answer`.
    pub fn start(answer: Answer) -> Self {
        let server = Upstream::start();
        let state = Arc::new(Mutex::new(State {
            github: "ghu_1".to_owned(),
            live: Vec::new(),
            n_exchanged: 0,
            polls: VecDeque::new(),
            models: None,
            clock: Arc::new(SystemClock),
            complaints: Vec::new(),
        }));
        let on = |path: &str, reply: fn(&mut State, &Recorded) -> Reply| {
            let state = Arc::clone(&state);
            server.handle(path, move |request| reply(&mut state.lock(), request));
        };
        on("/github.com/login/device/code", device);
        on("/github.com/login/oauth/access_token", poll);
        on("/api.github.com/user", user);
        on(EXCHANGE, exchange);
        on("/api.github.com/copilot_internal/user", plan);
        on(MODELS, models);
        for (path, wire) in [
            (CHAT, Wire::Chat),
            (RESPONSES, Wire::Responses),
            (MESSAGES, Wire::Anthropic),
        ] {
            let (state, answer) = (Arc::clone(&state), answer.clone());
            server.handle(path, move |request| {
                call(&mut state.lock(), &answer, wire, request)
            });
        }
        Self { server, state }
    }

    /// A folder whose configuration leads here.
    pub fn setup(&self, more: &str) -> Setup {
        let url = self.server.url();
        let lines = HOSTS
            .iter()
            .map(|host| format!("  \"https://{host}\": \"{url}/{host}\"\n"));
        let lines: String = lines.collect();
        Setup::new(&format!("{more}upstream-rewrites:\n{lines}"))
    }

    /// The file of the account, as the old program writes it.
    pub fn account(&self) -> Value {
        json!({"type": "github-copilot", "access_token": self.state.lock().github,
            "token_type": "bearer", "scope": "read:user,user:email", "username": "octocat",
            "mine": {"kept": true}})
    }

    /// Answers of the next polls.
    pub fn polls(&self, errors: impl IntoIterator<Item = &'static str>) {
        self.state.lock().polls.extend(errors);
    }

    /// Gives accounts a list of their own.
    pub fn list_models(&self, data: Value) {
        self.state.lock().models = Some(json!({"object": "list", "data": data}));
    }

    /// The time here.
    pub fn set_clock(&self, clock: Arc<dyn Clock>) {
        self.state.lock().clock = clock;
    }

    /// Makes every Copilot token useless.
    pub fn forget_tokens(&self) {
        self.state.lock().live.clear();
    }

    /// Takes the program off the account: the GitHub token is dead.
    pub fn revoke(&self) {
        let mut state = self.state.lock();
        state.github = "another".to_owned();
        state.live.clear();
    }

    /// How many tokens were given.
    pub fn n_exchanged(&self) -> usize {
        self.state.lock().n_exchanged
    }

    /// Calls of this path so far.
    pub fn calls(&self, path: &str) -> Vec<Arc<Recorded>> {
        let all = self.server.requests().into_iter();
        all.filter(|call| call.path() == path).collect()
    }

    /// What clients did wrong; every test ends with a look at it.
    #[track_caller]
    pub fn assert_content(&self) {
        let state = self.state.lock();
        assert!(state.complaints.is_empty(), "{:?}", state.complaints);
    }
}

fn complain(state: &mut State, status: u16, what: &str) -> Reply {
    state.complaints.push(what.to_owned());
    Reply::json(status, &json!({"message": what}))
}

fn form(request: &Recorded) -> std::collections::BTreeMap<String, String> {
    pairs(&String::from_utf8_lossy(&request.body))
}

const CLIENT: &str = "Iv1.b507a08c87ecfe98";

fn device(state: &mut State, request: &Recorded) -> Reply {
    let form = form(request);
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if get("client_id") != CLIENT || get("scope") != "read:user user:email" {
        return complain(state, 400, "a wrong client or scope");
    }
    if request.header("accept") != Some("application/json") {
        return complain(state, 400, "forms are answered with forms");
    }
    Reply::json(
        200,
        &json!({"device_code": "device-code", "user_code": "ABCD-1234", "expires_in": 900,
            "interval": 1, "verification_uri": "https://github.com/login/device"}),
    )
}

/// Errors come with 200.
fn poll(state: &mut State, request: &Recorded) -> Reply {
    let form = form(request);
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if get("client_id") != CLIENT
        || get("device_code") != "device-code"
        || get("grant_type") != "urn:ietf:params:oauth:grant-type:device_code"
    {
        return complain(state, 400, "a wrong poll");
    }
    let body = match state.polls.pop_front() {
        Some(error) => json!({"error": error, "error_description": "simulated", "interval": 5}),
        None => json!({"access_token": state.github, "token_type": "bearer",
            "scope": "read:user,user:email"}),
    };
    Reply::json(200, &body)
}

fn signed(state: &State, request: &Recorded) -> bool {
    let sent = request.header("authorization").unwrap_or_default();
    ["token ", "Bearer "]
        .iter()
        .any(|kind| sent.strip_prefix(kind) == Some(&state.github))
        && request.header("user-agent").is_some()
}

fn user(state: &mut State, request: &Recorded) -> Reply {
    if !signed(state, request) {
        return Reply::json(401, &json!({"message": "Bad credentials"}));
    }
    Reply::json(
        200,
        &json!({"login": "octocat", "email": null, "name": "The Cat"}),
    )
}

fn exchange(state: &mut State, request: &Recorded) -> Reply {
    if request.header("editor-version").is_none() {
        return complain(state, 400, "no Editor-Version at the exchange");
    }
    if !signed(state, request) {
        return Reply::json(401, &json!({"message": "Bad credentials", "status": "401"}));
    }
    state.n_exchanged += 1;
    let token = format!(
        "tid={};exp=1;proxy-ep=proxy.individual.githubcopilot.com:00ff",
        state.n_exchanged
    );
    state.live.push(token.clone());
    let end = state.clock.now().timestamp() + 1800;
    Reply::json(
        200,
        &json!({"token": token, "expires_at": end, "refresh_in": 1500,
            "sku": "plus_yearly_subscriber", "chat_enabled": true, "limited_user_quotas": null,
            "endpoints": {"api": "https://api.individual.githubcopilot.com/",
                "proxy": "https://proxy.individual.githubcopilot.com"}}),
    )
}

fn plan(state: &mut State, request: &Recorded) -> Reply {
    if !signed(state, request) {
        return Reply::json(401, &json!({"message": "Bad credentials"}));
    }
    let snapshot = |left: f64, unlimited: bool| {
        json!({"entitlement": 1500, "percent_remaining": left, "unlimited": unlimited,
            "overage_permitted": false})
    };
    Reply::json(
        200,
        &json!({"copilot_plan": "individual_pro", "quota_reset_date": "2999-04-01",
            "quota_snapshots": {"chat": snapshot(100.0, true),
                "premium_interactions": snapshot(58.0, false)}}),
    )
}

/// Why a call to Copilot is refused whatever it asks; bodies come as plain text.
fn refusal(state: &mut State, request: &Recorded) -> Option<Reply> {
    let sent = request.header("authorization").unwrap_or_default();
    let token = sent.strip_prefix("Bearer ").unwrap_or_default();
    if !state.live.iter().any(|live| live == token) {
        return Some(Reply::text(401, "unauthorized: token expired\n"));
    }
    let editor = request.header("editor-version").unwrap_or_default();
    if !editor.starts_with("vscode/") {
        state.complaints.push("no editor".to_owned());
        let text = "bad request: missing Editor-Version header for IDE auth\n";
        return Some(Reply::text(400, text));
    }
    if request.header("copilot-integration-id").is_none() {
        return Some(complain(state, 400, "no integration"));
    }
    None
}

fn models(state: &mut State, request: &Recorded) -> Reply {
    if let Some(refusal) = refusal(state, request) {
        return refusal;
    }
    match &state.models {
        Some(list) => Reply::json(200, list),
        None => Reply::text(404, "404 page not found\n"),
    }
}

fn call(state: &mut State, answer: &Answer, wire: Wire, request: &Recorded) -> Reply {
    if let Some(refusal) = refusal(state, request) {
        return refusal;
    }
    let body = request.json();
    let said = |code: &str, message: String| {
        let body = json!({"error": {"message": message, "code": code}});
        Reply::text(400, body.to_string())
    };
    let text = body.to_string();
    let picture = ["\"image_url\"", "\"input_image\"", "\"image\""]
        .iter()
        .any(|kind| text.contains(&format!("\"type\":{kind}")));
    if picture && request.header("copilot-vision-request") != Some("true") {
        let text = "missing required Copilot-Vision-Request header for vision requests";
        return said("", text.to_owned());
    }
    if !matches!(request.header("x-initiator"), Some("user" | "agent")) {
        return complain(state, 400, "no initiator");
    }
    let model = body["model"].as_str().unwrap_or_default();
    let served = match wire {
        Wire::Chat => !model.contains("codex") && model != "gpt-moved",
        Wire::Responses => model.starts_with("gpt-5") || model == "gpt-moved",
        _ => model.starts_with("claude-"),
    };
    if !served {
        let text = format!("model {model} is not accessible via this endpoint");
        return said("unsupported_api_for_model", text);
    }
    if wire == Wire::Chat && model.starts_with("gpt-5") && body.get("max_tokens").is_some() {
        let text = "Unsupported parameter: 'max_tokens' is not supported with this model.";
        return said("invalid_request_body", text.to_owned());
    }
    if wire == Wire::Responses && body.get("service_tier").is_some() {
        return said("invalid_request_body", "service_tier".to_owned());
    }
    let stream = body["stream"] == true;
    // Thinking has a name of its own in chat.
    let told = |text: String| text.replace("reasoning_content", "reasoning_text");
    let reply = match (wire, stream) {
        (Wire::Chat, true) => {
            let first = json!({"choices": [], "created": 0, "id": "", "prompt_filter_results": []});
            let first = format!("data: {first}\n\n");
            Reply::sse(std::iter::once(first).chain(answer.frames(wire).into_iter().map(told)))
        }
        (Wire::Chat, false) => {
            Reply::bytes(200, "application/json", told(answer.json(wire).to_string()))
        }
        _ => answer.reply(wire, stream),
    };
    reply.header(
        "x-quota-snapshot-premium_interactions",
        "ent=1500&ov=0.0&ovPerm=false&rem=57.3&rst=2999-04-01T00%3A00%3A00Z&totRem=859",
    )
}
