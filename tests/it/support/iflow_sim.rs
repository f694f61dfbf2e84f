//! iFlow as accounts saw it until April 2026 (`providers/iflow.md`): the site with its logins, the
//! platform with its keys, the API.

use std::sync::Arc;

use actors::port::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use parking_lot::Mutex;
use ring::hmac;
use serde_json::{Value, json};

use super::answer::{Answer, Wire, error};
use super::daemon::Setup;
use super::oauth_sim::pairs;
use super::upstream::{Recorded, Reply, Upstream};

/// Path of calls.
pub const CHAT: &str = "/v1/chat/completions";

/// The cookie of the account that has one.
pub const COOKIE: &str = "BXAuth=abc123;";

const CLIENT: (&str, &str) = ("10009311001", "4Z3YjXycVsQvyGF1etiNlIBB4RsqSDtW");

#[derive(Default)]
struct State {
    n_granted: usize,
    /// The one live refresh token.
    live: String,
    /// Keys that calls may use.
    keys: Vec<String>,
    n_refreshes: usize,
    complaints: Vec<String>,
}

impl State {
    fn new_key(&mut self) -> String {
        let key = format!("sk-{}", self.keys.len() + self.n_granted + 1);
        self.keys = vec![key.clone()];
        key
    }

    fn grant(&mut self) -> Reply {
        self.n_granted += 1;
        self.live = format!("refresh-{}", self.n_granted);
        Reply::json(
            200,
            &json!({"access_token": format!("access-{}", self.n_granted),
                "refresh_token": self.live, "token_type": "bearer", "expires_in": 172_800,
                "scope": ""}),
        )
    }
}

/// All hosts on one server.
pub struct IFlowSim {
    /// The server.
    pub server: Upstream,
    state: Arc<Mutex<State>>,
}

impl IFlowSim {
    /// Starts it; every call is answered with `answer`.
    pub fn start(answer: Answer) -> Self {
        let server = Upstream::start();
        let state = Arc::new(Mutex::new(State::default()));
        let on = |path: &str, reply: fn(&mut State, &Recorded) -> Reply| {
            let state = Arc::clone(&state);
            server.handle(path, move |request| reply(&mut state.lock(), request));
        };
        on("/oauth/token", token);
        on("/api/oauth/getUserInfo", user);
        on("/api/openapi/apikey", keys);
        let known = Arc::clone(&state);
        server.handle(CHAT, move |request| {
            chat(&mut known.lock(), &answer, request)
        });
        Self { server, state }
    }

    /// A folder whose configuration leads here.
    pub fn setup(&self) -> Setup {
        let url = self.server.url();
        Setup::new(&format!(
            "upstream-rewrites:\n  \"https://iflow.cn\": \"{url}\"\n  \
             \"https://platform.iflow.cn\": \"{url}\"\n  \"https://apis.iflow.cn\": \"{url}\"\n"
        ))
    }

    /// The file of an account whose token ends in so many minutes, as the old program writes it.
    pub fn account(&self, minutes: i64) -> Value {
        let mut state = self.state.lock();
        let _granted = state.grant();
        let key = state.new_key();
        let end = SystemClock.now() + TimeDelta::minutes(minutes);
        json!({"type": "iflow", "access_token": format!("access-{}", state.n_granted),
            "refresh_token": state.live, "api_key": key, "email": "dev@example.com",
            "token_type": "bearer", "scope": "", "cookie": "", "expired": end,
            "mine": {"kept": true}})
    }

    /// The file of an account that lives by a cookie.
    pub fn by_cookie(&self, expired: &str) -> Value {
        let key = self.state.lock().new_key();
        json!({"type": "iflow", "access_token": "", "refresh_token": "", "api_key": key,
            "email": "138****0000", "cookie": COOKIE, "expired": expired, "mine": {"kept": true}})
    }

    /// Makes all keys useless; tokens stay.
    pub fn forget_keys(&self) {
        self.state.lock().keys.clear();
    }

    /// How many refreshes were granted.
    pub fn n_refreshes(&self) -> usize {
        self.state.lock().n_refreshes
    }

    /// Calls so far.
    pub fn calls(&self) -> Vec<Arc<Recorded>> {
        let all = self.server.requests().into_iter();
        all.filter(|call| call.path() == CHAT).collect()
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
    Reply::json(
        status,
        &json!({"error": "invalid_request", "error_description": what}),
    )
}

fn token(state: &mut State, request: &Recorded) -> Reply {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let form = pairs(&text);
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1))
    );
    if request.header("authorization") != Some(&basic) {
        return complain(state, 401, "no Basic");
    }
    if (get("client_id"), get("client_secret")) != CLIENT {
        return complain(state, 401, "no client in the form");
    }
    match get("grant_type") {
        "authorization_code" if get("code") != "code-1" => complain(state, 400, "an unknown code"),
        "authorization_code" if !get("redirect_uri").ends_with(":11451/oauth2callback") => {
            complain(state, 400, "another redirect_uri")
        }
        "authorization_code" => state.grant(),
        "refresh_token" if get("refresh_token") != state.live => {
            complain(state, 400, "a spent refresh token")
        }
        "refresh_token" => {
            state.n_refreshes += 1;
            state.grant()
        }
        other => complain(state, 400, &format!("grant `{other}`")),
    }
}

fn user(state: &mut State, request: &Recorded) -> Reply {
    let query = request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let token = pairs(query).remove("accessToken").unwrap_or_default();
    if token != format!("access-{}", state.n_granted) {
        return Reply::json(200, &json!({"success": false, "message": "token"}));
    }
    let key = state.new_key();
    let data = json!({"apiKey": key, "email": "dev@example.com", "phone": "13800000000"});
    Reply::json(200, &json!({"success": true, "data": data}))
}

fn keys(state: &mut State, request: &Recorded) -> Reply {
    let cookie = request.header("cookie").unwrap_or_default();
    if !cookie.contains(COOKIE.trim_end_matches(';')) {
        return Reply::json(200, &json!({"success": false, "message": "please log in"}));
    }
    let ordered = request.method == "POST";
    if ordered && request.json() != json!({"name": "138****0000"}) {
        return complain(state, 400, "another name");
    }
    let key = if ordered {
        state.new_key()
    } else {
        "sk-****".to_owned()
    };
    let data = json!({"name": "138****0000", "apiKey": key, "apiKeyMask": "sk-****",
        "hasExpired": false, "expireTime": "2999-03-01 20:00"});
    Reply::json(200, &json!({"success": true, "code": "200", "data": data}))
}

fn chat(state: &mut State, answer: &Answer, request: &Recorded) -> Reply {
    let header = |name: &str| request.header(name).unwrap_or_default();
    let key = header("authorization")
        .trim_start_matches("Bearer ")
        .to_owned();
    if !state.keys.contains(&key) {
        return error(Wire::Chat, 401, "invalid api key");
    }
    let text = format!(
        "{}:{}:{}",
        header("user-agent"),
        header("session-id"),
        header("x-iflow-timestamp")
    );
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
        text.as_bytes(),
    );
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if header("x-iflow-signature") != hex {
        return complain(state, 403, "a wrong signature");
    }
    let body = request.json();
    if body.get("reasoning_effort").is_some() || body["tools"] == json!([]) {
        return complain(state, 400, "fields the service does not know");
    }
    answer.reply(Wire::Chat, body["stream"] == true)
}
