//! Answers of upstreams in each protocol, written independently of the codecs under test.
//!
//! An [`Answer`] says what the model says; [`Answer::json`] and [`Answer::frames`] say it in one
//! [`Wire`] protocol. Shapes follow the recorded streams in `../shared/fixtures`.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use serde_json::{Value, json};

use super::upstream::Reply;

/// A protocol that upstreams speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini generateContent.
    Gemini,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Anthropic, Self::Gemini];
}

/// One thing the model says.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Thinking and the proof of it that has to come back; empty = none.
    Thinking {
        /// What a person may read.
        text: String,
        /// Anthropic and Gemini signature, encrypted reasoning of Responses.
        signature: String,
    },
    /// Plain text; streamed word by word.
    Text(String),
    /// A tool call; its arguments are streamed in pieces of seven bytes.
    Call {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
        /// JSON text.
        arguments: String,
    },
    /// A picture: MIME type and base64.
    Image(String, String),
}

/// Why the model stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is done; with a call among the pieces: it waits for the result.
    Done,
    /// It ran out of output tokens.
    Length,
}

/// What a model answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The model's name as the upstream says it.
    pub model: String,
    /// What it says, in order.
    pub pieces: Vec<Piece>,
    /// Why it stops.
    pub stop: Stop,
    /// Input tokens, of which cached.
    pub input: (u64, u64),
    /// Output tokens, of which thinking.
    pub output: (u64, u64),
}

impl Answer {
    /// An answer that says nothing yet.
    pub fn new(model: &str) -> Self {
        let pieces = Vec::new();
        Self {
            model: model.to_owned(),
            pieces,
            stop: Stop::Done,
            input: (12, 4),
            output: (7, 0),
        }
    }

    /// Adds text.
    pub fn text(mut self, text: &str) -> Self {
        self.pieces.push(Piece::Text(text.to_owned()));
        self
    }

    /// Adds thinking with its signature.
    pub fn thinking(mut self, text: &str, signature: &str) -> Self {
        let (text, signature) = (text.to_owned(), signature.to_owned());
        self.pieces.push(Piece::Thinking { text, signature });
        self.output.1 = 3;
        self
    }

    /// Adds a tool call.
    pub fn call(mut self, id: &str, name: &str, arguments: &Value) -> Self {
        let arguments = arguments.to_string();
        self.pieces.push(Piece::Call {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments,
        });
        self
    }

    /// Adds a picture.
    pub fn image(mut self, mime: &str, base64: &str) -> Self {
        self.pieces
            .push(Piece::Image(mime.to_owned(), base64.to_owned()));
        self
    }

    /// Changes the reason to stop.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Whether a tool is called.
    pub fn calls(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Call { .. }))
    }

    /// The body of an answer without streaming.
    pub fn json(&self, wire: Wire) -> Value {
        match wire {
            Wire::Chat => chat::whole(self),
            Wire::Responses => responses::whole(self, "completed"),
            Wire::Anthropic => anthropic::whole(self),
            Wire::Gemini => gemini::whole(self),
        }
    }

    /// The frames of a streamed answer, one server-sent event each, with its end.
    pub fn frames(&self, wire: Wire) -> Vec<String> {
        match wire {
            Wire::Chat => chat::frames(self),
            Wire::Responses => responses::frames(self),
            Wire::Anthropic => anthropic::frames(self),
            Wire::Gemini => gemini::frames(self),
        }
    }

    /// The same as a scripted answer.
    pub fn reply(&self, wire: Wire, stream: bool) -> Reply {
        if stream {
            Reply::sse(self.frames(wire))
        } else {
            Reply::json(200, &self.json(wire))
        }
    }
}

/// The body of an error with this status, as each vendor writes it.
pub fn error_json(wire: Wire, status: u16, message: &str) -> Value {
    match wire {
        Wire::Chat | Wire::Responses => {
            let (kind, code) = match status {
                401 => ("invalid_request_error", json!("invalid_api_key")),
                404 => ("invalid_request_error", json!("model_not_found")),
                429 => ("requests", json!("rate_limit_exceeded")),
                400..=499 => ("invalid_request_error", Value::Null),
                _ => ("server_error", Value::Null),
            };
            json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
        }
        Wire::Anthropic => {
            let kind = match status {
                400 => "invalid_request_error",
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                529 => "overloaded_error",
                _ => "api_error",
            };
            json!({"type": "error", "error": {"type": kind, "message": message},
                   "request_id": "req_test"})
        }
        Wire::Gemini => {
            let kind = match status {
                400 => "INVALID_ARGUMENT",
                401 => "UNAUTHENTICATED",
                403 => "PERMISSION_DENIED",
                404 => "NOT_FOUND",
                429 => "RESOURCE_EXHAUSTED",
                503 => "UNAVAILABLE",
                _ => "INTERNAL",
            };
            json!({"error": {"code": status, "message": message, "status": kind}})
        }
    }
}

/// An answer with that status and body.
pub fn error(wire: Wire, status: u16, message: &str) -> Reply {
    Reply::json(status, &error_json(wire, status, message))
}

/// The frame with which a stream of this protocol reports an error in its middle.
pub fn error_frame(wire: Wire, message: &str) -> String {
    match wire {
        Wire::Chat => data(&error_json(wire, 500, message)),
        Wire::Gemini => data(&error_json(wire, 503, message)),
        Wire::Anthropic => event(
            &json!({"type": "error", "error": {"type": "overloaded_error", "message": message}}),
        ),
        Wire::Responses => event(&json!({"type": "error", "code": "server_error",
            "message": message, "param": null, "sequence_number": 9})),
    }
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// A frame whose event name repeats the `type` of its data.
fn event(value: &Value) -> String {
    format!(
        "event: {}\ndata: {value}\n\n",
        value["type"].as_str().unwrap()
    )
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// Cuts between characters, whatever that does to the JSON inside.
fn sevens(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(7)
        .map(|piece| piece.iter().collect())
        .collect()
}
