//! An upstream of each protocol that answers any sensible request and refuses the others.
//!
//! | What it finds | What it answers |
//! |---|---|
//! | a fault of form that the real service refuses too | 400 in the vendor's form |
//! | `/error STATUS TEXT` as the last user text | that error |
//! | `/break TEXT` | TEXT, then the protocol's error frame inside the stream |
//! | `/cut TEXT` | TEXT, then the connection ends inside the stream |
//! | `/draw` | a picture |
//! | a tool result | `The tool answered: …`, with a note when the proof of its thinking came back |
//! | declared tools | a call of the first one, thinking before it if asked for |
//! | a JSON schema | an object that fits it |
//! | pictures | their kinds and sizes |
//! | anything else | `You said: …`, thinking before it if asked for |

mod anthropic;
mod chat;
mod gemini;
mod responses;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use super::answer::{Answer, Wire, error, error_frame};
use super::upstream::{Part, Recorded, Reply, Upstream};

/// What the upstreams think when asked to.
pub const THOUGHT: &str = "The user wants an answer, so I think.";

/// A picture of one red pixel.
pub const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// The proof of thinking that each service issues, in the form it issues them.
pub fn signature(wire: Wire) -> &'static str {
    match wire {
        Wire::Chat => "",
        Wire::Responses => "gAAAAABpQ2hlZXNlIGlzIGEgZ29vZCB0aGluZyB0byBoYXZl",
        // An envelope {2: {1: {1: 11, 3: 2}}}.
        Wire::Anthropic => "EgYKBAgLGAI=",
        // An envelope {2: {1: bytes}}.
        Wire::Gemini => "EgYKBHRlc3Q=",
    }
}

/// What a request asks for, whatever its protocol.
#[derive(Default)]
struct Asked {
    model: String,
    stream: bool,
    /// The last user text.
    text: String,
    system: String,
    /// Names and schemas of callable tools; empty when the client forbids calls.
    tools: Vec<(String, Value)>,
    /// Text of the tool results behind the last user text.
    results: Vec<String>,
    thinks: bool,
    /// Whether [`signature`] came back with the history.
    proof_is_back: bool,
    schema: Option<Value>,
    /// MIME types and base64 of pictures behind the last answer.
    images: Vec<(String, String)>,
}

/// Why the real service would refuse a request.
type Complaint = String;

/// Starts an upstream of this protocol.
pub fn start(wire: Wire) -> Upstream {
    let upstream = Upstream::start();
    serve(&upstream, wire);
    upstream
}

/// Makes an upstream answer every request of this protocol.
pub fn serve(upstream: &Upstream, wire: Wire) {
    match wire {
        Wire::Chat => {
            upstream.handle("/v1/chat/completions", |request| reply(Wire::Chat, request));
            upstream.handle("/v1/embeddings", embeddings);
        }
        Wire::Responses => {
            upstream.handle("/v1/responses", |request| reply(Wire::Responses, request));
        }
        Wire::Anthropic => {
            upstream.handle("/v1/messages", |request| reply(Wire::Anthropic, request));
            upstream.handle("/v1/messages/count_tokens", |_| {
                Reply::json(200, &json!({"input_tokens": 21}))
            });
        }
        Wire::Gemini => upstream.handle("/v1beta/models/", |request| {
            match request.path().rsplit(':').next() {
                Some("countTokens") => Reply::json(200, &json!({"totalTokens": 21})),
                Some("batchEmbedContents" | "embedContent") => gemini::embeddings(request),
                _ => reply(Wire::Gemini, request),
            }
        }),
    }
}

/// The answer to one request for a model's words.
pub fn reply(wire: Wire, request: &Recorded) -> Reply {
    if wire == Wire::Anthropic
        && let Some(refusal) = anthropic::no_threads(request)
    {
        return refusal;
    }
    let asked = match wire {
        Wire::Chat => chat::read(request),
        Wire::Responses => responses::read(request),
        Wire::Anthropic => anthropic::read(request),
        Wire::Gemini => gemini::read(request),
    };
    match asked {
        Ok(asked) => respond(wire, &asked),
        Err(complaint) => error(wire, 400, &complaint),
    }
}

fn respond(wire: Wire, asked: &Asked) -> Reply {
    let (command, rest) = asked.text.split_once(' ').unwrap_or((&asked.text, ""));
    match command {
        "/error" => {
            let (status, message) = rest.split_once(' ').unwrap_or((rest, "as you asked"));
            let status = status.parse().unwrap_or(500);
            return error(wire, status, message);
        }
        "/break" | "/cut" => {
            let frames = Answer::new(&asked.model).text(rest).frames(wire);
            // The end of the text and everything behind it is missing.
            let reply = Reply::sse(frames).truncate(frames_of_text(wire, rest));
            return match command {
                "/break" => reply.part(Part::Bytes(error_frame(wire, "broken as asked").into())),
                _ => reply.part(Part::CloseEarly),
            };
        }
        _ => {}
    }
    let said = say(wire, asked);
    said.reply(wire, asked.stream)
}

/// How many frames come before the end of a text of these words, without the last of them.
fn frames_of_text(wire: Wire, text: &str) -> usize {
    let before = match wire {
        Wire::Chat => 1,
        Wire::Responses => 4,
        Wire::Anthropic => 3,
        Wire::Gemini => 0,
    };
    before + text.split_inclusive(' ').count() - 1
}

fn say(wire: Wire, asked: &Asked) -> Answer {
    let mut answer = Answer::new(&asked.model);
    if asked.thinks {
        answer = answer.thinking(THOUGHT, signature(wire));
    }
    if !asked.results.is_empty() {
        let proof = if asked.proof_is_back {
            " (thinking came back)"
        } else {
            ""
        };
        return answer.text(&format!(
            "The tool answered: {}{proof}",
            asked.results.join(", ")
        ));
    }
    if let Some((name, schema)) = asked.tools.first() {
        return answer.call("call_test_1", name, &instance(schema));
    }
    if let Some(schema) = &asked.schema {
        return answer.text(&instance(schema).to_string());
    }
    if asked.text == "/draw" {
        return answer.text("Here it is.").image("image/png", PIXEL);
    }
    if !asked.images.is_empty() {
        let seen: Vec<_> = asked
            .images
            .iter()
            .map(|(mime, data)| match decode(wire, data) {
                Ok(bytes) => format!("{mime} of {} bytes", bytes.len()),
                Err(error) => format!("{mime} that is broken: {error}"),
            })
            .collect();
        return answer.text(&format!("I see {}", seen.join(" and ")));
    }
    let system = match asked.system.as_str() {
        "" => String::new(),
        system => format!(" (system: {system})"),
    };
    answer.text(&format!("You said: {}{system}", asked.text))
}

/// Google alone takes base64 with the alphabet for URLs, which its Python SDK sends.
fn decode(wire: Wire, data: &str) -> Result<Vec<u8>, base64::DecodeError> {
    match wire {
        Wire::Gemini if data.contains(['-', '_']) => URL_SAFE.decode(data),
        _ => STANDARD.decode(data),
    }
}

/// A small value that fits a schema of the kinds the SDK scripts use.
fn instance(schema: &Value) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("string") => "Paris".into(),
        Some("integer" | "number") => 21.into(),
        Some("boolean") => true.into(),
        Some("array") => json!([instance(&schema["items"])]),
        Some("object") => match schema["properties"].as_object() {
            Some(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), instance(field)))
                .collect(),
            None => json!({}),
        },
        _ => Value::Null,
    }
}

/// OpenAI embeddings: one vector per input, its first number the input's length.
fn embeddings(request: &Recorded) -> Reply {
    let body = request.json();
    let inputs = match &body["input"] {
        Value::Array(inputs) => inputs.clone(),
        one => vec![one.clone()],
    };
    let list: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(input.as_str().unwrap_or_default());
            let embedding = match body["encoding_format"].as_str() {
                Some("base64") => {
                    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                    json!(STANDARD.encode(bytes))
                }
                _ => json!(vector),
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    Reply::json(
        200,
        &json!({"object": "list", "data": list, "model": body["model"],
            "usage": {"prompt_tokens": 2, "total_tokens": 2}}),
    )
}

#[expect(clippy::cast_precision_loss, reason = "test texts are short")]
fn vector(text: &str) -> [f32; 3] {
    [text.len() as f32, 0.5, -0.25]
}

/// Complains about keys that the service does not know.
fn known_keys(value: &Value, known: &str, place: &str) -> Result<(), Complaint> {
    let Some(object) = value.as_object() else {
        return Err(format!("{place} must be an object, got {value}"));
    };
    match object
        .keys()
        .find(|key| !known.split_whitespace().any(|name| name == key.as_str()))
    {
        Some(key) => Err(format!("unknown field `{key}` in {place}")),
        None => Ok(()),
    }
}

fn array<'a>(value: &'a Value, place: &str) -> Result<&'a Vec<Value>, Complaint> {
    value
        .as_array()
        .ok_or_else(|| format!("{place} must be an array, got {value}"))
}

fn text<'a>(value: &'a Value, place: &str) -> Result<&'a str, Complaint> {
    value
        .as_str()
        .ok_or_else(|| format!("{place} must be a string, got {value}"))
}

/// Splits `data:MIME;base64,DATA`.
fn data_url(url: &str) -> Result<(String, String), Complaint> {
    let rest = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    match rest {
        Some((mime, data)) => Ok((mime.to_owned(), data.to_owned())),
        None => Err(format!("cannot fetch the picture `{url}`")),
    }
}
