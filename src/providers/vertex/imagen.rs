//! Imagen: models that only make pictures, behind `:predict` (`vertex.md` §4). They speak no
//! protocol of a client, so a Gemini request becomes a prompt, and pictures become a Gemini reply.

use super::super::ShapeError;
use bytes::Bytes;
use protocol::splice::{Doc, Node};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Whether `model` is one of them.
pub(super) fn is_imagen(model: &str) -> bool {
    model.contains("imagen")
}

#[derive(Serialize)]
struct Predict<'a> {
    instances: [Instance<'a>; 1],
    parameters: Parameters<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Instance<'a> {
    prompt: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    sample_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<Cow<'a, str>>,
}

/// The body of a `:predict` call: `body` is the request in Gemini's words, `client` is what the
/// client sent, from whose root the options are read.
///
/// # Errors
///
/// [`ShapeError::BadRequest`] without a prompt.
pub(super) fn request(body: &Bytes, client: &Bytes) -> Result<Bytes, ShapeError> {
    let unreadable = || ShapeError::BadRequest("imagen: the request is not text".to_owned());
    let (body, client) = Doc::trust(body)
        .zip(Doc::trust(client))
        .ok_or_else(unreadable)?;
    let (body, client) = (body.root(), client.root());
    let prompt = prompt(body, client)
        .ok_or_else(|| ShapeError::BadRequest("imagen: no prompt found in request".to_owned()))?;
    let settings = body.get("generationConfig");
    let [n_samples, ratio, negative] =
        client.pick(["sampleCount", "aspectRatio", "negativePrompt"]);
    // What clients say in the words of their protocol.
    let n_candidates = settings.and_then(|settings| settings.get("candidateCount"));
    let image = settings.and_then(|settings| settings.get("imageConfig"));
    let number = |node: Node<'_>| node.raw().parse::<u64>().ok().filter(|n| *n > 0);
    let predict = Predict {
        instances: [Instance {
            prompt,
            negative_prompt: negative.and_then(said),
        }],
        parameters: Parameters {
            sample_count: n_samples
                .and_then(number)
                .or_else(|| n_candidates.and_then(number))
                .unwrap_or(1),
            aspect_ratio: ratio
                .and_then(said)
                .or_else(|| said(image?.get("aspectRatio")?)),
        },
    };
    serde_json::to_vec(&predict)
        .map(Bytes::from)
        .map_err(|error| ShapeError::Misconfigured(error.to_string()))
}

/// A text with something in it.
fn said(node: Node<'_>) -> Option<Cow<'_, str>> {
    node.string().filter(|text| !text.trim().is_empty())
}

/// The first text of the conversation, else the client's `prompt`.
fn prompt<'a>(body: Node<'a>, client: Node<'a>) -> Option<Cow<'a, str>> {
    let part = |part: Node<'a>| said(part.get("text")?);
    let parts = |turn: Node<'a>| turn.get("parts")?.elements().find_map(part);
    let in_body = body
        .get("contents")
        .and_then(|turns| turns.elements().find_map(parts));
    in_body
        .or_else(|| {
            let message = |message: Node<'a>| said(message.get("content")?);
            client.get("messages")?.elements().find_map(message)
        })
        .or_else(|| said(client.get("prompt")?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicted<'a> {
    #[serde(default, borrow)]
    predictions: Vec<Prediction<'a>>,
    #[serde(default, borrow)]
    rai_filtered_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prediction<'a> {
    #[serde(default, borrow)]
    bytes_base64_encoded: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    mime_type: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    rai_filtered_reason: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    candidates: [Candidate<'a>; 1],
    usage_metadata: Usage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    content: Content<'a>,
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_message: Option<Cow<'a, str>>,
    index: u8,
}

#[derive(Serialize)]
struct Content<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    inline_data: Blob<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: Cow<'a, str>,
    data: Cow<'a, str>,
}

/// Pictures are not counted in tokens.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
}

/// The Gemini reply for an answer of `:predict`. Everything else, such as an error, comes back as it
/// is. An answer without a picture was stopped by a filter (its list is empty, or left out).
pub(super) fn reply(json: &str) -> Cow<'_, str> {
    let root = Doc::trust(json.as_bytes()).map(|doc| doc.root());
    let foreign = root.is_none_or(|root| {
        let [error, candidates] = root.pick(["error", "candidates"]);
        error.is_some() || candidates.is_some()
    });
    if foreign {
        return Cow::Borrowed(json);
    }
    let Ok(answer) = serde_json::from_str::<Predicted<'_>>(json) else {
        return Cow::Borrowed(json);
    };
    let mut reason = answer.rai_filtered_reason;
    let mut parts = Vec::with_capacity(answer.predictions.len());
    for prediction in answer.predictions {
        match prediction.bytes_base64_encoded {
            Some(data) => parts.push(Part {
                inline_data: Blob {
                    mime_type: prediction.mime_type.unwrap_or(Cow::Borrowed("image/png")),
                    data,
                },
            }),
            None => reason = reason.or(prediction.rai_filtered_reason),
        }
    }
    let filtered = parts.is_empty();
    let made = serde_json::to_string(&Reply {
        candidates: [Candidate {
            content: Content {
                role: "model",
                parts,
            },
            finish_reason: if filtered { "IMAGE_SAFETY" } else { "STOP" },
            finish_message: reason.filter(|_| filtered),
            index: 0,
        }],
        usage_metadata: Usage::default(),
    });
    made.map_or(Cow::Borrowed(json), Cow::Owned)
}
