//! Two people; one login comes back by redirect, one is pasted.

use super::{Back, CONFIG, Service, Story, check_renewed, end_in_files};
use crate::support::daemon::Setup;
use crate::support::google_sim::{GENERATE, GoogleSim, STREAM, limited};
use crate::support::upstream::{Recorded, Reply, Upstream};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The service as Antigravity accounts see it.
pub struct Antigravity(pub GoogleSim);

impl Service for Antigravity {
    const NAME: &'static str = "Antigravity";
    const MODEL: &'static str = "gemini-3-flash";
    const SAYS: &'static str = "Hello there";
    const CALLS: &'static [&'static str] = &[GENERATE, STREAM];
    const LIFE: i64 = 3599;

    fn setup(&self) -> Setup {
        self.0.setup(CONFIG)
    }

    fn log_in(&self, setup: &Setup, story: &Story) -> [String; 2] {
        let accounts = [
            ("dev@example.com", Back::Redirect),
            ("ops@example.com", Back::Paste),
        ];
        accounts.map(|(email, how)| {
            let user = Reply::json(200, &json!({"id": email, "email": email}));
            let auth = &self.0.auth;
            auth.server.reply_to("/oauth2/v1/userinfo", user);
            self.0.standing(json!({"currentTier": {"id": "free-tier"},
                "cloudaicompanionProject": format!("project-of-{email}")}));
            story.log_in(setup, auth, &["--antigravity-login"], how, |_| {})
        })
    }

    fn host(&self) -> &Upstream {
        &self.0.daily
    }

    fn account(call: &Recorded) -> String {
        call.json()["project"].to_string()
    }

    fn n_renewals(&self) -> usize {
        self.0.auth.n_refreshes()
    }

    fn end_tokens(&self, setup: &Setup, files: &[String; 2]) -> (usize, &'static str) {
        end_in_files(&self.0.auth, setup, files)
    }

    fn refuse_tokens(&self) {
        self.0.auth.forget_access_tokens();
    }

    fn check_renewed(&self, before: &Value, after: &Value) -> &'static str {
        check_renewed(&self.0.auth, false, before, after)
    }

    fn limit(_: DateTime<Utc>, seconds: i64) -> Reply {
        limited("QUOTA_EXHAUSTED", &format!("{seconds}s"))
    }

    fn check(&self) {
        self.0.assert_content();
    }
}
