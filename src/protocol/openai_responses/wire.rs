//! What upstreams send: events, items and response objects, read as far as they are needed
//! (`openai-responses.md` §7, §8).

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A JSON string, borrowed where it has no escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Str<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Str<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Any value; a string is read, all else counts as absent. Compatible servers put numbers and
/// objects where OpenAI has strings.
fn lenient<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str::<Str<'a>>(raw.get()).ok().map(|s| s.0))
}

/// One event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventIn<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient")]
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) output_index: Option<usize>,
    pub(super) content_index: Option<usize>,
    pub(super) summary_index: Option<usize>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) item_id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) delta: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) refusal: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) arguments: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) input: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) partial_image_b64: Option<Cow<'a, str>>,
    /// Present in chunks of chat completions: the wrong protocol.
    #[serde(borrow)]
    pub(super) choices: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// One output item.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ItemIn<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) call_id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) namespace: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) input: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) caller: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) summary: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) encrypted_content: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) result: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) output_format: Option<Cow<'a, str>>,
}

/// One content or summary part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PartIn<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) refusal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) logprobs: Option<&'a RawValue>,
}

/// A response object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseIn<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) model: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) created_at: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) service_tier: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) output: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) incomplete_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    /// Some compatible servers tell which stop sequence ended the reply (E-222).
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) stop_sequence: Option<Cow<'a, str>>,
    /// Chat completions on the wrong path.
    #[serde(borrow)]
    pub(super) choices: Option<&'a RawValue>,
}

impl ResponseIn<'_> {
    /// `output` is missing or an empty array.
    pub(super) fn has_no_output(&self) -> bool {
        self.output.is_none_or(|output| {
            let inside = output.get().trim().strip_prefix('[');
            inside.is_some_and(|rest| rest.trim_start().starts_with(']'))
        })
    }
}

/// `incomplete_details`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DetailsIn<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) reason: Option<Cow<'a, str>>,
}

/// Reads the elements of an array without looking inside; nothing for other values.
pub(super) fn elements(array: Option<&RawValue>) -> Vec<&RawValue> {
    array
        .and_then(|array| serde_json::from_str(array.get()).ok())
        .unwrap_or_default()
}

/// Reads `raw`; the default where it is of another shape.
pub(super) fn read<'a, T: Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
}
