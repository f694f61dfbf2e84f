//! `countTokens` (`gemini-generate-content.md` §10).

use super::decode;
use super::encode;
use super::read::{Place, fields, object};
use crate::canonical::Request;
use crate::codec::{CodecError, Dialect, Encoded, PathFacts, Target, root_value};
use crate::splice::{JsonBody, Node};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The `countTokens` body for `request`: system text, tools and settings are counted too. The public
/// API takes the whole request under `generateContentRequest`, Vertex takes it as it is.
///
/// Fails where [`crate::codec::Codec::encode_request`] fails.
pub fn count_tokens_request(request: &Request, target: &Target<'_>) -> Result<Encoded, CodecError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<T> {
        generate_content_request: T,
    }
    encode::with_body(request, target, |mut body| {
        let json = if target.endpoint.vertex {
            serde_json::to_vec(&body)
        } else {
            body.model = Some(format!("models/{}", target.model));
            serde_json::to_vec(&Envelope {
                generate_content_request: body,
            })
        };
        json.map(Bytes::from)
    })
}

/// Decodes a client's `countTokens` body: `contents` with what stands beside them, or a whole request
/// under `generateContentRequest`. The model comes from the URL, else from the inner request.
pub fn decode_count_tokens(body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
    let root = root_value(body)?;
    let mut request = decode::decode_root(counted(root)?, path)?;
    request.native = Some((Dialect::Gemini, body.raw().clone()));
    Ok(request)
}

/// The request inside a `countTokens` body.
fn counted(root: Node<'_>) -> Result<Node<'_>, CodecError> {
    let body = object(root, &Place::of("body"))?;
    let [inner] = fields(body, ["generateContentRequest"]);
    match inner {
        Some(inner) => object(inner, &Place::of("generateContentRequest")),
        None => Ok(body),
    }
}

/// Reads `totalTokens` of a `countTokens` reply. A reply without it is an error.
pub fn read_total_tokens(raw: &[u8]) -> Result<u64, CodecError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply {
        #[serde(alias = "total_tokens")]
        total_tokens: u64,
    }
    serde_json::from_slice::<Reply>(raw)
        .map(|reply| reply.total_tokens)
        .map_err(|error| Place::of("totalTokens").invalid(error.to_string()))
}

/// The `countTokens` reply for a Gemini client whose upstream counts in another way
/// (`providers/gemini.md` §4).
pub fn count_tokens_reply(total: u64) -> Bytes {
    Bytes::from(format!(
        "{{\"totalTokens\":{total},\"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":{total}}}]}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Item, Role, Turn};
    use crate::codec::{EndpointTraits, ModelTraits};

    fn request() -> Request {
        Request {
            model: "gemini-2.5-flash".into(),
            turns: vec![Turn::new(Role::User, vec![Item::text("hi")])],
            ..Request::default()
        }
    }

    #[track_caller]
    fn check(vertex: bool, want: &str) {
        let endpoint = EndpointTraits {
            vertex,
            ..EndpointTraits::default()
        };
        let target = Target {
            model: "gemini-2.5-flash",
            stream: false,
            model_traits: &ModelTraits::default(),
            endpoint: &endpoint,
        };
        let encoded = count_tokens_request(&request(), &target).unwrap();
        assert_eq!(encoded.body, want);
    }

    #[test]
    fn e248_whole_request_under_an_envelope_on_the_public_api() {
        check(
            false,
            r#"{"generateContentRequest":{"model":"models/gemini-2.5-flash","contents":[{"role":"user","parts":[{"text":"hi"}]}]}}"#,
        );
        check(
            true,
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        );
    }

    #[test]
    fn e248_both_body_forms_of_clients_are_read() {
        let path = PathFacts {
            model: Some("m"),
            stream: None,
        };
        for body in [
            r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#,
            r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"hi"}]}]}}"#,
            r#"{"generate_content_request":{"contents":[{"parts":[{"text":"hi"}]}]}}"#,
        ] {
            let decoded =
                decode_count_tokens(&Bytes::from_static(body.as_bytes()).into(), &path).unwrap();
            assert_eq!(decoded.model, "m");
            assert_eq!(decoded.turns, request().turns, "{body}");
        }
    }

    #[test]
    fn totals_in_and_out() {
        assert_eq!(read_total_tokens(br#"{"totalTokens": 8}"#), Ok(8));
        assert_eq!(read_total_tokens(&count_tokens_reply(31)), Ok(31));
        assert!(read_total_tokens(br#"{"error":{}}"#).is_err());
    }
}
