//! Two organizations of one person; one login comes back by redirect, one is pasted.

use super::{Back, CONFIG, Service, Story, check_renewed, end_in_files};
use crate::support::answer::{Wire, error};
use crate::support::claude_sim::ClaudeSim;
use crate::support::daemon::Setup;
use crate::support::oauth_sim::own_port;
use crate::support::upstream::{Recorded, Reply, Upstream};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

impl Service for ClaudeSim {
    const NAME: &'static str = "Claude";
    const MODEL: &'static str = "claude-sonnet-4-6";
    const SAYS: &'static str = "You said: hello";
    const CALLS: &'static [&'static str] = &["/v1/messages"];
    const LIFE: i64 = 28_800;

    fn setup(&self) -> Setup {
        Self::setup(self, CONFIG)
    }

    fn log_in(&self, setup: &Setup, story: &Story) -> [String; 2] {
        let port = own_port(54_545);
        let log_in = |how| story.log_in(setup, &self.oauth, &["--claude-login"], how, |_| {});
        let first = log_in(Back::Redirect);
        drop(port);
        self.account("org-2");
        [first, log_in(Back::Paste)]
    }

    fn host(&self) -> &Upstream {
        &self.oauth.server
    }

    fn account(call: &Recorded) -> String {
        // One token per account while limits are the matter.
        call.header("authorization").unwrap_or_default().to_owned()
    }

    fn n_renewals(&self) -> usize {
        self.oauth.n_refreshes()
    }

    fn end_tokens(&self, setup: &Setup, files: &[String; 2]) -> (usize, &'static str) {
        // Their own organizations stay.
        self.oauth
            .extra(|_| json!({"scope": "user:profile user:inference"}));
        end_in_files(&self.oauth, setup, files)
    }

    fn refuse_tokens(&self) {
        self.oauth.forget_access_tokens();
    }

    fn check_renewed(&self, before: &Value, after: &Value) -> &'static str {
        check_renewed(&self.oauth, true, before, after)
    }

    fn limit(now: DateTime<Utc>, seconds: i64) -> Reply {
        let reset = (now.timestamp() + seconds).to_string();
        error(Wire::Anthropic, 429, "This request would exceed your limit")
            .header("anthropic-ratelimit-unified-status", "rejected")
            .header("anthropic-ratelimit-unified-5h-status", "rejected")
            .header("anthropic-ratelimit-unified-5h-reset", &reset)
    }

    fn check(&self) {
        self.oauth.assert_content();
        assert_eq!(self.oauth.n_reuses(), 0);
    }
}
