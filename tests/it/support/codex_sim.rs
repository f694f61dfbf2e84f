//! OpenAI as far as ChatGPT accounts see it: `auth.openai.com` and the backend of Codex
//! (`providers/codex.md`). The backend refuses what the real one refuses.

use std::sync::Arc;

use actors::port::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::answer::{Answer, Wire};
use super::daemon::Setup;
use super::oauth_sim::{OAuthSim, Registration, pairs};
use super::upstream::{Recorded, Reply, Upstream};

/// Path of replies on the backend.
pub const RESPONSES: &str = "/backend-api/codex/responses";

/// The code that the device flow shows.
pub const USER_CODE: &str = "QXYZ-12345";

const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// Fields the backend does not take (§7.1).
const REFUSED: &[&str] = &[
    "max_output_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "user",
    "previous_response_id",
    "prompt_cache_retention",
    "safety_identifier",
    "truncation",
    "context_management",
    "stream_options",
    "generate",
    "metadata",
];

/// Both hosts.
pub struct CodexSim {
    /// `auth.openai.com`
    pub auth: Arc<OAuthSim>,
    /// `chatgpt.com`
    pub backend: Upstream,
    /// Answer of `GET …/models`; `None` = 404.
    models: Arc<Mutex<Option<Value>>>,
    /// How often a device poll hears "not yet".
    pending: Arc<Mutex<u32>>,
}

/// A token with claims, whose signature nobody checks.
pub fn jwt(claims: &Value) -> String {
    format!("eyJ.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// An `id_token` of OpenAI.
pub fn id_token(email: &str, account: &str, plan: &str) -> String {
    jwt(&json!({"email": email, "https://api.openai.com/auth":
        {"chatgpt_account_id": account, "chatgpt_plan_type": plan}}))
}

impl CodexSim {
    /// Starts both; every call is answered with `answer`.
    pub fn start(answer: Answer) -> Self {
        let auth = Arc::new(OAuthSim::start(Registration {
            authorize: "/oauth/authorize",
            token: "/oauth/token",
            client_id: CLIENT_ID,
            life: 864_000,
            ..Registration::default()
        }));
        auth.extra(|_| json!({"id_token": id_token("a@b.c", "acct-1", "Team"), "scope": "openid"}));
        let backend = Upstream::start();
        let accounts = Arc::clone(&auth);
        backend.handle(RESPONSES, move |request| reply(&accounts, &answer, request));
        let models = Arc::new(Mutex::new(None));
        let listed = Arc::clone(&models);
        backend.handle("/backend-api/codex/models", move |_| {
            match &*listed.lock() {
                Some(list) => Reply::json(200, list),
                None => Reply::json(404, &json!({"detail": "Not Found"})),
            }
        });
        let sim = Self {
            auth,
            backend,
            models,
            pending: Arc::default(),
        };
        sim.serve_device_codes();
        sim
    }

    /// Gives accounts a list of their own.
    pub fn list_models(&self, list: Value) {
        *self.models.lock() = Some(list);
    }

    /// How often the next device login hears "not yet".
    pub fn pend(&self, n: u32) {
        *self.pending.lock() = n;
    }

    /// A folder whose configuration leads here.
    pub fn setup(&self, more: &str) -> Setup {
        Setup::new(&format!(
            "{more}upstream-rewrites:\n  \"https://auth.openai.com\": \"{}\"\n  \
             \"https://chatgpt.com\": \"{}\"\n",
            self.auth.server.url(),
            self.backend.url()
        ))
    }

    /// The file of an account whose token ends in so many minutes, as the old program writes it.
    pub fn account(&self, id: &str, minutes: i64) -> Value {
        let (refresh, access) = self.auth.grant();
        // Used for less than eight days: the daemon would renew it in the background otherwise.
        let (end, life) = (TimeDelta::minutes(minutes), TimeDelta::days(5));
        json!({"type": "codex", "email": format!("{id}@b.c"), "account_id": id,
            "id_token": id_token(&format!("{id}@b.c"), id, "plus"), "access_token": access,
            "refresh_token": refresh, "expired": SystemClock.now() + end,
            "last_refresh": SystemClock.now() + end - life, "mine": {"kept": true}})
    }

    /// Calls for replies so far.
    pub fn calls(&self) -> Vec<Arc<Recorded>> {
        let all = self.backend.requests();
        let calls = all.into_iter();
        calls
            .filter(|call| call.path().starts_with(RESPONSES))
            .collect()
    }

    /// `{id}` of the accounts that were called, in order.
    pub fn called(&self) -> Vec<String> {
        let calls = self.calls();
        let ids = calls.iter().map(|call| call.header("chatgpt-account-id"));
        ids.map(|id| id.unwrap_or_default().to_owned()).collect()
    }

    /// The device flow, which is OpenAI's own (§1.2).
    fn serve_device_codes(&self) {
        let server = &self.auth.server;
        server.handle("/api/accounts/deviceauth/usercode", |request| {
            if request.json() != json!({"client_id": CLIENT_ID}) {
                return Reply::json(400, &json!({"error": "invalid_request"}));
            }
            let code = json!({"device_auth_id": "dev-1", "usercode": USER_CODE, "interval": "1"});
            Reply::json(200, &code)
        });
        let verifier = "v".repeat(64);
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        let code = code_for(&self.auth, &challenge);
        let pending = Arc::clone(&self.pending);
        server.handle("/api/accounts/deviceauth/token", move |request| {
            if request.json() != json!({"device_auth_id": "dev-1", "user_code": USER_CODE}) {
                return Reply::json(400, &json!({"error": "invalid_request"}));
            }
            let mut pending = pending.lock();
            if *pending > 0 {
                *pending -= 1;
                return Reply::json(403, &json!({"error": {"code": "deviceauth_pending"}}));
            }
            Reply::json(
                200,
                &json!({"authorization_code": code, "code_verifier": verifier,
                    "code_challenge": challenge}),
            )
        });
    }
}

/// What the person's agreement on the device page makes: a code for the page's own redirect address.
fn code_for(auth: &OAuthSim, challenge: &str) -> String {
    let location = auth.agree(&format!(
        "https://auth.openai.com/oauth/authorize?response_type=code&client_id={CLIENT_ID}&\
         state=0123456789abcdef&code_challenge_method=S256&code_challenge={challenge}&\
         redirect_uri=https%3A%2F%2Fauth.openai.com%2Fdeviceauth%2Fcallback"
    ));
    let (_, query) = location.split_once('?').expect("a query");
    pairs(query).remove("code").expect("a code")
}

fn reply(auth: &OAuthSim, answer: &Answer, request: &Recorded) -> Reply {
    let bearer = request.header("authorization").unwrap_or_default();
    if !auth.accepts(bearer.trim_start_matches("Bearer ")) {
        return Reply::json(
            401,
            &json!({"error": {"code": "token_expired", "message": "Provided token is expired"}}),
        );
    }
    let body = request.json();
    let compact = request.path().ends_with("/compact");
    match fault(&body, compact) {
        Some(fault) => Reply::json(400, &json!({"detail": fault})),
        None if compact => Reply::json(
            200,
            &json!({"id": "resp_c", "object": "response.compaction", "output": [],
                "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}),
        ),
        None => answer.reply(Wire::Responses, true),
    }
}

/// What the backend would refuse of a body.
fn fault(body: &Value, compact: bool) -> Option<String> {
    if !body["instructions"].is_string() {
        return Some("Instructions are required".to_owned());
    }
    if !body["input"].is_array() {
        return Some("Input must be a list".to_owned());
    }
    let streams = body["stream"] == true && body["store"] == false;
    let bare = ["stream", "store", "include"].map(|name| body.get(name).is_none()) == [true; 3];
    if !(if compact { bare } else { streams }) {
        return Some("Stream must be set to true, store to false".to_owned());
    }
    let mut members = REFUSED.iter();
    let refused = members.find(|name| body.get(**name).is_some());
    refused.map(|name| format!("Unsupported parameter: {name}"))
}
