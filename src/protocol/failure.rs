//! Error bodies of any upstream → [`Failure`], and the tables of `matrix.md` §11.

mod bodies;
mod retry;
mod tables;

#[cfg(test)]
mod tests;

pub use bodies::{anthropic_body, anthropic_status, gemini_body, openai_body};
pub use retry::resets_at;
pub use tables::{anthropic_type, gemini_status, openai_type_code, status_of_word, status_text};

use crate::canonical::{Failure, FailureKind};
use crate::codec::Dialect;
use crate::splice::Doc;
use bytes::Bytes;
use serde_json::{Map, Value};

/// Longest text, in characters, that is taken over from a body that is no JSON.
const MAX_TEXT: usize = 4096;
/// Longest title, in characters, that is taken over from a web page.
const MAX_TITLE: usize = 200;

/// Reads an upstream's error body in any of the shapes of `matrix.md` §11; `dialect` is the protocol
/// the upstream speaks, so that a body in its proper envelope can be passed on as it is.
///
/// `status` is the HTTP status of the answer. A context-length fault always becomes a 400 with code
/// `context_length_exceeded` (E-245). `retry_after` comes from the body only, in whole seconds,
/// rounded up; what headers say is the caller's to add.
pub fn decode(status: u16, body: &Bytes, dialect: Dialect) -> Failure {
    let Ok(text) = std::str::from_utf8(body) else {
        return Failure::new(status, status_text(status));
    };
    let json = text_of_first_event(text).unwrap_or(text);
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        let mut failure = Failure::new(status, plain_message(status, text));
        finish(&mut failure, &Value::Null);
        return failure;
    };
    let mut failure = read(status, &value, json);
    finish(&mut failure, &value);
    if let Some(envelope) = envelope(json, dialect) {
        failure.native = Some((dialect, body.slice_ref(envelope.as_bytes())));
    }
    failure
}

/// Reads an error event of a stream: the JSON of its data in any shape of `matrix.md` §11, the
/// top-level form of Responses, or a `response.failed`.
///
/// There is no HTTP status in a stream. A numeric `status_code`, `status` or `code` from 400 to 599
/// counts (E-241), else the words for code and type, else it is 502.
pub fn decode_event(data: &str, dialect: Dialect) -> Failure {
    let Ok(value) = serde_json::from_str::<Value>(data) else {
        let mut failure = Failure::new(502, plain_message(502, data));
        finish(&mut failure, &Value::Null);
        return failure;
    };
    let (read_from, source) = match value.get("response").filter(|r| r.get("error").is_some()) {
        Some(response) => (response, ""),
        None => (&value, data),
    };
    let mut failure = read(502, read_from, source);
    let error = inner(read_from);
    let number = [("status_code", &value), ("status", &value), ("code", error)]
        .into_iter()
        .find_map(|(name, from)| http_status(from.get(name)?));
    let status = number
        .or_else(|| failure.code.as_deref().and_then(status_of_word))
        .or_else(|| failure.error_type.as_deref().and_then(status_of_word))
        .unwrap_or(502);
    failure.status = status;
    failure.kind = FailureKind::of_status(status);
    finish(&mut failure, read_from);
    // The error events of Responses have another shape than its error bodies.
    if dialect != Dialect::OpenAiResponses
        && let Some(envelope) = envelope(data, dialect)
    {
        failure.native = Some((dialect, Bytes::copy_from_slice(envelope.as_bytes())));
    }
    failure
}

/// What all ways of reading have in common at the end.
fn finish(failure: &mut Failure, value: &Value) {
    failure.retry_after = retry::hint(failure.status, inner(value), &failure.message);
    if tables::is_context_length(failure) {
        failure.status = 400;
        failure.kind = FailureKind::InvalidRequest;
        failure.code = Some("context_length_exceeded".to_owned());
    }
}

/// The object that speaks about the error: inside `error` or `detail`, or the value itself.
fn inner(value: &Value) -> &Value {
    let value = first_of_array(value);
    ["error", "detail"]
        .iter()
        .filter_map(|name| value.get(*name))
        .find(|inner| inner.is_object())
        .unwrap_or(value)
}

fn first_of_array(value: &Value) -> &Value {
    match value {
        Value::Array(all) => all.first().unwrap_or(value),
        _ => value,
    }
}

/// Fills type, code, message, parameter and request id. `source` is shown when no shape fits.
fn read(status: u16, value: &Value, source: &str) -> Failure {
    let outer = first_of_array(value);
    let Value::Object(members) = outer else {
        let message = outer.as_str().unwrap_or(source);
        return Failure::new(status, plain_message(status, message));
    };
    let mut failure = Failure::new(status, "");
    failure.request_id = text(members, &["request_id", "requestId"]);
    let said = match inner(outer) {
        Value::Object(error) if !std::ptr::eq(error, members) => {
            failure.error_type =
                text(error, &["type", "status"]).or_else(|| text(members, &["error_type"]));
            failure.code = reason(error).or_else(|| word(error.get("code")));
            failure.param = text(error, &["param"]);
            failure.request_id = failure
                .request_id
                .or_else(|| text(error, &["request_id", "requestId"]));
            text(error, MESSAGE)
        }
        _ => read_flat(&mut failure, members),
    };
    failure.message = said
        .or_else(|| failure.error_type.clone())
        .or_else(|| failure.code.clone())
        .unwrap_or_else(|| plain_message(status, source));
    failure
}

/// Names under which the text for people goes, the best first.
const MESSAGE: &[&str] = &[
    "message",
    "msg",
    "errorMessage",
    "error_description",
    "error_msg",
    "Message",
];

/// Bodies whose error is not an object of its own; returns the text for people.
fn read_flat(failure: &mut Failure, members: &Map<String, Value>) -> Option<String> {
    failure.error_type = text(members, &["__type", "_type", "error_type"])
        // `com.amazon.coral#ValidationException`
        .map(|t| t.rsplit('#').next().unwrap_or_default().to_owned())
        .or_else(|| text(members, &["type"]).filter(|t| t != "error"));
    failure.code = text(members, &["reason"]).or_else(|| word(members.get("code")));
    failure.param = text(members, &["param"]);
    let message = text(members, MESSAGE);
    match members.get("error").or_else(|| members.get("detail")) {
        // OAuth and others: a word in `error`, the text beside it.
        Some(Value::String(error)) if message.is_some() => {
            failure.code = failure.code.take().or_else(|| Some(error.clone()));
            message
        }
        Some(Value::String(error)) if !error.is_empty() => Some(error.clone()),
        Some(Value::Array(all)) => Some(joined(all)).filter(|all| !all.is_empty()).or(message),
        _ => message.or_else(|| match members.get("errors") {
            Some(Value::Array(all)) => Some(joined(all)).filter(|all| !all.is_empty()),
            _ => None,
        }),
    }
}

/// The texts of a list of faults, each with the place it speaks about: `body.model: field required`.
fn joined(faults: &[Value]) -> String {
    let texts = faults.iter().filter_map(|fault| match fault {
        Value::String(text) => Some(text.clone()),
        Value::Object(fault) => {
            let said = text(fault, MESSAGE)?;
            let place: Vec<String> = match fault.get("loc") {
                Some(Value::Array(parts)) => parts.iter().filter_map(plain).collect(),
                _ => Vec::new(),
            };
            Some(if place.is_empty() {
                said
            } else {
                format!("{}: {said}", place.join("."))
            })
        }
        _ => None,
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// The first of these members that is a text with something in it.
fn text(members: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names
        .iter()
        .filter_map(|name| members.get(*name)?.as_str())
        .find(|text| !text.trim().is_empty())
        .map(str::to_owned)
}

/// `reason` of Google's `ErrorInfo`.
fn reason(error: &Map<String, Value>) -> Option<String> {
    let details = error.get("details")?.as_array()?;
    let reason = details.iter().find_map(|d| d.get("reason")?.as_str())?;
    Some(reason.to_owned())
}

/// A code: a word, or a number that does not merely repeat an HTTP status.
fn word(code: Option<&Value>) -> Option<String> {
    let code = code?;
    plain(code).filter(|word| !word.is_empty() && http_status(code).is_none())
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number from 400 to 599, also as text.
fn http_status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    number
        .and_then(|n| u16::try_from(n).ok())
        .filter(|n| (400..600).contains(n))
}

/// The part of `json` that is an error envelope of `dialect`.
fn envelope(json: &str, dialect: Dialect) -> Option<&str> {
    let root = Doc::parse(json.as_bytes()).ok()?.root();
    // Gemini wraps it in an array where it was asked for a stream without `alt=sse`.
    let object = match dialect {
        Dialect::Gemini => root.elements().next().unwrap_or(root),
        _ => root,
    };
    let [kind, error] = object.pick(["type", "error"]);
    let [error_type, message, code, status] = error?.pick(["type", "message", "code", "status"]);
    message?.string()?;
    let fits = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiResponses => true,
        Dialect::Anthropic => {
            kind.and_then(|k| k.string()).as_deref() == Some("error")
                && error_type.is_some_and(|t| t.string().is_some())
        }
        Dialect::Gemini => {
            code.is_some_and(|c| c.kind() == crate::splice::Kind::Number)
                && status.is_some_and(|s| s.string().is_some())
        }
    };
    fits.then(|| object.raw())
}

/// Data of the first event, when an error came as a stream of events.
fn text_of_first_event(text: &str) -> Option<&str> {
    let stream = ["data:", "event:"].iter().any(|f| text.starts_with(f));
    stream
        .then(|| text.lines().find_map(|line| line.strip_prefix("data:")))?
        .map(str::trim)
}

/// A message from a body that is no JSON: the title of a page, the text, or the words for `status`.
fn plain_message(status: u16, text: &str) -> String {
    let text = text.trim();
    let said = if text.starts_with('<') {
        shortened(&title(text).unwrap_or_default(), MAX_TITLE)
    } else {
        shortened(text, MAX_TEXT)
    };
    if said.is_empty() {
        status_text(status)
    } else {
        said
    }
}

fn title(page: &str) -> Option<String> {
    // ASCII case only, so positions are the same in both texts.
    let lower = page.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower.get(tag..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    let words: Vec<&str> = page.get(start..end)?.split_whitespace().collect();
    let mut title = words.join(" ");
    for (entity, sign) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        title = title.replace(entity, sign);
    }
    Some(title)
}

fn shortened(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
