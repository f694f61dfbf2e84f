//! Chunks and replies as upstreams write them (`openai-chat.md` §6, §7).
//!
//! One shape serves both: `delta` and `message` hold the same fields. What is seldom needed stays
//! raw, so that a chunk costs one pass.

use super::wire_values::Text;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) created: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) system_fingerprint: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<WireChoice<'a>>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

impl<'a> Chunk<'a> {
    /// The usage object, wherever the vendor puts it.
    pub(super) fn counts(&self) -> Option<&'a RawValue> {
        #[derive(Deserialize)]
        struct Groq<'a> {
            #[serde(borrow)]
            usage: Option<&'a RawValue>,
        }
        let in_choice = || {
            self.choices
                .iter()
                .flatten()
                .find_map(|choice| choice.usage)
        };
        let in_groq = || {
            serde_json::from_str::<Groq<'a>>(self.x_groq?.get())
                .ok()?
                .usage
        };
        self.usage.or_else(in_choice).or_else(in_groq)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireChoice<'a> {
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    pub(super) delta: Option<WireDelta<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<WireDelta<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) native_finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) logprobs: Option<&'a RawValue>,
    /// Kimi.
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    /// OpenRouter.
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireDelta<'a> {
    #[serde(borrow, default)]
    pub(super) content: WireContent<'a>,
    #[serde(borrow)]
    pub(super) refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_opaque: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<WireCall<'a>>>,
    #[serde(borrow)]
    pub(super) function_call: Option<WireFunction<'a>>,
    #[serde(borrow)]
    pub(super) audio: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) images: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) extra_content: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireCall<'a> {
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<WireFunction<'a>>,
    #[serde(borrow)]
    pub(super) custom: Option<WireCustom<'a>>,
    #[serde(borrow)]
    pub(super) extra_content: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireFunction<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireCustom<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireAudio {
    pub(super) id: Option<String>,
    pub(super) data: Option<String>,
    pub(super) transcript: Option<String>,
    pub(super) expires_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireImage {
    pub(super) image_url: WireLink,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireLink {
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireAnnotation {
    pub(super) url_citation: Option<WireUrlCitation>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireUrlCitation {
    pub(super) start_index: Option<usize>,
    pub(super) end_index: Option<usize>,
    pub(super) title: Option<String>,
    pub(super) url: Option<String>,
}

/// Content of a delta or message: a string, or parts (Mistral). Anything else counts as nothing.
#[derive(Debug, Default)]
pub(super) enum WireContent<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Parts(Vec<WirePart>),
}

/// A part in place of plain content.
#[derive(Debug, Deserialize)]
pub(super) struct WirePart {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) thinking: Option<serde_json::Value>,
    pub(super) image_url: Option<serde_json::Value>,
}

impl<'de: 'a, 'a> Deserialize<'de> for WireContent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = WireContent<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("content")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(WireContent::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(WireContent::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(WireContent::None)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(WireContent::None)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(WireContent::None)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(WireContent::None)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(WireContent::None)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(WireContent::Parts(parts))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(WireContent::None)
            }
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}

/// The text of a raw value that is a string.
pub(super) fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    if !text.starts_with('"') {
        return None;
    }
    serde_json::from_str::<Text<'_>>(text)
        .ok()
        .map(|text| text.0)
}

/// The text of a raw value that is a string and not empty.
pub(super) fn filled(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    raw.and_then(text_of).filter(|text| !text.is_empty())
}
