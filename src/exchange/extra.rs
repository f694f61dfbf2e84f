//! Calls that go on as they came: pictures and the search of the Codex client (`http-api.md` §2).
//! Only the model is read and named as the service knows it; pictures are never copied for that.

use super::{CallKind, ClientCall};
use crate::providers::Extra;
use crate::providers::multipart::{Form, is_form};
use actix_web::http::header::CONTENT_TYPE;
use actors::domain::snapshot::Candidate;
use bytes::Bytes;
use protocol::canonical::{Failure, Usage};
use protocol::codec::{Relay, Seen};
use protocol::splice::{self, Doc, Edits, Kind};
use protocol::sse::Frame;
use protocol::{Dialect, codec};

/// The model of a request for pictures that names none, as in the August version.
const IMAGE_MODEL: &str = "gpt-image-2";

/// Fields of a search that the service does not take.
const NOT_SEARCHED: [&str; 2] = ["prompt_cache_key", "prompt_cache_retention"];

/// What decides about such a call.
pub struct Facts {
    /// Name of the model.
    pub model: String,
    /// A stream is wanted.
    pub stream: bool,
}

/// The `Content-Type` of a call's body.
fn content_type(call: &ClientCall) -> &str {
    let value = call.http.headers().get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn form(call: &ClientCall) -> Option<Result<Form<'_>, Box<Failure>>> {
    let content_type = content_type(call);
    is_form(content_type).then(|| {
        Form::read(call.body.raw(), content_type)
            .map_err(|error| Box::new(Failure::new(400, format!("Invalid request: {error}"))))
    })
}

/// Reads what decides about `call`.
///
/// # Errors
///
/// 400 for a body that is neither JSON nor a form, or names no model where one is needed.
pub fn facts(call: &ClientCall, extra: Extra) -> Result<Facts, Box<Failure>> {
    let (model, stream) = match form(call) {
        Some(form) => {
            let form = form?;
            let stream = form.text("stream").unwrap_or_default().trim();
            (
                form.text("model").map(str::to_owned),
                stream.eq_ignore_ascii_case("true") || stream == "1",
            )
        }
        None => {
            let doc = call.body.doc().map_err(|error| {
                let text = format!("Invalid request: the body is not JSON: {error}");
                Box::new(Failure::new(400, text))
            })?;
            if doc.root().kind() != Kind::Object {
                let text = "Invalid request: the body must be a JSON object";
                return Err(Box::new(Failure::new(400, text)));
            }
            let [model, stream] = doc.root().pick(["model", "stream"]);
            (
                model.and_then(|model| model.string().map(|name| name.into_owned())),
                stream.is_some_and(|stream| stream.boolean() == Some(true)),
            )
        }
    };
    let model = model
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    match model {
        Some(model) => Ok(Facts { model, stream }),
        None if extra.makes_images() => Ok(Facts {
            model: IMAGE_MODEL.to_owned(),
            stream,
        }),
        None => Err(Box::new(
            Failure::new(400, "`model` is missing; GET /v1/models lists the names")
                .with_param("model"),
        )),
    }
}

/// Whether `call` wants a stream; nothing for a call of another kind.
pub fn is_stream(call: &ClientCall) -> Option<bool> {
    match call.kind {
        CallKind::Extra(extra) => Some(facts(call, extra).is_ok_and(|facts| facts.stream)),
        _ => None,
    }
}

/// The body for `candidate`.
///
/// # Errors
///
/// 400 for a form that cannot be read.
pub fn body(candidate: &Candidate, call: &ClientCall, extra: Extra) -> Result<Bytes, Box<Failure>> {
    let model = &*candidate.upstream_model;
    if let Some(form) = form(call) {
        let form = form?;
        return Ok(match form.text("model").map(str::trim) {
            Some(named) if named == model => call.body.raw().clone(),
            _ => form.with_text("model", model),
        });
    }
    let Some(doc) = call.body.trust() else {
        return Ok(call.body.raw().clone());
    };
    let root = doc.root();
    let mut edits = Edits::new();
    let named = root.get("model").and_then(|named| named.string());
    if named.as_deref() != Some(model) {
        edits.set(root, "model", splice::quote(model));
    }
    if extra == Extra::AlphaSearch {
        for field in NOT_SEARCHED {
            edits.remove(root, field);
        }
    }
    Ok(edits.apply_to(&call.body))
}

/// Carries a stream of pictures: frames as they came.
pub struct FrameRelay {
    /// Nothing has to come any more: a picture is complete, or none was asked for.
    finished: bool,
}

impl FrameRelay {
    /// A relay for the answer to `extra`.
    pub fn new(extra: Extra) -> Self {
        Self {
            finished: !extra.makes_images(),
        }
    }
}

impl Relay for FrameRelay {
    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen {
        frame.append_to(out);
        let Some(data) = frame.data.as_deref().map(str::trim) else {
            return Seen::Preamble;
        };
        if data == "[DONE]" {
            return Seen::End;
        }
        let word = frame.event.map(str::to_owned).or_else(|| {
            let kind = Doc::trust(data.as_bytes())?.root().get("type")?;
            kind.string().map(|kind| kind.into_owned())
        });
        match word.as_deref() {
            Some("error") => Seen::Failure(Box::new(protocol::failure::decode_event(
                data,
                Dialect::OpenAiResponses,
            ))),
            Some(word) if word.ends_with(".completed") => {
                // More than one may follow; the end is the upstream's.
                self.finished = true;
                Seen::Content
            }
            _ => Seen::Content,
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Box<Failure>> {
        if self.finished {
            return None;
        }
        let failure = Failure::new(502, "the stream ended before its picture was complete")
            .with_code("upstream_stream_cut");
        self.fail(&failure, out);
        Some(Box::new(failure))
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend_from_slice(&codec(Dialect::OpenAiChat).encode_failure(failure));
        out.extend_from_slice(b"\n\n");
    }

    fn usage(&self) -> Option<&Usage> {
        None
    }
}
