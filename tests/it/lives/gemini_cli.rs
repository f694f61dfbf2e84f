//! Two projects of one person; one is named, one chosen.

use super::{Back, CONFIG, Service, Story, check_renewed, end_in_files};
use crate::support::daemon::Setup;
use crate::support::google_sim::{GENERATE, GoogleSim, STREAM, limited};
use crate::support::upstream::{Recorded, Reply, Upstream};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The service as Gemini CLI accounts see it.
pub struct GeminiCli(pub GoogleSim);

impl Service for GeminiCli {
    const NAME: &'static str = "Gemini CLI";
    const MODEL: &'static str = "gemini-2.5-flash";
    const SAYS: &'static str = "Hello there";
    const CALLS: &'static [&'static str] = &[GENERATE, STREAM];
    const LIFE: i64 = 3599;

    fn setup(&self) -> Setup {
        self.0.setup(CONFIG)
    }

    fn log_in(&self, setup: &Setup, story: &Story) -> [String; 2] {
        let auth = &self.0.auth;
        self.0
            .standing(json!({"currentTier": {"id": "standard-tier"}}));
        let args = ["--login", "--project_id", "project-1"];
        let first = story.log_in(setup, auth, &args, Back::Redirect, |_| {});
        let list = json!({"projects": [{"projectId": "project-1"}, {"projectId": "project-2"}]});
        let list = Reply::json(200, &list);
        auth.server.reply_to("/v1/projects", list);
        let second = story.log_in(setup, auth, &["--login"], Back::Paste, |terminal| {
            terminal.stdout.await_line("How is this account used");
            terminal.type_line("");
            terminal.stdout.await_line("Which project?");
            terminal.type_line("2");
        });
        [first, second]
    }

    fn host(&self) -> &Upstream {
        &self.0.production
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
