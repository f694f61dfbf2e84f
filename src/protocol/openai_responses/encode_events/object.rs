//! The response object of a reply.

use super::super::output::json::Object;
use super::super::{failures, usage};
use super::Reply;
use crate::canonical::{Failure, Stop};

impl Reply {
    /// Name of the last event and its response object.
    pub(super) fn terminal(&self) -> (&'static str, String) {
        let incomplete = |reason: &str| {
            Object::of(|o| {
                o.text("reason", reason);
            })
        };
        let (kind, status, error, details) = match &self.stop {
            Some(Stop::MaxTokens | Stop::ContextWindow) => (
                "response.incomplete",
                "incomplete",
                None,
                Some(incomplete("max_output_tokens")),
            ),
            Some(Stop::ContentFilter(_) | Stop::Refusal(_)) => (
                "response.incomplete",
                "incomplete",
                None,
                Some(incomplete("content_filter")),
            ),
            Some(Stop::Malformed(what)) => {
                let failure =
                    Failure::new(502, format!("the model wrote an unusable call: {what}"))
                        .with_code("upstream_malformed_tool_call");
                (
                    "response.failed",
                    "failed",
                    Some(failures::response_error(&failure)),
                    None,
                )
            }
            _ => ("response.completed", "completed", None, None),
        };
        let response = self.object(
            status,
            &self.output,
            error.as_deref().unwrap_or("null"),
            details.as_deref().unwrap_or("null"),
        );
        (kind, response)
    }

    /// Id of the reply: the upstream's when it has the right form.
    pub(super) fn id(&self) -> String {
        match &self.start.id {
            Some(id) if id.starts_with("resp_") => id.clone(),
            _ => self.ids.id("resp_", 48, 0),
        }
    }

    /// The response object. `output` is the inside of an array; `error` and `details` are JSON.
    pub(super) fn object(&self, status: &str, output: &str, error: &str, details: &str) -> String {
        let id = self.id();
        let usage = match status {
            "in_progress" => "null".to_owned(),
            _ => usage::encode(&self.usage),
        };
        let tier = self.start.service_tier.as_deref().map(crate::splice::quote);
        Object::of(|o| {
            o.text("id", &id)
                .text("object", "response")
                .number("created_at", self.start.created.unwrap_or(self.ids.created))
                .text("status", status)
                .raw("completed_at", "null")
                .raw("error", error)
                .raw("incomplete_details", details)
                .text("model", &self.ids.model)
                .members(&self.echo.members)
                .raw(
                    "service_tier",
                    tier.as_deref()
                        .or(self.echo.tier.as_deref())
                        .unwrap_or("\"default\""),
                )
                .array("output", output)
                .raw("usage", &usage);
        })
    }
}
