//! Programs that ask a daemon one thing in one protocol: the official SDKs, and a plain client where
//! there are none.
//!
//! The SDKs ask through `tests/sdk/python/asker.py` and `tests/sdk/node/asker.js`.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Wire;
use super::client::{Client, Response};
use super::daemon::KEY;

/// What came of a question.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Status of the answer.
    pub status: u16,
    /// What the model said, or the error's message.
    pub text: String,
    /// In how many pieces the text came.
    pub pieces: usize,
    /// The error's class or word, as programs see it.
    pub kind: Option<String>,
    /// `Retry-After`, where the package shows headers.
    pub retry_after: Option<String>,
}

/// Somebody who asks.
pub struct Asker {
    /// Name for people.
    pub name: &'static str,
    /// `None` = the plain client.
    sdks: Option<&'static Sdks>,
}

/// An interpreter with SDKs. It is told what to ask, one question after the other, and ends when its
/// input does: with the tests.
struct Sdks {
    name: &'static str,
    process: Mutex<(Child, BufReader<ChildStdout>)>,
}

/// One of each kind for all tests: to load the SDKs takes longer than all questions together.
static SDKS: LazyLock<Vec<Sdks>> = LazyLock::new(|| {
    let kinds = [
        ("Python SDKs", "SDK_PYTHON", "python/asker.py"),
        ("Node SDKs", "SDK_NODE", "node/asker.js"),
    ];
    let kinds = kinds.into_iter().filter_map(|(name, interpreter, script)| {
        let program = std::env::var_os(interpreter);
        assert!(
            program.is_some() || std::env::var_os("CI").is_none(),
            "{interpreter} must name an interpreter in CI"
        );
        Some(Sdks::start(name, program?, script))
    });
    kinds.collect()
});

impl Asker {
    /// Everybody who can be had: the SDKs whose interpreters `.ci/run` and `tests/accounts` name, and
    /// always a plain client. In CI there must be SDKs.
    pub fn all() -> Vec<Self> {
        let sdks = SDKS.iter().map(|sdks| Self {
            name: sdks.name,
            sdks: Some(sdks),
        });
        let plain = Self {
            name: "a plain client",
            sdks: None,
        };
        sdks.chain([plain]).collect()
    }

    /// Says hello to a model.
    #[track_caller]
    pub fn ask(&self, daemon: SocketAddr, wire: Wire, model: &str, stream: bool) -> Heard {
        let Some(sdks) = self.sdks else {
            let (target, body) = question(wire, model, stream);
            let client = Client::new(daemon).with_key(KEY);
            return heard(wire, stream, &client.post(&target, &body));
        };
        let question = json!({"url": format!("http://{daemon}"), "key": KEY,
            "wire": name(wire), "model": model, "stream": stream});
        sdks.ask(&question)
    }

    /// Whether what it heard is a rate limit, as programs tell in this protocol.
    pub fn is_rate_limit(&self, wire: Wire, heard: &Heard) -> bool {
        let known: &[&str] = match (wire, self.sdks) {
            (Wire::Gemini, _) => &["RESOURCE_EXHAUSTED"],
            (_, Some(_)) => &["RateLimitError"],
            (Wire::Anthropic, None) => &["rate_limit_error"],
            // The service's own word, or the one of the gateway while the account rests.
            (_, None) => &[
                "rate_limit_exceeded",
                "usage_limit_reached",
                "model_cooldown",
            ],
        };
        let kind = heard.kind.as_deref().unwrap_or_default();
        heard.status == 429 && known.contains(&kind)
    }

    /// Whether it sees headers of an error.
    pub fn sees_headers(&self, wire: Wire) -> bool {
        (self.name, wire) != ("Node SDKs", Wire::Gemini)
    }
}

impl Sdks {
    fn start(name: &'static str, program: OsString, script: &str) -> Self {
        let mut command = Command::new(program);
        command.arg(format!("{}/tests/sdk/{script}", env!("CARGO_MANIFEST_DIR")));
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            name,
            process: Mutex::new((child, answers)),
        }
    }

    #[track_caller]
    fn ask(&self, question: &Value) -> Heard {
        let (child, answers) = &mut *self.process.lock();
        let told = writeln!(child.stdin.as_mut().unwrap(), "{question}");
        let mut answer = String::new();
        let n = answers.read_line(&mut answer).unwrap();
        assert!(told.is_ok() && n > 0, "the {} failed, see above", self.name);
        serde_json::from_str(&answer).unwrap()
    }
}

/// Name of a protocol in questions and for people.
pub fn name(wire: Wire) -> &'static str {
    match wire {
        Wire::Chat => "chat",
        Wire::Responses => "responses",
        Wire::Anthropic => "anthropic",
        Wire::Gemini => "gemini",
    }
}

/// A hello in each client protocol: target and body.
pub fn question(wire: Wire, model: &str, stream: bool) -> (String, Value) {
    let messages = json!([{"role": "user", "content": "hello"}]);
    match wire {
        Wire::Chat => (
            "/v1/chat/completions".into(),
            json!({"model": model, "stream": stream, "messages": messages}),
        ),
        Wire::Responses => (
            "/v1/responses".into(),
            json!({"model": model, "stream": stream, "input": "hello"}),
        ),
        Wire::Anthropic => (
            "/v1/messages".into(),
            json!({"model": model, "stream": stream, "max_tokens": 100, "messages": messages}),
        ),
        Wire::Gemini => {
            let method = match stream {
                true => "streamGenerateContent?alt=sse",
                false => "generateContent",
            };
            (
                format!("/v1beta/models/{model}:{method}"),
                json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}),
            )
        }
    }
}

/// What an answer to [`question`] says.
#[track_caller]
pub fn heard(wire: Wire, stream: bool, reply: &Response) -> Heard {
    if reply.status != 200 {
        let error = reply.json()["error"].clone();
        let word = match wire {
            Wire::Chat | Wire::Responses if error["code"].is_string() => &error["code"],
            Wire::Chat | Wire::Responses => &error["type"],
            Wire::Anthropic => &error["type"],
            Wire::Gemini => &error["status"],
        };
        return Heard {
            status: reply.status,
            text: error["message"].as_str().unwrap_or_default().to_owned(),
            pieces: 0,
            kind: word.as_str().map(str::to_owned),
            retry_after: reply.headers.get("retry-after").map(str::to_owned),
        };
    }
    let texts: Vec<String> = if stream {
        let events = reply.events().into_iter();
        let events = events.filter(|event| !event.is_comment() && event.data != "[DONE]");
        events.map(|event| piece(wire, &event.json())).collect()
    } else {
        vec![whole(wire, &reply.json())]
    };
    let pieces: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    Heard {
        status: 200,
        text: pieces.concat(),
        pieces: pieces.len(),
        ..Heard::default()
    }
}

/// The text of one event of a stream.
fn piece(wire: Wire, event: &Value) -> String {
    let text = match wire {
        Wire::Chat => &event["choices"][0]["delta"]["content"],
        Wire::Responses if event["type"] == "response.output_text.delta" => &event["delta"],
        Wire::Responses => &Value::Null,
        Wire::Anthropic => &event["delta"]["text"],
        Wire::Gemini => return gemini_text(event),
    };
    text.as_str().unwrap_or_default().to_owned()
}

/// The text of an answer without streaming.
fn whole(wire: Wire, answer: &Value) -> String {
    let texts = |of: &Value| -> String {
        let parts = of.as_array().into_iter().flatten();
        parts.filter_map(|part| part["text"].as_str()).collect()
    };
    match wire {
        Wire::Chat => answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        Wire::Responses => {
            let items = answer["output"].as_array().into_iter().flatten();
            items.map(|item| texts(&item["content"])).collect()
        }
        Wire::Anthropic => texts(&answer["content"]),
        Wire::Gemini => gemini_text(answer),
    }
}

fn gemini_text(answer: &Value) -> String {
    let parts = answer["candidates"][0]["content"]["parts"].as_array();
    let parts = parts.into_iter().flatten();
    let said = parts.filter(|part| part["thought"] != true);
    said.filter_map(|part| part["text"].as_str()).collect()
}
