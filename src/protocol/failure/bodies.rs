//! A [`Failure`] in the envelope of each vendor.

use super::tables;
use crate::canonical::Failure;
use crate::codec::Dialect;
use crate::splice::quote;
use bytes::Bytes;

/// The error body for clients of chat, completions and Responses:
/// `{"error":{"message","type","param"?,"code"?,…}}` and the members of `extra`.
///
/// The upstream's type is kept when OpenAI clients know it, its code when it is one of their kind;
/// else the status decides. The native body of any of these protocols goes out as it is.
pub fn openai_body(failure: &Failure) -> Bytes {
    if let Some(native) = native(failure, is_openai) {
        return native;
    }
    let (table_type, table_code) = tables::openai_type_code(failure.status);
    let error_type = kept(&failure.error_type, tables::openai_knows_type).unwrap_or(table_type);
    let code = kept(&failure.code, tables::openai_knows_code)
        // The code of the table belongs to the type of the table.
        .or_else(|| table_code.filter(|_| error_type == table_type));
    let mut error = Members::default();
    error.text("message", &failure.message);
    error.text("type", error_type);
    if let Some(param) = &failure.param {
        error.text("param", param);
    }
    if let Some(code) = code {
        error.text("code", code);
    }
    error.extra(failure);
    Bytes::from(format!("{{\"error\":{{{}}}}}", error.0))
}

/// The error body for clients of Anthropic Messages:
/// `{"type":"error","error":{"type","message",…},"request_id"?}`.
///
/// The upstream's type is kept when Anthropic clients know it; else the status decides. A native
/// body goes out as it is.
pub fn anthropic_body(failure: &Failure) -> Bytes {
    if let Some(native) = native(failure, |dialect| dialect == Dialect::Anthropic) {
        return native;
    }
    let table_type = tables::anthropic_type(anthropic_status(failure));
    let mut error = Members::default();
    error.text(
        "type",
        kept(&failure.error_type, tables::anthropic_knows).unwrap_or(table_type),
    );
    error.text("message", &failure.message);
    error.extra(failure);
    let mut body = format!("{{\"type\":\"error\",\"error\":{{{}}}", error.0);
    if let Some(id) = &failure.request_id {
        body.push_str(",\"request_id\":");
        body.push_str(&quote(id));
    }
    body.push('}');
    Bytes::from(body)
}

/// HTTP status towards Anthropic clients: 529 for an overloaded upstream, also when it said 503;
/// any other 503 stays (`matrix.md` §11).
pub fn anthropic_status(failure: &Failure) -> u16 {
    if failure.status == 503 && tables::is_overload(failure) {
        529
    } else {
        failure.status
    }
}

/// The error body for Gemini clients: `{"error":{"code","message","status",…}}`.
///
/// The upstream's type is kept when it is a `google.rpc.Code`; else the status decides. `code` is the
/// HTTP status of the answer, so 529 shows as 503. A native body goes out as it is.
pub fn gemini_body(failure: &Failure) -> Bytes {
    if let Some(native) = native(failure, |dialect| dialect == Dialect::Gemini) {
        return native;
    }
    let status = kept(&failure.error_type, tables::gemini_knows)
        .unwrap_or_else(|| tables::gemini_status(failure.status));
    let code = match failure.status {
        529 => 503,
        other => other,
    };
    let mut error = Members::default();
    error.json("code", &code.to_string());
    error.text("message", &failure.message);
    error.text("status", status);
    error.extra(failure);
    Bytes::from(format!("{{\"error\":{{{}}}}}", error.0))
}

fn is_openai(dialect: Dialect) -> bool {
    matches!(
        dialect,
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiResponses
    )
}

fn native(failure: &Failure, fits: impl Fn(Dialect) -> bool) -> Option<Bytes> {
    match &failure.native {
        Some((dialect, body)) if fits(*dialect) => Some(body.clone()),
        _ => None,
    }
}

fn kept(word: &Option<String>, knows: impl Fn(&str) -> bool) -> Option<&str> {
    word.as_deref().filter(|word| knows(word))
}

/// Members of a JSON object, without its braces.
#[derive(Default)]
struct Members(String);

impl Members {
    fn text(&mut self, name: &str, value: &str) {
        self.json(name, &quote(value));
    }

    fn json(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&quote(name));
        self.0.push(':');
        self.0.push_str(value);
    }

    fn extra(&mut self, failure: &Failure) {
        for (name, value) in &failure.extra {
            self.json(name, value.as_str());
        }
    }
}
