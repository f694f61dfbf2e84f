//! Moonshot as far as Kimi Code accounts see it: `auth.kimi.com` and `api.kimi.com`
//! (`providers/kimi.md`). Both refuse what the real ones refuse.

use std::sync::Arc;

use actors::port::{Clock as _, SystemClock};
use chrono::TimeDelta;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::answer::{Answer, Wire, error};
use super::daemon::Setup;
use super::oauth_sim::{OAuthSim, Registration};
use super::upstream::{Recorded, Reply, Upstream};

/// Path of chat calls.
pub const CHAT: &str = "/coding/v1/chat/completions";

/// Path of calls of Anthropic clients.
pub const MESSAGES: &str = "/coding/v1/messages";

/// A device number in files of tests.
pub const DEVICE: &str = "00000000-0000-4000-8000-000000000000";

/// Headers without which neither host answers.
const DEMANDED: [&str; 5] = [
    "x-msh-platform",
    "x-msh-version",
    "x-msh-device-name",
    "x-msh-device-model",
    "x-msh-device-id",
];

/// Both hosts.
pub struct KimiSim {
    /// `auth.kimi.com`
    pub auth: Arc<OAuthSim>,
    /// `api.kimi.com`
    pub api: Upstream,
    /// Answer of `GET …/v1/models`; `None` = 404.
    models: Arc<Mutex<Option<Value>>>,
}

impl KimiSim {
    /// Starts both; every call is answered with `answer`.
    pub fn start(answer: Answer) -> Self {
        let auth = Arc::new(OAuthSim::start(Registration {
            token: "/api/oauth/token",
            device: "/api/oauth/device_authorization",
            client_id: "17e5f671-d194-4dfb-9706-5516cb48c098",
            life: 900,
            ..Registration::default()
        }));
        auth.extra(|_| json!({"scope": "kimi-code"}));
        let api = Upstream::start();
        for (path, wire) in [(CHAT, Wire::Chat), (MESSAGES, Wire::Anthropic)] {
            let (accounts, answer) = (Arc::clone(&auth), answer.clone());
            api.handle(path, move |request| {
                refusal(&accounts, wire, request).unwrap_or_else(|| {
                    let body = request.json();
                    match fault(wire, &body) {
                        Some(fault) => error(wire, 400, &fault),
                        None => answer.reply(wire, body["stream"] == true),
                    }
                })
            });
        }
        let accounts = Arc::clone(&auth);
        api.handle("/coding/v1/messages/count_tokens", move |request| {
            refusal(&accounts, Wire::Anthropic, request)
                .unwrap_or_else(|| Reply::json(200, &json!({"input_tokens": 77})))
        });
        let models = Arc::new(Mutex::new(None));
        let (accounts, listed) = (Arc::clone(&auth), Arc::clone(&models));
        api.handle("/coding/v1/models", move |request| {
            refusal(&accounts, Wire::Chat, request).unwrap_or_else(|| match &*listed.lock() {
                Some(list) => Reply::json(200, list),
                None => error(Wire::Chat, 404, "no list"),
            })
        });
        api.handle("/coding/v1/usages", |_| {
            let usage = json!({"usage": {"limit": "100", "remaining": "74"}});
            Reply::json(200, &usage)
        });
        Self { auth, api, models }
    }

    /// Gives accounts a list of their own.
    pub fn list_models(&self, list: Value) {
        *self.models.lock() = Some(list);
    }

    /// A folder whose configuration leads here.
    pub fn setup(&self, more: &str) -> Setup {
        Setup::new(&format!(
            "{more}upstream-rewrites:\n  \"https://auth.kimi.com\": \"{}\"\n  \
             \"https://api.kimi.com\": \"{}\"\n",
            self.auth.server.url(),
            self.api.url()
        ))
    }

    /// The file of an account whose token ends in so many minutes, as the old program writes it.
    pub fn account(&self, minutes: i64) -> Value {
        let (refresh, access) = self.auth.grant();
        let end = SystemClock.now() + TimeDelta::minutes(minutes);
        json!({"type": "kimi", "access_token": access, "refresh_token": refresh,
            "token_type": "Bearer", "scope": "kimi-code", "device_id": DEVICE,
            "expired": end, "mine": {"kept": true}})
    }

    /// Calls of this path so far.
    pub fn calls(&self, path: &str) -> Vec<Arc<Recorded>> {
        let all = self.api.requests().into_iter();
        all.filter(|call| call.path() == path).collect()
    }

    /// Every call to the token side had the headers of the device, all with the same number, and
    /// nothing else was wrong.
    #[track_caller]
    pub fn assert_content(&self) -> String {
        self.auth.assert_content();
        let requests = self.auth.server.requests();
        assert!(!requests.is_empty());
        for request in &requests {
            assert_eq!(missing(request), None, "{}", request.target);
        }
        let number = |request: &Recorded| request.header("x-msh-device-id").unwrap().to_owned();
        let first = number(&requests[0]);
        assert!(requests.iter().all(|request| number(request) == first));
        first
    }
}

fn missing(request: &Recorded) -> Option<&'static str> {
    let mut names = DEMANDED.into_iter();
    names.find(|name| request.header(name).is_none_or(|value| !value.is_ascii()))
}

/// Why a call is refused whatever it asks.
fn refusal(auth: &OAuthSim, wire: Wire, request: &Recorded) -> Option<Reply> {
    let bearer = request.header("authorization").unwrap_or_default();
    if !auth.accepts(bearer.trim_start_matches("Bearer ")) {
        return Some(error(
            wire,
            401,
            "The API Key appears to be invalid or may have expired",
        ));
    }
    let missing = missing(request)?;
    Some(error(wire, 403, &format!("no {missing}")))
}

/// What the service would refuse of a body (§6, §7).
fn fault(wire: Wire, body: &Value) -> Option<String> {
    let model = body["model"].as_str().unwrap_or_default();
    if model != "kimi-for-coding" && model.starts_with("kimi-") {
        return Some(format!("unknown model {model}"));
    }
    if wire == Wire::Anthropic {
        return (!body["max_tokens"].is_u64()).then(|| "max_tokens is missing".to_owned());
    }
    if body.get("reasoning_effort").is_some() || body.get("max_tokens").is_some() {
        return Some("reasoning_effort and max_tokens are old names".to_owned());
    }
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    for (n, message) in messages.iter().enumerate() {
        let is = |role: &str| message["role"] == role;
        let calls = message.get("tool_calls").is_some();
        if is("assistant")
            && calls
            && message["reasoning_content"]
                .as_str()
                .is_none_or(str::is_empty)
        {
            return Some(format!(
                "thinking is enabled but reasoning_content is missing in assistant tool call \
                 message at index {n}"
            ));
        }
        if is("assistant") && message["content"] == "" {
            return Some("text content is empty".to_owned());
        }
        if is("tool") && !message["tool_call_id"].is_string() {
            return Some("tool_call_id is missing".to_owned());
        }
    }
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    for tool in tools {
        let properties = tool["function"]["parameters"]["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            if property.get("type").is_none() {
                return Some(format!("At path 'properties.{name}': type is not defined"));
            }
        }
    }
    None
}
