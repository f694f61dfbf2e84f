//! OpenAI `/v1/embeddings` on Gemini's `batchEmbedContents`.

use super::read::Place;
use crate::codec::CodecError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A decoded `/v1/embeddings` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingRequest {
    /// Model as the client wrote it.
    pub model: String,
    /// Texts to embed, in order; never empty.
    pub input: Vec<String>,
    /// Length of the vectors wanted.
    pub dimensions: Option<u32>,
    /// How the client wants its vectors.
    pub encoding: EmbeddingEncoding,
}

/// `encoding_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingEncoding {
    /// A JSON array of numbers.
    #[default]
    Float,
    /// Base64 of 32-bit floats in little-endian order.
    Base64,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(default)]
    dimensions: Option<u32>,
    #[serde(default)]
    encoding_format: Option<EmbeddingEncoding>,
}

/// Decodes the body of `/v1/embeddings`. Token arrays are refused: Gemini embeds texts only.
pub fn decode_embeddings(raw: &Bytes) -> Result<EmbeddingRequest, CodecError> {
    let wire: Wire<'_> = serde_json::from_slice(raw)
        .map_err(|error| Place::of("body").invalid(error.to_string()))?;
    let place = Place::of("model");
    let model = wire
        .model
        .filter(|model| !model.is_empty())
        .ok_or_else(|| place.invalid("must name a model"))?;
    let place = Place::of("input");
    let input = wire
        .input
        .ok_or_else(|| place.invalid("must be a string or an array of strings"))?;
    Ok(EmbeddingRequest {
        model,
        input: texts(input, &place)?,
        dimensions: wire.dimensions,
        encoding: wire.encoding_format.unwrap_or_default(),
    })
}

fn texts(input: &RawValue, place: &Place<'_>) -> Result<Vec<String>, CodecError> {
    if let Ok(text) = serde_json::from_str::<String>(input.get()) {
        return Ok(vec![text]);
    }
    if let Ok(texts) = serde_json::from_str::<Vec<String>>(input.get()) {
        return match texts.is_empty() {
            true => Err(place.invalid("must not be empty")),
            false => Ok(texts),
        };
    }
    let is_tokens = serde_json::from_str::<Vec<u64>>(input.get()).is_ok()
        || serde_json::from_str::<Vec<Vec<u64>>>(input.get()).is_ok();
    if is_tokens {
        return Err(CodecError::Unsupported {
            param: "input".into(),
            message: "this model embeds texts, not token ids; send `input` as text".into(),
        });
    }
    Err(place.invalid("must be a string or an array of strings"))
}

/// The `batchEmbedContents` body. `model` is the upstream's name, without `models/`.
pub fn encode_batch_embed(request: &EmbeddingRequest, model: &str) -> Bytes {
    #[derive(Serialize)]
    struct Batch<'a> {
        requests: Vec<One<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct One<'a> {
        model: &'a str,
        content: Content<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_dimensionality: Option<u32>,
    }
    #[derive(Serialize)]
    struct Content<'a> {
        parts: [Part<'a>; 1],
    }
    #[derive(Serialize)]
    struct Part<'a> {
        text: &'a str,
    }
    let model = format!("models/{model}");
    let requests = request
        .input
        .iter()
        .map(|text| One {
            model: &model,
            content: Content {
                parts: [Part { text }],
            },
            output_dimensionality: request.dimensions,
        })
        .collect();
    // Only maps with keys that are no strings fail, and there are none.
    Bytes::from(serde_json::to_vec(&Batch { requests }).unwrap_or_default())
}

/// The `/v1/embeddings` reply for a `batchEmbedContents` reply. `model` is what the client sees.
/// `prompt_tokens` is used when the upstream did not count (it seldom does); unknown counts are 0,
/// as clients demand the field.
pub fn encode_embeddings(
    raw: &[u8],
    request: &EmbeddingRequest,
    model: &str,
    prompt_tokens: Option<u64>,
) -> Result<Bytes, CodecError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply<'a> {
        #[serde(borrow)]
        embeddings: Vec<Embedding<'a>>,
        #[serde(default)]
        usage_metadata: Option<Counts>,
    }
    #[derive(Deserialize)]
    struct Embedding<'a> {
        #[serde(borrow)]
        values: &'a RawValue,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counts {
        prompt_token_count: Option<u64>,
    }
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Datum<'a>>,
        model: &'a str,
        usage: Usage,
    }
    #[derive(Serialize)]
    struct Datum<'a> {
        object: &'static str,
        index: usize,
        embedding: Vector<'a>,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Vector<'a> {
        Numbers(&'a RawValue),
        Base64(Cow<'a, str>),
    }
    #[derive(Serialize)]
    struct Usage {
        prompt_tokens: u64,
        total_tokens: u64,
    }
    let place = Place::of("embeddings");
    let reply: Reply<'_> =
        serde_json::from_slice(raw).map_err(|error| place.invalid(error.to_string()))?;
    if reply.embeddings.len() != request.input.len() {
        return Err(place.invalid(format!(
            "{} vectors for {} texts",
            reply.embeddings.len(),
            request.input.len()
        )));
    }
    let mut data = Vec::with_capacity(reply.embeddings.len());
    for (index, embedding) in reply.embeddings.iter().enumerate() {
        let embedding = match request.encoding {
            EmbeddingEncoding::Float => Vector::Numbers(embedding.values),
            EmbeddingEncoding::Base64 => {
                let values: Vec<f32> = serde_json::from_str(embedding.values.get())
                    .map_err(|error| place.at(index).invalid(error.to_string()))?;
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                Vector::Base64(Cow::Owned(STANDARD.encode(bytes)))
            }
        };
        data.push(Datum {
            object: "embedding",
            index,
            embedding,
        });
    }
    let tokens = reply
        .usage_metadata
        .and_then(|counts| counts.prompt_token_count)
        .or(prompt_tokens)
        .unwrap_or(0);
    let list = List {
        object: "list",
        data,
        model,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    };
    serde_json::to_vec(&list)
        .map(Bytes::from)
        .map_err(|error| place.invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &str) -> Result<EmbeddingRequest, CodecError> {
        decode_embeddings(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn one_text_and_many_become_a_batch() {
        let one = decode(r#"{"model":"e","input":"a","dimensions":8}"#).unwrap();
        assert_eq!(
            encode_batch_embed(&one, "gemini-embedding-001"),
            r#"{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"outputDimensionality":8}]}"#
        );
        let two = decode(r#"{"model":"e","input":["a","b \"c\""],"user":"u"}"#).unwrap();
        assert_eq!(
            encode_batch_embed(&two, "m"),
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}},{"model":"models/m","content":{"parts":[{"text":"b \"c\""}]}}]}"#
        );
    }

    #[test]
    fn bad_inputs_name_the_parameter() {
        for (body, want) in [
            (r#"{"input":"a"}"#, "model"),
            (r#"{"model":"e"}"#, "input"),
            (r#"{"model":"e","input":[]}"#, "input"),
            (r#"{"model":"e","input":[1,2]}"#, "input"),
            (r#"{"model":"e","input":[[1],[2]]}"#, "input"),
            (r#"{"model":"e","input":{"a":1}}"#, "input"),
        ] {
            let failure = decode(body).unwrap_err().into_failure();
            assert_eq!(failure.param.as_deref(), Some(want), "{body}");
            assert_eq!(failure.status, 400);
        }
    }

    #[test]
    fn vectors_keep_their_numbers_or_become_little_endian_floats() {
        let raw = br#"{"embeddings":[{"values":[0.1,-2.50,3e-2]},{"values":[1]}]}"#;
        let mut request = decode(r#"{"model":"e","input":["a","b"]}"#).unwrap();
        assert_eq!(
            encode_embeddings(raw, &request, "shown", Some(4)).unwrap(),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2.50,3e-2]},{"object":"embedding","index":1,"embedding":[1]}],"model":"shown","usage":{"prompt_tokens":4,"total_tokens":4}}"#
        );
        request = EmbeddingRequest {
            encoding: EmbeddingEncoding::Base64,
            ..request
        };
        let reply = encode_embeddings(raw, &request, "shown", None).unwrap();
        let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
        // 1.0f32 is 00 00 80 3f in little-endian order.
        assert_eq!(reply["data"][1]["embedding"], "AACAPw==");
        let first = STANDARD
            .decode(reply["data"][0]["embedding"].as_str().unwrap())
            .unwrap();
        let floats: Vec<f32> = first
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        assert_eq!(floats, [0.1, -2.5, 0.03]);
    }

    #[test]
    fn a_short_reply_is_an_error() {
        let request = decode(r#"{"model":"e","input":["a","b"]}"#).unwrap();
        let raw = br#"{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":2}}"#;
        assert!(encode_embeddings(raw, &request, "m", None).is_err());
    }
}
