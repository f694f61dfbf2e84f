//! Two people; one logs in with the browser, one with a code.

use super::{Back, CONFIG, Service, Story, check_renewed, end_in_files};
use crate::support::codex_sim::{CodexSim, RESPONSES, USER_CODE, id_token};
use crate::support::daemon::Setup;
use crate::support::oauth_sim::own_port;
use crate::support::terminal::Terminal;
use crate::support::upstream::{Recorded, Reply, Upstream};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

impl Service for CodexSim {
    const NAME: &'static str = "ChatGPT (Codex)";
    const MODEL: &'static str = "gpt-5.4";
    const SAYS: &'static str = "Hello there";
    const CALLS: &'static [&'static str] = &[RESPONSES];
    const LIFE: i64 = 864_000;

    fn setup(&self) -> Setup {
        Self::setup(self, CONFIG)
    }

    fn log_in(&self, setup: &Setup, story: &Story) -> [String; 2] {
        let port = own_port(1455);
        let args = ["--codex-login"];
        let first = story.log_in(setup, &self.auth, &args, Back::Redirect, |_| {});
        drop(port);
        let other = || json!({"id_token": id_token("d@e.f", "acct-2", "plus"), "scope": "openid"});
        self.auth.extra(move |_| other());
        self.pend(1);
        let args = ["--codex-device-login"];
        let terminal = Terminal::run(setup, &args);
        terminal.stdout.await_line(USER_CODE);
        let second = story.logged_in(setup, &terminal, &args, "code typed on its page");
        [first, second]
    }

    fn host(&self) -> &Upstream {
        &self.backend
    }

    fn account(call: &Recorded) -> String {
        let id = call.header("chatgpt-account-id");
        id.unwrap_or_default().to_owned()
    }

    fn n_renewals(&self) -> usize {
        self.auth.n_refreshes()
    }

    fn end_tokens(&self, setup: &Setup, files: &[String; 2]) -> (usize, &'static str) {
        // Their own id tokens stay.
        self.auth.extra(|_| json!({"scope": "openid"}));
        end_in_files(&self.auth, setup, files)
    }

    fn refuse_tokens(&self) {
        self.auth.forget_access_tokens();
    }

    fn check_renewed(&self, before: &Value, after: &Value) -> &'static str {
        check_renewed(&self.auth, true, before, after)
    }

    fn limit(_: DateTime<Utc>, seconds: i64) -> Reply {
        Reply::json(
            429,
            &json!({"error": {"type": "usage_limit_reached", "plan_type": "plus",
                "message": "The usage limit has been reached", "resets_in_seconds": seconds}}),
        )
    }

    fn check(&self) {
        self.auth.assert_content();
        assert_eq!(self.auth.n_reuses(), 0);
    }
}
