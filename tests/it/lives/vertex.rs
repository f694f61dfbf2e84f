//! Two projects' keys; tokens live in memory only.

use super::{CONFIG, Service, Story};
use crate::support::clock::MovedClock;
use crate::support::daemon::Setup;
use crate::support::terminal::Terminal;
use crate::support::upstream::{Recorded, Reply, Upstream};
use crate::support::vertex_sim::{VertexSim, key_file};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

impl Service for VertexSim {
    const NAME: &'static str = "Vertex AI (service accounts)";
    const MODEL: &'static str = "gemini-2.5-flash";
    const SAYS: &'static str = "You said: hello";
    const CALLS: &'static [&'static str] = &["/us-central1-aiplatform.googleapis.com/"];
    const LIFE: i64 = 3599;
    const SAVES_TOKENS: bool = false;

    fn setup(&self) -> Setup {
        Self::setup(self, CONFIG)
    }

    fn log_in(&self, setup: &Setup, story: &Story) -> [String; 2] {
        ["project-1", "project-2"].map(|project| {
            let key = format!("{project}.json");
            std::fs::write(setup.dir().join(&key), key_file(project).to_string()).unwrap();
            let args = ["--vertex-import", &key];
            let terminal = Terminal::run(setup, &args);
            story.logged_in(setup, &terminal, &args, "the key read")
        })
    }

    fn host(&self) -> &Upstream {
        &self.server
    }

    fn account(call: &Recorded) -> String {
        let project = call.path().split('/').nth(4);
        project.unwrap_or_default().to_owned()
    }

    fn n_renewals(&self) -> usize {
        self.n_tokens()
    }

    fn end_tokens(&self, _: &Setup, _: &[String; 2]) -> (usize, &'static str) {
        (self.life(3599), "both tokens end (they lived a second)")
    }

    fn refuse_tokens(&self) {
        self.forget_tokens();
    }

    fn check_renewed(&self, before: &Value, after: &Value) -> &'static str {
        assert_eq!(before, after);
        "made with the key, the files untouched"
    }

    fn limit(_: DateTime<Utc>, seconds: i64) -> Reply {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{seconds}s")}]);
        let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED",
            "message": "Resource exhausted.", "details": details});
        Reply::json(429, &json!({"error": error}))
    }

    fn check(&self) {
        self.assert_content();
    }

    fn keep_time(&self, clock: Arc<MovedClock>) {
        self.set_clock(clock);
    }
}
