//! Google Cloud as far as service accounts see it: the token endpoint, which checks the signature,
//! and Vertex AI behind all of its hosts (`providers/vertex.md`).

use std::collections::VecDeque;
use std::sync::Arc;

use actors::port::{Clock, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::answer::{Answer, Wire};
use super::daemon::Setup;
use super::oauth_sim::pairs;
use super::upstream::{Recorded, Reply, Upstream};

/// The key of every account: made for tests, PKCS#8 as base64 in lines.
const KEY: &str = include_str!("../../../src/providers/vertex/test_key.b64");

/// The API key that is accepted.
pub const API_KEY: &str = "vertex-key";

/// The picture that every prompt gives.
pub const PICTURE: &str = "iVBORw0=";

/// A prompt that the filter refuses.
pub const REFUSED_PROMPT: &str = "something refused";

const HOSTS: &[&str] = &[
    "oauth2.googleapis.com",
    "aiplatform.googleapis.com",
    "us-central1-aiplatform.googleapis.com",
    "europe-west4-aiplatform.googleapis.com",
];

#[derive(Default)]
struct State {
    /// Tokens that calls may use.
    live: Vec<String>,
    n_tokens: usize,
    /// Life of tokens, in seconds.
    life: i64,
    /// The time, where tests have moved it.
    clock: Option<Arc<dyn Clock>>,
    /// What the token endpoint says instead: error and description.
    refusals: VecDeque<(&'static str, &'static str)>,
    /// What was wrong about requests.
    complaints: Vec<String>,
}

/// All hosts behind one address; a path begins with the host's name.
pub struct VertexSim {
    /// The server it stands on.
    pub server: Upstream,
    state: Arc<Mutex<State>>,
}

impl VertexSim {
    /// Starts the hosts; tokens live an hour.
    pub fn start() -> Self {
        let server = Upstream::start();
        let state = Arc::new(Mutex::new(State {
            life: 3599,
            ..State::default()
        }));
        let tokens = Arc::clone(&state);
        server.handle("/oauth2.googleapis.com/token", move |request| {
            token(&mut tokens.lock(), request)
        });
        let calls = Arc::clone(&state);
        server.handle("/", move |request| call(&mut calls.lock(), request));
        Self { server, state }
    }

    /// A setup whose daemon takes this for Google.
    pub fn setup(&self, yaml: &str) -> Setup {
        let url = self.server.url();
        let lines = HOSTS
            .iter()
            .map(|host| format!("  \"https://{host}\": \"{url}/{host}\"\n"));
        Setup::new(&format!(
            "{yaml}upstream-rewrites:\n{}",
            lines.collect::<String>()
        ))
    }

    /// Tokens granted from now on live so many seconds; returns how many were granted before.
    pub fn life(&self, seconds: i64) -> usize {
        let mut state = self.state.lock();
        state.life = seconds;
        state.n_tokens
    }

    /// Takes this clock for the time.
    pub fn set_clock(&self, clock: Arc<dyn Clock>) {
        self.state.lock().clock = Some(clock);
    }

    /// The next token call hears this.
    pub fn refuse(&self, error: &'static str, description: &'static str) {
        self.state.lock().refusals.push_back((error, description));
    }

    /// Makes all tokens useless.
    pub fn forget_tokens(&self) {
        self.state.lock().live.clear();
    }

    /// How many tokens were granted.
    pub fn n_tokens(&self) -> usize {
        self.state.lock().n_tokens
    }

    /// The calls of models so far.
    pub fn calls(&self) -> Vec<Arc<Recorded>> {
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| !request.path().ends_with("/token"))
            .collect()
    }

    /// What clients did wrong; every test ends with a look at it.
    #[track_caller]
    pub fn assert_content(&self) {
        let state = self.state.lock();
        assert!(state.complaints.is_empty(), "{:?}", state.complaints);
    }
}

/// The file that Google gives for a new key.
pub fn key_file(project: &str) -> Value {
    json!({
        "type": "service_account", "project_id": project, "private_key_id": "0000",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\r\n{}-----END PRIVATE KEY-----\r\n",
            KEY.replace('\n', "\r\n")),
        "client_email": format!("svc@{project}.iam.gserviceaccount.com"), "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

/// A credential file as the old program writes it.
pub fn account(project: &str, location: &str) -> Value {
    let key = key_file(project);
    json!({
        "service_account": key, "project_id": project, "email": key["client_email"],
        "location": location, "type": "vertex",
    })
}

fn token(state: &mut State, request: &Recorded) -> Reply {
    if let Some((error, description)) = state.refusals.pop_front() {
        let body = json!({"error": error, "error_description": description});
        return Reply::json(400, &body);
    }
    let now = state.clock.as_deref().unwrap_or(&SystemClock).now();
    match checked(request, now.timestamp()) {
        Err(what) => {
            state.complaints.push(what.clone());
            Reply::json(
                400,
                &json!({"error": "invalid_grant", "error_description": what}),
            )
        }
        Ok(()) => {
            state.n_tokens += 1;
            let token = format!("ya29.{}", state.n_tokens);
            state.live.push(token.clone());
            let body =
                json!({"access_token": token, "expires_in": state.life, "token_type": "Bearer"});
            Reply::json(200, &body)
        }
    }
}

/// Checks a token call as Google does.
fn checked(request: &Recorded, now: i64) -> Result<(), String> {
    let body = String::from_utf8_lossy(&request.body);
    let form = pairs(&body);
    let get = |name: &str| form.get(name).cloned().unwrap_or_default();
    if get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return Err(format!("grant type in {body}"));
    }
    let assertion = get("assertion");
    let no_claim = || format!("no claim in {body}");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(no_claim)?;
    let (_, claims) = signed.split_once('.').ok_or_else(no_claim)?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(KEY.replace('\n', "")).unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public
        .verify(signed.as_bytes(), &decoded(signature))
        .map_err(|_| "Invalid JWT Signature.".to_owned())?;
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap_or_default();
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    let wrong = [
        (
            claims["aud"] != "https://oauth2.googleapis.com/token",
            "aud",
        ),
        (
            claims["scope"] != "https://www.googleapis.com/auth/cloud-platform",
            "scope",
        ),
        (
            !claims["iss"]
                .as_str()
                .unwrap_or_default()
                .starts_with("svc@"),
            "iss",
        ),
        (time("iat") > now || time("iat") < now - 300, "iat"),
        (time("exp") - time("iat") > 3600, "exp"),
    ];
    match wrong.iter().find(|(wrong, _)| *wrong) {
        Some((_, what)) => Err(format!("{what} in {claims}")),
        None => Ok(()),
    }
}

fn refused(status: u16, word: &str, message: &str) -> Reply {
    let error = json!({"code": status, "message": message, "status": word});
    Reply::json(status, &json!({"error": error}))
}

fn call(state: &mut State, request: &Recorded) -> Reply {
    let bearer = request.header("authorization").unwrap_or_default();
    let token = bearer.strip_prefix("Bearer ").unwrap_or_default();
    let with_token = request.path().contains("/v1/projects/");
    let admitted = if with_token {
        state.live.iter().any(|live| live == token) && request.header("x-goog-api-key").is_none()
    } else {
        request.header("x-goog-api-key") == Some(API_KEY)
    };
    if !admitted {
        return refused(401, "UNAUTHENTICATED", "invalid authentication credentials");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    // The real service does not know these in its Gemini protocol.
    let unknown = ["model", "messages", "generateContentRequest", "session_id"];
    let unknown = unknown.iter().find(|name| body.get(**name).is_some());
    let with_id = request.body.windows(5).any(|part| part == b"\"id\":");
    if unknown.is_some() || with_id {
        let what = format!("unknown field {} in {body}", unknown.unwrap_or(&"id"));
        state.complaints.push(what.clone());
        return refused(400, "INVALID_ARGUMENT", &what);
    }
    let said = body["contents"][0]["parts"][0]["text"].as_str();
    let said = format!("You said: {}", said.unwrap_or_default());
    let answer = Answer::new("gemini-2.5-flash").text(&said);
    match request.target.rsplit(':').next().unwrap_or_default() {
        "streamGenerateContent?alt=sse" => answer.reply(Wire::Gemini, true),
        "generateContent" => answer.reply(Wire::Gemini, false),
        "countTokens" => Reply::json(200, &json!({"totalTokens": 8})),
        "predict" => predict(state, &body),
        other => refused(404, "NOT_FOUND", other),
    }
}

fn predict(state: &mut State, body: &Value) -> Reply {
    match body["instances"][0]["prompt"].as_str() {
        Some(REFUSED_PROMPT) => Reply::json(
            200,
            &json!({"predictions": [{"raiFilteredReason": "refused"}]}),
        ),
        Some(_) => {
            let picture = json!({"bytesBase64Encoded": PICTURE, "mimeType": "image/png"});
            Reply::json(200, &json!({"predictions": [picture]}))
        }
        None => {
            state.complaints.push(format!("no prompt in {body}"));
            refused(400, "INVALID_ARGUMENT", "no prompt")
        }
    }
}
