//! Alibaba as Qwen Code accounts saw it until April 2026: `chat.qwen.ai` and `portal.qwen.ai`
//! (`providers/qwen.md`).

use std::sync::Arc;

use actors::port::{Clock as _, SystemClock};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::answer::{Answer, Wire, error};
use super::daemon::Setup;
use super::oauth_sim::{OAuthSim, Registration};
use super::upstream::{Recorded, Reply, Upstream};

/// Path of calls.
pub const CHAT: &str = "/v1/chat/completions";

/// Both hosts.
pub struct QwenSim {
    /// `chat.qwen.ai`
    pub auth: Arc<OAuthSim>,
    /// `portal.qwen.ai`
    pub api: Upstream,
}

impl QwenSim {
    /// Starts both; every call is answered with `answer`.
    pub fn start(answer: Answer) -> Self {
        let auth = Arc::new(OAuthSim::start(Registration {
            token: "/api/v1/oauth2/token",
            device: "/api/v1/oauth2/device/code",
            client_id: "f0304373b74a44d2b584a3fb70ca9e56",
            life: 21_600,
            ..Registration::default()
        }));
        auth.extra(|_| json!({"resource_url": "portal.qwen.ai"}));
        let api = Upstream::start();
        let accounts = Arc::clone(&auth);
        api.handle(CHAT, move |request| reply(&accounts, &answer, request));
        Self { auth, api }
    }

    /// A folder whose configuration leads here.
    pub fn setup(&self) -> Setup {
        Setup::new(&format!(
            "upstream-rewrites:\n  \"https://chat.qwen.ai\": \"{}\"\n  \
             \"https://portal.qwen.ai\": \"{}\"\n",
            self.auth.server.url(),
            self.api.url()
        ))
    }

    /// The file of an account whose token ends in so many minutes, as the old program writes it.
    pub fn account(&self, name: &str, minutes: i64) -> Value {
        let (refresh, access) = self.auth.grant();
        let end = SystemClock.now() + TimeDelta::minutes(minutes);
        json!({"type": "qwen", "access_token": access, "refresh_token": refresh,
            "resource_url": "portal.qwen.ai", "email": name, "expired": end,
            "mine": {"kept": true}})
    }

    /// Calls so far.
    pub fn calls(&self) -> Vec<Arc<Recorded>> {
        let all = self.api.requests().into_iter();
        all.filter(|call| call.path() == CHAT).collect()
    }
}

fn reply(auth: &OAuthSim, answer: &Answer, request: &Recorded) -> Reply {
    let bearer = request.header("authorization").unwrap_or_default();
    if !auth.accepts(bearer.trim_start_matches("Bearer ")) {
        return error(Wire::Chat, 401, "invalid access token or token expired");
    }
    if request.header("x-dashscope-authtype") != Some("qwen-oauth") {
        return error(Wire::Chat, 401, "no X-Dashscope-Authtype");
    }
    let body = request.json();
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let late = messages
        .iter()
        .skip(1)
        .any(|message| message["role"] == "system");
    if late || body.get("reasoning_effort").is_some() {
        return error(Wire::Chat, 400, "System message must be at the beginning.");
    }
    answer.reply(Wire::Chat, body["stream"] == true)
}
