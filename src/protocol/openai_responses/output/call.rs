//! A call of a client's tool towards the client.

use super::frames::Frames;
use super::json::Object;
use super::place::{Place, Status};
use super::restore::Restored;
use crate::raw::RawJson;
use crate::splice::quote;
use crate::tool_schema::unwrap_custom_input;
use serde::de::IgnoredAny;

/// An open call.
#[derive(Debug)]
pub(crate) struct Call {
    place: Place,
    call_id: String,
    name: Restored,
    caller: Option<RawJson>,
    /// Arguments so far, as the upstream writes them.
    arguments: String,
}

impl Call {
    pub(crate) fn open(
        place: Place,
        call_id: String,
        name: Restored,
        caller: Option<RawJson>,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) -> Self {
        let call = Self {
            place,
            call_id,
            name,
            caller,
            arguments: String::new(),
        };
        let item = call.json("in_progress", "\"\"");
        call.place.added(&item, frames, out);
        call
    }

    pub(crate) fn arguments(&mut self, piece: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        self.arguments.push_str(piece);
        // Text wrapped in JSON can be shown only when it is whole.
        if !self.name.wrapped {
            self.delta(piece, frames, out);
        }
    }

    /// True when the arguments may have been cut: the text of a function is no JSON value. Of free
    /// text nobody can tell.
    pub(crate) fn may_be_cut(&self) -> bool {
        (self.name.custom && !self.name.wrapped)
            || serde_json::from_str::<IgnoredAny>(&self.arguments).is_err()
    }

    /// Closes the call; returns its JSON.
    pub(crate) fn close(
        mut self,
        status: Status,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) -> String {
        if self.name.wrapped {
            let text = unwrap_custom_input(&self.arguments);
            if !text.is_empty() {
                self.delta(&text, frames, out);
            }
            self.arguments = text;
        } else if !self.name.custom && self.arguments.is_empty() && status == Status::Completed {
            self.arguments.push_str("{}");
            self.delta("{}", frames, out);
        }
        let arguments = quote(&self.arguments);
        if self.name.custom {
            self.place
                .event("response.custom_tool_call_input.done", frames, out, |o| {
                    o.raw("input", &arguments);
                });
        } else {
            self.place
                .event("response.function_call_arguments.done", frames, out, |o| {
                    o.text("name", &self.name.name).raw("arguments", &arguments);
                });
        }
        let item = self.json(status.word(), &arguments);
        self.place.done(&item, frames, out);
        item
    }

    fn delta(&self, piece: &str, frames: &mut Frames, out: &mut Vec<u8>) {
        let kind = if self.name.custom {
            "response.custom_tool_call_input.delta"
        } else {
            "response.function_call_arguments.delta"
        };
        self.place.event(kind, frames, out, |o| {
            o.text("delta", piece);
        });
    }

    fn json(&self, status: &str, arguments: &str) -> String {
        let (kind, field) = if self.name.custom {
            ("custom_tool_call", "input")
        } else {
            ("function_call", "arguments")
        };
        Object::of(|o| {
            o.text("id", &self.place.id)
                .text("type", kind)
                .text("status", status)
                .text("call_id", &self.call_id)
                .text("name", &self.name.name)
                .opt_text("namespace", self.name.namespace.as_deref())
                .raw(field, arguments);
            if let Some(caller) = &self.caller {
                o.raw("caller", caller.as_str());
            }
        })
    }
}
